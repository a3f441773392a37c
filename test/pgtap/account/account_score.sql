-- account_score: the default scorecard against a table of what each input is worth, over every boundary; and the laws of the type.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SELECT plan(34);

-- What each input is worth, written down by hand from the product's scorecard; NULL: not known.
CREATE TEMP TABLE employees (value int, points int);
INSERT INTO employees VALUES (NULL, NULL), (-2147483648, 0), (-1, 0), (0, 0), (199, 0), (200, 0), (201, 10), (202, 10), (999, 10), (1000, 10), (1001, 20), (1002, 20), (4999, 20),
  (5000, 20), (5001, 30), (2147483647, 30);
CREATE TEMP TABLE industry (value text, points int);
INSERT INTO industry VALUES (NULL, NULL), ('', NULL), ('Blacksmith', NULL), ('Technology', 25), ('FINANCE', 25), ('healthcare', 15), ('Manufacturing', 15), ('Retail', 0), ('technolgy', 25);
CREATE TEMP TABLE visits (value int, points int);
INSERT INTO visits VALUES (NULL, NULL), (-1, 0), (0, 0), (9, 0), (10, 0), (11, 15), (12, 15), (2147483647, 15);
CREATE TEMP TABLE downloads (value int, points int);
INSERT INTO downloads VALUES (NULL, NULL), (-1, 0), (0, 0), (1, 10), (2, 10);
CREATE TEMP TABLE intent (value int, points int);
INSERT INTO intent VALUES (NULL, NULL), (-1, 0), (0, 0), (49, 0), (50, 0), (51, 10), (52, 10), (79, 10), (80, 10), (81, 20), (82, 20), (100, 20);
CREATE TEMP TABLE combination AS
SELECT e.value AS employees, i.value AS industry, v.value AS visits, d.value AS downloads, t.value AS intent,
       e.points AS size_points, i.points AS industry_points, CASE WHEN v.points IS NOT NULL OR d.points IS NOT NULL THEN coalesce(v.points, 0) + coalesce(d.points, 0) END AS engagement_points,
       t.points AS intent_points,
       array_remove(ARRAY[CASE WHEN e.points IS NULL THEN 'employees' END, CASE WHEN i.points IS NULL THEN 'industry' END, CASE WHEN v.points IS NULL THEN 'visits' END,
                          CASE WHEN d.points IS NULL THEN 'downloads' END, CASE WHEN t.points IS NULL THEN 'intent' END], NULL) AS missing,
       salesops.score_account(e.value, i.value, v.value, d.value, t.value) AS score
FROM employees e, industry i, visits v, downloads d, intent t;
ALTER TABLE combination ADD total int, ADD tier int;
UPDATE combination SET total = coalesce(size_points, 0) + coalesce(industry_points, 0) + coalesce(engagement_points, 0) + coalesce(intent_points, 0);
UPDATE combination SET tier = CASE WHEN total >= 70 THEN 1 WHEN total >= 40 THEN 2 ELSE 3 END;
SELECT is(count(*), 69120::bigint, '16 x 9 x 8 x 5 x 12 combinations') FROM combination;
SELECT is_empty($$ SELECT * FROM combination WHERE salesops.total(score) IS DISTINCT FROM total $$, 'totals are those of the table of points');
SELECT is_empty($$ SELECT * FROM combination WHERE score::integer <> total $$, 'and so is the cast to integer');
SELECT is_empty($$ SELECT * FROM combination WHERE salesops.tier(score) IS DISTINCT FROM tier $$, 'tiers begin at 70 and 40');
SELECT is_empty($$ SELECT * FROM combination WHERE salesops.size_points(score) IS DISTINCT FROM size_points OR salesops.industry_points(score) IS DISTINCT FROM industry_points
                    OR salesops.engagement_points(score) IS DISTINCT FROM engagement_points OR salesops.intent_points(score) IS DISTINCT FROM intent_points $$,
  'each component has its own points, and is NULL where nothing is known');
SELECT is_empty($$ SELECT * FROM combination WHERE salesops.missing_inputs(score) IS DISTINCT FROM missing $$, 'what was missing is named');
SELECT is(count(DISTINCT tier), 3::bigint, 'every tier is met') FROM combination;

-- The product's two examples, and the text that a score reads as.
SELECT is(salesops.score_account(5001, 'Technology', 11, 1, 81)::text, '100 tier 1 (size 30, industry 25, engagement 25, intent 20)', 'the best');
SELECT is(salesops.score_account(5000, 'Retail', 10, 0, 50)::text, '20 tier 3 (size 20, industry 0, engagement 0, intent 0)', 'comparisons are strict');
SELECT is(salesops.score_account(5001, 'Technology', 0, 2, 81)::text, '85 tier 1 (size 30, industry 25, engagement 10, intent 20)', 'the example of the docs');
SELECT is(salesops.score_account(5001, 'Technology', 11, NULL, NULL)::text, '70 tier 1 (size 30, industry 25, engagement 15 downloads ?, intent ?)', 'what is not known reads as ?');
SELECT is(salesops.score_account(NULL, NULL, NULL, NULL, NULL)::text, '0 tier 3 (size ?, industry ?, engagement ?, intent ?)', 'nothing is known');
SELECT is(' 85  TIER 1(size 30,industry 25 , Engagement 10, intent 20) '::salesops.account_score::text, '85 tier 1 (size 30, industry 25, engagement 10, intent 20)', 'blanks and case do not matter');

-- Round trips, equality, order, hashes.
CREATE TEMP TABLE score AS SELECT DISTINCT score, size_points, industry_points, engagement_points, intent_points, total, missing FROM combination;
SELECT is(count(*), (SELECT count(*) FROM (SELECT DISTINCT size_points, industry_points, engagement_points, intent_points, missing FROM combination) d),
  'scores are equal exactly where points and missing inputs are') FROM score;
SELECT is_empty($$ SELECT * FROM score WHERE score::text::salesops.account_score OPERATOR(salesops.<>) score $$, 'text round-trips');
CREATE TEMP TABLE few AS SELECT * FROM score ORDER BY total, missing, score::text LIMIT 400;
SELECT is_empty($$ SELECT a.score, b.score FROM few a, few b
  WHERE salesops.account_score_cmp(a.score, b.score) <> -salesops.account_score_cmp(b.score, a.score)
     OR (a.score OPERATOR(salesops.<) b.score) <> (salesops.account_score_cmp(a.score, b.score) < 0) OR (a.score OPERATOR(salesops.<=) b.score) <> (salesops.account_score_cmp(a.score, b.score) <= 0)
     OR (a.score OPERATOR(salesops.>) b.score) <> (salesops.account_score_cmp(a.score, b.score) > 0) OR (a.score OPERATOR(salesops.>=) b.score) <> (salesops.account_score_cmp(a.score, b.score) >= 0)
     OR (a.score OPERATOR(salesops.=) b.score) <> (a.score::text = b.score::text) OR (a.score OPERATOR(salesops.<>) b.score) <> (a.score::text <> b.score::text)
     OR (a.score OPERATOR(salesops.=) b.score AND salesops.account_score_hash(a.score) <> salesops.account_score_hash(b.score))
     OR (a.total, coalesce(a.size_points, 0), coalesce(a.industry_points, 0), coalesce(a.engagement_points, 0), coalesce(a.intent_points, 0))
        < (b.total, coalesce(b.size_points, 0), coalesce(b.industry_points, 0), coalesce(b.engagement_points, 0), coalesce(b.intent_points, 0)) AND a.score OPERATOR(salesops.>=) b.score $$,
  'all operators and the hash agree, and the order is total, size, industry, engagement, intent');
SELECT ok(bool_and((salesops.account_score_hash_extended(score, 0) & 4294967295) = (salesops.account_score_hash(score)::bigint & 4294967295)), 'the seeded hash without a seed is the plain hash') FROM score;
SELECT is(salesops.max(score)::text, '100 tier 1 (size 30, industry 25, engagement 25, intent 20)', 'max') FROM score;
SELECT is(salesops.min(score)::text, '0 tier 3 (size 0, industry 0, engagement 0, intent 0)', 'min: of two with nothing the one that is known to have nothing') FROM score;
SELECT ok(bool_and(amvalidate(oid)) AND count(*) = 2, 'both operator classes are valid') FROM pg_opclass WHERE opcintype = 'salesops.account_score'::regtype;
SELECT ok(bool_and(proleakproof AND proparallel = 's' AND provolatile = 'i'), 'comparisons are leakproof, parallel safe, immutable')
FROM pg_proc WHERE oid IN (SELECT oprcode FROM pg_operator WHERE oprleft = 'salesops.account_score'::regtype);
SELECT is(pg_column_size(salesops.score_account(1, 'Retail', 1, 1, 1)), 8, 'eight bytes');

-- Binary: through COPY and back; the layout, by hand: 85 = 0x55, 30, 25, 10, 20, tier 1, nothing missing; and bytes that no account gets.
SELECT is(salesops.account_score_send('85 tier 1 (size 30, industry 25, engagement 10, intent 20)'), '\x00551e190a140100'::bytea, 'the binary form');
CREATE TABLE public.score_copied (score salesops.account_score);
DO $$
DECLARE
  file text := current_setting('data_directory') || '/account_score_test.copy';
BEGIN
  EXECUTE format('COPY (SELECT score FROM score) TO %L WITH (FORMAT binary)', file);
  EXECUTE format('COPY public.score_copied FROM %L WITH (FORMAT binary)', file);
  EXECUTE format('COPY (SELECT WHERE false) TO PROGRAM %L', format('rm -f -- ''%s''', file));
END;
$$;
SELECT bag_eq('SELECT score FROM score', 'TABLE public.score_copied', 'binary COPY round-trips');
SELECT throws_ok(format(
  $q$COPY public.score_copied FROM PROGRAM $p$printf 'PGCOPY\n\377\r\n\000\000\000\000\000\000\000\000\000\000\001\000\000\000\010%s\377\377'$p$ WITH (FORMAT binary)$q$, bytes),
  '22P03', NULL, what || ' is refused')
FROM (VALUES ('\000\126\036\031\012\024\001\000', 'a total that is not the sum'), ('\000\125\036\031\012\024\002\000', 'another tier'),
             ('\000\125\036\031\012\024\001\001', 'points of an input that is missing'), ('\000\125\035\032\012\024\001\000', 'points that no rule gives'),
             ('\001\125\036\031\012\024\001\000', 'a bit too many'), ('\000\125\036\031\012\024\001\040', 'an input that does not exist')) AS b(bytes, what);

-- Text that is no score.
SELECT throws_ok(format('SELECT %L::salesops.account_score', form), '22P02', format('invalid input syntax for type account_score: "%s"', form), what)
FROM (VALUES ('', 'nothing'), ('86 tier 1 (size 30, industry 25, engagement 10, intent 20)', 'a wrong total'),
             ('35 tier 3 (size 30, industry ?, engagement 15 visits ?, intent ?)', 'points of an input that is missing')) AS t(form, what);

-- Industries: every spelling stands where the search finds it; labels of both CRMs and of people.
SELECT results_eq($$ SELECT salesops.recognize_industry(label) FROM unnest(ARRAY['COMPUTER_SOFTWARE', 'Software', 'technolgy', ' Banking ', 'HOSPITAL_HEALTH_CARE', 'Hospital & Health Care',
    'Not For Profit', 'real-estate', 'Blacksmith', '', '😀', repeat('technology', 1000), 'Télécoms', 'zzz', 'accounting', 'wireless']) WITH ORDINALITY u(label, n) ORDER BY n $$,
  $$ SELECT unnest(ARRAY['Technology', 'Technology', 'Technology', 'Finance', 'Healthcare', 'Healthcare', 'Nonprofit', 'Real Estate', NULL, NULL, NULL, NULL, NULL, NULL, 'Finance', 'Telecommunications']) $$,
  'industries are recognised in the spellings of CRMs and people');
SELECT * FROM finish();
ROLLBACK;
