# Two servers with one CRM: the nights of the first are disturbed, those of its twin are not. Afterwards every table must be equal.
#
#   my $twins = Twins->new('killed');
#   $twins->fault('runner ended by SIGTERM', sub {     # the CRM has lived a day, the clock stands before the night
#       my $gate = $twins->close_gate('audit');
#       $twins->fall_night;                            # it is time: the worker begins
#       $twins->wait_at_gate('audit');
#       ...                                            # what happens to it
#       $twins->open_gate($gate);
#       $twins->next_attempt;                          # it is time again
#   }, step => 'audit', story => broken_off('audit'), happened => 'the run is abandoned', healed_by => 'the next attempt');
#
# The disturbed server runs its nights by schedule, with retries; the clock is moved by salesops.clock_offset, nothing waits
# for a time to come. When it has healed, the twin runs the same night undisturbed, by hand, as of the same instant, and
# looks at the other one's tables (twin.sql).
package Twins;

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter 'import';
use File::Basename qw(basename dirname);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Rehearsal ();
use Test::More;
use Time::Local qw(timegm);
use Time::HiRes qw(time sleep);

our @EXPORT = qw(@STEPS undisturbed broken_off carried_on);

my $here = abs_path(dirname(__FILE__));

# The steps of a night in their order; each has a gate.
our @STEPS = qw(sync snapshot forecast audit accounts duplicates icp refresh backtest alert purge);

# The night falls at 18:00 UTC.
my $NIGHTFALL = timegm(0, 0, 18, 15, 5, 2026);
my $DAY = 86400;

# conf: more lines for postgresql.conf of the disturbed server.
sub new
{
	my ($class, $name, $conf) = @_;
	my $self = bless { day => 0, conf => $conf // '' }, $class;

	$self->{disturbed} = $self->_make_server("${name}_disturbed", "salesops.databases = 'sales'\n$self->{conf}");
	$self->{twin} = $self->_make_server("${name}_twin", '');
	$self->{twin}->safe_psql('sales', "\\i $here/twin.sql");

	# The first night, undisturbed on both.
	$self->set_clock(-60);
	$self->schedule;
	$self->fall_night;
	$self->wait_for_end('succeeded');
	$self->twin_follows;
	is($self->differences, '', 'a night that nobody disturbs is the same on both servers');
	return $self;
}

sub _make_server
{
	my ($self, $name, $conf) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(allows_streaming => 1);
	$node->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = 'salesops'
restart_after_crash = on
log_lock_waits = on
jit = off
$conf
CONF
	$node->start;
	$node->safe_psql('postgres', 'CREATE DATABASE sales');
	$node->safe_psql('sales', 'CREATE EXTENSION salesops');
	$node->safe_psql('sales', "\\i $here/nights.sql");
	return $node;
}

sub disturbed { return $_[0]->{disturbed}; }
sub twin { return $_[0]->{twin}; }
sub sql { return $_[0]->{disturbed}->safe_psql('sales', $_[1]); }

# The same statement on both servers.
sub live_both
{
	my ($self, $sql) = @_;
	$_->safe_psql('sales', $sql) for $self->{disturbed}, $self->{twin};
}

# --- the clock -------------------------------------------------------------------------------------------

# Both clocks stand so many seconds after the nightfall of this day. The reload makes the launcher look at once.
sub set_clock
{
	my ($self, $seconds) = @_;
	my $offset = $self->_clock_offset($seconds);
	Rehearsal::set_clock($_, $offset) for $self->{disturbed}, $self->{twin};
}

sub fall_night { $_[0]->set_clock(5); }

# The clock of a server that is down, or a standby, so many seconds after the nightfall of this day: it finds it in its settings.
sub set_clock_of
{
	my ($self, $node, $seconds) = @_;
	$node->append_conf('postgresql.auto.conf', 'salesops.clock_offset = ' . $self->_clock_offset($seconds));
}

sub _clock_offset { return int($NIGHTFALL + $_[0]->{day} * $DAY + $_[1] - time); }

sub local_date { return "date '2026-06-15' + $_[0]->{day}"; }

# Every night at 18:00, at most four times; more arguments of set_schedule(), for the nights to come.
sub schedule
{
	my ($self, $more) = @_;
	$self->sql("SELECT salesops.set_schedule('nightly', '18:00', 'UTC', attempts => 4" . ($more ? ", $more" : '') . ')');
}

# --- gates -----------------------------------------------------------------------------------------------

# A session that holds what a statement locked until it quits, or dies with the server.
sub hold
{
	my ($self, $sql) = @_;
	my $session = $self->{disturbed}->background_psql('sales', on_error_stop => 0);
	$session->query_safe("BEGIN; $sql");
	return $session;
}

# Close the gate in a step: whoever comes there waits as long as the session that this returns.
sub close_gate
{
	my ($self, $step) = @_;
	return $self->hold("SELECT pg_advisory_xact_lock(nights.gate_key('$step'))");
}

# Give a gate back, also when the server went away under its session.
sub open_gate { eval { $_[1]->quit }; }

sub wait_at_gate
{
	my ($self, $step) = @_;
	$self->wait_until("nights.has_come_to_gate('$step')", "the night has come to its step $step");
}

# --- the processes ---------------------------------------------------------------------------------------

sub wait_until
{
	my ($self, $condition, $what) = @_;
	Rehearsal::wait_until($self->{disturbed}, 'sales', $condition, $what);
}

# The server has noticed that this process of it died, has ended all others and is back.
sub wait_for_recovery
{
	my ($self, $pid) = @_;
	$self->wait_until_gone($pid);
	$self->wait_until('true', 'the server is back');
}

sub runner { return $_[0]->_pid_of('runner'); }
sub launcher { return $_[0]->_pid_of('launcher'); }

sub _pid_of
{
	my ($self, $kind) = @_;
	$self->wait_until("count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'salesops $kind'", "one $kind");
	return Rehearsal::processes($self->{disturbed}, $kind);
}

sub wait_until_gone
{
	my ($self, $pid) = @_;
	for (1 .. 600)
	{
		return if !kill 0, $pid;
		sleep 0.1;
	}
	die "process $pid stays";
}

# --- the night and its log -------------------------------------------------------------------------------

# The scheduled run of this night has ended like this and nobody is at work.
sub wait_for_end
{
	my ($self, $status) = @_;
	my $date = $self->local_date;
	$self->wait_until(<<"SQL", "the night ends as $status");
coalesce((SELECT r.status = '$status' FROM salesops.run_log r WHERE r.local_date = $date ORDER BY r.run_id DESC LIMIT 1), false)
       AND salesops.run_lock_holder() IS NULL
SQL
}

# The worker has found out what became of the last attempt, and the time of the next one has come.
sub next_attempt
{
	my ($self) = @_;
	$self->{disturbed}->reload;
	$self->wait_until("status <> 'running' FROM salesops.run_log ORDER BY run_id DESC LIMIT 1", 'the attempt has ended');
	$self->{attempt}++;
	$self->set_clock(5 + $self->{attempt} * 60 * 60);
}

# What the log says of this night: each run with its steps, 'failed: sync failed 57014, snapshot succeeded; succeeded: sync succeeded'.
sub story
{
	my ($self) = @_;
	my $date = $self->local_date;
	return $self->sql(<<"SQL");
SELECT string_agg(r.status || ': ' || coalesce(s.steps, 'no step'), '; ' ORDER BY r.run_id)
FROM salesops.run_log r
LEFT JOIN LATERAL (SELECT string_agg(concat_ws(' ', l.step, l.status, l.sqlstate), ', ' ORDER BY l.started_at) AS steps
                   FROM salesops.run_step_log l WHERE l.run_id = r.run_id) s ON true
WHERE r.local_date = $date
SQL
}

# The story of a night that nothing disturbs.
sub undisturbed { return carried_on($STEPS[0]); }

# ... of an attempt that carries on from a step to the end.
sub carried_on
{
	my ($step) = @_;
	return 'succeeded: ' . join(', ', map { "$_ succeeded" } grep { _place($_) >= _place($step) } @STEPS);
}

# ... of a night whose first attempt was broken off in a step, and whose second one carried on from there.
sub broken_off
{
	my ($step) = @_;
	my @done = map { "$_ succeeded" } grep { _place($_) < _place($step) } @STEPS;
	return 'abandoned: ' . join(', ', @done, "$step abandoned") . '; ' . carried_on($step);
}

sub _place
{
	my ($step) = @_;
	return (grep { $STEPS[$_] eq $step } 0 .. $#STEPS)[0];
}

# The instants that the runs of this night computed, in their order.
sub instants
{
	my ($self) = @_;
	my $date = $self->local_date;
	return split /\n/, $self->sql(<<"SQL");
SELECT to_char(as_of AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US+00') FROM salesops.run_log WHERE local_date = $date ORDER BY run_id
SQL
}

# The twin runs its night as of an instant: that of the last run of the disturbed server unless told.
sub twin_follows
{
	my ($self, $as_of) = @_;
	$as_of //= ($self->instants)[-1];
	$self->{twin}->safe_psql('sales', "SET client_min_messages = warning; CALL salesops.run_nightly('$as_of')");
}

# What a fault leaves in a relation because it tells of it: such rows are not compared from now on.
sub leaves_trace
{
	my ($self, %pattern_of) = @_;
	$self->{twin}->safe_psql('sales', "INSERT INTO nights.trace VALUES ('$_', \$p\$$pattern_of{$_}\$p\$)") for keys %pattern_of;
}

# The same of tonight: %s in a pattern is the instant to the second.
sub leaves_trace_tonight
{
	my ($self, %pattern_of) = @_;
	my $second = substr(($self->instants)[-1], 0, 19);
	$self->leaves_trace(map { $_ => sprintf($pattern_of{$_}, $second) } keys %pattern_of);
}

# What is not equal, a line a row; empty if all is.
sub differences
{
	my ($self) = @_;
	my $connstr = $self->{disturbed}->connstr('sales');
	$connstr =~ s/'/''/g;
	return $self->{twin}->safe_psql('sales', "SELECT relation, only_on, left(content, 300) FROM nights.differences('$connstr')");
}

# Relations that differ.
sub differing
{
	my ($self) = @_;
	my %seen;
	return join(' ', grep { !$seen{$_}++ } map { (split /\|/)[0] } split /\n/, $self->differences);
}

# --- a fault ---------------------------------------------------------------------------------------------

# A day, a night that the code disturbs and heals, and the comparison. More arguments:
#   step       the step that is disturbed, for the table
#   story      what the log must say of the night
#   trace      what it leaves behind (leaves_trace_tonight)
#   happened, healed_by   the words of the table
sub fault
{
	my ($self, $fault, $disturb, %expected) = @_;
	my $name = join(' in step ', $fault, $expected{step} // ());

	$self->next_day;
	$self->live_both($self->a_day);
	$disturb->($self);
	$self->wait_for_end('succeeded');
	is($self->story, $expected{story}, "$name: the log tells what happened");
	$self->leaves_trace_tonight(%{ $expected{trace} // {} });
	$self->twin_follows;
	$self->compare($name, $fault, %expected);
}

sub next_day
{
	my ($self) = @_;
	$self->{day}++;
	$self->{attempt} = 0;
}

# What happens in the CRM today.
sub a_day { return 'SELECT nights.live_day(' . $_[0]->local_date . ')'; }

# The comparison, and the line of the table that comes of it.
sub compare
{
	my ($self, $name, $fault, %expected) = @_;
	my $differences = $self->differences;
	is($differences, '', "$name: nothing lost, nothing applied twice");
	return unless defined $ENV{FAULT_TABLE};
	open(my $table, '>>', "$ENV{FAULT_TABLE}/" . basename($0)) or die "$ENV{FAULT_TABLE}: $!";
	print $table join("\t", $fault, $expected{step} // '', $expected{happened}, $differences eq '' ? 'nothing' : 'SOMETHING',
		$expected{healed_by}), "\n";
	close $table;
}

# Another server, a standby that was promoted, is the disturbed one from now on.
sub taken_over_by { $_[0]->{disturbed} = $_[1]; }

sub stop
{
	my ($self) = @_;
	for my $node ($self->{disturbed}, $self->{twin})
	{
		unlike(slurp_file($node->logfile), qr/PANIC|TRAP:/, $node->name . ' never panicked');
		$node->stop;
	}
}

1;
