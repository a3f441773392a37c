-- Searches that follow each other keep what changed; leads and contacts from the search to the merge.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
BEGIN;
SELECT no_plan();
INSERT INTO salesops.source (source_key, kind, schema_name, options) VALUES ('s', 'generic', 'nowhere', '{}');

-- A world of 400 accounts, every fourth there twice. A change of a day is a row with its instant.
CREATE FUNCTION pg_temp.account(id text, at timestamptz, name text, website text, city text, is_deleted boolean DEFAULT false) RETURNS void LANGUAGE sql AS $$
  INSERT INTO salesops.account (source_key, id, name, website, city, created_at, is_deleted, effective_at, recorded_at, origin) VALUES ('s', id, name, website, city, '2025-01-01', is_deleted, at, at, 'sync')
  ON CONFLICT (source_key, id) DO UPDATE SET name = excluded.name, website = excluded.website, city = excluded.city, is_deleted = excluded.is_deleted, effective_at = at, recorded_at = at $$;
CREATE FUNCTION pg_temp.word(n int) RETURNS text LANGUAGE sql AS $$ SELECT initcap(translate(left(md5(n::text), 8), '0123456789', 'ghijklmnop')) $$;
SELECT pg_temp.account('a' || n, '2026-01-01', pg_temp.word(n) || ' Works', pg_temp.word(n) || '.com', 'City ' || n % 20),
       CASE WHEN n % 4 = 0 THEN pg_temp.account('b' || n, '2026-01-01', upper(pg_temp.word(n)) || ' Works Inc', pg_temp.word(n) || '.com', CASE WHEN n % 8 = 0 THEN 'City ' || n % 20 END) END
FROM generate_series(1, 400) n \g /dev/null

-- What a search keeps is what it found: pairs, verdicts and how things agree; weights to less than a bit; clusters.
CREATE FUNCTION pg_temp.lies(run bigint, at timestamptz, OUT what text, OUT one text, OUT other text) RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE
  options jsonb := (SELECT r.options FROM salesops.duplicate_run r WHERE r.run_id = run);
  query text := salesops.duplicate_query('s', 'account', at);
BEGIN
  RETURN QUERY SELECT 'pair', coalesce(k.one, f.one), coalesce(k.other, f.other) FROM salesops.kept_duplicate_pairs(run) k FULL JOIN salesops.duplicate_pairs(query, options) f ON f.one = k.one AND f.other = k.other
    WHERE k.verdict IS DISTINCT FROM f.verdict OR abs(k.weight - f.weight) >= 1
      OR (SELECT array_agg((e.key, e.value ->> 'agreement') ORDER BY e.key) FROM jsonb_each(k.evidence) e WHERE jsonb_typeof(e.value) = 'object')
         IS DISTINCT FROM (SELECT array_agg((e.key, e.value ->> 'agreement') ORDER BY e.key) FROM jsonb_each(f.evidence) e WHERE jsonb_typeof(e.value) = 'object');
  RETURN QUERY SELECT 'member', coalesce(k.cluster, f.cluster), coalesce(k.id, f.key) FROM salesops.kept_duplicate_members(run) k FULL JOIN salesops.duplicate_clusters(query, options) f ON f.key = k.id
    WHERE k.cluster IS DISTINCT FROM f.cluster;
END $$;
CREATE FUNCTION pg_temp.written(run bigint) RETURNS text LANGUAGE sql AS $$
  SELECT format('%s pairs, %s members', (SELECT count(*) FROM salesops.duplicate_pair p WHERE p.run_id = run), (SELECT count(*) FROM salesops.duplicate_cluster_member m WHERE m.run_id = run)) $$;

SELECT salesops.find_duplicates('s', 'account', '2026-02-01') AS first \gset
SELECT is_empty(format('SELECT * FROM pg_temp.lies(%s, ''2026-02-01'')', :first), 'the first search keeps all');
SELECT is((SELECT count(*) FROM salesops.kept_duplicate_members(:first)), 200::bigint, 'every pair is found');
CREATE TEMP TABLE first_pair AS SELECT * FROM salesops.kept_duplicate_pairs(:first);
CREATE TEMP TABLE first_member AS SELECT * FROM salesops.kept_duplicate_members(:first);
SELECT salesops.find_duplicates('s', 'account', '2026-02-02') AS second \gset
SELECT is(pg_temp.written(:second), '0 pairs, 0 members', 'a quiet night writes nothing');
SELECT is_empty(format('SELECT * FROM pg_temp.lies(%s, ''2026-02-02'')', :second), '... and has all');

-- One comes, one goes, one is renamed, one gets its twin's city, one leaves its cluster for another.
SELECT pg_temp.account('c1', '2026-02-02 12:00', pg_temp.word(1) || ' Works Ltd', pg_temp.word(1) || '.com', 'City 1'), pg_temp.account('b4', '2026-02-02 12:00', NULL, NULL, NULL, true),
       pg_temp.account('b8', '2026-02-02 12:00', 'Something Else', 'else.com', 'Rome'), pg_temp.account('b12', '2026-02-02 12:00', upper(pg_temp.word(12)) || ' Works Inc', pg_temp.word(12) || '.com', 'City 12'),
       pg_temp.account('b16', '2026-02-02 12:00', pg_temp.word(20) || ' Works', pg_temp.word(20) || '.com', 'City 0') \g /dev/null
SELECT salesops.find_duplicates('s', 'account', '2026-02-03') AS third \gset
SELECT is_empty(format('SELECT * FROM pg_temp.lies(%s, ''2026-02-03'')', :third), 'a search after changes has what one from nothing has');
-- Pairs: c1 came; b4, b8 and b16 went; b12 agrees in more; b16 came to a20 and b20. Members: a1, c1; a4, b4; a8, b8; a16, b16.
SELECT is(pg_temp.written(:third), '7 pairs, 8 members', '... and wrote what changed');
SELECT set_eq(format('SELECT * FROM salesops.kept_duplicate_pairs(%s)', :first), 'TABLE first_pair', 'the first one is what it was');
SELECT set_eq(format('SELECT * FROM salesops.kept_duplicate_members(%s)', :first), 'TABLE first_member', '... in its clusters too');
SELECT is((SELECT string_agg(r."position"::text, ' ' ORDER BY r.run_id) FROM salesops.duplicate_run r WHERE r.first_run_id = :first), '0 1 2', 'they follow each other');
SELECT is((SELECT count(*) FROM salesops.duplicates_to_review('2026-02-03')), (SELECT count(*) FROM salesops.kept_duplicate_pairs(:third)), 'all are to review');
SELECT is((SELECT d.cluster FROM salesops.duplicates_to_review('2026-02-03') d WHERE (d.one, d.other) = ('a1', 'c1')), 'a1', '... with their cluster');

-- Of another kind, as of an earlier instant, or after as many changes as there are pairs, a search begins anew.
SELECT salesops.find_duplicates('s', 'account', '2026-02-03', '{"sure": 5}') AS strict, salesops.find_duplicates('s', 'account', '2026-01-15') AS earlier \gset
SELECT is((SELECT array_agg(r."position") FROM salesops.duplicate_run r WHERE r.run_id IN (:strict, :earlier)), '{0,0}', 'other options, and an earlier instant, begin anew');
SELECT is_empty(format('SELECT * FROM pg_temp.lies(%s, ''2026-01-15'') UNION ALL SELECT * FROM pg_temp.lies(%s, ''2026-02-03'')', :earlier, :strict), '... and have all');
SELECT pg_temp.account('b' || n, '2026-02-04', 'Else ' || pg_temp.word(-n), NULL, 'Rome') FROM generate_series(24, 400, 4) n \g /dev/null
SELECT salesops.find_duplicates('s', 'account', '2026-02-05') AS large \gset
SELECT pg_temp.account('b' || n, '2026-02-06', pg_temp.word(n) || ' Works', pg_temp.word(n) || '.com', 'City ' || n % 20) FROM generate_series(24, 400, 4) n \g /dev/null
SELECT salesops.find_duplicates('s', 'account', '2026-02-07') AS larger \gset
SELECT salesops.find_duplicates('s', 'account', '2026-02-08') AS anew \gset
SELECT is((SELECT string_agg((r.first_run_id = r.run_id)::text, ' ' ORDER BY r.run_id) FROM salesops.duplicate_run r WHERE r.run_id IN (:large, :larger, :anew)), 'false true false', 'what would be read for changes stays in proportion to what there is');
SELECT is_empty(format('SELECT * FROM pg_temp.lies(%s, ''2026-02-05'') UNION ALL SELECT * FROM pg_temp.lies(%s, ''2026-02-07'') UNION ALL SELECT * FROM pg_temp.lies(%s, ''2026-02-08'')', :large, :larger, :anew), '... and all is there');
SELECT is_empty('SELECT * FROM salesops.kept_duplicate_pairs(NULL)', 'no search, no pairs');
SELECT is_empty('SELECT * FROM salesops.kept_duplicate_members(-1)', '... and no members');
SELECT throws_ok($$ SELECT salesops.find_duplicates('s', 'account', '2026-02-08', query => 'SELECT 1 AS key, 2 AS name UNION ALL SELECT 1, 3') $$, '23505', 'key "1" comes twice in query', 'a key twice says so');

-- Leads: people, with what their custom fields say.
INSERT INTO salesops.lead (source_key, id, name, company, custom, created_at, opportunity_id, is_deleted, effective_at, recorded_at, origin)
SELECT 's', v.id, v.name, v.company, v.custom::jsonb, v.created_at::timestamptz, v.opportunity_id, false, '2026-01-01', '2026-01-01', 'sync' FROM (VALUES
  ('l1', 'Ann Miller', 'Acme Inc', '{"email": "ann.miller@acme.com", "phone": "617-555-0100"}', '2025-03-01', NULL), ('l2', 'Miller, Ann', 'ACME', '{"email": "Ann.Miller@acme.com", "city": "Boston"}', '2025-01-01', 'o1'),
  ('l3', 'Bob Stone', 'Acme Inc', '{"email": "bob.stone@acme.com", "phone": "617-555-0100"}', '2025-01-01', NULL), ('l4', 'Ann Miller', 'Zebra GmbH', '{"email": "a.miller@zebra.de"}', '2025-01-01', NULL)) v(id, name, company, custom, created_at, opportunity_id);
INSERT INTO salesops.opportunity (source_key, id, is_closed, is_deleted, effective_at, recorded_at, origin) VALUES ('s', 'o1', false, false, '2026-01-01', '2026-01-01', 'sync'), ('s', 'o2', true, false, '2026-01-01', '2026-01-01', 'sync');
INSERT INTO salesops.activity (source_key, id, contact_id, is_deleted, effective_at, recorded_at, origin) VALUES ('s', 't1', 'l1', false, '2026-01-01', '2026-01-01', 'sync');
SELECT salesops.find_duplicates('s', 'lead', '2026-02-08') AS leads \gset
SELECT results_eq(format('SELECT * FROM salesops.kept_duplicate_members(%s) ORDER BY 2', :leads), $$ VALUES ('l1', 'l1'), ('l1', 'l2') $$, 'leads: one person twice; a colleague and a namesake are others');
SELECT results_eq(format($$ SELECT field, value, from_id, reason FROM salesops.merge_proposal(%s, 'l1') WHERE field IN ('survivor', 'company', 'custom.phone', 'custom.city', 'moves') $$, :leads),
  $$ VALUES ('survivor', 'l2', 'l2', '1 open and 1 deals in all, 0 activities'), ('company', 'ACME', 'l2', 'of the record that survives'), ('custom.city', 'Boston', 'l2', 'of the record that survives'),
            ('custom.phone', '617-555-0100', 'l1', 'the only one known'), ('moves', '0 opportunities, 1 activities', 'l1', 'would move to the record that survives') $$, 'a lead that became a deal survives');
SELECT lives_ok($$ SELECT salesops.merge_duplicates('s', 'lead', 'l2', 'l1') $$, 'leads are merged');
SELECT results_eq($$ SELECT entity, id, survivor FROM salesops.merged_ids('infinity') $$, $$ VALUES ('lead', 'l1', 'l2') $$, '... as decided');

-- From a CRM on: what Salesforce says of a lead beside its columns here, as custom fields.
CREATE SCHEMA landing;
CREATE TABLE landing.lead (id text, first_name text, last_name text, company text, email text, mobile_phone text, city text, is_converted boolean, created_date timestamptz);
INSERT INTO landing.lead VALUES ('00Q1', 'Ann', 'Miller', 'Acme Inc', 'ann.miller@acme.com', '617-555-0100', 'Boston', false, '2025-01-01'), ('00Q2', 'Anne', 'Miller', 'ACME', 'ann.miller@acme.com', NULL, NULL, false, '2025-02-01'),
  ('00Q3', 'Ann', 'Miller', 'Zebra', 'am@zebra.de', NULL, 'Ulm', false, '2025-02-01');
SELECT salesops.connect('crm', 'fivetran_salesforce', 'landing', '{"custom_fields": {"lead": {"email": "email", "phone": "mobile_phone", "city": "city"}}}') \g /dev/null
SELECT * FROM salesops.sync('crm', '2026-02-08') \g /dev/null
SELECT salesops.step_duplicates(1, '2026-02-08') \g /dev/null
SELECT results_eq($$ SELECT d.one, d.other, d.verdict, d.evidence #>> '{email,agreement}' FROM salesops.duplicates_to_review('2026-02-08') d WHERE d.source_key = 'crm' AND d.verdict = 'sure' $$,
  $$ VALUES ('00Q1', '00Q2', 'sure', 'same address') $$, 'leads of a CRM, read with their e-mail addresses, searched by the night');

-- Contacts: no table of ours, so by a query over theirs.
CREATE TABLE landing.contact (id text, first_name text, last_name text, account_id text, email text, phone text, title text);
INSERT INTO landing.contact VALUES ('p1', 'Jürgen', 'Weiß', 'a1', 'jw@works.com', '030 1234567', NULL), ('p2', 'Jurgen', 'Weiss', 'a1', 'JW@works.com', NULL, 'CFO'), ('p3', 'Eva', 'Weiß', 'a1', 'ew@works.com', '030 1234567', NULL);
INSERT INTO salesops.contact_role (source_key, id, opportunity_id, contact_id, is_deleted, effective_at, recorded_at, origin) VALUES ('s', 'r1', 'o2', 'p2', false, '2026-01-01', '2026-01-01', 'sync');
\set contacts 'SELECT c.id AS key, concat_ws('' '', c.first_name, c.last_name) AS name, a.name AS company, c.email, c.phone, c.title FROM landing.contact c LEFT JOIN salesops.account a ON a.source_key = ''s'' AND a.id = c.account_id'
SELECT throws_ok($$ SELECT salesops.merge_duplicates('s', 'contact', 'p1', 'p2') $$, '22023', NULL, 'nothing is decided about what nobody searched');
SELECT salesops.find_duplicates('s', 'contact', '2026-02-08', query => :'contacts') AS people \gset
SELECT results_eq($$ SELECT d.one, d.other, d.verdict, d.cluster FROM salesops.duplicates_to_review('2026-02-08') d WHERE d.entity = 'contact' $$, $$ VALUES ('p1', 'p2', 'sure', 'p1') $$, 'contacts: one person twice, and no other of the name');
SELECT results_eq(format($$ SELECT field, value, from_id FROM salesops.merge_proposal(%s, 'p1', %L) WHERE field IN ('survivor', 'phone', 'title', 'moves') $$, :people, :'contacts'),
  $$ VALUES ('survivor', 'p2', 'p2'), ('phone', '030 1234567', 'p1'), ('title', 'CFO', 'p2'), ('moves', '0 opportunities, 0 activities', 'p1') $$, 'who has a role in a deal survives');
SELECT bag_eq(format($$ SELECT * FROM salesops.merge_proposal(%s, 'p1', %L) $$, :people, :'contacts' || E' -- all of them\n ; '), format($$ SELECT * FROM salesops.merge_proposal(%s, 'p1', %L) $$, :people, :'contacts'),
  'a query may end as it likes');
SELECT is_empty(format($$ SELECT * FROM salesops.merge_proposal(%s, 'p1') $$, :people), 'without the query nothing is known of them');
SELECT lives_ok($$ SELECT salesops.keep_distinct('s', 'contact', 'p2', 'p1', 'father and son') $$, 'kept apart');
SELECT salesops.find_duplicates('s', 'contact', query => :'contacts') AS apart \gset
SELECT is_empty(format('SELECT * FROM salesops.kept_duplicate_pairs(%s)', :apart), '... they are not found again');
SELECT is((SELECT "position" FROM salesops.duplicate_run WHERE run_id = :apart), 1, '... by a search that follows');
SELECT throws_ok($$ SELECT salesops.find_duplicates('s', 'contact', '2026-02-09') $$, '22023', NULL, 'of contacts the query is given');
SELECT throws_ok($$ SELECT salesops.find_duplicates('s', '', '2026-02-09', query => 'SELECT 1 AS key, 2 AS name') $$, '22004', NULL, '... and a name');
SELECT * FROM finish();
ROLLBACK;
