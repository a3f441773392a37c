# CSV files as people export them: what load_csv makes of headers with a byte order mark, quotes, commas, spaces, no name,
# the same name twice or a name longer than a server keeps.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $root = abs_path(dirname(__FILE__) . '/../..');
my $node = PostgreSQL::Test::Cluster->new('csv');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION salesops');

my $folder = PostgreSQL::Test::Utils::tempdir();
my $long = 'How likely the customer is to sign, in the words of the person who spoke to him last';
append_to_file("$folder/deals.csv", qq{\xEF\xBB\xBF"Id, internal",  Stage ,"Amount ""net""",Amount,Amount,,"$long",Created\r\n}
	. qq{1,Won,5,6,7,x,"sure, he said",2025-01-05\r\n2,Lost,8,9,10,y,no,2025-02-05\r\n});
append_to_file("$folder/mapping.csv", <<"END" =~ s/^/\xEF\xBB\xBF/r =~ s/\n/\r\n/gr);
file,column,target
deals.csv,"Id, internal",opportunity.id
deals.csv,Stage,opportunity.stage
deals.csv,"Amount ""net""",opportunity.amount
deals.csv,Amount 5,opportunity.custom.third
deals.csv,column 6,opportunity.custom.nameless
deals.csv,"$long",opportunity.custom.likely
deals.csv,Created,opportunity.created_at
stage,Won,won Closed 1
stage,Lost,lost Omitted 2
END

{
	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;
	local $ENV{PGDATABASE} = 'postgres';
	command_ok(["$root/scripts/load_csv", $folder, "$folder/mapping.csv"], 'the files are loaded');
	command_fails_like(["$root/scripts/load_csv", $folder, "$folder/missing.csv"], qr/There is no .*missing\.csv/, 'a mapping that is not there is named');
}
# A column that the file does not have, in a database of its own: nothing is connected.
append_to_file("$folder/slip.csv", qq{file,column,target\ndeals.csv,"Id, internal",opportunity.id\ndeals.csv,Stage,opportunity.stage\ndeals.csv,Amont,opportunity.amount\n});
$node->safe_psql('postgres', 'CREATE DATABASE slip');
$node->safe_psql('slip', 'CREATE EXTENSION salesops');
{
	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;
	local $ENV{PGDATABASE} = 'slip';
	command_fails_like(["$root/scripts/load_csv", $folder, "$folder/slip.csv"], qr/deals\.csv has no column "Amont"\s+DETAIL:\s+Its columns are Id, internal, Stage, Amount "net", Amount, /, 'a column that is not there is named');
}
is($node->safe_psql('slip', 'SELECT count(*) FROM salesops.source'), '0', 'and nothing is connected');
$node->safe_psql('postgres', "SELECT salesops.sync('csv')");
is($node->safe_psql('postgres', "SELECT id, stage, amount, created_at::date, custom ->> 'third', custom ->> 'nameless', custom ->> 'likely' FROM salesops.opportunity ORDER BY id"),
	"1|Won|5|2025-01-05|7|x|sure, he said\n2|Lost|8|2025-02-05|10|y|no", 'every value is in its column');

$node->stop;
done_testing();
