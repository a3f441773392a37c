-- The end of the install script and of each update script: what is on our tables now and was no user's before is ours.
INSERT INTO salesops.table_part
SELECT p.relation, p.kind, p.name, true FROM salesops.table_parts() p
ON CONFLICT DO NOTHING;
DELETE FROM salesops.table_part s
WHERE NOT s.is_shipped
   OR NOT EXISTS (SELECT FROM salesops.table_parts() p WHERE p.relation = s.relation AND p.kind = s.kind AND p.name = s.name);
