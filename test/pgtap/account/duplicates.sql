-- Duplicates: what agrees and why, hand-made; laws of weights, order and symmetry; text that nobody should write; one name 50,000 times.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
BEGIN;
SELECT no_plan();

-- How two names agree, in words; NULL = they were not found alike at all. Limits so low that every pair that is compared is told.
CREATE FUNCTION pg_temp.names(one text, other text) RETURNS text LANGUAGE sql AS $$
  SELECT (SELECT p.evidence #>> '{name,agreement}'
          FROM salesops.duplicate_pairs(format('SELECT * FROM (VALUES (1, %L, ''1 Oak St'', ''Rome''), (2, %L, ''1 Oak St'', ''Rome'')) v(key, name, street, city)', one, other),
                                        '{"sure": 0, "review": -1000}') p);
$$;
SELECT is(pg_temp.names(a, b), wanted, format('%s / %s', a, b)) FROM (VALUES
  ('Acme Inc.', 'ACME, Incorporated', 'same name'),
  ('Acme GmbH', 'Acme AG', 'same words'),                       -- two legal forms that are not written for each other
  ('Café Zürich S.A. de C.V.', 'CAFE ZURICH', 'same name'),
  ('ﬁrst Ｆｕｌｌ width', 'First full width', 'same name'),        -- a ligature, full-width letters
  ('株式会社トヨタ', 'トヨタ', 'same name'),
  ('ООО Ромашка', 'РОМАШКА', 'same name'),
  ('I.B.M. Corporation', 'IBM', 'same name'),
  ('Bank of Acme', 'Acme Bank', 'same words'),
  ('Northern Mfg Intl', 'Northern Manufacturing International', 'same words'),
  ('Data Bank Systems', 'Databank Systems', 'same name'),
  ('Global Electrnics', 'Global Electronics', 'same but for a misspelling'),
  ('Müller & Söhne', 'Mueller und Soehne', 'same but for a misspelling'),
  ('Acme', 'Acme Solutions', 'one has more words'),
  ('Acme', 'Acme Bank', 'some words differ'),                   -- a line of business is another company
  ('Acme Holdings', 'Acme Bank', 'some words differ'),
  ('Fund 12', 'Fund 13', 'some words differ'),                  -- a digit is no misspelling
  ('International Business Machines', 'IBM', 'one has more words'),
  ('Alpha', 'Zebra', 'another name'),
  ('🚀', '🚀', NULL), ('', 'Acme', NULL), ('n/a', 'N/A', NULL)) v(a, b, wanted);

CREATE FUNCTION pg_temp.fields(field text, one text, other text) RETURNS text LANGUAGE sql AS $$
  SELECT (SELECT p.evidence #>> ARRAY[CASE field WHEN 'website' THEN 'site' WHEN 'street' THEN 'place' ELSE field END, 'agreement']
          FROM salesops.duplicate_pairs(format('SELECT * FROM (VALUES (1, ''Acme'', ''Rome'', %2$L), (2, ''Acme'', ''Rome'', %3$L)) v(key, name, city, %1$I)', field, one, other),
                                        '{"sure": 0, "review": -1000}') p);
$$;
SELECT is(pg_temp.fields(f, a, b), wanted, format('%s: %s / %s', f, a, b)) FROM (VALUES
  ('website', 'https://www.acme.com/about?x=1', 'ACME.COM', 'same site'),
  ('website', 'shop.acme.co.uk', 'www2.acme.co.uk:8080', 'same site'),
  ('website', 'acme.com', 'acme.de', 'same site name or employer'),
  ('website', 'getacme-group.com', 'acme.io', 'similar site'),
  ('website', 'acme.com', 'zebra.com', 'another site'),
  ('website', 'facebook.com/acme', 'facebook.com/acme', NULL),     -- everybody has a page there
  ('email', 'Ann+crm@Acme.com', 'ann@acme.com', 'same address'),
  ('phone', '(617) 555-0100', '+1 617.555.0100 x12', 'same phone'),
  ('phone', '+49 89 1234567', '089 / 123 45 67', 'same phone'),
  ('phone', '617-555-0100', '617-555-0177', 'last digits differ'),
  ('phone', '617-555-0100', '617-565-0100', 'a digit differs'),
  ('phone', '0000000000', '0000000000', NULL),
  ('street', '12 Main Street, Suite 4', '12 MAIN ST', 'same address'),
  ('street', 'Hauptstraße 5', 'Hauptstr. 5', 'same address'),
  ('street', '12 Main St', '14 Main St', 'same city, another street')) v(f, a, b, wanted);

-- A small file with everything: who is one and who is not.
CREATE TABLE company (key text, name text, website text, phone text, street text, city text);
INSERT INTO company VALUES
  ('a1', 'Acme Inc', 'acme.com', '617-555-0100', '12 Main St', 'Boston'), ('a2', 'ACME Incorporated', 'www.acme.com', NULL, '12 Main Street', 'Boston'),
  ('b1', 'Acme Bank', 'acme.com', '617-555-0100', '12 Main St', 'Boston'),       -- a sister: same site, same phone
  ('c1', 'Acme', NULL, '+49 30 7654321', NULL, 'Berlin'),                         -- the same name elsewhere
  ('f1', 'Burger Barn', 'burgerbarn.com', '212-555-0100', '1 Oak St', 'Albany'), ('f2', 'Burger Barn', 'burgerbarn.com', '315-555-0200', '9 Elm St', 'Utica'),
  ('f3', 'Burger Barn', 'burgerbarn.com', '607-555-0300', '5 Low St', 'Ithaca'),  -- a franchise
  ('z1', 'Zenith Plastics', 'zenith.de', NULL, NULL, 'Ulm'), ('z2', 'Plastics Zenith GmbH', 'zenith.de', '0731-1234567', NULL, 'Ulm'), ('z3', 'Zenih Plastics', NULL, '0731 1234567', NULL, NULL);
SELECT results_eq($$ SELECT * FROM salesops.duplicate_clusters('TABLE company') ORDER BY 1, 2 $$,
  $$ VALUES ('a1', 'a1', 2::bigint), ('a1', 'a2', 2), ('z1', 'z1', 3), ('z1', 'z2', 3), ('z1', 'z3', 3) $$, 'duplicates are one; a sister, the same name elsewhere and a franchise are not');
SELECT is((SELECT p.verdict FROM salesops.duplicate_pairs('TABLE company') p WHERE (p.one, p.other) = ('a1', 'b1')), 'review', 'a sister that shares all but the name is for somebody to look at');

-- A chain: the first and the second share an address, the second and the third a phone; the first and the third contradict each other.
CREATE TABLE chain (key text, name text, website text, phone text, street text, city text);
INSERT INTO chain VALUES ('a', 'Kestrel Foods', 'kestrel.com', '617-555-0100', '1 Oak St', 'Boston'), ('b', 'Kestrel Foods', NULL, '030 7654321', NULL, 'Boston'),
                         ('c', 'Kestrel Foods', 'kestrel.com', '030 7654321', '9 Elm St', 'Berlin');
SELECT results_eq($$ SELECT p.one, p.other, p.verdict FROM salesops.duplicate_pairs('TABLE chain', '{"review": -30}') p ORDER BY 1, 2 $$,
  $$ VALUES ('a', 'b', 'sure'), ('a', 'c', 'review'), ('b', 'c', 'sure') $$, 'sure, sure, and not');
SELECT results_eq($$ SELECT key FROM salesops.duplicate_clusters('TABLE chain') ORDER BY 1 $$, $$ VALUES ('a'), ('b') $$, 'a chain is no cluster: the surer pair is one');

-- Words a letter apart that are both common are two words.
SELECT is_empty($$ SELECT 1 FROM salesops.duplicate_pairs($q$SELECT w || n AS key, w || ' Company' || translate(n::text, '0123456789', 'abcdefghij') AS name, 'Rome' AS city
                     FROM unnest(ARRAY['Ford', 'Nord']) w, generate_series(1, 40) n$q$, '{"review": -1000, "sure": 0}') p WHERE p.evidence #>> '{name,agreement}' = 'same but for a misspelling'
                     AND left(p.one, 1) <> left(p.other, 1) $$, 'Ford is no misspelling of Nord where there are forty of each');

-- Laws.
CREATE TEMP TABLE found AS SELECT * FROM salesops.duplicate_pairs('TABLE company', '{"review": -30, "sure": 1}');
SELECT is_empty($$ SELECT f.one, f.other FROM found f
  WHERE abs(f.weight - (f.evidence ->> 'prior')::numeric - (f.evidence ->> 'relation')::numeric
            - (SELECT sum((e.value ->> 'weight')::numeric) FROM jsonb_each(f.evidence) e WHERE jsonb_typeof(e.value) = 'object')) > 1e-9 $$, 'the evidence adds up to the weight');
SELECT is_empty($$ SELECT 1 FROM found WHERE (evidence ->> 'relation')::numeric > 0 OR one >= other $$, 'relation takes off and never adds; the lesser key comes first');
SELECT is_empty($$ (TABLE found EXCEPT ALL SELECT * FROM salesops.duplicate_pairs('SELECT city, key, phone, street, website, name FROM company ORDER BY md5(key)', '{"review": -30, "sure": 1}')) $$,
  'the order of rows and columns makes no difference');
CREATE TEMP TABLE turned AS SELECT * FROM salesops.duplicate_pairs($q$SELECT translate(key, 'abcfz123', 'zfcba321') AS key, name, website, phone, street, city FROM company$q$, '{"review": -30, "sure": 1}');
SELECT is((SELECT string_agg(weight::text, ' ' ORDER BY weight) FROM turned), (SELECT string_agg(weight::text, ' ' ORDER BY weight) FROM found), 'which of two comes first makes no difference');

-- A thousand companies, the second half of which are the first ones with a letter left out of a long word: each finds its own and no other.
CREATE TABLE many AS
  SELECT n AS key, (n - 1) % 500 AS truth, CASE WHEN n > 500 THEN overlay(w.word PLACING '' FROM 4 FOR 1) ELSE w.word END || ' Works' AS name, 'City ' || (n - 1) % 50 AS city,
         lpad(((n - 1) % 500 * 7919 % 10000)::text, 10, '212555') AS phone
  FROM generate_series(1, 1000) n CROSS JOIN LATERAL (SELECT translate(md5(((n - 1) % 500)::text), '0123456789', 'ghijklmnop') AS word) w;
SELECT is((SELECT count(*) FROM salesops.duplicate_pairs('SELECT key, name, city, phone FROM many') p JOIN many a ON a.key = p.one::int JOIN many b ON b.key = p.other::int
           WHERE p.verdict = 'sure' AND a.truth = b.truth), 500::bigint, 'each is found');
SELECT is((SELECT count(*) FROM salesops.duplicate_pairs('SELECT key, name, city, phone FROM many') p WHERE p.verdict = 'sure'), 500::bigint, 'and nothing else');

-- What nobody should write.
SELECT lives_ok($t$ SELECT * FROM salesops.duplicate_pairs($$SELECT row_number() OVER () AS key, x AS name, x AS website, x AS phone, x AS street, x AS city, x AS email, x AS company, x AS country,
    x AS state, x AS postal_code FROM (SELECT unnest(ARRAY[NULL, '', ' ', '🚀🚀', repeat('x', 10000), repeat('é ', 10000), repeat('.', 10000), repeat('1', 10000), 'שלום עולם', 'شركة النور', E'\u202Eabc', '@', '://', 'a@', '.com',
    repeat(repeat('w', 80) || ' ', 24), repeat(repeat('w', 80) || ' ', 23) || 'wwww', 'http://', E'\t\n', repeat('a.', 5000), '㈱', 'Inc', 'The', '-', repeat('@.', 300)]) AS x FROM generate_series(1, 3)) y$$, '{"review": -1000, "sure": 0}') $t$, 'hostile text is no error');
SELECT is((SELECT count(*) FROM salesops.duplicate_pairs($$SELECT n AS key, repeat('long ', 3000) || n % 2 AS name, 'Rome' AS city FROM generate_series(1, 4) n$$) p WHERE p.evidence #>> '{name,agreement}' = 'same name'),
          2::bigint, 'names that differ after thousands of letters differ');
SELECT is((SELECT count(*) FROM salesops.duplicate_pairs('SELECT 1 AS key, NULL AS name WHERE false')), 0::bigint, 'no records, no pairs');

-- One name 50,000 times: not each with each, and what was left out is told.
CREATE TEMP TABLE equal AS SELECT * FROM salesops.match_records($$SELECT n AS key, 'Same Name Ltd' AS name FROM generate_series(1, 50000) n$$, 'company', 1, -3, 50);
SELECT ok((SELECT e.compared < 20 * e.records FROM equal e WHERE e.item = 'all'), 'so many records cost a few comparisons each');
SELECT is_empty($$ SELECT 1 FROM equal e WHERE e.item = 'block' AND (e.records <> 50000 OR e.compared + e.left_out <> 50000::bigint * 49999 / 2) $$, 'compared and left out are all');
SELECT ok(EXISTS (SELECT FROM equal e WHERE e.item = 'block' AND e.other = 'name'), 'the block is named');

SELECT results_eq($$ SELECT * FROM salesops.near_names(ARRAY['GTX Pro', 'GTX Plus Pro', 'GTXPro', 'GTK 500', 'GTK 501', 'MG Special', 'MG Speical', NULL]) $$,
  $$ VALUES ('GTX Pro', 'GTXPro', 'same name'), ('MG Special', 'MG Speical', 'same but for a misspelling') $$, 'names of products that differ in spelling only');

-- Products: names that deals state beside those of the catalogue, source by source; what a map has made one says so.
INSERT INTO salesops.source (source_key, kind, schema_name, options) SELECT k, 'fivetran_salesforce', 'public', '{}' FROM unnest(ARRAY['p', 'q']) k;
INSERT INTO salesops.product (source_key, id, name, is_deleted, effective_at, recorded_at, origin)
SELECT v.*, false, '2026-01-01', '2026-01-01', 'sync' FROM (VALUES ('p', 'P1', 'GTX Pro'), ('p', 'P2', 'GTX Plus Pro'), ('p', 'P3', 'Zen-Desk 4'), ('p', 'P4', 'Zen-Desk 5'), ('q', 'Q1', 'Alpha Drive')) v;
INSERT INTO salesops.opportunity (source_key, id, product, is_deleted, effective_at, recorded_at, origin)
SELECT v.source_key, row_number() OVER (), v.product, false, '2026-01-01', '2026-01-01', 'sync'
FROM (VALUES ('p', 'GTXPro'), ('p', 'GTXPro'), ('p', 'GTX Pro'), ('p', 'zen desk 4'), ('p', NULL), ('p', ''), ('q', 'GTX Pro'), ('q', 'Alfa Drive'), ('q', 'Alpha Drive'), ('q', '🚀')) v(source_key, product);
SELECT salesops.map_value('p', 'product', 'zen desk 4', 'P3', '2026-01-01');
SELECT results_eq($$ SELECT * FROM salesops.near_products('2026-02-01') $$,
  $$ VALUES ('p', 'GTX Pro', 1::bigint, 'P1', 'GTXPro', 2::bigint, NULL, 'same name'), ('p', 'Zen-Desk 4', 0, 'P3', 'zen desk 4', 1, 'P3', 'same name'),
            ('q', 'Alfa Drive', 1, NULL, 'Alpha Drive', 1, 'Q1', 'same but for a misspelling') $$, 'names of products that differ in spelling, and how many deals state them');
SELECT is_empty($$ SELECT * FROM salesops.near_products(NULL) $$, 'of no instant none');

-- Persons: colleagues share an employer and a switchboard, not a name; a name in two companies is two people.
SELECT results_eq($$ SELECT c.cluster, c.key FROM salesops.duplicate_clusters($q$SELECT * FROM (VALUES
    (1, 'Ann Miller', 'Acme Inc', 'ann.miller@acme.com', '617-555-0100'), (2, 'Miller, Ann', 'ACME', 'ann.miller@acme.com', NULL), (3, 'Bob Stone', 'Acme Inc', 'bob.stone@acme.com', '617-555-0100'),
    (4, 'Ann Miller', 'Zebra GmbH', 'a.miller@zebra.de', '030 1234567')) v(key, name, company, email, phone)$q$, '{"kind": "person"}') c $$,
  $$ VALUES ('1', '1'), ('1', '2') $$, 'persons');

-- Errors.
SELECT throws_ok($$ SELECT * FROM salesops.duplicate_pairs('SELECT 1 AS id, 2 AS name') $$, '42703', NULL, 'no key');
SELECT throws_ok($$ SELECT * FROM salesops.duplicate_pairs('SELECT 1 AS key') $$, '42703', NULL, 'nothing to compare');
SELECT throws_ok($$ SELECT * FROM salesops.duplicate_pairs('SELECT NULL AS key, 2 AS name') $$, '22004', NULL, 'a key that is NULL');
SELECT throws_ok($$ SELECT * FROM salesops.duplicate_pairs('SELECT 1 AS key, 2 AS name UNION ALL SELECT 1, 3') $$, '23505', NULL, 'a key twice');
SELECT throws_ok($$ SELECT * FROM salesops.duplicate_pairs('DELETE FROM company') $$, '22023', NULL, 'a query that writes');
SELECT throws_ok($$ SELECT * FROM salesops.duplicate_pairs('TABLE company', '{"shure": 1}') $$, '22023', NULL, 'an unknown option');
SELECT throws_ok($$ SELECT * FROM salesops.duplicate_pairs('TABLE company', '{"sure": "1"}') $$, '22023', NULL, 'an option of another type');
SELECT throws_ok($$ SELECT * FROM salesops.duplicate_pairs('TABLE company', '{"sure": -9}') $$, '22023', NULL, 'sure below review');
SELECT throws_ok($$ SELECT * FROM salesops.duplicate_pairs('TABLE company', '{"kind": "dog"}') $$, '22023', NULL, 'an unknown kind');
SELECT * FROM finish();
ROLLBACK;
