-- What the options of a portfolio design mean: checked in words, defaults filled in, one row a scenario.

CREATE FUNCTION salesops.portfolio_number(given jsonb, what text, lowest float8, highest float8)
RETURNS float8 LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  number numeric;
BEGIN
  IF jsonb_typeof(given) = 'null' THEN
    RETURN NULL;
  END IF;
  IF jsonb_typeof(given) <> 'number' THEN
    RAISE EXCEPTION '% must be a number, not %', what, given USING ERRCODE = 'invalid_parameter_value', HINT = 'Numbers stand without quotes.';
  END IF;
  -- Compared before it becomes a float8, which not every number in JSON can.
  number := (given #>> '{}')::numeric;
  IF number < lowest::numeric OR number > highest::numeric THEN
    RAISE EXCEPTION '% must be from % to %, not %', what, lowest, highest, CASE WHEN length(given::text) > 40 THEN left(given::text, 16) || '...' ELSE given::text END USING
      ERRCODE = 'numeric_value_out_of_range', HINT = 'What is not known is left out.';
  END IF;
  RETURN CASE WHEN abs(number) <= 1e-300 THEN 0 ELSE number END;
END $$;
COMMENT ON FUNCTION salesops.portfolio_number(jsonb, text, float8, float8) IS
  'A number among the options of a portfolio design; NULL where there is none. 22023 where it is something else, 22003 out of range';

CREATE FUNCTION salesops.check_portfolio_keys(given jsonb, what text, known text[])
RETURNS void LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  bad text;
BEGIN
  IF jsonb_typeof(given) <> 'object' THEN
    RAISE EXCEPTION '% must be an object, not %', what, given USING
      ERRCODE = 'invalid_parameter_value', HINT = format('An object has braces: {"%s": ...}.', coalesce(known[1], 'name'));
  END IF;
  SELECT k INTO bad FROM jsonb_object_keys(given) k WHERE NOT coalesce(k = ANY (known), true) ORDER BY k LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION '% has no "%"', what, bad USING
      ERRCODE = 'invalid_parameter_value', HINT = 'There is ' || array_to_string(known, ', ') || '.';
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_portfolio_keys(jsonb, text, text[]) IS
  'Raises 22023 where a part of the options of a portfolio design is no object, or has a key that is not known; known NULL = any key';

-- The options of each scenario: those that all have, and over them its own. A part that names teams, segments or products is
-- changed for those that the scenario names.
CREATE FUNCTION salesops.portfolio_scenarios(options jsonb, OUT "position" bigint, OUT scenario text, OUT merged jsonb)
RETURNS SETOF record LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  own text[] := ARRAY['name', 'reps', 'effort_per_rep', 'targets', 'ships_on', 'uplift', 'effort_unit', 'minimum_effort', 'target_price'];
  given jsonb := coalesce(options -> 'scenarios', '[{"name": "plan"}]');
  named text[] := '{}';
  it jsonb;
BEGIN
  PERFORM salesops.check_portfolio_keys(options, 'options',
    ARRAY['teams', 'targets', 'roadmap', 'from', 'to', 'periods', 'effort_unit', 'minimum_effort', 'target_price', 'confidence', 'prior', 'scenarios']);
  PERFORM salesops.check_portfolio_keys(options -> 'targets', 'targets', NULL);
  IF jsonb_typeof(given) <> 'array' OR jsonb_array_length(given) NOT BETWEEN 1 AND 100 THEN
    RAISE EXCEPTION 'scenarios must be a list of 1 to 100 objects' USING
      ERRCODE = 'invalid_parameter_value', HINT = 'For example [{"name": "as planned"}, {"name": "two more reps", "reps": {"enterprise": 12}}].';
  END IF;
  "position" := 0;
  FOR it IN SELECT e FROM jsonb_array_elements(given) WITH ORDINALITY AS x(e, n) ORDER BY n LOOP
    PERFORM salesops.check_portfolio_keys(it, 'a scenario', own), salesops.check_portfolio_keys(it -> 'targets', 'targets', NULL);
    "position" := "position" + 1;
    scenario := coalesce(it ->> 'name', 'scenario ' || "position");
    IF scenario = ANY (named) THEN
      RAISE EXCEPTION 'scenario "%" is named twice', scenario USING ERRCODE = 'invalid_parameter_value', HINT = 'Each needs a name of its own.';
    END IF;
    named := named || scenario;
    merged := options - 'scenarios' || (it - 'name' - 'targets')
              || jsonb_build_object('targets', coalesce(options -> 'targets', '{}') || coalesce(it -> 'targets', '{}'));
    RETURN NEXT;
  END LOOP;
END $$;
COMMENT ON FUNCTION salesops.portfolio_scenarios(jsonb) IS
  'The scenarios of a portfolio design in their order, each with the options that hold in it. 22023 where options do not have the shape that docs/portfolio.md says';

CREATE FUNCTION salesops.portfolio_teams_of(merged jsonb, segments text[],
                                            OUT teams text[], OUT reps float8[], OUT effort_per_rep float8[], OUT capacity float8[], OUT team_of float8[])
RETURNS record LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  given jsonb := merged -> 'teams';
  it jsonb;
  "name" text;
  served text;
  at integer;
  number float8;
BEGIN
  IF given IS NULL OR jsonb_typeof(given) <> 'array' OR jsonb_array_length(given) = 0 THEN
    RAISE EXCEPTION 'options must name the teams' USING
      ERRCODE = 'invalid_parameter_value',
      HINT = 'For example {"teams": [{"team": "enterprise", "segments": ["enterprise"], "reps": 12, "effort_per_rep": 1400}]}.';
  END IF;
  teams := '{}';
  reps := '{}';
  effort_per_rep := '{}';
  team_of := array_fill(NULL::float8, ARRAY[cardinality(segments)]);
  PERFORM salesops.check_portfolio_keys(merged -> 'reps', 'reps', NULL), salesops.check_portfolio_keys(merged -> 'effort_per_rep', 'effort_per_rep', NULL);
  FOR it IN SELECT e FROM jsonb_array_elements(given) WITH ORDINALITY AS x(e, n) ORDER BY n LOOP
    PERFORM salesops.check_portfolio_keys(it, 'a team', ARRAY['team', 'segments', 'reps', 'effort_per_rep']);
    "name" := it ->> 'team';
    IF "name" IS NULL OR "name" = ANY (teams) THEN
      RAISE EXCEPTION 'each team needs a name of its own' USING ERRCODE = 'invalid_parameter_value', DETAIL = format('Given is %s.', it);
    END IF;
    teams := teams || "name";
    number := salesops.portfolio_number(coalesce(merged -> 'reps' -> "name", it -> 'reps'), format('reps of team "%s"', "name"), 0, 1e9);
    reps := reps || coalesce(number, 1);
    number := salesops.portfolio_number(coalesce(merged -> 'effort_per_rep' -> "name", it -> 'effort_per_rep'), format('effort_per_rep of team "%s"', "name"), 0, 1e12);
    IF number IS NULL THEN
      RAISE EXCEPTION 'effort_per_rep of team "%" is missing', "name" USING
        ERRCODE = 'null_value_not_allowed', HINT = 'State how much effort (hours, visits) a rep of the team has for customers in the horizon.';
    END IF;
    effort_per_rep := effort_per_rep || number;
    IF jsonb_typeof(it -> 'segments') IS DISTINCT FROM 'array' THEN
      RAISE EXCEPTION 'team "%" must name its segments', "name" USING ERRCODE = 'invalid_parameter_value', HINT = 'For example "segments": ["enterprise"].';
    END IF;
    FOR served IN SELECT e FROM jsonb_array_elements_text(it -> 'segments') e LOOP
      at := array_position(segments, served);
      IF at IS NULL THEN
        RAISE EXCEPTION 'team "%" calls on segment "%", which has no customers', "name", served USING
          ERRCODE = 'invalid_parameter_value', HINT = 'Customers are of the segments ' || array_to_string(segments, ', ') || '.';
      END IF;
      IF team_of[at] IS NOT NULL THEN
        RAISE EXCEPTION 'segment "%" has two teams, "%" and "%"', served, teams[team_of[at]::integer], "name" USING
          ERRCODE = 'invalid_parameter_value', HINT = 'A segment is one team''s; a team may have several. Split the segment, or join the teams.';
      END IF;
      team_of[at] := cardinality(teams);
    END LOOP;
  END LOOP;
  at := array_position(team_of, NULL);
  IF at IS NOT NULL THEN
    RAISE EXCEPTION 'segment "%" has no team', segments[at] USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Name it among the segments of a team; of a team with 0 reps if nobody calls on it.';
  END IF;
  SELECT k INTO served FROM jsonb_object_keys(coalesce(merged -> 'reps', '{}') || coalesce(merged -> 'effort_per_rep', '{}')) k WHERE k <> ALL (teams);
  IF FOUND THEN
    RAISE EXCEPTION 'there is no team "%"', served USING ERRCODE = 'invalid_parameter_value', HINT = 'Teams are ' || array_to_string(teams, ', ') || '.';
  END IF;
  SELECT array_agg(r * e ORDER BY n) INTO capacity FROM unnest(reps, effort_per_rep) WITH ORDINALITY AS x(r, e, n);
  IF NOT EXISTS (SELECT FROM unnest(capacity) c WHERE c > 0) THEN
    RAISE EXCEPTION 'the capacity of all teams together is 0' USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Capacity is reps x effort_per_rep: some team must have some.';
  END IF;
END $$;
COMMENT ON FUNCTION salesops.portfolio_teams_of(jsonb, text[]) IS
  'The teams of a scenario of a portfolio design: reps, effort of each and of all, and the number of the team of each segment. Errors in words: no team, a segment with none, two or no customers, negative effort, no capacity at all';

-- What products that ship within the horizon add to the response of each segment, pro rata of its days.
CREATE FUNCTION salesops.portfolio_uplift(merged jsonb, segments text[], OUT uplift float8[], OUT uplift_deviation float8[])
RETURNS record LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  given jsonb := coalesce(merged -> 'roadmap', '[]');
  starts date := merged ->> 'from';
  ends date := merged ->> 'to';
  it jsonb;
  product text;
  at integer;
  ships date;
  share float8;
  added float8;
  known text[] := '{}';
BEGIN
  uplift := array_fill(1::float8, ARRAY[cardinality(segments)]);
  uplift_deviation := array_fill(0::float8, ARRAY[cardinality(segments)]);
  IF jsonb_typeof(given) <> 'array' THEN
    RAISE EXCEPTION 'roadmap must be a list of objects' USING
      ERRCODE = 'invalid_parameter_value', HINT = 'For example [{"product": "analytics", "segment": "enterprise", "ships_on": "2026-07-01", "uplift": 0.2}].';
  END IF;
  IF jsonb_array_length(given) > 0 AND NOT coalesce(starts <= ends AND isfinite(starts) AND isfinite(ends), false) THEN
    RAISE EXCEPTION 'a roadmap needs the horizon' USING
      ERRCODE = 'invalid_parameter_value', DETAIL = format('from is %s, to is %s.', coalesce(starts::text, 'missing'), coalesce(ends::text, 'missing')),
      HINT = 'State its first and last day: {"from": "2026-01-01", "to": "2026-12-31"}.';
  END IF;
  PERFORM salesops.check_portfolio_keys(merged -> 'ships_on', 'ships_on', NULL), salesops.check_portfolio_keys(merged -> 'uplift', 'uplift', NULL);
  FOR it IN SELECT e FROM jsonb_array_elements(given) WITH ORDINALITY AS x(e, n) ORDER BY n LOOP
    PERFORM salesops.check_portfolio_keys(it, 'a product of the roadmap', ARRAY['product', 'segment', 'ships_on', 'uplift', 'uplift_deviation']);
    product := it ->> 'product';
    at := array_position(segments, it ->> 'segment');
    IF product IS NULL OR at IS NULL THEN
      RAISE EXCEPTION 'a product of the roadmap needs a name and a segment that has customers' USING
        ERRCODE = 'invalid_parameter_value', DETAIL = format('Given is %s.', it), HINT = 'Customers are of the segments ' || array_to_string(segments, ', ') || '.';
    END IF;
    known := known || product;
    -- Never, if it is null.
    ships := CASE WHEN merged -> 'ships_on' ? product THEN merged -> 'ships_on' ->> product ELSE it ->> 'ships_on' END;
    share := CASE WHEN ships IS NULL OR ships > ends THEN 0 WHEN ships <= starts THEN 1 ELSE (ends - ships + 1)::float8 / (ends - starts + 1) END;
    uplift[at] := uplift[at] + share * coalesce(salesops.portfolio_number(coalesce(merged -> 'uplift' -> product, it -> 'uplift'), format('uplift of product "%s"', product), -1, 1000), 0);
    added := share * coalesce(salesops.portfolio_number(it -> 'uplift_deviation', format('uplift_deviation of product "%s"', product), 0, 1000), 0);
    uplift_deviation[at] := sqrt(uplift_deviation[at] * uplift_deviation[at] + added * added);
    IF uplift[at] <= 0 THEN
      RAISE EXCEPTION 'products take away all that segment "%" brings', segments[at] USING
        ERRCODE = 'numeric_value_out_of_range', DETAIL = format('Its response is multiplied by %s.', uplift[at]), HINT = 'An uplift of -0.2 takes away a fifth.';
    END IF;
  END LOOP;
  SELECT k INTO product FROM jsonb_object_keys(coalesce(merged -> 'ships_on', '{}') || coalesce(merged -> 'uplift', '{}')) k WHERE k <> ALL (known);
  IF FOUND THEN
    RAISE EXCEPTION 'there is no product "%" in the roadmap', product USING ERRCODE = 'invalid_parameter_value', HINT = 'Add it: a scenario changes what is there.';
  END IF;
END $$;
COMMENT ON FUNCTION salesops.portfolio_uplift(jsonb, text[]) IS
  'By what the roadmap multiplies the response of each segment in a scenario: 1 + sum of uplift x share of the horizon''s days from its shipping on, and the standard deviation of that';

CREATE FUNCTION salesops.portfolio_options(options jsonb, segments text[], customers bigint, past_effort float8, past_revenue float8,
  OUT scenario text, OUT teams text[], OUT reps float8[], OUT effort_per_rep float8[], OUT capacity float8[], OUT team_of float8[],
  OUT targets float8[], OUT uplift float8[], OUT uplift_deviation float8[], OUT effort_unit float8, OUT minimum_effort float8,
  OUT target_price float8, OUT confidence float8, OUT periods float8, OUT prior float8[])
RETURNS SETOF record LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  it record;
  bad text;
  p jsonb := coalesce(options -> 'prior', '{}');
BEGIN
  PERFORM salesops.check_portfolio_keys(p, 'prior', ARRAY['rate', 'rate_deviation', 'scale', 'scale_deviation', 'carryover', 'carryover_deviation',
    'rate_between', 'scale_between', 'carryover_between', 'variation', 'deal']);
  FOR it IN SELECT * FROM salesops.portfolio_scenarios(options) s ORDER BY s."position" LOOP
    scenario := it.scenario;
    SELECT t.teams, t.reps, t.effort_per_rep, t.capacity, t.team_of INTO teams, reps, effort_per_rep, capacity, team_of
    FROM salesops.portfolio_teams_of(it.merged, segments) t;
    SELECT u.uplift, u.uplift_deviation INTO uplift, uplift_deviation FROM salesops.portfolio_uplift(it.merged, segments) u;

    SELECT k INTO bad FROM jsonb_object_keys(it.merged -> 'targets') k WHERE k <> ALL (segments);
    IF FOUND THEN
      RAISE EXCEPTION 'segment "%" has a target and no customers', bad USING
        ERRCODE = 'invalid_parameter_value', HINT = 'Customers are of the segments ' || array_to_string(segments, ', ') || '.';
    END IF;
    SELECT array_agg(salesops.portfolio_number(it.merged -> 'targets' -> s, format('target of segment "%s"', s), 0, 1e18) ORDER BY n) INTO targets
    FROM unnest(segments) WITH ORDINALITY AS x(s, n);

    effort_unit := coalesce(salesops.portfolio_number(it.merged -> 'effort_unit', 'effort_unit', 0, 1e9), 1);
    minimum_effort := coalesce(salesops.portfolio_number(it.merged -> 'minimum_effort', 'minimum_effort', 0, 1e9), 0);
    IF effort_unit = 0 AND minimum_effort > 0 OR effort_unit > 0 AND (SELECT max(c) FROM unnest(capacity) c) / effort_unit > 1e12 THEN
      RAISE EXCEPTION 'effort_unit is too small' USING
        ERRCODE = 'invalid_parameter_value', DETAIL = format('effort_unit is %s, minimum_effort is %s.', effort_unit, minimum_effort),
        HINT = 'A minimum is made of units: an hour, a visit. 0 without a minimum means that effort comes in any amount.';
    END IF;
    target_price := coalesce(salesops.portfolio_number(it.merged -> 'target_price', 'target_price', 0, 1e6), 10);
    confidence := coalesce(salesops.portfolio_number(it.merged -> 'confidence', 'confidence', 0.01, 0.999), 0.8);
    periods := coalesce(salesops.portfolio_number(it.merged -> 'periods', 'periods', 0.001, 1000), 1);
    prior := ARRAY[
      coalesce(salesops.portfolio_number(p -> 'rate', 'rate of the prior', 1e-6, 1000), 0.3),
      coalesce(salesops.portfolio_number(p -> 'rate_deviation', 'rate_deviation of the prior', 0.001, 5), 0.7),
      coalesce(salesops.portfolio_number(p -> 'scale', 'scale of the prior', 1e-9, 1e12), past_effort * periods,
               (SELECT sum(c) FROM unnest(capacity) c) / customers),
      coalesce(salesops.portfolio_number(p -> 'scale_deviation', 'scale_deviation of the prior', 0.001, 5), 1),
      coalesce(salesops.portfolio_number(p -> 'carryover', 'carryover of the prior', 0.001, 0.999), 0.2),
      coalesce(salesops.portfolio_number(p -> 'carryover_deviation', 'carryover_deviation of the prior', 0.001, 5), 1),
      coalesce(salesops.portfolio_number(p -> 'rate_between', 'rate_between of the prior', 0.001, 5), 0.4),
      coalesce(salesops.portfolio_number(p -> 'scale_between', 'scale_between of the prior', 0.001, 5), 0.4),
      coalesce(salesops.portfolio_number(p -> 'carryover_between', 'carryover_between of the prior', 0.001, 5), 0.5),
      coalesce(salesops.portfolio_number(p -> 'variation', 'variation of the prior', 0.05, 10), 0.7),
      coalesce(salesops.portfolio_number(p -> 'deal', 'deal of the prior', 1e-9, 1e15), past_revenue, 1) * periods];
    RETURN NEXT;
  END LOOP;
END $$;
COMMENT ON FUNCTION salesops.portfolio_options(jsonb, text[], bigint, float8, float8) IS
  'The scenarios of a portfolio design with every default filled in (docs/portfolio.md), as solve_portfolio() reads them; arrays by segment are in the order of segments. past_effort and past_revenue: means of the past periods that have any, NULL = none has';
