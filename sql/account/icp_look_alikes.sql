-- Look-alikes: the accounts most like a given one.
--
-- Likeness is a weighted sum of agreements over attributes (src/account/icp_likeness.c). Accounts of one pattern of levels agree in every word and lie in the same
-- ranges, so no account is more like the given one than the bound of its pattern. place_accounts() keeps the accounts by pattern; then only those patterns are
-- looked into whose bound reaches what the best are known to reach, and the answer is that of looking at all.

CREATE FUNCTION salesops.icp_likeness(weights integer[], levels text[], places integer[], other_levels text[], lowest integer[], highest integer[]) RETURNS float8
  AS 'MODULE_PATHNAME', 'salesops_icp_likeness' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION salesops.icp_likeness(integer[], text[], integer[], text[], integer[], integer[]) IS
  'How like an account with levels and places (icp_profiles()) another one is, 0 to 1: sum of weight x agreement (Gower 1971). Words agree or not, numbers by 1 - distance of their places / 10000; what is unknown of either does not agree. '
  'The other''s places are from lowest to highest: the same array twice, or the most that any account between them reaches. NULL for NULL; 22023 for arrays of different lengths';

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

CREATE FUNCTION salesops.place_accounts(as_of timestamptz, icp_id bigint DEFAULT NULL)
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off AS $$
#variable_conflict use_variable
DECLARE
  used bigint := salesops.icp_in_force(as_of, icp_id);
  attributes salesops.icp_attribute[] := salesops.icp_attributes(used);
  added bigint;
BEGIN
  PERFORM salesops.check_instant(as_of);
  LOCK TABLE salesops.icp_placement IN SHARE ROW EXCLUSIVE MODE;
  DELETE FROM salesops.icp_account;
  DELETE FROM salesops.icp_pattern;
  DELETE FROM salesops.icp_placement;
  PERFORM salesops.drop_temporary('salesops_profile'), salesops.drop_temporary('salesops_pattern');
  CREATE TEMP TABLE salesops_profile ON COMMIT DROP AS
  SELECT p.source_key, p.id, p.levels, p.places FROM salesops.icp_profiles(attributes, as_of) p;
  INSERT INTO salesops.icp_placement (icp_id, as_of, accounts)
  SELECT used, as_of, count(*) FROM pg_temp.salesops_profile RETURNING placement_id INTO added;
  CREATE TEMP TABLE salesops_pattern ON COMMIT DROP AS
  SELECT row_number() OVER (ORDER BY x.levels)::integer AS pattern, x.levels, count(*) AS accounts FROM pg_temp.salesops_profile x GROUP BY x.levels;
  INSERT INTO salesops.icp_account (placement_id, source_key, id, pattern, places)
  SELECT added, p.source_key, p.id, t.pattern, p.places FROM pg_temp.salesops_profile p JOIN pg_temp.salesops_pattern t ON t.levels = p.levels ORDER BY t.pattern;
  INSERT INTO salesops.icp_pattern (placement_id, pattern, levels, lowest, highest, accounts)
  SELECT added, t.pattern, t.levels, b.lowest, b.highest, t.accounts
  FROM pg_temp.salesops_pattern t
  JOIN (SELECT e.pattern, array_agg(e.lowest ORDER BY e.n) AS lowest, array_agg(e.highest ORDER BY e.n) AS highest
        FROM (SELECT a.pattern, u.n, min(u.place) AS lowest, max(u.place) AS highest
              FROM salesops.icp_account a CROSS JOIN LATERAL unnest(a.places) WITH ORDINALITY AS u(place, n)
              WHERE a.placement_id = added GROUP BY a.pattern, u.n) e
        GROUP BY e.pattern) b ON b.pattern = t.pattern;
  RETURN added;
END $$;
COMMENT ON FUNCTION salesops.place_accounts(timestamptz, bigint) IS
  'Keep the accounts of an instant by pattern, as the ideal customer profile in force then (or that of the given number) sees them, in place of those kept before; look_alikes() is fast then. Returns the placement_id. 42704 where there is no profile, 22023 for an instant that is none or in the future';

CREATE FUNCTION salesops.icp_agreement(attributes salesops.icp_attribute[], levels text[], other_levels text[], OUT agrees text[], OUT differs text[])
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT coalesce(array_agg(t.attribute || ': ' || t.level ORDER BY t.weight DESC, t.place) FILTER (WHERE t.level = t.other_level), '{}'),
         coalesce(array_agg(format('%s: %s, not %s', t.attribute, coalesce(t.other_level, 'unknown'), coalesce(t.level, 'unknown')) ORDER BY t.weight DESC, t.place)
                  FILTER (WHERE t.level IS DISTINCT FROM t.other_level), '{}')
  FROM unnest(icp_agreement.attributes, icp_agreement.levels, icp_agreement.other_levels) AS t(icp_id, place, attribute, known, edges, weight, left_out, level, other_level);
END;
COMMENT ON FUNCTION salesops.icp_agreement(salesops.icp_attribute[], text[], text[]) IS
  'In which attributes another account has the level of a first one, and in which another level (the other''s first), the weightiest first; what is unknown of both is in neither';

CREATE FUNCTION salesops.look_alikes(source_key text, id text, k integer DEFAULT 10, as_of timestamptz DEFAULT NULL,
                                     OUT place bigint, OUT look_alike_source_key text, OUT look_alike_id text, OUT likeness float8, OUT agrees text[], OUT differs text[])
RETURNS SETOF record LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10 SET search_path = pg_catalog, pg_temp SET jit = off AS $$
#variable_conflict use_column
DECLARE
  kept salesops.icp_placement;
  attributes salesops.icp_attribute[];
  weights integer[];
  own record;
  threshold float8;
  patterns integer[];
BEGIN
  PERFORM salesops.check_given('source_key', look_alikes.source_key), salesops.check_given('id', look_alikes.id), salesops.check_given('k', look_alikes.k::text);
  IF look_alikes.k NOT BETWEEN 1 AND 10000 THEN
    RAISE EXCEPTION 'k must be from 1 to 10000, not %', look_alikes.k USING ERRCODE = 'invalid_parameter_value', HINT = 'Ask for the ten nearest: k => 10.';
  END IF;
  SELECT * INTO kept FROM salesops.icp_placement p WHERE look_alikes.as_of IS NULL OR p.as_of = look_alikes.as_of;
  IF kept.placement_id IS NULL AND look_alikes.as_of IS NULL THEN
    RAISE EXCEPTION 'no accounts are kept by pattern' USING
      ERRCODE = 'object_not_in_prerequisite_state', DETAIL = 'Without as_of, look-alikes are looked for among those kept.', HINT = 'SELECT salesops.place_accounts(now()), or give as_of: then all accounts of that instant are looked at.';
  END IF;
  attributes := salesops.icp_attributes(coalesce(kept.icp_id, salesops.icp_in_force(look_alikes.as_of)));
  weights := ARRAY(SELECT t.weight FROM unnest(attributes) t ORDER BY t.place);

  IF kept.placement_id IS NULL THEN
    SELECT p.levels, p.places INTO own FROM salesops.icp_profiles(attributes, look_alikes.as_of) p WHERE p.source_key = look_alikes.source_key AND p.id = look_alikes.id;
    RETURN QUERY
    SELECT row_number() OVER (ORDER BY b.likeness DESC, b.source_key, b.id), b.source_key, b.id, b.likeness, g.agrees, g.differs
    FROM (SELECT p.source_key COLLATE "C" AS source_key, p.id COLLATE "C" AS id, p.levels, salesops.icp_likeness(weights, own.levels, own.places, p.levels, p.places, p.places) AS likeness
          FROM salesops.icp_profiles(attributes, look_alikes.as_of) p
          WHERE (p.source_key, p.id) <> (look_alikes.source_key, look_alikes.id) AND own.levels IS NOT NULL
          ORDER BY 4 DESC, 1, 2 LIMIT look_alikes.k) b
    CROSS JOIN LATERAL salesops.icp_agreement(attributes, own.levels, b.levels) g
    ORDER BY 1;
    RETURN;
  END IF;

  SELECT t.levels, a.places INTO own
  FROM salesops.icp_account a JOIN salesops.icp_pattern t ON t.placement_id = a.placement_id AND t.pattern = a.pattern
  WHERE a.placement_id = kept.placement_id AND a.source_key = look_alikes.source_key AND a.id = look_alikes.id;
  -- The k + 1 patterns with the highest bounds have k accounts besides the given one: what the k-th of all reaches is at least what their last reaches.
  patterns := ARRAY(SELECT t.pattern FROM salesops.icp_pattern t WHERE t.placement_id = kept.placement_id
                    ORDER BY salesops.icp_likeness(weights, own.levels, own.places, t.levels, t.lowest, t.highest) DESC, t.pattern LIMIT look_alikes.k + 1);
  threshold := (SELECT min(b.likeness)
                FROM (SELECT salesops.icp_likeness(weights, own.levels, own.places, t.levels, a.places, a.places) AS likeness
                      FROM salesops.icp_account a JOIN salesops.icp_pattern t ON t.placement_id = a.placement_id AND t.pattern = a.pattern
                      WHERE a.placement_id = kept.placement_id AND a.pattern = ANY (patterns) ORDER BY 1 DESC LIMIT look_alikes.k + 1) b);
  patterns := ARRAY(SELECT t.pattern FROM salesops.icp_pattern t WHERE t.placement_id = kept.placement_id
                      AND salesops.icp_likeness(weights, own.levels, own.places, t.levels, t.lowest, t.highest) >= threshold);
  RETURN QUERY
  SELECT row_number() OVER (ORDER BY b.likeness DESC, b.source_key, b.id), b.source_key, b.id, b.likeness, g.agrees, g.differs
  FROM (SELECT a.source_key COLLATE "C" AS source_key, a.id COLLATE "C" AS id, t.levels, salesops.icp_likeness(weights, own.levels, own.places, t.levels, a.places, a.places) AS likeness
        FROM salesops.icp_account a JOIN salesops.icp_pattern t ON t.placement_id = a.placement_id AND t.pattern = a.pattern
        WHERE a.placement_id = kept.placement_id AND a.pattern = ANY (patterns) AND (a.source_key, a.id) <> (look_alikes.source_key, look_alikes.id)
        ORDER BY 4 DESC, 1, 2 LIMIT look_alikes.k) b
  CROSS JOIN LATERAL salesops.icp_agreement(attributes, own.levels, b.levels) g
  ORDER BY 1;
END $$;
COMMENT ON FUNCTION salesops.look_alikes(text, text, integer, timestamptz) IS
  'The k accounts most like a given one, the most alike first, of one likeness by key; with the attributes in which they agree and differ, the weightiest first. as_of NULL, or the instant of place_accounts(): among those kept, by the index; '
  'any other: all accounts of that instant are looked at, by the profile in force then. Both give the same. No row where there is no such account. 55000 where none are kept, 42704 where there is no profile, 22023 for k outside 1 to 10000';
