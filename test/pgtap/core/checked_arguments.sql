-- What must be given and is not, or is out of its range, is said in words that name it, not by a constraint of some table.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL TimeZone = 'UTC';
SET LOCAL DateStyle = 'ISO, YMD';
SELECT plan(28);

CREATE SCHEMA source_of_maps;
SELECT salesops.connect('m', 'fivetran_salesforce', 'source_of_maps') \g /dev/null

SELECT throws_ok(c.call, c.state, c.message, c.call)
FROM (VALUES
  ('SELECT salesops.take_snapshot(NULL)',            '22023', 'as_of must be an instant, not NULL'),
  ('SELECT salesops.take_snapshot(''infinity'')',    '22023', 'as_of must be an instant, not infinity'),
  ('SELECT salesops.sync_all(NULL)',                 '22023', 'as_of must be an instant, not NULL'),
  ('SELECT salesops.sync_all(''-infinity'')',        '22023', 'as_of must be an instant, not -infinity'),
  ('SELECT salesops.take_snapshot(''2999-01-01'')',  '22023', 'as_of 2999-01-01 00:00:00+00 lies in the future'),
  ('SELECT salesops.refresh_marts(''2999-01-01'')',  '22023', 'as_of 2999-01-01 00:00:00+00 lies in the future'),
  ('SELECT salesops.refresh_marts(NULL)',            '22023', 'as_of must be an instant, not NULL'),
  ('SELECT salesops.check_as_of(NULL)',              '22023', 'as_of must be an instant, not NULL'),
  ('SELECT salesops.set_weight(NULL, ''Commit'', 1)',            '22004', 'name must not be NULL'),
  ('SELECT salesops.set_weight(''w'', NULL, 1)',                 '22004', 'category must not be NULL'),
  ('SELECT salesops.set_weight(''w'', ''Commit'', NULL)',        '22004', 'weight must not be NULL'),
  ('SELECT salesops.set_weight(''w'', ''Commit'', 1, NULL)',     '22004', 'valid_from must not be NULL'),
  ('SELECT salesops.set_weight(''w'', ''Commit'', 1.01)',        '22023', 'a weight set needs a name, and a weight is a share from 0 to 1'),
  ('SELECT salesops.set_weight(''w'', ''Commit'', -0.01)',       '22023', 'a weight set needs a name, and a weight is a share from 0 to 1'),
  ('SELECT salesops.set_weight(''w'', ''Commit'', ''NaN'')',     '22023', 'a weight set needs a name, and a weight is a share from 0 to 1'),
  ('SELECT salesops.set_weight('''', ''Commit'', 1)',            '22023', 'a weight set needs a name, and a weight is a share from 0 to 1'),
  ('SELECT salesops.map_category(''m'', NULL, ''Commit'')',      '22004', 'label must not be NULL'),
  ('SELECT salesops.map_category(''m'', ''In Plan'', NULL)',     '22004', 'category must not be NULL'),
  ('SELECT salesops.map_category(''m'', ''In Plan'', ''Commit'', NULL)', '22004', 'valid_from must not be NULL'),
  ('SELECT salesops.map_stage(''m'', NULL, ''won'')',            '22004', 'stage must not be NULL'),
  ('SELECT salesops.map_stage(''m'', ''s'', ''won'', NULL, NULL)', '22004', 'pipeline must not be NULL'),
  ('SELECT salesops.map_value(''m'', ''colour'', ''a'', ''b'')', '22023', 'labels of ''colour'' are not mapped'),
  ('SELECT salesops.map_value(''m'', NULL, ''a'', ''b'')',       '22023', 'labels of NULL are not mapped'),
  ('SELECT salesops.map_value(''m'', ''product'', NULL, ''b'')', '22004', 'label must not be NULL'),
  ('SELECT salesops.map_value(''m'', ''product'', ''a'', NULL)', '22004', 'value must not be NULL')) AS c (call, state, message);

SELECT lives_ok($$SELECT salesops.set_weight('w', 'Commit', 0), salesops.set_weight('w', 'Pipeline', 1)$$, 'the ends of the range are in it');
SELECT is((SELECT weight FROM salesops.weight_set WHERE name = 'w' AND category::text = 'Commit'), 0::numeric, '... and kept');
SELECT is_empty('SELECT * FROM salesops.generated_forecasting_quota(0, 7, now(), 1000)', 'without reps there are no quotas');
SELECT * FROM finish();
ROLLBACK;
