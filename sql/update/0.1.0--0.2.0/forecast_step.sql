-- Steps forecast and backtest among the default steps; forecast is in the jobs nightly and sync, backtest in nightly.
CREATE OR REPLACE FUNCTION salesops.default_steps(OUT step text, OUT function text, OUT builds_on text[], OUT description text)
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 8
BEGIN ATOMIC
  VALUES ('sync', 'salesops.step_sync', ARRAY[]::text[], 'Read every active source in full'),
         ('snapshot', 'salesops.step_snapshot', '{}', 'Keep the forecast as it is'),
         ('forecast', 'salesops.step_forecast', '{sync}', 'Bring the current forecast up to date, with a new win model when one is due'),
         ('audit', 'salesops.step_audit', '{}', 'Check every open deal and every source by the rules'),
         ('refresh', 'salesops.step_refresh', '{sync,forecast,audit}', 'Publish the marts in salesops_bi'),
         ('backtest', 'salesops.step_backtest', '{}', 'Hold past forecasts against what came, once a quarter'),
         ('alert', 'salesops.step_alert', '{sync,snapshot,forecast,audit,refresh,backtest}', 'Tell the listeners of channel salesops how the run went'),
         ('purge', 'salesops.step_purge', '{}', 'Delete runs older than the setting run_log_keep from the log');
END;

CREATE OR REPLACE FUNCTION salesops.default_jobs(OUT job text, OUT steps text[], OUT description text)
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 3
BEGIN ATOMIC
  VALUES ('nightly', ARRAY['sync', 'snapshot', 'forecast', 'audit', 'refresh', 'backtest', 'alert', 'purge'], 'Everything, once a day'),
         ('sync', ARRAY['sync', 'forecast'], 'Follow the sources more often than once a day'),
         ('forecast_cut_off', ARRAY['sync', 'snapshot'], 'Keep the forecast as of the end of a sales week or period');
END;
