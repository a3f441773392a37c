-- What the win model is worth on the deals of the source `csv`: walk forward, quarter by quarter, each predicted by what was learned
-- from the quarters before it. Variables: minimum = quarters to learn from first.
\pset pager off
\pset footer off
\pset null ''
SET search_path = salesops, pg_catalog;
SET jit = off;

-- The last quarter is one that the data have to its end, but for a few quiet days.
CREATE TEMP TABLE span AS
SELECT min(created_at)::date AS from_date,
       (SELECT max(CASE WHEN e.day <= x.last + 7 THEN e.day ELSE (start_date(q.quarter, m.month) - 1) END) + 1
        FROM (SELECT fiscal_quarter(x.last, m.month)) q(quarter), LATERAL (SELECT end_date(q.quarter, m.month) AS day) e) AS to_date
FROM opportunity, (SELECT fiscal_year_start_month() AS month) m,
     (SELECT greatest(max(d.closed_on) FILTER (WHERE d.closed_on <= local_date(now())), max(d.created_at)::date) AS last FROM deal_outcomes('infinity') d) x
GROUP BY x.last, m.month;

\echo
\echo 'What is learned from, by period'
SELECT s.period, sum(s.deals) AS "deal-months", sum(s.wins) AS won, sum(s.reconstructed) AS reconstructed
FROM span, training_summary(from_date, to_date, 'infinity') s GROUP BY s.period ORDER BY s.period;

\echo 'Fields that give the outcome away, and the factors that are left out for it'
SELECT reason, array_to_string(factors, ', ') AS factors, round(z::numeric, 1) AS z, round(effect::numeric, 2) AS effect FROM leaking_fields('infinity');

CREATE TEMP TABLE variant (name text, factors text[]);
INSERT INTO variant VALUES ('win model', honest_win_factors('infinity'));
INSERT INTO variant SELECT 'win model, with fields that give the outcome away', win_factors() WHERE win_factors() <> honest_win_factors('infinity');
CREATE TEMP TABLE deal AS
SELECT v.name AS variant, v.factors, d.mark, d.source_key, d.id, d.period, d.months_to_go, d.category, d.levels, d.won
FROM span, variant v, LATERAL training_deals(from_date, to_date, 'infinity', v.factors) d;
ANALYZE deal;

CREATE TEMP TABLE tested AS
SELECT q.period FROM (SELECT DISTINCT period FROM deal) q ORDER BY q.period OFFSET :minimum;
CREATE TEMP TABLE fitted AS
SELECT v.name AS variant, t.period, fit_win_model(win_cells(d.factors, d.levels, d.period, d.won)) AS model
FROM variant v CROSS JOIN tested t JOIN deal d ON d.variant = v.name AND d.period < t.period
GROUP BY v.name, t.period;

-- What to compare with. A segment is the factor segment, or product where no deal has a segment.
CREATE TEMP TABLE plain AS
SELECT d.mark, d.source_key, d.id, d.period, d.months_to_go, d.category, d.won, d.levels[array_position(d.factors, 'owner')] AS owner,
       CASE WHEN bool_or(d.levels[array_position(d.factors, 'segment')] IS NOT NULL) OVER () THEN d.levels[array_position(d.factors, 'segment')]
            ELSE d.levels[array_position(d.factors, 'product')] END AS segment
FROM deal d WHERE d.variant = 'win model';
ANALYZE plain;
CREATE TEMP TABLE learned AS
SELECT t.period, p.months_to_go, p.segment, p.owner, count(*)::float8 AS n, count(*) FILTER (WHERE p.won)::float8 AS wins
FROM tested t JOIN plain p ON p.period < t.period GROUP BY t.period, p.months_to_go, p.segment, p.owner;
CREATE TEMP TABLE closed AS
SELECT t.period, avg((o.status = 'won')::integer)::float8 AS rate
FROM tested t JOIN deal_outcomes('infinity') o ON o.closed_on < start_date(t.period, fiscal_year_start_month()) GROUP BY t.period;

CREATE TEMP TABLE said (method text, place integer, mark timestamptz, period fiscal_period, months_to_go float8, probability float8, won boolean);
INSERT INTO said
SELECT d.variant, CASE d.variant WHEN 'win model' THEN 1 ELSE 2 END, d.mark, d.period, d.months_to_go, win_probability(f.model, d.levels), d.won
FROM deal d JOIN fitted f ON f.variant = d.variant AND f.period = d.period;
INSERT INTO said
SELECT m.method, m.place, p.mark, p.period, p.months_to_go, m.probability, p.won
FROM plain p
JOIN tested t ON t.period = p.period
JOIN closed c ON c.period = p.period
JOIN (SELECT period, months_to_go, sum(wins) / sum(n) AS rate FROM learned GROUP BY 1, 2) b ON b.period = p.period AND b.months_to_go = p.months_to_go
LEFT JOIN (SELECT period, months_to_go, coalesce(segment, '') AS segment, coalesce(owner, '') AS owner, sum(n) AS n, sum(wins) AS wins FROM learned GROUP BY 1, 2, 3, 4) g
  ON g.period = p.period AND g.months_to_go = p.months_to_go AND g.segment = coalesce(p.segment, '') AND g.owner = coalesce(p.owner, '')
CROSS JOIN LATERAL (VALUES
  ('constant rate by months to go', 3, b.rate),
  ('category weights (20 % where there is no category)', 4, coalesce((SELECT weight FROM forecast_categories() x WHERE x.category = p.category), 0.2)::float8),
  ('win rate of closed deals', 5, c.rate),
  ('segment x rep rate by months to go, smoothed (20)', 6, (coalesce(g.wins, 0) + 20 * b.rate) / (coalesce(g.n, 0) + 20)),
  ('segment x rep rate by months to go, not smoothed', 7, coalesce(g.wins / g.n, b.rate))) m(method, place, probability);

\echo 'Probability of being won by the quarter\'s end, all tested quarters together'
SELECT method, count(*) AS "deal-months", round(log_loss(probability, won)::numeric, 4) AS "log loss", round(brier(probability, won)::numeric, 4) AS "Brier",
       round(100 * avg(probability)::numeric, 1) AS "said %", round(100.0 * count(*) FILTER (WHERE won) / count(*), 1) AS "won %"
FROM said GROUP BY method, place ORDER BY place;

\echo 'The win model by quarter: log loss, and of the constant rate'
SELECT s.period, count(*) FILTER (WHERE place = 1) AS "deal-months", round(log_loss(probability, won) FILTER (WHERE place = 1)::numeric, 4) AS "win model",
       round(log_loss(probability, won) FILTER (WHERE place = 3)::numeric, 4) AS constant,
       (SELECT round(y.strength::numeric, 2) FROM fitted f, win_model_summary(f.model) y WHERE f.variant = 'win model' AND f.period = s.period) AS "strength of recalibration"
FROM said s GROUP BY s.period ORDER BY s.period;
