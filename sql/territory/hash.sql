-- What a plan was given, as one number: two plans with the same hash were given the same.

-- Bytes of one row whatever the settings of the session.
CREATE FUNCTION salesops.territory_input_hash(plan_id bigint, as_of timestamptz, options jsonb, measures text[])
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE SET extra_float_digits = 1
BEGIN ATOMIC
  SELECT encode(sha256(convert_to(
    ROW(extract(epoch FROM territory_input_hash.as_of), territory_input_hash.options, territory_input_hash.measures,
      (SELECT string_agg(ROW(t.territory_id, t.tags, t.needs, CASE WHEN t.home_account IS NULL THEN t.x END, CASE WHEN t.home_account IS NULL THEN t.y END,
                             CASE WHEN t.home_account IS NULL THEN t.z END, t.quota, t.ramp, t.share, t.floor, t.cap, t.target, t.least, t.most)::text, ','
                         ORDER BY t.territory_id COLLATE "C")
       FROM salesops.territory_plan_territory t WHERE t.plan_id = territory_input_hash.plan_id),
      (SELECT string_agg(ROW(c.class, c.tags, c.needs, c.prefers)::text, ',' ORDER BY c.class)
       FROM salesops.territory_plan_class c WHERE c.plan_id = territory_input_hash.plan_id),
      (SELECT encode(sha256(string_agg(sha256(convert_to(
                ROW(a.account_id, a.source_key, a.class, a.family, a.amount, a.x, a.y, a.z, a.distance_cost, a.relationship, a.from_territory, a.hold,
                    a.hold_territory)::text, 'UTF8')), '' ORDER BY a.account_id COLLATE "C")), 'hex')
       FROM salesops.territory_plan_account a WHERE a.plan_id = territory_input_hash.plan_id))::text, 'UTF8')), 'hex');
END;
COMMENT ON FUNCTION salesops.territory_input_hash(bigint, timestamptz, jsonb, text[]) IS
  'SHA-256 of the accounts, territories and classes kept of a plan, and of its instant, options and measures. What the plan decided, homes that it chose and where it was read from is not in it';

CREATE FUNCTION salesops.territory_plan_hash(plan_id bigint)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT salesops.territory_input_hash(p.plan_id, p.as_of, p.options, p.measures) FROM salesops.territory_plan p WHERE p.plan_id = territory_plan_hash.plan_id;
END;
COMMENT ON FUNCTION salesops.territory_plan_hash(bigint) IS
  'SHA-256 of what a plan was given, computed from what is kept of it: territory_plan.input_hash, unless somebody changed it; NULL for an unknown plan';
