-- The same bits everywhere: fingerprints of what portfolio design gives. As in forecast_bits the expected file is our own output, which is what
-- is wanted here; that the numbers are right is tested in test/pgtap/territory. Only + - * / make the data.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS salesops;
SET search_path = public, salesops;

CREATE TABLE public.portfolio_customer AS
  SELECT i::text AS id, 'segment ' || i % 3 AS segment, CASE WHEN i % 50 > 0 THEN 100 / (0.01 + draw(8, 'potential', i)) END AS potential FROM generate_series(1, 2000) AS i;
CREATE TABLE public.portfolio_past AS
  SELECT i::text AS id, 20 * draw(8, 'effort', i * 3 + q) AS effort, 60 / (0.01 + draw(8, 'potential', i)) * draw(8, 'revenue', i * 3 + q) AS revenue
  FROM generate_series(1, 2000, 2) AS i, generate_series(0, 2) AS q;
CREATE VIEW public.portfolio_solution AS
  SELECT s.* FROM solve_portfolio('TABLE public.portfolio_customer', 'TABLE public.portfolio_past', '{"periods":4,"from":"2026-01-01","to":"2026-12-31",
    "teams":[{"team":"a","segments":["segment 0"],"reps":5,"effort_per_rep":700},{"team":"b","segments":["segment 1","segment 2"],"reps":9,"effort_per_rep":700}],
    "targets":{"segment 0":1e6,"segment 2":90000},"roadmap":[{"product":"p","segment":"segment 1","ships_on":"2026-07-01","uplift":0.2,"uplift_deviation":0.1}],"minimum_effort":3,
    "scenarios":[{"name":"whole hours"},{"name":"any amount","minimum_effort":0,"effort_unit":0},{"name":"more","reps":{"b":12}}]}') AS s;
SELECT scenario, left(md5(string_agg(record_send(s)::text, '')), 12) AS fingerprint FROM public.portfolio_solution AS s GROUP BY scenario ORDER BY scenario;
-- Where a difference begins: what was learned, what is spent, what that brings.
SELECT scenario, left(md5(array_send(rate || scale || carryover || deal || variation)::text), 12) AS learned, left(md5(array_send(effort)::text), 12) AS effort,
       left(md5(array_send(revenue_low || revenue_high)::text), 12) AS intervals
FROM public.portfolio_solution ORDER BY scenario;

DROP VIEW public.portfolio_solution;
DROP TABLE public.portfolio_customer, public.portfolio_past;
