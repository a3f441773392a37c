# Databases come and go under one launcher: none is held up by an idle worker, one that goes in the middle of a run takes
# only that run with it, and an update of the extension ends the run cleanly.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../helper";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Rehearsal;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('databases');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'salesops'
salesops.databases = 'sales, bare, nowhere, copy, "Other Sales"'
max_logical_replication_workers = 0
CONF
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE bare');
make_database($node, $_) for 'sales', 'Other Sales';
my $launcher = launcher_of($node);

# The worker is idle: it is connected to no database, so that no command on one has to wait for it.
sub undisturbed
{
	my ($statement) = @_;
	wait_until($node, 'postgres', "NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'salesops runner')", 'the worker is idle');
	is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity
									 WHERE backend_type LIKE 'salesops%' AND datname IS NOT NULL"), '0', "idle before: $statement");
	$node->safe_psql('postgres', $statement);
}

# --- one launcher, several databases ---------------------------------------------------------------------

is(join(' ', map { run_once($node, $_) } 'sales', 'Other Sales', 'sales'), 'succeeded succeeded succeeded', 'two databases are served');
is(count_in_log($node, qr/database "bare" has no extension salesops/), 1, 'one without the extension is looked at once');
is(count_in_log($node, qr/does not serve database "nowhere"/), 1, 'one that does not exist is named in the log once');

undisturbed('CREATE DATABASE copy TEMPLATE sales');
is(run_once($node, 'copy'), 'succeeded', 'a copy of a database is served when it is listed, with its extension and its jobs');
is($node->safe_psql('copy', 'SELECT count(*) FROM salesops.run_log'), '3', '... after the runs of the original');
is($node->safe_psql('sales', 'SELECT count(*) FROM salesops.run_log'), '2', '... which knows nothing of its run');

undisturbed('ALTER DATABASE sales RENAME TO sold');
my ($code, $out, $err) = $node->psql('sold', 'SELECT salesops.request_run()');
like($err, qr/does not serve database "sold"/, 'a database that is renamed is not the one that is listed');
undisturbed('ALTER DATABASE sold RENAME TO sales');
is(run_once($node, 'sales'), 'succeeded', '... until it has its name again');

undisturbed('DROP DATABASE copy');
undisturbed('DROP DATABASE bare');
is(run_once($node, 'sales'), 'succeeded', 'databases that are dropped take nothing with them');

# --- a database goes in the middle of a run --------------------------------------------------------------

rehearse($node, 'Other Sales', audit => 'SELECT pg_sleep(60)');
request($node, 'Other Sales');
wait_for_step($node);
$node->safe_psql('postgres', 'DROP DATABASE "Other Sales" WITH (FORCE)');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'salesops runner'"), '0',
	'DROP DATABASE WITH (FORCE) ends the run in it');
is(run_once($node, 'sales'), 'succeeded', '... and no other');
make_database($node, 'Other Sales');
is(run_once($node, 'Other Sales'), 'succeeded', 'a new database of that name is served');
is(launcher_of($node), $launcher, 'all this was one launcher');

# --- the extension is updated in the middle of a run -----------------------------------------------------

my $version = $node->safe_psql('sales', "SELECT extversion FROM pg_extension WHERE extname = 'salesops'");
chomp(my $share = `pg_config --sharedir`);
my $script = "$share/extension/salesops--$version--rehearsed.sql";

# Without its first line it would lock the two tables in the order that deadlocks with a step.
append_to_file($script, <<'SQL');
SELECT salesops.hold_runs();
LOCK TABLE salesops.run_step_log IN ACCESS EXCLUSIVE MODE;
LOCK TABLE salesops.run_log IN ACCESS EXCLUSIVE MODE;
SQL
END { unlink $script if defined $script; }

rehearse($node, 'sales', sync => 'SELECT pg_sleep(2)');
schedule_soon($node, 'sales');
wait_for_step($node);
$node->safe_psql('sales', "ALTER EXTENSION salesops UPDATE TO 'rehearsed'");
wait_until($node, 'sales', "EXISTS (SELECT FROM salesops.run_log WHERE started_by = 'schedule' AND status = 'succeeded')", 'the run is made up for');
is($node->safe_psql('sales', "SELECT string_agg(status, ' ' ORDER BY attempt) FROM salesops.run_log WHERE started_by = 'schedule'"),
	'abandoned succeeded', 'an update ends the run, and the next attempt goes on');
is($node->safe_psql('sales', "SELECT string_agg(step || ' ' || attempt, ', ' ORDER BY s.started_at)
							  FROM salesops.run_step_log s JOIN salesops.run_log USING (run_id) WHERE started_by = 'schedule' AND step <> 'purge'"),
	'sync 1, snapshot 2, forecast 2, audit 2, accounts 2, duplicates 2, icp 2, refresh 2, backtest 2, alert 2', '... after the step that was at work, which was not repeated');
is(count_in_log($node, qr/salesops was updated from version \Q$version\E to rehearsed in database "sales"/), 1, '... as the log says');
is(count_in_log($node, qr/deadlock detected/), 0, '... and there was no deadlock');

rehearse($node, 'Other Sales', sync => 'SELECT pg_sleep(2)');
my $call = IPC::Run::start([ 'psql', '-Xq', '-d', $node->connstr('Other Sales'), '-c', 'CALL salesops.run_nightly()' ], '<', \undef, '>', \$out, '2>', \$err);
wait_until($node, 'Other Sales', "EXISTS (SELECT FROM pg_stat_activity WHERE datname = 'Other Sales' AND wait_event = 'PgSleep')", 'a step sleeps');
$node->safe_psql('Other Sales', "ALTER EXTENSION salesops UPDATE TO 'rehearsed'");
$call->finish;
like($err, qr/ERROR:  the run ends because the extension salesops was updated/, 'a run by CALL ends the same way');
rehearse($node, 'Other Sales');
is(run_once($node, 'Other Sales'), 'succeeded', '... and the next one runs');

# --- the extension is dropped and created again in the middle of a run, in one transaction ----------------

# A job of two steps; its function survives the extension.
sub define_nap
{
	$node->safe_psql('Reborn', "SELECT salesops.define_step('doze', 'nap.doze'); SELECT salesops.define_job('nap', '{doze,alert}')");
}

sub reborn_in_step
{
	wait_until($node, 'postgres', "EXISTS (SELECT FROM pg_stat_activity WHERE datname = 'Reborn' AND wait_event = 'PgSleep')", 'a step sleeps');
	$node->safe_psql('Reborn', 'BEGIN; DROP EXTENSION salesops; CREATE EXTENSION salesops; COMMIT');
	is($node->safe_psql('Reborn', 'SELECT count(*) FROM salesops.run_log'), '0', 'another extension of the same version');
	define_nap();
}

$node->safe_psql('postgres', 'CREATE DATABASE "Reborn"');
$node->safe_psql('Reborn', 'CREATE EXTENSION salesops; CREATE SCHEMA nap');
$node->safe_psql('Reborn', "CREATE FUNCTION nap.doze(run_id bigint, as_of timestamptz) RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint FROM pg_sleep(1)'");
define_nap();
configure($node, 'salesops.databases' => 'sales, "Other Sales", "Reborn"');
my $nap = "SELECT salesops.request_run('nap')";
$node->safe_psql('Reborn', $nap);
reborn_in_step();
wait_until($node, 'postgres', "NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'salesops runner')", 'the run ends');
is(count_in_log($node, qr/salesops was dropped and created again in database "Reborn"/), 1, 'the run ends, as the log says');
is(await($node, 'Reborn', $node->safe_psql('Reborn', $nap)), 'succeeded', '... and the next one runs');

$call = IPC::Run::start([ 'psql', '-Xq', '-d', $node->connstr('Reborn'), '-c', "CALL salesops.run_job('nap')" ], '<', \undef, '>', \$out, '2>', \$err);
reborn_in_step();
$call->finish;
like($err, qr/ERROR:  the run ends because the extension salesops was dropped and created again/, 'a run by CALL ends the same way');
is(await($node, 'Reborn', $node->safe_psql('Reborn', $nap)), 'succeeded', '... and the next one runs');
is(count_in_log($node, qr/violates foreign key constraint/), 0, '... and nobody met an error that says nothing');

# --- the server has no process to spare ------------------------------------------------------------------

$node->append_conf('postgresql.conf', 'max_worker_processes = 2');
$node->restart;
rehearse($node, 'sales');
run_once($node, $_) for 'sales', 'Other Sales';
rehearse($node, 'sales', sync => 'SELECT pg_sleep(2)');
my $long = request($node, 'sales');
wait_for_step($node);
my $shortages = count_in_log($node, qr/the server has no free worker process/);
my $late = request($node, 'Other Sales');
$node->safe_psql('Other Sales', 'SELECT salesops.wake_worker()') for 1 .. 3;
is(await($node, 'sales', $long), 'succeeded', 'the run that has the only process ends');
is(await($node, 'Other Sales', $late), 'succeeded', '... and the one without keeps its place');
is(count_in_log($node, qr/the server has no free worker process/), $shortages + 1, '... the log has one line about it');

# Not even one for the launcher: the server starts without it.
is($node->safe_psql('sales', 'SELECT salesops.worker_problem()'), '', 'the health view sees a launcher');
$node->append_conf('postgresql.conf', 'max_worker_processes = 0');
$node->restart;
like($node->safe_psql('sales', 'SELECT salesops.worker_problem()'), qr/launcher .* is not there: .*max_worker_processes/, '... and sees that there is none');

is(count_in_log($node, qr/PANIC|TRAP|XX000|terminated by signal/), 0, 'nothing went wrong that must not');
$node->stop;
done_testing();
