# The marts between sessions: a locked mart costs only itself, and readers are never blocked.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = PostgreSQL::Test::Cluster->new('marts');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE sales');

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

# --- dropping --------------------------------------------------------------------------------------------

my ($dropped, $ignored, $why) = $node->psql('sales', 'DROP EXTENSION salesops');
isnt($dropped, 0, 'the extension cannot be dropped from under the marts');
$node->safe_psql('sales', 'SELECT salesops.drop_marts(); DROP EXTENSION salesops');
is($node->safe_psql('sales', q{SELECT count(*) FROM pg_class WHERE relnamespace::regnamespace::text ~ '^salesops'}), '0',
	'after drop_marts() nothing stays');

$node->stop;
done_testing();
