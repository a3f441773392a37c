-- The audit against an oracle that was written independently, one plain query a rule over the source's own tables: what
-- the one finds the other finds, both ways, in two time zones; and every defect that was planted is found.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
BEGIN;
\ir ../../oracle/audit_rules.sql
SELECT plan(9);
\set as_of '2026-06-30 12:00:00+00'

SELECT count(*) FROM salesops.generate_crm(4000, 20, 7, :'as_of', 0.1, 'crm_oracle') \g /dev/null
SELECT salesops.connect('oracle', 'fivetran_salesforce', 'crm_oracle') \g /dev/null
SELECT is((SELECT count(*) FROM salesops.sync('oracle', :'as_of') s WHERE s.sqlstate IS NOT NULL), 0::bigint, 'the generated source syncs');

CREATE VIEW pg_temp.found AS
  SELECT e.rule, v.object_id FROM salesops.evaluate_rules(timestamptz '2026-06-30 12:00:00+00') e, unnest(e.violations) v
  WHERE e.object_kind = 'opportunity';

SELECT is_empty($$TABLE pg_temp.found EXCEPT ALL SELECT * FROM pg_temp.oracle_findings('crm_oracle', '2026-06-30 12:00:00+00')$$,
                'the oracle finds what the audit finds');
SELECT is_empty($$SELECT * FROM pg_temp.oracle_findings('crm_oracle', '2026-06-30 12:00:00+00') EXCEPT ALL TABLE pg_temp.found$$,
                'the audit finds what the oracle finds');
SELECT is_empty($$SELECT d.rule, d.object_id FROM crm_oracle.planted_defect d WHERE d.object_kind = 'opportunity' EXCEPT ALL TABLE pg_temp.found$$,
                'every planted defect is found');
SELECT cmp_ok((SELECT count(DISTINCT f.rule) FROM pg_temp.found f), '>=', 24::bigint, 'every rule that such a source can violate is violated');

-- The same findings whatever the physical order of the rows.
CREATE TEMP TABLE before AS
  SELECT e.rule, v.* FROM salesops.evaluate_rules(:'as_of') e, unnest(e.violations) v;
CREATE TEMP TABLE tally_before AS
  SELECT e.rule, t.* FROM salesops.evaluate_rules(:'as_of') e, unnest(e.tallies) t;
CREATE TEMP TABLE shuffled AS SELECT * FROM salesops.opportunity;
DELETE FROM salesops.opportunity;
INSERT INTO salesops.opportunity SELECT * FROM shuffled ORDER BY hashtext(id);
CREATE TEMP TABLE shuffled_role AS SELECT * FROM salesops.contact_role;
DELETE FROM salesops.contact_role;
INSERT INTO salesops.contact_role SELECT * FROM shuffled_role ORDER BY hashtext(id) DESC;
CREATE TEMP TABLE after AS
  SELECT e.rule, v.* FROM salesops.evaluate_rules(:'as_of') e, unnest(e.violations) v;
CREATE TEMP TABLE tally_after AS
  SELECT e.rule, t.* FROM salesops.evaluate_rules(:'as_of') e, unnest(e.tallies) t;
SELECT is_empty('(TABLE before EXCEPT ALL TABLE after) UNION ALL (TABLE after EXCEPT ALL TABLE before)',
                'the physical order of rows does not change the findings');
SELECT is_empty('(TABLE tally_before EXCEPT ALL TABLE tally_after) UNION ALL (TABLE tally_after EXCEPT ALL TABLE tally_before)',
                'nor the tallies');

-- The zone of the setting says on which date as_of and a creation fall.
SELECT salesops.set_setting('time_zone', 'Pacific/Auckland') \g /dev/null
SET LOCAL timezone = 'America/New_York';
SELECT is_empty($$SELECT rule, object_id FROM pg_temp.oracle_findings('crm_oracle', '2026-06-30 12:00:00+00', 'Pacific/Auckland')
                  WHERE rule <> 'not_confirmed' EXCEPT ALL TABLE pg_temp.found$$,
                'in another zone the audit finds what the oracle finds');
SELECT is_empty($$TABLE pg_temp.found EXCEPT ALL
                  SELECT rule, object_id FROM pg_temp.oracle_findings('crm_oracle', '2026-06-30 12:00:00+00', 'Pacific/Auckland')$$,
                'and the oracle what the audit finds');
SELECT * FROM finish();
ROLLBACK;
