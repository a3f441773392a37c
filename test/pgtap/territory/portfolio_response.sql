-- How customers respond to effort, learned from worlds whose truth is known: found again, shrunk, and as sure as it says.
\set ON_ERROR_STOP 1
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SELECT plan(17);

CREATE FUNCTION pg_temp.normal(i bigint, seed bigint) RETURNS float8 LANGUAGE sql IMMUTABLE AS
  $$ SELECT salesops.normal_quantile(((hashint8extended(i, seed) & 1048575) + 0.5) / 1048576) $$;

-- 40 worlds of three segments, their parameters drawn as the prior says; 50 customers each, two thirds of them with four past periods.
CREATE TEMP TABLE truth AS
  SELECT world, 's' || s AS segment, exp(ln(0.3) + 0.7 * pg_temp.normal(world, 1) + 0.4 * pg_temp.normal(world * 10 + s, 2)) AS rate,
         exp(ln(12) + pg_temp.normal(world, 3) + 0.4 * pg_temp.normal(world * 10 + s, 4)) AS scale,
         salesops.logistic(ln(0.25) + pg_temp.normal(world, 5) + 0.5 * pg_temp.normal(world * 10 + s, 6)) AS carryover
  FROM generate_series(1, 40) AS world, generate_series(1, 3) AS s;
CREATE TEMP TABLE customer AS
  SELECT t.*, t.segment || '-' || i AS id, n, i % 3 > 0 AS has_past, 100000 * exp(pg_temp.normal(n, 7)) AS potential,
         -- Rates within a segment vary by half: exp of a normal variable with mean 1.
         t.rate * exp(0.47 * pg_temp.normal(n, 8) - 0.5 * 0.47 ^ 2) AS own_rate
  FROM truth t, generate_series(1, 50) AS i, LATERAL (SELECT world * 1000 + substr(segment, 2)::integer * 100 + i AS n) AS k;
CREATE FUNCTION pg_temp.revenue(c customer, effort float8) RETURNS float8 LANGUAGE sql IMMUTABLE AS
  $$ SELECT c.potential * c.own_rate * (c.carryover + (1 - c.carryover) * (1 - exp(-effort / c.scale))) $$;
CREATE TEMP TABLE past AS
  SELECT c.world, c.id, effort, greatest(mean + sqrt(2000 * mean) * pg_temp.normal(c.n * 10 + q, 10), 0) AS revenue
  FROM customer c, generate_series(1, 4) AS q, LATERAL (SELECT 12 * exp(0.9 * pg_temp.normal(c.n * 10 + q, 9)) AS effort) AS e,
       LATERAL (SELECT pg_temp.revenue(c, effort) AS mean) AS m
  WHERE c.has_past;
CREATE INDEX ON customer (world);
CREATE INDEX ON past (world);
CREATE FUNCTION pg_temp.customers(world integer) RETURNS text LANGUAGE sql AS $$ SELECT format('SELECT id, segment, potential FROM customer WHERE world = %s', world) $$;
CREATE FUNCTION pg_temp.past(world integer) RETURNS text LANGUAGE sql AS $$ SELECT format('SELECT id, effort, revenue FROM past WHERE world = %s', world) $$;
\set options '{"teams":[{"team":"t","segments":["s1","s2","s3"],"reps":2,"effort_per_rep":800}],"prior":{"scale":12},"scenarios":[{"name":"two"},{"name":"three","reps":{"t":3}}]}'
CREATE TEMP TABLE solution AS
  SELECT w.world, s.* FROM generate_series(1, 40) AS w (world), LATERAL solve_portfolio(pg_temp.customers(world), pg_temp.past(world), :'options') AS s;

CREATE TEMP TABLE learned AS
  SELECT s.world, s.variation, g.*
  FROM solution s, unnest(s.segments, s.rate, s.rate_low, s.rate_high, s.scale, s.scale_low, s.scale_high, s.carryover, s.carryover_low, s.carryover_high, s.deal)
    AS g (segment, rate, rate_low, rate_high, scale, scale_low, scale_high, carryover, carryover_low, carryover_high, deal)
  WHERE s.scenario = 'two';
-- Of 120 intervals of 80 % that hang together in threes, 96 +- 9 or so should cover.
SELECT ok(share BETWEEN 0.68 AND 0.92, format('intervals of %s cover the truth %s of the time', what, round(share, 2)))
FROM (SELECT avg((t.rate BETWEEN l.rate_low AND l.rate_high)::integer) AS rate, avg((t.scale BETWEEN l.scale_low AND l.scale_high)::integer) AS scale,
             avg((t.carryover BETWEEN l.carryover_low AND l.carryover_high)::integer) AS carryover
      FROM truth t JOIN learned l USING (world, segment)) AS c, LATERAL (VALUES ('the rate', rate), ('the scale', scale), ('the carryover', carryover)) AS v (what, share);
SELECT ok(abs(avg(ln(l.rate / t.rate))) < 0.05 AND abs(avg(ln(l.scale / t.scale))) < 0.1, 'neither rate nor scale is off in one direction') FROM truth t JOIN learned l USING (world, segment);
SELECT ok(sqrt(avg(ln(l.rate / t.rate) ^ 2)) < 0.3 AND sqrt(avg(ln(l.scale / t.scale) ^ 2)) < 0.5, 'both are found, where the prior alone would be off by 0.8 and 1.1') FROM truth t JOIN learned l USING (world, segment);
SELECT ok(avg(deal) BETWEEN 1600 AND 3000, 'so is what a deal brings: ' || round(avg(deal))) FROM learned;
SELECT ok(avg(variation) BETWEEN 0.4 AND 0.6, 'and how much customers differ: ' || round(avg(variation)::numeric, 2)) FROM learned;

-- What customers are expected to bring.
CREATE TEMP TABLE expected AS
  SELECT s.world, s.scenario, g.*, pg_temp.revenue(c, g.effort) AS true_revenue, c.has_past
  FROM solution s, unnest(s.customers, s.effort, s.revenue, s.revenue_low, s.revenue_high) AS g (id, effort, revenue, low, high)
  JOIN customer c USING (id) WHERE c.world = s.world;
SELECT ok(avg((true_revenue BETWEEN low AND high)::integer) BETWEEN 0.74 AND 0.88, format('customers %s a past: %s covered', CASE WHEN has_past THEN 'with' ELSE 'without' END, round(avg((true_revenue BETWEEN low AND high)::integer), 3)))
FROM expected WHERE scenario = 'two' GROUP BY has_past ORDER BY has_past;
SELECT ok(avg((log(high) - log(low))) FILTER (WHERE has_past) < 0.8 * avg((log(high) - log(low))) FILTER (WHERE NOT has_past), 'a past makes surer') FROM expected WHERE scenario = 'two' AND revenue > 0;
-- Shrinkage. Of customers who differ by half, two periods each that chance puts off by as much: known is the response, scale 10 and carryover 0.2.
CREATE TEMP TABLE shrunk AS
  SELECT c.id, own_rate, sum(revenue) / sum(1000 * k) AS face_value
  FROM (SELECT 'c' || i AS id, i, 0.3 * exp(0.47 * pg_temp.normal(i, 11) - 0.5 * 0.47 ^ 2) AS own_rate FROM generate_series(1, 400) AS i) AS c,
       generate_series(1, 2) AS q, LATERAL (SELECT 0.2 + 0.8 * (1 - exp(-q * 5 / 10.0)) AS k) AS r,
       LATERAL (SELECT greatest(1000 * own_rate * k + sqrt(60 * 1000 * own_rate * k) * pg_temp.normal(i * 10 + q, 12), 0) AS revenue) AS x
  GROUP BY c.id, own_rate;
SELECT ok(model < 0.9 * least(face_value, segment), format('error of the rate: %s, of the past at its face value %s, of the segment''s rate %s', round(model::numeric, 3), round(face_value::numeric, 3), round(segment::numeric, 3)))
FROM (SELECT sqrt(avg((d.revenue / 1000 / 0.2 - own_rate) ^ 2)) AS model, sqrt(avg((face_value - own_rate) ^ 2)) AS face_value, sqrt(avg((avg - own_rate) ^ 2)) AS segment
      FROM (SELECT *, avg(own_rate) OVER () AS avg FROM shrunk) AS s
      JOIN design_portfolio('SELECT id, ''all'' AS segment, 1000 AS potential FROM shrunk',
        $$ SELECT 'c' || i AS id, q * 5 AS effort, greatest(1000 * own_rate * k + sqrt(60 * 1000 * own_rate * k) * pg_temp.normal(i * 10 + q, 12), 0) AS revenue
           FROM shrunk, LATERAL (SELECT substr(id, 2)::integer AS i) AS n, generate_series(1, 2) AS q, LATERAL (SELECT 0.2 + 0.8 * (1 - exp(-q * 5 / 10.0)) AS k) AS r $$,
        '{"teams":[{"team":"t","segments":["all"],"effort_per_rep":0.5}],"prior":{"scale":10,"scale_deviation":0.001,"scale_between":0.001,"carryover":0.2,"carryover_deviation":0.001,"carryover_between":0.001}}') AS d
        ON d.customer_id = s.id) AS e;
SELECT ok(avg((t.true_total BETWEEN s.total_low AND s.total_high)::integer) BETWEEN 0.65 AND 0.95 AND abs(avg(s.total / t.true_total - 1)) < 0.03,
  format('totals: %s covered, %s too high on average', round(avg((t.true_total BETWEEN s.total_low AND s.total_high)::integer), 2), round(avg(s.total / t.true_total - 1)::numeric, 3)))
FROM solution s JOIN (SELECT world, scenario, sum(true_revenue) AS true_total FROM expected GROUP BY world, scenario) AS t USING (world, scenario) WHERE s.scenario = 'two';
SELECT ok(avg((three - two BETWEEN s.change_low AND s.change_high)::integer) BETWEEN 0.62 AND 0.95, 'what a third rep brings: ' || round(avg((three - two BETWEEN s.change_low AND s.change_high)::integer), 2) || ' covered')
FROM solution s JOIN (SELECT world, sum(true_revenue) FILTER (WHERE scenario = 'two') AS two, sum(true_revenue) FILTER (WHERE scenario = 'three') AS three FROM expected GROUP BY world) AS t USING (world)
WHERE s.scenario = 'three';

-- Shrinkage of segments: one without a past is like the others, and less sure.
CREATE TEMP TABLE partly AS
  SELECT * FROM portfolio_response(pg_temp.customers(1), pg_temp.past(1) || ' AND id NOT LIKE ''s3%''', :'options');
SELECT ok(n.rate BETWEEN least(a.rate, b.rate, 0.3) AND greatest(a.rate, b.rate, 0.3) AND n.learned_from = 0 AND n.rate_high / n.rate_low > a.rate_high / a.rate_low, 'a segment without a past is like the others, less surely')
FROM partly n, partly a, partly b WHERE n.segment = 's3' AND a.segment = 's1' AND b.segment = 's2';
SELECT results_eq(format('SELECT round(rate::numeric, 6), round(scale::numeric, 6), deal FROM portfolio_response(%L, NULL, %L)', pg_temp.customers(1), :'options'),
  'VALUES (0.3, 12.000000, NULL::float8), (0.3, 12, NULL), (0.3, 12, NULL)', 'without any past the prior is left');
-- Of a single segment it is only said twice how uncertain it is: how, does not matter. Counted twice, its own past would make it surer.
SELECT results_eq(format($$ SELECT round(rate_low::numeric, 9), round(scale_high::numeric, 9) FROM portfolio_response('SELECT id, ''all'' AS segment, potential FROM customer WHERE world = 3 AND segment = ''s1''', %L,
    '{"teams":[{"team":"t","segments":["all"],"effort_per_rep":800}],"prior":{"rate_deviation":%s,"rate_between":%s,"scale_deviation":%s,"scale_between":%s}}') $$, pg_temp.past(3) || ' LIMIT 20', a, b, a, b),
  format($$ SELECT round(rate_low::numeric, 9), round(scale_high::numeric, 9) FROM portfolio_response('SELECT id, ''all'' AS segment, potential FROM customer WHERE world = 3 AND segment = ''s1''', %L,
    '{"teams":[{"team":"t","segments":["all"],"effort_per_rep":800}],"prior":{"rate_deviation":%s,"rate_between":%s,"scale_deviation":%s,"scale_between":%s}}') $$, pg_temp.past(3) || ' LIMIT 20', b, a, b, a),
  'nobody counts his own past twice') FROM (VALUES (0.3, 0.4)) AS v (a, b);
-- Four quarters into a year: the same past says the same of a year, with four times the effort.
SELECT ok(abs(y.scale / q.scale - 4) < 1e-6 AND abs(y.rate / q.rate - 1) < 1e-6 AND abs(y.deal / q.deal - 1) < 1e-6, 'a past of quarters is read for a year')
FROM portfolio_response(pg_temp.customers(2), pg_temp.past(2), '{"teams":[{"team":"t","segments":["s1","s2","s3"],"effort_per_rep":800}]}') AS q,
     portfolio_response(replace(pg_temp.customers(2), 'potential', '4 * potential AS potential'), pg_temp.past(2), '{"periods":4,"teams":[{"team":"t","segments":["s1","s2","s3"],"effort_per_rep":800}]}') AS y
WHERE y.segment = 's1' AND q.segment = 's1';

SELECT * FROM finish();
ROLLBACK;
