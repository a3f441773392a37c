-- Who may do what: the rights that each kind of user needs, and no more.
--
-- CREATE EXTENSION gives nobody but its owner the right to use the schema or to see a row. Functions run under the rights of
-- their caller, so a right on a table is a right to what the functions do with it. The few functions that lend their
-- caller more than his own rights, hold a lock or wake a process are taken from PUBLIC here.
--
-- A task is a kind of user. Its rights are code, granted by grant_access(); a dump keeps the grants, and calling it again after
-- an update grants what the update added.

CREATE FUNCTION salesops.access_tasks(OUT task text, OUT includes text[], OUT meaning text)
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 8
BEGIN ATOMIC
  VALUES ('read_marts', ARRAY['read_marts'], 'A BI tool and the people behind it: read the marts in salesops_bi'),
         ('analyse', ARRAY['read_marts', 'analyse'], 'An analyst: also read everything in schema salesops and call its functions'),
         ('write_rules', ARRAY['read_marts', 'analyse', 'write_rules'], 'A rule author: also add rules, which run under his rights, and try them'),
         ('keep_maps', ARRAY['read_marts', 'analyse', 'keep_maps'], 'Sales operations: also say what stages, categories and values mean, set weights, settings and scorecards, run backtests, search duplicates and decide about them'),
         ('submit_forecasts', ARRAY['read_marts', 'analyse', 'submit_forecasts'],
          'Whoever enters forecast calls and adjustments, for any rep: also submit and adjust'),
         ('plan_territories', ARRAY['read_marts', 'analyse', 'plan_territories'],
          'Whoever plans territories: also make plans, propose and withdraw them; their queries run again, under his rights, when health is measured'),
         ('approve_territories', ARRAY['read_marts', 'analyse', 'approve_territories'],
          'Whoever answers for territories: also approve and reject plans, publish them and roll them back'),
         ('keep_routing', ARRAY['read_marts', 'analyse', 'keep_routing'], 'Whoever answers for lead routing: also set rules, pools, hours and absences'),
         ('route_leads', ARRAY['read_marts', 'analyse', 'route_leads'], 'Whoever or whatever routes leads: also give them to reps by the rules, reassign and acknowledge them'),
         ('give_feedback', ARRAY['read_marts', 'analyse', 'give_feedback'],
          'Whoever works next best actions, for any rep: also say that one is done or useless'),
         ('operate', ARRAY['read_marts', 'analyse', 'operate'], 'An operator: also define jobs and schedules, ask for runs and await them'),
         ('connect_sources', ARRAY['read_marts', 'analyse', 'connect_sources'],
          'Whoever connects sources: what he connects the night reads under its own rights, and he reads it afterwards'),
         ('run_jobs', ARRAY['read_marts', 'analyse', 'route_leads', 'run_jobs'], 'The role that runs the jobs: writes what the steps write and owns the marts');
END;
COMMENT ON FUNCTION salesops.access_tasks() IS 'Kinds of user that grant_access() knows, and the tasks whose rights each includes';

CREATE FUNCTION salesops.access_rights(task text, OUT privilege text, OUT object text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
  WITH granted AS (
    SELECT unnest(t.includes) AS part FROM salesops.access_tasks() t WHERE t.task = access_rights.task
  ), relation AS (
    SELECT c.relname, c.relkind FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
    JOIN pg_catalog.pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
    WHERE e.extname = 'salesops' AND c.relkind IN ('r', 'v')
  )
  SELECT 'USAGE', 'SCHEMA salesops_bi' WHERE 'read_marts' IN (SELECT g.part FROM granted g) AND to_regnamespace('salesops_bi') IS NOT NULL
  UNION ALL
  SELECT 'SELECT', format('TABLE salesops_bi.%I', m.mart) FROM salesops.marts() m
  WHERE 'read_marts' IN (SELECT g.part FROM granted g) AND to_regclass(format('salesops_bi.%I', m.mart)) IS NOT NULL
  UNION ALL
  SELECT 'USAGE', 'SCHEMA salesops' WHERE 'analyse' IN (SELECT g.part FROM granted g)
  UNION ALL
  SELECT 'SELECT', format('TABLE salesops.%I', r.relname) FROM relation r WHERE 'analyse' IN (SELECT g.part FROM granted g)
  UNION ALL
  SELECT w.privilege, format('TABLE salesops.%I', u.name)
  FROM (VALUES
    ('keep_maps', 'INSERT', ARRAY['stage_map', 'category_map', 'value_map', 'weight_set', 'weight_evidence', 'win_factor', 'setting', 'forecast_deadline', 'forecast_plan',
                                   'scorecard_fit', 'scorecard_evidence', 'icp', 'icp_attribute']),
    ('keep_maps', 'INSERT (name, version, valid_from, definition, note)', ARRAY['scorecard']),
    -- Who recorded it and when is not theirs to say.
    ('submit_forecasts', 'INSERT (source_key, rep_id, period, category, submitted_at, amount, currency, note, submitted_by, cut_off, prior_amount)',
     ARRAY['forecast_submission']),
    ('submit_forecasts', 'INSERT (source_key, rep_id, period, category, adjusted_by, adjusted_at, amount, currency, reason, cut_off, prior_amount)',
     ARRAY['forecast_adjustment']),
    -- Nor who searched, or decided.
    ('keep_maps', 'INSERT (run_id, source_key, entity, as_of, options, query, first_run_id, "position", records, compared, left_out)', ARRAY['duplicate_run']),
    ('keep_maps', 'INSERT', ARRAY['duplicate_pair', 'duplicate_cluster_member', 'duplicate_block']),
    ('keep_maps', 'INSERT (source_key, entity, one, other, "position", decision, survivor, note)', ARRAY['duplicate_decision']),
    ('keep_maps', 'INSERT', ARRAY['backtest_run', 'backtest_score', 'backtest_calibration']),
    ('keep_maps', 'INSERT, DELETE', ARRAY['backtest_forecast', 'icp_placement', 'icp_pattern', 'icp_account']),
    ('keep_maps', 'UPDATE (as_of, accounts)', ARRAY['icp_placement']),
    ('give_feedback', 'INSERT (action_id, given_at, feedback, note, given_by)', ARRAY['action_feedback']),
    ('keep_maps', 'INSERT (name, valid_from, is_enabled, signal, key, bound, min_amount, stages, tiers, what, due_days, weight)', ARRAY['action_rule']),
    -- Nor in whose name a plan is, or who decided.
    ('plan_territories', 'INSERT (plan_id, name, copied_from, as_of, accounts_sql, territories_sql, options, measures, tie_break, input_hash, accounts, territories, cost, bound, design_bound, '
                         'outside, best_outside, budget_price, budget_used, extension_version)', ARRAY['territory_plan']),
    ('plan_territories', 'INSERT', ARRAY['territory_plan_territory', 'territory_plan_class', 'territory_plan_account', 'territory_plan_finding']),
    ('plan_territories', 'INSERT (plan_id, "position", decision, decided_before, note)', ARRAY['territory_decision']),
    ('approve_territories', 'INSERT (plan_id, "position", decision, decided_before, note)', ARRAY['territory_decision']),
    ('approve_territories', 'INSERT (publication_id, plan_id, takes_back, effective_from, note)', ARRAY['territory_publication']),
    ('approve_territories', 'INSERT', ARRAY['territory_assignment']),
    -- Nor who set a rule, or who routed, and when.
    ('keep_routing', 'INSERT (name, valid_from, is_enabled, "position", source_keys, min_score, tiers, min_intent, min_employees, max_employees, segments, industries, countries, regions, '
                     'lead_sources, account_ids, has_account, pool, first_touch_minutes)', ARRAY['routing_rule']),
    ('keep_routing', 'INSERT (source_key, pool, rep_id, valid_from, weight)', ARRAY['routing_member']),
    ('keep_routing', 'INSERT (source_key, rep_id, valid_from, capacity, time_zone, weekdays, work_from, work_to)', ARRAY['routing_hours']),
    ('keep_routing', 'INSERT (source_key, rep_id, absent_from, absent_until)', ARRAY['routing_absence']),
    ('route_leads', 'INSERT (source_key, lead_id, round, rule_version, rule, pool, rep_id, due_at, why, candidates, reassigns, as_of)', ARRAY['routing_decision']),
    ('route_leads', 'INSERT, UPDATE, DELETE', ARRAY['routed_lead']),
    ('route_leads', 'INSERT, UPDATE', ARRAY['routing_share', 'routing_load']),
    ('route_leads', 'INSERT (source_key, lead_id, rep_id, touched_at)', ARRAY['routing_touch']),
    ('operate', 'INSERT, UPDATE, DELETE', ARRAY['schedule', 'job', 'step', 'run_request']),
    ('connect_sources', 'INSERT, UPDATE', ARRAY['source']),
    ('run_jobs', 'INSERT, UPDATE', ARRAY['rep', 'account', 'product', 'currency_rate', 'quota', 'lead', 'opportunity', 'opportunity_split',
                                         'contact_role', 'activity', 'login', 'finding', 'run_step_log']),
    ('run_jobs', 'INSERT', ARRAY['rep_history', 'account_history', 'product_history', 'currency_rate_history', 'quota_history', 'lead_history',
                                 'opportunity_history', 'opportunity_split_history', 'contact_role_history', 'activity_history',
                                 'login_history', 'source_sync', 'history_reach', 'stage_map', 'snapshot', 'forecast_snapshot', 'audit_tally',
                                 'publication', 'mart_refresh', 'fitted_model', 'fitted_new_business', 'fitted_price_realization', 'fitted_risk']),
    ('run_jobs', 'INSERT, UPDATE, DELETE', ARRAY['current_forecast', 'current_owner_forecast', 'current_deal_forecast']),
    -- An audit locks its log, which takes a right to change it.
    ('run_jobs', 'INSERT, UPDATE', ARRAY['audit_log']),
    ('run_jobs', 'INSERT, UPDATE, DELETE', ARRAY['run_log']),
    ('run_jobs', 'INSERT', ARRAY['target_chance', 'forecast_alert', 'scope_change']),
    ('run_jobs', 'INSERT', ARRAY['backtest_run', 'backtest_score', 'backtest_calibration']),
    ('run_jobs', 'INSERT, DELETE', ARRAY['backtest_forecast']),
    ('run_jobs', 'INSERT', ARRAY['territory_health', 'territory_health_load']),
    ('run_jobs', 'INSERT', ARRAY['kept_account_score', 'next_action', 'next_action_end']),
    ('run_jobs', 'DELETE', ARRAY['territory_plan', 'territory_plan_territory', 'territory_plan_class', 'territory_plan_account', 'territory_plan_finding']),
    ('run_jobs', 'INSERT', ARRAY['duplicate_run', 'duplicate_pair', 'duplicate_cluster_member', 'duplicate_block', 'icp', 'icp_attribute']),
    ('run_jobs', 'INSERT, DELETE', ARRAY['icp_placement', 'icp_pattern', 'icp_account']),
    ('run_jobs', 'UPDATE (as_of, accounts)', ARRAY['icp_placement']),
    ('run_jobs', 'DELETE', ARRAY['run_request'])
  ) AS w(part, privilege, tables) CROSS JOIN LATERAL unnest(w.tables) AS u(name)
  WHERE w.part IN (SELECT g.part FROM granted g)
  UNION ALL
  SELECT 'USAGE', format('SEQUENCE salesops.%I', u.name)
  FROM (VALUES ('operate', 'run_log_run_id_seq'), ('run_jobs', 'run_log_run_id_seq'), ('run_jobs', 'audit_by_hand_seq'), ('plan_territories', 'territory_plan_plan_id_seq'), ('keep_maps', 'duplicate_run_run_id_seq'), ('run_jobs', 'duplicate_run_run_id_seq')) AS u(part, name)
  WHERE u.part IN (SELECT g.part FROM granted g)
  UNION ALL
  SELECT 'EXECUTE', format('FUNCTION %s', p.oid::regprocedure)
  FROM (VALUES
    ('write_rules', ARRAY['write_rule', 'evaluate_rules']),
    ('keep_maps', ARRAY['merge_duplicates', 'keep_distinct', 'undo_duplicate_decision']),
    ('operate', ARRAY['wake_worker']),
    ('plan_territories', ARRAY['propose_territory_plan', 'withdraw_territory_plan']),
    ('approve_territories', ARRAY['approve_territory_plan', 'reject_territory_plan', 'publish_territory_plan', 'roll_back_territory_plan']),
    ('run_jobs', ARRAY['evaluate_rules', 'territory_accounts_today', 'wake_worker', 'try_run_lock', 'release_run_lock', 'lock_extension', 'lock_source'])
  ) AS f(part, names)
  JOIN pg_catalog.pg_proc p ON p.pronamespace = 'salesops'::regnamespace AND p.proname = ANY (f.names)
  WHERE f.part IN (SELECT g.part FROM granted g);
END;
COMMENT ON FUNCTION salesops.access_rights(text) IS
  'Rights of a task of access_tasks(), those it includes too: GRANT privilege ON object; of the marts those that are there. No row for an unknown task';

CREATE FUNCTION salesops.check_role(role name)
RETURNS void LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = check_role.role) THEN
    RAISE EXCEPTION 'role % does not exist', coalesce(quote_literal(check_role.role), 'NULL') USING
      ERRCODE = 'undefined_object', HINT = 'SELECT rolname FROM pg_roles lists the roles; CREATE ROLE makes one.';
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_role(name) IS 'Raises 42704 unless there is such a role';

CREATE FUNCTION salesops.grant_access(grantee name, task text)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  item record;
BEGIN
  IF NOT EXISTS (SELECT FROM salesops.access_tasks() t WHERE t.task = grant_access.task) THEN
    RAISE EXCEPTION 'unknown task: %', coalesce(quote_literal(task), 'NULL') USING
      ERRCODE = 'invalid_parameter_value',
      HINT = format('Use one of %s.', (SELECT string_agg(t.task, ', ') FROM salesops.access_tasks() t));
  END IF;
  PERFORM salesops.check_role(grantee);
  FOR item IN SELECT r.privilege, r.object FROM salesops.access_rights(grant_access.task) r LOOP
    EXECUTE format('GRANT %s ON %s TO %I', item.privilege, item.object, grantee);
  END LOOP;
  IF task <> 'run_jobs' AND to_regnamespace('salesops_bi') IS NULL THEN
    RAISE NOTICE 'there are no marts yet that % could read', grantee USING
      HINT = format('SELECT salesops.grant_access(%L, %L) again after the first SELECT salesops.install_marts() or CALL salesops.refresh_marts().', grantee, task);
  END IF;

  -- Refreshing a mart takes its owner.
  IF task = 'run_jobs' THEN
    PERFORM salesops.install_marts();
    EXECUTE format('ALTER SCHEMA salesops_bi OWNER TO %I', grantee);
    FOR item IN SELECT m.mart FROM salesops.marts() m LOOP
      EXECUTE format('ALTER MATERIALIZED VIEW salesops_bi.%I OWNER TO %I', item.mart || '_mat', grantee);
      EXECUTE format('ALTER VIEW salesops_bi.%I OWNER TO %I', item.mart, grantee);
    END LOOP;
  END IF;
END $$;
COMMENT ON FUNCTION salesops.grant_access(name, text) IS
  'Grant a role what a task of access_tasks() needs; run_jobs also makes the marts and gives them to the role. For the owner of the extension; call '
  'it again after an update, and where a notice says that there are no marts yet, once they are there. 22023 for an unknown task, 42704 for an unknown role';

CREATE FUNCTION salesops.revoke_access(grantee name, task text)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  item record;
BEGIN
  PERFORM salesops.check_role(grantee);
  FOR item IN SELECT r.privilege, r.object FROM salesops.access_rights(revoke_access.task) r LOOP
    EXECUTE format('REVOKE %s ON %s FROM %I', item.privilege, item.object, grantee);
  END LOOP;
END $$;
COMMENT ON FUNCTION salesops.revoke_access(name, text) IS
  'Take back what grant_access() granted for a task, with what the task includes; grant again what other tasks of the role need. The marts keep '
  'their owner. 42704 for an unknown role';

REVOKE EXECUTE ON FUNCTION salesops.try_run_lock(), salesops.release_run_lock(), salesops.lock_extension(text), salesops.wake_worker(),
                           salesops.grant_access(name, text), salesops.revoke_access(name, text) FROM PUBLIC;
