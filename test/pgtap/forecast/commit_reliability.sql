-- Who can be taken at his word: counts and pooling by hand, and pooling of reps whose true reliability is known.
\set ON_ERROR_STOP 1
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SELECT plan(30);

-- A further state of a deal; the one before it becomes history. closed: won, lost, or NULL = open.
CREATE FUNCTION pg_temp.state(id text, since timestamptz, owner text, category text, close date, closed text DEFAULT NULL)
RETURNS void LANGUAGE sql AS $$
  INSERT INTO salesops.opportunity_history SELECT o.* FROM salesops.opportunity o WHERE o.id = state.id;
  DELETE FROM salesops.opportunity o WHERE o.id = state.id;
  INSERT INTO salesops.opportunity (source_key, id, owner_id, stage, forecast_category, close_date, created_at,
                                    is_closed, is_won, is_deleted, effective_at, recorded_at, origin)
  VALUES ('s', id, owner, 'Stage of no map', category, close, since, closed IS NOT NULL, coalesce(closed = 'won', false), false, since, since, 'sync')
$$;

SELECT is_empty($$ SELECT * FROM commit_reliability('2026-01-10') $$, 'nobody has committed to anything: nobody is judged');

-- Which deal counts for whom -----------------------------------------------------------------------------------------------

SAVEPOINT whose;
-- Called Commit by ann, handed to bob, who did not call it so; lost sight of. And one that was won.
SELECT pg_temp.state('h1', '2025-08-01', 'ann', 'Commit', '2025-12-15'), pg_temp.state('h1', '2025-10-15', 'bob', 'Pipeline', '2025-12-15');
SELECT pg_temp.state('h2', '2025-08-01', 'ann', 'Commit', '2025-12-15'), pg_temp.state('h2', '2025-10-15', 'bob', 'Pipeline', '2025-12-15'),
       pg_temp.state('h2', '2025-12-01', 'bob', 'Closed', '2025-12-01', 'won');
-- Commit for the next quarter is no commit for this one, but no sandbagging either.
SELECT pg_temp.state('n1', '2025-08-01', 'ann', 'Commit', '2026-02-01'), pg_temp.state('n1', '2025-12-01', 'ann', 'Closed', '2025-12-01', 'won');
-- Open at no mark: nobody could have called it. Nobody's. Won late.
SELECT pg_temp.state('q1', '2025-10-05', 'bob', 'Pipeline', '2025-10-20'), pg_temp.state('q1', '2025-10-20', 'bob', 'Closed', '2025-10-20', 'won');
SELECT pg_temp.state('z1', '2025-08-01', NULL, 'Commit', '2025-12-15'), pg_temp.state('z1', '2025-12-01', NULL, 'Closed', '2025-12-01', 'won');
SELECT pg_temp.state('l1', '2025-08-01', 'cat', 'Commit', '2025-12-15'), pg_temp.state('l1', '2026-01-02', 'cat', 'Closed', '2026-01-02', 'won');
-- Most Likely is not Commit.
SELECT pg_temp.state('y1', '2025-08-01', 'dan', 'Most Likely', '2025-12-15'), pg_temp.state('y1', '2025-12-01', 'dan', 'Closed', '2025-12-01', 'won');
SELECT results_eq($$ SELECT owner_id, commits, commits_won, wins, wins_not_called FROM commit_reliability('2026-01-10') $$,
  $$ VALUES ('ann', 2::bigint, 1::bigint, 1::bigint, 0::bigint), ('bob', 0, 0, 1, 0), ('cat', 1, 0, 0, 0), ('dan', 0, 0, 1, 1) $$,
  'commits go to who called them last, wins to who owned them last, each once');
SELECT results_eq($$ SELECT owner_id, verdict, reason FROM commit_reliability('2026-01-10') WHERE owner_id = 'ann' $$,
  $$ VALUES ('ann', 'not enough history', '1 of 2 commits won, 5 commits are needed; 0 of 1 wins never called Commit, 5 wins are needed') $$, 'too few to be judged by, and why');
ROLLBACK TO whose;

SAVEPOINT only_wins;
SELECT pg_temp.state('y' || n, '2025-08-01', 'dan', 'Pipeline', '2025-12-15'), pg_temp.state('y' || n, '2025-12-01', 'dan', 'Closed', '2025-12-01', 'won') FROM generate_series(1, 6) n;
SELECT results_eq($$ SELECT reliability, happy_ears_index, company_reliability, round(not_called_share::numeric, 9), round(sandbagging_index::numeric, 9), verdict FROM commit_reliability('2026-01-10') $$,
  $$ VALUES (NULL::float8, NULL::float8, NULL::float8, 1::numeric, 1::numeric, 'not enough history') $$, 'nobody ever committed: reliability is unknown, not 0');
ROLLBACK TO only_wins;

-- Three reps by hand -------------------------------------------------------------------------------------------------------
-- ann: 18 of 20 commits won; bob: 6 of 20; cat: none, but 8 wins, none of them called. In one of cat's months.
SELECT pg_temp.state(r || n, '2025-08-01', r, 'Commit', '2025-12-15') FROM (VALUES ('ann'), ('bob')) v(r), generate_series(1, 20) n;
SELECT pg_temp.state('ann' || n, '2025-12-10', 'ann', 'Closed', '2025-12-10', 'won') FROM generate_series(1, 18) n;
SELECT pg_temp.state('bob' || n, '2025-12-10', 'bob', 'Closed', '2025-12-10', 'won') FROM generate_series(1, 6) n;
SELECT pg_temp.state('cat' || n, '2025-08-01', 'cat', 'Pipeline', '2025-12-15') FROM generate_series(1, 8) n;
SELECT pg_temp.state('cat' || n, '2025-12-10', 'cat', 'Closed', '2025-12-10', 'won') FROM generate_series(1, 8) n;
INSERT INTO rep (source_key, id, name, is_deleted, effective_at, recorded_at, origin) VALUES ('s', 'ann', 'Ann', false, '2025-01-01', '2025-01-01', 'sync');
CREATE TEMP TABLE got AS SELECT * FROM commit_reliability('2026-01-10');

-- Commits: share 24/40; spread 18^2/20 + 6^2/20 = 18, less 24^2/40 = 14.4, over 0.24 is chi-square 15, excess 14; slope 40 - 800/40 - 1 = 19.
-- Correlation: 14 x 19 / 2 = 133 by precision 19^2 / 2 = 180.5, with the prior's 400/21 by 400.
SELECT is(round(min(commit_strength)::numeric, 9), round(580.5 / (400.0 / 21 + 133) - 1, 9), 'strength of the commits by hand') FROM got;
-- Wins: share 8/32; 8^2/8 - 8^2/32 = 6, over 0.1875 is 32, excess 30; slope 32 - (18^2 + 6^2 + 8^2)/32 - 2 = 16.75; 30 x 16.75 / 4 by 16.75^2 / 4.
SELECT is(round(min(win_strength)::numeric, 9), round(470.140625 / (400.0 / 21 + 125.625) - 1, 9), 'strength of the wins by hand') FROM got;
SELECT results_eq('SELECT owner_id, owner, commits, commits_won, wins, wins_not_called, verdict FROM got',
  $$ VALUES ('ann', 'Ann', 20::bigint, 18::bigint, 18::bigint, 0::bigint, 'more reliable than the company'), ('bob', '(unknown owner)', 20, 6, 6, 0, 'happy ears'),
            ('cat', '(unknown owner)', 0, 0, 8, 8, 'sandbagging') $$, 'each is what he is');
SELECT is(round(reliability::numeric, 9), round((6 + 0.6 * commit_strength::numeric) / (20 + commit_strength::numeric), 9), 'pulled to the company''s 60 %') FROM got WHERE owner_id = 'bob';
SELECT results_eq($$ SELECT low, high FROM got WHERE owner_id = 'bob' $$,
  $$ SELECT i.low, i.high FROM got CROSS JOIN LATERAL share_interval(6 + commit_strength * 0.6, 20 + commit_strength) i WHERE owner_id = 'bob' $$, 'with its interval');
SELECT is(round(happy_ears_index::numeric, 9), round(((1 - reliability) / 0.4)::numeric, 9), 'happy ears: share not won over the company''s 40 %') FROM got WHERE owner_id = 'bob';
SELECT is(round(sandbagging_index::numeric, 9), round((not_called_share / 0.25)::numeric, 9), 'sandbagging: over the company''s 25 %') FROM got WHERE owner_id = 'cat';
SELECT is(reason, '6 of 20 commits won (the company: 60.0 %); 0 of 6 wins never called Commit (the company: 25.0 %)', 'in words') FROM got WHERE owner_id = 'bob';
SELECT is(reliability, 0.6::float8, 'who never committed is expected to be as the company') FROM got WHERE owner_id = 'cat';

SELECT is_empty($$ SELECT * FROM commit_reliability('2025-12-31 12:00') $$, 'a quarter that runs is no evidence');
SELECT pg_temp.state('bob' || n, '2026-01-20', 'bob', 'Closed', '2025-12-20', 'won') FROM generate_series(7, 20) n;
SELECT results_eq($$ SELECT g.*::text FROM commit_reliability('2026-01-10') g $$, $$ SELECT g.*::text FROM got g $$, 'what is learned later changes nothing said before');
SELECT is(commits_won, 20::bigint, 'and is known when asked for') FROM commit_reliability('2026-01-10', known_at => '2026-01-20') WHERE owner_id = 'bob';

-- Pooling ------------------------------------------------------------------------------------------------------------------

SELECT results_eq($$ SELECT share, round(strength::numeric, 9) FROM pooling_strength('{3}', '{4}') $$, $$ VALUES (0.75::float8, 20::numeric) $$, 'one rep says nothing of how reps differ: the prior, 20');
SELECT results_eq($$ SELECT share, round(strength::numeric, 9) FROM pooling_strength('{1,0,1,1}', '{1,1,1,1}') $$, $$ VALUES (0.75::float8, 20::numeric) $$, 'nor do reps with one commit each');
SELECT results_eq($$ SELECT share, round(strength::numeric, 9) FROM pooling_strength('{9,4}', '{9,4}') $$, $$ VALUES (1::float8, 20::numeric) $$, 'nor reps who won all');
SELECT results_eq($$ SELECT share, round(strength::numeric, 9) FROM pooling_strength('{0,0}', '{9,4}') $$, $$ VALUES (0::float8, 20::numeric) $$, 'or none');
SELECT results_eq($$ SELECT share, strength FROM pooling_strength('{0}', '{0}') $$, $$ VALUES (NULL::float8, NULL::float8) $$, 'no commits, no share');
SELECT results_eq($$ SELECT share, strength FROM pooling_strength('{}', '{}') $$, $$ VALUES (NULL::float8, NULL::float8) $$, 'nobody');
SELECT is((SELECT strength FROM pooling_strength('{50,0}', '{50,50}')), (SELECT strength FROM pooling_strength('{0,50,0}', '{50,50,0}')), 'order and empty groups do not matter');
SELECT is((SELECT strength FROM pooling_strength('{1000000,0}', '{1000000,1000000}')), 1::float8, 'reps who could not differ more: strength 1');
SELECT is((SELECT round(strength::numeric, 6) FROM pooling_strength(array_fill(500::bigint, ARRAY[200]), array_fill(1000::bigint, ARRAY[200]))), 999::numeric,
  '200 reps who do not differ at all: 999, never infinite');

-- 400 reps whose true reliability comes from a Beta(12, 8): the 12th smallest of 19 uniform draws. Its strength is 20.
CREATE TEMP TABLE truth AS
  SELECT r AS rep, (SELECT u.p FROM (SELECT draw(4, 'truth', r * 100::bigint + k) AS p FROM generate_series(1, 19) k ORDER BY 1 OFFSET 11 LIMIT 1) u) AS p,
         (10 + r % 21)::bigint AS n
  FROM generate_series(1, 400) r;
CREATE TEMP TABLE seen AS
  SELECT t.*, (SELECT count(*) FROM generate_series(1, t.n) k WHERE draw(4, 'outcome', t.rep * 100::bigint + k) < t.p) AS w FROM truth t;
CREATE TEMP TABLE pooled AS
  SELECT s.*, x.share, x.strength, (s.w + x.strength * x.share) / (s.n + x.strength) AS estimate
  FROM seen s CROSS JOIN (SELECT p.* FROM (SELECT array_agg(w) AS w, array_agg(n) AS n FROM seen) a CROSS JOIN LATERAL pooling_strength(a.w, a.n) p) x;
SELECT ok(min(strength) BETWEEN 14 AND 28, format('strength 20 is recovered: %s', round(min(strength)::numeric, 1))) FROM pooled;
SELECT ok(abs(min(share) - 0.6) < 0.02, 'and the share, 60 %') FROM pooled;
SELECT ok(sum((estimate - p) ^ 2) < 0.8 * sum((w::float8 / n - p) ^ 2) AND sum((estimate - p) ^ 2) < 0.8 * sum((share - p) ^ 2),
  'pooled estimates are nearer the truth than each rep''s own share and than the company''s') FROM pooled;
SELECT ok(avg((p BETWEEN i.low AND i.high)::integer) BETWEEN 0.85 AND 0.95, format('90 %% intervals hold the truth of %s %%', round(100 * avg((p BETWEEN i.low AND i.high)::integer), 1)))
FROM pooled CROSS JOIN LATERAL share_interval(w + strength * share, n + strength) i;
SELECT ok((SELECT strength FROM pooling_strength((SELECT array_agg((SELECT count(*) FROM generate_series(1, n) k WHERE draw(5, 'same', rep * 100::bigint + k) < 0.6)) FROM truth), (SELECT array_agg(n) FROM truth))) > 60,
  'reps who are all alike are pulled hard');

SELECT finish();
ROLLBACK;
