/*
 * design_bound.c: a lower bound over all choices of homes.
 *
 * For any worth v of accounts and prices q of loads, every plan within limits with homes at accounts, no two at the same, costs at least
 *
 *	sum of v(i) - sum over territories and measures of max(q most, q least)
 *		+ sum over territories of sum over accounts of min(0, cost at its home + q amount - v(i))
 *
 * because an account's worth is subtracted at one territory, and wherever that is not done the minimum is no more than 0. The last term knows of a
 * plan only its homes. Territories that are alike (the same eligibility and mismatch) share their prices, so of a group of n the n
 * best homes can be found by looking at every account's place once (the Lagrangian bound of the p-median problem, Cornuejols, Fisher
 * and Nemhauser 1977, with prices for the limits). Relationships, families and the way of what is held are left out, which can only
 * make the bound lower.
 *
 * Worths and prices are found by subgradients with Polyak's steps. Accounts lie along a curve that fills the plane: a block of them that
 * is further from a home than what any of them is worth is passed over.
 */
#include "territory/design_bound.h"

#include "territory/columns.h"
#include "territory/places.h"

#include "core/numerics.h"

#define BLOCK		32
/* An account's worth begins so far between what it costs where it is and where it is cheapest else. */
#define SHARE_ABOVE 0.5
/* Work that may be done, in accounts looked at; and looks. */
#define MOST_WORK	1e9
#define MOST_LOOKS	3000
/* Polyak's factor: to begin with, halved after so many looks that bring nothing, and the last one. */
#define FIRST_STEP	0.3
#define PATIENCE	50
#define LAST_STEP	0.003
/* Share of the step before that is kept. */
#define MOMENTUM	0.9
/* What sums of doubles may be off, as a share of what is summed, and then some. */
#define ROUNDING	1e-10

/* A home that might be, and what a territory of the group would gain there: at most 0. */
typedef struct Site
{
	double		gain;
	int			account;
} Site;

/* Territories that are alike. */
typedef struct Group
{
	int			territories;
	int			example;
	bool		is_pinned;
	double		least[TERRITORY_MOST_MEASURES];	/* of all together */
	double		most[TERRITORY_MOST_MEASURES];
} Group;

typedef struct Bound
{
	Problem    *p;
	int			accounts;		/* that are free, in the order of the units */
	int			rows;			/* the same up to a multiple of BLOCK */
	int		   *account;		/* [rows] */
	double	   *x;				/* [rows] */
	double	   *y;
	double	   *z;
	double	   *weight;
	double	   *amount;			/* [accounts][measures], whole numbers */
	double	   *low;			/* [blocks][3], its box */
	double	   *high;
	int			sites;
	Site	   *site;
	int			groups;
	Group	   *group;
	int		   *group_of;		/* [territories] */

	/* Of the group at work. */
	double	   *excess;			/* [rows], mismatch and price x amount less worth; infinite where it may not have the account */
	double	   *reach;			/* [blocks], how far anybody there goes */

	/* A step of a price matters to all accounts, that of a worth to one: prices are for so much that they change alike. */
	double		unit[TERRITORY_MOST_MEASURES];
	int			variables;
	double	   *variable;		/* worths [accounts], prices [groups][measures] */
	double	   *best;			/* where the bound was highest */
	double	   *slope;
	double	   *step;
	double		work;
} Bound;

/* Sites by gain, the best first. */
static int
compare_sites(const void *one, const void *other)
{
	const Site *a = one;
	const Site *b = other;

	if (a->gain != b->gain)
		return a->gain < b->gain ? -1 : 1;
	return a->account < b->account ? -1 : a->account > b->account;
}

static int
class_of(const TerritoryInput *in, int account)
{
	return in->class_of ? in->class_of[account] : 0;
}

static bool
are_alike(const Problem *p, int one, int other)
{
	const TerritoryInput *in = p->input;

	for (int c = 0; c < in->classes; c++)
	{
		Size		start = (Size) c * in->territories;

		if ((in->eligible && in->eligible[start + one] != in->eligible[start + other]) ||
			(in->mismatch && in->mismatch[start + one] != in->mismatch[start + other]))
			return false;
	}
	return true;
}

static bool
is_pinned(const Problem *p, int territory)
{
	return p->input->home_free && !p->input->home_free[territory];
}

static void
find_groups(Bound *b)
{
	Problem    *p = b->p;

	b->group = take(p, Group, p->territories);
	b->group_of = take(p, int, p->territories);
	for (int k = 0; k < p->territories; k++)
	{
		int			g = is_pinned(p, k) ? b->groups : 0;

		while (g < b->groups && (b->group[g].is_pinned || !are_alike(p, b->group[g].example, k)))
			g++;
		if (g == b->groups)
			b->group[b->groups++] = (Group) {.example = k, .is_pinned = is_pinned(p, k)};
		b->group[g].territories++;
		b->group_of[k] = g;
		for (int m = 0; m < p->measures; m++)
		{
			b->group[g].least[m] += p->least[k * p->measures + m];
			b->group[g].most[m] += p->most[k * p->measures + m];
		}
	}
}

static void
bound_begin(Bound *b, Problem *p)
{
	const TerritoryInput *in = p->input;

	memset(b, 0, sizeof(*b));
	b->p = p;
	b->accounts = p->first[p->units];
	b->rows = (b->accounts + BLOCK - 1) / BLOCK * BLOCK;
	b->account = take(p, int, b->rows);
	b->x = take(p, double, b->rows);
	b->y = take(p, double, b->rows);
	b->z = take(p, double, b->rows);
	b->weight = take(p, double, b->rows);
	b->amount = take(p, double, b->accounts * p->measures);
	b->low = take(p, double, b->rows / BLOCK * 3);
	b->high = take(p, double, b->rows / BLOCK * 3);
	b->site = take(p, Site, in->accounts);
	b->excess = take(p, double, b->rows);
	b->reach = take(p, double, b->rows / BLOCK);
	for (int i = 0; i < b->rows; i++)
	{
		int			account = p->member[Min(i, b->accounts - 1)];
		int			block = i / BLOCK;

		b->account[i] = account;
		b->x[i] = in->x ? in->x[account] : 0;
		b->y[i] = in->y ? in->y[account] : 0;
		b->z[i] = in->z ? in->z[account] : 0;
		b->weight[i] = in->weight ? in->weight[account] : 1;
		for (int c = 0; c < 3; c++)
		{
			double		at = c == 0 ? b->x[i] : c == 1 ? b->y[i] : b->z[i];

			b->low[block * 3 + c] = i % BLOCK == 0 ? at : Min(b->low[block * 3 + c], at);
			b->high[block * 3 + c] = i % BLOCK == 0 ? at : Max(b->high[block * 3 + c], at);
		}
		for (int m = 0; m < p->measures && i < b->accounts; m++)
			b->amount[i * p->measures + m] = rint(in->amount[(Size) account * p->measures + m] * p->amount_scale[m]);
	}
	for (int i = 0; i < in->accounts; i++)
		if (p->held_at[i] != TERRITORY_EXEMPT && !is_nowhere(in, i))
			b->site[b->sites++].account = i;
	for (int m = 0; m < p->measures; m++)
		b->unit[m] = Max(p->mean_amount[m], 1) * sqrt(b->accounts);
	find_groups(b);
	b->variables = b->accounts + b->groups * p->measures;
	b->variable = take(p, double, b->variables);
	b->best = take(p, double, b->variables);
	b->slope = take(p, double, b->variables);
	b->step = take(p, double, b->variables);
}

static void
bound_end(Bound *b)
{
	Problem    *p = b->p;

	give_back(p, int, b->account, b->rows);
	give_back(p, double, b->x, b->rows);
	give_back(p, double, b->y, b->rows);
	give_back(p, double, b->z, b->rows);
	give_back(p, double, b->weight, b->rows);
	give_back(p, double, b->amount, b->accounts * p->measures);
	give_back(p, double, b->low, b->rows / BLOCK * 3);
	give_back(p, double, b->high, b->rows / BLOCK * 3);
	give_back(p, Site, b->site, p->input->accounts);
	give_back(p, double, b->excess, b->rows);
	give_back(p, double, b->reach, b->rows / BLOCK);
	give_back(p, Group, b->group, p->territories);
	give_back(p, int, b->group_of, p->territories);
	give_back(p, double, b->variable, b->variables);
	give_back(p, double, b->best, b->variables);
	give_back(p, double, b->slope, b->variables);
	give_back(p, double, b->step, b->variables);
}

/* A price for a whole number of load. */
static double
price_of(const Bound *b, int g, int m)
{
	return b->variable[b->accounts + g * b->p->measures + m] / b->unit[m];
}

/* What everybody costs a group of territories, apart from the way. */
static void
set_excess(Bound *b, int g)
{
	const Problem *p = b->p;
	const TerritoryInput *in = p->input;
	int			k = b->group[g].example;

	for (int i = 0; i < b->rows; i++)
	{
		Size		pair = (Size) class_of(in, b->account[i]) * in->territories + k;
		double		far;

		if (i >= b->accounts || (in->eligible && !in->eligible[pair]))
			b->excess[i] = INFINITY;
		else
		{
			b->excess[i] = (in->mismatch ? in->mismatch[pair] : 0) - b->variable[i];
			for (int m = 0; m < p->measures; m++)
				b->excess[i] += price_of(b, g, m) * b->amount[i * p->measures + m];
		}
		far = b->excess[i] >= 0 ? -1 : b->weight[i] > 0 ? -b->excess[i] / b->weight[i] : INFINITY;
		b->reach[i / BLOCK] = i % BLOCK == 0 ? far : Max(b->reach[i / BLOCK], far);
	}
}

/* Whether anybody of a block might go to a home there. */
static bool
is_near(const Bound *b, int block, const double *at)
{
	double		square = 0;

	for (int c = 0; c < 3; c++)
	{
		double		away = Max(Max(b->low[block * 3 + c] - at[c], at[c] - b->high[block * 3 + c]), 0);

		square += away * away;
	}
	return b->reach[block] >= 0 && square <= b->reach[block] * b->reach[block] * (1 + 1e-9);
}

static double
way_of(const Bound *b, int row, const double *at, int site)
{
	const TerritoryInput *in = b->p->input;
	double		x = b->x[row] - at[0];
	double		y = b->y[row] - at[1];
	double		z = b->z[row] - at[2];

	if (in->travel)
		return b->weight[row] * in->travel[(Size) b->account[row] * in->accounts + site];
	return b->weight[row] * sqrt(x * x + y * y + z * z);
}

static void
place_of_site(const Bound *b, int site, double *at)
{
	const TerritoryInput *in = b->p->input;

	at[0] = in->x ? in->x[site] : 0;
	at[1] = in->y ? in->y[site] : 0;
	at[2] = in->z ? in->z[site] : 0;
}

/* What a block gains at a home; lanes are added up in their order. */
SALESOPS_FOR_EACH_PROCESSOR
static double
block_gain(const Bound *b, int block, double x, double y, double z)
{
	double		sum[LANES] = {0};
	double		total = 0;

	for (int i = block * BLOCK; i < (block + 1) * BLOCK; i += LANES)
		for (int l = 0; l < LANES; l++)
		{
			double		dx = b->x[i + l] - x;
			double		dy = b->y[i + l] - y;
			double		dz = b->z[i + l] - z;
			double		gain = b->weight[i + l] * sqrt(dx * dx + dy * dy + dz * dz) + b->excess[i + l];

			sum[l] += gain < 0 ? gain : 0;
		}
	for (int l = 0; l < LANES; l++)
		total += sum[l];
	return total;
}

static double
gain_at(Bound *b, int site, const double *at)
{
	double		gain = 0;

	if (b->p->input->travel)
		for (int i = 0; i < b->accounts; i++)
			gain += Min(way_of(b, i, at, site) + b->excess[i], 0);
	else
		for (int block = 0; block < b->rows / BLOCK; block++)
		{
			b->work += 2;
			if (is_near(b, block, at))
			{
				gain += block_gain(b, block, at[0], at[1], at[2]);
				b->work += BLOCK;
			}
		}
	return gain;
}

/* The part of the slope that comes from a home that was chosen. */
static void
add_slope(Bound *b, int g, int site, const double *at)
{
	const Problem *p = b->p;

	for (int i = 0; i < b->accounts; i++)
	{
		if (!p->input->travel && i % BLOCK == 0 && !is_near(b, i / BLOCK, at))
		{
			i += BLOCK - 1;
			continue;
		}
		if (way_of(b, i, at, site) + b->excess[i] >= 0)
			continue;
		b->slope[i] -= 1;
		for (int m = 0; m < p->measures; m++)
			b->slope[b->accounts + g * p->measures + m] += b->amount[i * p->measures + m] / b->unit[m];
	}
}

/* The bound at the variables, and its slope. */
static double
look(Bound *b)
{
	const Problem *p = b->p;
	double		bound = 0;
	double		size = 0;

	for (int i = 0; i < b->accounts; i++)
	{
		bound += b->variable[i];
		size += fabs(b->variable[i]);
		b->slope[i] = 1;
	}
	for (int g = 0; g < b->groups; g++)
	{
		const Group *group = &b->group[g];
		int			chosen = Min(group->territories, b->sites);
		double		at[3];

		for (int m = 0; m < p->measures; m++)
			b->slope[b->accounts + g * p->measures + m] = 0;
		set_excess(b, g);
		if (group->is_pinned)
		{
			const TerritoryInput *in = p->input;
			double		gain;

			at[0] = in->home_x[group->example];
			at[1] = in->home_y[group->example];
			at[2] = in->z ? in->home_z[group->example] : 0;
			gain = gain_at(b, TERRITORY_NONE, at);
			bound += gain;
			size -= gain;
			add_slope(b, g, TERRITORY_NONE, at);
		}
		else
		{
			for (int j = 0; j < b->sites; j++)
			{
				place_of_site(b, b->site[j].account, at);
				b->site[j].gain = gain_at(b, b->site[j].account, at);
				if (j % 64 == 0)
					problem_progress(b->p);
			}
			qsort(b->site, b->sites, sizeof(Site), compare_sites);
			for (int j = 0; j < chosen; j++)
			{
				bound += b->site[j].gain;
				size -= b->site[j].gain;
				place_of_site(b, b->site[j].account, at);
				add_slope(b, g, b->site[j].account, at);
			}
		}
		for (int m = 0; m < p->measures; m++)
		{
			double	   *slope = &b->slope[b->accounts + g * p->measures + m];
			double		price = price_of(b, g, m);
			double		most = group->most[m] / b->unit[m];
			double		least = group->least[m] / b->unit[m];
			double		paid = Max(price * group->most[m], price * group->least[m]);

			bound -= paid;
			size += fabs(paid);
			*slope -= price > 0 ? most : price < 0 ? least : Min(Max(*slope, least), most);
		}
	}
	return bound - ROUNDING * size;
}

/* What an account costs at a territory with a plan's prices. */
static double
priced(const Bound *b, int row, int territory, const double *price)
{
	const Problem *p = b->p;
	double		value = account_true_cost(p, b->account[row], territory);

	for (int m = 0; m < p->measures; m++)
		value += price[territory * p->measures + m] / p->amount_scale[m] * b->amount[row * p->measures + m];
	return value;
}

/* Where to begin: what everybody costs where a plan has it, at prices for its homes. */
static void
begin_at(Bound *b, const double *price, const int *territory)
{
	const Problem *p = b->p;

	/* The mean of a group's prices. */
	for (int k = 0; k < p->territories; k++)
		for (int m = 0; m < p->measures; m++)
			b->variable[b->accounts + b->group_of[k] * p->measures + m] += price[k * p->measures + m] / p->amount_scale[m] *
				b->unit[m] / b->group[b->group_of[k]].territories;
	for (int i = 0; i < b->accounts; i++)
	{
		double		here = priced(b, i, territory[b->account[i]], price);
		double		elsewhere = INFINITY;

		for (int k = 0; k < p->territories; k++)
			if (k != territory[b->account[i]] &&
				(!p->input->eligible || p->input->eligible[(Size) class_of(p->input, b->account[i]) * p->territories + k]))
				elsewhere = Min(elsewhere, priced(b, i, k, price));
		b->variable[i] = here + (isinf(elsewhere) ? 0 : SHARE_ABOVE * Max(elsewhere - here, 0));
	}
}

/*
 * The bound, given a plan of that cost and prices for its homes; -infinity where none is known: where amounts differ by territory, for the
 * fewest moves, and where one look at everything would take too long.
 */
double
design_bound(Problem *p, const double *price, const int *territory, double cost)
{
	const TerritoryInput *in = p->input;
	Bound		b;
	double		best = -INFINITY;
	double		held = 0;
	double		factor = FIRST_STEP;
	double		work = MOST_WORK * problem_effort(p);
	int			idle = 0;

	if (in->by_territory || p->options->fewest_moves || p->units == 0)
		return -INFINITY;
	for (int i = 0; i < in->accounts; i++)
		if (p->held_at[i] >= 0)
			held += account_other_cost(in, i, p->held_at[i]);
	bound_begin(&b, p);
	/* Nothing is worth anything, which is better than prices that lead astray; then at the plan's. */
	best = look(&b);
	begin_at(&b, price, territory);
	for (int looks = 0; looks < MOST_LOOKS && b.work <= work && factor > LAST_STEP && !p->is_stopped; looks++)
	{
		double		bound = look(&b);
		double		square = 0;
		double		length;

		if (bound > best)
		{
			best = bound;
			idle = 0;
			memcpy(b.best, b.variable, sizeof(double) * b.variables);
		}
		else if (++idle >= PATIENCE)
		{
			idle = 0;
			factor /= 2;
			memcpy(b.variable, b.best, sizeof(double) * b.variables);
			memset(b.step, 0, sizeof(double) * b.variables);
			continue;
		}
		for (int j = 0; j < b.variables; j++)
			square += b.slope[j] * b.slope[j];
		if (square == 0 || bound >= cost - held)
			break;
		length = factor * (cost - held - bound) / square;
		for (int j = 0; j < b.variables; j++)
		{
			b.step[j] = length * b.slope[j] + MOMENTUM * b.step[j];
			b.variable[j] += b.step[j];
		}
	}
	bound_end(&b);
	return best + held - ROUNDING * fabs(held);
}
