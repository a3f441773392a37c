# The background worker on a server of its own: it runs on request and on schedule, a step that fails or takes
# too long costs only itself, killed processes come back, and an idle worker is in nobody's way.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../helper";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Rehearsal;
use Test::More;
use Time::HiRes qw(sleep);

my $node = PostgreSQL::Test::Cluster->new('worker');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'salesops'
salesops.databases = 'sales'
CONF
$node->start;

sub sales { return $node->safe_psql('sales', $_[0]); }

my $all_good = 'sync succeeded, snapshot succeeded, forecast succeeded, audit succeeded, accounts succeeded, duplicates succeeded, icp succeeded, refresh succeeded, backtest succeeded, alert succeeded, purge succeeded';

# --- on request ------------------------------------------------------------------------------------------

make_database($node, 'sales');
rehearse($node, 'sales');
my $run = sales("SELECT salesops.request_run('nightly', '2017-12-31 23:59:59+00')");
is(await($node, 'sales', $run), 'succeeded', 'a requested run succeeds');
is(steps_of($node, 'sales', $run), $all_good, '... with all its steps in order');
is(sales("SELECT started_by, local_date, as_of = '2017-12-31 23:59:59+00', backend_pid <> pg_backend_pid()
		  FROM salesops.run_log WHERE run_id = $run"),
	'manual|2017-12-31|t|t', '... logged as of the instant asked for, run by another process');
is(sales("SELECT count(*), bool_and(as_of = '2017-12-31 23:59:59+00') FROM rehearsal.trace"), '5|t',
	'... and each step computed as of that instant');
is(sales("SELECT count(*) FROM salesops.run_request"), '0', '... and the request is answered');

my @runs = split /\n/, sales("SELECT salesops.request_run() FROM generate_series(1, 3)");
is(join(' ', map { await($node, 'sales', $_) } @runs), 'succeeded succeeded succeeded', 'requests made together are all answered');

my ($code, $out, $err) = $node->psql('postgres', 'CREATE EXTENSION salesops; SELECT salesops.request_run()');
like($err, qr/does not serve database "postgres".*HINT: .*salesops\.databases/s, 'a database that is not listed is told how to be');
$node->safe_psql('postgres', 'DROP EXTENSION salesops');

# --- on schedule -----------------------------------------------------------------------------------------

rehearse($node, 'sales');
schedule_soon($node, 'sales');
wait_until($node, 'sales', "EXISTS (SELECT FROM salesops.run_log WHERE started_by = 'schedule' AND status = 'succeeded')", 'the scheduled run');
my $zone = sales('SELECT time_zone FROM salesops.schedule');
is(sales("SELECT count(*), bool_and(local_date = (now() AT TIME ZONE '$zone')::date),
				 bool_and(started_at - as_of < '5 s')
		  FROM salesops.run_log WHERE started_by = 'schedule'"), '1|t|t', 'the job runs at its time');
is(sales("SELECT (next_due AT TIME ZONE '$zone')::date - (now() AT TIME ZONE '$zone')::date FROM salesops.run_status"),
	'1', '... and is due again tomorrow');

schedule_soon($node, 'sales');
sleep 4;
is(sales("SELECT count(*) FROM salesops.run_log WHERE started_by = 'schedule'"), '1',
	'a later time on the same local day does not make a second run');

# --- steps that fail -------------------------------------------------------------------------------------

rehearse($node, 'sales', snapshot => q{DO $$BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = '53100', DETAIL = 'd', HINT = 'h'; END$$});
$run = request($node, 'sales');
is(await($node, 'sales', $run), 'failed', 'a run with a failing step fails');
is(steps_of($node, 'sales', $run), 'sync succeeded, snapshot failed 53100, forecast succeeded, audit succeeded, accounts succeeded, duplicates succeeded, icp succeeded, refresh succeeded, backtest succeeded, alert succeeded, purge succeeded',
	'... and its other steps succeed');
is(sales("SELECT message, detail, hint, rows_affected FROM salesops.run_step_log WHERE run_id = $run AND step = 'snapshot'"),
	'no room|d|h|', '... the error is logged in full');
is(sales("SELECT string_agg(step, ' ' ORDER BY ctid) FROM rehearsal.trace"), 'sync forecast audit refresh',
	'... and what the failing step had written is gone');

rehearse($node, 'sales', sync => 'SELECT pg_sleep(60)', refresh => 'LOCK TABLE rehearsal.trace IN ACCESS EXCLUSIVE MODE');
configure($node, 'salesops.statement_timeout' => '3s', 'salesops.lock_timeout' => '300ms');
my $holder = $node->background_psql('sales');
$holder->query_safe('BEGIN');
$holder->query_safe('LOCK TABLE rehearsal.trace IN ROW EXCLUSIVE MODE');
$run = request($node, 'sales');
is(await($node, 'sales', $run), 'failed', 'a run with steps over their limits fails');
is(steps_of($node, 'sales', $run), 'sync failed 57014, snapshot succeeded, forecast succeeded, audit succeeded, accounts succeeded, duplicates succeeded, icp succeeded, refresh failed 55P03, backtest succeeded, alert succeeded, purge succeeded',
	'... the statement and the lock time-out each end one step');
is(sales("SELECT finished_at - started_at BETWEEN '3 s' AND '10 s' FROM salesops.run_step_log
		  WHERE run_id = $run AND step = 'sync'"), 't', '... at the limit');
$holder->quit;

configure($node, 'salesops.statement_timeout' => '0', 'salesops.lock_timeout' => '1min');
rehearse($node, 'sales', sync => 'SELECT pg_sleep(60)');
$run = request($node, 'sales');
wait_for_step($node);
sales("SELECT pg_cancel_backend(backend_pid) FROM salesops.run_log WHERE run_id = $run");
is(await($node, 'sales', $run), 'failed', 'pg_cancel_backend() ends a step');
is(steps_of($node, 'sales', $run), 'sync failed 57014, snapshot succeeded, forecast succeeded, audit succeeded, accounts succeeded, duplicates succeeded, icp succeeded, refresh succeeded, backtest succeeded, alert succeeded, purge succeeded', '... and only that');

# --- one run at a time -----------------------------------------------------------------------------------

rehearse($node, 'sales', sync => 'SELECT pg_sleep(3)');
$run = request($node, 'sales');
wait_for_step($node);
like(sales("SELECT application_name || ': ' || query FROM pg_stat_activity WHERE backend_type = 'salesops runner'"),
	qr/^salesops runner: salesops: run $run, step sync$/, 'pg_stat_activity shows what the runner does');
($code, $out, $err) = $node->psql('sales', "\\set VERBOSITY verbose\nCALL salesops.run_nightly()");
like($err, qr/ERROR:  55P03: another run is under way in this database.*HINT:  Wait for it/s, 'a manual run does not run beside the worker');

# --- processes that are killed ---------------------------------------------------------------------------

my $launcher = launcher_of($node);
$node->safe_psql('postgres', "SELECT pg_terminate_backend($launcher)");
is(await($node, 'sales', $run), 'succeeded', 'a runner does not need its launcher');
wait_until($node, 'postgres', "EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'salesops launcher' AND pid <> $launcher)", 'another launcher is there');
pass('the launcher comes back after SIGTERM');
rehearse($node, 'sales');
is(await($node, 'sales', request($node, 'sales')), 'succeeded', '... and works');

rehearse($node, 'sales', audit => 'SELECT pg_sleep(60)');
$run = request($node, 'sales');
wait_for_step($node);
sales("SELECT pg_terminate_backend(backend_pid) FROM salesops.run_log WHERE run_id = $run");
is(await($node, 'sales', $run), 'abandoned', 'a run whose runner is killed is seen as abandoned');
rehearse($node, 'sales');
is(await($node, 'sales', request($node, 'sales')), 'succeeded', '... the next run begins at once');
is(sales("SELECT status FROM salesops.run_log WHERE run_id = $run"), 'abandoned', '... and logs what became of the last');
is(steps_of($node, 'sales', $run), 'sync succeeded, snapshot succeeded, forecast succeeded, audit abandoned', '... and of its steps');

# --- a server that was down ------------------------------------------------------------------------------

sales("DELETE FROM salesops.run_log WHERE started_by = 'schedule'");
rehearse($node, 'sales', audit => 'SELECT pg_sleep(60)');
$run = request($node, 'sales');
wait_for_step($node);
rehearse($node, 'sales');    # for the run to come
schedule_soon($node, 'sales');
$node->stop('immediate');
sleep 4;
$node->start;
wait_until($node, 'sales', "EXISTS (SELECT FROM salesops.run_log WHERE started_by = 'schedule' AND status = 'succeeded')", 'the missed run is made up for');
is(sales("SELECT status FROM salesops.run_log WHERE run_id = $run"), 'abandoned', 'a run cut off by a crash is logged as abandoned');
sleep 1;
is(sales("SELECT count(*) FROM salesops.run_log WHERE started_by = 'schedule'"), '1',
	'... and the run that was due while the server was down is made up for, once');

# --- the role --------------------------------------------------------------------------------------------

$node->safe_psql('sales', <<'SQL');
CREATE ROLE night_shift LOGIN;
SELECT salesops.grant_access('night_shift', 'run_jobs');
GRANT USAGE ON SCHEMA rehearsal TO night_shift;
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA rehearsal TO night_shift;
CREATE TABLE rehearsal.who (session_name text, is_superuser text);
GRANT INSERT ON rehearsal.who TO night_shift;
SQL
rehearse($node, 'sales', sync => q{INSERT INTO rehearsal.who SELECT session_user, current_setting('is_superuser')});
configure($node, 'salesops.role' => 'night_shift');
is(await($node, 'sales', request($node, 'sales')), 'succeeded', 'a run under a role with ordinary rights succeeds');
is(sales('SELECT * FROM rehearsal.who'), 'night_shift|off', '... and is that role');
configure($node, 'salesops.role' => 'nobody_at_all');
rehearse($node, 'sales');
$run = request($node, 'sales');
sleep 1;
is(sales("SELECT salesops.await_run($run, '0 s')"), 'requested', 'without its role nothing runs');
is(count_in_log($node, qr/role "nobody_at_all" does not exist/), 1, '... and the log says so once');
configure($node, 'salesops.role' => '');
is(await($node, 'sales', $run), 'succeeded', '... and with it again the request is answered');

# --- dump and restore ------------------------------------------------------------------------------------

sales('SELECT rehearsal.leave()');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
my $dump = $node->basedir . '/sales.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, '-d', $node->connstr('sales') ], 'pg_dump');
$node->command_ok([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-f', $dump, '-d', $node->connstr('restored') ], 'restore');
for my $table (qw(run_log run_step_log schedule))
{
	my $content = "SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM salesops.$table t";
	is($node->safe_psql('restored', $content), sales($content), "... keeps $table");
}
cmp_ok($node->safe_psql('restored', "SELECT nextval('salesops.run_log_run_id_seq')"), '>=', $run, '... and the run identities');

# --- the extension goes ----------------------------------------------------------------------------------

my $missed = count_in_log($node, qr/database "sales" has no extension salesops/);
my $exits = count_in_log($node, qr/background worker "salesops runner" .* exited with exit code 1/);
sales('DROP SCHEMA rehearsal CASCADE');
rehearse_in($node, 'sales');
rehearse($node, 'sales', snapshot => 'SELECT pg_sleep(2)');
request($node, 'sales');
wait_for_step($node);
sales('DROP EXTENSION salesops CASCADE');
pass('DROP EXTENSION in the middle of a run waits for the step only');
wait_until($node, 'postgres', "count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'salesops runner'", 'the runner leaves');
is(count_in_log($node, qr/database "sales" has no extension salesops/), $missed + 1, '... the runner says so in the log and leaves');
is(count_in_log($node, qr/background worker "salesops runner" .* exited with exit code 1/), $exits, '... without an error');
is(count_in_log($node, qr/deadlock detected/), 0, '... and there was no deadlock');
is(count_in_log($node, qr/PANIC|TRAP|terminated by signal/), 0, 'no process has crashed');
$node->stop;

# --- without preload -------------------------------------------------------------------------------------

my $plain = PostgreSQL::Test::Cluster->new('plain');
$plain->init;
$plain->start;
$plain->safe_psql('postgres', 'CREATE EXTENSION salesops');
rehearse_in($plain, 'postgres');
($code, $out, $err) = $plain->psql('postgres', "\\set VERBOSITY verbose\nSELECT salesops.request_run()");
like($err, qr/ERROR:  55000: .*HINT:  Start it with SELECT salesops\.start_worker\(\), or run the job in this session/s, 'without preload a request is refused with the way out');
like($plain->safe_psql('postgres', "LISTEN salesops; CALL salesops.run_nightly('2026-01-01 00:00:00+00')"),
	qr/notification "salesops" with payload "\{"job": "nightly", "as_of": "2026-01-01T00:00:00\+00:00", "event": "run_finished", "run_id": 1, "status": "succeeded", "attempt": 1, "steps_failed": \[\], "sync_failures": null\}"/,
	'... a run in the session tells the listeners');
is($plain->safe_psql('postgres', 'SELECT status, started_by FROM salesops.run_log'), 'succeeded|manual', '... and that way works');
# A plan in force, and its accounts by another measure today: a job of its own measures and tells.
$plain->safe_psql('postgres', $_) foreach (
	"CREATE TABLE account AS SELECT * FROM (VALUES ('a1', 'north', 1.0), ('a2', 'south', 1.0)) v(id, territory, potential)",
	q{SELECT salesops.plan_territories('SELECT * FROM public.account', 'SELECT unnest(ARRAY[''north'', ''south'']) AS id', '{"name": "even", "measures": {"potential": 0.1}}')},
	'SELECT salesops.propose_territory_plan(1), salesops.approve_territory_plan(1), salesops.publish_territory_plan(1)',
	"UPDATE account SET potential = 3 WHERE id = 'a2'");
like($plain->safe_psql('postgres', "LISTEN salesops; CALL salesops.run_job('territory_health')"),
	qr/"event": "territory_health", "worst": \[\{"measure": "potential", "territory_id": "north", "share_of_target": 0\.5000\}, \{"measure": "potential", "territory_id": "south", "share_of_target": 1\.5000\}\], "reason": null, "flagged": 2/,
	'... the health of territories is told too');
is($plain->safe_psql('postgres', 'SELECT string_agg(step || \' \' || status || \' \' || rows_affected, \', \' ORDER BY started_at) FROM salesops.run_step_log WHERE run_id = (SELECT max(run_id) FROM salesops.run_log)'),
	'territory_health succeeded 1, alert succeeded 1', '... by a job of its own');
is($plain->safe_psql('postgres', "SELECT salesops.set_schedule() > now(), salesops.wake_worker()"), 't|f', '... and a schedule can be set');
$plain->stop;

done_testing();
