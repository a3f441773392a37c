# Rehearsal: servers on which jobs do what a test tells them (steps.sql), for tests of the worker around them.
package Rehearsal;

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter 'import';
use File::Basename qw(dirname);
use PostgreSQL::Test::Utils;

our @EXPORT = qw(make_database rehearse_in rehearse request await run_once steps_of launcher_of runners_of wait_until
  wait_for_step count_in_log configure set_clock schedule_soon);

my $steps = abs_path(dirname(__FILE__) . '/steps.sql');

# A database with the extension and steps that do as they are told.
sub make_database
{
	my ($node, $name) = @_;
	$node->safe_psql('postgres', qq{CREATE DATABASE "$name"});
	$node->safe_psql($name, 'CREATE EXTENSION salesops');
	rehearse_in($node, $name);
}

# From now on the steps of a database that has the extension do as they are told.
sub rehearse_in { my ($node, $database) = @_; $node->safe_psql($database, "\\i $steps"); }

# What the steps do from now on: step => statement. The trace of what they did before is gone.
sub rehearse
{
	my ($node, $database, %script) = @_;
	$node->safe_psql($database,
		join(';', 'DELETE FROM rehearsal.script', 'DELETE FROM rehearsal.trace', map { "INSERT INTO rehearsal.script VALUES ('$_', \$q\$$script{$_}\$q\$)" } keys %script));
}

sub request { my ($node, $database) = @_; return $node->safe_psql($database, 'SELECT salesops.request_run()'); }

sub await
{
	my ($node, $database, $run) = @_;
	return $node->safe_psql($database, "SELECT salesops.await_run($run, '60 s')");
}

# Ask for a run, wait for it, and say how it ended.
sub run_once { my ($node, $database) = @_; return await($node, $database, request($node, $database)); }

# The steps of a run as 'step status', in the order in which they began.
sub steps_of
{
	my ($node, $database, $run) = @_;
	return $node->safe_psql($database, "SELECT string_agg(concat_ws(' ', step, status, sqlstate), ', ' ORDER BY started_at)
										FROM salesops.run_step_log WHERE run_id = $run");
}

# The processes of a kind, one space between two.
sub processes
{
	my ($node, $kind) = @_;
	return $node->safe_psql('postgres',
		"SELECT string_agg(pid::text, ' ' ORDER BY pid) FROM pg_stat_activity WHERE backend_type = 'salesops $kind'");
}

sub launcher_of { return processes($_[0], 'launcher'); }
sub runners_of { return processes($_[0], 'runner'); }

# Wait for a condition, or die with what has not come true.
sub wait_until
{
	my ($node, $database, $condition, $what) = @_;
	my $has_happened;
	# While the server recovers, psql is refused and may be gone before it is given the query.
	do
	{
		$has_happened = eval { $node->poll_query_until($database, "SELECT $condition") };
	} while (!defined $has_happened && $@ =~ /Broken pipe/);
	die $@ || "$what: has not happened" unless $has_happened;
}

# Wait until a runner sleeps in its step.
sub wait_for_step
{
	my ($node) = @_;
	wait_until($node, 'postgres',
		"EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'salesops runner' AND wait_event = 'PgSleep')", 'a step sleeps');
}

sub count_in_log
{
	my ($node, $pattern) = @_;
	my $log = slurp_file($node->logfile);
	return scalar(() = $log =~ /$pattern/g);
}

# Change settings of the server and wait until new sessions see them.
sub configure
{
	my ($node, %setting) = @_;
	my $loaded = $node->safe_psql('postgres', 'SELECT pg_conf_load_time()');
	$node->safe_psql('postgres', "LOAD 'salesops'; ALTER SYSTEM SET $_ = '$setting{$_}'") for keys %setting;
	$node->reload;
	wait_until($node, 'postgres', "pg_conf_load_time() > '$loaded'", 'the settings are read');
}

# Schedule the nightly job for two seconds from now, in a zone in which it is about noon, so that no day ends meanwhile.
sub schedule_soon
{
	my ($node, $database) = @_;
	my $offset = 12 - (gmtime)[2];
	my $zone = $offset == 0 ? 'Etc/GMT' : sprintf('Etc/GMT%+d', -$offset);
	$node->safe_psql($database, "SELECT salesops.set_schedule(at_time => (salesops.clock() AT TIME ZONE '$zone' + interval '2 s')::time,
															  time_zone => '$zone', retry_after => '1 second')");
}

# Set the clock of salesops so many seconds ahead of the server's.
sub set_clock { my ($node, $seconds) = @_; configure($node, 'salesops.clock_offset' => $seconds); }

1;
