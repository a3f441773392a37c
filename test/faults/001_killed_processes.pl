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

# The second half of a fault in a step: what is done to whom.
sub in_step
{
	my ($step, $strike) = @_;
	return sub {
		my $gate = $twins->close_gate($step);
		$twins->fall_night;
		$twins->wait_at_gate($step);
		$strike->();
		$twins->open_gate($gate);
	};
}

sub terminate
{
	my ($pid) = @_;
	$twins->sql("SELECT pg_terminate_backend($pid)");
	$twins->wait_until_gone($pid);
}

sub shoot
{
	my ($pid) = @_;
	kill 'KILL', $pid;
	$twins->wait_for_recovery($pid);
}

for my $step (@STEPS)
{
	my %resumed = (step => $step, story => broken_off($step), healed_by => 'the next attempt, from that step on');
	my %recovered = (%resumed, happened => 'the server ends all sessions and recovers; the run is abandoned');

	$twins->fault('runner ended by SIGTERM', sub {
		in_step($step, sub { terminate($twins->runner) })->();
		$twins->next_attempt;
	}, %resumed, happened => 'the step is rolled back; the run is abandoned');
	$twins->fault('runner ended by SIGKILL', sub {
		in_step($step, sub { shoot($twins->runner) })->();
		$twins->next_attempt;
	}, %recovered);
	$twins->fault('launcher ended by SIGKILL', sub {
		in_step($step, sub { shoot($twins->launcher) })->();
		$twins->next_attempt;
	}, %recovered);
	$twins->fault('launcher ended by SIGTERM', in_step($step, sub { terminate($twins->launcher) }),
		step => $step, story => undisturbed(), happened => 'the runner does not notice; the server starts another launcher',
		healed_by => 'nothing needs to');
}

# The comparison itself: what is lost, changed or there twice does not escape it.
$twins->sql('DELETE FROM salesops.opportunity_history WHERE ctid = (SELECT min(ctid) FROM salesops.opportunity_history)');
$twins->sql('UPDATE salesops.lead SET status = status || $$.$$ WHERE ctid = (SELECT min(ctid) FROM salesops.lead)');
$twins->sql('INSERT INTO salesops.account_history SELECT * FROM salesops.account_history LIMIT 1');
is($twins->differing, 'account_history change_ledger lead opportunity_history', 'a lost, a changed and a doubled row are seen');

$twins->stop;
done_testing();
