-- What speaks for doing something about a deal or an account: signals, the rules they meet, and what an action is worth.
--
-- Worth: amount x what a deal wins more often that is without the signal. That is learned: of the deals that stood open at marks of past quarters,
-- the win rates (standing_rates()) of those like this one, and of those like it but for the class that the signal is about: idle time, age,
-- pushes. It says what was, not what causes what. Where the past cannot tell the two apart there is no worth, and a reason; such actions
-- come after those that are worth something, by amount.

CREATE FUNCTION salesops.account_contact(as_of timestamptz, known_at timestamptz, OUT source_key text, OUT account_id text, OUT last_at timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH activity AS (
    SELECT a.source_key, a.account_id, a.opportunity_id, a.happened_at FROM salesops.activity a
    WHERE a.recorded_at <= account_contact.known_at AND a.happened_at <= account_contact.as_of AND NOT a.is_deleted
    UNION ALL
    -- Activities that are other now, as they were known.
    SELECT h.source_key, h.account_id, h.opportunity_id, h.happened_at
    FROM salesops.activity a
    CROSS JOIN LATERAL (SELECT x.* FROM salesops.activity_history x
                        WHERE x.source_key = a.source_key AND x.id = a.id AND x.recorded_at <= account_contact.known_at
                        ORDER BY x.effective_at DESC, x.recorded_at DESC LIMIT 1) h
    WHERE a.recorded_at > account_contact.known_at AND h.happened_at <= account_contact.as_of AND NOT h.is_deleted
  )
  SELECT l.source_key, l.account_id, max(l.happened_at)
  FROM (SELECT a.source_key, coalesce(a.account_id, o.account_id) AS account_id, a.happened_at
        FROM activity a
        LEFT JOIN salesops.opportunity_as_of(account_contact.as_of, account_contact.known_at) o
          ON a.account_id IS NULL AND o.source_key = a.source_key AND o.id = a.opportunity_id
        UNION ALL
        SELECT c.source_key, c.id, c.last_activity_at FROM salesops.account_as_of(account_contact.as_of, account_contact.known_at) c
        WHERE c.last_activity_at <= account_contact.as_of) l
  WHERE l.account_id IS NOT NULL
  GROUP BY l.source_key, l.account_id;
END;
COMMENT ON FUNCTION salesops.account_contact(timestamptz, timestamptz) IS
  'When the last activity with an account, or with a deal of it, took place up to an instant, as known at another: of the activities, and as the account states it; accounts '
  'without one have no row';

CREATE FUNCTION salesops.action_signals(
  as_of timestamptz, known_at timestamptz DEFAULT NULL,
  OUT signal text, OUT key text, OUT object_kind text, OUT source_key text, OUT object_id text, OUT owner_id text, OUT value numeric, OUT says text,
  OUT amount numeric, OUT stage text, OUT stage_label text, OUT tier integer, OUT score integer, OUT cell text[])
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000
SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  SELECT salesops.check_instant(action_signals.as_of);
  WITH g AS MATERIALIZED (
    SELECT salesops.local_date(action_signals.as_of) AS day, coalesce(action_signals.known_at, action_signals.as_of) AS known_at
  ), account AS MATERIALIZED (
    SELECT a.source_key, a.id, a.owner_id, salesops.total(a.score) AS score, salesops.tier(a.score) AS tier
    FROM g CROSS JOIN LATERAL salesops.account_scores(action_signals.as_of, g.known_at) a
  ), bound AS MATERIALIZED (
    SELECT b.segment, b.bound FROM g CROSS JOIN LATERAL salesops.standing_segment_bounds(action_signals.as_of, g.known_at) b
    WHERE b.flag = 'stalled' AND b.bound IS NOT NULL
  ), deal AS MATERIALIZED (
    SELECT d.source_key, d.id, d.account_id, d.owner_id,
           -- NaN and infinity would come before everything.
           CASE WHEN d.corporate_amount > '-Infinity' AND d.corporate_amount < 'Infinity' THEN d.corporate_amount END AS amount,
           d.stage, d.stage_label, d.idle_days, d.stage_days, a.score, a.tier,
           -- As deal_risk() classes them.
           ARRAY[d.category::text, salesops.pushes_class(d.pushes), salesops.idle_class(d.idle_days), salesops.age_class(d.age_days, coalesce(o.bound, b.bound))] AS cell
    FROM g CROSS JOIN salesops.open_deals_at(ARRAY[action_signals.as_of], g.known_at) d
    LEFT JOIN account a ON a.source_key = d.source_key AND a.id = d.account_id
    LEFT JOIN bound o ON o.segment = coalesce(d.segment, '(unknown)')
    LEFT JOIN bound b ON b.segment = '(all)'
  ), finding AS MATERIALIZED (
    SELECT f.rule, f.object_kind, f.source_key, f.object_id, g.day - salesops.local_date(f.first_seen_at) AS days,
           format('%s: found on %s%s', coalesce(r.description, f.rule), to_char(salesops.local_date(f.first_seen_at), 'YYYY-MM-DD'), coalesce(', ' || left(f.value, 200), '')) AS says
    FROM g CROSS JOIN salesops.finding f
    LEFT JOIN salesops.audit_rules(action_signals.as_of) r ON r.name = f.rule
    WHERE f.first_seen_at <= action_signals.as_of AND (f.resolved_at IS NULL OR f.resolved_at > action_signals.as_of)
      AND f.object_kind IN ('opportunity', 'account')
  ), resting AS MATERIALIZED (
    SELECT a.*, c.last_at FROM g CROSS JOIN account a
    LEFT JOIN LATERAL (SELECT x.* FROM salesops.account_contact(action_signals.as_of, g.known_at) x) c ON c.source_key = a.source_key AND c.account_id = a.id
    WHERE NOT EXISTS (SELECT FROM deal d WHERE d.source_key = a.source_key AND d.account_id = a.id)
  )
  SELECT 'finding', f.rule, f.object_kind, f.source_key, f.object_id, d.owner_id, f.days::numeric, f.says, d.amount, d.stage, d.stage_label, d.tier, d.score, d.cell
  FROM finding f JOIN deal d ON f.object_kind = 'opportunity' AND d.source_key = f.source_key AND d.id = f.object_id
  UNION ALL
  SELECT 'finding', f.rule, f.object_kind, f.source_key, f.object_id, a.owner_id, f.days, f.says, NULL, NULL, NULL, a.tier, a.score, NULL
  FROM finding f JOIN account a ON f.object_kind = 'account' AND a.source_key = f.source_key AND a.id = f.object_id
  UNION ALL
  SELECT 'risk', r.flag, 'opportunity', r.source_key, r.id, d.owner_id, r.value, r.reason, d.amount, d.stage, d.stage_label, d.tier, d.score, d.cell
  FROM g CROSS JOIN salesops.deal_risk(action_signals.as_of, g.known_at) r JOIN deal d ON d.source_key = r.source_key AND d.id = r.id
  UNION ALL
  SELECT 'score', CASE WHEN m.change > 0 THEN 'rise' ELSE 'fall' END, 'account', m.source_key, m.id, a.owner_id, abs(m.change),
         format('score %s, a week ago %s: %s', salesops.total(m.new_score), salesops.total(m.old_score), m.says), NULL, NULL, NULL, a.tier, a.score, NULL
  FROM salesops.score_movement(action_signals.as_of - interval '7 days', action_signals.as_of) m
  JOIN account a ON a.source_key = m.source_key AND a.id = m.id
  WHERE m.change <> 0
  UNION ALL
  SELECT 'idle', 'deal', 'opportunity', d.source_key, d.id, d.owner_id, d.idle_days, format('nothing has happened for %s days', d.idle_days),
         d.amount, d.stage, d.stage_label, d.tier, d.score, d.cell
  FROM deal d WHERE d.idle_days IS NOT NULL
  UNION ALL
  SELECT 'stage', 'deal', 'opportunity', d.source_key, d.id, d.owner_id, d.stage_days, format('%s days in stage %s', d.stage_days, coalesce(d.stage_label, d.stage, '(unknown)')),
         d.amount, d.stage, d.stage_label, d.tier, d.score, d.cell
  FROM deal d WHERE d.stage_days IS NOT NULL
  UNION ALL
  SELECT 'idle', CASE WHEN r.last_at IS NULL THEN 'untouched' ELSE 'account' END, 'account', r.source_key, r.id, r.owner_id, g.day - salesops.local_date(r.last_at),
         format('tier %s account (score %s) without an open deal, %s', r.tier, r.score,
                CASE WHEN r.last_at IS NULL THEN 'no activity is known' ELSE format('last activity %s days ago', g.day - salesops.local_date(r.last_at)) END),
         NULL, NULL, NULL, r.tier, r.score, NULL
  FROM g CROSS JOIN resting r;
END;
COMMENT ON FUNCTION salesops.action_signals(timestamptz, timestamptz) IS
  'What speaks for doing something as of an instant, a row a signal and object. finding: open findings about deals and accounts, value = days since; risk: deal_risk(); score: kept '
  'scores that rose or fell in seven days, value = points; idle: days without anything, of open deals (deal) and of accounts without one (account; untouched: no activity is '
  'known, value NULL); stage: days in the stage. amount in corporate currency, NULL = unknown or an account; cell: how risk_rates() classes the deal. known_at (NULL = as_of) '
  'as in opportunity_as_of()';

-- Which class of a cell a signal is about, and what it is without the signal.
CREATE FUNCTION salesops.signal_class(signal text, key text, OUT depth integer, OUT otherwise text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT c.depth, c.otherwise
  FROM (SELECT) one
  LEFT JOIN (VALUES ('risk', 'likely_to_push', 2, 'never pushed'), ('idle', 'deal', 3, 'idle up to 14 days'), ('finding', 'not_confirmed', 3, 'idle up to 14 days'),
                    ('risk', 'stalled', 4, 'of usual age'), ('risk', 'zombie', 4, 'of usual age')) AS c(signal, key, depth, otherwise)
    ON c.signal = signal_class.signal AND c.key = signal_class.key;
END;
COMMENT ON FUNCTION salesops.signal_class(text, text) IS
  'Which class of a cell of risk_rates() (2 pushes, 3 idle time, 4 age) a signal is about, and the class of deals without it; NULL = none: the past does not tell them apart';

CREATE FUNCTION salesops.action_candidates(
  as_of timestamptz, known_at timestamptz DEFAULT NULL,
  OUT rule text, OUT signal text, OUT key text, OUT object_kind text, OUT source_key text, OUT object_id text, OUT owner_id text,
  OUT what text, OUT why text, OUT due_date date, OUT amount numeric, OUT uplift numeric, OUT expected_value numeric, OUT no_value_because text,
  OUT weight numeric, OUT score integer, OUT rank bigint)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000
SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  WITH rate AS MATERIALIZED (
    SELECT r.cell, r.deals, r.rate FROM salesops.standing_rates(action_candidates.as_of, action_candidates.known_at) r WHERE r.question = 'won'
  ), matched AS MATERIALIZED (
    SELECT r.name AS rule, r.what, r.due_days, r.weight, s.*, c.depth, c.otherwise
    FROM salesops.action_signals(action_candidates.as_of, action_candidates.known_at) s
    JOIN salesops.action_rules(action_candidates.as_of) r ON r.signal = s.signal AND r.key = s.key
    CROSS JOIN LATERAL salesops.signal_class(s.signal, s.key) c
    WHERE r.is_enabled AND s.owner_id IS NOT NULL
      AND (r.bound IS NULL OR s.value >= r.bound) AND (r.min_amount IS NULL OR s.amount >= r.min_amount) AND (r.tiers IS NULL OR s.tier = ANY (r.tiers))
      AND (r.stages IS NULL OR EXISTS (SELECT FROM unnest(r.stages) t(stage) WHERE lower(t.stage) IN (lower(s.stage), lower(s.stage_label))))
  ), learned AS MATERIALIZED (
    -- Each pair of cells is looked up once.
    SELECT p.cell, p.depth, p.otherwise, coalesce(w.deals, 0) AS deals_with, w.rate AS rate_with, coalesce(o.deals, 0) AS deals_without, o.rate AS rate_without
    FROM (SELECT DISTINCT m.cell[1:m.depth] AS cell, m.depth, m.otherwise FROM matched m WHERE m.depth IS NOT NULL AND m.cell[1] IS NOT NULL) p
    LEFT JOIN rate w ON w.cell = p.cell
    LEFT JOIN rate o ON o.cell = p.cell[1:p.depth - 1] || p.otherwise
  ), valued AS (
    SELECT m.*, l.deals_with, l.rate_with, l.deals_without, l.rate_without,
           CASE WHEN m.object_kind = 'account' THEN 'an account has no amount'
                WHEN m.amount IS NULL THEN 'the amount is unknown'
                WHEN m.depth IS NULL THEN 'the past does not tell deals with this from those without'
                WHEN m.cell[1] IS NULL THEN 'the forecast category is unknown'
                WHEN m.cell[m.depth] = m.otherwise THEN format('the deal counts as %s', m.otherwise)
                WHEN least(l.deals_with, l.deals_without) < 20
                THEN format('%s past deals were like it, %s were %s instead: 20 of each are needed', l.deals_with, l.deals_without, m.otherwise) END AS no_value_because
    FROM matched m
    LEFT JOIN learned l ON l.cell = m.cell[1:m.depth] AND l.depth = m.depth AND l.otherwise = m.otherwise
  ), priced AS (
    SELECT v.*, CASE WHEN v.no_value_because IS NULL THEN round((v.rate_without - v.rate_with)::numeric, 4) END AS uplift
    FROM valued v
  ), heard AS (
    -- Called useless by this rep about this object: nothing for 30 days, then half its weight, all of it again after 60.
    SELECT a.rule, a.source_key, a.object_kind, a.object_id, a.owner_id,
           min(least((salesops.local_date(action_candidates.as_of) - salesops.local_date(f.given_at))::numeric / 60, 1)) AS factor
    FROM salesops.next_action a JOIN salesops.action_feedback f ON f.action_id = a.action_id
    WHERE f.feedback = 'useless' AND f.given_at <= action_candidates.as_of AND f.recorded_at <= coalesce(action_candidates.known_at, action_candidates.as_of)
    GROUP BY 1, 2, 3, 4, 5
  ), weighed AS (
    SELECT p.*, round(p.amount * p.uplift, 2) AS expected_value, p.weight * coalesce(h.factor, 1) AS heard_weight
    FROM priced p
    LEFT JOIN heard h ON h.rule = p.rule AND h.source_key = p.source_key AND h.object_kind = p.object_kind AND h.object_id = p.object_id AND h.owner_id = p.owner_id
  )
  SELECT w.rule, w.signal, w.key, w.object_kind, w.source_key, w.object_id, w.owner_id, w.what,
         w.says || CASE WHEN w.uplift IS NULL THEN ''
                        ELSE format('. Of %s past deals like it (%s) %s %% were won in time, of %s that were %s %s %%', w.deals_with, array_to_string(w.cell[1:w.depth], ', '),
                                    round((100 * w.rate_with)::numeric, 1), w.deals_without, w.otherwise, round((100 * w.rate_without)::numeric, 1)) END,
         salesops.add_working_days(salesops.local_date(action_candidates.as_of), w.due_days),
         w.amount, w.uplift, w.expected_value, w.no_value_because, w.heard_weight, w.score,
         row_number() OVER (PARTITION BY w.source_key, w.owner_id
                            ORDER BY CASE WHEN w.expected_value > 0 THEN 1 WHEN w.expected_value IS NULL THEN 2 ELSE 3 END,
                                     w.expected_value * w.heard_weight DESC, w.amount * w.heard_weight DESC NULLS LAST, w.score * w.heard_weight DESC NULLS LAST,
                                     w.object_kind COLLATE "C" DESC, w.object_id COLLATE "C", w.rule COLLATE "C")
  FROM weighed w;
END;
COMMENT ON FUNCTION salesops.action_candidates(timestamptz, timestamptz) IS
  'Everything that the rules of next best actions ask for as of an instant, before a rep''s day is full: what, why, by when, and what it is worth. uplift = win rate of past deals '
  'without the signal less that of those like this one, expected_value = amount x uplift; NULL where the past does not tell, no_value_because says why. weight = that of the rule, '
  'lowered where the rep called it useless about this object in the last 60 days. rank: of a rep, worth something first, by expected value x weight; then what is not known, by '
  'amount x weight and then score; last what is worth nothing. Objects without an owner are left out. known_at (NULL = as_of) as in opportunity_as_of()';
