/*
 * find_plan.c: from prices to the plan, in phases: within limits, polished, recombined where that is worth it.
 */
#include "territory/find_plan.h"
#include "territory/exchange.h"
#include "territory/split.h"

/* Ties for each unit. */
#define TIES			10
#define TIES_OF_MOVES	20
/* So much of the polish is for moves, or so many proposals for each unit; and then, from so warm to so cold in moves, for what breaks ties. */
#define MOVES_SHARE		0.7
#define MOVES_A_UNIT	60.0
#define TIES_SHARE		0.15
#define TIES_HOT		0.003
#define TIES_COLD		0.0003
/* Where a former plan goes on not much is to be changed, and fewer do. */
#define TIES_OF_FORMER	5
#define TIES_OF_MANY	2
/* Rates become so many times more, where the limits could not be kept otherwise than at a high cost. */
#define STRICTER		2.0
/* Of the polish, in shares of what a usual unit's load is worth; with the fewest moves, of what so many moves cost. */
#define HOT_MOVES		40
#define HOT				0.008
#define HOT_AGAIN		0.003
#define COLD			0.0007
#define ROUNDS			3
/* Where a former plan goes on and ends further above the bound, or what the owners cost, than this share of the bound, so much of the usual polish. */
#define WELL			0.02
#define SHORT_POLISH	0.015
/* And where it still ends further above than that, all of it. */
#define POORLY			0.04
#define PROPOSALS_FIRST	2e6
#define PROPOSALS_A_UNIT 1200.0
#define PROPOSALS_MANY	14e6
/* Where a territory has thousands of units the first plan is near the bound already. */
#define PROPOSALS_OF_MANY 4e6
#define LEAST_EXCHANGES	1e8
#define MOST_EXCHANGES	3e8
#define WORTH_SECONDS	7.0
/* Limits of territories with fewer units than that are hard to keep at a low cost; more pairs of unit and territory than that take too long. */
#define FEW_UNITS		10
#define MOST_PAIRS		3500000
#define MOST_SUBSETS	1e9
#define MOST_ROUNDS		20
#define MOST_REPAIRS	1000
#define MOST_ATTEMPTS	3
/* Changes that a repair with all units may weigh. */
#define WIDE_WORK		20000000
/* Ways to part pairs of territories anew. */
#define PAIR_WORK		100000000

static int
usual_ties(const Problem *p)
{
	return p->units > MANY_UNITS ? TIES_OF_MANY : p->options->fewest_moves ? TIES_OF_MOVES : TIES;
}

static void
keep_best(const Search *s, KeptPlan *best)
{
	if (plan_note(s, best))
		problem_tell(s->p, best->outside, s->least_cost + best->cost);
}

/* Back to the best plan, at such rates. */
static void
return_to(Search *s, const KeptPlan *best, double strictness)
{
	search_set(s, best->slot);
	search_rates(s, strictness);
}

/* Down from where the search is, then within the limits; where that fails, with more ties there. */
static void
settle(Search *s, KeptPlan *best, double *strictness, int most_repairs)
{
	for (int attempt = 1;; attempt++)
	{
		search_rates(s, *strictness);
		search_descend(s, MOST_ROUNDS);
		search_repair(s, most_repairs);
		keep_best(s, best);
		if (attempt == MOST_ATTEMPTS || s->p->is_stopped || !search_stretch(s))
			break;
		search_ties(s, usual_ties(s->p));
	}
	if (search_outside(s) > 0 && !s->p->is_stopped)
	{
		bool		is_within;

		return_to(s, best, *strictness);
		is_within = repair_widely(s, WIDE_WORK);
		keep_best(s, best);
		if (!is_within && !s->p->is_stopped)
		{
			return_to(s, best, *strictness);
			split_pairs(s, PAIR_WORK);
			keep_best(s, best);
			*strictness *= STRICTER;
		}
	}
}

/* Proposals that the polish may weigh. */
static int64
proposals(const Problem *p)
{
	return (int64) (problem_effort(p) * (p->units > MANY_UNITS ? PROPOSALS_OF_MANY : Min(PROPOSALS_FIRST + PROPOSALS_A_UNIT * p->units, PROPOSALS_MANY)));
}

static bool
has_few_units(const Problem *p)
{
	return p->units < FEW_UNITS * p->territories;
}

/* Whether plans are combined: those of small problems, and of larger ones with a few units in each territory. */
static bool
is_recombined(const Problem *p)
{
	return (Size) p->units * p->territories <= (has_few_units(p) ? MOST_PAIRS : FEW_COLUMNS);
}

/*
 * Arcs that the recombination may weigh. Where amounts differ by territory (the generalised assignment problem) or a territory has few units it is
 * hard to fit units in each other's place, which is worth some seconds.
 */
static int64
exchanges(const Problem *p, double usual)
{
	double		share = p->input->by_territory ? WORTH_SECONDS * Min(p->units / 100.0, 1.0) :
		Max((has_few_units(p) ? WORTH_SECONDS : 1) * Min(p->units / 1000.0, 1.0), 0.2);

	return (int64) (problem_effort(p) * usual * share);
}

/* Subsets that may be looked at to get loads to the last unit. */
static int64
splits(const Problem *p)
{
	return (int64) (MOST_SUBSETS * problem_effort(p));
}

/* How hot a polish begins and how cold it ends is measured in what a usual unit's load is worth, or in so many moves. */
static double
polish_worth(const Search *s)
{
	return s->p->options->fewest_moves ? HOT_MOVES * s->p->cost_scale : search_usual_worth(s);
}

/*
 * A former plan goes on. True where no more is to be made of it: little should change, unless more is asked for; a short polish, where the plan costs much. And where it
 * does not lead within limits soon, for that is as long as a plan from nothing takes, which is likelier to be within them.
 */
static bool
continue_former(Search *s, const Former *former, KeptPlan *best)
{
	Problem    *p = s->p;
	/* Where units are few and large no plan is near the bound, nor were the owners. What they cost before somebody joined says nothing of that. */
	double		usual = Max(former->cost / p->cost_scale, p->status.bound);
	double		good = count_newcomers(p) > 0 ? p->status.bound : usual;
	double		strictness = USUAL_STRICTNESS;
	bool		is_changed = former_goes_on(s, Min(usual_ties(p), TIES_OF_FORMER));

	keep_best(s, best);
	if (best->outside > 0)
		settle(s, best, &strictness, MOST_REPAIRS_OF_FORMER);
	if (best->outside > 0)
		return true;
	if (p->options->effort != 0 || !is_changed)
		return p->options->effort <= 0;
	if (p->status.cost - good > WELL * fabs(p->status.bound))
	{
		p->status.phase = TERRITORY_PHASE_POLISH;
		return_to(s, best, strictness);
		polish(s, HOT * polish_worth(s), COLD * polish_worth(s), (int64) (SHORT_POLISH * proposals(p)));
		settle(s, best, &strictness, MOST_REPAIRS_OF_FORMER);
	}
	return p->status.cost - usual <= POORLY * fabs(p->status.bound);
}

/* A plan from a former one. True where no more is to be made of it. */
static bool
plan_from_former(Search *s, const Former *former, KeptPlan *best, double *strictness)
{
	if (continue_former(s, former, best))
		return true;
	return_to(s, best, USUAL_STRICTNESS);
	search_ties(s, usual_ties(s->p));
	settle(s, best, strictness, MOST_REPAIRS);
	return false;
}

/*
 * For the fewest moves prices say little of who is to move, and what else costs only breaks ties. The plan at the prices comes first in small problems, where more is
 * made of it, and last where nothing else is within limits.
 */
static void
plan_fewest_moves(Search *s, KeptPlan *best, double *strictness)
{
	Problem    *p = s->p;

	if (is_recombined(p))
		settle(s, best, strictness, MOST_REPAIRS);
	search_fewest_moves(s, (int64) Max(MOVES_SHARE * proposals(p), MOVES_A_UNIT * problem_effort(p) * p->units));
	keep_best(s, best);
	search_ties(s, usual_ties(p));
	if (!problem_near_enough(p))
		polish(s, TIES_HOT * p->cost_scale, TIES_COLD * p->cost_scale, (int64) (TIES_SHARE * proposals(p)));
	search_repair(s, MOST_REPAIRS);
	keep_best(s, best);
	if (best->outside > 0)
		settle(s, best, strictness, MOST_REPAIRS);
	if (best->outside > 0 && !is_recombined(p))
	{
		search_round(s);
		settle(s, best, strictness, MOST_REPAIRS);
	}
	search_set(s, best->slot);
}

/* Whether moves are searched for by an annealing of their own. */
static bool
is_annealed(const Problem *p)
{
	return p->options->fewest_moves && p->options->effort >= 0 && !p->all_alike;
}

/* A plan from prices. True where no more is to be made of it: any plan within limits is the best, or prices of another plan do not lead within them. */
static bool
plan_at_prices(Search *s, Known known, KeptPlan *best, double *strictness)
{
	Problem    *p = s->p;

	search_round(s);
	search_rates(s, USUAL_STRICTNESS);
	search_ties(s, usual_ties(p));
	if (p->all_alike)
	{
		search_descend(s, MOST_ROUNDS);
		split_exactly(s, splits(p));
		keep_best(s, best);
		if (best->outside == 0)
			return true;
	}
	if (is_annealed(p))
		plan_fewest_moves(s, best, strictness);
	else
		settle(s, best, strictness, MOST_REPAIRS);
	return known != KNOWN_NOTHING && best->outside > 0;
}

/* Makes more of a plan: polished, recombined, or brought within limits to the last unit. */
static void
refine(Search *s, KeptPlan *best, double *strictness)
{
	Problem    *p = s->p;
	int			rounds = is_annealed(p) && !is_recombined(p) ? 0 : ROUNDS;

	p->status.phase = TERRITORY_PHASE_POLISH;
	for (int round = 0; round < rounds && !p->is_stopped && !problem_near_enough(p); round++)
	{
		search_rates(s, *strictness);
		polish(s, (round == 0 ? HOT : HOT_AGAIN) * polish_worth(s), COLD * polish_worth(s), proposals(p) / ROUNDS);
		settle(s, best, strictness, MOST_REPAIRS);
		search_set(s, best->slot);
	}
	search_set(s, best->slot);
	if (is_recombined(p) && !problem_near_enough(p))
	{
		recombine(s, exchanges(p, LEAST_EXCHANGES), exchanges(p, MOST_EXCHANGES));
		keep_best(s, best);
	}
	if (best->outside > 0 && p->outside == 0)
	{
		return_to(s, best, USUAL_STRICTNESS);
		split_exactly(s, splits(p));
		keep_best(s, best);
	}
}

void
find_plan(Search *s, Known known, const Former *former)
{
	Problem    *p = s->p;
	KeptPlan	best = plan_begin(p);
	double		strictness = USUAL_STRICTNESS;
	bool		is_done;

	p->status.phase = TERRITORY_PHASE_PLAN;
	is_done = known == KNOWN_FORMER ? plan_from_former(s, former, &best, &strictness) : plan_at_prices(s, known, &best, &strictness);
	if (!is_done && p->options->effort >= 0)
		refine(s, &best, &strictness);
	search_set(s, best.slot);
	search_keep_budgets(s);
	plan_end(p, &best);
}
