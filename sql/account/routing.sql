-- Routing: leads are given to reps, each once, by any number of sessions at a time.
--
-- A share is fair only in one order of leads, so whoever routes takes one lock first and holds it to the end of his transaction: the leads of a
-- pool are given one after the other, nobody waits for two locks and nothing can deadlock. Sessions that did not see the decisions of those
-- before them (repeatable read) are told to try again.

CREATE FUNCTION salesops.lock_routing()
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  LOCK TABLE salesops.routing_share IN SHARE ROW EXCLUSIVE MODE;
END $$;
COMMENT ON FUNCTION salesops.lock_routing() IS 'Waits until no other session routes, and keeps others from it to the end of the transaction';

-- Decides and writes. Leads of which something is decided already are left out by those who call, under the lock.
CREATE FUNCTION salesops.write_routing(as_of timestamptz, source_keys text[], ids text[], kind text)
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  decided bigint;
BEGIN
  WITH planned AS MATERIALIZED (
    SELECT p.* FROM salesops.plan_routing(write_routing.as_of, write_routing.source_keys, write_routing.ids) p
    -- Of a lead that still waits nothing new is to be said.
    WHERE p.rep_id IS NOT NULL OR write_routing.kind <> 'wait'
  ), due AS MATERIALIZED (
    SELECT p.source_key, p.rep_id, p.first_touch_minutes,
           salesops.add_working_minutes(write_routing.as_of, p.first_touch_minutes, h.time_zone, h.weekdays, h.work_from, h.work_to, h.absent) AS due_at
    FROM (SELECT DISTINCT x.source_key, x.rep_id, x.first_touch_minutes FROM planned x WHERE x.first_touch_minutes IS NOT NULL) p
    CROSS JOIN LATERAL salesops.rep_hours(write_routing.as_of, p.source_key, p.rep_id) h
  ), written AS (
    INSERT INTO salesops.routing_decision (source_key, lead_id, round, rule_version, rule, pool, rep_id, due_at, why, candidates, reassigns, as_of)
    SELECT p.source_key, p.lead_id, p.round, p.rule_version, p.rule, p.pool, p.rep_id, u.due_at, p.why, p.candidates,
           -- Looked up one by one, here and below: a join would read all open leads for one.
           CASE WHEN write_routing.kind = 'reassign' THEN (SELECT s.decision_id FROM salesops.routed_lead s WHERE s.source_key = p.source_key AND s.lead_id = p.lead_id) END,
           write_routing.as_of
    FROM planned p
    LEFT JOIN due u ON u.source_key = p.source_key AND u.rep_id = p.rep_id AND u.first_touch_minutes = p.first_touch_minutes
    ORDER BY p."position"
    RETURNING decision_id, source_key, lead_id, pool, rep_id, due_at, candidates
  ), moved AS MATERIALIZED (
    SELECT w.source_key, w.rep_id, 1 AS leads FROM written w
    UNION ALL
    SELECT w.source_key, (SELECT s.rep_id FROM salesops.routed_lead s WHERE s.source_key = w.source_key AND s.lead_id = w.lead_id), -1 FROM written w
  ), loads AS (
    INSERT INTO salesops.routing_load (source_key, rep_id, open_leads)
    SELECT m.source_key, m.rep_id, sum(m.leads) FROM moved m WHERE m.rep_id IS NOT NULL GROUP BY 1, 2
    ON CONFLICT (source_key, rep_id) DO UPDATE SET open_leads = routing_load.open_leads + excluded.open_leads
  ), held AS (
    INSERT INTO salesops.routed_lead (source_key, lead_id, decision_id, rep_id, due_at)
    SELECT w.source_key, w.lead_id, w.decision_id, w.rep_id, w.due_at FROM written w
    ON CONFLICT (source_key, lead_id) DO UPDATE SET decision_id = excluded.decision_id, rep_id = excluded.rep_id, due_at = excluded.due_at
  ), owed AS (
    -- As the plan counted: his share of each lead that the pool gave while he was free, less those that he was given.
    INSERT INTO salesops.routing_share (source_key, pool, rep_id, owed)
    SELECT w.source_key, w.pool, c.rep_id, sum(pg_catalog.round(c.weight / t.total, 20) - CASE WHEN c.rep_id = w.rep_id THEN 1 ELSE 0 END)
    FROM written w
    CROSS JOIN LATERAL (SELECT sum(x.weight) AS total FROM unnest(w.candidates) x WHERE x.pool = w.pool AND x.state IS NULL) t
    CROSS JOIN LATERAL unnest(w.candidates) c
    WHERE w.pool IS NOT NULL AND c.pool = w.pool AND c.state IS NULL
    GROUP BY 1, 2, 3
    ORDER BY 1, 2, 3
    ON CONFLICT (source_key, pool, rep_id) DO UPDATE SET owed = routing_share.owed + excluded.owed
  )
  SELECT count(*) INTO decided FROM written;
  RETURN decided;
EXCEPTION WHEN unique_violation THEN
  RAISE EXCEPTION 'another session has just routed one of these leads' USING
    ERRCODE = 'serialization_failure', HINT = 'Begin the transaction again; at the level read committed this does not happen.';
END $$;
COMMENT ON FUNCTION salesops.write_routing(timestamptz, text[], text[], text) IS
  'Decides by plan_routing() and writes the decisions; kind new, wait (those who still wait are left alone) or reassign. The caller holds lock_routing(). Returns the '
  'decisions; 40001 where another session was first. Call route_lead(), route_leads(), route_waiting_leads() or reassign_overdue_leads()';

CREATE FUNCTION salesops.lead_created_at(created_at timestamptz, effective_at timestamptz, recorded_at timestamptz)
RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(created_at, nullif(effective_at, '-infinity'), recorded_at);
COMMENT ON FUNCTION salesops.lead_created_at(timestamptz, timestamptz, timestamptz) IS
  'When a lead was created, as routing counts it: as the source states it, else since when it is as it is, else when that was read. NULL for NULL';

CREATE FUNCTION salesops.unrouted_leads(as_of timestamptz DEFAULT salesops.statement_clock(), created_since timestamptz DEFAULT '-infinity',
                                        OUT source_key text, OUT id text, OUT created_at timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT l.source_key, l.id, salesops.lead_created_at(l.created_at, l.effective_at, l.recorded_at)
  FROM salesops.lead l
  WHERE salesops.lead_is_open(l.status, l.is_converted, l.is_deleted)
    AND salesops.lead_created_at(l.created_at, l.effective_at, l.recorded_at) BETWEEN unrouted_leads.created_since AND unrouted_leads.as_of
    -- Looked up one by one: how many leads are open, and of these routed, is beyond what the planner can tell, and a join that it thinks small ends never.
    AND (SELECT s.lead_id FROM salesops.routed_lead s WHERE s.source_key = l.source_key AND s.lead_id = l.id) IS NULL
    AND (l.owner_id IS NULL
         OR (SELECT r.id FROM salesops.rep r WHERE r.source_key = l.source_key AND r.id = l.owner_id AND NOT r.is_deleted AND r.is_active IS NOT FALSE) IS NULL);
END;
COMMENT ON FUNCTION salesops.unrouted_leads(timestamptz, timestamptz) IS
  'Leads to be routed: open, created from an instant to another (when it was read, where the source does not say), not routed yet and without an owner in the CRM who is an active rep. A closed lead that is open again is one';

CREATE FUNCTION salesops.route_leads(as_of timestamptz DEFAULT salesops.clock(), most integer DEFAULT 1000, created_since timestamptz DEFAULT '-infinity')
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  sources text[];
  leads text[];
BEGIN
  PERFORM salesops.check_as_of(as_of);
  IF most IS NULL OR most < 1 THEN
    RAISE EXCEPTION 'most must be 1 or more, not %', coalesce(most::text, 'NULL') USING
      ERRCODE = 'invalid_parameter_value', HINT = 'It says how many leads are routed in one transaction.';
  END IF;
  PERFORM salesops.lock_routing();
  WITH closed AS (
    DELETE FROM salesops.routed_lead s USING salesops.lead l
    WHERE l.source_key = s.source_key AND l.id = s.lead_id AND NOT salesops.lead_is_open(l.status, l.is_converted, l.is_deleted)
    RETURNING s.source_key, s.rep_id
  )
  UPDATE salesops.routing_load o SET open_leads = o.open_leads - c.leads
  FROM (SELECT x.source_key, x.rep_id, count(*) AS leads FROM closed x GROUP BY 1, 2) c
  WHERE o.source_key = c.source_key AND o.rep_id = c.rep_id;
  SELECT array_agg(u.source_key), array_agg(u.id) INTO sources, leads
  FROM (SELECT x.* FROM salesops.unrouted_leads(route_leads.as_of, route_leads.created_since) x
        ORDER BY x.created_at, x.source_key COLLATE "C", x.id COLLATE "C" LIMIT most) u;
  RETURN CASE WHEN leads IS NULL THEN 0 ELSE salesops.write_routing(as_of, sources, leads, 'new') END;
END $$;
COMMENT ON FUNCTION salesops.route_leads(timestamptz, integer, timestamptz) IS
  'Routes the oldest of unrouted_leads(as_of, created_since), at most so many, and returns how many; call it until it returns 0. Any number of sessions may. 22023 for an '
  'as_of in the future or less than one lead, 40001 at repeatable read where another session was first';

CREATE FUNCTION salesops.route_lead(source_key text, id text, as_of timestamptz DEFAULT salesops.clock())
RETURNS salesops.routing_decision LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  decision salesops.routing_decision;
  lead salesops.lead;
BEGIN
  PERFORM salesops.check_as_of(as_of);
  SELECT l.* INTO lead FROM salesops.lead l WHERE l.source_key = route_lead.source_key AND l.id = route_lead.id AND NOT l.is_deleted;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'source % has no lead %', coalesce(quote_literal(source_key), 'NULL'), coalesce(quote_literal(id), 'NULL') USING
      ERRCODE = 'undefined_object', HINT = 'SELECT * FROM salesops.unrouted_leads() lists those that wait for a rep.';
  END IF;
  PERFORM salesops.lock_routing();
  IF EXISTS (SELECT FROM salesops.unrouted_leads('infinity') u WHERE u.source_key = route_lead.source_key AND u.id = route_lead.id) THEN
    PERFORM salesops.write_routing(as_of, ARRAY[source_key], ARRAY[id], 'new');
  END IF;
  SELECT d.* INTO decision FROM salesops.routed_lead s JOIN salesops.routing_decision d USING (decision_id)
  WHERE s.source_key = route_lead.source_key AND s.lead_id = route_lead.id;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'lead % needs no routing', quote_literal(id) USING
      ERRCODE = 'object_not_in_prerequisite_state',
      DETAIL = format('Its status is %s, its owner %s.', coalesce(quote_literal(lead.status), 'unknown'), coalesce(quote_literal(lead.owner_id), 'unknown')),
      HINT = 'Routed are open leads that no active rep owns in the CRM.';
  END IF;
  RETURN decision;
END $$;
COMMENT ON FUNCTION salesops.route_lead(text, text, timestamptz) IS
  'Routes a lead and returns the decision; of a lead that was routed already, the decision that holds. 42704 for an unknown lead, 55000 where it is closed or an active '
  'rep owns it, 22023 for an as_of in the future, 40001 at repeatable read where another session was first';

CREATE FUNCTION salesops.route_waiting_leads(as_of timestamptz DEFAULT salesops.clock())
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  sources text[];
  leads text[];
BEGIN
  PERFORM salesops.check_as_of(as_of), salesops.lock_routing();
  SELECT array_agg(s.source_key ORDER BY s.decision_id), array_agg(s.lead_id ORDER BY s.decision_id) INTO sources, leads
  FROM salesops.routed_lead s JOIN salesops.lead l ON l.source_key = s.source_key AND l.id = s.lead_id
  WHERE s.rep_id IS NULL AND salesops.lead_is_open(l.status, l.is_converted, l.is_deleted);
  RETURN CASE WHEN leads IS NULL THEN 0 ELSE salesops.write_routing(as_of, sources, leads, 'wait') END;
END $$;
COMMENT ON FUNCTION salesops.route_waiting_leads(timestamptz) IS
  'Gives leads of the fallback queue, those that have waited longest first, to reps who are free now, and returns how many; of those that still wait nothing is written. Errors as of route_leads()';
