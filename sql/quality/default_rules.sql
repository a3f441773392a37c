-- The rules that come with the product: the six points of the pipeline checklist, what lies beyond them, and the sources.
--
-- applies says which objects a rule is about (the base of completeness), violation which of them fail it, value what to
-- show. {bound} stands for the bound, as a literal. targets are the canonical fields that a source must offer, or the rule
-- is not checkable there; a|b = one of the two is enough. cause says what one fix would cure: all findings with the same
-- value, all of the same owner, or each on its own.

CREATE FUNCTION salesops.default_rules(
  OUT name text, OUT checklist_item text, OUT field text, OUT object_kind text, OUT applies text, OUT violation text,
  OUT value text, OUT bound text, OUT severity text, OUT cause text, OUT targets text[], OUT description text)
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 30
BEGIN ATOMIC
  SELECT r.name, r.checklist_item, r.field, r.object_kind, r.applies, r.violation, r.value, r.bound, r.severity, r.cause,
         r.targets::text[], r.description
  FROM (VALUES
    -- Required fields, one rule a field, so that completeness is per field.
    ('missing_amount', 'required_fields', 'amount', 'opportunity', NULL, 'stated_amount IS NULL', NULL, NULL,
     'error', 'owner', '{opportunity.amount}', 'An open deal has an amount'),
    ('missing_close_date', 'required_fields', 'close_date', 'opportunity', NULL, 'close_date IS NULL', NULL, NULL,
     'error', 'owner', '{opportunity.close_date}', 'An open deal has a close date'),
    ('missing_stage', 'required_fields', 'stage', 'opportunity', NULL, $$coalesce(stage, '') = ''$$, NULL, NULL,
     'error', 'owner', '{opportunity.stage}', 'An open deal has a stage'),
    ('missing_owner', 'required_fields', 'owner_id', 'opportunity', NULL, 'owner_id IS NULL', NULL, NULL,
     'error', 'owner', '{opportunity.owner_id}', 'An open deal has an owner'),
    ('missing_account', 'required_fields', 'account_id', 'opportunity', NULL, 'account_id IS NULL', NULL, NULL,
     'error', 'owner', '{opportunity.account_id}', 'An open deal has an account'),

    -- The activity is looked up last: a deal that was changed lately needs none.
    ('not_confirmed', 'confirmed', NULL, 'opportunity',
     'confirmed_at IS NOT NULL OR last_activity_at IS NOT NULL',
     'coalesce(as_of - confirmed_at > {bound}, true) AND coalesce(as_of - last_activity_at > {bound}, true)',
     'greatest(confirmed_at, last_activity_at)', '7 days',
     'warning', 'owner', '{opportunity.stage}',
     'Stage, amount, close date or next step changed, or an activity was logged, within the bound'),

    ('close_date_past', 'close_date', 'close_date', 'opportunity', 'close_date IS NOT NULL',
     'close_date < as_of_date', 'close_date', NULL,
     'error', 'owner', '{opportunity.close_date}', 'The close date of an open deal is not past'),
    ('close_date_unrealistic', 'close_date', 'close_date', 'opportunity',
     'close_date IS NOT NULL AND created_date IS NOT NULL AND won_deals >= {bound}',
     'close_date - created_date > cycle_p99_days',
     $$format('%s days, 99 %% of won deals took at most %s', close_date - created_date, cycle_p99_days)$$, '30',
     'warning', 'owner', '{opportunity.close_date,opportunity.created_at}',
     'The deal closes within the cycle of 99 % of the won deals of its source and deal type, where there are at least the bound of them'),

    ('amount_not_positive', 'amount', 'amount', 'opportunity', 'stated_amount IS NOT NULL',
     'stated_amount <= {bound}', 'stated_amount', '0',
     'error', 'owner', '{opportunity.amount}', 'The amount is above the bound'),
    ('amount_off_list', 'amount', 'amount', 'opportunity', 'stated_amount IS NOT NULL AND list_amount > 0',
     'abs(stated_amount - list_amount) > {bound} * list_amount',
     $$format('%s against %s at list', stated_amount, list_amount)$$, '0.5',
     'warning', 'owner', '{opportunity.amount,opportunity.list_amount|product.list_price}',
     'The amount is within this share of the amount at list price'),

    ('missing_contact_role', 'contact_roles', 'contact_role', 'opportunity', NULL, 'NOT has_contact_role', NULL, NULL,
     'warning', 'owner', '{contact_role.opportunity_id}', 'The deal has a contact role'),
    ('missing_economic_buyer', 'contact_roles', 'contact_role', 'opportunity', 'has_contact_role',
     'NOT has_economic_buyer', NULL, NULL,
     'warning', 'owner', '{contact_role.opportunity_id,contact_role.role}', 'One of the contact roles is an economic buyer'),

    ('missing_next_step', 'next_step', 'next_step', 'opportunity', NULL,
     'next_step IS NULL OR is_blank(next_step)', NULL, NULL,
     'warning', 'owner', '{opportunity.next_step}', 'The deal has a next step'),
    ('vague_next_step', 'next_step', 'next_step', 'opportunity', 'NOT is_blank(next_step)',
     'next_step_lacks(next_step) IS NOT NULL',
     $$format('lacks %s: %s', next_step_lacks(next_step), left(next_step, 200))$$, NULL,
     'info', 'owner', '{opportunity.next_step}', 'The next step has a date, a verb and at least three words'),

    -- Beyond the checklist.
    ('unmapped_stage', NULL, 'stage', 'opportunity', $$stage <> ''$$,
     'NOT is_stage_mapped AND is_closed IS NULL AND is_won IS NULL', 'stage', NULL,
     'error', 'value', '{opportunity.stage}', 'The stage has a meaning; map_stage() gives it one'),
    ('unmapped_category', NULL, 'forecast_category', 'opportunity', $$category_label <> ''$$,
     'stated_category IS NULL', 'category_label', NULL,
     'warning', 'value', '{opportunity.forecast_category}', 'The forecast category has a meaning; map_category() gives it one'),
    ('category_conflict', NULL, 'forecast_category', 'opportunity', 'category_gap IS NOT NULL',
     $$stated_category = 'Closed' OR abs(category_gap) >= {bound}$$,
     $$format('%s stated, %s by stage', stated_category, stage_category)$$, '2',
     'warning', 'owner', '{opportunity.forecast_category,opportunity.stage}',
     'The stated category is not Closed, and fewer steps than the bound away from that of the stage'),
    ('probability_scale', NULL, 'probability', 'opportunity', 'stated_probability IS NOT NULL',
     $$stated_probability < 0
       OR CASE probability_scale WHEN 'percent' THEN stated_probability > 100 OR stated_probability > 0 AND stated_probability < 1
                                 ELSE stated_probability > 1 END$$, 'stated_probability', NULL,
     'warning', 'owner', '{opportunity.probability}', 'The probability lies on the scale of its source'),
    ('owner_unknown', NULL, 'owner_id', 'opportunity', 'owner_id IS NOT NULL',
     'NOT owner_is_known', 'owner_id', NULL,
     'error', 'value', '{opportunity.owner_id,rep.id}', 'The owner is among the reps of the source'),
    ('owner_inactive', NULL, 'owner_id', 'opportunity', 'owner_is_known AND owner_is_active IS NOT NULL',
     'NOT owner_is_active', 'owner_id', NULL,
     'error', 'value', '{opportunity.owner_id,rep.is_active}', 'The owner is active'),
    ('close_before_create', NULL, 'close_date', 'opportunity', 'close_date IS NOT NULL AND created_date IS NOT NULL',
     'close_date < created_date', $$format('closes %s, created %s', close_date, created_date)$$, NULL,
     'error', 'owner', '{opportunity.close_date,opportunity.created_at}', 'The close date is not before the creation'),
    ('unknown_start', NULL, 'created_at', 'opportunity', NULL, 'created_at IS NULL', NULL, NULL,
     'warning', 'owner', '{opportunity.created_at}', 'It is known when the deal began'),
    ('unmapped_product', NULL, 'product', 'opportunity', $$product <> ''$$,
     'product_id IS NULL', 'product', NULL,
     'warning', 'value', '{opportunity.product,product.id}', 'The product is a known one; map_value() maps a name to one'),
    ('unconvertible_currency', NULL, 'currency', 'opportunity', 'currency <> corporate_currency',
     'NOT is_convertible', 'currency', NULL,
     'error', 'value', '{}', 'There is a dated rate for the currency'),
    ('unreadable_value', NULL, NULL, 'opportunity', NULL,
     $$unreadable <> '{}'$$, 'left(unreadable::text, 500)', NULL,
     'error', 'owner', '{}', 'Every stated value can be read as its type'),

    -- Sources, one row an entity. Staleness is of the whole source, said once, of its deals.
    ('source_stale', NULL, NULL, 'source', $$id = 'opportunity' AND newest_row_at IS NOT NULL$$,
     'as_of - newest_row_at > {bound}', 'newest_row_at', '24 hours',
     'error', 'value', '{}', 'The newest row of the source is younger than the bound'),
    ('source_unreadable', NULL, NULL, 'source', NULL, 'sqlstate IS NOT NULL',
     $$format('%s: %s', sqlstate, message)$$, NULL,
     'error', 'value', '{}', 'The last sync of the entity succeeded'),
    ('duplicate_ids', NULL, NULL, 'source', 'sqlstate IS NULL', 'duplicates > {bound}', 'duplicates', '0',
     'warning', 'value', '{}', 'No more rows than the bound share the id of another'),
    ('missing_ids', NULL, NULL, 'source', 'sqlstate IS NULL', 'unidentified > {bound}', 'unidentified', '0',
     'warning', 'value', '{}', 'No more rows than the bound have no id'),

    -- Found by the audit itself, so it has no predicate.
    ('rule_failed', NULL, NULL, 'rule', NULL, NULL, NULL, NULL,
     'error', 'value', '{}', 'Every rule could be evaluated')
  ) AS r(name, checklist_item, field, object_kind, applies, violation, value, bound, severity, cause, targets, description);
END;
COMMENT ON FUNCTION salesops.default_rules() IS
  'The rules that come with the product; audit_rules() gives the ones in force, with what users added and changed';
