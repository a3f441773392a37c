# The background worker on a server of its own: it runs on request and on schedule, a step that fails or takes
# too long costs only itself, killed processes come back, and an idle worker is in nobody's way.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $rehearsal = abs_path(dirname(__FILE__) . '/../helper/steps.sql');

my $node = PostgreSQL::Test::Cluster->new('worker');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'salesops'
salesops.databases = 'sales'
CONF
$node->start;

# --- helpers ---------------------------------------------------------------------------------------------

sub sales { return $node->safe_psql('sales', $_[0]); }

# A database with the extension and steps that do as they are told.
sub make_database
{
	my ($name) = @_;
	$node->safe_psql('postgres', qq{CREATE DATABASE "$name"});
	$node->safe_psql($name, 'CREATE EXTENSION salesops');
	$node->safe_psql($name, "\\i $rehearsal");
}

# What the steps do from now on: step => statement.
sub rehearse
{
	my (%script) = @_;
	sales('DELETE FROM rehearsal.script; DELETE FROM rehearsal.trace');
	sales("INSERT INTO rehearsal.script VALUES ('$_', \$q\$$script{$_}\$q\$)") for keys %script;
}

sub request { return sales('SELECT salesops.request_run()'); }

sub await { return sales("SELECT salesops.await_run($_[0], '60 s')"); }

# The steps of a run as 'step status sqlstate', in the order in which they began.
sub steps_of
{
	return sales(qq{SELECT string_agg(concat_ws(' ', step, status, sqlstate), ', ' ORDER BY started_at)
					FROM salesops.run_step_log WHERE run_id = $_[0]});
}

sub reconfigure
{
	my (%setting) = @_;
	$node->safe_psql('postgres', "ALTER SYSTEM SET $_ = '$setting{$_}'") for keys %setting;
	$node->reload;
	sleep 0.5;    # the launcher and its runners have read it
}

sub pid_of
{
	my ($type) = @_;
	$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = '$type'")
	  or die "no $type";
	return $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = '$type'");
}

# The runner sleeps in its step now.
sub wait_for_sleep
{
	$node->poll_query_until('postgres',
		"SELECT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'salesops runner' AND wait_event = 'PgSleep')")
	  or die "no step sleeps";
}

sub count_in_log
{
	my ($pattern) = @_;
	my $log = slurp_file($node->logfile);
	return scalar(() = $log =~ /$pattern/g);
}

my $all_good = 'sync succeeded, snapshot succeeded, audit succeeded, refresh succeeded, alert succeeded, purge succeeded';

# --- on request ------------------------------------------------------------------------------------------

make_database('sales');
rehearse();
my $run = sales("SELECT salesops.request_run('nightly', '2017-12-31 23:59:59+00')");
is(await($run), 'succeeded', 'a requested run succeeds');
is(steps_of($run), $all_good, '... with all its steps in order');
is(sales("SELECT started_by, local_date, as_of = '2017-12-31 23:59:59+00', backend_pid <> pg_backend_pid()
		  FROM salesops.run_log WHERE run_id = $run"),
	'manual|2017-12-31|t|t', '... logged as of the instant asked for, run by another process');
is(sales("SELECT count(*), bool_and(as_of = '2017-12-31 23:59:59+00') FROM rehearsal.trace"), '4|t',
	'... and each step computed as of that instant');
is(sales("SELECT count(*) FROM salesops.run_request"), '0', '... and the request is answered');

my @runs = split /\n/, sales("SELECT salesops.request_run() FROM generate_series(1, 3)");
is(join(' ', map { await($_) } @runs), 'succeeded succeeded succeeded', 'requests made together are all answered');

my ($code, $out, $err) = $node->psql('postgres', 'CREATE EXTENSION salesops; SELECT salesops.request_run()');
like($err, qr/does not serve database "postgres".*HINT: .*salesops\.databases/s, 'a database that is not listed is told how to be');
$node->safe_psql('postgres', 'DROP EXTENSION salesops');

# --- on schedule -----------------------------------------------------------------------------------------

# A zone in which it is about noon now, so that no day ends during the test.
my $offset = 12 - (gmtime)[2];
my $zone = $offset == 0 ? 'Etc/GMT' : sprintf('Etc/GMT%+d', -$offset);
my $soon = "(clock_timestamp() AT TIME ZONE '$zone' + interval '2 s')::time";

rehearse();
sales("SELECT salesops.set_schedule(at_time => $soon, time_zone => '$zone')");
$node->poll_query_until('sales',
	"SELECT EXISTS (SELECT FROM salesops.run_log WHERE started_by = 'schedule' AND status = 'succeeded')");
is(sales("SELECT count(*), bool_and(local_date = (now() AT TIME ZONE '$zone')::date),
				 bool_and(started_at - as_of < '5 s')
		  FROM salesops.run_log WHERE started_by = 'schedule'"), '1|t|t', 'the job runs at its time');
is(sales("SELECT (next_due AT TIME ZONE '$zone')::date - (now() AT TIME ZONE '$zone')::date FROM salesops.run_status"),
	'1', '... and is due again tomorrow');

sales("SELECT salesops.set_schedule(at_time => $soon, time_zone => '$zone')");
sleep 4;
is(sales("SELECT count(*) FROM salesops.run_log WHERE started_by = 'schedule'"), '1',
	'a later time on the same local day does not make a second run');

# --- steps that fail -------------------------------------------------------------------------------------

rehearse(snapshot => q{DO $$BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = '53100', DETAIL = 'd', HINT = 'h'; END$$});
$run = request();
is(await($run), 'failed', 'a run with a failing step fails');
is(steps_of($run), 'sync succeeded, snapshot failed 53100, audit succeeded, refresh succeeded, alert succeeded, purge succeeded',
	'... and its other steps succeed');
is(sales("SELECT message, detail, hint, rows_affected FROM salesops.run_step_log WHERE run_id = $run AND step = 'snapshot'"),
	'no room|d|h|', '... the error is logged in full');
is(sales("SELECT string_agg(step, ' ' ORDER BY ctid) FROM rehearsal.trace"), 'sync audit refresh',
	'... and what the failing step had written is gone');

rehearse(sync => 'SELECT pg_sleep(60)', refresh => 'LOCK TABLE rehearsal.trace IN ACCESS EXCLUSIVE MODE');
reconfigure('salesops.statement_timeout' => '700ms', 'salesops.lock_timeout' => '300ms');
my $holder = $node->background_psql('sales');
$holder->query_safe('BEGIN');
$holder->query_safe('LOCK TABLE rehearsal.trace IN ROW EXCLUSIVE MODE');
$run = request();
is(await($run), 'failed', 'a run with steps over their limits fails');
is(steps_of($run), 'sync failed 57014, snapshot succeeded, audit succeeded, refresh failed 55P03, alert succeeded, purge succeeded',
	'... the statement and the lock time-out each end one step');
is(sales("SELECT finished_at - started_at BETWEEN '0.7 s' AND '5 s' FROM salesops.run_step_log
		  WHERE run_id = $run AND step = 'sync'"), 't', '... at the limit');
$holder->quit;

reconfigure('salesops.statement_timeout' => '0', 'salesops.lock_timeout' => '1min');
rehearse(sync => 'SELECT pg_sleep(60)');
$run = request();
wait_for_sleep();
sales("SELECT pg_cancel_backend(backend_pid) FROM salesops.run_log WHERE run_id = $run");
is(await($run), 'failed', 'pg_cancel_backend() ends a step');
is(steps_of($run), 'sync failed 57014, snapshot succeeded, audit succeeded, refresh succeeded, alert succeeded, purge succeeded', '... and only that');

# --- one run at a time -----------------------------------------------------------------------------------

rehearse(sync => 'SELECT pg_sleep(3)');
$run = request();
wait_for_sleep();
like(sales("SELECT application_name || ': ' || query FROM pg_stat_activity WHERE backend_type = 'salesops runner'"),
	qr/^salesops runner: salesops: run $run, step sync$/, 'pg_stat_activity shows what the runner does');
($code, $out, $err) = $node->psql('sales', "\\set VERBOSITY verbose\nCALL salesops.run_nightly()");
like($err, qr/ERROR:  55P03: another run is under way in this database.*HINT:  Wait for it/s, 'a manual run does not run beside the worker');

# --- processes that are killed ---------------------------------------------------------------------------

my $launcher = pid_of('salesops launcher');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($launcher)");
is(await($run), 'succeeded', 'a runner does not need its launcher');
$node->poll_query_until('postgres',
	"SELECT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'salesops launcher' AND pid <> $launcher)")
  or die 'no new launcher';
pass('the launcher comes back after SIGTERM');
rehearse();
is(await(request()), 'succeeded', '... and works');

rehearse(audit => 'SELECT pg_sleep(60)');
$run = request();
wait_for_sleep();
sales("SELECT pg_terminate_backend(backend_pid) FROM salesops.run_log WHERE run_id = $run");
is(await($run), 'abandoned', 'a run whose runner is killed is seen as abandoned');
rehearse();
is(await(request()), 'succeeded', '... the next run begins at once');
is(sales("SELECT status FROM salesops.run_log WHERE run_id = $run"), 'abandoned', '... and logs what became of the last');
is(steps_of($run), 'sync succeeded, snapshot succeeded, audit abandoned', '... and of its steps');

# --- a server that was down ------------------------------------------------------------------------------

sales("DELETE FROM salesops.run_log WHERE started_by = 'schedule'");
rehearse(audit => 'SELECT pg_sleep(60)');
$run = request();
wait_for_sleep();
rehearse();    # for the run to come
sales("SELECT salesops.set_schedule(at_time => $soon, time_zone => '$zone')");
$node->stop('immediate');
sleep 4;
$node->start;
$node->poll_query_until('sales',
	"SELECT EXISTS (SELECT FROM salesops.run_log WHERE started_by = 'schedule' AND status = 'succeeded')")
  or die 'the missed run was not made up for';
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
rehearse(sync => q{INSERT INTO rehearsal.who SELECT session_user, current_setting('is_superuser')});
reconfigure('salesops.role' => 'night_shift');
is(await(request()), 'succeeded', 'a run under a role with ordinary rights succeeds');
is(sales('SELECT * FROM rehearsal.who'), 'night_shift|off', '... and is that role');
reconfigure('salesops.role' => 'nobody_at_all');
rehearse();
$run = request();
sleep 1;
is(sales("SELECT salesops.await_run($run, '0 s')"), 'requested', 'without its role nothing runs');
is(count_in_log(qr/role "nobody_at_all" does not exist/), 1, '... and the log says so once');
reconfigure('salesops.role' => '');
is(await($run), 'succeeded', '... and with it again the request is answered');

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

my $missed = count_in_log(qr/database "sales" has no extension salesops/);
my $exits = count_in_log(qr/background worker "salesops runner" .* exited with exit code 1/);
sales('DROP SCHEMA rehearsal CASCADE');
sales("\\i $rehearsal");
rehearse(snapshot => 'SELECT pg_sleep(2)');
request();
wait_for_sleep();
sales('DROP EXTENSION salesops CASCADE');
pass('DROP EXTENSION in the middle of a run waits for the step only');
$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'salesops runner'")
  or die 'the runner stays';
is(count_in_log(qr/database "sales" has no extension salesops/), $missed + 1, '... the runner says so in the log and leaves');
is(count_in_log(qr/background worker "salesops runner" .* exited with exit code 1/), $exits, '... without an error');
is(count_in_log(qr/deadlock detected/), 0, '... and there was no deadlock');
is(count_in_log(qr/PANIC|TRAP|terminated by signal/), 0, 'no process has crashed');
$node->stop;

# --- without preload -------------------------------------------------------------------------------------

my $plain = PostgreSQL::Test::Cluster->new('plain');
$plain->init;
$plain->start;
$plain->safe_psql('postgres', 'CREATE EXTENSION salesops');
$plain->safe_psql('postgres', "\\i $rehearsal");
($code, $out, $err) = $plain->psql('postgres', "\\set VERBOSITY verbose\nSELECT salesops.request_run()");
like($err, qr/ERROR:  55000: .*HINT:  Start it with SELECT salesops\.start_worker\(\), or run the job in this session/s, 'without preload a request is refused with the way out');
like($plain->safe_psql('postgres', "LISTEN salesops; CALL salesops.run_nightly('2026-01-01 00:00:00+00')"),
	qr/notification "salesops" with payload "\{"job": "nightly", "as_of": "2026-01-01T00:00:00\+00:00", "event": "run_finished", "run_id": 1, "status": "succeeded", "attempt": 1, "steps_failed": \[\], "sync_failures": null\}"/,
	'... a run in the session tells the listeners');
is($plain->safe_psql('postgres', 'SELECT status, started_by FROM salesops.run_log'), 'succeeded|manual', '... and that way works');
is($plain->safe_psql('postgres', "SELECT salesops.set_schedule() > now(), salesops.wake_worker()"), 't|f', '... and a schedule can be set');
$plain->stop;

done_testing();
