# Steps that take too long, wait too long for a lock, or are cancelled.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../helper";
use Test::More;
use Twins;

my $twins = Twins->new('limits');

# The story of a night in which a step failed, and of the attempt that made up for it.
sub failed
{
	my ($step, $sqlstate, @again) = @_;
	my %again = map { $_ => 1 } $step, @again, $step eq 'purge' ? () : 'alert';
	return 'failed: ' . join(', ', map { $_ eq $step ? "$_ failed $sqlstate" : "$_ succeeded" } @STEPS)
	  . '; succeeded: ' . join(', ', map { "$_ succeeded" } grep { $again{$_} } @STEPS);
}

# What has to run again when a step failed: the step, and what builds on it. The first attempt published without an audit, so
# that there are two publications of that instant.
my %failing = (
	snapshot => {},
	audit    => { again => ['accounts', 'refresh'], trace => { publication => '^\("%s', mart_refresh => '"%s' } },
	refresh  => {},
	purge    => {});

# --- cancelled, or over the limit ------------------------------------------------------------------------

for my $step (grep { $failing{$_} } @STEPS)
{
	$twins->fault('step ended by pg_cancel_backend()', sub {
		my $gate = $twins->close_gate($step);
		$twins->fall_night;
		$twins->wait_at_gate($step);
		$twins->sql('SELECT pg_cancel_backend(' . $twins->runner . ')');
		$twins->wait_for_end('failed');
		$twins->open_gate($gate);
		$twins->next_attempt;
	}, step => $step, story => failed($step, '57014', @{ $failing{$step}{again} // [] }), trace => $failing{$step}{trace},
		happened => 'the step fails with 57014, the others run', healed_by => 'the next attempt: that step and what builds on it');
}

# Where the reading fails there is nothing to carry on from. The twin has the first attempt before the day and the second after it.
$twins->next_day;
$twins->sql($twins->a_day);
my $gate = $twins->close_gate('sync');
$twins->fall_night;
$twins->wait_at_gate('sync');
$twins->sql('SELECT pg_cancel_backend(' . $twins->runner . ')');
$twins->wait_for_end('failed');
$twins->open_gate($gate);
$twins->twin_follows;
$twins->leaves_trace_tonight(source_sync => '"%s');
$twins->twin->safe_psql('sales', $twins->a_day);
$twins->next_attempt;
$twins->wait_for_end('succeeded');
is($twins->story, failed('sync', '57014') =~ s/; .*/; /r . undisturbed(), 'step sync ended by pg_cancel_backend(): the log tells what happened');
$twins->twin_follows;
$twins->compare('step sync ended by pg_cancel_backend()', 'step ended by pg_cancel_backend()', step => 'sync',
	happened => 'the step fails with 57014, the others run on what was known', healed_by => 'the next attempt, from the start and as of then');

# No other step takes so long, on a busy machine either.
$twins->schedule("step_limit => '30 s'");
$twins->fault('statement time-out', sub {
	my $gate = $twins->close_gate('audit');
	$twins->fall_night;
	$twins->wait_for_end('failed');
	$twins->open_gate($gate);
	$twins->next_attempt;
}, step => 'audit', story => failed('audit', '57014', 'accounts', 'refresh'), trace => $failing{audit}{trace},
	happened => 'the step fails with 57014, the others run', healed_by => 'the next attempt: that step and what builds on it');
$twins->schedule('');

# --- locks -----------------------------------------------------------------------------------------------

$twins->schedule("lock_limit => '1 s'");
$twins->fault('table of the extension locked for longer than the limit', sub {
	my $holder = $twins->hold('LOCK TABLE salesops.forecast_snapshot IN SHARE MODE');
	$twins->fall_night;
	$twins->wait_for_end('failed');
	$holder->quit;
	$twins->next_attempt;
}, step => 'snapshot', story => failed('snapshot', '55P03'),
	happened => 'the step fails with 55P03, the others run', healed_by => 'the next attempt: that step');
$twins->schedule('');

$twins->stop;
done_testing();
