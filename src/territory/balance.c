/*
 * balance.c: the phases in their order, and the report.
 */
#include "territory/bound.h"
#include "territory/dual.h"
#include "territory/exchange.h"
#include "territory/explain.h"
#include "territory/split.h"
#include "territory/warm.h"

/* With so many pairs of unit and territory at most, all of them are looked at from the beginning. */
#define FEW_COLUMNS		200000
/* Columns of a unit otherwise. */
#define COLUMNS			16
#define COLUMNS_OF_MANY	10
/* Temperature of the climb from given prices, in shares of the spread of costs, and its steps: the fewer the longer one takes. */
#define WARM			0.02
#define WARM_STEPS		12
#define WARM_STEPS_OF_MANY	3
#define WARM_UNITS		300000

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
/* With the fewest moves all territories but the owner cost nearly alike. */
#define COLUMNS_OF_MOVES	64
#define TIES_OF_MOVES	20
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
	bool		is_large = false;
	int			before = 0;
	static const struct
	{
		int			units;		/* for each territory */
		double		hot;
		double		cold;
	}			level[] = {{10, 0.5, 0.25}, {40, 0.125, 0.06}, {200, 0.06, 0.03}};
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
	/* From few units, where it is hot and all territories compete, to more. */
	for (int i = first_level; i < (int) lengthof(level) && !p->all_alike; i++)
	{
		c = columns_sample(p, level[i].units, i < 2 ? p->longest_list : COLUMNS);
		/* Nearly the same units again would teach nothing. */
		if (i == first_level || (i == 1 && c->rows >= 2 * before) || c->rows < p->units / 4)
		{
			dual_begin(&dual, p, c);
			dual_climb(&dual, prices, level[i].hot, level[i].cold, i < 2 ? 10 : 5);
			dual_end(&dual);
			is_large = i == 2;
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
			dual_climb(&dual, prices, is_large ? 0.03 : 0.06, coldest(p), 20);
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

/* Says which loads and which budgets are outside, and what a unit more or less of room there would be worth. */
static void
explain(Problem *p, const Search *s, const Prices *prices)
{
	const TerritoryInput *in = p->input;

	for (int j = 0; j < p->rows; j++)
	{
		int			m = j % p->measures;
		double		scale = p->amount_scale[m];
		double		load = s->row[j].load + p->held_load[j];
		bool		is_over = s->row[j].load > s->row[j].most;
		TerritoryReason *reason;

		if (!is_over && s->row[j].load >= s->row[j].least)
			continue;
		reason = problem_complain(p, TERRITORY_OUTSIDE);
		reason->territory = j / p->measures;
		reason->measure = m;
		reason->value = load / scale;
		reason->limit = is_over ? in->most[j] : in->least[j];
		reason->price = price_as_given(p, prices, j);
	}
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		if (s->used[b] > p->budget[b])
		{
			TerritoryReason *reason = problem_complain(p, TERRITORY_BUDGET_SHORT);

			reason->measure = b;
			reason->value = (s->used[b] + p->held_used[b]) / p->budget_scale[b];
			reason->limit = in->budget[b];
			reason->price = prices->budget[b] * p->budget_scale[b] / p->cost_scale;
		}
}

/* What every account would save, at the prices, where it would be best off; a family as one. */
static void
report_regrets(Problem *p, const Search *s, const Prices *prices, TerritoryPlan *plan)
{
	Scan		scan;

	plan->regret = palloc_extended(sizeof(double) * Max(p->input->accounts, 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	scan_begin(&scan, p, prices);
	for (int u = 0; u < p->units; u++)
	{
		double		regret;

		progress_every(p, u, PROGRESS_UNITS);
		scan_unit(&scan, u);
		regret = bound_regret(p, prices, &scan, u, slot_territory(s, u, s->slot[u]));
		for (int m = p->first[u]; m < p->first[u + 1]; m++)
			plan->regret[p->member[m]] = regret;
	}
	scan_end(&scan);
}

static void
report(Problem *p, const Search *s, const Prices *prices, TerritoryPlan *plan)
{
	const TerritoryInput *in = p->input;

	plan->is_valid = true;
	plan->tie_break = p->distance_factor;
	plan->territory = palloc_extended(sizeof(int) * Max(in->accounts, 1), MCXT_ALLOC_HUGE);
	memcpy(plan->territory, p->held_at, sizeof(int) * in->accounts);
	for (int u = 0; u < p->units; u++)
	{
		int			k = slot_territory(s, u, s->slot[u]);

		progress_every(p, u, PROGRESS_ACCOUNTS);
		for (int m = p->first[u]; m < p->first[u + 1]; m++)
			plan->territory[p->member[m]] = k;
	}
	for (int i = 0; i < in->accounts; i++)
	{
		progress_every(p, i, PROGRESS_ACCOUNTS);
		if (plan->territory[i] >= 0)
			plan->cost += account_true_cost(p, i, plan->territory[i]);
	}
	plan->load = palloc0(sizeof(double) * p->rows);
	plan->price = palloc0(sizeof(double) * p->rows);
	for (int j = 0; j < p->rows; j++)
	{
		plan->load[j] = (s->row[j].load + p->held_load[j]) / p->amount_scale[j % p->measures];
		plan->price[j] = price_as_given(p, prices, j);
	}
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
	{
		plan->budget_price[b] = prices->budget[b] * p->budget_scale[b] / p->cost_scale;
		plan->budget_used[b] = (p->has_budget ? s->used[b] + p->held_used[b] : 0) / p->budget_scale[b];
	}
	plan->bound = p->status.bound;
	plan->design_bound = -INFINITY;
	plan->outside = search_outside(s) + p->outside;
	plan->best_outside = p->outside;
	if (search_outside(s) > 0)
		plan->best_outside += explain_outside(p);
	/* What is proven of every plan holds for this one, to the last bit too. */
	plan->best_outside = Min(plan->best_outside, plan->outside);
	report_regrets(p, s, prices, plan);
	explain(p, s, prices);
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
	TerritoryStatus *status = &s->p->status;
	double		outside = search_outside(s);

	if (outside > best->outside || (outside == best->outside && s->cost >= best->cost))
		return;
	best->outside = outside;
	best->cost = s->cost;
	memcpy(best->slot, s->slot, sizeof(uint16) * s->p->units);
	status->outside = outside + s->p->outside;
	status->cost = (s->least_cost + s->cost) / s->p->cost_scale;
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
	/* Where units are few and large no plan is near the bound, nor were the owners. */
	double		usual = Max(former->cost / p->cost_scale, p->status.bound);
	bool		is_changed = former_goes_on(s, Min(usual_ties(p), TIES_OF_FORMER));
	double		strictness = STRICTNESS;

	keep_best(s, best);
	if (p->options->effort > 0)
		return false;
	if (best->outside > 0)
		settle(s, best, &strictness, MOST_REPAIRS_OF_FORMER);
	if (best->outside > 0)
		return false;
	if (!is_changed || p->options->effort < 0)
		return true;
	if (p->status.cost - usual > WELL * fabs(p->status.bound))
	{
		p->status.phase = TERRITORY_PHASE_POLISH;
		search_set(s, best->slot);
		search_rates(s, strictness);
		polish(s, HOT * worth, COLD * worth, (int64) (SHORT_POLISH * proposals(p)));
		settle(s, best, &strictness, MOST_REPAIRS_OF_FORMER);
	}
	return p->status.cost - usual <= POORLY * fabs(p->status.bound);
}

static void
find_plan(Search *s, const Former *former)
{
	Problem    *p = s->p;
	Best		best = {take(p, uint16, p->units), INFINITY, INFINITY};
	bool		is_done;
	int			rounds;
	double		strictness = STRICTNESS;
	double		worth = p->options->fewest_moves ? HOT_MOVES * p->cost_scale : search_usual_worth(s);

	p->status.phase = TERRITORY_PHASE_PLAN;
	is_done = former && continue_former(s, former, &best, worth);
	if (!is_done)
	{
		/* Where going on failed, units are anywhere. */
		if (best.outside == 0)
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
	if (!is_done)
		settle(s, &best, &strictness, MOST_REPAIRS);
	p->status.phase = TERRITORY_PHASE_POLISH;
	rounds = p->options->effort < 0 || is_done ? 0 : ROUNDS;
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
	if (best.outside > 0 && p->outside == 0 && p->options->effort >= 0)
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

/* Finds prices from what is known, and the bound. */
static Columns *
find_bound(Problem *p, Prices *prices, Known known)
{
	Columns    *c;

	if (known == KNOWN_NOTHING)
		memset(prices->load, 0, sizeof(double) * p->rows);
	else
		start_prices(p, prices);
	c = find_prices(p, prices, known);
	bound_round(p, prices);
	p->status.phase = TERRITORY_PHASE_BOUND;
	p->status.bound = bound_as_cost(p, bound_exact(p, prices));
	return c;
}

static void
find(Problem *p, TerritoryPlan *plan)
{
	Former		former = p->options->price ? former_plan(p) : (Former) {0};
	Known		known = what_is_known(p, &former);
	Prices		prices = {.load = take(p, double, p->rows)};
	Columns    *c = find_bound(p, &prices, known);
	Search		s;

	if (known == KNOWN_FORMER && !former_is_cheap(p, &former))
	{
		columns_free(p, c);
		known = KNOWN_PRICES;
		c = find_bound(p, &prices, known);
	}
	if (c->beyond)
	{
		columns_settle(p, c, &prices, REACH * p->spread);
		columns_supply(p, c, &prices);
	}
	search_begin(&s, p, c, &prices);
	find_plan(&s, known == KNOWN_FORMER ? &former : NULL);
	report(p, &s, &prices, plan);
	search_end(&s);
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
