-- What a deal is won at, against its list price. An open deal without an amount of its own is estimated at list price; deals
-- are seldom won at that. The ratio is learned from won deals that state both, in money, by segment, and shrunk: towards the
-- ratio of all segments as if 20 deals of the segment's size had been won at that, and that towards 1 in the same way. So a
-- segment of three deals says little, and without history the list price is taken as it is.

CREATE FUNCTION salesops.value_at_list(corporate_amount numeric, amount numeric, list_amount numeric) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN salesops.bookable_amount(amount) > 0
            THEN salesops.bookable_amount(salesops.bookable_amount(corporate_amount) * salesops.bookable_amount(list_amount) / salesops.bookable_amount(amount)) END;
COMMENT ON FUNCTION salesops.value_at_list(numeric, numeric, numeric) IS
  'What a deal would be worth at list price in corporate currency: its corporate amount times list price over amount, both in its own currency; NULL without an amount over 0, and where one of them is none that can be added up (bookable_amount())';

CREATE FUNCTION salesops.price_ratios(segments text[], amounts numeric[], lists numeric[], OUT segment text, OUT deals bigint, OUT ratio numeric)
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
  WITH won AS MATERIALIZED (
    SELECT w.segment, w.amount, w.list FROM unnest(price_ratios.segments, price_ratios.amounts, price_ratios.lists) AS w(segment, amount, list)
  ), overall AS (
    SELECT count(*) AS deals, (sum(w.amount) + 20 * avg(w.list)) / (sum(w.list) + 20 * avg(w.list)) AS ratio FROM won w
  ), by_segment AS (
    SELECT w.segment, count(*) AS deals, sum(w.amount) AS amount, sum(w.list) AS list, avg(w.list) AS mean_list
    FROM won w WHERE w.segment IS NOT NULL GROUP BY w.segment
  )
  SELECT NULL, o.deals, coalesce(o.ratio, 1) FROM overall o
  UNION ALL
  SELECT s.segment, s.deals, (s.amount + 20 * s.mean_list * o.ratio) / (s.list + 20 * s.mean_list)
  FROM by_segment s CROSS JOIN overall o;
END;
COMMENT ON FUNCTION salesops.price_ratios(text[], numeric[], numeric[]) IS
  'Won amount as a share of list price by segment and (segment NULL) overall, from the segments, amounts and values at list price of won deals, shrunk as price_realization() says; NULL arrays = no deals';

CREATE FUNCTION salesops.price_realization(as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                           OUT segment text, OUT deals bigint, OUT ratio numeric)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  WITH won AS MATERIALIZED (
    SELECT coalesce(a.segment, salesops.size_class(a.employees)) AS segment, v.amount, v.list
    FROM salesops.opportunity_state(price_realization.as_of, price_realization.known_at) o
    LEFT JOIN salesops.account_state(price_realization.as_of, price_realization.known_at) a
      ON a.source_key = o.source_key AND a.id = o.account_id
    CROSS JOIN LATERAL (SELECT salesops.bookable_amount(o.corporate_amount) AS amount, salesops.value_at_list(o.corporate_amount, o.amount, o.list_amount) AS list OFFSET 0) v
    WHERE o.status = 'won' AND o.amount_basis = 'stated' AND v.amount > 0 AND v.list > 0
  )
  SELECT r.*
  FROM (SELECT array_agg(w.segment) AS segments, array_agg(w.amount) AS amounts, array_agg(w.list) AS lists FROM won w) a
  CROSS JOIN LATERAL salesops.price_ratios(a.segments, a.amounts, a.lists) r;
END;
COMMENT ON FUNCTION salesops.price_realization(timestamptz, timestamptz) IS
  'What deals are won at as a share of list price, from won deals that state both: ratio of money, by segment of the account and '
  '(segment NULL) overall, shrunk as if 20 more deals had been won at the overall ratio, and overall at 1. 1 without history. '
  'Arguments as of opportunity_state()';
