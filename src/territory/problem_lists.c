/*
 * problem_lists.c: sets of territories, each found once, by a hash of its bits.
 */
#include "territory/problem_build.h"

static uint64
hash_bits(const uint64 *bits, int words)
{
	uint64		hash = 0;

	for (int w = 0; w < words; w++)
	{
		hash ^= bits[w];
		hash = next_random(&hash);
	}
	return hash;
}

static void
grow(Problem *p, ListTable *table)
{
	int			room = Max(16, table->room * 2);
	uint64	   *bits = take(p, uint64, (Size) room * table->words);

	if (table->lists > 0)
		memcpy(bits, table->bits, sizeof(uint64) * table->lists * table->words);
	if (table->room > 0)
	{
		give_back(p, uint64, table->bits, (Size) table->room * table->words);
		give_back(p, int, table->slot, table->slots);
	}
	table->bits = bits;
	table->room = room;
	table->slots = room * 2;
	table->slot = take(p, int, table->slots);
	for (int l = 0; l < table->lists; l++)
	{
		uint32		s = hash_bits(bits + (Size) l * table->words, table->words) & (table->slots - 1);

		while (table->slot[s])
			s = (s + 1) & (table->slots - 1);
		table->slot[s] = l + 1;
	}
}

int
lists_find(Problem *p, ListTable *table, const uint64 *bits)
{
	Size		bytes = sizeof(uint64) * table->words;
	uint32		s;

	if (table->lists == table->room)
		grow(p, table);
	s = hash_bits(bits, table->words) & (table->slots - 1);
	while (table->slot[s])
	{
		if (memcmp(table->bits + (Size) (table->slot[s] - 1) * table->words, bits, bytes) == 0)
			return table->slot[s] - 1;
		s = (s + 1) & (table->slots - 1);
	}
	memcpy(table->bits + (Size) table->lists * table->words, bits, bytes);
	table->slot[s] = ++table->lists;
	return table->lists - 1;
}

/* Writes the lists out. */
void
lists_write(Problem *p, const ListTable *table)
{
	Size		total = 0;
	Size		at = 0;

	p->lists = table->lists;
	p->list_start = take(p, int, p->lists + 1);
	for (int pass = 0; pass < 2; pass++)
	{
		for (int l = 0; l < table->lists; l++)
		{
			if (pass == 1)
				p->list_start[l] = at;
			for (int k = 0; k < p->territories; k++)
				if (table->bits[(Size) l * table->words + k / WORD_BITS] >> (k % WORD_BITS) & 1)
				{
					if (pass == 1)
					{
						p->list[at] = k;
						if (p->input->x)
						{
							p->list_x[at] = (float) ((p->input->home_x[k] - p->middle_x) * p->place_scale);
							p->list_y[at] = (float) ((p->input->home_y[k] - p->middle_y) * p->place_scale);
							if (p->input->z)
								p->list_z[at] = (float) ((p->input->home_z[k] - p->middle_z) * p->place_scale);
						}
						at++;
					}
					else
						total++;
				}
			if (pass == 1)
				p->longest_list = Max(p->longest_list, (int) at - p->list_start[l]);
		}
		if (pass == 0)
		{
			p->list = take(p, uint16, total);
			if (p->input->x)
			{
				p->list_x = take(p, float, total);
				p->list_y = take(p, float, total);
				if (p->input->z)
					p->list_z = take(p, float, total);
			}
		}
	}
	p->list_start[p->lists] = at;
}
