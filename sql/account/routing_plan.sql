-- Who gets which lead: decided for a list of leads in its order, writing nothing.
--
-- Shares. Each lead that a pool gives adds to every rep who is free his share of it, weight over the weights of the free, and takes one from who
-- gets it. What is left is what he is owed. Of those owed more than nothing the one gets it whose next lead is due first, (1 - owed) / weight,
-- ties by key. That is the quota method (Balinski and Young, The quota method of apportionment, American Mathematical Monthly 82, 1975): as
-- long as the same reps are free, what a rep was given and his share of all differ by less than one lead at every moment. Who joins or comes back
-- begins with what he was owed when he left, at the pool's level, and gets no more for having been away.

CREATE FUNCTION salesops.available_reps(as_of timestamptz, source_keys text[], rep_ids text[],
  OUT "position" bigint, OUT source_key text, OUT rep_id text, OUT state text, OUT is_working boolean, OUT capacity integer, OUT open_leads integer)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT k.n, k.source_key, k.rep_id,
         CASE WHEN r.id IS NULL OR r.is_deleted OR r.is_active IS FALSE THEN 'inactive'
              WHEN (as_of AT TIME ZONE h.time_zone)::date NOT BETWEEN coalesce(r.hired_on, '-infinity') AND coalesce(r.left_on, 'infinity') THEN 'inactive'
              WHEN h.absent @> as_of THEN 'absent'
              WHEN h.weekdays = '{}' THEN 'without working hours' END,
         salesops.is_working(as_of, h.time_zone, h.weekdays, h.work_from, h.work_to), h.capacity, coalesce(o.open_leads, 0)::integer
  FROM unnest(source_keys, rep_ids) WITH ORDINALITY AS k(source_key, rep_id, n)
  CROSS JOIN LATERAL salesops.rep_hours(as_of, k.source_key, k.rep_id) h
  LEFT JOIN salesops.rep r ON r.source_key = k.source_key AND r.id = k.rep_id
  LEFT JOIN salesops.routing_load o ON o.source_key = k.source_key AND o.rep_id = k.rep_id;
END;
COMMENT ON FUNCTION salesops.available_reps(timestamptz, text[], text[]) IS
  'Whether reps, who are given by source and id, can take leads at an instant: state NULL = yes, else inactive, absent or without working hours; whether they are at work; '
  'how many open leads they take (NULL = any number) and have from routing. position = place in the lists';

CREATE FUNCTION salesops.plan_routing(as_of timestamptz, source_keys text[], ids text[], changes jsonb DEFAULT '{}', is_trial boolean DEFAULT false,
  OUT "position" bigint, OUT source_key text, OUT lead_id text, OUT round integer, OUT rule_version bigint, OUT rule text, OUT pool text, OUT rep_id text, OUT first_touch_minutes integer,
  OUT why text, OUT candidates salesops.routing_candidate[])
RETURNS SETOF record LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  in_force salesops.routing_rule[] := ARRAY(SELECT r FROM salesops.routing_rules(plan_routing.as_of, plan_routing.changes) r);
  matched salesops.matched_lead[] := ARRAY(SELECT m FROM salesops.matching_rules(plan_routing.as_of, plan_routing.source_keys, plan_routing.ids, plan_routing.changes) m);
  -- The rules that take some of the leads, by whom they give them to.
  pools text[] := ARRAY(SELECT DISTINCT (in_force[x]).pool FROM unnest(matched) m CROSS JOIN LATERAL unnest(m.rules) x);
  owner_rules integer[] := ARRAY(SELECT x FROM generate_subscripts(in_force, 1) x WHERE (in_force[x]).pool IS NULL);
  conditions text[] := ARRAY(SELECT salesops.rule_conditions(r) FROM unnest(in_force) r);
  -- Members of pools, those of a pool in a row, by rep: where the rep is in the arrays of reps, his weight, what he is owed.
  member_pool text[];
  member_rep integer[];
  member_weight numeric[];
  member_owed numeric[];
  member_state text[];
  -- Reps, by source and id.
  rep_key text[];
  rep_name text[];
  rep_state text[];
  rep_works boolean[];
  rep_capacity integer[];
  rep_load integer[];
  lead record;
  state text;
  r salesops.routing_rule;
  n integer;
  low integer;
  high integer;
  k integer;
  best integer;
  free integer;
  total numeric;
  owed numeric;
  due numeric;
  best_due numeric;
  best_is_owed boolean;
  anybody_works boolean;
BEGIN
  SELECT array_agg(a.key ORDER BY a.n), array_agg(a.rep_id ORDER BY a.n), array_agg(a.state ORDER BY a.n), array_agg(a.is_working ORDER BY a.n),
         array_agg(CASE WHEN NOT is_trial OR a.capacity = 0 THEN a.capacity END ORDER BY a.n), array_agg(CASE WHEN is_trial THEN 0 ELSE a.open_leads END ORDER BY a.n)
    INTO rep_key, rep_name, rep_state, rep_works, rep_capacity, rep_load
  FROM (SELECT jsonb_build_array(v.source_key, v.rep_id)::text AS key, v."position" AS n, v.*
        FROM (SELECT array_agg(w.source_key) AS sources, array_agg(w.rep_id) AS reps
              FROM (SELECT m.source_key, m.rep_id FROM salesops.routing_members(plan_routing.as_of) m WHERE m.source_key = ANY (source_keys) AND m.pool = ANY (pools)
                    UNION
                    SELECT f.source_key, f.account_owner_id FROM unnest(matched) f
                    WHERE f.account_owner_id IS NOT NULL AND f.rules && owner_rules) w) x
        CROSS JOIN LATERAL salesops.available_reps(plan_routing.as_of, x.sources, x.reps) v) a;
  SELECT array_agg(m.pool_key ORDER BY m.n), array_agg(m.rep ORDER BY m.n), array_agg(m.weight ORDER BY m.n), array_agg(m.owed ORDER BY m.n)
    INTO member_pool, member_rep, member_weight, member_owed
  FROM (SELECT jsonb_build_array(m.source_key, m.pool)::text AS pool_key, k.rep, m.weight, CASE WHEN is_trial THEN 0 ELSE coalesce(s.owed, 0) END AS owed,
               row_number() OVER (ORDER BY m.source_key COLLATE "C", m.pool COLLATE "C", m.rep_id COLLATE "C") AS n
        FROM salesops.routing_members(plan_routing.as_of) m
        JOIN unnest(rep_key) WITH ORDINALITY AS k(key, rep) ON k.key = jsonb_build_array(m.source_key, m.rep_id)::text
        LEFT JOIN salesops.routing_share s ON s.source_key = m.source_key AND s.pool = m.pool AND s.rep_id = m.rep_id
        WHERE m.source_key = ANY (source_keys) AND m.pool = ANY (pools)) m;
  member_state := array_fill(NULL::text, ARRAY[coalesce(cardinality(member_pool), 0)]);

  FOR lead IN
    SELECT f.*, jsonb_build_array(f.source_key, f.account_owner_id)::text AS owner_key,
           d.rounds, d.had
    FROM unnest(matched) f
    CROSS JOIN LATERAL (SELECT coalesce(max(x.round), 0) AS rounds, coalesce(array_agg(x.rep_id), '{}') AS had FROM salesops.routing_decision x
                        WHERE x.source_key = f.source_key AND x.lead_id = f.id AND NOT is_trial) d
    ORDER BY f."position"
  LOOP
    "position" := lead."position"; source_key := lead.source_key; lead_id := lead.id; round := lead.rounds + 1;
    rule_version := NULL; rule := NULL; pool := NULL; rep_id := NULL; first_touch_minutes := NULL; why := ''; candidates := '{}';
    FOREACH n IN ARRAY lead.rules LOOP
      r := in_force[n];
      why := concat_ws('; ', nullif(why, ''), format('rule %s takes it (%s)', quote_ident(r.name), conditions[n]));
      IF r.pool IS NULL THEN
        k := array_position(rep_key, lead.owner_key);
        state := CASE WHEN rep_state[k] IS NOT NULL THEN rep_state[k] WHEN rep_name[k] = ANY (lead.had) THEN 'had it before'
                                WHEN rep_load[k] >= rep_capacity[k] THEN 'full' END;
        candidates := candidates || ROW(NULL, rep_name[k], state, NULL, rep_load[k], NULL)::salesops.routing_candidate;
        IF state IS NULL THEN
          rep_load[k] := rep_load[k] + 1;
          rep_id := rep_name[k];
          why := format('%s; %s owns account %s (by %s)', why, rep_id, lead.account_id, lead.matched_by);
        ELSE
          why := format('%s; %s owns account %s and is not free: %s', why, rep_name[k], lead.account_id, state);
        END IF;
      ELSE
        low := array_position(member_pool, jsonb_build_array(lead.source_key, r.pool)::text);
        high := low;
        anybody_works := false; free := 0; total := 0; best := NULL;
        IF low IS NOT NULL THEN
          WHILE member_pool[high + 1] = member_pool[low] LOOP
            high := high + 1;
          END LOOP;
          FOR i IN low .. high LOOP
            k := member_rep[i];
            member_state[i] := CASE WHEN rep_state[k] IS NOT NULL THEN rep_state[k] WHEN rep_name[k] = ANY (lead.had) THEN 'had it before'
                                    WHEN rep_load[k] >= rep_capacity[k] THEN 'full' END;
            anybody_works := anybody_works OR member_state[i] IS NULL AND rep_works[k];
          END LOOP;
          -- Out of everybody's hours all are asked, and the clock starts when their work does.
          FOR i IN low .. high LOOP
            IF member_state[i] IS NULL THEN
              IF anybody_works AND NOT rep_works[member_rep[i]] THEN
                member_state[i] := 'not at work';
              ELSE
                free := free + 1;
                total := total + member_weight[i];
              END IF;
            END IF;
          END LOOP;
          FOR i IN low .. high LOOP
            k := member_rep[i];
            owed := member_owed[i];
            IF member_state[i] IS NULL THEN
              owed := owed + round(member_weight[i] / total, 20);
              member_owed[i] := owed;
              -- Shares are rounded to 20 places; what differs less than by 12 is the same.
              due := round((1 - owed) / member_weight[i], 12);
              IF best IS NULL OR round(owed, 12) > 0 AND NOT best_is_owed OR due < best_due AND (round(owed, 12) > 0 OR NOT best_is_owed) THEN
                best := i;
                best_due := due;
                best_is_owed := round(owed, 12) > 0;
              END IF;
            END IF;
            candidates := candidates || ROW(r.pool, rep_name[k], member_state[i], member_weight[i], rep_load[k], pg_catalog.round(owed, 6))::salesops.routing_candidate;
          END LOOP;
        END IF;
        IF best IS NOT NULL THEN
          k := member_rep[best];
          rep_id := rep_name[k];
          pool := r.pool;
          why := format('%s; %s of pool %s is next, owed %s leads; free%s: %s', why, rep_id, quote_ident(pool), pg_catalog.round(member_owed[best], 2),
                        CASE WHEN anybody_works THEN '' ELSE ', none at work' END, free);
          member_owed[best] := member_owed[best] - 1;
          rep_load[k] := rep_load[k] + 1;
        ELSE
          why := format('%s; nobody in pool %s is free', why, quote_ident(r.pool));
        END IF;
      END IF;
      IF rep_id IS NOT NULL THEN
        rule_version := r.version_id;
        rule := r.name;
        first_touch_minutes := r.first_touch_minutes;
        EXIT;
      END IF;
    END LOOP;
    IF rep_id IS NULL THEN
      why := CASE why WHEN '' THEN 'no rule takes it' ELSE why || '; no other rule takes it' END || ': it waits in the fallback queue';
    END IF;
    -- Whose owner and facts were asked about is a choice where others have the domain too.
    IF lead.sharing > 1 THEN
      why := format('%s; %s accounts share the domain of the lead, of which %s is taken: %s', why, lead.sharing, lead.account_id, lead.taken_as);
    END IF;
    RETURN NEXT;
  END LOOP;
END $$;
COMMENT ON FUNCTION salesops.plan_routing(timestamptz, text[], text[], jsonb, boolean) IS
  'Who would get leads, which are given by source and id, in that order, as of an instant; writes nothing. position: place in the lists. changes: rules that are other than in force (routing_rules()). '
  'is_trial: as if pools were level, nobody had leads, and who takes any took any number, and no lead had been given to anybody. rep_id NULL = it would wait in the fallback queue; why in words. Leads there are not have no row';
