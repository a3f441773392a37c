# What the documents name is there: files, targets of make, functions. And no file keeps the marks of a merge. Reads files only.
use strict;
use warnings;

use File::Find;
use Test::More;

sub content { my ($path) = @_; local (@ARGV, $/) = ($path); return <> // ''; }

my @folders = qw(bench docs examples scripts sql src test);
my @file = grep { -f } qw(README.md CHANGELOG.md Makefile salesops.control);
find({ no_chdir => 1, wanted => sub { push @file, $_ if -f } }, grep { -d } @folders);
cmp_ok(scalar @file, '>', 300, 'the files of the repository are here');
is_deeply([ grep { content($_) =~ /^(<{7}|>{7}|\|{7}) |^={7}$/m } @file ], [], 'no file has the marks of a merge');

# A path is named from the root, or by as much of its end as tells which file is meant.
my %known;
foreach my $file (@file)
{
	my @part = split m{/}, $file;
	$known{ join '/', @part[ $_ .. $#part ] } = 1 for 0 .. $#part;
	$known{ join '/', @part[ 0 .. $_ ] } = 1 for 0 .. $#part - 1;
}
# Files of the reader's own, and of the server.
my %elsewhere = map { $_ => 1 } qw(deals.csv mapping.csv postgresql.conf pg_hba.conf valgrind.supp);

my $makefile = content('Makefile');
my %target = map { $_ => 1 } qw(all install installcheck clean), map { split } $makefile =~ /^(?:PROVISIONED +=|\.PHONY:) (.*)$/mg;

my %function;
foreach my $module (grep { m{^sql/.*\.sql$} } @file)
{
	$function{$_} = 1 for content($module) =~ /CREATE (?:OR REPLACE )?(?:FUNCTION|PROCEDURE|AGGREGATE) (?:salesops|salesops_bi)\.(\w+)/g;
}

my (@file_gone, @target_gone, @function_gone);
foreach my $document (grep { /^README\.md$|^docs\/.*\.md$/ } @file)
{
	my $text = content($document);
	my @code = ($text =~ /`([^`\n]+)`/g, $text =~ /^ {4}(.*)$/mg);
	foreach my $code (@code)
	{
		push @target_gone, "$document: make $1" if $code =~ /^(?:\w+="?[^"]*"? )*make ([a-z][a-z-]*)\b/ && !$target{$1};
		while ($code =~ /\bsalesops\.(\w+)\(/g) { push @function_gone, "$document: salesops.$1()" unless $function{$1}; }
	}
	foreach my $name ($text =~ /`([\w.\/-]+)`/g)
	{
		next unless $name =~ m{\.(?:c|h|sql|pl|pm|psql|spec|csv|conf|supp)$|^(?:bench|docs|examples|scripts|sql|src|test)/};
		$name =~ s{/$}{};
		push @file_gone, "$document: $name" unless $known{$name} || $elsewhere{$name};
	}
	foreach my $link ($text =~ /\]\(([^)#:]+\.md)[^)]*\)/g)
	{
		my $folder = $document =~ m{^(.*/)} ? $1 : '';
		my $path = "$folder$link";
		1 while $path =~ s{[^/]+/\.\./}{};
		push @file_gone, "$document: $link" unless -f $path;
	}
}
is(join("\n", @file_gone), '', 'every file that a document names is there');
is(join("\n", @target_gone), '', 'every target of make');
is(join("\n", @function_gone), '', 'every function');

done_testing();
