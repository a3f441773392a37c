-- Why the forecast moved: the change of its mean between two instants of a quarter, told deal by deal and cause by cause, so that
-- the parts add up to it.
--
-- Both ends are what forecast() said then, with what was known, the model and the manager tree of the time. What a deal brings is
-- a product, and each factor that moved is a cause:
--
--   in the scope or not  x  amount in its own currency  x  rate  x  to close in the quarter or not  x  probability
--
-- Under the model an open deal is looked at whatever its close date, so the fourth factor moves under category weights only. A move of
-- the probability is named after what happened to the deal: won, lost, reopened, its category or its close date was changed; else age, time and
-- model made it. Where several factors of a deal moved at once, each has its mean effect over all orders in which they can have
-- moved (Shapley value), so no order is preferred, nothing is left over, and from and to exchanged give the same parts with the opposite sign. A
-- deal that was not there before or is not there any more has moved as a whole: created, deleted.
--
-- New business is told of no deal: its mean moves because time passes, and as a model learns of other quarters.

CREATE FUNCTION salesops.forecast_causes(OUT cause text, OUT meaning text)
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 13
BEGIN ATOMIC
  VALUES ('created', 'Deals that were not there before'),
         ('won', 'Won in the meantime: what was not certain before'),
         ('lost', 'Lost in the meantime'),
         ('reopened', 'Won or lost before, open again'),
         ('deleted', 'Deals that are not there any more'),
         ('amount', 'Amounts changed, or their currency'),
         ('rate', 'Exchange rates changed'),
         ('pulled in', 'Close dates moved into the quarter'),
         ('pushed out', 'Close dates moved out of the quarter, or to a later one'),
         ('category', 'Forecast categories changed'),
         ('probability', 'The same deals are more or less likely: age, time left, model, weights'),
         ('owner', 'Deals or their owners came into the scope or left it'),
         ('new business', 'What is expected of deals that are not open yet');
END;
COMMENT ON FUNCTION salesops.forecast_causes() IS 'Causes of forecast_change(), in the order in which it lists them';

CREATE FUNCTION salesops.product_shares(before numeric[], after numeric[], change numeric)
RETURNS numeric[] LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  n CONSTANT integer := cardinality(before);
  moved CONSTANT integer[] := ARRAY(SELECT i FROM generate_subscripts(before, 1) i WHERE before[i] <> after[i] ORDER BY i);
  shares numeric[] := array_fill(0::numeric, ARRAY[n]);
  others numeric[];
  part numeric;
  left_over numeric := change;
BEGIN
  FOR i IN 1 .. cardinality(moved) - 1 LOOP
    -- others[k]: sum, over all choices of k - 1 of the other factors, of the product with those moved already.
    others := ARRAY[1::numeric] || array_fill(0::numeric, ARRAY[n]);
    FOR j IN 1 .. n LOOP
      CONTINUE WHEN j = moved[i];
      FOR k IN REVERSE n .. 1 LOOP
        others[k] := others[k] * before[j] + CASE WHEN k > 1 THEN others[k - 1] * after[j] ELSE 0 END;
      END LOOP;
    END LOOP;
    -- So many orders of all have exactly k - 1 before this one.
    part := 0;
    FOR k IN 1 .. n LOOP
      part := part + others[k] * factorial(k - 1) * factorial(n - k);
    END LOOP;
    part := round((after[moved[i]] - before[moved[i]]) * part / factorial(n), 10);
    shares[moved[i]] := part;
    left_over := left_over - part;
  END LOOP;
  IF cardinality(moved) > 0 THEN
    shares[moved[cardinality(moved)]] := left_over;
  END IF;
  RETURN shares;
END $$;
COMMENT ON FUNCTION salesops.product_shares(numeric[], numeric[], numeric) IS
  'What each factor has in the change of a product from before to after: its effect, meant over all orders in which the factors can have moved '
  '(Shapley value), to ten places; the last that moved takes what rounding leaves, so that they add up to change exactly';

-- What a deal brings at one instant, as factors: a lost one has a probability of 0, one that was won in another quarter is not in this one.
CREATE FUNCTION salesops.deal_factors(
  as_of timestamptz, period salesops.fiscal_period, is_modelled boolean,
  OUT source_key text, OUT id text, OUT owner_id text, OUT state text, OUT category smallint, OUT close_date date,
  OUT own_amount numeric, OUT currency text, OUT amount numeric, OUT is_in_quarter boolean, OUT probability numeric, OUT expected numeric)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  WITH quarter AS MATERIALIZED (
    SELECT salesops.start_date(deal_factors.period, m.start_month) AS start_date, salesops.end_date(deal_factors.period, m.start_month) AS end_date
    FROM (SELECT salesops.fiscal_year_start_month() AS start_month) m
  ), stored AS MATERIALIZED (
    SELECT salesops.is_current_forecast(deal_factors.as_of) AS is_stored
  ), forecast AS MATERIALIZED (
    SELECT c.* FROM salesops.current_deal_forecast c WHERE c.part <> 'won last quarter' AND (SELECT s.is_stored FROM stored s)
    UNION ALL
    SELECT f.* FROM salesops.deal_forecasts(deal_factors.as_of, deal_factors.as_of) f
    WHERE f.part <> 'won last quarter' AND NOT (SELECT s.is_stored FROM stored s)
  )
  SELECT o.source_key, o.id, o.owner_id, o.status, o.category::smallint, o.close_date,
         -- What it brings in its own currency is known where the amount is the seller's.
         CASE WHEN o.amount_basis = 'stated' THEN o.amount END, o.currency, a.amount, q.is_in_quarter, p.probability,
         coalesce(CASE WHEN deal_factors.is_modelled THEN f.expected ELSE f.weighted END, 0)
  FROM salesops.opportunity_state(deal_factors.as_of, deal_factors.as_of) o
  CROSS JOIN quarter d
  LEFT JOIN forecast f ON f.source_key = o.source_key AND f.id = o.id
  CROSS JOIN LATERAL (SELECT CASE WHEN f.id IS NULL THEN salesops.bookable_amount(o.corporate_amount)
                                           WHEN deal_factors.is_modelled THEN f.amount ELSE f.corporate_amount END AS amount) a
  CROSS JOIN LATERAL (SELECT CASE WHEN deal_factors.is_modelled AND o.is_open THEN true
                                  ELSE coalesce(o.close_date BETWEEN d.start_date AND d.end_date, false) END AS is_in_quarter) q
  CROSS JOIN LATERAL (SELECT CASE o.status WHEN 'won' THEN 1 WHEN 'lost' THEN 0
                                           ELSE CASE WHEN deal_factors.is_modelled THEN f.probability::numeric ELSE f.weight END END AS probability) p;
END;
COMMENT ON FUNCTION salesops.deal_factors(timestamptz, salesops.fiscal_period, boolean) IS
  'Every deal there is at an instant with the factors of what it brings in a quarter: amount (own and corporate), to close in the quarter (always, for the '
  'open ones under a model), probability; and expected, their product as the forecast has it, 0 where it is unknown. A part of deal_change_parts()';

CREATE FUNCTION salesops.forecast_is_modelled(as_of timestamptz, method text)
RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT coalesce(forecast_is_modelled.method, '') <> 'category_weights'
         AND EXISTS (SELECT FROM salesops.current_win_model(forecast_is_modelled.as_of) m WHERE m.doubt IS NULL);
END;
COMMENT ON FUNCTION salesops.forecast_is_modelled(timestamptz, text) IS
  'Whether forecast() as of an instant by a method takes probabilities from a model: there is one that may be believed';

CREATE FUNCTION salesops.expected_new_business(as_of timestamptz, only_scope text, method text, OUT scope text, OUT amount numeric)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 100 SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  SELECT b.scope, n.mean
  FROM salesops.scope_new_business(expected_new_business.only_scope, expected_new_business.as_of, expected_new_business.as_of,
                                   expected_new_business.as_of, NULL) b
  CROSS JOIN LATERAL salesops.new_business_spread(b.amounts) n
  WHERE salesops.forecast_is_modelled(expected_new_business.as_of, expected_new_business.method);
END;
COMMENT ON FUNCTION salesops.expected_new_business(timestamptz, text, text) IS
  'The mean of the line new business of forecast() for the quarter that runs, of a scope or (NULL) of all; no row where it has none';

CREATE FUNCTION salesops.check_change_arguments(from_instant timestamptz, to_instant timestamptz, period salesops.fiscal_period, method text)
RETURNS void LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM salesops.check_forecast_arguments(period, from_instant, method);
  PERFORM salesops.check_forecast_arguments(period, to_instant, method);
  IF salesops.period_after(from_instant) OPERATOR(salesops.<>) period OR salesops.period_after(to_instant) OPERATOR(salesops.<>) period THEN
    RAISE EXCEPTION 'a change of forecast is between two instants of its quarter' USING
      ERRCODE = 'invalid_parameter_value',
      DETAIL = format('%s is in %s and %s in %s; the forecast is of %s.', from_instant, salesops.period_after(from_instant),
                      to_instant, salesops.period_after(to_instant), period),
      HINT = 'Begin with the last instant before the quarter: it already looks ahead to it.';
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_change_arguments(timestamptz, timestamptz, salesops.fiscal_period, text) IS
  'Raises 22023 unless the arguments are those of two forecasts of the quarter that runs at both instants';

CREATE FUNCTION salesops.scope_of_change(scope text, from_instant timestamptz, to_instant timestamptz)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  -- A manager whose last report has left heads no team any more.
  SELECT salesops.find_scope(scope, CASE WHEN EXISTS (SELECT FROM salesops.forecast_scopes(to_instant) s
                                                      WHERE scope_of_change.scope IN (s.scope, s.label)) THEN to_instant ELSE from_instant END);
END;
COMMENT ON FUNCTION salesops.scope_of_change(text, timestamptz, timestamptz) IS
  'The scope that a text names at the later of two instants, or else at the earlier; errors as of find_scope()';

-- The parts do not depend on the scope, but on whether it held the deal before, after, or both times. So they are told once for each of
-- these cases that occurs, and any number of scopes is a sum over them.

CREATE FUNCTION salesops.member_scopes(as_of timestamptz, only_scope text, OUT member text, OUT scopes text[])
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  SELECT coalesce(s.source_key || '/' || s.owner_id, ''),
         array_agg(s.scope ORDER BY s.scope) FILTER (WHERE CASE WHEN member_scopes.only_scope IS NULL THEN s.scope_kind <> 'owner'
                                                               ELSE s.scope = member_scopes.only_scope END)
  FROM salesops.forecast_scopes(member_scopes.as_of) s
  GROUP BY coalesce(s.source_key || '/' || s.owner_id, '');
END;
COMMENT ON FUNCTION salesops.member_scopes(timestamptz, text) IS
  'Each rep of an instant (source/id; empty = whoever is no rep) with his scopes of forecast_scopes(): company, regions and teams, or (only_scope) that one alone; '
  'NULL = none';

CREATE FUNCTION salesops.scope_cases(scopes_before text[], scopes_after text[], OUT scope text, OUT was_in boolean, OUT is_in boolean)
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 5
BEGIN ATOMIC
  SELECT coalesce(b.scope, a.scope), b.scope IS NOT NULL, a.scope IS NOT NULL
  FROM unnest(scopes_before) AS b(scope) FULL JOIN unnest(scopes_after) AS a(scope) ON a.scope = b.scope;
END;
COMMENT ON FUNCTION salesops.scope_cases(text[], text[]) IS 'Every scope of two lists, and whether it is in the first (was_in) and in the second (is_in)';

CREATE FUNCTION salesops.deal_change_parts(
  from_instant timestamptz, to_instant timestamptz, period salesops.fiscal_period, only_scope text, method text,
  OUT source_key text, OUT id text, OUT member_before text, OUT member_after text, OUT was_in boolean, OUT is_in boolean,
  OUT cause text, OUT amount numeric, OUT expected_before numeric, OUT expected_after numeric)
RETURNS SETOF record LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10000 SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = off AS $$
DECLARE
  was_modelled CONSTANT boolean := salesops.forecast_is_modelled(from_instant, method);
  is_modelled CONSTANT boolean := salesops.forecast_is_modelled(to_instant, method);
  is_alike CONSTANT boolean := was_modelled = is_modelled;
BEGIN
  RETURN QUERY
  WITH was AS MATERIALIZED (
    SELECT s.* FROM salesops.member_scopes(from_instant, only_scope) s
  ), will AS MATERIALIZED (
    SELECT s.* FROM salesops.member_scopes(to_instant, only_scope) s
  ), met AS MATERIALIZED (
    SELECT coalesce(a.source_key, b.source_key) AS source_key, coalesce(a.id, b.id) AS id,
           -- A name without a slash is nobody's: the deal is not there.
           CASE WHEN b.id IS NULL THEN '-' ELSE coalesce(w.member, '') END AS member_before,
           CASE WHEN a.id IS NULL THEN '-' ELSE coalesce(v.member, '') END AS member_after,
           coalesce(b.expected, 0) AS expected_before, coalesce(a.expected, 0) AS expected_after,
           b.id IS NULL AS is_new, b.id IS NULL OR a.id IS NULL AS is_whole, b.state AS was, a.state AS became,
           b.category IS DISTINCT FROM a.category AS is_recategorised, b.close_date AS close_before, a.close_date AS close_after,
           -- What is lost has lost what it was: nothing else about it counts.
           CASE WHEN b.state = 'lost' THEN a.own_amount ELSE b.own_amount END AS own_before,
           CASE WHEN a.state = 'lost' THEN b.own_amount ELSE a.own_amount END AS own_after,
           CASE WHEN b.state = 'lost' THEN a.amount ELSE b.amount END AS amount_before,
           CASE WHEN a.state = 'lost' THEN b.amount ELSE a.amount END AS amount_after,
           CASE WHEN 'lost' IN (a.state, b.state) THEN true ELSE a.currency = b.currency END AS is_one_currency,
           CASE WHEN b.state = 'lost' THEN a.is_in_quarter ELSE b.is_in_quarter END::integer AS quarter_before,
           CASE WHEN a.state = 'lost' THEN b.is_in_quarter ELSE a.is_in_quarter END::integer AS quarter_after,
           coalesce(b.probability, 0) AS probability_before, coalesce(a.probability, 0) AS probability_after
    FROM salesops.deal_factors(from_instant, period, was_modelled) b
    FULL JOIN salesops.deal_factors(to_instant, period, is_modelled) a ON a.source_key = b.source_key AND a.id = b.id
    LEFT JOIN was w ON w.member = b.source_key || '/' || b.owner_id
    LEFT JOIN will v ON v.member = a.source_key || '/' || a.owner_id
    -- Lost, or won in another quarter, at both ends: nothing then and nothing now, whatever else has moved.
    WHERE (b.state = 'open' OR b.state = 'won' AND b.is_in_quarter) OR (a.state = 'open' OR a.state = 'won' AND a.is_in_quarter)
  ), cases AS MATERIALIZED (
    SELECT DISTINCT p.member_before, p.member_after, c.was_in, c.is_in
    FROM (SELECT DISTINCT m.member_before, m.member_after FROM met m) p
    LEFT JOIN was w ON w.member = p.member_before
    LEFT JOIN will v ON v.member = p.member_after
    CROSS JOIN LATERAL salesops.scope_cases(w.scopes, v.scopes) c
  ), moved AS (
    SELECT m.*, c.was_in, c.is_in
    FROM met m JOIN cases c ON c.member_before = m.member_before AND c.member_after = m.member_after
  ), factor AS (
    SELECT m.*,
           ARRAY[m.was_in::integer, CASE WHEN r.is_known THEN m.own_before ELSE coalesce(m.amount_before, 0) END,
                 CASE WHEN r.is_known THEN m.amount_before / m.own_before ELSE 1 END, q.before,
                 m.probability_before * CASE WHEN is_alike THEN 1 ELSE m.quarter_before END]::numeric[] AS before,
           ARRAY[m.is_in::integer, CASE WHEN r.is_known THEN m.own_after ELSE coalesce(m.amount_after, 0) END,
                 CASE WHEN r.is_known THEN m.amount_after / m.own_after ELSE 1 END, q.after,
                 m.probability_after * CASE WHEN is_alike THEN 1 ELSE m.quarter_after END]::numeric[] AS after,
           m.expected_before * m.was_in::integer AS part_before, m.expected_after * m.is_in::integer AS part_after
    FROM moved m
    CROSS JOIN LATERAL (SELECT coalesce(m.own_before <> 0 AND m.own_after <> 0 AND m.amount_before <> 0 AND m.amount_after <> 0
                                        AND m.is_one_currency, false) AS is_known) r
    -- Where the ends ask differently of a close date, what that does is the model's doing.
    CROSS JOIN LATERAL (SELECT CASE WHEN is_alike THEN m.quarter_before ELSE 1 END AS before,
                               CASE WHEN is_alike THEN m.quarter_after ELSE 1 END AS after) q
    WHERE NOT m.is_whole
  )
  SELECT m.source_key, m.id, m.member_before, m.member_after, m.was_in, m.is_in, CASE WHEN m.is_new THEN 'created' ELSE 'deleted' END,
         m.expected_after - m.expected_before, m.expected_before, m.expected_after
  FROM moved m WHERE m.is_whole AND m.expected_after <> m.expected_before
  UNION ALL
  SELECT f.source_key, f.id, f.member_before, f.member_after, f.was_in, f.is_in,
         CASE s.place
           WHEN 1 THEN 'owner' WHEN 2 THEN 'amount' WHEN 3 THEN 'rate'
           WHEN 4 THEN CASE WHEN f.after[4] > f.before[4] THEN 'pulled in' ELSE 'pushed out' END
           ELSE CASE WHEN f.became <> f.was AND f.became = 'open' THEN 'reopened'
                     WHEN f.became <> f.was THEN f.became
                     WHEN f.is_recategorised THEN 'category'
                     WHEN was_modelled AND is_modelled AND f.close_after < f.close_before THEN 'pulled in'
                     WHEN was_modelled AND is_modelled AND f.close_after > f.close_before THEN 'pushed out'
                     ELSE 'probability' END
         END,
         s.share, f.part_before, f.part_after
  FROM factor f
  CROSS JOIN LATERAL unnest(salesops.product_shares(f.before, f.after, f.part_after - f.part_before)) WITH ORDINALITY AS s(share, place)
  WHERE f.before <> f.after AND s.share <> 0;
END $$;
COMMENT ON FUNCTION salesops.deal_change_parts(timestamptz, timestamptz, salesops.fiscal_period, text, text) IS
  'What deals have in the change of forecast() from one instant to another, a row a deal, cause and case: a scope that held the deal before (was_in), after '
  '(is_in), or both times. member_before and member_after: whose it was, as of member_scopes(), - = it was not there. only_scope: cases of that scope alone, '
  'NULL = of company, regions and teams. A part of forecast_change_deals() and scope_changes()';

CREATE FUNCTION salesops.forecast_change_deals(
  from_instant timestamptz, to_instant timestamptz, period salesops.fiscal_period, scope text DEFAULT 'company', method text DEFAULT NULL,
  OUT source_key text, OUT id text, OUT cause text, OUT amount numeric, OUT expected_before numeric, OUT expected_after numeric)
RETURNS SETOF record LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1000 SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
  PERFORM salesops.check_change_arguments(from_instant, to_instant, period, method);
  RETURN QUERY
  SELECT p.source_key, p.id, p.cause, p.amount, p.expected_before, p.expected_after
  FROM salesops.deal_change_parts(from_instant, to_instant, period, salesops.scope_of_change(scope, from_instant, to_instant), method) p
  ORDER BY abs(p.amount) DESC, p.source_key COLLATE "C", p.id COLLATE "C", p.cause COLLATE "C";
END $$;
COMMENT ON FUNCTION salesops.forecast_change_deals(timestamptz, timestamptz, salesops.fiscal_period, text, text) IS
  'What each deal has in the change of forecast() from one instant to another, a row a deal and cause (forecast_causes()), largest first: amount in '
  'corporate currency; expected_before and expected_after = what the deal was expected to bring the scope then. The amounts of a deal add up to '
  'expected_after - expected_before. Arguments and errors as of forecast_change()';

CREATE FUNCTION salesops.scope_changes(
  from_instant timestamptz, to_instant timestamptz, period salesops.fiscal_period, only_scope text DEFAULT NULL, method text DEFAULT NULL,
  OUT scope text, OUT cause text, OUT place bigint, OUT deals bigint, OUT amount numeric, OUT meaning text)
RETURNS SETOF record LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 500 SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
  PERFORM salesops.check_change_arguments(from_instant, to_instant, period, method);
  RETURN QUERY
  WITH was AS MATERIALIZED (
    SELECT s.* FROM salesops.member_scopes(from_instant, only_scope) s
  ), will AS MATERIALIZED (
    SELECT s.* FROM salesops.member_scopes(to_instant, only_scope) s
  ), part AS MATERIALIZED (
    SELECT p.member_before, p.member_after, p.was_in, p.is_in, p.cause, count(*) AS deals, sum(p.amount) AS amount
    FROM salesops.deal_change_parts(from_instant, to_instant, period, only_scope, method) p
    GROUP BY p.member_before, p.member_after, p.was_in, p.is_in, p.cause
  ), summed AS (
    SELECT c.scope, p.cause, sum(p.deals)::bigint AS deals, sum(p.amount) AS amount
    FROM part p
    LEFT JOIN was w ON w.member = p.member_before
    LEFT JOIN will v ON v.member = p.member_after
    JOIN LATERAL salesops.scope_cases(w.scopes, v.scopes) c ON c.was_in = p.was_in AND c.is_in = p.is_in
    GROUP BY c.scope, p.cause
    UNION ALL
    SELECT n.scope, 'new business', NULL, sum(n.amount)
    FROM (SELECT b.scope, b.amount FROM salesops.expected_new_business(to_instant, only_scope, method) b
          UNION ALL
          SELECT b.scope, -b.amount FROM salesops.expected_new_business(from_instant, only_scope, method) b) n
    GROUP BY n.scope
  )
  SELECT s.scope, c.cause, c.place, CASE WHEN c.cause <> 'new business' THEN coalesce(d.deals, 0) END, coalesce(d.amount, 0), c.meaning
  FROM (SELECT u.scope FROM was CROSS JOIN unnest(was.scopes) AS u(scope) UNION SELECT u.scope FROM will CROSS JOIN unnest(will.scopes) AS u(scope)) s
  CROSS JOIN salesops.forecast_causes() WITH ORDINALITY AS c(cause, meaning, place)
  LEFT JOIN summed d ON d.scope = s.scope AND d.cause = c.cause
  ORDER BY s.scope COLLATE "C", c.place;
END $$;
COMMENT ON FUNCTION salesops.scope_changes(timestamptz, timestamptz, salesops.fiscal_period, text, text) IS
  'forecast_change() of company, regions and teams at once, in one pass over the deals, a row a scope and cause (place = its place among forecast_causes()); scopes are '
  'those of either instant. only_scope: that one alone. Further arguments and errors as of forecast_change()';

CREATE FUNCTION salesops.forecast_change(
  from_instant timestamptz, to_instant timestamptz, period salesops.fiscal_period, scope text DEFAULT 'company', method text DEFAULT NULL,
  OUT cause text, OUT deals bigint, OUT amount numeric, OUT meaning text)
RETURNS SETOF record LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 13 SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
  PERFORM salesops.check_change_arguments(from_instant, to_instant, period, method);
  RETURN QUERY
  SELECT c.cause, c.deals, c.amount, c.meaning
  FROM salesops.scope_changes(from_instant, to_instant, period, salesops.scope_of_change(scope, from_instant, to_instant), method) c
  ORDER BY c.place;
END $$;
COMMENT ON FUNCTION salesops.forecast_change(timestamptz, timestamptz, salesops.fiscal_period, text, text) IS
  'Why the mean of forecast() moved between two instants of its quarter, a row a cause (forecast_causes()) with the number of deals (NULL for new business) '
  'and the amount in corporate currency; the amounts add up to the change. from_instant and to_instant: each as it was known then, by the model and the manager '
  'tree of then; scope and method as of forecast(). Exchanged instants give the same amounts with the opposite sign, created and deleted, pulled in and '
  'pushed out exchanged, and won or lost with reopened. 22023 for instants outside the quarter, 42704 for a scope that is unknown at both';
