-- The same bits everywhere: fingerprints of what the mathematics of the forecast gives. The expected file is our own output, which is what is
-- wanted here: the law is that every compiler (gcc and clang, -O0 to -O3), processor and release of PostgreSQL gives the same. That the numbers are
-- right is tested elsewhere (test/pgtap/forecast, test/truth). Where a change of the method is meant to change them, the file is written anew.
--
-- Only + - * / and integers make the data, so that the C library has no say in it.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS salesops;
SET search_path = public, salesops;
SET timezone = 'UTC';

CREATE TABLE public.bits AS
  SELECT i, 'FY2024-Q1'::fiscal_period + i % 12 AS period,
         CASE WHEN i % 97 = 0 THEN -1 ELSE 1 END * round((100 / (0.002 + draw(8, 'amount', i)))::numeric, CASE WHEN i % 3 = 0 THEN -2 ELSE 2 END) AS amount,
         CASE i % 50 WHEN 0 THEN 1 WHEN 1 THEN 0 ELSE round((0.05 + 0.8 * draw(8, 'probability', i))::numeric, 4)::float8 END AS probability,
         ARRAY[(1 + i % 3)::text, (ARRAY['0-7 days', '8-14 days', '15-30 days', 'over 30 days'])[1 + draw_int(8, 'age', i, 4)], 'segment ' || draw_int(8, 'segment', i, 5),
               CASE WHEN i % 41 = 0 THEN NULL ELSE 'owner ' || draw_int(8, 'owner', i, 60) END] AS levels,
         draw(8, 'outcome', i) < 0.1 + 0.5 * draw(8, 'probability', i) + 0.02 * draw_int(8, 'segment', i, 5) AS won
  FROM generate_series(1, 10000) AS i;
CREATE INDEX bits_shuffled ON public.bits (md5(i::text));
ANALYZE public.bits;

CREATE FUNCTION fingerprint(bytea) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT left(md5($1), 12)';
CREATE FUNCTION fingerprint(float8[]) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
  $$ SELECT left(md5(string_agg(coalesce(float8send(x)::text, 'null'), ' ' ORDER BY place)), 12) FROM unnest($1) WITH ORDINALITY AS u (x, place) $$;
-- What aggregates say of all rows.
CREATE VIEW all_rows AS
  SELECT fingerprint(bookings_distribution_send(bookings(amount, probability, 0.04))) AS book,
         fingerprint(win_cells_send(win_cells(ARRAY['to_go', 'age', 'segment', 'owner'], levels, period, won))) AS cells,
         fingerprint(ARRAY[estimate_correlation(period, amount, probability, won)]) AS correlation,
         fingerprint(ARRAY[log_loss(probability, won), brier(probability, won)]) AS scores
  FROM public.bits;

-- The functions under all
SELECT 'exp' AS function, fingerprint(array_agg(portable_exp(x) ORDER BY k)) FROM (SELECT k, (k - 1500) / 7.0::float8 AS x FROM generate_series(0, 3000) AS k) AS v
UNION ALL SELECT 'ln', fingerprint(array_agg(portable_ln(x) ORDER BY k)) FROM (SELECT k, k * k / 777.0::float8 AS x FROM generate_series(1, 3000) AS k) AS v
UNION ALL SELECT 'logistic', fingerprint(array_agg(logistic(x) ORDER BY k)) FROM (SELECT k, (k - 1500) / 33.0::float8 AS x FROM generate_series(0, 3000) AS k) AS v
UNION ALL SELECT 'normal_cdf', fingerprint(array_agg(normal_cdf(x) ORDER BY k)) FROM (SELECT k, (k - 1500) / 40.0::float8 AS x FROM generate_series(0, 3000) AS k) AS v
UNION ALL SELECT 'normal_quantile', fingerprint(array_agg(normal_quantile(k / 3001.0::float8) ORDER BY k)) FROM generate_series(1, 3000) AS k
ORDER BY 1;

-- Books of one deal to many, without and with business not yet created
SELECT n AS deals, rho, fingerprint(quantiles(b, '{0.01,0.1,0.5,0.9,0.99}')) AS quantiles,
       fingerprint(ARRAY[stddev(b), expected_shortfall(b, 0.1), probability_at_least(b, 20000), noise_floor(b)]) AS others,
       fingerprint(quantiles(b + uncertain_bookings(10000, 7000, rho), '{0.1,0.5,0.9}')) AS with_new_business
FROM unnest('{1,5,9,25,60,300,3000,10000}'::integer[]) AS n, unnest('{0,0.05,0.3}'::float8[]) AS rho,
     LATERAL (SELECT bookings(amount, probability, rho) AS b FROM public.bits WHERE i <= n) AS book
ORDER BY n, rho;

-- The win model
CREATE TABLE public.model AS SELECT fit_win_model(win_cells(ARRAY['to_go', 'age', 'segment', 'owner'], levels, period, won)) AS model FROM public.bits;
SELECT fingerprint(win_model_send(model)) AS model, left(md5(model::text), 12) AS text FROM public.model;
SELECT fingerprint(array_agg(win_probability(model, levels) ORDER BY i)) AS at_marks, fingerprint(array_agg(win_probability(model, levels, i % 37 / 11.0::float8) ORDER BY i)) AS between_marks
FROM public.model, public.bits WHERE i <= 2000;
SELECT left(md5(string_agg(e::text, ' ' ORDER BY i, place)), 12) AS explained
FROM public.model, public.bits, LATERAL explain_win_probability(model, levels, i % 37 / 11.0::float8) WITH ORDINALITY AS e (factor, level, points, words, place) WHERE i <= 200;

-- Scores and correlation
SELECT fingerprint(ARRAY[log_loss, brier, reliability, resolution, uncertainty, within_bins]) AS scores FROM (SELECT (score_probabilities(probability, won)).* FROM public.bits) AS s;
SELECT left(md5(string_agg(c::text, ' ')), 12) AS calibration FROM (SELECT unnest(calibration(probability, won)) AS c FROM public.bits) AS v;
SELECT fingerprint(array_agg(shrunk_correlation(e, q) ORDER BY e, q)) AS shrunk FROM unnest('{-0.1,-0.01,0,0.02,0.1,0.5}'::float8[]) AS e, unnest('{1,4,40,1000}'::integer[]) AS q;

-- Any order of the rows
SET max_parallel_workers_per_gather = 0;
SELECT * FROM all_rows;
CLUSTER public.bits USING bits_shuffled;
SELECT * FROM all_rows;

-- As many processes as there are
SET max_parallel_workers = 8;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET parallel_leader_participation = off;
SET max_parallel_workers_per_gather = 4;
ALTER TABLE public.bits SET (parallel_workers = 1);
SELECT * FROM all_rows;
ALTER TABLE public.bits SET (parallel_workers = 2);
SELECT * FROM all_rows;
ALTER TABLE public.bits SET (parallel_workers = 4);
EXPLAIN (COSTS off) SELECT bookings(amount, probability, 0.04) FROM public.bits;
SELECT * FROM all_rows;

DROP VIEW all_rows;
DROP TABLE public.bits, public.model;
DROP FUNCTION fingerprint(bytea), fingerprint(float8[]);
