# Sixteen sessions route leads at a time, in batches and one by one, while leads come in and reps are changed: every lead once, none skipped, the
# shares of every pool within one lead, no deadlock.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('routing');
$node->init;
$node->append_conf('postgresql.conf', "max_connections = 60\ndeadlock_timeout = '100ms'\nfsync = off");
$node->start;
$node->safe_psql('postgres', $_) foreach (
	'CREATE EXTENSION salesops', 'CREATE SEQUENCE new_lead',
	q{CREATE FUNCTION add_lead(id text) RETURNS void LANGUAGE sql AS $$
	    INSERT INTO salesops.lead (source_key, id, created_at, lead_source, employees, is_deleted, effective_at, recorded_at, origin)
	    VALUES (CASE WHEN hashtext(id) % 5 = 0 THEN 't' ELSE 's' END, id, '2026-03-02 10:00+00', (ARRAY['Web', 'Event', 'Other', 'Nobody'])[1 + abs(hashtext(id)) % 4], 10,
	            false, '2026-03-01', '2026-03-01', 'sync') $$},
	q{INSERT INTO salesops.rep (source_key, id, is_deleted, effective_at, recorded_at, origin)
	  SELECT s, 'r' || n, false, '2026-01-01', '2026-01-01', 'sync' FROM unnest(ARRAY['s', 't']) s, generate_series(1, 12) n},
	q{SELECT count(salesops.set_routing_member(r.source_key, p, r.id, (3 * length(p) + substr(r.id, 2)::int) % 7 + 1, '-infinity')::text)
	  FROM salesops.rep r, unnest(ARRAY['web', 'event', 'more']) p WHERE p <> 'web' OR r.id > 'r5'},
	q{SELECT salesops.set_routing_rule('web', '{"position": 1, "lead_sources": ["web"], "pool": "web", "first_touch_minutes": 60}', '-infinity'),
	         salesops.set_routing_rule('event', '{"position": 2, "lead_sources": ["event"], "pool": "event"}', '-infinity'),
	         salesops.set_routing_rule('more', '{"position": 3, "lead_sources": ["other"], "pool": "more"}', '-infinity')},
	q{SELECT count(add_lead('l' || n)::text) FROM generate_series(1, 1500) n});

# Sixteen sessions that do these things by turns; the numbers are their weights.
sub at_once
{
	my ($options, $name, @scripts) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my @files;
	for my $n (0 .. $#scripts)
	{
		append_to_file("$dir/$n", $scripts[$n][1] . "\n");
		push @files, '-f', "$dir/$n\@$scripts[$n][0]";
	}
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'pgbench', '-n', '-c', 16, '-j', 2, @$options, @files, $node->connstr('postgres') ], '>', \$out, '2>', \$err);
	unlike($err, qr/error|abort/i, "$name: no session fails");
	return;
}

my $shares = q{
  SELECT g.source_key, g.pool, g.rep_id, g.k FROM (
    SELECT d.source_key, d.pool, c.rep_id, c.weight / (SELECT sum(x.weight) FROM unnest(d.candidates) x WHERE x.pool = d.pool) AS share,
           row_number() OVER w AS k, count(*) FILTER (WHERE c.rep_id = d.rep_id) OVER w AS given
    FROM salesops.routing_decision d CROSS JOIN LATERAL unnest(d.candidates) c WHERE d.pool IS NOT NULL
    WINDOW w AS (PARTITION BY d.source_key, d.pool, c.rep_id ORDER BY d.decision_id)) g
  WHERE abs(g.given - g.share * g.k) >= 1};

at_once([ '-t', 20 ], 'batches and single leads',
	[ 3, q{SELECT salesops.route_leads('2026-03-02 12:00+00', 17);} ],
	[ 5, "\\set n random(1, 1500)\nSELECT salesops.route_lead(l.source_key, l.id, '2026-03-02 12:00+00') FROM salesops.lead l WHERE l.id = 'l' || :n;" ],
	[ 1, q{SELECT add_lead('n' || nextval('new_lead'));} ],
	[ 1, q{SELECT salesops.route_waiting_leads('2026-03-02 12:00+00');} ]);
while ($node->safe_psql('postgres', q{SELECT salesops.route_leads('2026-03-02 12:00+00')}) > 0) { }

my $leads = $node->safe_psql('postgres', 'SELECT count(*) FROM salesops.lead');
cmp_ok($leads, '>', 1500, 'leads came in meanwhile');
is($node->safe_psql('postgres', 'SELECT count(*), count(DISTINCT (source_key, lead_id)) FROM salesops.routing_decision'), "$leads|$leads", 'every lead was decided once');
is($node->safe_psql('postgres', $shares), '', 'at every moment the shares of every pool are within one lead');
is($node->safe_psql('postgres', q{SELECT count(*) FROM salesops.lead l LEFT JOIN salesops.routed_lead s ON s.source_key = l.source_key AND s.lead_id = l.id
                                  WHERE (s.rep_id IS NULL) <> (l.lead_source = 'Nobody')}), '0', 'whom no rule takes, and nobody else, waits');

# Reassigning, waiting leads that find a rule, new leads, and sessions that look at one snapshot and try again when they are told to.
$node->safe_psql('postgres', q{SELECT salesops.set_routing_rule('rest', '{"position": 9, "pool": "more"}', '2026-03-03')});
at_once([ '-t', 6, '--max-tries=1000' ], 'reassignment at repeatable read',
	[ 2, q{BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT salesops.reassign_overdue_leads('2026-03-03 12:00+00'); COMMIT;} ],
	[ 2, q{BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT salesops.route_waiting_leads('2026-03-03 12:00+00'); COMMIT;} ],
	[ 1, q{BEGIN; SELECT add_lead('m' || nextval('new_lead')); SELECT salesops.route_leads('2026-03-03 12:00+00', 5); COMMIT;} ]);
is($node->safe_psql('postgres', 'SELECT count(*) FROM salesops.overdue_leads(\'2026-03-03 12:00+00\')'), '0', 'nothing is overdue any more');
is($node->safe_psql('postgres', q{SELECT count(*) FROM salesops.routing_decision n LEFT JOIN salesops.routing_decision b ON b.decision_id = n.reassigns
                                  WHERE n.round > 1 AND b.lead_id IS DISTINCT FROM n.lead_id AND n.reassigns IS NOT NULL}), '0', 'who took over is told from whom');
is($node->safe_psql('postgres', q{SELECT count(*) FROM (SELECT FROM salesops.routing_decision WHERE rep_id IS NOT NULL GROUP BY source_key, lead_id, rep_id HAVING count(*) > 1
                                  UNION ALL SELECT FROM salesops.routing_decision GROUP BY reassigns HAVING reassigns IS NOT NULL AND count(*) > 1) x}), '0', 'no lead was given to one rep twice, or away twice');
is($node->safe_psql('postgres', q{SELECT count(*) FROM salesops.routed_lead s JOIN salesops.routing_decision d USING (decision_id)
                                  WHERE (s.rep_id, s.due_at) IS DISTINCT FROM (d.rep_id, d.due_at)
                                     OR d.round < (SELECT max(x.round) FROM salesops.routing_decision x WHERE x.source_key = s.source_key AND x.lead_id = s.lead_id)}), '0', 'what holds is the last decision');
is($node->safe_psql('postgres', q{SELECT count(*) FROM salesops.routing_load l WHERE l.open_leads <> (SELECT count(*) FROM salesops.routed_lead s WHERE s.source_key = l.source_key AND s.rep_id = l.rep_id)}),
	'0', 'the loads are what was given');
is($node->safe_psql('postgres', q{SELECT count(*) FROM salesops.routed_lead WHERE rep_id IS NULL}), '0', 'nobody waits for a rule that is there');

unlike(slurp_file($node->logfile), qr/deadlock detected/, 'no deadlock');
$node->stop;
done_testing();
