/*
 * steps.c: a higher bound for the fewest moves, for accounts are whole.
 *
 * Prices know nothing of whole units: at the best ones a territory with too much gives away two accounts and a third of another. If it must lose at
 * least d of a measure, and gives away units of at most d' each, it gives away at least d / d' of them, and that many is a whole number. So let v be
 * what units come to by any weights of the measures, S some that a territory has, and b the most that its limits allow, less S. In every plan within them
 *
 *	sum of v over who comes - sum of v over those of S who leave <= b
 *
 * and then, with F(x) = floor(x) + max(0, x - floor(x) - f) / (1 - f) and f = b - floor(b),
 *
 *	sum of F(v) over who comes + sum of F(-v) over those of S who leave <= floor(b)
 *
 * (mixed-integer rounding: Nemhauser and Wolsey 1990). That is one more measure, a step, whose amounts differ by territory: F(v) of who is not of S, -F(-v)
 * of S. So the problem with some steps for each territory is a problem like any other (Problem), and its dual, climbed from the prices that are
 * known, has a bound that is higher where territories have few units, and proven in the same way (bound.c).
 *
 * Any step is right. Those are taken that the soft choice at the known prices breaks by most: one for each measure, and one for them together.
 */
#include "territory/choose_steps.h"
#include "territory/bound.h"
#include "territory/dual.h"

/* Amounts of steps are whole multiples of 2^-STEP_BITS, rounded to the side that is right even if they were computed a little wrong. */
#define STEP_BITS		20
#define BLUR			0.01
/* Steps of which a unit comes to more are none: whole numbers hold no more. */
#define MOST_STEPS		0x1p20
/* The climb from where steps are worth nothing begins hot, at these shares of the spread of costs, and which of them have a price there is final. */
#define HOT				0.05
#define WARM			0.025
#define CLIMBS			20
#define GOOD			0.0003
/* Steps that are worth nothing then are chosen anew; so often are steps chosen in all. */
#define ROUNDS			2
/* Climbs between end at so many times the temperature of the last one. */
#define COLD_BETWEEN	4.0
/* A step is worth so many times the spread of costs at most. */
#define MOST_WORTH		4.0
/* More pairs of unit and territory than that take too much time and memory, and then territories have many units. */
#define MOST_PAIRS		2000000

/* Where a step of a territory is among the loads of the problem with steps. */
static inline int
step_load(const Choice *x, int k, int number)
{
	return k * x->p->measures + x->measures + number;
}

/* The problem with steps as more measures; none is counted yet. */
static Problem *
with_steps(Problem *p, int steps)
{
	Problem    *q = take(p, Problem, 1);
	int			measures = p->measures;

	*q = *p;
	q->when_short = NULL;
	q->measures = measures + steps;
	q->rows = p->territories * q->measures;
	q->territory_step = q->measures;
	q->unit_step = q->rows;
	q->amount = take(p, double, p->units * q->unit_step);
	q->least = take(p, double, q->rows);
	q->most = take(p, double, q->rows);
	q->width = take(p, double, q->rows);
	for (int m = measures; m < q->measures; m++)
	{
		q->amount_scale[m] = q->mean_amount[m] = ldexp(1, STEP_BITS);
		q->ceiling[m] = MOST_WORTH * p->spread / q->mean_amount[m];
	}
	for (int k = 0; k < p->territories; k++)
	{
		memcpy(q->least + k * q->measures, p->least + k * measures, sizeof(double) * measures);
		memcpy(q->most + k * q->measures, p->most + k * measures, sizeof(double) * measures);
		memcpy(q->width + k * q->measures, p->width + k * measures, sizeof(double) * measures);
		for (int j = k * q->measures + measures; j < (k + 1) * q->measures; j++)
		{
			q->least[j] = -ldexp(1, 50);
			q->width[j] = ldexp(1, STEP_BITS);
		}
	}
	for (int u = 0; u < p->units; u++)
	{
		progress_every(p, u, PROGRESS_UNITS / 16);
		for (int k = 0; k < p->territories; k++)
			memcpy(q->amount + u * q->unit_step + k * q->measures, unit_amount(p, u, k), sizeof(double) * measures);
	}
	return q;
}

static void
free_steps(Problem *p, Problem *q)
{
	give_back(p, double, q->amount, p->units * q->unit_step);
	give_back(p, double, q->least, q->rows);
	give_back(p, double, q->most, q->rows);
	give_back(p, double, q->width, q->rows);
	p->is_stopped |= q->is_stopped;
	p->most_memory = Max(p->most_memory, q->most_memory);
	give_back(p, Problem, q, 1);
}

/* Counts a step of a territory. False where some unit comes to too many. */
static bool
put_step(Choice *x, int k, int number, const Step *step)
{
	Problem    *q = x->p;
	int			j = step_load(x, k, number);
	double		beside = most_allowed(q, k, step->weight, x->measures);
	Count		count = {.size = 1, .below = step->below};

	for (int u = 0; u < q->units; u++)
	{
		double		amount = weigh(step->weight, unit_amount(q, u, k), x->measures);

		if (is_there(&count, amount, x->owner[u] == k))
			beside -= amount;
	}
	count_begin(&count, beside);
	for (int u = 0; u < q->units; u++)
	{
		double		amount = weigh(step->weight, unit_amount(q, u, k), x->measures);
		bool		is_own = x->owner[u] == k;
		double		steps = count_unit(&count, amount, is_own);

		if (!(fabs(steps) <= MOST_STEPS))
			return false;
		if (is_there(&count, amount, is_own))
			count.most += steps;
		q->amount[u * q->unit_step + j] = floor(ldexp(steps, STEP_BITS) - BLUR);
	}
	q->most[j] = ceil(ldexp(count.most, STEP_BITS) + BLUR);
	return true;
}

/* No step any more. */
static void
drop_step(Choice *x, int k, int number, Step *step)
{
	Problem    *q = x->p;
	int			j = step_load(x, k, number);

	*step = (Step) {.below = 0};
	for (int u = 0; u < q->units; u++)
		q->amount[u * q->unit_step + j] = 0;
	q->most[j] = 0;
}

/* Chooses those steps that are worth nothing, anew. */
static void
choose_steps(Choice *x, const Prices *prices, Step *step)
{
	for (int i = 0; i < x->p->territories * x->steps && !problem_progress(x->p); i++)
	{
		int			k = i / x->steps;
		int			number = i % x->steps;

		if (prices->load[step_load(x, k, number)] > 0)
			continue;
		step[i] = choose_step(x, k, number, prices->load + k * x->p->measures);
		if (!is_step(&step[i], x->measures) || !put_step(x, k, number, &step[i]))
			drop_step(x, k, number, &step[i]);
	}
}

/* Climbs from prices at which steps are worth nothing. Which of them are worth something shows soon. */
static void
climb(const Choice *x, Prices *prices, const Step *step, double cold)
{
	Problem    *q = x->p;
	Columns    *c = columns_all(q);
	bool	   *is_known;
	Dual		dual;

	dual_begin(&dual, q, c);
	/* That of a budget is as it is. */
	is_known = take(q, bool, dual.size);
	for (int i = 0; i < q->territories * x->steps; i++)
		is_known[step_load(x, i / x->steps, i % x->steps)] = !is_step(&step[i], x->measures);
	dual.is_known = is_known;
	dual.is_rough = true;
	dual.good = GOOD;
	dual_climb(&dual, prices, HOT, WARM, CLIMBS);
	for (int i = 0; i < q->territories * x->steps; i++)
	{
		int			j = step_load(x, i / x->steps, i % x->steps);

		is_known[j] |= prices->load[j] == 0;
	}
	dual.is_rough = false;
	dual_climb(&dual, prices, WARM / 2, cold, CLIMBS);
	give_back(q, bool, is_known, dual.size);
	dual_end(&dual);
	columns_free(q, c);
}

/*
 * The higher bound and what proves it, from the best prices of the loads; cold: where their climb ended, as a share of the spread of costs. Nothing
 * where all cost alike, and where that takes too much memory or time. What is set is taken from the problem's memory.
 */
void
steps_find(Problem *p, const Prices *prices, double cold, Steps *steps)
{
	const Size	pairs = (Size) p->units * p->territories;
	const int	number = p->measures + (p->measures > 1);
	Choice		x;
	Prices		higher = *prices;
	double		ended = cold;	/* where the latest climb did */
	uint16	   *best;

	*steps = (Steps) {.bound = -INFINITY};
	/* Amounts, columns, shares, and some for the dual. */
	if (p->all_alike || p->measures + number > TERRITORY_MOST_MEASURES || pairs > MOST_PAIRS ||
		(p->when_short && p->memory + pairs * (sizeof(double) * (p->measures + number) + 16) + (Size) p->units * 64 + (1 << 22) > p->options->memory_limit))
		return;
	x = (Choice) {with_steps(p, number), take(p, int, p->units), take(p, float, pairs), take(p, Entry, p->units), 0, p->measures, number};
	higher.load = take(p, double, x.p->rows);
	for (int k = 0; k < p->territories; k++)
		memcpy(higher.load + k * x.p->measures, prices->load + k * p->measures, sizeof(double) * p->measures);
	steps->steps = number;
	steps->step = take(p, Step, p->territories * number);
	for (int round = 1; round <= ROUNDS && !problem_progress(p); round++)
	{
		find_shares(&x, &higher, ended * p->spread);
		choose_steps(&x, &higher, steps->step);
		ended = round < ROUNDS ? COLD_BETWEEN * cold : cold;
		climb(&x, &higher, steps->step, ended);
	}
	bound_round(x.p, &higher);
	best = take(p, uint16, p->units);
	steps->bound = bound_as_cost(x.p, bound_exact(x.p, &higher, best));
	steps->prices = (Prices) {take(p, double, p->rows), {prices->budget[0], prices->budget[1]}};
	for (int k = 0; k < p->territories; k++)
	{
		memcpy(steps->prices.load + k * p->measures, higher.load + k * x.p->measures, sizeof(double) * p->measures);
		for (int n = 0; n < number; n++)
			steps->step[k * number + n].price = ldexp(higher.load[step_load(&x, k, n)], STEP_BITS);
	}
	give_back(p, uint16, best, p->units);
	give_back(p, double, higher.load, x.p->rows);
	give_back(p, int, x.owner, p->units);
	give_back(p, float, x.share, pairs);
	give_back(p, Entry, x.entry, p->units);
	free_steps(p, x.p);
	if (steps->bound <= p->status.bound)
		*steps = (Steps) {.bound = -INFINITY};
}
