# A standby runs nothing, whatever its clock says, and takes over when it is promoted: with the worker preloaded, and with one
# that was called there before.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../helper";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Rehearsal;
use Test::More;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'salesops'
salesops.databases = 'sales'
CONF
$primary->start;
make_database($primary, 'sales');
$primary->backup('copy');

# A standby whose clock is half an hour ahead, so that it would be the first to find a job due.
sub standby
{
	my ($name, $settings) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init_from_backup($primary, 'copy', has_streaming => 1);
	$node->append_conf('postgresql.conf', "salesops.clock_offset = '30min'\n$settings");
	$node->start;
	return $node;
}
my $preloaded = standby('preloaded', '');
my $plain = standby('plain', "shared_preload_libraries = ''");

my ($code, $out, $err) = $plain->psql('sales', 'SELECT salesops.start_worker()');
like($err, qr/NOTICE:  the salesops background worker starts when this standby is promoted/, 'called on a standby, the worker waits');
is($out, '', '... and has no process yet');

# Due for the primary now; for both standbys it has been since half an hour.
schedule_soon($primary, 'sales');
wait_until($primary, 'sales', "EXISTS (SELECT FROM salesops.run_log WHERE started_by = 'schedule' AND status = 'succeeded')", 'the primary runs');
for my $standby ($preloaded, $plain)
{
	$primary->wait_for_catchup($standby);
	is(launcher_of($standby), '', $standby->name . ' has no launcher');
	is($standby->safe_psql('sales', "SELECT string_agg(run_id || status, ' ') FROM salesops.run_log"), '1succeeded',
		'... and the runs that it knows are those of the primary');
}

# The primary is lost in the middle of a run.
rehearse($primary, 'sales', audit => 'SELECT pg_sleep(60)');
my $lost = request($primary, 'sales');
wait_for_step($primary);
$primary->wait_for_catchup($_) for $preloaded, $plain;
$primary->stop('immediate');

for my $standby ($preloaded, $plain)
{
	my $name = $standby->name;
	$standby->promote;
	wait_until($standby, 'postgres', "EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'salesops launcher')", 'the launcher');
	rehearse($standby, 'sales');
	is(run_once($standby, 'sales'), 'succeeded', "$name takes over when it is promoted");
	is($standby->safe_psql('sales', "SELECT status FROM salesops.run_log WHERE run_id = $lost"), 'abandoned',
		'... and knows what became of the run under way');
	is($standby->safe_psql('sales', "SELECT count(*) FROM salesops.run_log WHERE started_by = 'schedule'"), '1',
		'... the job of the day has run and does not run again, although this clock is ahead');

	# The clock goes back to the right time, then a day passes.
	set_clock($standby, 0);
	$standby->wait_for_log(qr/the clock was set back by \d+ seconds/);
	wait_until($standby, 'postgres', "NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'salesops runner')", 'the worker is idle');
	is($standby->safe_psql('sales', "SELECT count(*) FROM salesops.run_log WHERE started_by = 'schedule'"), '1', '... nor when it is set right');
	set_clock($standby, 86400);
	wait_until($standby, 'sales', "count(*) = 2 FROM salesops.run_log WHERE started_by = 'schedule' AND status = 'succeeded'", 'the next day runs');
	is(count_in_log($standby, qr/PANIC|TRAP|XX000/), 0, '... and the next day it runs, on the new primary');
	$standby->stop;
}
done_testing();
