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
 */
#include "instance.h"

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

TerritoryInput *
read_instance(const char *path, const char *kind, const char *solution)
{
	TerritoryInput *in = strcmp(kind, "gap") == 0 ? read_gap(path) :
		strcmp(kind, "cpmp") == 0 ? read_cpmp(path, solution) : strcmp(kind, "partition") == 0 ? read_partition(path) : read_terr(path);

	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		in->budget[b] = INFINITY;
	return in;
}
