-- How fresh the deals are. A forecast as of an instant is of the deals as they were last read; where no source has been
-- read for days it is of another time, and where none had been read at all, nothing is known.

CREATE FUNCTION salesops.source_readings(known_at timestamptz, OUT source_key text, OUT read_at timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 5
BEGIN ATOMIC
  SELECT y.source_key, max(y.as_of) FILTER (WHERE y.as_of <= source_readings.known_at)
  FROM salesops.source_sync y JOIN salesops.source s ON s.source_key = y.source_key
  WHERE y.entity = 'opportunity' AND y.sqlstate IS NULL
  GROUP BY y.source_key;
END;
COMMENT ON FUNCTION salesops.source_readings(timestamptz) IS
  'The sources whose deals were ever read, and up to when that had been by an instant; read_at NULL = not by then';

CREATE FUNCTION salesops.unread_doubt(known_at timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT 'no source had been read by then' FROM salesops.source_readings(known_at) r HAVING count(*) > 0 AND count(r.read_at) = 0;
END;
COMMENT ON FUNCTION salesops.unread_doubt(timestamptz) IS 'Why nothing was known of any deal by an instant; NULL = something was';

CREATE FUNCTION salesops.reading_doubt(as_of timestamptz, known_at timestamptz DEFAULT NULL) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT format('the deals of source %s are of %s, when it was last read', r.source_key, to_char(salesops.local_date(r.read_at), 'YYYY-MM-DD'))
  FROM salesops.source_readings(coalesce(reading_doubt.known_at, reading_doubt.as_of)) r
  WHERE r.read_at < reading_doubt.as_of - interval '2 days'
  ORDER BY r.read_at, r.source_key COLLATE "C" LIMIT 1;
END;
COMMENT ON FUNCTION salesops.reading_doubt(timestamptz, timestamptz) IS
  'Why the deals are not those of an instant: the source that was read longest ago, if that is more than two days before it; NULL = all are fresh. known_at (NULL = as_of) as in opportunity_state()';
