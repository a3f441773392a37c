/*
 * plan_sql.h: what lies between two queries and a kept plan.
 *
 *	names_sql.c		names and their numbers
 *	options_sql.c	the options, checked, with the defaults filled in
 *	input_sql.c		accounts and territories read, each row on its own
 *	arrange_sql.c	all of it put in order: who holds what, who may have whom, targets and limits
 *	keep_sql.c		the plan written to its tables
 *	balance_sql.c	plan_territories(): one after the other, with the solver in the middle
 *	frontier_sql.c	territory_frontier(): the solver many times over, nothing kept
 *
 * Rows come in any order and leave it behind: accounts, territories and measures are put in the order of their names before anything is
 * added up or decided.
 */
#ifndef SALESOPS_TERRITORY_PLAN_SQL_H
#define SALESOPS_TERRITORY_PLAN_SQL_H

#include "core/compat.h"

#include <math.h>

#include "datatype/timestamp.h"
#include "nodes/bitmapset.h"
#include "portability/instr_time.h"
#include "utils/jsonb.h"

#include "territory/balance.h"
#include "territory/names_sql.h"

/* The measure that every account has one of. */
#define NUMBER_OF_ACCOUNTS	"accounts"

/* How a target is found that is not in proportion to a column: from the column target_<measure>. */
#define GIVEN_TARGET		"target"

typedef struct MeasureOptions
{
	const char *name;
	double		tolerance;
	const char *proportional_to;
} MeasureOptions;

typedef struct PlanOptions
{
	const char *name;			/* NULL: none */
	int			measures;		/* 0: those that the accounts turn out to have */
	MeasureOptions measure[TERRITORY_MOST_MEASURES];	/* by name */
	double		tolerance;
	const char *proportional_to;
	double		distance_cost;
	double		relationship;	/* NaN: by whether there are places */
	double		mismatch_cost;	/* NaN: like relationship */
	bool		fewest_moves;
	double		most_moves;		/* infinite: no limit */
	const char *budget_measure; /* NULL: none */
	double		most_moved;
	bool		homes_free;
	double		effort;			/* NaN: the usual */
	int64		seed;
	int			candidates;
	double		gap;
	int64		warm_from;		/* 0: none */
	TimestampTz as_of;
} PlanOptions;

typedef enum Hold
{
	HOLD_NONE,
	HOLD_LOCKED,
	HOLD_EXEMPT,
	HOLD_ELIGIBLE,
	HOLD_INELIGIBLE
} Hold;

/* Tags by number, ascending. */
typedef struct TagClass
{
	Bitmapset  *tags;
	Bitmapset  *needs;
	Bitmapset  *prefers;
} TagClass;

/* What the queries say. Arrays of accounts and territories are in the order of rows until arrange() has put them in that of names. */
typedef struct Given
{
	PlanOptions *options;
	Names		tag;

	/* Accounts. Columns that the query does not have are NULL. */
	Names		account;
	int		   *account_order;	/* [accounts]: number of the name */
	double	   *amount;			/* [accounts][measures] */
	int		   *class_of;
	int		   *from;			/* number in place, or -1 */
	int		   *locked_to;		/* the same: where it is held */
	uint8	   *hold;			/* Hold */
	int		   *family;			/* number in families, or -1 */
	int		   *source;			/* number in sources, or -1 */
	double	   *x;
	double	   *y;
	double	   *z;
	double	   *distance_cost;
	double	   *relationship;
	Names		place;			/* whatever territories accounts speak of */
	Names		families;
	Names		sources;
	Names		class_key;
	TagClass   *classes;		/* [class_key.count] */
	int			classes_room;

	/* Territories. */
	Names		territory;
	int		   *territory_order;
	TagClass   *territory_tags; /* no preferences */
	char	  **quota;			/* as text; NULL: none */
	double	   *ramp;
	double	   *home_x;
	double	   *home_y;
	double	   *home_z;
	int		   *home_account;	/* account whose place it is, or -1 where it was given; NULL: all were */
	double	   *share;			/* [territories][measures] */
	double	   *floor;
	double	   *cap;
	double	   *target;

	/* What follows from it. */
	int		   *territory_of_place; /* [place.count], or -1 */
	double	   *load_before;	/* [territories][measures] */
	double	   *least;
	double	   *most;
	TerritoryInput input;
	instr_time	told;			/* when whoever waits was told last how far it is */
} Given;

#define accounts_of(given)		((given)->account.count)
#define territories_of(given)	((given)->territory.count)

extern void read_options(Jsonb *options, PlanOptions *result);
extern void settle_measures(PlanOptions *options, int count, const char **names);
extern Jsonb *settled_options(const PlanOptions *options);

extern void read_accounts(Given *given, const char *query);
extern void read_territories(Given *given, const char *query);
extern void arrange(Given *given);
extern void limit_loads(Given *given);
extern void solver_options(const Given *given, TerritoryOptions *result);

extern void check_plan_arguments(FunctionCallInfo fcinfo);
extern void read_given(Given *given, PlanOptions *options, const char *accounts_sql, const char *territories_sql, Jsonb *options_given);
extern TerritoryPlan *solve(Given *given, TerritoryOptions *options);

extern void check_may_keep_plan(void);
extern int64 keep_plan(const Given *given, const TerritoryPlan *plan, const char *accounts_sql, const char *territories_sql, int64 copied_from);

#endif
