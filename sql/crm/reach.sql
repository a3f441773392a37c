-- How far back the CRM's own histories reach, field by field.
--
-- A history tells of a past instant what a field was only if it covers that field, and had begun by then. Salesforce keeps the
-- history of the fields that somebody chose, from the day on which he did; a stage log knows no amounts; full versions
-- begin with the day on which the connector was told to keep them. Beyond its reach a state carries what the deal says now. That is
-- true of some fields and false of others, and of closed deals false in another way than of open ones: whoever learns from
-- it learns the outcome.
--
-- When the sync reads histories it keeps how far they reached, in the whole source, since the first change they tell
-- of: what was there before the first one may have been switched on with it. It holds for the deals that this sync saw first, for
-- their histories were read then and never again.

CREATE TABLE salesops.history_reach (
  source_key  text NOT NULL,
  recorded_at timestamptz NOT NULL,
  target      text NOT NULL,
  since       timestamptz NOT NULL,
  PRIMARY KEY (source_key, recorded_at, target)
);
COMMENT ON TABLE salesops.history_reach IS 'How far back the CRM''s own histories tell a field of opportunities, as each sync that read them found; written by the sync';
COMMENT ON COLUMN salesops.history_reach.source_key IS 'Source';
COMMENT ON COLUMN salesops.history_reach.recorded_at IS 'Instant of the sync; it holds for the deals that it saw first';
COMMENT ON COLUMN salesops.history_reach.target IS 'Column of salesops.opportunity; everything = full versions, which have all columns; stage_category = the forecast category, which in this source is that of the stage';
COMMENT ON COLUMN salesops.history_reach.since IS 'First change that the histories of the source tell of it; from then on a deal without one has not changed it';
SELECT pg_catalog.pg_extension_config_dump('salesops.history_reach', '');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.history_reach
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change('Histories are read once, at the first sight of a deal.');
COMMENT ON TRIGGER append_only ON salesops.history_reach IS 'What was known of the past must stay known';

CREATE FUNCTION salesops.category_follows_stage(source_key text, as_of timestamptz)
RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT count(*) FILTER (WHERE coalesce(c.category <> m.category, true)) * 20 <= count(*)
  FROM salesops.opportunity_as_of(category_follows_stage.as_of) o
  LEFT JOIN salesops.stage_meaning(category_follows_stage.as_of) m
    ON m.source_key = o.source_key AND m.stage = o.stage AND salesops.means_stage(m.pipeline, m.but_in, o.pipeline)
  LEFT JOIN salesops.category_meaning(category_follows_stage.as_of) k ON k.source_key = o.source_key AND k.label = o.forecast_category
  CROSS JOIN LATERAL (SELECT coalesce(k.category, salesops.recognize_forecast_category(o.forecast_category)) AS category) c
  WHERE o.source_key = category_follows_stage.source_key AND o.merged_into IS NULL
    AND c.category IS NOT NULL AND salesops.deal_status(o.is_won, o.is_closed, m.status) = 'open';
END;
COMMENT ON FUNCTION salesops.category_follows_stage(text, timestamptz) IS
  'Whether the forecast category of a source''s open deals is, but for one in twenty at most, the one that their stage means: then a history of stages tells categories too. True where none is stated';

CREATE FUNCTION salesops.add_stage_category(source_key text, recorded_at timestamptz)
RETURNS void LANGUAGE sql
BEGIN ATOMIC
  INSERT INTO salesops.history_reach (source_key, recorded_at, target, since)
  SELECT r.source_key, r.recorded_at, 'stage_category', r.since
  FROM salesops.history_reach r
  WHERE r.source_key = add_stage_category.source_key AND r.recorded_at = add_stage_category.recorded_at AND r.target = 'stage'
    AND NOT EXISTS (SELECT FROM salesops.history_reach c
                    WHERE c.source_key = r.source_key AND c.recorded_at = r.recorded_at AND c.target IN ('forecast_category', 'everything', 'stage_category'))
    AND salesops.category_follows_stage(r.source_key, r.recorded_at);
END;
COMMENT ON FUNCTION salesops.add_stage_category(text, timestamptz) IS
  'Add to how far the histories of a source reach that a history of stages tells the categories, where category_follows_stage()';

CREATE FUNCTION salesops.read_reach(source salesops.source, as_of timestamptz)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  events text := salesops.history_events(source);
  relation regclass := salesops.version_relation(source);
  start record := salesops.find_column(relation, 'fivetranstart');
  id_column name := salesops.version_id_column(relation);
BEGIN
  IF events IS NOT NULL THEN
    EXECUTE format('INSERT INTO salesops.history_reach (source_key, recorded_at, target, since)
                    SELECT $1, $2, e.target, min(e.at)
                    FROM (SELECT v.target, salesops.read_instant(v.at, ''YMD'', %L) AS at FROM (%s) v(id, at, target, old_value, new_value)) e
                    WHERE e.at <= $2 GROUP BY e.target
                    ON CONFLICT DO NOTHING', salesops.source_option(source, 'time_zone'), events)
    USING source.source_key, as_of;
  END IF;
  IF relation IS NOT NULL THEN
    -- The first version of a deal may say what it was when versions began to be kept, the second one is a change. Where more than one in
    -- twenty of the deals that closed since has one version alone, not every change made one.
    EXECUTE format('INSERT INTO salesops.history_reach (source_key, recorded_at, target, since)
                    WITH version AS MATERIALIZED (
                      SELECT s.id, s.at, lag(s.at) OVER (PARTITION BY s.id ORDER BY s.at) < s.at AS is_change FROM (SELECT s.%I::text AS id, %s AS at FROM %s s) s
                    ), first AS MATERIALIZED (
                      SELECT min(v.at) AS at FROM version v WHERE v.is_change AND v.at <= $2
                    )
                    SELECT $1, $2, ''everything'', f.at
                    FROM first f
                    WHERE f.at IS NOT NULL AND (SELECT count(*) FILTER (WHERE v.id IS NULL) * 20 <= count(*)
                           FROM salesops.opportunity o
                           LEFT JOIN salesops.stage_meaning($2) m ON m.source_key = o.source_key AND m.stage = o.stage AND salesops.means_stage(m.pipeline, m.but_in, o.pipeline)
                           LEFT JOIN (SELECT DISTINCT c.id FROM version c WHERE c.is_change) v ON v.id = o.id
                           WHERE o.source_key = $1 AND o.effective_at > f.at AND salesops.deal_status(o.is_won, o.is_closed, m.status) <> ''open'')
                    ON CONFLICT DO NOTHING',
                   id_column, salesops.read_expression(format('s.%I', start.name), start.type, 'timestamptz'::regtype, 'YMD', 'UTC'),
                   salesops.source_relation(relation))
    USING source.source_key, as_of;
  END IF;
  PERFORM salesops.add_stage_category(source.source_key, as_of);
END $$;
COMMENT ON FUNCTION salesops.read_reach(salesops.source, timestamptz) IS
  'Keep how far back the histories of a source reach, field by field, for the deals that the sync as of an instant saw first';

-- Histories that were read before their reach was kept.
CREATE FUNCTION salesops.recall_reach(source_key text)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- Of a field that they do not tell, events leave no value or the same in all states; what they never tell, only versions do.
  INSERT INTO salesops.history_reach (source_key, recorded_at, target, since)
  SELECT recall_reach.source_key, v.recorded_at, c.target, min(v.effective_at)
  FROM (SELECT h.*, lag(h.*) OVER (PARTITION BY h.id, h.recorded_at ORDER BY h.effective_at) AS before
        FROM salesops.opportunity_history h
        WHERE h.source_key = recall_reach.source_key AND h.origin = 'crm_history') v
  CROSS JOIN LATERAL (VALUES
    ('stage', v.stage IS DISTINCT FROM (v.before).stage), ('amount', v.amount IS DISTINCT FROM (v.before).amount),
    ('close_date', v.close_date IS DISTINCT FROM (v.before).close_date),
    ('forecast_category', v.forecast_category IS DISTINCT FROM (v.before).forecast_category),
    ('everything', v.next_step IS NOT NULL)) AS c(target, is_told)
  WHERE v.before IS DISTINCT FROM NULL AND c.is_told
  GROUP BY v.recorded_at, c.target
  ON CONFLICT DO NOTHING;
  PERFORM salesops.add_stage_category(recall_reach.source_key, r.recorded_at)
  FROM (SELECT DISTINCT h.recorded_at FROM salesops.history_reach h WHERE h.source_key = recall_reach.source_key) r;
END $$;
COMMENT ON FUNCTION salesops.recall_reach(text) IS
  'Tell from the states of a source how far back the histories reached that were read before that was kept; where states say little, it is less far than it was';
