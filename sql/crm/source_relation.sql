-- Reading a source's relations without lending their owner the reader's rights (see source_relation.c).

CREATE FUNCTION salesops.source_relation(relation regclass)
RETURNS text LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'salesops_source_relation';
COMMENT ON FUNCTION salesops.source_relation(regclass) IS
  'SQL that stands for a relation of a source in a FROM clause: its name, or, where reading it could run code of its owner''s (a view, row security, a type a user made), a call of read_as_owner(); locks the relation';

CREATE FUNCTION salesops.read_as_owner(relation regclass)
RETURNS SETOF record LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'salesops_read_as_owner';
COMMENT ON FUNCTION salesops.read_as_owner(regclass) IS
  'Rows of a relation, read under its owner''s rights as a security-restricted operation if the caller has those rights, else under the caller''s; columns of types that users made come as text';
