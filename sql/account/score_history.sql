-- Scores as they were kept, and what moved them.
--
-- A night writes a row for each account whose score is other than the one kept before it; a quiet night writes nothing. A score that was kept is
-- what was said on the day, whatever is known of that day since.

CREATE TABLE salesops.kept_account_score (
  source_key text NOT NULL,
  id         text NOT NULL,
  as_of      timestamptz NOT NULL,
  score      salesops.account_score,
  run_id     bigint NOT NULL,
  PRIMARY KEY (source_key, id, as_of)
);
CREATE INDEX kept_account_score_as_of ON salesops.kept_account_score (as_of);
COMMENT ON TABLE salesops.kept_account_score IS 'Scores of accounts by the default scorecard, one row a change, append-only; written by keep_account_scores()';
COMMENT ON COLUMN salesops.kept_account_score.source_key IS 'Source of the account';
COMMENT ON COLUMN salesops.kept_account_score.id IS 'Account';
COMMENT ON COLUMN salesops.kept_account_score.as_of IS 'Instant from which it was kept';
COMMENT ON COLUMN salesops.kept_account_score.score IS 'Its score; NULL = the account is no longer there: merged or deleted';
COMMENT ON COLUMN salesops.kept_account_score.run_id IS 'Run that kept it; negative = by hand';
SELECT pg_catalog.pg_extension_config_dump('salesops.kept_account_score', '');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.kept_account_score
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change('keep_account_scores() adds what changed.');
COMMENT ON TRIGGER append_only ON salesops.kept_account_score IS 'what an account was worth on a day must stay known';

CREATE FUNCTION salesops.kept_account_scores(as_of timestamptz, OUT source_key text, OUT id text, OUT score salesops.account_score, OUT since timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
BEGIN ATOMIC
  SELECT k.source_key, k.id, k.score, k.as_of
  FROM (SELECT DISTINCT ON (s.source_key, s.id) s.* FROM salesops.kept_account_score s
        WHERE s.as_of <= kept_account_scores.as_of ORDER BY s.source_key, s.id, s.as_of DESC) k
  WHERE k.score IS NOT NULL;
END;
COMMENT ON FUNCTION salesops.kept_account_scores(timestamptz) IS
  'The scores that were kept as of an instant, with the instant since which each holds; accounts that were then merged or deleted are left out';

CREATE FUNCTION salesops.check_keeps_on(what text, last timestamptz, as_of timestamptz, hint text)
RETURNS void LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF as_of < last THEN
    RAISE EXCEPTION '% were kept as of % already', what, last USING
      ERRCODE = 'invalid_parameter_value', DETAIL = format('As of %s none can be kept any more.', as_of), HINT = check_keeps_on.hint;
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_keeps_on(text, timestamptz, timestamptz, text) IS
  'Raises 22023 where something was kept (last) as of a later instant than it is to be kept now (as_of): what is kept follows what was kept before. last NULL = nothing was';

CREATE FUNCTION salesops.keep_account_scores(as_of timestamptz, run_id bigint DEFAULT NULL)
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_nestloop = off SET jit = off AS $$
#variable_conflict use_variable
DECLARE
  last timestamptz := (SELECT max(k.as_of) FROM salesops.kept_account_score k);
  rule record := salesops.get_rule('unmapped_industry', as_of);
  kept bigint;
BEGIN
  PERFORM salesops.check_as_of(as_of),
          salesops.check_keeps_on('scores', last, as_of, 'salesops.account_scores(effective_at, known_at) gives the scores of any instant, keeping nothing.');
  run_id := coalesce(run_id, nextval('salesops.audit_by_hand_seq'));

  INSERT INTO salesops.kept_account_score (source_key, id, as_of, score, run_id)
  SELECT source_key, id, as_of, n.score, run_id
  FROM salesops.account_scores(as_of, as_of) n FULL JOIN salesops.kept_account_scores(as_of) k USING (source_key, id)
  WHERE (n.score OPERATOR(salesops.=) k.score) IS NOT TRUE
  ORDER BY source_key, id
  -- What was said of an instant stays.
  ON CONFLICT DO NOTHING;
  GET DIAGNOSTICS kept = ROW_COUNT;

  PERFORM salesops.report_findings(run_id, as_of, rule.name, rule.object_kind, rule.severity, NULL,
    (SELECT coalesce(array_agg(ROW(a.source_key, a.id, a.owner_id, left(a.stated_industry, 200))::salesops.violation), '{}')
     FROM salesops.account_scores(as_of, as_of) a
     WHERE rule.is_enabled AND btrim(a.stated_industry) <> '' AND 'industry' = ANY (salesops.missing_inputs(a.score))));
  RETURN kept;
END $$;
COMMENT ON FUNCTION salesops.keep_account_scores(timestamptz, bigint) IS
  'Keep the scores of an instant: a row of kept_account_score for each account whose score changed, or that is gone; and findings unmapped_industry for accounts whose stated '
  'industry nobody knows (value_map gives it a meaning), as grave as the rule of that name says, none where it is disabled. run_id NULL = by hand. Returns the rows kept, 0 when called again; 22023 before what was kept already, and for an '
  'instant that is none or in the future';

CREATE FUNCTION salesops.score_change(old_score salesops.account_score, new_score salesops.account_score, OUT change integer, OUT component text, OUT says text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH part AS (
    SELECT p.place, p.name, p.old, p.new, coalesce(p.new, 0) - coalesce(p.old, 0) AS points
    FROM (VALUES (1, 'size', salesops.size_points(old_score), salesops.size_points(new_score)),
                 (2, 'industry', salesops.industry_points(old_score), salesops.industry_points(new_score)),
                 (3, 'engagement', salesops.engagement_points(old_score), salesops.engagement_points(new_score)),
                 (4, 'intent', salesops.intent_points(old_score), salesops.intent_points(new_score))) AS p(place, name, old, new)
  )
  SELECT salesops.total(new_score) - salesops.total(old_score),
         (SELECT p.name FROM part p WHERE p.points <> 0 AND old_score IS NOT NULL AND new_score IS NOT NULL ORDER BY abs(p.points) DESC, p.place LIMIT 1),
         CASE WHEN old_score IS NULL THEN 'new' WHEN new_score IS NULL THEN 'gone'
              ELSE (SELECT string_agg(w.part, '; ' ORDER BY w.place) FROM (VALUES
                (1, (SELECT string_agg(format('%s %s to %s', p.name, coalesce(p.old::text, '?'), coalesce(p.new::text, '?')), ', ' ORDER BY abs(p.points) DESC, p.place)
                 FROM part p WHERE p.points <> 0 OR (p.old IS NULL) <> (p.new IS NULL))),
                (2, (SELECT 'now known: ' || string_agg(m, ', ') FROM unnest(salesops.missing_inputs(old_score)) m WHERE m <> ALL (salesops.missing_inputs(new_score)))),
                (3, (SELECT 'no longer known: ' || string_agg(m, ', ') FROM unnest(salesops.missing_inputs(new_score)) m WHERE m <> ALL (salesops.missing_inputs(old_score))))) AS w(place, part)) END
  WHERE old_score IS NOT NULL OR new_score IS NOT NULL;
END;
COMMENT ON FUNCTION salesops.score_change(salesops.account_score, salesops.account_score) IS
  'What is between two scores: change of the total, the component that moved most (of equals the first of size, industry, engagement, intent; NULL = none), and all of it in words '
  '("intent ? to 20; now known: intent"). A score that is NULL is no account: new or gone, without change and component';

CREATE FUNCTION salesops.score_movement(
  from_instant timestamptz, to_instant timestamptz,
  OUT source_key text, OUT id text, OUT name text, OUT owner_id text, OUT old_score salesops.account_score, OUT new_score salesops.account_score,
  OUT old_tier integer, OUT new_tier integer, OUT change integer, OUT component text, OUT says text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH moved AS MATERIALIZED (
    SELECT n.source_key, n.id, o.score AS old_score, n.score AS new_score
    FROM (SELECT DISTINCT ON (k.source_key, k.id) k.* FROM salesops.kept_account_score k
          WHERE k.as_of > score_movement.from_instant AND k.as_of <= score_movement.to_instant ORDER BY k.source_key, k.id, k.as_of DESC) n
    LEFT JOIN LATERAL (SELECT k.score FROM salesops.kept_account_score k
                       WHERE k.source_key = n.source_key AND k.id = n.id AND k.as_of <= score_movement.from_instant ORDER BY k.as_of DESC LIMIT 1) o ON true
    WHERE CASE WHEN n.score IS NOT NULL AND o.score IS NOT NULL THEN n.score <> o.score ELSE n.score IS NOT NULL OR o.score IS NOT NULL END
  )
  SELECT m.source_key, m.id, a.name, a.owner_id, m.old_score, m.new_score, salesops.tier(m.old_score), salesops.tier(m.new_score), c.change, c.component, c.says
  FROM moved m
  LEFT JOIN salesops.account_as_of(score_movement.to_instant, score_movement.to_instant) a ON a.source_key = m.source_key AND a.id = m.id
  CROSS JOIN LATERAL salesops.score_change(m.old_score, m.new_score) c;
END;
COMMENT ON FUNCTION salesops.score_movement(timestamptz, timestamptz) IS
  'Accounts whose kept score at one instant is other than at an earlier one, with the component that moved and the movement in words (score_change()); old_score NULL = new since, '
  'new_score NULL = gone since. Of scores that were kept alone: keep_account_scores()';
