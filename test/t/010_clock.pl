# The clock is set: days pass without waiting for them, and a clock that is set back costs no run and repeats none.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../helper";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Rehearsal;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('clock');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'salesops'
salesops.databases = 'sales'
CONF
$node->start;
make_database($node, 'sales');

sub sales { return $node->safe_psql('sales', $_[0]); }

use constant DAY => 86400;

# --- what sessions see -----------------------------------------------------------------------------------

set_clock($node, -400 * DAY);
is(sales("SELECT salesops.clock() - clock_timestamp() BETWEEN '-400 days -1 minute' AND '-399 days 23:59'"), 't', 'the clock is set back');
my ($code, $out, $err) = $node->psql('sales', "SELECT salesops.check_as_of(now())");
like($err, qr/lies in the future/, 'what is now by the wall is the future by the clock');
set_clock($node, 3 * DAY);
is(sales("SELECT salesops.check_as_of(now() + '3 days')"), '', 'with the clock ahead the day after tomorrow is past');

# --- what the worker does --------------------------------------------------------------------------------

# Wait until so many scheduled runs have succeeded, each on a day of its own, and no more.
sub has_run
{
	my ($days, $what) = @_;
	wait_until($node, 'sales', "count(*) >= $days FROM salesops.run_log WHERE started_by = 'schedule' AND status = 'succeeded'", $what);
	wait_until($node, 'postgres', "NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'salesops runner')", 'the worker is idle');
	is(sales("SELECT count(*), count(DISTINCT local_date) FROM salesops.run_log WHERE started_by = 'schedule'"), "$days|$days", $what);
}

# The clock is set on a server whose launcher waits for the next day.
sub step
{
	my ($to, $message) = @_;
	my $offset = -s $node->logfile;
	set_clock($node, $to);
	$node->wait_for_log(qr/$message/, $offset);
}

set_clock($node, 0);
schedule_soon($node, 'sales');
has_run(1, 'the job runs today');
step(1 * DAY, 'the clock was set forward by 86400 seconds');
has_run(2, 'a day forward it runs again');
step(0, 'the clock was set back by 86400 seconds');
has_run(2, 'a day back it does not');
step(1 * DAY, 'the clock was set forward by 86400 seconds');
has_run(2, 'nor when the clock comes to a day that has had its run');
step(2 * DAY, 'the clock was set forward by 86400 seconds');
has_run(3, 'the first day that is new has its run');

$node->stop;
done_testing();
