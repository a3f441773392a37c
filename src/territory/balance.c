/*
 * balance.c: the phases in their order.
 */
#include "territory/bound.h"
#include "territory/dual.h"
#include "territory/exchange.h"
#include "territory/report.h"
#include "territory/split.h"
#include "territory/warm.h"

/* With so many pairs of unit and territory at most, all of them are looked at from the beginning. */
#define FEW_COLUMNS		200000
/* Columns of a unit otherwise. */
#define COLUMNS			16
#define COLUMNS_OF_MANY	10
/* Temperature that the climb with all units begins at, at most, in shares of the spread of costs. */
#define HOT_OF_ALL		0.06
/* Temperature of the climb from given prices, in shares of the spread of costs, and its steps: the fewer the longer one takes. */
#define WARM			0.02
#define WARM_STEPS		12
#define WARM_STEPS_OF_MANY	2
#define WARM_UNITS		150000

/* The climb ends at this share of the spread, divided by the units of a territory; within these limits. */
#define COLD_UNITS		0.08
#define COLDEST			0.0001
#define LEAST_COLD		0.003

/* Columns are chosen anew where another territory comes so near to the best one, in shares of the spread. */
#define REACH			0.1

/* Where all cost alike no territory is nearer than another. */
#define FEW_ALIKE		4000000
#define COLUMNS_OF_ALIKE	64

/* Ties for each unit. */
#define TIES			10
#define TIES_OF_MOVES	20
/* With the fewest moves all territories but the owner cost nearly alike. */
#define COLUMNS_OF_MOVES	64
/* So much of the polish is for moves, or so many proposals for each unit; and then, from so warm to so cold in moves, for what breaks ties. */
#define MOVES_SHARE		0.7
#define MOVES_A_UNIT	60.0
#define TIES_SHARE		0.15
#define TIES_HOT		0.003
#define TIES_COLD		0.0003
/* Where a former plan goes on not much is to be changed, and fewer do. */
#define TIES_OF_FORMER	5
/* With more units than that memory is what there is least of. */
#define MANY_UNITS		400000
#define TIES_OF_MANY	2
/* Rates are so many times the prices, and more where that is not enough. */
#define STRICTNESS		1.5
/* So many times more, where the limits could not be kept otherwise than at a high cost. */
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
usual_columns(const Problem *p)
{
	if (p->all_alike)
		return COLUMNS_OF_ALIKE;
	return p->units > MANY_UNITS ? COLUMNS_OF_MANY : p->options->fewest_moves ? COLUMNS_OF_MOVES : COLUMNS;
}

static int
usual_ties(const Problem *p)
{
	return p->units > MANY_UNITS ? TIES_OF_MANY : p->options->fewest_moves ? TIES_OF_MOVES : TIES;
}

/*
 * The temperature that the climb ends at, as a share of the spread. The soft choice shares units whose territories differ by less than that. A
 * plan cannot, so its loads are off by what those units come to, and to bring them within limits costs far more than the bound misses. The more
 * units a territory has, the colder it must be for few of them to be shared; with a hundred, prices between the values of units make better plans
 * than those of the highest bound.
 */
static double
coldest(const Problem *p)
{
	return Min(Max(COLD_UNITS * p->territories / p->units, COLDEST), LEAST_COLD);
}

/* What is known of the prices before. */
typedef enum Known
{
	KNOWN_NOTHING,
	KNOWN_PRICES,				/* of some other plan */
	KNOWN_FORMER,				/* of the plan that the owners are */
} Known;

/* Prices for the bound, and the columns that go with them. Where all cost alike no price can raise the bound. */
static Columns *
find_prices(Problem *p, Prices *prices, Known known)
{
	Columns    *c;
	Dual		dual;
	double		hot = HOT_OF_ALL;
	int			before = 0;
	/* From few units, where it is hot and all territories compete, to more. */
	static const struct
	{
		int			units;		/* for each territory */
		bool		has_all_columns;
		double		hot;
		double		cold;
		int			steps;
	}			level[] = {{10, true, 0.5, 0.25, 10}, {40, true, 0.125, 0.06, 10}, {200, false, 0.06, 0.03, 5}};
	int			first_level = known == KNOWN_NOTHING ? 0 : known == KNOWN_PRICES ? 1 : lengthof(level);

	if (p->all_alike)
		memset(prices->load, 0, sizeof(double) * p->rows);
	if ((Size) p->units * p->longest_list <= (p->all_alike ? FEW_ALIKE : FEW_COLUMNS))
	{
		c = columns_all(p);
		if (p->all_alike)
			return c;
		dual_begin(&dual, p, c);
		dual_climb(&dual, prices, known == KNOWN_NOTHING ? 1.0 : 0.03, 0.0004, 12);
		dual_end(&dual);
		return c;
	}
	for (int i = first_level; i < (int) lengthof(level) && !p->all_alike; i++)
	{
		c = columns_sample(p, level[i].units, level[i].has_all_columns ? p->longest_list : COLUMNS);
		/* Nearly the same units again would teach nothing. */
		if (i == first_level || (level[i].has_all_columns && c->rows >= 2 * before) || c->rows < p->units / 4)
		{
			dual_begin(&dual, p, c);
			dual_climb(&dual, prices, level[i].hot, level[i].cold, level[i].steps);
			dual_end(&dual);
			hot = Min(hot, level[i].cold);
		}
		before = c->rows;
		columns_free(p, c);
	}
	c = columns_best(p, p->options->candidates > 0 ? p->options->candidates : usual_columns(p));
	if (!p->all_alike)
	{
		dual_begin(&dual, p, c);
		if (known == KNOWN_FORMER)
			dual_climb(&dual, prices, WARM, WARM, Max(Min(WARM_STEPS, WARM_UNITS / p->units), WARM_STEPS_OF_MANY));
		else
			dual_climb(&dual, prices, hot, coldest(p), 20);
		dual_end(&dual);
	}
	return c;
}

/* Those given; one that is not known is first as the others of its measure are on average. */
static void
start_prices(Problem *p, Prices *prices)
{
	for (int m = 0; m < p->measures; m++)
	{
		double		sum = 0;
		int			known = 0;

		for (int j = m; j < p->rows; j += p->measures)
			if (!isnan(p->options->price[j]))
			{
				sum += p->options->price[j];
				known++;
			}
		for (int j = m; j < p->rows; j += p->measures)
			prices->load[j] = (isnan(p->options->price[j]) ? sum / Max(known, 1) : p->options->price[j]) * p->cost_scale / p->amount_scale[m];
	}
	if (count_newcomers(p) > 0)
		price_newcomers(p, prices);
}

/* The best plan so far. */
typedef struct Best
{
	uint16	   *slot;
	double		outside;
	double		cost;
} Best;

static void
keep_best(const Search *s, Best *best)
{
	double		outside = search_outside(s);

	if (outside > best->outside || (outside == best->outside && s->cost >= best->cost))
		return;
	best->outside = outside;
	best->cost = s->cost;
	memcpy(best->slot, s->slot, sizeof(uint16) * s->p->units);
	problem_tell(s->p, outside, s->least_cost + s->cost);
}

/* Down from where the search is, then within the limits; where that fails, with more ties there. */
static void
settle(Search *s, Best *best, double *strictness, int most_repairs)
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

		search_set(s, best->slot);
		search_rates(s, *strictness);
		is_within = repair_widely(s, WIDE_WORK);
		keep_best(s, best);
		if (!is_within && !s->p->is_stopped)
		{
			search_set(s, best->slot);
			search_rates(s, *strictness);
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

/* A former plan goes on. True where that is the plan: little should change, unless more is asked for; a short polish, where the plan costs much. */
static bool
continue_former(Search *s, const Former *former, Best *best, double worth)
{
	Problem    *p = s->p;
	/* Where units are few and large no plan is near the bound, nor were the owners. What they cost before somebody joined says nothing of that. */
	double		usual = Max(former->cost / p->cost_scale, p->status.bound);
	double		good = count_newcomers(p) > 0 ? p->status.bound : usual;
	bool		is_changed = former_goes_on(s, Min(usual_ties(p), TIES_OF_FORMER));
	double		strictness = STRICTNESS;

	keep_best(s, best);
	if (best->outside > 0)
		settle(s, best, &strictness, MOST_REPAIRS_OF_FORMER);
	if (best->outside > 0 || p->options->effort > 0)
		return false;
	if (!is_changed || p->options->effort < 0)
		return true;
	if (p->status.cost - good > WELL * fabs(p->status.bound))
	{
		p->status.phase = TERRITORY_PHASE_POLISH;
		search_set(s, best->slot);
		search_rates(s, strictness);
		polish(s, HOT * worth, COLD * worth, (int64) (SHORT_POLISH * proposals(p)));
		settle(s, best, &strictness, MOST_REPAIRS_OF_FORMER);
	}
	return p->status.cost - usual <= POORLY * fabs(p->status.bound);
}

/*
 * For the fewest moves prices say little of who is to move, and what else costs only breaks ties. The plan at the prices comes first in small problems, where more is
 * made of it, and last where nothing else is within limits.
 */
static void
plan_fewest_moves(Search *s, Best *best, double *strictness)
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

/* Where what is known does not lead within limits soon, no more is tried: that is as long as a plan from nothing takes, which is likelier to be within them. */
static void
find_plan(Search *s, Known known, const Former *former)
{
	Problem    *p = s->p;
	Best		best = {take(p, uint16, p->units), INFINITY, INFINITY};
	bool		is_done = false;
	bool		is_annealed = p->options->fewest_moves && p->options->effort >= 0 && !p->all_alike;
	int			rounds;
	double		strictness = STRICTNESS;
	double		worth = p->options->fewest_moves ? HOT_MOVES * p->cost_scale : search_usual_worth(s);

	p->status.phase = TERRITORY_PHASE_PLAN;
	if (known == KNOWN_FORMER)
		is_done = continue_former(s, former, &best, worth) || best.outside > 0;
	if (!is_done)
	{
		if (known == KNOWN_FORMER)
			search_set(s, best.slot);
		else
			search_round(s);
		search_rates(s, STRICTNESS);
		search_ties(s, usual_ties(p));
	}
	if (p->all_alike)
	{
		/* Any plan within limits is as good as any other. */
		search_descend(s, MOST_ROUNDS);
		split_exactly(s, splits(p));
		keep_best(s, &best);
		is_done = best.outside == 0;
	}
	if (!is_done && is_annealed)
		plan_fewest_moves(s, &best, &strictness);
	else if (!is_done)
		settle(s, &best, &strictness, MOST_REPAIRS);
	is_done |= known != KNOWN_NOTHING && best.outside > 0;
	p->status.phase = TERRITORY_PHASE_POLISH;
	rounds = p->options->effort < 0 || is_done || (is_annealed && !is_recombined(p)) ? 0 : ROUNDS;
	for (int round = 0; round < rounds && !p->is_stopped && !problem_near_enough(p); round++)
	{
		search_rates(s, strictness);
		polish(s, (round == 0 ? HOT : HOT_AGAIN) * worth, COLD * worth, proposals(p) / ROUNDS);
		settle(s, &best, &strictness, MOST_REPAIRS);
		search_set(s, best.slot);
	}
	/* Nothing was settled if somebody asked for the end. */
	keep_best(s, &best);
	search_set(s, best.slot);
	if (p->options->effort >= 0 && !is_done && !problem_near_enough(p) && is_recombined(p))
	{
		recombine(s, exchanges(p, LEAST_EXCHANGES), exchanges(p, MOST_EXCHANGES));
		keep_best(s, &best);
	}
	search_set(s, best.slot);
	if (best.outside > 0 && known == KNOWN_NOTHING && p->outside == 0 && p->options->effort >= 0)
	{
		search_rates(s, STRICTNESS);
		split_exactly(s, splits(p));
		keep_best(s, &best);
		search_set(s, best.slot);
	}
	search_keep_budgets(s);
	give_back(p, uint16, best.slot, p->units);
}

/* What moves were worth tells nothing once they are made: with the fewest moves every plan is from nothing. */
static Known
what_is_known(Problem *p, const Former *former)
{
	if (!p->options->price || p->all_alike || p->options->fewest_moves || 2 * count_newcomers(p) > p->territories)
		return KNOWN_NOTHING;
	return former_is_within(p, former) ? KNOWN_FORMER : KNOWN_PRICES;
}

/* Finds prices from what is known, and the bound; the best bound so far is kept with what proves it. */
static Columns *
find_bound(Problem *p, Prices *prices, Known known, Proof *proof)
{
	uint16	   *best;
	double		bound;
	Columns    *c;

	p->status.phase = TERRITORY_PHASE_PRICES;
	if (known == KNOWN_NOTHING)
		memset(prices->load, 0, sizeof(double) * p->rows);
	else
		start_prices(p, prices);
	c = find_prices(p, prices, known);
	bound_round(p, prices);
	p->status.phase = TERRITORY_PHASE_BOUND;
	best = take(p, uint16, p->units);
	bound = bound_as_cost(p, bound_exact(p, prices, best));
	if (!(bound <= p->status.bound))
	{
		p->status.bound = bound;
		memcpy(proof->prices.load, prices->load, sizeof(double) * p->rows);
		memcpy(proof->prices.budget, prices->budget, sizeof(prices->budget));
		memcpy(proof->best, best, sizeof(uint16) * p->units);
	}
	give_back(p, uint16, best, p->units);
	if (p->options->fewest_moves)
	{
		steps_find(p, prices, coldest(p), &proof->steps);
		p->status.bound = Max(p->status.bound, proof->steps.bound);
	}
	return c;
}

/* Plans from what is known. */
static Found
find_from(Problem *p, Known known, const Former *former, Proof *proof)
{
	Prices		prices = {.load = take(p, double, p->rows)};
	Columns    *c = find_bound(p, &prices, known, proof);
	Found		found = {0};
	Search		s;

	if (known == KNOWN_FORMER && !former_is_cheap(p, former))
	{
		columns_free(p, c);
		known = KNOWN_PRICES;
		c = find_bound(p, &prices, known, proof);
	}
	if (c->beyond)
	{
		columns_settle(p, c, &prices, REACH * p->spread);
		columns_supply(p, c, &prices);
	}
	search_begin(&s, p, c, &prices);
	find_plan(&s, known, former);
	found.territory = take(p, uint16, p->units);
	for (int u = 0; u < p->units; u++)
		found.territory[u] = slot_territory(&s, u, s.slot[u]);
	found.load = take(p, double, p->rows);
	for (int j = 0; j < p->rows; j++)
		found.load[j] = s.row[j].load;
	memcpy(found.used, s.used, sizeof(found.used));
	found.outside = search_outside(&s);
	found.cost = s.least_cost + s.cost;
	search_end(&s);
	columns_free(p, c);
	give_back(p, double, prices.load, p->rows);
	return found;
}

static void
find(Problem *p, TerritoryPlan *plan)
{
	Former		former = p->options->price ? former_plan(p) : (Former) {0};
	Known		known = what_is_known(p, &former);
	Proof		proof = {.prices = {.load = take(p, double, p->rows)}, .best = take(p, uint16, p->units), .steps = {.bound = -INFINITY}};
	Found		found = find_from(p, known, &former, &proof);

	/* What was right before may be what stands in the way. */
	if (known != KNOWN_NOTHING && found.outside > 0 && !p->is_stopped)
	{
		Found		anew = find_from(p, KNOWN_NOTHING, NULL, &proof);

		if (anew.outside < found.outside || (anew.outside == found.outside && anew.cost < found.cost))
			found = anew;
	}
	report(p, &found, &proof, plan);
}

TerritoryPlan *
territory_balance(const TerritoryInput *input, const TerritoryOptions *options)
{
	TerritoryPlan *plan = palloc0(sizeof(TerritoryPlan));
	Problem    *p = palloc0(sizeof(Problem));
	sigjmp_buf	when_short;

	if (options->memory_limit > 0)
		p->when_short = &when_short;
	/* Memory is palloc's and is left to its context, as on every other way out. */
	if (sigsetjmp(when_short, 0) == 0 && problem_build(p, input, options))
		find(p, plan);
	plan->reasons = p->reasons;
	plan->reason = p->reason;
	plan->memory = p->most_memory;
	plan->work = p->work;
	return plan;
}
