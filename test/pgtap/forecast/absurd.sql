-- What no CRM should hold, and some do: worlds in which all deals are won, or lost, or of one rep, or without a date, or worth 1e15. Each
-- is a table that sync() reads, and everything that forecasts is asked about it. No question may end in an error (but that there is no
-- history to backtest on), a probability is within
-- 1e-6 and 1 - 1e-6, quantiles are in order, and what is not to be believed says why.
--
-- Each world is built, asked and undone in a subtransaction; what it leaves is a list of problems and the reasons on the forecast's lines.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SET LOCAL timezone = 'UTC';

CREATE SCHEMA absurd;
CREATE TABLE absurd.deal (id text, owner text, account text, stage text, category text, product text, kind text, amount text, currency text,
                          close_date text, created_at text, is_closed boolean, is_won boolean);
CREATE TABLE absurd.rep (id text, name text, manager text, team text);
CREATE TABLE absurd.quota (id text, rep text, period text, amount text);
CREATE TABLE absurd.rate (id text, currency text, valid_from text, per_corporate text);
CREATE TABLE absurd.touch (id text, deal text, happened_at text);

-- A plain world: 240 deals of six reps, begun one every three days since November 2024, 200 of them closed after 60 to 150 days, two in
-- five won; the others open.
INSERT INTO absurd.rep SELECT 'r' || n, 'Rep ' || n, CASE WHEN n > 1 THEN 'r1' END, 'Team ' || n % 2 FROM generate_series(1, 6) n;
INSERT INTO absurd.quota SELECT 'q' || n || p, 'r' || n, p, '100000' FROM generate_series(1, 6) n, unnest('{FY2026-Q3,FY2026-Q4}'::text[]) p;
INSERT INTO absurd.rate VALUES ('e', 'EUR', '2020-01-01', '0.8');
INSERT INTO absurd.deal
SELECT 'd' || n, 'r' || 1 + n % 6, 'a' || n % 40, CASE WHEN closed THEN CASE WHEN won THEN 'Closed Won' ELSE 'Closed Lost' END ELSE (ARRAY['Prospecting', 'Proposal', 'Negotiation'])[1 + n % 3] END,
       CASE WHEN closed THEN CASE WHEN won THEN 'Closed' ELSE 'Omitted' END ELSE (ARRAY['Pipeline', 'Best Case', 'Commit'])[1 + n % 3] END,
       'P' || n % 3, (ARRAY['New', 'Renewal'])[1 + n % 2], (1000 + 137 * (n % 50))::text, CASE WHEN n % 4 = 0 THEN 'EUR' ELSE 'USD' END,
       CASE WHEN closed THEN ended::text ELSE (date '2026-11-20' + n % 90)::text END, begun::text, closed, won
FROM (SELECT n, begun, ended, ended < '2026-11-10' AS closed, ended < '2026-11-10' AND n % 5 IN (0, 3) AS won
      FROM (SELECT n, date '2024-11-01' + 3 * n AS begun, date '2024-11-01' + 3 * n + 60 + n * 37 % 90 AS ended FROM generate_series(1, 240) n) b) d;
INSERT INTO absurd.touch SELECT 't' || n, 'd' || n, (date '2026-11-01' + n % 9)::text FROM generate_series(200, 240) n;

CREATE FUNCTION pg_temp.ask(question text, OUT problem text) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE question INTO problem;
EXCEPTION WHEN OTHERS THEN
  IF SQLSTATE <> '22023' OR SQLERRM NOT LIKE 'there is not enough history to forecast %' THEN
    problem := format('%s %s in %s', SQLSTATE, SQLERRM, question);
  END IF;
END $$;

CREATE TEMP TABLE told AS SELECT * FROM salesops.forecast('FY2026-Q4', 'company', '2026-11-15 12:00+00') WITH NO DATA;

-- The world that some statements make of the plain one, asked everything.
CREATE FUNCTION pg_temp.world(statements text, OUT problems text, OUT reason text) LANGUAGE plpgsql AS $$
DECLARE
  connected CONSTANT text := $q${"unchanged": "amount", "entities": {
    "opportunity": {"relation": "deal", "columns": {"id": "id", "owner_id": "owner", "account_id": "account", "stage": "stage", "forecast_category": "category", "product": "product",
      "deal_type": "kind", "amount": "amount", "currency": "currency", "close_date": "close_date", "created_at": "created_at", "is_closed": "is_closed", "is_won": "is_won"}},
    "rep": {"relation": "rep", "columns": {"id": "id", "name": "name", "manager_id": "manager", "team": "team"}},
    "quota": {"relation": "quota", "columns": {"id": "id", "rep_id": "rep", "period": "period", "amount": "amount"}},
    "activity": {"relation": "touch", "columns": {"id": "id", "opportunity_id": "deal", "happened_at": "happened_at"}},
    "currency_rate": {"relation": "rate", "columns": {"id": "id", "currency": "currency", "valid_from": "valid_from", "per_corporate": "per_corporate"}}}}$q$;
BEGIN
  BEGIN
    EXECUTE statements;
    PERFORM salesops.connect('absurd', 'generic', 'absurd', connected::jsonb);
    SELECT string_agg(a.problem, '; ')
    INTO problems
    FROM unnest(ARRAY[
      -- An entity of which there is not one row, or whose rows are no rows, says so and is no problem.
      $q$SELECT string_agg(entity || ': ' || sqlstate || ' ' || message, ', ') FROM salesops.sync('absurd', '2026-11-13 12:00+00') WHERE sqlstate NOT IN ('55000', '02000')$q$,
      $q$SELECT NULL FROM salesops.take_snapshot('2026-11-13 12:00+00')$q$,
      $q$WITH changed AS (UPDATE absurd.deal SET amount = amount || '0', category = 'Commit' WHERE id IN ('d230', 'd231', 'd232') RETURNING 1) SELECT NULL FROM changed$q$,
      $q$SELECT string_agg(entity || ': ' || sqlstate || ' ' || message, ', ') FROM salesops.sync('absurd', '2026-11-15 12:00+00', 'full') WHERE sqlstate NOT IN ('55000', '02000')$q$,
      $q$SELECT NULL FROM salesops.take_snapshot('2026-11-15 12:00+00')$q$,
      $q$SELECT 'a reading that is no share: ' || count(*) FROM salesops.leaking_fields('2026-11-15 12:00+00') WHERE reason IS NULL HAVING count(*) > 0$q$,
      -- Asked before there is a model, and after.
      $q$SELECT 'a probability without a model' FROM salesops.win_probabilities('2026-11-15 12:00+00') WHERE model_probability IS NOT NULL$q$,
      $q$SELECT 'no reason without a model' FROM salesops.forecast('FY2026-Q4', 'company', '2026-11-15 12:00+00') WHERE line = 'total' AND (p50 IS NOT NULL OR coalesce(reason, '') = '')$q$,
      $q$SELECT 'no model' FROM salesops.fit_forecast('2026-11-15 12:00+00') m WHERE m IS NULL$q$,
      $q$SELECT NULL FROM salesops.keep_forecast('2026-11-15 12:00+00')$q$,
      $q$SELECT 'model_probability ' || min(model_probability) || ' to ' || max(model_probability) || ', probability ' || min(probability) || ' to ' || max(probability)
         FROM salesops.win_probabilities('2026-11-15 12:00+00')
         HAVING count(*) FILTER (WHERE NOT model_probability BETWEEN 1e-6 AND 1 - 1e-6 OR NOT probability BETWEEN 0 AND 1) > 0$q$,
      $q$SELECT 'points do not add up for ' || w.id FROM salesops.win_probabilities('2026-11-15 12:00+00') w
         CROSS JOIN LATERAL (SELECT sum(e.points) AS points FROM salesops.explain_deal_probability(w.source_key, w.id, '2026-11-15 12:00+00') e) e
         WHERE abs(e.points - 100 * w.model_probability) > 0.0051$q$,
      $q$SELECT 'not in order, or abstains without a reason: ' || min(scope) FROM salesops.scope_forecasts('2026-11-15 12:00+00')
         WHERE NOT (p10 <= p50 AND p50 <= p90) OR NOT probability_at_least_quota BETWEEN 0 AND 1 OR forecast_method IS DISTINCT FROM 'model median' AND coalesce(reason, '') = '' HAVING count(*) > 0$q$,
      $q$WITH told AS (INSERT INTO told SELECT * FROM salesops.forecast('FY2026-Q4', 'company', '2026-11-15 12:00+00') RETURNING 1) SELECT NULL FROM told$q$,
      $q$SELECT 'no number: ' || f.line FROM told f WHERE f.mean IS NULL AND f.line <> 'new business' OR 'NaN' IN (f.mean, f.p50) OR f.line = 'total' AND f.published IS NULL AND coalesce(f.reason, '') = ''$q$,
      $q$SELECT NULL FROM salesops.forecast('FY2027-Q2', 'company', '2026-11-15 12:00+00')$q$,
      $q$SELECT NULL FROM salesops.forecast('FY2026-Q3', 'company', '2026-11-15 12:00+00')$q$,
      $q$SELECT NULL FROM salesops.forecast_outlook('FY2026-Q4', '2026-11-15 12:00+00')$q$,
      $q$SELECT NULL FROM salesops.forecast_report('FY2026-Q4', '2026-11-15 12:00+00')$q$,
      $q$SELECT 'the causes do not add up' FROM (SELECT sum(amount) AS amount FROM salesops.forecast_change('2026-11-13 12:00+00', '2026-11-15 12:00+00', 'FY2026-Q4', 'company')) c
         CROSS JOIN (SELECT max(mean) FILTER (WHERE at = 2) - max(mean) FILTER (WHERE at = 1) AS amount
                     FROM (SELECT 1 AS at, mean FROM salesops.forecast('FY2026-Q4', 'company', '2026-11-13 12:00+00') WHERE line = 'total'
                           UNION ALL SELECT 2, mean FROM told WHERE line = 'total') f) t WHERE coalesce(c.amount, 0) <> t.amount$q$,
      $q$SELECT NULL FROM salesops.check_forecast_alerts('2026-11-15 12:00+00')$q$,
      $q$SELECT 'a flag without a reason' FROM salesops.deal_risk('2026-11-15 12:00+00') WHERE coalesce(reason, '') = ''$q$,
      $q$SELECT 'a posterior that is none' FROM salesops.category_evidence('2026-11-15 12:00+00') WHERE NOT posterior BETWEEN 0 AND 1 OR verdict IS NULL$q$,
      $q$SELECT NULL FROM salesops.commit_reliability('2026-11-15 12:00+00')$q$,
      $q$SELECT NULL FROM salesops.model_shift('2026-11-15 12:00+00')$q$,
      $q$SELECT NULL FROM salesops.backtest(ARRAY(SELECT method FROM salesops.backtest_methods()), 'FY2026-Q2', 'FY2026-Q3', '2026-11-15 12:00+00')$q$,
      $q$SELECT 'a backtest that is no number' FROM salesops.backtest_forecast WHERE 'NaN' IN (mean, existing, new_business) OR NOT (p10 <= p50 AND p50 <= p90)$q$]) WITH ORDINALITY AS q(question, place)
    CROSS JOIN LATERAL pg_temp.ask(q.question) a;
    SELECT string_agg(f.reason, '; ' ORDER BY f.line) INTO reason FROM told f;
    RAISE EXCEPTION USING ERRCODE = 'P0UND', MESSAGE = 'undo';
  EXCEPTION WHEN SQLSTATE 'P0UND' THEN
    NULL;
  END;
END $$;

CREATE TEMP TABLE world (place integer GENERATED ALWAYS AS IDENTITY, name text, statements text, reason text);
INSERT INTO world (name, statements, reason) VALUES
  ('the plain world', 'SELECT', 'the range from P10 to P90 is wider than the median'),
  ('an empty CRM', 'DELETE FROM absurd.deal; DELETE FROM absurd.rep; DELETE FROM absurd.quota; DELETE FROM absurd.touch', 'uncalibrated: [0-9]+ deals to learn from, and 50 are needed'),
  ('one deal, open', $$DELETE FROM absurd.deal WHERE id <> 'd240'$$, 'uncalibrated: [0-9]+ deals to learn from, and 50 are needed'),
  ('all won', $$UPDATE absurd.deal SET is_won = true, stage = 'Closed Won', category = 'Closed' WHERE is_closed$$, NULL),
  ('all lost', $$UPDATE absurd.deal SET is_won = false, stage = 'Closed Lost', category = 'Omitted' WHERE is_closed$$, 'uncalibrated: fewer than 10 won deals to learn from'),
  ('all open', $$UPDATE absurd.deal SET is_won = false, is_closed = false, stage = 'Proposal', category = 'Commit'$$, 'uncalibrated: fewer than 10 won deals to learn from'),
  ('none open', $$DELETE FROM absurd.deal WHERE NOT is_closed$$, NULL),
  ('won and not closed, closed and not known how', $$UPDATE absurd.deal SET is_closed = CASE WHEN is_won THEN NULL ELSE is_closed END, is_won = CASE WHEN is_won THEN true END$$, NULL),
  ('one rep', $$UPDATE absurd.deal SET owner = 'r1'; DELETE FROM absurd.rep WHERE id <> 'r1'$$, NULL),
  ('deals of nobody', $$UPDATE absurd.deal SET owner = NULL$$, NULL),
  ('a rep who reports to himself, in a circle', $$UPDATE absurd.rep SET manager = CASE id WHEN 'r1' THEN 'r2' WHEN 'r2' THEN 'r1' ELSE id END$$, NULL),
  ('no amounts', $$UPDATE absurd.deal SET amount = NULL$$, 'of none of its 35 deals it is known what they bring'),
  ('amounts of 0', $$UPDATE absurd.deal SET amount = '0'$$, NULL),
  ('amounts below 0', $$UPDATE absurd.deal SET amount = '-' || amount$$, 'the range from P10 to P90 is wider than the median'),
  ('amounts below and above 0', $$UPDATE absurd.deal SET amount = '-' || amount WHERE id > 'd15'$$, 'the range from P10 to P90 is wider than the median'),
  ('amounts of 1e15', $$UPDATE absurd.deal SET amount = '1e15'$$, '3 deals are in no sum'),
  ('one of 1e15 among small ones', $$UPDATE absurd.deal SET amount = '1e15' WHERE id = 'd235'$$, 'the range from P10 to P90 is wider than the median'),
  ('amounts of 1e-12', $$UPDATE absurd.deal SET amount = '0.000000000001'$$, NULL),
  ('amounts that are no numbers', $$UPDATE absurd.deal SET amount = (ARRAY['NaN', 'Infinity', '-Infinity', 'a lot', ''])[1 + length(owner || id) % 5]$$, 'of none of its 35 deals it is known what they bring'),
  ('all on one day', $$UPDATE absurd.deal SET created_at = '2026-10-10', close_date = '2026-10-10'$$, 'uncalibrated: [0-9]+ deals to learn from, and 50 are needed'),
  ('created in the future', $$UPDATE absurd.deal SET created_at = '2030-01-01'$$, 'uncalibrated: [0-9]+ deals to learn from, and 50 are needed'),
  ('closed in the future', $$UPDATE absurd.deal SET close_date = '2030-01-01'$$, 'uncalibrated: fewer than 10 won deals to learn from'),
  ('closed before they were created', $$UPDATE absurd.deal SET created_at = close_date, close_date = created_at$$, 'uncalibrated: [0-9]+ deals to learn from, and 50 are needed'),
  ('no close dates', $$UPDATE absurd.deal SET close_date = NULL$$, 'uncalibrated: [0-9]+ deals to learn from, and 50 are needed'),
  ('no beginnings', $$UPDATE absurd.deal SET created_at = NULL$$, 'uncalibrated: [0-9]+ deals to learn from, and 50 are needed'),
  ('dates at the ends of time', $$UPDATE absurd.deal SET created_at = '0001-01-01', close_date = '9999-12-31'$$, 'uncalibrated: fewer than 10 won deals to learn from'),
  ('dates before the beginning of time', $$UPDATE absurd.deal SET created_at = '4700-01-01 BC', close_date = '0001-01-01'$$, 'uncalibrated: [0-9]+ deals to learn from, and 50 are needed'),
  ('no categories', $$UPDATE absurd.deal SET category = NULL$$, NULL),
  ('every deal a stage, category, product and type of its own', $$UPDATE absurd.deal SET stage = 'stage ' || id, category = 'category ' || id, product = id, kind = id$$, NULL),
  ('nothing but ids', $$UPDATE absurd.deal SET owner = NULL, account = NULL, stage = NULL, category = NULL, product = NULL, kind = NULL, amount = NULL, currency = NULL,
                        close_date = NULL, created_at = NULL, is_closed = NULL, is_won = NULL$$, 'of none of its [0-9]+ deals it is known what they bring'),
  ('no quotas', $$DELETE FROM absurd.quota$$, NULL),
  ('quotas of 0 and below', $$UPDATE absurd.quota SET amount = CASE WHEN rep < 'r4' THEN '0' ELSE '-5' END$$, NULL),
  ('currencies without a rate, or with one of 0 and below', $$UPDATE absurd.deal SET currency = CASE WHEN id < 'd15' THEN 'XTS' ELSE 'EUR' END; UPDATE absurd.rate SET per_corporate = '0'; INSERT INTO absurd.rate VALUES ('f', 'EUR', '2025-01-01', '-3'), ('g', 'EUR', '2025-06-01', NULL)$$, 'of none of its 35 deals it is known what they bring');

SELECT plan((SELECT count(*) + count(reason) FROM world)::integer + 1);
CREATE TEMP TABLE asked AS SELECT w.place, w.name, w.reason AS expected, a.* FROM world w CROSS JOIN LATERAL pg_temp.world(w.statements) a;
SELECT is(problems, NULL, name) FROM asked ORDER BY place;
SELECT matches(reason, expected, name || ': says why') FROM asked WHERE expected IS NOT NULL ORDER BY place;
SELECT ok(reason NOT LIKE '%uncalibrated%', 'where nothing is absurd the model is believed: the questions were asked of one') FROM asked WHERE place = 1;

SELECT * FROM finish();
ROLLBACK;
