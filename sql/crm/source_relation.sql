-- Reading a source's relations without lending their owner the reader's rights (see source_relation.c).

CREATE FUNCTION salesops.source_relation(relation regclass)
RETURNS text LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'salesops_source_relation';
COMMENT ON FUNCTION salesops.source_relation(regclass) IS
  'SQL that stands for a relation of a source in a FROM clause: a call of read_relation(); locks the relation, if the caller may read it, until the transaction ends';

-- How many rows there are is not known before; joined as if they were few, many would be looped over.
CREATE FUNCTION salesops.read_relation(relation regclass)
RETURNS SETOF record LANGUAGE c VOLATILE STRICT ROWS 100000 AS 'MODULE_PATHNAME', 'salesops_read_relation';
COMMENT ON FUNCTION salesops.read_relation(regclass) IS
  'Rows of a relation. A table of the server''s own types is scanned under the caller''s rights, running no code of its owner''s; a view, a foreign or partitioned table, one with row security, or with types that users made, which come as text, is read under its owner''s rights as a security-restricted operation; 42501 where the caller has not those rights and the owner is no superuser';

CREATE FUNCTION salesops.count_rows(relation regclass)
RETURNS bigint LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'salesops_count_rows';
COMMENT ON FUNCTION salesops.count_rows(regclass) IS
  'How many rows a materialized view holds, counted without running what its owner wrote into its indexes';
