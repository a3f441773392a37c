# A dump brings everything to another server: rows, settings, maps, rules, schedules, marts, and what users made. The night
# after the restore goes on as if nothing had been. What a dump would lose is named before.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $origin = PostgreSQL::Test::Cluster->new('origin');
$origin->init;
$origin->start;
$origin->safe_psql('postgres', 'CREATE DATABASE sales');

my $other = PostgreSQL::Test::Cluster->new('other');
$other->init;
$other->start;

# --- helpers ---------------------------------------------------------------------------------------------

# Rows of a query as a list.
sub list
{
	my ($node, $database, $query) = @_;
	return split /\n/, $node->safe_psql($database, $query);
}

# The tables of the extension whose rows a dump has.
my $dumped_tables = q{SELECT c.oid::regclass FROM pg_extension e, unnest(e.extconfig, e.extcondition) AS x(oid, condition)
	JOIN pg_class c ON c.oid = x.oid AND c.relkind = 'r' WHERE e.extname = 'salesops' AND x.condition <> 'WHERE false' ORDER BY 1};

# What a relation holds, whatever the order of its rows, without the columns that match a pattern: name => fingerprint.
sub contents
{
	my ($node, $database, $without, @relations) = @_;
	my $names = join(',', map { "'$_'" } @relations);
	# One query makes the query of every relation, and they go as one: a psql for each would take most of this test's time.
	my $queries = $node->safe_psql($database, qq{SELECT string_agg(format(
			\$\$SELECT '%s ' || count(*) || ' ' || coalesce(md5(string_agg(r::text, '|' ORDER BY r::text)), '') FROM (SELECT %s FROM %1\$s) r\$\$,
			a.relation, a.columns), ' UNION ALL ')
		FROM (SELECT attrelid::regclass AS relation, string_agg(quote_ident(attname), ', ' ORDER BY attname) AS columns FROM pg_attribute
			WHERE attrelid = ANY (ARRAY[$names]::regclass[]) AND attnum > 0 AND NOT attisdropped AND attname !~ '$without' GROUP BY attrelid) a});
	return { map { split / /, $_, 2 } list($node, $database, $queries) };
}

my $no_column = '^$';

sub dump_and_restore
{
	my ($database, $restored) = @_;
	my $dump = $origin->basedir . "/$database.dump";
	$origin->command_ok([ 'pg_dump', '--format=custom', "--file=$dump", $database ], "pg_dump of $database");
	$other->safe_psql('postgres', "CREATE DATABASE $restored");
	return $other->run_log([ 'pg_restore', '--exit-on-error', "--dbname=$restored", '--host=' . $other->host, '--port=' . $other->port, $dump ]);
}

# --- a database in use -----------------------------------------------------------------------------------

foreach my $node ($origin, $other)
{
	$node->safe_psql('postgres', $_) foreach ('CREATE ROLE analyst', 'CREATE ROLE bi');
}
$origin->safe_psql('sales', $_) foreach (
	'CREATE EXTENSION salesops',
	q{SELECT salesops.generate_crm(1000, 20, 11, '2026-06-15 18:00+00', schema_name => 'crm')},
	q{SELECT salesops.connect('crm', 'fivetran_salesforce', 'crm')},
	q{SELECT salesops.set_setting('fiscal_year_start_month', '2')},
	q{SELECT salesops.map_stage('crm', 'Discovery Call', 'open', 'Pipeline')},
	q{SELECT salesops.map_category('crm', 'Sure Thing', 'Commit')},
	q{SELECT salesops.map_value('crm', 'industry', 'Fin Serv', 'Finance')},
	q{SELECT salesops.set_weight('default', 'Commit', 0.88)},
	q{SELECT salesops.add_rule('deal_without_account', 'account_id IS NULL', 'error', 'A deal is somebody''s')},
	q{SELECT salesops.change_rule('missing_amount', severity => 'info')},
	q{SELECT salesops.disable_rule('vague_next_step')},
	q{SELECT salesops.set_schedule('nightly', '03:30', 'Asia/Kolkata', catch_up => '3 hours')},
	q{CALL salesops.run_nightly('2026-06-15 18:00+00')},
	q{UPDATE crm.opportunity SET amount = amount * 2, system_modstamp = '2026-06-16 09:00', last_modified_date = '2026-06-16 09:00'
	  WHERE id IN (SELECT id FROM crm.opportunity WHERE NOT is_closed AND amount > 0 ORDER BY id LIMIT 20)},
	q{SELECT salesops.set_forecast_deadline(4, '16:00', valid_from => '2026-06-01')},
	q{CALL salesops.run_nightly('2026-06-16 18:00+00')},
	q{SELECT salesops.set_plan(salesops.current_quarter('2026-06-16'), 'company', 5000000, '2026-06-16')},
	(map { qq{SELECT salesops.$_ FROM salesops.rep WHERE source_key = 'crm' AND is_active} } (
		q{submit_forecast('crm', min(id), salesops.current_quarter('2026-06-16'), 'Commit', 1000.50, 'as agreed', submitted_at => '2026-06-16 12:00+00')},
		q{adjust_forecast('crm', min(id), salesops.current_quarter('2026-06-16'), 'Commit', 900, 'one deal waits', adjusted_at => '2026-06-16 12:00+00')})),
	# What is exact to the last unit is out of reach, which is a finding.
	q{SELECT salesops.plan_territories('SELECT * FROM salesops.generate_territory_accounts(200, 4, 1, ''2026-06-30'')', 'SELECT * FROM salesops.generate_territories(200, 4, 1)',
	  '{"as_of": "2026-06-30", "name": "ours", "tolerance": 0, "most_moves": 1, "effort": 0}')},
	q{SELECT salesops.copy_territory_plan(1, '{"name": "theirs", "most_moves": null, "effort": 0}')},
	(map { "SELECT salesops.$_\_territory_plan(1)" } qw(propose approve publish)),
	# What users made around it.
	'GRANT USAGE ON SCHEMA salesops TO analyst',
	'GRANT SELECT ON salesops.opportunity, salesops.run_status TO analyst',
	'REVOKE EXECUTE ON FUNCTION salesops.generate_crm FROM PUBLIC',
	'GRANT USAGE ON SCHEMA salesops_bi TO bi',
	'GRANT SELECT ON salesops_bi.forecast TO bi',
	'CREATE INDEX forecast_by_team ON salesops_bi.forecast_mat (team)',
	q{COMMENT ON VIEW salesops_bi.forecast IS 'our own words'},
	'CREATE VIEW public.big_deal AS SELECT id, amount FROM salesops.opportunity WHERE amount > 100000',
	q{CREATE TABLE public.target (quarter salesops.fiscal_period PRIMARY KEY, category salesops.forecast_category, score salesops.account_score, totals salesops.forecast_totals)},
	q{INSERT INTO public.target SELECT 'FY2027-Q1', 'Commit', salesops.score_account(300, 'Retail', NULL, 1, 60), salesops.forecast_rollup('Commit', 12.50)});
is($origin->safe_psql('sales', q{SELECT count(*) FROM salesops.run_step_log WHERE status <> 'succeeded'}), 0, 'its nights went well');
is($origin->safe_psql('sales', 'SELECT * FROM salesops.dump_losses()'), '', 'a dump would lose nothing');

# --- dump and restore ------------------------------------------------------------------------------------

ok(dump_and_restore('sales', 'sales'), 'pg_restore');

my @tables = list($origin, 'sales', $dumped_tables);
cmp_ok(@tables, '>', 30, 'there are tables to compare');
is_deeply([ list($other, 'sales', $dumped_tables) ], \@tables, 'the same tables are there');
my $tables_then = contents($origin, 'sales', $no_column, @tables);
foreach my $table (qw(opportunity opportunity_history finding forecast_snapshot stage_map category_map value_map setting weight_set
	audit_rule schedule source run_step_log publication mart_refresh forecast_submission forecast_adjustment forecast_deadline forecast_plan
	fitted_model fitted_new_business fitted_price_realization fitted_risk current_forecast current_deal_forecast current_owner_forecast
	territory_plan territory_plan_territory territory_plan_class territory_plan_account territory_plan_finding territory_decision territory_publication territory_assignment))
{
	unlike($tables_then->{"salesops.$table"}, qr/^0 /, "$table has rows");
}
is_deeply(contents($other, 'sales', $no_column, @tables), $tables_then, 'every table is equal, row by row');

my $sequences = q{SELECT schemaname || '.' || sequencename || ' ' || coalesce(last_value, 0) FROM pg_sequences WHERE schemaname = 'salesops' ORDER BY 1};
is_deeply([ list($other, 'sales', $sequences) ], [ list($origin, 'sales', $sequences) ], 'every sequence goes on where it was');

# run_health could not see the refresh that it was part of; a restore sees it.
my @marts = grep { !/run_health/ } list($origin, 'sales', q{SELECT 'salesops_bi.' || mart FROM salesops.marts() ORDER BY 1});
my $marts_then = contents($origin, 'sales', $no_column, @marts);
is_deeply(contents($other, 'sales', $no_column, @marts), $marts_then, 'every mart is equal, row by row');
is_deeply(contents($other, 'sales', $no_column, 'public.target'), contents($origin, 'sales', $no_column, 'public.target'),
	'so is a user\'s table with our types');

# Names and rights. The order of grants in an ACL is that in which they were made.
my $rights = q{SELECT n.nspname || '.' || o.name || ' ' || array_to_string(ARRAY(SELECT a::text FROM unnest(o.acl) a ORDER BY 1), ',')
	FROM (SELECT relnamespace AS namespace, relname::text AS name, relacl AS acl FROM pg_class WHERE relkind NOT IN ('t', 'i')
	      UNION ALL SELECT pronamespace, proname || '(' || pg_get_function_identity_arguments(oid) || ')', proacl FROM pg_proc
	      UNION ALL SELECT oid, nspname, nspacl FROM pg_namespace) o
	JOIN pg_namespace n ON n.oid = o.namespace WHERE n.nspname ~ '^salesops|^public' ORDER BY 1};
is_deeply([ list($other, 'sales', $rights) ], [ list($origin, 'sales', $rights) ], 'every object is there with its rights');
foreach my $check (
	[ q{SELECT pg_get_indexdef('salesops_bi.forecast_by_team'::regclass)}, 'a user\'s index on a mart' ],
	[ q{SELECT obj_description('salesops_bi.forecast'::regclass)}, 'a user\'s comment on a mart' ],
	[ q{SELECT count(*) FROM public.big_deal}, 'a user\'s view' ],
	[ q{SELECT salesops.next_due('nightly', '2026-06-17')}, 'when the next run is due' ],
	[ q{SELECT string_agg(d::text, '|') FROM salesops.dump_losses() d}, 'what the next dump would lose (nothing)' ],
	[ q{SELECT string_agg(f::text, '|') FROM unnest(ARRAY['2026-06-16 18:00+00', '2026-06-16 19:00+00']::timestamptz[]) t
		CROSS JOIN LATERAL salesops.forecast(salesops.period_after(t), 'company', t) f}, 'the forecast, kept or computed,' ],
	[ q{SELECT count(*) FROM salesops.replay_snapshot('2026-06-15 18:00+00')}, 'a replay of what was published' ],
	[ q{SELECT string_agg(v::text, '|') FROM salesops.territory_plan p, salesops.verify_territory_plan(p.plan_id) v}, 'what is verified of territory plans' ],
	[ q{SELECT string_agg(a::text, '|') FROM salesops.territory_assignments(now(), now()) a}, 'who has which account' ])
{
	my ($query, $what) = @$check;
	is($other->safe_psql('sales', $query), $origin->safe_psql('sales', $query), "$what is the same");
}

# --- the nights after ------------------------------------------------------------------------------------

is($other->safe_psql('sales', 'SELECT salesops.install_marts()'), 0, 'the restored marts need no installing');

# A minute later nothing has changed: no history, no finding, no mart row but for the instant they are of.
my @facts = grep { /_history$|^salesops\.(finding|account|rep|product|opportunity|activity|contact_role|lead|quota|currency_rate)$/ } @tables;
my $quiet = 'CALL salesops.run_nightly(\'2026-06-16 18:01+00\')';
$other->safe_psql('sales', $quiet);
is($other->safe_psql('sales', q{SELECT string_agg(step || ' ' || status, ', ') FROM salesops.run_step_log WHERE status <> 'succeeded'}), '',
	'the night after the restore goes well');
is_deeply(contents($other, 'sales', $no_column, @facts), contents($origin, 'sales', $no_column, @facts), '... writes no fact anew');
is($other->safe_psql('sales', q{SELECT count(*) FROM salesops.mart_status WHERE method <> 'concurrently' OR sqlstate IS NOT NULL}), 0,
	'... refreshes the marts concurrently');
my $instant = '^(as_of|as_of_date|refreshed_at|from_at|to_at)$';
is_deeply(contents($other, 'sales', $instant, @marts), contents($origin, 'sales', $instant, @marts), '... and publishes the same');

# A day later both servers make the same of the same news.
my $wall_clock = '^(started_at|finished_at|set_at|synced_at|audited_at|published_at|refreshed_at|taken_at|fitted_at)$';
my @outcome = grep { !/\.run_/ } @tables;
$origin->safe_psql('sales', $quiet);
foreach my $node ($origin, $other)
{
	$node->safe_psql('sales', q{UPDATE crm.opportunity SET next_step = 'Call the CFO', system_modstamp = '2026-06-17 09:00', last_modified_date = '2026-06-17 09:00'
		WHERE id IN (SELECT id FROM crm.opportunity WHERE NOT is_closed ORDER BY id DESC LIMIT 20)});
	$node->safe_psql('sales', q{CALL salesops.run_nightly('2026-06-17 18:00+00')});
}
isnt(contents($origin, 'sales', $no_column, 'salesops.opportunity_history')->{'salesops.opportunity_history'},
	$tables_then->{'salesops.opportunity_history'}, 'the next day brings news');
is_deeply(contents($other, 'sales', $wall_clock, @outcome), contents($origin, 'sales', $wall_clock, @outcome),
	'... of which the restored server makes what the first one makes');
is_deeply(contents($other, 'sales', $wall_clock, @marts), contents($origin, 'sales', $wall_clock, @marts), '... in the marts too');

# --- what a dump would lose ------------------------------------------------------------------------------

# Each is announced, and is really gone after the restore.
my @lost = (
	[ 'constraint|account|name_given', q{ALTER TABLE salesops.account ADD CONSTRAINT name_given CHECK (name <> '') NOT VALID} ],
	[ 'index|account|account_by_name', 'CREATE INDEX account_by_name ON salesops.account (name)' ],
	[ 'owner|lead|analyst', 'ALTER TABLE salesops.lead OWNER TO analyst' ],
	[ 'policy|account|own', 'CREATE POLICY own ON salesops.account USING (owner_id = current_user)' ],
	[ 'publication|account|news', 'CREATE PUBLICATION news FOR TABLE salesops.account' ],
	[ 'replica identity|rep|f', 'ALTER TABLE salesops.rep REPLICA IDENTITY FULL' ],
	[ 'row security|account|enabled', 'ALTER TABLE salesops.account ENABLE ROW LEVEL SECURITY' ],
	[ 'rule|login|quiet', 'CREATE RULE quiet AS ON DELETE TO salesops.login DO INSTEAD NOTHING' ],
	[ 'statistics|account|industry_segment', 'CREATE STATISTICS public.industry_segment ON industry, segment FROM salesops.account' ],
	[ 'statistics target|account|name', 'ALTER TABLE salesops.account ALTER name SET STATISTICS 500' ],
	[ 'storage parameter|activity|fillfactor=80', 'ALTER TABLE salesops.activity SET (fillfactor = 80)' ],
	[ 'trigger|quota|watch', q{CREATE TRIGGER watch BEFORE INSERT ON salesops.quota FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()} ]);
# From PostgreSQL 18 on a publication keeps its tables.
@lost = grep { $_->[0] !~ /^publication/ } @lost if $origin->safe_psql('postgres', 'SHOW server_version_num') >= 180000;
# And these are neither announced nor lost.
my @kept = (
	[ 'GRANT SELECT ON salesops.account TO bi', q{SELECT has_table_privilege('bi', 'salesops.account', 'SELECT')} ],
	[ 'CREATE TABLE salesops.our_own (id text)', q{SELECT to_regclass('salesops.our_own') IS NOT NULL} ],
	[ 'CREATE VIEW public.names AS SELECT id, name FROM salesops.account', q{SELECT to_regclass('public.names') IS NOT NULL} ],
	[ 'CREATE TABLE public.pet (source_key text, id text, FOREIGN KEY (source_key, id) REFERENCES salesops.account (source_key, id))',
		q{SELECT count(*) = 1 FROM pg_constraint WHERE conrelid = 'public.pet'::regclass AND contype = 'f'} ]);

$origin->safe_psql('postgres', 'CREATE DATABASE changed');
$origin->safe_psql('changed', 'CREATE EXTENSION salesops');
$origin->safe_psql('changed', $_->[1]) foreach @lost;
$origin->safe_psql('changed', $_->[0]) foreach @kept;
my $losses = q{SELECT concat_ws('|', kind, relation, name) COLLATE "C" FROM salesops.dump_losses() ORDER BY 1};
is_deeply([ list($origin, 'changed', $losses) ], [ sort map { $_->[0] } @lost ], 'what a dump would lose is named, and nothing else');
ok(dump_and_restore('changed', 'changed'), 'the rest restores');
is_deeply([ list($other, 'changed', $losses) ], [], 'what was named is gone');
is($other->safe_psql('changed', $_->[1]), 't', "kept: $_->[0]") foreach @kept;

# A column of a user's is more than lost: the rows do not load.
$origin->safe_psql('postgres', 'CREATE DATABASE wider');
$origin->safe_psql('wider', $_) foreach ('CREATE EXTENSION salesops', 'ALTER TABLE salesops.setting ADD COLUMN reason text',
	q{SELECT salesops.set_setting('corporate_currency', 'EUR')});
is_deeply([ list($origin, 'wider', $losses) ], ['column|setting|reason'], 'a column more is named');
ok(!dump_and_restore('wider', 'wider'), '... and breaks the restore');

# A table that somebody put into the extension.
$origin->safe_psql('wider', $_) foreach ('ALTER TABLE salesops.setting DROP COLUMN reason', 'CREATE TABLE public.notes (note text)',
	'ALTER EXTENSION salesops ADD TABLE public.notes');
is_deeply([ list($origin, 'wider', $losses) ], [ 'column|notes|note', 'rows|notes' ], 'a table in the extension whose rows no dump has is named');

$origin->stop;
$other->stop;
done_testing();
