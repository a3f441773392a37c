-- What an update of the kept forecast leaves is what a refresh makes: over everything at once that can change about a deal, and that may have
-- been known before and come true since.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SET LOCAL TimeZone = 'UTC';
SELECT plan(24);

SELECT count(*) FROM generate_crm(2000, 8, 3, '2026-11-20 12:00+00', 0.05, 'kept') \gset ignored_
SELECT connect('g', 'fivetran_salesforce', 'kept');
SELECT count(*) FROM sync('g', '2026-11-20 11:00+00') \gset ignored_

-- Ninety open deals, nine of each kind of change, that nobody has touched for long; and nine won ones.
CREATE TEMP TABLE chosen AS
  SELECT o.id, 1 + row_number() OVER (ORDER BY md5(o.id)) % 10 AS what, (SELECT r.id FROM rep r WHERE r.id <> o.owner_id ORDER BY md5(r.id || o.id) LIMIT 1) AS other_owner, lag(o.account_id) OVER (ORDER BY o.id) AS other_account
  FROM opportunity_state('2026-11-20 12:00+00') o WHERE o.is_open ORDER BY md5(o.id) LIMIT 90;
UPDATE opportunity o SET confirmed_at = '2026-02-01', last_activity_at = NULL FROM chosen c WHERE c.id = o.id;
DELETE FROM activity a USING chosen c WHERE a.opportunity_id = c.id;
CREATE TEMP TABLE number AS SELECT c.id, c.what, row_number() OVER (PARTITION BY c.what ORDER BY c.id) AS n FROM chosen c;
-- Known this morning: a call of this afternoon, a deal that begins this afternoon, a last activity, a state that holds from this afternoon.
CREATE FUNCTION pg_temp.call(id text, deal text, happened timestamptz, recorded timestamptz) RETURNS void LANGUAGE sql AS $$
  INSERT INTO salesops.activity (source_key, id, kind, opportunity_id, happened_at, is_deleted, effective_at, recorded_at, origin)
  VALUES ('g', id, 'call', deal, happened, false, recorded, recorded, 'sync')
$$;
SELECT pg_temp.call('planned', (SELECT id FROM number WHERE what = 1 AND n = 1), '2026-11-20 14:00+00', '2026-11-20 11:00+00'),
       pg_temp.call('moved', (SELECT id FROM number WHERE what = 1 AND n = 2), '2026-11-19', '2026-11-20 11:00+00'),
       pg_temp.call('dropped', (SELECT id FROM number WHERE what = 1 AND n = 3), '2026-11-19', '2026-11-20 11:00+00'),
       pg_temp.call('unlinked', (SELECT id FROM number WHERE what = 1 AND n = 4), '2026-11-19', '2026-11-20 11:00+00') \g /dev/null
UPDATE opportunity SET last_activity_at = '2026-11-20 14:00+00' WHERE id = (SELECT id FROM number WHERE what = 1 AND n = 5);
INSERT INTO opportunity_history SELECT o.* FROM opportunity o WHERE o.id = (SELECT id FROM number WHERE what = 1 AND n = 6);
UPDATE opportunity SET amount = amount * 5, effective_at = '2026-11-20 13:00+00' WHERE id = (SELECT id FROM number WHERE what = 1 AND n = 6);
UPDATE opportunity SET created_at = '2026-11-20 14:30+00' WHERE id = (SELECT id FROM number WHERE what = 1 AND n = 7);
SELECT fit_forecast('2026-11-20 12:00+00') \g /dev/null
SELECT refresh_current_forecast('2026-11-20 12:00+00') \g /dev/null
CREATE TEMP TABLE before AS SELECT d.id, d::text AS line FROM current_deal_forecast d;
SELECT cmp_ok((SELECT count(*) FROM current_deal_forecast d WHERE d.method = 'model'), '>', 100::bigint, 'the deals are forecast by a model');

-- The afternoon: what a sync at three writes.
INSERT INTO opportunity_history SELECT o.* FROM opportunity o JOIN number n ON n.id = o.id WHERE n.what BETWEEN 2 AND 10;
UPDATE opportunity o SET
  amount = CASE WHEN c.what = 2 THEN CASE WHEN n.n = 1 THEN NULL WHEN n.n = 2 THEN 'NaN' ELSE o.amount * 3 + 1 END ELSE o.amount END,
  close_date = CASE WHEN c.what IN (3, 7) THEN o.close_date + 100 ELSE o.close_date END,
  owner_id = CASE WHEN c.what IN (4, 7) THEN CASE WHEN n.n = 1 THEN NULL ELSE c.other_owner END ELSE o.owner_id END,
  account_id = CASE WHEN c.what IN (5, 7) THEN c.other_account ELSE o.account_id END,
  is_won = CASE WHEN c.what = 6 THEN n.n <= 5 ELSE o.is_won END, is_closed = CASE WHEN c.what = 6 THEN true ELSE o.is_closed END,
  is_deleted = c.what = 8 AND n.n <= 4, merged_into = CASE WHEN c.what = 8 AND n.n > 4 THEN 'another' ELSE o.merged_into END,
  stage = CASE WHEN c.what = 9 THEN 'Prospecting' ELSE o.stage END, forecast_category = CASE WHEN c.what = 10 THEN 'Commit' ELSE o.forecast_category END,
  effective_at = '2026-11-20 14:40+00', recorded_at = '2026-11-20 15:00+00'
FROM chosen c JOIN number n ON n.id = c.id WHERE c.id = o.id AND c.what BETWEEN 2 AND 10;
-- Won and lost deals: reopened, deleted, corrected, given to somebody else.
CREATE TEMP TABLE closed AS
  SELECT o.id, row_number() OVER (ORDER BY md5(o.id)) AS n FROM opportunity_state('2026-11-20 12:00+00') o WHERE o.status = 'won' AND o.close_date >= '2026-07-01' ORDER BY md5(o.id) LIMIT 8;
INSERT INTO opportunity_history SELECT o.* FROM opportunity o JOIN closed c ON c.id = o.id;
UPDATE opportunity o SET
  is_won = CASE WHEN c.n <= 2 THEN false ELSE o.is_won END, is_closed = CASE WHEN c.n <= 2 THEN false ELSE o.is_closed END,
  is_deleted = c.n IN (3, 4), amount = CASE WHEN c.n = 5 THEN amount * 2 WHEN c.n = 6 THEN 1e17 ELSE amount END,
  owner_id = CASE WHEN c.n = 7 THEN NULL ELSE o.owner_id END, close_date = CASE WHEN c.n = 8 THEN date '2026-01-15' ELSE o.close_date END,
  effective_at = '2026-11-20 14:40+00', recorded_at = '2026-11-20 15:00+00'
FROM closed c WHERE c.id = o.id;
-- What the CRM remembers only now of an earlier time: close dates that were pushed.
INSERT INTO opportunity_history (source_key, id, owner_id, stage, amount, close_date, created_at, is_closed, is_deleted, effective_at, recorded_at, origin)
SELECT 'g', n.id, o.owner_id, o.stage, o.amount, o.close_date - 40 + 20 * k, o.created_at, false, false, o.effective_at - interval '30 days' + make_interval(days => 10 * k), '2026-11-20 15:00+00', 'crm_history'
FROM number n JOIN opportunity o ON o.id = n.id CROSS JOIN generate_series(0, 1) k WHERE n.what = 1 AND n.n = 8;
-- Activities: moved to another deal, deleted, of no deal any more, new; a deal that is new; an account of another segment, and one that is gone.
INSERT INTO activity_history SELECT a.* FROM activity a WHERE a.id IN ('moved', 'dropped', 'unlinked');
UPDATE activity SET opportunity_id = CASE id WHEN 'moved' THEN (SELECT id FROM number WHERE what = 1 AND n = 9) WHEN 'dropped' THEN opportunity_id END, is_deleted = id = 'dropped',
  effective_at = '2026-11-20 14:50+00', recorded_at = '2026-11-20 15:00+00' WHERE id IN ('moved', 'dropped', 'unlinked');
SELECT pg_temp.call('new', (SELECT id FROM chosen WHERE what = 3 ORDER BY id LIMIT 1), '2026-11-20 13:00+00', '2026-11-20 15:00+00') \g /dev/null
INSERT INTO opportunity SELECT (jsonb_populate_record(o, '{"id": "brand new", "created_at": "2026-11-20 13:00+00", "effective_at": "2026-11-20 13:00+00", "recorded_at": "2026-11-20 15:00+00"}')).*
FROM opportunity o WHERE o.id = (SELECT min(id) FROM number WHERE what = 1);
CREATE TEMP TABLE accounts AS
  SELECT o.account_id AS id, row_number() OVER (ORDER BY o.account_id) AS n FROM opportunity o JOIN before b ON b.id = o.id WHERE NOT EXISTS (SELECT FROM chosen c WHERE c.id = o.id) AND o.is_closed = false
  GROUP BY o.account_id LIMIT 6;
INSERT INTO account_history SELECT a.* FROM account a JOIN accounts c ON c.id = a.id;
UPDATE account a SET industry = 'Fishery', segment = 'Giants', employees = CASE WHEN c.n = 2 THEN 7000 ELSE a.employees END, is_deleted = c.n = 3, effective_at = '2026-11-20 14:00+00', recorded_at = '2026-11-20 15:00+00'
FROM accounts c WHERE c.id = a.id;
-- And somebody chooses other factors.
SELECT set_win_factor('segment', 'type', valid_from => '2026-11-20 13:00+00') \g /dev/null

SELECT ok(is_current_basis('2026-11-20 16:00+00'), 'what is kept can be brought up to date');
SELECT cmp_ok(update_current_forecast('2026-11-20 16:00+00'), '<', 200::bigint, 'from some of the deals');
CREATE TEMP TABLE updated AS SELECT 'owner' AS kind, o::text AS line FROM current_owner_forecast o UNION ALL SELECT 'deal', d::text FROM current_deal_forecast d
                             UNION ALL SELECT 'forecast', c::text FROM current_forecast c;
CREATE TEMP TABLE after AS SELECT d.id, d::text AS line FROM current_deal_forecast d;
SELECT refresh_current_forecast('2026-11-20 16:00+00') \g /dev/null
CREATE TEMP TABLE refreshed AS SELECT 'owner' AS kind, o::text AS line FROM current_owner_forecast o UNION ALL SELECT 'deal', d::text FROM current_deal_forecast d
                               UNION ALL SELECT 'forecast', c::text FROM current_forecast c;
SELECT is_empty('TABLE updated EXCEPT ALL TABLE refreshed', 'an update leaves what a refresh makes');
SELECT is_empty('TABLE refreshed EXCEPT ALL TABLE updated', '... and no less');
-- The changes were changes.
SELECT bag_eq($$SELECT n.n FROM number n LEFT JOIN before b ON b.id = n.id LEFT JOIN after a ON a.id = n.id WHERE n.what = 1 AND a.line IS DISTINCT FROM b.line$$,
              $$SELECT generate_series(1, 9)::bigint$$, 'what came true since, was remembered, moved to or from a deal has changed each of these deals');
SELECT bag_has($$SELECT n.what FROM number n LEFT JOIN before b ON b.id = n.id LEFT JOIN after a ON a.id = n.id WHERE a.line IS DISTINCT FROM b.line GROUP BY n.what HAVING count(*) >= 6$$,
               $$VALUES (2::bigint), (3), (4), (5), (6), (7), (8), (9), (10)$$, 'so has every other kind of change most of its deals');
SELECT cmp_ok((SELECT count(*) FROM accounts c JOIN opportunity o ON o.account_id = c.id JOIN before b ON b.id = o.id JOIN after a ON a.id = o.id WHERE a.line <> b.line), '>=', 4::bigint, 'and accounts theirs');
SELECT is((SELECT count(*) FROM closed c LEFT JOIN before b ON b.id = c.id LEFT JOIN after a ON a.id = c.id WHERE a.line IS DISTINCT FROM b.line), 8::bigint, 'and each of the won ones');

-- What all deals may depend on: the kept forecast is made anew, whenever it holds from.
CREATE FUNCTION pg_temp.is_made_anew(change text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE change;
  RAISE EXCEPTION USING ERRCODE = 'ZZ000', MESSAGE = salesops.is_current_basis('2026-11-20 16:30+00')::text;
EXCEPTION WHEN SQLSTATE 'ZZ000' THEN
  RETURN SQLERRM = 'false';
END $$;
SELECT ok(is_current_basis('2026-11-20 16:30+00'), 'half an hour later nothing has changed');
SELECT ok(pg_temp.is_made_anew(change), 'after ' || what)
FROM (VALUES ('a stage that means something else', $$SELECT salesops.map_stage('g', 'Prospecting', 'open', 'Commit')$$),
             ('a category that means something else', $$SELECT salesops.map_category('g', 'Strange', 'Commit', '2026-01-01')$$),
             ('an industry that means something else', $$SELECT salesops.map_value('g', 'industry', 'Fishery', 'Fish', '-infinity')$$),
             ('a map that holds from the afternoon on', $$SELECT salesops.map_value('g', 'industry', 'Fishery', 'Boats', '2026-11-20 16:10+00')$$),
             ('a rep who is another', $$UPDATE salesops.rep SET team = 'Other', recorded_at = '2026-11-20 16:20+00' WHERE id = (SELECT min(id) FROM salesops.rep)$$)) AS c(what, change);
SELECT ok(pg_temp.is_made_anew($$INSERT INTO salesops.rep_history SELECT (jsonb_populate_record(r, '{"team": "Past", "effective_at": "2026-01-01", "recorded_at": "2026-11-20 16:20+00"}')).* FROM salesops.rep r WHERE r.id = (SELECT max(id) FROM salesops.rep)$$),
          'after what the CRM remembers of reps');
SELECT ok(pg_temp.is_made_anew($$UPDATE salesops.rep SET effective_at = '2026-11-20 16:25+00' WHERE id = (SELECT max(id) FROM salesops.rep)$$), 'after a rep''s change of this afternoon that was known before');
SELECT ok(pg_temp.is_made_anew($$INSERT INTO salesops.currency_rate (source_key, id, currency, valid_from, per_corporate, is_deleted, effective_at, recorded_at, origin)
                                 VALUES ('g', 'late', 'EUR', '2026-01-01', 3, false, '2026-11-20 16:20+00', '2026-11-20 17:20+00', 'sync')$$), 'after a rate');
SELECT ok(pg_temp.is_made_anew($$INSERT INTO salesops.product (source_key, id, name, list_price, is_deleted, effective_at, recorded_at, origin)
                                 VALUES ('g', 'late', 'Gadget', 3, false, '2026-11-20 15:20+00', '2026-11-20 15:20+00', 'sync')$$), 'after a price');
SELECT ok(pg_temp.is_made_anew($$UPDATE salesops.source SET options = options || '{"currency": "EUR"}'$$), 'after a source that is connected otherwise');
SELECT ok(pg_temp.is_made_anew($$SELECT salesops.set_weight('default', 'Commit', 0.8, '2026-01-01')$$), 'after another weight');
SELECT ok(pg_temp.is_made_anew($$SELECT salesops.set_setting('corporate_currency', 'EUR')$$), 'after another setting');
SELECT refresh_current_forecast('2026-11-20 16:00+00') \g /dev/null
SELECT ok(is_current_forecast('2026-11-20 16:00+00'), 'kept again, it is the forecast of its instant');
SELECT map_category('g', 'Strange', 'Pipeline', '2026-01-02');
SELECT ok(NOT is_current_forecast('2026-11-20 16:00+00'), '... until a map says something else of it');
SELECT * FROM finish();
ROLLBACK;
