# The marts between sessions and between servers: a locked mart costs only itself, readers are never blocked, and a dump
# brings rows, user indexes, grants and comments to the restored database.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = PostgreSQL::Test::Cluster->new('marts');
$node->init;
$node->start;
$node->safe_psql('postgres', $_) foreach ('CREATE DATABASE sales', 'CREATE DATABASE restored', 'CREATE ROLE reader');

sub sales { return $node->safe_psql('sales', $_[0]); }

sales('CREATE EXTENSION salesops');
sales(q{SELECT salesops.generate_crm(2000, 20, 42, '2026-11-21', schema_name => 'crm')});
sales(q{SELECT salesops.connect('crm', 'fivetran_salesforce', 'crm')});
sales($_) foreach (
	q{SELECT salesops.sync_all('2026-11-21')},
	q{SELECT salesops.take_snapshot('2026-11-21')},
	q{SELECT salesops.audit(1, '2026-11-21')},
	q{SELECT salesops.refresh_marts('2026-11-21')});
cmp_ok(sales('SELECT count(*) FROM salesops_bi.open_pipeline'), '>', 100, 'a generated CRM is published');

# --- locks -----------------------------------------------------------------------------------------------

# A reader holds its lock for as long as it likes: a concurrent refresh neither waits for it nor disturbs it.
my $reader = $node->background_psql('sales');
$reader->query_safe('BEGIN; SELECT count(*) FROM salesops_bi.forecast');
sales(q{SELECT salesops.refresh_marts('2026-11-22')});
is(sales(q{SELECT string_agg(mart, ' ') FROM salesops.mart_status WHERE sqlstate IS NOT NULL OR as_of <> '2026-11-22'}),
	'', 'an open reader blocks no refresh');
$reader->query_safe('COMMIT');

# Somebody builds an index on a mart and does not commit.
$reader->query_safe('BEGIN; CREATE INDEX unfinished ON salesops_bi.forecast_mat (manager)');
my $began = time;
my ($result, $out, $err) = $node->psql('sales', q{SELECT salesops.refresh_marts('2026-11-23', '1 second')});
is($result, 0, 'a locked mart does not fail the refresh');
cmp_ok(time - $began, '<', 20, 'nor hold it up for longer than lock_wait');
like($err, qr/WARNING:  mart "forecast" was not refreshed and keeps its last rows: canceling statement due to lock timeout/,
	'it is named in a warning');
$reader->query_safe('ROLLBACK');
is(sales(q{SELECT string_agg(mart || ' ' || sqlstate, ',') FROM salesops.mart_status WHERE sqlstate IS NOT NULL}),
	'forecast 55P03', 'and in the log');
is(sales('SELECT DISTINCT as_of_date FROM salesops_bi.forecast'), '2026-11-22', 'it keeps its last good rows');
is(sales('SELECT DISTINCT as_of_date FROM salesops_bi.forecast_attainment'), '2026-11-23', 'the others went on');
$reader->quit;
sales(q{SELECT salesops.refresh_marts('2026-11-23')});

# --- dump and restore ------------------------------------------------------------------------------------

sales($_) foreach (
	'CREATE INDEX by_team ON salesops_bi.forecast_mat (team)',
	'GRANT USAGE ON SCHEMA salesops_bi TO reader',
	'GRANT SELECT ON salesops_bi.forecast TO reader',
	q{COMMENT ON VIEW salesops_bi.forecast IS 'our own words'});

my $dump = $node->basedir . '/sales.dump';
$node->command_ok([ 'pg_dump', '--format=custom', "--file=$dump", 'sales' ], 'pg_dump');
$node->command_ok([ 'pg_restore', '--exit-on-error', '--dbname=restored', $dump ], 'pg_restore');

foreach my $mart (split /\n/, sales('SELECT mart FROM salesops.marts() ORDER BY 1'))
{
	my $fingerprint = qq{SELECT count(*) || ' ' || coalesce(md5(string_agg(m::text, '|' ORDER BY m::text)), '') FROM salesops_bi.$mart m};

	# The last refresh of run_health could not see itself; a restore sees it.
	$fingerprint .= q{ WHERE (m.run_health_key::jsonb ->> 1)::bigint < (SELECT max(publication_id) FROM salesops.publication)}
	  if $mart eq 'run_health';
	my $expected = sales($fingerprint);
	cmp_ok($expected, 'ne', '0 ', "$mart has rows");
	is($node->safe_psql('restored', $fingerprint), $expected, "restored $mart is the same to the last byte");
}
foreach my $check (
	[ q{SELECT count(*), count(DISTINCT as_of) FROM salesops.forecast_snapshot}, 'snapshots' ],
	[ q{SELECT count(*), max(as_of) FROM salesops.publication}, 'publications' ],
	[ q{SELECT to_regclass('salesops_bi.by_team') IS NOT NULL}, 'a user\'s index' ],
	[ q{SELECT has_table_privilege('reader', 'salesops_bi.forecast', 'SELECT')}, 'a grant' ],
	[ q{SELECT obj_description('salesops_bi.forecast'::regclass)}, 'a user\'s comment' ],
	[ q{SELECT count(*) FROM salesops.replay_snapshot('2026-11-21')}, 'a replay' ])
{
	my ($query, $what) = @$check;
	is($node->safe_psql('restored', $query), sales($query), "$what survives");
}
is($node->safe_psql('restored', 'SELECT salesops.install_marts()'), '0', 'the restored marts need no installing');
is($node->safe_psql('restored', q{SELECT salesops.refresh_marts('2026-11-24') > 0}), 't', 'and refresh');
is($node->safe_psql('restored', q{SELECT count(*) FROM salesops.mart_status WHERE method <> 'concurrently' OR sqlstate IS NOT NULL}),
	'0', 'concurrently');

# --- dropping --------------------------------------------------------------------------------------------

my ($dropped, $ignored, $why) = $node->psql('restored', 'DROP EXTENSION salesops');
isnt($dropped, 0, 'the extension cannot be dropped from under the marts');
$node->safe_psql('restored', 'SELECT salesops.drop_marts(); DROP EXTENSION salesops');
is($node->safe_psql('restored', q{SELECT count(*) FROM pg_class WHERE relnamespace::regnamespace::text ~ '^salesops'}), '0',
	'after drop_marts() nothing stays');

$node->stop;
done_testing();
