-- A CRM that lives on from day to day, and gates in the steps of a night behind which it can be stopped.

CREATE SCHEMA nights;
SELECT sum(planted) > 0 AS generated FROM salesops.generate_crm(400, 12, 7, '2026-06-15 18:00+00', 0.15);
SELECT salesops.connect('crm', 'fivetran_salesforce', 'crm_demo');

-- Which rows a day touches: about one in n, each day others, the same on every server.
CREATE FUNCTION nights.is_touched(id text, day date, n integer) RETURNS boolean LANGUAGE sql IMMUTABLE
RETURN abs(hashtextextended(id, day - date '2000-01-01') % n) = 0;

-- What people do in the CRM on a day, and its connector lands by the morning: deals move, are won, lost and deleted, new
-- ones come, a rep changes team, an account its industry, a task is done, a quota is set anew.
CREATE FUNCTION nights.live_day(day date) RETURNS void LANGUAGE plpgsql SET timezone = 'UTC' AS $$
DECLARE
  stamp timestamptz := day + time '09:00';
BEGIN
  UPDATE crm_demo.opportunity SET amount = round((amount * 1.01)::numeric), system_modstamp = stamp, last_modified_date = stamp
  WHERE nights.is_touched(id, day, 20) AND NOT is_closed;
  UPDATE crm_demo.opportunity SET close_date = close_date + interval '30 days', push_count = push_count + 1, next_step = 'Call on ' || day,
    system_modstamp = stamp, last_modified_date = stamp
  WHERE nights.is_touched(id || 'push', day, 30) AND NOT is_closed;
  UPDATE crm_demo.opportunity SET amount = NULL, system_modstamp = stamp, last_modified_date = stamp
  WHERE nights.is_touched(id || 'unknown', day, 50) AND NOT is_closed;
  UPDATE crm_demo.opportunity SET stage_name = CASE WHEN won THEN 'Closed Won' ELSE 'Closed Lost' END, is_closed = true, is_won = won,
    close_date = day, system_modstamp = stamp, last_modified_date = stamp
  FROM (SELECT o.id AS closed, nights.is_touched(o.id, day, 2) AS won FROM crm_demo.opportunity o
        WHERE nights.is_touched(o.id || 'close', day, 60) AND NOT o.is_closed) c
  WHERE id = closed;
  DELETE FROM crm_demo.opportunity WHERE nights.is_touched(id || 'delete', day, 300);
  INSERT INTO crm_demo.opportunity (id, account_id, owner_id, name, amount, close_date, created_date, stage_name, forecast_category_name, is_closed, is_won,
    is_deleted, type, currency_iso_code, last_modified_date, system_modstamp, last_stage_change_date, _fivetran_start, _fivetran_active, push_count)
  SELECT format('006New%s%s', to_char(day, 'YYMMDD'), n), a.id, a.owner_id, format('New deal %s of %s', n, day), 1000 * n, day + 40 * n, stamp, 'Discovery',
    'Pipeline', false, false, false, 'New Business', 'USD', stamp, stamp, stamp, stamp, true, 0
  FROM generate_series(1, 3) n
  CROSS JOIN LATERAL (SELECT c.id, c.owner_id FROM crm_demo.account c ORDER BY hashtextextended(c.id, n + (day - date '2000-01-01')) LIMIT 1) a;
  UPDATE crm_demo.account SET industry = 'Industry of ' || day, last_modified_date = stamp WHERE nights.is_touched(id, day, 20);
  UPDATE crm_demo."user" SET department = 'Team of ' || day, city = 'City of ' || day WHERE nights.is_touched(id, day, 10);
  UPDATE crm_demo.task SET status = 'Completed', is_closed = true, subject = subject || '.' WHERE nights.is_touched(id, day, 40);
  UPDATE crm_demo.lead SET status = 'Working since ' || day WHERE nights.is_touched(id, day, 30);
  UPDATE crm_demo.forecasting_quota SET quota_amount = quota_amount + 1000 WHERE nights.is_touched(id, day, 30);
  DELETE FROM crm_demo.opportunity_contact_role WHERE nights.is_touched(id, day, 200);
END $$;

-- A gate stops who comes through while a session holds its lock. It stands in the middle of what a step writes (in the sync: before
-- the deals are read), or, where a step is one statement, after its work and before its commit.
CREATE FUNCTION nights.gate_key(step text) RETURNS bigint LANGUAGE sql IMMUTABLE
RETURN hashtextextended('gate of ' || step, 0);

CREATE FUNCTION nights.gate() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(nights.gate_key(TG_ARGV[0]));
  RETURN NULL;
END $$;

CREATE FUNCTION nights.has_come_to_gate(step text) RETURNS boolean LANGUAGE sql
RETURN EXISTS (SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid)
               WHERE l.locktype = 'advisory' AND NOT l.granted AND a.datname = current_database()
                 AND (l.classid::bigint << 32) | l.objid::bigint = nights.gate_key(step));

CREATE TRIGGER gate AFTER INSERT ON salesops.source_sync FOR EACH ROW WHEN (new.entity = 'lead')
  EXECUTE FUNCTION nights.gate('sync');
CREATE TRIGGER gate AFTER INSERT ON salesops.forecast_snapshot EXECUTE FUNCTION nights.gate('snapshot');
CREATE TRIGGER gate AFTER INSERT ON salesops.current_forecast EXECUTE FUNCTION nights.gate('forecast');
CREATE TRIGGER gate AFTER INSERT ON salesops.audit_tally FOR EACH ROW WHEN (new.rule = 'missing_amount')
  EXECUTE FUNCTION nights.gate('audit');
CREATE TRIGGER gate AFTER INSERT ON salesops.mart_refresh FOR EACH ROW WHEN (new.mart = 'open_pipeline')
  EXECUTE FUNCTION nights.gate('refresh');
CREATE TRIGGER gate_accounts AFTER UPDATE ON salesops.run_step_log FOR EACH ROW WHEN (new.step = 'accounts' AND new.status = 'succeeded')
  EXECUTE FUNCTION nights.gate('accounts');
CREATE TRIGGER gate_duplicates AFTER UPDATE ON salesops.run_step_log FOR EACH ROW WHEN (new.step = 'duplicates' AND new.status = 'succeeded')
  EXECUTE FUNCTION nights.gate('duplicates');
CREATE TRIGGER gate_icp AFTER UPDATE ON salesops.run_step_log FOR EACH ROW WHEN (new.step = 'icp' AND new.status = 'succeeded')
  EXECUTE FUNCTION nights.gate('icp');
CREATE TRIGGER gate_backtest AFTER UPDATE ON salesops.run_step_log FOR EACH ROW WHEN (new.step = 'backtest' AND new.status = 'succeeded')
  EXECUTE FUNCTION nights.gate('backtest');
CREATE TRIGGER gate_alert AFTER UPDATE ON salesops.run_step_log FOR EACH ROW WHEN (new.step = 'alert' AND new.status = 'succeeded')
  EXECUTE FUNCTION nights.gate('alert');
CREATE TRIGGER gate_purge AFTER UPDATE ON salesops.run_step_log FOR EACH ROW WHEN (new.step = 'purge' AND new.status = 'succeeded')
  EXECUTE FUNCTION nights.gate('purge');
CREATE TRIGGER gate_begin AFTER INSERT ON salesops.run_step_log FOR EACH ROW WHEN (new.step = 'audit')
  EXECUTE FUNCTION nights.gate('begin audit');
CREATE TRIGGER gate_end AFTER UPDATE ON salesops.run_log FOR EACH ROW WHEN (new.status = 'succeeded')
  EXECUTE FUNCTION nights.gate('end of run');
