# Jobs on a real worker: a run that fails or is killed carries on, a job never overlaps itself, limits hold, and
# run_due_jobs() does what the worker does, never beside it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../helper";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Rehearsal;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('jobs');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'salesops'
salesops.databases = 'sales'
restart_after_crash = on
CONF
$node->start;
make_database($node, 'sales');

sub sales { return $node->safe_psql('sales', $_[0]); }

# The clock stands this many minutes after the noon of a day of its own, in UTC, from which on later days are to come.
my $noon = int(time / 86400) * 86400 - 30 * 86400 + 43200;
my $day = 0;
sub clock { my ($minutes) = @_; set_clock($node, int($noon + $day * 86400 + $minutes * 60 - time)); }

# A new day: the job is due at noon, by a schedule that was set a minute before.
sub new_day
{
	my ($schedule, %script) = @_;
	$day++;
	clock(-1);
	rehearse($node, 'sales', %script);
	sales("TRUNCATE rehearsal.trace; SELECT salesops.set_schedule($schedule)");
}

# The runs of this day, as 'attempt status', once the last of them has ended like that.
sub runs_of_day
{
	my ($ending) = @_;
	my $today = "r.due_at >= to_timestamp($noon + $day * 86400) AND r.due_at < to_timestamp($noon + ($day + 1) * 86400)";
	my $runs = "(SELECT string_agg(r.attempt || ' ' || r.status, ', ' ORDER BY r.run_id) FROM salesops.run_log r WHERE $today)";
	wait_until($node, 'sales', "coalesce($runs LIKE '%$ending', false)", "a run of the day ends as $ending") if $ending;
	return sales("SELECT $runs");
}

# The steps of the day in the order in which they began: 'attempt step status'.
sub steps_of_day
{
	return sales("SELECT string_agg(concat_ws(' ', r.attempt, s.step, s.status, s.sqlstate), ', ' ORDER BY s.started_at)
				  FROM salesops.run_log r JOIN salesops.run_step_log s USING (run_id)
				  WHERE r.due_at >= to_timestamp($noon + $day * 86400)");
}

sub trace { return sales("SELECT string_agg(step, ' ' ORDER BY ctid), count(DISTINCT as_of) FROM rehearsal.trace"); }

# --- carrying on -----------------------------------------------------------------------------------------

sales('CREATE SEQUENCE rehearsal.tries');
new_day("'nightly', '12:00', 'UTC', retry_after => '1 second'",
	audit => q{DO $$BEGIN IF nextval('rehearsal.tries') = 1 THEN RAISE 'not now' USING ERRCODE = '55006'; END IF; END$$});
clock(1);
is(runs_of_day('2 succeeded'), '1 failed, 2 succeeded', 'a run that fails is retried');
is(steps_of_day(), '1 sync succeeded, 1 snapshot succeeded, 1 forecast succeeded, 1 audit failed 55006, 1 accounts succeeded, 1 duplicates succeeded, 1 icp succeeded, 1 refresh succeeded, 1 backtest succeeded, 1 alert succeeded, '
	  . '1 purge succeeded, 2 audit succeeded, 2 accounts succeeded, 2 refresh succeeded, 2 alert succeeded', '... by the step that is left and what builds on it');
is(trace(), 'sync snapshot forecast refresh audit refresh|1', '... no other step twice, all as of one instant');

new_day("'nightly', '12:00', 'UTC', retry_after => '1 second'",
	audit => q{DO $$BEGIN IF nextval('rehearsal.tries') = 3 THEN PERFORM pg_sleep(60); END IF; END$$});
clock(1);
wait_for_step($node);
kill KILL => runners_of($node);
$node->poll_query_until('postgres', 'SELECT true');
is(runs_of_day('2 succeeded'), '1 abandoned, 2 succeeded', 'a run whose process is killed is retried');
is(steps_of_day(), '1 sync succeeded, 1 snapshot succeeded, 1 forecast succeeded, 1 audit abandoned, 2 audit succeeded, 2 accounts succeeded, 2 duplicates succeeded, 2 icp succeeded, 2 refresh succeeded, 2 backtest succeeded, 2 alert succeeded, 2 purge succeeded',
	'... from the step on in which it was killed');
is(trace(), 'sync snapshot forecast audit refresh|1', '... and what it leaves is that of an undisturbed night');
is(sales("SELECT bool_and((shared_hit IS NOT NULL) = (status = 'succeeded')), sum(shared_hit) > 0, sum(wal_bytes) > 0 FROM salesops.run_step_log"),
	't|t|t', 'a step that succeeded says what it used');

# --- longer than its interval ----------------------------------------------------------------------------

new_day("'sync', '12:00', 'UTC', every => '10 minutes'", sync => 'SELECT pg_advisory_xact_lock(1)');
my $gate = $node->background_psql('sales');
$gate->query_safe('SELECT pg_advisory_lock(1)');
sales("DELETE FROM salesops.schedule WHERE job = 'nightly'");
clock(1);
wait_until($node, 'sales', "EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 1 AND NOT granted)", 'the sync waits');
clock(45);
my ($code, $out, $err) = $node->psql('sales', 'CALL salesops.run_due_jobs()');
like($err, qr/^.*NOTICE:  another run is under way in this database: process \d+$/, 'run_due_jobs() does nothing beside the worker');
is(runs_of_day(), '1 running', 'a run that takes longer than its interval is alone');
$gate->quit;
is(runs_of_day('succeeded, 1 succeeded'), '1 succeeded, 1 succeeded', '... one run makes up for the four slots that it missed');
is(sales("SELECT extract(epoch FROM max(due_at))::bigint - $noon - $day * 86400 FROM salesops.run_log"), 40 * 60, '... that of the last');
($code, $out, $err) = $node->psql('sales', 'CALL salesops.run_due_jobs()');
like($err, qr/NOTICE:  nothing is due before/, 'run_due_jobs() with nothing due says so');
sales("DELETE FROM salesops.schedule");

# --- limits ----------------------------------------------------------------------------------------------

new_day("'nightly', '12:00', 'UTC', attempts => 1, step_limit => '700 ms', lock_limit => '200 ms'",
	sync => 'SELECT pg_sleep(60)', refresh => 'LOCK TABLE rehearsal.trace IN ACCESS EXCLUSIVE MODE');
my $holder = $node->background_psql('sales');
$holder->query_safe('BEGIN');
$holder->query_safe('LOCK TABLE rehearsal.trace IN ROW EXCLUSIVE MODE');
clock(1);
is(runs_of_day('1 failed'), '1 failed', 'a run over the limits of its schedule fails');
like(steps_of_day(), qr/^1 sync failed 57014, .* 1 refresh failed 55P03,/, '... by the time-outs of statement and lock');
$holder->quit;

# --- without the worker ----------------------------------------------------------------------------------

configure($node, 'salesops.databases' => '');
new_day("'nightly', '12:00', 'UTC', retry_after => '1 minute', lock_limit => '200 ms'", audit => 'LOCK TABLE rehearsal.trace IN ACCESS EXCLUSIVE MODE');
$holder = $node->background_psql('sales');
$holder->query_safe('BEGIN');
$holder->query_safe('LOCK TABLE rehearsal.trace IN ROW EXCLUSIVE MODE');
clock(1);
my @sessions = map {
	IPC::Run::start([ 'psql', '-Xq', '-d', $node->connstr('sales'), '-c', 'CALL salesops.run_due_jobs()' ], '<', \undef, '>', \my $out, '2>', \my $err)
} 1 .. 3;
$_->finish for @sessions;
is(runs_of_day(), '1 failed', 'of three schedulers that call run_due_jobs() at once one runs what is due');
like(steps_of_day(), qr/ 1 audit failed 55P03,/, '... under the lock limit of its schedule');
$holder->quit;
clock(3);
configure($node, 'salesops.databases' => 'sales');
is(runs_of_day('2 succeeded'), '1 failed, 2 succeeded', '... and the worker carries on with it');

# --- functions that are not trusted ----------------------------------------------------------------------

sales(<<'SQL');
CREATE ROLE mallory;
CREATE SCHEMA loose AUTHORIZATION mallory;
CREATE FUNCTION loose.report(run_id bigint, as_of timestamptz) RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint';
SELECT salesops.define_step('report', 'loose.report');
SELECT salesops.define_job('weekly_report', '{sync,report}');
DROP FUNCTION loose.report;
SET ROLE mallory;
CREATE FUNCTION loose.report(run_id bigint, as_of timestamptz) RETURNS bigint LANGUAGE plpgsql AS
  $$BEGIN ALTER ROLE mallory SUPERUSER; RETURN 1; END$$;
SQL
new_day("'weekly_report', '12:00', 'UTC', attempts => 1");
sales("DELETE FROM salesops.schedule WHERE job = 'nightly'");
clock(1);
is(runs_of_day('1 failed'), '1 failed', 'a function that somebody else has put in the place of a step does not run');
is(steps_of_day(), '1 sync succeeded, 1 report failed 42501', '... the log says why');
is(sales("SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'"), 'f', '... and nothing came of it');

# --- a role without privileges but those it needs --------------------------------------------------------

$node->safe_psql('postgres', 'CREATE DATABASE real');
$node->safe_psql('real', <<'SQL');
CREATE EXTENSION salesops;
SELECT sum(planted) FROM salesops.generate_crm(300, 10, 7, salesops.clock() - interval '1 hour');
SELECT salesops.connect('crm', 'fivetran_salesforce', 'crm_demo');
CREATE ROLE nightly LOGIN;
SQL
sub lacking { return $node->safe_psql('real', "SELECT count(*) FROM salesops.missing_privileges('nightly')"); }
cmp_ok(lacking(), '>', 50, 'a new role lacks privileges');
$node->safe_psql('real', <<'SQL');
SELECT salesops.grant_access('nightly', 'run_jobs');
GRANT USAGE ON SCHEMA crm_demo TO nightly;
GRANT SELECT ON ALL TABLES IN SCHEMA crm_demo TO nightly;
SELECT salesops.set_schedule('nightly', '12:00', 'UTC', attempts => 1, catch_up => '20 hours');
SQL
is(lacking(), 0, '... with the grants of docs/worker.md none');
configure($node, 'salesops.role' => 'nightly', 'salesops.databases' => 'real');
$day++;
clock(1);
wait_until($node, 'real', "EXISTS (SELECT FROM salesops.run_log WHERE status <> 'running')", 'the night ends');
is($node->safe_psql('real', "SELECT string_agg(concat_ws(' ', step, status, sqlstate, message), ', ') FROM salesops.run_step_log WHERE status <> 'succeeded'"), '',
	'... and every step of a night succeeds under it');
cmp_ok($node->safe_psql('real', 'SELECT count(*) FROM salesops_bi.open_pipeline'), '>', 10, '... and the marts are there');
is($node->safe_psql('real', "SELECT string_agg(check_name || ' ' || status, ', ') FROM salesops.health WHERE status <> 'ok'"), '', '... and all is healthy');
is($node->safe_psql('real', "SELECT count(*) FROM salesops.health WHERE check_name = 'privileges' AND subject = 'nightly'"), 1, '... the role included');

# --- the extension goes while a session runs a job -------------------------------------------------------

configure($node, 'salesops.databases' => '');
rehearse($node, 'sales', snapshot => 'SELECT pg_advisory_xact_lock(1)');
$gate = $node->background_psql('sales');
$gate->query_safe('SELECT pg_advisory_lock(1)');
my $call_error = '';
my $call = IPC::Run::start([ 'psql', '-Xq', '-d', $node->connstr('sales'), '-c', 'CALL salesops.run_nightly()' ], '<', \undef, '>', \my $ignored, '2>', \$call_error);
wait_until($node, 'sales', "EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 1 AND NOT granted)", 'the step waits');
my $drop = IPC::Run::start([ 'psql', '-Xq', '-d', $node->connstr('sales'), '-c', 'DROP EXTENSION salesops CASCADE' ], '<', \undef, '>', \$ignored, '2>', \my $drop_error);
wait_until($node, 'sales', "EXISTS (SELECT FROM pg_locks WHERE classid = 'pg_extension'::regclass AND NOT granted)", 'DROP EXTENSION waits for the step');
$gate->quit;
ok($drop->finish, 'DROP EXTENSION waits for the step that a session is at');
$call->finish;
like($call_error, qr/^ERROR:  the extension salesops has been dropped$/m, '... whose call then ends and says why');
is(count_in_log($node, qr/deadlock detected|XX000|PANIC|TRAP/), 0, '... without a deadlock');

$node->stop;
done_testing();
