-- The rows of the generated CRM that follow from deals: opportunities, their field history, contacts' roles, activities
-- and leads. Each function takes the arguments of generated_deal and reads the facts it needs from it.
--
-- A deal carries at most one planted defect. It shows here as a wrong value in an otherwise plausible row, so an audit
-- can neither miss it nor find a second one, but for a close date before the creation, which is past as well.

CREATE FUNCTION salesops.generated_deal_stage_name(defect text, stage int) RETURNS text
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE WHEN defect = 'missing_stage' THEN NULL
              WHEN defect = 'unmapped_stage' THEN (ARRAY['Parked', 'Verbal Yes', 'Legacy Stage 3'])[1 + stage % 3]
              ELSE salesops.generated_stage_name(stage) END;
END;
COMMENT ON FUNCTION salesops.generated_deal_stage_name(text, int) IS
  'The stage label an open deal shows: its stage''s, none, or one that opportunity_stage does not know.';

CREATE FUNCTION salesops.generated_day_text(as_of timestamptz, day int) RETURNS text
  LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  -- Not a cast, whose spelling would follow the session's DateStyle.
  SELECT to_char(salesops.generated_day(as_of, day)::timestamp, 'YYYY-MM-DD');
END;
COMMENT ON FUNCTION salesops.generated_day_text(timestamptz, int) IS
  'The date that lies the given number of days after as_of''s day in UTC, as YYYY-MM-DD.';

-- Numbers within a deal: 0 its beginning, 1 to 5 changes of stage, 6 the closing, 7 the change of amount, 8 to 12 pushes of the close date,
-- 13 to 15 the changes of category that go with the third to fifth change of stage, 16 and 17 category and close date at
-- the closing.
CREATE FUNCTION salesops.generated_change(deals int, reps int, seed bigint, as_of timestamptz, dirt numeric, longest int[],
                                          of_versioned boolean)
RETURNS TABLE (deal int, owner int, number int, day int, second int, field text, old_value text, new_value text,
               stage int, category int, amount bigint, close_on int)
  LANGUAGE sql STABLE PARALLEL SAFE ROWS 20000
BEGIN ATOMIC
  WITH change AS NOT MATERIALIZED (
    SELECT d.*, generate_series(CASE WHEN of_versioned THEN 0 ELSE 1 END, CASE WHEN d.is_open THEN 15 ELSE 17 END) AS number
      FROM salesops.generated_deal(deals, reps, seed, as_of, dirt, longest, CASE WHEN of_versioned THEN 100 ELSE 1 END) d
     WHERE of_versioned OR d.active_until >= -400
    OFFSET 0),
  happened AS NOT MATERIALIZED (
    SELECT c.*,
           CASE WHEN c.number = 0 THEN c.created_on
                WHEN c.number IN (6, 16, 17) THEN c.ends_on
                WHEN c.number = 7 THEN c.repriced_on
                WHEN c.number BETWEEN 8 AND 12
                THEN c.due_on - (c.pushes - c.number + 8) * c.push_step
                     - salesops.generated_push_delay(seed, c.deal, c.pushes_left + c.pushes - c.number + 8)
                ELSE salesops.generated_move_day(seed, c.deal, c.number - CASE WHEN c.number > 12 THEN 10 ELSE 0 END,
                                                 c.parts, c.created_on, c.life)
           END AS day
      FROM change c
     WHERE CASE WHEN c.number = 0 THEN true
                WHEN c.number <= 5 THEN c.number <= c.moves
                WHEN c.number = 6 THEN NOT c.is_open
                WHEN c.number = 7 THEN c.repriced_on IS NOT NULL
                WHEN c.number <= 12 THEN c.number - 7 <= c.pushes AND c.defect IS DISTINCT FROM 'missing_close_date'
                WHEN c.number <= 15 THEN c.number - 10 <= c.moves
                                         AND (c.defect IS NULL OR c.defect NOT IN ('category_conflict', 'unmapped_category'))
                                         AND salesops.generated_stage_category(c.number - 10, c.category_step)
                                             <> salesops.generated_stage_category(c.number - 9, c.category_step)
                ELSE c.number = 16 OR c.due_on <> c.ends_on
           END
    OFFSET 0)
  SELECT h.deal, h.owner, h.number, h.day,
         CASE WHEN h.number = 0 THEN salesops.generated_begin_second(seed, h.deal)
              WHEN h.number <= 5 THEN salesops.generated_move_second(seed, h.deal, h.number)
              WHEN h.number IN (6, 16, 17) THEN 61200
              WHEN h.number <= 12 THEN 57600 + h.number * 60
              ELSE salesops.generated_move_second(seed, h.deal, h.number - 10) END,
         CASE WHEN h.number = 0 THEN NULL WHEN h.number <= 6 THEN 'StageName' WHEN h.number = 7 THEN 'Amount'
              WHEN h.number <= 12 OR h.number = 17 THEN 'CloseDate' ELSE 'ForecastCategoryName' END,
         CASE WHEN h.number = 0 THEN NULL
              WHEN h.number <= 6 THEN salesops.generated_stage_name(least(h.number, h.stage))
              WHEN h.number = 7 THEN h.first_amount::text
              WHEN h.number <= 12 THEN salesops.generated_day_text(as_of, h.due_on - (h.pushes - h.number + 8) * h.push_step)
              WHEN h.number = 17 THEN salesops.generated_day_text(as_of, h.due_on)
              ELSE salesops.generated_category_name(
                     salesops.generated_stage_category(CASE WHEN h.number = 16 THEN h.stage ELSE h.number - 10 END, h.category_step)) END,
         CASE WHEN h.number = 0 THEN NULL
              WHEN h.number = h.moves AND h.is_open THEN salesops.generated_deal_stage_name(h.defect, h.stage)
              WHEN h.number <= 6
              THEN salesops.generated_stage_name(CASE WHEN h.number < 6 THEN h.number + 1 WHEN h.wins THEN 7 ELSE 8 END)
              WHEN h.number = 7 THEN h.amount::text
              WHEN h.number <= 12 THEN salesops.generated_day_text(as_of, h.due_on - (h.pushes - h.number + 7) * h.push_step)
              WHEN h.number = 17 THEN salesops.generated_day_text(as_of, h.close_on)
              ELSE salesops.generated_category_name(
                     CASE WHEN h.number = 16 THEN h.category
                          ELSE salesops.generated_stage_category(h.number - 9, h.category_step) END) END,
         -- The same as numbers, for the versions of a row.
         CASE WHEN h.number BETWEEN 1 AND 5 THEN h.number + 1 END,
         CASE WHEN h.number BETWEEN 13 AND 15 THEN salesops.generated_stage_category(h.number - 9, h.category_step) END,
         CASE WHEN h.number = 7 THEN h.amount END,
         CASE WHEN h.number BETWEEN 8 AND 12 THEN h.due_on - (h.pushes - h.number + 7) * h.push_step END
    FROM happened h;
END;
COMMENT ON FUNCTION salesops.generated_change(int, int, bigint, timestamptz, numeric, int[], boolean) IS
  'Changes of stage, category, amount and close date of generated deals, one row each: of the last 400 days, or the whole '
  'life, with its beginning, of the deals whose versions the connector kept';

CREATE FUNCTION salesops.generated_opportunity(deals int, reps int, seed bigint, as_of timestamptz, dirt numeric,
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
  -- Of every hundredth deal the connector kept every version: as it began, and from each moment of change. All that
  -- changes rises but the amount, which changes once.
  version AS (
    SELECT c.deal, c.day, c.second,
           max(max(c.stage)) OVER w AS stage, max(max(c.category)) OVER w AS category, max(max(c.amount)) OVER w AS amount,
           max(max(c.close_on)) OVER w AS close_on, lead(c.day) OVER w AS next_day, lead(c.second) OVER w AS next_second
      FROM salesops.generated_change(deals, reps, seed, as_of, dirt, longest, true) c
     GROUP BY c.deal, c.day, c.second
    WINDOW w AS (PARTITION BY c.deal ORDER BY c.day, c.second)),
  known AS NOT MATERIALIZED (
    SELECT d.*, v.day, v.second, v.next_day, v.next_second, v.stage AS then_stage, v.category AS then_category,
           v.amount AS then_amount, v.close_on AS then_close_on, v.next_day IS NOT NULL AS is_old
      FROM salesops.generated_deal(deals, reps, seed, as_of, dirt, longest) d LEFT JOIN version v ON v.deal = d.deal
    OFFSET 0),
  -- What this version of the row shows.
  shown AS NOT MATERIALIZED (
    SELECT k.*, NOT k.is_old AND NOT k.is_open AS shows_closed,
           CASE WHEN k.is_old THEN coalesce(k.then_stage, 1) WHEN k.is_open THEN k.stage WHEN k.wins THEN 7 ELSE 8 END AS shown_stage,
           CASE WHEN k.is_old AND k.defect IS DISTINCT FROM 'category_conflict'
                THEN coalesce(k.then_category, salesops.generated_stage_category(1, k.category_step))
                ELSE k.category END AS shown_category,
           CASE WHEN k.defect = 'missing_amount' THEN NULL
                WHEN k.is_old AND k.repriced_on IS NOT NULL THEN coalesce(k.then_amount, k.first_amount)
                ELSE k.amount END AS shown_amount,
           CASE WHEN k.defect = 'missing_close_date' THEN NULL
                ELSE salesops.generated_day(as_of,
                       CASE WHEN k.is_old THEN coalesce(k.then_close_on, k.due_on - k.pushes * k.push_step)
                            ELSE k.close_on END) END AS shown_close,
           salesops.generated_moment(as_of, k.active_until, 66600) AS modified,
           salesops.generated_moment(as_of, k.day, k.second) AS version_begun,
           salesops.generated_moment(as_of, k.created_on, salesops.generated_begin_second(seed, k.deal)) AS created
      FROM known k
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
         CASE WHEN s.is_open AND NOT s.is_old THEN salesops.generated_deal_stage_name(s.defect, s.shown_stage)
              ELSE salesops.generated_stage_name(s.shown_stage) END,
         s.shown_probability,
         CASE WHEN s.defect = 'unmapped_category' THEN (ARRAY['Stretch', 'InPlan'])[1 + s.deal % 2]
              ELSE salesops.generated_category_api_name(s.shown_category) END,
         CASE WHEN s.defect = 'unmapped_category' THEN (ARRAY['Stretch', 'In Plan'])[1 + s.deal % 2]
              ELSE salesops.generated_category_name(s.shown_category) END,
         CASE WHEN s.defect = 'unmapped_stage' THEN NULL ELSE s.shows_closed END,
         CASE WHEN s.defect = 'unmapped_stage' THEN NULL ELSE s.shows_closed AND s.wins END,
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
         CASE WHEN s.active_until >= -400 AND NOT s.is_old THEN salesops.generated_day(as_of, s.last_touch_on)::timestamp END,
         s.is_open AND salesops.draw(seed, 'touch.next', s.deal) < 0.4, false, false, NULL::text,
         CASE WHEN NOT s.is_old THEN s.pushes
              WHEN s.then_close_on IS NULL THEN 0
              ELSE s.pushes - (s.due_on - s.then_close_on) / s.push_step END,
         CASE WHEN s.shows_closed THEN salesops.generated_moment(as_of, s.ends_on, 61200)
              WHEN s.shown_stage = 1 THEN s.created
              ELSE salesops.generated_moment(
                     as_of, salesops.generated_move_day(seed, s.deal, s.shown_stage - 1, s.parts, s.created_on, s.life),
                     salesops.generated_move_second(seed, s.deal, s.shown_stage - 1)) END,
         CASE WHEN s.defect = 'unconvertible_currency' THEN (ARRAY['SEK', 'JPY'])[1 + s.deal % 2] ELSE s.currency END,
         CASE WHEN s.is_old THEN s.version_begun ELSE s.modified END,
         CASE WHEN s.is_old THEN s.version_begun ELSE s.modified END,
         CASE WHEN s.shows_closed AND NOT s.wins
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
         coalesce(s.version_begun, s.modified),
         CASE WHEN s.is_old
              THEN salesops.generated_moment(as_of, s.next_day, s.next_second) - interval '1 millisecond'
              ELSE timestamptz '9999-12-31 23:59:59+00' END,
         NOT s.is_old, salesops.generated_sync(as_of)
    FROM stated s;
END;
COMMENT ON FUNCTION salesops.generated_opportunity(int, int, bigint, timestamptz, numeric, int[]) IS
  'Opportunities: the row of each deal, and for some all superseded versions (_fivetran_active false). Amounts are in '
  'the row''s currency.';

-- Field history reaches back 400 days, when the company switched tracking on; older changes left no trace.
CREATE FUNCTION salesops.generated_field_history(deals int, reps int, seed bigint, as_of timestamptz, dirt numeric,
                                                 longest int[])
RETURNS TABLE (id text, opportunity_id text, created_by_id text, created_date timestamptz, field text, data_type text,
               old_value text, new_value text, is_deleted boolean, _fivetran_active boolean, _fivetran_synced timestamptz)
  LANGUAGE sql STABLE PARALLEL SAFE ROWS 20000
BEGIN ATOMIC
  SELECT salesops.salesforce_id('017', c.deal * 32::bigint + c.number), salesops.salesforce_id('006', c.deal),
         salesops.salesforce_id('005', c.owner), salesops.generated_moment(as_of, c.day, c.second), c.field,
         CASE c.field WHEN 'Amount' THEN 'Currency' WHEN 'CloseDate' THEN 'DateOnly' ELSE 'DynamicEnum' END,
         c.old_value, c.new_value, false, true, salesops.generated_sync(as_of)
    FROM salesops.generated_change(deals, reps, seed, as_of, dirt, longest, false) c
   WHERE c.day >= -400;
END;
COMMENT ON FUNCTION salesops.generated_field_history(int, int, bigint, timestamptz, numeric, int[]) IS
  'Changes of stage, forecast category, amount and close date in the last 400 days, one row each; the newest value of a '
  'field is the opportunity''s.';

-- The first role of a deal is the economic buyer's if it has one. A deal without roles carries a deleted one instead,
-- which a reader must not count.
CREATE FUNCTION salesops.generated_contact_role(deals int, reps int, seed bigint, as_of timestamptz, dirt numeric,
                                                longest int[])
RETURNS TABLE (id text, opportunity_id text, contact_id text, role text, is_primary boolean, created_date timestamptz,
               is_deleted boolean, _fivetran_active boolean, _fivetran_synced timestamptz)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 15000
BEGIN ATOMIC
  WITH known AS NOT MATERIALIZED (
    SELECT d.deal, d.account, d.created_on, d.defect,
           CASE WHEN d.defect = 'missing_contact_role' THEN 1
                WHEN NOT d.is_open AND salesops.draw(seed, 'deal.unknown_buyer', d.deal) < 0.15 THEN 0
                WHEN NOT d.is_open THEN salesops.draw_choice(seed, 'deal.roles', d.deal, ARRAY[1, 1, 1, 2])
                ELSE salesops.draw_choice(seed, 'deal.roles', d.deal, ARRAY[1, 1, 2, 3]) END AS roles,
           CASE WHEN d.is_open THEN d.defect IS DISTINCT FROM 'missing_economic_buyer'
                ELSE salesops.draw(seed, 'deal.buyer', d.deal) < CASE WHEN d.wins THEN 0.8 ELSE 0.5 END END AS has_buyer
      FROM salesops.generated_deal(deals, reps, seed, as_of, dirt, longest) d
    OFFSET 0),
  role AS NOT MATERIALIZED (
    SELECT k.*, generate_series(1, k.roles) AS number FROM known k OFFSET 0)
  SELECT salesops.salesforce_id('00K', r.deal * 4::bigint + r.number), salesops.salesforce_id('006', r.deal),
         salesops.salesforce_id('003', 3 * r.account - 3 + r.number),
         CASE WHEN r.number = 1 AND r.has_buyer
              THEN salesops.draw_label(seed, 'role.buyer', r.deal,
                                       ARRAY['Economic Buyer', 'Economic Buyer', 'Decision Maker',
                                             'Economic Decision Maker', 'ECONOMIC BUYER'])
              ELSE salesops.draw_label(seed, 'role.other', r.deal * 4::bigint + r.number,
                                       ARRAY['Influencer', 'Evaluator', 'Business User', 'Technical Buyer',
                                             'Executive Sponsor']) END,
         r.number = 1, salesops.generated_moment(as_of, r.created_on, 33000),
         r.defect IS NOT DISTINCT FROM 'missing_contact_role',
         true, salesops.generated_sync(as_of)
    FROM role r;
END;
COMMENT ON FUNCTION salesops.generated_contact_role(int, int, bigint, timestamptz, numeric, int[]) IS
  'Roles of contacts on deals: one to three on each open deal with an economic buyer among them, fewer and fewer '
  'buyers on closed and lost ones.';

-- Activities that happened, of deals that were open in the last 400 days: number 0 is the latest. Each deal was looked at in
-- the last days of every month while it was open, as it has been now, so that it was as confirmed then.
CREATE FUNCTION salesops.generated_touch(deals int, reps int, seed bigint, as_of timestamptz, dirt numeric, longest int[])
RETURNS TABLE (deal int, account int, owner int, number int, day int, is_event boolean)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 10000
BEGIN ATOMIC
  WITH touch AS NOT MATERIALIZED (
    SELECT d.deal, d.account, d.owner, m.number,
           CASE WHEN m.number = 0 THEN d.last_touch_on
                ELSE m.month_end - salesops.draw_int(seed, 'touch.day', d.deal * 16::bigint + m.number, 5) END AS day,
           d.created_on, d.last_touch_on
      FROM salesops.generated_deal(deals, reps, seed, as_of, dirt, longest) d,
           (SELECT n AS number,
                   (date_trunc('month', salesops.generated_day(as_of, 0)::timestamp) - (n - 1) * interval '1 month')::date
                     - 1 - salesops.generated_day(as_of, 0) AS month_end
              FROM generate_series(0, 13) n OFFSET 0) m
     WHERE d.active_until >= -400 AND (m.number = 0 OR m.month_end BETWEEN d.created_on AND d.last_touch_on + 4)
    OFFSET 0)
  SELECT t.deal, t.account, t.owner, t.number, t.day,
         salesops.draw(seed, 'touch.kind', t.deal * 16::bigint + t.number) < 0.3
    FROM touch t
   WHERE t.number = 0 OR t.day BETWEEN t.created_on AND t.last_touch_on - 1;
END;
COMMENT ON FUNCTION salesops.generated_touch(int, int, bigint, timestamptz, numeric, int[]) IS
  'Activities of deals before as_of: number 0 is the latest; is_event says meeting, otherwise task.';

-- Besides what happened: the next task of an open deal (due in the future, so it confirms nothing) and, on a deal that
-- is not confirmed, a deleted task of the day before yesterday (which confirms nothing either).
CREATE FUNCTION salesops.generated_task(deals int, reps int, seed bigint, as_of timestamptz, dirt numeric, longest int[])
RETURNS TABLE (id text, what_id text, who_id text, account_id text, owner_id text, activity_date timestamp, subject text,
               type text, task_subtype text, status text, priority text, is_closed boolean, call_type text,
               call_duration_in_seconds int, completed_date_time timestamptz, created_date timestamptz,
               is_deleted boolean,
               _fivetran_active boolean, _fivetran_synced timestamptz)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 10000
BEGIN ATOMIC
  WITH planned AS NOT MATERIALIZED (
    SELECT d.deal, d.account, d.owner, n AS number, n = 14 AS is_next
      FROM salesops.generated_deal(deals, reps, seed, as_of, dirt, longest) d, (VALUES (14), (15)) AS v (n)
     WHERE d.is_open
       AND CASE n WHEN 14 THEN salesops.draw(seed, 'touch.next', d.deal) < 0.4 ELSE d.defect = 'not_confirmed' END),
  task AS NOT MATERIALIZED (
    SELECT t.deal, t.account, t.owner, t.number, t.day, false AS is_next, false AS is_deleted
      FROM salesops.generated_touch(deals, reps, seed, as_of, dirt, longest) t
     WHERE NOT t.is_event
    UNION ALL
    SELECT p.deal, p.account, p.owner, p.number,
           CASE WHEN p.is_next THEN 3 + salesops.draw_int(seed, 'touch.next_day', p.deal, 12) ELSE -2 END,
           p.is_next, NOT p.is_next
      FROM planned p),
  described AS NOT MATERIALIZED (
    SELECT t.*, salesops.draw_int(seed, 'task.kind', t.deal * 16::bigint + t.number, 3) AS kind FROM task t OFFSET 0)
  SELECT salesops.salesforce_id('00T', t.deal * 16::bigint + t.number), salesops.salesforce_id('006', t.deal),
         salesops.salesforce_id('003', 3 * t.account - 2), salesops.salesforce_id('001', t.account),
         salesops.salesforce_id('005', t.owner),
         salesops.generated_day(as_of, t.day)::timestamp,
         (ARRAY['Call', 'Email: proposal', 'Follow-up'])[1 + t.kind], (ARRAY['Call', 'Email', 'Other'])[1 + t.kind],
         (ARRAY['Call', 'Email', 'Task'])[1 + t.kind],
         CASE WHEN t.is_next THEN 'Not Started' ELSE 'Completed' END, 'Normal', NOT t.is_next,
         CASE WHEN t.kind = 0 AND NOT t.is_next THEN 'Outbound' END,
         CASE WHEN t.kind = 0 AND NOT t.is_next
              THEN 30 + salesops.draw_int(seed, 'task.call', t.deal * 16::bigint + t.number, 1800) END,
         CASE WHEN NOT t.is_next THEN salesops.generated_moment(as_of, t.day, 64800) END,
         salesops.generated_moment(as_of, least(t.day, -1), 63000), t.is_deleted, true, salesops.generated_sync(as_of)
    FROM described t;
END;
COMMENT ON FUNCTION salesops.generated_task(int, int, bigint, timestamptz, numeric, int[]) IS
  'Tasks: calls, e-mails and follow-ups that happened, the next task of some open deals, and a few deleted ones.';

CREATE FUNCTION salesops.generated_event(deals int, reps int, seed bigint, as_of timestamptz, dirt numeric, longest int[])
RETURNS TABLE (id text, what_id text, who_id text, account_id text, owner_id text, activity_date timestamp,
               activity_date_time timestamptz, start_date_time timestamptz, end_date_time timestamptz,
               duration_in_minutes int, event_subtype text, type text, subject text, is_child boolean,
               is_recurrence boolean, created_date timestamptz,
               is_deleted boolean,
               _fivetran_active boolean, _fivetran_synced timestamptz)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 5000
BEGIN ATOMIC
  SELECT salesops.salesforce_id('00U', t.deal * 16::bigint + t.number), salesops.salesforce_id('006', t.deal),
         salesops.salesforce_id('003', 3 * t.account - 2), salesops.salesforce_id('001', t.account),
         salesops.salesforce_id('005', t.owner),
         salesops.generated_day(as_of, t.day)::timestamp, salesops.generated_moment(as_of, t.day, 64800),
         salesops.generated_moment(as_of, t.day, 64800), salesops.generated_moment(as_of, t.day, 68400), 60, 'Event',
         'Meeting', 'Meeting', false, false, salesops.generated_moment(as_of, t.day, 63000), false, true,
         salesops.generated_sync(as_of)
    FROM salesops.generated_touch(deals, reps, seed, as_of, dirt, longest) t
   WHERE t.is_event;
END;
COMMENT ON FUNCTION salesops.generated_event(int, int, bigint, timestamptz, numeric, int[]) IS
  'Events: the three activities in ten that were meetings.';

-- One lead for every four deals; half of those whose deal is new business became that deal.
CREATE FUNCTION salesops.generated_lead(deals int, reps int, seed bigint, as_of timestamptz, dirt numeric, longest int[])
RETURNS TABLE (id text, owner_id text, first_name text, last_name text, name text, title text, email text, company text,
               industry text, number_of_employees int, annual_revenue double precision, country text, status text,
               lead_source text,
               is_converted boolean, converted_account_id text, converted_contact_id text, converted_opportunity_id text,
               converted_date timestamp, created_date timestamptz, is_deleted boolean,
               _fivetran_active boolean, _fivetran_synced timestamptz)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 2500
BEGIN ATOMIC
  WITH lead AS NOT MATERIALIZED (
    SELECT d.deal / 4 AS lead, d.deal, d.account, d.rep, d.created_on,
           d.deal_type = 1 AND salesops.draw(seed, 'lead.converted', d.deal) < 0.5 AS is_converted,
           salesops.generated_first_name(seed, 'contact', 3 * d.account - 2) AS first_name,
           salesops.generated_last_name(seed, 'contact', 3 * d.account - 2) AS last_name,
           salesops.draw_from_curve(seed, 'lead.employees', d.deal, ARRAY[3, 20, 90, 400, 2000, 30000]) AS employees
      FROM salesops.generated_deal(deals, reps, seed, as_of, dirt, longest) d
     WHERE d.deal % 4 = 0
    OFFSET 0)
  SELECT salesops.salesforce_id('00Q', l.lead), salesops.salesforce_id('005', l.rep), l.first_name, l.last_name,
         l.first_name || ' ' || l.last_name, 'Head of IT', 'lead-' || l.lead || '@customer.example',
         CASE WHEN l.is_converted THEN salesops.generated_account_name(seed, l.account) ELSE 'Prospect ' || l.lead END,
         salesops.draw_label(seed, 'lead.industry', l.lead,
                             ARRAY['Technology', 'Finance', 'Healthcare', 'Manufacturing', 'Retail', 'Education',
                                   'Energy', 'Media']),
         l.employees, l.employees::float8 * 180000, 'United States',
         CASE WHEN l.is_converted THEN 'Converted'
              ELSE salesops.draw_label(seed, 'lead.status', l.lead,
                                       ARRAY['Open', 'Working', 'Nurturing', 'Unqualified']) END,
         salesops.draw_label(seed, 'lead.source', l.lead, ARRAY['Web', 'Referral', 'Partner', 'Event', 'Outbound']),
         l.is_converted,
         CASE WHEN l.is_converted THEN salesops.salesforce_id('001', l.account) END,
         CASE WHEN l.is_converted THEN salesops.salesforce_id('003', 3 * l.account - 2) END,
         CASE WHEN l.is_converted THEN salesops.salesforce_id('006', l.deal) END,
         CASE WHEN l.is_converted THEN salesops.generated_day(as_of, l.created_on)::timestamp END,
         salesops.generated_moment(as_of, l.created_on - 1 - salesops.draw_int(seed, 'lead.age', l.lead, 40), 30000),
         false, true, salesops.generated_sync(as_of)
    FROM lead l;
END;
COMMENT ON FUNCTION salesops.generated_lead(int, int, bigint, timestamptz, numeric, int[]) IS
  'Leads: one for every four deals, some converted into the account, contact and opportunity that exist.';

CREATE FUNCTION salesops.generated_defect(deals int, reps int, seed bigint, as_of timestamptz, dirt numeric,
                                          longest int[])
RETURNS TABLE (rule text, object_kind text, object_id text)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1000
BEGIN ATOMIC
  SELECT r.rule, 'opportunity', salesops.salesforce_id('006', d.deal)
    FROM salesops.generated_deal(deals, reps, seed, as_of, dirt, longest) d,
         -- A close date before the creation lies before today too.
         LATERAL (VALUES (d.defect), (CASE WHEN d.defect = 'close_before_create' THEN 'close_date_past' END)) AS r (rule)
   WHERE d.defect IS NOT NULL AND NOT d.is_deleted AND r.rule IS NOT NULL;
END;
COMMENT ON FUNCTION salesops.generated_defect(int, int, bigint, timestamptz, numeric, int[]) IS
  'The truth: each audit rule an open deal breaks. Deleted deals break rules as well, but nobody should look.';

CREATE FUNCTION salesops.generated_outcome(deals int, reps int, seed bigint, as_of timestamptz, dirt numeric,
                                           longest int[])
RETURNS TABLE (opportunity_id text, closes_on date, is_won boolean)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 2000
BEGIN ATOMIC
  SELECT salesops.salesforce_id('006', d.deal), salesops.generated_day(as_of, d.ends_on), d.wins
    FROM salesops.generated_deal(deals, reps, seed, as_of, dirt, longest) d
   WHERE d.is_open AND NOT d.is_deleted;
END;
COMMENT ON FUNCTION salesops.generated_outcome(int, int, bigint, timestamptz, numeric, int[]) IS
  'The truth about tomorrow: when each open deal will close and whether it will be won.';
