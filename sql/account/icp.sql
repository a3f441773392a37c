-- The ideal customer profile (ICP): what accounts that bought have in common, learned from them and kept by version.
--
-- An account is read as a pattern of levels, one for each attribute: a word, or the range that a number lies in. Ranges are quantiles of the accounts there are,
-- so no outcome is in them. Accounts with one pattern have one fit, and for look-alikes they are looked for together.

CREATE TABLE salesops.icp (
  icp_id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  as_of            timestamptz NOT NULL,
  take_as_given    boolean NOT NULL,
  accounts         bigint NOT NULL,
  examples         bigint NOT NULL,
  wins             bigint NOT NULL,
  never_bought     bigint NOT NULL,
  model            salesops.win_model NOT NULL,
  doubt            text,
  fitted_by        text NOT NULL DEFAULT CURRENT_USER,
  fitted_at        timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE salesops.icp IS 'Ideal customer profiles, one row a version, never changed; written by fit_icp()';
COMMENT ON COLUMN salesops.icp.icp_id IS 'Identity of the version';
COMMENT ON COLUMN salesops.icp.as_of IS 'Instant it was learned at: nothing that happened or was recorded later is in it';
COMMENT ON COLUMN salesops.icp.take_as_given IS 'Whether what was recorded first stands for the time before, as in scorecard_examples()';
COMMENT ON COLUMN salesops.icp.accounts IS 'Accounts there were, whose numbers made the ranges';
COMMENT ON COLUMN salesops.icp.examples IS 'Accounts it learned from: first deal won or lost, or never bought';
COMMENT ON COLUMN salesops.icp.wins IS 'Of them won';
COMMENT ON COLUMN salesops.icp.never_bought IS 'Of them known for a year without a closed deal';
COMMENT ON COLUMN salesops.icp.model IS 'The model: probability that an account with these levels is one that bought; its factors are named attribute 1, attribute 2 ... by place';
COMMENT ON COLUMN salesops.icp.doubt IS 'Why its fits must not be believed, then they are NULL; NULL = they may';
COMMENT ON COLUMN salesops.icp.fitted_by IS 'Role that fitted it';
COMMENT ON COLUMN salesops.icp.fitted_at IS 'Wall clock time when it was fitted';
COMMENT ON SEQUENCE salesops.icp_icp_id_seq IS 'Identities of ideal customer profiles';
CREATE INDEX icp_as_of ON salesops.icp (as_of, icp_id);
SELECT pg_catalog.pg_extension_config_dump('salesops.icp', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.icp_icp_id_seq', '');

CREATE TABLE salesops.icp_attribute (
  icp_id    bigint NOT NULL REFERENCES salesops.icp,
  place     integer NOT NULL,
  attribute text NOT NULL,
  known     bigint NOT NULL,
  edges     numeric[],
  weight    integer,
  left_out  text,
  PRIMARY KEY (icp_id, place)
);
COMMENT ON TABLE salesops.icp_attribute IS 'What each ideal customer profile looks at; written by fit_icp(), never changed';
COMMENT ON COLUMN salesops.icp_attribute.icp_id IS 'Version';
COMMENT ON COLUMN salesops.icp_attribute.place IS 'Place among the attributes asked for, from 1';
COMMENT ON COLUMN salesops.icp_attribute.attribute IS 'Column of account_inputs(), or custom. and the name of a custom field';
COMMENT ON COLUMN salesops.icp_attribute.known IS 'Accounts of which it was known, of those looked at: all, or of 200,000 or more a sample of some 100,000';
COMMENT ON COLUMN salesops.icp_attribute.edges IS 'Of a number: the least, the bounds of the ranges, the most; a bound belongs to the range above it. annual_revenue is in corporate currency. NULL = words';
COMMENT ON COLUMN salesops.icp_attribute.weight IS 'Weight in the likeness of two accounts, in ten-thousandths; NULL = left out';
COMMENT ON COLUMN salesops.icp_attribute.left_out IS 'Why it is not looked at; NULL = it is';
SELECT pg_catalog.pg_extension_config_dump('salesops.icp_attribute', '');

DO $$
DECLARE
  relation text;
BEGIN
  FOREACH relation IN ARRAY ARRAY['icp', 'icp_attribute'] LOOP
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.%I
                    FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change(''Call salesops.fit_icp() for a later instant: it keeps another version.'')', relation);
    EXECUTE format('COMMENT ON TRIGGER append_only ON salesops.%I IS ''what was said of an account must stay recomputable''', relation);
  END LOOP;
END $$;

CREATE FUNCTION salesops.icp_in_force(as_of timestamptz, icp_id bigint DEFAULT NULL)
RETURNS bigint LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  found_id bigint := (SELECT i.icp_id FROM salesops.icp i
                      WHERE CASE WHEN icp_in_force.icp_id IS NULL THEN i.as_of <= icp_in_force.as_of ELSE i.icp_id = icp_in_force.icp_id END
                      ORDER BY i.as_of DESC, i.icp_id DESC LIMIT 1);
BEGIN
  IF found_id IS NULL THEN
    RAISE EXCEPTION 'no ideal customer profile %', coalesce(icp_in_force.icp_id::text, 'as of ' || icp_in_force.as_of, 'as of NULL') USING
      ERRCODE = 'undefined_object', DETAIL = format('There are %s.', (SELECT count(*) FROM salesops.icp)),
      HINT = 'Learn one: SELECT salesops.fit_icp(now()). SELECT icp_id, as_of FROM salesops.icp lists them.';
  END IF;
  RETURN found_id;
END $$;
COMMENT ON FUNCTION salesops.icp_in_force(timestamptz, bigint) IS
  'The newest ideal customer profile learned as of an instant or before, or that of the given number; 42704 where there is none';

-- Accounts as patterns

CREATE FUNCTION salesops.icp_examples(
  as_of timestamptz, take_as_given boolean DEFAULT false,
  OUT outcome text, OUT source_key text, OUT id text, OUT name text, OUT industry text, OUT segment text, OUT account_type text, OUT employees numeric, OUT annual_revenue numeric,
  OUT currency text, OUT country text, OUT website_visits numeric, OUT content_downloads numeric, OUT intent_score numeric, OUT custom jsonb)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000
BEGIN ATOMIC
  WITH known AS (
    SELECT a.source_key, a.id FROM salesops.account_as_of(icp_examples.as_of - interval '1 year') a WHERE NOT icp_examples.take_as_given
    UNION ALL
    SELECT a.source_key, a.id FROM salesops.account_inputs(icp_examples.as_of) a WHERE icp_examples.take_as_given AND a.created_at <= icp_examples.as_of - interval '1 year'
  )
  SELECT CASE WHEN e.won THEN 'won' ELSE 'lost' END, e.source_key, e.id, e.name, e.industry, e.segment, e.account_type, e.employees, e.annual_revenue, e.currency, e.country, e.website_visits, e.content_downloads, e.intent_score, e.custom
  FROM salesops.scorecard_examples(icp_examples.as_of, icp_examples.take_as_given) e
  UNION ALL
  SELECT 'never bought', a.source_key, a.id, a.name, a.industry, a.segment, a.account_type, a.employees, a.annual_revenue, a.currency, a.country, a.website_visits, a.content_downloads, a.intent_score, a.custom
  FROM salesops.account_inputs(icp_examples.as_of) a
  JOIN known k ON k.source_key = a.source_key AND k.id = a.id
  WHERE NOT EXISTS (SELECT FROM salesops.deal_outcomes(icp_examples.as_of) o WHERE o.source_key = a.source_key AND o.account_id = a.id);
END;
COMMENT ON FUNCTION salesops.icp_examples(timestamptz, boolean) IS
  'What an ideal customer profile is learned from, all as known at as_of. outcome: won or lost = the first closed deal of the account, with what was known before it (scorecard_examples()); '
  'never bought = known for a year without a closed deal, with what is known now. take_as_given as there; then what the source says of its creation counts as known since';

CREATE FUNCTION salesops.icp_values(attributes text[], as_of timestamptz, of_examples boolean DEFAULT false, take_as_given boolean DEFAULT false,
                                    OUT outcome text, OUT source_key text, OUT id text, OUT name text, OUT "values" text[])
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000
BEGIN ATOMIC
  WITH g AS MATERIALIZED (
    SELECT salesops.get_setting('corporate_currency') AS currency, salesops.local_date(icp_values.as_of) AS day
  ), asked AS (
    SELECT NULL AS outcome, a.source_key, a.id, a.name, a.industry, a.segment, a.account_type, a.employees, a.annual_revenue, a.currency, a.country, a.website_visits, a.content_downloads, a.intent_score, a.custom
    FROM salesops.account_inputs(icp_values.as_of) a WHERE NOT icp_values.of_examples
    UNION ALL
    SELECT e.* FROM salesops.icp_examples(icp_values.as_of, icp_values.take_as_given) e WHERE icp_values.of_examples
  )
  SELECT q.outcome, q.source_key, q.id, q.name, ARRAY(
    SELECT CASE t.attribute
             WHEN 'industry' THEN coalesce(salesops.recognize_industry(q.industry), q.industry)
             WHEN 'segment' THEN q.segment
             WHEN 'account_type' THEN q.account_type
             WHEN 'employees' THEN q.employees::text
             WHEN 'annual_revenue' THEN CASE WHEN q.currency <> g.currency
               -- The latest dated rate; without one the revenue is not known.
               THEN (q.annual_revenue / (SELECT r.per_corporate FROM salesops.currency_rate r
                                         WHERE r.source_key = q.source_key AND r.currency = q.currency AND r.valid_from <= g.day AND NOT r.is_deleted AND r.per_corporate > 0
                                         ORDER BY r.valid_from DESC, r.id LIMIT 1))::text
               ELSE q.annual_revenue::text END
             WHEN 'country' THEN q.country
             WHEN 'website_visits' THEN q.website_visits::text
             WHEN 'content_downloads' THEN q.content_downloads::text
             WHEN 'intent_score' THEN q.intent_score::text
             ELSE q.custom ->> substr(t.attribute, 8) END
    FROM unnest(icp_values.attributes) WITH ORDINALITY AS t(attribute, place) ORDER BY t.place)
  FROM asked q CROSS JOIN g;
END;
COMMENT ON FUNCTION salesops.icp_values(text[], timestamptz, boolean, boolean) IS
  'The values of attributes (as fit_icp() takes them), as text in their order, of the accounts as of an instant, or of icp_examples(). Industry by the maps and recognize_industry() or as stated; annual_revenue in corporate currency at the latest rate, NULL without one';

CREATE FUNCTION salesops.icp_range_names(edges numeric[]) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT coalesce(array_agg(CASE n WHEN 1 THEN 'under ' || trim_scale(icp_range_names.edges[2])
                                   WHEN cardinality(icp_range_names.edges) - 1 THEN trim_scale(icp_range_names.edges[n]) || ' or more'
                                   ELSE trim_scale(icp_range_names.edges[n]) || ' to under ' || trim_scale(icp_range_names.edges[n + 1]) END ORDER BY n), '{}')
  FROM generate_series(1, cardinality(icp_range_names.edges) - 1) AS g(n);
END;
COMMENT ON FUNCTION salesops.icp_range_names(numeric[]) IS 'The ranges between edges in words, from the lowest; empty for NULL';

CREATE FUNCTION salesops.icp_profile(ranges integer[], edges float8[], names text[], "values" text[], OUT levels text[], OUT places integer[])
  AS 'MODULE_PATHNAME', 'salesops_icp_profile' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION salesops.icp_profile(integer[], float8[], text[], text[]) IS
  'The level of each value: a word in lower case, cut at 100 letters, or the name of the range that a number lies in; and the place of a number from 0 to 10000, a range as long as another, in proportion within it, at the ends beyond the lowest and highest edge. '
  'ranges: how many each attribute has, 0 = words; edges, one more than ranges, and names are those of all one after the other. NULL = unknown; place is NULL of words. 22023 where they do not fit together, 22004 for a NULL in another array than values';

CREATE FUNCTION salesops.icp_profiles(attributes salesops.icp_attribute[], as_of timestamptz, of_examples boolean DEFAULT false, take_as_given boolean DEFAULT false,
                                      OUT outcome text, OUT source_key text, OUT id text, OUT name text, OUT levels text[], OUT places integer[])
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000
BEGIN ATOMIC
  WITH shape AS MATERIALIZED (
    SELECT coalesce(array_agg(coalesce(cardinality(t.edges) - 1, 0) ORDER BY t.place), '{}') AS ranges,
           ARRAY(SELECT e.edge::float8 FROM unnest(icp_profiles.attributes) u CROSS JOIN LATERAL unnest(u.edges) WITH ORDINALITY AS e(edge, n) ORDER BY u.place, e.n) AS edges,
           ARRAY(SELECT e.name FROM unnest(icp_profiles.attributes) u CROSS JOIN LATERAL unnest(salesops.icp_range_names(u.edges)) WITH ORDINALITY AS e(name, n) ORDER BY u.place, e.n) AS names
    FROM unnest(icp_profiles.attributes) t
  )
  SELECT v.outcome, v.source_key, v.id, v.name, p.levels, p.places
  FROM shape s
  CROSS JOIN salesops.icp_values(ARRAY(SELECT t.attribute FROM unnest(icp_profiles.attributes) t ORDER BY t.place), icp_profiles.as_of, icp_profiles.of_examples, icp_profiles.take_as_given) v
  CROSS JOIN LATERAL salesops.icp_profile(s.ranges, s.edges, s.names, v."values") p;
END;
COMMENT ON FUNCTION salesops.icp_profiles(salesops.icp_attribute[], timestamptz, boolean, boolean) IS
  'Accounts as of an instant, or icp_examples(), as an ideal customer profile sees them: icp_profile() for its attributes (icp_attributes())';

CREATE FUNCTION salesops.icp_attributes(icp_id bigint) RETURNS salesops.icp_attribute[] LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT coalesce(array_agg(t ORDER BY t.place), '{}') FROM salesops.icp_attribute t WHERE t.icp_id = icp_attributes.icp_id AND t.left_out IS NULL;
END;
COMMENT ON FUNCTION salesops.icp_attributes(bigint) IS 'What an ideal customer profile looks at, without what it leaves out; empty where there is none';
