-- The service level: a lead that is not touched in time goes to somebody who did not have it.

CREATE FUNCTION salesops.acknowledge_lead(source_key text, lead_id text, rep_id text, touched_at timestamptz DEFAULT salesops.clock())
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
  PERFORM salesops.check_as_of(touched_at);
  IF NOT EXISTS (SELECT FROM salesops.routing_decision d
                 WHERE d.source_key = acknowledge_lead.source_key AND d.lead_id = acknowledge_lead.lead_id AND d.rep_id = acknowledge_lead.rep_id AND d.as_of <= touched_at) THEN
    RAISE EXCEPTION 'rep % was not given lead %', coalesce(quote_literal(rep_id), 'NULL'), coalesce(quote_literal(lead_id), 'NULL') USING
      ERRCODE = 'undefined_object', HINT = 'SELECT * FROM salesops.routing_decision says who was given which lead, and when.';
  END IF;
  INSERT INTO salesops.routing_touch (source_key, lead_id, rep_id, touched_at) VALUES (source_key, lead_id, rep_id, touched_at)
  ON CONFLICT DO NOTHING;
END $$;
COMMENT ON FUNCTION salesops.acknowledge_lead(text, text, text, timestamptz) IS
  'Records that a rep has touched a lead that he was given. 42704 where he was not given it before that, 22023 for an instant in the future';

-- A touch is what the rep did himself, or what the CRM does not say who did.
CREATE FUNCTION salesops.lead_touches(known_at timestamptz, OUT decision_id bigint, OUT touched_at timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT d.decision_id, min(t.touched_at)
  FROM salesops.routing_decision d
  JOIN (SELECT a.source_key, a.contact_id AS lead_id, a.rep_id, a.happened_at AS touched_at
        FROM salesops.activity a
        WHERE a.contact_id IS NOT NULL AND a.is_done IS NOT FALSE AND NOT a.is_deleted
        UNION ALL
        SELECT x.source_key, x.lead_id, x.rep_id, x.touched_at FROM salesops.routing_touch x) t
    ON t.source_key = d.source_key AND t.lead_id = d.lead_id AND (t.rep_id = d.rep_id OR t.rep_id IS NULL)
   AND t.touched_at >= d.as_of AND t.touched_at <= lead_touches.known_at
  WHERE d.rep_id IS NOT NULL
  GROUP BY 1;
END;
COMMENT ON FUNCTION salesops.lead_touches(timestamptz) IS
  'First touch of each lead by the rep who was given it, after he was, up to an instant: an activity of the CRM that is logged with the lead as its contact, or acknowledge_lead(). No row = not touched';

CREATE FUNCTION salesops.overdue_leads(as_of timestamptz DEFAULT salesops.statement_clock(),
  OUT source_key text, OUT lead_id text, OUT decision_id bigint, OUT rep_id text, OUT pool text, OUT due_at timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT s.source_key, s.lead_id, s.decision_id, s.rep_id, d.pool, s.due_at
  FROM salesops.routed_lead s
  JOIN salesops.routing_decision d USING (decision_id)
  JOIN salesops.lead l ON l.source_key = s.source_key AND l.id = s.lead_id
  WHERE s.due_at < overdue_leads.as_of AND s.rep_id IS NOT NULL AND salesops.lead_is_open(l.status, l.is_converted, l.is_deleted)
    AND NOT EXISTS (SELECT FROM salesops.routing_touch t
                    WHERE t.source_key = s.source_key AND t.lead_id = s.lead_id AND t.rep_id = s.rep_id AND t.touched_at BETWEEN d.as_of AND overdue_leads.as_of)
    AND NOT EXISTS (SELECT FROM salesops.activity a
                    WHERE a.source_key = s.source_key AND a.contact_id = s.lead_id AND a.is_done IS NOT FALSE AND NOT a.is_deleted
                      AND (a.rep_id = s.rep_id OR a.rep_id IS NULL) AND a.happened_at BETWEEN d.as_of AND overdue_leads.as_of)
    -- Somebody else took it in the CRM.
    AND NOT EXISTS (SELECT FROM salesops.rep r
                    WHERE r.source_key = l.source_key AND r.id = l.owner_id AND r.id <> s.rep_id AND NOT r.is_deleted AND r.is_active IS NOT FALSE);
END;
COMMENT ON FUNCTION salesops.overdue_leads(timestamptz) IS
  'Open leads whose rep has not touched them and whose time has run out at an instant; what a touch is: lead_touches(). A lead that was touched late, or that another active rep owns in the CRM by now, is not overdue any more';

CREATE FUNCTION salesops.reassign_overdue_leads(as_of timestamptz DEFAULT salesops.clock())
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  sources text[];
  leads text[];
BEGIN
  PERFORM salesops.check_as_of(as_of), salesops.lock_routing();
  SELECT array_agg(o.source_key ORDER BY o.due_at, o.decision_id), array_agg(o.lead_id ORDER BY o.due_at, o.decision_id) INTO sources, leads
  FROM salesops.overdue_leads(reassign_overdue_leads.as_of) o;
  RETURN CASE WHEN leads IS NULL THEN 0 ELSE salesops.write_routing(as_of, sources, leads, 'reassign') END;
END $$;
COMMENT ON FUNCTION salesops.reassign_overdue_leads(timestamptz) IS
  'Gives overdue_leads() by the rules in force to reps who did not have them yet, or to the fallback queue where there is none left; each a decision that names the one before. Returns how many. Errors as of route_leads()';

CREATE FUNCTION salesops.service_levels(since timestamptz, as_of timestamptz DEFAULT salesops.statement_clock(),
  OUT source_key text, OUT pool text, OUT rep_id text, OUT given bigint, OUT within bigint, OUT late bigint, OUT open bigint, OUT without_clock bigint, OUT median_minutes numeric)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT d.source_key, d.pool, d.rep_id, count(*),
         count(*) FILTER (WHERE t.touched_at <= d.due_at),
         count(*) FILTER (WHERE t.touched_at > d.due_at OR t.touched_at IS NULL AND d.due_at < service_levels.as_of),
         count(*) FILTER (WHERE t.touched_at IS NULL AND d.due_at >= service_levels.as_of),
         count(*) FILTER (WHERE d.due_at IS NULL),
         pg_catalog.round((percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM t.touched_at - d.as_of)::double precision / 60))::numeric, 1)
  FROM salesops.routing_decision d
  LEFT JOIN salesops.lead_touches(service_levels.as_of) t USING (decision_id)
  WHERE d.rep_id IS NOT NULL AND d.as_of >= service_levels.since AND d.as_of <= service_levels.as_of
  GROUP BY GROUPING SETS ((d.source_key, d.pool, d.rep_id), (d.source_key, d.pool))
  ORDER BY 1, 2, 3 NULLS FIRST;
END;
COMMENT ON FUNCTION salesops.service_levels(timestamptz, timestamptz) IS
  'Leads given from an instant to another, by pool (NULL = as owners of the account) and rep (NULL = the whole pool): how many were touched within their time, how many '
  'late or not at all though it has run out, how many are open, how many have no clock; median minutes on the wall from decision to touch, of those that were touched (NULL = none was)';
