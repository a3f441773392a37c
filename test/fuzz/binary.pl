# Binary input of our types from bytes that nobody sends: what output writes, then a bit flipped, a byte changed, cut off,
# added, or all of it random. Refused or taken, nothing may crash, and what is taken is a value like any other: it comes
# back from its text and from its binary form, and equal values have equal hashes.
#
#     perl binary.pl DATABASE FOLDER SEED CASES
use strict;
use warnings;

my ($database, $folder, $seed, $cases) = @ARGV;
my %samples = (
	forecast_category => ['Omitted', 'Upside', 'Pipeline', 'Best Case', 'Most Likely', 'Commit', 'Closed'],
	account_score => ['85 tier 1 (size 30, industry 25, engagement 10, intent 20)', '25 tier 3 (size 10, industry ?, engagement 15 downloads ?, intent ?)', '0 tier 3 (size ?, industry ?, engagement ?, intent ?)'],
	fiscal_period => ['FY0001', 'FY2026-Q4', 'FY9999-M12'],
	forecast_totals => ['no deals', 'Closed: 50.00 (3 deals)', 'Closed: NaN (2 deals), Commit: unknown (1 deal, 1 without amount)',
		'Omitted: -1e131071 (9223372036854775807 deals), Upside: 0.000 (2 deals, 1 without amount), Uncategorized: Infinity (1 deal)'],
	bookings_distribution => ['0 deals', '3 deals; 1 unknown; correlation 0.05; base -500; open 2500.5@0.25 1000@0.3; new variance 1f third -2c',
		'300 deals; open ' . join(' ', map { "$_\@0.5" } 1 .. 300)],
	win_cells => ['{"factors": {"owner": []}, "cells": {}}',
		'{"factors": {"to_go": ["1", "2"], "owner": ["Ann", "Bob"]}, "cells": {"FY2026-Q1": [[0, 0, 12, 3], [1, 1, 500, 0]], "FY2026-Q2": [[0, 1, 1, 1]]}}'],
	win_model => ['{"trained": {"periods": 1, "from": "FY2026-Q1", "to": "FY2026-Q1", "deals": 12, "wins": 3}, "fit": {"intercept": -1.5, "strength": 1, "shift": 0, '
		. '"recalibrated": false, "iterations": 5, "converged": true, "reason": 2}, "factors": {"to_go": ["1", "2"], "owner": ["Ann", "Bob"]}, "terms": ['
		. '{"factors": [0], "ordered": false, "precision": 4, "effects": [[0, 0.25, 0.5, 6, 1], [1, -0.25, 0.5, 6, 2]]}, '
		. '{"factors": [1, 0], "ordered": false, "precision": 2, "effects": [[0, 1, 0.125, 0.5, 12, 3]]}]}'],
);
my $header = "PGCOPY\n\xff\r\n\0" . pack('NN', 0, 0);

srand($seed);

# psql with a script; its output. A script that stops at an error must not meet one.
sub psql
{
	my ($script, $stop) = @_;
	open my $file, '>', "$folder/script.sql" or die "$folder/script.sql: $!";
	print $file $script;
	close $file;
	my $output = `psql -XqAt -v ON_ERROR_STOP=$stop -d $database -f $folder/script.sql 2>$folder/errors`;
	die "psql failed; see $folder/errors\n" if $stop && $?;
	return $output;
}

# The bytes of a value, from a file that COPY wrote with this one field.
sub bytes_of
{
	my ($type, $value) = @_;
	psql("\\copy (SELECT '$value'::salesops.$type) TO '$folder/sample' (FORMAT binary)\n", 1);
	open my $file, '<:raw', "$folder/sample" or die "$folder/sample: $!";
	my $content = do { local $/; <$file> };
	my $length = unpack('N', substr($content, length($header) + 2, 4));
	return substr($content, length($header) + 6, $length);
}

sub random_bytes { return join '', map { chr int rand 256 } 1 .. $_[0]; }

sub mangle
{
	my ($bytes) = @_;
	return random_bytes(int rand 64) if rand() < 0.1 || $bytes eq '';
	for (1 .. 1 + int rand 3)
	{
		my $at = int rand(length($bytes) || 1);
		my $way = int rand 5;
		if ($way == 0) { substr($bytes, $at, 1) = chr(ord(substr($bytes, $at, 1) || "\0") ^ 1 << int rand 8); }
		elsif ($way == 1) { substr($bytes, $at, 1) = (map { chr } 0, 1, 0x7f, 0x80, 0xff)[int rand 5]; }
		elsif ($way == 2) { $bytes = substr($bytes, 0, $at); }
		elsif ($way == 3) { $bytes .= random_bytes(1 + int rand 8); }
		else { substr($bytes, $at, 0) = random_bytes(1 + int rand 4); }
	}
	return $bytes;
}

my $failed = 0;
for my $type (sort keys %samples)
{
	my @samples = map { bytes_of($type, $_) } @{ $samples{$type} };
	my $script = "DROP TABLE IF EXISTS fuzz; CREATE TABLE fuzz (v salesops.$type);\n";
	for my $case (1 .. $cases)
	{
		my $bytes = mangle($samples[ int rand @samples ]);
		open my $file, '>:raw', "$folder/$type.$case" or die "$folder/$type.$case: $!";
		print $file $header, pack('nN', 1, length $bytes), $bytes, pack('n', 0xffff);
		close $file;
		$script .= "\\copy fuzz FROM '$folder/$type.$case' (FORMAT binary)\n";
	}
	psql($script, 0);
	my ($taken, $changed_text, $changed_binary, $unequal_hashes) = split /\n/, psql(<<"SQL", 1);
SET search_path = pg_catalog, salesops;
CREATE TEMPORARY TABLE again (LIKE public.fuzz);
\\copy public.fuzz TO '$folder/again' (FORMAT binary)
\\copy again FROM '$folder/again' (FORMAT binary)
SELECT count(*) FROM public.fuzz;
SELECT count(*) FROM public.fuzz WHERE v::text::$type IS DISTINCT FROM v OR v::text::$type\::text IS DISTINCT FROM v::text;
SELECT (SELECT count(*) FROM (SELECT v FROM public.fuzz EXCEPT ALL SELECT v FROM again) d) + (SELECT count(*) FROM (SELECT v FROM again EXCEPT ALL SELECT v FROM public.fuzz) d);
SELECT count(*) FROM (SELECT DISTINCT v FROM public.fuzz) a JOIN (SELECT DISTINCT v::text, v FROM public.fuzz) b(t, v) ON a.v = b.v WHERE salesops.$type\_hash(a.v) <> salesops.$type\_hash(b.v);
SQL
	print "$type: $cases binary values, $taken taken; $changed_text changed by text, $changed_binary by binary, $unequal_hashes equal with unequal hashes\n";
	$failed += $changed_text + $changed_binary + $unequal_hashes;
	unlink "$folder/$type.$_" for 1 .. $cases;
}
exit($failed ? 1 : 0);
