/*
 * names_sql.c: names and their numbers.
 *
 * What a query calls accounts, territories, families and tags becomes numbers here, in the order in which the names come. A name is a
 * string of bytes; names are ordered by them, which no collation of a server or a release of its libraries can change.
 */
#include "territory/names_sql.h"

#include "common/hashfn.h"
#include "miscadmin.h"

void
names_begin(Names *names)
{
	memset(names, 0, sizeof(*names));
	names->context = CurrentMemoryContext;
}

/* The slot where a name is, or would be. */
static int *
find_slot(const Names *names, const char *name, Size length)
{
	uint32		s = (uint32) hash_bytes_extended((const unsigned char *) name, (int) length, 0) & (names->slots - 1);

	while (names->slot[s])
	{
		const char *here = name_of(names, names->slot[s] - 1);

		if (strncmp(here, name, length) == 0 && here[length] == '\0')
			break;
		s = (s + 1) & (names->slots - 1);
	}
	return &names->slot[s];
}

/* The number of a name, or -1. */
int
names_find(const Names *names, const char *name, Size length)
{
	return names->slots ? *find_slot(names, name, length) - 1 : -1;
}

/* Room for one name more. */
static void
make_room(Names *names, Size length)
{
	if (names->count == names->room)
	{
		names->room = Max(64, names->room * 2);
		names->start = names->start ?
			repalloc_huge(names->start, sizeof(Size) * names->room) :
			MemoryContextAllocHuge(names->context, sizeof(Size) * names->room);
		if (names->slot)
			pfree(names->slot);
		names->slots = names->room * 2;
		names->slot = MemoryContextAllocExtended(names->context, sizeof(int) * names->slots, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
		for (int n = 0; n < names->count; n++)
			*find_slot(names, name_of(names, n), strlen(name_of(names, n))) = n + 1;
	}
	if (names->used + length + 1 > names->bytes_room)
	{
		names->bytes_room = Max(1024, (names->used + length + 1) * 2);
		names->bytes = names->bytes ?
			repalloc_huge(names->bytes, names->bytes_room) :
			MemoryContextAllocHuge(names->context, names->bytes_room);
	}
}

/* The number of a name, a new one if it has none. */
int
names_add(Names *names, const char *name, Size length, bool *is_new)
{
	int		   *slot;

	make_room(names, length);
	slot = find_slot(names, name, length);
	*is_new = *slot == 0;
	if (*is_new)
	{
		names->start[names->count] = names->used;
		memcpy(names->bytes + names->used, name, length);
		names->bytes[names->used + length] = '\0';
		names->used += length + 1;
		*slot = ++names->count;
	}
	return *slot - 1;
}

static int
compare_names(const void *one, const void *other, void *names)
{
	/* A million names take a second. */
	CHECK_FOR_INTERRUPTS();
	return strcmp(name_of(names, *(const int *) one), name_of(names, *(const int *) other));
}

/* All numbers, by name. */
int *
names_order(const Names *names)
{
	int		   *order = palloc_extended(sizeof(int) * Max(names->count, 1), MCXT_ALLOC_HUGE);
	bool		is_ordered = true;

	for (int n = 0; n < names->count; n++)
	{
		order[n] = n;
		if (n > 0 && is_ordered)
			is_ordered = strcmp(name_of(names, n - 1), name_of(names, n)) < 0;
	}
	if (!is_ordered)
		qsort_arg(order, names->count, sizeof(int), compare_names, (void *) names);
	return order;
}
