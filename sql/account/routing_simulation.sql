-- What other rules would have done. Writes nothing.

CREATE FUNCTION salesops.simulate_routing(changes jsonb, leads integer DEFAULT 1000, as_of timestamptz DEFAULT salesops.statement_clock(),
  OUT source_key text, OUT lead_id text, OUT created_at timestamptz, OUT was_rep_id text, OUT rule text, OUT rep_id text, OUT new_rule text, OUT new_pool text,
  OUT new_rep_id text, OUT new_why text, OUT is_other boolean)
RETURNS SETOF record LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  PERFORM salesops.check_instant(as_of), salesops.check_routing_changes(changes, as_of);
  IF leads IS NULL OR leads < 1 THEN
    RAISE EXCEPTION 'leads must be 1 or more, not %', coalesce(leads::text, 'NULL') USING ERRCODE = 'invalid_parameter_value', HINT = 'It says how many of the last leads are routed.';
  END IF;
  RETURN QUERY
  WITH sample AS MATERIALIZED (
    SELECT row_number() OVER (ORDER BY x.created_at, x.source_key COLLATE "C", x.id COLLATE "C") AS n, x.*
    FROM (SELECT l.source_key, l.id, salesops.lead_created_at(l.created_at, l.effective_at, l.recorded_at) AS created_at, l.owner_id
          FROM salesops.lead l
          WHERE NOT l.is_deleted AND salesops.lead_created_at(l.created_at, l.effective_at, l.recorded_at) <= simulate_routing.as_of
          ORDER BY salesops.lead_created_at(l.created_at, l.effective_at, l.recorded_at) DESC, l.source_key COLLATE "C" DESC, l.id COLLATE "C" DESC
          LIMIT simulate_routing.leads) x
  ), list AS MATERIALIZED (
    SELECT array_agg(s.source_key ORDER BY s.n) AS sources, array_agg(s.id ORDER BY s.n) AS ids FROM sample s
  )
  SELECT s.source_key, s.id, s.created_at, coalesce(d.rep_id, s.owner_id), a.rule, a.rep_id, b.rule, b.pool, b.rep_id, b.why, a.rep_id IS DISTINCT FROM b.rep_id
  FROM list
  CROSS JOIN LATERAL salesops.plan_routing(simulate_routing.as_of, list.sources, list.ids, '{}', true) a
  JOIN (SELECT p.* FROM list CROSS JOIN LATERAL salesops.plan_routing(simulate_routing.as_of, list.sources, list.ids, simulate_routing.changes, true) p) b
    ON b.source_key = a.source_key AND b.lead_id = a.lead_id
  JOIN sample s ON s.source_key = a.source_key AND s.id = a.lead_id
  LEFT JOIN salesops.routed_lead h ON h.source_key = s.source_key AND h.lead_id = s.id
  LEFT JOIN salesops.routing_decision d ON d.decision_id = h.decision_id
  ORDER BY s.n;
END $$;
COMMENT ON FUNCTION salesops.simulate_routing(jsonb, integer, timestamptz) IS
  'The last so many leads as if they all came at an instant, one after the other, to level pools without leads: who gets which by the rules in force (rule, rep_id) and '
  'by the changed ones (new_...), and who has it now (was_rep_id: by the decision, else the owner in the CRM). changes: {"rule": {"column": value}} as set_routing_rule() takes '
  'it, "is_enabled": false takes a rule out. Capacity is not counted, but that of 0, for nobody knows when these leads would have been closed. 22023 for what a rule does not have and for less than one lead';

CREATE FUNCTION salesops.simulate_routing_loads(changes jsonb, leads integer DEFAULT 1000, as_of timestamptz DEFAULT salesops.statement_clock(),
  OUT source_key text, OUT rep_id text, OUT leads_had bigint, OUT leads_now bigint, OUT leads_changed bigint)
RETURNS SETOF record LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT s.source_key, r.rep_id, count(*) FILTER (WHERE r.which = 'had'), count(*) FILTER (WHERE r.which = 'now'), count(*) FILTER (WHERE r.which = 'changed')
  FROM salesops.simulate_routing(changes, leads, as_of) s
  CROSS JOIN LATERAL (VALUES (s.was_rep_id, 'had'), (s.rep_id, 'now'), (s.new_rep_id, 'changed')) AS r(rep_id, which)
  GROUP BY 1, 2 ORDER BY 1, 2;
END;
COMMENT ON FUNCTION salesops.simulate_routing_loads(jsonb, integer, timestamptz) IS
  'simulate_routing() by rep: leads that he has (leads_had), would get by the rules in force (leads_now) and by the changed ones (leads_changed); rep_id NULL = nobody, the fallback queue';
