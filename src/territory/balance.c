/*
 * balance.c: the phases in their order.
 */
#include "territory/bound.h"
#include "territory/dual.h"
#include "territory/find_plan.h"
#include "territory/report.h"

/* Columns of a unit otherwise. */
#define COLUMNS			16
#define COLUMNS_OF_MANY	10
/* With the fewest moves all territories but the owner cost nearly alike. */
#define COLUMNS_OF_MOVES	64
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

static int
usual_columns(const Problem *p)
{
	if (p->all_alike)
		return COLUMNS_OF_ALIKE;
	return p->units > MANY_UNITS ? COLUMNS_OF_MANY : p->options->fewest_moves ? COLUMNS_OF_MOVES : COLUMNS;
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
