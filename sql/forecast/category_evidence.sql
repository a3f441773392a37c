-- Category weights as posteriors: what the weights say against what the deals of past quarters did.
--
-- A weight that somebody set is an opinion worth 20 deals: of n deals that stood in a category with the quarter as their
-- close date, and of which `wins` were won in it, the posterior is (wins + 20 x weight) / (n + 20). Without history that is
-- the weight itself, to the last digit; with history the deals outvote it. The interval is Wilson's, of the deals and the
-- opinion together, and so a little narrower than of the deals alone. Deals of one quarter share its luck; no interval
-- here knows that, so read it as the least uncertainty there is.
--
-- Money weighs deals differently: of the amount due, which share was won? A few large deals say less than many small
-- ones, so the deals count as (sum a)^2 / sum a^2 (Kish's effective number), which is n where all are equally large.

CREATE FUNCTION salesops.category_evidence(
  as_of timestamptz, quarters integer DEFAULT 4, seed_set text DEFAULT 'default', known_at timestamptz DEFAULT NULL,
  OUT category salesops.forecast_category, OUT months_to_go integer, OUT quarters_seen bigint, OUT deals bigint, OUT wins bigint,
  OUT seed numeric, OUT posterior numeric, OUT low double precision, OUT high double precision, OUT gap numeric,
  OUT amount numeric, OUT amount_won numeric, OUT effective_deals numeric, OUT amount_posterior numeric,
  OUT amount_low double precision, OUT amount_high double precision, OUT verdict text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 21
SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  WITH seed AS MATERIALIZED (
    SELECT c.category, c.rank, w.weights[row_number() OVER (ORDER BY c.rank)] AS weight
    FROM salesops.forecast_categories() c
    CROSS JOIN (SELECT salesops.weights(category_evidence.seed_set, category_evidence.as_of) AS weights) w
  ), seen AS MATERIALIZED (
    -- Amounts that are not positive have no share to win.
    SELECT d.category::smallint AS rank, d.months_to_go, count(DISTINCT d.period::integer) AS quarters, count(*) AS deals,
           count(*) FILTER (WHERE d.is_won) AS wins,
           sum(d.corporate_amount) FILTER (WHERE d.corporate_amount > 0) AS amount,
           coalesce(sum(d.corporate_amount) FILTER (WHERE d.corporate_amount > 0 AND d.is_won), 0) AS amount_won,
           sum(d.corporate_amount ^ 2) FILTER (WHERE d.corporate_amount > 0) AS squares
    FROM salesops.deals_at_marks(category_evidence.as_of, category_evidence.quarters, category_evidence.known_at) d
    WHERE d.is_due AND d.category IS NOT NULL
    GROUP BY d.category::smallint, d.months_to_go
  ), counted AS (
    SELECT s.category, s.rank, g.months, s.weight, coalesce(n.quarters, 0) AS quarters, coalesce(n.deals, 0) AS deals, coalesce(n.wins, 0) AS wins,
           n.amount, CASE WHEN n.amount IS NOT NULL THEN n.amount_won END AS amount_won,
           round(n.amount ^ 2 / n.squares, 6) AS effective_deals, n.amount_won / n.amount AS amount_share
    FROM seed s CROSS JOIN generate_series(3, 1, -1) g(months)
    LEFT JOIN seen n ON n.rank = s.rank AND n.months_to_go = g.months
  ), judged AS (
    SELECT c.*, trim_scale((c.wins + 20 * c.weight) / (c.deals + 20)) AS posterior,
           (c.effective_deals * c.amount_share + 20 * c.weight) / (c.effective_deals + 20) AS amount_posterior
    FROM counted c
  )
  SELECT j.category, j.months, j.quarters, j.deals, j.wins, j.weight, j.posterior, i.low, i.high, j.posterior - j.weight,
         j.amount, j.amount_won, j.effective_deals, trim_scale(j.amount_posterior), a.low, a.high,
         CASE WHEN j.category = 'Closed' THEN 'no open deal is Closed: the seed stands'
              WHEN j.deals = 0 THEN 'no deal of a past quarter was in it then: the seed stands'
              ELSE format('%s: %s of %s deals won, %s %% (%s to %s %%) against %s %%%s',
                          CASE WHEN j.weight > i.high THEN 'wins less than the seed says'
                               WHEN j.weight < i.low THEN 'wins more than the seed says' ELSE 'in line with the seed' END,
                          j.wins, j.deals, round(100 * j.posterior, 1), round((100 * i.low)::numeric, 1), round((100 * i.high)::numeric, 1),
                          trim_scale(round(100 * j.weight, 2)),
                          CASE WHEN j.deals < 20 THEN '; mostly the seed, which counts as 20 deals' ELSE '' END) END
  FROM judged j
  CROSS JOIN LATERAL salesops.share_interval((j.posterior * (j.deals + 20))::double precision, (j.deals + 20)::double precision) i
  CROSS JOIN LATERAL salesops.share_interval((j.amount_posterior * (j.effective_deals + 20))::double precision,
                                              (j.effective_deals + 20)::double precision) a
  ORDER BY j.rank DESC, j.months DESC;
END;
COMMENT ON FUNCTION salesops.category_evidence(timestamptz, integer, text, timestamptz) IS
  'What the deals of the latest `quarters` quarters that had ended by as_of say about the category weights, by months to go: deals due in '
  'the quarter and in the category then, how many were won in it, the seed (weight of seed_set at as_of), the posterior (wins + '
  '20 x seed) / (deals + 20) with its 90 % interval, posterior - seed, the same by amount in corporate currency (NULL without '
  'amounts), and a verdict in words. known_at (NULL = as_of) as in opportunity_as_of(); 42704 for an unknown set';

CREATE TABLE salesops.weight_evidence (
  name         text NOT NULL,
  category     salesops.forecast_category NOT NULL,
  valid_from   timestamptz NOT NULL,
  known_at     timestamptz NOT NULL,
  quarters     integer NOT NULL,
  months_to_go integer NOT NULL,
  seed_set     text NOT NULL,
  seed         numeric NOT NULL,
  deals        bigint NOT NULL,
  wins         bigint NOT NULL,
  PRIMARY KEY (name, category, valid_from)
);
COMMENT ON TABLE salesops.weight_evidence IS
  'Where the weights that recalibrate_weights() wrote came from; a row of weight_set without one here was set by somebody';
COMMENT ON COLUMN salesops.weight_evidence.name IS 'Name of the weight set';
COMMENT ON COLUMN salesops.weight_evidence.category IS 'Forecast category';
COMMENT ON COLUMN salesops.weight_evidence.valid_from IS 'Instant from which the weight holds, and that the evidence is as of';
COMMENT ON COLUMN salesops.weight_evidence.known_at IS 'When the evidence was known';
COMMENT ON COLUMN salesops.weight_evidence.quarters IS 'How many ended quarters were looked back';
COMMENT ON COLUMN salesops.weight_evidence.months_to_go IS 'Mark of the quarters that the deals were looked at: 3, 2 or 1 months to go';
COMMENT ON COLUMN salesops.weight_evidence.seed_set IS 'Weight set that the seed was taken from';
COMMENT ON COLUMN salesops.weight_evidence.seed IS 'Weight before the evidence, worth 20 deals';
COMMENT ON COLUMN salesops.weight_evidence.deals IS 'Deals seen';
COMMENT ON COLUMN salesops.weight_evidence.wins IS 'Of these won in their quarter';
SELECT pg_catalog.pg_extension_config_dump('salesops.weight_evidence', '');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.weight_evidence
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change('Call salesops.recalibrate_weights() with a later as_of.');
COMMENT ON TRIGGER append_only ON salesops.weight_evidence IS 'what a published weight came from must stay known';

CREATE FUNCTION salesops.recalibrate_weights(
  as_of timestamptz, name text, quarters integer DEFAULT 4, months_to_go integer DEFAULT 3, seed_set text DEFAULT 'default',
  known_at timestamptz DEFAULT NULL, OUT category salesops.forecast_category, OUT seed numeric, OUT weight numeric, OUT verdict text)
RETURNS SETOF record LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  line record;
BEGIN
  IF name IS NULL OR name = '' OR months_to_go IS NULL OR months_to_go NOT BETWEEN 1 AND 3 THEN
    RAISE EXCEPTION 'cannot recalibrate weight set % at % months to go', coalesce(quote_literal(name), 'NULL'), coalesce(months_to_go::text, 'NULL') USING
      ERRCODE = 'invalid_parameter_value',
      HINT = 'Name the set to write; a quarter has 3 months to go at its start, then 2, then 1.';
  END IF;
  IF name = seed_set THEN
    RAISE EXCEPTION 'weight set "%" cannot be its own seed', name USING
      ERRCODE = 'invalid_parameter_value',
      DETAIL = 'Its next recalibration would count the same deals again.',
      HINT = 'Write to another name and publish by it: SELECT salesops.set_setting(''weight_set'', ''learned'').';
  END IF;
  FOR line IN
    SELECT e.* FROM salesops.category_evidence(as_of, quarters, seed_set, known_at) e WHERE e.months_to_go = recalibrate_weights.months_to_go
  LOOP
    category := line.category;
    seed := line.seed;
    weight := trim_scale(round(line.posterior, 4));
    verdict := line.verdict;
    PERFORM salesops.set_weight(name, category, weight, as_of);
    INSERT INTO salesops.weight_evidence (name, category, valid_from, known_at, quarters, months_to_go, seed_set, seed, deals, wins)
    VALUES (name, category, as_of, coalesce(known_at, as_of), quarters, months_to_go, seed_set, seed, line.deals, line.wins);
    RETURN NEXT;
  END LOOP;
END $$;
COMMENT ON FUNCTION salesops.recalibrate_weights(timestamptz, text, integer, integer, text, timestamptz) IS
  'Write the posteriors of category_evidence() (those with months_to_go, 3 = at quarter start; to 0.01 %) into weight set `name` from as_of on, '
  'and into weight_evidence where they came from; returns them. Nothing is published by it before the setting weight_set names '
  'the set. 22023 where the set would be its own seed or an argument is out of range, 23505 where it has weights from that instant already';
