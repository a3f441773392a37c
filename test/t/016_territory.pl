# A territory plan that is stopped in the middle: the answer is an error, nothing is kept, and the session is as it was.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $node = PostgreSQL::Test::Cluster->new('territory');
$node->init;
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION salesops;
	CREATE TABLE account AS SELECT * FROM salesops.generate_territory_accounts(20000, 40, 1, '2026-06-30');
	CREATE TABLE territory AS SELECT * FROM salesops.generate_territories(20000, 40, 1);
});

sub kept
{
	return $node->safe_psql('postgres', q{SELECT (SELECT count(*) FROM salesops.territory_plan), (SELECT count(*) FROM salesops.territory_plan_account),
		(SELECT count(*) FROM salesops.territory_plan_territory)});
}

my $session = $node->background_psql('postgres', on_error_stop => 0);
my $pid = $session->query_safe('SELECT pg_backend_pid()');
my $memory = q{SELECT sum(total_bytes) FROM pg_backend_memory_contexts};
my $left = q{SELECT count(*) FROM pg_backend_memory_contexts WHERE name LIKE 'salesops terr%'};
my $small = q{SET client_min_messages = error; SELECT count(*) FROM salesops.balance_territories(
	'TABLE account LIMIT 2000', 'TABLE territory', '{"as_of": "2026-06-30", "effort": 0.1, "tolerance": 0.5}')};

# What a session learns of functions and tables it keeps, and the sixth time the plan of a query inside a function as well: until then the
# server plans it for each call anew. Where it caches the queries of SQL functions too, as 18 does, that alone is 0.6 MB.
is($session->query_safe($small), 2000, 'a plan is made') for (1 .. 6);
my $before = $session->query_safe($memory);
is($session->query_safe($small), 2000, 'and another') for (1 .. 3);
cmp_ok($session->query_safe($memory), '<=', $before + 100_000, 'a plan leaves the memory of the session as it was');
is($session->query_safe($left), 0, 'and none of its own');

# Far more effort than anybody has time for: it does not end by itself.
my $endless = q{'{"as_of": "2026-06-30", "effort": 1000, "tolerance": 0.001}'};
my $kept = kept();
my %call = (
	'plan_territories' => qq{SELECT salesops.plan_territories('TABLE account', 'TABLE territory', $endless)},
	'homes' => q{SELECT salesops.plan_territories('TABLE account', 'SELECT id, capacity, ramp, tags FROM territory',
		'{"homes": "free", "as_of": "2026-06-30", "effort": 1000, "tolerance": 0.001}')},
	'territory_frontier' => qq{SELECT * FROM salesops.territory_frontier('TABLE account', 'TABLE territory', $endless)});
foreach my $name (sort keys %call)
{
	foreach my $delay (0, 300_000, 3_000_000)
	{
		$session->query_until(qr/begins/, "\\echo begins\n$call{$name};\n");
		$node->poll_query_until('postgres', "SELECT state = 'active' AND query LIKE '%$name%' FROM pg_stat_activity WHERE pid = $pid");
		usleep($delay);
		$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)");
		ok($node->poll_query_until('postgres', "SELECT state <> 'active' FROM pg_stat_activity WHERE pid = $pid"), "$name: a cancel is answered");
		$session->query('');
		like($session->{stderr}, qr/canceling statement due to user request/, 'with an error');
		$session->{stderr} = '';
		is($session->query_safe($left), 0, 'no memory is left behind');
	}
}
is(kept(), $kept, 'nothing is kept of what was not done');
is($session->query_safe($small), 2000, 'the session goes on');
cmp_ok($session->query_safe($memory), '<=', $before + 100_000, 'with the memory that it had');
$session->quit;

done_testing();
