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
#include "territory/flow.h"
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
	int		   *class_order;
	int		   *territory_order;
	Flow		flow;			/* classes and territories of the part at work are ranges of those orders */
	Event	   *event;
} Filling;

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

	for (int i = 0; i < f->flow.territories; i++)
		largest = Max(largest, s->share[f->flow.territory[i]]);
	frexp(largest, &exponent);
	share_scale = ldexp(1.0, WHOLE_BITS - exponent);
	for (int i = 0; i < f->flow.classes; i++)
		supply += f->supply[f->flow.class_[i]];
	all = supply;
	for (int i = 0; i < f->flow.territories; i++)
	{
		int			k = f->flow.territory[i];
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
	WaterFillShares mirrored = {.classes = f->flow.territories, .territories = f->flow.classes};
	double	   *room = palloc(sizeof(double) * Max(f->flow.territories, 1));
	double	   *supply = palloc(sizeof(double) * f->flow.classes);
	bool	   *eligible = palloc_extended(Max((Size) f->flow.territories * f->flow.classes, 1), MCXT_ALLOC_HUGE);
	double	   *placed;

	for (int i = 0; i < f->flow.territories; i++)
	{
		room[i] = (whole_load_at(f, level, f->flow.territory[i]) - f->held[f->flow.territory[i]]) / f->scale;
		for (int j = 0; j < f->flow.classes; j++)
			eligible[(Size) i * f->flow.classes + j] = flow_may(&f->flow, f->flow.class_[j], f->flow.territory[i]);
	}
	for (int j = 0; j < f->flow.classes; j++)
		supply[j] = f->shares->supply[f->flow.class_[j]];
	mirrored.supply = room;
	mirrored.eligible = eligible;
	mirrored.share = mirrored.most = supply;
	placed = water_fill(&mirrored, NULL);
	for (int j = 0; j < f->flow.classes; j++)
		unplaced[f->flow.class_[j]] = supply[j] - placed[j];
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
	flow_begin(&f->flow, s->classes, s->territories, s->eligible);
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
	flow_end(&f->flow);
	pfree(f->event);
}

/* The targets of a part whose territories all end at one level. */
static void
set_targets(const Filling *f, Level level, double *target)
{
	const WaterFillShares *s = f->shares;

	for (int i = 0; i < f->flow.territories; i++)
	{
		int			k = f->flow.territory[i];
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

		f.flow.class_ = f.class_order + now.first_class;
		f.flow.classes = now.classes;
		f.flow.territory = f.territory_order + now.first_territory;
		f.flow.territories = now.territories;
		level = find_level(&f);
		for (int i = 0; i < f.flow.classes; i++)
			f.flow.left[f.flow.class_[i]] = f.supply[f.flow.class_[i]];
		for (int i = 0; i < f.flow.territories; i++)
			f.flow.room[f.flow.territory[i]] = whole_load_at(&f, level, f.flow.territory[i]) - f.held[f.flow.territory[i]];
		left = flow_send_all(&f.flow);
		for (int i = 0; i < f.flow.territories; i++)
			room += f.flow.room[f.flow.territory[i]];
		if (room > 0 && left > (isinf(level.height) ? 0 : ROUNDING * f.flow.territories))
		{
			int			classes = split(f.class_order + now.first_class, now.classes, f.flow.class_depth, f.flow.front);
			int			territories = split(f.territory_order + now.first_territory, now.territories, f.flow.territory_depth, f.flow.front);

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
