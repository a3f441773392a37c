/*
 * arrange_sql.c: what was read put in order, and what follows from all of it: who holds what, who may have whom, targets and limits.
 *
 * Accounts, territories, classes and families get the numbers that follow from the order of names. So the solver is given the same
 * arrays, and sums have the same bits, in whatever order the rows came.
 */
#include "territory/plan_sql.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "territory/targets.h"

/* Puts the elements of an array in order; returns the new array. */
static void *
permute(void *array, const int *order, int count, Size size)
{
	char	   *ordered;

	if (array == NULL)
		return NULL;
	ordered = palloc_extended(size * Max(count, 1), MCXT_ALLOC_HUGE);
	for (int i = 0; i < count; i++)
		memcpy(ordered + i * size, (char *) array + order[i] * size, size);
	pfree(array);
	return ordered;
}
#define put_in_order(array, order, count, width) \
	((array) = permute((array), (order), (count), sizeof(*(array)) * (width)))

/* Numbers anew by first appearance. Returns the old numbers in the new order. */
static int *
renumber(int *number, int count, int numbers)
{
	int		   *new_number = palloc_extended(sizeof(int) * Max(numbers, 1), MCXT_ALLOC_HUGE);
	int		   *old_number = palloc_extended(sizeof(int) * Max(numbers, 1), MCXT_ALLOC_HUGE);
	int			next = 0;

	for (int n = 0; n < numbers; n++)
		new_number[n] = -1;
	for (int i = 0; i < count; i++)
		if (number[i] >= 0)
		{
			if (new_number[number[i]] < 0)
			{
				old_number[next] = number[i];
				new_number[number[i]] = next++;
			}
			number[i] = new_number[number[i]];
		}
	pfree(new_number);
	return old_number;
}

static void
order_accounts(Given *given)
{
	int			count = accounts_of(given);
	int		   *order = given->account_order = names_order(&given->account);

	put_in_order(given->amount, order, count, given->options->measures);
	put_in_order(given->class_of, order, count, 1);
	put_in_order(given->from, order, count, 1);
	put_in_order(given->locked_to, order, count, 1);
	put_in_order(given->hold, order, count, 1);
	put_in_order(given->family, order, count, 1);
	put_in_order(given->source, order, count, 1);
	put_in_order(given->x, order, count, 1);
	put_in_order(given->y, order, count, 1);
	put_in_order(given->z, order, count, 1);
	put_in_order(given->distance_cost, order, count, 1);
	put_in_order(given->relationship, order, count, 1);
	put_in_order(given->classes, renumber(given->class_of, count, given->class_key.count), given->class_key.count, 1);
}

static void
order_territories(Given *given)
{
	int			count = territories_of(given);
	int			measures = given->options->measures;
	int		   *order = given->territory_order = names_order(&given->territory);

	put_in_order(given->territory_tags, order, count, 1);
	put_in_order(given->quota, order, count, 1);
	put_in_order(given->ramp, order, count, 1);
	put_in_order(given->home_x, order, count, 1);
	put_in_order(given->home_y, order, count, 1);
	put_in_order(given->home_z, order, count, 1);
	put_in_order(given->share, order, count, measures);
	put_in_order(given->floor, order, count, measures);
	put_in_order(given->cap, order, count, measures);
	put_in_order(given->target, order, count, measures);
}

/* Which territory of the plan each place is that accounts speak of. */
static void
find_places(Given *given)
{
	int			territories = territories_of(given);
	int		   *rank = palloc(sizeof(int) * territories);

	for (int k = 0; k < territories; k++)
		rank[given->territory_order[k]] = k;
	given->territory_of_place = palloc_extended(sizeof(int) * Max(given->place.count, 1), MCXT_ALLOC_HUGE);
	for (int n = 0; n < given->place.count; n++)
	{
		const char *name = name_of(&given->place, n);
		int			number = names_find(&given->territory, name, strlen(name));

		given->territory_of_place[n] = number < 0 ? TERRITORY_NONE : rank[number];
	}
}

/* Owners and holds in the numbers of the solver. */
static void
set_owners(Given *given)
{
	int			count = accounts_of(given);
	int		   *owner = palloc_extended(sizeof(int) * count, MCXT_ALLOC_HUGE);
	int		   *held = palloc_extended(sizeof(int) * count, MCXT_ALLOC_HUGE);

	for (int i = 0; i < count; i++)
	{
		int			to = given->locked_to[i] < 0 ? TERRITORY_NONE : given->territory_of_place[given->locked_to[i]];

		owner[i] = given->from[i] < 0 || given->hold[i] == HOLD_INELIGIBLE ? TERRITORY_NONE : given->territory_of_place[given->from[i]];
		held[i] = given->hold[i] == HOLD_EXEMPT ? TERRITORY_EXEMPT : to;
		if (given->hold[i] == HOLD_LOCKED && to < 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("account \"%s\" is locked to a territory that is not there", name_of(&given->account, given->account_order[i])),
					 errdetail("territories_sql has no \"%s\".", name_of(&given->place, given->locked_to[i])),
					 errhint("Unlock the account, or lock it to a territory of the plan.")));
		/* Whoever kept it is gone. */
		if (given->hold[i] == HOLD_ELIGIBLE && to < 0)
		{
			given->hold[i] = HOLD_NONE;
			given->locked_to[i] = TERRITORY_NONE;
		}
	}
	given->input.owner = owner;
	given->input.held = held;
}

/* Which class may go where, and what it misses there. */
static void
set_eligible(Given *given)
{
	int			territories = territories_of(given);
	int			classes = given->class_key.count;
	bool	   *eligible = palloc_extended(sizeof(bool) * classes * territories, MCXT_ALLOC_HUGE);
	double	   *mismatch = palloc_extended(sizeof(double) * classes * territories, MCXT_ALLOC_HUGE);

	for (int c = 0; c < classes; c++)
		for (int k = 0; k < territories; k++)
		{
			const TagClass *account = &given->classes[c];
			const TagClass *territory = &given->territory_tags[k];
			Bitmapset  *missing = bms_difference(account->prefers, territory->tags);

			eligible[(Size) c * territories + k] = bms_is_subset(account->needs, territory->tags) && bms_is_subset(territory->needs, account->tags);
			mismatch[(Size) c * territories + k] = bms_num_members(missing) * given->options->mismatch_cost;
			bms_free(missing);
		}
	given->input.classes = classes;
	given->input.class_of = given->class_of;
	given->input.eligible = eligible;
	given->input.mismatch = mismatch;
}

/* Homes that are to be chosen, and whether there are accounts to choose from. */
static void
set_free_homes(Given *given)
{
	int			territories = territories_of(given);
	bool	   *home_free = palloc(sizeof(bool) * territories);
	int			missing = 0;
	int			accounts = 0;

	if (given->home_x == NULL)
	{
		given->home_x = palloc(sizeof(double) * territories);
		given->home_y = palloc(sizeof(double) * territories);
		given->home_z = palloc(sizeof(double) * territories);
		for (int k = 0; k < territories; k++)
			given->home_x[k] = given->home_y[k] = given->home_z[k] = NAN;
	}
	for (int k = 0; k < territories; k++)
	{
		home_free[k] = isnan(given->home_x[k]);
		missing += home_free[k];
	}
	for (int i = 0; i < accounts_of(given); i++)
		accounts += given->x && !isnan(given->x[i]) && given->hold[i] != HOLD_EXEMPT;
	if (missing > accounts)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there are not enough places for homes"),
				 errdetail("%d territories have no home, and %d accounts that are not exempt have a place.", missing, accounts),
				 errhint("Add x and y, or latitude and longitude, to accounts_sql; or give the homes in territories_sql.")));
	if (missing == 0)
		return;
	given->input.home_free = home_free;
	given->home_account = palloc(sizeof(int) * territories);
}

/* Coordinates of the first of some places that is known; false where none is. */
static bool
find_place(const double *x, const double *y, const double *z, int count, double *at)
{
	for (int i = 0; i < count; i++)
		if (!isnan(x[i]))
		{
			at[0] = x[i];
			at[1] = y[i];
			at[2] = z[i];
			return true;
		}
	return false;
}

/* Places and what distance costs; an account without a place is near everybody. */
static void
set_places(Given *given)
{
	TerritoryInput *in = &given->input;
	int			count = accounts_of(given);
	double		at[3];
	double	   *x;
	double	   *y;
	double	   *z;
	double	   *weight;
	bool	   *is_nowhere;

	if (given->options->homes_free)
		set_free_homes(given);
	if (given->x == NULL)
		return;
	if (given->home_x == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the accounts have places and the territories have no homes"),
				 errhint("Add x and y, or latitude and longitude, to territories_sql; or let option \"homes\": \"free\" choose them; "
						 "or leave them out of accounts_sql, and distance does not count.")));
	for (int k = 0; k < territories_of(given); k++)
		if (isnan(given->home_x[k]) && !given->home_account)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("territory \"%s\" has no home", name_of(&given->territory, given->territory_order[k])),
					 errhint("Give its coordinates in territories_sql, or let option \"homes\": \"free\" choose one.")));
	if (!find_place(given->home_x, given->home_y, given->home_z, territories_of(given), at) &&
		!find_place(given->x, given->y, given->z, count, at))
		elog(ERROR, "there is no place");
	x = palloc_extended(sizeof(double) * count, MCXT_ALLOC_HUGE);
	y = palloc_extended(sizeof(double) * count, MCXT_ALLOC_HUGE);
	z = palloc_extended(sizeof(double) * count, MCXT_ALLOC_HUGE);
	weight = palloc_extended(sizeof(double) * count, MCXT_ALLOC_HUGE);
	is_nowhere = palloc_extended(sizeof(bool) * count, MCXT_ALLOC_HUGE);
	for (int i = 0; i < count; i++)
	{
		bool		is_somewhere = !isnan(given->x[i]);

		x[i] = is_somewhere ? given->x[i] : at[0];
		y[i] = is_somewhere ? given->y[i] : at[1];
		z[i] = is_somewhere ? given->z[i] : at[2];
		is_nowhere[i] = !is_somewhere;
		if (isnan(z[i]) != isnan(at[2]))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("accounts and territories are on different maps"),
					 errdetail("One query gives latitude and longitude or z, and the other gives x and y alone."),
					 errhint("Give both in the same way.")));
		weight[i] = is_somewhere ? given->distance_cost[i] : 0;
	}
	in->x = x;
	in->y = y;
	in->home_x = given->home_x;
	in->home_y = given->home_y;
	in->is_nowhere = is_nowhere;
	if (!isnan(at[2]))
	{
		in->z = z;
		in->home_z = given->home_z;
	}
	in->weight = weight;
}

static void
check_for_cancel(void)
{
	CHECK_FOR_INTERRUPTS();
}

/* Whether the targets of two measures are in proportion to the same. */
static bool
have_same_shares(const Given *given, int m, int n)
{
	int			measures = given->options->measures;

	for (int k = 0; k < territories_of(given); k++)
		if (given->share[k * measures + m] != given->share[k * measures + n])
			return false;
	return true;
}

/* The targets of measures in proportion to the same shares, as far as eligibility, holds, floors and caps allow. */
static void
fill_targets(Given *given, int measures, const int *measure)
{
	const TerritoryInput *in = &given->input;
	Size		rows = (Size) in->territories * measures;
	double	   *supply = palloc_extended(sizeof(double) * in->classes * measures, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	double	   *share = palloc(sizeof(double) * in->territories);
	double	   *held = palloc0(sizeof(double) * rows);
	double	   *floor = palloc(sizeof(double) * rows);
	double	   *cap = palloc(sizeof(double) * rows);
	double	   *target;
	bool		has_share = false;

	for (int i = 0; i < in->accounts; i++)
		for (int m = 0; m < measures && in->held[i] != TERRITORY_EXEMPT; m++)
			*(in->held[i] >= 0 ? &held[in->held[i] * measures + m] : &supply[(Size) in->class_of[i] * measures + m]) +=
				in->amount[(Size) i * in->measures + measure[m]];
	for (int k = 0; k < in->territories; k++)
	{
		share[k] = given->share[k * in->measures + measure[0]];
		has_share = has_share || share[k] > 0;
		for (int m = 0; m < measures; m++)
		{
			floor[k * measures + m] = given->floor[k * in->measures + measure[m]];
			cap[k * measures + m] = given->cap[k * in->measures + measure[m]];
		}
	}
	if (!has_share)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("no territory has a share of measure \"%s\"", given->options->measure[measure[0]].name),
				 errdetail("%s times ramp is 0 for all of them.", given->options->measure[measure[0]].proportional_to),
				 errhint("Option \"proportional_to\" names the column of territories_sql that the targets are in proportion to.")));
	target = territory_targets(&(TerritoryShares) {
		.classes = in->classes,.territories = in->territories,.measures = measures,.supply = supply,.eligible = in->eligible,
		.share = share,.held = held,.least = floor,.most = cap,
	}, check_for_cancel);
	for (int k = 0; k < in->territories; k++)
		for (int m = 0; m < measures; m++)
			given->target[k * in->measures + measure[m]] = target[k * measures + m];
}

/* Loads as they are. */
static void
sum_loads_before(Given *given)
{
	int			measures = given->options->measures;

	given->load_before = palloc0(sizeof(double) * territories_of(given) * measures);
	for (int i = 0; i < accounts_of(given); i++)
	{
		int			k = given->from[i] < 0 ? TERRITORY_NONE : given->territory_of_place[given->from[i]];

		if (k >= 0 && given->hold[i] != HOLD_EXEMPT)
			for (int m = 0; m < measures; m++)
				given->load_before[k * measures + m] += given->amount[(Size) i * measures + m];
	}
}

/* Limits around the targets, by the tolerances of the options, within floors and caps. */
void
limit_loads(Given *given)
{
	int			measures = given->options->measures;

	for (int j = 0; j < territories_of(given) * measures; j++)
	{
		double		tolerance = given->options->measure[j % measures].tolerance;

		given->least[j] = Min(Max(given->target[j] * (1 - tolerance), given->floor[j]), given->cap[j]);
		given->most[j] = Min(Max(given->target[j] * (1 + tolerance), given->floor[j]), given->cap[j]);
	}
}

static void
set_limits(Given *given)
{
	const PlanOptions *options = given->options;
	int			rows = territories_of(given) * options->measures;
	bool		is_set[TERRITORY_MOST_MEASURES] = {false};

	/* Measures with the same shares together: their targets must not contradict each other. */
	for (int m = 0; m < options->measures; m++)
	{
		int			group[TERRITORY_MOST_MEASURES];
		int			count = 0;

		if (is_set[m] || strcmp(options->measure[m].proportional_to, GIVEN_TARGET) == 0)
			continue;
		for (int n = m; n < options->measures; n++)
			if (strcmp(options->measure[n].proportional_to, GIVEN_TARGET) != 0 && have_same_shares(given, m, n))
			{
				is_set[n] = true;
				group[count++] = n;
			}
		fill_targets(given, count, group);
	}
	given->input.least = given->least = palloc(sizeof(double) * rows);
	given->input.most = given->most = palloc(sizeof(double) * rows);
	limit_loads(given);
}

static void
set_budgets(Given *given)
{
	const PlanOptions *options = given->options;
	TerritoryInput *in = &given->input;

	in->budget[TERRITORY_BUDGET_COUNT] = options->most_moves;
	in->budget[TERRITORY_BUDGET_AMOUNT] = options->most_moved;
	for (int m = 0; m < options->measures; m++)
		if (options->budget_measure && strcmp(options->measure[m].name, options->budget_measure) == 0)
			in->budget_measure = m;
}

/* Puts what was read in the order of names and makes the solver's input of it. */
void
arrange(Given *given)
{
	order_accounts(given);
	order_territories(given);
	find_places(given);
	given->input.accounts = accounts_of(given);
	given->input.territories = territories_of(given);
	given->input.measures = given->options->measures;
	given->input.amount = given->amount;
	given->input.relationship = given->relationship;
	if (given->family)
	{
		int		   *family = palloc_extended(sizeof(int) * accounts_of(given), MCXT_ALLOC_HUGE);

		memcpy(family, given->family, sizeof(int) * accounts_of(given));
		pfree(renumber(family, accounts_of(given), given->families.count));
		given->input.family = family;
	}
	set_owners(given);
	set_eligible(given);
	set_places(given);
	sum_loads_before(given);
	set_limits(given);
	set_budgets(given);
}

/* The prices of an earlier plan, by the names of territories and measures; NaN where it has none, and those in moves tell nothing of costs. */
static double *
earlier_prices(const Given *given)
{
	const PlanOptions *options = given->options;
	int			measures = options->measures;
	double	   *price = palloc(sizeof(double) * territories_of(given) * measures);
	Datum	   *name = palloc(sizeof(Datum) * measures);
	Datum		value[2] = {Int64GetDatum(options->warm_from)};
	int			known = 0;

	for (int m = 0; m < measures; m++)
		name[m] = CStringGetTextDatum(options->measure[m].name);
	value[1] = PointerGetDatum(construct_array(name, measures, TEXTOID, -1, false, TYPALIGN_INT));
	for (int j = 0; j < territories_of(given) * measures; j++)
		price[j] = NAN;
	if (SPI_execute_with_args("SELECT t.territory_id, w.ordinality::integer - 1, CASE WHEN p.options OPERATOR(pg_catalog.->>) 'objective' OPERATOR(pg_catalog.=) 'cost' THEN t.price[m.ordinality] END "
							  "FROM salesops.territory_plan p "
							  "JOIN salesops.territory_plan_territory t ON t.plan_id OPERATOR(pg_catalog.=) p.plan_id, "
							  "ROWS FROM (pg_catalog.unnest(p.measures)) WITH ORDINALITY AS m(name, ordinality) "
							  "JOIN ROWS FROM (pg_catalog.unnest($2)) WITH ORDINALITY AS w(name, ordinality) "
							  "ON w.name OPERATOR(pg_catalog.=) m.name "
							  "WHERE p.plan_id OPERATOR(pg_catalog.=) $1",
							  2, (Oid[]) {INT8OID, TEXTARRAYOID}, value, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the prices");
	for (uint64 r = 0; r < SPI_processed; r++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[r];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		char	   *territory = SPI_getvalue(tuple, desc, 1);
		int			number = names_find(&given->territory, territory, strlen(territory));
		bool		is_null;
		int			m = DatumGetInt32(SPI_getbinval(tuple, desc, 2, &is_null));
		Datum		found = SPI_getbinval(tuple, desc, 3, &is_null);

		if (number < 0)
			continue;
		for (int k = 0; k < territories_of(given) && !is_null; k++)
			if (given->territory_order[k] == number)
				price[k * measures + m] = DatumGetFloat8(found);
		known++;
	}
	if (known == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("plan " INT64_FORMAT " has no prices to begin with", options->warm_from),
				 errdetail("There is no such plan, or it has no territory or no measure of this one."),
				 errhint("Leave option \"warm_from\" out, or name another plan.")));
	return price;
}

/* The solver's options, but for progress and memory. */
void
solver_options(const Given *given, TerritoryOptions *result)
{
	const PlanOptions *options = given->options;

	*result = (TerritoryOptions) {
		.fewest_moves = options->fewest_moves,
		.candidates = options->candidates,
		.effort = isnan(options->effort) ? 0 : options->effort > 0 ? options->effort : -1,
		.seed = (uint64) options->seed,
		.gap = options->gap,
		.price = options->warm_from != 0 ? earlier_prices(given) : NULL,
	};
}
