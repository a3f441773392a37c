/*
 * instance.c: instances from files.
 *
 *	terr	territories with homes and owners: "terr1 N K M tolerance"; K lines "x y mask target..."; N lines
 *			"x y class owner held relationship weight amount..."; a class is a bit of the masks
 *	gap		generalised assignment: "m n", m x n costs, m x n weights, m capacities
 *	cpmp	capacitated p-median: "n p", n lines "x y capacity demand"; distances are rounded down where the name begins with cpmp.
 *			With a solution, whose file has the objective, then the median of each point, its medians are the homes; without, homes are free
 *	partition	multiway number partitioning: "K N", N sizes. Nothing costs anything; every load must be the fair share, rounded down at least and
 *			rounded up at most
 *	world	no file: "accounts,territories,seed,tolerance" of a generated world with potential and workload, as generate_territories() makes it
 */
#include "instance.h"

#include "territory/targets.h"
#include "territory/world.h"

#include <math.h>

static char *rest_of_file;

static void
slurp(const char *path)
{
	FILE	   *file = fopen(path, "rb");
	long		size;

	if (!file)
	{
		perror(path);
		exit(2);
	}
	fseek(file, 0, SEEK_END);
	size = ftell(file);
	rewind(file);
	rest_of_file = palloc_extended(size + 1, MCXT_ALLOC_HUGE);
	if (fread(rest_of_file, 1, size, file) != (size_t) size)
		exit(2);
	rest_of_file[size] = 0;
	fclose(file);
}

static double
number(void)
{
	char	   *end;
	double		value = strtod(rest_of_file, &end);

	if (end == rest_of_file)
	{
		fprintf(stderr, "a number is missing in the file\n");
		exit(2);
	}
	rest_of_file = end;
	return value;
}

#define many(type, count) ((type *) palloc_extended(sizeof(type) * (Size) (count), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO))

static TerritoryInput *
read_terr(const char *path)
{
	TerritoryInput *in = palloc0(sizeof(TerritoryInput));
	double	   *amount,
			   *relationship,
			   *x,
			   *y,
			   *weight,
			   *home_x,
			   *home_y,
			   *least,
			   *most;
	int		   *class_of,
			   *owner,
			   *held;
	bool	   *eligible;
	double		tolerance;
	char	   *begin;

	slurp(path);
	begin = rest_of_file;
	rest_of_file += 5;
	in->accounts = number();
	in->territories = number();
	in->measures = number();
	tolerance = number();
	in->classes = 32;
	eligible = many(bool, in->classes * in->territories);
	home_x = many(double, in->territories);
	home_y = many(double, in->territories);
	least = many(double, in->territories * in->measures);
	most = many(double, in->territories * in->measures);
	for (int k = 0; k < in->territories; k++)
	{
		unsigned	mask;

		home_x[k] = number();
		home_y[k] = number();
		mask = number();
		for (int c = 0; c < in->classes; c++)
			eligible[c * in->territories + k] = mask >> c & 1;
		for (int m = 0; m < in->measures; m++)
		{
			double		target = number();

			least[k * in->measures + m] = target * (1 - tolerance);
			most[k * in->measures + m] = target * (1 + tolerance);
		}
	}
	amount = many(double, (Size) in->accounts * in->measures);
	relationship = many(double, in->accounts);
	x = many(double, in->accounts);
	y = many(double, in->accounts);
	weight = many(double, in->accounts);
	class_of = many(int, in->accounts);
	owner = many(int, in->accounts);
	held = many(int, in->accounts);
	for (int i = 0; i < in->accounts; i++)
	{
		x[i] = number();
		y[i] = number();
		class_of[i] = number();
		owner[i] = number();
		held[i] = number() != 0 ? owner[i] : TERRITORY_NONE;
		relationship[i] = number();
		weight[i] = number();
		for (int m = 0; m < in->measures; m++)
			amount[(Size) i * in->measures + m] = number();
	}
	pfree(begin);
	in->amount = amount;
	in->class_of = class_of;
	in->owner = owner;
	in->held = held;
	in->relationship = relationship;
	in->x = x;
	in->y = y;
	in->weight = weight;
	in->eligible = eligible;
	in->home_x = home_x;
	in->home_y = home_y;
	in->least = least;
	in->most = most;
	return in;
}

static TerritoryInput *
read_gap(const char *path)
{
	TerritoryInput *in = palloc0(sizeof(TerritoryInput));
	double	   *cost,
			   *amount,
			   *most;

	slurp(path);
	in->territories = number();
	in->accounts = number();
	in->measures = 1;
	in->classes = 1;
	in->by_territory = true;
	cost = many(double, in->accounts * in->territories);
	amount = many(double, in->accounts * in->territories);
	most = many(double, in->territories);
	for (int k = 0; k < in->territories; k++)
		for (int i = 0; i < in->accounts; i++)
			cost[i * in->territories + k] = number();
	for (int k = 0; k < in->territories; k++)
		for (int i = 0; i < in->accounts; i++)
			amount[i * in->territories + k] = number();
	for (int k = 0; k < in->territories; k++)
		most[k] = number();
	in->cost = cost;
	in->amount = amount;
	in->least = many(double, in->territories);
	in->most = most;
	return in;
}

static TerritoryInput *
read_cpmp(const char *path, const char *solution)
{
	TerritoryInput *in = palloc0(sizeof(TerritoryInput));
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	bool		rounds_down = strncmp(name, "cpmp", 4) == 0;
	double	   *x,
			   *y,
			   *capacity,
			   *demand,
			   *cost,
			   *most;
	int		   *median_of;

	slurp(path);
	in->accounts = number();
	in->territories = number();
	in->measures = in->classes = 1;
	x = many(double, in->accounts);
	y = many(double, in->accounts);
	capacity = many(double, in->accounts);
	demand = many(double, in->accounts);
	median_of = many(int, in->accounts);
	for (int i = 0; i < in->accounts; i++)
	{
		x[i] = number();
		y[i] = number();
		capacity[i] = number();
		demand[i] = number();
	}
	if (!solution)
	{
		double	   *all_alike = many(double, in->territories);
		double	   *travel = rounds_down ? many(double, (Size) in->accounts * in->accounts) : NULL;

		for (int i = 0; i < in->accounts; i++)
			if (capacity[i] != capacity[0])
			{
				fprintf(stderr, "capacities differ: whose would a territory have?\n");
				exit(2);
			}
		for (int k = 0; k < in->territories; k++)
			all_alike[k] = capacity[0];
		for (int i = 0; rounds_down && i < in->accounts; i++)
			for (int j = 0; j < in->accounts; j++)
				travel[(Size) i * in->accounts + j] = floor(sqrt((x[i] - x[j]) * (x[i] - x[j]) + (y[i] - y[j]) * (y[i] - y[j])));
		in->travel = travel;
		in->x = x;
		in->y = y;
		in->amount = demand;
		in->least = many(double, in->territories);
		in->most = all_alike;
		return in;
	}
	slurp(solution);
	number();
	in->territories = 0;
	for (int i = 0; i < in->accounts; i++)
		median_of[(int) number()] = 1;
	for (int i = 0; i < in->accounts; i++)
		in->territories += median_of[i];
	cost = many(double, (Size) in->accounts * in->territories);
	most = many(double, in->territories);
	for (int j = 0, k = 0; j < in->accounts; j++)
		if (median_of[j])
		{
			for (int i = 0; i < in->accounts; i++)
			{
				double		distance = sqrt((x[i] - x[j]) * (x[i] - x[j]) + (y[i] - y[j]) * (y[i] - y[j]));

				cost[(Size) i * in->territories + k] = rounds_down ? floor(distance) : distance;
			}
			most[k++] = capacity[j];
		}
	in->amount = demand;
	in->cost = cost;
	in->least = many(double, in->territories);
	in->most = most;
	return in;
}

static TerritoryInput *
read_partition(const char *path)
{
	TerritoryInput *in = palloc0(sizeof(TerritoryInput));
	double	   *amount,
			   *least,
			   *most;
	double		total = 0;

	slurp(path);
	in->territories = number();
	in->accounts = number();
	in->measures = in->classes = 1;
	amount = many(double, in->accounts);
	least = many(double, in->territories);
	most = many(double, in->territories);
	for (int i = 0; i < in->accounts; i++)
		total += amount[i] = number();
	for (int k = 0; k < in->territories; k++)
	{
		least[k] = floor(total / in->territories);
		most[k] = ceil(total / in->territories);
	}
	in->amount = amount;
	in->least = least;
	in->most = most;
	return in;
}

/* The hold is over or not as of the day that the world was made. */
static TerritoryInput *
make_world(const char *arguments)
{
	TerritoryInput *in = palloc0(sizeof(TerritoryInput));
	int			accounts,
				territories,
				seed;
	double		tolerance;
	World	   *world;

	if (sscanf(arguments, "%d,%d,%d,%lf", &accounts, &territories, &seed, &tolerance) != 4)
	{
		fprintf(stderr, "a world is accounts,territories,seed,tolerance\n");
		exit(2);
	}
	world = territory_world(accounts, territories, seed, NULL);
	{
		double	   *amount = many(double, 2 * (Size) accounts);
		double	   *relationship = many(double, accounts);
		double	   *x = many(double, accounts);
		double	   *y = many(double, accounts);
		double	   *weight = many(double, accounts);
		int		   *class_of = many(int, accounts);
		int		   *owner = many(int, accounts);
		int		   *held = many(int, accounts);
		int		   *family = many(int, accounts);
		double	   *home_x = many(double, territories);
		double	   *home_y = many(double, territories);
		double	   *share = many(double, territories);
		double	   *least = many(double, 2 * territories);
		double	   *most = many(double, 2 * territories);
		bool	   *eligible = many(bool, WORLD_SEGMENTS * territories);
		double	   *supply = many(double, 2 * WORLD_SEGMENTS);
		double	   *held_load = many(double, 2 * territories);
		double	   *target;

		for (int i = 0; i < accounts; i++)
		{
			const WorldAccount *a = &world->account[i];

			amount[2 * (Size) i] = a->potential;
			amount[2 * (Size) i + 1] = a->workload;
			relationship[i] = a->owner < 0 ? 0 : a->relationship;
			x[i] = a->x;
			y[i] = a->y;
			weight[i] = rint(10000 * a->workload / world->mean_workload) / 10000;
			class_of[i] = a->segment;
			owner[i] = a->owner;
			family[i] = a->family;
			held[i] = a->hold == WORLD_EXEMPT ? TERRITORY_EXEMPT :
				a->hold == WORLD_LOCKED || (a->hold == WORLD_ELIGIBLE && a->hold_days >= 0) ? a->owner : TERRITORY_NONE;
			for (int m = 0; m < 2 && held[i] != TERRITORY_EXEMPT; m++)
				*(held[i] >= 0 ? &held_load[2 * held[i] + m] : &supply[2 * a->segment + m]) += amount[2 * (Size) i + m];
		}
		for (int k = 0; k < territories; k++)
		{
			const WorldTerritory *t = &world->territory[k];

			home_x[k] = t->x;
			home_y[k] = t->y;
			share[k] = t->capacity * t->ramp;
			for (int c = 0; c < WORLD_SEGMENTS; c++)
				eligible[c * territories + k] = t->segments >> c & 1;
			most[2 * k] = most[2 * k + 1] = INFINITY;
		}
		target = territory_targets(&(TerritoryShares) {
			.classes = WORLD_SEGMENTS, .territories = territories, .measures = 2, .supply = supply, .eligible = eligible,
			.share = share, .held = held_load, .least = least, .most = most,
		}, NULL);
		for (int j = 0; j < 2 * territories; j++)
		{
			least[j] = target[j] * (1 - tolerance);
			most[j] = target[j] * (1 + tolerance);
		}
		*in = (TerritoryInput) {
			.accounts = accounts, .territories = territories, .measures = 2, .classes = WORLD_SEGMENTS, .amount = amount, .class_of = class_of,
			.owner = owner, .held = held, .family = family, .relationship = relationship, .x = x, .y = y, .weight = weight, .eligible = eligible,
			.home_x = home_x, .home_y = home_y, .least = least, .most = most,
		};
	}
	return in;
}

TerritoryInput *
read_instance(const char *path, const char *kind, const char *solution)
{
	TerritoryInput *in = strcmp(kind, "gap") == 0 ? read_gap(path) :
		strcmp(kind, "cpmp") == 0 ? read_cpmp(path, solution) : strcmp(kind, "partition") == 0 ? read_partition(path) :
		strcmp(kind, "world") == 0 ? make_world(path) : read_terr(path);

	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		in->budget[b] = INFINITY;
	return in;
}
