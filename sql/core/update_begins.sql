-- The beginning of each update script. No step of a run is at work while it changes what the step stands on; and what is
-- on our tables and not ours is a user's, and stays it.
SELECT salesops.hold_runs();
INSERT INTO salesops.table_part
SELECT p.relation, p.kind, p.name, false FROM salesops.table_parts() p
ON CONFLICT DO NOTHING;
