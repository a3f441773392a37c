# Nights as they are lived: generated CRM, the real worker, the real steps; then a quiet night, a mended deal, and the
# same deal broken again.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('night');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'salesops'
salesops.databases = 'sales'
CONF
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE sales');

sub sales { return $node->safe_psql('sales', $_[0]); }

# How a run ended. Whatever the server's default, this transaction sees what others commit.
sub await { return sales("BEGIN ISOLATION LEVEL READ COMMITTED; SELECT salesops.await_run($_[0], '$PostgreSQL::Test::Utils::timeout_default s')"); }

# The run of a day at 18:00 UTC through the worker; how it ended.
sub night
{
	my ($day) = @_;
	my $run = sales("SELECT salesops.request_run('nightly', '$day 18:00+00')");
	return await($run);
}

sub open_findings { return sales("SELECT count(*) FROM salesops.finding_status WHERE status <> 'resolved'"); }

sales('CREATE EXTENSION salesops');
my $planted = sales("SELECT sum(planted) FROM salesops.generate_crm(2000, 20, 7, '2026-06-15 18:00+00')");
sales("SELECT salesops.connect('crm', 'fivetran_salesforce', 'crm_demo')");

is(night('2026-06-15'), 'succeeded', 'the first night');
is(sales('SELECT string_agg(step, \' \' ORDER BY started_at) FROM salesops.run_step_log WHERE status = \'succeeded\''),
	'sync snapshot forecast audit accounts duplicates icp refresh backtest alert purge', 'every step of it');
cmp_ok($planted, '>', 50, 'defects were planted');
is(sales(<<'SQL'), 0, '... and found, each and no other');
SELECT count(*) FROM (
  (SELECT rule, object_id FROM salesops.finding WHERE object_kind = 'opportunity' EXCEPT ALL SELECT rule, object_id FROM crm_demo.planted_defect)
  UNION ALL
  (SELECT rule, object_id FROM crm_demo.planted_defect EXCEPT ALL SELECT rule, object_id FROM salesops.finding WHERE object_kind = 'opportunity')) d
SQL
cmp_ok(sales('SELECT count(*) FROM salesops_bi.forecast'), '>', 0, 'the forecast is published');
is(sales('SELECT count(*) FROM salesops_bi.open_pipeline'), sales(<<'SQL'), 'the open pipeline has every open deal of the source');
SELECT count(*) FROM crm_demo.opportunity WHERE _fivetran_active AND NOT is_deleted AND is_closed IS NOT TRUE
SQL

# One minute later nothing has changed, not even an age in days.
my $first = sales('SELECT count(*), max(first_seen_at) FROM salesops.finding');
my $run = sales("SELECT salesops.request_run('nightly', '2026-06-15 18:01+00')");
is(await($run), 'succeeded', 'a quiet night');
is(sales('SELECT count(*), max(first_seen_at) FROM salesops.finding'), $first, '... adds no finding and moves no first_seen');
is(sales("SELECT sum(rows_affected) FROM salesops.run_step_log WHERE run_id = $run AND step = 'sync'"), 0, '... and its sync writes nothing');

# One deal without an amount gets one, and loses it again.
my $deal = sales("SELECT min(object_id) FROM crm_demo.planted_defect WHERE rule = 'missing_amount'");
my $state = "SELECT status FROM salesops.finding_status WHERE rule = 'missing_amount' AND object_id = '$deal'";
is(sales($state), 'open', 'a deal without an amount');
sales("UPDATE crm_demo.opportunity SET amount = coalesce(list_amount_c, 1000), system_modstamp = '2026-06-16 09:00+00', last_modified_date = '2026-06-16 09:00+00' WHERE id = '$deal'");
is(night('2026-06-16'), 'succeeded', 'the next night');
is(sales($state), 'resolved', '... sees it mended');
sales("UPDATE crm_demo.opportunity SET amount = NULL, system_modstamp = '2026-06-17 09:00+00', last_modified_date = '2026-06-17 09:00+00' WHERE id = '$deal'");
is(night('2026-06-17'), 'succeeded', 'the night after');
is(sales($state), 'reopened', '... sees it broken again');
is(sales("SELECT count(*) FROM salesops.change_ledger WHERE opportunity_id = '$deal' AND field = 'amount' AND effective_at >= '2026-06-16 09:00+00'"), 2,
	'the ledger has both changes of the amount');
is(sales("SELECT count(*) FROM salesops.replay_snapshot('2026-06-15 18:00+00')"), 0, 'the first forecast can be recomputed');

$node->stop;
done_testing();
