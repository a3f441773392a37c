/*
 * problem_units.c: who is in which unit, where it may go, and how much of each measure it has.
 */
#include "territory/problem_build.h"

typedef struct Entry
{
	uint64		key;			/* list and place */
	int			head;			/* the first account of the family, or the account itself */
	int			account;
} Entry;

static int
compare_entries(const void *one, const void *other, void *problem)
{
	const Entry *a = one;
	const Entry *b = other;
	Problem    *p = problem;

	progress_every(p, ++p->compared, PROGRESS_ACCOUNTS);
	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	if (a->head != b->head)
		return a->head < b->head ? -1 : 1;
	return a->account < b->account ? -1 : a->account > b->account;
}

/* Where an account is on the curve: the bits of its coordinates in turn (Morton 1966), the highest first. At most 40 bits. */
static uint64
place_key(const Problem *p, int account)
{
	const TerritoryInput *in = p->input;
	int			axes = in->z ? 3 : 2;
	int			bits = 40 / axes;
	uint64		cell[3] = {0};
	uint64		key = 0;
	double		cells;

	if (!in->x || !(p->reach > 0))
		return 0;
	cells = (ldexp(0.5, bits) - 1) / p->reach;
	cell[0] = (uint64) ((in->x[account] - p->middle_x + p->reach) * cells);
	cell[1] = (uint64) ((in->y[account] - p->middle_y + p->reach) * cells);
	if (in->z)
		cell[2] = (uint64) ((in->z[account] - p->middle_z + p->reach) * cells);
	for (int bit = bits - 1; bit >= 0; bit--)
		for (int axis = axes - 1; axis >= 0; axis--)
			key = key << 1 | (cell[axis] >> bit & 1);
	return key;
}

/* Sorts what is given by family; head[account] becomes the first of its family. False where two are held apart. */
static bool
find_heads(Problem *p, int *head, int *held_at)
{
	const TerritoryInput *in = p->input;
	Entry	   *entry;
	int			entries = 0;

	for (int i = 0; i < in->accounts; i++)
	{
		head[i] = i;
		held_at[i] = in->held ? in->held[i] : TERRITORY_NONE;
	}
	if (!in->family)
		return true;
	entry = take(p, Entry, in->accounts);
	for (int i = 0; i < in->accounts; i++)
		if (in->family[i] != TERRITORY_NONE && held_at[i] != TERRITORY_EXEMPT)
			entry[entries++] = (Entry) {(uint64) in->family[i], 0, i};
	qsort_arg(entry, entries, sizeof(Entry), compare_entries, p);
	for (int e = 0, begin = 0; e < entries; e++)
	{
		int			first;

		if (entry[e].key != entry[begin].key)
			begin = e;
		first = entry[begin].account;
		head[entry[e].account] = first;
		if (in->held && in->held[entry[e].account] >= 0)
		{
			if (held_at[first] >= 0 && held_at[first] != in->held[entry[e].account])
			{
				TerritoryReason *reason = problem_complain(p, TERRITORY_FAMILY_SPLIT);

				reason->account = first;
				reason->other = entry[e].account;
				return false;
			}
			held_at[first] = in->held[entry[e].account];
		}
	}
	/* One held account holds its family, if all of it may go there. */
	for (int e = 0; e < entries; e++)
	{
		int			i = entry[e].account;
		int			k = held_at[head[i]];

		if (k >= 0 && in->held[i] != k && in->eligible &&
			!in->eligible[(Size) (in->class_of ? in->class_of[i] : 0) * in->territories + k])
		{
			TerritoryReason *reason = problem_complain(p, TERRITORY_FAMILY_SPLIT);

			reason->account = i;
			reason->other = head[i];
			reason->territory = k;
			return false;
		}
		held_at[i] = k;
	}
	give_back(p, Entry, entry, in->accounts);
	return true;
}

/* What is held leaves the problem: its load, and what it uses of the budgets. */
static void
set_aside(Problem *p, const int *held_at)
{
	const TerritoryInput *in = p->input;

	for (int i = 0; i < in->accounts; i++)
	{
		int			k = held_at[i];

		progress_every(p, i, PROGRESS_ACCOUNTS);
		if (in->owner && in->owner[i] >= 0 && k != TERRITORY_EXEMPT)
			p->budget_rounding += Max(account_used(p, i, TERRITORY_NONE, TERRITORY_BUDGET_AMOUNT) - owned_amount(p, i) * p->budget_scale[TERRITORY_BUDGET_AMOUNT], 0);
		if (k < 0)
			continue;
		for (int m = 0; m < in->measures; m++)
			p->held_load[k * in->measures + m] +=
				rint(in->amount[(in->by_territory ? (Size) i * in->territories + k : (Size) i) * in->measures + m] * p->amount_scale[m]);
		for (int b = 0; b < TERRITORY_BUDGETS; b++)
			p->held_used[b] += account_used(p, i, k, b);
	}
}

/* Which lists there are, and who is in which unit. */
bool
problem_make_units(Problem *p)
{
	const TerritoryInput *in = p->input;
	int			words = (in->territories + WORD_BITS - 1) / WORD_BITS;
	ListTable	table = {.words = words};
	int		   *head = take(p, int, in->accounts);
	int		   *held_at = p->held_at = take(p, int, in->accounts);
	int		   *class_list = take(p, int, in->classes);
	int		   *list_of = take(p, int, in->accounts);
	uint64	   *bits = take(p, uint64, words);
	Entry	   *entry;
	int			entries = 0;

	if (!find_heads(p, head, held_at))
		return false;
	set_aside(p, held_at);
	for (int c = 0; c < in->classes; c++)
	{
		memset(bits, 0, sizeof(uint64) * words);
		for (int k = 0; k < in->territories; k++)
			if (!in->eligible || in->eligible[(Size) c * in->territories + k])
				bits[k / WORD_BITS] |= UINT64CONST(1) << (k % WORD_BITS);
		class_list[c] = lists_find(p, &table, bits);
	}
	for (int i = 0; i < in->accounts; i++)
		list_of[i] = class_list[in->class_of ? in->class_of[i] : 0];
	/* A family may go where all of it may go. */
	if (in->family)
		for (int i = 0; i < in->accounts; i++)
			if (head[i] != i && list_of[i] != list_of[head[i]])
			{
				for (int w = 0; w < words; w++)
					bits[w] = table.bits[(Size) list_of[i] * words + w] & table.bits[(Size) list_of[head[i]] * words + w];
				list_of[head[i]] = lists_find(p, &table, bits);
			}
	lists_write(p, &table);

	entry = take(p, Entry, in->accounts);
	for (int i = 0; i < in->accounts; i++)
	{
		int			list = list_of[head[i]];

		progress_every(p, i, PROGRESS_ACCOUNTS);
		if (held_at[i] != TERRITORY_NONE)
			continue;
		if (p->list_start[list] == p->list_start[list + 1])
		{
			int			own = class_list[in->class_of ? in->class_of[i] : 0];
			bool		alone = p->list_start[own] == p->list_start[own + 1];
			TerritoryReason *reason = problem_complain(p, alone ? TERRITORY_NO_ELIGIBLE : TERRITORY_FAMILY_SPLIT);

			reason->account = i;
			reason->class_number = in->class_of ? in->class_of[i] : 0;
			return false;
		}
		entry[entries++] = (Entry) {(uint64) list << 40 | place_key(p, head[i]), head[i], i};
	}
	qsort_arg(entry, entries, sizeof(Entry), compare_entries, p);
	p->member = take(p, int, entries);
	for (int e = 0; e < entries; e++)
	{
		progress_every(p, e, PROGRESS_ACCOUNTS);
		p->member[e] = entry[e].account;
		if (e == 0 || entry[e].head != entry[e - 1].head)
			p->units++;
	}
	p->first = take(p, int, p->units + 1);
	p->list_of = take(p, int, p->units);
	for (int e = 0, u = 0; e < entries; e++)
		if (e == 0 || entry[e].head != entry[e - 1].head)
		{
			p->first[u] = e;
			p->list_of[u++] = list_of[entry[e].head];
		}
	p->first[p->units] = entries;
	give_back(p, Entry, entry, in->accounts);
	give_back(p, int, head, in->accounts);
	give_back(p, int, list_of, in->accounts);
	return true;
}

void
problem_make_amounts(Problem *p)
{
	const TerritoryInput *in = p->input;
	Size		sets = in->by_territory ? in->territories : 1;

	p->territory_step = in->by_territory ? in->measures : 0;
	p->unit_step = in->measures * sets;
	p->amount = take(p, double, p->units * p->unit_step);
	for (int u = 0; u < p->units; u++)
	{
		progress_every(p, u, PROGRESS_UNITS);
		for (int i = p->first[u]; i < p->first[u + 1]; i++)
			for (Size j = 0; j < p->unit_step; j++)
				p->amount[u * p->unit_step + j] +=
					rint(in->amount[p->member[i] * p->unit_step + j] * p->amount_scale[j % in->measures]);
	}
}
