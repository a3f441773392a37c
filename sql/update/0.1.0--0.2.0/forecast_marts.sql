-- Marts of the range, accuracy, calibration and change of the forecast, of alerts and calls, of deals at risk, of territories, and of accounts; install_marts() makes them.

CREATE OR REPLACE FUNCTION salesops.marts(OUT mart text, OUT "position" integer, OUT meaning text)
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
  SELECT m.* FROM (VALUES
    ('forecast', 1, 'Forecast. One row a source, fiscal quarter of the close date, owner and forecast category; '
                    'a row for each category, even without a deal'),
    ('forecast_attainment', 2, 'Forecast against quota. One row a source, fiscal quarter of the close date and owner; '
                               'ratios do not add up, recompute them from sums'),
    ('open_pipeline', 3, 'Open deals. One row an open deal'),
    ('data_quality', 4, 'Audit result. One row a source, owner, rule and day, for the last 92 days'),
    ('data_quality_finding', 5, 'Audit findings. One row an episode, open or resolved in the last 92 days'),
    ('run_health', 6, 'How the nights went. One row a step of a logged run (kind step) or a refresh of a mart (kind mart)'),
    ('forecast_range', 7, 'Forecast of the running quarter with its range. One row a scope: company, region, team, owner'),
    ('forecast_accuracy', 8, 'How far off forecasts were in the newest comparable backtest. One row a method, months to go and kind of scope'),
    ('forecast_calibration', 9, 'How often deals of a stated probability were won in the newest comparable backtest. One row a method, months to go and class of probability'),
    ('deal_risk', 10, 'Open deals at risk. One row a deal and flag'),
    ('forecast_change', 11, 'Why the expected amount of the running quarter moved. One row a span, scope (company, region, team) and cause'),
    ('forecast_alert', 12, 'Alerts about the chance to make the plan, or else the quota, of the last 92 days. One row an alert'),
    ('forecast_submission', 13, 'Calls of the running quarter with the amounts and adjustments under them. One row a forecaster, category and week'),
    ('territory_balance', 14, 'Territories in force, held against their fair loads. One row a territory and measure'),
    ('territory_plan_comparison', 15, 'Territory plans with a name or a decision, side by side. One row a plan and measure'),
    ('territory_assignment', 16, 'Who has which account by the territory plans published. One row an account'),
    ('account_scorecard', 17, 'Accounts with their score by the default scorecard and what it is made of. One row an account'),
    ('score_movement', 18, 'Scores of accounts that changed in the last 92 days. One row a change'),
    ('next_best_action', 19, 'What reps are asked to do now. One row an open action'),
    ('duplicates_for_review', 20, 'Accounts and leads that may be one and nobody has decided about, of the latest search. One row a pair'),
    ('routing_log', 21, 'Who was given which lead and why, in the last 92 days. One row a decision')
  ) AS m(mart, "position", meaning);
END;

CREATE OR REPLACE FUNCTION salesops.mart_columns(OUT mart text, OUT "position" integer, OUT column_name text, OUT type text, OUT meaning text)
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 200
BEGIN ATOMIC
  SELECT c.mart, row_number() OVER (PARTITION BY c.mart ORDER BY c."position")::integer, c.column_name, c.type, c.meaning
  FROM (SELECT l.* FROM ROWS FROM (salesops.mart_column_list()) WITH ORDINALITY AS l(mart, column_name, type, meaning, "position")
        UNION ALL
        SELECT l.* FROM ROWS FROM (salesops.forecast_mart_column_list()) WITH ORDINALITY AS l(mart, column_name, type, meaning, "position")
        UNION ALL
        SELECT l.* FROM ROWS FROM (salesops.territory_mart_column_list()) WITH ORDINALITY AS l(mart, column_name, type, meaning, "position")
        UNION ALL
        SELECT l.* FROM ROWS FROM (salesops.account_mart_column_list()) WITH ORDINALITY AS l(mart, column_name, type, meaning, "position")) c;
END;
