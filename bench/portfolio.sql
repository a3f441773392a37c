-- Portfolio design: 100,000 customers of a world whose truth is known, 400,000 past quarters, five scenarios in one call.
--
-- Revenue is what customers would truly bring with the effort that each plan gives them, whole hours: ours, which learned from the past, beside
-- effort in proportion to potential, the same for all, and a fixed number of hours for the largest until none are left; last the best that any plan
-- could do who knew the truth and were not bound to whole hours. Prints name: ratio (bar).
\set ON_ERROR_STOP on
\set QUIET on
\pset format unaligned
\pset tuples_only on
SET max_parallel_workers_per_gather = 0;
SET jit = off;
SET client_min_messages = warning;

BEGIN;
SET LOCAL search_path = salesops, public, pg_temp;
CREATE TEMP TABLE segment ON COMMIT DROP AS
  SELECT * FROM (VALUES ('enterprise', 'key', 280000, 400000, 0.25, 60, 0.15), ('mid', 'field', 420000, 90000, 0.35, 40, 0.2), ('small', 'field', 420000, 20000, 0.3, 15, 0.3))
    AS v (segment, team, capacity, potential, rate, scale, carryover);
CREATE TEMP TABLE customer ON COMMIT DROP AS
  SELECT i, i::text AS id, s.segment, s.team, s.capacity, s.scale, s.carryover, s.potential * portable_exp(0.8 * normal_quantile(draw(3, 'potential', i))) AS potential,
         s.rate * portable_exp(0.47 * normal_quantile(draw(3, 'rate', i)) - 0.11) AS rate
  FROM generate_series(1, 100000) AS i JOIN segment s ON s.segment = (ARRAY['enterprise', 'mid', 'small', 'small', 'small'])[1 + i % 5];
CREATE TEMP TABLE past ON COMMIT DROP AS
  SELECT id, effort, greatest(mean + sqrt(0.05 * potential * mean) * normal_quantile(draw(3, 'revenue', i * 4 + q)), 0) AS revenue
  FROM customer, generate_series(0, 3) AS q, LATERAL (SELECT scale / 2 * draw(3, 'effort', i * 4 + q) AS effort) AS e,
       LATERAL (SELECT potential / 4 * rate * (carryover + (1 - carryover) * (1 - portable_exp(-effort / (scale / 4)))) AS mean) AS m;
ANALYZE customer;
ANALYZE past;

\set options '{"periods":4,"minimum_effort":4,"teams":[{"team":"key","segments":["enterprise"],"reps":200,"effort_per_rep":1400},{"team":"field","segments":["mid","small"],"reps":300,"effort_per_rep":1400}],"scenarios":[{"name":"plan"},{"name":"more","reps":{"key":220}},{"name":"fewer","reps":{"field":250}},{"name":"target","targets":{"small":300000000}},{"name":"coarse","effort_unit":4}]}'
CREATE TEMP TABLE measured ON COMMIT DROP AS SELECT clock_timestamp() AS started;
CREATE TEMP TABLE plan ON COMMIT DROP AS SELECT * FROM design_portfolio('TABLE customer', 'TABLE past', :'options');
SELECT 'portfolio, seconds a scenario: ' || round((extract(epoch FROM clock_timestamp() - started) / 5)::numeric, 2) || ' (bar 3)' FROM measured;

-- The price of a team at which its effort is spent, the truth known: a customer takes scale x ln(first unit / price).
CREATE FUNCTION pg_temp.true_price(a_team text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
  low float8 := 0.1;
  high float8 := 1e7;
BEGIN
  FOR step IN 1 .. 40 LOOP
    IF (SELECT sum(greatest(scale * ln(potential * rate * (1 - carryover) / scale / sqrt(low * high)), 0)) > max(capacity) FROM pg_temp.customer WHERE team = a_team) THEN
      low := sqrt(low * high);
    ELSE
      high := sqrt(low * high);
    END IF;
  END LOOP;
  RETURN high;
END $$;
CREATE TEMP TABLE rival ON COMMIT DROP AS
  SELECT id, greatest(scale * ln(potential * rate * (1 - carryover) / scale / price), 0) AS best, floor(capacity * potential / sum(potential) OVER (PARTITION BY team)) AS proportional, floor(capacity::float8 / count(*) OVER (PARTITION BY team)) AS even,
         CASE WHEN row_number() OVER (PARTITION BY team ORDER BY potential DESC) * 48 <= capacity THEN 48 ELSE 0 END AS largest
  FROM customer JOIN (SELECT team, pg_temp.true_price(team) AS price FROM (VALUES ('key'), ('field')) AS t (team)) AS p USING (team);
SELECT format('portfolio, true revenue to that of %s: %s (bar %s)', name, round((ours / theirs)::numeric, 3), bar)
FROM (SELECT sum(r.revenue) FILTER (WHERE e.name = 'ours') AS ours, sum(r.revenue) FILTER (WHERE e.name = 'effort by potential') AS proportional,
             sum(r.revenue) FILTER (WHERE e.name = 'the same effort') AS even, sum(r.revenue) FILTER (WHERE e.name = 'the largest first') AS largest,
             sum(r.revenue) FILTER (WHERE e.name = 'the best, the truth known') AS best
      FROM customer c JOIN rival v USING (id) JOIN plan p ON p.customer_id = c.id AND p.scenario = 'plan'
      CROSS JOIN LATERAL (VALUES ('ours', p.effort), ('effort by potential', v.proportional), ('the same effort', v.even), ('the largest first', v.largest), ('the best, the truth known', v.best)) AS e (name, effort)
      CROSS JOIN LATERAL (SELECT potential * rate * (carryover + (1 - carryover) * (1 - portable_exp(-e.effort / scale))) AS revenue) AS r) AS t
CROSS JOIN LATERAL (VALUES ('effort by potential', proportional, 1), ('the same effort', even, 1), ('the largest first', largest, 1),
                            ('the best, the truth known', best, 0.95)) AS v (name, theirs, bar);
COMMIT;
