-- The manager tree as it was, as it is, and as proposed: hierarchy() and the moves it refuses.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SELECT plan(13);

-- Ann leads Bob and Cid, Bob leads Dan. Since March Cid reports to Bob. Xen and Yve report to each other, Zoe to a name without a row.
CREATE FUNCTION pg_temp.rep(id text, manager text, source text DEFAULT 's') RETURNS void LANGUAGE sql AS $$
  INSERT INTO salesops.rep (source_key, id, manager_id, is_deleted, effective_at, recorded_at, origin)
  VALUES (source, id, manager, false, '2026-01-01', '2026-01-01', 'sync')
$$;
SELECT pg_temp.rep('ann', NULL), pg_temp.rep('bob', 'ann'), pg_temp.rep('cid', 'ann'), pg_temp.rep('dan', 'bob'),
       pg_temp.rep('xen', 'yve'), pg_temp.rep('yve', 'xen'), pg_temp.rep('zoe', 'Greta Unlisted'), pg_temp.rep('bob', NULL, 'other') \g /dev/null
INSERT INTO salesops.rep_history SELECT * FROM salesops.rep WHERE id = 'cid';
UPDATE salesops.rep SET manager_id = 'bob', effective_at = '2026-03-01', recorded_at = '2026-03-01' WHERE id = 'cid';

CREATE FUNCTION pg_temp.paths(as_of timestamptz, moves salesops.reporting_line[] DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(array_to_string(h.path, '>'), ' ' ORDER BY h.path) FROM salesops.hierarchy(as_of, NULL, moves) h WHERE h.source_key = 's'
$$;
SELECT is(pg_temp.paths('2026-02-01'), 'ann ann>bob ann>bob>dan ann>cid xen yve zoe', 'as it was');
SELECT is(pg_temp.paths('2026-04-01'), 'ann ann>bob ann>bob>cid ann>bob>dan xen yve zoe', 'as it is');
SELECT bag_eq($$SELECT * FROM hierarchy('2026-04-01')$$, $$SELECT * FROM rep_tree('2026-04-01')$$, 'without moves it is rep_tree()');
SELECT is_empty($$SELECT * FROM hierarchy('2025-01-01')$$, 'before anybody there is no tree');
SELECT is(pg_temp.paths('2026-04-01', ARRAY[('s', 'bob', 'zoe')]::salesops.reporting_line[]),
          'ann xen yve zoe zoe>bob zoe>bob>cid zoe>bob>dan', 'a proposed move takes everybody below along');
SELECT is(pg_temp.paths('2026-04-01', ARRAY[('s', 'ann', 'dan'), ('s', 'bob', NULL)]::salesops.reporting_line[]),
          'bob bob>cid bob>dan bob>dan>ann xen yve zoe', 'two moves turn a line upside down; one goes to the top');
SELECT is(pg_temp.paths('2026-04-01', ARRAY[('s', 'xen', 'ann')]::salesops.reporting_line[]),
          'ann ann>bob ann>bob>cid ann>bob>dan ann>xen ann>xen>yve zoe', 'a move mends a circle of the CRM');
SELECT results_eq($$SELECT path FROM hierarchy('2026-04-01', NULL, ARRAY[('s', 'bob', 'zoe')]::salesops.reporting_line[]) WHERE source_key = 'other'$$,
                  $$VALUES ('{bob}'::text[])$$, 'the same id in another source is somebody else');
SELECT is(pg_temp.paths('2026-04-01', '{}'), pg_temp.paths('2026-04-01'), 'no moves move nobody');

SELECT throws_ok($$SELECT * FROM hierarchy('2026-04-01', NULL, ARRAY[('s', 'ann', 'cid')]::salesops.reporting_line[])$$, '22023',
                 $m$proposed moves close a circle: rep 'ann' of source 's' would be above himself$m$, 'a proposed circle is refused');
SELECT throws_ok($$SELECT * FROM hierarchy('2026-04-01', NULL, ARRAY[('s', 'dan', 'ann'), ('s', 'dan', 'cid')]::salesops.reporting_line[])$$, '22023',
                 NULL, 'so is moving somebody twice');
SELECT throws_ok($$SELECT * FROM hierarchy('2026-04-01', NULL, ARRAY[('s', 'dan', 'eve')]::salesops.reporting_line[])$$, '42704',
                 $m$proposed move names an unknown rep: 'eve'$m$, 'an unknown manager');
SELECT throws_ok($$SELECT * FROM hierarchy('2026-04-01', NULL, ARRAY[(NULL, NULL, NULL)]::salesops.reporting_line[])$$, '42704', NULL, 'and nobody at all');

SELECT * FROM finish();
ROLLBACK;
