# Real CRM data, if it is at hand: the folder that SALESOPS_DATA names. The expected figures come from the files
# themselves, counted by other means (a spreadsheet would do), never from this extension.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(basename dirname);
use IPC::Run qw(run);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $data = $ENV{SALESOPS_DATA};
plan skip_all => 'SALESOPS_DATA names no folder of data sets' unless defined $data && -d $data;

my $root = abs_path(dirname(__FILE__) . '/../..');
my $node = PostgreSQL::Test::Cluster->new('real_data');
$node->init;
$node->start;

sub make_database
{
	my ($name) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $name");
	$node->safe_psql($name, 'CREATE EXTENSION salesops');
}

# The names in the first line of a CSV file.
sub header
{
	my ($path) = @_;
	open my $file, '<', $path or die "$path: $!";
	my $line = <$file>;
	close $file;
	$line =~ s/^\xEF\xBB\xBF//;
	$line =~ s/[\r\n]+$//;
	return map { s/^"|"$//gr } split /,/, $line;
}

# Loads a CSV file as a table; every column is text unless a type is given for it, as a connector would.
sub load
{
	my ($database, $path, $table, %type) = @_;
	my $columns = join ', ', map { qq{"$_" } . ($type{$_} // 'text') } header($path);
	$node->safe_psql($database, "CREATE TABLE $table ($columns)");
	# The server's user may be unable to read the file, so the client sends it.
	$node->safe_psql($database, "\\copy $table FROM '$path' (FORMAT csv, HEADER)");
}

sub figures { return $node->safe_psql(@_); }

# What make backtest prints: the log loss of each method.
sub backtest
{
	my ($database, $quarters) = @_;
	my ($printed, $errors);
	run(['psql', '-X', '-q', '-A', '-v', 'ON_ERROR_STOP=1', '-v', "minimum=$quarters", '-d', $node->connstr($database), '-f', "$root/scripts/backtest.sql"], '>', \$printed, '2>', \$errors)
		or die $errors;
	return map { /^([^|]+)\|\d+\|([\d.]+)\|[\d.]+\|[\d.]+\|[\d.]+$/ ? ($1, $2) : () } split /\n/, $printed;
}

# --- maven_crm: the generic source -----------------------------------------------------------------------------

SKIP: {
	my $dir = "$data/maven_crm";
	skip "$dir is not there", 1 unless -d $dir;
	make_database('maven');

	# As the demo loads it.
	{
		local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port, PGDATABASE => 'maven');
		command_ok(['sh', "$root/scripts/load_csv", $dir, "$root/examples/maven/mapping.csv"], 'maven: loaded and connected by load_csv');
	}
	is(figures('maven', q{SELECT entity, rows_read, inserted, duplicates, unidentified, sqlstate FROM salesops.sync('csv', salesops.end_of_day('2017-12-31')) ORDER BY sync_id}),
		"rep|35|35|0|0|\naccount|85|85|0|0|\nproduct|7|7|0|0|\nopportunity|8800|8800|0|0|", 'maven: everything is read');

	my $state = q{salesops.opportunity_state(salesops.end_of_day('2017-12-31'))};
	is(figures('maven', "SELECT count(*), count(*) FILTER (WHERE status = 'won'), sum(amount) FILTER (WHERE status = 'won'), count(*) FILTER (WHERE status = 'lost'),
		count(*) FILTER (WHERE status = 'open') FROM $state"), '8800|4238|10005534|2473|2089', 'at the end of 2017: won, lost, open');
	is(figures('maven', "SELECT string_agg(sum::text, ' ' ORDER BY close_quarter) FROM (SELECT close_quarter, sum(amount) FROM $state WHERE status = 'won' GROUP BY 1) q"),
		'1134672 3086111 2982255 2802496', 'won by quarter');
	is(figures('maven', "SELECT stage, count(*), count(*) FILTER (WHERE account_id IS NULL), count(stated_amount) FROM $state WHERE status = 'open' GROUP BY 1 ORDER BY 1"),
		"Engaging|1589|1088|0\nProspecting|500|337|0", 'open: 1,425 without an account, none with an amount');
	is(figures('maven', "SELECT amount_basis, count(*), count(amount) FROM $state WHERE status = 'open' GROUP BY 1"), 'list price|2089|2089',
		'every open deal has an estimate that says it is one');
	# The price list by itself: the products of the open deals, GTXPro read as GTX Pro.
	is(figures('maven', "SELECT sum(amount) FROM $state WHERE status = 'open'"),
		figures('maven', q{SELECT sum(p.sales_price::numeric) FROM csv."sales_pipeline.csv" d JOIN csv."products.csv" p
			ON p.product = CASE d.product WHEN 'GTXPro' THEN 'GTX Pro' ELSE d.product END WHERE d.deal_stage IN ('Prospecting', 'Engaging')}), 'and comes to what the price list says');
	is(figures('maven', "SELECT count(*), count(*) FILTER (WHERE product_id = 'GTX Pro') FROM $state WHERE product = 'GTXPro'"), '1480|1480', 'GTXPro is GTX Pro by a map row');
	is(figures('maven', "SELECT count(*) FROM salesops.rep_as_of('infinity', 'infinity') r WHERE NOT EXISTS (SELECT FROM $state o WHERE o.owner_id = r.id)"), '5', 'five agents without a deal');
	is(figures('maven', q{SELECT * FROM salesops.near_products('infinity')}), 'csv|GTX Pro|0|GTX Pro|GTXPro|1480|GTX Pro|same name', '... and the only name that is near another');
	is(figures('maven', q{SELECT count(*), max(level) FROM salesops.rep_tree('infinity', 'infinity')}), '35|1', 'agents report to managers who have no row');

	my $then = q{salesops.opportunity_state(salesops.end_of_day('2017-10-01'), 'infinity')};
	is(figures('maven', "SELECT status, stage, count(*), sum(stated_amount), count(*) FILTER (WHERE account_id IS NULL) FROM $then GROUP BY 1, 2 ORDER BY 1, 2"),
		"lost|Lost|1688|0|0\nopen|Engaging|2434||1009\nopen|Prospecting|500||337\nwon|Won|3050|7221806|0", 'as of 2017-10-01, from the dates alone');
	is(figures('maven', "SELECT count(*) FROM $then WHERE created_at IS NULL"), '500', 'of which 500 began nobody knows when');

	# Deals older than P99 of the won ones, at four ends of a month, by what was known of the won ones then: counted from the file.
	is(figures('maven', q{
		WITH day AS (SELECT d FROM unnest('{2017-06-30,2017-07-31,2017-08-31,2017-09-30}'::date[]) d),
		zombie AS MATERIALIZED (SELECT d, r.id FROM day CROSS JOIN LATERAL salesops.deal_risk(salesops.end_of_day(d), 'infinity') r WHERE r.flag = 'zombie'),
		listed AS MATERIALIZED (SELECT d, o.id FROM day CROSS JOIN LATERAL salesops.open_deals_at(ARRAY[salesops.end_of_day(d)], 'infinity') o WHERE o.age_days IS NOT NULL)
		SELECT z.id IS NOT NULL, count(*), count(*) FILTER (WHERE w.status = 'won' AND w.closed_on <= l.d + 90)
		FROM listed l LEFT JOIN zombie z USING (d, id) LEFT JOIN salesops.deal_outcomes('infinity') w USING (id) GROUP BY 1 ORDER BY 1}),
		"f|7141|2402\nt|1476|0", 'zombies: none of 1,476 is won within 90 days, of the others 34 %');

	is(figures('maven', q{SELECT sum(deals) FILTER (WHERE "position" = 1), sum(deals) FILTER (WHERE "position" = 9), sum(amount) FILTER (WHERE "position" = 1) - sum(amount) FILTER (WHERE "position" = 9),
		count(*) FROM salesops.tie_out('csv')}), '8800|8800|0|2', 'ties out with nothing between');
	is(figures('maven', q{SELECT count(*), sum(changed + inserted + deleted) FROM salesops.sync('csv', salesops.end_of_day('2018-01-01'), 'full')}), '4|0', 'a second night changes nothing');

	# What there is to learn from, counted in the file itself.
	is(figures('maven', q{SELECT mark::date, deals, wins FROM salesops.training_summary('2016-10-01', '2018-01-01', 'infinity')}),
		figures('maven', q{SELECT m::date, count(*), count(*) FILTER (WHERE d.deal_stage = 'Won' AND d.closed < date_trunc('quarter', m + interval '1 day') + interval '3 months')
			FROM generate_series(timestamp '2016-11-01', '2017-12-01', '1 month') next CROSS JOIN LATERAL (SELECT next - interval '1 day' AS m) e
			JOIN (SELECT deal_stage, to_date(engage_date, 'MM/DD/YYYY') AS engaged, to_date(close_date, 'MM/DD/YYYY') AS closed FROM csv."sales_pipeline.csv") d
			  ON d.engaged <= m AND (d.closed > m OR d.closed IS NULL) GROUP BY 1 ORDER BY 1}), 'maven: the deals open at each mark, and those won by the end of the quarter');
	is(figures('maven', q{SELECT field, factors FROM salesops.leaking_fields('infinity')}), 'account_id|{industry,segment}', 'maven: the account gives the outcome away');
	# The logistic regression of scikit-learn has 0.459 where it sees the account (docs/win_model.md).
	my %loss = backtest('maven', 2);
	cmp_ok($loss{'win model, with fields that give the outcome away'}, '<=', 0.43, 'maven: the win model with the account as others use it');
	cmp_ok($loss{'win model'}, '<=', 0.54, 'maven: the win model without it');
	cmp_ok($loss{'segment x rep rate by months to go, not smoothed'}, '>', $loss{'constant rate by months to go'}, 'maven: rates that are not smoothed lose against no model');
}

# --- olga_6k_mit: a source that knows what has not changed --------------------------------------------------------

SKIP: {
	my $dir = "$data/olga_6k_mit";
	skip "$dir is not there", 1 unless -d $dir;
	make_database('olga');
	{
		local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port, PGDATABASE => 'olga');
		command_ok(['sh', "$root/scripts/load_csv", $dir, "$root/examples/olga/mapping.csv"], 'olga: custom fields and factors by the mapping');
	}
	is(figures('olga', q{SELECT entity, inserted, sqlstate FROM salesops.sync('csv', salesops.end_of_day('2026-06-30')) ORDER BY sync_id}), "rep|20|\nopportunity|6000|", 'olga: everything is read');
	is(figures('olga', q{SELECT sum(d.deals), sum(d.wins), sum(d.reconstructed) FROM salesops.training_summary('2023-01-01', '2026-07-01', 'infinity') d}),
		figures('olga', q{SELECT count(*), count(*) FILTER (WHERE d.is_won::boolean AND d.closed < date_trunc('quarter', m + interval '1 day') + interval '3 months'), count(*)
			FROM generate_series(timestamp '2023-02-01', '2026-06-01', '1 month') next CROSS JOIN LATERAL (SELECT next - interval '1 day' AS m) e
			JOIN (SELECT is_won, created_date::date AS created, CASE WHEN is_closed::boolean THEN close_date::date END AS closed FROM csv."opportunities.csv") d
			  ON d.created <= m AND (d.closed > m OR d.closed IS NULL)}), 'olga: as many deals and wins as in the file');
	is(figures('olga', q{SELECT count(*) FROM salesops.training_deals('2023-01-01', '2026-07-01', 'infinity', '{segment,amount,region}') WHERE array_position(levels, NULL) IS NOT NULL}), '0',
		'olga: segment, amount and region are known of all');
	is(figures('olga', q{SELECT count(*) FROM salesops.leaking_fields('infinity')}), '0', 'olga: nothing gives the outcome away');
	my %loss = backtest('olga', 4);
	cmp_ok($loss{'win model'}, '<=', 0.474, 'olga: the win model');
	cmp_ok($loss{'segment x rep rate by months to go, not smoothed'}, '>', $loss{'constant rate by months to go'}, 'olga: rates that are not smoothed lose against no model');
}

# --- fivetran_salesforce ---------------------------------------------------------------------------------------

SKIP: {
	my $dir = "$data/fivetran_salesforce";
	skip "$dir is not there", 1 unless -d $dir;
	make_database('salesforce');
	$node->safe_psql('salesforce', 'CREATE SCHEMA salesforce');
	for my $path (glob "$dir/sf_*_data.csv")
	{
		# sf_opportunity_data.csv is the table opportunity.
		my ($table) = basename($path) =~ /^sf_(.*)_data\.csv$/;
		load('salesforce', $path, qq{salesforce."$table"}, is_deleted => 'boolean', _fivetran_active => 'boolean', amount => 'double precision', close_date => 'timestamp');
	}
	$node->safe_psql('salesforce', q{SELECT salesops.connect('sf', 'fivetran_salesforce', 'salesforce')});
	is(figures('salesforce', q{SELECT count(*) FROM salesops.describe_source('sf') WHERE state = 'missing, required'}), '0', 'salesforce: nothing required is missing');
	is(figures('salesforce', q{SELECT string_agg(concat(entity, ' ', message), '; ') FROM salesops.sync('sf', '2026-01-01') WHERE sqlstate IS NOT NULL}), '', 'synced without an error');
	is(figures('salesforce', q{SELECT count(*) FROM salesops.opportunity_state('2026-01-01')}),
		figures('salesforce', q{SELECT count(DISTINCT id) FROM salesforce.opportunity WHERE NOT is_deleted AND coalesce(_fivetran_active, true)}), 'deleted deals and old versions are out');
	is(figures('salesforce', q{SELECT count(*) FROM salesops.account_as_of('2026-01-01') WHERE is_deleted}), '0', 'deleted accounts are out');
	is(figures('salesforce', q{SELECT count(*) FROM salesops.opportunity WHERE close_date IS DISTINCT FROM (SELECT min(s.close_date)::date FROM salesforce.opportunity s WHERE s.id = opportunity.id)}),
		'0', 'close dates are the days of the file');
	is(figures('salesforce', q{SELECT sum(CASE WHEN "position" < 9 THEN deals ELSE -deals END), sum(CASE WHEN "position" < 9 THEN amount ELSE -amount END) FROM salesops.tie_out('sf')}), '0|0', 'ties out');

	# Every version in the sample's history table is the only one of its deal. So the test gives one deal a version before:
	# another stage and half the amount, until February 2019.
	is(figures('salesforce', q{SELECT count(*), count(DISTINCT id) FROM salesforce.opportunity_history}), '10|10', 'the sample has one version a deal');
	$node->safe_psql('salesforce', <<'SQL');
UPDATE salesforce.opportunity_history SET is_deleted = false, _fivetran_start = '2019-02-01 00:00:00' WHERE id = (SELECT min(id) FROM salesforce.opportunity_history WHERE amount IS NOT NULL);
CREATE TEMP TABLE before AS SELECT * FROM salesforce.opportunity_history WHERE _fivetran_start = '2019-02-01 00:00:00';
UPDATE before SET stage_name = 'Prospecting', amount = amount / 2, _fivetran_start = '2019-01-01 00:00:00', _fivetran_end = '2019-01-31 23:59:59', _fivetran_active = false;
INSERT INTO salesforce.opportunity_history SELECT * FROM before;
SELECT salesops.connect('again', 'fivetran_salesforce', 'salesforce');
SELECT salesops.sync('again', '2026-01-01');
SQL
	is(figures('salesforce', q{SELECT l.field, l.old_value, l.effective_at::date, l.new_value = trim_scale(o.amount)::text OR l.new_value = o.stage, l.origin
		FROM salesops.change_ledger l JOIN salesops.opportunity o ON o.source_key = l.source_key AND o.id = l.opportunity_id
		WHERE l.source_key = 'again' AND l.effective_at = '2019-02-01 00:00+00' AND l.field IN ('stage', 'amount') ORDER BY 1}),
		figures('salesforce', q{SELECT 'amount', trim_scale(amount::numeric), '2019-02-01', 't', 'sync' FROM salesforce.opportunity_history WHERE _fivetran_start = '2019-01-01 00:00:00'})
		. "\nstage|Prospecting|2019-02-01|t|sync", 'versions land in the ledger');
}

# --- fivetran_hubspot ------------------------------------------------------------------------------------------

SKIP: {
	my $dir = "$data/fivetran_hubspot";
	skip "$dir is not there", 1 unless -d $dir;
	make_database('hubspot');
	$node->safe_psql('hubspot', 'CREATE SCHEMA hubspot');
	for my $path (glob "$dir/*_data.csv")
	{
		my ($table) = basename($path) =~ /^(.*)_data\.csv$/;
		load('hubspot', $path, qq{hubspot."$table"}, deal_id => 'bigint', is_deleted => 'boolean', property_amount => 'double precision', property_closedate => 'timestamptz');
	}
	$node->safe_psql('hubspot', q{SELECT salesops.connect('hs', 'fivetran_hubspot', 'hubspot')});
	is(figures('hubspot', q{SELECT count(*) FROM salesops.describe_source('hs') WHERE state = 'missing, required'}), '0', 'hubspot: nothing required is missing');
	is(figures('hubspot', q{SELECT string_agg(concat(entity, ' ', message), '; ') FROM salesops.sync('hs', '2026-01-01') WHERE sqlstate IS NOT NULL}), '', 'synced without an error');
	is(figures('hubspot', q{SELECT count(*) FROM salesops.opportunity_state('2026-01-01')}), figures('hubspot', q{SELECT count(DISTINCT deal_id) FROM hubspot.deal WHERE NOT is_deleted}), 'deleted deals are out');
	is(figures('hubspot', q{SELECT count(*) FROM salesops.account_as_of('2026-01-01')}), figures('hubspot', q{SELECT count(DISTINCT id) FROM hubspot.company WHERE NOT is_deleted}), 'deleted companies are out');
	is(figures('hubspot', q{SELECT count(*) FROM salesops.stage_map WHERE said_by = 'crm'}),
		figures('hubspot', q{SELECT count(DISTINCT (pipeline_id, stage_id)) FROM hubspot.deal_pipeline_stage WHERE NOT _fivetran_deleted::boolean}), 'the stages mean what HubSpot says');

	# No row of the sample's histories belongs to a deal of its deal table. So the test gives the stage history of one deal,
	# and one change of its stage after it, to a deal that is there.
	is(figures('hubspot', q{SELECT count(*) FROM hubspot.deal_stage s JOIN hubspot.deal d USING (deal_id)}), '0', 'the sample\'s stage history is of other deals');
	$node->safe_psql('hubspot', <<'SQL');
CREATE TEMP TABLE chosen AS SELECT min(deal_id) AS deal_id FROM hubspot.deal WHERE NOT is_deleted;
UPDATE hubspot.deal d SET property_createdate = '2021-01-01 00:00:00', deal_pipeline_stage_id = 'second' FROM chosen c WHERE d.deal_id = c.deal_id;
UPDATE hubspot.deal_stage SET deal_id = (SELECT deal_id FROM chosen), value = 'first' WHERE deal_id = (SELECT min(deal_id) FROM hubspot.deal_stage);
INSERT INTO hubspot.deal_stage (deal_id, value, date_entered) SELECT deal_id, 'second', '2021-03-01 12:00:00' FROM chosen;
SELECT salesops.connect('again', 'fivetran_hubspot', 'hubspot');
SELECT salesops.sync('again', '2026-01-01');
SQL
	is(figures('hubspot', q{SELECT field, old_value, new_value, effective_at AT TIME ZONE 'UTC', origin FROM salesops.change_ledger WHERE source_key = 'again' AND new_value = 'second'}),
		'stage|first|second|2021-03-01 12:00:00|sync', 'stages land in the ledger');
}

$node->stop;
done_testing();
