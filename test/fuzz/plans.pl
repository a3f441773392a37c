# Territory plans and portfolio designs from what nobody would give: columns left out or of a wrong type, amounts at the ends of what is allowed and
# beyond, all equal, all zero; tags that nobody has; holds, families and budgets that contradict each other; options damaged. Refused or taken,
# nothing may crash, and what is taken keeps its laws: SQL verifies the plan, the same rows in another order have the same plan, copies and
# simulations of it are verified as well; a portfolio spends no more than there is and is worth no more than its bound.
#
#     perl plans.pl DATABASE FOLDER SEED CASES
use strict;
use warnings;

my ($database, $folder, $seed, $cases) = @ARGV;
srand($seed);

sub one { return $_[ int rand @_ ]; }
sub chance { return rand() < $_[0]; }
sub quoted { my ($text) = @_; return 'NULL' unless defined $text; $text =~ s/'/''/g; return "'$text'"; }
sub named { my ($name) = @_; $name =~ s/"/""/g; return "\"$name\""; }
sub json { my ($text) = @_; $text =~ s/(["\\])/\\$1/g; return "\"$text\""; }

my @tag = qw(west east large software);
sub tags { return '{' . join(',', grep { chance($_[0]) } @tag) . '}'; }

# What a column of numbers is like: the same everywhere, none, few, spread over the whole range that is allowed, whole or with many digits.
sub numbers
{
	my $high = one(1, 1e-30, 1e30, 1e15, 0.1);
	return one(sub { $high }, sub { 0 }, sub { chance(0.1) ? $high : 0 }, sub { int rand 100 }, sub { int rand 100 }, sub { rand 1000 }, sub { 10 ** (rand(60) - 30) },
		sub { chance(0.1) ? 1000 : 1 });
}
sub places { my ($from, $width) = @_; return one(sub { $from + rand $width }, sub { $from + rand $width }, sub { $from }, sub { $from + 1e-9 * int rand 3 }, sub { int($from + rand $width) }); }
my @absurd = (undef, '', 'NaN', 'Infinity', '-1', '-0', '1e31', '1e-31', '1e300', '4.9e-324', '0.1', 'x', '{}', '{NULL}', '{{west},{east}}', '[3:3]={west}', 'true', 'infinity', '-infinity',
	'4713-01-01 BC', "it's \"odd\"", '%s', ('x' x 3000));

# A query of rows of these columns, [name, type, where a value comes from], in the order given and in another one.
sub query
{
	my ($rows, $columns) = @_;
	my @columns = grep { @$columns < 2 || !chance(0.01) } @$columns;
	$_->[1] = one('text', 'float8', 'numeric', 'text[]', 'date', 'boolean', 'bigint', 'jsonb') for grep { chance(0.005) } @columns;
	my @rows = map { my $n = $_; [ map { $_->[2]->($n) } @columns ] } 1 .. $rows;
	$rows[ int rand @rows ][ int rand @columns ] = one(@absurd) if @rows && @columns && chance(0.15);
	my @values = map { my $row = $_; '(' . join(', ', map { quoted($_) } @$row) . ')' } @rows;
	my $list = join ', ', map { "c$_\::$columns[$_][1] AS " . named($columns[$_][0]) } 0 .. $#columns;
	my $names = join ', ', map { "c$_" } 0 .. $#columns;
	my $nothing = join ', ', map { 'NULL' } @columns;
	return map { "SELECT $list FROM (VALUES " . (@$_ ? join(', ', @$_) : "($nothing)") . ") v($names)" . (@$_ ? '' : ' WHERE false') } \@values, [ reverse @values ];
}

# An object of some of these options, [name, good values, others].
sub options
{
	my ($often, @options) = @_;
	my @member;
	for my $option (@options)
	{
		my ($name, @good) = @$option;
		next unless chance($often);
		push @member, json($name) . ': ' . (chance(0.02) ? one('null', '-1', '1e400', '1e-300', '0', '0.5', '1e15', '""', '"x"', '[]', '{}', '[null]', '{"x": {}}', 'true') : one(@good));
	}
	push @member, '"tolerence": 1' if chance(0.005);
	return '{' . join(', ', @member) . '}';
}

sub plan_case
{
	my ($case) = @_;
	my $accounts = one(0, 1, 2, 5, 10, 20, 40, 40, 40);
	my $territories = one(0, 1, 2, 3, 5, 8, 8);
	my @home = map { "t$_" } 1 .. ($territories || 1);
	my @measure = @{ one([], ['potential'], ['potential', 'workload'], ['potential', 'workload'], ['a', 'b', 'c', 'Odd "name"']) };
	my @place = @{ one([], [ 'x', 'y' ], [ 'x', 'y', 'z' ], [ 'latitude', 'longitude' ]) };
	my @place_column = map { [ $_, 'float8', places($_ eq 'latitude' ? 40 : -5, 10) ] } @place;
	my $free = @place && chance(0.3);
	my ($few, $many) = (rand 0.4, 0.5 + rand 0.5);
	my @account = ([ 'id', one('text', 'text', 'bigint'), sub { $_[0] } ],
		map { [ $_, one('numeric', 'float8'), numbers() ] } @measure);
	push @account, @place_column;
	push @account, [ 'territory', 'text', sub { chance(0.1) ? one(undef, 'gone') : one(@home) } ] if chance(0.8);
	push @account, [ 'locked', 'boolean', sub { chance(0.05) ? 'true' : one('false', undef) } ] if chance(0.3);
	push @account, [ 'locked_to', 'text', sub { chance(0.05) ? one(@home) : undef } ] if chance(0.3);
	push @account, [ 'holdout', 'text', sub { chance(0.15) ? one('exempt', 'eligible', 'ineligible') : undef } ] if chance(0.4);
	push @account, [ 'holdout_until', 'date', sub { one('2026-06-29', '2026-06-30', '2026-07-01', undef) } ] if chance(0.3);
	push @account, [ 'family', 'text', sub { chance(0.3) ? 'f' . int rand 5 : undef } ] if chance(0.4);
	push @account, [ 'tags', 'text[]', sub { tags($many) } ] if chance(0.4);
	push @account, [ 'needs', 'text[]', sub { tags($few / 3) } ] if chance(0.4);
	push @account, [ 'prefers', 'text[]', sub { tags($few) } ] if chance(0.3);
	push @account, [ $_, 'float8', numbers() ] for grep { chance(0.3) } 'distance_cost', 'relationship';
	my @territory = ([ 'id', 'text', sub { "t$_[0]" } ], map { [ $_->[0], 'float8', $free && chance(0.7) ? sub { undef } : $_->[2] ] } @place_column);
	push @territory, [ 'capacity', 'float8', numbers() ] if chance(0.5);
	push @territory, [ 'ramp', 'float8', sub { one(0, 0.25, 1, 1) } ] if chance(0.4);
	push @territory, [ 'quota', 'numeric', numbers() ] if chance(0.4);
	push @territory, [ 'tags', 'text[]', sub { tags($many) } ] if chance(0.6);
	push @territory, [ 'needs', 'text[]', sub { tags($few / 3) } ] if chance(0.2);
	for my $measure (@measure)
	{
		push @territory, [ "$_\_$measure", 'float8', numbers() ] for grep { chance(0.05) } 'target', 'share', 'floor', 'cap';
	}
	my $options = options(0.25, [ 'tolerance', 0, 0.001, 0.05, 0.3, 1000 ], [ 'proportional_to', '"capacity"', '"quota"' ], [ 'distance_cost', 0, 1, 1e-30, 1e15 ],
		[ 'relationship', 0, 10, 1e15 ], [ 'mismatch_cost', 0, 1, 1e15 ], [ 'objective', '"cost"', '"fewest_moves"', '"fewest_moves"' ], [ 'most_moves', 0, 1, 3, 2147483647 ],
		[ 'most_moved', '{"accounts": 3}', map { '{' . json($_) . ': ' . one(0, 10, 1e-30, 1e300) . '}' } @measure ],
		[ 'measures', '{"accounts": 0.1}', '{"accounts": {"tolerance": 0.5, "proportional_to": "quota"}}', map { '{' . json($_) . ': ' . one(0, 0.2) . '}' } @measure ],
		[ 'effort', 0, 0.01, 1 ], [ 'gap', 0, 0.01, 1 ], [ 'seed', 0, 1, 9007199254740992 ], [ 'candidates', 0, 1, 2, 4096 ]);
	$options =~ s/}$/(length $options > 2 ? ', ' : '') . "\"as_of\": \"2026-06-30\", \"name\": \"$case\"" . ($free ? ', "homes": "free"' : '') . '}'/e;
	my @accounts = query($accounts, \@account);
	my @territories = query($territories, \@territory);
	my $other = int rand 2;
	my $script = sprintf "SELECT salesops.plan_territories(%s, %s, %s);\n", quoted($accounts[0]), quoted($territories[0]), quoted($options);
	$script .= sprintf "SELECT salesops.plan_territories(%s, %s, %s);\n", quoted($accounts[1]), quoted($territories[$other]), quoted($options);
	$script .= sprintf "SELECT * FROM salesops.territory_frontier(%s, %s, %s, %s, %s, %s);\n", quoted($accounts[0]), quoted($territories[0]), quoted($options),
		one('NULL', 1, 5, -1), one(0, 1, 3, 'NULL'), one('NULL', 0, 0.2, "'NaN'") if chance(0.1);
	return $script;
}

sub portfolio_case
{
	my ($case) = @_;
	my @segment = @{ one([ 'east' ], [ 'east', 'west' ], [ 'east', 'west', 'Odd "one"' ]) };
	my $customers = one(0, 1, 3, 20, 20, 50);
	my ($customer) = query($customers, [ [ 'id', one('text', 'bigint'), sub { $_[0] } ], [ 'segment', 'text', sub { one(@segment) } ], [ 'potential', 'float8', numbers() ] ]);
	my ($history) = query(one(0, 1, 20, 60), [ [ 'id', 'text', sub { 1 + int rand($customers + 2) } ], [ 'effort', 'float8', numbers() ], [ 'revenue', 'float8', numbers() ] ]);
	my @list = map { json($_) } @segment;
	my $team = chance(0.5)
		? '[{"team": "t", "segments": [' . join(', ', @list) . '], "reps": ' . one(0, 1, 2.5, 1e9) . ', "effort_per_rep": ' . one(0, 10, 100, 1e12) . '}]'
		: '[' . join(', ', map { '{"team": ' . $_ . ', "segments": [' . $_ . '], "reps": ' . one(0, 1, 5) . ', "effort_per_rep": ' . one(10, 0.1, 1000) . '}' } @list) . ']';
	my $options = options(0.3, [ 'targets', map { '{' . $_ . ': ' . one(0, 100, 1e6, 1e18) . '}' } @list ], [ 'periods', 0.001, 1, 4, 1000 ], [ 'effort_unit', 0, 1, 3, 1e9 ],
		[ 'minimum_effort', 0, 1, 4, 1e9 ], [ 'target_price', 0, 1, 1e6 ], [ 'confidence', 0.01, 0.8, 0.999 ],
		[ 'roadmap', map { '[{"product": "p", "segment": ' . $_ . ', "ships_on": "2026-07-01", "uplift": ' . one(-0.9, 0.2, 1000) . ', "uplift_deviation": ' . one(0, 0.1, 1000) . '}]' } @list ],
		[ 'from', '"2026-01-01"' ], [ 'to', '"2026-12-31"', '"2026-01-01"' ],
		[ 'prior', '{"rate": 1000}', '{"rate": 1e-6, "rate_deviation": 5}', '{"scale": 1e-9}', '{"scale": 1e12, "scale_deviation": 0.001}', '{"carryover": 0.999}', '{"variation": 0.05, "deal": 1e15}', '{"deal": 1e-9}' ],
		[ 'scenarios', '[{}, {"name": "more", "reps": {"t": 3}}]', '[{"effort_unit": 0, "minimum_effort": 0}, {"minimum_effort": 2}]', '[{"ships_on": {"p": null}}]' ]);
	$options =~ s/}$/(length $options > 2 ? ', ' : '') . "\"teams\": $team}"/e;
	return sprintf "INSERT INTO portfolio SELECT %d, s.* FROM salesops.solve_portfolio(%s, %s, %s) s;\n", $case, quoted($customer), chance(0.5) ? quoted($history) : 'NULL', quoted($options);
}

my $script = <<'SQL';
SET client_min_messages = error;
SET statement_timeout = '20s';
CREATE TABLE portfolio AS SELECT 0 AS case_number, s.* FROM salesops.solve_portfolio('SELECT 1 AS id, ''a'' AS segment, 1 AS potential', NULL,
  '{"teams": [{"team": "t", "segments": ["a"], "effort_per_rep": 1}]}') s;
SQL
$script .= join '', map { plan_case($_) } 1 .. $cases;
$script .= join '', map { portfolio_case($_) } 1 .. $cases;
# What would happen if, for some.
$script .= <<"SQL";
CREATE TABLE planned AS SELECT plan_id, name FROM salesops.territory_plan;
SELECT format('SELECT salesops.%s(%s, %L)', f, plan_id, CASE f WHEN 'copy_territory_plan' THEN '{"name": "copy", "effort": 0}' ELSE change END)
FROM (SELECT plan_id, row_number() OVER (ORDER BY plan_id) AS n FROM planned) p, unnest(ARRAY['copy_territory_plan', 'simulate_territories', 'simulate_territories']) WITH ORDINALITY AS f(f, i),
  unnest(ARRAY['{"leaves": ["t1"]}', '{"joins": [{"id": "new", "like": "t1", "ramp": 0.5}]}', '{"ramps": {"t1": 0}}', '{"shifts": [{"measure": "potential", "factor": 1e15}]}',
    '{"leaves": ["t1", "t1"], "joins": [{"id": "t1", "like": "t2"}]}', '{"shifts": [{"measure": "workload", "factor": 0, "tags": ["west"]}]}', '{"leaves": "t1"}']) WITH ORDINALITY AS c(change, k)
WHERE k = 1 + (n + i) % 7 AND n % 3 = 0 ORDER BY n, i
\\gexec
SQL

# psql with a script; its output. A script that stops at an error must not meet one.
sub psql
{
	my ($text, $stop) = @_;
	open my $file, '>', "$folder/plans.sql" or die "$folder/plans.sql: $!";
	print $file $text;
	close $file;
	my $output = `psql -XqAt -v ON_ERROR_STOP=$stop -d $database -f $folder/plans.sql 2>$folder/plans.errors`;
	die "psql failed; see $folder/plans.errors\n" if $stop && $?;
	return $output;
}

# What the last one said of errors.
sub errors { return do { local (@ARGV, $/) = "$folder/plans.errors"; <> } // ''; }

psql($script, 0);
# Of a plan that was cut off there is nothing to compare: a statement is a line, which an error names.
my @line = split /\n/, $script;
my @cut_off = map { $line[$_ - 1] =~ /"name": "(\d+)"/ } errors() =~ /:(\d+): ERROR:  canceling statement due to statement timeout/g;
my $cut_off = join ', ', map { "'$_'" } 0, @cut_off;
# What people ask of a plan has an answer.
psql(<<'SQL', 0);
SELECT format('SELECT count(*) FROM salesops.%s(%s)', f, plan_id) FROM salesops.territory_plan,
  unnest(ARRAY['territory_plan_summary', 'territory_plan_findings', 'territory_shadow_prices', 'territory_plan_lines', 'verify_territory_plan']) f ORDER BY plan_id, f
\gexec
SQL
my $unanswered = errors();

my ($plans, $within, $portfolios, $wrong) = split /\n/, psql(<<"SQL", 1), 4;
SELECT count(*) FROM salesops.territory_plan;
SELECT count(*) FROM salesops.territory_plan WHERE outside = 0;
SELECT count(*) FROM portfolio;
SELECT format('plan %s: %s: %s, expected %s %s', p.plan_id, v."check", v.value, v.expected, v.detail)
FROM salesops.territory_plan p, salesops.verify_territory_plan(p.plan_id) v WHERE v.ok IS NOT TRUE;
SELECT format('plan %s: account %s: %s', p.plan_id, l.account_id, coalesce(l.reason, 'no reason'))
FROM salesops.territory_plan p, salesops.territory_plan_lines(p.plan_id) l WHERE l.reason IS NULL OR l.reason = '' OR l.reason LIKE '%""%';
SELECT format('case %s: other plans for other orders of rows', name)
FROM salesops.territory_plan JOIN planned USING (plan_id, name)
WHERE name NOT IN ($cut_off)
GROUP BY name HAVING count(*) <> 2 OR count(DISTINCT (input_hash, cost, bound, design_bound IS NULL, outside, best_outside)) > 1;
SELECT format('portfolio %s: worth %s, bound %s', case_number, value, bound) FROM portfolio WHERE NOT value <= bound + 1e-9 * abs(bound);
SELECT format('portfolio %s: team %s spends %s of %s', case_number, t.n, t.spent, t.capacity)
FROM (SELECT p.case_number, c.n, c.capacity, (SELECT sum(e.effort) FROM unnest(p.effort, p.segment_of) AS e(effort, segment) WHERE p.team_of[e.segment::integer] = c.n) AS spent
      FROM portfolio p, unnest(p.capacity) WITH ORDINALITY AS c(capacity, n)) t
WHERE NOT coalesce(t.spent, 0) <= t.capacity * (1 + 1e-8);
SELECT format('portfolio %s: customer %s is worth %s, from %s to %s', p.case_number, c.id, c.revenue, c.low, c.high)
FROM portfolio p, unnest(p.customers, p.revenue, p.revenue_low, p.revenue_high) AS c(id, revenue, low, high)
WHERE NOT (c.low >= 0 AND c.low <= c.high AND c.revenue < 'Infinity');
SQL
$wrong = ($wrong // '') . $unanswered;
printf "%d cases: %d plans, %d within their limits; %d portfolios; %d plans cut off\n%s", $cases, $plans, $within, $portfolios, scalar @cut_off, $wrong;
exit($wrong =~ /\S/ ? 1 : 0);
