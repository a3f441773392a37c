# A server that stops in the middle of each step, as with the power, and starts again.
#
# The test servers run with fsync off: an immediate shutdown ends the processes but the kernel keeps their pages, so
# this is the recovery of a crashed server, not of a crashed machine.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../helper";
use Test::More;
use Twins;

my $twins = Twins->new('stopped');

sub stop_in_step
{
	my ($step, $mode) = @_;
	return sub {
		my $gate = $twins->close_gate($step);
		$twins->fall_night;
		$twins->wait_at_gate($step);
		$twins->disturbed->stop($mode);
		$twins->open_gate($gate);
		$twins->disturbed->start;
		$twins->next_attempt;
	};
}

for my $step (@STEPS)
{
	$twins->fault("immediate shutdown", stop_in_step($step, 'immediate'), step => $step, story => broken_off($step),
		happened => 'crash recovery, the run is abandoned', healed_by => 'the next attempt, from that step on');
}

$twins->fault('fast shutdown', stop_in_step('refresh', 'fast'), step => 'refresh', story => broken_off('refresh'),
	happened => 'the runner ends at once, the run is abandoned', healed_by => 'the next attempt, from that step on');

$twins->fault('immediate shutdown between two steps', stop_in_step('begin audit', 'immediate'),
	story => 'abandoned: sync succeeded, snapshot succeeded, forecast succeeded; ' . carried_on('audit'),
	happened => 'crash recovery, the run is abandoned', healed_by => 'the next attempt, from the step that had not begun');

$twins->fault('immediate shutdown between the last step and the end of the run', stop_in_step('end of run', 'immediate'),
	story => 'abandoned: ' . carried_on('sync') =~ s/^succeeded: //r . '; succeeded: no step',
	happened => 'crash recovery, the run is abandoned', healed_by => 'the next attempt, which finds nothing left to do');

# --- down when it was due --------------------------------------------------------------------------------

# Start the stopped server so many seconds after the nightfall of this day.
sub start_at
{
	my ($seconds) = @_;
	$twins->set_clock_of($twins->disturbed, $seconds);
	$twins->disturbed->start;
	$twins->set_clock($seconds);
}

sub runs_of_day
{
	my ($days_ago) = @_;
	my $date = $twins->local_date;
	return $twins->sql("SELECT count(*) FROM salesops.run_log WHERE local_date = $date - $days_ago");
}

my %late = (story => undisturbed(), happened => 'nothing runs', healed_by => 'one run as soon as the server is up');

$twins->fault('server down over the due time', sub {
	$twins->disturbed->stop('immediate');
	start_at(3600);
}, %late);

$twins->fault('server down for three nights', sub {
	for (1 .. 2)
	{
		$twins->next_day;
		$twins->live_both($twins->a_day);
	}
	$twins->disturbed->stop('fast');
	start_at(3600);
}, %late);
is(runs_of_day(1) + runs_of_day(2), 0, '... one run makes up for all three');

$twins->fault('server down for longer than catch_up', sub {
	$twins->disturbed->stop('fast');
	start_at(13 * 3600);
	$twins->next_day;
	$twins->live_both($twins->a_day);
	$twins->fall_night;
}, %late, healed_by => 'the next night');
is(runs_of_day(1), 0, '... what is too late is not made up for');

$twins->stop;
done_testing();
