-- The facts about every generated deal, from which all its rows in all tables follow.
--
-- Nothing is stored: the facts are a pure function of the arguments, so each table that needs them computes them again,
-- which is cheaper than writing and reading a draft. Days are whole numbers counted from the day of as_of in UTC
-- (0 = that day, -1 = the day before): integers have no time zone, no daylight saving and no rounding.
--
-- These functions are plain SQL without a SET clause so that the planner inlines them and drops unused columns. OFFSET 0
-- keeps the steps apart: without it the planner would paste each expression wherever it is used and draw it again.

CREATE FUNCTION salesops.generated_plantable_rules() RETURNS text[]
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT ARRAY['missing_amount', 'missing_close_date', 'missing_stage', 'missing_owner', 'missing_account',
               'not_confirmed', 'close_date_past', 'close_date_unrealistic', 'amount_not_positive', 'amount_off_list',
               'missing_contact_role', 'missing_economic_buyer', 'missing_next_step', 'vague_next_step',
               'unmapped_stage', 'unmapped_category', 'category_conflict', 'probability_scale', 'owner_unknown',
               'owner_inactive', 'close_before_create', 'unknown_start', 'unmapped_product', 'unconvertible_currency'];
END;
COMMENT ON FUNCTION salesops.generated_plantable_rules() IS
  'The audit rules that generate_crm can break on an opportunity, in the audit''s order.';

CREATE FUNCTION salesops.generated_day(as_of timestamptz, day int) RETURNS date
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT (as_of AT TIME ZONE 'UTC')::date + day;
END;
COMMENT ON FUNCTION salesops.generated_day(timestamptz, int) IS
  'The date that lies the given number of days after as_of''s day in UTC.';

CREATE FUNCTION salesops.generated_moment(as_of timestamptz, day int, second int) RETURNS timestamptz
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT (salesops.generated_day(as_of, day)::timestamp + second * interval '1 second') AT TIME ZONE 'UTC';
END;
COMMENT ON FUNCTION salesops.generated_moment(timestamptz, int, int) IS
  'The instant at the given second of a UTC day counted from as_of''s.';

CREATE FUNCTION salesops.generated_quarter_end(as_of timestamptz, day int) RETURNS int
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT (date_trunc('quarter', salesops.generated_day(as_of, day)::timestamp) + interval '3 months')::date - 1
         - salesops.generated_day(as_of, 0);
END;
COMMENT ON FUNCTION salesops.generated_quarter_end(timestamptz, int) IS
  'The last day of the calendar quarter of the given day; both are days counted from as_of''s.';

CREATE FUNCTION salesops.generated_account_count(deals int) RETURNS int
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT greatest(deals / 8, 8);
END;
COMMENT ON FUNCTION salesops.generated_account_count(int) IS 'How many accounts share the given number of deals.';

CREATE FUNCTION salesops.generated_account_rep(seed bigint, account int, reps int) RETURNS int
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT 1 + salesops.draw_int(seed, 'account.rep', account, reps);
END;
COMMENT ON FUNCTION salesops.generated_account_rep(bigint, int, int) IS 'The number of the rep who owns an account.';

CREATE FUNCTION salesops.generated_account_segment(seed bigint, account int) RETURNS int
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT salesops.draw_choice(seed, 'account.segment', account, ARRAY[1, 1, 1, 1, 1, 2, 2, 2, 3, 3]);
END;
COMMENT ON FUNCTION salesops.generated_account_segment(bigint, int) IS
  'Segment of an account by headcount: 1 small, 2 mid-market, 3 enterprise.';

CREATE FUNCTION salesops.generated_account_currency(seed bigint, account int) RETURNS text
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT salesops.draw_label(seed, 'account.currency', account,
                             ARRAY['USD', 'USD', 'USD', 'USD', 'USD', 'USD', 'EUR', 'EUR', 'EUR', 'GBP']);
END;
COMMENT ON FUNCTION salesops.generated_account_currency(bigint, int) IS 'The currency an account buys in.';

CREATE FUNCTION salesops.generated_move_day(seed bigint, deal int, move int, moves int, created_on int, life int)
RETURNS int
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  -- The life is cut into as many equal parts as there are moves and each move falls into its own: rising without a sort.
  SELECT created_on
         + (life * (move - 1) + salesops.draw_int(seed, 'move.day', deal * 16::bigint + move, life + 1)) / moves;
END;
COMMENT ON FUNCTION salesops.generated_move_day(bigint, int, int, int, int, int) IS
  'The day of a deal''s n-th change of stage before it closes.';

CREATE FUNCTION salesops.generated_move_second(seed bigint, deal int, move int) RETURNS int
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  -- Deals are made from 08:00, move in the hours from 10:00 in order, and close at 17:00.
  SELECT (9 + move) * 3600 + salesops.draw_int(seed, 'move.second', deal * 16::bigint + move, 3600);
END;
COMMENT ON FUNCTION salesops.generated_move_second(bigint, int, int) IS
  'The second of the day of a deal''s n-th change of stage; changes of one day stay in order.';

CREATE FUNCTION salesops.generated_stage_category(stage int) RETURNS int
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT (ARRAY[1, 1, 1, 2, 3, 4, 5, 0])[stage];
END;
COMMENT ON FUNCTION salesops.generated_stage_category(int) IS 'Rank of the forecast category that a stage means, rising with the stage.';

CREATE FUNCTION salesops.generated_deal(deals int, reps int, seed bigint, as_of timestamptz, dirt numeric, longest int[])
RETURNS TABLE (deal int, account int, deal_type int, segment int, rep int, owner int, product int, currency text,
               is_open boolean, is_deleted boolean, won boolean, defect text, stage int, category int,
               list_amount bigint, discount int, amount bigint, created_on int, close_on int, active_until int,
               life int, moves int, last_move_on int, fresh_by_stage boolean, pushes int, push_step int,
               touches int, last_touch_on int)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 10000
BEGIN ATOMIC
  WITH
  -- Who buys what kind of deal, whether it is still open, and which single defect it carries.
  started AS NOT MATERIALIZED (
    SELECT s.deal,
           1 + salesops.draw_int(seed, 'deal.account', s.deal, salesops.generated_account_count(deals)) AS account,
           salesops.draw_choice(seed, 'deal.type', s.deal, ARRAY[1, 1, 1, 1, 1, 1, 2, 2, 2, 3]) AS deal_type,
           salesops.draw(seed, 'deal.open', s.deal) < 0.22 AS is_open,
           salesops.draw(seed, 'deal.deleted', s.deal) < 0.025 AS is_deleted,
           CASE WHEN salesops.draw(seed, 'deal.open', s.deal) < 0.22 THEN
             -- Each rule takes its own slice, dirt / 4 wide, of one draw; beyond the last slice the deal is clean.
             (salesops.generated_plantable_rules())
             [1 + least(trunc(salesops.draw(seed, 'deal.defect', s.deal) * 4 / nullif(dirt, 0)::float8), 1000)::int]
           END AS slice
      FROM generate_series(1, deals) AS s (deal)
    OFFSET 0),
  -- Whose customer it is. Without 30 won deals of its type there is no usual cycle to exceed: that defect is not planted.
  described AS NOT MATERIALIZED (
    SELECT s.deal, s.account, s.deal_type, s.is_open, s.is_deleted,
           nullif(s.slice, CASE WHEN longest[s.deal_type] IS NULL THEN 'close_date_unrealistic' END) AS defect,
           salesops.generated_account_segment(seed, s.account) AS segment,
           salesops.generated_account_rep(seed, s.account, reps) AS rep,
           1 + salesops.draw_int(seed, 'deal.product', s.deal, 6) AS product
      FROM started s
    OFFSET 0),
  -- How big it is, how it ended, how long it took or may take. Amounts follow a lognormal shape (sigma 0.8) round a
  -- median by segment; big deals win less; lost deals linger 1.6 times as long as won ones; both have a long tail.
  -- cycle_limit keeps a clean open deal ten days inside the 99th percentile of won cycles of its type, which leaves
  -- room for a reader whose time zone moves dates by one.
  sized AS NOT MATERIALIZED (
    SELECT d.*,
           greatest(500, (ARRAY[9000, 32000, 130000])[d.segment]::bigint
             * salesops.draw_from_curve(seed, 'deal.amount', d.deal,
                 ARRAY[125, 268, 359, 437, 510, 583, 658, 735, 817, 904, 1000,
                       1107, 1224, 1361, 1521, 1715, 1961, 2291, 2789, 3728, 11000]) / 100000 * 100) AS list_amount,
           salesops.draw_choice(seed, 'deal.discount', d.deal, ARRAY[0, 0, 0, 5, 5, 10, 10, 15, 20, 25, 30]) AS discount,
           NOT d.is_open AND salesops.draw(seed, 'deal.won', d.deal)
             < (ARRAY[0.46, 0.40, 0.34]::float8[])[d.segment] + (ARRAY[-0.04, 0.03, 0.10]::float8[])[d.deal_type]
               - 0.16::float8 * salesops.draw(seed, 'deal.amount', d.deal)
               + 0.08::float8 * (salesops.draw(seed, 'rep.skill', d.rep) - 0.5::float8) AS won,
           salesops.draw_from_curve(seed, 'deal.cycle', d.deal,
             ARRAY[10, 22, 31, 38, 45, 51, 58, 64, 71, 78, 86, 94, 103, 113, 125, 138, 155, 176, 206, 258, 420])
             * (ARRAY[700, 1000, 1400])[d.segment] / 1000 * (ARRAY[100, 80, 60])[d.deal_type] / 100 AS cycle,
           coalesce(longest[d.deal_type], 300) - 10 AS cycle_limit,
           -1 - salesops.draw_int(seed, 'deal.closed', d.deal, 730) AS closed_on
      FROM described d
    OFFSET 0),
  -- When it closed, pulled into the last days of the quarter for some; how old an open one is.
  dated AS NOT MATERIALIZED (
    SELECT s.*,
           CASE WHEN salesops.draw(seed, 'deal.pulled', s.deal) < 0.3
                THEN least(salesops.generated_quarter_end(as_of, s.closed_on)
                           - salesops.draw_int(seed, 'deal.pull', s.deal, 10), -1)
                ELSE s.closed_on
           END AS ended_on,
           greatest(1 + s.cycle_limit * salesops.draw_from_curve(seed, 'deal.age', s.deal,
                          ARRAY[0, 45, 95, 150, 210, 275, 345, 430, 530, 680, 1000]) / 1250,
                    CASE WHEN s.defect IN ('not_confirmed', 'close_date_past') THEN 45 ELSE 1 END) AS age,
           salesops.draw_from_curve(seed, 'deal.close', s.deal,
                                    ARRAY[2, 10, 20, 32, 45, 58, 72, 88, 108, 135, 180]) AS wished_on
      FROM sized s
    OFFSET 0),
  -- Its first day, its close date, and the last day on which anything happened to it.
  placed AS NOT MATERIALIZED (
    SELECT d.*,
           CASE WHEN d.is_open THEN -d.age
                ELSE d.ended_on - greatest(7, CASE WHEN d.won THEN d.cycle ELSE d.cycle * 8 / 5 END)
           END AS created_on,
           CASE WHEN NOT d.is_open THEN d.ended_on
                WHEN d.defect = 'close_date_past'
                THEN -3 - salesops.draw_int(seed, 'deal.past', d.deal, least(d.age - 10, 60))
                WHEN d.defect = 'close_before_create' THEN -d.age - 3 - salesops.draw_int(seed, 'deal.past', d.deal, 60)
                WHEN d.defect = 'close_date_unrealistic'
                THEN d.cycle_limit - d.age + 40 + salesops.draw_int(seed, 'deal.far', d.deal, 200)
                ELSE least(d.cycle_limit - d.age,
                           CASE WHEN salesops.draw(seed, 'deal.pulled', d.deal) < 0.35
                                THEN salesops.generated_quarter_end(as_of, d.wished_on)
                                ELSE d.wished_on
                           END)
           END AS close_on,
           CASE WHEN NOT d.is_open THEN d.ended_on
                WHEN d.defect = 'not_confirmed'
                THEN -10 - salesops.draw_int(seed, 'deal.quiet', d.deal, least(d.age - 20, 60))
                ELSE -1
           END AS active_until
      FROM dated d
    OFFSET 0),
  -- How far it came: an open deal stands where today lies between its first day and its close date, give or take a
  -- stage; a lost one mostly falls early, a won one was at or near the end.
  advanced AS NOT MATERIALIZED (
    SELECT p.*,
           p.active_until - p.created_on AS life,
           CASE WHEN p.is_open THEN least(greatest(6 * p.age / (p.age + greatest(p.close_on, 1))
                                                   + salesops.draw_int(seed, 'deal.stage', p.deal, 3), 1), 6)
                WHEN p.won THEN salesops.draw_choice(seed, 'deal.stage', p.deal, ARRAY[5, 6, 6, 6, 6])
                ELSE 1 + least(salesops.draw_int(seed, 'deal.stage', p.deal, 6),
                               salesops.draw_int(seed, 'deal.progress', p.deal, 6))
           END AS stage
      FROM placed p
    OFFSET 0),
  -- What the rep says of it: the stage's category, or one step beside it (optimists up, sandbaggers down), and whether
  -- the week's confirmation of an open deal is a change of stage rather than an activity.
  judged AS NOT MATERIALIZED (
    SELECT a.*,
           salesops.generated_stage_category(a.stage) AS stage_category,
           salesops.draw_int(seed, 'rep.mood', a.rep, 10) AS mood,
           salesops.draw(seed, 'deal.mood', a.deal) AS swing,
           a.is_open AND a.stage > 1 AND a.life >= 30
             AND salesops.draw(seed, 'deal.fresh', a.deal) < 0.25 AS fresh_by_stage
      FROM advanced a
    OFFSET 0)
  SELECT j.deal, j.account, j.deal_type, j.segment, j.rep,
         -- Reps who left (numbered after the active ones) still own some of what closed while they were here.
         CASE WHEN j.defect = 'owner_inactive'
                OR NOT j.is_open AND j.close_on < -180 AND salesops.draw(seed, 'deal.former', j.deal) < 0.12
              THEN reps + 1 + salesops.draw_int(seed, 'deal.former_owner', j.deal, 1 + reps / 10)
              ELSE j.rep
         END,
         j.product, salesops.generated_account_currency(seed, j.account),
         j.is_open, j.is_deleted, j.won, j.defect, j.stage,
         CASE WHEN NOT j.is_open THEN CASE WHEN j.won THEN 5 ELSE 0 END
              WHEN j.defect = 'category_conflict'
              THEN CASE WHEN j.stage_category > 2 THEN 1 WHEN j.swing < 0.3 THEN 5 ELSE 4 END
              WHEN j.swing < CASE WHEN j.mood < 3 THEN 0.5 ELSE 0.05 END THEN least(j.stage_category + 1, 4)
              WHEN j.swing > CASE WHEN j.mood = 9 THEN 0.6 ELSE 0.95 END THEN greatest(j.stage_category - 1, 1)
              ELSE j.stage_category
         END,
         j.list_amount, j.discount,
         CASE j.defect
           WHEN 'amount_not_positive' THEN -j.list_amount * salesops.draw_int(seed, 'deal.sign', j.deal, 2)
           WHEN 'amount_off_list'
           THEN j.list_amount / 100 * salesops.draw_choice(seed, 'deal.off_list', j.deal, ARRAY[20, 35, 170, 300])
           ELSE j.list_amount / 100 * (100 - j.discount)
         END,
         j.created_on, j.close_on, j.active_until, j.life, j.stage - 1,
         CASE WHEN j.stage = 1 THEN j.created_on
              WHEN j.fresh_by_stage THEN j.active_until - salesops.draw_int(seed, 'deal.fresh_day', j.deal, 5)
              ELSE salesops.generated_move_day(seed, j.deal, j.stage - 1, j.stage - 1, j.created_on, j.life)
         END,
         j.fresh_by_stage,
         salesops.draw_int(seed, 'deal.pushes', j.deal, 1 + least(j.life / 40, 5)),
         15 + 15 * salesops.draw_int(seed, 'deal.push_step', j.deal, 3),
         CASE WHEN j.is_open THEN 1 + salesops.draw_int(seed, 'deal.touches', j.deal, 3)
              ELSE salesops.draw_int(seed, 'deal.touches', j.deal, 2)
         END,
         greatest(j.created_on,
                  j.active_until - CASE WHEN j.fresh_by_stage THEN 8 + salesops.draw_int(seed, 'deal.touched', j.deal, 15)
                                        ELSE salesops.draw_int(seed, 'deal.touched', j.deal, 5)
                                   END)
    FROM judged j;
END;
COMMENT ON FUNCTION salesops.generated_deal(int, int, bigint, timestamptz, numeric, int[]) IS
  'One row of facts a generated deal: who, what, how much (whole units of its currency), its days counted from '
  'as_of''s, how far it came, and its planted defect (NULL: clean). longest is the 99th percentile of won cycles in '
  'days by deal type (new, expansion, renewal), NULL where unknown.';
