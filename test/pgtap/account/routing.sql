-- Lead routing: rules, shares, hours, absences, the fallback queue, the service level, simulation. Expected values by hand; laws from the definition.
\set ON_ERROR_STOP 1
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SELECT no_plan();

INSERT INTO salesops.rep (source_key, id, is_active, left_on, is_deleted, effective_at, recorded_at, origin)
SELECT 's', r.id, r.is_active, r.left_on::date, false, '2026-01-01', '2026-01-01', 'sync'
FROM (VALUES ('ann', true, NULL), ('bob', NULL, NULL), ('cy', true, NULL), ('gone', false, NULL), ('left', true, '2026-03-01'), ('dee', true, NULL)) r(id, is_active, left_on);
INSERT INTO salesops.account (source_key, id, name, website, owner_id, segment, industry, employees, country, state, intent_score, created_at, is_deleted, effective_at, recorded_at, origin)
SELECT 's', a.id, a.name, a.website, a.owner_id, 'Enterprise', 'Retail', 300, 'Kenya', 'Nairobi', 70, a.created_at, false, '2026-01-01', '2026-01-01', 'sync'
FROM (VALUES ('A1', 'Acme', 'https://www.ACME.com/about?x=1', 'cy', '2025-01-01'::timestamptz), ('A2', 'Bolt', 'bolt.io', NULL, '2025-01-01'),
             ('A3', 'Twin', NULL, 'ann', '2025-01-01'), ('A4', 'TWIN ', NULL, 'bob', '2025-01-01'),
             ('A5', 'Holding', 'shared.com', 'ann', '2025-01-01'), ('A6', 'Daughter', 'shared.com', 'bob', '2025-02-01'),
             ('A7', 'Orphan', 'orphan.com', 'gone', '2025-01-01'), ('A8', 'Crane Manufacturing Ltd', 'https://shop.crane.co.uk/start', 'bob', '2025-01-01'),
             ('A9', 'Solo Gmail Fan', 'gmail.com', 'bob', '2025-01-01')) a(id, name, website, owner_id, created_at);
CREATE FUNCTION pg_temp.add_lead(id text, at timestamptz, custom jsonb DEFAULT '{}', company text DEFAULT NULL, employees numeric DEFAULT NULL, industry text DEFAULT NULL,
                                 lead_source text DEFAULT NULL, status text DEFAULT 'Open', owner_id text DEFAULT NULL)
RETURNS void LANGUAGE sql AS $$
  INSERT INTO salesops.lead (source_key, id, created_at, custom, company, employees, industry, lead_source, status, owner_id, is_deleted, effective_at, recorded_at, origin)
  VALUES ('s', id, at, custom, company, employees, industry, lead_source, status, owner_id, false, at, at, 'sync') $$;
CREATE FUNCTION pg_temp.given(pool text) RETURNS text LANGUAGE sql AS
  $$ SELECT string_agg(d.rep_id, ' ' ORDER BY d.decision_id) FROM salesops.routing_decision d WHERE d.pool = given.pool $$;

-- Domains and open leads.
SELECT is(salesops.match_site(x.given), x.wanted, 'site of ' || left(x.given, 40)) FROM (VALUES
  ('Jo@ACME.com', 'acme.com'), ('https://www.acme.co.uk:8080/a@b?c', 'acme.co.uk'), (' www2.acme.com. ', 'acme.com'), ('acme', NULL), ('', NULL), ('jo@gmail.com', NULL),
  ('jo@yahoo.co.uk', NULL), ('jo@notgmail.com', 'notgmail.com'), ('münchen.de', 'münchen.de'), ('😀@😀.com', '😀.com'), (repeat('x', 10000) || '.com', NULL), (repeat('x.', 5000) || 'com', NULL), ('two words.com', NULL),
  ('mailto:jo@acme.com', 'acme.com'), ('"Jo @ work" <jo@mail.eu.acme.com>', 'acme.com'), ('http://jo:pw@shop.acme.com.au/', 'acme.com.au'), ('jo@hotmail.it', NULL), ('jo@mail.yahoo.com', NULL), ('facebook.com/acme', NULL),
  ('acme.myshopify.com', 'acme.myshopify.com'), ('10.0.0.1', NULL), ('@', NULL), ('.com', NULL)) x(given, wanted);
SELECT is(salesops.match_site(NULL), NULL, 'no address has no site');
SELECT is(salesops.match_name(x.given), x.wanted, 'name ' || left(x.given, 40)) FROM (VALUES
  ('ACME, Inc.', 'acme'), ('The Café Mfg. Corporation', 'cafemanufacturing'), ('  acme  ', 'acme'), ('Data Bank', 'databank'), ('株式会社トヨタ', 'トヨタ'), ('n/a', NULL), ('', NULL), ('🚀', NULL), ('שלום', 'שלום'), ('Inc', 'inc')) x(given, wanted);
SELECT is(salesops.match_name(NULL), NULL, 'nobody has no name');
SELECT ok(octet_length(salesops.match_name(x.given)) <= 400 AND salesops.match_name(x.given) <> salesops.match_name(x.given || 'y'), 'long names fit into an index and differ')
FROM (VALUES (repeat('x', 10000)), (repeat('é ', 10000)), (repeat('ト', 5000)), (repeat('word ', 5000))) x(given);
-- What is looked up is what the matcher has in common: what one says is the same name or site, the other does too.
SELECT is_empty($$ SELECT a.v, b.v FROM (VALUES ('Acme Inc.'), ('ACME, Incorporated'), ('Acme GmbH'), ('Café Zürich S.A. de C.V.'), ('CAFE ZURICH'), ('Northern Mfg Intl'), ('Northern Manufacturing International'), ('Acme Bank'), ('Data Bank'), ('Databank'), ('株式会社トヨタ'), ('トヨタ')) a(v)
  JOIN (VALUES ('Acme Inc.'), ('ACME, Incorporated'), ('Acme GmbH'), ('Café Zürich S.A. de C.V.'), ('CAFE ZURICH'), ('Northern Mfg Intl'), ('Northern Manufacturing International'), ('Acme Bank'), ('Data Bank'), ('Databank'), ('株式会社トヨタ'), ('トヨタ')) b(v) ON a.v < b.v
  WHERE (salesops.match_name(a.v) = salesops.match_name(b.v)) <> coalesce((SELECT p.evidence #>> '{name,agreement}' IN ('same name', 'same words') FROM salesops.duplicate_pairs(format('SELECT * FROM (VALUES (1, %L, ''Rome''), (2, %L, ''Rome'')) v(key, name, city)', a.v, b.v), '{"sure": 0, "review": -1000}') p), false) $$,
  'names are the same where the matcher says so');
SELECT is(salesops.lead_is_open(x.status, x.is_converted, x.is_deleted), x.wanted, format('open: %s %s %s', x.status, x.is_converted, x.is_deleted)) FROM (VALUES
  ('Open - Not Contacted', false, false, true), (NULL, NULL, NULL, true), ('Working', NULL, false, true), ('IN_PROGRESS', false, false, true), ('Closed - Not Converted', false, false, false),
  ('UNQUALIFIED', false, false, false), ('BAD_TIMING', false, false, false), ('Open', true, false, false), ('Open', false, true, false)) x(status, is_converted, is_deleted, wanted);

-- Working time. Berlin: UTC+1, from 2026-03-29 01:00 UTC on UTC+2, from 2026-10-25 01:00 UTC on UTC+1 again.
SELECT is(salesops.add_working_minutes(x.at, x.minutes, 'Europe/Berlin', x.weekdays, x.work_from, x.work_to, x.absent), x.wanted, x.what) FROM (VALUES
  ('2026-03-25 10:00+01'::timestamptz, 60, '{1,2,3,4,5}'::int[], '09:00'::time, '17:00'::time, '{}'::tstzmultirange, '2026-03-25 11:00+01'::timestamptz, 'within a day'),
  ('2026-03-25 16:00+01', 60, '{1,2,3,4,5}', '09:00', '17:00', '{}', '2026-03-25 17:00+01', 'to the end of a day'),
  ('2026-03-27 16:30+01', 60, '{1,2,3,4,5}', '09:00', '17:00', '{}', '2026-03-30 09:30+02', 'over a weekend in which the clock is set forward'),
  ('2026-03-29 12:00+02', 60, '{1,2,3,4,5}', '09:00', '17:00', '{}', '2026-03-30 10:00+02', 'from a Sunday'),
  ('2026-03-28 22:00+01', 420, '{6}', '22:00', '06:00', '{}', '2026-03-29 06:00+02', 'a night with seven hours'),
  ('2026-03-28 22:00+01', 421, '{6}', '22:00', '06:00', '{}', '2026-04-04 22:01+02', '... and no more'),
  ('2026-10-24 22:00+02', 540, '{6}', '22:00', '06:00', '{}', '2026-10-25 06:00+01', 'a night with nine hours'),
  ('2026-03-29 05:00+02', 30, '{6}', '22:00', '06:00', '{}', '2026-03-29 05:30+02', 'in the morning of a night that began the day before'),
  ('2026-03-25 10:00+01', 60, '{1,2,3,4,5}', '09:00', '17:00', '{[2026-03-25 10:30+01,2026-03-26 12:00+01)}', '2026-03-26 12:30+01', 'around an absence'),
  ('2026-03-25 10:00+01', 1440, '{1,2,3,4,5,6,7}', '00:00', '24:00', '{}', '2026-03-26 10:00+01', 'round the clock'),
  ('2026-03-29 00:00+01', 1440, '{1,2,3,4,5,6,7}', '00:00', '00:00', '{}', '2026-03-30 01:00+02', '... in which a day has 23 hours'),
  ('2026-03-25 10:00+01', 1, '{}', '09:00', '17:00', '{}', NULL, 'never'),
  ('2026-03-25 10:00+01', 1, '{1,2,3,4,5}', '09:00', '17:00', '{(,)}', NULL, 'always away')) x(at, minutes, weekdays, work_from, work_to, absent, wanted, what);
SELECT ok(salesops.is_working('2026-03-29 05:59+02', 'Europe/Berlin', '{6}', '22:00', '06:00') AND NOT salesops.is_working('2026-03-29 06:00+02', 'Europe/Berlin', '{6}', '22:00', '06:00')
          AND NOT salesops.is_working('2026-03-29 22:30+02', 'Europe/Berlin', '{6}', '22:00', '06:00'), 'a night shift ends when it ends');

-- Conditions, one at a time: the facts of one lead, what takes it, what does not, and what asks for a fact that nobody knows.
SELECT pg_temp.add_lead('full', '2026-02-01', '{"email": "jo@new.example", "country": "Germany", "region": "Bavaria", "segment": "SMB", "intent_score": "81", "website_visits": "11", "content_downloads": "1"}',
                        'New', 1001, 'Computer Software', 'Web'),
       pg_temp.add_lead('bare', '2026-02-01'),
       pg_temp.add_lead('acme', '2026-02-01', '{"email": "jo@acme.com"}') \g /dev/null
-- size 20, industry 25, engagement 15 + 10, intent 20
SELECT is((SELECT format('%s %s %s', salesops.total(f.score), f.industry, f.account_id) FROM salesops.lead_facts('2026-03-01', '{s}', '{full}') f), '90 Technology ', 'the facts of a lead are its own');
SELECT is((SELECT format('%s %s %s %s %s %s', salesops.total(f.score), f.segment, f.country, f.region, f.account_id, f.matched_by) FROM salesops.lead_facts('2026-03-01', '{s}', '{acme}') f),
          '20 Enterprise Kenya Nairobi A1 domain', '... or those of its account: size 10, industry 0, intent 10');
SELECT is((SELECT array_agg(m.id ORDER BY m."position") FROM salesops.matching_rules('2026-03-01', '{s,s,s}', '{full,bare,acme}', jsonb_build_object('x', '{"pool": "p"}'::jsonb || x.rule)) m WHERE m.rules = '{1}'),
          x.takes::text[], x.rule::text)
FROM (VALUES ('{}'::jsonb, '{full,bare,acme}'),
  ('{"min_score": 90}', '{full}'), ('{"min_score": 91}', NULL), ('{"min_score": 20}', '{full,acme}'), ('{"tiers": [1]}', '{full}'), ('{"tiers": [2]}', NULL), ('{"tiers": [1, 3]}', '{full,bare,acme}'),
  ('{"min_intent": 81}', '{full}'), ('{"min_intent": 81.5}', NULL), ('{"min_intent": 0}', '{full,acme}'),
  ('{"min_employees": 1001}', '{full}'), ('{"min_employees": 1002}', NULL), ('{"max_employees": 1001}', '{full,acme}'), ('{"max_employees": 300}', '{acme}'), ('{"max_employees": 299}', NULL),
  ('{"segments": ["smb", "x"]}', '{full}'), ('{"segments": ["Enterprise"]}', '{acme}'), ('{"industries": ["TECHNOLOGY"]}', '{full}'), ('{"industries": ["computer software"]}', '{full}'),
  ('{"industries": ["Retail"]}', '{acme}'), ('{"countries": ["GERMANY"]}', '{full}'), ('{"regions": ["bavaria", "nairobi"]}', '{full,acme}'), ('{"lead_sources": ["web"]}', '{full}'),
  ('{"lead_sources": ["event"]}', NULL), ('{"account_ids": ["A1", "A9"]}', '{acme}'), ('{"has_account": true}', '{acme}'), ('{"has_account": false}', '{full,bare}'),
  ('{"source_keys": ["s"]}', '{full,bare,acme}'), ('{"source_keys": ["t"]}', NULL), ('{"pool": null}', '{acme}'), ('{"is_enabled": false}', NULL),
  ('{"tiers": [1], "countries": ["Germany"]}', '{full}'), ('{"tiers": [1], "countries": ["Kenya"]}', NULL)) x(rule, takes);
SELECT is((SELECT string_agg(m.matched_by || ' ' || m.account_id, ', ' ORDER BY x.n) FROM (VALUES (1, 'acme', 'x'), (2, NULL, ' bolt'), (3, NULL, 'Twin'), (4, 'shared', 'DAUGHTER, Inc.'), (5, 'shared', 'x'), (6, NULL, 'The Crane Mfg GmbH')) x(n, domain, company)
           CROSS JOIN LATERAL (SELECT l.id AS account_id, l.matched_by FROM salesops.lead_account('s', NULL, x.domain || '.com', x.company) l) m),
          'domain A1, name A2, domain A6, domain A5, name A8', 'accounts are found by domain, by a name that only one has, whatever its legal form; of those with one domain the one named so, else the oldest');
SELECT pg_temp.add_lead('sub', '2026-02-01', '{"email": "\"Jo\" <jo@mail.crane.co.uk>"}', 'Acme'), pg_temp.add_lead('free', '2026-02-01', '{"email": "jo@googlemail.com", "website": "WWW.CRANE.CO.UK"}'),
       pg_temp.add_lead('page', '2026-02-01', '{"website": "gmail.com"}', 'crane manufacturing') \g /dev/null
SELECT results_eq($$ SELECT f.id, f.account_id, f.matched_by FROM salesops.lead_facts('2026-03-01', '{s,s,s}', '{sub,free,page}') f ORDER BY f."position" $$,
  $$ VALUES ('sub', 'A8', 'domain'), ('free', 'A8', 'domain'), ('page', 'A8', 'name') $$, 'subdomains, www and free mail providers');
DELETE FROM salesops.lead WHERE id IN ('sub', 'free', 'page');
-- A lead that names an account which the CRM has merged away belongs to where that went, also by two steps; a circle leads nowhere.
INSERT INTO salesops.account (source_key, id, name, merged_into, is_deleted, effective_at, recorded_at, origin)
SELECT 's', m.id, m.id, m.into_id, true, '2026-01-01', '2026-01-01', 'sync' FROM (VALUES ('M1', 'M2'), ('M2', 'A2'), ('C1', 'C2'), ('C2', 'C1'), ('M3', 'nothing')) m(id, into_id);
SELECT is((SELECT string_agg(coalesce(l.id || ' by ' || l.matched_by, 'none'), ', ' ORDER BY x.n) FROM (VALUES (1, 'M1'), (2, 'M2'), (3, 'C1'), (4, 'M3'), (5, 'A2')) x(n, named) LEFT JOIN LATERAL salesops.lead_account('s', x.named, NULL, NULL) l ON true),
  'A2 by account, A2 by account, none, none, A2 by account', 'merged accounts lead to what they were merged into');
DELETE FROM salesops.account WHERE id IN ('M1', 'M2', 'M3', 'C1', 'C2');
-- Of accounts that share a domain one is taken: the decision says that, how many there are and why this one, whoever gets the lead and where nobody does.
SELECT pg_temp.add_lead('named', '2026-02-01', '{"email": "jo@shared.com"}', 'Daughter'), pg_temp.add_lead('other', '2026-02-01', '{"email": "jo@shared.com"}', 'Sister'),
       pg_temp.add_lead('alone', '2026-02-01', '{"email": "jo@acme.com"}') \g /dev/null
SELECT results_eq($$ SELECT p.lead_id, p.rep_id, (regexp_match(p.why, '[0-9]+ accounts share.*$'))[1] FROM salesops.plan_routing('2026-03-01', '{s,s,s}', '{named,other,alone}', '{"by owner": {"position": -9, "account_ids": ["A1", "A6"]}}') p ORDER BY p."position" $$,
  $$ VALUES ('named', 'bob', '2 accounts share the domain of the lead, of which A6 is taken: it is named like the company'),
            ('other', NULL, '2 accounts share the domain of the lead, of which A5 is taken: it is the oldest'), ('alone', 'cy', NULL) $$, 'who shares a domain is no secret');
UPDATE salesops.account SET created_at = NULL WHERE id IN ('A5', 'A6');
SELECT matches((SELECT p.why FROM salesops.plan_routing('2026-03-01', '{s}', '{other}') p), '^no rule takes it: it waits in the fallback queue; 2 accounts share the domain of the lead, of which A5 is taken: nobody knows which is the oldest, and it is the first by id$',
  'of accounts that nobody knows the age of the first is taken');
UPDATE salesops.account SET is_deleted = true WHERE id = 'A6';
SELECT is((SELECT p.why FROM salesops.plan_routing('2026-03-01', '{s}', '{other}') p), 'no rule takes it: it waits in the fallback queue', 'one that is deleted shares nothing');
UPDATE salesops.account SET is_deleted = false, created_at = CASE id WHEN 'A5' THEN '2025-01-01'::timestamptz ELSE '2025-02-01' END WHERE id IN ('A5', 'A6');
DELETE FROM salesops.lead WHERE id IN ('named', 'other', 'alone');

-- Rules are versions, from an instant on; what a change does not name stays.
SELECT salesops.set_routing_rule('v', '{"pool": "a", "tiers": [1], "position": 7}', '2026-01-01'), salesops.set_routing_rule('v', '{"pool": "b"}', '2026-02-01'),
       salesops.set_routing_rule('v', '{"tiers": null}', '2026-02-01'), salesops.set_routing_rule('v', '{"is_enabled": false}', '2026-02-10') \g /dev/null
SELECT is((SELECT array_agg((SELECT format('%s %s %s', r.pool, r.tiers, r."position") FROM salesops.routing_rules(x.at) r) ORDER BY x.at)
           FROM unnest(ARRAY['2025-12-31', '2026-01-01', '2026-02-01', '2026-02-10']::timestamptz[]) x(at)),
          ARRAY[NULL, 'a {1} 7', 'b  7', NULL], 'what held at an instant stays known');
SELECT is((SELECT array_agg(r.name || ' ' || coalesce(r.version_id::text, 'changed') ORDER BY r.name) FROM salesops.routing_rules('2026-01-01', '{"v": {"position": 1}, "w": {"pool": "p"}}') r),
          ARRAY['v changed', 'w changed'], 'changed rules are no versions');
DELETE FROM salesops.lead;

-- Shares by hand, weights 3, 1, 1. Owed before each lead is given: .6 .2 .2 | .2 .4 .4 | -.2 .6 .6 | .4 -.2 .8 | 0 0 1.
-- Due next: (1 - .6) / 3 = .13 | .8 / 3 = .27 | ann is owed nothing, bob and cy tie | .6 / 3 = .2 and .2 / 1 tie | cy alone is owed.
SELECT salesops.set_routing_rule('all', '{"pool": "p", "position": 50, "first_touch_minutes": 60}', '-infinity'),
       salesops.set_routing_member('s', 'p', 'ann', 3, '-infinity'), salesops.set_routing_member('s', 'p', 'bob', 1, '-infinity'), salesops.set_routing_member('s', 'p', 'cy', 1, '-infinity') \g /dev/null
SELECT pg_temp.add_lead('l' || n, '2026-03-02 10:00+00'::timestamptz + n * interval '1 minute') FROM generate_series(1, 10) n \g /dev/null
SELECT is(salesops.route_leads('2026-03-02 12:00+00'), 10::bigint, 'ten leads are routed');
SELECT is(pg_temp.given('p'), 'ann ann bob ann cy ann ann bob ann cy', 'by weights 3, 1, 1');
SELECT is(salesops.route_leads('2026-03-02 12:00+00'), 0::bigint, 'and each once');
SELECT is((SELECT format('%s|%s|%s|%s', d.round, d.due_at, d.rule, d.why) FROM salesops.routing_decision d WHERE d.lead_id = 'l3'),
          format('1|%s|all|rule "all" takes it (every lead); bob of pool p is next, owed 0.60 leads; free: 3', '2026-03-02 13:00+00'::timestamptz), 'a decision says why, and when it is due');
SELECT is((SELECT d.candidates::text FROM salesops.routing_decision d WHERE d.lead_id = 'l3'), '{"(p,ann,,3,2,-0.200000)","(p,bob,,1,0,0.600000)","(p,cy,,1,0,0.600000)"}', '... and who else was considered');
SELECT is((SELECT string_agg(format('%s %s', s.rep_id, round(s.owed, 12)), ', ' ORDER BY s.rep_id) FROM salesops.routing_share s), 'ann 0.000000000000, bob 0.000000000000, cy 0.000000000000', 'after ten leads nobody is owed any');

-- Away, gone, full, not at work.
SELECT salesops.set_routing_absence('s', 'ann', '2026-03-03', '2026-03-05'), salesops.set_routing_hours('s', 'bob', 3, 'Asia/Tokyo', valid_from => '2026-03-03'),
       salesops.set_routing_member('s', 'p', 'gone', 9, '-infinity'), salesops.set_routing_member('s', 'p', 'left', 9, '-infinity'), salesops.set_routing_member('s', 'p', 'dee', 1, '2026-03-06') \g /dev/null
SELECT pg_temp.add_lead('m' || n, '2026-03-03 10:00+00'::timestamptz + n * interval '1 minute') FROM generate_series(1, 3) n \g /dev/null
SELECT is(salesops.route_leads('2026-03-03 12:00+00'), 3::bigint, 'three more');
SELECT is((SELECT string_agg(DISTINCT d.rep_id || ' ' || (SELECT string_agg(c.rep_id || ':' || coalesce(c.state, 'free'), ' ') FROM unnest(d.candidates) c), '') FROM salesops.routing_decision d WHERE d.lead_id ~ '^m'),
          'cy ann:absent bob:not at work cy:free gone:inactive left:inactive', 'go to the only one who is there: 21 o''clock in Tokyo');
SELECT is((SELECT d.candidates[2].state FROM salesops.plan_routing('2026-03-04 02:00+00', '{s}', '{m1}', is_trial => true) d), NULL, 'at 11 in Tokyo bob is at work');
SELECT is((SELECT d.rep_id || ' ' || (d.why ~ 'none at work') FROM salesops.plan_routing('2026-03-07 02:00+00', '{s}', '{m1}', is_trial => true) d), 'ann true', 'when nobody is at work all are asked');
-- bob has two leads of ten and takes three.
SELECT pg_temp.add_lead('n' || n, '2026-03-04 01:00+00'::timestamptz + n * interval '1 minute') FROM generate_series(1, 4) n \g /dev/null
SELECT salesops.route_leads('2026-03-04 03:00+00') \g /dev/null
SELECT is((SELECT string_agg(d.rep_id, ' ' ORDER BY d.decision_id) FROM salesops.routing_decision d WHERE d.lead_id ~ '^n'), 'bob cy cy cy', 'bob takes one at work, is full then, and the others are asked though they are not at work');
SELECT is((SELECT d.due_at FROM salesops.routing_decision d WHERE d.lead_id = 'n2'), '2026-03-04 10:00+00', 'the clock starts with the hours of the rep');
UPDATE salesops.lead SET status = 'Closed - Not Converted' WHERE id IN ('l3', 'n1');
SELECT salesops.route_leads('2026-03-04 03:00+00') \g /dev/null
SELECT is((SELECT a.open_leads FROM salesops.available_reps('2026-03-04', '{s}', '{bob}') a), 1, 'closed leads are no load');
SELECT is((SELECT string_agg(a.rep_id || ' ' || coalesce(a.state, 'free'), ', ' ORDER BY a."position") FROM salesops.available_reps('2026-03-05', '{s,s,s,t}', '{ann,dee,left,ann}') a),
          'ann free, dee free, left inactive, ann inactive', 'an absence ends when it ends; a rep of another source is none');

-- Joining: dee gets her share of what comes and nothing of what has been.
SELECT salesops.set_routing_hours('s', r, NULL, 'UTC', '{1,2,3,4,5,6,7}', '00:00', '24:00', '2026-03-06') FROM unnest(ARRAY['ann', 'bob', 'cy', 'dee']) r \g /dev/null
SELECT salesops.set_routing_member('s', 'q', r, 1, '-infinity') FROM unnest(ARRAY['ann', 'bob']) r \g /dev/null
SELECT salesops.set_routing_member('s', 'q', 'dee', 1, '2026-03-10') \g /dev/null
SELECT salesops.set_routing_rule('q', '{"pool": "q", "position": 1, "lead_sources": ["q"]}', '-infinity') \g /dev/null
SELECT pg_temp.add_lead('q' || n, '2026-03-09'::timestamptz + n * interval '1 minute', lead_source => 'Q') FROM generate_series(101, 130) n \g /dev/null
SELECT salesops.route_leads('2026-03-09 12:00+00') \g /dev/null
SELECT pg_temp.add_lead('q' || n, '2026-03-10'::timestamptz + n * interval '1 minute', lead_source => 'Q') FROM generate_series(131, 136) n \g /dev/null
SELECT salesops.route_leads('2026-03-10 12:00+00') \g /dev/null
SELECT is((SELECT string_agg(x.rep_id || ' ' || x.n, ', ' ORDER BY x.rep_id) FROM (SELECT d.rep_id, count(*) AS n FROM salesops.routing_decision d WHERE d.lead_id > 'q130' GROUP BY 1) x), 'ann 2, bob 2, dee 2', 'who joins begins at the level of the pool');

-- The owner of the account first, then the pool; nobody: the fallback queue.
SELECT salesops.set_routing_rule('owner', '{"position": 0, "first_touch_minutes": 30}', '-infinity'), salesops.set_routing_rule('all', '{"countries": ["x"]}', '-infinity') \g /dev/null
SELECT pg_temp.add_lead('o1', '2026-03-11', '{"email": "jo@acme.com"}'), pg_temp.add_lead('o2', '2026-03-11', '{"email": "jo@orphan.com"}', lead_source => 'q'),
       pg_temp.add_lead('o3', '2026-03-11', '{"email": "jo@orphan.com"}'), pg_temp.add_lead('o4', '2026-03-11', company => 'Bolt', lead_source => 'none'),
       pg_temp.add_lead('o5', '2026-03-11', owner_id => 'ann'), pg_temp.add_lead('o6', '2026-03-11', owner_id => 'gone', lead_source => 'q'), pg_temp.add_lead('o7', '2027-03-11') \g /dev/null
SELECT salesops.route_leads('2026-03-11 12:00+00') \g /dev/null
SELECT is((SELECT string_agg(format('%s %s %s', d.lead_id, coalesce(d.rule, 'queue'), d.rep_id), ', ' ORDER BY d.decision_id) FROM salesops.routing_decision d WHERE d.lead_id ~ '^o'),
          'o1 owner cy, o2 q ann, o3 queue , o4 queue , o6 q bob', 'the owner of the account; the next rule where he is gone; the queue; what an active rep owns, and what is to come, is left alone');
SELECT is((SELECT string_agg(d.why, ' // ' ORDER BY d.decision_id) FROM salesops.routing_decision d WHERE d.lead_id IN ('o1', 'o3', 'o4')),
          'rule owner takes it (every lead); cy owns account A1 (by domain) // rule owner takes it (every lead); gone owns account A7 and is not free: inactive; no other rule takes it: it waits in the fallback queue'
          ' // no rule takes it: it waits in the fallback queue', '... each says why');
SELECT is(salesops.route_waiting_leads('2026-03-11 12:00+00'), 0::bigint, 'who waits still waits, and nothing is written');
SELECT salesops.set_routing_rule('none', '{"pool": "q", "lead_sources": ["none"], "position": 3}', '2026-03-11 12:30+00') \g /dev/null
SELECT is(salesops.route_waiting_leads('2026-03-11 13:00+00'), 1::bigint, 'a new rule takes one from the queue');
SELECT is((SELECT format('%s %s %s', d.round, d.rule, d.reassigns) FROM salesops.routing_decision d WHERE d.lead_id = 'o4' ORDER BY d.round DESC LIMIT 1), '2 none ', '... in a second round, which reassigns nothing');
SELECT is((salesops.route_lead('s', 'o1', '2026-03-12')).round, 1, 'a lead that was routed is not routed again');

-- The service level. Two reps, a clock of 60 minutes.
SELECT salesops.set_routing_member('s', 'z', r, 1, '-infinity') FROM unnest(ARRAY['ann', 'bob']) r \g /dev/null
SELECT salesops.set_routing_rule('z', '{"pool": "z", "position": 1, "lead_sources": ["z"], "first_touch_minutes": 60}', '-infinity') \g /dev/null
SELECT pg_temp.add_lead('z' || n, '2026-03-16'::timestamptz + n * interval '1 minute', lead_source => 'z') FROM generate_series(1, 6) n \g /dev/null
SELECT salesops.route_leads('2026-03-16 10:00+00') \g /dev/null
SELECT is(pg_temp.given('z'), 'ann bob ann bob ann bob', 'in turn');
INSERT INTO salesops.activity (source_key, id, contact_id, rep_id, happened_at, is_done, is_deleted, effective_at, recorded_at, origin)
SELECT 's', x.id, x.lead, x.rep, x.at, x.done, false, '2026-03-16', '2026-03-16', 'sync'
FROM (VALUES ('t1', 'z1', 'ann', '2026-03-16 10:30+00'::timestamptz, true), ('t2', 'z2', NULL, '2026-03-16 11:30+00', NULL), ('t3', 'z3', 'bob', '2026-03-16 10:10+00', true),
             ('t4', 'z3', 'ann', '2026-03-16 10:20+00', false), ('t5', 'z3', 'ann', '2026-03-16 09:00+00', true)) x(id, lead, rep, at, done);
SELECT salesops.acknowledge_lead('s', 'z4', 'bob', '2026-03-16 11:00+00') \g /dev/null
SELECT throws_ok($$SELECT salesops.acknowledge_lead('s', 'z4', 'ann', '2026-03-16 11:00+00')$$, '42704', NULL, 'nobody acknowledges what he was not given');
SELECT is_empty($$SELECT o.* FROM salesops.overdue_leads('2026-03-16 11:00+00') o WHERE o.pool = 'z'$$, 'at its last instant a time has not run out');
SELECT is((SELECT string_agg(o.lead_id, ' ' ORDER BY o.lead_id) FROM salesops.overdue_leads('2026-03-16 11:10+00') o WHERE o.pool = 'z'), 'z2 z3 z5 z6',
          'overdue: touched too late, by somebody else, not done, or before; nobody');
SELECT is((SELECT string_agg(o.lead_id, ' ' ORDER BY o.lead_id) FROM salesops.overdue_leads('2026-03-16 11:40+00') o WHERE o.pool = 'z'), 'z3 z5 z6', 'what was touched late is not overdue any more');
UPDATE salesops.lead SET owner_id = 'cy' WHERE id = 'z5';
SELECT is((SELECT string_agg(o.lead_id, ' ' ORDER BY o.lead_id) FROM salesops.overdue_leads('2026-03-16 11:40+00') o WHERE o.pool = 'z'), 'z3 z6', '... nor what another rep took in the CRM');
UPDATE salesops.lead SET owner_id = 'ann' WHERE id = 'z5';
SELECT is((SELECT string_agg(format('%s: %s within %s late %s open %s median %s', coalesce(s.rep_id, 'all'), s.given, s.within, s.late, s.open, s.median_minutes), ', ')
           FROM salesops.service_levels('2026-03-16', '2026-03-16 11:40+00') s WHERE s.pool = 'z'),
          'all: 6 within 2 late 4 open 0 median 60.0, ann: 3 within 1 late 2 open 0 median 30.0, bob: 3 within 1 late 2 open 0 median 75.0', 'service levels');
SELECT is((SELECT format('%s %s %s', s.within, s.late, s.open) FROM salesops.service_levels('2026-03-16', '2026-03-16 10:45+00') s WHERE s.pool = 'z' AND s.rep_id IS NULL), '1 0 5', '... while the time runs');
SELECT salesops.reassign_overdue_leads('2026-03-16 11:40+00') \g /dev/null
SELECT is((SELECT string_agg(format('%s %s after %s, due %s', n.lead_id, n.rep_id, b.rep_id, to_char(n.due_at AT TIME ZONE 'UTC', 'HH24:MI')), '; ' ORDER BY n.lead_id)
           FROM salesops.routing_decision n JOIN salesops.routing_decision b ON b.decision_id = n.reassigns WHERE n.pool = 'z'),
          'z3 bob after ann, due 12:40; z5 bob after ann, due 12:40; z6 ann after bob, due 12:40', 'overdue leads go to the other, and the decision names the one before');
SELECT salesops.reassign_overdue_leads('2026-03-16 13:00+00') \g /dev/null
SELECT is((SELECT string_agg(format('%s %s %s', d.round, coalesce(d.rep_id, 'queue'), d.why ~ 'nobody in pool z is free'), ', ' ORDER BY d.round) FROM salesops.routing_decision d WHERE d.lead_id = 'z6'),
          '1 bob f, 2 ann f, 3 queue t', 'never to one who had it: at last they wait in the queue');
SELECT is_empty($$SELECT d.lead_id FROM salesops.routing_decision d WHERE d.rep_id IS NOT NULL GROUP BY d.source_key, d.lead_id, d.rep_id HAVING count(*) > 1$$, 'no rep was given a lead twice');

-- Simulation.
CREATE TEMP TABLE before AS SELECT count(*) AS n, max(decision_id) AS last FROM salesops.routing_decision;
CREATE TEMP TABLE simulated AS SELECT * FROM salesops.simulate_routing('{"z": {"is_enabled": false}, "y": {"pool": "q", "position": 2, "lead_sources": ["z"]}}', 6, '2026-03-16 12:00+00');
SELECT is((SELECT string_agg(format('%s %s %s>%s %s%s', s.lead_id, s.rule, s.rep_id, s.new_rule, s.new_rep_id, CASE WHEN s.is_other THEN '!' END), ', ' ORDER BY s.created_at) FROM simulated s),
          'z1 z ann>y ann, z2 z bob>y bob, z3 z ann>y dee!, z4 z bob>y ann!, z5 z ann>y bob!, z6 z bob>y dee!', 'who would have got what');
SELECT is((SELECT string_agg(format('%s %s %s', l.rep_id, l.leads_now, l.leads_changed), ', ') FROM salesops.simulate_routing_loads('{"z": {"pool": "q"}}', 6, '2026-03-16 12:00+00') l WHERE l.rep_id IS NOT NULL),
          'ann 3 2, bob 3 2, dee 0 2', '... and how many each');
SELECT results_eq('SELECT count(*), max(decision_id) FROM salesops.routing_decision', 'SELECT n, last FROM before', 'nothing was written');

-- A job may do it.
SELECT pg_temp.add_lead('j1', '2026-03-17', lead_source => 'z') \g /dev/null
SELECT salesops.define_step('route', 'salesops.step_route_leads', builds_on => '{sync}'), salesops.define_job('routing', '{sync,route}') \g /dev/null
SELECT cmp_ok(salesops.step_route_leads(1, '2026-03-17 12:00+00'), '>=', 1::bigint, 'a step routes');
SELECT is((SELECT d.rule FROM salesops.routing_decision d WHERE d.lead_id = 'j1'), 'z', '... what is new');

-- What is owed is the sum over the decisions.
SELECT is_empty($$
  SELECT s.* FROM salesops.routing_share s
  FULL JOIN (SELECT d.source_key, d.pool, c.rep_id, sum(round(c.weight / (SELECT sum(x.weight) FROM unnest(d.candidates) x WHERE x.pool = d.pool AND x.state IS NULL), 20) - (c.rep_id = d.rep_id)::integer) AS owed
             FROM salesops.routing_decision d CROSS JOIN LATERAL unnest(d.candidates) c WHERE c.pool = d.pool AND c.state IS NULL GROUP BY 1, 2, 3) o USING (source_key, pool, rep_id)
  WHERE s.owed IS DISTINCT FROM o.owed $$, 'what a rep is owed follows from the decisions');

SELECT is_empty($$
  SELECT * FROM (SELECT l.source_key, l.rep_id, l.open_leads FROM salesops.routing_load l WHERE l.open_leads <> 0) l
  FULL JOIN (SELECT s.source_key, s.rep_id, count(*) AS held FROM salesops.routed_lead s WHERE s.rep_id IS NOT NULL GROUP BY 1, 2) h USING (source_key, rep_id)
  WHERE l.open_leads IS DISTINCT FROM h.held $$, 'loads are the leads that are held');

-- The law of shares: as long as the same reps are free, what each was given and his share differ by less than one lead, at every moment. The weights are those
-- at which handing each lead to the smallest (given + 1) / weight fails: ten to one against ten reps.
CREATE FUNCTION pg_temp.worst(weights numeric[], leads integer) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
  source text := 'law' || (SELECT count(DISTINCT m.source_key) FROM salesops.routing_member m);
  reps text[] := ARRAY(SELECT source || ' ' || lpad(n::text, 3, '0') FROM generate_subscripts(weights, 1) n);
BEGIN
  INSERT INTO salesops.rep (source_key, id, is_deleted, effective_at, recorded_at, origin) SELECT source, r, false, '2026-01-01', '2026-01-01', 'sync' FROM unnest(reps) r;
  PERFORM salesops.set_routing_member(source, 'law', r, w, '-infinity') FROM unnest(reps, weights) x(r, w);
  INSERT INTO salesops.lead (source_key, id, created_at, is_deleted, effective_at, recorded_at, origin)
  SELECT source, n, '2026-04-01', false, '2026-04-01', '2026-04-01', 'sync' FROM generate_series(1, leads) n;
  -- In uneven batches: what is owed is carried over.
  WHILE salesops.route_leads('2026-04-02 12:00+00', 1 + leads / 7) > 0 LOOP END LOOP;
  RETURN (SELECT max(abs(g.given - w * g.k / (SELECT sum(x) FROM unnest(weights) x)))
          FROM (SELECT r, w FROM unnest(reps, weights) x(r, w)) x
          CROSS JOIN LATERAL (SELECT row_number() OVER d AS k, count(*) FILTER (WHERE y.rep_id = x.r) OVER d AS given
                              FROM salesops.routing_decision y WHERE y.source_key = source WINDOW d AS (ORDER BY y.decision_id)) g);
END $$;
SELECT salesops.set_routing_rule('law', '{"pool": "law", "position": 2}', '-infinity') \g /dev/null
SELECT cmp_ok(pg_temp.worst(x.weights, 300), '<', 1::numeric, format('shares of %s hold within one lead', x.weights)) FROM (VALUES
  ('{10,1,1,1,1,1,1,1,1,1,1}'::numeric[]), ('{1,1,1}'), ('{5}'), ('{0.3,0.2,7,1e-6}'), ('{1,2,3,4,5,6,7}'), ('{999999,1,500000}')) x(weights);
SELECT is_empty($$SELECT d.source_key, d.lead_id FROM salesops.routing_decision d WHERE d.source_key ~ '^law' GROUP BY 1, 2 HAVING count(*) > 1$$, 'each lead once');
SELECT is((SELECT count(*) FROM salesops.routing_decision d WHERE d.source_key ~ '^law'), 1800::bigint, 'and none is skipped');

-- Hostile text, and nothing.
SELECT pg_temp.add_lead(x.id, '2026-05-01', jsonb_build_object('email', x.t, 'country', x.t, 'intent_score', x.t, 'segment', x.t), x.t, 'NaN', x.t, x.t, x.t)
FROM (VALUES ('h1', ''), ('h2', repeat('Ω', 10000)), ('h3', '😀'), ('h4', 'שלום עולם'), ('h5', $$'; DROP TABLE salesops.lead; --$$), ('h6', '%s%I{id}\"')) x(id, t) \g /dev/null
SELECT lives_ok($$SELECT salesops.route_leads('2026-05-02')$$, 'hostile text is routed');
SELECT is((SELECT count(*) FROM salesops.routing_decision d WHERE d.lead_id ~ '^h'), 6::bigint, 'all of it');
SELECT lives_ok($$SELECT salesops.set_routing_rule(repeat('x', 1000) || '"😀', '{"position": 0, "pool": "\"p", "countries": ["\"a\",b", "{}", ""]}')$$, 'a rule may be called anything');

-- A lead whose source does not say when it was created came when it was read; it is among the last ones then.
INSERT INTO salesops.lead (source_key, id, status, is_deleted, effective_at, recorded_at, origin) VALUES ('s', 'undated', 'Open', false, '-infinity', '2026-02-20', 'sync');
SELECT is((SELECT u.created_at FROM salesops.unrouted_leads('2026-03-01', '2026-02-19') u WHERE u.id = 'undated'), '2026-02-20'::timestamptz, 'created when it was read');
SELECT ok(EXISTS (SELECT FROM salesops.simulate_routing('{}', 1, '2026-02-20') s WHERE s.lead_id = 'undated'), 'the last one of then');
-- Who takes none takes none in a simulation either.
SELECT salesops.set_routing_member('s', 'nobody', 'ann', valid_from => '2026-01-01'), salesops.set_routing_hours('s', 'ann', 0, valid_from => '2026-02-25') \g /dev/null
SELECT results_eq($$ SELECT s.new_rule, s.new_rep_id FROM salesops.simulate_routing('{"first of all": {"position": -1000, "pool": "nobody"}}', 1, '2026-02-24') s $$,
  $$ VALUES ('first of all', 'ann') $$, 'who takes any number');
SELECT isnt((SELECT s.new_rule FROM salesops.simulate_routing('{"first of all": {"position": -1000, "pool": "nobody"}}', 1, '2026-02-26') s), 'first of all', 'and who takes none');

-- Errors.
SELECT throws_ok(x.call, x.state, NULL, x.call) FROM (VALUES
  ($$SELECT salesops.set_routing_rule('x', '{"tier": [1]}')$$, '22023'), ($$SELECT salesops.set_routing_rule('x', '[]')$$, '22023'), ($$SELECT salesops.set_routing_rule('', '{}')$$, '22023'),
  ($$SELECT salesops.set_routing_rule(NULL, '{}')$$, '22004'), ($$SELECT salesops.set_routing_rule('x', '{"position": 1, "tiers": []}')$$, '23514'), ($$SELECT salesops.set_routing_rule('x', '{"position": 1, "min_score": "much"}')$$, '22P02'),
  ($$SELECT salesops.set_routing_rule('x', '{"position": 1, "first_touch_minutes": 0}')$$, '23514'), ($$SELECT salesops.set_routing_rule('x', '{"position": 1, "tiers": [1, 4]}')$$, '23514'),
  ($$SELECT salesops.set_routing_rule('x', '{"position": 1, "min_employees": 2, "max_employees": 1}')$$, '23514'), ($$SELECT salesops.set_routing_rule('x', '{"position": 1, "countries": ["US", null]}')$$, '23514'),
  ($$SELECT salesops.set_routing_rule('x', '{"first_touch_minutes": 5}')$$, '22023'), ($$SELECT * FROM salesops.simulate_routing('{"x": {"tiers": [1]}}')$$, '22023'),
  ($$SELECT * FROM salesops.simulate_routing('{}', 0)$$, '22023'), ($$SELECT * FROM salesops.simulate_routing('{}', NULL)$$, '22023'),
  ($$SELECT salesops.set_routing_member('s', 'p', 'nobody')$$, '42704'), ($$SELECT salesops.set_routing_member('s', 'p', 'ann', -1)$$, '23514'), ($$SELECT salesops.set_routing_member('s', 'p', 'ann', 'NaN')$$, '23514'),
  ($$SELECT salesops.set_routing_hours('s', 'ann', time_zone => 'Mars/Olympus')$$, '22023'), ($$SELECT salesops.set_routing_hours('s', 'ann', weekdays => '{0}')$$, '23514'),
  ($$SELECT salesops.set_routing_absence('s', 'ann', '2026-01-02', '2026-01-01')$$, '23514'),
  ($$SELECT salesops.route_lead('s', 'nothing')$$, '42704'), ($$SELECT salesops.route_lead('s', 'o5')$$, '55000'), ($$SELECT salesops.route_lead('s', 'z1', 'infinity')$$, '22023'),
  ($$SELECT salesops.route_leads(most => 0)$$, '22023'), ($$SELECT salesops.route_leads(NULL)$$, '22023'), ($$SELECT * FROM salesops.simulate_routing('{"x": 1}')$$, '22023'),
  ($$UPDATE salesops.routing_decision SET rep_id = 'ann'$$, '23001'), ($$DELETE FROM salesops.routing_rule$$, '23001'), ($$TRUNCATE salesops.routing_touch$$, '23001')) x(call, state);
-- What a rule cannot be is said by the names of the rule and of the column, also of what would have become of a rule that there is, and before anything is simulated.
SELECT throws_ok(x.call, x.state, x.message, x.call) FROM (VALUES
  ($$SELECT salesops.set_routing_rule('new', '{"position": null}')$$, '22004', $$position of routing rule 'new' must not be null$$),
  ($$SELECT salesops.set_routing_rule('v', '{"position": null}')$$, '22004', $$position of routing rule 'v' must not be null$$),
  ($$SELECT salesops.set_routing_rule('v', '{"is_enabled": null}')$$, '22004', $$is_enabled of routing rule 'v' must not be null$$),
  ($$SELECT * FROM salesops.simulate_routing('{"v": {"position": null}}')$$, '22004', $$position of routing rule 'v' must not be null$$),
  ($$SELECT salesops.set_routing_rule('v', '{"position": 1.5}')$$, '22P02', $$position of routing rule 'v' cannot be 1.5$$),
  ($$SELECT salesops.set_routing_rule('v', '{"position": 10000000000}')$$, '22003', $$position of routing rule 'v' cannot be 10000000000$$),
  ($$SELECT * FROM salesops.simulate_routing('{"v": {"tiers": 1}}')$$, '22P02', $$tiers of routing rule 'v' cannot be 1$$),
  ($$SELECT * FROM salesops.simulate_routing('{"v": {"tiers": [4]}}')$$, '23514', $$tiers of routing rule 'v' must be of 1, 2 and 3$$),
  ($$SELECT salesops.set_routing_rule('v', '{"segments": []}')$$, '23514', $$segments of routing rule 'v' is an empty list, which no lead fulfils$$),
  ($$SELECT salesops.set_routing_rule('v', '{"account_ids": ["1", null]}')$$, '23514', $$account_ids of routing rule 'v' has a null in its list, which no lead fulfils$$),
  ($$SELECT salesops.set_routing_rule('v', '{"pool": ""}')$$, '23514', $$pool of routing rule 'v' must not be empty$$),
  ($$SELECT salesops.set_routing_rule('v', '{"first_touch_minutes": 100001}')$$, '23514', $$first_touch_minutes of routing rule 'v' must be from 1 to 100000$$)) x(call, state, message);
SELECT throws_ok(x.call, '23514', x.message, x.call) FROM (VALUES
  ($$SELECT salesops.set_routing_member('s', 'p', 'ann', -1)$$, $$weight of rep 'ann' in pool 'p' must be from 0 to 1000000, not -1$$), ($$SELECT salesops.set_routing_member('s', '', 'ann')$$, 'a pool has a name'),
  ($$SELECT salesops.set_routing_hours('s', 'ann', -1)$$, $$capacity of rep 'ann' must be 0 or more, not -1$$),
  ($$SELECT salesops.set_routing_hours('s', 'ann', weekdays => '{1,NULL}')$$, $$weekdays of rep 'ann' must be of 1, Monday, to 7, Sunday, not {1,NULL}$$),
  ($$SELECT salesops.set_routing_absence('s', 'ann', '2026-01-02', '2026-01-01')$$, $$the absence of rep 'ann' ends before it begins$$)) x(call, message);
SELECT salesops.set_routing_rule('v', '{"min_employees": 10, "tiers": null}') \g /dev/null
SELECT throws_ok($$SELECT salesops.set_routing_rule('v', '{"max_employees": 9}')$$, '23514', $$min_employees of routing rule 'v' is more than max_employees, 9$$, 'what was set before counts');
SELECT * FROM finish();
ROLLBACK;
