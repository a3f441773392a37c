# The clock is a year ahead, a year behind, or three weeks on because the server was off: what runs by itself, what waits for a
# person, and the way back after a night that ran a year too early.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../helper";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Rehearsal;
use Test::More;

use constant { DAY => 86400, YEAR => 365 * 86400 };

my $node = PostgreSQL::Test::Cluster->new('clock_in_doubt');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'salesops'
salesops.databases = 'sales'
jit = off
CONF
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE sales');

sub sales { return $node->safe_psql('sales', $_[0]); }

# What a statement that must fail says.
sub refused
{
	my ($sql) = @_;
	my ($code, $out, $err) = $node->psql('sales', "\\set VERBOSITY verbose\n$sql");
	isnt($code, 0, "refused: $sql");
	return $err;
}

# So many scheduled runs have succeeded, each on a day of its own; nobody is at work.
sub has_run
{
	my ($runs, $what) = @_;
	wait_until($node, 'sales', "count(*) >= $runs FROM salesops.run_log WHERE started_by = 'schedule' AND status = 'succeeded'", $what);
	wait_until($node, 'postgres', "NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'salesops runner')", 'the worker is idle');
	is(sales("SELECT count(*), count(DISTINCT local_date) FROM salesops.run_log WHERE started_by = 'schedule'"), "$runs|$runs", $what);
}

# Set the clock, or do something else, and wait until the worker has said that it waits.
sub waits_after
{
	my ($act, $doubt, $what) = @_;
	my $offset = -s $node->logfile;
	$act->();
	$node->wait_for_log(qr/the scheduled run of job "nightly" waits because the clock is in doubt\n.*(?:$doubt)/, $offset);
	like(sales("SELECT status || ' ' || advice FROM salesops.health WHERE check_name = 'clock_doubt'"), qr/^critical Scheduled runs wait\. .*(?:$doubt)/, $what);
}

# The server is down while time passes.
sub restart_at
{
	my ($seconds) = @_;
	$node->stop;
	$node->append_conf('postgresql.auto.conf', "salesops.clock_offset = $seconds");
	$node->start;
}

my $in_order = "SELECT status FROM salesops.health WHERE check_name = 'clock_doubt'";

# --- a clock that jumps while the server is up -----------------------------------------------------------

sales('CREATE EXTENSION salesops');
sales("SELECT count(*) FROM salesops.generate_crm(300, 10, 7, now(), 0.1)");
sales("SELECT salesops.connect('crm', 'fivetran_salesforce', 'crm_demo')");
schedule_soon($node, 'sales');
has_run(1, 'the first night');
is(sales($in_order), 'ok', '... nobody doubts the clock');

waits_after(sub { set_clock($node, YEAR) }, 'The clock was set forward by 365 days', 'a year ahead nothing runs by itself, and health says why');
is(sales("SELECT count(*) FROM salesops.run_log"), 1, '... nothing has been recorded');
waits_after(sub { $node->reload }, 'The clock was set forward', '... nor at the next look');
set_clock($node, DAY);
is(sales($in_order), 'ok', 'the clock is right again');
has_run(2, '... and the next night runs');

# --- a person who believes it ----------------------------------------------------------------------------

# Deals that are not known as the source states them.
my $unlike_the_source = <<'SQL';
SELECT count(*) FROM (
  SELECT o.id, o.amount FROM salesops.opportunity_as_of(salesops.clock()) o
  FULL JOIN (SELECT c.id, c.amount FROM crm_demo.opportunity c WHERE c._fivetran_active AND NOT c.is_deleted) c ON c.id = o.id
  WHERE o.amount::float8 IS DISTINCT FROM c.amount) d
SQL
# What the CRM lives through meanwhile: deals change, one is new, one is gone.
sales(<<'SQL');
UPDATE crm_demo.opportunity SET amount = 4711, system_modstamp = now(), last_modified_date = now()
WHERE id IN (SELECT id FROM crm_demo.opportunity WHERE NOT is_closed ORDER BY id LIMIT 5);
DELETE FROM crm_demo.opportunity WHERE id = (SELECT max(id) FROM crm_demo.opportunity WHERE NOT is_closed);
UPDATE crm_demo.account SET industry = 'Changed' WHERE id IN (SELECT id FROM crm_demo.account ORDER BY id LIMIT 3);
SQL
my $changes = sales($unlike_the_source);
cmp_ok($changes, '>', 1, 'the source goes on');
waits_after(sub { set_clock($node, YEAR + DAY) }, 'The clock was set forward', 'ahead again it waits again');
sales('SELECT salesops.clock_jump(salesops.clock())');
isnt(sales($in_order), 'ok', '... and nobody makes it believed by asking');
sales('SET client_min_messages = warning; CALL salesops.run_nightly()');
is(sales($in_order), 'ok', 'a run by hand says that the clock is right');
$node->reload;
has_run(3, '... and the schedule goes on, a year ahead');
my $slot_ahead = sales("SELECT max(local_date) FROM salesops.run_log WHERE started_by = 'schedule'");

# --- the way back ----------------------------------------------------------------------------------------

waits_after(sub { set_clock($node, 2 * DAY) }, 'the last run or sync was as of', 'back in the present the runs of the future are in the way, and health says how to go on');
is(sales("SELECT status FROM salesops.health WHERE check_name = 'clock'"), 'critical', '... as does check clock');
like(refused('CALL salesops.run_nightly()'), qr/22023: a run as of .* would come before the last one.*HINT:  The clock was ahead then/s, 'a run by hand is told too');
like(refused("SELECT * FROM salesops.sync('crm')"), qr/22023: .* lies before the last sync.*HINT:  .*correct_future/s, '... and a sync');
is(sales($unlike_the_source), $changes, 'what came in the future is not known now');

sales('CREATE ROLE clerk; GRANT USAGE ON SCHEMA salesops TO clerk');
like(refused("SET ROLE clerk; SELECT salesops.correct_future(salesops.clock())"), qr/42501/, 'correct_future() is not for everybody');
like(refused("SELECT salesops.correct_future(salesops.clock() - interval '1 year')"), qr/22023: the clock is not right.*HINT:  Set the clock/s,
	'... nor for a clock that is not right yet');
like(refused('SELECT salesops.correct_future(NULL)'), qr/22023: the clock is not right/, '... nor for somebody who does not know');

my $totals = 'SELECT md5(string_agg(concat(source_key, period, owner_id, totals), chr(10) ORDER BY as_of, source_key, period, owner_id)) FROM salesops.forecast_snapshot';
my $kept = sales($totals);
my $ahead = sales('SELECT count(*) FROM salesops.snapshot WHERE as_of > salesops.clock()');
is($ahead, 2, 'two snapshots of the future');
like(sales('SELECT * FROM salesops.correct_future(salesops.clock())'), qr/^salesops\.opportunity\|\d+$/m, 'corrected, table by table');
is(sales($unlike_the_source), 0, '... now all of it is known');
is(sales($totals), $kept, '... what was published is what it was');
is(sales('SELECT count(*) FROM salesops.snapshot s, salesops.replay_snapshot(s.as_of)'), 0, '... and each snapshot replays');
is(sales('SELECT count(*), count(DISTINCT as_of), bool_and(as_of <= salesops.clock()) FROM salesops.snapshot'), '4|4|t', '... in the present');
is(sales("SELECT bool_and(r.as_of IN (SELECT s.as_of FROM salesops.snapshot s) AND r.as_of IN (SELECT l.as_of FROM salesops.audit_log l)
					AND r.as_of IN (SELECT y.as_of FROM salesops.source_sync y)) FROM salesops.run_log r"), 't', '... what was of one instant still is');
is(sales("SELECT count(*) FROM salesops.clock_correction WHERE was > corrected_at AND became <= corrected_at"), sales('SELECT count(*) FROM salesops.clock_correction'),
	'... what each instant was is kept');
is(sales("SELECT string_agg(local_date::text || started_by, ' ') FROM salesops.run_log WHERE local_date = '$slot_ahead'"), '', 'the day that ran too early');
is(sales("SELECT salesops.has_begun('nightly', '$slot_ahead', 0)"), 'f', '... will have its run');
is(sales('SELECT count(*) FROM salesops.correct_future(salesops.clock())'), 0, 'a second correction has nothing to do');
like(refused('UPDATE salesops.snapshot SET as_of = as_of'), qr/never changed/, 'history is locked as before');
is(sales($in_order), 'ok', 'nobody doubts the clock');

$node->reload;
has_run(3, 'the night of this day runs');    # that of the future counts as one by hand
is(sales("SELECT rows_affected FROM salesops.run_step_log s JOIN salesops.run_log r USING (run_id) WHERE s.step = 'sync' ORDER BY r.as_of DESC LIMIT 1"), 0,
	'... and its sync finds nothing that is not known');
is(sales("SELECT status FROM salesops.health WHERE check_name = 'clock'"), 'ok', '... all is well');

# --- a server that was off -------------------------------------------------------------------------------

restart_at(23 * DAY);
has_run(4, 'three weeks off: one run makes up for them, by itself');

waits_after(sub { restart_at(YEAR) }, 'has not run', 'a server that begins a year later waits');
restart_at(23 * DAY);
is(sales($in_order), 'ok', '... until its clock is right');

# --- a clock that is behind ------------------------------------------------------------------------------

restart_at(-YEAR);
like(sales("SELECT salesops.clock_doubt(salesops.clock())"), qr/the last run or sync was as of/, 'a clock a year behind is doubted');
like(refused("SELECT salesops.correct_future(salesops.clock() + interval '1 year')"), qr/22023: the clock is not right/, '... and corrects nothing');
set_clock($node, 24 * DAY);
has_run(5, 'as soon as it is right the nights go on, although it was set forward by a year');

$node->stop;
done_testing();
