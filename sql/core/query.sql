-- A query that somebody wrote becomes a part of another one.

CREATE FUNCTION salesops.query_as_part(query text)
RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN rtrim(query, E'; \t\r\n') || E'\n';
COMMENT ON FUNCTION salesops.query_as_part(text) IS
  'A query as it may stand between parentheses: without the semicolon that ends it, and with a line end after it, for it may end in a comment. NULL for NULL';
