# pg_upgrade keeps the bytes of tables: types are read as they were written by the older server, and the nights go on. The older
# server, with the extension, is the one that SALESOPS_OLDEST_SERVER names; make check-matrix brings it.
use strict;
use warnings;

use Cwd qw(getcwd);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $oldest = $ENV{SALESOPS_OLDEST_SERVER};
plan skip_all => 'SALESOPS_OLDEST_SERVER names no older server; make check-matrix does' unless $oldest;

# The older server brings the libraries that it was built with. This system's come first: the newer programs need theirs.
my ($libraries) = `ldd "\$(command -v psql)"` =~ m{=> (\S+)/libpq\.so} or die 'psql has no libpq';
$ENV{LD_LIBRARY_PATH} = "$libraries:$oldest/lib";
my $old = PostgreSQL::Test::Cluster->new('old', install_path => "$oldest/usr/lib/postgresql/15");
my $new = PostgreSQL::Test::Cluster->new('new');
# From 18 on checksums are the default, and both sides must agree.
$_->init(extra => [ '--data-checksums', '--locale=C.UTF-8', '--encoding=UTF8' ]) foreach ($old, $new);
# Of the libraries JIT compilation needs, LLVM is not brought.
$old->append_conf('postgresql.conf', 'jit = off');

$old->start;

# Between some minor releases pg_upgrade carries no table of anybody's: the older server notes options of columns that the newer
# one has not heard of.
$new->start;
$_->safe_psql('postgres', 'CREATE TABLE plain (a integer)') foreach ($old, $new);
foreach my $option (split /\n/, $old->safe_psql('postgres',
	q{SELECT unnest(attoptions) FROM pg_attribute WHERE attrelid = 'plain'::regclass AND attname = 'a'}))
{
	next if $new->psql('postgres', "ALTER TABLE plain ALTER a SET ($option)") == 0;
	my @versions = map { $_->safe_psql('postgres', 'SHOW server_version') } ($old, $new);
	plan skip_all => "pg_upgrade carries no table from $versions[0] to $versions[1], which does not know its column option $option";
}
$new->safe_psql('postgres', 'DROP TABLE plain');
$new->stop;

$old->safe_psql('postgres', 'CREATE DATABASE sales');
$old->safe_psql('sales', $_) foreach (
	'CREATE EXTENSION salesops',
	q{SELECT salesops.generate_crm(500, 10, 3, '2026-06-15 18:00+00', schema_name => 'crm')},
	q{SELECT salesops.connect('crm', 'fivetran_salesforce', 'crm')},
	q{CALL salesops.run_nightly('2026-06-15 18:00+00')},
	q{UPDATE crm.opportunity SET amount = amount * 2, system_modstamp = '2026-06-16 09:00', last_modified_date = '2026-06-16 09:00'
	  WHERE id IN (SELECT id FROM crm.opportunity WHERE NOT is_closed AND amount > 0 ORDER BY id LIMIT 20)},
	q{CALL salesops.run_nightly('2026-06-16 18:00+00')},
	q{CREATE TABLE target (id integer PRIMARY KEY, category salesops.forecast_category, period salesops.fiscal_period, totals salesops.forecast_totals)},
	q{INSERT INTO target
	  SELECT row_number() OVER (), category, period,
	         (SELECT salesops.forecast_rollup(c, a) FROM unnest(ARRAY[category, 'Closed'], ARRAY[1234567890.12, NULL]) AS d(c, a))
	  FROM unnest('{Omitted,Upside,Pipeline,Best Case,Most Likely,Commit,Closed}'::salesops.forecast_category[]) category,
	       unnest('{FY1999,FY2026-Q4,FY2027-M12}'::salesops.fiscal_period[]) period},
	'CREATE INDEX target_by_category ON target (category)',
	'CREATE INDEX target_by_period ON target (period)');

# What is to be read after: the user's table, the published numbers, the ledger, the marts.
my @readings = (
	'TABLE target ORDER BY id',
	q{SET enable_seqscan = off; SET search_path = public, salesops;
	  SELECT count(*) FROM target WHERE category > 'Pipeline' AND period < 'FY2027-M12'},
	q{SELECT period, salesops.amount(totals, 'Commit'), salesops.deals(totals, 'Closed') FROM target ORDER BY id},
	'SELECT * FROM salesops.forecast_snapshot s ORDER BY s::text COLLATE "C"',
	'SELECT * FROM salesops.change_ledger l ORDER BY l::text COLLATE "C"',
	'SELECT * FROM salesops_bi.forecast f ORDER BY f::text COLLATE "C"',
	'SELECT * FROM salesops_bi.open_pipeline p ORDER BY p::text COLLATE "C"',
	q{SELECT * FROM salesops.replay_snapshot('2026-06-15 18:00+00')},
	'SELECT * FROM salesops.dump_losses()');
my @before = map { $old->safe_psql('sales', $_) } @readings;
cmp_ok(length $before[$_], '>', 1000, "there is something to read: $readings[$_]") foreach (0, 3, 4, 5, 6);
$old->stop;

# pg_upgrade writes where it is run.
my $here = getcwd;
chdir $PostgreSQL::Test::Utils::tmp_check or die $!;
command_ok([ 'pg_upgrade', '--no-sync',
		'--old-datadir', $old->data_dir, '--new-datadir', $new->data_dir,
		'--old-bindir', $old->config_data('--bindir'), '--new-bindir', $new->config_data('--bindir'),
		'--old-port', $old->port, '--new-port', $new->port, '--socketdir', $new->host ], 'pg_upgrade');
chdir $here or die $!;

$new->start;
foreach my $i (0 .. $#readings)
{
	is($new->safe_psql('sales', $readings[$i]), $before[$i], "read as before: $readings[$i]");
}
# Twice the same instant writes no fact; the day after does.
my $facts = 'SELECT (SELECT count(*) FROM salesops.opportunity_history), (SELECT count(*) FROM salesops.finding)';
my $facts_before = $new->safe_psql('sales', $facts);
$new->safe_psql('sales', q{CALL salesops.run_nightly('2026-06-16 18:01+00')});
is($new->safe_psql('sales', $facts), $facts_before, 'a quiet night writes no fact anew');
$new->safe_psql('sales', q{UPDATE crm.opportunity SET amount = 1, system_modstamp = '2026-06-17 09:00', last_modified_date = '2026-06-17 09:00'
	WHERE id IN (SELECT id FROM crm.opportunity WHERE NOT is_closed ORDER BY id DESC LIMIT 7)});
$new->safe_psql('sales', q{CALL salesops.run_nightly('2026-06-17 18:00+00')});
is($new->safe_psql('sales', q{SELECT count(DISTINCT opportunity_id) FROM salesops.change_ledger WHERE field = 'amount' AND effective_at = '2026-06-17 09:00+00'}), 7,
	'the next one what changed');
is($new->safe_psql('sales', q{SELECT count(*) FROM salesops.run_step_log WHERE status <> 'succeeded'}), 0, 'every step of every night went well');

$new->stop;
done_testing();
