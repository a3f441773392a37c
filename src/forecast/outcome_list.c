/*
 * outcome_list.c: the totals that some deals can come to.
 *
 * Deals are taken in one by one: a list of outcomes and that list moved by the deal's amount are merged. While the list is short every
 * outcome stands in it exactly, and outcomes that are equal are one. Where it would grow long, neighbours become one outcome at their mean:
 * those of which width times probability is small, for that is how much amount is moved. So improbable neighbours go first, and lumps
 * stay where they are. The variance that this costs is counted.
 *
 * No more outcomes are left than there may be: between the starts of two groups lies a distance d, and they have probability q together,
 * with d q > budget. The sum of all sqrt(d q) is at most sqrt(sum d sum q) <= sqrt(2 range), so there are at most sqrt(2 range / budget) groups
 * but one.
 */
#include "forecast/outcome_list.h"

#include "core/numerics.h"

#define FREE_OUTCOMES	128		/* a list of no more outcomes is not thinned out without need */

/* A list of one outcome, nothing. */
OutcomeList *
outcome_list(const FactorNodes *nodes, int most)
{
	OutcomeList *list = palloc0(sizeof(OutcomeList));

	list->nodes = nodes;
	list->most = most;
	list->count = 1;
	list->room = 16;
	list->outcome = palloc(list->room * sizeof(double));
	list->chance = palloc(list->room * nodes->count * sizeof(double));
	list->next_outcome = palloc(list->room * sizeof(double));
	list->next_chance = palloc(list->room * nodes->count * sizeof(double));
	list->won = palloc(nodes->count * sizeof(double));
	list->lost = palloc(nodes->count * sizeof(double));
	list->outcome[0] = 0.0;
	for (int k = 0; k < nodes->count; k++)
		list->chance[k] = 1.0;
	return list;
}

/* Merges the list with itself moved by an amount, where every outcome stays what it is. */
SALESOPS_FOR_EACH_PROCESSOR
static int
merge_exactly(const OutcomeList *list, double amount)
{
	int			nodes = list->nodes->count;
	const double *outcome = list->outcome;
	int			stay = 0;		/* the next outcome of the list as it is */
	int			move = 0;		/* the next of the list moved by the amount */
	int			count = 0;

	while (move < list->count)
	{
		double		moved = outcome[move] + amount;
		const double *staying = list->chance + (Size) stay * nodes;
		const double *moving = list->chance + (Size) move * nodes;
		double	   *chance = list->next_chance + (Size) count * nodes;

		if (stay < list->count && outcome[stay] < moved)
		{
			list->next_outcome[count++] = outcome[stay++];
			for (int k = 0; k < nodes; k++)
				chance[k] = list->lost[k] * staying[k];
		}
		else if (stay < list->count && outcome[stay] == moved)
		{
			list->next_outcome[count++] = moved;
			stay++;
			move++;
			for (int k = 0; k < nodes; k++)
				chance[k] = list->lost[k] * staying[k] + list->won[k] * moving[k];
		}
		else
		{
			list->next_outcome[count++] = moved;
			move++;
			for (int k = 0; k < nodes; k++)
				chance[k] = list->won[k] * moving[k];
		}
	}
	return count;
}

/*
 * The same where neighbours within `narrow` become one, and others of which width times probability is within a budget. What variance that
 * costs is added to the list's.
 */
SALESOPS_FOR_EACH_PROCESSOR
static int
merge_thinned(OutcomeList *list, double amount, double narrow, double budget)
{
	int			nodes = list->nodes->count;
	const double *weight = list->nodes->weight;
	int			stay = 0;
	int			move = 0;
	int			count = 0;
	double		start = 0.0;	/* the least outcome of the last group */
	double		group = 0.0;	/* its probability */

	while (move < list->count)
	{
		bool		stays = stay < list->count && list->outcome[stay] <= list->outcome[move] + amount;
		double		x = stays ? list->outcome[stay] : list->outcome[move] + amount;
		const double *source = list->chance + (Size) (stays ? stay++ : move++) * nodes;
		const double *factor = stays ? list->lost : list->won;
		double	   *chance = list->next_chance + (Size) count * nodes;
		double		single;

		for (int k = 0; k < nodes; k++)
			chance[k] = factor[k] * source[k];
		single = factor_sum(chance, weight, nodes);
		if (count > 0 && (x - start <= narrow || (x - start) * (group + single) <= budget))
		{
			double	   *last = &list->next_outcome[count - 1];
			double		distance = x - *last;

			for (int k = 0; k < nodes; k++)
				chance[k - nodes] += chance[k];
			group += single;
			if (distance > 0.0 && group > 0.0)
			{
				double		share = single / group;

				list->lost_variance += single * (1.0 - share) * distance * distance;
				*last += share * distance;
			}
		}
		else
		{
			list->next_outcome[count++] = x;
			start = x;
			group = single;
		}
	}
	return count;
}

/* Makes room for the next list; what it is written over is not needed any more. */
static void
make_room(OutcomeList *list, int room)
{
	pfree(list->next_outcome);
	pfree(list->next_chance);
	list->next_outcome = palloc(room * sizeof(double));
	list->next_chance = palloc((Size) room * list->nodes->count * sizeof(double));
}

static void
swap(double **a, double **b)
{
	double	   *c = *a;

	*a = *b;
	*b = c;
}

/* Takes a deal in. Where the list is long, outcomes within `narrow` become one, and others so that no more than `most` are left. */
void
outcome_list_add(OutcomeList *list, const Part *part, double narrow)
{
	int			before = list->room;

	factor_part_chances(list->nodes, part, list->won);
	for (int k = 0; k < list->nodes->count; k++)
		list->lost[k] = 1.0 - list->won[k];
	list->range += part->amount;

	if (2 * list->count > list->room)
	{
		list->room = 4 * list->count;
		make_room(list, list->room);
	}
	if (2 * list->count <= (narrow > 0.0 ? FREE_OUTCOMES : list->most))
		list->count = merge_exactly(list, part->amount);
	else
		list->count = merge_thinned(list, part->amount, narrow,
									2 * list->count <= list->most ? 0.0 : 2.0 * list->range / list->most / list->most);
	swap(&list->outcome, &list->next_outcome);
	swap(&list->chance, &list->next_chance);
	if (list->room > before)
		make_room(list, list->room);
}
