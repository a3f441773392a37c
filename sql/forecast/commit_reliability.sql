-- Commit reliability: who can be taken at his word.
--
-- A commit is a deal that a rep called Commit, to close in the quarter, at any of the quarter's three marks; a win is a deal
-- won in the quarter that stood open at one of them. A commit that was not won in the quarter is happy ears; a win that
-- was never called Commit is sandbagging. Each counts once a quarter and deal: the commit for whoever owned it when it was
-- last called so, the win for its last owner before it was won.
--
-- Few reps have enough commits to be judged alone, so each is pulled towards the company's share: (x + strength x share) /
-- (n + strength). How strongly is read from the data: if the reps differ no more than chance makes them, strength is
-- large; see pooling_strength().

CREATE FUNCTION salesops.pooling_strength(wins bigint[], trials bigint[], OUT share double precision, OUT strength double precision)
RETURNS record LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
  -- Sums are numeric: exact or rounded term by term, so the order of the groups does not matter.
  WITH total AS (
    SELECT count(*) AS groups, sum(g.n) AS trials, sum(g.w) AS wins, sum(g.n ^ 2) AS squares, sum(g.w ^ 2 / g.n) AS spread
    FROM (SELECT u.w::numeric AS w, u.n::numeric AS n FROM unnest(wins, trials) u(w, n) WHERE u.n > 0) g
  ), moment AS (
    -- Chi-square of the groups' shares less what chance gives, and what one unit of correlation would add to it.
    SELECT t.wins / t.trials AS share, t.groups - 1 AS freedom,
           CASE WHEN t.wins > 0 AND t.wins < t.trials
                THEN (t.spread - t.wins ^ 2 / t.trials) / (t.wins / t.trials * (1 - t.wins / t.trials)) - (t.groups - 1) ELSE 0 END AS excess,
           CASE WHEN t.wins > 0 AND t.wins < t.trials THEN t.trials - t.squares / t.trials - (t.groups - 1) ELSE 0 END AS slope
    FROM total t WHERE t.trials > 0
  ), estimate AS (
    -- excess / slope has a variance of 2 freedom / slope^2 where reps do not differ; the prior is 1/21 with 0.05 either way.
    SELECT m.share,
           least(greatest((400.0 / 21 + CASE WHEN m.freedom > 0 THEN m.excess * m.slope / (2 * m.freedom) ELSE 0 END)
                          / (400 + CASE WHEN m.freedom > 0 THEN m.slope ^ 2 / (2 * m.freedom) ELSE 0 END), 0.001), 0.5) AS correlation
    FROM moment m
  )
  SELECT (SELECT e.share::double precision FROM estimate e), (SELECT ((1 - e.correlation) / e.correlation)::double precision FROM estimate e);
END;
COMMENT ON FUNCTION salesops.pooling_strength(bigint[], bigint[]) IS
  'How strongly the shares of groups (wins of trials each) are to be pulled to the common share: as if that many more trials had it. '
  'Method of moments for the beta-binomial: from the excess of the groups'' chi-square over its degrees of freedom (Kleinman '
  '1973), combined by precision with a prior intraclass correlation of 1/21 +- 0.05, which is a strength of 20; from 1 to 999. '
  'NULL without trials';

CREATE FUNCTION salesops.commit_reliability(
  as_of timestamptz, quarters integer DEFAULT 4, known_at timestamptz DEFAULT NULL,
  OUT source_key text, OUT owner_id text, OUT owner text, OUT commits bigint, OUT commits_won bigint,
  OUT reliability double precision, OUT low double precision, OUT high double precision, OUT happy_ears_index double precision,
  OUT wins bigint, OUT wins_not_called bigint, OUT not_called_share double precision, OUT not_called_low double precision,
  OUT not_called_high double precision, OUT sandbagging_index double precision,
  OUT company_reliability double precision, OUT company_not_called double precision,
  OUT commit_strength double precision, OUT win_strength double precision, OUT verdict text, OUT reason text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  WITH deal AS MATERIALIZED (
    SELECT d.source_key, d.id, bool_or(d.category = 'Commit' AND d.is_due) AS is_commit, bool_or(d.category >= 'Commit') AS is_called,
           bool_or(d.is_won) AS is_won,
           (array_agg(d.owner_id ORDER BY d.mark DESC) FILTER (WHERE d.category = 'Commit' AND d.is_due))[1] AS committed_by,
           (array_agg(d.owner_id ORDER BY d.mark DESC))[1] AS owned_by
    FROM salesops.deals_at_marks(commit_reliability.as_of, commit_reliability.quarters, commit_reliability.known_at) d
    GROUP BY d.source_key, d.id, d.period::integer
  ), rep AS (
    SELECT x.source_key, x.owner_id, sum(x.commits)::bigint AS commits, sum(x.commits_won)::bigint AS commits_won,
           sum(x.wins)::bigint AS wins, sum(x.not_called)::bigint AS not_called
    FROM (SELECT d.source_key, d.committed_by AS owner_id, 1 AS commits, d.is_won::integer AS commits_won, 0 AS wins, 0 AS not_called
          FROM deal d WHERE d.is_commit
          UNION ALL
          SELECT d.source_key, d.owned_by, 0, 0, 1, (NOT coalesce(d.is_called, false))::integer FROM deal d WHERE d.is_won) x
    WHERE x.owner_id IS NOT NULL
    GROUP BY x.source_key, x.owner_id
  ), company AS MATERIALIZED (
    SELECT c.share AS won, c.strength AS commit_strength, w.share AS not_called, w.strength AS win_strength
    FROM (SELECT array_agg(r.commits_won) AS commits_won, array_agg(r.commits) AS commits, array_agg(r.not_called) AS not_called, array_agg(r.wins) AS wins
          FROM rep r) a
    LEFT JOIN LATERAL salesops.pooling_strength(a.commits_won, a.commits) c ON true
    LEFT JOIN LATERAL salesops.pooling_strength(a.not_called, a.wins) w ON true
  ), shrunken AS (
    SELECT r.source_key, r.owner_id, r.commits, r.commits_won, r.wins, r.not_called, c.won, c.commit_strength, c.not_called AS not_called_share, c.win_strength,
           r.commits_won + c.commit_strength * c.won AS won_of, r.commits + c.commit_strength AS of_commits,
           r.not_called + c.win_strength * c.not_called AS not_called_of, r.wins + c.win_strength AS of_wins
    FROM rep r CROSS JOIN company c
  ), judged AS (
    SELECT s.*, a.low, a.high, b.low AS not_called_low, b.high AS not_called_high,
           s.commits >= 5 AND a.high < s.won AS is_happy, s.commits >= 5 AND a.low > s.won AS is_sure,
           s.wins >= 5 AND b.low > s.not_called_share AS is_sandbagging
    FROM shrunken s
    CROSS JOIN LATERAL salesops.share_interval(s.won_of, s.of_commits) a
    CROSS JOIN LATERAL salesops.share_interval(s.not_called_of, s.of_wins) b
  )
  SELECT j.source_key, j.owner_id, coalesce(o.owner, '(unknown owner)'), j.commits, j.commits_won, j.won_of / j.of_commits, j.low, j.high,
         CASE WHEN j.won < 1 THEN (1 - j.won_of / j.of_commits) / (1 - j.won) END,
         j.wins, j.not_called, j.not_called_of / j.of_wins, j.not_called_low, j.not_called_high,
         CASE WHEN j.not_called_share > 0 THEN j.not_called_of / j.of_wins / j.not_called_share END,
         j.won, j.not_called_share, j.commit_strength, j.win_strength,
         CASE WHEN j.is_happy AND j.is_sandbagging THEN 'happy ears and sandbagging'
              WHEN j.is_happy THEN 'happy ears' WHEN j.is_sandbagging THEN 'sandbagging'
              WHEN j.commits < 5 THEN 'not enough history'
              WHEN j.is_sure THEN 'more reliable than the company' ELSE 'as reliable as the company' END,
         format('%s of %s commits won%s; %s of %s wins never called Commit%s',
                j.commits_won, j.commits,
                CASE WHEN j.commits < 5 THEN ', 5 commits are needed' ELSE format(' (the company: %s %%)', round((100 * j.won)::numeric, 1)) END,
                j.not_called, j.wins,
                CASE WHEN j.wins < 5 THEN ', 5 wins are needed' ELSE format(' (the company: %s %%)', round((100 * j.not_called_share)::numeric, 1)) END)
  FROM judged j
  LEFT JOIN salesops.owners(commit_reliability.as_of, commit_reliability.known_at) o ON o.source_key = j.source_key AND o.owner_id = j.owner_id
  ORDER BY j.source_key, j.owner_id;
END;
COMMENT ON FUNCTION salesops.commit_reliability(timestamptz, integer, timestamptz) IS
  'How far each rep can be taken at his word, from the latest `quarters` quarters that had ended by as_of. A commit is a deal called Commit at '
  'a mark of the quarter it was due in; reliability = share of commits won in that quarter, pulled to the company''s by commit_strength '
  'commits, with its 90 % interval; happy_ears_index = share not won over the company''s (1 = as everybody). A win not called is a deal won in the '
  'quarter that was open at a mark and Commit at none; sandbagging_index likewise. verdict says what the interval shows, reason the figures '
  'or what history is missing; NULL where nobody has a commit, or a win. known_at (NULL = as_of) as in opportunity_as_of()';
