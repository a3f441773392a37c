-- Calls every function, aggregate and procedure of the extension that SQL can call with arguments that nobody would give,
-- :calls times each, and then takes back what it did; of the functions only those in a language like :language. The same
-- :seed makes the same calls. A call may fail, with an error that a person understands; what happened is judged by errors.pl
-- from the server's log.
-- Expects an extension with a generated CRM in it; procedures commit, so the database is to be thrown away.
\set ON_ERROR_STOP on
SET client_min_messages = error;

-- What stands for each type of argument: NULL, the ends of the type, values that nearly fit, values that fit, and too much.
CREATE TEMPORARY TABLE edge AS
SELECT type::regtype, expression
FROM (VALUES
  ('bool',        ARRAY['true', 'false']),
  ('int4',        ARRAY['0', '1', '-1', '2', '7', '12', '13', '100', '2147483647', '(-2147483648)']),
  ('int8',        ARRAY['0', '1', '-1', '3', '62', '9223372036854775807', '(-9223372036854775808)']),
  ('numeric',     ARRAY['0', '0.5', '-1', '0.00000', '''NaN''', '''Infinity''', '''-Infinity''', '1e131071', '-1e131071', '1e-16383', '1e20']),
  ('float8',      ARRAY['0', '-0', '0.1', '0.5', '1', '-1', '0.05', '0.9', '''NaN''', '''Infinity''', '''-Infinity''', '1.7976931348623157e308', '4.9e-324', '1e15', '-1e300']),
  ('float8[]',    ARRAY[$$'{}'$$, $$'{NULL}'$$, $$'{0.1,0.5,0.9}'$$, $$'{{0.1,NULL},{0.9,0.5}}'$$, $$'[-3:-1]={0.25,0.5,0.75}'$$, $$'{NaN,0.5}'$$, $$'{0,1}'$$,
                        $$'{4.9e-324,0.9999999999999999}'$$, $$array_fill(0.3::float8, '{1000}')$$]),
  ('text',        ARRAY[$$''$$, $$' '$$, $$'crm'$$, $$'nightly'$$, $$'opportunity'$$, $$'missing_amount'$$, $$'Closed Won'$$, $$'Commit'$$, $$'time_zone'$$,
                        $$'UTC'$$, $$'Europe/Berlin'$$, $$'amount'$$, $$'default'$$, $$E'scorecard s\ncomponent c up to 0.01\nfeature employees\nat -0.000001: -1000000\nat 999999999999999999: 1000000\nfeature custom\n"x": 1\nfeature k from custom.k\n(1, 2]: 3\nmissing: no score\n'$$, $$'YMD'$$, $$'FY2026-Q4'$$, $$'2026-02-30'$$, $$'12 Apr 2026 10:00 America/New_York'$$,
                        $$'(1,234.50)'$$, $$'1e99'$$, $$'NaT'$$, $$'amount < 0'$$, $$'{bound}'$$, $$'1; DROP TABLE x'$$, $$'"a"."b"'$$, $$'%s %'$$,
                        $$E'\t\n\\'$$, $$E'it''s $x$ -- /*'$$, $$U&'\FEFF\00E9\4E2D\+01F600'$$, $$repeat('(', 5000)$$, $$repeat('x', 1000000)$$,
                        $$repeat('1', 1000000)$$, $$repeat(U&'\00E9', 500000)$$]),
  ('record',      ARRAY[$$ROW()$$, $$ROW(1, NULL)$$, $$(SELECT c FROM (SELECT 1e131071 AS employees, repeat('x', 1000000) AS industry, 'NaN'::float8 AS website_visits, '-Infinity'::numeric AS content_downloads, NULL::int8 AS intent_score, '{"k": [1]}'::jsonb AS custom) c)$$]),
  ('name',        ARRAY[$$'crm_demo'$$, $$''$$, $$'Crm "odd" name'$$, $$'pg_catalog'$$]),
  ('cstring',     ARRAY[$$''$$, $$'FY2026-M03'$$, $$'FY99999'$$, $$'best_case'$$, $$'Closed: 50.00 (3 deals), Commit: unknown (1 deal, 1 without amount)'$$,
                        $$'Closed: 1e131071 (9223372036854775807 deals)'$$, $$'Closed: NaN (9223372036854775808 deals)'$$, $$'no deals'$$, $$'Closed: ('$$]),
  ('bytea',       ARRAY[$$''$$, $$'\x00'$$]),
  ('date',        ARRAY[$$'2026-02-28'$$, $$'infinity'$$, $$'-infinity'$$, $$'4713-01-01 BC'$$, $$'5874897-12-31'$$, $$'0001-01-01'$$, $$'9999-12-31'$$]),
  ('time',        ARRAY[$$'02:30'$$, $$'24:00'$$, $$'00:00'$$]),
  ('timestamptz', ARRAY[$$'2026-06-15 18:00+00'$$, $$'2026-03-29 02:30 Europe/Berlin'$$, $$'infinity'$$, $$'-infinity'$$, $$'4713-01-01 00:00+00 BC'$$,
                        $$'294276-12-31 23:59:59.999999+00'$$, $$'1970-01-01 00:00+00'$$]),
  ('interval',    ARRAY[$$'0'$$, $$'1 second'$$, $$'-1 day'$$, $$'178000000 years'$$, $$'-178000000 years'$$, $$'400 days'$$]),
  ('jsonb',       ARRAY[$$'null'$$, $$'{}'$$, $$'[]'$$, $$'1'$$, $$'{"date_order": "DMY", "entities": []}'$$, $$'{"entities": {"opportunity": {"relation": 1}}}'$$]),
  ('regclass',    ARRAY[$$'pg_catalog.pg_class'$$, $$'salesops.opportunity_version'$$, $$'crm_demo.opportunity'$$, $$0::oid$$, $$4294967295::oid$$]),
  ('regtype',     ARRAY[$$'text'$$, $$'salesops.forecast_category'$$, $$0::oid$$, $$4294967295::oid$$]),
  ('regrole',     ARRAY[$$current_user::regrole$$, $$0::oid$$, $$4294967295::oid$$]),
  ('regclass[]',  ARRAY[$$'{}'$$, $$'{NULL}'$$, $$'{crm_demo.opportunity,pg_catalog.pg_class}'$$]),
  ('bool[]',      ARRAY[$$'{}'$$, $$'{NULL}'$$, $$'{t,f,t}'$$, $$'{t,f}'$$, $$array_fill(true, '{1000}')$$]),
  ('text[]',      ARRAY[$$'{}'$$, $$'{NULL}'$$, $$'{{a,b},{c,d}}'$$, $$'{crm,opportunity,missing_amount,amount}'$$, $$array_fill('x'::text, '{10000}')$$]),
  ('int[]',       ARRAY[$$'{}'$$, $$'{NULL}'$$, $$'{1}'$$, $$'{1,2,3}'$$, $$'{{1,2},{3,4}}'$$, $$'{2147483647,-2147483648}'$$, $$'{-2147483648,2147483647}'$$,
                        $$'[-5:-3]={1,5,9}'$$, $$array_fill(7, '{100000}')$$]),
  ('numeric[]',   ARRAY[$$'{}'$$, $$'{NULL,1,1,1,1,1,1}'$$, $$'{0,0.1,0.2,0.3,0.5,0.9,1}'$$, $$'{1e131071,0,0,0,0,0,-1e131071}'$$, $$'{NaN,1,1,1,1,1,1}'$$,
                        $$'{{0,1},{0,1}}'$$, $$'[7:13]={0,1,1,1,1,1,1}'$$, $$array_fill(1.0, '{100000}')$$]),
  ('salesops.forecast_category', (SELECT array_agg(quote_literal(c)) FROM unnest(ARRAY['Omitted', 'Upside', 'Pipeline', 'Best Case', 'Most Likely', 'Commit', 'Closed']) c)),
  ('salesops.account_score',     ARRAY[$$'100 tier 1 (size 30, industry 25, engagement 25, intent 20)'$$, $$'0 tier 3 (size ?, industry ?, engagement ?, intent ?)'$$]),
  ('salesops.fiscal_period',     ARRAY[$$'FY0001'$$, $$'FY9999'$$, $$'FY9999-Q4'$$, $$'FY9999-M12'$$, $$'FY2026-M02'$$, $$'FY0001-M01'$$]),
  ('salesops.forecast_totals',   ARRAY[$$'no deals'$$, $$'Closed: 1e131071 (9223372036854775807 deals, 9223372036854775806 without amount)'$$,
                        $$'Closed: 10.00 (1 deal), Uncategorized: unknown (2 deals, 2 without amount)'$$, $$'Omitted: -Infinity (1 deal), Closed: NaN (3 deals)'$$,
                        $$'Best Case: 5 (2 deals), Upside: 1e-16383 (1 deal), Commit: Infinity (1 deal)'$$]),
  ('salesops.bookings_distribution', ARRAY[$$'0 deals'$$, $$'1 deal; open 1000@0.25'$$, $$'3 deals; 9223372036854775807 unknown; correlation 0.9; base -5; open 9000000000000000@0.5 -9000000000000000@0.999999999999'$$,
                        $$'2 deals; correlation 0.05; open 0.001@0.000000000001 9000000000000000@0.5'$$, $$'0 deals; new variance 7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff third -1'$$,
                        $$'9223372036854775807 deals; base 170141183460469231731687303715884105.727'$$,
                        $$(SELECT salesops.bookings(n * n, 1.0 / (1 + n), 0.05) FROM generate_series(1, 40) n)$$, $$(SELECT salesops.bookings(1000 + n, 0.3, 0) FROM generate_series(1, 700) n)$$,
                        $$(SELECT salesops.bookings(1, 0.01 * (1 + n % 90), 0.9) + salesops.uncertain_bookings(-5, 1e15, 0.9) FROM generate_series(1, 30) n)$$]),
  ('salesops.win_cells',         ARRAY[$$'{"factors": {"owner": []}, "cells": {}}'$$, $$'{"factors": {"owner": ["Ann", ""]}, "cells": {"FY2026-Q1": [[0, 9223372036854775807, 9223372036854775807]]}}'$$,
                        $$'{"factors": {"to_go": ["1", "x"], "age": ["0-7 days", "(unknown)"]}, "cells": {"FY0001": [[0, 0, 1, 0], [1, 1, 100, 50]], "FY9999-M12": [[0, 1, 5000000000000000000, 1]]}}'$$,
                        $$(SELECT salesops.win_cells(ARRAY['to_go', 'owner', 'segment'], ARRAY[(n % 4)::text, (n % 10)::text, repeat('s', n)], 'FY2026-Q2', n % 3 = 0) FROM generate_series(1, 1000) n)$$]),
  ('salesops.win_model',         ARRAY[$$salesops.fit_win_model(NULL)$$,
                        $$salesops.fit_win_model('{"factors": {"to_go": ["1", "2"], "age": ["0-7 days", "8-14 days"]}, "cells": {"FY2026-Q1": [[0, 0, 1000, 0], [1, 1, 100, 100]]}}')$$,
                        $$salesops.fit_win_model('{"factors": {"owner": ["Ann", ""]}, "cells": {"FY2026-Q1": [[0, 9223372036854775807, 9223372036854775807]]}}')$$])
) AS t(type, expressions), unnest(expressions || ARRAY[NULL]) AS expression;

CREATE TEMPORARY TABLE target AS
SELECT p.oid, p.oid::regprocedure::text AS signature, n.nspname, p.proname, p.prokind, p.proretset, p.proargtypes::oid[] AS types
FROM pg_depend d
JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass AND e.extname = 'salesops'
JOIN pg_proc p ON p.oid = d.objid AND d.classid = 'pg_proc'::regclass
JOIN pg_namespace n ON n.oid = p.pronamespace
JOIN pg_language l ON l.oid = p.prolang
WHERE d.deptype = 'e' AND (l.lanname LIKE :'language' OR p.prokind = 'a');

\echo Not called, because SQL cannot call them:
SELECT CASE WHEN prorettype IN ('trigger'::regtype, 'event_trigger'::regtype) THEN 'triggers' ELSE 'internal arguments' END AS why, count(*)
FROM target JOIN pg_proc USING (oid)
WHERE prorettype IN ('trigger'::regtype, 'event_trigger'::regtype, 'internal'::regtype) OR 'internal'::regtype = ANY (types)
GROUP BY 1 ORDER BY 1;
DELETE FROM target USING pg_proc p
WHERE p.oid = target.oid
  AND (p.prorettype IN ('trigger'::regtype, 'event_trigger'::regtype, 'internal'::regtype) OR 'internal'::regtype = ANY (types));

-- The expression that call number c gives for an argument: a hash decides. A type without values above gets a NULL, or a row of NULLs.
CREATE FUNCTION pg_temp.draw(seed int, signature text, c int, argument bigint, type oid) RETURNS text
LANGUAGE sql STABLE AS $$
  WITH candidate AS (
    SELECT expression, row_number() OVER (ORDER BY expression) - 1 AS position, count(*) OVER () AS candidates FROM edge WHERE edge.type = draw.type
  )
  SELECT format('(%s)::%s', coalesce((SELECT expression FROM candidate
                                      WHERE position = (hashtextextended(format('%s %s %s', signature, c, argument), seed) >> 8 & 1048575) % candidates), 'NULL'),
                format_type(type, NULL))
$$;
CREATE FUNCTION pg_temp.arguments(seed int, signature text, c int, types oid[]) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT coalesce(string_agg(pg_temp.draw(seed, signature, c, ordinality, type), ', ' ORDER BY ordinality), '')
  FROM unnest(types) WITH ORDINALITY AS a(type, ordinality)
$$;

CREATE TEMPORARY TABLE call AS
SELECT signature, c, prokind,
       CASE
         WHEN prokind = 'p' THEN format('CALL %I.%I(%s)', nspname, proname, pg_temp.arguments(:seed, signature, c, types))
         WHEN prokind = 'a' THEN format('SELECT %1$I.%2$I(%3$s) %4$s FROM (VALUES %5$s) v(%3$s)', nspname, proname,
                                        (SELECT string_agg('c' || i, ', ') FROM generate_series(1, cardinality(types)) i),
                                        CASE WHEN c % 2 = 0 THEN '' ELSE 'OVER (ROWS BETWEEN 2 PRECEDING AND 1 PRECEDING)' END,
                                        (SELECT string_agg('(' || pg_temp.arguments(:seed, signature, c * 100 + i, types) || ')', ', ') FROM generate_series(1, 6) i))
         WHEN proretset THEN format('SELECT * FROM %I.%I(%s)', nspname, proname, pg_temp.arguments(:seed, signature, c, types))
         ELSE format('SELECT %I.%I(%s)', nspname, proname, pg_temp.arguments(:seed, signature, c, types))
       END AS statement
FROM target, generate_series(1, CASE WHEN cardinality(types) = 0 THEN 1 WHEN prokind = 'p' THEN 3 ELSE :calls END) c;

SELECT count(*) AS calls, count(DISTINCT signature) AS functions FROM call;

-- Procedures last: they commit.
SET statement_timeout = '1s';
\set ON_ERROR_STOP off
\o /dev/null
SELECT CASE WHEN prokind <> 'p' THEN 'BEGIN' END, statement, CASE WHEN prokind <> 'p' THEN 'ROLLBACK' END
FROM call
ORDER BY prokind = 'p', signature COLLATE "C", c
\gexec
