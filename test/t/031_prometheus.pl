# The exporter of the distribution reads examples/prometheus/queries.yml as a role that may only read, once.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../helper";
use IO::Socket::INET;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Rehearsal;
use Test::More;
use Time::HiRes qw(sleep);

my ($exporter) = grep { -x } map { "$_/prometheus-postgres-exporter" } split /:/, $ENV{PATH};
plan skip_all => 'prometheus-postgres-exporter is not installed' unless $exporter;
my $queries = "$FindBin::RealBin/../../examples/prometheus/queries.yml";

my $node = PostgreSQL::Test::Cluster->new('watched');
$node->init;
$node->start;
make_database($node, 'sales');
rehearse($node, 'sales', audit => q{DO $$BEGIN RAISE 'not now'; END$$});
$node->safe_psql('sales', 'CALL salesops.run_nightly()');
rehearse($node, 'sales');
$node->safe_psql('sales', $_) for (
	q{CALL salesops.run_job('sync')},
	q{SELECT salesops.set_schedule('nightly', '02:00', 'Europe/Berlin')},
	q{CREATE ROLE watcher LOGIN; GRANT USAGE ON SCHEMA salesops TO watcher; GRANT SELECT ON ALL TABLES IN SCHEMA salesops TO watcher});

my $port = PostgreSQL::Test::Cluster::get_free_port();
$ENV{DATA_SOURCE_NAME} = sprintf 'host=%s port=%d user=watcher dbname=sales sslmode=disable', $node->host, $node->port;
my $log = '';
my $running = IPC::Run::start(
	[ $exporter, "--web.listen-address=127.0.0.1:$port", "--extend.query-path=$queries", '--disable-default-metrics', '--disable-settings-metrics' ],
	'<', \undef, '>&', \$log);

# One request; what is served there, or nothing as long as nobody listens.
sub scrape
{
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or return '';
	print $socket "GET /metrics HTTP/1.0\r\n\r\n";
	local $/;
	return <$socket>;
}

my $metrics = '';
for (1 .. 100)
{
	last if ($metrics = scrape()) ne '';
	sleep 0.1;
}
$running->kill_kill;

# The value of a metric with these labels, whatever other labels it has.
sub metric
{
	my ($name, %label) = @_;
	my ($line) = grep { my $candidate = $_; /^$name\{/ && !grep { $candidate !~ /[{,]$_="\Q$label{$_}\E"/ } keys %label } split /\n/, $metrics;
	return defined $line ? (split / /, $line)[-1] : undef;
}

like($metrics, qr/^pg_exporter_last_scrape_error 0$/m, 'the exporter reads all queries without an error') or diag($log);
is(metric('salesops_health_status', check => 'failures', subject => 'nightly'), 1, 'a check that warns');
is(metric('salesops_health_status', check => 'failures', subject => 'sync'), 0, '... and one that does not');
is(metric('salesops_health_value', check => 'failures', subject => 'nightly'), 1, '... with its value');
is(metric('salesops_job_consecutive_failures', job => 'nightly'), 1, 'the failures of a job');
is(metric('salesops_job_last_success_seconds', job => 'nightly'), 'NaN', '... which never succeeded');
cmp_ok(metric('salesops_job_next_due_seconds', job => 'nightly'), '>', time, '... and is due');
is(metric('salesops_step_succeeded', job => 'nightly', step => 'audit'), 0, 'the step that failed');
is(metric('salesops_step_rows_affected', job => 'sync', step => 'sync'), 7, 'the rows of one that succeeded');

# Every metric that the file promises is there.
my ($namespace, %promised);
for (split /\n/, slurp_file($queries))
{
	$namespace = $1 if /^(\w+):$/;
	$promised{"${namespace}_$1"} = 1 if /^\s+- (\w+): \{usage: GAUGE/;
}
is(join(' ', grep { $metrics !~ /^$_\{/m } sort keys %promised), '', 'every metric of the file is served');

$node->stop;
done_testing();
