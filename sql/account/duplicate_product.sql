-- Names of products that differ in spelling only: as deals state them, and as the catalogue has them.

CREATE FUNCTION salesops.near_products(as_of timestamptz, OUT source_key text, OUT name text, OUT deals bigint, OUT product_id text,
                                       OUT near_name text, OUT near_deals bigint, OUT near_product_id text, OUT agreement text)
RETURNS SETOF record LANGUAGE sql VOLATILE ROWS 10
BEGIN ATOMIC
  WITH used AS MATERIALIZED (
    SELECT o.source_key, o.product AS name, count(*) AS deals FROM salesops.opportunity_as_of(near_products.as_of) o
    WHERE o.merged_into IS NULL GROUP BY o.source_key, o.product
  ), name AS MATERIALIZED (
    SELECT n.source_key, n.name, sum(n.deals)::bigint AS deals,
           (SELECT m.product_id FROM salesops.product_meaning(near_products.as_of) m WHERE m.source_key = n.source_key AND m.label = n.name) AS product_id
    FROM (SELECT u.source_key, u.name, u.deals FROM used u
          UNION ALL SELECT p.source_key, p.name, 0 FROM salesops.product p WHERE NOT p.is_deleted) n
    WHERE n.name IS NOT NULL GROUP BY n.source_key, n.name
  )
  SELECT a.source_key, p.name, a.deals, a.product_id, p.near_name, b.deals, b.product_id, p.agreement
  FROM (SELECT n.source_key, array_agg(n.name) AS names FROM name n GROUP BY n.source_key) s
  CROSS JOIN LATERAL salesops.near_names(s.names) p
  JOIN name a ON a.source_key = s.source_key AND a.name = p.name
  JOIN name b ON b.source_key = s.source_key AND b.name = p.near_name
  ORDER BY a.source_key, p.name COLLATE "C", p.near_name COLLATE "C";
END;
COMMENT ON FUNCTION salesops.near_products(timestamptz) IS
  'Products whose names differ in spelling only (near_names()), among the names that deals state as of an instant and those of the catalogue: how many deals state each, and the product that each '
  'means by product_meaning(), NULL = none. map_value(source, ''product'', name, product) makes two of them one. No row for NULL';
