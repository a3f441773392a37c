/*
 * world.h: made-up sales territories and accounts that are like real ones.
 */
#ifndef SALESOPS_TERRITORY_WORLD_H
#define SALESOPS_TERRITORY_WORLD_H

#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#define WORLD_SEGMENTS		3
#define WORLD_MOST_ACCOUNTS 100000000

typedef enum WorldHold
{
	WORLD_FREE,
	WORLD_LOCKED,
	WORLD_EXEMPT,
	WORLD_ELIGIBLE				/* its territory keeps it for hold_days from today; not positive: the hold is over */
} WorldHold;

typedef struct WorldAccount
{
	double		x;				/* km, in a country of 4,200 x 2,600 */
	double		y;
	double		potential;		/* money a year, in hundreds */
	double		workload;		/* visits a year */
	double		relationship;	/* cost of taking it from its territory, in km of its visits */
	int			owner;			/* territory, or -1 */
	int			family;			/* number, or -1 */
	int			hold_days;
	uint8		segment;
	uint8		hold;			/* WorldHold */
} WorldAccount;

typedef struct WorldTerritory
{
	double		x;
	double		y;
	double		capacity;		/* of a whole representative */
	double		ramp;			/* how much of it there is by now */
	uint8		segments;		/* a bit for each that it may have */
} WorldTerritory;

typedef struct World
{
	int			accounts;
	int			territories;
	WorldAccount *account;
	WorldTerritory *territory;
	double		mean_workload;
} World;

extern const char *const world_segment[WORLD_SEGMENTS];
extern World *territory_world(int accounts, int territories, uint64 seed, void (*check) (void));

#endif
