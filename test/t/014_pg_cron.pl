# Another scheduler, pg_cron as its package brings it, runs what is due; and where the worker serves the same database, what
# is due runs once, by one of them.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../helper";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Rehearsal;
use Test::More;

chomp(my $share = `pg_config --sharedir`);
plan skip_all => 'the extension pg_cron is not installed (Debian: postgresql-15-cron)' unless -e "$share/extension/pg_cron.control";

my $node = PostgreSQL::Test::Cluster->new('cron');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_cron, salesops'\ncron.database_name = 'sales'\ncron.host = '" . $node->host . "'");
$node->start;
make_database($node, 'sales');
$node->safe_psql('sales', 'CREATE EXTENSION pg_cron');

sub sales { return $node->safe_psql('sales', $_[0]); }

# Runs of the schedule that were at work at the same time as another.
my $overlaps = q{SELECT count(*) FROM salesops.run_log a JOIN salesops.run_log b ON a.run_id < b.run_id
				 AND tstzrange(a.started_at, a.finished_at) && tstzrange(b.started_at, b.finished_at)};

# --- pg_cron alone ---------------------------------------------------------------------------------------

# A day after it was scheduled the job is due; @reboot is the only entry that pg_cron runs without waiting for a minute to begin.
sales("SELECT cron.schedule('due', '\@reboot', 'CALL salesops.run_due_jobs()')");
rehearse($node, 'sales', sync => 'SELECT pg_sleep(3)');
schedule_soon($node, 'sales');
set_clock($node, 86400 + 60);
$node->restart;
wait_until($node, 'sales', "EXISTS (SELECT FROM salesops.run_log)", 'pg_cron begins the run');
is(sales("SELECT started_by || ' ' || status FROM salesops.run_log"), 'schedule running', 'pg_cron runs what is due');
is(sales("SELECT backend_type FROM pg_stat_activity JOIN salesops.run_log ON backend_pid = pid"), 'client backend', '... in its own session');

# The worker is let in while that run is at work.
configure($node, 'salesops.databases' => 'sales');
wait_until($node, 'sales', "EXISTS (SELECT FROM salesops.run_log WHERE status <> 'running')", 'the run ends');
is(sales("SELECT count(*), min(status) FROM salesops.run_log"), '1|succeeded', '... once, and not again by the worker, which was let in meanwhile');
# Where pg_cron began only after the job was scheduled, it had called it then too, when nothing was due.
wait_until($node, 'sales', "count(*) > 0 AND bool_and(status = 'succeeded') FROM cron.job_run_details", 'pg_cron sees its end');
my $calls = sales("SELECT count(*) FROM cron.job_run_details");
is(sales("SELECT DISTINCT return_message FROM cron.job_run_details"), 'CALL', 'pg_cron has seen it succeed');

# --- pg_cron and the worker ------------------------------------------------------------------------------

# Both look when the next minute begins.
sales("SELECT cron.unschedule('due')");
sales("SELECT cron.schedule('due', '* * * * *', 'CALL salesops.run_due_jobs()')");
rehearse($node, 'sales', sync => 'SELECT pg_sleep(1)');
sales("SELECT salesops.set_schedule('sync', at_time => (date_trunc('minute', salesops.clock() AT TIME ZONE 'UTC') + interval '1 minute')::time, time_zone => 'UTC')");
wait_until($node, 'sales', "count(*) > $calls FROM cron.job_run_details WHERE status = 'succeeded'", 'pg_cron has its minute');
wait_until($node, 'sales', "EXISTS (SELECT FROM salesops.run_log WHERE job = 'sync' AND status = 'succeeded')", 'the job has run');
is(sales("SELECT count(*) FROM salesops.run_log WHERE job = 'sync'"), '1', 'what both find due runs once');
is(sales($overlaps), '0', 'no two runs were at work at the same time');
is(count_in_log($node, qr/PANIC|TRAP|XX000|terminated by signal/), 0, 'nothing went wrong that must not');

$node->stop;
done_testing();
