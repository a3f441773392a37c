/*
 * input_sql.c: accounts and territories read, each row on its own.
 *
 * A row is checked as it comes, so that the error can say which account it is. What takes all rows to know is in arrange_sql.c.
 */
#include "territory/plan_sql.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/date.h"
#include "utils/timestamp.h"

#include "core/query_sql.h"

/* Sums and products of numbers in between are finite and not 0. */
#define SMALLEST	1e-30
#define LARGEST		1e30

#define DEGREE	(3.14159265358979323846 / 180)
/* Mean radius in km (Moritz 2000, Geodetic Reference System 1980). */
#define EARTH	6371.0088

static const char *const account_columns[] = {
	"id", "territory", "source_key", "locked", "locked_to", "holdout", "holdout_until", "family", "tags", "needs", "prefers",
	"x", "y", "z", "latitude", "longitude", "distance_cost", "relationship",
};

typedef struct PlaceColumns
{
	Column		x;
	Column		y;
	Column		z;
	Column		latitude;
	Column		longitude;
	bool		any;
} PlaceColumns;

typedef struct AccountReader
{
	Given	   *given;
	DateADT		as_of;			/* its day */
	int			room;
	Column		id;
	Column		territory;
	Column		source_key;
	Column		locked;
	Column		locked_to;
	Column		holdout;
	Column		holdout_until;
	Column		family;
	Column		tags[3];		/* tags, needs, prefers */
	PlaceColumns place;
	Column		distance_cost;
	Column		relationship;
	Column		measure[TERRITORY_MOST_MEASURES];
} AccountReader;

typedef struct TerritoryReader
{
	Given	   *given;
	int			room;
	Column		id;
	Column		ramp;
	Column		quota;
	Column		quota_text;
	Column		tags[2];		/* tags, needs */
	PlaceColumns place;
	Column		share[TERRITORY_MOST_MEASURES];
	bool		share_has_ramp[TERRITORY_MOST_MEASURES];
	Column		floor[TERRITORY_MOST_MEASURES];
	Column		cap[TERRITORY_MOST_MEASURES];
	Column		target[TERRITORY_MOST_MEASURES];
} TerritoryReader;

pg_noreturn static void
bad_value(const char *what, const char *id, const char *column, const char *value, const char *wanted)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s of %s \"%s\" is %s", column, what, id, value),
			 errdetail("It must be %s.", wanted)));
	pg_unreachable();
}

pg_noreturn static void
null_value(const char *what, const char *id, const char *column)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("%s of %s \"%s\" is not known", column, what, id),
			 errdetail("It is NULL."),
			 errhint("Say in the query what to assume, with coalesce(), or leave the %s out.", what)));
	pg_unreachable();
}

/* An amount: a number, finite, not negative. */
static double
amount_of(const Column *column, TupleTableSlot *slot, const char *what, const char *id)
{
	bool		is_null;
	double		value = column_number(column, slot, &is_null);

	if (is_null)
		null_value(what, id, column->name);
	if (!(value == 0 || (value >= SMALLEST && value <= LARGEST)))
		bad_value(what, id, column->name, psprintf("%g", value), "0, or a number from 1e-30 to 1e30");
	return value;
}

/* The same, with a default where it is NULL or the query has no such column. */
static double
amount_or(const Column *column, TupleTableSlot *slot, const char *what, const char *id, double otherwise)
{
	if (column->at < 0 || slot->tts_isnull[column->at])
		return otherwise;
	return amount_of(column, slot, what, id);
}

static PlaceColumns
find_place_columns(ReadQuery *read)
{
	PlaceColumns place = {
		.x = find_column(read, "x", COLUMN_NUMBER),
		.y = find_column(read, "y", COLUMN_NUMBER),
		.z = find_column(read, "z", COLUMN_NUMBER),
		.latitude = find_column(read, "latitude", COLUMN_NUMBER),
		.longitude = find_column(read, "longitude", COLUMN_NUMBER),
	};

	if ((place.x.at >= 0) != (place.y.at >= 0) || (place.z.at >= 0 && place.x.at < 0) ||
		(place.latitude.at >= 0) != (place.longitude.at >= 0) || (place.x.at >= 0 && place.latitude.at >= 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the places of %s are half given", read->argument),
				 errhint("A place is x and y, x, y and z, or latitude and longitude.")));
	place.any = place.x.at >= 0 || place.latitude.at >= 0;
	return place;
}

static bool
is_coordinate(double value)
{
	return value == 0 || (fabs(value) >= SMALLEST && fabs(value) <= LARGEST);
}

/* To the millimetre: further the sine of one C library need not agree with that of another. */
static double
to_millimetre(double km)
{
	return rint(km * 1e6) / 1e6;
}

/* The place of a row; NaN where it has none. */
static void
read_place(const PlaceColumns *place, TupleTableSlot *slot, const char *what, const char *id, double *x, double *y, double *z)
{
	bool		no_x;
	bool		no_y;
	bool		no_z;
	double		a = column_number(place->x.at >= 0 ? &place->x : &place->latitude, slot, &no_x);
	double		b = column_number(place->x.at >= 0 ? &place->y : &place->longitude, slot, &no_y);

	*x = *y = *z = NAN;
	if (no_x && no_y)
		return;
	if (no_x || no_y)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the place of %s \"%s\" is half known", what, id),
				 errhint("Give both coordinates, or NULL for both.")));
	if (!is_coordinate(a) || !is_coordinate(b))
		bad_value(what, id, "the place", psprintf("(%g, %g)", a, b), "a pair of numbers, 0 or from 1e-30 to 1e30 in size");
	if (place->x.at >= 0)
	{
		*x = a;
		*y = b;
		if (place->z.at >= 0)
		{
			*z = column_number(&place->z, slot, &no_z);
			if (no_z)
				null_value(what, id, "z");
			if (!is_coordinate(*z))
				bad_value(what, id, "z", psprintf("%g", *z), "0, or a number from 1e-30 to 1e30 in size");
		}
		return;
	}
	if (fabs(a) > 90 || fabs(b) > 180)
		bad_value(what, id, "the place", psprintf("(%g, %g)", a, b), "a latitude from -90 to 90 and a longitude from -180 to 180, in degrees");
	*x = to_millimetre(EARTH * cos(a * DEGREE) * cos(b * DEGREE));
	*y = to_millimetre(EARTH * cos(a * DEGREE) * sin(b * DEGREE));
	*z = to_millimetre(EARTH * sin(a * DEGREE));
}

/* Array elements as a set of tags. */
static Bitmapset *
read_tags(Given *given, const Column *column, TupleTableSlot *slot)
{
	Bitmapset  *set = NULL;
	Datum	   *value;
	bool	   *is_null;
	int			count;

	if (column->at < 0 || slot->tts_isnull[column->at])
		return NULL;
	deconstruct_array(DatumGetArrayTypeP(slot->tts_values[column->at]), column->type == TEXTARRAYOID ? TEXTOID : VARCHAROID,
					  -1, false, TYPALIGN_INT, &value, &is_null, &count);
	for (int i = 0; i < count; i++)
		if (!is_null[i])
		{
			text	   *tag = DatumGetTextPP(value[i]);
			bool		is_new;

			set = bms_add_member(set, names_add(&given->tag, VARDATA_ANY(tag), VARSIZE_ANY_EXHDR(tag), &is_new));
		}
	return set;
}

static int
number_of_name(Names *names, const char *name)
{
	bool		is_new;

	return name ? names_add(names, name, strlen(name), &is_new) : TERRITORY_NONE;
}

/* The key of a row, which none before it may have. */
static char *
read_id(const Column *column, TupleTableSlot *slot, Names *names, const char *argument)
{
	char	   *id = column_text(column, slot);
	bool		is_new;

	if (id == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s has a row whose id is NULL", argument),
				 errhint("Leave it out, or give it an id.")));
	if (*id == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s has a row whose id is empty", argument),
				 errhint("Leave it out, or give it an id.")));
	names_add(names, id, strlen(id), &is_new);
	if (!is_new)
		ereport(ERROR,
				(errcode(ERRCODE_UNIQUE_VIOLATION),
				 errmsg("%s has id \"%s\" twice", argument, id),
				 errhint("Give each of them once; GROUP BY id adds amounts up.")));
	return id;
}

static bool
is_account_column(const char *name)
{
	for (int i = 0; i < (int) lengthof(account_columns); i++)
		if (strcmp(name, account_columns[i]) == 0)
			return true;
	return false;
}

static void
begin_accounts(ReadQuery *read)
{
	AccountReader *r = read->to;
	PlanOptions *options = r->given->options;
	const char **number = palloc(sizeof(char *) * read->columns->natts);
	int			numbers = 0;

	for (int i = 0; i < read->columns->natts; i++)
	{
		char	   *name = NameStr(TupleDescAttr(read->columns, i)->attname);

		if (is_number_column(read, i) && !is_account_column(name))
			number[numbers++] = pstrdup(name);
	}
	r->id = need_column(read, "id", COLUMN_ANY);
	r->territory = find_column(read, "territory", COLUMN_ANY);
	r->source_key = find_column(read, "source_key", COLUMN_ANY);
	r->locked = find_column(read, "locked", COLUMN_BOOLEAN);
	r->locked_to = find_column(read, "locked_to", COLUMN_ANY);
	r->holdout = find_column(read, "holdout", COLUMN_ANY);
	r->holdout_until = find_column(read, "holdout_until", COLUMN_DATE);
	r->family = find_column(read, "family", COLUMN_ANY);
	r->tags[0] = find_column(read, "tags", COLUMN_TEXTS);
	r->tags[1] = find_column(read, "needs", COLUMN_TEXTS);
	r->tags[2] = find_column(read, "prefers", COLUMN_TEXTS);
	r->place = find_place_columns(read);
	r->distance_cost = find_column(read, "distance_cost", COLUMN_NUMBER);
	r->relationship = find_column(read, "relationship", COLUMN_NUMBER);

	if (isnan(options->relationship))
		options->relationship = r->place.any ? 100 : 1;
	if (isnan(options->mismatch_cost))
		options->mismatch_cost = r->place.any ? 100 : 1;
	settle_measures(options, numbers, number);
	for (int m = 0; m < options->measures; m++)
	{
		const char *name = options->measure[m].name;

		if (is_account_column(name))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("column \"%s\" cannot be a measure", name),
					 errdetail("It has a meaning of its own in accounts_sql."),
					 errhint("Give the measure another name with AS.")));
		r->measure[m] = strcmp(name, NUMBER_OF_ACCOUNTS) == 0 ? find_column(read, name, COLUMN_NUMBER) : need_column(read, name, COLUMN_NUMBER);
	}
}

/* The class of a row's tags, needs and preferences. */
static int
read_class(ReadQuery *read, TupleTableSlot *slot)
{
	AccountReader *r = read->to;
	Given	   *given = r->given;
	MemoryContext row = CurrentMemoryContext;
	Bitmapset  *set[3];
	StringInfoData key;
	bool		is_new;
	int			number;

	initStringInfo(&key);
	for (int i = 0; i < 3; i++)
	{
		int			tag = -1;

		set[i] = read_tags(given, &r->tags[i], slot);
		while ((tag = bms_next_member(set[i], tag)) >= 0)
			appendStringInfo(&key, "%d ", tag);
		appendStringInfoChar(&key, ';');
	}
	number = names_add(&given->class_key, key.data, key.len, &is_new);
	if (is_new)
	{
		MemoryContextSwitchTo(read->context);
		if (number == given->classes_room)
		{
			given->classes_room = Max(16, number * 2);
			given->classes = given->classes ?
				repalloc_huge(given->classes, sizeof(TagClass) * given->classes_room) :
				palloc(sizeof(TagClass) * given->classes_room);
		}
		given->classes[number] = (TagClass) {bms_copy(set[0]), bms_copy(set[1]), bms_copy(set[2])};
		MemoryContextSwitchTo(row);
	}
	return number;
}

/* What holds an account, and where. */
static Hold
read_hold(AccountReader *r, TupleTableSlot *slot, const char *id, int *locked_to)
{
	bool		is_locked = r->locked.at >= 0 && !slot->tts_isnull[r->locked.at] && DatumGetBool(slot->tts_values[r->locked.at]);
	char	   *to = column_text(&r->locked_to, slot);
	char	   *from = column_text(&r->territory, slot);
	char	   *holdout = column_text(&r->holdout, slot);
	bool		is_over = r->holdout_until.at >= 0 && !slot->tts_isnull[r->holdout_until.at] &&
		DatumGetDateADT(slot->tts_values[r->holdout_until.at]) < r->as_of;
	Hold		hold = HOLD_NONE;

	*locked_to = TERRITORY_NONE;
	if (holdout && strcmp(holdout, "exempt") == 0)
		hold = HOLD_EXEMPT;
	else if (holdout && strcmp(holdout, "eligible") == 0)
		hold = HOLD_ELIGIBLE;
	else if (holdout && strcmp(holdout, "ineligible") == 0)
		hold = HOLD_INELIGIBLE;
	else if (holdout)
		bad_value("account", id, "holdout", psprintf("\"%s\"", holdout), "exempt, eligible or ineligible");
	if (is_over)
		hold = HOLD_NONE;
	if (hold == HOLD_EXEMPT)
		return hold;

	if (is_locked && from == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("account \"%s\" is locked and has no territory to stay in", id),
				 errhint("Unlock it, or say where it must go in column locked_to.")));
	if (is_locked && to && strcmp(to, from) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("account \"%s\" is locked where it is and to another territory", id),
				 errdetail("It is in \"%s\", and locked_to is \"%s\".", from, to),
				 errhint("Column locked keeps it where it is; locked_to says where it must go. Give one of them.")));
	if (is_locked || to)
	{
		*locked_to = number_of_name(&r->given->place, to ? to : from);
		return HOLD_LOCKED;
	}
	if (hold == HOLD_ELIGIBLE)
		*locked_to = number_of_name(&r->given->place, from);
	return hold;
}

/* A column of accounts, grown. */
#define grow(array, room) \
	((array) = (array) ? repalloc_huge((array), sizeof(*(array)) * (room)) : palloc_extended(sizeof(*(array)) * (room), MCXT_ALLOC_HUGE))

static void
make_room_for_accounts(ReadQuery *read)
{
	AccountReader *r = read->to;
	Given	   *given = r->given;
	MemoryContext row = MemoryContextSwitchTo(read->context);
	Size		room = r->room = Max(1024, r->room + r->room / 2);

	grow(given->amount, room * given->options->measures);
	grow(given->class_of, room);
	grow(given->from, room);
	grow(given->locked_to, room);
	grow(given->hold, room);
	grow(given->relationship, room);
	if (r->family.at >= 0)
		grow(given->family, room);
	if (r->source_key.at >= 0)
		grow(given->source, room);
	grow(given->distance_cost, room);
	if (r->place.any)
	{
		grow(given->x, room);
		grow(given->y, room);
		grow(given->z, room);
	}
	MemoryContextSwitchTo(row);
}

static void
read_account(ReadQuery *read, TupleTableSlot *slot)
{
	AccountReader *r = read->to;
	Given	   *given = r->given;
	const PlanOptions *options = given->options;
	Size		i = accounts_of(given);
	char	   *id;

	if (i == PG_INT32_MAX / 4)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("accounts_sql gives too many accounts")));
	id = read_id(&r->id, slot, &given->account, read->argument);
	if (i == (Size) r->room)
		make_room_for_accounts(read);
	for (int m = 0; m < options->measures; m++)
		given->amount[i * options->measures + m] = r->measure[m].at < 0 ? 1 : amount_of(&r->measure[m], slot, "account", id);
	given->class_of[i] = read_class(read, slot);
	given->from[i] = number_of_name(&given->place, column_text(&r->territory, slot));
	given->hold[i] = read_hold(r, slot, id, &given->locked_to[i]);
	given->relationship[i] = amount_or(&r->relationship, slot, "account", id, options->relationship);
	given->distance_cost[i] = amount_or(&r->distance_cost, slot, "account", id, options->distance_cost);
	if (r->family.at >= 0)
		given->family[i] = number_of_name(&given->families, column_text(&r->family, slot));
	if (r->source_key.at >= 0)
		given->source[i] = number_of_name(&given->sources, column_text(&r->source_key, slot));
	if (r->place.any)
		read_place(&r->place, slot, "account", id, &given->x[i], &given->y[i], &given->z[i]);
}

/* The day of an instant in the zone of the setting. */
static DateADT
day_of(TimestampTz as_of)
{
	Oid			type = TIMESTAMPTZOID;
	Datum		value = TimestampTzGetDatum(as_of);
	bool		is_null;

	if (SPI_execute_with_args("SELECT salesops.local_date($1)", 1, &type, &value, NULL, true, 0) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not tell the day");
	return DatumGetDateADT(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null));
}

void
read_accounts(Given *given, const char *query)
{
	AccountReader reader = {.given = given,.as_of = day_of(given->options->as_of)};
	ReadQuery	read = {
		.argument = "accounts_sql",.begin = begin_accounts,.row = read_account,.to = &reader,
		.known = "id, territory, source_key, locked, locked_to, holdout, holdout_until, family, tags, needs, prefers, x, y, z, latitude, longitude, distance_cost, "
		"relationship, and columns of numbers as measures",
	};

	names_begin(&given->tag);
	names_begin(&given->account);
	names_begin(&given->place);
	names_begin(&given->families);
	names_begin(&given->sources);
	names_begin(&given->class_key);
	read_query(&read, query);
	if (accounts_of(given) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("accounts_sql gives no accounts"),
				 errhint("Run the query by itself to see what it gives.")));
}

static char *
of_measure(const char *prefix, const MeasureOptions *measure)
{
	return psprintf("%s_%s", prefix, measure->name);
}

static void
begin_territories(ReadQuery *read)
{
	TerritoryReader *r = read->to;
	PlanOptions *options = r->given->options;

	r->id = need_column(read, "id", COLUMN_ANY);
	find_column(read, "capacity", COLUMN_NUMBER);	/* known, whether a measure is in proportion to it or not */
	r->ramp = find_column(read, "ramp", COLUMN_NUMBER);
	r->quota = find_column(read, "quota", COLUMN_NUMBER);
	r->quota_text = find_column(read, "quota", COLUMN_ANY);
	r->tags[0] = find_column(read, "tags", COLUMN_TEXTS);
	r->tags[1] = find_column(read, "needs", COLUMN_TEXTS);
	r->place = find_place_columns(read);
	for (int m = 0; m < options->measures; m++)
	{
		MeasureOptions *measure = &options->measure[m];

		r->floor[m] = find_column(read, of_measure("floor", measure), COLUMN_NUMBER);
		r->cap[m] = find_column(read, of_measure("cap", measure), COLUMN_NUMBER);
		r->target[m] = find_column(read, of_measure("target", measure), COLUMN_NUMBER);
		r->share[m] = find_column(read, of_measure("share", measure), COLUMN_NUMBER);
		if (r->target[m].at >= 0)
			measure->proportional_to = GIVEN_TARGET;
		else if (strcmp(measure->proportional_to, GIVEN_TARGET) == 0)
			need_column(read, of_measure("target", measure), COLUMN_NUMBER);
		if (r->share[m].at < 0 && r->target[m].at < 0)
		{
			r->share[m] = strcmp(measure->proportional_to, "capacity") == 0 ?
				find_column(read, "capacity", COLUMN_NUMBER) : need_column(read, measure->proportional_to, COLUMN_NUMBER);
			r->share_has_ramp[m] = true;
		}
	}
}

static void
make_room_for_territories(ReadQuery *read)
{
	TerritoryReader *r = read->to;
	Given	   *given = r->given;
	MemoryContext row = MemoryContextSwitchTo(read->context);
	Size		room = r->room = Max(64, r->room * 2);
	Size		rows = room * given->options->measures;

	grow(given->territory_tags, room);
	grow(given->quota, room);
	grow(given->ramp, room);
	grow(given->share, rows);
	grow(given->floor, rows);
	grow(given->cap, rows);
	grow(given->target, rows);
	if (r->place.any)
	{
		grow(given->home_x, room);
		grow(given->home_y, room);
		grow(given->home_z, room);
	}
	MemoryContextSwitchTo(row);
}

static void
read_territory(ReadQuery *read, TupleTableSlot *slot)
{
	TerritoryReader *r = read->to;
	Given	   *given = r->given;
	int			measures = given->options->measures;
	Size		k = territories_of(given);
	MemoryContext row = CurrentMemoryContext;
	char	   *id;

	if (k == TERRITORY_MOST_TERRITORIES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("territories_sql gives more than %d territories", TERRITORY_MOST_TERRITORIES),
				 errhint("Plan parts of the company one by one.")));
	id = read_id(&r->id, slot, &given->territory, read->argument);
	if (k == (Size) r->room)
		make_room_for_territories(read);
	given->ramp[k] = amount_or(&r->ramp, slot, "territory", id, 1);
	for (int m = 0; m < measures; m++)
	{
		Size		j = k * measures + m;
		bool		has_no_cap;

		given->share[j] = r->share[m].at < 0 ? 1 : amount_of(&r->share[m], slot, "territory", id);
		if (r->share_has_ramp[m])
			given->share[j] *= given->ramp[k];
		given->floor[j] = amount_or(&r->floor[m], slot, "territory", id, 0);
		given->cap[j] = column_number(&r->cap[m], slot, &has_no_cap);
		given->cap[j] = has_no_cap || given->cap[j] == INFINITY ? INFINITY : amount_of(&r->cap[m], slot, "territory", id);
		given->target[j] = r->target[m].at < 0 ? NAN : amount_of(&r->target[m], slot, "territory", id);
		if (given->floor[j] > given->cap[j])
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("territory \"%s\" must have more %s than it may", id, given->options->measure[m].name),
					 errdetail("%s is %g, %s is %g.", r->floor[m].name, given->floor[j], r->cap[m].name, given->cap[j]),
					 errhint("Lower the floor or raise the cap.")));
	}
	if (r->quota.at >= 0 && !slot->tts_isnull[r->quota.at])
		amount_of(&r->quota, slot, "territory", id);
	MemoryContextSwitchTo(read->context);
	given->quota[k] = column_text(&r->quota_text, slot);
	given->territory_tags[k] = (TagClass) {read_tags(given, &r->tags[0], slot), read_tags(given, &r->tags[1], slot), NULL};
	MemoryContextSwitchTo(row);
	if (r->place.any)
		read_place(&r->place, slot, "territory", id, &given->home_x[k], &given->home_y[k], &given->home_z[k]);
}

void
read_territories(Given *given, const char *query)
{
	TerritoryReader reader = {.given = given};
	ReadQuery	read = {
		.argument = "territories_sql",.begin = begin_territories,.row = read_territory,.to = &reader,
		.known = "id, capacity, ramp, quota, tags, needs, x, y, z, latitude, longitude, columns that option \"proportional_to\" names, and "
		"floor_, cap_, target_ and share_ before the name of a measure",
		.unused_numbers = WARNING,
	};

	names_begin(&given->territory);
	read_query(&read, query);
	if (territories_of(given) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("territories_sql gives no territories"),
				 errhint("Run the query by itself to see what it gives.")));
}
