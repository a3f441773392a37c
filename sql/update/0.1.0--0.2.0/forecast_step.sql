-- Steps forecast, accounts, duplicates, icp, backtest and territory_health among the default steps; forecast is in the jobs nightly and sync, the next four in nightly, territory_health in a job
-- of its own. Step purge deletes drafts of territory plans too.
CREATE OR REPLACE FUNCTION salesops.default_steps(OUT step text, OUT function text, OUT builds_on text[], OUT description text)
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 8
BEGIN ATOMIC
  VALUES ('sync', 'salesops.step_sync', ARRAY[]::text[], 'Read every active source in full'),
         ('snapshot', 'salesops.step_snapshot', '{}', 'Keep the forecast as it is'),
         ('forecast', 'salesops.step_forecast', '{sync}', 'Bring the current forecast up to date, with a new win model when one is due'),
         ('audit', 'salesops.step_audit', '{}', 'Check every open deal and every source by the rules'),
         ('accounts', 'salesops.step_accounts', '{sync,forecast,audit}', 'Keep the scores of accounts and the next best actions of reps'),
         ('duplicates', 'salesops.step_duplicates', '{sync}', 'Search duplicates among accounts and leads where something changed'),
         ('icp', 'salesops.step_icp', '{sync}', 'Learn the ideal customer profile when one is due, and place new and changed accounts'),
         ('refresh', 'salesops.step_refresh', '{sync,forecast,audit,accounts,duplicates}', 'Publish the marts in salesops_bi'),
         ('backtest', 'salesops.step_backtest', '{}', 'Hold past forecasts against what came, once a quarter'),
         ('territory_health', 'salesops.step_territory_health', '{sync}', 'Measure the territories in force on the data of today'),
         ('alert', 'salesops.step_alert', '{sync,snapshot,forecast,audit,accounts,duplicates,icp,refresh,backtest,territory_health}', 'Tell the listeners of channel salesops how the run went'),
         ('purge', 'salesops.step_purge', '{}', 'Delete runs older than the setting run_log_keep from the log, and drafts of territory plans older than territory_draft_keep');
END;

CREATE OR REPLACE FUNCTION salesops.default_jobs(OUT job text, OUT steps text[], OUT description text)
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 3
BEGIN ATOMIC
  VALUES ('nightly', ARRAY['sync', 'snapshot', 'forecast', 'audit', 'accounts', 'duplicates', 'icp', 'refresh', 'backtest', 'alert', 'purge'], 'Everything, once a day'),
         ('sync', ARRAY['sync', 'forecast'], 'Follow the sources more often than once a day'),
         ('forecast_cut_off', ARRAY['sync', 'snapshot'], 'Keep the forecast as of the end of a sales week or period'),
         ('territory_health', ARRAY['territory_health', 'alert'], 'Measure the territories in force, once a month');
END;

CREATE OR REPLACE FUNCTION salesops.step_purge(run_id bigint, as_of timestamptz) RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
  SELECT salesops.purge_run_log(salesops.get_setting('run_log_keep')::interval, step_purge.as_of)
       + salesops.purge_territory_plans(salesops.get_setting('territory_draft_keep')::interval, step_purge.as_of);
END;
COMMENT ON FUNCTION salesops.step_purge(bigint, timestamptz) IS
  'Step purge: purge_run_log() by the setting run_log_keep and purge_territory_plans() by territory_draft_keep, counted back from as_of; returns the runs and plans deleted';
