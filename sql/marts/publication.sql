-- What is published, and how each mart's refresh went.
--
-- Nothing in a mart reads the clock: the marts show the instant of the newest publication, which refresh_marts() writes. A
-- mart that fails keeps the rows of the publication it was last refreshed for.

CREATE TABLE salesops.publication (
  publication_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  as_of          timestamptz NOT NULL,
  published_at   timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE salesops.publication IS
  'Instants the marts were published for; the newest row is what they show. Written by refresh_marts()';
COMMENT ON COLUMN salesops.publication.publication_id IS 'Number of the publication';
COMMENT ON COLUMN salesops.publication.as_of IS 'Instant that was published, as it was known then';
COMMENT ON COLUMN salesops.publication.published_at IS 'Wall clock time when the refresh began';
COMMENT ON SEQUENCE salesops.publication_publication_id_seq IS 'publication numbers';
SELECT pg_catalog.pg_extension_config_dump('salesops.publication', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.publication_publication_id_seq', '');

CREATE TABLE salesops.mart_refresh (
  publication_id bigint NOT NULL REFERENCES salesops.publication,
  mart           text NOT NULL,
  as_of          timestamptz NOT NULL,
  started_at     timestamptz NOT NULL,
  refreshed_at   timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  rows           bigint,
  method         text CHECK (method IN ('concurrently', 'plain')),
  sqlstate       text,
  message        text,
  PRIMARY KEY (publication_id, mart),
  CONSTRAINT mart_refresh_outcome CHECK ((rows IS NULL) = (sqlstate IS NOT NULL) AND (method IS NULL) = (rows IS NULL))
);
CREATE INDEX mart_refresh_latest ON salesops.mart_refresh (mart, publication_id DESC);
COMMENT ON TABLE salesops.mart_refresh IS
  'How the refresh of each mart went; a mart that failed keeps its last good rows';
COMMENT ON COLUMN salesops.mart_refresh.publication_id IS 'Publication the refresh was part of';
COMMENT ON COLUMN salesops.mart_refresh.mart IS 'Mart, one of salesops.marts()';
COMMENT ON COLUMN salesops.mart_refresh.as_of IS 'Instant that was to be published';
COMMENT ON COLUMN salesops.mart_refresh.started_at IS 'Wall clock time when its refresh began';
COMMENT ON COLUMN salesops.mart_refresh.refreshed_at IS 'Wall clock time when its refresh ended, well or not';
COMMENT ON COLUMN salesops.mart_refresh.rows IS 'Rows of the mart afterwards; NULL = failed';
COMMENT ON COLUMN salesops.mart_refresh.method IS
  'concurrently (readers are never blocked) or plain (the first time, and where the unique index is missing); NULL = failed';
COMMENT ON COLUMN salesops.mart_refresh.sqlstate IS 'SQLSTATE of the failure; NULL = succeeded';
COMMENT ON COLUMN salesops.mart_refresh.message IS 'Message of the failure';
SELECT pg_catalog.pg_extension_config_dump('salesops.mart_refresh', '');

CREATE FUNCTION salesops.latest_publication(OUT publication_id bigint, OUT as_of timestamptz, OUT as_of_date date,
                                            OUT published_at timestamptz,
                                            OUT time_zone text, OUT currency_code text, OUT start_month integer,
                                            OUT quarter salesops.fiscal_period, OUT weights numeric[])
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
  SELECT p.publication_id, p.as_of, salesops.local_date(p.as_of), p.published_at,
         salesops.time_zone(), salesops.get_setting('corporate_currency'), salesops.fiscal_year_start_month(),
         salesops.current_quarter(p.as_of), salesops.published_weights(p.as_of)
  FROM salesops.publication p
  ORDER BY p.publication_id DESC
  LIMIT 1;
END;
COMMENT ON FUNCTION salesops.latest_publication() IS
  'What the marts show: the newest publication with its day, and the time zone, currency, calendar, current quarter and '
  'weights that go with it; no row before the first';

CREATE VIEW salesops.mart_status AS
  SELECT latest.mart, latest.as_of, latest.refreshed_at, latest.sqlstate, latest.message,
         good.as_of AS good_as_of, good.refreshed_at AS good_refreshed_at, good.rows, good.method
  FROM (SELECT DISTINCT ON (r.mart) r.* FROM salesops.mart_refresh r ORDER BY r.mart, r.publication_id DESC) latest
  LEFT JOIN LATERAL (
    SELECT r.* FROM salesops.mart_refresh r
    WHERE r.mart = latest.mart AND r.sqlstate IS NULL
    ORDER BY r.publication_id DESC LIMIT 1) good ON true;
COMMENT ON VIEW salesops.mart_status IS 'One row a mart: its last refresh, and the last good one, whose rows it shows';
COMMENT ON COLUMN salesops.mart_status.mart IS 'Mart';
COMMENT ON COLUMN salesops.mart_status.as_of IS 'Instant that the last refresh was for';
COMMENT ON COLUMN salesops.mart_status.refreshed_at IS 'When that refresh ended';
COMMENT ON COLUMN salesops.mart_status.sqlstate IS 'Its SQLSTATE if it failed; NULL = the mart is as it should be';
COMMENT ON COLUMN salesops.mart_status.message IS 'Its message if it failed';
COMMENT ON COLUMN salesops.mart_status.good_as_of IS 'Instant that the mart shows';
COMMENT ON COLUMN salesops.mart_status.good_refreshed_at IS 'When it was refreshed well';
COMMENT ON COLUMN salesops.mart_status.rows IS 'Rows it then had';
COMMENT ON COLUMN salesops.mart_status.method IS 'How it was refreshed then';
