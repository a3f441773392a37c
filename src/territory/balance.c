/*
 * balance.c: the phases in their order, and the report.
 */
#include "territory/bound.h"
#include "territory/dual.h"
#include "territory/exchange.h"

/* With so many pairs of unit and territory at most, all of them are looked at from the beginning. */
#define FEW_COLUMNS		200000
/* Of the sample otherwise. */
#define SAMPLE_COLUMNS	10000000

/* Ties for each unit. */
#define TIES			10
/* With more units than that memory is what there is least of. */
#define MANY_UNITS		400000
#define TIES_OF_MANY	4
/* Rates are so many times the prices, and more where that is not enough. */
#define STRICTNESS		1.5
/* Of the polish, in shares of what a usual unit's load is worth. */
#define HOT				0.008
#define HOT_AGAIN		0.003
#define COLD			0.0007
#define ROUNDS			3
#define PROPOSALS_FIRST	2e6
#define PROPOSALS_A_UNIT 1200.0
#define PROPOSALS_MANY	14e6
#define LEAST_EXCHANGES	1e8
#define MOST_EXCHANGES	3e8
#define BY_TERRITORY	7.0
#define MOST_ROUNDS		20
#define MOST_REPAIRS	1000

static Columns *
find_prices(Problem *p, Prices *prices)
{
	Columns    *c;
	Dual		dual;
	bool		is_warm = p->options->price != NULL;
	bool		is_large = false;
	static const struct
	{
		int			units;		/* for each territory */
		double		hot;
		double		cold;
	}			level[] = {{10, 1.0, 0.25}, {40, 0.125, 0.06}, {200, 0.06, 0.03}};

	if ((Size) p->units * p->longest_list <= FEW_COLUMNS)
	{
		c = columns_all(p);
		dual_begin(&dual, p, c);
		dual_climb(&dual, prices, is_warm ? 0.03 : 1.0, 0.0004, 12);
		dual_end(&dual);
		return c;
	}
	/* From few units, where it is hot and all territories compete, to more. */
	for (int i = 0; i < (int) lengthof(level) && !is_warm; i++)
	{
		c = columns_sample(p, level[i].units, SAMPLE_COLUMNS);
		if (i < 2 || c->rows < p->units / 4)
		{
			dual_begin(&dual, p, c);
			dual_climb(&dual, prices, level[i].hot, level[i].cold, i < 2 ? 10 : 5);
			dual_end(&dual);
			is_large = i == 2;
		}
		columns_free(p, c);
	}
	dual_begin(&dual, p, NULL);
	dual_climb(&dual, prices, is_large || is_warm ? 0.03 : 0.125, 0.003, is_large ? 2 : 4);
	dual_end(&dual);
	c = columns_best(p, p->options->candidates > 0 ? p->options->candidates : p->units > MANY_UNITS ? 10 : 16);
	columns_choose(p, c, prices);
	return c;
}

static double *
starting_prices(Problem *p)
{
	double	   *price = take(p, double, p->rows);

	if (p->options->price)
		for (int j = 0; j < p->rows; j++)
			price[j] = p->options->price[j] * p->cost_scale / p->amount_scale[j % p->measures];
	return price;
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
		reason->price = prices->load[j] * scale / p->cost_scale;
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
		int			k = slot_territory(s, u, s->slot[u]);
		double		regret = 0;

		if (u % 4096 == 0)
			problem_progress(p);
		scan_unit(&scan, u);
		for (int j = 0; j < scan.count; j++)
			if (scan.territory[j] == k)
				regret = ((double) scan.value[j] - scan.least) / p->cost_scale;
		for (int m = p->first[u]; m < p->first[u + 1]; m++)
			plan->regret[p->member[m]] = regret;
	}
	scan_end(&scan);
}

static void
report(Problem *p, const Search *s, const Prices *prices, int128 bound, TerritoryPlan *plan)
{
	const TerritoryInput *in = p->input;
	int128		held = 0;

	plan->is_valid = true;
	plan->territory = palloc_extended(sizeof(int) * Max(in->accounts, 1), MCXT_ALLOC_HUGE);
	memcpy(plan->territory, p->held_at, sizeof(int) * in->accounts);
	for (int i = 0; i < in->accounts; i++)
		if (p->held_at[i] >= 0)
			held += (int64) account_cost(p, i, p->held_at[i]);
	for (int u = 0; u < p->units; u++)
	{
		int			k = slot_territory(s, u, s->slot[u]);

		for (int m = p->first[u]; m < p->first[u + 1]; m++)
			plan->territory[p->member[m]] = k;
	}
	for (int i = 0; i < in->accounts; i++)
		if (plan->territory[i] >= 0)
			plan->cost += account_true_cost(p, i, plan->territory[i]);
	plan->load = palloc0(sizeof(double) * p->rows);
	plan->price = palloc0(sizeof(double) * p->rows);
	for (int j = 0; j < p->rows; j++)
	{
		plan->load[j] = (s->row[j].load + p->held_load[j]) / p->amount_scale[j % p->measures];
		plan->price[j] = prices->load[j] * p->amount_scale[j % p->measures] / p->cost_scale;
	}
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
	{
		plan->budget_price[b] = prices->budget[b] * p->budget_scale[b] / p->cost_scale;
		plan->budget_used[b] = (p->has_budget ? s->used[b] + p->held_used[b] : 0) / p->budget_scale[b];
	}
	plan->bound = bound_as_cost(p, bound + (held << PRICE_BITS));
	plan->outside = search_outside(s) + p->outside;
	plan->best_outside = p->outside;
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
	double		outside = search_outside(s);

	if (outside > best->outside || (outside == best->outside && s->cost >= best->cost))
		return;
	best->outside = outside;
	best->cost = s->cost;
	memcpy(best->slot, s->slot, sizeof(uint16) * s->p->units);
}

/* Down from where the search is, then within the limits. */
static void
settle(Search *s, Best *best)
{
	search_rates(s, STRICTNESS);
	search_descend(s, MOST_ROUNDS);
	search_repair(s, MOST_REPAIRS);
	keep_best(s, best);
}

/* Proposals that the polish may weigh. */
static int64
proposals(const Problem *p)
{
	double		effort = p->options->effort == 0 ? 1.0 : p->options->effort;

	return (int64) (effort * Min(PROPOSALS_FIRST + PROPOSALS_A_UNIT * p->units, PROPOSALS_MANY));
}

/*
 * Arcs that the recombination of a small problem may weigh. Amounts that differ by territory make it hard to fit accounts in each other's
 * place (the generalised assignment problem), which is worth some seconds.
 */
static int64
exchanges(const Problem *p, double usual)
{
	double		effort = p->options->effort == 0 ? 1.0 : p->options->effort;

	return (int64) (effort * usual * (p->input->by_territory ? BY_TERRITORY * Min(p->units / 100.0, 1.0) : Max(Min(p->units / 1000.0, 1.0), 0.2)));
}

static void
find_plan(Search *s)
{
	Problem    *p = s->p;
	Best		best = {take(p, uint16, p->units), INFINITY, INFINITY};

	search_round(s);
	search_ties(s, p->units > MANY_UNITS ? TIES_OF_MANY : TIES);
	settle(s, &best);
	if (p->options->effort >= 0 && !p->is_stopped)
	{
		for (int round = 0; round < ROUNDS; round++)
		{
			search_rates(s, STRICTNESS);
			polish(s, round == 0 ? HOT : HOT_AGAIN, COLD, proposals(p) / ROUNDS);
			settle(s, &best);
			search_set(s, best.slot);
		}
	}
	search_set(s, best.slot);
	if (p->options->effort >= 0 && (Size) p->units * p->territories <= FEW_COLUMNS)
	{
		recombine(s, exchanges(p, LEAST_EXCHANGES), exchanges(p, MOST_EXCHANGES));
		keep_best(s, &best);
	}
	search_set(s, best.slot);
	search_keep_budgets(s);
	give_back(p, uint16, best.slot, p->units);
}

TerritoryPlan *
territory_balance(const TerritoryInput *input, const TerritoryOptions *options)
{
	TerritoryPlan *plan = palloc0(sizeof(TerritoryPlan));
	Problem    *p = palloc0(sizeof(Problem));
	Prices		prices = {0};
	Columns    *c;
	Search		s;
	int128		bound;

	if (problem_build(p, input, options))
	{
		prices.load = starting_prices(p);
		c = find_prices(p, &prices);
		bound_round(p, &prices);
		bound = bound_exact(p, &prices);
		search_begin(&s, p, c, &prices);
		find_plan(&s);
		report(p, &s, &prices, bound, plan);
		search_end(&s);
	}
	plan->reasons = p->reasons;
	plan->reason = p->reason;
	plan->memory = p->most_memory;
	plan->work = p->work;
	return plan;
}
