/*
 * exchange.c: cyclic exchanges against all that there are. Random small plans are exchanged until none pays, at rates that allow nothing outside limits;
 * then all cycles and chains of as many territories are tried. The exchange keeps only the best path to every unit, so it misses some cycles, but few,
 * and hardly a chain.
 *
 *	exchange [instances [seed]]
 */
#include "territory/exchange.h"

#define STRICT		1e6

static uint64 state;

static int
below(int n)
{
	return random_below(&state, n);
}

/* Accounts of 1 to 20 in territories with little room, and any costs. */
static TerritoryInput *
random_instance(void)
{
	TerritoryInput *in = palloc0(sizeof(TerritoryInput));
	int			n = in->accounts = 8 + below(7);
	int			territories = in->territories = 3 + below(4);
	double	   *amount = palloc0(sizeof(double) * n);
	double	   *cost = palloc0(sizeof(double) * n * territories);
	double	   *most = palloc0(sizeof(double) * territories);
	double		total = 0;

	in->measures = in->classes = 1;
	for (int i = 0; i < n; i++)
		total += amount[i] = 1 + below(20);
	for (int j = 0; j < n * territories; j++)
		cost[j] = below(100);
	for (int k = 0; k < territories; k++)
		most[k] = ceil(total / territories * (1.05 + below(20) / 100.0));
	in->amount = amount;
	in->cost = cost;
	in->least = palloc0(sizeof(double) * territories);
	in->most = most;
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		in->budget[b] = INFINITY;
	return in;
}

/* A plan, and the first unit of a cycle or chain that is tried in it. */
typedef struct Trial
{
	const TerritoryInput *in;
	int			at[32];
	double		load[32];
	bool		is_past[32];
	int			first;
	bool		is_chain;		/* only what leaves the first territory one unit less */
} Trial;

/* Whether anything pays that goes on with unit u, who has to leave its territory: so many territories are in it, and the cost changed by so much. */
static bool
any_pays(Trial *t, int u, int territories, double change)
{
	const TerritoryInput *in = t->in;
	bool		pays = false;

	change -= in->cost[u * in->territories + t->at[u]];
	for (int k = 0; k < in->territories && !pays; k++)
	{
		double		here = change + in->cost[u * in->territories + k];
		double		room = in->most[k] - t->load[k] - in->amount[u];

		if (k == t->at[t->first])
			pays = !t->is_chain && u != t->first && here < 0 && room + in->amount[t->first] >= 0;
		if (t->is_past[k] || territories == EXCHANGE_DEPTH)
			continue;
		pays |= here < 0 && room >= 0;
		t->is_past[k] = true;
		for (int v = 0; v < in->accounts && !pays; v++)
			pays = t->at[v] == k && room + in->amount[v] >= 0 && any_pays(t, v, territories + 1, here);
		t->is_past[k] = false;
	}
	return pays;
}

static bool
any_exchange_pays(Trial *t, bool is_chain)
{
	bool		pays = false;

	t->is_chain = is_chain;
	for (t->first = 0; t->first < t->in->accounts && !pays; t->first++)
	{
		t->is_past[t->at[t->first]] = true;
		pays = any_pays(t, t->first, 1, 0);
		t->is_past[t->at[t->first]] = false;
	}
	return pays;
}

int
main(int argc, char **argv)
{
	int			instances = argc > 1 ? atoi(argv[1]) : 3000;
	uint64		seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	TerritoryOptions options = {0};
	int			plans = 0;
	int			left = 0;
	int			chains = 0;

	for (int i = 0; i < instances; i++)
	{
		const TerritoryInput *in;
		Problem		p = {0};
		Prices		prices = {0};
		Search		s;
		Exchange	x;
		Trial		t = {0};

		state = seed * 1000003 + i;
		t.in = in = random_instance();
		problem_build(&p, in, &options);
		prices.load = take(&p, double, p.rows);
		search_begin(&s, &p, columns_all(&p), &prices);
		for (int u = 0; u < p.units; u++)
			s.slot[u] = below(s.c->count[u]);
		search_set(&s, s.slot);
		search_rates(&s, STRICT);
		exchange_begin(&x, &s);
		do
			exchange_touch(&x);
		while (exchange_pass(&x));
		if (search_outside(&s) > 0)
			continue;
		for (int u = 0; u < p.units; u++)
		{
			t.at[u] = slot_territory(&s, u, s.slot[u]);
			t.load[t.at[u]] += in->amount[u];
		}
		plans++;
		left += any_exchange_pays(&t, false);
		chains += any_exchange_pays(&t, true);
	}
	printf("%d plans within limits: in %.2f%% an exchange pays, in %.2f%% a chain\n", plans, 100.0 * left / Max(plans, 1), 100.0 * chains / Max(plans, 1));
	return plans < instances / 2 || left > 0.15 * plans || chains > 0.005 * plans;
}
