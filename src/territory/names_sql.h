/*
 * names_sql.h: names and their numbers. See names_sql.c.
 */
#ifndef SALESOPS_TERRITORY_NAMES_SQL_H
#define SALESOPS_TERRITORY_NAMES_SQL_H

#include "core/compat.h"

typedef struct Names
{
	MemoryContext context;
	int			count;
	int			room;
	Size	   *start;			/* [count], into bytes */
	char	   *bytes;			/* each name ends in a zero */
	Size		used;
	Size		bytes_room;
	int			slots;			/* a power of two, or 0 */
	int		   *slot;			/* number + 1, or 0 */
} Names;

extern void names_begin(Names *names);
extern int	names_find(const Names *names, const char *name, Size length);
extern int	names_add(Names *names, const char *name, Size length, bool *is_new);
extern int *names_order(const Names *names);

/* The name with a number. */
static inline const char *
name_of(const Names *names, int number)
{
	return names->bytes + names->start[number];
}

#endif
