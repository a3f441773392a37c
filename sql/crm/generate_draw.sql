-- Random numbers named by (seed, stream, item): see src/crm/draw.c.

CREATE FUNCTION salesops.draw(seed bigint, stream text, item bigint) RETURNS double precision
  LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'salesops_draw';
COMMENT ON FUNCTION salesops.draw(bigint, text, bigint) IS
  'Uniform number in [0, 1) that depends on its three arguments only: seed, what is drawn, for which item. Same bits '
  'on every platform.';

CREATE FUNCTION salesops.draw_int(seed bigint, stream text, item bigint, below int) RETURNS int
  LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'salesops_draw_int';
COMMENT ON FUNCTION salesops.draw_int(bigint, text, bigint, int) IS
  'Uniform integer among 0, 1 ... below - 1 for (seed, stream, item). Error 22023 where below < 1.';

CREATE FUNCTION salesops.draw_from_curve(seed bigint, stream text, item bigint, curve int[]) RETURNS int
  LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'salesops_draw_from_curve';
COMMENT ON FUNCTION salesops.draw_from_curve(bigint, text, bigint, int[]) IS
  'Integer for (seed, stream, item) whose quantiles at 0, 1/n ... 1 are the n + 1 rising points given, linear in '
  'between; draw() of the same three is its position on the curve. Error 22023 for a curve that falls, has a NULL or '
  'fewer than two points.';

CREATE FUNCTION salesops.salesforce_id(prefix text, number bigint) RETURNS text
  LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'salesops_salesforce_id';
COMMENT ON FUNCTION salesops.salesforce_id(text, bigint) IS
  'Id of 18 characters with the anatomy of Salesforce ids: key prefix of the object (''006'' an opportunity), '
  'instance, number in base 62, three characters that keep the case. Error 22023 for a prefix that has not three '
  'characters, 22003 for a number that is negative or beyond nine digits.';

CREATE FUNCTION salesops.draw_label(seed bigint, stream text, item bigint, labels text[]) RETURNS text
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT labels[1 + salesops.draw_int(seed, stream, item, cardinality(labels))];
END;
COMMENT ON FUNCTION salesops.draw_label(bigint, text, bigint, text[]) IS
  'One of the labels for (seed, stream, item), each as likely as its share of the list. Error 22023 for an empty list.';

CREATE FUNCTION salesops.draw_choice(seed bigint, stream text, item bigint, choices int[]) RETURNS int
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT choices[1 + salesops.draw_int(seed, stream, item, cardinality(choices))];
END;
COMMENT ON FUNCTION salesops.draw_choice(bigint, text, bigint, int[]) IS
  'One of the numbers for (seed, stream, item), each as likely as its share of the list. Error 22023 for an empty list.';
