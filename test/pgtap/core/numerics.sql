-- exp, ln and the normal distribution against published values, against numeric arithmetic with 40 digits, and bit for bit.
\set ON_ERROR_STOP 1
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL extra_float_digits = 3;
SELECT plan(19);

-- Published values -----------------------------------------------------------------------------------------------------------

-- Abramowitz and Stegun, table 26.1 (15 decimals); table 26.2 for the tails (-log10 Q(x), five decimals).
SELECT results_eq(
  $$ SELECT x, round(salesops.normal_cdf(x)::numeric, 15) FROM unnest('{0,0.5,1,1.5,2,2.5,3}'::float8[]) AS x $$,
  $$ VALUES (0::float8, 0.500000000000000), (0.5, 0.691462461274013), (1, 0.841344746068543), (1.5, 0.933192798731142),
            (2, 0.977249868051821), (2.5, 0.993790334674224), (3, 0.998650101968370) $$,
  'the normal distribution as tabulated');
SELECT results_eq(
  $$ SELECT x, round(-log(salesops.normal_cdf(-x)::numeric), 5) FROM unnest('{5,6,7,8,9,10,20,30}'::float8[]) AS x $$,
  $$ VALUES (5::float8, 6.54265), (6, 9.00586), (7, 11.89285), (8, 15.20614), (9, 18.94746), (10, 23.11805), (20, 88.56010), (30, 197.30921) $$,
  'its tail as tabulated');
-- Wichura, Algorithm AS 241, Applied Statistics 37 (1988): the three values that he gives for checking an implementation.
SELECT ok(abs(salesops.normal_quantile(p) - x) <= 1e-15 * abs(x), format('the quantile of %s', p))
FROM (VALUES (0.25::float8, -0.6744897501960817::float8), (0.001, -3.090232306167814), (1e-20, -9.262340089798408)) AS published (p, x);

-- Numeric arithmetic ---------------------------------------------------------------------------------------------------------

-- A float8 exactly, to 100 places: the cast of the server rounds to 15 digits.
CREATE FUNCTION pg_temp.exact(value float8) RETURNS numeric LANGUAGE sql AS $$
  SELECT sign(value)::numeric * ((bits & 4503599627370495) + 4503599627370496)::numeric(1000, 100) * power(2::numeric, greatest(shift, 0)) / power(2::numeric, greatest(-shift, 0))
  FROM (SELECT bits, ((bits >> 52) & 2047)::integer - 1075 AS shift FROM (SELECT ('x' || encode(float8send(value), 'hex'))::bit(64)::bigint AS bits) AS b) AS s
$$;
SELECT is(trim_scale(pg_temp.exact(0.1)), 0.1000000000000000055511151231257827021181583404541015625, 'the oracle knows a float8 to the last digit');

-- Phi(x) = 1/2 + phi(x) (x + x^3/3 + x^5/(3*5) + ...), DLMF 7.6.2; all terms have one sign.
CREATE FUNCTION pg_temp.exact_cdf(x numeric) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
  term numeric := round(x, 60);
  total numeric := term;
  n integer := 1;
  pi CONSTANT numeric := 3.14159265358979323846264338327950288419716939937510582;
BEGIN
  WHILE abs(term) > 1e-50 LOOP
    n := n + 2;
    term := round(term * x * x / n, 60);
    total := total + term;
  END LOOP;
  RETURN 0.5 + total * exp(round(-x * x / 2, 60)) / sqrt(2 * pi);
END $$;

-- The largest relative error at 401 points from 0 to 1, stretched over what each function is asked for.
CREATE TEMP TABLE point AS
  SELECT n / 400.0::float8 AS unit FROM generate_series(0, 400) AS n;
CREATE FUNCTION pg_temp.worst(query text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
  worst float8;
BEGIN
  EXECUTE format('SELECT max(abs(pg_temp.exact(ours) - exact) / abs(exact))::float8 FROM (%s) AS q(ours, exact)', query) INTO worst;
  RETURN worst;
END $$;
SELECT cmp_ok(pg_temp.worst($$ SELECT salesops.portable_exp(x), exp(pg_temp.exact(x)) FROM (SELECT -20 + 40.1 * unit FROM point) AS p(x) $$), '<', 3e-16::float8, 'exp');
SELECT cmp_ok(pg_temp.worst($$ SELECT salesops.portable_ln(x), ln(pg_temp.exact(x)) FROM (SELECT 0.3 + 3 * unit * unit FROM point) AS p(x) WHERE x <> 1 $$), '<', 3e-16::float8, 'ln around 1');
SELECT cmp_ok(pg_temp.worst($$ SELECT salesops.portable_ln(x), ln(pg_temp.exact(x)) FROM (SELECT 1e-6 + 1e15 * unit ^ 8 FROM point) AS p(x) $$), '<', 3e-16::float8, 'ln far from 1');
SELECT cmp_ok(pg_temp.worst($$ SELECT salesops.normal_cdf(x), pg_temp.exact_cdf(pg_temp.exact(x)) FROM (SELECT -7 + 13 * unit FROM point) AS p(x) $$), '<', 2e-15::float8, 'the normal distribution');
SELECT cmp_ok((SELECT max(abs(pg_temp.exact_cdf(pg_temp.exact(salesops.normal_quantile(p))) / pg_temp.exact(p) - 1))::float8 FROM (SELECT 1e-8 + 0.9 * unit ^ 4 FROM point) AS q(p)),
              '<', 3e-14::float8, 'the distribution at the quantile is the probability');
SELECT cmp_ok(pg_temp.worst($$ SELECT salesops.logistic(x), 1 / (1 + exp(-pg_temp.exact(x))) FROM (SELECT -20 + 40.1 * unit FROM point) AS p(x) $$), '<', 1e-15::float8, 'logistic');
SELECT cmp_ok((SELECT max(abs(salesops.logistic(salesops.logit(p)) - p) / p) FROM (SELECT 1e-9 + 0.99 * unit ^ 3 FROM point) AS q(p)), '<', 1e-14::float8, 'logit is its inverse');

-- The edges ------------------------------------------------------------------------------------------------------------------

SELECT results_eq(
  $$ SELECT salesops.portable_exp(x) FROM unnest('{-Infinity,-746,-745,0,709.78,710,Infinity,NaN}'::float8[]) AS x $$,
  $$ SELECT y FROM unnest('{0,0,4.94e-324,1,1.7928227943945155e308,Infinity,Infinity,NaN}'::float8[]) AS y $$, 'exp at the edges');
SELECT results_eq(
  $$ SELECT salesops.normal_cdf(x) FROM unnest('{-Infinity,-39,9,Infinity,NaN}'::float8[]) AS x $$,
  $$ SELECT y FROM unnest('{0,0,1,1,NaN}'::float8[]) AS y $$, 'the normal distribution at the edges');
SELECT results_eq(
  $$ SELECT salesops.normal_quantile(x), salesops.logit(x) FROM unnest('{0,0.5,1,NaN}'::float8[]) AS x $$,
  $$ SELECT y, y FROM unnest('{-Infinity,0,Infinity,NaN}'::float8[]) AS y $$, 'quantile and logit at the edges');
SELECT throws_ok('SELECT salesops.normal_quantile(1.5)', '22003', 'a probability must be between 0 and 1');
SELECT throws_ok('SELECT salesops.portable_ln(0)', '2201E', 'cannot take logarithm of zero');

-- Bit for bit: what every compiler and processor must give. The values are right by the tests above; this line says that they are the same.
SELECT is(md5(string_agg(concat_ws(' ', float8send(salesops.portable_exp(x)), float8send(salesops.portable_ln(x + 41)), float8send(salesops.normal_cdf(x)),
                                   float8send(salesops.normal_quantile((x + 40.5) / 81)), float8send(salesops.logistic(x))), ' ' ORDER BY x)),
          '19ad0b664db262210a8a72de19f07fd8', 'every bit')
FROM (SELECT n / 256.0::float8 FROM generate_series(-10240, 10240) AS n) AS p(x);

SELECT * FROM finish();
ROLLBACK;
