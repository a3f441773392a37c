-- The life of every generated deal, from which all its rows in all tables follow.
--
-- A deal is one process in time: it begins, moves through stages and categories, has its close date pushed and its amount
-- changed, and is won or lost. All of that is drawn for its whole life, and as_of cuts it: what lies before is in the
-- tables, how it ends is in planted_outcome. So the open deals of as_of are like those of any day of the two years before.
--
-- These functions are plain SQL without a SET clause so that the planner inlines them and drops unused columns. OFFSET 0
-- keeps the steps apart: without it the planner would paste each expression wherever it is used and draw it again.

CREATE FUNCTION salesops.generated_move_day(seed bigint, deal int, move int, parts int, created_on int, life int)
RETURNS int
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  -- The life is cut into equal parts and each move falls into its own: rising without a sort.
  SELECT created_on
         + (life * (move - 1) + salesops.draw_int(seed, 'move.day', deal * 16::bigint + move, life + 1)) / parts;
END;
COMMENT ON FUNCTION salesops.generated_move_day(bigint, int, int, int, int, int) IS
  'The day of a deal''s n-th change of stage: somewhere in the n-th of the equal parts of its life.';

CREATE FUNCTION salesops.generated_begin_second(seed bigint, deal int) RETURNS int
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT 28800 + salesops.draw_int(seed, 'deal.second', deal, 3600);
END;
COMMENT ON FUNCTION salesops.generated_begin_second(bigint, int) IS
  'The second of the day on which a deal begins: between 08:00 and 09:00.';

CREATE FUNCTION salesops.generated_move_second(seed bigint, deal int, move int) RETURNS int
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  -- Deals are made from 08:00, move in the hours from 10:00 in order, and close at 17:00.
  SELECT (9 + move) * 3600 + salesops.draw_int(seed, 'move.second', deal * 16::bigint + move, 3600);
END;
COMMENT ON FUNCTION salesops.generated_move_second(bigint, int, int) IS
  'The second of the day of a deal''s n-th change of stage; changes of one day stay in order.';

CREATE FUNCTION salesops.generated_push_delay(seed bigint, deal int, push int) RETURNS int
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT 3 + salesops.draw_int(seed, 'push.day', deal * 16::bigint + push, 12);
END;
COMMENT ON FUNCTION salesops.generated_push_delay(bigint, int, int) IS
  'How many days before it is due a deal''s close date is pushed, 3 to 14; pushes are numbered from the last one back.';

CREATE FUNCTION salesops.generated_stage_category(stage int, step int) RETURNS int
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT least(greatest((ARRAY[1, 1, 1, 2, 3, 4])[stage] + step, 1), 4);
END;
COMMENT ON FUNCTION salesops.generated_stage_category(int, int) IS
  'What a rep calls an open deal: the category of its stage, or one step beside it.';

CREATE FUNCTION salesops.generated_deal(deals int, reps int, seed bigint, as_of timestamptz, dirt numeric, longest int[],
                                        every int DEFAULT 1)
RETURNS TABLE (deal int, account int, deal_type int, segment int, rep int, owner int, product int, currency text,
               is_open boolean, is_deleted boolean, wins boolean, defect text, stage int, category_step int, category int,
               list_amount bigint, discount int, first_amount bigint, amount bigint, repriced_on int,
               created_on int, ends_on int, life int, active_until int,
               parts int, moves int, pushes int, pushes_left int, push_step int, due_on int, close_on int,
               last_touch_on int)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 10000
BEGIN ATOMIC
  -- What only the result needs is drawn at the end: each step copies the columns of the one before.
  WITH
  -- Who buys what kind of deal.
  started AS NOT MATERIALIZED (
    SELECT s.deal,
           1 + salesops.draw_int(seed, 'deal.account', s.deal, salesops.generated_account_count(deals)) AS account,
           salesops.draw_choice(seed, 'deal.type', s.deal, ARRAY[1, 1, 1, 1, 1, 1, 2, 2, 2, 3]) AS deal_type
      FROM generate_series(1, deals, every) AS s (deal)
    OFFSET 0),
  described AS NOT MATERIALIZED (
    SELECT s.*, salesops.generated_account_segment(seed, s.account) AS segment,
           salesops.generated_account_rep(seed, s.account, reps) AS rep
      FROM started s
    OFFSET 0),
  -- How it will end and how long it takes: big deals win less, lost deals linger.
  fated AS NOT MATERIALIZED (
    SELECT d.*,
           salesops.draw(seed, 'deal.won', d.deal)
             < (ARRAY[0.46, 0.40, 0.34]::float8[])[d.segment] + (ARRAY[-0.04, 0.03, 0.10]::float8[])[d.deal_type]
               - 0.16::float8 * salesops.draw(seed, 'deal.amount', d.deal)
               + 0.08::float8 * (salesops.draw(seed, 'rep.skill', d.rep) - 0.5::float8) AS wins
      FROM described d
    OFFSET 0),
  timed AS NOT MATERIALIZED (
    SELECT f.*,
           CASE WHEN f.wins
                THEN salesops.draw_from_curve(seed, 'deal.cycle', f.deal,
                       ARRAY[12, 25, 36, 44, 52, 59, 67, 74, 82, 90, 99,
                             108, 118, 130, 144, 159, 178, 202, 237, 297, 480]) * (ARRAY[700, 1000, 1400])[f.segment]
                ELSE salesops.draw_from_curve(seed, 'deal.cycle', f.deal,
                       ARRAY[15, 50, 76, 100, 121, 140, 157, 173, 189, 204, 219,
                             233, 247, 261, 275, 289, 303, 318, 334, 352, 375]) * (ARRAY[800, 1000, 1100])[f.segment]
           END / 1000 * (ARRAY[100, 80, 60])[f.deal_type] / 100 AS cycle
      FROM fated f
    OFFSET 0),
  -- When it ends: on any day from two years ago until as far ahead as it takes, so that deals begin at an even rate and
  -- as_of cuts them as any day before would have. Some are pulled into the last days of a quarter. Nothing closes on the
  -- day of as_of and the next, which are one day or the other by the time zone.
  scheduled AS NOT MATERIALIZED (
    SELECT t.*, salesops.draw_int(seed, 'deal.end', t.deal, 730 + t.cycle) - 730 AS wanted_on FROM timed t OFFSET 0),
  pulled AS NOT MATERIALIZED (
    SELECT s.*,
           CASE WHEN salesops.draw(seed, 'deal.pulled', s.deal) < 0.3
                THEN salesops.generated_quarter_end(as_of, s.wanted_on) - salesops.draw_int(seed, 'deal.pull', s.deal, 10)
           END AS pulled_on
      FROM scheduled s
    OFFSET 0),
  ended AS NOT MATERIALIZED (
    SELECT p.deal, p.account, p.deal_type, p.segment, p.rep, p.wins, p.wanted_on - p.cycle AS created_on,
           CASE WHEN p.pulled_on > p.wanted_on
                     AND p.pulled_on - p.wanted_on + p.cycle <= (ARRAY[390, 310, 230])[p.deal_type]
                THEN p.pulled_on ELSE p.wanted_on END AS ends_on
      FROM pulled p
    OFFSET 0),
  -- Which single defect an open deal carries: each rule takes its own slice, dirt / 4 wide, of one draw; beyond the last
  -- slice the deal is clean. Without 30 won deals of its type there is no usual cycle to exceed.
  planted AS NOT MATERIALIZED (
    SELECT e.deal, e.account, e.deal_type, e.segment, e.rep, e.wins, e.created_on, e.ends_on >= 0 AS is_open,
           e.ends_on + CASE WHEN e.ends_on >= 0 THEN 2 ELSE 0 END AS ends_on,
           CASE WHEN e.ends_on >= 0
                THEN nullif((salesops.generated_plantable_rules())
                              [1 + least(trunc(salesops.draw(seed, 'deal.defect', e.deal) * 4 / nullif(dirt, 0)::float8), 1000)::int],
                            CASE WHEN longest[e.deal_type] IS NULL THEN 'close_date_unrealistic' END)
           END AS defect
      FROM ended e
    OFFSET 0),
  -- A clean open deal stays ten days inside the 99th percentile of won cycles of its type, which leaves room for a reader
  -- whose time zone moves dates by one: of the few that are too old the beginning is moved. Some defects take time to show.
  begun AS NOT MATERIALIZED (
    SELECT p.deal, p.account, p.deal_type, p.segment, p.rep, p.wins, p.is_open, p.ends_on, p.defect,
           CASE WHEN NOT p.is_open THEN p.created_on
                ELSE -greatest(1 + (-p.created_on - 1) % greatest(coalesce(longest[p.deal_type], 300) - 30, 50),
                               CASE WHEN p.defect IN ('not_confirmed', 'close_date_past') THEN 45 ELSE 1 END)
           END AS created_on
      FROM planted p
    OFFSET 0),
  -- Until when anything happened to it, on which day it is due in the end (some close before it), and in how many stages it
  -- lives: a won deal ends at or near the last one, a lost one anywhere before, and hangs there.
  placed AS NOT MATERIALIZED (
    SELECT b.*,
           CASE WHEN NOT b.is_open THEN b.ends_on
                WHEN b.defect = 'not_confirmed'
                THEN -10 - salesops.draw_int(seed, 'deal.quiet', b.deal, least(-b.created_on - 20, 60))
                ELSE -1
           END AS active_until,
           CASE b.defect
                WHEN 'close_date_past' THEN -3 - salesops.draw_int(seed, 'deal.past', b.deal, least(-b.created_on - 10, 60))
                WHEN 'close_before_create' THEN b.created_on - 3 - salesops.draw_int(seed, 'deal.past', b.deal, 60)
                WHEN 'close_date_unrealistic'
                THEN b.created_on + longest[b.deal_type] + 30 + salesops.draw_int(seed, 'deal.far', b.deal, 200)
                ELSE least(b.ends_on + CASE WHEN salesops.draw(seed, 'deal.early', b.deal) < 0.3
                                            THEN salesops.draw_int(seed, 'deal.early_days', b.deal, 46) ELSE 0 END,
                           CASE WHEN b.is_open THEN b.created_on + coalesce(longest[b.deal_type], 300) - 10 END)
           END AS last_due_on,
           15 + 15 * salesops.draw_int(seed, 'deal.push_step', b.deal, 3) AS push_step,
           CASE WHEN b.wins THEN salesops.draw_choice(seed, 'deal.stage', b.deal, ARRAY[4, 5, 5, 5, 5])
                ELSE salesops.draw_choice(seed, 'deal.stage', b.deal, ARRAY[1, 1, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 6])
           END AS parts
      FROM begun b
    OFFSET 0),
  -- How often its close date is pushed (lost deals more often), and how many pushes as_of has not seen yet: a push comes
  -- 3 to 14 days before the deal is due, so the n-th from the end is to come if n steps and that delay still fit in.
  -- moved: the changes of stage that as_of has seen for sure; the next one may be today's.
  pushed AS NOT MATERIALIZED (
    SELECT p.*,
           CASE WHEN p.defect IN ('not_confirmed', 'close_date_past', 'close_before_create', 'close_date_unrealistic') THEN 0
                ELSE salesops.draw_int(seed, 'deal.pushes', p.deal,
                                       1 + least(greatest(p.last_due_on - p.created_on - 15, 0) / p.push_step,
                                                 CASE WHEN p.wins THEN 2 ELSE 5 END))
           END AS all_pushes,
           greatest(p.last_due_on - p.active_until - 1, 0) / p.push_step AS fitting,
           (p.active_until - p.created_on) * p.parts / (p.ends_on - p.created_on) AS moved
      FROM placed p
    OFFSET 0),
  -- What the rep says of it: the stage's category, or one step beside it. Reps know something of how it will end;
  -- optimists go up, sandbaggers down whatever they know. Three in ten deals change their amount on the way.
  judged AS NOT MATERIALIZED (
    SELECT p.*,
           least(p.all_pushes,
                 p.fitting - (p.fitting > 0
                              AND p.fitting * p.push_step + salesops.generated_push_delay(seed, p.deal, p.fitting)
                                    >= p.last_due_on - p.active_until)::int) AS pushes_left,
           least(p.parts - 1 + p.wins::int,
                 p.moved + (p.is_open
                            AND salesops.generated_move_day(seed, p.deal, p.moved + 1, p.parts, p.created_on,
                                                            p.ends_on - p.created_on) <= p.active_until)::int) AS moves,
           CASE WHEN salesops.draw(seed, 'deal.mood', p.deal)
                     < CASE WHEN p.wins THEN 0.3 ELSE 0.05 END
                       + CASE WHEN salesops.draw_int(seed, 'rep.mood', p.rep, 10) < 3 THEN 0.4 ELSE 0 END THEN 1
                WHEN salesops.draw(seed, 'deal.mood', p.deal)
                     > CASE WHEN salesops.draw_int(seed, 'rep.mood', p.rep, 10) = 9 THEN 0.5 WHEN p.wins THEN 0.95 ELSE 0.85 END
                THEN -1 ELSE 0
           END AS category_step,
           greatest(500, (ARRAY[9000, 32000, 130000])[p.segment]::bigint
             -- A lognormal shape (sigma 0.8) round a median by segment.
             * salesops.draw_from_curve(seed, 'deal.amount', p.deal,
                 ARRAY[125, 268, 359, 437, 510, 583, 658, 735, 817, 904, 1000,
                       1107, 1224, 1361, 1521, 1715, 1961, 2291, 2789, 3728, 11000]) / 100000 * 100) AS list_amount,
           salesops.draw_choice(seed, 'deal.discount', p.deal, ARRAY[0, 0, 0, 5, 5, 10, 10, 15, 20, 25, 30]) AS discount,
           CASE WHEN p.defect IN ('missing_amount', 'amount_not_positive', 'amount_off_list') THEN 100
                ELSE salesops.draw_choice(seed, 'deal.repriced', p.deal,
                                          ARRAY[80, 90, 120, 100, 100, 100, 100, 100, 100, 100]) END AS first_percent,
           p.created_on + (p.ends_on - p.created_on) / 5
             + salesops.draw_int(seed, 'deal.repriced_day', p.deal, 1 + (p.ends_on - p.created_on) * 3 / 5) AS repriced_on
      FROM pushed p
    OFFSET 0),
  shown AS NOT MATERIALIZED (
    SELECT j.*, j.last_due_on - j.pushes_left * j.push_step AS due_on,
           CASE WHEN j.moves = 0 THEN j.created_on
                ELSE salesops.generated_move_day(seed, j.deal, j.moves, j.parts, j.created_on, j.ends_on - j.created_on)
           END AS last_move_on,
           j.list_amount / 100 * (100 - j.discount) AS last_amount
      FROM judged j
    OFFSET 0)
  SELECT j.deal, j.account, j.deal_type, j.segment, j.rep,
         -- Reps who left (numbered after the active ones) still own some of what closed while they were here.
         CASE WHEN j.defect = 'owner_inactive'
                OR NOT j.is_open AND j.ends_on < -180 AND salesops.draw(seed, 'deal.former', j.deal) < 0.12
              THEN reps + 1 + salesops.draw_int(seed, 'deal.former_owner', j.deal, 1 + reps / 10)
              ELSE j.rep
         END,
         1 + salesops.draw_int(seed, 'deal.product', j.deal, 6), salesops.generated_account_currency(seed, j.account),
         j.is_open, salesops.draw(seed, 'deal.deleted', j.deal) < 0.025, j.wins, j.defect, 1 + j.moves, j.category_step,
         CASE WHEN NOT j.is_open THEN CASE WHEN j.wins THEN 5 ELSE 0 END
              WHEN j.defect = 'category_conflict'
              THEN CASE WHEN j.moves > 3 THEN 1 WHEN salesops.draw(seed, 'deal.mood', j.deal) < 0.3 THEN 5 ELSE 4 END
              ELSE salesops.generated_stage_category(1 + j.moves, j.category_step)
         END,
         j.list_amount, j.discount, j.last_amount * j.first_percent / 100,
         CASE j.defect
           WHEN 'amount_not_positive' THEN -j.list_amount * salesops.draw_int(seed, 'deal.sign', j.deal, 2)
           WHEN 'amount_off_list'
           THEN j.list_amount / 100 * salesops.draw_choice(seed, 'deal.off_list', j.deal, ARRAY[20, 35, 170, 300])
           ELSE j.last_amount * CASE WHEN j.repriced_on > j.active_until THEN j.first_percent ELSE 100 END / 100
         END,
         CASE WHEN j.first_percent <> 100 AND j.repriced_on <= j.active_until THEN j.repriced_on END,
         j.created_on, j.ends_on, j.ends_on - j.created_on, j.active_until, j.parts, j.moves,
         j.all_pushes - j.pushes_left, j.pushes_left, j.push_step, j.due_on,
         CASE WHEN j.is_open THEN j.due_on ELSE j.ends_on END,
         -- The week's confirmation is an activity, or for some that have just moved the change of stage alone.
         greatest(j.created_on,
                  j.active_until - CASE WHEN j.is_open AND j.last_move_on > j.active_until - 5 AND j.moves > 0
                                             AND salesops.draw(seed, 'deal.fresh', j.deal) < 0.5
                                        THEN 8 + salesops.draw_int(seed, 'deal.touched', j.deal, 15)
                                        ELSE salesops.draw_int(seed, 'deal.touched', j.deal, 5)
                                   END)
    FROM shown j;
END;
COMMENT ON FUNCTION salesops.generated_deal(int, int, bigint, timestamptz, numeric, int[], int) IS
  'One row of facts a generated deal: who, what, how much (whole units of its currency), its days counted from '
  'as_of''s, how it ends (wins, ends_on: of an open deal still to come) and how far it has come, and its planted defect '
  '(NULL: clean). longest is the 99th percentile of won cycles in days by deal type (new, expansion, renewal), NULL where '
  'unknown. every = 100: of every hundredth deal only.';

-- The 99th percentile of won cycles by deal type, in days, from at least 30 won deals; what was won, for the quotas.
CREATE FUNCTION salesops.generated_history(deals int, reps int, seed bigint, as_of timestamptz)
RETURNS TABLE (longest int[], won_amount bigint)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
  WITH cycle AS (
    SELECT d.deal_type,
           CASE WHEN count(*) >= 30
                THEN percentile_disc(0.99) WITHIN GROUP (ORDER BY d.ends_on - d.created_on) END AS longest,
           sum(d.amount)::bigint AS amount
      FROM salesops.generated_deal(deals, reps, seed, as_of, 0, NULL) d
     WHERE d.wins AND NOT d.is_open AND NOT d.is_deleted
     GROUP BY d.deal_type)
  SELECT array_agg(c.longest ORDER BY t), coalesce(sum(c.amount), 0)::bigint
    FROM generate_series(1, 3) t LEFT JOIN cycle c ON c.deal_type = t;
END;
COMMENT ON FUNCTION salesops.generated_history(int, int, bigint, timestamptz) IS
  'What the closed deals say: the 99th percentile of won cycles in days by deal type (NULL below 30 won deals), and '
  'the amount won.';
