# Marts that cannot be refreshed: locked for longer than the limit, or on a disk that is full.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../helper";
use PostgreSQL::Test::Utils;
use Test::More;
use Twins;

my $twins = Twins->new('marts');
$twins->schedule("lock_limit => '1 s'");

my @marts = split /\n/, $twins->sql('SELECT mart FROM salesops.marts() ORDER BY position');

# How the refresh of this night went, mart by mart where it did not succeed.
sub refresh_failures
{
	my $as_of = ($twins->instants)[-1];
	return $twins->sql(<<"SQL");
SELECT string_agg(mart || ' ' || sqlstate, ', ' ORDER BY mart)
FROM salesops.mart_refresh WHERE as_of = '$as_of' AND sqlstate IS NOT NULL
SQL
}

# A night in which one mart cannot be refreshed, and the next one. The mart keeps its last rows; mart_refresh keeps the failure.
sub one_mart_fails
{
	my ($fault, $mart, $sqlstate, $strike, $restore) = @_;
	my $content = "SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM salesops_bi.${mart}_mat t";
	my $before = $twins->sql($content);

	$twins->next_day;
	$twins->live_both($twins->a_day);
	$strike->();
	$twins->fall_night;
	$twins->wait_for_end('succeeded');
	is($twins->story, undisturbed(), "$fault: the night goes on without it");
	is(refresh_failures(), "$mart $sqlstate", '... its failure is recorded');
	is($twins->sql("SELECT message FROM salesops.run_step_log WHERE step = 'refresh' ORDER BY run_id DESC LIMIT 1"),
		"1 of ${\ scalar @marts} marts were not refreshed: $mart", '... and said in the log of the step');
	is($twins->sql($content), $before, '... it keeps its last rows');
	$twins->twin_follows;
	is($twins->differing, "mart_refresh ${mart}_mat", '... everything else is as without the fault');
	$twins->leaves_trace_tonight(mart_refresh => "^\\($mart,\"%s");
	$restore->();

	$twins->next_day;
	$twins->live_both($twins->a_day);
	$twins->fall_night;
	$twins->wait_for_end('succeeded');
	$twins->twin_follows;
	$twins->compare($fault, $fault, happened => "it keeps its last rows, mart_refresh says $sqlstate; the other marts are refreshed",
		healed_by => 'the next refresh');
}

# A night in which none can: the step fails and is tried again.
sub all_marts_fail
{
	my ($fault, $sqlstate, $strike, $restore) = @_;
	$twins->fault($fault, sub {
		$strike->();
		$twins->fall_night;
		$twins->wait_for_end('failed');
		$restore->();
		$twins->next_attempt;
	}, story => 'failed: ' . join(', ', map { $_ eq 'refresh' ? "refresh failed $sqlstate" : "$_ succeeded" } @STEPS)
		  . '; succeeded: refresh succeeded, alert succeeded',
		happened => "the step fails with $sqlstate; the marts keep their last rows", healed_by => 'the next attempt: that step');
}

# --- locked ----------------------------------------------------------------------------------------------

my $holder;
my $lock_marts = sub { $holder = $twins->hold(join('; ', map { "CREATE INDEX ON salesops_bi.${_}_mat (as_of_date)" } @_)) };
my $unlock = sub { $holder->query_safe('ROLLBACK'); $holder->quit };

one_mart_fails('mart locked for longer than the limit', 'open_pipeline', '55P03', sub { $lock_marts->('open_pipeline') }, $unlock);
all_marts_fail('all marts locked for longer than the limit', '55P03', sub { $lock_marts->(@marts) }, $unlock);

# --- a disk that is full ---------------------------------------------------------------------------------

# The marts lie in a tablespace on a file system of 24 MB, which a file of somebody else fills to the last block.
SKIP: {
	my $disk = $ENV{SMALL_DISK} or skip 'the kernel lets nobody mount a small file system here', 1;
	my $fill = sub { system_log('sh', '-c', "cat /dev/zero >'$disk/of_somebody_else' 2>/dev/null || true") };
	my $free = sub { unlink "$disk/of_somebody_else" or die };
	mkdir "$disk/tablespace" or die "$disk/tablespace: $!";
	$twins->sql("CREATE TABLESPACE small LOCATION '$disk/tablespace'");
	$twins->sql('ALTER MATERIALIZED VIEW salesops_bi.open_pipeline_mat SET TABLESPACE small');
	# Not of all marts: those that hold nothing need no block, and are refreshed.
	one_mart_fails('disk of a mart full', 'open_pipeline', '53100', $fill, $free);
}

$twins->stop;
done_testing();
