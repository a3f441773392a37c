-- A plan planned anew: with other options, or as if something were different. What it was given is kept with it, so its own tables are the
-- queries of the next one, and its prices are where that one begins.

-- Queries for plan_territories(). Locks to representatives who leave are open; what was in proportion to a column is given as shares.
CREATE FUNCTION salesops.territory_plan_accounts_sql(plan_id bigint, changes jsonb)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT format('SELECT a.account_id AS id, a.%s AS territory, a.source_key, CASE WHEN a.hold = ''locked''%s THEN a.hold_territory END AS locked_to, '
                'CASE WHEN a.hold <> ''locked'' THEN a.hold END AS holdout, a.family, c.tags, c.needs, c.prefers, %s%s%sa.distance_cost, a.relationship '
                'FROM salesops.territory_plan_account a JOIN salesops.territory_plan_class c USING (plan_id, class) WHERE a.plan_id = %s',
                CASE WHEN changes IS NULL THEN 'from_territory' ELSE 'to_territory' END,
                (SELECT format(' AND a.hold_territory NOT IN (%s)', string_agg(quote_literal(l.id), ', ')) FROM jsonb_array_elements_text(changes -> 'leaves') AS l(id) HAVING count(*) > 0),
                (SELECT string_agg(format('a.amount[%s]%s AS %I, ', m.number,
                                          (SELECT string_agg(format(' * CASE WHEN c.tags @> %L::text[] THEN %L::double precision ELSE 1 END', s.tags, s.factor), '' ORDER BY s.place)
                                           FROM ROWS FROM (jsonb_to_recordset(changes -> 'shifts') AS (measure text, factor numeric, tags text[])) WITH ORDINALITY AS s(measure, factor, tags, place)
                                           WHERE s.measure = m.name), m.name), '' ORDER BY m.number)
                 FROM unnest(p.measures) WITH ORDINALITY AS m(name, number)),
                CASE WHEN EXISTS (SELECT FROM salesops.territory_plan_territory t WHERE t.plan_id = p.plan_id AND t.x IS NOT NULL) THEN 'a.x, a.y, ' END,
                CASE WHEN EXISTS (SELECT FROM salesops.territory_plan_territory t WHERE t.plan_id = p.plan_id AND t.z IS NOT NULL) THEN 'a.z, ' END,
                p.plan_id)
  FROM salesops.territory_plan p WHERE p.plan_id = territory_plan_accounts_sql.plan_id;
END;
COMMENT ON FUNCTION salesops.territory_plan_accounts_sql(bigint, jsonb) IS
  'Query that gives plan_territories() the accounts that a plan was given, as they were held then; with changes of simulate_territories(), which may be NULL, those too, and the accounts are where the plan put '
  'them. NULL for an unknown plan';

CREATE FUNCTION salesops.territory_plan_territories_sql(plan_id bigint, changes jsonb)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH plan AS (
    SELECT p.plan_id, p.measures, p.options,
      EXISTS (SELECT FROM salesops.territory_plan_territory t WHERE t.plan_id = p.plan_id AND t.x IS NOT NULL) AS has_x,
      EXISTS (SELECT FROM salesops.territory_plan_territory t WHERE t.plan_id = p.plan_id AND t.z IS NOT NULL) AS has_z
    FROM salesops.territory_plan p WHERE p.plan_id = territory_plan_territories_sql.plan_id
  ), column_list AS (
    -- %1$s is what the share of a representative is multiplied by.
    SELECT string_agg(format(', t.floor[%1$s] AS %2$I, t.cap[%1$s] AS %3$I, t.%4$s[%1$s]', m.number, 'floor_' || m.name, 'cap_' || m.name, CASE WHEN g.is_given THEN 'target' ELSE 'share' END)
                      || '%1$s' || format(' AS %I', CASE WHEN g.is_given AND changes IS NULL THEN 'target_' ELSE 'share_' END || m.name), '' ORDER BY m.number) AS columns
    FROM plan p
    CROSS JOIN LATERAL unnest(p.measures) WITH ORDINALITY AS m(name, number)
    CROSS JOIN LATERAL (SELECT p.options -> 'measures' -> m.name ->> 'proportional_to' = 'target' AS is_given) g
  )
  SELECT CASE WHEN changes IS NULL THEN
      format('SELECT t.territory_id AS id, t.tags, t.needs, t.quota, t.ramp%s%s%s FROM salesops.territory_plan_territory t WHERE t.plan_id = %s',
             CASE WHEN p.has_x THEN ', t.x, t.y' END, CASE WHEN p.has_z THEN ', t.z' END, format(c.columns, ''), p.plan_id)
    ELSE
      format('SELECT t.territory_id AS id, t.tags, t.needs, t.quota, coalesce(r.ramp::double precision, t.ramp) AS ramp%1$s%2$s%3$s FROM salesops.territory_plan_territory t '
             'LEFT JOIN jsonb_each_text(%6$L) AS r(id, ramp) ON r.id = t.territory_id WHERE t.plan_id = %5$s AND t.territory_id NOT IN (SELECT jsonb_array_elements_text(%7$L)) '
             'UNION ALL SELECT j.id, coalesce(j.tags, t.tags), t.needs, t.quota, coalesce(j.ramp, 1)%1$s%2$s%4$s '
             'FROM jsonb_to_recordset(%8$L) AS j(id text, "like" text, ramp double precision, tags text[]) JOIN salesops.territory_plan_territory t ON t.plan_id = %5$s AND t.territory_id = j."like"',
             CASE WHEN p.has_x THEN ', t.x, t.y' END, CASE WHEN p.has_z THEN ', t.z' END,
             format(c.columns, ' * coalesce(r.ramp::double precision / t.ramp, 1)'), format(c.columns, ' * coalesce(j.ramp, 1) / t.ramp'),
             p.plan_id, coalesce(changes -> 'ramps', '{}'), coalesce(changes -> 'leaves', '[]'), coalesce(changes -> 'joins', '[]'))
    END
  FROM plan p, column_list c;
END;
COMMENT ON FUNCTION salesops.territory_plan_territories_sql(bigint, jsonb) IS
  'Query that gives plan_territories() the territories that a plan was given, with the changes of simulate_territories(), which may be NULL; targets are given where they were and nothing changes, else shares. NULL for an unknown plan';

-- A tolerance given alone is that of all measures; a measure's own changes are laid over what it had.
CREATE FUNCTION salesops.territory_plan_options(plan_id bigint, options jsonb)
RETURNS jsonb LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  plan salesops.territory_plan;
  stranger text;
  measures jsonb;
BEGIN
  PERFORM salesops.check_territory_plan(plan_id);
  SELECT p.* INTO plan FROM salesops.territory_plan p WHERE p.plan_id = territory_plan_options.plan_id;
  IF options IS NULL OR jsonb_typeof(options) <> 'object' OR jsonb_typeof(options -> 'measures') <> 'object' THEN
    RAISE EXCEPTION 'options must be a JSON object, and so must its measures' USING ERRCODE = 'invalid_parameter_value', HINT = '{} leaves them as they were.';
  END IF;
  SELECT k.name INTO stranger FROM jsonb_object_keys(options -> 'measures') AS k(name) WHERE k.name <> ALL (plan.measures) LIMIT 1;
  IF stranger IS NOT NULL THEN
    RAISE EXCEPTION 'plan % has no measure "%"', plan_id, stranger USING
      ERRCODE = 'invalid_parameter_value',
      DETAIL = format('Its measures are %s.', array_to_string(plan.measures, ', ')),
      HINT = 'plan_territories() plans from queries, with other measures.';
  END IF;
  IF options ? 'proportional_to' OR EXISTS (SELECT FROM jsonb_each(options -> 'measures') AS m(name, value) WHERE m.value ? 'proportional_to') THEN
    RAISE EXCEPTION 'option "proportional_to" is that of plan %', plan_id USING
      ERRCODE = 'invalid_parameter_value', DETAIL = 'A plan keeps the shares that its territories had.',
      HINT = 'plan_territories() plans from queries, in proportion to any column.';
  END IF;
  IF options ->> 'homes' = 'free' THEN
    RAISE EXCEPTION 'the homes are those of plan %', plan_id USING
      ERRCODE = 'invalid_parameter_value', DETAIL = 'A plan keeps the homes that its territories had, also those that were chosen.',
      HINT = 'plan_territories() plans from queries, and may choose homes.';
  END IF;
  SELECT jsonb_object_agg(m.name, (plan.options -> 'measures' -> m.name)
           || CASE WHEN options ? 'tolerance' THEN jsonb_build_object('tolerance', options -> 'tolerance') ELSE '{}' END
           || CASE jsonb_typeof(options -> 'measures' -> m.name) WHEN 'object' THEN options -> 'measures' -> m.name
                WHEN 'number' THEN jsonb_build_object('tolerance', options -> 'measures' -> m.name) ELSE '{}' END)
  INTO measures FROM unnest(plan.measures) AS m(name);
  RETURN plan.options || jsonb_build_object('homes', 'given', 'as_of', plan.as_of, 'warm_from', plan_id) || (options - 'tolerance') || jsonb_build_object('measures', measures);
END $$;
COMMENT ON FUNCTION salesops.territory_plan_options(bigint, jsonb) IS
  'Options of a plan with its instant and warm from its prices, and others laid over them; a tolerance is that of all measures, and homes that were chosen are given. 42704 for an unknown plan, 22023 for measures '
  'that it does not have, another proportional_to and homes to be chosen';

CREATE FUNCTION salesops.copy_territory_plan(plan_id bigint, options jsonb DEFAULT '{}')
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN salesops.plan_territories(salesops.territory_plan_accounts_sql(plan_id, NULL), salesops.territory_plan_territories_sql(plan_id, NULL),
                                   salesops.territory_plan_options(plan_id, options), plan_id);
END $$;
COMMENT ON FUNCTION salesops.copy_territory_plan(bigint, jsonb) IS
  'Plans anew what a plan was given, holds as they were, with its options but for those given; begins at its prices, keeps the plan and returns its plan_id. Raises what territory_plan_options() and '
  'plan_territories() do';

CREATE FUNCTION salesops.check_territory_changes(plan_id bigint, changes jsonb)
RETURNS void LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  wrong text;
  said text;
  plan_measures text[] := (SELECT p.measures FROM salesops.territory_plan p WHERE p.plan_id = check_territory_changes.plan_id);
BEGIN
  IF changes IS NULL OR jsonb_typeof(changes) <> 'object' OR jsonb_typeof(changes -> 'leaves') <> 'array' OR jsonb_typeof(changes -> 'joins') <> 'array'
     OR jsonb_typeof(changes -> 'ramps') <> 'object' OR jsonb_typeof(changes -> 'shifts') <> 'array' THEN
    wrong := 'they are not of the form in the hint';
  ELSE
    wrong := coalesce(
      (SELECT format('there is no change "%s"', k.name) FROM jsonb_object_keys(changes) AS k(name) WHERE k.name NOT IN ('leaves', 'joins', 'ramps', 'shifts') LIMIT 1),
      (SELECT format('there is no "%s" of what joins or shifts', k.name)
       FROM (SELECT e.change, e.known FROM (VALUES ('joins', ARRAY['id', 'like', 'ramp', 'tags']), ('shifts', ARRAY['measure', 'factor', 'tags'])) v(name, known)
             CROSS JOIN LATERAL (SELECT c.change, v.known FROM jsonb_array_elements(changes -> v.name) AS c(change) WHERE jsonb_typeof(c.change) = 'object') e) e
       CROSS JOIN LATERAL jsonb_object_keys(e.change) AS k(name) WHERE k.name <> ALL (e.known) LIMIT 1),
      (SELECT format('the tags of "%s" are no list', j ->> 'id') FROM jsonb_array_elements(changes -> 'joins') j WHERE jsonb_typeof(j -> 'tags') NOT IN ('array', 'null') LIMIT 1),
      (SELECT format('plan %s has no territory "%s"', plan_id, u.id)
       FROM (SELECT jsonb_array_elements_text(changes -> 'leaves') UNION ALL SELECT jsonb_object_keys(changes -> 'ramps')
             UNION ALL SELECT j ->> 'like' FROM jsonb_array_elements(changes -> 'joins') j) AS u(id)
       WHERE NOT EXISTS (SELECT FROM salesops.territory_plan_territory t WHERE t.plan_id = check_territory_changes.plan_id AND t.territory_id = u.id) LIMIT 1),
      (SELECT format('"%s" joins with a ramp that is no share', j ->> 'id') FROM jsonb_array_elements(changes -> 'joins') j
       WHERE j ->> 'id' IS NULL OR jsonb_typeof(j -> 'ramp') <> 'number' OR NOT ((j ->> 'ramp')::numeric = 0 OR (j ->> 'ramp')::numeric BETWEEN 1e-30 AND 1e30) LIMIT 1),
      (SELECT format('the ramp of "%s" is no share', r.id) FROM jsonb_each(changes -> 'ramps') AS r(id, ramp) WHERE jsonb_typeof(r.ramp) <> 'number' OR NOT (r.ramp::numeric = 0 OR r.ramp::numeric BETWEEN 1e-30 AND 1e30) LIMIT 1),
      (SELECT format('"%s" has no ramp to start from', t.territory_id) FROM salesops.territory_plan_territory t
       WHERE t.plan_id = check_territory_changes.plan_id AND t.ramp = 0
         AND (changes -> 'ramps' ? t.territory_id OR EXISTS (SELECT FROM jsonb_array_elements(changes -> 'joins') j WHERE j ->> 'like' = t.territory_id)) LIMIT 1),
      (SELECT format('shift %s is not one of a measure by a factor, for accounts with some tags', s::text) FROM jsonb_array_elements(changes -> 'shifts') s
       WHERE NOT coalesce(s ->> 'measure' = ANY (plan_measures) AND jsonb_typeof(s -> 'factor') = 'number' AND ((s ->> 'factor')::numeric = 0 OR (s ->> 'factor')::numeric BETWEEN 1e-30 AND 1e30) AND jsonb_typeof(s -> 'tags') = 'array', false) LIMIT 1));
    IF wrong IS NULL THEN
      -- A tag that was mistyped would change nothing, and the simulation would say that nothing has to change.
      SELECT format('no account has all the tags %s of a shift', s -> 'tags') INTO wrong FROM jsonb_array_elements(changes -> 'shifts') s
      WHERE NOT EXISTS (SELECT FROM salesops.territory_plan_class c
                        WHERE c.plan_id = check_territory_changes.plan_id AND c.tags @> ARRAY(SELECT jsonb_array_elements_text(s -> 'tags'))) LIMIT 1;
      SELECT coalesce('Its accounts have the tags ' || string_agg(t.tag, ', ' ORDER BY t.tag COLLATE "C") FILTER (WHERE t.n <= 20) || CASE WHEN count(*) > 20 THEN ' ...' ELSE '.' END,
                      'Its accounts have no tags; what they need or prefer is none.') INTO said
      FROM (SELECT d.tag, row_number() OVER (ORDER BY d.tag COLLATE "C") AS n
            FROM (SELECT DISTINCT unnest(c.tags) AS tag FROM salesops.territory_plan_class c WHERE c.plan_id = check_territory_changes.plan_id) d) t
      WHERE wrong IS NOT NULL;
    END IF;
  END IF;
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION 'these changes cannot be simulated: %', wrong USING
      ERRCODE = 'invalid_parameter_value', DETAIL = coalesce(said, format('They are changes of plan %s.', plan_id)),
      HINT = 'Give an object such as {"leaves": ["west"], "joins": [{"id": "new", "like": "east", "ramp": 0.5}], "ramps": {"south": 1}, '
             '"shifts": [{"measure": "potential", "factor": 1.2, "tags": ["industry:software"]}]}.';
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_territory_changes(bigint, jsonb) IS 'Raises 22023 where changes are not such as simulate_territories() can make to a plan: a territory that it does not have, a shift of tags that none of its accounts has';

CREATE FUNCTION salesops.simulate_territories(plan_id bigint, changes jsonb, options jsonb DEFAULT '{}')
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  planned jsonb := salesops.territory_plan_options(plan_id, options);
BEGIN
  PERFORM salesops.check_territory_changes(plan_id, changes);
  -- Targets that were given would not add up any more: they become what the new ones are in proportion to.
  planned := jsonb_set(planned, '{measures}', (SELECT jsonb_object_agg(m.name, m.value - 'proportional_to') FROM jsonb_each(planned -> 'measures') AS m(name, value)));
  -- Where a former plan goes on, hardly any polish is usual.
  IF NOT options ? 'effort' THEN
    planned := planned - 'effort';
  END IF;
  RETURN salesops.plan_territories(salesops.territory_plan_accounts_sql(plan_id, changes), salesops.territory_plan_territories_sql(plan_id, changes), planned, plan_id);
END $$;
COMMENT ON FUNCTION salesops.simulate_territories(bigint, jsonb, jsonb) IS
  'Plans anew what a plan was given as if representatives left, joined (like another one: home, tags and full share, times ramp, tags may be given), had another ramp, or amounts of accounts with all of some tags shifted by a '
  'factor; begins at its prices, keeps the new plan and returns its plan_id. It begins where the plan put the accounts, so is_moved says what the change alone moves. 42704 for an unknown plan, 22023 for changes that make '
  'no sense, and what plan_territories() raises';
