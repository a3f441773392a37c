/*
 * match_cluster.c: sure pairs become clusters.
 *
 * To join whatever is connected would make one cluster of a chain whose ends have nothing to do with each other. So pairs are taken from
 * the surest on, and two clusters become one only if their records, all taken together, are likelier one company than not: the weights
 * of all pairs between them, those that were never compared too, have a sum that is not negative. One strong contradiction counts no more
 * than one strong agreement. The order is by weight and then by key, so clusters do not depend on the order of the records.
 */
#include "account/match_record.h"

/* Records of a cluster that stand for it: those with the least keys. */
#define SPEAKERS	12
/* Weights count no more than this for or against, in thousandths of a bit. */
#define MOST_WEIGHT	10000

/* Clusters are linked lists of records, in the order of keys; a record's cluster is its least record. */
typedef struct Clusters
{
	int32	   *head;			/* of each record */
	int32	   *next;			/* in its cluster; MATCH_NONE: it is the last */
} Clusters;

static int
compare_pairs(const void *one, const void *other)
{
	const MatchPair *a = *(const MatchPair *const *) one;
	const MatchPair *b = *(const MatchPair *const *) other;

	if (a->weight != b->weight)
		return a->weight > b->weight ? -1 : 1;
	if (a->one != b->one)
		return a->one < b->one ? -1 : 1;
	return a->other < b->other ? -1 : a->other > b->other;
}

/* Whether somebody has said of a record of one cluster that it is none of the other. */
static bool
are_kept_apart(const Match *match, const Clusters *clusters, int32 one, int32 other)
{
	for (int32 a = one; a != MATCH_NONE && match->aparts > 0; a = clusters->next[a])
		for (int i = match_first_apart(match, a); i < match->aparts && match->apart[i].one == a; i++)
			if (clusters->head[match->apart[i].other] == other)
				return true;
	return false;
}

/* Whether the records of two clusters, taken together, are likelier one than not. */
static bool
belong_together(const Match *match, const Clusters *clusters, int32 one, int32 other)
{
	int64		sum = 0;
	int			i = 0;

	for (int32 a = one; a != MATCH_NONE && i < SPEAKERS; a = clusters->next[a], i++)
	{
		int			j = 0;

		for (int32 b = other; b != MATCH_NONE && j < SPEAKERS; b = clusters->next[b], j++)
		{
			MatchAgreement agreement;
			MatchWeights weights;

			match_compare(match, &match->record[a], &match->record[b], &agreement);
			match_weigh(match, &agreement, &weights);
			if (!match_may_be_sure(match, &agreement))
				weights.total = Min(weights.total, 0);
			sum += Max(-MOST_WEIGHT, Min(MOST_WEIGHT, weights.total));
		}
	}
	return sum >= 0;
}

/* Merges two lists in order; the lesser head is that of both. */
static void
join(Clusters *clusters, int32 one, int32 other)
{
	int32		head = Min(one, other);
	int32		a = head;
	int32		b = Max(one, other);

	while (b != MATCH_NONE)
	{
		if (clusters->next[a] == MATCH_NONE || clusters->next[a] > b)
		{
			int32		rest = clusters->next[a];

			clusters->next[a] = b;
			b = rest;
		}
		a = clusters->next[a];
		clusters->head[a] = head;
	}
	for (; a != MATCH_NONE; a = clusters->next[a])
		clusters->head[a] = head;
}

void
match_cluster(const Match *match, MatchResult *result)
{
	Clusters	clusters;
	const MatchPair **sure = palloc_extended(sizeof(MatchPair *) * Max(result->pairs, 1), MCXT_ALLOC_HUGE);
	int			count = 0;

	clusters.head = palloc_extended(sizeof(int32) * Max(match->records, 1), MCXT_ALLOC_HUGE);
	clusters.next = palloc_extended(sizeof(int32) * Max(match->records, 1), MCXT_ALLOC_HUGE);
	for (int i = 0; i < match->records; i++)
	{
		clusters.head[i] = i;
		clusters.next[i] = MATCH_NONE;
	}
	for (int i = 0; i < result->pairs; i++)
		if (result->pair[i].is_sure)
			sure[count++] = &result->pair[i];
	qsort(sure, count, sizeof(MatchPair *), compare_pairs);
	for (int i = 0; i < count; i++)
	{
		int32		one = clusters.head[sure[i]->one];
		int32		other = clusters.head[sure[i]->other];

		if (one != other && !are_kept_apart(match, &clusters, one, other) && belong_together(match, &clusters, one, other))
			join(&clusters, one, other);
	}
	pfree(sure);
	pfree(clusters.next);
	result->cluster = clusters.head;
}
