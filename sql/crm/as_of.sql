-- As of any instant. A state is the one with the latest effective_at not after the instant asked for, among those we had
-- recorded by `known_at` (the later recorded of equals). The present row of an entity is its latest state, so only the
-- rows whose present state is too new are looked up in the history: as of now costs no more than reading the table.

CREATE FUNCTION salesops.opportunity_as_of(effective_at timestamptz, known_at timestamptz DEFAULT NULL)
RETURNS SETOF salesops.opportunity LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT o.* FROM salesops.opportunity o
  WHERE o.effective_at <= opportunity_as_of.effective_at
    AND o.recorded_at <= coalesce(opportunity_as_of.known_at, opportunity_as_of.effective_at)
    AND NOT o.is_deleted
  UNION ALL
  SELECT h.*
  FROM salesops.opportunity o
  CROSS JOIN LATERAL (
    SELECT x.* FROM salesops.opportunity_history x
    WHERE x.source_key = o.source_key AND x.id = o.id
      AND x.effective_at <= opportunity_as_of.effective_at
      AND x.recorded_at <= coalesce(opportunity_as_of.known_at, opportunity_as_of.effective_at)
    ORDER BY x.effective_at DESC, x.recorded_at DESC
    LIMIT 1) h
  WHERE (o.effective_at > opportunity_as_of.effective_at
         OR o.recorded_at > coalesce(opportunity_as_of.known_at, opportunity_as_of.effective_at))
    AND NOT h.is_deleted;
END;
COMMENT ON FUNCTION salesops.opportunity_as_of(timestamptz, timestamptz) IS
  'Opportunities that existed at effective_at, in the state they then had, as far as it was known at known_at (NULL = at effective_at itself; infinity = as known today)';

CREATE FUNCTION salesops.account_as_of(effective_at timestamptz, known_at timestamptz DEFAULT NULL)
RETURNS SETOF salesops.account LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT a.* FROM salesops.account a
  WHERE a.effective_at <= account_as_of.effective_at
    AND a.recorded_at <= coalesce(account_as_of.known_at, account_as_of.effective_at)
    AND NOT a.is_deleted
  UNION ALL
  SELECT h.*
  FROM salesops.account a
  CROSS JOIN LATERAL (
    SELECT x.* FROM salesops.account_history x
    WHERE x.source_key = a.source_key AND x.id = a.id
      AND x.effective_at <= account_as_of.effective_at
      AND x.recorded_at <= coalesce(account_as_of.known_at, account_as_of.effective_at)
    ORDER BY x.effective_at DESC, x.recorded_at DESC
    LIMIT 1) h
  WHERE (a.effective_at > account_as_of.effective_at
         OR a.recorded_at > coalesce(account_as_of.known_at, account_as_of.effective_at))
    AND NOT h.is_deleted;
END;
COMMENT ON FUNCTION salesops.account_as_of(timestamptz, timestamptz) IS 'Accounts as of an instant; arguments as of opportunity_as_of()';

CREATE FUNCTION salesops.rep_as_of(effective_at timestamptz, known_at timestamptz DEFAULT NULL)
RETURNS SETOF salesops.rep LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT r.* FROM salesops.rep r
  WHERE r.effective_at <= rep_as_of.effective_at
    AND r.recorded_at <= coalesce(rep_as_of.known_at, rep_as_of.effective_at)
    AND NOT r.is_deleted
  UNION ALL
  SELECT h.*
  FROM salesops.rep r
  CROSS JOIN LATERAL (
    SELECT x.* FROM salesops.rep_history x
    WHERE x.source_key = r.source_key AND x.id = r.id
      AND x.effective_at <= rep_as_of.effective_at
      AND x.recorded_at <= coalesce(rep_as_of.known_at, rep_as_of.effective_at)
    ORDER BY x.effective_at DESC, x.recorded_at DESC
    LIMIT 1) h
  WHERE (r.effective_at > rep_as_of.effective_at
         OR r.recorded_at > coalesce(rep_as_of.known_at, rep_as_of.effective_at))
    AND NOT h.is_deleted;
END;
COMMENT ON FUNCTION salesops.rep_as_of(timestamptz, timestamptz) IS 'Reps, and with manager_id their tree, as of an instant; arguments as of opportunity_as_of()';

CREATE FUNCTION salesops.rep_tree(as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                  OUT source_key text, OUT rep_id text, OUT manager_id text, OUT level integer, OUT path text[])
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT t.source_key, t.rep_id, t.manager_id, t.level, t.path
  FROM salesops.reporting_tree((SELECT array_agg(ROW(r.source_key, r.id, r.manager_id)::salesops.reporting_line)
                                FROM salesops.rep_as_of(rep_tree.as_of, rep_tree.known_at) r)) t;
END;
COMMENT ON FUNCTION salesops.rep_tree(timestamptz, timestamptz) IS
  'Manager tree as of an instant: level 1 = top, path = ids from the top down to the rep; a rep whose manager has no row, and each member of a circle, is the top of a tree';

CREATE VIEW salesops.opportunity_version AS
  SELECT o.*, true AS is_present FROM salesops.opportunity o
  UNION ALL
  SELECT h.*, false FROM salesops.opportunity_history h;
COMMENT ON VIEW salesops.opportunity_version IS 'Every state of every opportunity that was ever known; is_present marks the latest';
COMMENT ON COLUMN salesops.opportunity_version.is_present IS 'Whether it is the latest state, from salesops.opportunity';
