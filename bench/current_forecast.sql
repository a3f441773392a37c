-- A deal changes: how long until the current forecast of the company says so, at :deals x 22 % open deals? Beside it a refresh of
-- everything, which is what it is compared with. A model comes from a generated CRM; the deals are those of data/audit.sql.
-- :runs times (default 5); prints medians. jit off and no parallel workers.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
\if :{?deals}
\else
  \set deals 460000
\endif
\if :{?runs}
\else
  \set runs 5
\endif
\ir data/audit.sql
SET jit = off;
SET max_parallel_workers_per_gather = 0;

SELECT count(*) FROM salesops.generate_crm(3000, 20, 1, '2026-06-30 12:00+00', 0, 'forecast_bench') \gset ignored_
SELECT salesops.connect('generated', 'fivetran_salesforce', 'forecast_bench') \gset ignored_
SELECT count(*) FROM salesops.sync('generated', '2026-06-30 12:00+00') \gset ignored_
ANALYZE;
SET bench.runs = :runs;
SELECT salesops.fit_forecast('2026-06-30 12:00+00') \gset ignored_

CREATE TEMP TABLE taken (what text, run integer, milliseconds numeric);
DO $$
DECLARE
  runs CONSTANT integer := current_setting('bench.runs');
  started timestamptz;
  at timestamptz := '2026-06-30 12:00+00';
  deal salesops.deal_key;
  deals salesops.deal_key[] := (SELECT array_agg(ROW(o.source_key, o.id)::salesops.deal_key)
                                FROM (SELECT * FROM salesops.opportunity o WHERE o.source_key = 'bench' AND NOT o.is_closed ORDER BY o.id LIMIT runs) o);
BEGIN
  FOR run IN 1 .. runs LOOP
    started := clock_timestamp();
    PERFORM salesops.refresh_current_forecast(at);
    INSERT INTO taken VALUES ('refresh of everything', run, extract(epoch FROM clock_timestamp() - started) * 1000);
    started := clock_timestamp();
    PERFORM * FROM salesops.forecast(salesops.period_after(at), 'company', at);
    INSERT INTO taken VALUES ('forecast() of the company from what is kept', run, extract(epoch FROM clock_timestamp() - started) * 1000);

    at := at + interval '1 minute';
    deal := deals[run];
    UPDATE salesops.opportunity o SET amount = amount * 2, effective_at = at, recorded_at = at WHERE o.source_key = deal.source_key AND o.id = deal.id;
    started := clock_timestamp();
    PERFORM salesops.update_current_forecast(at, ARRAY[deal]);
    INSERT INTO taken VALUES ('update after one deal has changed', run, extract(epoch FROM clock_timestamp() - started) * 1000);
    started := clock_timestamp();
    PERFORM salesops.quantiles((SELECT salesops.bookings(f.pipeline) FROM salesops.current_owner_forecast f), '{0.1,0.5,0.9}');
    INSERT INTO taken VALUES ('P10, P50, P90 of the company''s open deals', run, extract(epoch FROM clock_timestamp() - started) * 1000);
  END LOOP;
END $$;
SELECT count(*) FILTER (WHERE part = 'open') AS "open deals", count(DISTINCT owner_id) AS owners FROM salesops.current_deal_forecast;
SELECT t.what, round(percentile_disc(0.5) WITHIN GROUP (ORDER BY t.milliseconds)) AS "median ms", round(min(t.milliseconds)) AS least, round(max(t.milliseconds)) AS most
FROM taken t GROUP BY t.what ORDER BY 2;
