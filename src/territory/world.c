/*
 * world.c: made-up sales territories and accounts that are like real ones, for trying, testing and measuring.
 *
 * Three segments (enterprise, mid-market, small) share a country of cities and a countryside. Most accounts are near a city, large cities have
 * more. Potential is lognormal within its segment; workload grows with it, but slower. Representatives live in cities too; there are as many for a
 * segment as its workload asks for, one in six takes a neighbouring segment besides, some are ramping, some are senior. What is there
 * to balance is the past: last year each account went to the nearest representative of its segment who had room by last year's potential; since
 * then potentials have drifted, accounts are new, representatives have left or come. Some accounts are locked, on hold or exempt, and
 * subsidiaries belong to families.
 *
 * The same arguments give the same world to the last bit: random numbers are SplitMix64, exp and log our own.
 */
#include "territory/world.h"

#include <math.h>

#include "core/numerics.h"
#include "territory/problem.h"

#define CITIES			48
#define WIDTH			4200.0
#define HEIGHT			2600.0
#define IN_THE_COUNTRY	0.18
#define HYBRID			(1.0 / 6)
#define LAST_YEARS_ROOM 1.03

const char *const world_segment[WORLD_SEGMENTS] = {"enterprise", "mid-market", "small"};

static const struct
{
	double		share;			/* of the accounts */
	double		potential;		/* median */
	double		workload;		/* of an account with that potential */
}			segment_kind[WORLD_SEGMENTS] = {{0.08, 150000, 20}, {0.27, 35000, 9}, {0.65, 9000, 3}};

typedef struct City
{
	double		x;
	double		y;
	double		up_to;			/* share of the people in it and those before */
} City;

/* Uniform in (0, 1). */
static double
draw(uint64 *random)
{
	return ((double) (next_random(random) >> 11) + 0.5) * (1.0 / (double) (UINT64CONST(1) << 53));
}

static double
draw_normal(uint64 *random)
{
	return salesops_normal_quantile(draw(random));
}

static void
draw_cities(City *city, uint64 *random)
{
	double		people = 0;

	for (int c = 0; c < CITIES; c++)
	{
		city[c].x = WIDTH * (0.04 + 0.92 * draw(random));
		city[c].y = HEIGHT * (0.04 + 0.92 * draw(random));
		/* Zipf's law, a little flatter. */
		people += salesops_exp(-0.9 * salesops_log(c + 1));
		city[c].up_to = people;
	}
	for (int c = 0; c < CITIES; c++)
		city[c].up_to /= people;
}

static const City *
draw_city(const City *city, uint64 *random)
{
	double		at = draw(random);
	int			c = 0;

	while (c < CITIES - 1 && city[c].up_to < at)
		c++;
	return &city[c];
}

static double
rounded(double value, double unit)
{
	return Max(floor(value / unit + 0.5), 1) * unit;
}

/* Accounts as they are now, and in last_year what their potential was. A subsidiary has the city and the segment of its parent. */
static void
draw_accounts(World *world, const City *city, double *last_year, uint64 *random)
{
	const City *home = city;
	int			segment = 0;
	int			family = -1;
	int			families = 0;
	int			subsidiaries = 0;

	for (int i = 0; i < world->accounts; i++)
	{
		WorldAccount *a = &world->account[i];
		double		radius = 15 + 45 * draw(random);
		double		at = draw(random);
		double		size;

		if (subsidiaries == 0)
		{
			home = draw(random) < IN_THE_COUNTRY ? NULL : draw_city(city, random);
			segment = at < segment_kind[0].share ? 0 : at < segment_kind[0].share + segment_kind[1].share ? 1 : 2;
			family = -1;
			if (draw(random) < 0.02)
			{
				family = families++;
				subsidiaries = 2 + random_below(random, 2);
			}
		}
		if (subsidiaries > 0)
			subsidiaries--;
		a->segment = segment;
		a->family = family;
		a->x = rounded(home ? home->x + radius * draw_normal(random) : WIDTH * draw(random), 0.1);
		a->y = rounded(home ? home->y + radius * draw_normal(random) : HEIGHT * draw(random), 0.1);
		size = 0.9 * draw_normal(random);
		last_year[i] = rounded(segment_kind[segment].potential * salesops_exp(size), 100);
		size += 0.25 * draw_normal(random);
		a->potential = rounded(segment_kind[segment].potential * salesops_exp(size), 100);
		a->workload = rounded(segment_kind[segment].workload * salesops_exp(0.3 * size + 0.3 * draw_normal(random)), 1);
		a->relationship = rounded(50 + 150 * draw(random), 1);
		world->mean_workload += a->workload / world->accounts;
	}
}

/* As many representatives for a segment as its workload asks for. main_segment[k] is what k was hired for. */
static void
draw_territories(World *world, const City *city, int *main_segment, uint64 *random)
{
	double		up_to[WORLD_SEGMENTS] = {0};

	for (int i = 0; i < world->accounts; i++)
		for (int s = world->account[i].segment; s < WORLD_SEGMENTS; s++)
			up_to[s] += world->account[i].workload;
	for (int k = 0; k < world->territories; k++)
	{
		WorldTerritory *t = &world->territory[k];
		const City *home = draw_city(city, random);
		double		at = up_to[WORLD_SEGMENTS - 1] * (k + 0.5) / world->territories;
		double		kind;
		int			segment = 0;

		while (up_to[segment] < at)
			segment++;
		main_segment[k] = segment;
		t->segments = 1 << segment;
		if (draw(random) < HYBRID)
			t->segments |= segment == 1 ? (draw(random) < 0.5 ? 1 : 4) : 2;
		t->x = rounded(home->x + 12 * draw_normal(random), 0.1);
		t->y = rounded(home->y + 12 * draw_normal(random), 0.1);
		kind = draw(random);
		t->ramp = kind < 0.12 ? 0.5 : kind < 0.25 ? 0.75 : 1;
		t->capacity = kind > 0.9 ? 1.25 : 1;
	}
}

/* Last year's plan: to the nearest of its segment with room. Who has left since has nothing, who has come since has nothing yet. */
static void
assign_owners(World *world, const int *main_segment, const double *last_year, uint64 *random, void (*check) (void))
{
	double		potential[WORLD_SEGMENTS] = {0};
	double		capacity[WORLD_SEGMENTS] = {0};
	double	   *room = palloc(sizeof(double) * world->territories);
	bool	   *has_left = palloc(sizeof(bool) * world->territories);

	for (int i = 0; i < world->accounts; i++)
		potential[world->account[i].segment] += last_year[i];
	for (int k = 0; k < world->territories; k++)
	{
		double		fate = draw(random);

		has_left[k] = fate < 0.03;
		room[k] = fate > 0.96 ? 0 : world->territory[k].capacity;
		capacity[main_segment[k]] += room[k];
	}
	for (int k = 0; k < world->territories; k++)
		if (room[k] > 0)
			room[k] *= LAST_YEARS_ROOM * potential[main_segment[k]] / capacity[main_segment[k]];
	for (int i = 0; i < world->accounts; i++)
	{
		WorldAccount *a = &world->account[i];
		double		nearest = INFINITY;
		bool		is_new = draw(random) < 0.03;
		double		hold = draw(random);

		if (i % 4096 == 0 && check)
			check();
		a->owner = -1;
		for (int k = 0; k < world->territories && !is_new; k++)
			if (main_segment[k] == a->segment && room[k] >= last_year[i])
			{
				double		dx = a->x - world->territory[k].x;
				double		dy = a->y - world->territory[k].y;

				if (dx * dx + dy * dy < nearest)
				{
					nearest = dx * dx + dy * dy;
					a->owner = k;
				}
			}
		if (a->owner < 0)
			continue;
		room[a->owner] -= last_year[i];
		if (has_left[a->owner])
		{
			a->owner = -1;
			continue;
		}
		/* A lock or hold on one of a family would be one on all of it. */
		if (a->family < 0)
			a->hold = hold < 0.04 ? WORLD_LOCKED : hold < 0.045 ? WORLD_EXEMPT : hold < 0.065 ? WORLD_ELIGIBLE : WORLD_FREE;
		if (a->hold == WORLD_ELIGIBLE)
			a->hold_days = (int) random_below(random, 180) - 60;
	}
	pfree(room);
	pfree(has_left);
}

/* A world of at least one account and one territory; check is called now and then and may leave by ereport. */
World *
territory_world(int accounts, int territories, uint64 seed, void (*check) (void))
{
	World	   *world = palloc0(sizeof(World));
	City		city[CITIES];
	uint64		random = seed;
	double	   *last_year = palloc_extended(sizeof(double) * accounts, MCXT_ALLOC_HUGE);
	int		   *main_segment = palloc(sizeof(int) * territories);

	world->accounts = accounts;
	world->territories = territories;
	world->account = palloc_extended(sizeof(WorldAccount) * accounts, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	world->territory = palloc0(sizeof(WorldTerritory) * territories);
	draw_cities(city, &random);
	draw_accounts(world, city, last_year, &random);
	draw_territories(world, city, main_segment, &random);
	assign_owners(world, main_segment, last_year, &random, check);
	pfree(last_year);
	pfree(main_segment);
	return world;
}
