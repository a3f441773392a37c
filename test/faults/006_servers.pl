# A server without a free process, a role that is gone, and a standby whose clock is another one.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../helper";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Twins;

# Of three worker processes the server itself takes one and our launcher another.
my $twins = Twins->new('servers', "max_worker_processes = 3\nsalesops.databases = 'sales, busy'");

# The server's log says why nothing runs, and that it says so for the second time after three more looks is not seen.
sub log_says_once
{
	my ($pattern) = @_;
	$twins->disturbed->wait_for_log($pattern);
	$twins->disturbed->safe_psql('sales', 'SELECT salesops.wake_worker()') for 1 .. 3;
	is(Rehearsal::count_in_log($twins->disturbed, $pattern), 1, "the server log says it once: $pattern");
}

# --- no free process -------------------------------------------------------------------------------------

$twins->disturbed->safe_psql('postgres', 'CREATE DATABASE busy');
$twins->disturbed->safe_psql('busy', 'CREATE EXTENSION salesops');

$twins->fault('no free worker process', sub {
	my $holder = $twins->disturbed->background_psql('busy');
	$holder->query_safe('BEGIN; LOCK TABLE salesops.run_log');
	$twins->disturbed->safe_psql('busy', 'SELECT salesops.wake_worker()');
	$twins->wait_until("EXISTS (SELECT FROM pg_stat_activity WHERE datname = 'busy' AND backend_type = 'salesops runner' AND wait_event_type = 'Lock')",
		'the runner of another database takes the last process');
	$twins->fall_night;
	log_says_once(qr/salesops has a job to run but the server has no free worker process/);
	is($twins->story, '', '... and nothing runs');
	$holder->quit;
}, story => undisturbed(), happened => 'the night waits; the server log says so once', healed_by => 'the night begins when a process is free');

# --- the role --------------------------------------------------------------------------------------------

sub run_as
{
	my ($role) = @_;
	$twins->disturbed->safe_psql('postgres', "ALTER SYSTEM SET salesops.role = '$role'");
	$twins->disturbed->reload;
}

$twins->sql('CREATE ROLE night_shift LOGIN SUPERUSER');
run_as('night_shift');
$twins->fault('role dropped before the night', sub {
	$twins->sql('DROP ROLE night_shift');
	$twins->fall_night;
	log_says_once(qr/salesops runs no job: role "night_shift" does not exist/);
	is($twins->story, '', '... and nothing runs');
	$twins->sql('CREATE ROLE night_shift LOGIN SUPERUSER');
	$twins->next_attempt;
}, story => undisturbed(), happened => 'nothing runs; the server log says why, once', healed_by => 'the night begins when the role is there');

$twins->fault('role dropped', sub {
	my $gate = $twins->close_gate('audit');
	$twins->fall_night;
	$twins->wait_at_gate('audit');
	my $runner = $twins->runner;
	$twins->sql('DROP ROLE night_shift');
	$twins->open_gate($gate);
	$twins->wait_until_gone($runner);
	$twins->sql('CREATE ROLE night_shift LOGIN SUPERUSER');
	$twins->next_attempt;
}, step => 'audit', story => broken_off('audit'), happened => 'the run is abandoned', healed_by => 'the next attempt, once the role is there');
run_as('');

# --- a standby takes over --------------------------------------------------------------------------------

# In the middle of a night the server is lost and its standby promoted. The clock of the standby says so many seconds
# after nightfall.
sub standby_takes_over
{
	my ($fault, $name, $clock, %case) = @_;
	my $primary = $twins->disturbed;
	my $standby = PostgreSQL::Test::Cluster->new($name);

	$primary->backup($name);
	$standby->init_from_backup($primary, $name, has_streaming => 1);
	$standby->start;
	$twins->fault($fault, sub {
		my $gate = $twins->close_gate('audit');
		$twins->fall_night;
		$twins->wait_at_gate('audit');
		$twins->set_clock_of($standby, $clock);
		$standby->reload;
		$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
		is($standby->safe_psql('sales', "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'salesops %'"), 0,
			"$fault: as a standby it runs nothing");

		$primary->stop('immediate');
		$twins->open_gate($gate);
		$standby->promote;
		$twins->taken_over_by($standby);
		$case{then}->() if $case{then};
		$twins->next_attempt;
	}, step => 'audit', story => broken_off('audit'), happened => 'the standby finds the run abandoned', healed_by => $case{healed_by});
}

standby_takes_over('server lost, standby promoted', 'standby_1', 5, healed_by => 'the next attempt, on the new server');
standby_takes_over('server lost, standby with a clock half an hour ahead promoted', 'standby_2', 1800,
	healed_by => 'the next attempt, as of the instant of the first');
standby_takes_over('server lost, standby with a clock an hour behind promoted', 'standby_3', -3600,
	then => sub {
		$twins->wait_until("status = 'abandoned' FROM salesops.run_log ORDER BY run_id DESC LIMIT 1", 'the new server has looked');
		is($twins->sql('SELECT max(as_of) > salesops.clock() FROM salesops.run_log'), 't', 'the first attempt is of its future');
	}, healed_by => 'the next attempt, when the clock has come there, as of the instant of the first');

$twins->stop;
done_testing();
