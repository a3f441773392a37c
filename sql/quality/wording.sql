-- Questions about words (see wording.c).

CREATE FUNCTION salesops.is_blank(value text)
RETURNS boolean LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'salesops_is_blank';
COMMENT ON FUNCTION salesops.is_blank(text) IS 'Whether a text is empty or nothing but spaces, tabs and line ends; NULL for NULL';

CREATE FUNCTION salesops.is_economic_buyer(role text)
RETURNS boolean LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'salesops_is_economic_buyer';
COMMENT ON FUNCTION salesops.is_economic_buyer(text) IS
  'Whether a contact role is Economic Buyer, Economic Decision Maker or Decision Maker, case and outer spaces aside; NULL for NULL';
