# Processes that end in the middle of each step: the runner and the launcher, asked to end and shot.
#
# A process that is shot takes the server with it: PostgreSQL ends every session and recovers from the log.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../helper";
use Test::More;
use Twins;

my $twins = Twins->new('killed');

for my $step (@STEPS)
{
	$twins->fault("runner ended by SIGTERM in step $step", sub {
		my $gate = $twins->close_gate($step);
		$twins->fall_night;
		$twins->wait_at_gate($step);
		my $runner = $twins->runner;
		$twins->sql("SELECT pg_terminate_backend($runner)");
		$twins->wait_until_gone($runner);
		$twins->open_gate($gate);
		$twins->next_attempt;
	}, story => broken_off($step), happened => "the step is rolled back, the run is abandoned", healed_by => 'the next attempt, from that step on');

	$twins->fault("runner ended by SIGKILL in step $step", sub {
		my $gate = $twins->close_gate($step);
		$twins->fall_night;
		$twins->wait_at_gate($step);
		my $runner = $twins->runner;
		kill 'KILL', $runner;
		$twins->wait_for_recovery($runner);
		$twins->open_gate($gate);
		$twins->next_attempt;
	}, story => broken_off($step), happened => "the server restarts and recovers, the run is abandoned", healed_by => 'the next attempt, from that step on');

	$twins->fault("launcher ended by SIGTERM in step $step", sub {
		my $gate = $twins->close_gate($step);
		$twins->fall_night;
		$twins->wait_at_gate($step);
		my $launcher = $twins->launcher;
		$twins->sql("SELECT pg_terminate_backend($launcher)");
		$twins->wait_until_gone($launcher);
		$twins->open_gate($gate);
	}, story => undisturbed(), happened => 'the runner does not notice, the server starts another launcher', healed_by => 'nothing to heal');

	$twins->fault("launcher ended by SIGKILL in step $step", sub {
		my $gate = $twins->close_gate($step);
		$twins->fall_night;
		$twins->wait_at_gate($step);
		my $launcher = $twins->launcher;
		kill 'KILL', $launcher;
		$twins->wait_for_recovery($launcher);
		$twins->open_gate($gate);
		$twins->next_attempt;
	}, story => broken_off($step), happened => "the server restarts and recovers, the run is abandoned", healed_by => 'the next attempt, from that step on');
}

$twins->stop;
done_testing();
