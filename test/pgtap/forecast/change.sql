-- forecast_change(): every cause by hand, and the laws on a generated CRM: the parts add up to the change of forecast(), for every scope, with
-- and without a model, and exchanged instants give them with the opposite sign.
BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL jit = off;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SELECT plan(41);

-- A product's factors
SELECT is(product_shares('{100, 0.5}', '{200, 0.8}', 110), '{65, 45}', '100 x 0.5 to 200 x 0.8: 100 more at the mean of 0.5 and 0.8, 0.3 more of the mean of 100 and 200');
-- 2 x 3 x 5 to 4 x 6 x 10, each doubled: by symmetry a third of 210 each.
SELECT is(product_shares('{2, 3, 5}', '{4, 6, 10}', 210), '{70, 70, 70}', 'three factors that double have a third each');
SELECT is(product_shares('{1, 7, 1}', '{1, 7, 1}', 0), '{0, 0, 0}', 'nothing moved');
SELECT is(product_shares('{0, 0, 2}', '{3, 4, 2}', 24), '{12, 12, 0}', 'two that both were 0 have a half each, one that stood still nothing');
SELECT is((SELECT sum(s) FROM unnest(product_shares('{1, 3, 7}', '{0.1, 0.7, 1.3}', 0.091 - 21)) s), 0.091 - 21, 'what rounding leaves is given to the last');

-- By hand, by category weights. Ann leads bob; cat is alone. Commit 90 %, Best Case 50 %, Pipeline 20 %.
SELECT connect('s', 'generic', 'public', '{"entities": {"opportunity": {"relation": "deals", "columns": {"id": "id"}}}}');
CREATE FUNCTION pg_temp.rep(id text, manager text, since timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO salesops.rep_history SELECT * FROM salesops.rep r WHERE r.id = rep.id;
  DELETE FROM salesops.rep r WHERE r.id = rep.id;
  INSERT INTO salesops.rep (source_key, id, name, manager_id, is_deleted, effective_at, recorded_at, origin) VALUES ('s', id, id, manager, false, since, since, 'sync');
END $$;
CREATE FUNCTION pg_temp.deal(id text, owner text, category text, amount numeric, close date, since timestamptz, currency text DEFAULT 'USD',
                             deleted boolean DEFAULT false) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO salesops.opportunity_history SELECT * FROM salesops.opportunity o WHERE o.id = deal.id;
  DELETE FROM salesops.opportunity o WHERE o.id = deal.id;
  INSERT INTO salesops.opportunity (source_key, id, owner_id, stage, forecast_category, amount, close_date, currency, created_at,
                                    is_closed, is_won, is_deleted, effective_at, recorded_at, origin)
  VALUES ('s', id, owner, 'Stage of no map', nullif(category, 'Lost'), amount, close, currency, '2026-09-10', category IN ('Closed', 'Lost'), category = 'Closed',
          deleted, since, since, 'sync');
END $$;
INSERT INTO currency_rate (source_key, id, currency, valid_from, per_corporate, is_deleted, effective_at, recorded_at, origin)
VALUES ('s', 'r1', 'EUR', '2026-01-01', 2, false, '2026-01-01', '2026-01-01', 'sync');
SELECT pg_temp.rep('ann', NULL, '2026-01-01'), pg_temp.rep('bob', 'ann', '2026-01-01'), pg_temp.rep('cat', NULL, '2026-01-01'),
       pg_temp.rep('dan', 'ann', '2026-01-01') \g /dev/null
SELECT pg_temp.deal(id, owner, category, amount, close, '2026-11-01', currency)
FROM (VALUES ('still', 'ann', 'Commit', 100, date '2026-12-01', 'USD'), ('won', 'ann', 'Best Case', 100, '2026-12-01', 'USD'), ('lost', 'ann', 'Pipeline', 100, '2026-12-01', 'USD'),
             ('back', 'ann', 'Closed', 100, '2026-11-05', 'USD'), ('gone', 'ann', 'Commit', 100, '2026-12-01', 'USD'), ('more', 'ann', 'Commit', 100, '2026-12-01', 'USD'),
             ('euro', 'ann', 'Best Case', 100, '2026-12-01', 'EUR'), ('in', 'ann', 'Best Case', 100, '2027-02-01', 'USD'), ('out', 'ann', 'Best Case', 100, '2026-12-01', 'USD'),
             ('up', 'ann', 'Best Case', 100, '2026-12-01', 'USD'), ('given', 'ann', 'Best Case', 100, '2026-12-01', 'USD'), ('team', 'bob', 'Best Case', 100, '2026-12-01', 'USD'),
             ('both', 'ann', 'Best Case', 100, '2026-12-01', 'USD'), ('far', 'ann', 'Commit', 100, '2027-05-01', 'USD'), ('won later', 'ann', 'Commit', 100, '2027-05-01', 'USD')
     ) AS v(id, owner, category, amount, close, currency) \g /dev/null
SELECT pg_temp.deal('new', 'ann', 'Commit', 100, '2026-12-01', '2026-11-15'), pg_temp.deal('won', 'ann', 'Closed', 100, '2026-11-16', '2026-11-15'),
       pg_temp.deal('lost', 'ann', 'Lost', 0, '2026-11-16', '2026-11-15'), pg_temp.deal('back', 'ann', 'Best Case', 100, '2026-12-05', '2026-11-15'),
       pg_temp.deal('gone', 'ann', 'Commit', 100, '2026-12-01', '2026-11-15', 'USD', true), pg_temp.deal('more', 'ann', 'Commit', 150, '2026-12-01', '2026-11-15'),
       pg_temp.deal('in', 'ann', 'Best Case', 100, '2026-12-20', '2026-11-15'), pg_temp.deal('out', 'ann', 'Best Case', 100, '2027-01-01', '2026-11-15'),
       pg_temp.deal('up', 'ann', 'Commit', 100, '2026-12-01', '2026-11-15'), pg_temp.deal('given', 'cat', 'Best Case', 100, '2026-12-01', '2026-11-15'),
       pg_temp.deal('both', 'ann', 'Commit', 200, '2026-12-01', '2026-11-15'), pg_temp.deal('won later', 'ann', 'Closed', 100, '2026-11-16', '2026-11-15') \g /dev/null
INSERT INTO currency_rate (source_key, id, currency, valid_from, per_corporate, is_deleted, effective_at, recorded_at, origin)
VALUES ('s', 'r2', 'EUR', '2026-11-12', 4, false, '2026-11-12', '2026-11-12', 'sync');
SELECT pg_temp.rep('bob', 'cat', '2026-11-15') \g /dev/null

CREATE FUNCTION pg_temp.parts(deal text, scope text DEFAULT 'team:s/ann', a timestamptz DEFAULT '2026-11-10', b timestamptz DEFAULT '2026-11-20') RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(f.cause || ' ' || trim_scale(f.amount), ', ' ORDER BY f.cause) FROM salesops.forecast_change_deals(a, b, 'FY2026-Q4', scope) f WHERE f.id = deal
$$;
SELECT is(pg_temp.parts('still'), NULL, 'a deal that stood still is no cause');
SELECT is(pg_temp.parts('new'), 'created 90', 'created: 90 % of 100');
SELECT is(pg_temp.parts('won'), 'won 50', 'won: the half that was not certain');
SELECT is(pg_temp.parts('lost'), 'lost -20', 'lost: what it was good for, though its amount went to 0 as well');
SELECT is(pg_temp.parts('back'), 'reopened -50', 'won before, Best Case again');
SELECT is(pg_temp.parts('gone'), 'deleted -90', 'deleted');
SELECT is(pg_temp.parts('more'), 'amount 45', 'amount: 90 % of 50');
SELECT is(pg_temp.parts('euro'), 'rate -12.5', 'rate: half of 50 was expected, half of 25 is');
SELECT is(pg_temp.parts('in'), 'pulled in 50', 'pulled in');
SELECT is(pg_temp.parts('out'), 'pushed out -50', 'pushed out');
SELECT is(pg_temp.parts('up'), 'category 40', 'category: from 50 % to 90 %');
SELECT is(pg_temp.parts('given'), 'owner -50', 'given to somebody outside of the team');
SELECT is(pg_temp.parts('given', 'company'), NULL, '... which is nothing to the company');
SELECT is(pg_temp.parts('team'), 'owner -50', 'its owner left the team');
SELECT is(pg_temp.parts('team', 'team:s/cat') , 'owner 50', '... for another, by the trees of then and now');
-- 100 more at the mean of 50 % and 90 %; 40 points more of the mean of 100 and 200.
SELECT is(pg_temp.parts('both'), 'amount 70, category 60', 'amount and category at once');
SELECT is(pg_temp.parts('far'), NULL, 'a deal of next year is no part of it');
-- In the quarter or not x 90 % to 100 %: 1 at the mean of 0.9 and 1; 0.1 at the mean of 0 and 1.
SELECT is(pg_temp.parts('won later'), 'pulled in 95, won 5', 'won before its quarter: pulled in, and won');
SELECT results_eq($$SELECT cause, deals, trim_scale(amount) FROM forecast_change('2026-11-10', '2026-11-20', 'FY2026-Q4', 'team:s/ann')$$,
  $$VALUES ('created', 1::bigint, 90::numeric), ('won', 2, 55), ('lost', 1, -20), ('reopened', 1, -50), ('deleted', 1, -90), ('amount', 2, 115), ('rate', 1, -12.5),
           ('pulled in', 2, 145), ('pushed out', 1, -50), ('category', 2, 100), ('probability', 0, 0), ('owner', 2, -100), ('new business', NULL, 0)$$,
  'all causes of a team, each with its deals');
SELECT throws_ok($$SELECT * FROM forecast_change('2026-09-10', '2026-11-20', 'FY2026-Q4')$$, '22023', 'a change of forecast is between two instants of its quarter', 'an instant of another quarter');
SELECT throws_ok($$SELECT * FROM forecast_change('2026-11-10', '2026-11-20', 'FY2026-Q4', 'nobody')$$, '42704', NULL, 'an unknown scope');

-- Laws, on a CRM with two years of history whose open deals are changed at random, but the same way each time.
SELECT generate_crm(2500, 8, 5, '2026-11-10', schema_name => 'crm_change') \g /dev/null
SELECT connect('crm', 'fivetran_salesforce', 'crm_change') \g /dev/null
SELECT sync_all('2026-11-10 12:00+00') \g /dev/null
SELECT fit_forecast('2026-11-10 12:00+00') \g /dev/null
CREATE TEMP TABLE chosen AS
  SELECT o.id, abs(hashtext(o.id || 'what')) % 10 AS what, lag(o.owner_id) OVER (ORDER BY o.id) AS other_owner
  FROM opportunity_state('2026-11-10 12:00+00') o WHERE o.source_key = 'crm' AND o.status = 'open' OR o.source_key = 'crm' AND o.close_date >= '2026-10-01';
INSERT INTO opportunity_history SELECT o.* FROM opportunity o JOIN chosen c ON c.id = o.id WHERE o.source_key = 'crm';
UPDATE opportunity o SET
  amount = CASE WHEN c.what IN (1, 5) THEN o.amount * 1.37 + 1 ELSE o.amount END,
  close_date = CASE WHEN c.what IN (2, 5, 7) THEN o.close_date + 45 ELSE o.close_date END,
  owner_id = CASE WHEN c.what IN (3, 7) THEN c.other_owner ELSE o.owner_id END,
  is_closed = CASE WHEN c.what IN (4, 6) THEN NOT o.is_closed ELSE o.is_closed END,
  is_won = CASE WHEN c.what = 4 THEN NOT o.is_closed WHEN c.what = 6 THEN false ELSE o.is_won END,
  is_deleted = c.what = 8, effective_at = '2026-11-19 12:00+00', recorded_at = '2026-11-19 12:00+00'
FROM chosen c WHERE c.id = o.id AND o.source_key = 'crm';
CREATE TEMP TABLE scopes AS
  SELECT DISTINCT s.scope FROM forecast_scopes('2026-11-10 12:00+00') s WHERE s.scope IN ('company', 'owner:(no rep)') OR s.scope_kind = 'region'
  UNION (SELECT DISTINCT s.scope FROM forecast_scopes('2026-11-10 12:00+00') s WHERE s.scope LIKE 'team:crm/%' ORDER BY 1 LIMIT 1);
CREATE FUNCTION pg_temp.expected(scope text, as_of timestamptz, method text) RETURNS numeric LANGUAGE sql AS $$
  SELECT f.mean FROM salesops.forecast('FY2026-Q4', scope, as_of, method) f WHERE f.line = 'total'
$$;
CREATE TEMP TABLE changed AS
  SELECT s.scope, m.method, c.cause, c.deals, c.amount
  FROM scopes s CROSS JOIN (VALUES (NULL), ('category_weights')) AS m(method)
  CROSS JOIN LATERAL forecast_change('2026-11-10 12:00+00', '2026-11-20 12:00+00', 'FY2026-Q4', s.scope, m.method) c;
SELECT is_empty($$SELECT c.scope, c.method, round(sum(c.amount), 8), round(pg_temp.expected(c.scope, '2026-11-20 12:00+00', c.method), 8),
                         round(pg_temp.expected(c.scope, '2026-11-10 12:00+00', c.method), 8)
                  FROM changed c GROUP BY c.scope, c.method
                  HAVING round(sum(c.amount), 8) <> round(pg_temp.expected(c.scope, '2026-11-20 12:00+00', c.method)
                                                          - pg_temp.expected(c.scope, '2026-11-10 12:00+00', c.method), 8)$$,
                'the parts are the change of forecast(), for every scope, by the model and by category weights');
SELECT set_has($$SELECT DISTINCT cause FROM changed WHERE scope = 'company' AND method IS NULL AND amount <> 0$$,
               $$VALUES ('won'), ('lost'), ('reopened'), ('deleted'), ('amount'), ('probability'), ('new business'), ('pushed out')$$, 'of many causes by the model');
SELECT set_has($$SELECT DISTINCT cause FROM changed WHERE scope LIKE 'region%' AND method IS NOT NULL AND amount <> 0$$,
               $$VALUES ('won'), ('lost'), ('deleted'), ('amount'), ('pushed out'), ('owner')$$, '... and by category weights');
SELECT bag_eq(
  $$SELECT method, CASE WHEN cause IN ('created', 'deleted') THEN 'there or not' WHEN cause LIKE 'pu%' THEN 'moved' WHEN cause IN ('won', 'lost', 'reopened') THEN 'ended' ELSE cause END,
           round(sum(amount), 6) FROM changed WHERE scope = 'company' GROUP BY 1, 2$$,
  $$SELECT m.method, CASE WHEN cause IN ('created', 'deleted') THEN 'there or not' WHEN cause LIKE 'pu%' THEN 'moved' WHEN cause IN ('won', 'lost', 'reopened') THEN 'ended' ELSE cause END,
           -round(sum(c.amount), 6)
    FROM (VALUES (NULL), ('category_weights')) AS m(method)
    CROSS JOIN LATERAL forecast_change('2026-11-20 12:00+00', '2026-11-10 12:00+00', 'FY2026-Q4', 'company', m.method) c GROUP BY 1, 2$$,
  'exchanged instants exchange the sign');
SELECT is_empty($$SELECT id FROM forecast_change_deals('2026-11-10 12:00+00', '2026-11-20 12:00+00', 'FY2026-Q4')
                  GROUP BY source_key, id, expected_before, expected_after HAVING sum(amount) <> expected_after - expected_before$$,
                'the parts of a deal are its change, to the last digit');
SELECT is((SELECT count(*) FROM forecast_change_deals('2026-11-20 12:00+00', '2026-11-20 12:00+00', 'FY2026-Q4')), 0::bigint, 'nothing changes in no time');

-- All scopes at once, kept by the night, shown by the mart.
SELECT is_empty($$SELECT c.scope, m.method, c.cause, c.deals, trim_scale(c.amount)
                  FROM (VALUES (NULL), ('category_weights')) AS m(method)
                  CROSS JOIN LATERAL scope_changes('2026-11-10 12:00+00', '2026-11-20 12:00+00', 'FY2026-Q4', NULL, m.method) c
                  WHERE c.scope IN (SELECT h.scope FROM changed h)
                  EXCEPT SELECT scope, method, cause, deals, trim_scale(amount) FROM changed$$, 'scope by scope or all at once: the same to the last digit');
SELECT is((SELECT count(DISTINCT scope) FROM scope_changes('2026-11-10 12:00+00', '2026-11-20 12:00+00', 'FY2026-Q4')),
          (SELECT count(DISTINCT scope) FROM forecast_scopes('2026-11-20 12:00+00') WHERE scope_kind <> 'owner'), '... of company, regions and teams');
SELECT results_eq($$SELECT span, from_instant, period::text FROM change_spans('2026-11-20 12:00+00')$$,
  $$VALUES ('since the quarter began', timestamptz '2026-11-10 12:00+00', 'FY2026-Q4'), ('last 7 days', '2026-11-13 12:00+00', 'FY2026-Q4')$$,
  'spans begin with the quarter, or with the first sync in it, and seven days ago');
SELECT results_eq($$SELECT from_instant FROM change_spans('2027-01-03 12:00+00')$$,
                  $$VALUES (timestamptz '2027-01-01 00:00+00' - interval '1 microsecond'), (timestamptz '2027-01-01 00:00+00' - interval '1 microsecond')$$, '... and neither before it');
SELECT is(keep_changes('2026-11-20 12:00+00'), 26 * (SELECT count(DISTINCT scope) FROM forecast_scopes('2026-11-20 12:00+00') WHERE scope_kind <> 'owner'),
          'the night keeps two spans of every scope');
SELECT is(keep_changes('2026-11-20 12:00+00'), 0::bigint, '... once');
SELECT cmp_ok(refresh_marts('2026-11-20 12:00+00'), '>', 0::bigint, 'and the marts are refreshed');
SELECT bag_eq($$SELECT scope, cause, deals, amount FROM salesops_bi.forecast_change WHERE span_sort = 1 AND scope IN (SELECT scope FROM changed)$$,
              $$SELECT scope, cause, deals, round(amount, 6) FROM changed WHERE method IS NULL AND scope NOT LIKE 'owner%'$$, 'mart forecast_change shows forecast_change()');
SELECT is((SELECT round(sum(amount), 3) FROM salesops_bi.forecast_change WHERE span = 'last 7 days' AND scope = 'company'),
          (SELECT round(pg_temp.expected('company', '2026-11-20 12:00+00', NULL) - pg_temp.expected('company', '2026-11-13 12:00+00', NULL), 3)), 'and of the last 7 days');
SELECT * FROM finish();
ROLLBACK;
