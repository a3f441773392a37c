-- Scopes: who is in which, as-was, as-is and proposed, by hand.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SELECT plan(14);

CREATE FUNCTION pg_temp.rep(id text, manager text, region text, since timestamptz DEFAULT '2026-01-01') RETURNS void LANGUAGE sql AS $$
  INSERT INTO salesops.rep (source_key, id, name, manager_id, region, is_deleted, effective_at, recorded_at, origin)
  VALUES ('s', id, initcap(id), manager, region, false, since, since, 'sync')
$$;
SELECT connect('s', 'generic', 'public', '{"entities": {"opportunity": {"relation": "deals", "columns": {"id": "id"}}}}');
-- Ann leads bob and cat, bob leads dan. Eve reports to nobody and has no region.
SELECT pg_temp.rep('ann', NULL, 'North'), pg_temp.rep('bob', 'ann', 'North'), pg_temp.rep('cat', 'ann', 'South'),
       pg_temp.rep('dan', 'bob', 'South'), pg_temp.rep('eve', NULL, NULL);

CREATE FUNCTION pg_temp.members(scope text, as_of timestamptz, moves salesops.reporting_line[] DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(coalesce(s.owner_id, '-'), ' ' ORDER BY s.owner_id) FROM salesops.forecast_scopes($2, NULL, $3) s WHERE s.scope = $1
$$;
SELECT is(pg_temp.members('company', '2026-06-01'), 'ann bob cat dan eve -', 'everybody is in the company, and whoever is no rep');
SELECT is(pg_temp.members('team:s/ann', '2026-06-01'), 'ann bob cat dan', 'a team is its manager with everybody below');
SELECT is(pg_temp.members('team:s/bob', '2026-06-01'), 'bob dan', 'and so is a team in it');
SELECT is(pg_temp.members('team:s/cat', '2026-06-01'), NULL, 'who leads nobody has no team');
SELECT is(pg_temp.members('region:South', '2026-06-01'), 'cat dan', 'regions cut across teams');
SELECT is(pg_temp.members('region:(none)', '2026-06-01'), 'eve', 'who has no region is in one of that name');
SELECT is(pg_temp.members('owner:(no rep)', '2026-06-01'), '-', 'deals of nobody have a scope of their own');
SELECT is(pg_temp.members('company', '2025-06-01'), '-', 'before the first rep there is the company all the same');

-- As-is: in July dan moved to cat.
INSERT INTO rep_history SELECT * FROM rep WHERE id = 'dan';
UPDATE rep SET manager_id = 'cat', effective_at = '2026-07-01', recorded_at = '2026-07-01' WHERE id = 'dan';
SELECT is(pg_temp.members('team:s/bob', '2026-06-01') || ' | ' || pg_temp.members('team:s/ann', '2026-06-01'), 'bob dan | ann bob cat dan',
          'the tree of an instant stays what it was');
SELECT is(pg_temp.members('team:s/cat', '2026-07-02') || ' | ' || pg_temp.members('team:s/ann', '2026-07-02'), 'cat dan | ann bob cat dan',
          'a later instant has the later tree');
SELECT is(pg_temp.members('team:s/eve', '2026-06-01', ARRAY[('s', 'bob', 'eve')]::salesops.reporting_line[]), 'bob dan eve',
          'a proposed move takes everybody below along');

SELECT is(find_scope('North', '2026-06-01') || ' ' || find_scope('Bob', '2026-06-01', NULL, ARRAY[('s', 'dan', 'ann')]::salesops.reporting_line[]),
          'region:North owner:s/bob', 'a label names its scope');
SELECT throws_ok($$SELECT find_scope('Ann', '2026-06-01')$$, '42P08', '''Ann'' is the name of several scopes', 'unless several have it');
SELECT throws_ok($$SELECT find_scope('West', '2026-06-01')$$, '42704', 'unknown scope ''West''', 'or none');
SELECT * FROM finish();
ROLLBACK;
