-- Deals of the generated CRM live one life, which as_of cuts; what stood on the old facts goes with them.

DROP FUNCTION salesops.generated_history(int, int, bigint, timestamptz);
DROP FUNCTION salesops.generated_opportunity(int, int, bigint, timestamptz, numeric, int[]);
DROP FUNCTION salesops.generated_field_history(int, int, bigint, timestamptz, numeric, int[]);
DROP FUNCTION salesops.generated_contact_role(int, int, bigint, timestamptz, numeric, int[]);
DROP FUNCTION salesops.generated_task(int, int, bigint, timestamptz, numeric, int[]);
DROP FUNCTION salesops.generated_event(int, int, bigint, timestamptz, numeric, int[]);
DROP FUNCTION salesops.generated_touch(int, int, bigint, timestamptz, numeric, int[]);
DROP FUNCTION salesops.generated_lead(int, int, bigint, timestamptz, numeric, int[]);
DROP FUNCTION salesops.generated_defect(int, int, bigint, timestamptz, numeric, int[]);
DROP FUNCTION salesops.generated_deal(int, int, bigint, timestamptz, numeric, int[]);
DROP FUNCTION salesops.generated_deal_stage_name(text, int);
DROP FUNCTION salesops.generated_day_text(timestamptz, int);
DROP FUNCTION salesops.generated_first_amount(bigint, int, bigint);
DROP FUNCTION salesops.generated_move_day(bigint, int, int, int, int, int);
DROP FUNCTION salesops.generated_move_second(bigint, int, int);
