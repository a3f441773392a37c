-- Histories are read with how far back they reach: the functions that read them are made anew, and what was read before is looked at once.

DROP FUNCTION salesops.read_history(salesops.source, timestamptz);
DROP FUNCTION salesops.reconstruct_start(salesops.source, timestamptz);
DROP FUNCTION salesops.read_events(salesops.source, timestamptz);
DROP FUNCTION salesops.read_versions(salesops.source, timestamptz);
DROP FUNCTION salesops.first_seen(text, timestamptz);

SELECT salesops.recall_reach(s.source_key) FROM salesops.source s;
