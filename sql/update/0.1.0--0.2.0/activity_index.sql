-- open_deals_at() looks up the activities of a deal as they were known at an instant.
CREATE INDEX activity_history_opportunity ON salesops.activity_history (opportunity_id COLLATE "C", source_key COLLATE "C", happened_at)
  WHERE NOT is_deleted;
