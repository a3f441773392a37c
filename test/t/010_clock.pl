# The clock is set: days pass without waiting for them, and a clock that is set back costs no run and repeats none.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('clock');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'salesops'
salesops.databases = 'postgres'
CONF
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION salesops');
$node->safe_psql('postgres', '\i ' . abs_path(dirname(__FILE__) . '/../helper/steps.sql'));

sub sql { return $node->safe_psql('postgres', $_[0]); }

# Set the clock so many days ahead, from what the server's clock says, and wait until a new session sees it.
sub set_clock
{
	my ($days) = @_;
	sql("ALTER SYSTEM SET salesops.clock_offset = '${days}d'");
	$node->reload;
	$node->poll_query_until('postgres', "SELECT round(extract(epoch FROM salesops.clock() - clock_timestamp()) / 86400) = $days")
	  or die 'the clock is not set';
}

set_clock(-400);
is(sql("SELECT salesops.clock() - clock_timestamp() BETWEEN '-400 days -1 minute' AND '-399 days 23:59'"), 't', 'the clock is set back');
my ($code, $out, $err) = $node->psql('postgres', "SELECT salesops.check_as_of(now())");
like($err, qr/lies in the future/, 'what is now by the wall is the future by the clock');
set_clock(3);
is(sql("SELECT salesops.check_as_of(now() + '3 days')"), '', 'with the clock ahead the day after tomorrow is past');

$node->stop;
done_testing();
