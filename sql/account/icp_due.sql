-- When an ideal customer profile has to be learned again.

CREATE FUNCTION salesops.icp_is_due(as_of timestamptz, OUT reason text)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH last AS MATERIALIZED (
    SELECT i.as_of, i.wins FROM salesops.icp i WHERE i.as_of <= icp_is_due.as_of ORDER BY i.as_of DESC, i.icp_id DESC LIMIT 1
  ), first_deal AS (
    -- As scorecard_examples() has it.
    SELECT DISTINCT ON (o.source_key, o.account_id) o.status, o.closed_on
    FROM salesops.deal_outcomes(icp_is_due.as_of) o WHERE o.account_id IS NOT NULL AND o.closed_on IS NOT NULL
    ORDER BY o.source_key, o.account_id, o.closed_on, o.id COLLATE "C"
  ), since AS (
    SELECT l.as_of, l.wins, (SELECT count(*) FROM first_deal f WHERE f.status = 'won' AND f.closed_on > salesops.local_date(l.as_of)) AS won FROM last l
  )
  SELECT format('%s accounts have bought for the first time since %s, of %s that it knows', s.won, to_char(salesops.local_date(s.as_of), 'YYYY-MM-DD'), s.wins) FROM since s WHERE s.won >= greatest(10, s.wins / 10)
  UNION ALL
  SELECT 'there is none yet' WHERE NOT EXISTS (SELECT FROM last) AND EXISTS (SELECT FROM salesops.account a WHERE NOT a.is_deleted AND a.recorded_at <= icp_is_due.as_of);
END;
COMMENT ON FUNCTION salesops.icp_is_due(timestamptz) IS
  'Why an ideal customer profile is to be learned as of an instant: there is none yet, or since the last one a tenth as many accounts as it learned from, and at least 10, have bought for the first time. NULL = it is not, or there are no accounts';

CREATE FUNCTION salesops.keep_icp(as_of timestamptz, OUT written bigint, OUT remark text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  last record;
BEGIN
  written := 0;
  IF salesops.icp_is_due(as_of) IS NOT NULL THEN
    -- As the user had it learned.
    SELECT array_agg(t.attribute ORDER BY t.place) AS attributes, i.take_as_given INTO last
    FROM salesops.icp i JOIN salesops.icp_attribute t ON t.icp_id = i.icp_id
    WHERE i.icp_id = (SELECT x.icp_id FROM salesops.icp x WHERE x.as_of <= keep_icp.as_of ORDER BY x.as_of DESC, x.icp_id DESC LIMIT 1) GROUP BY i.icp_id;
    BEGIN
      IF last.attributes IS NULL THEN
        PERFORM salesops.fit_icp(as_of);
      ELSE
        PERFORM salesops.fit_icp(as_of, last.attributes, last.take_as_given);
      END IF;
      written := 1;
    EXCEPTION WHEN object_not_in_prerequisite_state THEN
      remark := SQLERRM;
    END;
  END IF;
  IF EXISTS (SELECT FROM salesops.icp i WHERE i.as_of <= keep_icp.as_of) THEN
    written := written + (SELECT k.placed FROM salesops.keep_placement(as_of, NULL) k);
  END IF;
END $$;
COMMENT ON FUNCTION salesops.keep_icp(timestamptz) IS
  'Learn an ideal customer profile where icp_is_due(), with the attributes of the last one, and place accounts that are new or changed by the one in force. written: profiles and accounts; remark: why none could be learned. '
  'Errors as of fit_icp() and place_accounts()';
