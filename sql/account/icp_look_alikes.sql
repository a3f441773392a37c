-- Look-alikes: the accounts most like a given one, or like a set of them.
--
-- Likeness is a weighted sum of agreements over attributes (src/account/icp_likeness.c). Accounts of one pattern of levels agree in every word and lie in the same
-- ranges, so no account is more like the given ones than the bound of its pattern. place_accounts() keeps the accounts by pattern; then only those patterns are
-- looked into whose bound reaches what the best are known to reach, and the answer is that of looking at all.

CREATE FUNCTION salesops.icp_likeness(weights integer[], levels text[], places integer[], other_levels text[], lowest integer[], highest integer[]) RETURNS float8
  AS 'MODULE_PATHNAME', 'salesops_icp_likeness' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION salesops.icp_likeness(integer[], text[], integer[], text[], integer[], integer[]) IS
  'How like an account with levels and places (icp_profiles()) another one is, 0 to 1: sum of weight x agreement (Gower 1971). Words agree or not, numbers by 1 - distance of their places / 10000; what is unknown of either does not agree. '
  'levels and places of several accounts, one after the other: the mean of how like each of them it is. The other''s places are from lowest to highest: the same array twice, or the most that any account between them reaches. NULL for NULL; 22023 for arrays that do not fit together';

CREATE TABLE salesops.icp_placement (
  placement_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  icp_id       bigint NOT NULL REFERENCES salesops.icp,
  as_of        timestamptz NOT NULL,
  accounts     bigint NOT NULL
);
COMMENT ON TABLE salesops.icp_placement IS 'The accounts of an instant as kept by pattern for look_alikes(), at most one; written by place_accounts()';
COMMENT ON COLUMN salesops.icp_placement.placement_id IS 'Identity';
COMMENT ON COLUMN salesops.icp_placement.icp_id IS 'Ideal customer profile that they are seen by';
COMMENT ON COLUMN salesops.icp_placement.as_of IS 'Instant';
COMMENT ON COLUMN salesops.icp_placement.accounts IS 'How many';
COMMENT ON SEQUENCE salesops.icp_placement_placement_id_seq IS 'Identities of placements';
SELECT pg_catalog.pg_extension_config_dump('salesops.icp_placement', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.icp_placement_placement_id_seq', '');

CREATE TABLE salesops.icp_pattern (
  placement_id bigint NOT NULL REFERENCES salesops.icp_placement ON DELETE CASCADE,
  pattern      integer NOT NULL,
  levels       text[] NOT NULL,
  lowest       integer[] NOT NULL,
  highest      integer[] NOT NULL,
  accounts     bigint NOT NULL,
  PRIMARY KEY (placement_id, pattern)
);
COMMENT ON TABLE salesops.icp_pattern IS 'Patterns of levels that there are accounts of; written by place_accounts()';
COMMENT ON COLUMN salesops.icp_pattern.placement_id IS 'Placement';
COMMENT ON COLUMN salesops.icp_pattern.pattern IS 'Number of the pattern in it';
COMMENT ON COLUMN salesops.icp_pattern.levels IS 'Levels as in icp_profiles()';
COMMENT ON COLUMN salesops.icp_pattern.lowest IS 'Least place of any of its accounts, by attribute; NULL = words, or unknown';
COMMENT ON COLUMN salesops.icp_pattern.highest IS 'Most';
COMMENT ON COLUMN salesops.icp_pattern.accounts IS 'Accounts of this pattern';
SELECT pg_catalog.pg_extension_config_dump('salesops.icp_pattern', '');

CREATE TABLE salesops.icp_account (
  placement_id bigint NOT NULL REFERENCES salesops.icp_placement ON DELETE CASCADE,
  source_key   text NOT NULL,
  id           text NOT NULL,
  pattern      integer NOT NULL,
  places       integer[] NOT NULL,
  PRIMARY KEY (placement_id, source_key, id)
);
COMMENT ON TABLE salesops.icp_account IS 'Accounts by pattern; written by place_accounts()';
COMMENT ON COLUMN salesops.icp_account.placement_id IS 'Placement';
COMMENT ON COLUMN salesops.icp_account.source_key IS 'Source';
COMMENT ON COLUMN salesops.icp_account.id IS 'Account';
COMMENT ON COLUMN salesops.icp_account.pattern IS 'Its pattern';
COMMENT ON COLUMN salesops.icp_account.places IS 'Places of its numbers as in icp_profiles()';
CREATE INDEX icp_account_pattern ON salesops.icp_account (placement_id, pattern);
SELECT pg_catalog.pg_extension_config_dump('salesops.icp_account', '');

-- Whose pattern may have changed: what the CRM says of them did, or what its words mean, or what its currency is worth.
CREATE FUNCTION salesops.changed_accounts(since timestamptz, until timestamptz, OUT source_key text, OUT id text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT a.source_key, a.id FROM salesops.account a WHERE a.recorded_at > since OR a.effective_at > since
  UNION
  SELECT a.source_key, a.id FROM salesops.value_map m
  JOIN salesops.account a ON a.source_key = m.source_key AND m.label = CASE m.field WHEN 'industry' THEN a.industry WHEN 'segment' THEN a.segment END
  WHERE m.recorded_at > since OR m.valid_from > since AND m.valid_from <= until
  UNION
  SELECT a.source_key, a.id FROM salesops.currency_rate r JOIN salesops.account a ON a.source_key = r.source_key AND a.currency = r.currency
  WHERE a.annual_revenue IS NOT NULL
    AND (r.recorded_at > since OR r.valid_from > salesops.local_date(since) AND r.valid_from <= salesops.local_date(until));
END;
COMMENT ON FUNCTION salesops.changed_accounts(timestamptz, timestamptz) IS
  'Accounts whose inputs as of an instant may be other than as of an earlier one: recorded or effective since, with an industry or segment that was mapped since, or with revenue in a currency that has another rate. Too many rather than too few; no row for NULL';

CREATE FUNCTION salesops.keep_placement(as_of timestamptz, icp_id bigint, OUT placement_id bigint, OUT placed bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off AS $$
#variable_conflict use_column
DECLARE
  used bigint := salesops.icp_in_force(keep_placement.as_of, keep_placement.icp_id);
  attributes salesops.icp_attribute[] := salesops.icp_attributes(used);
  kept salesops.icp_placement;
  is_whole boolean;
  source_keys text[];
  ids text[];
BEGIN
  PERFORM salesops.check_instant(keep_placement.as_of);
  LOCK TABLE salesops.icp_placement IN SHARE ROW EXCLUSIVE MODE;
  SELECT p.* INTO kept FROM salesops.icp_placement p;
  PERFORM salesops.drop_temporary('salesops_changed'), salesops.drop_temporary('salesops_profile'), salesops.drop_temporary('salesops_pattern');
  CREATE TEMP TABLE salesops_changed ON COMMIT DROP AS
  SELECT c.source_key, c.id FROM salesops.changed_accounts(kept.as_of, keep_placement.as_of) c WHERE kept.icp_id = used AND kept.as_of <= keep_placement.as_of;
  -- Of a fifth or more, all are as quick.
  is_whole := NOT coalesce(kept.icp_id = used AND kept.as_of <= keep_placement.as_of, false)
              OR EXISTS (SELECT FROM salesops.setting s WHERE s.set_at > kept.as_of AND s.name IN ('corporate_currency', 'time_zone'))
              OR (SELECT 5 * count(*) > kept.accounts FROM pg_temp.salesops_changed);
  SELECT array_agg(DISTINCT c.source_key), array_agg(DISTINCT c.id) INTO source_keys, ids FROM pg_temp.salesops_changed c;

  CREATE TEMP TABLE salesops_profile (source_key text, id text, levels text[], places integer[]) ON COMMIT DROP;
  IF is_whole THEN
    INSERT INTO pg_temp.salesops_profile SELECT p.source_key, p.id, p.levels, p.places FROM salesops.icp_profiles(attributes, keep_placement.as_of) p;
  ELSIF ids IS NOT NULL THEN
    INSERT INTO pg_temp.salesops_profile
    SELECT p.source_key, p.id, p.levels, p.places FROM salesops.icp_profiles(attributes, keep_placement.as_of) p
    WHERE p.source_key = ANY (source_keys) AND p.id = ANY (ids) AND EXISTS (SELECT FROM pg_temp.salesops_changed c WHERE c.source_key = p.source_key AND c.id = p.id);
  END IF;

  -- The patterns that gain or lose accounts.
  CREATE TEMP TABLE salesops_pattern (pattern integer, levels text[]) ON COMMIT DROP;
  IF is_whole THEN
    DELETE FROM salesops.icp_account;
    DELETE FROM salesops.icp_pattern;
    DELETE FROM salesops.icp_placement;
    INSERT INTO salesops.icp_placement (icp_id, as_of, accounts)
    SELECT used, keep_placement.as_of, count(*) FROM pg_temp.salesops_profile RETURNING icp_placement.placement_id INTO placement_id;
  ELSE
    placement_id := kept.placement_id;
    WITH gone AS (
      DELETE FROM salesops.icp_account a USING pg_temp.salesops_changed c
      WHERE a.placement_id = keep_placement.placement_id AND a.source_key = c.source_key AND a.id = c.id RETURNING a.pattern
    ), counted AS (
      UPDATE salesops.icp_placement p SET as_of = keep_placement.as_of, accounts = p.accounts - (SELECT count(*) FROM gone) + (SELECT count(*) FROM pg_temp.salesops_profile)
      WHERE p.placement_id = keep_placement.placement_id
    )
    INSERT INTO pg_temp.salesops_pattern
    SELECT t.pattern, t.levels FROM salesops.icp_pattern t
    WHERE t.placement_id = keep_placement.placement_id AND (t.pattern IN (SELECT g.pattern FROM gone g) OR t.levels IN (SELECT x.levels FROM pg_temp.salesops_profile x));
  END IF;
  INSERT INTO pg_temp.salesops_pattern
  SELECT coalesce((SELECT max(t.pattern) FROM salesops.icp_pattern t WHERE t.placement_id = keep_placement.placement_id), 0) + row_number() OVER (ORDER BY x.levels), x.levels
  FROM (SELECT DISTINCT p.levels FROM pg_temp.salesops_profile p) x WHERE NOT EXISTS (SELECT FROM pg_temp.salesops_pattern t WHERE t.levels = x.levels);

  INSERT INTO salesops.icp_account (placement_id, source_key, id, pattern, places)
  SELECT keep_placement.placement_id, p.source_key, p.id, t.pattern, p.places FROM pg_temp.salesops_profile p JOIN pg_temp.salesops_pattern t ON t.levels = p.levels ORDER BY t.pattern;
  GET DIAGNOSTICS placed = ROW_COUNT;
  DELETE FROM salesops.icp_pattern t USING pg_temp.salesops_pattern x WHERE t.placement_id = keep_placement.placement_id AND t.pattern = x.pattern;
  INSERT INTO salesops.icp_pattern (placement_id, pattern, levels, lowest, highest, accounts)
  SELECT keep_placement.placement_id, x.pattern, x.levels, b.lowest, b.highest, b.accounts
  FROM pg_temp.salesops_pattern x
  JOIN (SELECT e.pattern, array_agg(e.lowest ORDER BY e.n) AS lowest, array_agg(e.highest ORDER BY e.n) AS highest, max(e.accounts) AS accounts
        FROM (SELECT a.pattern, u.n, min(u.place) AS lowest, max(u.place) AS highest, count(*) AS accounts
              FROM salesops.icp_account a CROSS JOIN LATERAL unnest(a.places) WITH ORDINALITY AS u(place, n)
              WHERE a.placement_id = keep_placement.placement_id AND a.pattern IN (SELECT y.pattern FROM pg_temp.salesops_pattern y) GROUP BY a.pattern, u.n) e
        GROUP BY e.pattern) b ON b.pattern = x.pattern;
END $$;
COMMENT ON FUNCTION salesops.keep_placement(timestamptz, bigint) IS
  'What place_accounts() does; placed = accounts written: all, or, where those kept are by the same profile as of an earlier instant, those that have changed since (changed_accounts()). Errors as there';

CREATE FUNCTION salesops.place_accounts(as_of timestamptz, icp_id bigint DEFAULT NULL)
RETURNS bigint LANGUAGE sql
BEGIN ATOMIC
  SELECT k.placement_id FROM salesops.keep_placement(place_accounts.as_of, place_accounts.icp_id) k;
END;
COMMENT ON FUNCTION salesops.place_accounts(timestamptz, bigint) IS
  'Keep the accounts of an instant by pattern, as the ideal customer profile in force then (or that of the given number) sees them, in place of those kept before; look_alikes() is fast then. Returns the placement_id. 42704 where there is no profile, 22023 for an instant that is none or in the future';

CREATE FUNCTION salesops.icp_agreement(attributes salesops.icp_attribute[], levels text[], other_levels text[], OUT agrees text[], OUT differs text[])
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH held AS (
    SELECT (u.n - 1) % cardinality(icp_agreement.attributes) + 1 AS n, u.level, count(*) AS members
    FROM unnest(icp_agreement.levels) WITH ORDINALITY AS u(level, n) GROUP BY 1, u.level
  ), usual AS (
    SELECT DISTINCT ON (h.n) h.n, h.level, h.members, sum(h.members) OVER (PARTITION BY h.n) AS of_all FROM held h ORDER BY h.n, h.members DESC, h.level COLLATE "C"
  ), said AS (
    SELECT t.attribute, t.weight, t.place, t.level, coalesce(h.members, 0) AS members, u.level AS usual, u.members AS usual_members, u.of_all
    FROM unnest(icp_agreement.attributes, icp_agreement.other_levels) WITH ORDINALITY AS t(icp_id, place, attribute, known, edges, weight, left_out, level, n)
    JOIN usual u ON u.n = t.n LEFT JOIN held h ON h.n = t.n AND h.level IS NOT DISTINCT FROM t.level
  )
  SELECT coalesce(array_agg(concat(s.attribute, ': ', s.level, CASE WHEN s.of_all > 1 THEN format(' (%s of %s)', s.members, s.of_all) END) ORDER BY s.weight DESC, s.place)
                  FILTER (WHERE 2 * s.members >= s.of_all AND s.level IS NOT NULL), '{}'),
         coalesce(array_agg(concat(s.attribute, ': ', coalesce(s.level, 'unknown'), CASE WHEN s.of_all > 1 THEN format(' (%s of %s)', s.members, s.of_all) END,
                                   ', not ', coalesce(s.usual, 'unknown'), CASE WHEN s.of_all > 1 THEN format(' (%s)', s.usual_members) END) ORDER BY s.weight DESC, s.place)
                  FILTER (WHERE 2 * s.members < s.of_all), '{}')
  FROM said s;
END;
COMMENT ON FUNCTION salesops.icp_agreement(salesops.icp_attribute[], text[], text[]) IS
  'In which attributes another account has the level of a first one, and in which another level (the other''s first), the weightiest first; what is unknown of both is in neither. levels of several accounts, one after the '
  'other: agrees is what at least half of them have, with how many do; differs names the level that most have';

CREATE FUNCTION salesops.set_look_alikes(source_key text, ids text[], k integer DEFAULT 10, as_of timestamptz DEFAULT NULL,
                                         OUT place bigint, OUT look_alike_source_key text, OUT look_alike_id text, OUT likeness float8, OUT agrees text[], OUT differs text[])
RETURNS SETOF record LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10 SET search_path = pg_catalog, pg_temp SET jit = off AS $$
#variable_conflict use_column
DECLARE
  kept salesops.icp_placement;
  attributes salesops.icp_attribute[];
  weights integer[];
  own record;
  enough integer;
  threshold float8;
  patterns integer[];
BEGIN
  PERFORM salesops.check_given('source_key', set_look_alikes.source_key), salesops.check_given('k', set_look_alikes.k::text),
          salesops.check_given('ids', (SELECT string_agg(i, ' ') FROM unnest(set_look_alikes.ids) i HAVING bool_and(i IS NOT NULL)));
  IF set_look_alikes.k NOT BETWEEN 1 AND 10000 THEN
    RAISE EXCEPTION 'k must be from 1 to 10000, not %', set_look_alikes.k USING ERRCODE = 'invalid_parameter_value', HINT = 'Ask for the ten nearest: k => 10.';
  END IF;
  IF cardinality(set_look_alikes.ids) > 1000 THEN
    RAISE EXCEPTION 'too many accounts' USING ERRCODE = 'invalid_parameter_value', DETAIL = format('They are %s.', cardinality(set_look_alikes.ids)), HINT = 'Name up to 1000 that stand for them.';
  END IF;
  SELECT * INTO kept FROM salesops.icp_placement p WHERE set_look_alikes.as_of IS NULL OR p.as_of = set_look_alikes.as_of;
  IF kept.placement_id IS NULL AND set_look_alikes.as_of IS NULL THEN
    RAISE EXCEPTION 'no accounts are kept by pattern' USING
      ERRCODE = 'object_not_in_prerequisite_state', DETAIL = 'Without as_of, look-alikes are looked for among those kept.', HINT = 'SELECT salesops.place_accounts(now()), or give as_of: then all accounts of that instant are looked at.';
  END IF;
  attributes := salesops.icp_attributes(coalesce(kept.icp_id, salesops.icp_in_force(set_look_alikes.as_of)));
  weights := ARRAY(SELECT t.weight FROM unnest(attributes) t ORDER BY t.place);

  WITH member AS (
    SELECT a.id, t.levels, a.places FROM salesops.icp_account a JOIN salesops.icp_pattern t ON t.placement_id = a.placement_id AND t.pattern = a.pattern
    WHERE a.placement_id = kept.placement_id AND a.source_key = set_look_alikes.source_key AND a.id = ANY (set_look_alikes.ids)
    UNION ALL
    SELECT p.id, p.levels, p.places FROM salesops.icp_profiles(attributes, set_look_alikes.as_of) p
    WHERE kept.placement_id IS NULL AND p.source_key = set_look_alikes.source_key AND p.id = ANY (set_look_alikes.ids)
  )
  SELECT array_agg(u.level ORDER BY m.id COLLATE "C", u.n) AS levels, array_agg(u.place ORDER BY m.id COLLATE "C", u.n) AS places, count(DISTINCT m.id)::integer AS members INTO own
  FROM member m CROSS JOIN LATERAL unnest(m.levels, m.places) WITH ORDINALITY AS u(level, place, n);
  IF own.members = 0 THEN
    RETURN;
  ELSIF own.members < (SELECT count(DISTINCT i) FROM unnest(set_look_alikes.ids) i) THEN
    RAISE NOTICE '% of the accounts are there', own.members;
  END IF;

  IF kept.placement_id IS NULL THEN
    RETURN QUERY
    SELECT row_number() OVER (ORDER BY b.likeness DESC, b.source_key, b.id), b.source_key, b.id, b.likeness, g.agrees, g.differs
    FROM (SELECT p.source_key COLLATE "C" AS source_key, p.id COLLATE "C" AS id, p.levels, salesops.icp_likeness(weights, own.levels, own.places, p.levels, p.places, p.places) AS likeness
          FROM salesops.icp_profiles(attributes, set_look_alikes.as_of) p
          WHERE NOT (p.source_key = set_look_alikes.source_key AND p.id = ANY (set_look_alikes.ids))
          ORDER BY 4 DESC, 1, 2 LIMIT set_look_alikes.k) b
    CROSS JOIN LATERAL salesops.icp_agreement(attributes, own.levels, b.levels) g
    ORDER BY 1;
    RETURN;
  END IF;

  -- As many patterns with the highest bounds have k accounts besides the given ones: what the k-th of all reaches is at least what their last reaches.
  enough := set_look_alikes.k + own.members;
  patterns := ARRAY(SELECT t.pattern FROM salesops.icp_pattern t WHERE t.placement_id = kept.placement_id
                    ORDER BY salesops.icp_likeness(weights, own.levels, own.places, t.levels, t.lowest, t.highest) DESC, t.pattern LIMIT enough);
  threshold := (SELECT min(b.likeness)
                FROM (SELECT salesops.icp_likeness(weights, own.levels, own.places, t.levels, a.places, a.places) AS likeness
                      FROM salesops.icp_account a JOIN salesops.icp_pattern t ON t.placement_id = a.placement_id AND t.pattern = a.pattern
                      WHERE a.placement_id = kept.placement_id AND a.pattern = ANY (patterns) ORDER BY 1 DESC LIMIT enough) b);
  patterns := ARRAY(SELECT t.pattern FROM salesops.icp_pattern t WHERE t.placement_id = kept.placement_id
                      AND salesops.icp_likeness(weights, own.levels, own.places, t.levels, t.lowest, t.highest) >= threshold);
  RETURN QUERY
  SELECT row_number() OVER (ORDER BY b.likeness DESC, b.source_key, b.id), b.source_key, b.id, b.likeness, g.agrees, g.differs
  FROM (SELECT a.source_key COLLATE "C" AS source_key, a.id COLLATE "C" AS id, t.levels, salesops.icp_likeness(weights, own.levels, own.places, t.levels, a.places, a.places) AS likeness
        FROM salesops.icp_account a JOIN salesops.icp_pattern t ON t.placement_id = a.placement_id AND t.pattern = a.pattern
        WHERE a.placement_id = kept.placement_id AND a.pattern = ANY (patterns) AND NOT (a.source_key = set_look_alikes.source_key AND a.id = ANY (set_look_alikes.ids))
        ORDER BY 4 DESC, 1, 2 LIMIT set_look_alikes.k) b
  CROSS JOIN LATERAL salesops.icp_agreement(attributes, own.levels, b.levels) g
  ORDER BY 1;
END $$;
COMMENT ON FUNCTION salesops.set_look_alikes(text, text[], integer, timestamptz) IS
  'The k accounts most like a set of accounts of a source, by the mean of how like each of them they are, the most alike first, of one likeness by key; none of the set itself. With the attributes in which at least half of '
  'the set have the same level, and those in which they have not, the weightiest first. as_of NULL, or the instant of place_accounts(): among those kept, by the index; any other: all accounts of that instant are looked at, by the profile '
  'in force then. Both give the same. Accounts that are not there are left out with a notice; no row where none is. 55000 where none are kept, 42704 where there is no profile, 22004 for a NULL, 22023 for k outside 1 to 10000 and more than 1000 accounts';

CREATE FUNCTION salesops.look_alikes(source_key text, id text, k integer DEFAULT 10, as_of timestamptz DEFAULT NULL,
                                     OUT place bigint, OUT look_alike_source_key text, OUT look_alike_id text, OUT likeness float8, OUT agrees text[], OUT differs text[])
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
  SELECT l.* FROM salesops.set_look_alikes(look_alikes.source_key, ARRAY[look_alikes.id], look_alikes.k, look_alikes.as_of) l;
END;
COMMENT ON FUNCTION salesops.look_alikes(text, text, integer, timestamptz) IS
  'The k accounts most like a given one, with the attributes in which they agree and differ: set_look_alikes() of it alone, with its errors. No row where there is no such account';
