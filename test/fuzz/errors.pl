# What became of a fuzzer's queries, from the server's log (log_error_verbosity = verbose): how many errors of each SQLSTATE,
# and every place that raised XX000, internal_error, with an example. XX000 means that something happened which the author
# held to be impossible; it fails when it was raised in a source file of ours or below a function of ours.
#
#     perl errors.pl LOG SOURCES [all]      with `all`, every query calls us, so every XX000 does
use strict;
use warnings;

my ($log, $sources, $all) = @ARGV;
my %ours = map { m{([^/]+)$} => 1 } glob("$sources/*/*.c");
my (%errors, %places, $error, $part);

# The lines of one error follow each other; a part of it may go on over lines without a prefix.
sub finish
{
	return unless $error;
	$errors{ $error->{sqlstate} }++;
	if ($error->{sqlstate} eq 'XX000')
	{
		my ($file) = ($error->{LOCATION} // '') =~ /, (\S+):\d+/;
		my $is_ours = $all || $ours{ $file // '' } || ($error->{CONTEXT} // '') =~ /salesops/;
		my $place = $places{ ($error->{LOCATION} // 'unknown place') . ($is_ours ? ': OURS' : '') } //= { example => $error, is_ours => $is_ours };
		$place->{count}++;
	}
	$error = undef;
}

open my $file, '<', $log or die "$log: $!";
while (my $line = <$file>)
{
	if ($line =~ /^\S+ \S+ \S+ \[\d+\] (\w+):  (.*)/)
	{
		my ($kind, $text) = ($1, $2);
		if ($error && $kind =~ /^(DETAIL|HINT|QUERY|CONTEXT|LOCATION|STATEMENT)$/) { $error->{ $part = $kind } = $text; }
		else { finish(); }
		$error = { sqlstate => $1, message => $2 } if $kind =~ /^(ERROR|FATAL|PANIC)$/ && $text =~ /^(\w{5}): (.*)/;
		$part = 'message' unless $kind =~ /^(DETAIL|HINT|QUERY|CONTEXT|LOCATION|STATEMENT)$/;
	}
	elsif ($error && length $error->{$part} < 2000) { $error->{$part} .= "\n$line"; chomp $error->{$part}; }
}
finish();

printf "  %s %d\n", $_, $errors{$_} for sort { $errors{$b} <=> $errors{$a} } keys %errors;
my $failed = 0;
for my $where (sort keys %places)
{
	my $place = $places{$where};
	print "XX000 at $where, $place->{count} times\n  $place->{example}{message}\n";
	print map { "  $_: $place->{example}{$_}\n" } grep { $place->{example}{$_} } qw(DETAIL CONTEXT STATEMENT);
	$failed = 1 if $place->{is_ours};
}
exit $failed;
