/*
 * flow.h: how much classes can send to territories that may have them. See flow.c.
 */
#ifndef SALESOPS_TERRITORY_FLOW_H
#define SALESOPS_TERRITORY_FLOW_H

#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

typedef struct Flow
{
	const bool *eligible;		/* [all classes][all territories]. NULL: all */
	int			all_territories;
	/* Those that take part. */
	const int  *class_;
	const int  *territory;
	int			classes;
	int			territories;
	int64	   *flow;			/* [all classes][all territories] */
	int64	   *left;			/* [all classes], to be sent; then what could not be */
	int64	   *room;			/* [all territories], to be filled; then what could not be */
	int		   *class_depth;	/* by breadth first, from classes with something left; -1: not reached */
	int		   *territory_depth;
	int		   *class_next;		/* where the search for a path goes on */
	int		   *territory_next;
	int		   *front;			/* [all classes or all territories], scratch */
} Flow;

static inline bool
flow_may(const Flow *f, int c, int k)
{
	return !f->eligible || f->eligible[(Size) c * f->all_territories + k];
}

static inline int64 *
flow_of(const Flow *f, int c, int k)
{
	return &f->flow[(Size) c * f->all_territories + k];
}

/* Memory for so many classes and territories. Who takes part, left and room are the caller's to set. */
extern void flow_begin(Flow *f, int classes, int territories, const bool *eligible);
extern void flow_end(Flow *f);

/* Sends as much as there is room for. Returns what is left; depths then tell what a path leads to from there. */
extern int64 flow_send_all(Flow *f);

#endif
