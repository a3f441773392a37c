-- The accounts of an instant with their score by the default scorecard.

CREATE FUNCTION salesops.score_input(value numeric) RETURNS integer LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN ceil(least(greatest(value, -2147483647), 2147483647))::integer;
COMMENT ON FUNCTION salesops.score_input(numeric) IS
  'A number as score_account() takes it: the next whole number, so that what is above a bound stays above it; what an integer cannot hold becomes the largest. NULL for NULL';

CREATE FUNCTION salesops.account_scores(
  effective_at timestamptz, known_at timestamptz DEFAULT NULL,
  OUT source_key text, OUT id text, OUT name text, OUT owner_id text, OUT industry text, OUT stated_industry text, OUT score salesops.account_score)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT a.source_key, a.id, a.name, a.owner_id, coalesce(salesops.recognize_industry(coalesce(m.value, a.industry)), m.value, a.industry), a.industry,
         salesops.score_account(salesops.score_input(a.employees), coalesce(m.value, a.industry), salesops.score_input(a.website_visits),
                                salesops.score_input(a.content_downloads), salesops.score_input(a.intent_score))
  FROM salesops.account_as_of(account_scores.effective_at, account_scores.known_at) a
  LEFT JOIN salesops.value_meaning(account_scores.effective_at) m
    ON m.source_key = a.source_key AND m.field = 'industry' AND m.label = a.industry
  WHERE a.merged_into IS NULL;
END;
COMMENT ON FUNCTION salesops.account_scores(timestamptz, timestamptz) IS
  'Accounts as of an instant with their score by the default scorecard. industry: by value_map, else as recognize_industry() reads it, else as stated, and then the score names it as missing. Merged and deleted accounts are left out';
