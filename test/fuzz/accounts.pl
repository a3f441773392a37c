# The room of accounts from what nobody would give: texts of scorecards and scores with lines and characters changed, records to match whose names are
# empty, alike, endless, emoji or right-to-left, and routing by rules, weights, hours and absences that contradict each other. Refused or taken,
# nothing may crash, and what is taken keeps its laws: a total is the sum of its points, the same from a record and from columns; a score comes
# back from its text; pairs and clusters do not depend on the order of the records; a lead is with one rep, who was free.
#
#     perl accounts.pl DATABASE FOLDER SEED CASES
use strict;
use warnings;
use utf8;

my ($database, $folder, $seed, $cases) = @ARGV;
srand($seed);
binmode STDOUT, ':utf8';

sub one { return $_[ int rand @_ ]; }
sub chance { return rand() < $_[0]; }
sub quoted { my ($text) = @_; return 'NULL' unless defined $text; $text =~ s/'/''/g; return "'$text'"; }

my @hostile = ('', ' ', "\t", "\x{200f}", 'x' x 10000, "\x{1f600}", "שלום", "السلام عليكم", "e\x{301}", "\x{fb01}", "\x{130}", "ß", '%s%n', '\\', '"', '""', "'", '$$', "a\nb", "\r\n", 'NULL', 'NaN', '中文' x 50,
	"\x{feff}", "\x{1f468}\x{200d}\x{1f469}", "\x{212b}", '(', '{', '-', '.', '0', '1e999', ('9' x 400));

# A text with some of its characters or lines changed, left out or said twice.
sub damaged
{
	my ($text) = @_;
	for (1 .. 1 + int rand 3)
	{
		if (chance(0.5))
		{
			my @line = split /(?<=\n)/, $text;
			next unless @line;
			my $at = int rand @line;
			one(sub { splice @line, $at, 1 }, sub { splice @line, $at, 0, $line[ rand @line ] }, sub { @line = reverse @line }, sub { $line[$at] = one(@hostile) . "\n" },
				sub { $line[$at] =~ s/(\S+)(\s*)$/one(@hostile) . $2/e }, sub { $line[$at] =~ s/\n//; })->();
			$text = join '', @line;
		}
		elsif (length $text)
		{
			my $at = int rand length $text;
			substr $text, $at, int rand 3, chance(0.3) ? '' : one(@hostile, ' ', ':', '[', ']', ')', '#', '<', '>', '-', '1', 'e', ',');
		}
	}
	return $text;
}

# --- scorecards -------------------------------------------------------------------------------------------

sub points { return chance(0.005) ? one(12.345, '1e3', 1000001) : one(0, 1, 5, 10, -5, 30, 0.01, -1000000, 999999.99); }
# The rules of a feature, of one kind, mostly without a contradiction.
sub rules
{
	my @bound = grep { chance(0.4) } -1, '-0.000001', 0, 0.1, 1, 100, 200, 1000, 5000, '999999999999999999';
	@bound = reverse @bound, one('1e15', 'x', '99999999999999999999') if chance(0.02);
	my $way = one('>', '>=', '<', '<=');
	my ($from, $to) = @{ one([ '[', ')' ], [ '(', ']' ], [ '(', ')' ], chance(0.1) ? [ '[', ']' ] : [ '(', ')' ]) };
	my @word = grep { chance(0.4) } 'Technology', 'a', 'true', '2026-06-15', "\x{1f600}", "e\x{301}", '5', 'odd ""', chance(0.1) ? '' : 'b';
	return one(sub { map { "$way $_" } @bound }, sub { map { "$from$bound[$_ - 1], $bound[$_]$to" } 1 .. $#bound }, sub { map { "at $_" } @bound }, sub { map { "\"$_\"" } @word })->();
}
sub scorecard
{
	my $text = 'scorecard ' . (chance(0.05) ? one('"odd ""name"""', '"שלום"', 'b.c') : one('odd', 'b_c')) . "\n";
	$text .= one('', "tier 1 from 70\ntier 2 from 40\ntier 3\n", "tier 1 from 0\ntier 2\n", chance(0.1) ? "tier 1\n" : '', chance(0.05) ? "tier 1 from 10\ntier 2 from 10\ntier 3\n" : '');
	for my $component (1 .. 1 + int rand 3)
	{
		$text .= "component c$component" . (chance(0.5) ? ' up to ' . abs points() : '') . "\n";
		for my $feature (1 .. 1 + int rand 3)
		{
			$text .= "  feature f$component$feature from " . one('n', 'n', 't', 'd', 'j.k', 'j."odd ""k"""', chance(0.1) ? 'gone' : 'n', 'f', 'b') . (chance(0.02) ? ' as industry' : '') . "\n";
			my @rule = rules();
			@rule = rules() until @rule > 1 || chance(0.05);
			$text .= "    $_: " . points() . "\n" for @rule;
			$text .= '    else: ' . points() . "\n" if chance(0.1);
			$text .= '    missing: ' . one('no score', points()) . "\n" if chance(0.4);
		}
	}
	return chance(0.3) ? damaged($text) : $text;
}

my $rows = join ', ', map { sprintf '(%s::numeric, %s::text, %s::date, %s::jsonb, %s::float8, %s::boolean)', @$_ } (
	[ 0, quoted(''), quoted('2026-06-15'), quoted('{"k": 5}'), 0, 'true' ], [ 'NULL', 'NULL', 'NULL', 'NULL', 'NULL', 'NULL' ],
	[ "'NaN'", quoted('Software'), "'infinity'", quoted('{"k": null, "odd \"k\"": [1]}'), "'NaN'", 'false' ],
	[ "'Infinity'", quoted('TECHNOLOGY'), "'-infinity'", quoted('{"k": "a", "odd \"k\"": "5"}'), "'-Infinity'", 'NULL' ],
	[ '1e131071', quoted("\x{1f600}"), quoted('0001-01-01 BC'), quoted('[1]'), '1e308', 'true' ],
	[ '-1e-16383', quoted(' a '), quoted('2026-06-16'), quoted('{"k": "x", "odd \"k\"": true}'), '4.9e-324', 'true' ],
	[ 200.5, quoted('x' x 10000), quoted('2000-01-01'), quoted('{"k": 1e1000, "odd \"k\"": {}}'), 5000.1, 'true' ], [ 70, quoted('5'), quoted('2026-06-15'), quoted('{"k": "1e400"}'), 1, 'false' ]);

my $script = <<"SQL";
SET client_min_messages = error;
SET statement_timeout = '20s';
CREATE SCHEMA odd;
CREATE TABLE odd.row AS SELECT * FROM (VALUES $rows) v(n, t, d, j, f, b);
CREATE TABLE odd.wrong (what text);
CREATE TABLE odd.tally (what text);
-- A scorecard is refused with an error of its own, or is a scorecard.
CREATE FUNCTION odd.scorecard(definition text) RETURNS void LANGUAGE plpgsql AS \$\$
DECLARE
  version integer;
BEGIN
  BEGIN
    version := salesops.add_scorecard(definition, valid_from => '2026-01-01');
  EXCEPTION WHEN OTHERS THEN
    IF SQLSTATE NOT IN ('42601', '22023', '42710', '22004', '54000', '42602', '22003') THEN
      INSERT INTO odd.wrong VALUES (format('scorecard %L: %s %s', left(definition, 300), SQLSTATE, SQLERRM));
    END IF;
    RETURN;
  END;
  INSERT INTO odd.tally VALUES ('scorecards');
  INSERT INTO odd.wrong SELECT 'a scorecard is not what was given: ' || definition WHERE salesops.scorecard_definition(salesops.scorecard_name(definition), version => version) <> definition;
  INSERT INTO odd.wrong
  SELECT format('scorecard %s: row %s, by columns %s, tier %s, by record %s, explained %s', definition, r, c.total, c.tier, s, e.points)
  FROM odd.row r
  CROSS JOIN LATERAL (SELECT salesops.scorecard_total(r, definition) AS total, salesops.scorecard_tier(r, definition) AS tier) c
  CROSS JOIN LATERAL salesops.score_row(r, definition) s
  CROSS JOIN LATERAL (SELECT CASE WHEN count(*) = count(x.points) THEN coalesce(sum(x.points), 0) END AS points FROM salesops.explain_score(r, definition) x) e
  WHERE (c.total, c.tier) IS DISTINCT FROM (s.total, s.tier) OR e.points IS DISTINCT FROM s.total OR (SELECT sum(p) FROM unnest(s.points) p) <> s.total;
EXCEPTION WHEN OTHERS THEN
  -- Not every column can be read as what the scorecard wants of it.
  IF SQLSTATE NOT IN ('42703', '42804', '22003', '22023') THEN
    INSERT INTO odd.wrong VALUES (format('scorecard %L: %s %s', left(definition, 300), SQLSTATE, SQLERRM));
  END IF;
END \$\$;
-- A score is refused as text that is none, or comes back from its own text and adds up.
CREATE FUNCTION odd.score(given text) RETURNS void LANGUAGE plpgsql AS \$\$
DECLARE
  score salesops.account_score;
BEGIN
  score := given::salesops.account_score;
  INSERT INTO odd.tally VALUES ('scores');
  INSERT INTO odd.wrong
  SELECT format('score %L is %s', given, score)
  WHERE score::text::salesops.account_score OPERATOR(salesops.<>) score OR salesops.account_score_hash(score::text::salesops.account_score) <> salesops.account_score_hash(score)
     OR salesops.total(score) <> salesops.size_points(score) + salesops.industry_points(score) + salesops.engagement_points(score) + salesops.intent_points(score)
     OR salesops.total(score) NOT BETWEEN 0 AND 100 OR salesops.tier(score) <> CASE WHEN salesops.total(score) >= 70 THEN 1 WHEN salesops.total(score) >= 40 THEN 2 ELSE 3 END;
EXCEPTION WHEN OTHERS THEN
  IF SQLSTATE <> '22P02' THEN
    INSERT INTO odd.wrong VALUES (format('score %L: %s %s', given, SQLSTATE, SQLERRM));
  END IF;
END \$\$;
SQL
$script .= join '', map { 'SELECT odd.scorecard(' . quoted(scorecard()) . ");\n" } 1 .. 3 * $cases;
for (1 .. $cases)
{
	my $score = sprintf '%s tier %s (size %s, industry %s, engagement %s, intent %s)', one(0 .. 100), one(1, 2, 3), one(0, 10, 20, 30, '?'), one(0, 15, 25, '?'),
		one(0, 10, 15, 25, '?', '15 downloads ?', '10 visits ?'), one(0, 10, 20, '?');
	# As often as not its total and tier are what they must be.
	my @given = $score =~ /(?:size|industry|engagement|intent) (\d+)/g;
	my $total = eval { my $sum = 0; $sum += $_ for @given; $sum };
	my $tier = $total >= 70 ? 1 : $total >= 40 ? 2 : 3;
	$score =~ s/^\d+ tier \d/$total tier $tier/ if chance(0.7);
	$script .= 'SELECT odd.score(' . quoted(chance(0.5) ? damaged($score) : $score) . ");\n";
}

# --- records to match -------------------------------------------------------------------------------------

my @name = ('Acme', 'ACME Inc', 'Acme, Inc.', 'Acme Holdings', 'Ford Motor', 'Nord Motors', 'GTX500', 'GTX501', 'Bank of Kenya', 'Kenya Bank', "M\x{fc}ller GmbH", 'Mueller', "Mu\x{308}ller", '株式会社トヨタ');
$script .= <<'SQL';
CREATE FUNCTION odd.matching(given text, in_another_order text, options jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  CREATE TEMP TABLE pair ON COMMIT DROP AS SELECT * FROM salesops.duplicate_pairs(given, options);
  CREATE TEMP TABLE member ON COMMIT DROP AS SELECT * FROM salesops.duplicate_clusters(given, options);
  INSERT INTO odd.tally VALUES ('sets of records');
  INSERT INTO odd.wrong SELECT 'another order, other pairs: ' || given
  WHERE EXISTS ((TABLE pair EXCEPT ALL SELECT * FROM salesops.duplicate_pairs(in_another_order, options)) UNION ALL (SELECT * FROM salesops.duplicate_pairs(in_another_order, options) EXCEPT ALL TABLE pair));
  INSERT INTO odd.wrong SELECT 'another order, other clusters: ' || given
  WHERE EXISTS (TABLE member EXCEPT ALL SELECT * FROM salesops.duplicate_clusters(in_another_order, options));
  INSERT INTO odd.wrong SELECT format('pair %s of %s', p, given) FROM pair p
  WHERE NOT p.one < p.other COLLATE "C" OR p.weight IN ('NaN', 'Infinity', '-Infinity')
     OR abs(p.weight - (SELECT sum(CASE jsonb_typeof(e.value) WHEN 'object' THEN e.value ->> 'weight' ELSE e.value #>> '{}' END::float8) FROM jsonb_each(p.evidence) e)) > 0.02;
  INSERT INTO odd.wrong SELECT format('%s is in two clusters of %s', m.key, given) FROM member m GROUP BY m.key HAVING count(*) > 1;
  INSERT INTO odd.wrong SELECT format('cluster %s of %s', m.cluster, given) FROM member m GROUP BY m.cluster
  HAVING count(*) <> min(m.records) OR min(m.records) <> max(m.records) OR min(m.key COLLATE "C") <> m.cluster;
EXCEPTION WHEN OTHERS THEN
  IF SQLSTATE NOT IN ('22023', '22004', '23505', '42703', '22003') THEN
    INSERT INTO odd.wrong VALUES (format('%s %s: %s', SQLSTATE, SQLERRM, given));
  END IF;
END $$;
SQL
for (1 .. $cases / 4)
{
	my @column = grep { chance(0.6) } qw(name company website email phone street city state postal_code country);
	unshift @column, 'name' unless grep { $_ eq 'name' } @column;
	my @pool = map { chance(0.5) ? one(@name) : chance(0.5) ? damaged(one(@name)) : one(@hostile) } 1 .. one(1, 2, 5, 20);
	my %value = (website => sub { one('acme.com', 'https://www.acme.com/x?y', 'facebook.com/acme', 'localhost', '://', "m\x{fc}ller.de", @hostile) }, email => sub { one('jo@acme.com', 'jo@gmail.com', '@', 'a@b@c', @hostile) },
		phone => sub { one('+1 (415) 555-0100', '4155550100', '0000000', '1', "\x{0661}\x{0662}\x{0663}", @hostile) });
	my @row = map { my $n = $_; '(' . join(', ', chance(0.002) ? one('NULL', 1) : $n, map { chance(0.2) ? 'NULL' : quoted(($value{$_} // sub { one(@pool) })->()) } @column) . ')' } 1 .. one(0, 1, 2, 10, 40, 120);
	my $list = join ', ', 'key', map { "$_\::text" } @column;
	my @query = map { @$_ ? "SELECT $list FROM (VALUES " . join(', ', @$_) . ') v(' . join(', ', 'key', @column) . ')' : "SELECT 1 AS key, 'a' AS name WHERE false" } \@row, [ reverse @row ];
	my $options = '{' . join(', ', map { "\"$_->[0]\": " . one(@$_[ 1 .. $#$_ ]) } grep { chance(0.3) }
		[ 'kind', '"company"', '"person"', '"x"' ], [ 'sure', 1, 5, 0, -100, 1e300, '"1"' ], [ 'review', -3, -100, 0, 10, -1e300 ], [ 'block', 50, 2, 1, 0, -1, 2147483647, 1e10 ]) . '}';
	$script .= 'SELECT odd.matching(' . join(', ', map { quoted($_) } @query, $options) . ");\n";
}

# --- routing ----------------------------------------------------------------------------------------------

my @rep = map { "r$_" } 1 .. 6;
my @pool = ('inbound', 'enterprise', "\x{1f600}", 'empty');
$script .= <<'SQL';
INSERT INTO salesops.rep (source_key, id, is_active, is_deleted, effective_at, recorded_at, origin)
SELECT 'odd', 'r' || n, n <> 6, false, '2026-01-01', '2026-01-01', 'sync' FROM generate_series(1, 6) n;
INSERT INTO salesops.account (source_key, id, name, website, owner_id, is_deleted, effective_at, recorded_at, origin)
SELECT 'odd', 'a' || n, 'Firm ' || n / 2, 'firm' || n || '.com', 'r' || n, false, '2026-01-01', '2026-01-01', 'sync' FROM generate_series(1, 8) n;
-- Where nothing else holds somebody gets a lead.
SELECT salesops.set_routing_member('odd', 'inbound', 'r' || n, n, '-infinity') FROM generate_series(1, 6) n;
SELECT salesops.set_routing_rule('rest', '{"position": 2147483647, "pool": "inbound", "first_touch_minutes": 30}', '-infinity');
SQL
for (1 .. $cases)
{
	my @fact = grep { chance(0.4) } ([ 'email', one('jo@firm1.com', 'jo@firm2.com', 'jo@gmail.com', @hostile) ], [ 'intent_score', one(0, 60, 81, -1, 'NaN', '1e400', 'many') ],
		[ 'country', one('Kenya', 'KENYA', @hostile) ], [ 'segment', one('SMB', @hostile) ], [ 'website_visits', one(11, -5, 1e15, 'x') ]);
	my $custom = '{' . join(', ', map { my $v = $_->[1]; $v =~ s/([\\"])/\\$1/g; $v =~ s/\t/\\t/g; $v =~ s/\n/\\n/g; $v =~ s/\r/\\r/g; "\"$_->[0]\": \"$v\"" } @fact) . '}';
	$script .= sprintf "INSERT INTO salesops.lead (source_key, id, created_at, custom, company, employees, industry, lead_source, status, is_deleted, effective_at, recorded_at, origin) "
		. "VALUES ('odd', %s, %s, %s, %s, %s, %s, %s, %s, %s, '2026-02-01', '2026-02-01', 'sync') ON CONFLICT DO NOTHING;\n",
		quoted(chance(0.05) ? one(@hostile[ 1 .. 3 ], @hostile[ 5 .. 15 ]) : "l$_"), quoted(one('2026-02-01', '2026-03-27 16:00+01', '2026-03-29 00:30+00', undef)), quoted($custom), quoted(one('Firm 1', undef, @hostile)), one(10, 10, 0, 5001, 'NULL', "'NaN'", -1),
		quoted(one('Software', 'Retail', undef, @hostile)), quoted(one('Web', 'web', 'Event', undef, @hostile)), quoted(one('Open', 'Open', 'Working', undef, 'Closed', @hostile)), one('false', 'false', 'false', 'true');
}
my @from = ("'-infinity'", "'2026-03-01'", "'2026-03-29 01:30+00'");
for my $round (1 .. $cases / 10)
{
	my $rule = '{' . join(', ', map { "\"$_->[0]\": " . one(@$_[ 1 .. $#$_ ]) } grep { chance($_->[0] eq 'position' ? 0.9 : $_->[0] eq 'pool' ? 0.8 : 0.07) } [ 'position', 1, 2, 2, -2147483648, 2147483647, chance(0.1) ? (1e10, 'null') : 3 ], [ 'is_enabled', 'true', 'true', 'false', chance(0.1) ? ('null', '"x"') : 'true' ],
		[ 'min_score', 0, 40, 100, -5 ], [ 'tiers', '[1]', '[3]', '[1, 2, 3]', chance(0.1) ? ('[]', '[null]', '3', '["x"]') : '[2, 3]' ], [ 'min_intent', 0, 60, 1e300, '"NaN"' ], [ 'min_employees', 10, -1, '"Infinity"' ], [ 'max_employees', 0, 10 ],
		[ 'countries', '["kenya"]', chance(0.1) ? ('[""]', '[null]') : '["Kenya"]' ], [ 'lead_sources', '["WEB"]', "[\"\x{1f600}\"]" ], [ 'segments', '["smb"]' ], [ 'account_ids', '["a1", "a2"]' ], [ 'has_account', 'true', 'false' ],
		[ 'pool', map { "\"$_\"" } @pool, chance(0.1) ? '' : 'inbound' ], [ 'first_touch_minutes', 1, 60, 100000, chance(0.1) ? (0, -1) : 30 ], $round % 10 ? () : ([ 'name', '"other"' ], [ 'gone', 1 ], [ 'version_id', 1 ])) . '}';
	$script .= sprintf "SELECT salesops.set_routing_rule(%s, %s, %s);\n", quoted(chance(0.1) ? one(@hostile) : one('one', 'two', 'three')), quoted($rule), one(@from);
	$script .= sprintf "SELECT salesops.set_routing_member('odd', %s, %s, %s, %s);\n", quoted(one(@pool)), quoted(one(@rep, 'nobody')), chance(0.2) ? one("'NaN'", -1, 'NULL', 1e100) : one(1, 2, 0, 0.001, 1e9), one(@from);
	$script .= sprintf "SELECT salesops.set_routing_hours('odd', %s, %s, %s, %s, %s, %s, %s);\n", quoted(one(@rep)), one('NULL', 0, 1, 3, 2147483647, -1), quoted(one('Europe/Berlin', 'Asia/Kolkata', 'Pacific/Apia', undef, 'nowhere')),
		quoted(one('{1,2,3,4,5}', '{6,7}', '{}', '{1,1}', '{0}', '{NULL}')), quoted(one('09:00', '22:00', '00:00', '24:00')), quoted(one('17:00', '06:00', '24:00', '09:00')), one(@from);
	$script .= sprintf "SELECT salesops.set_routing_absence('odd', %s, %s, %s);\n", quoted(one(@rep)), quoted(one('2026-03-27', '2026-03-28 12:00+01', '-infinity')), quoted(one('2026-03-29', '2026-03-28 12:00+01', 'infinity', '2026-01-01')) if chance(0.15);
	# Rules and reps first, then leads too.
	next if $round < $cases / 20;
	my $as_of = quoted(one("2026-03-27 12:00+01", "2026-03-28 23:30+01", "2026-03-29 02:30+02", "2026-03-30 10:00+02"));
	$script .= one("SELECT count(*) FROM salesops.simulate_routing(RULE, 20, $as_of);\n", "SELECT salesops.route_waiting_leads($as_of);\n", "SELECT salesops.reassign_overdue_leads($as_of);\n",
		"SELECT salesops.acknowledge_lead('odd', 'l" . int(rand $cases) . "', 'r1', $as_of);\n", "SELECT count(*) FROM salesops.service_levels('2026-01-01', $as_of);\n",
		"SELECT salesops.route_lead('odd', 'l" . int(rand $cases) . "', $as_of);\n") =~ s/RULE/quoted("{\"one\": $rule}")/er for 1 .. 2;
	$script .= "SELECT salesops.route_leads($as_of, 5);\n";
}
$script .= "SELECT salesops.route_leads('2026-03-31'), salesops.reassign_overdue_leads('2026-04-30'), salesops.route_waiting_leads('2026-04-30');\n";

# psql with a script; its output. A script that stops at an error must not meet one.
sub psql
{
	my ($text, $stop) = @_;
	open my $file, '>:utf8', "$folder/accounts.sql" or die "$folder/accounts.sql: $!";
	print $file $text;
	close $file;
	local $ENV{PGCLIENTENCODING} = 'UTF8';
	my $output = `psql -XqAt -v ON_ERROR_STOP=$stop -d $database -f $folder/accounts.sql 2>>$folder/accounts.errors`;
	utf8::decode($output);
	die "psql failed; see $folder/accounts.errors\n" if $stop && $?;
	return $output;
}
psql($script, 0);
my ($tally, $wrong) = split /\n/, psql(<<'SQL', 1), 2;
SELECT coalesce(string_agg(format('%s %s', n, what), ', ' ORDER BY what), '') || (SELECT format(', %s leads, %s decisions by %s rules', (SELECT count(*) FROM salesops.lead WHERE source_key = 'odd'), count(*), count(DISTINCT rule))
                                                                        FROM salesops.routing_decision WHERE source_key = 'odd')
FROM (SELECT what, count(*) AS n FROM odd.tally GROUP BY what) t;
SELECT replace(left(what, 1000), E'\n', '\n') FROM odd.wrong LIMIT 30;
SELECT format('%s was open and not routed', l.id) FROM salesops.lead l WHERE l.source_key = 'odd' AND salesops.lead_is_open(l.status, l.is_converted, l.is_deleted) AND l.created_at < '2026-03-31' AND l.owner_id IS NULL
  AND NOT EXISTS (SELECT FROM salesops.routing_decision d WHERE d.source_key = 'odd' AND d.lead_id = l.id);
SELECT format('decision %s: %s was not free: %s', d.decision_id, d.rep_id, c) FROM salesops.routing_decision d LEFT JOIN LATERAL unnest(d.candidates) c ON c.rep_id = d.rep_id AND c.pool IS NOT DISTINCT FROM d.pool
WHERE d.source_key = 'odd' AND d.rep_id IS NOT NULL AND (c.rep_id IS NULL OR c.state IS NOT NULL OR c.rep_id = 'r6');
SELECT format('decision %s: %s was absent', d.decision_id, d.rep_id) FROM salesops.routing_decision d CROSS JOIN LATERAL (
  SELECT DISTINCT ON (a.absent_from) a.* FROM salesops.routing_absence a WHERE a.source_key = d.source_key AND a.rep_id = d.rep_id AND a.set_at < d.recorded_at ORDER BY a.absent_from, a.set_at DESC) a
WHERE d.source_key = 'odd' AND d.as_of >= a.absent_from AND d.as_of < a.absent_until;
SELECT format('%s %s was given twice', d.lead_id, d.rep_id) FROM salesops.routing_decision d WHERE d.source_key = 'odd' AND d.rep_id IS NOT NULL GROUP BY d.lead_id, d.rep_id HAVING count(*) > 1;
SELECT format('%s rounds %s', d.lead_id, array_agg(d.round ORDER BY d.decision_id)) FROM salesops.routing_decision d WHERE d.source_key = 'odd' GROUP BY d.lead_id
HAVING (min(d.round), max(d.round), count(DISTINCT d.round)) <> (1, count(*), count(*));
SELECT format('%s has %s, routing gave %s', l.rep_id, l.open_leads, (SELECT count(*) FROM salesops.routed_lead s WHERE (s.source_key, s.rep_id) = (l.source_key, l.rep_id))) FROM salesops.routing_load l
WHERE l.source_key = 'odd' AND l.open_leads <> (SELECT count(*) FROM salesops.routed_lead s WHERE (s.source_key, s.rep_id) = (l.source_key, l.rep_id));
SELECT format('pool %s is owed %s', s.pool, sum(s.owed)) FROM salesops.routing_share s WHERE s.source_key = 'odd' GROUP BY s.pool HAVING abs(sum(s.owed)) > 1e-6 OR 'NaN' = ANY (array_agg(s.owed));
SQL
print "$cases cases: $tally\n", $wrong // '';
exit(($wrong // '') =~ /\S/ ? 1 : 0);
