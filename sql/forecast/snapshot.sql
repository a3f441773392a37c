-- Snapshots: what the forecast was on each night, kept so that it can be compared, backtested and replayed.
--
-- A snapshot is stored as forecast_totals, unweighted, with the currency and calendar they were made under, so any weight
-- set can be applied to it later. Deals themselves are not copied: their history gives them as of any instant
-- (opportunity_snapshot below).

CREATE TABLE salesops.snapshot (
  as_of                   timestamptz PRIMARY KEY,
  corporate_currency      text NOT NULL,
  fiscal_year_start_month integer NOT NULL,
  taken_at                timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE salesops.snapshot IS 'Instants whose forecast was kept; written by take_snapshot(), never changed';
COMMENT ON COLUMN salesops.snapshot.as_of IS 'Instant the forecast is of, as it was known then';
COMMENT ON COLUMN salesops.snapshot.corporate_currency IS 'ISO code of its amounts';
COMMENT ON COLUMN salesops.snapshot.fiscal_year_start_month IS 'First month of the fiscal year that its periods are of';
COMMENT ON COLUMN salesops.snapshot.taken_at IS 'Wall clock time when it was taken';
SELECT pg_catalog.pg_extension_config_dump('salesops.snapshot', '');

CREATE TABLE salesops.forecast_snapshot (
  as_of         timestamptz NOT NULL,
  source_key    text NOT NULL,
  period        salesops.fiscal_period,
  owner_id      text,
  totals        salesops.forecast_totals NOT NULL,
  estimated     salesops.forecast_totals NOT NULL,
  unconvertible salesops.forecast_totals NOT NULL,
  UNIQUE NULLS NOT DISTINCT (as_of, source_key, period, owner_id)
);
COMMENT ON TABLE salesops.forecast_snapshot IS
  'The forecast of each snapshot by source, fiscal quarter and owner; written by take_snapshot(), never changed';
COMMENT ON COLUMN salesops.forecast_snapshot.as_of IS 'Snapshot the row belongs to';
COMMENT ON COLUMN salesops.forecast_snapshot.source_key IS 'Source of the deals';
COMMENT ON COLUMN salesops.forecast_snapshot.period IS 'Fiscal quarter of their close dates; NULL = no close date';
COMMENT ON COLUMN salesops.forecast_snapshot.owner_id IS 'Rep who owned them; NULL = none';
COMMENT ON COLUMN salesops.forecast_snapshot.totals IS 'Deals and amounts by category, corporate currency';
COMMENT ON COLUMN salesops.forecast_snapshot.estimated IS 'The part of totals whose amount was a list price';
COMMENT ON COLUMN salesops.forecast_snapshot.unconvertible IS
  'Deals whose amount no rate converted; counted, not summed, in totals';
SELECT pg_catalog.pg_extension_config_dump('salesops.forecast_snapshot', '');

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.snapshot
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change(
    'Correct the data and take the next snapshot; replay_snapshot() names what differs.');
COMMENT ON TRIGGER append_only ON salesops.snapshot IS 'what was published must stay what it was';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.forecast_snapshot
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change(
    'Correct the data and take the next snapshot; replay_snapshot() names what differs.');
COMMENT ON TRIGGER append_only ON salesops.forecast_snapshot IS 'what was published must stay what it was';

CREATE FUNCTION salesops.take_snapshot(as_of timestamptz)
RETURNS bigint LANGUAGE sql
-- Compiling this wide plan takes seconds and saves none; and no deal is looked up one by one.
SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  SELECT salesops.check_as_of(take_snapshot.as_of);
  WITH taken AS (
    INSERT INTO salesops.snapshot (as_of, corporate_currency, fiscal_year_start_month)
    VALUES (take_snapshot.as_of, salesops.get_setting('corporate_currency'), salesops.fiscal_year_start_month())
    ON CONFLICT DO NOTHING
    RETURNING as_of
  ), stored AS (
    INSERT INTO salesops.forecast_snapshot (as_of, source_key, period, owner_id, totals, estimated, unconvertible)
    SELECT t.as_of, f.source_key, f.period, f.owner_id, f.totals, f.estimated, f.unconvertible
    FROM taken t CROSS JOIN LATERAL salesops.forecast_by_quarter(t.as_of, t.as_of) f
    RETURNING 1
  )
  SELECT count(*) FROM stored;
END;
COMMENT ON FUNCTION salesops.take_snapshot(timestamptz) IS
  'Keep the forecast as of an instant, as known then; returns the rows written. A snapshot that exists stays as it is '
  'and nothing is written. 22023 where as_of is no instant or lies in the future';

-- No difference and no snapshot must not look alike.
CREATE FUNCTION salesops.check_snapshot(as_of timestamptz)
RETURNS void LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  nearest timestamptz;
BEGIN
  IF NOT EXISTS (SELECT FROM salesops.snapshot s WHERE s.as_of = check_snapshot.as_of) THEN
    nearest := (SELECT max(s.as_of) FROM salesops.snapshot s WHERE s.as_of < check_snapshot.as_of);
    RAISE EXCEPTION 'no snapshot was taken as of %', coalesce(check_snapshot.as_of::text, 'NULL') USING
      ERRCODE = 'undefined_object',
      DETAIL = format('The last one before it is of %s.', coalesce(nearest::text, '(none)')),
      HINT = 'SELECT as_of FROM salesops.snapshot lists them.';
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_snapshot(timestamptz) IS 'Raises 42704 unless there is a snapshot of that instant';

CREATE FUNCTION salesops.replay_snapshot(as_of timestamptz, OUT source_key text, OUT period salesops.fiscal_period, OUT owner_id text,
                                         OUT stored salesops.forecast_totals, OUT replayed salesops.forecast_totals, OUT reason text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  SELECT salesops.check_snapshot(replay_snapshot.as_of);
  WITH snapshot AS MATERIALIZED (
    SELECT s.* FROM salesops.snapshot s WHERE s.as_of = replay_snapshot.as_of
  ), both_sides AS (
    SELECT f.source_key, f.period, f.owner_id, f.totals AS stored, NULL::salesops.forecast_totals AS replayed
    FROM salesops.forecast_snapshot f WHERE f.as_of = replay_snapshot.as_of
    UNION ALL
    SELECT f.source_key, f.period, f.owner_id, NULL, f.totals
    FROM snapshot s CROSS JOIN LATERAL salesops.forecast_by_quarter(s.as_of, s.as_of) f
  ), line AS (
    SELECT b.source_key, salesops.min(b.period) AS period, b.owner_id, coalesce(salesops.forecast_rollup(b.stored), 'no deals') AS stored,
           coalesce(salesops.forecast_rollup(b.replayed), 'no deals') AS replayed
    FROM both_sides b
    GROUP BY b.source_key, b.period::integer, b.owner_id
  )
  SELECT l.source_key, l.period, l.owner_id, l.stored, l.replayed,
         CASE WHEN s.corporate_currency <> salesops.get_setting('corporate_currency')
                THEN format('stored in %s, corporate currency is now %s', s.corporate_currency, salesops.get_setting('corporate_currency'))
              WHEN s.fiscal_year_start_month <> salesops.fiscal_year_start_month()
                THEN format('stored for fiscal years from month %s, now from month %s',
                            s.fiscal_year_start_month, salesops.fiscal_year_start_month())
              ELSE 'a map, rate or list price changed since' END
  FROM line l CROSS JOIN snapshot s
  WHERE l.stored OPERATOR(salesops.<>) l.replayed;
END;
COMMENT ON FUNCTION salesops.replay_snapshot(timestamptz) IS
  'Compute a stored snapshot again from opportunity_as_of(as_of, as_of) and name each source, quarter and owner whose '
  'totals differ; no row = '
  'it replays to the cent; 42704 where no snapshot was taken then';

CREATE VIEW salesops.opportunity_snapshot AS
  SELECT s.as_of AS snapshot_as_of, o.*
  FROM salesops.snapshot s CROSS JOIN LATERAL salesops.opportunity_as_of(s.as_of, s.as_of) o;
COMMENT ON VIEW salesops.opportunity_snapshot IS
  'Opportunities as of every stored snapshot, as known then; filter on snapshot_as_of';
COMMENT ON COLUMN salesops.opportunity_snapshot.snapshot_as_of IS 'Snapshot the state is of';

-- Views that show the columns of an opportunity say of them what the table says.
DO $$
DECLARE
  command text;
BEGIN
  FOR command IN
    SELECT format('COMMENT ON COLUMN %s.%I IS %L', v.attrelid::regclass, v.attname, col_description(t.attrelid, t.attnum))
    FROM pg_attribute v JOIN pg_attribute t ON t.attname = v.attname AND t.attrelid = 'salesops.opportunity'::regclass AND t.attnum > 0
    WHERE v.attrelid IN ('salesops.opportunity_version'::regclass, 'salesops.opportunity_snapshot'::regclass)
  LOOP
    EXECUTE command;
  END LOOP;
END $$;
