/*
 * match_set.c: sets of texts, each kept once, with how many records have it.
 */
#include "account/match_text.h"

#include "common/hashfn.h"

/* palloc'd anew, however large, with what was used of the old one. */
void *
match_larger(void *old, Size used, Size size)
{
	void	   *larger = palloc_extended(size, MCXT_ALLOC_HUGE);

	if (old)
	{
		memcpy(larger, old, used);
		pfree(old);
	}
	return larger;
}

static void
enlarge(MatchSet *set, int room)
{
	set->hash = match_larger(set->hash, sizeof(*set->hash) * set->count, sizeof(*set->hash) * room);
	set->start = match_larger(set->start, sizeof(*set->start) * set->count, sizeof(*set->start) * room);
	set->often = match_larger(set->often, sizeof(*set->often) * set->count, sizeof(*set->often) * room);
	set->letters = match_larger(set->letters, sizeof(*set->letters) * set->count, sizeof(*set->letters) * room);
	set->mask = match_larger(set->mask, sizeof(*set->mask) * set->count, sizeof(*set->mask) * room);
	set->room = room;

	/* Half of the slots stay free. */
	if (set->slot)
		pfree(set->slot);
	set->slots = room * 2;
	set->slot = palloc_extended(sizeof(*set->slot) * set->slots, MCXT_ALLOC_HUGE);
	memset(set->slot, 0xff, sizeof(*set->slot) * set->slots);
	for (int i = 0; i < set->count; i++)
	{
		uint32		at = set->hash[i] & (set->slots - 1);

		while (set->slot[at] >= 0)
			at = (at + 1) & (set->slots - 1);
		set->slot[at] = i;
	}
}

void
match_set_begin(MatchSet *set)
{
	memset(set, 0, sizeof(*set));
	enlarge(set, 1024);
}

/* The number of a text; one record more has it. */
int32
match_set_add(MatchSet *set, const char *text)
{
	int			length = (int) strlen(text);
	uint32		hash = hash_bytes((const unsigned char *) text, length);
	uint32		at = hash & (set->slots - 1);
	uint32		letter[MATCH_MOST_LETTERS + 1];

	for (; set->slot[at] >= 0; at = (at + 1) & (set->slots - 1))
	{
		int32		i = set->slot[at];

		if (set->hash[i] == hash && strcmp(match_text(set, i), text) == 0)
		{
			set->often[i]++;
			return i;
		}
	}
	if (set->count == set->room)
	{
		enlarge(set, set->room * 2);
		for (at = hash & (set->slots - 1); set->slot[at] >= 0; at = (at + 1) & (set->slots - 1))
			;
	}
	if (set->used + length + 1 > set->size)
	{
		set->size = Max(65536, 2 * (set->used + length + 1));
		set->text = match_larger(set->text, set->used, set->size);
	}
	memcpy(set->text + set->used, text, length + 1);
	set->hash[set->count] = hash;
	set->start[set->count] = set->used;
	set->often[set->count] = 1;
	set->letters[set->count] = match_letters(text, letter, &set->mask[set->count]);
	set->used += length + 1;
	set->slot[at] = set->count;
	return set->count++;
}
