-- Learning an ideal customer profile, and asking it.

CREATE FUNCTION salesops.read_icp_attributes(attributes text[], as_of timestamptz, OUT accounts bigint, OUT read salesops.icp_attribute[])
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH counted AS MATERIALIZED (
    SELECT count(*) AS accounts FROM salesops.account_inputs(read_icp_attributes.as_of)
  ), account AS MATERIALIZED (
    SELECT v."values" FROM counted c CROSS JOIN salesops.icp_values(read_icp_attributes.attributes, read_icp_attributes.as_of) v
    -- Of many accounts a sample that does not depend on where they lie.
    WHERE c.accounts < 200000 OR abs(hashtextextended(v.id, 0) % (c.accounts / 100000)) = 0
  ), value AS MATERIALIZED (
    SELECT u.place::integer AS place, nullif(lower(btrim(u.value) COLLATE "C"), '') AS value, salesops.read_number(u.value) AS number
    FROM account a CROSS JOIN LATERAL unnest(a."values") WITH ORDINALITY AS u(value, place)
  ), seen AS (
    SELECT v.place, count(v.value) AS known, count(DISTINCT v.value) AS words, count(v.number) = count(v.value) AND count(v.number) > 0 AS is_number,
           count(DISTINCT v.number) AS numbers, trim_scale(min(v.number)) AS lowest, trim_scale(max(v.number)) AS highest,
           percentile_disc('{0.1666667,0.3333333,0.5,0.6666667,0.8333333}'::float8[]) WITHIN GROUP (ORDER BY v.number) AS sixths
    FROM value v GROUP BY v.place
  ), shape AS (
    SELECT t.place::integer AS place, t.attribute, coalesce(s.known, 0) AS known,
           -- Sixths, in two digits that a person would choose. Where all fall on the least number, what lies above it is the other range.
           CASE WHEN s.is_number AND s.numbers > 1 THEN s.lowest || ARRAY(SELECT DISTINCT r.edge
                                                                               FROM unnest(s.sixths) AS e(edge)
                                                                               CROSS JOIN LATERAL (SELECT trim_scale(round(e.edge, 1 - CASE WHEN e.edge = 0 THEN 0 ELSE floor(log(abs(e.edge)))::integer END)) AS edge) r
                                                                               WHERE r.edge > s.lowest AND r.edge <= s.highest ORDER BY 1) || s.highest END AS edges,
           CASE WHEN coalesce(s.known, 0) = 0 THEN 'not known of any account'
                WHEN CASE WHEN s.is_number THEN s.numbers ELSE s.words END = 1 THEN 'the same of all accounts'
                WHEN NOT s.is_number AND (s.words > 1000 OR s.words > 20 AND s.words * 2 > s.known) THEN format('%s different words of %s accounts', s.words, s.known) END AS left_out
    FROM unnest(read_icp_attributes.attributes) WITH ORDINALITY AS t(attribute, place) LEFT JOIN seen s ON s.place = t.place
  )
  SELECT (SELECT c.accounts FROM counted c),
         array_agg(ROW(NULL, s.place, s.attribute, s.known,
                       CASE WHEN cardinality(s.edges) = 2 THEN ARRAY[s.edges[1], (SELECT min(v.number) FROM value v WHERE v.place = s.place AND v.number > s.edges[1]), s.edges[2]] ELSE s.edges END,
                       NULL, s.left_out)::salesops.icp_attribute ORDER BY s.place)
  FROM shape s;
END;
COMMENT ON FUNCTION salesops.read_icp_attributes(text[], timestamptz) IS
  'How fit_icp() reads attributes, from all accounts of an instant (a sample of some 100,000 where there are 200,000 or more) and no outcome: as a number where every value that is known is one, its ranges being sixths; else as words. Left out are those that are unknown or the same of all, and words that are more than 1000, or more than 20 and of most accounts different';

CREATE FUNCTION salesops.icp_weights(model salesops.win_model, places integer[]) RETURNS integer[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH effect AS (
    SELECT e.* FROM salesops.win_effects(icp_weights.model) e WHERE salesops.is_calibrated(icp_weights.model) AND e.deals > 0
  ), mean AS (
    SELECT e.term, sum(e.deals * e.effect ORDER BY e.level COLLATE "C") / sum(e.deals)::float8 AS effect FROM effect e GROUP BY e.term
  ), term AS (
    SELECT p.place, coalesce(sqrt(sum(e.deals * (e.effect - m.effect) ^ 2 ORDER BY e.level COLLATE "C") / sum(e.deals)::float8), 0) AS spread
    FROM unnest(icp_weights.places) AS p(place)
    LEFT JOIN mean m ON m.term = 'attribute ' || p.place
    LEFT JOIN effect e ON e.term = m.term
    GROUP BY p.place
  ), total AS (
    SELECT sum(t.spread ORDER BY t.place) AS spread, count(*) AS terms FROM term t
  ), share AS (
    SELECT t.place, floor(CASE WHEN o.spread > 0 THEN 9000 * t.spread / o.spread + 1000.0 / o.terms ELSE 10000.0 / o.terms END)::integer AS weight FROM term t CROSS JOIN total o
  )
  SELECT coalesce(array_agg(s.weight + CASE WHEN s.place = f.place THEN 10000 - f.weight ELSE 0 END ORDER BY s.place), '{}')
  FROM share s CROSS JOIN (SELECT (array_agg(x.place ORDER BY x.weight DESC, x.place))[1] AS place, sum(x.weight)::integer AS weight FROM share x) f;
END;
COMMENT ON FUNCTION salesops.icp_weights(salesops.win_model, integer[]) IS
  'Weights of attributes in ten-thousandths, 10000 in all: nine tenths in proportion to how far their effects spread over the accounts learned from (standard deviation of the log odds), a tenth in equal parts, so that what the fit makes no use of still tells accounts apart; equal for a model that is not calibrated';

CREATE FUNCTION salesops.fit_icp(as_of timestamptz, attributes text[] DEFAULT '{industry,segment,employees,annual_revenue,country}', take_as_given boolean DEFAULT false)
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  accounts bigint;
  asked salesops.icp_attribute[];
  used salesops.icp_attribute[];
  factors text[];
  counted record;
  model salesops.win_model;
  weights integer[];
  added bigint;
  unknown text;
BEGIN
  PERFORM salesops.check_instant(as_of), salesops.check_given('attributes', attributes::text), salesops.check_given('take_as_given', take_as_given::text);
  unknown := (SELECT string_agg(coalesce(quote_literal(a), 'NULL'), ', ' ORDER BY a) FROM unnest(attributes) a
              WHERE a IS NULL OR NOT (starts_with(a, 'custom.') AND length(a) > 7) AND a <> ALL ('{industry,segment,account_type,employees,annual_revenue,country,website_visits,content_downloads,intent_score}'));
  IF unknown IS NOT NULL OR cardinality(attributes) NOT BETWEEN 1 AND 64 OR (SELECT count(DISTINCT a) FROM unnest(attributes) a) <> cardinality(attributes) THEN
    RAISE EXCEPTION 'no attributes of accounts: %', coalesce(unknown, attributes::text) USING
      ERRCODE = 'invalid_parameter_value', DETAIL = format('%s are named.', cardinality(attributes)),
      HINT = 'Name 1 to 64, each once, of industry, segment, account_type, employees, annual_revenue, country, website_visits, content_downloads, intent_score, and custom fields as custom.name.';
  END IF;
  SELECT r.accounts, r.read INTO accounts, asked FROM salesops.read_icp_attributes(attributes, as_of) r;
  SELECT array_agg(t ORDER BY t.place), array_agg('attribute ' || t.place ORDER BY t.place) INTO used, factors FROM unnest(asked) t WHERE t.left_out IS NULL;
  IF used IS NULL THEN
    RAISE EXCEPTION 'nothing is known of accounts that could tell them apart' USING
      ERRCODE = 'object_not_in_prerequisite_state',
      DETAIL = format('%s accounts. %s.', accounts, (SELECT string_agg(t.attribute || ': ' || t.left_out, '; ' ORDER BY t.place) FROM unnest(asked) t)),
      HINT = 'Name other attributes, or a later instant.';
  END IF;

  -- One period: who never bought has no day of its own.
  SELECT salesops.win_cells(factors, p.levels, salesops.fiscal_quarter(salesops.local_date(as_of), salesops.fiscal_year_start_month()), p.outcome = 'won') AS cells,
         count(*) AS examples, count(*) FILTER (WHERE p.outcome = 'won') AS wins, count(*) FILTER (WHERE p.outcome = 'never bought') AS never_bought
    INTO counted FROM salesops.icp_profiles(used, as_of, true, take_as_given) p;
  model := salesops.fit_win_model(counted.cells, factors);
  weights := salesops.icp_weights(model, ARRAY(SELECT t.place FROM unnest(used) t ORDER BY t.place));

  INSERT INTO salesops.icp (as_of, take_as_given, accounts, examples, wins, never_bought, model, doubt)
  SELECT as_of, take_as_given, accounts, counted.examples, counted.wins, counted.never_bought, model,
         CASE WHEN s.is_calibrated THEN NULL
              WHEN counted.examples = counted.never_bought AND NOT take_as_given AND EXISTS (SELECT FROM salesops.deal_outcomes(as_of))
              THEN 'nothing was known of any account before its first deal closed; take_as_given lets what was recorded first stand for the time before'
              ELSE s.reason END
  FROM salesops.win_model_summary(model) s
  RETURNING icp.icp_id INTO added;
  INSERT INTO salesops.icp_attribute (icp_id, place, attribute, known, edges, weight, left_out)
  SELECT added, t.place, t.attribute, t.known, t.edges, w.weight, t.left_out
  FROM unnest(asked) t
  LEFT JOIN (SELECT u.place, weights[row_number() OVER (ORDER BY u.place)] AS weight FROM unnest(used) u) w ON w.place = t.place;
  RETURN added;
END $$;
COMMENT ON FUNCTION salesops.fit_icp(timestamptz, text[], boolean) IS
  'Learn an ideal customer profile from icp_examples() of an instant, keep it as another version, and return its icp_id. Partial pooling as of fit_win_model(): a level that few accounts have stays near the average; unknown is a level of its own. '
  'With fewer than 50 examples, 10 won or 10 not it is kept with a doubt: fits are NULL, look-alikes weigh attributes alike. 22023 for an unknown attribute and an instant that is none or in the future, 55000 where no attribute tells accounts apart';

-- Asking

CREATE FUNCTION salesops.icp_level_effects(icp_id bigint, OUT place integer, OUT level text, OUT accounts bigint, OUT wins bigint, OUT effect float8, OUT standard_error float8)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
  SELECT t.place, e.level, e.deals, e.wins, e.effect, e.standard_error
  FROM salesops.icp i
  CROSS JOIN LATERAL salesops.win_effects(i.model) e
  JOIN salesops.icp_attribute t ON t.icp_id = i.icp_id AND e.term = 'attribute ' || t.place
  WHERE i.icp_id = icp_level_effects.icp_id
  UNION ALL
  -- What was never met is as uncertain as the levels of its attribute differ.
  SELECT t.place, NULL, 0, 0, 0, 1 / sqrt(p.precision)
  FROM salesops.icp i
  CROSS JOIN LATERAL salesops.win_model_summary(i.model) s
  CROSS JOIN LATERAL unnest(s.terms, s.precisions) AS p(term, precision)
  JOIN salesops.icp_attribute t ON t.icp_id = i.icp_id AND p.term = 'attribute ' || t.place
  WHERE i.icp_id = icp_level_effects.icp_id AND p.precision > 0;
END;
COMMENT ON FUNCTION salesops.icp_level_effects(bigint) IS
  'What an ideal customer profile makes of each level: accounts it learned from, how many were won, effect on the log odds with its standard error; level "(unknown)" = not known, NULL = never met';

CREATE FUNCTION salesops.icp_fits(as_of timestamptz, icp_id bigint DEFAULT NULL,
                                  OUT source_key text, OUT id text, OUT name text, OUT fit numeric, OUT fit_low numeric, OUT fit_high numeric, OUT unknown text[], OUT reason text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000
BEGIN ATOMIC
  WITH i AS MATERIALIZED (
    SELECT x.*, salesops.icp_attributes(x.icp_id) AS attributes FROM salesops.icp x WHERE x.icp_id = salesops.icp_in_force(icp_fits.as_of, icp_fits.icp_id)
  ), effect AS MATERIALIZED (
    SELECT e.* FROM i CROSS JOIN LATERAL salesops.icp_level_effects(i.icp_id) e
  ), profile AS MATERIALIZED (
    SELECT p.source_key, p.id, p.name, p.levels FROM salesops.icp_profiles((SELECT i.attributes FROM i), icp_fits.as_of) p
  ), pattern AS MATERIALIZED (
    SELECT d.levels, x.probability, x.logit, 1.6448536269514722 * sqrt(x.variance) AS half,
           ARRAY(SELECT u.attribute FROM unnest(i.attributes, d.levels) AS u(icp_id, place, attribute, known, edges, weight, left_out, level) WHERE u.level IS NULL ORDER BY u.place) AS unknown
    FROM (SELECT DISTINCT p.levels FROM profile p) d CROSS JOIN i
    CROSS JOIN LATERAL (
      SELECT y.probability, salesops.logit(y.probability) AS logit,
             (SELECT sum(coalesce(e.standard_error, n.standard_error) ^ 2 ORDER BY u.place)
              FROM unnest(i.attributes, d.levels) AS u(icp_id, place, attribute, known, edges, weight, left_out, level)
              LEFT JOIN effect e ON e.place = u.place AND e.level = coalesce(u.level, '(unknown)')
              LEFT JOIN effect n ON n.place = u.place AND n.level IS NULL) AS variance
      FROM (SELECT CASE WHEN i.doubt IS NULL THEN salesops.win_probability(i.model, d.levels) END AS probability) y) x
  )
  SELECT p.source_key, p.id, p.name, round((100 * c.probability)::numeric, 2), round((100 * salesops.logistic(c.logit - c.half))::numeric, 2), round((100 * salesops.logistic(c.logit + c.half))::numeric, 2),
         c.unknown, (SELECT i.doubt FROM i)
  FROM profile p JOIN pattern c ON c.levels = p.levels;
END;
COMMENT ON FUNCTION salesops.icp_fits(timestamptz, bigint) IS
  'How much each account of an instant looks like those that bought: fit = 100 x the probability that an account with its levels is one of them, with a 90 % interval from the standard errors of its effects as if these were independent. unknown = attributes that are not known, which count as such. '
  'By the profile in force at as_of, or that of the given number. NULL with the reason where the profile had too little to learn from; 42704 where there is none';

CREATE FUNCTION salesops.explain_fit(source_key text, id text, as_of timestamptz DEFAULT now(), icp_id bigint DEFAULT NULL,
                                     OUT attribute text, OUT level text, OUT accounts bigint, OUT wins bigint, OUT points numeric, OUT words text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
  WITH i AS MATERIALIZED (
    SELECT x.* FROM salesops.icp x WHERE x.icp_id = salesops.icp_in_force(explain_fit.as_of, explain_fit.icp_id)
  ), profile AS MATERIALIZED (
    SELECT p.levels FROM salesops.icp_profiles(salesops.icp_attributes((SELECT i.icp_id FROM i)), explain_fit.as_of) p
    WHERE p.source_key = explain_fit.source_key AND p.id = explain_fit.id
  )
  SELECT coalesce(t.attribute, 'all accounts'), CASE WHEN t.place IS NOT NULL THEN x.level END,
         CASE WHEN t.place IS NULL THEN i.examples ELSE coalesce(e.accounts, 0) END, CASE WHEN t.place IS NULL THEN i.wins ELSE coalesce(e.wins, 0) END, x.points,
         CASE WHEN t.place IS NULL THEN format('%s of %s accounts bought', i.wins, i.examples)
              WHEN e.level IS NULL THEN format('%s %s was not met before', t.attribute, x.level)
              ELSE format('%s %s: %s of %s bought', t.attribute, x.level, e.wins, e.accounts) END
  FROM i CROSS JOIN profile p
  CROSS JOIN LATERAL salesops.explain_win_probability(i.model, p.levels) WITH ORDINALITY AS x(factor, level, points, words, n)
  LEFT JOIN salesops.icp_attribute t ON t.icp_id = i.icp_id AND x.factor = 'attribute ' || t.place
  LEFT JOIN salesops.icp_level_effects(i.icp_id) e ON e.place = t.place AND e.level = x.level
  WHERE i.doubt IS NULL
  ORDER BY x.n;
END;
COMMENT ON FUNCTION salesops.explain_fit(text, text, timestamptz, bigint) IS
  'Why an account has its fit: first the average account, then each attribute with its level, how many accounts with it were learned from and how many bought, and the points it adds; points add up to fit. No row where there is no such account, or the profile had too little to learn from';

CREATE FUNCTION salesops.icp_ranking(icp_id bigint, known_at timestamptz, OUT accounts bigint, OUT wins bigint, OUT auc float8, OUT auc_low float8, OUT auc_high float8, OUT lift float8,
                                     OUT default_auc float8, OUT difference float8, OUT difference_low float8, OUT difference_high float8)
RETURNS record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH profile AS MATERIALIZED (
    SELECT i.icp_id, i.as_of FROM salesops.icp i WHERE i.icp_id = salesops.icp_in_force(NULL, icp_ranking.icp_id)
  ), buyer AS MATERIALIZED (
    SELECT DISTINCT o.source_key, o.account_id FROM salesops.deal_outcomes(icp_ranking.known_at) o WHERE o.status = 'won'
  ), known AS MATERIALIZED (
    SELECT DISTINCT o.source_key, o.account_id FROM salesops.deal_outcomes((SELECT i.as_of FROM profile i)) o
  ), prospect AS (
    SELECT f.fit::float8 AS fit, salesops.total(s.score)::float8 AS score, b.account_id IS NOT NULL AS won
    FROM profile i
    CROSS JOIN LATERAL salesops.icp_fits(i.as_of, i.icp_id) f
    JOIN salesops.account_scores((SELECT x.as_of FROM profile x)) s ON s.source_key = f.source_key AND s.id = f.id
    LEFT JOIN known k ON k.source_key = f.source_key AND k.account_id = f.id
    LEFT JOIN buyer b ON b.source_key = f.source_key AND b.account_id = f.id
    WHERE f.fit IS NOT NULL AND k.account_id IS NULL
  )
  SELECT c.accounts, c.wins, c.auc, c.auc_low, c.auc_high, c.lift, c.other_auc, c.difference, c.difference_low, c.difference_high
  FROM (SELECT coalesce(array_agg(p.fit), '{}') AS fits, coalesce(array_agg(p.score), '{}') AS scores, coalesce(array_agg(p.won), '{}') AS won FROM prospect p) a
  CROSS JOIN LATERAL salesops.compare_rankings(a.fits, a.scores, a.won) c;
END;
COMMENT ON FUNCTION salesops.icp_ranking(bigint, timestamptz) IS
  'An ideal customer profile held against what came later: of the accounts without a closed deal at its instant, with their fits of then, those who have bought by known_at. auc, lift and their 90 % intervals as in compare_rankings(), '
  'beside the default scorecard of that instant. NULL where there are too few; 42704 where there is no such profile';
