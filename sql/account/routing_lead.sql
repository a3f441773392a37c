-- What a rule asks about a lead: what it states itself, and what is known of the account it belongs to.
--
-- Leads have few columns of their own. What a CRM says beside them comes as custom fields under these names, mapped when the source was
-- connected: email, website, country, region (or state), segment, intent_score, website_visits, content_downloads.

-- Whose account a lead belongs to is looked up once a lead, by what the matcher of duplicates makes of names and addresses.
CREATE FUNCTION salesops.match_site(address text)
RETURNS text LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'salesops_match_site';
COMMENT ON FUNCTION salesops.match_site(text) IS
  'The domain that a company has registered, of a website or an e-mail address: lower case, without scheme, subdomain, port and path (acme.co.uk of https://shop.acme.co.uk/x). NULL for a NULL, for what names '
  'no domain, and for mail providers and hosts where everybody has a page';

CREATE FUNCTION salesops.match_name(name text)
RETURNS text LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'salesops_match_name';
COMMENT ON FUNCTION salesops.match_name(text) IS
  'The name of a company in its common form: its words one after another without case, marks, punctuation, legal form and articles, abbreviations spelt out (acmemanufacturing of "The ACME Mfg., Inc."). '
  'One of more than 400 bytes ends in a hash. NULL for a NULL and for what says nothing (n/a)';

-- Neither with the source nor of present accounts alone: a planner that does not know the table yet would take such an index for short and read all of it once an account.
CREATE INDEX account_match_site ON salesops.account (salesops.match_site(website));
CREATE INDEX account_match_name ON salesops.account (salesops.match_name(name));

CREATE FUNCTION salesops.lead_is_open(status text, is_converted boolean, is_deleted boolean)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN NOT coalesce(is_converted, false) AND NOT coalesce(is_deleted, false)
       AND coalesce(status, '') !~* '(closed|convert|unqualif|disqualif|not qualif|bad.timing|junk|spam|dead|lost|reject)';
COMMENT ON FUNCTION salesops.lead_is_open(text, boolean, boolean) IS
  'Whether somebody has to work on a lead: it is not deleted, not converted, and its status does not say closed, converted, unqualified, disqualified, bad timing, junk, spam, dead, lost or rejected. An unknown status is open';

-- An account of that name is the lead's where it is the only one; of accounts that share a domain, the one that is named like its company, else the oldest.
CREATE FUNCTION salesops.lead_account(source_key text, account_id text, site text, company text, OUT id text, OUT matched_by text, OUT sharing bigint, OUT taken_as text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
  -- The account that it names, and those that the CRM has merged that into since; a circle of merges ends somewhere and leads to none.
  WITH RECURSIVE named AS (
    SELECT a.id, a.merged_into, a.is_deleted, 1 AS depth FROM salesops.account a WHERE a.source_key = lead_account.source_key AND a.id = lead_account.account_id
    UNION ALL
    SELECT a.id, a.merged_into, a.is_deleted, n.depth + 1
    FROM named n JOIN salesops.account a ON a.source_key = lead_account.source_key AND a.id = n.merged_into WHERE n.depth < 20
  )
  SELECT x.id, x.matched_by, x.sharing, CASE WHEN x.sharing > 1 THEN x.taken_as END
  FROM (
    SELECT n.id, 'account' AS matched_by, 1 AS preference, 1::bigint AS sharing, NULL AS taken_as FROM named n WHERE NOT n.is_deleted AND n.merged_into IS NULL
    UNION ALL
    (SELECT a.id, 'domain', 2, count(*) OVER (),
            CASE WHEN n.is_named THEN 'it is named like the company' WHEN a.created_at IS NULL THEN 'nobody knows which is the oldest, and it is the first by id' ELSE 'it is the oldest' END
     FROM salesops.account a
     CROSS JOIN LATERAL (SELECT (salesops.match_name(a.name) = salesops.match_name(company)) IS TRUE AS is_named) n
     WHERE salesops.match_site(a.website) = lead_account.site AND a.source_key = lead_account.source_key AND NOT a.is_deleted AND a.merged_into IS NULL
     ORDER BY n.is_named DESC, a.created_at, a.id COLLATE "C" LIMIT 1)
    UNION ALL
    SELECT min(n.id), 'name', 3, 1, NULL
    FROM (SELECT a.id FROM salesops.account a
          WHERE salesops.match_name(a.name) = salesops.match_name(company) AND a.source_key = lead_account.source_key AND NOT a.is_deleted AND a.merged_into IS NULL
          LIMIT 2) n
    HAVING count(*) = 1
  ) x
  ORDER BY x.preference LIMIT 1;
END;
COMMENT ON FUNCTION salesops.lead_account(text, text, text, text) IS
  'Account of a source that a lead belongs to: the one it names, or what the CRM has merged that into, else by the site of its address (match_site()), else by its company where one account has that name (match_name()). sharing: accounts that have the site, '
  'this one too; taken_as: why of several this one, in words. No row = none';

CREATE FUNCTION salesops.lead_facts(as_of timestamptz, source_keys text[], ids text[],
  OUT "position" bigint, OUT source_key text, OUT id text, OUT company text, OUT account_id text, OUT matched_by text, OUT sharing bigint, OUT taken_as text,
  OUT account_owner_id text, OUT score salesops.account_score, OUT intent numeric, OUT employees numeric, OUT segment text, OUT industry text, OUT stated_industry text,
  OUT country text, OUT region text, OUT lead_source text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
BEGIN ATOMIC
  SELECT k.n, l.source_key, l.id, l.company, a.id, m.matched_by, m.sharing, m.taken_as, a.owner_id,
         salesops.score_account(salesops.score_input(f.employees), f.industry, salesops.score_input(f.visits), salesops.score_input(f.downloads), salesops.score_input(f.intent)),
         f.intent, f.employees, f.segment, coalesce(salesops.recognize_industry(f.industry), f.industry), f.stated_industry, f.country, f.region, l.lead_source
  FROM unnest(source_keys, ids) WITH ORDINALITY AS k(source_key, id, n)
  JOIN salesops.lead l ON l.source_key = k.source_key AND l.id = k.id
  LEFT JOIN LATERAL salesops.lead_account(l.source_key, l.account_id, coalesce(salesops.match_site(l.custom ->> 'email'), salesops.match_site(l.custom ->> 'website')), l.company) m ON true
  LEFT JOIN salesops.account a ON a.source_key = l.source_key AND a.id = m.id
  CROSS JOIN LATERAL (
    SELECT coalesce(l.industry, a.industry) AS stated_industry, coalesce(l.custom ->> 'segment', a.segment) AS stated_segment,
           coalesce(l.employees, a.employees) AS employees,
           coalesce(salesops.read_number(l.custom ->> 'website_visits'), a.website_visits) AS visits,
           coalesce(salesops.read_number(l.custom ->> 'content_downloads'), a.content_downloads) AS downloads,
           coalesce(salesops.read_number(l.custom ->> 'intent_score'), a.intent_score) AS intent,
           coalesce(l.custom ->> 'country', a.country) AS country,
           coalesce(l.custom ->> 'region', l.custom ->> 'state', a.state) AS region) s
  CROSS JOIN LATERAL (
    SELECT s.*, coalesce((SELECT v.value FROM salesops.value_meaning(as_of) v WHERE v.source_key = l.source_key AND v.field = 'industry' AND v.label = s.stated_industry),
                         s.stated_industry) AS industry,
           coalesce((SELECT v.value FROM salesops.value_meaning(as_of) v WHERE v.source_key = l.source_key AND v.field = 'segment' AND v.label = s.stated_segment),
                    s.stated_segment) AS segment) f;
END;
COMMENT ON FUNCTION salesops.lead_facts(timestamptz, text[], text[]) IS
  'What routing rules ask about leads, which are given by source and id: the account of each (lead_account()) with its owner, score and facts, its own before those of its '
  'account; meanings of labels as of an instant. position = its place in the lists. NULL = not known. Leads there are not have no row';

-- The conditions of a rule in words.
CREATE FUNCTION salesops.rule_conditions(rule salesops.routing_rule)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce((SELECT pg_catalog.string_agg(replace(c.key, '_', ' ') || ' ' || pg_catalog.translate(c.value::text, '[]"', ''), ', ' ORDER BY c.key)
                 FROM jsonb_each(to_jsonb(rule) - '{version_id,name,valid_from,is_enabled,position,pool,first_touch_minutes,set_by,set_at}'::text[]) c
                 WHERE c.value <> 'null'), 'every lead');
COMMENT ON FUNCTION salesops.rule_conditions(salesops.routing_rule) IS 'What a routing rule takes, in words, such as min score 60, tiers 1';

CREATE TYPE salesops.matched_lead AS ("position" bigint, source_key text, id text, account_id text, matched_by text, sharing bigint, taken_as text, account_owner_id text, rules integer[]);
COMMENT ON TYPE salesops.matched_lead IS 'A lead with the account it belongs to and the rules that take it, as of matching_rules()';

CREATE FUNCTION salesops.matching_rules(as_of timestamptz, source_keys text[], ids text[], changes jsonb DEFAULT '{}')
RETURNS SETOF salesops.matched_lead LANGUAGE sql STABLE ROWS 1000
BEGIN ATOMIC
  WITH rule AS MATERIALIZED (
    SELECT row_number() OVER (ORDER BY r."position", r.name)::integer AS n, r.source_keys, r.min_score, r.tiers, r.min_intent, r.min_employees, r.max_employees,
           lower(r.segments::text)::text[] AS segments, lower(r.industries::text)::text[] AS industries, lower(r.countries::text)::text[] AS countries,
           lower(r.regions::text)::text[] AS regions, lower(r.lead_sources::text)::text[] AS lead_sources, r.account_ids, r.has_account, r.pool
    FROM salesops.routing_rules(as_of, changes) r
  )
  SELECT f."position", f.source_key, f.id, f.account_id, f.matched_by, f.sharing, f.taken_as, f.account_owner_id, coalesce(t.rules, '{}')
  FROM salesops.lead_facts(as_of, source_keys, ids) f
  LEFT JOIN LATERAL (
    SELECT array_agg(r.n ORDER BY r.n) AS rules
    FROM rule r
    WHERE (r.source_keys IS NULL OR f.source_key = ANY (r.source_keys))
      AND (r.has_account IS NULL OR r.has_account = (f.account_id IS NOT NULL))
      AND (r.account_ids IS NULL OR f.account_id = ANY (r.account_ids))
      AND (r.pool IS NOT NULL OR f.account_owner_id IS NOT NULL)
      AND (r.min_score IS NULL OR salesops.total(f.score) >= r.min_score)
      AND (r.tiers IS NULL OR salesops.tier(f.score) = ANY (r.tiers))
      AND (r.min_intent IS NULL OR f.intent >= r.min_intent)
      AND (r.min_employees IS NULL OR f.employees >= r.min_employees)
      AND (r.max_employees IS NULL OR f.employees <= r.max_employees)
      AND (r.segments IS NULL OR lower(btrim(f.segment)) = ANY (r.segments))
      AND (r.industries IS NULL OR lower(btrim(f.industry)) = ANY (r.industries) OR lower(btrim(f.stated_industry)) = ANY (r.industries))
      AND (r.countries IS NULL OR lower(btrim(f.country)) = ANY (r.countries))
      AND (r.regions IS NULL OR lower(btrim(f.region)) = ANY (r.regions))
      AND (r.lead_sources IS NULL OR lower(btrim(f.lead_source)) = ANY (r.lead_sources))) t ON true;
END;
COMMENT ON FUNCTION salesops.matching_rules(timestamptz, text[], text[], jsonb) IS
  'Which routing rules take leads, which are given by source and id: their places in routing_rules(as_of, changes), in order. A condition whose fact is not known does not hold; '
  'a rule for the owner of the account takes leads whose account has one. position = place in the lists. Leads there are not have no row';
