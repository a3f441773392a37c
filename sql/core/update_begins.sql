-- The beginning of each update script: what is on our tables and not ours is a user's, and stays it.
INSERT INTO salesops.table_part
SELECT p.relation, p.kind, p.name, false FROM salesops.table_parts() p
ON CONFLICT DO NOTHING;
