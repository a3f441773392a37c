-- Territory health: the territories in force, measured on the data of today. Accounts grow, shrink, come and go; a territory that was fair
-- when it was planned may no longer be.
--
-- The query that gave a published plan its accounts runs again, under the rights of whoever wrote it. Each account counts for the territory
-- that has it now; the fair load of a territory is its share of the plan's targets, of what all of them hold now. A load more than 15 % off
-- that is flagged. A measurement is kept as it was, and told to the listeners of channel salesops.

CREATE TABLE salesops.territory_health (
  publication_id bigint NOT NULL REFERENCES salesops.territory_publication,
  as_of          timestamptz NOT NULL,
  accounts       bigint,
  unassigned     bigint,
  missing        bigint,
  flagged        bigint,
  reason         text,
  PRIMARY KEY (publication_id, as_of),
  CHECK ((reason IS NULL) = (accounts IS NOT NULL)),
  CHECK ((accounts IS NULL) = (unassigned IS NULL) AND (accounts IS NULL) = (missing IS NULL) AND (accounts IS NULL) = (flagged IS NULL))
);
COMMENT ON TABLE salesops.territory_health IS 'Measurements of the territories in force, append-only; written by check_territory_health(), read with territory_health_trend()';
COMMENT ON COLUMN salesops.territory_health.publication_id IS 'Publication of a plan';
COMMENT ON COLUMN salesops.territory_health.as_of IS 'Instant of the measurement';
COMMENT ON COLUMN salesops.territory_health.accounts IS 'Accounts that the publication gives a territory and the plan''s query still has; NULL = it could not be measured';
COMMENT ON COLUMN salesops.territory_health.unassigned IS 'Accounts that the query has and no publication gives a territory';
COMMENT ON COLUMN salesops.territory_health.missing IS 'Accounts that the publication gives a territory and the query no longer has';
COMMENT ON COLUMN salesops.territory_health.flagged IS 'Territories with a load that is flagged';
COMMENT ON COLUMN salesops.territory_health.reason IS 'Why it could not be measured; NULL = it was';
SELECT pg_catalog.pg_extension_config_dump('salesops.territory_health', '');

CREATE TABLE salesops.territory_health_load (
  publication_id bigint NOT NULL,
  as_of          timestamptz NOT NULL,
  territory_id   text NOT NULL,
  measure        text NOT NULL,
  accounts       bigint NOT NULL,
  load           numeric NOT NULL,
  unknown        bigint NOT NULL,
  target         numeric,
  is_flagged     boolean NOT NULL,
  PRIMARY KEY (publication_id, as_of, territory_id, measure),
  FOREIGN KEY (publication_id, as_of) REFERENCES salesops.territory_health
);
COMMENT ON TABLE salesops.territory_health_load IS 'What each measurement found, a row a territory and measure, append-only';
COMMENT ON COLUMN salesops.territory_health_load.publication_id IS 'Publication of a plan';
COMMENT ON COLUMN salesops.territory_health_load.as_of IS 'Instant of the measurement';
COMMENT ON COLUMN salesops.territory_health_load.territory_id IS 'Territory';
COMMENT ON COLUMN salesops.territory_health_load.measure IS 'Measure of the plan';
COMMENT ON COLUMN salesops.territory_health_load.accounts IS 'Accounts of the territory that count: exempt ones do not';
COMMENT ON COLUMN salesops.territory_health_load.load IS 'What they have of the measure, those without a known amount left out';
COMMENT ON COLUMN salesops.territory_health_load.unknown IS 'How many have no known amount';
COMMENT ON COLUMN salesops.territory_health_load.target IS 'Its fair part of what all territories have: in proportion to the targets of the plan; NULL = the plan has none';
COMMENT ON COLUMN salesops.territory_health_load.is_flagged IS 'Whether load is more than 15 % off target';
SELECT pg_catalog.pg_extension_config_dump('salesops.territory_health_load', '');

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.territory_health
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change('check_territory_health() adds the next measurement.');
COMMENT ON TRIGGER append_only ON salesops.territory_health IS 'what was measured must stay known';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.territory_health_load
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change('check_territory_health() adds the next measurement.');
COMMENT ON TRIGGER append_only ON salesops.territory_health_load IS 'what was measured must stay known';

-- A copy states queries that somebody else wrote, or that read what was kept. So the queries that count are those of the plan that a line of copies
-- began with, and never run under the rights of who copied it.
CREATE FUNCTION salesops.territory_plan_origin(plan_id bigint, OUT plan_id bigint, OUT made_by text, OUT accounts_sql text)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH RECURSIVE line AS (
    SELECT p.plan_id, p.copied_from, p.made_by, p.accounts_sql FROM salesops.territory_plan p WHERE p.plan_id = territory_plan_origin.plan_id
    UNION ALL
    SELECT p.plan_id, p.copied_from, p.made_by, p.accounts_sql FROM line l JOIN salesops.territory_plan p ON p.plan_id = l.copied_from
  )
  SELECT l.plan_id, l.made_by, l.accounts_sql FROM line l WHERE l.copied_from IS NULL;
END;
COMMENT ON FUNCTION salesops.territory_plan_origin(bigint) IS
  'The plan that a territory plan is a copy of, or a copy of copies of, with its author and query of accounts; itself where it is no copy, NULL for an unknown plan';

CREATE FUNCTION salesops.territory_accounts_today(plan_id bigint)
RETURNS SETOF jsonb LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE ROWS 100000 AS 'MODULE_PATHNAME', 'salesops_territory_accounts_today';
COMMENT ON FUNCTION salesops.territory_accounts_today(bigint) IS
  'The rows that the accounts_sql of a territory plan, or of the plan that it is a copy of, gives today, each as an object, under the rights of the role that made that plan, security-restricted; '
  'whatever the query raises (a query_canceled that is no cancel as 38000); 42704 for an unknown plan, and where that role is no more. For the role that runs the jobs';
REVOKE EXECUTE ON FUNCTION salesops.territory_accounts_today(bigint) FROM PUBLIC;

-- An amount of today; what is no finite number is unknown.
CREATE FUNCTION salesops.territory_amount(account jsonb, measure text)
RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN jsonb_typeof(account -> measure) = 'number' THEN (account ->> measure)::numeric
            WHEN measure = 'accounts' AND NOT account ? 'accounts' THEN 1 END;
COMMENT ON FUNCTION salesops.territory_amount(jsonb, text) IS
  'What an account has of a measure, 1 of the measure accounts where the query has no such column; NULL for what is missing or no finite number';

CREATE FUNCTION salesops.measure_territories(publication_id bigint, as_of timestamptz)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_nestloop = off SET jit = off AS $$
#variable_conflict use_variable
DECLARE
  plan salesops.territory_plan;
BEGIN
  SELECT p.* INTO plan FROM salesops.territory_plan p
  JOIN salesops.territory_publication b ON b.plan_id = p.plan_id WHERE b.publication_id = measure_territories.publication_id AND b.takes_back IS NULL;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no publication % of territories', coalesce(publication_id::text, 'NULL') USING
      ERRCODE = 'undefined_object', HINT = 'SELECT * FROM salesops.territory_publications() lists those in effect.';
  END IF;

  WITH today AS MATERIALIZED (
    SELECT DISTINCT ON (t.account ->> 'id', t.account ->> 'source_key') t.account, t.account ->> 'id' AS account_id, t.account ->> 'source_key' AS source_key,
           coalesce(t.account ->> 'holdout', '') = 'exempt'
           AND coalesce((t.account ->> 'holdout_until')::date >= salesops.local_date(as_of), true) AS is_exempt
    FROM salesops.territory_accounts_today(plan.plan_id) AS t(account)
    ORDER BY t.account ->> 'id', t.account ->> 'source_key', t.account::text
  ), holds AS MATERIALIZED (
    SELECT a.* FROM salesops.territory_assignments(as_of) a
  ), held AS MATERIALIZED (
    SELECT h.territory_id, t.account, t.is_exempt
    FROM today t JOIN holds h ON h.account_id = t.account_id AND coalesce(h.source_key, '') = coalesce(t.source_key, '')
    WHERE h.publication_id = measure_territories.publication_id
  ), load AS (
    SELECT h.territory_id, m.measure, count(*) AS accounts, coalesce(sum(v.amount), 0) AS load, count(*) - count(v.amount) AS unknown
    FROM held h CROSS JOIN unnest(plan.measures) AS m(measure)
    CROSS JOIN LATERAL (SELECT salesops.territory_amount(h.account, m.measure) AS amount) v
    WHERE NOT h.is_exempt
    GROUP BY h.territory_id, m.measure
  ), target AS (
    SELECT t.territory_id, m.measure, m.target::numeric AS target, sum(m.target::numeric) OVER (PARTITION BY m.measure) AS all_targets
    FROM salesops.territory_plan_territory t
    CROSS JOIN LATERAL ROWS FROM (unnest(plan.measures), unnest(t.target)) AS m(measure, target)
    WHERE t.plan_id = plan.plan_id
  ), found AS MATERIALIZED (
    SELECT g.territory_id, g.measure, coalesce(l.accounts, 0) AS accounts, coalesce(l.load, 0) AS load, coalesce(l.unknown, 0) AS unknown,
           sum(l.load) OVER (PARTITION BY g.measure) * g.target / nullif(g.all_targets, 0) AS target
    FROM target g LEFT JOIN load l ON l.territory_id = g.territory_id AND l.measure = g.measure
  ), flagged AS MATERIALIZED (
    SELECT f.*, coalesce(abs(f.load - f.target) > 0.15 * abs(f.target), false) AS is_flagged FROM found f
  ), head AS (
    INSERT INTO salesops.territory_health (publication_id, as_of, accounts, unassigned, missing, flagged)
    SELECT measure_territories.publication_id, measure_territories.as_of, (SELECT count(*) FROM held),
           (SELECT count(*) FROM today t WHERE NOT EXISTS (SELECT FROM holds h WHERE h.account_id = t.account_id AND coalesce(h.source_key, '') = coalesce(t.source_key, ''))),
           (SELECT count(*) FROM holds h WHERE h.publication_id = measure_territories.publication_id
                                           AND NOT EXISTS (SELECT FROM today t WHERE t.account_id = h.account_id AND coalesce(h.source_key, '') = coalesce(t.source_key, ''))),
           (SELECT count(DISTINCT f.territory_id) FROM flagged f WHERE f.is_flagged)
  )
  INSERT INTO salesops.territory_health_load (publication_id, as_of, territory_id, measure, accounts, load, unknown, target, is_flagged)
  SELECT measure_territories.publication_id, measure_territories.as_of, f.territory_id, f.measure, f.accounts, f.load, f.unknown, f.target, f.is_flagged
  FROM flagged f;
END $$;
COMMENT ON FUNCTION salesops.measure_territories(bigint, timestamptz) IS
  'Measures the territories of one publication on the data of today and keeps what is found as of an instant; check_territory_health() calls it. 42704 for an unknown publication';

CREATE FUNCTION salesops.territory_health_notice(publication_id bigint, as_of timestamptz)
RETURNS jsonb LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT jsonb_build_object('event', 'territory_health', 'plan_id', b.plan_id, 'name', left(p.name, 200)) || to_jsonb(h)
         -- A notification holds 8,000 bytes.
         || jsonb_build_object('reason', left(h.reason, 500), 'worst',
              (SELECT coalesce(jsonb_agg(jsonb_build_object('territory_id', left(w.territory_id, 100), 'measure', w.measure, 'share_of_target', round(w.load / w.target, 4))
                                         ORDER BY abs(w.load / w.target - 1) DESC, w.territory_id COLLATE "C", w.measure COLLATE "C"), '[]')
               FROM (SELECT l.* FROM salesops.territory_health_load l
                     WHERE l.publication_id = h.publication_id AND l.as_of = h.as_of AND l.is_flagged AND l.target <> 0
                     ORDER BY abs(l.load / l.target - 1) DESC, l.territory_id COLLATE "C", l.measure COLLATE "C" LIMIT 10) w))
  FROM salesops.territory_health h
  JOIN salesops.territory_publication b ON b.publication_id = h.publication_id
  JOIN salesops.territory_plan p ON p.plan_id = b.plan_id
  WHERE h.publication_id = territory_health_notice.publication_id AND h.as_of = territory_health_notice.as_of;
END;
COMMENT ON FUNCTION salesops.territory_health_notice(bigint, timestamptz) IS
  'What is told of a measurement of territories: one JSON object (event: territory_health, the columns of territory_health, and the ten worst of what is flagged); NULL where there is none';

CREATE FUNCTION salesops.check_territory_health(as_of timestamptz)
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  publication record;
  measured bigint := 0;
BEGIN
  PERFORM salesops.check_as_of(as_of);
  FOR publication IN
    SELECT p.publication_id FROM salesops.territory_publications(as_of) p
    WHERE EXISTS (SELECT FROM salesops.territory_assignments(as_of) a WHERE a.publication_id = p.publication_id)
      AND NOT EXISTS (SELECT FROM salesops.territory_health h WHERE h.publication_id = p.publication_id AND h.as_of = check_territory_health.as_of)
    ORDER BY p.publication_id
  LOOP
    -- The query of one plan that fails is no harm to the others.
    BEGIN
      PERFORM salesops.measure_territories(publication.publication_id, as_of);
    EXCEPTION WHEN OTHERS OR assert_failure THEN
      INSERT INTO salesops.territory_health (publication_id, as_of, reason) VALUES (publication.publication_id, as_of, format('%s: %s', SQLSTATE, SQLERRM));
    END;
    PERFORM pg_notify('salesops', salesops.territory_health_notice(publication.publication_id, as_of)::text);
    measured := measured + 1;
  END LOOP;
  RETURN measured;
END $$;
COMMENT ON FUNCTION salesops.check_territory_health(timestamptz) IS
  'Measure the territories in force as of an instant on the data of today, publication by publication: rows of territory_health and territory_health_load, and for each publication one JSON '
  'object to the listeners of channel salesops (territory_health_notice()). One whose query fails has the reason instead. Returns how many were measured; 0 when called again. '
  '22023 for an instant that is none or in the future';

CREATE FUNCTION salesops.territory_health_trend(as_of timestamptz DEFAULT salesops.statement_clock(),
  OUT territory_id text, OUT measure text, OUT measured_at timestamptz, OUT plan_id bigint, OUT accounts bigint, OUT load numeric, OUT target numeric,
  OUT share_of_target numeric, OUT change numeric, OUT is_flagged boolean, OUT times_flagged bigint, OUT says text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
BEGIN ATOMIC
  WITH point AS (
    SELECT l.*, b.plan_id, l.load / nullif(l.target, 0) AS share
    FROM salesops.territory_health_load l JOIN salesops.territory_publication b ON b.publication_id = l.publication_id
    WHERE l.as_of <= territory_health_trend.as_of
  ), run AS (
    SELECT p.*, p.share - lag(p.share) OVER w AS change, count(*) FILTER (WHERE NOT p.is_flagged) OVER w AS calm
    FROM point p WINDOW w AS (PARTITION BY p.territory_id, p.measure, p.publication_id ORDER BY p.as_of)
  ), told AS (
    SELECT r.*, count(*) FILTER (WHERE r.is_flagged) OVER (PARTITION BY r.territory_id, r.measure, r.publication_id, r.calm ORDER BY r.as_of) AS times
    FROM run r
  )
  SELECT t.territory_id, t.measure, t.as_of, t.plan_id, t.accounts, t.load, t.target, t.share, t.change, t.is_flagged, CASE WHEN t.is_flagged THEN t.times ELSE 0 END,
         format('%s of %s is %s %% of its target', t.measure, t.territory_id, coalesce(round(100 * t.share, 1)::text, '(unknown)'))
         || coalesce(', ' || to_char(round(100 * t.change, 1), 'FMSG99999990.0') || ' points since the time before', '')
         || CASE WHEN t.is_flagged THEN format(': more than 15 %% off%s', CASE WHEN t.times > 1 THEN format(', the %s. time in a row', t.times) ELSE '' END) ELSE '' END
  FROM told t
  ORDER BY t.territory_id, t.measure, t.as_of, t.publication_id;
END;
COMMENT ON FUNCTION salesops.territory_health_trend(timestamptz) IS
  'The measurements of the territories up to an instant, by territory and measure in order of time: share_of_target = load / target (1 = 100 %), change since the measurement before '
  'of the same publication, how often in a row it was flagged, and all of it in words';
