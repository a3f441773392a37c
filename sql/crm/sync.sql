-- The sync: read a source as it is now, and let the canonical model follow.
--
-- Per entity: stage what the feeds say, compare it with what is there, move each row that differs to the history, and
-- write its new state. All set-based; an incremental sync stages only rows stamped after the last watermark, so its cost
-- follows the change; a full one stages everything and so also finds what is gone.
--
-- An entity that fails (a relation dropped, a required column missing) is recorded and leaves its rows as they were; the
-- other entities go on. Nothing is deleted because a relation vanished or came up empty: a connector that recreates its
-- tables looks like that for a while.

-- Columns of the canonical table that the sync derives: on the first sight of a row, and on a change. `news` is when what
-- the feed itself says of the column is a change. s = staged row, c = present row, %1$s = as_of, %2$s = as_of where the
-- entity was synced before, so that what is new came since, else NULL. What the future is said to have done is not believed.
CREATE FUNCTION salesops.derived_columns(entity text, OUT target text, OUT on_insert text, OUT on_change text, OUT news text)
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT d.target, d.on_insert, d.on_change, d.news
  FROM (VALUES
    ('opportunity', 'stage_entered_at',
     'coalesce(CASE WHEN s.stage_entered_at <= %1$s THEN s.stage_entered_at END, CASE WHEN s.created_at <= %1$s THEN s.created_at END, %2$s)',
     'CASE WHEN s.stage_entered_at <= %1$s AND (s.stage_entered_at > c.stage_entered_at OR c.stage_entered_at IS NULL) THEN s.stage_entered_at '
     'WHEN (s.pipeline, s.stage) IS DISTINCT FROM (c.pipeline, c.stage) THEN s.new_effective_at ELSE c.stage_entered_at END',
     's.stage_entered_at <= %1$s AND (s.stage_entered_at > c.stage_entered_at OR c.stage_entered_at IS NULL)'),
    ('opportunity', 'confirmed_at',
     'coalesce(greatest(CASE WHEN s.stage_entered_at <= %1$s THEN s.stage_entered_at END, CASE WHEN s.created_at <= %1$s THEN s.created_at END), %2$s)',
     'CASE WHEN (s.stage, s.amount, s.close_date, s.next_step) IS DISTINCT FROM (c.stage, c.amount, c.close_date, c.next_step) '
     'THEN s.new_effective_at ELSE greatest(c.confirmed_at, CASE WHEN s.stage_entered_at <= %1$s THEN s.stage_entered_at END) END',
     NULL)
  ) AS d(entity, target, on_insert, on_change, news)
  WHERE d.entity = derived_columns.entity;
END;
COMMENT ON FUNCTION salesops.derived_columns(text) IS
  'Canonical columns that the sync derives, with the SQL for a new and for a changed row, and the condition under which the source''s own word is news';

-- From when the state of a row seen for the first time was true, as far as its dates tell; never after as_of.
-- %1$s = as_of, %2$L = zone, %3$s = as_of where the entity was synced before, else -infinity: for as long as anybody can tell.
CREATE FUNCTION salesops.first_effective_at(entity text)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE first_effective_at.entity
    -- A closed deal has been what it is since it closed; an open one since it was last modified.
    WHEN 'opportunity' THEN 'least(coalesce(CASE WHEN coalesce(s.is_closed, s.is_won, m.status <> ''open'') '
                            'THEN s.close_date::timestamp AT TIME ZONE %2$L END, s.modified_at, s.created_at, %3$s), %1$s)'
    WHEN 'account' THEN 'least(coalesce(s.modified_at, s.created_at, %3$s), %1$s)'
    ELSE '%3$s' END;
END;
COMMENT ON FUNCTION salesops.first_effective_at(text) IS 'SQL of effective_at for a row of an entity that is seen for the first time';

-- Temporary tables live from one step of the sync to the next.
CREATE FUNCTION salesops.drop_temporary(name text)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF to_regclass(format('pg_temp.%I', name)) IS NOT NULL THEN
    EXECUTE format('DROP TABLE pg_temp.%I', name);
  END IF;
END $$;
COMMENT ON FUNCTION salesops.drop_temporary(text) IS 'Drop a temporary table if there is one';

-- Stage all feeds of an entity into pg_temp.salesops_staged, one row an id.
CREATE FUNCTION salesops.stage_feeds(source salesops.source, plan salesops.planned_column[], entity text, feeds regclass[],
                                     as_of timestamptz, after timestamptz, OUT rows_read bigint, OUT duplicates bigint, OUT unidentified bigint, OUT watermark timestamptz)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  feed regclass;
BEGIN
  PERFORM salesops.drop_temporary('salesops_staged');
  FOREACH feed IN ARRAY feeds LOOP
    DECLARE
      reader record := salesops.feed_query(source, plan, entity, feed);
      query text := format('SELECT %s FROM %s%s', reader.columns, reader.from_clause, reader.is_present);
    BEGIN
      IF after IS NOT NULL AND reader.stamp IS NOT NULL THEN
        -- A row without a stamp may have changed.
        query := query || format(' AND (%s > %L) IS NOT FALSE', reader.stamp, after);
      END IF;
      IF to_regclass('pg_temp.salesops_staged') IS NULL THEN
        EXECUTE 'CREATE TEMP TABLE salesops_staged ON COMMIT DROP AS ' || query;
      ELSE
        -- What an earlier feed gave is not a second thing when a later one describes it again.
        EXECUTE format('INSERT INTO pg_temp.salesops_staged SELECT q.* FROM (%s) q
                        WHERE NOT EXISTS (SELECT FROM pg_temp.salesops_staged s WHERE s.id = q.id)', query);
      END IF;
    END;
  END LOOP;
  -- Grouping hashes the ids; counting distinct ones would sort them. A stamp of the future would hide every later row.
  SELECT coalesce(sum(g.n), 0), coalesce(sum(g.n) FILTER (WHERE g.id IS NULL), 0), coalesce(sum(g.n - 1) FILTER (WHERE g.id IS NOT NULL), 0), max(g.stamp)
    INTO rows_read, unidentified, duplicates, watermark
  FROM (SELECT s.id, count(*) AS n, max(s.stamp) FILTER (WHERE s.stamp <= greatest(as_of, (SELECT salesops.clock()))) AS stamp FROM pg_temp.salesops_staged s GROUP BY s.id) g;
  IF unidentified > 0 THEN
    DELETE FROM pg_temp.salesops_staged s WHERE s.id IS NULL;
  END IF;
  IF duplicates > 0 THEN
    -- The newest of equals stays; the whole row breaks ties, so the choice does not depend on their order on disk.
    DELETE FROM pg_temp.salesops_staged s
    USING (SELECT x.ctid, row_number() OVER (PARTITION BY x.id ORDER BY x.modified_at DESC NULLS LAST, x.stamp DESC NULLS LAST, x::text DESC) AS n
           FROM pg_temp.salesops_staged x) ranked
    WHERE s.ctid = ranked.ctid AND ranked.n > 1;
  END IF;
END $$;
COMMENT ON FUNCTION salesops.stage_feeds(salesops.source, salesops.planned_column[], text, regclass[], timestamptz, timestamptz) IS
  'Read the feeds of an entity into a temporary table, rows without an id and older duplicates left out';

-- Write what differs between the staged rows and the canonical table.
CREATE FUNCTION salesops.apply_staged(source salesops.source, entity text, as_of timestamptz, is_full boolean,
                                      OUT inserted bigint, OUT changed bigint, OUT deleted bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  targets text[] := (SELECT array_agg(t.target) FROM salesops.entity_targets(entity) t WHERE t.target <> 'id');
  derived text[] := coalesce((SELECT array_agg(d.target) FROM salesops.derived_columns(entity) d), '{}');
  -- All that the feeds give: what makes two states differ, and what is written beside the derived columns.
  written text[] := ARRAY(SELECT t FROM unnest(targets) t WHERE t <> ALL (derived)) || ARRAY['custom', 'unreadable', 'is_deleted'];
  -- A type of our own is compared as text: its operators are not on the search path.
  as_text jsonb := (SELECT jsonb_object_agg(t.target, '::text') FROM salesops.entity_targets(entity) t JOIN pg_type y ON y.oid = t.type
                    WHERE y.typnamespace = 'salesops'::regnamespace);
  is_first boolean;
  now_text text := format('%L::timestamptz', as_of);
  columns text := (SELECT string_agg(quote_ident(w), ', ') FROM unnest(written) w);
  derived_names text := (SELECT string_agg(', ' || quote_ident(d), '') FROM unnest(derived) d);
BEGIN
  EXECUTE format('SELECT NOT EXISTS (SELECT FROM salesops.%I c WHERE c.source_key = $1)', entity) INTO is_first USING source.source_key;
  changed := 0;
  deleted := 0;

  IF NOT is_first THEN
    IF is_full THEN
      -- Gone from the source: stage the row once more as deleted, so that the one comparison below finds it.
      EXECUTE format('INSERT INTO pg_temp.salesops_staged (id, %s, is_deleted, modified_at)
                      SELECT c.id, %s, true, NULL FROM salesops.%I c
                      WHERE c.source_key = $1 AND NOT c.is_deleted
                        AND NOT EXISTS (SELECT FROM pg_temp.salesops_staged s WHERE s.id = c.id)',
                     (SELECT string_agg(quote_ident(t), ', ') FROM unnest(targets || ARRAY['custom', 'unreadable']) t),
                     (SELECT string_agg('c.' || quote_ident(t), ', ') FROM unnest(targets || ARRAY['custom', 'unreadable']) t), entity)
        USING source.source_key;
      GET DIAGNOSTICS deleted = ROW_COUNT;
    END IF;

    PERFORM salesops.drop_temporary('salesops_changed');
    EXECUTE format('CREATE TEMP TABLE salesops_changed ON COMMIT DROP AS
                    SELECT s.*, CASE WHEN s.modified_at > c.effective_at AND s.modified_at <= %2$L THEN s.modified_at ELSE %2$L END AS new_effective_at
                    FROM pg_temp.salesops_staged s JOIN salesops.%1$I c ON c.source_key = %3$L AND c.id = s.id
                    WHERE (%4$s) IS DISTINCT FROM (%5$s)%6$s',
                   entity, as_of, source.source_key,
                   (SELECT string_agg(format('s.%I%s', t, as_text ->> t), ', ') FROM unnest(written) t),
                   (SELECT string_agg(format('c.%I%s', t, as_text ->> t), ', ') FROM unnest(written) t),
                   (SELECT coalesce(string_agg(format(' OR ' || d.news, now_text), ''), '') FROM salesops.derived_columns(entity) d));
    GET DIAGNOSTICS changed = ROW_COUNT;
    IF changed > 0 THEN
      -- A state that began and ends at the same instants, of both kinds, is one that nobody can ask for.
      EXECUTE format('INSERT INTO salesops.%1$I SELECT c.* FROM salesops.%2$I c JOIN pg_temp.salesops_changed s ON s.id = c.id
                      WHERE c.source_key = $1 AND (c.recorded_at, c.effective_at) <> ($2, s.new_effective_at)',
                     entity || '_history', entity) USING source.source_key, as_of;
      EXECUTE format('UPDATE salesops.%1$I c SET (%2$s, effective_at, recorded_at, origin%3$s) = ROW(%4$s, s.new_effective_at, %5$L, ''sync''%6$s)
                      FROM pg_temp.salesops_changed s WHERE c.source_key = $1 AND c.id = s.id',
                     entity, columns, derived_names,
                     (SELECT string_agg('s.' || quote_ident(t), ', ') FROM unnest(written) t), as_of,
                     (SELECT string_agg(format(', ' || d.on_change, now_text), '') FROM salesops.derived_columns(entity) d))
        USING source.source_key;
    END IF;
    changed := changed - deleted;
  END IF;

  EXECUTE format('INSERT INTO salesops.%1$I (source_key, id, %2$s, effective_at, recorded_at, origin%3$s)
                  SELECT %4$L, s.id, %5$s, %6$s, %7$L, ''sync''%8$s FROM pg_temp.salesops_staged s%9$s%10$s',
                 entity, columns, derived_names, source.source_key,
                 (SELECT string_agg('s.' || quote_ident(t), ', ') FROM unnest(written) t),
                 format(salesops.first_effective_at(entity), now_text, salesops.source_option(source, 'time_zone'),
                        CASE WHEN is_first THEN 'timestamptz ''-infinity''' ELSE now_text END),
                 as_of,
                 (SELECT string_agg(format(', ' || d.on_insert, now_text, CASE WHEN is_first THEN 'NULL::timestamptz' ELSE now_text END), '')
                  FROM salesops.derived_columns(entity) d),
                 CASE WHEN entity = 'opportunity'
                      THEN format(' LEFT JOIN salesops.stage_meaning(%1$L) m ON m.source_key = %2$L AND m.stage = s.stage AND salesops.means_stage(m.pipeline, m.but_in, s.pipeline)',
                                  as_of, source.source_key)
                      ELSE '' END,
                 CASE WHEN is_first THEN ''
                      ELSE format(' WHERE NOT EXISTS (SELECT FROM salesops.%I c WHERE c.source_key = %L AND c.id = s.id)', entity, source.source_key) END);
  GET DIAGNOSTICS inserted = ROW_COUNT;
  IF inserted + changed + deleted > 10000 THEN
    -- Plans made before the next autovacuum should know what came in.
    EXECUTE format('ANALYZE salesops.%I', entity);
  END IF;
END $$;
COMMENT ON FUNCTION salesops.apply_staged(salesops.source, text, timestamptz, boolean) IS
  'Move the rows that differ from the staged ones to the history, write their new state, add new rows; a full sync also marks what is gone as deleted';

-- One entity of one source; errors are the caller's.
CREATE FUNCTION salesops.sync_entity(source salesops.source, plan salesops.planned_column[], entity text, as_of timestamptz, mode text)
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  -- Feeds with all that is required, in the order of the plan, and the side tables they are joined with.
  feeds regclass[] := ARRAY(SELECT p.relation FROM unnest(plan) WITH ORDINALITY p WHERE p.entity = sync_entity.entity GROUP BY p.relation
                            HAVING bool_and(p.expression IS NOT NULL OR p.target <> ALL (salesops.required_targets(sync_entity.entity)))
                            ORDER BY min(p.ordinality));
  relations text[] := ARRAY(SELECT r::text FROM unnest(feeds) r
                            UNION
                            SELECT j.side::text FROM salesops.source_feed(source) f CROSS JOIN LATERAL salesops.feed_joins(source, f.relation, f.shape) j
                            WHERE f.entity = sync_entity.entity AND f.relation = ANY (feeds)
                            ORDER BY 1);
  targets text[] := ARRAY(SELECT DISTINCT p.target FROM unnest(plan) p
                          WHERE p.entity = sync_entity.entity AND p.relation = ANY (feeds) AND p.expression IS NOT NULL ORDER BY 1);
  last salesops.source_sync;
  lacking text;
  relation_names text;
  staged record;
  applied record;
  held boolean;
BEGIN
  SELECT * INTO last FROM salesops.source_sync y
  WHERE y.source_key = source.source_key AND y.entity = sync_entity.entity AND y.sqlstate IS NULL AND y.synced_at >= source.connected_at
  ORDER BY y.sync_id DESC LIMIT 1;
  -- A feed that lacks a required column is left to the others, unless there is none, or it was read before.
  SELECT string_agg(DISTINCT p.target, ', '), string_agg(DISTINCT p.relation::text, ', ') INTO lacking, relation_names FROM unnest(plan) p
  WHERE p.entity = sync_entity.entity AND p.expression IS NULL AND p.target = ANY (salesops.required_targets(sync_entity.entity))
    AND (feeds = '{}' OR p.relation::text = ANY (last.relations));
  IF lacking IS NOT NULL THEN
    RAISE EXCEPTION 'required column missing for %: %', entity, lacking USING
      ERRCODE = 'undefined_column',
      DETAIL = format('%s has no column that could be %s.', relation_names, lacking),
      HINT = format('SELECT * FROM salesops.describe_source(%1$L) shows what was found; name the column in options.entities.%2$s.columns of salesops.connect(%1$L, ...).',
                    source.source_key, entity);
  END IF;

  SELECT string_agg(r, ', ') INTO lacking FROM unnest(last.relations) r WHERE r <> ALL (relations);
  IF lacking IS NOT NULL THEN
    RAISE EXCEPTION 'relation % is gone', lacking USING
      ERRCODE = 'undefined_table',
      DETAIL = format('It was read as %s at %s; the rows read then are kept.', entity, last.as_of),
      HINT = format('Wait for the connector to recreate it, or call salesops.connect(%L, ...) again.', source.source_key);
  END IF;
  -- A column that was not there before is not in the rows read before.
  SELECT * INTO staged FROM salesops.stage_feeds(source, plan, entity, feeds, as_of,
                                                 CASE WHEN mode = 'incremental' AND last.targets = targets THEN last.watermark END);
  IF mode = 'full' AND staged.rows_read = 0 THEN
    EXECUTE format('SELECT EXISTS (SELECT FROM salesops.%I c WHERE c.source_key = $1 AND NOT c.is_deleted)', entity) INTO held USING source.source_key;
    IF held THEN
      RAISE EXCEPTION '% is empty', array_to_string(feeds, ', ') USING
        ERRCODE = 'object_not_in_prerequisite_state',
        DETAIL = format('It had rows at %s; they are kept.', last.as_of),
        HINT = format('Wait for the connector to fill it again; if the source is really empty now, call salesops.disconnect(%L).', source.source_key);
    END IF;
  END IF;
  SELECT * INTO applied FROM salesops.apply_staged(source, entity, as_of, mode = 'full');
  INSERT INTO salesops.source_sync (source_key, entity, as_of, mode, relations, rows_read, inserted, changed, deleted, duplicates, unidentified, watermark, targets)
  VALUES (source.source_key, entity, as_of, mode,
          relations, staged.rows_read, applied.inserted, applied.changed, applied.deleted, staged.duplicates,
          staged.unidentified, greatest(staged.watermark, last.watermark), targets);
  RETURN applied.inserted;
END $$;
COMMENT ON FUNCTION salesops.sync_entity(salesops.source, salesops.planned_column[], text, timestamptz, text) IS
  'Sync one entity of one source and record it in source_sync; returns the number of new rows';

-- Only the sync calls it: who could, could keep every sync waiting.
CREATE FUNCTION salesops.lock_source(source_key text)
RETURNS void LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'salesops_lock_source';
COMMENT ON FUNCTION salesops.lock_source(text) IS 'Lock a source against another sync of it until the transaction ends (see own_lock.c)';
REVOKE EXECUTE ON FUNCTION salesops.lock_source(text) FROM PUBLIC;

CREATE FUNCTION salesops.sync(source_key text, as_of timestamptz DEFAULT salesops.clock(), mode text DEFAULT 'incremental')
RETURNS SETOF salesops.source_sync LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
  -- The same rows make the same text, whoever syncs: some values of a source are read or kept as text.
  SET timezone = 'UTC' SET datestyle = 'ISO, YMD' SET intervalstyle = 'postgres' SET extra_float_digits = 1
  -- Long expressions: compiling them costs more than it saves.
  SET jit = off
AS $$
DECLARE
  source salesops.source := salesops.get_source(sync.source_key);
  plan salesops.planned_column[];
  one text;
  last_as_of timestamptz;
  new_rows bigint;
  first_sync_id bigint;
BEGIN
  IF mode IS NULL OR mode NOT IN ('full', 'incremental') THEN
    RAISE EXCEPTION 'unknown mode: %', coalesce(quote_literal(mode), 'NULL') USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Use full or incremental.';
  END IF;
  PERFORM salesops.check_as_of(as_of);
  PERFORM salesops.lock_source(sync.source_key);
  SELECT max(y.as_of), max(y.sync_id) INTO last_as_of, first_sync_id FROM salesops.source_sync y WHERE y.source_key = sync.source_key;
  IF as_of < last_as_of THEN
    RAISE EXCEPTION 'as_of % lies before the last sync of "%"', as_of, sync.source_key USING
      ERRCODE = 'invalid_parameter_value',
      DETAIL = format('It was synced as of %s; what was known then must stay as it was.', last_as_of),
      HINT = CASE WHEN last_as_of > salesops.clock()
                  THEN 'The clock was ahead then, or is behind now; if it is right again, salesops.correct_future() takes that back.'
                  ELSE 'Sync as of a later instant; opportunity_as_of() answers for earlier ones.' END;
  END IF;

  plan := ARRAY(SELECT p FROM salesops.source_plan(source) p);
  FOR one IN SELECT e.entity FROM salesops.entities() e
                WHERE e.entity IN (SELECT p.entity FROM unnest(plan) p)
                   OR e.entity IN (SELECT y.entity FROM salesops.source_sync y WHERE y.source_key = sync.source_key AND y.sqlstate IS NULL AND y.synced_at >= source.connected_at)
                   OR source.options #>> ARRAY['entities', e.entity, 'relation'] IS NOT NULL
                ORDER BY e."position" LOOP
    BEGIN
      -- Named by somebody, and never there: mistyped, or not yet made. What was there once is told of by sync_entity().
      IF NOT EXISTS (SELECT FROM unnest(plan) p WHERE p.entity = one)
         AND NOT EXISTS (SELECT FROM salesops.source_sync y WHERE y.source_key = sync.source_key AND y.entity = one AND y.sqlstate IS NULL AND y.synced_at >= source.connected_at) THEN
        RAISE EXCEPTION 'schema % has no relation %', quote_ident(source.schema_name), quote_ident(source.options #>> ARRAY['entities', one, 'relation']) USING ERRCODE = 'undefined_table';
      END IF;
      IF one = 'opportunity' THEN
        PERFORM salesops.read_stage_meaning(source, as_of);
      END IF;
      new_rows := salesops.sync_entity(source, plan, one, as_of, mode);
      IF one = 'opportunity' AND new_rows > 0 THEN
        PERFORM salesops.read_history(source, as_of);
      END IF;
    EXCEPTION WHEN OTHERS THEN
      INSERT INTO salesops.source_sync (source_key, entity, as_of, mode, relations, sqlstate, message)
      VALUES (sync.source_key, one, as_of, mode,
              ARRAY(SELECT DISTINCT p.relation::text FROM unnest(plan) p WHERE p.entity = one ORDER BY 1), SQLSTATE, SQLERRM);
    END;
  END LOOP;
  IF NOT FOUND THEN
    -- The wrong schema or kind: a night of nothing must not look like a good one.
    INSERT INTO salesops.source_sync (source_key, entity, as_of, mode, relations, sqlstate, message)
    VALUES (sync.source_key, 'opportunity', as_of, mode, '{}', '42P01',
            format('schema %I has no relation that kind %s reads', source.schema_name, source.kind));
  END IF;
  PERFORM salesops.drop_temporary('salesops_staged');
  PERFORM salesops.drop_temporary('salesops_changed');
  -- Every reading of the model joins these small tables; without statistics the planner takes them for large ones.
  ANALYZE salesops.source, salesops.stage_map, salesops.category_map, salesops.value_map, salesops.product, salesops.currency_rate;
  RETURN QUERY SELECT y.* FROM salesops.source_sync y WHERE y.source_key = sync.source_key AND y.sync_id > coalesce(first_sync_id, 0) ORDER BY y.sync_id;
END $$;
COMMENT ON FUNCTION salesops.sync(text, timestamptz, text) IS
  'Read a source and let the canonical model follow; returns a row an entity: what was read and changed, or why it failed. incremental reads rows stamped after the last sync, full reads all and finds deletions';

-- A source that cannot be synced at all keeps none of the others from it: the audit finds it by its row in source_sync.
CREATE FUNCTION salesops.sync_all(as_of timestamptz)
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  total bigint := 0;
  one bigint;
  source_key text;
  synced integer := 0;
  failed integer := 0;
  code text;
  message text;
  detail text;
  hint text;
BEGIN
  PERFORM salesops.check_instant(as_of);
  FOR source_key IN SELECT s.source_key FROM salesops.source s WHERE s.is_active ORDER BY s.source_key LOOP
    BEGIN
      SELECT sum(y.inserted + y.changed + y.deleted) INTO one FROM salesops.sync(source_key, as_of, 'full') y;
      total := total + coalesce(one, 0);
      synced := synced + 1;
    EXCEPTION WHEN OTHERS THEN
      GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
      INSERT INTO salesops.source_sync (source_key, entity, as_of, mode, relations, sqlstate, message)
      VALUES (source_key, 'opportunity', as_of, 'full', '{}', code, message);
      RAISE WARNING 'source "%" was not synced: %', source_key, message USING DETAIL = detail, HINT = hint;
      failed := failed + 1;
    END;
  END LOOP;
  IF failed > 0 AND synced = 0 THEN
    RAISE EXCEPTION '%', message USING ERRCODE = code, DETAIL = detail, HINT = hint;
  END IF;
  RETURN total;
END $$;
COMMENT ON FUNCTION salesops.sync_all(timestamptz) IS
  'Full sync of every active source, the first step of the night; returns the rows changed. A source that fails as a whole is named in source_sync and the others go on; where all do it is an error';

CREATE FUNCTION salesops.sync_failures(as_of timestamptz)
RETURNS text LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT pg_catalog.format('%s of %s entities could not be read: %s', count(*) FILTER (WHERE y.sqlstate IS NOT NULL), count(*),
                           pg_catalog.left(string_agg(y.source_key || '.' || y.entity, ', ' ORDER BY y.source_key, y.entity) FILTER (WHERE y.sqlstate IS NOT NULL), 500))
  FROM (SELECT DISTINCT ON (s.source_key, s.entity) s.source_key, s.entity, s.sqlstate FROM salesops.source_sync s
        WHERE s.as_of = sync_failures.as_of ORDER BY s.source_key, s.entity, s.sync_id DESC) y
  HAVING count(*) FILTER (WHERE y.sqlstate IS NOT NULL) > 0;
END;
COMMENT ON FUNCTION salesops.sync_failures(timestamptz) IS
  'Which entities the sync as of an instant could not read, in words; NULL where it read all. source_sync says why';
