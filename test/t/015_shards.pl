# bookings() over deals that lie on two other clusters, seen through postgres_fdw: each shard adds up its own deals, one value a shard
# travels, and the sum is the same bytes as over all deals in one table.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

chomp(my $share = `pg_config --sharedir`);
plan skip_all => 'the extension postgres_fdw is not installed' unless -e "$share/extension/postgres_fdw.control";

my $deals = <<'SQL';
SELECT i, i % 2 AS shard, CASE WHEN i % 97 = 0 THEN NULL WHEN i % 89 = 0 THEN -1 ELSE 1 END * round((100 / (0.002 + salesops.draw(8, 'amount', i)))::numeric, 2) AS amount,
       round(salesops.draw(8, 'probability', i)::numeric, 3)::float8 AS probability
FROM generate_series(1, 5000) AS i
SQL

my %node;
for my $name (qw(coordinator shard_0 shard_1))
{
	$node{$name} = PostgreSQL::Test::Cluster->new($name);
	$node{$name}->init;
	$node{$name}->start;
	$node{$name}->safe_psql('postgres', 'CREATE EXTENSION salesops');
}
for my $shard (0, 1)
{
	$node{"shard_$shard"}->safe_psql('postgres', "CREATE TABLE deal AS SELECT * FROM ($deals) AS d WHERE shard = $shard; ANALYZE deal");
}

my $coordinator = $node{coordinator};
$coordinator->safe_psql('postgres', "CREATE TABLE whole AS $deals; CREATE EXTENSION postgres_fdw; CREATE TABLE deal (i integer, shard integer, amount numeric, probability float8) PARTITION BY LIST (shard)");
for my $shard (0, 1)
{
	my ($host, $port) = ($node{"shard_$shard"}->host, $node{"shard_$shard"}->port);
	$coordinator->safe_psql('postgres', <<"SQL");
CREATE SERVER shard_$shard FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$host', port '$port', dbname 'postgres', extensions 'salesops');
CREATE USER MAPPING FOR CURRENT_USER SERVER shard_$shard;
CREATE FOREIGN TABLE deal_$shard PARTITION OF deal FOR VALUES IN ($shard) SERVER shard_$shard OPTIONS (table_name 'deal');
SQL
}

my $sharded = <<'SQL';
SELECT salesops.bookings(part) FROM (SELECT salesops.bookings(amount, probability, 0.04) AS part FROM deal GROUP BY shard) AS parts
SQL
my $pushed = 'SET enable_partitionwise_aggregate = on;';
my $plan = $coordinator->safe_psql('postgres', "$pushed EXPLAIN (VERBOSE, COSTS off) $sharded");
is(() = $plan =~ /Remote SQL: SELECT (?:shard, )?salesops\.bookings\(/g, 2, 'each shard adds up its own deals') or diag($plan);

my $expected = $coordinator->safe_psql('postgres', 'SELECT salesops.bookings(amount, probability, 0.04) FROM whole');
like($expected, qr/^4949 deals; 51 unknown; correlation 0.04; .*; tail \d+ deals/, 'a book with a tail');
is($coordinator->safe_psql('postgres', "$pushed $sharded"), $expected, 'the sum of the shards is the same bytes as one table');
is($coordinator->safe_psql('postgres', $sharded), $expected, '... also where all deals travel');
is($coordinator->safe_psql('postgres', "$pushed SELECT salesops.quantiles(b, '{0.1,0.5,0.9}') FROM ($sharded) AS v(b)"),
	$coordinator->safe_psql('postgres', "SELECT salesops.quantiles(b, '{0.1,0.5,0.9}') FROM (SELECT salesops.bookings(amount, probability, 0.04) FROM whole) AS v(b)"),
	'... and says the same');

# A shard that rolled its owners up before.
$node{shard_0}->safe_psql('postgres', 'CREATE TABLE by_owner AS SELECT i % 30 AS owner, salesops.bookings(amount, probability, 0.04) AS b FROM deal GROUP BY 1');
$coordinator->safe_psql('postgres', "CREATE FOREIGN TABLE by_owner (owner integer, b salesops.bookings_distribution) SERVER shard_0");
is($coordinator->safe_psql('postgres', 'SELECT salesops.bookings(b) FROM (SELECT b FROM by_owner UNION ALL SELECT salesops.bookings(amount, probability, 0.04) FROM deal_1) AS parts'),
	$expected, 'stored values of one shard and deals of another');

done_testing();
