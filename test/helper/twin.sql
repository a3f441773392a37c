-- The twin looks at the disturbed server: every table both ways, row by row, with EXCEPT ALL.
--
-- What is compared comes from the catalog, so no table can be forgotten. Only what stands in nights.seen_as is left out or
-- compared as something else, each for the reason that stands there.

CREATE EXTENSION dblink;

CREATE TABLE nights.seen_as (relation text NOT NULL, column_name text, expression text, reason text NOT NULL);
COMMENT ON COLUMN nights.seen_as.column_name IS 'NULL = the whole relation is left out';
COMMENT ON COLUMN nights.seen_as.expression IS 'What is compared instead of the column of row t; NULL = it is left out';
INSERT INTO nights.seen_as (relation, column_name, expression, reason) VALUES
  ('run_log', NULL, NULL, 'what happened to a server is the difference; each fault says what must stand there'),
  ('run_step_log', NULL, NULL, 'as run_log'),
  ('run_health_mat', NULL, NULL, 'shows run_log, run_step_log and mart_refresh'),
  ('schedule', NULL, NULL, 'the twin has none: its nights are run by hand'),
  ('source', 'connected_at', NULL, 'wall clock'),
  ('source_sync', 'sync_id', NULL, 'identity'),
  ('source_sync', 'synced_at', NULL, 'wall clock'),
  ('stage_map', 'recorded_at', NULL, 'wall clock'),
  ('snapshot', 'taken_at', NULL, 'wall clock'),
  ('fitted_model', 'model_id', NULL, 'identity'),
  ('fitted_model', 'fitted_at', NULL, 'wall clock'),
  ('fitted_new_business', 'model_id', '(SELECT m.as_of FROM salesops.fitted_model m WHERE m.model_id = t.model_id)', 'identity: the instant of the model instead'),
  ('fitted_price_realization', 'model_id', '(SELECT m.as_of FROM salesops.fitted_model m WHERE m.model_id = t.model_id)', 'as in fitted_new_business'),
  ('backtest_run', 'run_id', NULL, 'identity'),
  ('backtest_run', 'started_at', NULL, 'wall clock'),
  ('backtest_forecast', 'run_id', '(SELECT r.as_of FROM salesops.backtest_run r WHERE r.run_id = t.run_id)', 'identity: the instant of the run instead'),
  ('backtest_score', 'run_id', '(SELECT r.as_of FROM salesops.backtest_run r WHERE r.run_id = t.run_id)', 'as in backtest_forecast'),
  ('backtest_calibration', 'run_id', '(SELECT r.as_of FROM salesops.backtest_run r WHERE r.run_id = t.run_id)', 'as in backtest_forecast'),
  ('current_forecast', 'model_id', '(SELECT m.as_of FROM salesops.fitted_model m WHERE m.model_id = t.model_id)', 'as in fitted_new_business'),
  ('finding', 'finding_id', NULL, 'identity'),
  ('finding', 'first_run_id', '(SELECT r.as_of FROM salesops.run_log r WHERE r.run_id = t.first_run_id)', 'identity: the instant of the run instead'),
  ('finding', 'resolved_run_id', '(SELECT r.as_of FROM salesops.run_log r WHERE r.run_id = t.resolved_run_id)', 'as first_run_id'),
  ('audit_log', 'run_id', '(SELECT r.as_of FROM salesops.run_log r WHERE r.run_id = t.run_id)', 'as first_run_id'),
  ('audit_log', 'audited_at', NULL, 'wall clock'),
  ('audit_tally', 'run_id', '(SELECT r.as_of FROM salesops.run_log r WHERE r.run_id = t.run_id)', 'as first_run_id'),
  ('kept_account_score', 'run_id', '(SELECT r.as_of FROM salesops.run_log r WHERE r.run_id = t.run_id)', 'as first_run_id'),
  ('next_action', 'action_id', NULL, 'identity'),
  ('next_action', 'run_id', '(SELECT r.as_of FROM salesops.run_log r WHERE r.run_id = t.run_id)', 'as first_run_id'),
  ('next_action_end', 'action_id', '(SELECT (a.rule, a.object_kind, a.source_key, a.object_id, a.owner_id, a.offered_at)::text FROM salesops.next_action a WHERE a.action_id = t.action_id)', 'identity: what the action is instead'),
  ('duplicate_run', 'run_id', NULL, 'identity'),
  ('duplicate_run', 'first_run_id', '(SELECT r.as_of FROM salesops.duplicate_run r WHERE r.run_id = t.first_run_id)', 'identity: the instant of the search instead'),
  ('duplicate_run', 'made_at', NULL, 'wall clock'),
  ('duplicate_run', 'made_by', NULL, 'who ran the night: the twin''s is run by hand'),
  ('duplicate_pair', 'run_id', '(SELECT (r.source_key, r.entity, r.as_of)::text FROM salesops.duplicate_run r WHERE r.run_id = t.run_id)', 'identity: which search it is instead'),
  ('duplicate_cluster_member', 'run_id', '(SELECT (r.source_key, r.entity, r.as_of)::text FROM salesops.duplicate_run r WHERE r.run_id = t.run_id)', 'as in duplicate_pair'),
  ('duplicate_block', 'run_id', '(SELECT (r.source_key, r.entity, r.as_of)::text FROM salesops.duplicate_run r WHERE r.run_id = t.run_id)', 'as in duplicate_pair'),
  ('icp', 'icp_id', NULL, 'identity'),
  ('icp', 'fitted_at', NULL, 'wall clock'),
  ('icp', 'fitted_by', NULL, 'as made_by of duplicate_run'),
  ('icp_attribute', 'icp_id', '(SELECT i.as_of FROM salesops.icp i WHERE i.icp_id = t.icp_id)', 'identity: the instant of the profile instead'),
  ('icp_placement', 'placement_id', NULL, 'identity'),
  ('icp_placement', 'icp_id', '(SELECT i.as_of FROM salesops.icp i WHERE i.icp_id = t.icp_id)', 'as in icp_attribute'),
  ('icp_pattern', 'placement_id', NULL, 'identity'),
  ('icp_pattern', 'pattern', NULL, 'identity'),
  ('icp_account', 'placement_id', NULL, 'identity'),
  ('icp_account', 'pattern', '(SELECT p.levels FROM salesops.icp_pattern p WHERE p.placement_id = t.placement_id AND p.pattern = t.pattern)', 'identity: the pattern itself'),
  ('audit_rule', 'set_at', NULL, 'wall clock'),
  ('publication', 'publication_id', NULL, 'identity'),
  ('publication', 'published_at', NULL, 'wall clock'),
  ('mart_refresh', 'publication_id', NULL, 'identity'),
  ('mart_refresh', 'started_at', NULL, 'wall clock'),
  ('mart_refresh', 'refreshed_at', NULL, 'wall clock'),
  ('mart_refresh', 'rows', NULL, 'the marts themselves are compared'),
  ('account_scorecard_mat', 'refreshed_at', NULL, 'wall clock'),
  ('duplicates_for_review_mat', 'refreshed_at', NULL, 'wall clock'),
  ('routing_log_mat', 'refreshed_at', NULL, 'wall clock'),
  ('score_movement_mat', 'refreshed_at', NULL, 'wall clock'),
  ('next_best_action_mat', 'refreshed_at', NULL, 'wall clock'),
  ('next_best_action_mat', 'next_best_action_key', NULL, 'identity'),
  ('forecast_mat', 'refreshed_at', NULL, 'wall clock'),
  ('forecast_attainment_mat', 'refreshed_at', NULL, 'wall clock'),
  ('open_pipeline_mat', 'refreshed_at', NULL, 'wall clock'),
  ('data_quality_mat', 'refreshed_at', NULL, 'wall clock'),
  ('data_quality_finding_mat', 'refreshed_at', NULL, 'wall clock'),
  ('forecast_range_mat', 'refreshed_at', NULL, 'wall clock'),
  ('forecast_accuracy_mat', 'refreshed_at', NULL, 'wall clock'),
  ('forecast_calibration_mat', 'refreshed_at', NULL, 'wall clock'),
  ('deal_risk_mat', 'refreshed_at', NULL, 'wall clock'),
  ('forecast_change_mat', 'refreshed_at', NULL, 'wall clock'),
  ('forecast_alert_mat', 'refreshed_at', NULL, 'wall clock'),
  ('forecast_submission_mat', 'refreshed_at', NULL, 'wall clock'),
  ('data_quality_finding_mat', 'data_quality_finding_key', NULL, 'finding_id');

-- What tells of a fault and must stay: rows of a relation whose content matches a pattern are not compared any more.
CREATE TABLE nights.trace (relation text NOT NULL, pattern text NOT NULL);

-- Each relation with the query that gives its rows as text. Views show what the tables hold; of them only the ledger is read.
CREATE FUNCTION nights.compared(OUT relation text, OUT query text) RETURNS SETOF record LANGUAGE sql STABLE AS $$
  SELECT c.relname::text,
         format('SELECT ROW(%s)::text FROM %I.%I t',
                string_agg(coalesce(s.expression, format('t.%I', a.attname)), ', ' ORDER BY a.attnum),
                n.nspname, c.relname)
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN nights.seen_as s ON s.relation = c.relname AND s.column_name = a.attname
  WHERE (n.nspname IN ('salesops', 'salesops_bi') AND c.relkind IN ('r', 'p', 'm') OR c.oid = 'salesops.change_ledger'::regclass)
    AND (s.relation IS NULL OR s.expression IS NOT NULL)
    AND c.relname NOT IN (SELECT w.relation FROM nights.seen_as w WHERE w.column_name IS NULL)
  GROUP BY n.nspname, c.relname
$$;

CREATE FUNCTION nights.all_differences(other text, OUT relation text, OUT only_on text, OUT content text)
RETURNS SETOF record LANGUAGE plpgsql SET timezone = 'UTC' AS $$
DECLARE
  one record;
BEGIN
  PERFORM dblink_connect('other', other);
  PERFORM dblink_exec('other', 'SET timezone = ''UTC''');
  FOR one IN SELECT * FROM nights.compared() c ORDER BY c.relation LOOP
    RETURN QUERY EXECUTE format(
      $q$WITH here AS MATERIALIZED (%1$s),
             there AS MATERIALIZED (SELECT d.content FROM dblink('other', %1$L) AS d (content text))
         (SELECT %2$L, 'twin', e.* FROM (SELECT * FROM here EXCEPT ALL SELECT * FROM there) e)
         UNION ALL
         (SELECT %2$L, 'disturbed', e.* FROM (SELECT * FROM there EXCEPT ALL SELECT * FROM here) e)$q$, one.query, one.relation);
  END LOOP;
  PERFORM dblink_disconnect('other');
END $$;
COMMENT ON FUNCTION nights.all_differences(text) IS 'Rows that one of the two servers has and the other has not; none = they are equal';

CREATE FUNCTION nights.differences(other text, OUT relation text, OUT only_on text, OUT content text)
RETURNS SETOF record LANGUAGE sql AS $$
  SELECT * FROM nights.all_differences(other) d
  WHERE NOT EXISTS (SELECT FROM nights.trace t WHERE t.relation = d.relation AND d.content ~ t.pattern)
  ORDER BY 1, 2, 3
$$;
COMMENT ON FUNCTION nights.differences(text) IS 'The differences that are no trace of a fault';

-- A day of one table of the source that comes a night late: put_off() after the day, make_up() before the next night.
CREATE FUNCTION nights.keep_yesterday(relation text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TABLE nights.yesterday AS TABLE crm_demo.%I', relation);
END $$;

CREATE FUNCTION nights.put_off(relation text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TABLE nights.today AS TABLE crm_demo.%1$I; TRUNCATE crm_demo.%1$I; INSERT INTO crm_demo.%1$I TABLE nights.yesterday', relation);
END $$;

CREATE FUNCTION nights.make_up(relation text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('TRUNCATE crm_demo.%1$I; INSERT INTO crm_demo.%1$I TABLE nights.today', relation);
  DROP TABLE nights.yesterday, nights.today;
END $$;
