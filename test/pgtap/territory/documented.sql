-- What docs/territory.md tells a reader to type runs as it stands there, from top to bottom, on nothing but what it makes itself.
\set ON_ERROR_STOP 1
\set document `cat docs/territory.md`
BEGIN;
SET LOCAL client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SELECT no_plan();
-- The document's first plan is number 1; here others may have been before it.
SELECT coalesce(max(plan_id), 0) + 1 AS first FROM salesops.territory_plan \gset
SELECT setval('salesops.territory_plan_plan_id_seq', :first, false) \g /dev/null

-- The commands of the part on use: what is indented by four, up to a line that ends in a semicolon, be there a comment after it or not.
CREATE TEMP TABLE command AS
  SELECT c.n, regexp_replace(c.command, '(_(?:summary|findings|prices|plan|territories)[(]|plan_id = )1\M', '\1' || :first, 'g') AS command
  FROM regexp_match(:'document', '\n## Use\n(.*?)\n## ') AS part(of_use)
  CROSS JOIN LATERAL (SELECT string_agg(m.line[1], E'\n' ORDER BY m.n) AS code FROM regexp_matches(part.of_use[1], '^    (.*)$', 'gn') WITH ORDINALITY AS m(line, n)) l
  CROSS JOIN LATERAL regexp_split_to_table(l.code, ';[ ]*(?:--[^\n]*)?(?:\n|$)') WITH ORDINALITY AS c(command, n)
  WHERE c.command <> '';
SELECT cmp_ok(count(*), '>=', 12::bigint, 'the document has commands') FROM command;
CREATE FUNCTION pg_temp.run(command text) RETURNS bigint LANGUAGE plpgsql AS $$ DECLARE n bigint; BEGIN EXECUTE command; GET DIAGNOSTICS n = ROW_COUNT; RETURN n; END $$;
CREATE TEMP TABLE made (n bigint, command text, rows bigint);
-- In order, each on what those before it have made; findings, which there need not be any of, may have no rows.
SELECT format('INSERT INTO made SELECT %s, %L, pg_temp.run(%2$L);', c.n, c.command) FROM command c ORDER BY c.n \gexec
SELECT ok(m.rows > 0 OR m.command LIKE '%_findings(%', left(m.command, 100)) FROM made m ORDER BY m.n;
SELECT is((SELECT array_agg(t.territory_id ORDER BY t.territory_id COLLATE "C") FROM salesops.territory_plan_territory t WHERE t.plan_id = (SELECT max(plan_id) FROM salesops.territory_plan)
           AND t.territory_id IN ('new', 'territory-3', 'territory-4')), '{new,territory-3}', 'the last plan is the simulation');
SELECT is_empty('SELECT p.plan_id, v.* FROM salesops.territory_plan p CROSS JOIN LATERAL salesops.verify_territory_plan(p.plan_id) v WHERE p.plan_id >= ' || :first || ' AND NOT v.ok', 'and all plans are what they claim');
SELECT * FROM finish();
ROLLBACK;
