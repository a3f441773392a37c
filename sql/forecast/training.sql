-- What the win model learns from, and is asked about.
--
-- A mark is the last instant of a fiscal month. The deals open at a mark are looked at, each with its levels as of the mark; what is
-- to be learned is whether it is won by the end of the period, the fiscal quarter that begins or runs after the mark. So a deal that
-- is open at all three marks of a quarter is there three times, with 3, 2 and 1 months to go.
--
-- Like with like. Before we began to record, deals that have closed since are reconstructed from their dates, without stage,
-- amount or close date, while of those still open we have all that, as it is now; and a history of stages tells the stage of
-- both, but the close date of the open ones alone. A model that saw it would learn that a deal with a close date is never won. So each
-- field is asked about by itself: where it is not known (open_deals_at()) of more than a twentieth of a source's open deals at a mark,
-- it is taken from all of them. What names the deal, what the source's option unchanged lists, and the dates are left.
-- Custom fields are known of the time before only if that option lists them or full versions were kept. And a deal that
-- nobody knows the beginning of was not open at a mark for all we know, unless we saw it then.
--
-- Sums are another matter: an amount that is known counts, whoever else's is not.

CREATE FUNCTION salesops.win_deals(
  instants timestamptz[], known_at timestamptz DEFAULT NULL, factors text[] DEFAULT salesops.win_factors(),
  deals salesops.deal_key[] DEFAULT NULL, fields text[] DEFAULT NULL,
  OUT instant timestamptz, OUT source_key text, OUT id text, OUT owner_id text, OUT period salesops.fiscal_period,
  OUT months_to_go double precision, OUT category salesops.forecast_category, OUT close_date date,
  OUT corporate_amount numeric, OUT amount_basis text, OUT segment text, OUT is_reconstructed boolean, OUT levels text[],
  OUT is_category_known boolean, OUT is_close_date_known boolean, OUT is_amount_known boolean)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
BEGIN ATOMIC
  WITH factor AS MATERIALIZED (
    SELECT n.place, n.field, CASE WHEN n.field IS NULL THEN array_position(salesops.standard_win_factors(), n.name) END AS "position"
    FROM ROWS FROM (unnest(win_deals.factors), unnest(coalesce(win_deals.fields, salesops.win_fields(win_deals.factors)))) WITH ORDINALITY AS n(name, field, place)
  ), chosen AS MATERIALIZED (
    -- Fields come after the standard levels, each at its factor's place.
    SELECT array_agg(f.field ORDER BY f.place) AS fields, count(f.field) > 0 AS has_fields,
           array_agg(coalesce(f."position", cardinality(salesops.standard_win_factors()) + f.place::integer) ORDER BY f.place) AS places
    FROM factor f
  ), at_instant AS MATERIALIZED (
    SELECT i.instant, salesops.day_ahead(i.instant) - 1 AS day, p.period, salesops.months_to_go(i.instant, p.period) AS months_to_go,
           salesops.end_date(p.period, p.start_month) AS period_end, salesops.end_date(salesops.fiscal_period_plus(p.period, 1), p.start_month) AS next_period_end
    FROM unnest(win_deals.instants) AS i(instant)
    CROSS JOIN LATERAL (SELECT salesops.period_after(i.instant) AS period, salesops.fiscal_year_start_month() AS start_month OFFSET 0) p
    WHERE isfinite(i.instant)
  ), source AS MATERIALIZED (
    SELECT c.source_key, salesops.unchanged_fields(c.options) AS unchanged FROM salesops.source c
  ), deal AS MATERIALIZED (
    SELECT d.instant, d.source_key, d.id, d.owner_id, d.age_days, d.stage_label AS stage, d.category, d.close_date,
           d.corporate_amount, d.amount_basis, coalesce(d.product_id, d.product) AS product, d.deal_type, d.lead_source,
           d.industry, d.segment, d.team, d.region, d.pushes, d.idle_days,
           CASE WHEN (SELECT c.has_fields FROM chosen c) THEN d.custom END AS custom,
           d.is_stage_known, d.is_category_known, d.is_close_date_known, d.is_amount_known, d.is_all_known
    FROM salesops.open_deals_at(win_deals.instants, win_deals.known_at, win_deals.deals) d
    WHERE d.is_stage_known OR d.is_category_known OR d.is_close_date_known OR d.created_at <= d.instant
  ), shared AS (
    SELECT d.instant, d.source_key,
           count(*) FILTER (WHERE NOT d.is_stage_known) * 20 <= count(*) AS stage,
           count(*) FILTER (WHERE NOT d.is_category_known) * 20 <= count(*) AS category,
           count(*) FILTER (WHERE NOT d.is_close_date_known) * 20 <= count(*) AS close_date,
           count(*) FILTER (WHERE NOT d.is_amount_known) * 20 <= count(*) AS amount,
           count(*) FILTER (WHERE NOT (d.is_stage_known AND d.is_close_date_known AND d.is_amount_known)) * 20 <= count(*) AS idle,
           count(*) FILTER (WHERE NOT d.is_all_known) * 20 <= count(*) AS "all"
    FROM deal d GROUP BY d.instant, d.source_key
  )
  SELECT d.instant, d.source_key, d.id, d.owner_id, i.period, i.months_to_go, CASE WHEN h.category THEN d.category END, CASE WHEN h.close_date THEN d.close_date END,
         d.corporate_amount, d.amount_basis, d.segment,
         NOT (h.stage AND d.is_stage_known OR h.category AND d.is_category_known OR h.close_date AND d.is_close_date_known
              OR h.amount AND d.is_amount_known AND NOT k.keeps_amount),
         salesops.pick_levels(
           salesops.win_levels(
             ceil(i.months_to_go)::integer, d.age_days, CASE WHEN h.stage THEN d.stage END, CASE WHEN h.category THEN d.category END,
             CASE WHEN h.close_date THEN salesops.due_level(d.close_date, i.day, i.period_end, i.next_period_end) END,
             CASE WHEN d.is_amount_known AND (h.amount OR k.keeps_amount) THEN d.corporate_amount END,
             d.segment, d.industry, d.product, d.deal_type, d.lead_source, d.region, d.team, d.owner_id,
             CASE WHEN h.close_date THEN d.pushes END, CASE WHEN h.idle THEN d.idle_days END)
           || CASE WHEN c.has_fields
                   THEN ARRAY(SELECT CASE WHEN h."all" AND d.is_all_known OR f.field = ANY (s.unchanged) THEN d.custom ->> f.field END
                              FROM unnest(c.fields) WITH ORDINALITY AS f(field, place) ORDER BY f.place) ELSE '{}' END,
           c.places),
         h.category AND d.is_category_known, h.close_date AND d.is_close_date_known, d.is_amount_known
  FROM deal d
  CROSS JOIN chosen c
  JOIN at_instant i ON i.instant = d.instant
  JOIN shared h ON h.instant = d.instant AND h.source_key = d.source_key
  LEFT JOIN source s ON s.source_key = d.source_key
  CROSS JOIN LATERAL (SELECT coalesce('amount' = ANY (s.unchanged), false) AS keeps_amount) k;
END;
COMMENT ON FUNCTION salesops.win_deals(timestamptz[], timestamptz, text[], salesops.deal_key[], text[]) IS
  'Deals open at each of some instants as the win model sees them: the period that begins or runs then, months to its end, and the level of each factor in the order given (default win_factors()), NULL = not known. '
  'A field that is not known of more than one in twenty of the source''s deals at the instant is used of none of them. is_reconstructed: nothing but the dates and what names the deal (and what the source''s option unchanged lists) is known of it then, so stage, category, close date, amount, pushes and idleness are not used. '
  'category and close_date are NULL where they are not used: is_category_known and is_close_date_known tell that from not stated. corporate_amount counts where is_amount_known, else it is an estimate at list price or NULL (amount_basis not known then). known_at and deals as in open_deals_at(); fields: the custom field that each factor is read from (NULL element = the standard factor), NULL = as win_fields() has it now';

CREATE FUNCTION salesops.training_deals(
  from_date date, to_date date, known_at timestamptz, factors text[] DEFAULT salesops.win_factors(), fields text[] DEFAULT NULL,
  OUT mark timestamptz, OUT source_key text, OUT id text, OUT owner_id text, OUT period salesops.fiscal_period, OUT months_to_go double precision,
  OUT category salesops.forecast_category, OUT close_date date, OUT corporate_amount numeric, OUT amount_basis text, OUT is_reconstructed boolean,
  OUT levels text[], OUT won boolean, OUT won_amount numeric, OUT is_category_known boolean, OUT is_close_date_known boolean, OUT is_amount_known boolean)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000 SET jit = off SET enable_nestloop = off SET enable_mergejoin = off
BEGIN ATOMIC
  -- The planner knows no sizes here and would read all maps or outcomes for each deal, hence joins by hashing only.
  WITH ended AS MATERIALIZED (
    SELECT array_agg(m.mark) AS marks
    FROM unnest(salesops.marks(training_deals.from_date, training_deals.to_date)) AS m(mark)
    CROSS JOIN LATERAL (SELECT salesops.end_date(salesops.period_after(m.mark), salesops.fiscal_year_start_month()) AS day) e
    WHERE e.day < training_deals.to_date AND salesops.end_of_day(e.day) <= training_deals.known_at
  )
  SELECT d.instant, d.source_key, d.id, d.owner_id, d.period, d.months_to_go, d.category, d.close_date, d.corporate_amount, d.amount_basis,
         d.is_reconstructed, d.levels, w.is_won, CASE WHEN w.is_won THEN o.corporate_amount END,
         d.is_category_known, d.is_close_date_known, d.is_amount_known
  FROM ended e
  CROSS JOIN LATERAL salesops.win_deals(e.marks, training_deals.known_at, training_deals.factors, NULL, training_deals.fields) d
  LEFT JOIN (SELECT x.* FROM salesops.opportunity_state(training_deals.known_at, training_deals.known_at) x WHERE x.status = 'won') o
    ON o.source_key = d.source_key AND o.id = d.id
  -- As bookings count: by the close date.
  CROSS JOIN LATERAL (SELECT coalesce(o.close_quarter = d.period, false) AS is_won) w;
END;
COMMENT ON FUNCTION salesops.training_deals(date, date, timestamptz, text[], text[]) IS
  'Deals open at each mark from a date to the day before another, as win_deals() has them, with what became of each: won with a close date in the period, as bookings count, and for how much (corporate currency; NULL = not won, or not known). '
  'Only marks whose period had ended before to_date and by known_at; nothing recorded after known_at counts. factors and fields as in win_deals()';

CREATE FUNCTION salesops.training_summary(from_date date, to_date date, known_at timestamptz,
                                          OUT period salesops.fiscal_period, OUT mark timestamptz, OUT deals bigint, OUT wins bigint,
                                          OUT won_amount numeric, OUT reconstructed bigint)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT salesops.min(d.period), d.mark, count(*), count(*) FILTER (WHERE d.won), sum(d.won_amount), count(*) FILTER (WHERE d.is_reconstructed)
  FROM salesops.training_deals(training_summary.from_date, training_summary.to_date, training_summary.known_at) d
  GROUP BY d.mark
  ORDER BY d.mark;
END;
COMMENT ON FUNCTION salesops.training_summary(date, date, timestamptz) IS
  'What the win model would learn from, by mark: deals open then, how many were won by the end of the period and for how much, and how many are reconstructed from dates alone. Arguments as of training_deals()';
