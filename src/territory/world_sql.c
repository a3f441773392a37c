/*
 * world_sql.c: the accounts and the territories of a generated world, as rows.
 */
#include "core/compat.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/tuplestore.h"

#include "territory/balance.h"
#include "territory/world.h"

#define ACCOUNT_COLUMNS		13
#define TERRITORY_COLUMNS	6

static void
check_for_cancel(void)
{
	CHECK_FOR_INTERRUPTS();
}

/* The world of the first three arguments: accounts, territories, seed. */
static World *
world_of(FunctionCallInfo fcinfo)
{
	int32		accounts = PG_GETARG_INT32(0);
	int32		territories = PG_GETARG_INT32(1);

	if (accounts < 1 || accounts > WORLD_MOST_ACCOUNTS)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("cannot generate %d accounts", accounts),
						errhint("Ask for 1 to %d.", WORLD_MOST_ACCOUNTS)));
	if (territories < 1 || territories > TERRITORY_MOST_TERRITORIES)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("cannot generate %d territories", territories),
						errhint("Ask for 1 to %d.", TERRITORY_MOST_TERRITORIES)));
	return territory_world(accounts, territories, (uint64) PG_GETARG_INT64(2), check_for_cancel);
}

static Datum
name_of(const char *kind, int number)
{
	return CStringGetTextDatum(psprintf("%s-%d", kind, number + 1));
}

static Datum
segment_tag(int segment)
{
	return CStringGetTextDatum(psprintf("segment:%s", world_segment[segment]));
}

static Datum
text_array(Datum *text, int count)
{
	return PointerGetDatum(construct_array(text, count, TEXTOID, -1, false, TYPALIGN_INT));
}

static Datum
as_number(double value)
{
	return DirectFunctionCall1(float8_numeric, Float8GetDatum(value));
}

/* generate_territory_accounts(accounts, territories, seed, as_of) */
PG_FUNCTION_INFO_V1(salesops_generate_territory_accounts);
Datum
salesops_generate_territory_accounts(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	World	   *world = world_of(fcinfo);
	DateADT		today = PG_GETARG_DATEADT(3);
	MemoryContext row = AllocSetContextCreate(CurrentMemoryContext, "generated account", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller;

	InitMaterializedSRF(fcinfo, 0);
	caller = MemoryContextSwitchTo(row);
	for (int i = 0; i < world->accounts; i++)
	{
		const WorldAccount *a = &world->account[i];
		Datum		tag = segment_tag(a->segment);
		Datum		value[ACCOUNT_COLUMNS] = {0};
		bool		is_null[ACCOUNT_COLUMNS] = {false};

		CHECK_FOR_INTERRUPTS();
		value[0] = name_of("account", i);
		is_null[1] = a->owner < 0;
		if (a->owner >= 0)
			value[1] = name_of("territory", a->owner);
		value[2] = as_number(a->potential);
		value[3] = as_number(a->workload);
		value[4] = Float8GetDatum(a->x);
		value[5] = Float8GetDatum(a->y);
		value[6] = Float8GetDatum(rint(10000 * a->workload / world->mean_workload) / 10000);
		value[7] = Float8GetDatum(a->owner < 0 ? 0 : a->relationship);
		value[8] = text_array(&tag, 1);
		is_null[9] = a->family < 0;
		if (a->family >= 0)
			value[9] = name_of("family", a->family);
		value[10] = BoolGetDatum(a->hold == WORLD_LOCKED);
		is_null[11] = a->hold != WORLD_EXEMPT && a->hold != WORLD_ELIGIBLE;
		if (!is_null[11])
			value[11] = CStringGetTextDatum(a->hold == WORLD_EXEMPT ? "exempt" : "eligible");
		is_null[12] = a->hold != WORLD_ELIGIBLE;
		value[12] = DateADTGetDatum(today + a->hold_days);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, value, is_null);
		MemoryContextReset(row);
	}
	MemoryContextSwitchTo(caller);
	return (Datum) 0;
}

/* generate_territories(accounts, territories, seed) */
PG_FUNCTION_INFO_V1(salesops_generate_territories);
Datum
salesops_generate_territories(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	World	   *world = world_of(fcinfo);

	InitMaterializedSRF(fcinfo, 0);
	for (int k = 0; k < world->territories; k++)
	{
		const WorldTerritory *t = &world->territory[k];
		Datum		tag[WORLD_SEGMENTS];
		Datum		value[TERRITORY_COLUMNS];
		bool		is_null[TERRITORY_COLUMNS] = {false};
		int			tags = 0;

		for (int s = 0; s < WORLD_SEGMENTS; s++)
			if (t->segments >> s & 1)
				tag[tags++] = segment_tag(s);
		value[0] = name_of("territory", k);
		value[1] = as_number(t->capacity);
		value[2] = as_number(t->ramp);
		value[3] = Float8GetDatum(t->x);
		value[4] = Float8GetDatum(t->y);
		value[5] = text_array(tag, tags);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, value, is_null);
	}
	return (Datum) 0;
}
