-- open_deals_at: by hand what it counts and carries, and on a generated CRM the same deals with the same meaning as
-- opportunity_state() says of each instant, for one instant and for many.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
BEGIN;
SELECT plan(24);
SET LOCAL timezone = 'UTC';

-- By hand ---------------------------------------------------------------------------------------------------------------

CREATE SCHEMA crm;
SELECT salesops.connect('s', 'generic', 'crm', '{"entities": {"opportunity": {"relation": "deal"}}}');
INSERT INTO salesops.rep_history (source_key, id, team, region, is_deleted, effective_at, recorded_at, origin)
VALUES ('s', 'r', 'A', 'North', false, '2026-02-10', '2026-02-10', 'sync');
INSERT INTO salesops.rep (source_key, id, team, region, is_deleted, effective_at, recorded_at, origin)
VALUES ('s', 'r', 'B', 'South', false, '2026-03-10', '2026-03-10', 'sync');
INSERT INTO salesops.account_history (source_key, id, industry, employees, is_deleted, effective_at, recorded_at, origin)
VALUES ('s', 'a', 'technolgy', 200, false, '2026-02-01', '2026-02-01', 'sync');
INSERT INTO salesops.account (source_key, id, industry, segment, employees, is_deleted, effective_at, recorded_at, origin)
VALUES ('s', 'a', 'Energy', 'Enterprise', 9000, false, '2026-03-05', '2026-03-20', 'sync');
SELECT salesops.map_value('s', 'industry', 'technolgy', 'Technology', '2026-02-15');
-- Created in January, moved from February to March, later to April, then forward to March again; won at the end of it.
INSERT INTO salesops.opportunity_history (source_key, id, account_id, owner_id, stage, amount, close_date, created_at, stage_entered_at, confirmed_at, is_deleted, effective_at, recorded_at, origin)
SELECT 's', 'd', 'a', 'r', stage, amount, close_date::date, '2026-01-10', entered::timestamptz, confirmed::timestamptz, false, at::timestamptz, at::timestamptz, 'sync'
FROM (VALUES ('one', 100, '2026-02-20', '2026-01-10', '2026-01-10', '2026-01-10'), ('one', 100, '2026-03-20', '2026-01-10', '2026-02-05', '2026-02-05'),
             ('two', 100, '2026-04-20', '2026-02-25', '2026-02-25', '2026-02-25'), ('two', 150, '2026-03-31', '2026-02-25', '2026-03-15', '2026-03-15')) v(stage, amount, close_date, entered, confirmed, at);
INSERT INTO salesops.opportunity (source_key, id, account_id, owner_id, stage, amount, close_date, created_at, is_won, is_closed, is_deleted, effective_at, recorded_at, origin)
VALUES ('s', 'd', 'a', 'r', 'won', 150, '2026-03-31', '2026-01-10', true, true, false, '2026-03-31 12:00', '2026-03-31 12:00', 'sync'),
       -- Seen first on 1 March, said to have been so since January; began nobody knows when; of the future.
       ('s', 'e', NULL, NULL, 'one', NULL, NULL, '2026-01-20', NULL, NULL, false, '2026-01-20', '2026-03-01', 'sync'),
       ('s', 'f', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, '-infinity', '2026-03-01', 'sync'),
       ('s', 'g', 'nowhere', 'nobody', 'one', -5, '2026-01-01', '2026-05-01', NULL, NULL, false, '2026-03-01', '2026-03-01', 'sync');
INSERT INTO salesops.activity (source_key, id, opportunity_id, happened_at, is_deleted, effective_at, recorded_at, origin)
VALUES ('s', '1', 'd', '2026-02-10', false, '-infinity', '2026-02-11', 'sync'), ('s', '2', 'd', '2026-02-12', false, '-infinity', '2026-03-12', 'sync'),
       ('s', '3', 'd', '2026-02-13', true, '-infinity', '2026-02-13', 'sync');
CREATE TEMP VIEW asked AS SELECT * FROM salesops.open_deals_at(
  ARRAY['2026-01-10', '2026-01-31 23:59', '2026-02-28 23:59', '2026-03-16', '2026-03-31 12:00', 'infinity', NULL, '2026-01-09']::timestamptz[], '2026-04-01');
SELECT results_eq($$SELECT instant::date, id, stage, amount, close_date, pushes, age_days, idle_days, stage_days FROM asked WHERE id = 'd' ORDER BY 1$$,
  $$VALUES (date '2026-01-10', 'd', 'one', 100.0, date '2026-02-20', 0, 0, 0, 0), ('2026-01-31', 'd', 'one', 100, '2026-02-20', 0, 21, 21, 21),
      ('2026-02-28', 'd', 'two', 100, '2026-04-20', 2, 49, 3, 3), ('2026-03-16', 'd', 'two', 150, '2026-03-31', 2, 65, 1, 19)$$,
  'a deal at each instant from its creation until it is closed; a close date moved forward is no push');
SELECT results_eq($$SELECT instant::date, industry, segment, team, region FROM asked WHERE id = 'd' ORDER BY 1$$,
  $$VALUES (date '2026-01-10', 'technolgy', '1-200 employees', 'A', 'North'), ('2026-01-31', 'technolgy', '1-200 employees', 'A', 'North'),
      ('2026-02-28', 'Technology', '1-200 employees', 'A', 'North'), ('2026-03-16', 'Energy', 'Enterprise', 'B', 'South')$$,
  'account and owner as they were, by the map of the instant; before their first state, that one');
SELECT results_eq($$SELECT segment FROM salesops.open_deals_at('{2026-03-16}') ORDER BY 1$$, $$VALUES ('1-200 employees'), (NULL), (NULL), (NULL)$$,
  'what was recorded later is not known: at the instant itself, where no other is asked for');
SELECT results_eq($$SELECT instant::date, idle_days FROM salesops.open_deals_at('{2026-02-20,2026-02-11}', '2026-03-01') WHERE id = 'd' ORDER BY 1$$,
  $$VALUES (date '2026-02-11', 1), ('2026-02-20', 10)$$, 'an activity ends idleness once it has happened and was known; a deleted one does not');
SELECT results_eq($$SELECT instant::date, id, age_days, idle_days, is_all_known, origin FROM asked WHERE id <> 'd' AND instant < '2026-03-31' ORDER BY 1, 2$$,
  $$VALUES (date '2026-01-09', 'f', NULL::integer, NULL::integer, false, 'sync'), ('2026-01-10', 'f', NULL, NULL, false, 'sync'), ('2026-01-31', 'e', 11, NULL, false, 'sync'), ('2026-01-31', 'f', NULL, NULL, false, 'sync'),
      ('2026-02-28', 'e', 39, NULL, false, 'sync'), ('2026-02-28', 'f', NULL, NULL, false, 'sync'), ('2026-03-16', 'e', 55, NULL, true, 'sync'), ('2026-03-16', 'f', NULL, NULL, true, 'sync'),
      ('2026-03-16', 'g', NULL, NULL, true, 'sync')$$, 'what is not known is NULL, so is the age of a deal of the future; nobody recorded at the time what was known from 1 March on');
SELECT results_eq($$SELECT size, salesops.size_class(size) FROM (VALUES (1, 1.0), (2, 200), (3, 201), (4, 1000), (5, 1001), (6, 5000), (7, 5000.5), (8, NULL)) v(n, size) ORDER BY n$$,
  $$VALUES (1.0, '1-200 employees'), (200, '1-200 employees'), (201, '201-1000 employees'), (1000, '201-1000 employees'), (1001, '1001-5000 employees'), (5000, '1001-5000 employees'),
      (5000.5, 'over 5000 employees'), (NULL, NULL)$$, 'classes of size meet without a gap');
SELECT is_empty($$SELECT * FROM salesops.open_deals_at('{}')$$, 'no instants, no deals');
SELECT is_empty($$SELECT * FROM salesops.open_deals_at(NULL, 'infinity')$$, 'NULL neither');
SELECT is_empty($$SELECT * FROM salesops.open_deals_at('{infinity,-infinity,NULL}', 'infinity')$$, 'nor instants that are none');
SELECT is_empty($$SELECT * FROM salesops.open_deals_at('{2026-03-16,2026-03-17}', '2026-01-01')$$, 'nothing was known before it was recorded');
DELETE FROM salesops.opportunity; DELETE FROM salesops.opportunity_history;

-- On a generated CRM that changed over three more nights ---------------------------------------------------------------

SELECT count(*) FROM salesops.generate_crm(600, 20, 3, '2026-06-30', 0.1, 'generated') \gset ignored_
SELECT salesops.connect('g', 'fivetran_salesforce', 'generated', '{"custom_fields": {"opportunity": {"next": "next_step"}}}');
SELECT count(*) FROM salesops.sync('g', '2026-06-30') \gset ignored_
UPDATE generated.opportunity SET close_date = close_date + interval '30 days', last_modified_date = '2026-07-01' WHERE NOT is_closed AND id < (SELECT percentile_disc(0.3) WITHIN GROUP (ORDER BY id) FROM generated.opportunity);
UPDATE generated.opportunity SET is_deleted = true, last_modified_date = '2026-07-01' WHERE id > (SELECT percentile_disc(0.95) WITHIN GROUP (ORDER BY id) FROM generated.opportunity);
SELECT count(*) FROM salesops.sync('g', '2026-07-01', 'full') \gset ignored_
UPDATE generated.opportunity SET stage_name = 'Closed Won', is_closed = true, is_won = true, last_modified_date = '2026-07-02 11:00' WHERE NOT is_closed AND close_date < '2026-08-01';
UPDATE generated.account SET number_of_employees = 77, industry = 'Space' WHERE id < (SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY id) FROM generated.account);
SELECT count(*) FROM salesops.sync('g', '2026-07-03', 'full') \gset ignored_
SELECT salesops.map_stage('g', 'Qualification', 'lost', 'Omitted', valid_from => '2026-05-01');
SELECT salesops.map_value('g', 'industry', 'Energy', 'Power', '2026-04-10');

CREATE TEMP TABLE instant AS
  SELECT ARRAY(SELECT timestamptz '2025-03-31 23:59:59' + n * interval '37 days' FROM generate_series(0, 12) n)
         || '{2026-06-30,2026-07-01,2026-07-02 11:00,2026-07-02 12:00,2026-07-03,2026-08-01}'::timestamptz[] AS list;
CREATE TEMP TABLE ours AS
  SELECT k.known_at, o.* FROM (VALUES (timestamptz '2026-06-30'), ('2026-07-01'), ('2026-07-02 12:00'), ('infinity')) k(known_at)
  CROSS JOIN instant CROSS JOIN LATERAL salesops.open_deals_at(list, k.known_at) o;
ANALYZE ours;
CREATE TEMP VIEW ours_in_common AS
  SELECT known_at, instant, source_key, id, account_id, owner_id, created_at, pipeline, stage, stage_label, stage_position, category::text, close_date, close_quarter::text,
         stated_amount, amount, amount_basis, currency, corporate_amount, product, product_id, deal_type, lead_source, custom, effective_from, recorded_at, origin FROM ours;
-- What is not known of the instant is NULL.
CREATE TEMP TABLE theirs AS
  SELECT k.known_at, i AS instant, o.source_key, o.id, o.account_id, o.owner_id, o.created_at, o.pipeline, CASE WHEN f.is_stage_known THEN o.stage END AS stage,
         CASE WHEN f.is_stage_known THEN o.stage_label END AS stage_label, CASE WHEN f.is_stage_known THEN o.stage_position END AS stage_position,
         CASE WHEN f.is_category_known THEN o.category::text END AS category,
         CASE WHEN f.is_close_date_known THEN o.close_date END AS close_date, CASE WHEN f.is_close_date_known THEN o.close_quarter::text END AS close_quarter,
         CASE WHEN f.is_amount_known THEN o.stated_amount END AS stated_amount, CASE WHEN f.is_amount_known THEN o.amount END AS amount,
         CASE WHEN f.is_amount_known THEN o.amount_basis ELSE 'not known then' END AS amount_basis, o.currency, CASE WHEN f.is_amount_known THEN o.corporate_amount END AS corporate_amount,
         o.product, o.product_id, o.deal_type, o.lead_source, o.custom, o.effective_from, o.recorded_at, o.origin
  FROM (SELECT DISTINCT known_at FROM ours) k CROSS JOIN instant CROSS JOIN LATERAL unnest(list) i
  CROSS JOIN LATERAL salesops.opportunity_state(i, k.known_at) o
  LEFT JOIN ours f ON f.known_at = k.known_at AND f.instant = i AND f.source_key = o.source_key AND f.id = o.id
  WHERE o.is_open;
SELECT cmp_ok(count(*), '>', 4000::bigint, 'enough to compare') FROM theirs;
SELECT is_empty('TABLE ours_in_common EXCEPT ALL TABLE theirs', 'no open deal that opportunity_state() does not know alike');
SELECT is_empty('TABLE theirs EXCEPT ALL TABLE ours_in_common', 'and none is missing');
-- Tracking was switched on 400 days before the sync, on 26 May 2025.
SELECT results_eq($$SELECT instant < '2025-05-27', bool_or(is_stage_known), avg(is_stage_known::integer) > 0.9, avg(is_close_date_known::integer) > 0.9, avg(is_amount_known::integer) > 0.9, bool_or(is_all_known)
                    FROM ours WHERE known_at = 'infinity' AND instant < '2026-06-30' GROUP BY 1 ORDER BY 1$$,
  $$VALUES (false, true, true, true, true, false), (true, false, false, false, false, false)$$, 'nothing is known of the time before the history of fields, and all that it is of since');
SELECT is_empty($$SELECT 1 FROM ours WHERE recorded_at <= instant AND NOT (is_stage_known AND is_category_known AND is_close_date_known AND is_amount_known AND is_all_known)$$, 'what was recorded by then is known');
CREATE TEMP TABLE one_by_one AS
  SELECT k.known_at, o.* FROM (SELECT DISTINCT known_at FROM ours) k CROSS JOIN instant CROSS JOIN LATERAL unnest(list) i
  CROSS JOIN LATERAL salesops.open_deals_at(ARRAY[i, i, NULL], k.known_at) o;
SELECT is_empty('SELECT o::text FROM ours o EXCEPT ALL SELECT o::text FROM one_by_one o', 'one instant at a time gives the same in every column');
SELECT is_empty('SELECT o::text FROM one_by_one o EXCEPT ALL SELECT o::text FROM ours o', '... and no more');

-- Of some deals, at several instants and at one.
CREATE TEMP TABLE picked AS
  SELECT array_agg(DISTINCT ROW(o.source_key, o.id)::salesops.deal_key) AS deals FROM ours o WHERE o.id LIKE '%77%';
CREATE TEMP VIEW of_picked AS SELECT o.* FROM ours o WHERE o.id LIKE '%77%' AND o.known_at = 'infinity';
CREATE TEMP VIEW picked_together AS
  SELECT k.known_at, o.* FROM (VALUES (timestamptz 'infinity')) k(known_at) CROSS JOIN picked CROSS JOIN instant
  CROSS JOIN LATERAL salesops.open_deals_at(list, k.known_at, deals) o;
CREATE TEMP VIEW picked_one_by_one AS
  SELECT k.known_at, o.* FROM (VALUES (timestamptz 'infinity')) k(known_at) CROSS JOIN picked CROSS JOIN instant CROSS JOIN LATERAL unnest(list) i
  CROSS JOIN LATERAL salesops.open_deals_at(ARRAY[i], k.known_at, deals) o;
SELECT set_eq('SELECT p::text FROM picked_together p', 'SELECT o::text FROM of_picked o', 'some deals are what they are among all');
SELECT set_eq('SELECT p::text FROM picked_one_by_one p', 'SELECT o::text FROM of_picked o', '... at one instant too');

-- Pushes, idleness and the account a second time, from the ledger and the views as of an instant.
SELECT is_empty($$
  SELECT o.instant, o.id, o.pushes FROM ours o WHERE o.known_at = 'infinity'
  EXCEPT ALL
  SELECT o.instant, o.id, CASE WHEN o.is_close_date_known THEN (SELECT count(*)::integer FROM salesops.change_ledger l
                           WHERE l.source_key = o.source_key AND l.opportunity_id = o.id AND l.field = 'close_date' AND l.effective_at <= o.instant AND l.new_value::date > l.old_value::date) END
  FROM ours o WHERE o.known_at = 'infinity'$$, 'pushes are the later dates in the ledger');
SELECT cmp_ok(max(pushes), '>', 2, 'of which there are some') FROM ours;
SELECT is_empty($$
  SELECT o.instant, o.id, o.idle_days FROM ours o WHERE o.known_at = 'infinity'
  EXCEPT ALL
  SELECT o.instant, o.id, CASE WHEN o.is_stage_known AND o.is_amount_known AND o.is_close_date_known
                               THEN o.instant::date - greatest(s.confirmed_at, CASE WHEN s.last_activity_at <= o.instant THEN s.last_activity_at END, a.last)::date END
  FROM ours o JOIN salesops.opportunity_version s ON s.source_key = o.source_key AND s.id = o.id AND s.effective_at = o.effective_from AND s.recorded_at = o.recorded_at
  LEFT JOIN LATERAL (SELECT max(a.happened_at) AS last FROM salesops.activity a WHERE a.opportunity_id = o.id AND a.happened_at <= o.instant AND NOT a.is_deleted) a ON true
  WHERE o.known_at = 'infinity'$$, 'idle since the last change or activity');
SELECT is_empty($$
  SELECT o.known_at, o.instant, o.id, o.industry, o.segment FROM ours o JOIN salesops.account_state(o.instant, o.known_at) a ON a.source_key = o.source_key AND a.id = o.account_id
  WHERE (o.industry, o.segment) IS DISTINCT FROM (a.industry, coalesce(a.segment, salesops.size_class(a.employees)))$$, 'the account is that of account_state()');
SELECT cmp_ok(count(*), '>', 30::bigint, '... which changed on the way') FROM ours WHERE segment = '1-200 employees' AND industry = 'Space';
SELECT * FROM finish();
ROLLBACK;
