-- Made-up territories and accounts that are like real ones (src/territory/world.c): for trying, testing and measuring.

CREATE FUNCTION salesops.generate_territory_accounts(
  accounts integer DEFAULT 1000, territories integer DEFAULT 20, seed bigint DEFAULT 1, as_of date DEFAULT salesops.local_date(salesops.statement_clock()),
  OUT id text, OUT territory text, OUT potential numeric, OUT workload numeric, OUT x double precision, OUT y double precision,
  OUT distance_cost double precision, OUT relationship double precision, OUT needs text[], OUT family text, OUT locked boolean,
  OUT holdout text, OUT holdout_until date)
RETURNS SETOF record LANGUAGE c STABLE STRICT PARALLEL SAFE ROWS 1000 AS 'MODULE_PATHNAME', 'salesops_generate_territory_accounts';
COMMENT ON FUNCTION salesops.generate_territory_accounts(integer, integer, bigint, date) IS
  'Accounts of a generated world, as balance_territories() reads them: potential in money a year, workload in visits a year, places in km, last year''s '
  'territory (NULL = new, or its representative has left), segment as the tag needed, families, locks and holdouts, some of them over by as_of. The same arguments '
  'give the same rows everywhere. 22023 for fewer than 1 account or territory, or more than 4096 territories';

CREATE FUNCTION salesops.generate_territories(
  accounts integer DEFAULT 1000, territories integer DEFAULT 20, seed bigint DEFAULT 1,
  OUT id text, OUT capacity numeric, OUT ramp numeric, OUT x double precision, OUT y double precision, OUT tags text[])
RETURNS SETOF record LANGUAGE c STABLE STRICT PARALLEL SAFE ROWS 20 AS 'MODULE_PATHNAME', 'salesops_generate_territories';
COMMENT ON FUNCTION salesops.generate_territories(integer, integer, bigint) IS
  'Territories of the world that generate_territory_accounts() makes of the same arguments: capacity of the representative, how far he is ramped, home in km, the segments he takes '
  'as tags. 22023 as there';
