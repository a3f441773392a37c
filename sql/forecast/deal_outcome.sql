-- How deals ended, and on which day.
--
-- The day is the close date of the closed deal. Where the history says that it was closed before that day, the history is
-- believed: a deal marked as won on Friday for Monday is won on Friday, and no model may call it open on Sunday. A deal that is
-- marked late is of its close date all the same, the day that bookings go by.

CREATE FUNCTION salesops.deal_outcomes(known_at timestamptz,
                                       OUT source_key text, OUT id text, OUT status text, OUT closed_on date,
                                       OUT corporate_amount numeric, OUT account_id text, OUT owner_id text,
                                       OUT deal_type text, OUT created_at timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
BEGIN ATOMIC
  WITH g AS MATERIALIZED (
    SELECT salesops.time_zone() AS zone
  ), closed_state AS MATERIALIZED (
    -- Closed states that were changed since: few, for most deals rest once they are closed.
    SELECT h.source_key, h.id, h.effective_at
    FROM salesops.opportunity_history h
    LEFT JOIN salesops.stage_meaning(deal_outcomes.known_at) m
      ON m.source_key = h.source_key AND m.stage = h.stage AND salesops.means_stage(m.pipeline, m.but_in, h.pipeline)
    WHERE h.recorded_at <= deal_outcomes.known_at AND h.effective_at <= deal_outcomes.known_at
      AND salesops.deal_status(h.is_won, h.is_closed, m.status) <> 'open'
  ), first_closed AS (
    -- A deal that was opened again counts from when it was closed for good.
    SELECT c.source_key, c.id, min(c.effective_at) AS effective_at
    FROM closed_state c
    WHERE NOT EXISTS (SELECT FROM salesops.opportunity_history h
                      WHERE h.source_key = c.source_key AND h.id = c.id AND h.effective_at > c.effective_at
                        AND h.recorded_at <= deal_outcomes.known_at AND h.effective_at <= deal_outcomes.known_at
                        AND NOT EXISTS (SELECT FROM closed_state d
                                        WHERE d.source_key = h.source_key AND d.id = h.id AND d.effective_at = h.effective_at))
    GROUP BY c.source_key, c.id
  )
  SELECT o.source_key, o.id, o.status,
         least(o.close_date, (CASE WHEN isfinite(e.effective_at) THEN e.effective_at AT TIME ZONE g.zone END)::date),
         o.corporate_amount, o.account_id, o.owner_id, o.deal_type, o.created_at
  FROM salesops.opportunity_state(deal_outcomes.known_at, deal_outcomes.known_at) o
  CROSS JOIN g
  LEFT JOIN first_closed f ON f.source_key = o.source_key AND f.id = o.id
  CROSS JOIN LATERAL (SELECT least(f.effective_at, o.effective_from) AS effective_at) e
  WHERE o.status <> 'open';
END;
COMMENT ON FUNCTION salesops.deal_outcomes(timestamptz) IS
  'Deals that were won or lost as known at an instant: closed_on is the close date, or the day from which the history has the deal closed for good if that is earlier (NULL = neither is known); corporate_amount is NULL where it is unknown';
