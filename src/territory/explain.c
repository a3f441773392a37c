/*
 * explain.c: why no plan is within limits, and how far outside every plan is.
 *
 * What is proven holds for every plan, whatever its cost, and for each measure alone; budgets are left out, which makes it weaker and no less
 * true. Loads are those of what is free: what is held is taken off the limits before.
 *
 * Supply. The load of a set S of territories is at most the supply A(S) of the units that any of them may have; so together they miss
 * least(S) - A(S). It is at least the supply B(S) of the units that nobody else may have; so together they exceed their most by
 * B(S) - most(S). The limits can be kept by units that may be split if and only if no S misses or exceeds anything (Hoffman 1960), and maximum
 * flows from units to what is least and to what is most find the S that miss and that exceed the most. Such a set falls into parts that
 * share no unit, which are told one by one: each misses by itself. A load that is d outside is d / width outside in shares, so a part is
 * outside by what it misses over the largest width among it. No load is both below and above its limits and no territory is in two
 * parts, so that all these add up. Where amounts differ by territory, A takes a unit's largest, B its smallest.
 *
 * Size. A unit that is above the most of all who may have it puts one of them outside by at least its amount less that most; two in one
 * place do so twice, for each takes all of the room.
 *
 * Steps. Where all amounts are multiples of one step, loads are: limits with no multiple between them are missed by as much as the nearest is away.
 *
 * The three speak of the same loads. Of a measure the largest counts. Amounts were rounded to whole numbers: what that may come to is taken
 * off before anything is claimed.
 */
#include "territory/explain.h"
#include "territory/flow.h"

/* Of units that are too large. */
#define MOST_TOLD		20
/* Lists times territories: with more, supply is not looked at. */
#define MOST_PAIRS		500000

/* What rounding to whole numbers may come to in any sum of amounts and limits. */
static double
rounding(const Problem *p)
{
	return 0.5 * p->input->accounts + 2.0 * p->territories;
}

/* Units that are above the limit of everybody who may have them; says so of the first few and adds up what they cost each measure. */
static void
find_too_large(Problem *p, double *outside)
{
	int			told = 0;

	for (int u = 0; u < p->units && told < MOST_TOLD; u++)
	{
		progress_every(p, u, PROGRESS_UNITS);
		for (int m = 0; m < p->measures; m++)
		{
			double		largest = 0;
			double		least_outside = INFINITY;
			TerritoryReason *reason;

			for (int j = p->list_start[p->list_of[u]]; j < p->list_start[p->list_of[u] + 1] && least_outside > 0; j++)
			{
				int			row = p->list[j] * p->measures + m;

				largest = Max(largest, p->most[row]);
				least_outside = Min(least_outside, (unit_amount(p, u, p->list[j])[m] - p->most[row] - rounding(p)) / p->width[row]);
			}
			if (!(least_outside > 0))
				continue;
			outside[m] += least_outside;
			told++;
			reason = problem_complain(p, TERRITORY_TOO_LARGE);
			reason->account = p->member[p->first[u]];
			reason->measure = m;
			reason->value = unit_amount(p, u, p->list[p->list_start[p->list_of[u]]])[m] / p->amount_scale[m];
			reason->limit = largest / p->amount_scale[m];
		}
	}
}

static int64
common_divisor(int64 a, int64 b)
{
	while (b != 0)
	{
		int64		rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* Limits between which there is no load that amounts can add up to. Returns what that costs. */
static double
find_steps(Problem *p, int m)
{
	int64		step = 0;
	double		outside = 0;

	for (int u = 0; u < p->units && step != 1; u++)
	{
		progress_every(p, u, PROGRESS_UNITS);
		for (int j = p->list_start[p->list_of[u]]; j < p->list_start[p->list_of[u] + 1]; j++)
		{
			step = common_divisor(step, (int64) unit_amount(p, u, p->list[j])[m]);
			if (p->territory_step == 0)
				break;
		}
	}
	for (int k = 0; k < p->territories && step > 1; k++)
	{
		int			row = k * p->measures + m;
		int64		least = (int64) p->least[row];
		int64		most = (int64) p->most[row];
		int64		below = least / step * step;
		double		missed;
		TerritoryReason *reason;

		if (below == least || below + step <= most)
			continue;
		missed = Min(least - below, below + step - most) - rounding(p);
		if (!(missed > 0))
			continue;
		outside += missed / p->width[row];
		reason = problem_complain(p, TERRITORY_NO_STEP);
		reason->territory = k;
		reason->measure = m;
		reason->value = step / p->amount_scale[m];
		reason->limit = (most + p->held_load[row]) / p->amount_scale[m];
	}
	return outside;
}

/* Sets of territories and the lists they are short of, or full of. */
typedef struct Sets
{
	Flow		flow;
	bool	   *eligible;		/* [lists][territories] */
	int64	   *supply;			/* [lists] */
	int		   *taking_part;	/* lists with any supply */
	int		   *everybody;		/* territories, all */
	bool	   *list_in;		/* [lists] */
	bool	   *territory_in;	/* [territories] */
	int		   *set_of;			/* [territories], the first of its set, or NONE */
	int		   *waiting;		/* [territories], scratch */
} Sets;

static void
sets_begin(Sets *s, Problem *p)
{
	s->eligible = palloc0((Size) p->lists * p->territories + 1);
	s->supply = palloc(sizeof(int64) * Max(p->lists, 1));
	s->taking_part = palloc(sizeof(int) * Max(p->lists, 1));
	s->everybody = palloc(sizeof(int) * p->territories);
	s->list_in = palloc(Max(p->lists, 1));
	s->territory_in = palloc(p->territories);
	s->set_of = palloc(sizeof(int) * p->territories);
	s->waiting = palloc(sizeof(int) * p->territories);
	for (int l = 0; l < p->lists; l++)
		for (int j = p->list_start[l]; j < p->list_start[l + 1]; j++)
			s->eligible[(Size) l * p->territories + p->list[j]] = true;
	for (int k = 0; k < p->territories; k++)
		s->everybody[k] = k;
	flow_begin(&s->flow, p->lists, p->territories, s->eligible);
	s->flow.class_ = s->taking_part;
	s->flow.territory = s->everybody;
	s->flow.territories = p->territories;
}

static void
sets_end(Sets *s)
{
	flow_end(&s->flow);
	pfree(s->eligible);
	pfree(s->supply);
	pfree(s->taking_part);
	pfree(s->everybody);
	pfree(s->list_in);
	pfree(s->territory_in);
	pfree(s->set_of);
	pfree(s->waiting);
}

/* Sends the supply of a measure to limits, least or most; of a unit whose amounts differ by territory the largest or the smallest. */
static void
send_supply(Sets *s, Problem *p, int m, const double *limit)
{
	bool		is_least = limit == p->least;
	Flow	   *f = &s->flow;

	memset(s->supply, 0, sizeof(int64) * p->lists);
	for (int u = 0; u < p->units; u++)
	{
		int			l = p->list_of[u];
		double		amount = unit_amount(p, u, p->list[p->list_start[l]])[m];

		progress_every(p, u, PROGRESS_UNITS);
		for (int j = p->list_start[l] + 1; j < p->list_start[l + 1] && p->territory_step > 0; j++)
		{
			double		there = unit_amount(p, u, p->list[j])[m];

			amount = is_least ? Max(amount, there) : Min(amount, there);
		}
		s->supply[l] += (int64) amount;
	}
	f->classes = 0;
	for (int l = 0; l < p->lists; l++)
	{
		f->left[l] = s->supply[l];
		if (s->supply[l] > 0)
			s->taking_part[f->classes++] = l;
	}
	for (int k = 0; k < p->territories; k++)
		f->room[k] = (int64) limit[k * p->measures + m];
	flow_send_all(f);
}

/* The smallest set that misses the most: who is not filled, and who gets of what those may have, and so on. */
static void
mark_short(Sets *s, const Problem *p)
{
	const Flow *f = &s->flow;
	int			waiting = 0;

	memset(s->list_in, 0, p->lists);
	for (int k = 0; k < p->territories; k++)
	{
		s->territory_in[k] = f->room[k] > 0;
		if (s->territory_in[k])
			s->waiting[waiting++] = k;
	}
	while (waiting > 0)
	{
		int			k = s->waiting[--waiting];

		for (int i = 0; i < f->classes; i++)
		{
			int			l = f->class_[i];

			if (s->list_in[l] || !flow_may(f, l, k))
				continue;
			s->list_in[l] = true;
			for (int other = 0; other < p->territories; other++)
				if (!s->territory_in[other] && *flow_of(f, l, other) > 0)
				{
					s->territory_in[other] = true;
					s->waiting[waiting++] = other;
				}
		}
	}
}

/* The smallest set that exceeds the most: whoever a path leads to from what is left over. */
static void
mark_over(Sets *s, const Problem *p)
{
	const Flow *f = &s->flow;

	memset(s->list_in, 0, p->lists);
	for (int i = 0; i < f->classes; i++)
		s->list_in[f->class_[i]] = f->class_depth[f->class_[i]] >= 0;
	for (int k = 0; k < p->territories; k++)
		s->territory_in[k] = f->territory_depth[k] >= 0;
}

/* Takes what is marked apart into sets that share no list, tells each that is surely outside, and returns what all cost. */
static double
tell_sets(Sets *s, Problem *p, int m, TerritoryFinding finding)
{
	const double *limit = finding == TERRITORY_SHORT_SUPPLY ? p->least : p->most;
	const Flow *f = &s->flow;
	double		outside = 0;

	for (int k = 0; k < p->territories; k++)
		s->set_of[k] = TERRITORY_NONE;
	for (int first = 0; first < p->territories; first++)
	{
		int64		of_limits = 0;
		int64		of_supply = 0;
		double		held = 0;
		double		width = 0;
		double		missed;
		int			waiting = 0;

		if (!s->territory_in[first] || s->set_of[first] != TERRITORY_NONE)
			continue;
		s->set_of[first] = first;
		s->waiting[waiting++] = first;
		while (waiting > 0)
		{
			int			k = s->waiting[--waiting];
			int			row = k * p->measures + m;

			of_limits += (int64) limit[row];
			held += p->held_load[row];
			width = Max(width, p->width[row]);
			for (int i = 0; i < f->classes; i++)
			{
				int			l = f->class_[i];

				if (!s->list_in[l] || !flow_may(f, l, k))
					continue;
				s->list_in[l] = false;
				of_supply += s->supply[l];
				for (int other = 0; other < p->territories; other++)
					if (s->territory_in[other] && s->set_of[other] == TERRITORY_NONE && flow_may(f, l, other))
					{
						s->set_of[other] = first;
						s->waiting[waiting++] = other;
					}
			}
		}
		missed = (finding == TERRITORY_SHORT_SUPPLY ? of_limits - of_supply : of_supply - of_limits) - rounding(p);
		if (!(missed > 0))
			continue;
		outside += missed / width;
		for (int k = first; k < p->territories; k++)
			if (s->set_of[k] == first)
			{
				TerritoryReason *reason = problem_complain(p, finding);

				reason->territory = k;
				reason->other = first;
				reason->measure = m;
				reason->value = ((finding == TERRITORY_SHORT_SUPPLY ? of_limits : of_supply) + held) / p->amount_scale[m];
				reason->limit = ((finding == TERRITORY_SHORT_SUPPLY ? of_supply : of_limits) + held) / p->amount_scale[m];
			}
	}
	return outside;
}

double
explain_outside(Problem *p)
{
	double		too_large[TERRITORY_MOST_MEASURES] = {0};
	double		outside = 0;
	Size		pairs = (Size) p->lists * p->territories;
	Size		bytes = pairs * (sizeof(int64) + 1);
	bool		has_room = pairs <= MOST_PAIRS && (p->options->memory_limit == 0 || p->memory + bytes <= p->options->memory_limit);
	Sets		sets;

	find_too_large(p, too_large);
	if (has_room)
	{
		p->most_memory = Max(p->most_memory, p->memory + bytes);
		sets_begin(&sets, p);
	}
	for (int m = 0; m < p->measures; m++)
	{
		double		supply = 0;
		double		steps;

		if (has_room)
		{
			send_supply(&sets, p, m, p->least);
			mark_short(&sets, p);
			supply += tell_sets(&sets, p, m, TERRITORY_SHORT_SUPPLY);
			send_supply(&sets, p, m, p->most);
			mark_over(&sets, p);
			supply += tell_sets(&sets, p, m, TERRITORY_OVER_SUPPLY);
		}
		steps = find_steps(p, m);
		outside += Max(supply, Max(too_large[m], steps));
	}
	if (has_room)
		sets_end(&sets);
	return outside;
}
