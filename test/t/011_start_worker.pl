# The worker without preload: a session starts it for the life of the server, there is never more than one, and it survives
# what the preloaded one survives.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../helper";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Rehearsal;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('plain');
$node->init;
$node->append_conf('postgresql.conf', 'restart_after_crash = on');
$node->start;
make_database($node, $_) for qw(east west);
$node->safe_psql('postgres', 'CREATE EXTENSION salesops');

sub start_in { my ($database) = @_; return $node->safe_psql($database, 'SELECT salesops.start_worker()'); }

# Several sessions at the same moment, each in its database.
sub start_at_once
{
	my (@databases) = @_;
	my @sessions = map {
		IPC::Run::start([ 'psql', '-Xq', '-d', $node->connstr($_), '-c', 'SELECT salesops.start_worker()' ],
			'<', \undef, '>', \my $out, '2>', \my $err)
	} @databases;
	$_->finish or die 'a session failed' for @sessions;
}

# --- nobody has started it -------------------------------------------------------------------------------

my ($code, $out, $err) = $node->psql('east', "\\set VERBOSITY verbose\nSELECT salesops.request_run()");
like($err, qr/ERROR:  55000: .*is not running.*HINT:  Start it with SELECT salesops\.start_worker\(\)/s,
	'without the worker a request is refused with the way out');
is($node->safe_psql('east', 'SELECT salesops.stop_worker(), salesops.wake_worker()'), 'f|f', 'there is nothing to stop or wake');
is(launcher_of($node), '', 'no process of ours runs');

$node->safe_psql('east', 'CREATE ROLE clerk LOGIN; GRANT USAGE ON SCHEMA salesops TO clerk');
($code, $out, $err) = $node->psql('east', "\\set VERBOSITY verbose\nSELECT salesops.start_worker()", extra_params => [ '-U', 'clerk' ]);
like($err, qr/ERROR:  42501: permission denied for function start_worker/, 'not everybody may start it');
$node->safe_psql('east', 'GRANT EXECUTE ON FUNCTION salesops.start_worker() TO clerk');

# --- it is started ---------------------------------------------------------------------------------------

$out = $node->safe_psql('east', 'SELECT salesops.start_worker()', extra_params => [ '-U', 'clerk' ]);
is($out, launcher_of($node), 'who was granted it starts the launcher and is told its process');
is(run_once($node, 'east'), 'succeeded', 'requests are answered from then on');
is($node->safe_psql('east', 'SELECT salesops.wake_worker()'), 't', '... and there is somebody to wake');
($code, $out, $err) = $node->psql('east', 'SELECT salesops.start_worker()');
is($out, launcher_of($node), 'a second call returns the same process');
like($err, qr/NOTICE:  the salesops background worker is running already/, '... and says so');

($code, $out, $err) = $node->psql('west', 'SELECT salesops.request_run()');
like($err, qr/does not serve database "west".*HINT:  SELECT salesops\.start_worker\(\) in this database/s,
	'another database is told how to be served');
my $first = launcher_of($node);
my $second = start_in('west');
is(launcher_of($node), $second, 'started there too, there is one launcher still');
isnt($second, $first, '... that has taken over from the first');
is(join(' ', map { run_once($node, $_) } qw(east west)), 'succeeded succeeded', '... and serves both');

configure($node, 'salesops.databases' => 'postgres, west');
is($node->safe_psql('postgres', 'SELECT salesops.start_worker()'), $second, 'a database of the setting needs no start');
is(run_once($node, 'west'), 'succeeded', 'one that is served for two reasons is served');
configure($node, 'salesops.databases' => '');
is(run_once($node, 'west'), 'succeeded', '... also when one of them is gone');

# --- it is stopped ---------------------------------------------------------------------------------------

rehearse($node, 'east', sync => 'SELECT pg_sleep(2)');
my $run = request($node, 'east');
wait_for_step($node);
is($node->safe_psql('west', 'SELECT salesops.stop_worker()'), 't', 'the worker is stopped');
is(launcher_of($node), '', '... its launcher has left by then');
is($node->safe_psql('west', 'SELECT salesops.wake_worker()'), 'f', '... and nobody is there to wake');
is(await($node, 'east', $run), 'succeeded', '... but the run at work went on to its end');
rehearse($node, 'east');

# --- sessions that start it at the same moment -----------------------------------------------------------

for my $round (1 .. 3)
{
	start_at_once(qw(east west east west east));
	my @launchers = split / /, launcher_of($node);
	is(scalar(@launchers), 1, "round $round: many calls make one launcher");
	is(join(' ', map { run_once($node, $_) } qw(east west)), 'succeeded succeeded', '... that serves every caller');
	$node->safe_psql('east', 'SELECT salesops.stop_worker()') if $round < 3;
}

# --- it is killed ----------------------------------------------------------------------------------------

my $launcher = launcher_of($node);
$node->safe_psql('postgres', "SELECT pg_terminate_backend($launcher)");
($code, $out, $err) = $node->psql('west', 'SELECT salesops.start_worker()');
is($out, launcher_of($node), 'a launcher that was told to go comes back, and a call waits for it');
like($err, qr/is running already/, '... and calls no other');
isnt($out, $launcher, '... it is a new process');

kill 'KILL', $out;
wait_until($node, 'postgres', "EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'salesops launcher' AND pid <> $out)",
	'the launcher is back after a crash');
is(join(' ', map { run_once($node, $_) } qw(east west)), 'succeeded succeeded', 'a crash of the server does not end its service, in no database');

# --- a database goes, the server goes --------------------------------------------------------------------

$node->safe_psql('postgres', 'DROP DATABASE west');
is(run_once($node, 'east'), 'succeeded', 'a database that is dropped takes nothing with it');
is(count_in_log($node, qr/does not serve database/), 1, '... and nothing is said about it: only the refused request before');

$node->restart;
is(launcher_of($node), '', 'the next life of the server begins without');

# --- with preload ----------------------------------------------------------------------------------------

$node->append_conf('postgresql.conf', "shared_preload_libraries = 'salesops'\nsalesops.databases = 'east'");
$node->safe_psql('postgres', "LOAD 'salesops'; ALTER SYSTEM RESET salesops.databases");
$node->restart;
($code, $out, $err) = $node->psql('east', 'SELECT salesops.start_worker()');
is($out, launcher_of($node), 'preloaded, it is running already');
like($err, qr/is running already/, '... which the call says');
($code, $out, $err) = $node->psql('postgres', 'SELECT salesops.start_worker()');
like($err, qr/does not serve database "postgres".*HINT:  Add the database with ALTER SYSTEM SET salesops\.databases/s,
	'... and the setting alone decides whom it serves');
($code, $out, $err) = $node->psql('east', "\\set VERBOSITY verbose\nSELECT salesops.stop_worker()");
like($err, qr/ERROR:  55000: .*HINT:  To let it rest/s, 'it cannot be stopped, but it can rest');
is(count_in_log($node, qr/PANIC|TRAP|XX000/), 0, 'nothing went wrong that must not');

$node->stop;
done_testing();
