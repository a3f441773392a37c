-- Tie-out: our counts and amounts beside the source's own, every difference named.

CREATE FUNCTION salesops.tie_out(source_key text, from_date date DEFAULT '-infinity', to_date date DEFAULT 'infinity')
RETURNS TABLE("position" integer, line text, currency text, deals bigint, amount numeric)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD' AS $$
DECLARE
  source salesops.source := salesops.get_source(tie_out.source_key);
  plan salesops.planned_column[] := ARRAY(SELECT p FROM salesops.source_plan(source) p);
  feed regclass := (SELECT p.relation FROM unnest(plan) p WHERE p.entity = 'opportunity' LIMIT 1);
  reader record;
BEGIN
  IF feed IS NULL THEN
    RAISE EXCEPTION 'source "%" has no opportunities to read now', tie_out.source_key USING
      ERRCODE = 'undefined_table', HINT = format('SELECT * FROM salesops.describe_source(%L) shows what was found.', tie_out.source_key);
  END IF;
  reader := salesops.feed_query(source, plan, 'opportunity', feed);
  RETURN QUERY EXECUTE format($query$
    WITH stated AS (
      SELECT %1$s, (true%2$s) AS is_present FROM %3$s
    ), ranked AS (
      SELECT s.*, row_number() OVER (PARTITION BY s.id, s.is_present ORDER BY s.modified_at DESC NULLS LAST, s.stamp DESC NULLS LAST, s::text DESC) AS n
      FROM stated s
    ), line AS (
      SELECT CASE WHEN NOT r.is_present THEN 2 WHEN r.id IS NULL THEN 3 WHEN r.n > 1 THEN 4 WHEN r.is_deleted THEN 5 WHEN r.merged_into IS NOT NULL THEN 6
                  WHEN o.id IS NULL OR (o.amount, o.close_date, o.currency) IS DISTINCT FROM (r.amount, r.close_date, r.currency) THEN 7
                  ELSE 8 END AS "position",
             r.id, coalesce(r.currency, $4) AS currency, r.amount
      FROM ranked r
      LEFT JOIN salesops.opportunity o ON o.source_key = $1 AND o.id = r.id AND NOT o.is_deleted AND o.merged_into IS NULL
      WHERE r.close_date BETWEEN $2 AND $3 OR (r.close_date IS NULL AND $2 = '-infinity' AND $3 = 'infinity')
    ), here AS (
      -- Stale is what no row of the source is equal to; an equal one has the same close date, so it is in the same period.
      SELECT coalesce(o.currency, $4) AS currency, o.amount, l.id IS NULL AS is_stale
      FROM salesops.opportunity o
      LEFT JOIN line l ON l."position" = 8 AND l.id = o.id
      WHERE o.source_key = $1 AND NOT o.is_deleted AND o.merged_into IS NULL
        AND (o.close_date BETWEEN $2 AND $3 OR (o.close_date IS NULL AND $2 = '-infinity' AND $3 = 'infinity'))
    ), entry AS (
      SELECT 1 AS "position", l.currency, 1 AS sign, l.amount FROM line l
      UNION ALL SELECT l."position", l.currency, -1, l.amount FROM line l WHERE l."position" < 8
      UNION ALL SELECT 8, h.currency, 1, h.amount FROM here h WHERE h.is_stale
      UNION ALL SELECT 9, h.currency, 1, h.amount FROM here h
    )
    SELECT e."position", n.line, e.currency, sum(e.sign), sum(e.sign * e.amount)
    FROM entry e
    JOIN (VALUES (1, 'rows in the source'), (2, 'old versions'), (3, 'without an id'), (4, 'older duplicates'), (5, 'deleted in the source'),
                 (6, 'merged into another deal'), (7, 'new or changed since the last sync'), (8, 'here as of the last sync, changed or gone since'),
                 (9, 'opportunities here')) n("position", line) ON n."position" = e."position"
    GROUP BY e."position", n.line, e.currency ORDER BY e.currency, e."position"
    $query$, reader.columns, reader.is_present, reader.from_clause)
  USING tie_out.source_key, from_date, to_date, salesops.source_option(source, 'currency');
END $$;
COMMENT ON FUNCTION salesops.tie_out(text, date, date) IS
  'Deals and amounts with a close date in a period, per currency: rows in the source, each reason why one is not counted here (negative), and what is counted here; lines 1 to 8 sum to line 9';
