-- The generated CRM keeps the history of forecast categories too.

CREATE FUNCTION salesops.generated_stage_category(stage int) RETURNS int
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT (ARRAY[1, 1, 1, 2, 3, 4, 5, 0])[stage];
END;
COMMENT ON FUNCTION salesops.generated_stage_category(int) IS 'Rank of the forecast category that a stage means, rising with the stage.';

CREATE OR REPLACE FUNCTION salesops.generated_deal(deals int, reps int, seed bigint, as_of timestamptz, dirt numeric, longest int[])
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

CREATE FUNCTION salesops.generated_deal_category_name(defect text, deal bigint, category int) RETURNS text
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE WHEN defect = 'unmapped_category' THEN (ARRAY['Stretch', 'In Plan'])[1 + deal % 2]
              ELSE salesops.generated_category_name(category) END;
END;
COMMENT ON FUNCTION salesops.generated_deal_category_name(text, bigint, int) IS
  'Label of the forecast category that a deal shows: of its rank, or one that no map knows.';

CREATE OR REPLACE FUNCTION salesops.generated_opportunity_stage(as_of timestamptz)
RETURNS TABLE (id text, master_label text, api_name text, default_probability double precision, forecast_category text,
               forecast_category_name text, is_active boolean, is_closed boolean, is_won boolean, sort_order int,
               _fivetran_active boolean, _fivetran_synced timestamptz)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 8
BEGIN ATOMIC
  SELECT salesops.salesforce_id('01J', s.stage),
         salesops.generated_stage_name(s.stage), salesops.generated_stage_name(s.stage),
         salesops.generated_stage_probability(s.stage)::float8,
         salesops.generated_category_api_name(s.category), salesops.generated_category_name(s.category),
         true, s.stage > 6, s.stage = 7, s.stage, true, salesops.generated_sync(as_of)
    FROM (SELECT n AS stage, salesops.generated_stage_category(n) AS category FROM generate_series(1, 8) n) AS s;
END;
COMMENT ON FUNCTION salesops.generated_opportunity_stage(timestamptz) IS
  'Stages: six open ones with rising default probability and category, won and lost.';

CREATE OR REPLACE FUNCTION salesops.generated_opportunity(deals int, reps int, seed bigint, as_of timestamptz, dirt numeric,
                                               longest int[])
RETURNS TABLE (id text, account_id text, owner_id text, name text, amount double precision, close_date timestamp,
               created_date timestamptz, stage_name text, probability double precision, forecast_category text,
               forecast_category_name text, is_closed boolean, is_won boolean, is_deleted boolean,
               expected_revenue numeric, type text, lead_source text, next_step text,
               fiscal text, fiscal_quarter int, fiscal_year int, campaign_id text, record_type_id text,
               last_activity_date timestamp, has_open_activity boolean, has_overdue_task boolean,
               has_opportunity_line_item boolean, description text, push_count int,
               last_stage_change_date timestamptz, currency_iso_code text, last_modified_date timestamptz,
               system_modstamp timestamptz, loss_reason_c text, discount_c double precision,
               list_amount_c double precision, margin_c double precision, product_c text,
               _fivetran_start timestamptz, _fivetran_end timestamptz, _fivetran_active boolean,
               _fivetran_synced timestamptz)
  LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000
BEGIN ATOMIC
  WITH
  -- Two deals in a hundred that have moved come with a superseded version as well, as they were created.
  version AS NOT MATERIALIZED (
    SELECT d.*,
           generate_series(0, (d.moves > 0 AND salesops.draw(seed, 'deal.versioned', d.deal) < 0.03)::int) AS version
      FROM salesops.generated_deal(deals, reps, seed, as_of, dirt, longest) d
    OFFSET 0),
  -- What this version of the row shows.
  shown AS NOT MATERIALIZED (
    SELECT v.*, v.version = 1 AS is_old,
           v.version = 0 AND NOT v.is_open AS shows_closed,
           CASE WHEN v.version = 1 THEN 1 WHEN v.is_open THEN v.stage WHEN v.won THEN 7 ELSE 8 END AS shown_stage,
           CASE WHEN v.version = 1 THEN 1 ELSE v.category END AS shown_category,
           CASE WHEN v.defect = 'missing_amount' THEN NULL
                WHEN v.version = 1 THEN salesops.generated_first_amount(seed, v.deal, v.amount)
                ELSE v.amount END AS shown_amount,
           CASE WHEN v.defect = 'missing_close_date' THEN NULL
                ELSE salesops.generated_day(as_of, v.close_on - v.version * v.pushes * v.push_step) END AS shown_close,
           salesops.generated_moment(as_of, v.active_until, 66600) AS modified,
           salesops.generated_moment(as_of, v.created_on,
                                     28800 + salesops.draw_int(seed, 'deal.second', v.deal, 3600)) AS created
      FROM version v
    OFFSET 0),
  -- The probability the rep states: the stage's, or five points beside it on one open deal in five.
  stated AS NOT MATERIALIZED (
    SELECT s.*,
           CASE WHEN s.defect = 'probability_scale'
                THEN (ARRAY[0.35, 0.8, 140, -5]::float8[])[1 + salesops.draw_int(seed, 'deal.odds', s.deal, 4)]
                ELSE salesops.generated_stage_probability(s.shown_stage)
                     + CASE WHEN s.shows_closed OR s.is_old THEN 0
                            ELSE salesops.draw_choice(seed, 'deal.odds', s.deal,
                                                      ARRAY[-5, 5, 0, 0, 0, 0, 0, 0, 0, 0]) END::float8
           END AS shown_probability
      FROM shown s
    OFFSET 0)
  SELECT salesops.salesforce_id('006', s.deal),
         CASE WHEN s.defect = 'missing_account' THEN NULL ELSE salesops.salesforce_id('001', s.account) END,
         CASE WHEN s.defect = 'missing_owner' THEN NULL
              -- Numbers from a thousand million on belong to no user.
              WHEN s.defect = 'owner_unknown' THEN salesops.salesforce_id('005', 1000000000 + s.deal)
              ELSE salesops.salesforce_id('005', s.owner) END,
         salesops.generated_account_name(seed, s.account) || ' - ' || salesops.generated_product_name(s.product),
         s.shown_amount::float8, s.shown_close::timestamp,
         CASE WHEN s.defect = 'unknown_start' THEN NULL ELSE s.created END,
         CASE WHEN s.is_open THEN salesops.generated_deal_stage_name(s.defect, s.shown_stage)
              ELSE salesops.generated_stage_name(s.shown_stage) END,
         s.shown_probability,
         CASE WHEN s.defect = 'unmapped_category' THEN (ARRAY['Stretch', 'InPlan'])[1 + s.deal % 2]
              ELSE salesops.generated_category_api_name(s.shown_category) END,
         salesops.generated_deal_category_name(s.defect, s.deal, s.shown_category),
         CASE WHEN s.defect = 'unmapped_stage' THEN NULL ELSE s.shows_closed END,
         CASE WHEN s.defect = 'unmapped_stage' THEN NULL ELSE s.shows_closed AND s.won END,
         s.is_deleted,
         round((s.shown_amount * s.shown_probability / 100)::numeric, 2),
         (ARRAY['New Business', 'Expansion', 'Renewal'])[s.deal_type],
         salesops.draw_label(seed, 'deal.source', s.deal,
                             ARRAY['Web', 'Web', 'Outbound', 'Outbound', 'Referral', 'Partner', 'Event']),
         CASE WHEN s.shows_closed OR s.is_old THEN NULL
              WHEN s.defect = 'missing_next_step' THEN (ARRAY[NULL, '', '  '])[1 + s.deal % 3]
              WHEN s.defect = 'vague_next_step'
              THEN salesops.draw_label(seed, 'deal.vague', s.deal,
                                       ARRAY['tbd', 'follow up', 'waiting', 'Call', 'Call them again soon', 'ASAP',
                                             'see notes', 'Send the offer next'])
              ELSE salesops.draw_label(seed, 'deal.step', s.deal,
                                       ARRAY['Call', 'Meet', 'Send the proposal to', 'Review the contract with',
                                             'Schedule a demo with', 'Confirm the budget with'])
                   || ' ' || salesops.generated_first_name(seed, 'contact', 3 * s.account - 2) || ' on '
                   || salesops.generated_day_text(as_of, 1 + salesops.draw_int(seed, 'deal.step_day', s.deal, 14))
         END,
         to_char(s.shown_close::timestamp, 'YYYY Q'),
         extract(quarter FROM s.shown_close)::int, extract(year FROM s.shown_close)::int, NULL::text, NULL::text,
         CASE WHEN s.touches > 0 AND NOT s.is_old THEN salesops.generated_day(as_of, s.last_touch_on)::timestamp END,
         s.is_open AND salesops.draw(seed, 'touch.next', s.deal) < 0.4, false, false, NULL::text,
         CASE WHEN s.is_old THEN 0 ELSE s.pushes END,
         CASE WHEN s.shows_closed THEN salesops.generated_moment(as_of, s.close_on, 61200)
              WHEN s.is_old OR s.moves = 0 THEN s.created
              ELSE salesops.generated_moment(as_of, s.last_move_on,
                                             salesops.generated_move_second(seed, s.deal, s.moves)) END,
         CASE WHEN s.defect = 'unconvertible_currency' THEN (ARRAY['SEK', 'JPY'])[1 + s.deal % 2] ELSE s.currency END,
         CASE WHEN s.is_old THEN s.created ELSE s.modified END,
         CASE WHEN s.is_old THEN s.created ELSE s.modified END,
         CASE WHEN s.shows_closed AND NOT s.won
              THEN salesops.draw_label(seed, 'deal.loss', s.deal,
                                       ARRAY['Price', 'Competitor', 'No Decision', 'No Decision', 'Timing',
                                             'Missing Feature']) END,
         CASE WHEN s.defect IN ('missing_amount', 'amount_not_positive', 'amount_off_list') THEN NULL
              ELSE s.discount END::float8,
         CASE WHEN s.defect = 'amount_not_positive' THEN NULL ELSE s.list_amount END::float8,
         (82 - s.discount - salesops.draw_int(seed, 'deal.margin', s.deal, 15))::float8,
         CASE WHEN s.defect = 'unmapped_product'
              THEN (ARRAY['Platfrom Enterprise', 'Legacy Suite', 'Analytcs'])[1 + s.deal % 3]
              ELSE salesops.generated_product_name(s.product) END,
         CASE WHEN s.is_old THEN s.created ELSE s.modified END,
         CASE WHEN s.is_old THEN s.modified - interval '1 millisecond' ELSE timestamptz '9999-12-31 23:59:59+00' END,
         NOT s.is_old, salesops.generated_sync(as_of)
    FROM stated s;
END;
COMMENT ON FUNCTION salesops.generated_opportunity(int, int, bigint, timestamptz, numeric, int[]) IS
  'Opportunities: the row of each deal, and for some a superseded version (_fivetran_active false). Amounts are in '
  'the row''s currency.';

CREATE OR REPLACE FUNCTION salesops.generated_field_history(deals int, reps int, seed bigint, as_of timestamptz, dirt numeric,
                                                 longest int[])
RETURNS TABLE (id text, opportunity_id text, created_by_id text, created_date timestamptz, field text, data_type text,
               old_value text, new_value text, is_deleted boolean, _fivetran_active boolean, _fivetran_synced timestamptz)
  LANGUAGE sql STABLE PARALLEL SAFE ROWS 20000
BEGIN ATOMIC
  WITH change AS NOT MATERIALIZED (
    SELECT d.*, generate_series(1, 12) AS number
      FROM salesops.generated_deal(deals, reps, seed, as_of, dirt, longest) d
     WHERE d.active_until >= -400
    OFFSET 0),
  happened AS NOT MATERIALIZED (
    SELECT c.*,
           CASE WHEN c.number = 6 THEN c.close_on
                WHEN c.number = 7
                THEN c.created_on + c.life / 5 + salesops.draw_int(seed, 'deal.repriced_day', c.deal, 1 + c.life * 3 / 5)
                WHEN c.number > 7
                THEN c.created_on + (c.life * (c.number - 8) + salesops.draw_int(seed, 'push.day',
                                                                 c.deal * 16::bigint + c.number, c.life + 1)) / c.pushes
                WHEN c.number = c.moves THEN c.last_move_on
                ELSE salesops.generated_move_day(seed, c.deal, c.number, c.moves, c.created_on, c.life)
           END AS day
      FROM change c
     WHERE CASE WHEN c.number <= 5 THEN c.number <= c.moves
                WHEN c.number = 6 THEN NOT c.is_open
                WHEN c.number = 7 THEN salesops.generated_first_amount(seed, c.deal, c.amount) <> c.amount
                                       AND c.defect IS DISTINCT FROM 'missing_amount'
                ELSE c.number - 7 <= c.pushes AND c.defect IS DISTINCT FROM 'missing_close_date'
           END
    OFFSET 0)
  SELECT salesops.salesforce_id('017', (c.place * 1000000000 + h.deal) * 16 + h.number), salesops.salesforce_id('006', h.deal),
         salesops.salesforce_id('005', h.owner),
         salesops.generated_moment(as_of, h.day,
           CASE WHEN h.number <= 5 THEN salesops.generated_move_second(seed, h.deal, h.number)
                WHEN h.number = 6 THEN 61200
                ELSE 57600 + h.number * 60 END),
         c.field, c.data_type, c.old_value, c.new_value, false, true, salesops.generated_sync(as_of)
    FROM happened h
   CROSS JOIN LATERAL (
    SELECT 0::bigint AS place,
           CASE WHEN h.number <= 6 THEN 'StageName' WHEN h.number = 7 THEN 'Amount' ELSE 'CloseDate' END AS field,
           CASE WHEN h.number <= 6 THEN 'DynamicEnum' WHEN h.number = 7 THEN 'Currency' ELSE 'DateOnly' END AS data_type,
           CASE WHEN h.number <= 5 THEN salesops.generated_stage_name(h.number)
                WHEN h.number = 6 THEN salesops.generated_stage_name(h.stage)
                WHEN h.number = 7 THEN salesops.generated_first_amount(seed, h.deal, h.amount)::text
                ELSE salesops.generated_day_text(as_of, h.close_on - (h.pushes - h.number + 8) * h.push_step) END AS old_value,
           CASE WHEN h.number = h.moves AND h.is_open THEN salesops.generated_deal_stage_name(h.defect, h.stage)
                WHEN h.number <= 5 THEN salesops.generated_stage_name(h.number + 1)
                WHEN h.number = 6 THEN salesops.generated_stage_name(CASE WHEN h.won THEN 7 ELSE 8 END)
                WHEN h.number = 7 THEN h.amount::text
                ELSE salesops.generated_day_text(as_of, h.close_on - (h.pushes - h.number + 7) * h.push_step) END AS new_value
    UNION ALL
    -- With a stage comes its category; what the rep thinks of the deal, he has said with the last move.
    SELECT 1, 'ForecastCategoryName', 'DynamicEnum', k.before, k.after
      FROM (SELECT salesops.generated_category_name(salesops.generated_stage_category(CASE h.number WHEN 6 THEN h.stage ELSE h.number END)) AS before,
                   CASE WHEN h.number = 6 OR h.number = h.moves AND h.is_open THEN salesops.generated_deal_category_name(h.defect, h.deal, h.category)
                        ELSE salesops.generated_category_name(salesops.generated_stage_category(h.number + 1)) END AS after) k
     WHERE h.number <= 6 AND k.before <> k.after) c
   WHERE h.day >= -400;
END;
COMMENT ON FUNCTION salesops.generated_field_history(int, int, bigint, timestamptz, numeric, int[]) IS
  'Changes of stage, forecast category, amount and close date in the last 400 days, one row each; the newest value of a field is the '
  'opportunity''s.';
