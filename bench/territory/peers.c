/*
 * peers.c: what a user would take instead, on the same instances, judged by the same verifier.
 *
 *	peers greedy INSTANCE			largest account first, to the eligible territory with the least of its target
 *	peers lp INSTANCE FILE			the problem as a CPLEX LP file, limits elastic at PENALTY for 1 % outside
 *	peers glpk INSTANCE FILE		the plan in what glpsol --write left
 *	peers cbc INSTANCE FILE			the plan in what cbc solution left
 *	peers csv INSTANCE FOLDER		accounts.csv and territories.csv, as balance_territories() reads them
 */
#include "instance.h"

#include <math.h>

#define PENALTY		20000.0
#define NAME_LENGTH 64

static bool
may_have(const TerritoryInput *in, int i, int k)
{
	return in->held[i] >= 0 ? in->held[i] == k : in->eligible[in->class_of[i] * in->territories + k];
}

static double
cost_of(const TerritoryInput *in, int i, int k)
{
	return in->weight[i] * hypot(in->x[i] - in->home_x[k], in->y[i] - in->home_y[k]) +
		(in->owner[i] >= 0 && in->owner[i] != k ? in->relationship[i] : 0);
}

static void
judge(const TerritoryInput *in, int *territory, const char *name)
{
	TerritoryPlan plan = {.territory = territory, .price = palloc0(sizeof(double) * in->territories * in->measures)};
	Verdict		v = verify(in, &plan);

	printf("%-8s cost %.0f outside %.4f worst", name, v.cost, v.outside);
	for (int m = 0; m < in->measures; m++)
		printf(" %.2f%%", 100 * v.worst[m]);
	printf(" broken %d moved %d of %d\n", v.broken, v.moved, v.owned);
}

static const TerritoryInput *compared;

static int
larger_first(const void *a, const void *b)
{
	double		left = compared->amount[(Size) *(const int *) a * compared->measures];
	double		right = compared->amount[(Size) *(const int *) b * compared->measures];

	return left > right ? -1 : left < right ? 1 : *(const int *) a - *(const int *) b;
}

static void
greedy(const TerritoryInput *in)
{
	int		   *order = palloc(sizeof(int) * in->accounts);
	int		   *territory = palloc(sizeof(int) * in->accounts);
	double	   *load = palloc0(sizeof(double) * in->territories);

	for (int i = 0; i < in->accounts; i++)
		order[i] = i;
	compared = in;
	qsort(order, in->accounts, sizeof(int), larger_first);
	for (int j = 0; j < in->accounts; j++)
	{
		int			i = order[j];
		int			best = -1;

		for (int k = 0; k < in->territories; k++)
			if (may_have(in, i, k) && (best < 0 || load[k] / in->most[k * in->measures] < load[best] / in->most[best * in->measures]))
				best = k;
		territory[i] = best;
		load[best] += in->amount[(Size) i * in->measures];
	}
	judge(in, territory, "greedy");
}

static void
write_lp(const TerritoryInput *in, const char *path)
{
	FILE	   *file = fopen(path, "w");
	int			rows = in->territories * in->measures;

	fprintf(file, "Minimize\n cost:\n");
	for (int i = 0; i < in->accounts; i++)
		for (int k = 0; k < in->territories; k++)
			if (may_have(in, i, k))
				fprintf(file, " + %.6f x_%d_%d\n", cost_of(in, i, k), i, k);
	for (int j = 0; j < rows; j++)
		fprintf(file, " + %.1f s_%d\n", 100 * PENALTY, j);
	fprintf(file, "Subject To\n");
	for (int i = 0; i < in->accounts; i++)
	{
		fprintf(file, " a%d:", i);
		for (int k = 0; k < in->territories; k++)
			if (may_have(in, i, k))
				fprintf(file, " + x_%d_%d", i, k);
		fprintf(file, " = 1\n");
	}
	for (int j = 0; j < rows; j++)
		for (int side = 0; side < 2; side++)
		{
			double		limit = side == 0 ? in->least[j] : in->most[j];

			fprintf(file, " r%d_%d:", j, side);
			for (int i = 0; i < in->accounts; i++)
				if (may_have(in, i, j / in->measures))
					fprintf(file, "\n + %.10g x_%d_%d", in->amount[(Size) i * in->measures + j % in->measures], i, j / in->measures);
			fprintf(file, side == 0 ? "\n + %.10g s_%d >= %.10g\n" : "\n - %.10g s_%d <= %.10g\n", (in->least[j] + in->most[j]) / 2, j, limit);
		}
	fprintf(file, "Binary\n");
	for (int i = 0; i < in->accounts; i++)
		for (int k = 0; k < in->territories; k++)
			if (may_have(in, i, k))
				fprintf(file, " x_%d_%d\n", i, k);
	fprintf(file, "End\n");
	fclose(file);
}

/* glpsol writes values by the number of the column, cbc by name. */
static void
read_solution(const TerritoryInput *in, const char *path, bool is_glpk)
{
	FILE	   *file = fopen(path, "r");
	int		   *territory = palloc(sizeof(int) * in->accounts);
	int		   *account_of = palloc(sizeof(int) * in->accounts * in->territories);
	int		   *territory_of = palloc(sizeof(int) * in->accounts * in->territories);
	int			columns = 0;
	int			placed = 0;
	char		line[1024];

	for (int i = 0; i < in->accounts; i++)
		for (int k = 0; k < in->territories; k++)
			if (may_have(in, i, k))
			{
				account_of[columns] = i;
				territory_of[columns++] = k;
			}
	while (file && fgets(line, sizeof(line), file))
	{
		int			i,
					k,
					column;
		double		value;

		if (is_glpk && sscanf(line, "j %d %lf", &column, &value) == 2 && column <= columns && value > 0.5)
		{
			territory[account_of[column - 1]] = territory_of[column - 1];
			placed++;
		}
		if (!is_glpk && sscanf(line, "%d x_%d_%d %lf", &column, &i, &k, &value) == 4 && value > 0.5)
		{
			territory[i] = k;
			placed++;
		}
	}
	if (placed == in->accounts)
		judge(in, territory, is_glpk ? "GLPK" : "CBC");
	else
		printf("%-8s no plan\n", is_glpk ? "GLPK" : "CBC");
}

static FILE *
create(const char *folder, const char *name)
{
	char		path[1024];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return fopen(path, "w");
}

/* Classes become needs and tags c0, c1 ..., targets are given. */
static void
write_csv(const TerritoryInput *in, const char *folder)
{
	FILE	   *file = create(folder, "territories.csv");

	fprintf(file, "id,x,y,tags,target_potential,target_workload\n");
	for (int k = 0; k < in->territories; k++)
	{
		const char *separator = "";

		fprintf(file, "%d,%.10g,%.10g,\"{", k, in->home_x[k], in->home_y[k]);
		for (int c = 0; c < in->classes; c++)
			if (in->eligible[c * in->territories + k])
			{
				fprintf(file, "%sc%d", separator, c);
				separator = ",";
			}
		fprintf(file, "}\"");
		for (int m = 0; m < in->measures; m++)
			fprintf(file, ",%.10g", (in->least[k * in->measures + m] + in->most[k * in->measures + m]) / 2);
		fprintf(file, "\n");
	}
	fclose(file);
	file = create(folder, "accounts.csv");
	fprintf(file, "id,territory,potential,workload,x,y,needs,locked,relationship,distance_cost\n");
	for (int i = 0; i < in->accounts; i++)
	{
		char		owner[NAME_LENGTH] = "";

		if (in->owner[i] >= 0)
			snprintf(owner, sizeof(owner), "%d", in->owner[i]);
		fprintf(file, "%d,%s,%.10g,%.10g,%.10g,%.10g,{c%d},%s,%.10g,%.10g\n", i, owner, in->amount[(Size) i * 2], in->amount[(Size) i * 2 + 1],
				in->x[i], in->y[i], in->class_of[i], in->held[i] >= 0 ? "t" : "f", in->relationship[i], in->weight[i]);
	}
	fclose(file);
}

int
main(int argc, char **argv)
{
	const char *task = argc > 2 ? argv[1] : "";
	TerritoryInput *in = argc > 2 ? read_instance(argv[2], "terr", NULL) : NULL;

	if (strcmp(task, "greedy") == 0)
		greedy(in);
	else if (strcmp(task, "lp") == 0 && argc > 3)
		write_lp(in, argv[3]);
	else if ((strcmp(task, "glpk") == 0 || strcmp(task, "cbc") == 0) && argc > 3)
		read_solution(in, argv[3], strcmp(task, "glpk") == 0);
	else if (strcmp(task, "csv") == 0 && argc > 3)
		write_csv(in, argv[3]);
	else
		return 2;
	return 0;
}
