# What people and routers do that writes many rows at a time, struck in the middle: leads routed and taken back, a territory plan kept, published and
# rolled back, duplicates searched, an ideal customer profile learned, a scorecard fitted. Nothing half done stays behind, and the act that is
# done again comes to what it came to in a database where nobody disturbed it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../helper";
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Rehearsal;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('acts');
$node->init;
$node->append_conf('postgresql.conf', "restart_after_crash = on\njit = off");
$node->start;

my $world = q{
CREATE EXTENSION salesops;
INSERT INTO salesops.source (source_key, kind, schema_name, options) VALUES ('s', 'fivetran_salesforce', 'public', '{}');
INSERT INTO salesops.rep (source_key, id, is_deleted, effective_at, recorded_at, origin) SELECT 's', 'r' || n, false, '2024-01-01', '2024-01-01', 'sync' FROM generate_series(1, 5) n;
-- Every tenth account has the name of the one before; who is large buys.
INSERT INTO salesops.account (source_key, id, name, website, industry, segment, employees, country, created_at, is_deleted, effective_at, recorded_at, origin)
SELECT 's', 'a' || n, 'Firm ' || chr(65 + m % 26) || md5(m::text), md5(m::text) || '.com', (ARRAY['Technology', 'Retail', 'Healthcare'])[1 + m % 3], 'SMB', 10 * (m % 97), 'Kenya',
       '2024-01-01', false, '2024-01-01', '2024-01-01', 'sync'
FROM (SELECT n, n - (n % 10 = 0)::int AS m FROM generate_series(1, 600) n) x;
INSERT INTO salesops.opportunity
SELECT o.* FROM generate_series(1, 400) n CROSS JOIN LATERAL jsonb_populate_record(NULL::salesops.opportunity, jsonb_build_object('source_key', 's', 'id', 'o' || n, 'account_id', 'a' || n,
  'is_closed', true, 'is_won', (n % 97 > 40) <> (n % 7 = 0), 'close_date', date '2024-02-01' + n, 'created_at', date '2024-01-10' + n, 'is_deleted', false,
  'effective_at', date '2024-02-01' + n, 'recorded_at', date '2024-02-01' + n, 'origin', 'sync')) o;
INSERT INTO salesops.lead (source_key, id, created_at, lead_source, employees, is_deleted, effective_at, recorded_at, origin)
SELECT 's', 'l' || n, '2026-03-02 10:00+00', (ARRAY['Web', 'Event'])[1 + n % 2], 10, false, '2026-03-01', '2026-03-01', 'sync' FROM generate_series(1, 300) n;
SELECT count(salesops.set_routing_member('s', 'web', 'r' || n, n, '-infinity')::text) FROM generate_series(1, 5) n;
SELECT salesops.set_routing_rule('web', '{"position": 1, "lead_sources": ["web"], "pool": "web", "first_touch_minutes": 60}', '-infinity');
CREATE TABLE account AS SELECT * FROM salesops.generate_territory_accounts(500, 5, 1, '2026-06-30');
CREATE TABLE territory AS SELECT * FROM salesops.generate_territories(500, 5, 1);
-- All that the tables of the extension hold.
CREATE FUNCTION everything() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  one record;
  held text;
  everything text := '';
BEGIN
  FOR one IN SELECT c.oid::regclass AS relation FROM pg_class c WHERE c.relnamespace = 'salesops'::regnamespace AND c.relkind = 'r' ORDER BY 1 LOOP
    EXECUTE format('SELECT count(*) || md5(coalesce(string_agg(t::text, %L ORDER BY t::text), %L)) FROM %s t', '|', '', one.relation) INTO held;
    everything := everything || one.relation || ' ' || held || E'\n';
  END LOOP;
  RETURN everything;
END $$;};
for my $database (qw(disturbed twin))
{
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, $world);
}

# An act, the table before which it is struck, and what it came to, without numbers and clocks.
my $plan = q{(SELECT max(plan_id) FROM salesops.territory_plan)};
my $assigned = q{SELECT coalesce(md5(string_agg(a::text, '|' ORDER BY a.account_id)), 'nobody has any') FROM (SELECT account_id, territory_id FROM salesops.territory_assignments('infinity')) a};
my @acts = (
	[ 'leads are routed', q{SELECT salesops.route_leads('2026-03-02 12:00+00')}, 'routing_share',
		q{SELECT string_agg(concat_ws(' ', lead_id, round, rule, rep_id, due_at), '|' ORDER BY lead_id, round) FROM salesops.routing_decision} ],
	[ 'overdue leads are taken back', q{SELECT salesops.reassign_overdue_leads('2026-03-06 12:00+00')}, 'routing_share',
		q{SELECT string_agg(concat_ws(' ', lead_id, round, rule, rep_id, due_at), '|' ORDER BY lead_id, round) FROM salesops.routing_decision} ],
	[ 'a territory plan is kept', q{SELECT salesops.plan_territories('TABLE account', 'TABLE territory', '{"as_of": "2026-06-30", "effort": 0.1, "tolerance": 0.5}')}, 'territory_plan_account',
		qq{SELECT md5(string_agg(l::text, '|' ORDER BY account_id)) FROM (SELECT account_id, from_territory, to_territory FROM salesops.territory_plan_lines($plan)) l} ],
	[ 'a territory plan is published', qq{SELECT salesops.propose_territory_plan($plan), salesops.approve_territory_plan($plan), salesops.publish_territory_plan($plan, salesops.clock())}, 'territory_assignment', $assigned ],
	[ 'a territory plan is rolled back', qq{SELECT salesops.roll_back_territory_plan($plan, 'an error')}, 'territory_publication', $assigned ],
	[ 'duplicates are searched', q{SELECT salesops.find_duplicates('s', as_of => '2026-06-30')}, 'duplicate_cluster_member',
		q{SELECT md5(string_agg(p::text, '|' ORDER BY one, other)) FROM (SELECT one, other, weight, verdict, evidence FROM salesops.duplicates_to_review('2026-06-30') r) p} ],
	[ 'a profile is learned', q{SELECT salesops.fit_icp('2026-06-30', take_as_given => true)}, 'icp_attribute', q{SELECT string_agg(a::text, '|') FROM (SELECT attribute, weight, edges FROM salesops.icp_attribute ORDER BY place) a} ],
	[ 'accounts are placed', q{SELECT salesops.place_accounts('2026-06-30')}, 'icp_account', q{SELECT md5(string_agg(f::text, '|' ORDER BY id)) FROM (SELECT id, fit FROM salesops.icp_fits('2026-06-30')) f} ],
	[ 'a scorecard is fitted', q{SELECT salesops.fit_scorecard('learned', salesops.draft_scorecard('learned', '{employees,industry}', '2026-06-30'), '2026-06-30')}, 'scorecard_evidence',
		q{SELECT salesops.scorecard_definition('learned')} ]);

my %strike = (
	'the statement is cancelled' => sub { $node->safe_psql('disturbed', "SELECT pg_cancel_backend($_[0])") },
	'the session is ended' => sub { $node->safe_psql('disturbed', "SELECT pg_terminate_backend($_[0])") },
	'the process is shot' => sub { kill 'KILL', $_[0] });

for my $act (@acts)
{
	my ($name, $sql, $table, $outcome) = @$act;
	my $before = $node->safe_psql('disturbed', 'SELECT everything()');
	for my $strike (sort keys %strike)
	{
		my $holder = $node->background_psql('disturbed', on_error_stop => 0);
		$holder->query_safe("BEGIN; LOCK TABLE salesops.$table IN SHARE MODE");
		my ($out, $err) = ('', '');
		my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('disturbed'), '-c', $sql ], '>', \$out, '2>', \$err);
		my $waits = qq{SELECT pid FROM pg_locks WHERE NOT granted AND relation = 'salesops.$table'::regclass};
		ok($node->poll_query_until('disturbed', "SELECT EXISTS ($waits)"), "$name: comes to $table") or diag($err);
		$strike{$strike}->($node->safe_psql('disturbed', $waits));
		$session->finish;
		like($err, qr/canceling statement|terminating connection|server closed the connection/, "... and $strike");
		eval { $holder->quit };
		wait_until($node, 'disturbed', 'true', 'the server is back');
		is($node->safe_psql('disturbed', 'SELECT everything()'), $before, '... nothing of it stays');
	}
	$node->safe_psql($_, $sql) for qw(disturbed twin);
	isnt($node->safe_psql('disturbed', 'SELECT everything()'), $before, "$name: done again it does something");
	my $came_to = $node->safe_psql('disturbed', $outcome);
	isnt($came_to, '', '... of which there is something to see');
	is($came_to, $node->safe_psql('twin', $outcome), '... and comes to what it came to undisturbed');
}

unlike(slurp_file($node->logfile), qr/PANIC|TRAP:/, 'the server never panicked');
$node->stop;
done_testing();
