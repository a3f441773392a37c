/*
 * frontier_sql.c: territory_frontier(): how even territories can be for so many moves, and how few moves it takes to be so even.
 *
 * One question answers both: how few moves does it take for every load to be within a tolerance of its target? Each answer is a plan, so
 * many moves and so uneven, and a proof that no plan within the tolerance moves fewer. For k moves the tolerance is halved towards, on a
 * scale of ratios, between the widest that takes more and the evenest plan that takes no more. Moves are all that counts here: distance and
 * preferences are for the plan that is made afterwards with the budget and the tolerance that were chosen.
 */
#include "territory/plan_sql.h"

#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/* The tolerance that everybody is within, and the one that hardly any plan is within. */
#define WIDEST		1e6
#define NARROWEST	0.0005
/* The search for the evenest plan of a budget ends within this ratio, or after so many questions. */
#define CLOSE		1.1
#define QUESTIONS	5
#define MOST_STEPS	1000

PG_FUNCTION_INFO_V1(salesops_territory_frontier);

typedef struct Answer
{
	double		tolerance;		/* that was asked for */
	double		moves;
	double		least_moves;	/* no plan within the tolerance moves fewer */
	double		spread;			/* largest deviation of a load from its target, in shares of that */
} Answer;

typedef struct Frontier
{
	Given	   *given;
	TerritoryOptions solver;
	double	   *price;			/* of the last plan */
	int			answers;
	int			room;
	Answer	   *answer;
} Frontier;

static double
spread_of(const Given *given, const TerritoryPlan *plan)
{
	double		spread = 0;

	for (int j = 0; j < given->input.territories * given->input.measures; j++)
		if (given->target[j] > 0)
			spread = Max(spread, fabs(plan->load[j] / given->target[j] - 1));
	return spread;
}

static double
moves_of(const Given *given, const TerritoryPlan *plan)
{
	const TerritoryInput *in = &given->input;
	double		moves = 0;

	for (int i = 0; i < in->accounts; i++)
		if (plan->territory[i] >= 0 && in->owner[i] >= 0 && in->owner[i] != plan->territory[i])
			moves += 1;
	return moves;
}

/* How few moves it takes to be within a tolerance. */
static void
ask(Frontier *f, double tolerance)
{
	Given	   *given = f->given;
	int			rows = given->input.territories * given->input.measures;
	MemoryContext work = AllocSetContextCreate(CurrentMemoryContext, "salesops territory frontier", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(work);
	TerritoryPlan *plan;

	for (int m = 0; m < given->options->measures; m++)
		given->options->measure[m].tolerance = tolerance;
	limit_loads(given);
	f->solver.price = f->answers > 0 ? f->price : NULL;
	plan = solve(given, &f->solver);
	if (f->answers == f->room)
	{
		f->room = Max(32, f->room * 2);
		f->answer = repalloc(f->answer, sizeof(Answer) * f->room);
	}
	f->answer[f->answers++] = (Answer) {tolerance, moves_of(given, plan), Max(ceil(plan->bound - 1e-6), 0), spread_of(given, plan)};
	memcpy(f->price, plan->price, sizeof(double) * rows);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(work);
}

/* The evenest plan with so many moves at most, of it the one with the fewest; NULL if none is known. */
static const Answer *
evenest(const Frontier *f, double most_moves)
{
	const Answer *best = NULL;

	for (int a = 0; a < f->answers; a++)
	{
		const Answer *answer = &f->answer[a];

		if (answer->moves <= most_moves &&
			(!best || answer->spread < best->spread || (answer->spread == best->spread && answer->moves < best->moves)))
			best = answer;
	}
	return best;
}

/* The widest tolerance that no plan with so many moves was found for, or that is proven to take more. */
static double
too_narrow(const Frontier *f, double most_moves, bool is_proven)
{
	double		widest = 0;

	for (int a = 0; a < f->answers; a++)
	{
		const Answer *answer = &f->answer[a];

		if (is_proven ? answer->least_moves > most_moves : answer->moves > most_moves || answer->spread > answer->tolerance * (1 + 1e-9))
			widest = Max(widest, answer->tolerance);
	}
	return widest;
}

/* Asks until the evenest plan with so many moves is known well enough. */
static void
narrow_down(Frontier *f, double most_moves)
{
	for (int q = 0; q < QUESTIONS; q++)
	{
		const Answer *best = evenest(f, most_moves);
		double		narrow = Max(too_narrow(f, most_moves, false), NARROWEST);

		if (!best || best->spread <= narrow * CLOSE)
			return;
		ask(f, sqrt(best->spread * narrow));
	}
}

/* A row of the result: of a budget, or of a tolerance where the budget is infinite. Without an answer nothing moves so few. */
static void
put_row(ReturnSetInfo *result, const Frontier *f, const Answer *answer, double most_moves)
{
	bool		has_budget = !isinf(most_moves);
	Datum		value[5] = {0};
	bool		null[5] = {true, true, true, true, true};

	if (has_budget)
	{
		value[0] = Int64GetDatum((int64) most_moves);
		null[0] = false;
	}
	if (answer)
	{
		value[1] = Int64GetDatum((int64) answer->moves);
		value[2] = Float8GetDatum(answer->spread);
		null[1] = null[2] = false;
	}
	if (has_budget && answer)
	{
		value[3] = Float8GetDatum(too_narrow(f, most_moves, true));
		null[3] = false;
	}
	else
	{
		/* The first answer is what has to move however uneven the loads are. */
		value[4] = Int64GetDatum((int64) (answer ? answer : &f->answer[0])->least_moves);
		null[4] = false;
	}
	tuplestore_putvalues(result->setResult, result->setDesc, value, null);
}

/*
 * territory_frontier(accounts_sql text, territories_sql text, options jsonb, step integer, steps integer, within double precision)
 */
Datum
salesops_territory_frontier(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	PlanOptions options;
	Given		given;
	Frontier	f = {.given = &given};
	MemoryContext work;
	MemoryContext caller;
	double		step;
	int			steps;

	check_plan_arguments(fcinfo);
	if (PG_ARGISNULL(4) || PG_GETARG_INT32(4) < 0 || PG_GETARG_INT32(4) > MOST_STEPS || (!PG_ARGISNULL(3) && PG_GETARG_INT32(3) < 1) ||
		(!PG_ARGISNULL(5) && !(PG_GETARG_FLOAT8(5) >= 0)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("steps must be from 0 to %d, step at least 1, and within a share such as 0.1", MOST_STEPS),
				 errhint("Leave step NULL to go to the evenest plan in so many steps.")));
	steps = PG_GETARG_INT32(4);
	InitMaterializedSRF(fcinfo, 0);

	SPI_connect();
	work = AllocSetContextCreate(CurrentMemoryContext, "salesops territory frontiers", ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(work);
	read_given(&given, &options, text_to_cstring(PG_GETARG_TEXT_PP(0)), text_to_cstring(PG_GETARG_TEXT_PP(1)), PG_GETARG_JSONB_P(2));
	options.fewest_moves = true;
	/* Moves are all that counts. */
	given.input.x = given.input.y = given.input.z = NULL;
	given.home_account = NULL;
	given.input.mismatch = NULL;
	given.input.budget[TERRITORY_BUDGET_COUNT] = given.input.budget[TERRITORY_BUDGET_AMOUNT] = INFINITY;
	solver_options(&given, &f.solver);
	f.price = palloc(sizeof(double) * given.input.territories * given.input.measures);
	f.answer = palloc(sizeof(Answer));

	ask(&f, WIDEST);
	ask(&f, NARROWEST);
	step = PG_ARGISNULL(3) ? ceil(evenest(&f, INFINITY)->moves / Max(steps, 1)) : PG_GETARG_INT32(3);
	/* The evenest plan moves nothing: there are no steps to it. */
	if (step == 0)
		steps = 0;
	for (int s = 0; s <= steps; s++)
		narrow_down(&f, s * step);
	/* What was asked for one budget may be an answer for another. */
	for (int s = 0; s <= steps; s++)
		put_row(result, &f, evenest(&f, s * step), s * step);
	if (!PG_ARGISNULL(5))
	{
		ask(&f, PG_GETARG_FLOAT8(5));
		put_row(result, &f, &f.answer[f.answers - 1], INFINITY);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(work);
	SPI_finish();
	return (Datum) 0;
}
