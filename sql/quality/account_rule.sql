-- The rules about accounts. Like rule_failed they have no predicate: keep_account_scores() finds what breaks them, where it reads industries anyway.

CREATE FUNCTION salesops.account_rules(
  OUT name text, OUT checklist_item text, OUT field text, OUT object_kind text, OUT applies text, OUT violation text,
  OUT value text, OUT bound text, OUT severity text, OUT cause text, OUT targets text[], OUT description text)
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
  VALUES ('unmapped_industry', NULL, 'industry', 'account', NULL, NULL, NULL, NULL,
          'warning', 'value', '{account.industry}'::text[], 'The industry of the account has a meaning; map_value() gives it one');
END;
COMMENT ON FUNCTION salesops.account_rules() IS
  'The rules about accounts that come with the product, columns as of default_rules(); audit_rules() gives them with the others';
