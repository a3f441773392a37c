/*
 * water_fill.c: what each territory should get of a measure, as evenly as eligibility, floors and caps allow.
 *
 * If every territory may have every class, targets are in proportion to the shares. If not, proportion may be out of reach: two
 * representatives for all of the enterprise accounts have to take those, however many others there are. What is fair then is water-filling:
 * target / share, the level, of the territory that is worst off is as high as possible; given that, of the next one; and so on.
 * Floors come before shares: where they cannot all be met, the same part of each is, as far as possible, and only then levels rise.
 *
 * What sets of territories can get together is a polymatroid (its rank function: the supply of the classes that any of the set may have), and
 * over its bases the lexicographically best levels exist, are unique, and come from decomposition (Fujishige 1980; Megiddo 1974 for
 * flows). Take the level at which all territories together would hold all there is. If the classes can be sent so that everybody is at
 * that level (a maximum flow says so), it is everybody's level. If not, the minimum cut shows a set of classes that the territories
 * which may have them cannot take at that level: those territories end above it, get nothing from the other classes, and all others
 * end below it. The two parts are solved alike. There are never more parts than classes.
 *
 * Amounts become whole numbers, multiplied by a power of two, so flows are exact, sums do not depend on the order of anything, and the cut that
 * is taken is the smallest one, whatever flow was found. A deficit of a few of these units, 2^-48 of all there is or of the largest floor, is no deficit.
 */
#include "water_fill.h"

#include <math.h>

/* The largest class times the number of classes, the largest held load or floor and the largest share of a part stay below this: sums over territories fit. */
#define WHOLE_BITS	48
/* A part's deficit is none up to so much for each of its territories: loads are rounded, and the level is. */
#define ROUNDING	4

/* How high the water stands: a part of the floors, and then a load for each unit of share, which is infinite where all are full. */
typedef struct Level
{
	double		floors;
	double		height;
} Level;

typedef struct Event
{
	double		height;
	int64		share;			/* of those that fill, from here on more or less of it */
	int64		load;			/* of those that do not */
} Event;

typedef struct Filling
{
	const WaterFillShares *shares;
	double		scale;			/* of amounts */
	/* In whole numbers. */
	int64	   *supply;
	int64	   *held;
	int64	   *base;			/* what is held or the floor, whichever is more */
	int64	   *cap;
	/* Parts are ranges of these. */
	int		   *class_order;
	int		   *territory_order;
	/* Of the part at work. */
	int		   *class_;			/* into class_order */
	int		   *territory;
	int			classes;
	int			territories;
	/* The flow: [classes][territories] of all. */
	int64	   *flow;
	int64	   *left;			/* [classes], not sent yet */
	int64	   *room;			/* [territories] */
	int		   *class_depth;	/* by breadth first, from classes with something left; -1: not reached */
	int		   *territory_depth;
	int		   *class_next;		/* where the search for a path goes on */
	int		   *territory_next;
	int		   *front;			/* [territories], scratch */
	Event	   *event;
} Filling;

static bool
may_have(const Filling *f, int c, int k)
{
	return !f->shares->eligible || f->shares->eligible[(Size) c * f->shares->territories + k];
}

static int64 *
flow_of(const Filling *f, int c, int k)
{
	return &f->flow[(Size) c * f->shares->territories + k];
}

/* What a territory holds at a level, in the unit of base and cap. */
static double
load_at(Level level, double share, double held, double base, double cap)
{
	if (level.floors < 1)
		return held + level.floors * (base - held);
	return share > 0 ? Min(Max(level.height * share, base), cap) : base;
}

static int64
whole_load_at(const Filling *f, Level level, int k)
{
	return (int64) floor(load_at(level, f->shares->share[k] * f->scale, f->held[k], f->base[k], f->cap[k]));
}

/* Who begins to fill comes before who is full at the same height, for that may be the same one. */
static int
compare_events(const void *one, const void *other)
{
	const Event *a = one;
	const Event *b = other;

	if (a->height != b->height)
		return a->height < b->height ? -1 : 1;
	return a->share > b->share ? -1 : a->share < b->share;
}

/* The level at which the territories of the part would hold all of its supply, were they eligible for it. */
static Level
find_level(const Filling *f)
{
	const WaterFillShares *s = f->shares;
	int64		supply = 0;
	int64		for_floors = 0;
	int64		all;			/* supply and what is held */
	int64		fixed = 0;		/* load of those that do not fill at the height that is looked at */
	int64		filling = 0;	/* share of those that do */
	int			events = 0;
	double		height = 0;
	double		largest = 0;
	double		share_scale;
	int			exponent;

	for (int i = 0; i < f->territories; i++)
		largest = Max(largest, s->share[f->territory[i]]);
	frexp(largest, &exponent);
	share_scale = ldexp(1.0, WHOLE_BITS - exponent);
	for (int i = 0; i < f->classes; i++)
		supply += f->supply[f->class_[i]];
	all = supply;
	for (int i = 0; i < f->territories; i++)
	{
		int			k = f->territory[i];
		int64		share = (int64) rint(s->share[k] * share_scale);

		for_floors += f->base[k] - f->held[k];
		all += f->held[k];
		fixed += f->base[k];
		if (!(s->share[k] > 0))
			continue;
		f->event[events++] = (Event) {f->base[k] / (s->share[k] * f->scale), share, -f->base[k]};
		f->event[events++] = (Event) {f->cap[k] / (s->share[k] * f->scale), -share, f->cap[k]};
	}
	if (supply < for_floors)
		return (Level) {(double) supply / for_floors, 0};
	qsort(f->event, events, sizeof(Event), compare_events);
	for (int e = 0; e < events && fixed < all; e++)
	{
		/* Where it would end if none began or stopped to fill before. */
		double		end = filling > 0 ? (all - fixed) / f->scale / (filling / share_scale) : INFINITY;

		if (end <= f->event[e].height)
			return (Level) {1, Max(end, height)};
		height = f->event[e].height;
		filling += f->event[e].share;
		fixed += f->event[e].load;
	}
	return (Level) {1, fixed < all ? INFINITY : height};
}

/* Depths of classes and territories by breadth first; returns whether some territory with room was reached. */
static bool
find_depths(Filling *f)
{
	bool		any = false;
	bool		found = false;

	for (int i = 0; i < f->classes; i++)
	{
		int			c = f->class_[i];

		f->class_depth[c] = f->left[c] > 0 ? 0 : -1;
		f->class_next[c] = 0;
		any |= f->left[c] > 0;
	}
	for (int i = 0; i < f->territories; i++)
	{
		f->territory_depth[f->territory[i]] = -1;
		f->territory_next[f->territory[i]] = 0;
	}
	for (int depth = 0; any && !found; depth++)
	{
		int			fronts = 0;

		any = false;
		for (int i = 0; i < f->classes; i++)
			if (f->class_depth[f->class_[i]] == depth)
				for (int j = 0; j < f->territories; j++)
				{
					int			k = f->territory[j];

					if (f->territory_depth[k] < 0 && may_have(f, f->class_[i], k))
					{
						f->territory_depth[k] = depth;
						f->front[fronts++] = k;
						found |= f->room[k] > 0;
					}
				}
		for (int i = 0; i < f->classes && fronts > 0; i++)
			for (int j = 0; j < fronts && f->class_depth[f->class_[i]] < 0; j++)
				if (*flow_of(f, f->class_[i], f->front[j]) > 0)
				{
					f->class_depth[f->class_[i]] = depth + 1;
					any = true;
				}
	}
	return found;
}

/* Sends up to so much from a class along shortest paths; returns how much. */
static int64
send(Filling *f, int c, int64 amount)
{
	int64		sent = 0;

	for (; f->class_next[c] < f->territories; f->class_next[c]++)
	{
		int			k = f->territory[f->class_next[c]];

		if (f->territory_depth[k] != f->class_depth[c] || !may_have(f, c, k))
			continue;
		/* Into its room, or in place of what other classes sent there and send on. */
		if (f->room[k] > 0)
		{
			int64		now = Min(f->room[k], amount - sent);

			f->room[k] -= now;
			*flow_of(f, c, k) += now;
			sent += now;
		}
		for (; sent < amount && f->territory_next[k] < f->classes; f->territory_next[k]++)
		{
			int			other = f->class_[f->territory_next[k]];
			int64	   *flow = flow_of(f, other, k);

			if (f->class_depth[other] == f->territory_depth[k] + 1 && *flow > 0)
			{
				int64		now = send(f, other, Min(*flow, amount - sent));

				*flow -= now;
				*flow_of(f, c, k) += now;
				sent += now;
				if (sent == amount)
					break;
			}
		}
		if (sent == amount)
			break;
	}
	return sent;
}

/* Sends as much as there is room for (Dinic 1970); depths then tell what a path leads to from what is left. Returns that. */
static int64
send_all(Filling *f)
{
	int64		left = 0;

	for (int i = 0; i < f->classes; i++)
		for (int j = 0; j < f->territories; j++)
			*flow_of(f, f->class_[i], f->territory[j]) = 0;
	while (find_depths(f))
		for (int i = 0; i < f->classes; i++)
		{
			int			c = f->class_[i];

			if (f->left[c] > 0)
				f->left[c] -= send(f, c, f->left[c]);
		}
	for (int i = 0; i < f->classes; i++)
		left += f->left[f->class_[i]];
	return left;
}

/* Those that a path leads to come first; returns how many. */
static int
split(int *order, int count, const int *depth, int *scratch)
{
	int			reached = 0;
	int			rest = 0;

	for (int i = 0; i < count; i++)
		if (depth[order[i]] >= 0)
			order[reached++] = order[i];
		else
			scratch[rest++] = order[i];
	memcpy(order + reached, scratch, sizeof(int) * rest);
	return reached;
}

/*
 * All territories of the part are full and something is left over. Which class it is of is not determined: the same part of each class is
 * placed, as far as possible, which is the same problem with the sides changed.
 */
static void
share_rest(const Filling *f, Level level, double *unplaced)
{
	WaterFillShares mirrored = {.classes = f->territories, .territories = f->classes};
	double	   *room = palloc(sizeof(double) * Max(f->territories, 1));
	double	   *supply = palloc(sizeof(double) * f->classes);
	bool	   *eligible = palloc_extended(Max((Size) f->territories * f->classes, 1), MCXT_ALLOC_HUGE);
	double	   *placed;

	for (int i = 0; i < f->territories; i++)
	{
		room[i] = (whole_load_at(f, level, f->territory[i]) - f->held[f->territory[i]]) / f->scale;
		for (int j = 0; j < f->classes; j++)
			eligible[(Size) i * f->classes + j] = may_have(f, f->class_[j], f->territory[i]);
	}
	for (int j = 0; j < f->classes; j++)
		supply[j] = f->shares->supply[f->class_[j]];
	mirrored.supply = room;
	mirrored.eligible = eligible;
	mirrored.share = mirrored.most = supply;
	placed = water_fill(&mirrored, NULL);
	for (int j = 0; j < f->classes; j++)
		unplaced[f->class_[j]] = supply[j] - placed[j];
	pfree(placed);
	pfree(eligible);
	pfree(supply);
	pfree(room);
}

/* Turns everything into whole numbers. */
static void
fill_begin(Filling *f, const WaterFillShares *s)
{
	int			classes = Max(s->classes, 1);
	int			territories = Max(s->territories, 1);
	double		supply = 0;
	double		largest = 0;
	int64		all = 0;
	int			exponent;

	f->shares = s;
	f->supply = palloc(sizeof(int64) * classes);
	f->held = palloc(sizeof(int64) * territories);
	f->base = palloc(sizeof(int64) * territories);
	f->cap = palloc(sizeof(int64) * territories);
	f->class_order = palloc(sizeof(int) * classes);
	f->territory_order = palloc(sizeof(int) * territories);
	f->flow = palloc_extended(sizeof(int64) * (Size) classes * territories, MCXT_ALLOC_HUGE);
	f->left = palloc(sizeof(int64) * classes);
	f->room = palloc(sizeof(int64) * territories);
	f->class_depth = palloc(sizeof(int) * classes);
	f->territory_depth = palloc(sizeof(int) * territories);
	f->class_next = palloc(sizeof(int) * classes);
	f->territory_next = palloc(sizeof(int) * territories);
	f->front = palloc(sizeof(int) * Max(classes, territories));
	f->event = palloc(sizeof(Event) * 2 * territories);
	for (int c = 0; c < s->classes; c++)
		supply = Max(supply, s->supply[c]);
	for (int k = 0; k < s->territories; k++)
		largest = Max(largest, Max(s->held ? s->held[k] : 0, s->least ? s->least[k] : 0));
	frexp(Max(supply * s->classes, largest), &exponent);
	f->scale = ldexp(1.0, WHOLE_BITS - exponent);
	for (int c = 0; c < s->classes; c++)
	{
		f->class_order[c] = c;
		f->supply[c] = (int64) rint(s->supply[c] * f->scale);
		all += f->supply[c];
	}
	for (int k = 0; k < s->territories; k++)
	{
		double		most = s->most ? s->most[k] : INFINITY;
		double		least = s->least ? Min(s->least[k], most) : 0;
		int64		limit;

		f->territory_order[k] = k;
		f->held[k] = s->held ? (int64) rint(s->held[k] * f->scale) : 0;
		/* More than all there is it cannot get. */
		limit = f->held[k] + all;
		f->base[k] = Max(f->held[k], (int64) rint(least * f->scale));
		f->cap[k] = Max(f->base[k], most * f->scale < limit ? (int64) rint(most * f->scale) : limit);
	}
}

static void
fill_end(Filling *f)
{
	pfree(f->supply);
	pfree(f->held);
	pfree(f->base);
	pfree(f->cap);
	pfree(f->class_order);
	pfree(f->territory_order);
	pfree(f->flow);
	pfree(f->left);
	pfree(f->room);
	pfree(f->class_depth);
	pfree(f->territory_depth);
	pfree(f->class_next);
	pfree(f->territory_next);
	pfree(f->front);
	pfree(f->event);
}

/* The targets of a part whose territories all end at one level. */
static void
set_targets(const Filling *f, Level level, double *target)
{
	const WaterFillShares *s = f->shares;

	for (int i = 0; i < f->territories; i++)
	{
		int			k = f->territory[i];
		double		held = s->held ? s->held[k] : 0;
		double		most = s->most ? s->most[k] : INFINITY;
		double		base = Max(held, s->least ? Min(s->least[k], most) : 0);

		target[k] = load_at(level, s->share[k], held, base, Max(base, most));
	}
}

double *
water_fill(const WaterFillShares *shares, double *unplaced)
{
	typedef struct Part
	{
		int			first_class;
		int			classes;
		int			first_territory;
		int			territories;
	} Part;
	double	   *target = palloc0(sizeof(double) * Max(shares->territories, 1));
	Part	   *part = palloc(sizeof(Part) * (2 * shares->classes + 2));
	int			parts = 1;
	Filling		f;

	fill_begin(&f, shares);
	if (unplaced)
		memset(unplaced, 0, sizeof(double) * shares->classes);
	part[0] = (Part) {0, shares->classes, 0, shares->territories};
	while (parts > 0)
	{
		Part		now = part[--parts];
		int64		room = 0;
		int64		left;
		Level		level;

		f.class_ = f.class_order + now.first_class;
		f.classes = now.classes;
		f.territory = f.territory_order + now.first_territory;
		f.territories = now.territories;
		level = find_level(&f);
		for (int i = 0; i < f.classes; i++)
			f.left[f.class_[i]] = f.supply[f.class_[i]];
		for (int i = 0; i < f.territories; i++)
			f.room[f.territory[i]] = whole_load_at(&f, level, f.territory[i]) - f.held[f.territory[i]];
		left = send_all(&f);
		for (int i = 0; i < f.territories; i++)
			room += f.room[f.territory[i]];
		if (room > 0 && left > (isinf(level.height) ? 0 : ROUNDING * f.territories))
		{
			int			classes = split(f.class_, f.classes, f.class_depth, f.front);
			int			territories = split(f.territory, f.territories, f.territory_depth, f.front);

			part[parts++] = (Part) {now.first_class, classes, now.first_territory, territories};
			part[parts++] = (Part) {now.first_class + classes, now.classes - classes, now.first_territory + territories, now.territories - territories};
			continue;
		}
		set_targets(&f, level, target);
		if (isinf(level.height) && left > 0 && unplaced)
			share_rest(&f, level, unplaced);
	}
	fill_end(&f);
	pfree(part);
	return target;
}
