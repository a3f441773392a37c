-- training: the deals open at every month's end of two years in one pass, against asking for each instant by itself; and what it
-- takes to count what a model learns from.
--
-- 100,000 deals with their history, one process, no JIT. The rivals run in turns; a ratio is between medians.
\set ON_ERROR_STOP on
\set QUIET on
\pset format unaligned
\pset tuples_only on
SET max_parallel_workers_per_gather = 0;
SET jit = off;
-- As training_deals() has it: the planner knows no sizes here.
SET enable_nestloop = off;
SET enable_mergejoin = off;
SET client_min_messages = warning;

SELECT count(*) AS ignored FROM salesops.generate_crm(100000, 100, 1, '2026-11-21 20:00+00', 0.02, 'crm_bench') \gset
SELECT salesops.connect('bench', 'fivetran_salesforce', 'crm_bench') AS ignored \gset
SELECT count(*) AS ignored FROM salesops.sync('bench', '2026-11-21 20:00+00') \gset
VACUUM ANALYZE;

CREATE TEMP TABLE timing (rival text, seconds double precision);
DO $$
DECLARE
  rivals CONSTANT jsonb := jsonb_build_object(
    'one pass', $q$SELECT count(*), sum(corporate_amount) FROM salesops.open_deals_at(salesops.marks('2024-12-01', '2026-11-01'), 'infinity')$q$,
    'each by itself', $q$SELECT count(*), sum(o.corporate_amount) FROM unnest(salesops.marks('2024-12-01', '2026-11-01')) m
                         CROSS JOIN LATERAL salesops.opportunity_state(m, 'infinity') o WHERE o.is_open$q$,
    'today', $q$SELECT count(*), sum(corporate_amount) FROM salesops.open_deals_at('{2026-11-21 20:00+00}')$q$,
    'today, state', $q$SELECT count(*), sum(corporate_amount) FROM salesops.opportunity_state('2026-11-21 20:00+00') WHERE is_open$q$,
    'cells', $q$SELECT count(*), NULL FROM salesops.win_cell_counts(salesops.training_cells('2024-12-01', '2026-11-01', 'infinity'))$q$);
  rival text;
  deals bigint;
  amount numeric;
  answers jsonb := '{}';
  started timestamptz;
BEGIN
  FOR round IN 1 .. 5 LOOP
    FOR rival IN SELECT jsonb_object_keys(rivals) LOOP
      started := clock_timestamp();
      EXECUTE rivals ->> rival INTO deals, amount;
      INSERT INTO timing VALUES (rival, extract(epoch FROM clock_timestamp() - started));
      answers := answers || jsonb_build_object(rival, ARRAY[deals::text, round(amount, 2)::text]);
    END LOOP;
  END LOOP;
  -- Of the past some amounts are not known, whatever the states carry; the deals are the same.
  IF answers -> 'one pass' ->> 0 <> answers -> 'each by itself' ->> 0 OR answers -> 'today' <> answers -> 'today, state' THEN
    RAISE EXCEPTION 'the rivals disagree: %', answers;
  END IF;
END $$;

CREATE TEMP VIEW median AS SELECT rival, percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS seconds FROM timing GROUP BY rival;
SELECT format('open deals at 23 marks: each by itself takes %s x as long as one pass (%s s)', round((s.seconds / o.seconds)::numeric, 1), round(o.seconds::numeric, 2))
FROM median o, median s WHERE o.rival = 'one pass' AND s.rival = 'each by itself';
SELECT format('today''s open deals with account, owner, pushes and idleness: %s x opportunity_state() alone (%s s)', round((o.seconds / s.seconds)::numeric, 1), round(o.seconds::numeric, 2))
FROM median o, median s WHERE o.rival = 'today' AND s.rival = 'today, state';
SELECT format('what a model learns from, counted: %s x the open deals alone (%s s)', round((c.seconds / o.seconds)::numeric, 1), round(c.seconds::numeric, 2))
FROM median o, median c WHERE o.rival = 'one pass' AND c.rival = 'cells';
