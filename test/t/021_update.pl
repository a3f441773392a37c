# ALTER EXTENSION UPDATE leads to the same extension as a fresh CREATE EXTENSION, object by object, from every released version,
# with nights before and after. A made-up old version shows that the comparison sees every kind of difference.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $root = abs_path(dirname(__FILE__) . '/../..');
my ($version) = slurp_file("$root/salesops.control") =~ /^default_version\s*=\s*'(.*)'/m;
chomp(my $extensions = `pg_config --sharedir`);
$extensions .= '/extension';

my $node = PostgreSQL::Test::Cluster->new('update');
$node->init;
$node->start;

# --- helpers ---------------------------------------------------------------------------------------------

# What goes beside the installed scripts for the time of the test.
my @added;
sub add_script
{
	my ($name, $text) = @_;
	# An earlier build may have left one.
	unlink "$extensions/$name";
	push @added, "$extensions/$name";
	append_to_file("$extensions/$name", $text);
}
END { unlink @added; }

sub describe
{
	my ($database) = @_;
	my ($out, $err) = ('', '');
	$node->psql($database, "\\i $root/test/helper/describe_extension.sql", stdout => \$out, stderr => \$err, on_error_die => 1);
	return { map { $_ => 1 } split /\n/, $out };
}

# The facts that only one of two databases has, '-' of the first and '+' of the second; the user's index is none of them.
sub differences
{
	my ($one, $other) = map { describe($_) } @_;
	return grep { !/deal_by_name/ } sort((map { "- $_" } grep { !$other->{$_} } keys %$one), (map { "+ $_" } grep { !$one->{$_} } keys %$other));
}

# A database that has lived with an older version.
sub live_with
{
	my ($database, $old) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, $_) foreach (
		"CREATE EXTENSION salesops VERSION '$old'",
		q{SELECT salesops.generate_crm(300, 10, 5, '2026-06-15 18:00+00', schema_name => 'crm')},
		q{SELECT salesops.connect('crm', 'fivetran_salesforce', 'crm')},
		q{CALL salesops.run_nightly('2026-06-15 18:00+00')},
		'CREATE INDEX deal_by_name ON salesops.opportunity (name)');

	# CREATE FUNCTION inside an extension script does not look; this does.
	$node->safe_psql($database, q{SELECT fmgr_c_validator(p.oid) FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
		WHERE l.lanname = 'c' AND p.pronamespace = 'salesops'::regnamespace});
	pass("the library of $version has every function of $old");
}

sub update_and_compare
{
	my ($database, $old) = @_;
	my $rows = 'SELECT (SELECT count(*) FROM salesops.opportunity), (SELECT count(*) FROM salesops.finding), (SELECT count(*) FROM salesops.forecast_snapshot)';
	my $before = $node->safe_psql($database, $rows);
	$node->safe_psql($database, "ALTER EXTENSION salesops UPDATE TO '$version'");
	is(join("\n", differences($database, 'fresh')), '', "$old updated to $version is what a fresh $version is");
	is($node->safe_psql($database, $rows), $before, '... with its rows');
	is($node->safe_psql($database, q{SELECT kind || ' ' || name FROM salesops.dump_losses()}), 'index deal_by_name',
		'... and a user\'s index is still known to be the user\'s');
	$node->safe_psql($database, $_) foreach ('SELECT salesops.install_marts()', q{CALL salesops.run_nightly('2026-06-16 18:00+00')});
	is($node->safe_psql($database, q{SELECT count(*) FROM salesops.run_step_log WHERE status <> 'succeeded'}), 0, '... and its nights go on');
}

$node->safe_psql('postgres', 'CREATE DATABASE fresh');
$node->safe_psql('fresh', 'CREATE EXTENSION salesops');

# --- released versions -----------------------------------------------------------------------------------

foreach my $script (glob "$root/sql/frozen/salesops--*.sql")
{
	my ($old) = $script =~ /salesops--(.*)\.sql$/;
	if ($old eq $version)
	{
		ok(slurp_file($script) eq slurp_file("$extensions/salesops--$version.sql"), "the script of $version is the one that was released")
		  or diag("$version is released: bump default_version in salesops.control and write sql/update/$version--<next>/order (docs/dump.md).");
		next;
	}
	add_script("salesops--$old.sql", slurp_file($script));
	live_with("released_$old" =~ tr/./_/r, $old);
	update_and_compare("released_$old" =~ tr/./_/r, $old);
	is($node->safe_psql("released_$old" =~ tr/./_/r, q{SELECT string_agg(target, ' ' ORDER BY target) FROM salesops.history_reach WHERE recorded_at = '2026-06-15 18:00+00'}),
		'amount close_date stage', '... and how far back the histories reach that were read before is told from what they left');
}

# --- a made-up version before all ------------------------------------------------------------------------

# [ object that differs, what the old version has instead, the change that leads to the new one ]
sub as_fresh { return $node->safe_psql('fresh', $_[0]) . ";\n"; }
my @changes = (
	[ 'function salesops.tie_out(pg_catalog.text,pg_catalog.date,pg_catalog.date)',
		'DROP FUNCTION salesops.tie_out(text, date, date)',
		as_fresh(q{SELECT pg_get_functiondef('salesops.tie_out'::regproc) || E';\n' || format('COMMENT ON FUNCTION salesops.tie_out IS %L',
			obj_description('salesops.tie_out'::regproc))}) ],
	[ 'function salesops.settings()', q{COMMENT ON FUNCTION salesops.settings() IS 'Old words'},
		as_fresh(q{SELECT format('COMMENT ON FUNCTION salesops.settings() IS %L', obj_description('salesops.settings'::regproc))}) ],
	[ 'function salesops.time_zone()', 'ALTER FUNCTION salesops.time_zone() VOLATILE', 'ALTER FUNCTION salesops.time_zone() STABLE' ],
	[ 'function salesops.get_setting(pg_catalog.text)', 'REVOKE EXECUTE ON FUNCTION salesops.get_setting(text) FROM PUBLIC',
		'GRANT EXECUTE ON FUNCTION salesops.get_setting(text) TO PUBLIC' ],
	[ 'table salesops.setting', 'ALTER TABLE salesops.setting ALTER set_by DROP DEFAULT', 'ALTER TABLE salesops.setting ALTER set_by SET DEFAULT CURRENT_USER' ],
	[ 'table salesops.weight_set', q{COMMENT ON COLUMN salesops.weight_set.weight IS 'Old words'},
		as_fresh(q{SELECT format('COMMENT ON COLUMN salesops.weight_set.weight IS %L', col_description(attrelid, attnum)) FROM pg_attribute
			WHERE attrelid = 'salesops.weight_set'::regclass AND attname = 'weight'}) ],
	[ 'table salesops.value_map', 'ALTER TABLE salesops.value_map DROP CONSTRAINT value_map_field_check',
		as_fresh(q{SELECT 'ALTER TABLE salesops.value_map ADD ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'value_map_field_check'}) ],
	[ 'table salesops.activity', 'DROP INDEX salesops.activity_opportunity', as_fresh(q{SELECT pg_get_indexdef('salesops.activity_opportunity'::regclass)}) ],
	[ 'table salesops.stage_map', 'DROP TRIGGER append_only ON salesops.stage_map',
		as_fresh(q{SELECT pg_get_triggerdef(oid) || format('; COMMENT ON TRIGGER append_only ON salesops.stage_map IS %L', obj_description(oid, 'pg_trigger'))
			FROM pg_trigger WHERE tgrelid = 'salesops.stage_map'::regclass AND tgname = 'append_only'}) ],
	[ 'table salesops.audit_tally', q{SELECT pg_extension_config_dump('salesops.audit_tally', 'WHERE false')}, q{SELECT pg_extension_config_dump('salesops.audit_tally', '')} ],
	[ 'view salesops.mart_status', 'ALTER VIEW salesops.mart_status SET (security_barrier)', 'ALTER VIEW salesops.mart_status RESET (security_barrier)' ],
	[ 'sequence salesops.audit_by_hand_seq', 'ALTER SEQUENCE salesops.audit_by_hand_seq CACHE 5', 'ALTER SEQUENCE salesops.audit_by_hand_seq CACHE 1' ],
	[ 'type salesops.fiscal_period', q{REVOKE USAGE ON TYPE salesops.fiscal_period FROM PUBLIC}, q{GRANT USAGE ON TYPE salesops.fiscal_period TO PUBLIC} ],
	[ 'operator salesops.=(salesops.fiscal_period,salesops.fiscal_period)', 'ALTER OPERATOR salesops.= (salesops.fiscal_period, salesops.fiscal_period) SET (RESTRICT = NONE)',
		'ALTER OPERATOR salesops.= (salesops.fiscal_period, salesops.fiscal_period) SET (RESTRICT = eqsel)' ],
	[ 'operator family salesops.fiscal_period_ops USING btree',
		'ALTER OPERATOR FAMILY salesops.fiscal_period_ops USING btree DROP FUNCTION 4 (salesops.fiscal_period)',
		'ALTER OPERATOR FAMILY salesops.fiscal_period_ops USING btree ADD FUNCTION 4 (salesops.fiscal_period) btequalimage(oid)' ],
	[ 'cast (character varying AS salesops.forecast_category)', 'DROP CAST (varchar AS salesops.forecast_category)',
		as_fresh(q{SELECT format('CREATE CAST (varchar AS salesops.forecast_category) WITH INOUT AS IMPLICIT; COMMENT ON CAST (varchar AS salesops.forecast_category) IS %L',
			obj_description(oid, 'pg_cast')) FROM pg_cast WHERE castsource = 'varchar'::regtype AND casttarget = 'salesops.forecast_category'::regtype}) ]);

my $old = '0.0.0';
my $ends = slurp_file("$root/sql/core/script_ends.sql");
add_script("salesops--$old.sql", join("\n", slurp_file("$extensions/salesops--$version.sql"), (map { "$_->[1];" } @changes), $ends));

# The update script comes from make, as one that is released does.
my $source = PostgreSQL::Test::Utils::tempdir;
system_or_bail('cp', '-a', "$root/Makefile", "$root/salesops.control", "$root/sql", $source);
mkdir "$source/sql/update";
mkdir "$source/sql/update/$old--$version";
append_to_file("$source/sql/update/$old--$version/order", "update/$old--$version/change.sql\n");
append_to_file("$source/sql/update/$old--$version/change.sql", join('', map { "$_->[2];\n" } @changes));
command_ok([ 'make', '-s', '-C', $source, "salesops--$old--$version.sql" ], 'make builds an update script');
add_script("salesops--$old--$version.sql", slurp_file("$source/salesops--$old--$version.sql"));

live_with('made_up', $old);
my %seen = map { /^[-+] \["(.*?)", / ? ($1 => 1) : () } differences('made_up', 'fresh');
foreach my $change (@changes)
{
	ok(delete $seen{ $change->[0] }, "seen to differ: $change->[0]");
}
is_deeply([ sort keys %seen ], [ 'part constraint of value_map', 'part index of activity', 'part trigger of stage_map' ],
	'... and nothing else but what the scripts note of it');
update_and_compare('made_up', $old);

$node->stop;
done_testing();
