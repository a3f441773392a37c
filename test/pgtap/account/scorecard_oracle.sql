-- Scorecards made at random, against their rules read by plain SQL: whatever the kind of rule and the type of the value, the rule that holds is the one that should.
BEGIN;
SET LOCAL client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SELECT no_plan();

CREATE FUNCTION pg_temp.pick(stream integer, item integer, below integer) RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT ((hashint8extended(item, stream) & 1048575) % below)::integer $$;

-- Of each of 60 scorecards one feature: thresholds from below, from above, or ranges; numbers at halves and quarters around 0, which values meet exactly.
CREATE TEMP TABLE bound AS
SELECT DISTINCT ON (card, bound, op) card, card % 3 AS kind, n, bound, op
FROM (SELECT c AS card, n, (pg_temp.pick(1, c * 100 + n, 80) - 40) / 4.0 AS bound, pg_temp.pick(2, c * 100 + n, 2) = 0 AS op FROM generate_series(1, 60) c, generate_series(1, 1 + c % 25) n) x
ORDER BY card, bound, op, n;
-- Ranges begin at a bound and end before the next; every fourth is left out.
CREATE TEMP TABLE rule AS
SELECT card, kind, n, bound, op, lead(bound) OVER w AS next, CASE WHEN kind = 2 THEN format('%s%s, %s%s', CASE WHEN op THEN '[' ELSE '(' END, bound, lead(bound) OVER w, CASE WHEN lead(op) OVER w THEN ')' ELSE ']' END)
       ELSE (ARRAY['>', '<'])[kind + 1] || CASE WHEN op THEN '= ' ELSE ' ' END || bound END AS text, lead(op) OVER w AS next_op
FROM bound b WHERE kind < 2 OR NOT EXISTS (SELECT FROM bound o WHERE o.card = b.card AND o.bound = b.bound AND o.op > b.op)
WINDOW w AS (PARTITION BY card ORDER BY bound, NOT op);
DELETE FROM rule WHERE kind = 2 AND (next IS NULL OR n % 4 = 0);
SELECT salesops.add_scorecard(format(E'scorecard c%s\ncomponent c\nfeature x\n%s\nelse: -1\n', card, string_agg(format('%s: %s', text, n + 100), E'\n' ORDER BY pg_temp.pick(3, n, 1000)))) FROM rule GROUP BY card \g /dev/null

CREATE TEMP TABLE value AS SELECT (v - 90) / 8.0 AS x FROM generate_series(0, 180) v UNION ALL SELECT 1e30 UNION ALL SELECT -1e30 UNION ALL SELECT 0.00000000000000000001;
CREATE TEMP TABLE expected AS
SELECT c.card, v.x, coalesce((
  SELECT r.n + 100 FROM rule r
  WHERE r.card = c.card
    AND CASE r.kind WHEN 0 THEN v.x > r.bound OR v.x = r.bound AND r.op WHEN 1 THEN v.x < r.bound OR v.x = r.bound AND r.op
        ELSE (v.x > r.bound OR v.x = r.bound AND r.op) AND (v.x < r.next OR v.x = r.next AND NOT r.next_op) END
  -- The highest that is passed: > 5 before >= 5; the lowest that is kept: < 5 before <= 5.
  ORDER BY CASE WHEN r.kind = 0 THEN -r.bound ELSE r.bound END, r.op LIMIT 1), -1) AS points
FROM (SELECT DISTINCT card FROM rule) c, value v ORDER BY c.card;
SELECT ok(count(*) > 10000 AND count(DISTINCT points) > 20 AND count(*) FILTER (WHERE points < 0) > 500, 'thousands of values, of all rules and of none') FROM expected;
SELECT is_empty($$ SELECT e.card, v.x, e.points FROM expected e CROSS JOIN LATERAL (SELECT e.x) v WHERE salesops.scorecard_total(v, 'c' || e.card) <> e.points $$, 'numeric');
SELECT is_empty($$ SELECT e.card, v.x, e.points FROM expected e CROSS JOIN LATERAL (SELECT e.x::float8 AS x) v WHERE salesops.scorecard_total(v, 'c' || e.card) <> e.points $$, 'float8');
SELECT is_empty($$ SELECT e.card, v.x, e.points FROM expected e CROSS JOIN LATERAL (SELECT e.x::integer AS x) v WHERE abs(e.x) < 1e9 AND e.x = round(e.x) AND salesops.scorecard_total(v, 'c' || e.card) <> e.points $$, 'integer');
SELECT is_empty($$ SELECT e.card, v.x, s.points FROM expected e CROSS JOIN LATERAL (SELECT e.x) v CROSS JOIN LATERAL salesops.explain_score(v, 'c' || e.card) s
  LEFT JOIN rule r ON r.card = e.card AND r.n + 100 = s.points
  WHERE e.card <= 12 AND (s.points <> e.points OR replace(translate(s.rule, ' ', ''), '.0', '') <> regexp_replace(replace(coalesce(r.text, 'else'), ' ', ''), '(\.\d*[1-9])0+|\.0+', '\1', 'g')) $$, 'the explanation names the same rule');

SELECT * FROM finish();
ROLLBACK;
