-- Names that want to be SQL, format or pattern, wherever a name is given: schema, relation, columns, custom fields, options, maps.
\set ON_ERROR_STOP 1
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SELECT no_plan();

CREATE TEMP TABLE hostile (n integer, name text);
INSERT INTO hostile VALUES
  (1, 'quo"te'), (2, 'apo''strophe'), (3, 'semi; DROP TABLE salesops.opportunity; --'), (4, '$$'), (5, '$1'), (6, E'line\nend'), (7, 'back\slash\'), (8, '%s%I%L%1$s%'),
  (9, '{id}{?id}'), (10, 'a.b'), (11, 'a+b'), (12, 'a|b'), (13, 'a/100'), (14, 'SELECT'), (15, ' space '), (16, repeat('x', 63)), (17, '/* comment'), (18, '-- comment'),
  (19, U&'\0456d'), (20, '::regclass'), (21, 'con=stant'), (22, E'tab\there'), (23, U&'zero\200bwidth'), (24, ')'), (25, 'public'), (26, U&'\0130\0131'), (27, '"'), (28, '""');

-- A source of which every name is one of them.
CREATE PROCEDURE pg_temp.try(n integer, name text) LANGUAGE plpgsql AS $$
DECLARE
  key text := 'hostile-' || n;
  schema_name text := CASE name WHEN 'public' THEN 'pub' ELSE name END;
BEGIN
  EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I', schema_name);
  EXECUTE format('CREATE TABLE %I.%I (%I text, %I text, %I numeric, %I text)', schema_name, name, name, left(name, 40) || ' stage', left(name, 40) || ' amount', left(name, 40) || ' own');
  EXECUTE format('INSERT INTO %I.%I VALUES ($1, $1, 5, $1)', schema_name, name) USING name;
  PERFORM salesops.connect(key, 'generic', schema_name, jsonb_build_object(
    'open_stage', name,
    'entities', jsonb_build_object('opportunity', jsonb_build_object('relation', name, 'columns',
      jsonb_build_object('id', name, 'stage', left(name, 40) || ' stage', 'amount', left(name, 40) || ' amount', 'name', '=' || name))),
    'custom_fields', jsonb_build_object('opportunity', jsonb_build_object(name, left(name, 40) || ' own'))));
  PERFORM salesops.map_stage(key, btrim(name), 'open', 'Commit', pipeline => name), salesops.map_stage(key, btrim(name), 'open', 'Commit');
  PERFORM salesops.map_category(key, name, 'Commit'), salesops.map_value(key, 'product', name, name);
  PERFORM salesops.sync(key, '2026-06-01');
  PERFORM salesops.sync(key, '2026-06-02', 'full');
END $$;
DO $$ DECLARE h record; BEGIN FOR h IN SELECT * FROM hostile LOOP CALL pg_temp.try(h.n, h.name); END LOOP; END $$;

SELECT is_empty($$SELECT h.name, y.entity, y.sqlstate, y.message FROM hostile h JOIN salesops.source_sync y ON y.source_key = 'hostile-' || h.n WHERE y.sqlstate IS NOT NULL$$, 'each is synced');
SELECT results_eq($$SELECT h.n, o.id, o.stage, o.name, o.amount, o.custom FROM hostile h LEFT JOIN salesops.opportunity o ON o.source_key = 'hostile-' || h.n ORDER BY h.n$$,
                  $$SELECT h.n, btrim(h.name), btrim(h.name), btrim(h.name), 5::numeric, jsonb_build_object(h.name, h.name) FROM hostile h ORDER BY h.n$$, 'and what it said is there');
SELECT is_empty($$SELECT h.name FROM hostile h WHERE NOT EXISTS (SELECT FROM salesops.describe_source('hostile-' || h.n) d WHERE d.canonical_column = 'id' AND d.state = 'found')$$,
                'describe_source() shows it');
SELECT is_empty($$SELECT h.name FROM hostile h WHERE NOT EXISTS (SELECT FROM salesops.tie_out('hostile-' || h.n))$$, 'tie_out() counts it');
SELECT is((SELECT count(*) FROM salesops.opportunity_state('2026-06-02') o WHERE o.source_key LIKE 'hostile-%' AND o.category::text = 'Commit'), (SELECT count(*) FROM hostile),
          'its stage means what the map says');
SELECT lives_ok($$SELECT salesops.audit('2026-06-02'), salesops.take_snapshot('2026-06-02'), salesops.refresh_marts('2026-06-02')$$, 'it is audited, snapshot and published');
SELECT is((SELECT count(*) FROM salesops_bi.open_pipeline WHERE source_key LIKE 'hostile-%'), (SELECT count(*) FROM hostile), 'the marts show it');

-- Where such a text is no name, the error says so.
SELECT throws_ok(format('SELECT salesops.connect(%L, %L, %L)', h.name, 'generic', 'public'), '22023', NULL, 'no key of a source: ' || quote_literal(h.name))
FROM hostile h WHERE h.name !~ '^[A-Za-z0-9_.-]{1,63}$';
SELECT throws_ok(format('SELECT salesops.connect(%L, %L, %L, %L)', 'k', 'fivetran_salesforce', 'public', jsonb_build_object(o.option, h.name)), '22023', NULL, o.option || ' is not ' || quote_literal(h.name))
FROM hostile h CROSS JOIN (VALUES ('time_zone'), ('currency'), ('date_order'), ('probability_scale')) o(option) WHERE h.n IN (1, 2, 3, 6, 7, 8);
SELECT throws_ok(format('SELECT salesops.connect(%L, %L, %L, %L)', 'k', 'fivetran_salesforce', 'public', jsonb_build_object(h.name, 'x')), '22023', NULL, 'no option: ' || quote_literal(h.name)) FROM hostile h WHERE h.n < 10;
SELECT throws_ok(format('SELECT salesops.set_setting(%L, %L)', h.name, 'x'), '42704', NULL, 'no setting: ' || quote_literal(h.name)) FROM hostile h WHERE h.n < 10;
SELECT throws_ok(format('SELECT salesops.set_setting(%L, %L)', 'time_zone', h.name), '22023', NULL, 'no time zone: ' || quote_literal(h.name)) FROM hostile h WHERE h.n < 10;
SELECT throws_ok(format('SELECT %L::salesops.forecast_category', h.name), '22P02', NULL, 'no category: ' || quote_literal(h.name)) FROM hostile h WHERE h.n < 10;
SELECT * FROM finish();
ROLLBACK;
