/*
 * bookings_evaluate.c: the distribution that a Book stands for.
 *
 * Given the common factor z, the total is a sum of independent parts: the large deals, each all or nothing, and all the rest, of which
 * only cumulants matter. So
 *
 *		P(total <= y)  =  integral over z of  phi(z)  sum over outcomes x of the large deals of  P(x | z) T((y - x - m(z)) / s(z); g(z))
 *
 * where T is the Pearson type III distribution with the rest's mean m, standard deviation s and skewness g at z.
 *
 * Outcomes.  The large deals are taken in one by one: a list of outcomes and that list moved by the amount are merged. While the list is
 * short every outcome stands in it exactly. Where it grows long, neighbours closer than a tolerance become one outcome at their mean;
 * the variance that this costs is counted and given back to the rest. Improbable neighbours go first, so that lumps stay where they are.
 *
 * The integral.  Everything but T is smooth in z and known at nodes NODE_STEP apart; the trapezoidal rule in z converges faster than any
 * power of the step for such integrands. T is not: in a large book s(z) is small against the way that m(z) goes between two nodes, and
 * the sum would be a staircase. So each step is divided until T is smooth too, m, s and g are computed at all these
 * nodes, and P(x | z), which changes slowly, is interpolated.
 *
 * How many deals are large.  The error of a distribution that is matched to three cumulants is that of the fourth, which moves a
 * quantile by less than 0.07 fourth cumulant / (standard deviation)^3. Deals are kept one by one, the largest first, until the fourth
 * cumulant of the others is small enough: against the standard deviation of the whole, or of one of the clusters into which deals
 * much larger than everything after them divide the whole (large_deals()). A book of a few deals is kept whole, and then everything
 * here is exact: there is no rest.
 *
 * Amounts are in thousandths here, counted from the certain ones.
 */
#include "forecast/bookings_evaluate.h"

#include <math.h>

#include "core/numerics.h"
#include "forecast/pearson.h"

/* Nodes of z: -5.6 .. 5.6; beyond lie 2e-8 of all cases. */
#define NODE_REACH		5.6
#define NODE_STEP		0.35	/* with a rest, and the least without one */
#define NODES			33
#define MAX_DIVISION	16		/* of a step */
#define FINE_NODES		((NODES - 1) * MAX_DIVISION + 1)

/* The largest step of the rest's mean between nodes, in its standard deviations: the trapezoidal rule errs by exp(-2 (pi / 1.25)^2). */
#define MAX_MEAN_STEP	1.25

#define ROOM			32768	/* outcomes x nodes: a list that would become larger is thinned out ... */
#define MOST_OUTCOMES	4096	/* ... or one of so many outcomes */
#define STEP_WIDTH		0.1		/* standard deviations of the rest: what may become one, over all steps ... */
#define LAST_WIDTH		0.25	/* ... and at the last */
#define LIKELY			9.0		/* standard deviations to both sides of the mean ... */
#define COARSER			32.0	/* ... and how much more it is thinned out beyond */
#define FREE_OUTCOMES	256		/* with a rest a list of no more outcomes is not thinned out */

#define FEW_DEALS		20		/* a book that is kept whole in any case, ... */
#define FEW_SURPRISES	6		/* ... and so is one of long shots of which so few are expected to come in */
#define SEPARATE		1.0		/* standard deviations of all smaller deals: a larger amount divides the whole into clusters */
#define FOURTH_CUMULANT	3e-3	/* what the rest may have, in (standard deviation)^4 */

#define TABLES			3		/* of T, for as many values of g */
#define TABLE_TAIL		1e-8	/* of T: taken as 0 or 1 beyond */

#define PRECISION		1e-8	/* of a quantile, in standard deviations of the total */

/* A large deal; a negative amount is turned round: certain, but for the complement, which has the amount's size. */
typedef struct Part
{
	double		amount;			/* > 0 */
	double		probability;
	double		c;				/* its normal quantile */
	double		direction;		/* 1, or -1 for a complement, which a high z makes less probable */
} Part;

/* The sums over the grid, as float8: the stored tail and what large_deals() adds. */
typedef struct Rest
{
	bool		is_empty;
	double		moment[GRID_MOMENTS][GRID_POINTS];
	double		mean;			/* exactly, over all z */
	double		new_variance;
	double		new_third;
} Rest;

/* What the total is at a node of z, but for the large deals. */
typedef struct FactorNode
{
	double		weight;			/* the nodes' weights add up to 1 */
	double		z;
	double		mean;
	double		sd;
	double		table_share[TABLES];	/* T at this node is a mixture of the tables */
} FactorNode;

struct Evaluation
{
	double		base;			/* added to every amount */
	int			outcomes;
	double	   *outcome;		/* ascending */
	bool		has_rest;
	/* Without a rest */
	double	   *probability;	/* P(total <= outcome) */
	double	   *at_least;		/* P(total >= outcome) */
	/* With a rest */
	int			nodes;
	FactorNode	   *node;
	double	   *chance;			/* [node][outcome] */
	double	   *below;			/* [node][outcome + 1]: sum of the chances of lower outcomes */
	double	   *below_amount;	/* the same of chance x outcome */
	int			tables;
	PearsonTable *table;
	double		lowest;			/* bounds of T's argument */
	double		highest;
	double		mean;
	double		sd;
	double		first_amount;	/* bounds of the total */
	double		last_amount;
};

/* The probabilities given z of deals at c; from and to may be the same array. */
static void
chances_at(double z, double correlation, const double *c, double *chance, int count)
{
	double		scale = 1.0 / sqrt(1.0 - correlation);
	double		shift = sqrt(correlation) * z * scale;

	for (int i = 0; i < count; i++)
		chance[i] = c[i] * scale + shift;
	salesops_normal_cdf_all(chance, chance, count);
}

/* The probabilities of a deal at the nodes. */
static void
chances_of(const Part *part, double correlation, const FactorNode *node, int nodes, double *chance)
{
	double		scale = 1.0 / sqrt(1.0 - correlation);

	if (correlation == 0.0)
	{
		chance[0] = part->probability;
		return;
	}
	for (int k = 0; k < nodes; k++)
		chance[k] = (part->c + part->direction * sqrt(correlation) * node[k].z) * scale;
	salesops_normal_cdf_all(chance, chance, nodes);
}

/* Mean, variance and third cumulant of the rest at a z. */
static void
rest_at(const Rest *rest, double z, double correlation, double cumulant[GRID_MOMENTS])
{
	double		chance[GRID_POINTS];

	for (int i = 0; i < GRID_POINTS; i++)
		chance[i] = book_point_position(i);
	chances_at(z, correlation, chance, chance, GRID_POINTS);

	cumulant[0] = 0.0;
	cumulant[1] = rest->new_variance;
	cumulant[2] = rest->new_third;
	for (int i = 0; i < GRID_POINTS; i++)
	{
		double		p = chance[i];
		double		v = p * (1.0 - p);

		cumulant[0] += rest->moment[0][i] * p;
		cumulant[1] += rest->moment[1][i] * v;
		cumulant[2] += rest->moment[2][i] * v * (1.0 - 2.0 * p);
	}
}

/* The tail of a book. */
static void
rest_of_tail(const Book *book, Rest *rest)
{
	memset(rest, 0, sizeof(Rest));
	rest->new_variance = Max(wide_to_double(&book->new_variance), 0.0);
	rest->new_third = wide_to_double(&book->new_third);
	rest->mean = (double) book->tail_mean / (double) CHANCE_UNIT;
	rest->is_empty = book->tail_deals == 0 && rest->new_variance == 0.0;
	for (int i = 0; book->grid != NULL && i < GRID_POINTS; i++)
		for (int n = 0; n < GRID_MOMENTS; n++)
			rest->moment[n][i] = wide_to_double(&book->grid[i].moment[n]) / GRID_WEIGHT_UNIT;
}

static double
deal_probability(const BookDeal *deal)
{
	return (double) deal->chance / (double) CHANCE_UNIT;
}

/* Shares a deal out over the grid, as book_add_deal() does with those that it does not keep. */
static void
add_to_rest(Rest *rest, const BookDeal *deal)
{
	int64		weights[GRID_STENCIL];
	double		amount = (double) deal->amount;
	int			first;

	book_grid_weights(salesops_normal_quantile(deal_probability(deal)), &first, weights);
	for (int i = 0; i < GRID_STENCIL; i++)
	{
		double		share = (double) weights[i] / GRID_WEIGHT_UNIT;

		rest->moment[0][first + i] += share * amount;
		rest->moment[1][first + i] += share * amount * amount;
		rest->moment[2][first + i] += share * amount * amount * amount;
	}
	rest->mean += amount * deal_probability(deal);
	rest->is_empty = false;
}

/* By size of the amount, the largest first. */
static int
compare_sizes(const void *a, const void *b)
{
	const BookDeal *x = (const BookDeal *) a;
	const BookDeal *y = (const BookDeal *) b;
	double		size_x = fabs((double) x->amount);
	double		size_y = fabs((double) y->amount);

	if (size_x != size_y)
		return size_x > size_y ? -1 : 1;
	if (x->amount != y->amount)
		return x->amount > y->amount ? -1 : 1;
	if (x->chance != y->chance)
		return x->chance > y->chance ? -1 : 1;
	return 0;
}

/*
 * How many of the deals, sorted by size, must be kept one by one so that the others' fourth cumulant does not matter.
 *
 * With the first n deals apart, the others have standard deviation sd[n], over all z, and fourth cumulant fourth[n]. Where deal n is
 * larger than SEPARATE sd[n], its outcomes leave gaps between clusters of width sd[n], and then it is that width that counts.
 */
static int
large_deals(const BookDeal *deals, int count, const Rest *rest, double correlation, double *total_sd)
{
	double	   *sd = palloc((count + 1) * sizeof(double));
	double	   *fourth = palloc((count + 1) * sizeof(double));
	double		variance = rest->new_variance;
	double		slope = 0.0;	/* of the mean by sqrt(correlation) z, at z = 0 */
	double		surprises = 0.0;	/* expected number of deals that end as the less probable way */
	double		narrowest;
	int			large = 0;

	for (int i = 0; i < GRID_POINTS; i++)
	{
		double		c = book_point_position(i);
		double		p = salesops_normal_cdf(c);

		variance += rest->moment[1][i] * p * (1.0 - p);
		slope += rest->moment[0][i] * salesops_normal_density(c);
	}
	variance = Max(variance, 0.0);

	fourth[count] = 0.0;
	for (int i = count;; i--)
	{
		double		p;
		double		v;
		double		amount;

		sd[i] = sqrt(variance + correlation * slope * slope);
		if (i == 0)
			break;
		p = deal_probability(&deals[i - 1]);
		amount = (double) deals[i - 1].amount;
		v = p * (1.0 - p) * amount * amount;
		variance += v;
		slope += amount * salesops_normal_density(salesops_normal_quantile(p));
		fourth[i - 1] = fourth[i] + v * amount * amount;
		surprises += Min(p, 1.0 - p);
	}

	*total_sd = sd[0];
	if ((rest->is_empty && count <= FEW_DEALS) || surprises <= FEW_SURPRISES)
		return count;
	narrowest = sd[0];
	while (large < count && fourth[large] > FOURTH_CUMULANT * sd[0] * narrowest * narrowest * narrowest)
	{
		large++;
		if (fabs((double) deals[large - 1].amount) > SEPARATE * sd[large])
			narrowest = Min(narrowest, sd[large]);
	}
	return large;
}

/*
 * A list of outcomes with their probabilities at each node. Merging it with itself, moved by the amount of a deal, gives the list of
 * one deal more.
 */
typedef struct OutcomeList
{
	int			count;
	double	   *outcome;
	double	   *chance;			/* [outcome][node] */
} OutcomeList;

/* The probability of an outcome over all z. */
static inline double
total_chance(const double *chance, const FactorNode *node, int nodes)
{
	double		total[4] = {0.0, 0.0, 0.0, 0.0};

	/* Four sums side by side, which do not wait for each other. */
	for (int k = 0; k < nodes; k++)
		total[k & 3] += chance[k] * node[k].weight;
	return (total[0] + total[1]) + (total[2] + total[3]);
}

SALESOPS_FOR_EACH_PROCESSOR
static void
scale_chances(double *chance, const double *factor, const double *source, int nodes)
{
	for (int k = 0; k < nodes; k++)
		chance[k] = factor[k] * source[k];
}

SALESOPS_FOR_EACH_PROCESSOR
static void
add_chances(double *chance, const double *source, int nodes)
{
	for (int k = 0; k < nodes; k++)
		chance[k] += source[k];
}

/*
 * Which outcomes become one: those that lie together within `narrow`, and improbable ones within `wide`, or far out within COARSER times that.
 *
 * However many there are, no more are left than the list has room for, `most`: a group ends because it would become too wide, which happens
 * at most most / 4 times among the likely outcomes and most / 4 times outside (see how list_outcomes() chooses `wide`), or because it
 * and the next outcome are more probable than 4 / most, which happens at most most / 2 times.
 */
typedef struct Thinning
{
	double		narrow;
	double		wide;
	double		improbable;
	double		first_likely;
	double		last_likely;
} Thinning;

/* Takes a deal in; returns the variance that thinning out costs. */
static double
take_in(const OutcomeList *from, OutcomeList *to, double amount, const double *won, const double *lost,
		const FactorNode *node, int nodes, const Thinning *thinning)
{
	int			stay = 0;		/* the next outcome of the list as it is */
	int			move = 0;		/* the next of the list moved by the amount */
	double		lost_variance = 0.0;
	double		start = 0.0;	/* the least outcome of the last group */
	double		group = 0.0;	/* its probability */

	to->count = 0;
	while (move < from->count)
	{
		bool		stays = stay < from->count && from->outcome[stay] <= from->outcome[move] + amount;
		double		x = stays ? from->outcome[stay] : from->outcome[move] + amount;
		const double *source = from->chance + (Size) (stays ? stay++ : move++) * nodes;
		double	   *chance = to->chance + (Size) to->count * nodes;
		double		single;
		double		wide = start >= thinning->first_likely && x <= thinning->last_likely ? thinning->wide : COARSER * thinning->wide;

		scale_chances(chance, stays ? lost : won, source, nodes);
		single = total_chance(chance, node, nodes);
		if (to->count > 0 && (x - start <= thinning->narrow || (x - start <= wide && group + single <= thinning->improbable)))
		{
			double	   *last = &to->outcome[to->count - 1];
			double		distance = x - *last;

			add_chances(chance - nodes, chance, nodes);
			group += single;
			if (distance > 0.0 && group > 0.0)
			{
				double		share = single / group;

				lost_variance += single * (1.0 - share) * distance * distance;
				*last += share * distance;
			}
		}
		else
		{
			to->outcome[to->count++] = x;
			start = x;
			group = single;
		}
	}
	return lost_variance;
}

/*
 * The outcomes of all large deals, the smallest taken in first; returns the variance that thinning out cost. Where there is a rest, its
 * standard deviation says how fine the list must be, so fine at every step that all of them together do no harm, and less so at the
 * last; without one the list is as fine as there is room.
 */
static double
list_outcomes(const Part *part, int parts, const FactorNode *node, int nodes, double correlation, double rest_sd,
			  OutcomeList *result, void (*check_for_cancel) (void))
{
	OutcomeList list[2];
	double	   *won = palloc(nodes * sizeof(double));
	double	   *lost = palloc(nodes * sizeof(double));
	double		range = 0.0;
	double		mean = 0.0;
	double		variance = 0.0;
	double		slope = 0.0;	/* of the mean by sqrt(correlation) z if all went one way: never less with more deals */
	double		thinned = 0.0;
	int			most = Min(ROOM / nodes, MOST_OUTCOMES);
	int			room = rest_sd > 0.0 ? FREE_OUTCOMES : most;
	Size		longest = Min((Size) 1 << Min(parts, 20), 2 * most + 16);
	int			current = 0;
	double		wide;

	for (int i = 0; i < parts; i++)
	{
		range += part[i].amount;
		variance += part[i].amount * part[i].amount * part[i].probability * (1.0 - part[i].probability);
		slope += part[i].amount * salesops_normal_density(part[i].c);
	}
	wide = 4.0 / most * Max(Min(range, 2.0 * LIKELY * sqrt(variance + correlation * slope * slope)), range / COARSER);

	for (int i = 0; i < 2; i++)
	{
		list[i].outcome = palloc(longest * sizeof(double));
		list[i].chance = palloc(longest * nodes * sizeof(double));
	}
	list[0].count = 1;
	list[0].outcome[0] = 0.0;
	for (int k = 0; k < nodes; k++)
		list[0].chance[k] = 1.0;

	variance = slope = 0.0;
	for (int i = parts - 1; i >= 0; i--)
	{
		Thinning	thinning = {0.0, 0.0, 0.0, 0.0, 0.0};

		mean += part[i].amount * part[i].probability;
		variance += part[i].amount * part[i].amount * part[i].probability * (1.0 - part[i].probability);
		slope += part[i].amount * salesops_normal_density(part[i].c);
		if (2 * list[current].count > room)
		{
			double		reach = LIKELY * sqrt(variance + correlation * slope * slope);

			thinning.narrow = rest_sd * (i == 0 ? LAST_WIDTH : STEP_WIDTH / sqrt(parts));
			thinning.wide = Max(wide, thinning.narrow);
			thinning.improbable = 4.0 / most;
			thinning.first_likely = mean - reach;
			thinning.last_likely = mean + reach;
		}
		chances_of(&part[i], correlation, node, nodes, won);
		for (int k = 0; k < nodes; k++)
			lost[k] = 1.0 - won[k];
		thinned += take_in(&list[current], &list[!current], part[i].amount, won, lost, node, nodes, &thinning);
		current = !current;
		check_for_cancel();
	}
	*result = list[current];
	return thinned;
}

/* Nodes of z; one where nothing depends on z. */
static int
place_nodes(FactorNode *node, bool is_correlated, double step)
{
	int			half = is_correlated ? (int) (NODE_REACH / step + 0.5) : 0;
	int			nodes = 2 * half + 1;
	double		total = 0.0;

	for (int f = 0; f < nodes; f++)
	{
		node[f].z = (f - half) * step;
		node[f].weight = salesops_normal_density(node[f].z);
		total += node[f].weight;
	}
	for (int f = 0; f < nodes; f++)
		node[f].weight /= total;
	return nodes;
}

/*
 * The step between nodes for the outcomes of some deals and no rest. As functions of z their probabilities are at worst as steep as the
 * normal distribution function of b z, b^2 = deals rho / (1 - rho); then the trapezoidal rule errs by exp(-2 pi^2 / (step^2 (1 + b^2))),
 * here 1e-6.
 */
static double
step_for_outcomes(int deals, double correlation)
{
	double		step = 1.2 / sqrt(1.0 + deals * correlation / (1.0 - correlation));

	return Max(NODE_STEP, NODE_REACH / ceil(NODE_REACH / step));
}

/* The rest's cumulants at the nodes; its mean over all z is made exact. */
static void
rest_at_nodes(const Rest *rest, FactorNode *node, int nodes, double correlation, double *third)
{
	double		mean = 0.0;

	for (int f = 0; f < nodes; f++)
	{
		double		cumulant[GRID_MOMENTS];

		rest_at(rest, node[f].z, correlation, cumulant);
		node[f].mean = cumulant[0];
		node[f].sd = sqrt(Max(cumulant[1], 0.0));
		third[f] = cumulant[2];
		mean += cumulant[0] * node[f].weight;
	}
	for (int f = 0; f < nodes; f++)
		node[f].mean += rest->mean - mean;
}

/* How often a step between nodes must be divided so that the rest's mean goes by no more than MAX_MEAN_STEP of its sd. */
static int
division_needed(const FactorNode *node, int nodes)
{
	double		widest = 0.0;

	for (int k = 1; k < nodes; k++)
	{
		double		step = fabs(node[k].mean - node[k - 1].mean);
		double		sd = 0.5 * (node[k].sd + node[k - 1].sd);

		if (step > widest * sd)
			widest = sd > 0.0 ? step / sd : step > 0.0 ? MAX_DIVISION * MAX_MEAN_STEP : 0.0;
	}
	widest = ceil(widest / MAX_MEAN_STEP);
	return widest > MAX_DIVISION ? MAX_DIVISION : widest < 1.0 ? 1 : (int) widest;
}

/*
 * Tables of T for skewnesses from the least to the greatest of all nodes, and each node's mixture of them: the parabola through them.
 */
static void
tabulate_rest(Evaluation *e, const double *third)
{
	double		least = 0.0;
	double		greatest = 0.0;

	for (int f = 0; f < e->nodes; f++)
	{
		double		sd = e->node[f].sd;
		double		skewness = third[f] / (sd * sd * sd);

		/* Beyond that it is no sum of deals, but bytes that somebody made up. */
		skewness = skewness > 8.0 ? 8.0 : skewness < -8.0 ? -8.0 : skewness;
		e->node[f].table_share[0] = skewness;
		if (f == 0 || skewness < least)
			least = skewness;
		if (f == 0 || skewness > greatest)
			greatest = skewness;
	}

	e->tables = greatest - least > 0.01 ? TABLES : 1;
	e->table = palloc(e->tables * sizeof(PearsonTable));
	for (int i = 0; i < e->tables; i++)
	{
		double		low;
		double		high;

		pearson_tabulate(&e->table[i], e->tables == 1 ? 0.5 * (least + greatest) : least + 0.5 * i * (greatest - least));
		pearson_bounds(&e->table[i], TABLE_TAIL, &low, &high);
		e->lowest = i == 0 ? low : Min(e->lowest, low);
		e->highest = i == 0 ? high : Max(e->highest, high);
	}
	for (int f = 0; f < e->nodes; f++)
	{
		double		t = e->tables == 1 ? 0.0 : 2.0 * (e->node[f].table_share[0] - least) / (greatest - least);

		e->node[f].table_share[0] = 0.5 * (t - 1.0) * (t - 2.0);
		e->node[f].table_share[1] = t * (2.0 - t);
		e->node[f].table_share[2] = 0.5 * t * (t - 1.0);
	}
}

/*
 * The outcomes' probabilities at all nodes, from those at every division-th: cubic interpolation in z. The list is turned round, so that
 * each node's outcomes lie together.
 */
static void
spread_chances(Evaluation *e, const OutcomeList *list, int nodes, int division)
{
	Size		size = (Size) e->nodes * (list->count + 1);

	e->chance = palloc(size * sizeof(double));
	e->below = palloc(size * sizeof(double));
	e->below_amount = palloc(size * sizeof(double));
	for (int f = 0; f < e->nodes; f++)
	{
		/* Four nodes, the second of them at f or before it. */
		int			first = f / division - 1;
		double		share[4] = {1.0, 0.0, 0.0, 0.0};
		int			used = 1;
		double	   *chance = e->chance + (Size) f * (list->count + 1);
		double	   *below = e->below + (Size) f * (list->count + 1);
		double	   *below_amount = e->below_amount + (Size) f * (list->count + 1);
		double		sum = 0.0;
		double		amount = 0.0;

		if (f % division == 0)
			first = f / division;
		else
		{
			double		t;

			first = Max(0, Min(first, nodes - 4));
			t = (double) f / division - first;
			used = 4;
			share[0] = -(t - 1.0) * (t - 2.0) * (t - 3.0) / 6.0;
			share[1] = t * (t - 2.0) * (t - 3.0) / 2.0;
			share[2] = -t * (t - 1.0) * (t - 3.0) / 2.0;
			share[3] = t * (t - 1.0) * (t - 2.0) / 6.0;
		}
		for (int j = 0; j < list->count; j++)
		{
			const double *source = list->chance + (Size) j * nodes + first;
			double		x = 0.0;

			for (int i = 0; i < used; i++)
				x += share[i] * source[i];
			chance[j] = x;
			below[j] = sum;
			below_amount[j] = amount;
			sum += x;
			amount += x * list->outcome[j];
		}
		below[list->count] = sum;
		below_amount[list->count] = amount;
	}
}

/* The distribution of a book. */
Evaluation *
bookings_evaluate(const Book *book, void (*check_for_cancel) (void))
{
	Evaluation *e = palloc0(sizeof(Evaluation));
	BookDeal   *deals = palloc(Max(book->head_deals, 1) * sizeof(BookDeal));
	Part	   *parts = palloc(Max(book->head_deals, 1) * sizeof(Part));
	FactorNode	   *node = palloc(NODES * sizeof(FactorNode));
	double	   *third = palloc(FINE_NODES * sizeof(double));
	int128		base = book->base;
	bool		is_correlated = book->correlation > 0.0 && (book->head_deals > 0 || book->tail_deals > 0);
	double		rest_sd = 0.0;	/* the least at any node */
	int			nodes;
	int			division = 1;
	int			large;
	Rest		rest;
	OutcomeList list;
	double		thinned;

	rest_of_tail(book, &rest);
	if (book->head_deals > 0)
		memcpy(deals, book->head, book->head_deals * sizeof(BookDeal));
	qsort(deals, book->head_deals, sizeof(BookDeal), compare_sizes);
	large = large_deals(deals, book->head_deals, &rest, book->correlation, &e->sd);
	for (int i = 0; i < book->head_deals; i++)
	{
		double		direction = deals[i].amount < 0 ? -1.0 : 1.0;

		if (i >= large)
			add_to_rest(&rest, &deals[i]);
		else
		{
			if (deals[i].amount < 0)
				base += deals[i].amount;
			parts[i].amount = fabs((double) deals[i].amount);
			parts[i].probability = direction > 0.0 ? deal_probability(&deals[i]) : 1.0 - deal_probability(&deals[i]);
			parts[i].c = direction * salesops_normal_quantile(deal_probability(&deals[i]));
			parts[i].direction = direction;
			e->mean += parts[i].amount * parts[i].probability;
		}
	}
	e->mean += rest.mean;
	e->base = (double) base;
	e->has_rest = !rest.is_empty;

	nodes = place_nodes(node, is_correlated, e->has_rest ? NODE_STEP : step_for_outcomes(large, book->correlation));
	if (e->has_rest)
	{
		rest_at_nodes(&rest, node, nodes, book->correlation, third);
		for (int k = 0; k < nodes; k++)
			rest_sd = k == 0 ? node[k].sd : Min(rest_sd, node[k].sd);
		division = division_needed(node, nodes);
	}
	thinned = list_outcomes(parts, large, node, nodes, book->correlation, rest_sd, &list, check_for_cancel);
	e->outcomes = list.count;
	e->outcome = list.outcome;

	if (!e->has_rest)
	{
		double		sum = 0.0;

		e->probability = palloc(list.count * sizeof(double));
		for (int j = 0; j < list.count; j++)
			e->probability[j] = sum += total_chance(list.chance + (Size) j * nodes, node, nodes);
		e->at_least = palloc(list.count * sizeof(double));
		sum = 0.0;
		for (int j = list.count - 1; j >= 0; j--)
			e->at_least[j] = sum += total_chance(list.chance + (Size) j * nodes, node, nodes);
		return e;
	}

	e->node = palloc(FINE_NODES * sizeof(FactorNode));
	e->nodes = place_nodes(e->node, is_correlated, NODE_STEP / division);
	rest_at_nodes(&rest, e->node, e->nodes, book->correlation, third);
	for (int f = 0; f < e->nodes; f++)
	{
		FactorNode	   *n = &e->node[f];
		double		step = e->nodes == 1 ? 0.0 : f == 0 ? n[1].mean - n[0].mean : n[0].mean - n[-1].mean;
		double		sd = sqrt(n->sd * n->sd + thinned);

		/* Where no more division is allowed the steps are smoothed; and no sum of a rest is without any width. */
		sd = Max(sd, fabs(step) / MAX_MEAN_STEP);
		n->sd = Max(sd, 1e-12 * fabs(n->mean) + 1e-9);
	}
	tabulate_rest(e, third);
	spread_chances(e, &list, nodes, division);

	for (int f = 0; f < e->nodes; f++)
	{
		double		first = e->outcome[0] + e->node[f].mean + e->lowest * e->node[f].sd;
		double		last = e->outcome[e->outcomes - 1] + e->node[f].mean + e->highest * e->node[f].sd;

		e->first_amount = f == 0 ? first : Min(e->first_amount, first);
		e->last_amount = f == 0 ? last : Max(e->last_amount, last);
	}
	return e;
}

/* How many outcomes are at most x, or less than x. */
static int
count_outcomes(const Evaluation *e, double x, bool inclusive)
{
	int			low = 0;
	int			high = e->outcomes;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (inclusive ? e->outcome[middle] <= x : e->outcome[middle] < x)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* P(total <= y), and E max(y - total, 0) if asked for, where there is a rest. */
static double
smooth_cdf(const Evaluation *e, double y, double *shortfall)
{
	double		probability = 0.0;
	double		amount = 0.0;

	for (int f = 0; f < e->nodes; f++)
	{
		const FactorNode *n = &e->node[f];
		Size		start = (Size) f * (e->outcomes + 1);
		/* Of outcomes up to the first bound T is 1, from the second on it is 0. */
		int			certain = count_outcomes(e, y - n->mean - e->highest * n->sd, true);
		int			impossible = count_outcomes(e, y - n->mean - e->lowest * n->sd, false);
		double		sum = e->below[start + certain];
		double		sum_amount = (y - n->mean) * sum - e->below_amount[start + certain];

		for (int j = certain; j < impossible; j++)
		{
			double		argument = (y - e->outcome[j] - n->mean) / n->sd;
			double		t = 0.0;

			for (int i = 0; i < e->tables; i++)
				t += n->table_share[i] * pearson_cdf(&e->table[i], argument);
			sum += e->chance[start + j] * t;
			if (shortfall != NULL)
			{
				t = 0.0;
				for (int i = 0; i < e->tables; i++)
					t += n->table_share[i] * pearson_shortfall(&e->table[i], argument);
				sum_amount += e->chance[start + j] * n->sd * t;
			}
		}
		probability += n->weight * sum;
		amount += n->weight * sum_amount;
	}
	if (shortfall != NULL)
		*shortfall = amount;
	return probability;
}

/*
 * The y with P(total <= y) = p where there is a rest. From the normal distribution's quantile it goes in steps of growing width until p
 * is passed; then regula falsi in Illinois' form, every third step a bisection, so that it always converges.
 */
static double
smooth_quantile(const Evaluation *e, double p)
{
	double		low = e->first_amount;
	double		high = e->last_amount;
	double		below = -p;
	double		above = 1.0 - p;
	double		precision = PRECISION * e->sd;
	double		y = e->mean + e->sd * salesops_normal_quantile(p);
	double		stride = 0.125 * e->sd;
	int			side = 0;

	for (int step = 1; high - low > precision; step++)
	{
		double		difference;

		if (!(y > low && y < high))
			y = 0.5 * (low + high);
		if (y <= low || y >= high)
			break;				/* neighbouring numbers */
		difference = smooth_cdf(e, y, NULL) - p;
		if (difference < 0.0)
		{
			if (side < 0)
				above *= 0.5;
			low = y;
			below = difference;
			side = -1;
		}
		else
		{
			if (side > 0)
				below *= 0.5;
			high = y;
			above = difference;
			side = 1;
		}
		if (low == e->first_amount || high == e->last_amount)
		{
			y += side < 0 ? stride : -stride;
			stride *= 4.0;
			/* Of ends that no step reached only their place is known. */
			above = Max(above, 1e-300);
			below = Min(below, -1e-300);
		}
		else if (step % 3 == 0)
			y = 0.5 * (low + high);
		else
			y = low - below * (high - low) / (above - below);
	}
	return high;
}

/* Where outcomes are all there is: the index of the lowest whose P(total <= outcome) is p. Sums of probabilities err in the last digits. */
static int
outcome_quantile(const Evaluation *e, double p)
{
	int			low = 0;
	int			high = e->outcomes - 1;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (e->probability[middle] < p - 1e-12)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The least amount that the total does not exceed with probability p or more. */
double
evaluation_quantile(const Evaluation *e, double p)
{
	double		y = e->has_rest ? smooth_quantile(e, p) : e->outcome[outcome_quantile(e, p)];

	return (e->base + y) / AMOUNT_UNIT;
}

/* P(total >= amount) */
double
evaluation_at_least(const Evaluation *e, double amount)
{
	double		y = amount * AMOUNT_UNIT - e->base;
	double		probability;
	int			below;

	if (e->has_rest)
	{
		probability = y <= e->first_amount ? 1.0 : y >= e->last_amount ? 0.0 : 1.0 - smooth_cdf(e, y, NULL);
		return probability < 0.0 ? 0.0 : probability > 1.0 ? 1.0 : probability;
	}
	below = count_outcomes(e, y, false);
	return below == 0 ? 1.0 : below == e->outcomes ? 0.0 : e->at_least[below];
}

/*
 * The mean of the worst share p of all outcomes: (1 / p) times the integral of the quantiles up to p. With the quantile q that is
 * q - E max(q - total, 0) / p (Acerbi and Tasche 2002, "On the coherence of expected shortfall").
 */
double
evaluation_expected_shortfall(const Evaluation *e, double p)
{
	double		shortfall = 0.0;
	double		y;

	if (e->has_rest)
	{
		y = p < 1.0 ? smooth_quantile(e, p) : e->last_amount;
		smooth_cdf(e, y, &shortfall);
	}
	else
	{
		int			at = outcome_quantile(e, p);

		y = e->outcome[at];
		for (int j = 0; j < at; j++)
			shortfall += (e->probability[j] - (j > 0 ? e->probability[j - 1] : 0.0)) * (y - e->outcome[j]);
	}
	return (e->base + (y - shortfall / p)) / AMOUNT_UNIT;
}

/*
 * The variance with some correlation, in thousandths squared: the variance given z on average, and the variance of the mean given z.
 */
double
bookings_variance(const Book *book, double correlation)
{
	FactorNode		node[NODES];
	int			nodes = place_nodes(node, correlation > 0.0, NODE_STEP);
	double	   *c = palloc(Max(book->head_deals, 1) * sizeof(double));
	double	   *chance = palloc(Max(book->head_deals, 1) * sizeof(double));
	double		variance = 0.0;
	double		mean = 0.0;
	double		square = 0.0;
	Rest		rest;

	rest_of_tail(book, &rest);
	for (int i = 0; i < book->head_deals; i++)
		c[i] = salesops_normal_quantile(deal_probability(&book->head[i]));
	for (int k = 0; k < nodes; k++)
	{
		double		cumulant[GRID_MOMENTS];

		rest_at(&rest, node[k].z, correlation, cumulant);
		chances_at(node[k].z, correlation, c, chance, book->head_deals);
		for (int i = 0; i < book->head_deals; i++)
		{
			double		amount = (double) book->head[i].amount;

			cumulant[0] += amount * chance[i];
			cumulant[1] += amount * amount * chance[i] * (1.0 - chance[i]);
		}
		node[k].mean = cumulant[0];
		variance += cumulant[1] * node[k].weight;
		mean += cumulant[0] * node[k].weight;
	}
	for (int k = 0; k < nodes; k++)
		square += (node[k].mean - mean) * (node[k].mean - mean) * node[k].weight;
	pfree(c);
	pfree(chance);
	return Max(variance + square, 0.0);
}
