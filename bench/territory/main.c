/*
 * main.c: solves an instance outside a server, verifies the plan and prints what it found.
 *
 *	balance [-k terr|gap|cpmp|partition|world] [-s solution] [-e effort] [-g gap] [-m memory limit in MB] [-b most moves] [-f] [-c candidates] [-S seed]
 *		[-o plan] [-v] [-d] [-w] instance
 *
 * -w then takes the territory with the largest load away, lets all others share its targets, and solves that from nothing and from the plan and its
 * prices; and then it comes back, to nothing that it had
 * -v says when each phase ended, when the first plan within limits was known, and the longest time between two calls of the callback
 * -d chooses the homes; the verifier's bound is that for these homes, the plan's is for all
 * -f asks for the fewest moves: cost and bound of the plan are then in moves, those of the verifier are not
 */
#include "instance.h"

#include "territory/design.h"

#include <math.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static double
seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec + 1e-9 * now.tv_nsec;
}

static const char *const phase_name[] = {"prices", "bound", "plan", "polish", "homes"};

/* What the callback saw. */
typedef struct Watch
{
	bool		is_talkative;
	double		begun;
	double		called;
	double		longest;
	TerritoryPhase longest_in;
	double		first;			/* plan within limits; 0: none yet */
	TerritoryStatus status;
} Watch;

static bool
watch(const TerritoryStatus *status, void *arg)
{
	Watch	   *w = arg;
	double		now = seconds();

	if (now - w->called > w->longest)
	{
		w->longest = now - w->called;
		w->longest_in = status->phase;
	}
	w->called = now;
	if (status->phase != w->status.phase && w->is_talkative)
		printf("  %.2f s: %s done\n", now - w->begun, phase_name[w->status.phase]);
	if (status->cost != w->status.cost && !isnan(status->cost) && w->is_talkative)
		printf("  %.2f s: cost %.4f gap %.3f%% outside %.6f\n", now - w->begun, status->cost,
			   100 * (status->cost - status->bound) / fabs(status->cost), status->outside);
	if (w->first == 0 && status->outside == 0)
		w->first = now - w->begun;
	w->status = *status;
	return false;
}

/* In %. */
static double
gap_of(const TerritoryPlan *plan)
{
	return 100 * (plan->cost - plan->bound) / fabs(plan->cost);
}

/*
 * A representative leaves: nobody may be there any more, what was there has no owner, and all others share the targets. The plan becomes the
 * owners. Returns who left. What is written to was made by read_instance().
 */
static int
take_away(TerritoryInput *in, const TerritoryPlan *plan)
{
	int			measures = in->measures;
	double	   *least = (double *) in->least;
	double	   *most = (double *) in->most;
	bool	   *eligible = (bool *) in->eligible;
	int		   *owner = (int *) in->owner;
	int		   *held = (int *) in->held;
	int			gone = 0;

	for (int k = 1; k < in->territories; k++)
		if (plan->load[k * measures] > plan->load[gone * measures])
			gone = k;
	for (int m = 0; m < measures; m++)
	{
		double		shared = 0;

		for (int k = 0; k < in->territories; k++)
			shared += k == gone ? 0 : most[k * measures + m];
		for (int k = 0; k < in->territories; k++)
		{
			least[k * measures + m] *= k == gone ? 0 : 1 + most[gone * measures + m] / shared;
			most[k * measures + m] *= k == gone ? 1 : 1 + most[gone * measures + m] / shared;
		}
		most[gone * measures + m] = 0;
	}
	for (int c = 0; c < in->classes; c++)
		eligible[c * in->territories + gone] = false;
	for (int i = 0; i < in->accounts; i++)
	{
		/* Who is exempt stays. */
		if (plan->territory[i] >= 0)
			owner[i] = plan->territory[i];
		owner[i] = owner[i] == gone ? TERRITORY_NONE : owner[i];
		held[i] = held[i] == gone ? TERRITORY_NONE : held[i];
	}
	return gone;
}

/* Solves an input from nothing and from a plan, unless nobody may have some account. */
static TerritoryPlan *
go_on(const char *what, const TerritoryInput *input, TerritoryOptions options, Watch *w)
{
	const double *price = options.price;
	TerritoryPlan *plan;
	double		took[2];

	for (int is_warm = 0; is_warm < 2; is_warm++)
	{
		*w = (Watch) {.is_talkative = w->is_talkative};
		w->begun = w->called = seconds();
		options.price = is_warm ? price : NULL;
		plan = territory_balance(input, &options);
		took[is_warm] = seconds() - w->begun;
		watch(&w->status, w);
		if (!plan->is_valid)
			break;
		printf("  %s, from %s: %.2f s (%.1f%%), cost %.4f, gap %.3f%%, outside %.6f, %d moved\n", what, is_warm ? "the plan" : "nothing", took[is_warm],
			   100 * took[is_warm] / took[0], plan->cost, gap_of(plan), plan->outside, verify(input, plan).moved);
	}
	return plan;
}

static const char *const finding_name[] = {
	"bad size", "bad number", "bad reference", "nobody eligible", "family split", "memory short", "limits cross", "held too much", "too large",
	"short supply", "over supply", "no step", "budget short", "outside",
};

/* The input with the homes given that were chosen. */
static TerritoryInput
with_homes(const TerritoryInput *input, const int *home)
{
	TerritoryInput in = *input;
	double	   *x = palloc(sizeof(double) * in.territories);
	double	   *y = palloc(sizeof(double) * in.territories);

	for (int k = 0; k < in.territories; k++)
	{
		x[k] = home[k] >= 0 ? in.x[home[k]] : in.home_x[k];
		y[k] = home[k] >= 0 ? in.y[home[k]] : in.home_y[k];
		for (int l = 0; l < k; l++)
			if (home[k] >= 0 && home[k] == home[l])
				printf("  TERRITORIES %d AND %d HAVE THE SAME HOME\n", l, k);
	}
	in.home_x = x;
	in.home_y = y;
	if (in.travel)
	{
		double	   *cost = palloc_extended(sizeof(double) * (Size) in.accounts * in.territories, MCXT_ALLOC_HUGE);

		for (int i = 0; i < in.accounts; i++)
			for (int k = 0; k < in.territories; k++)
				cost[(Size) i * in.territories + k] = in.travel[(Size) i * in.accounts + home[k]];
		in.cost = cost;
	}
	return in;
}

int
main(int argc, char **argv)
{
	const char *kind = "terr";
	const char *solution = NULL;
	const char *output = NULL;
	TerritoryOptions options = {0};
	TerritoryInput *input;
	TerritoryInput designed;
	int		   *home = NULL;
	bool		is_design = false;
	TerritoryPlan *plan;
	Verdict		verdict;
	double		budget = INFINITY;
	Watch		w = {0};
	double		took;
	struct rusage usage;
	bool		is_warm = false;
	int			gone = TERRITORY_NONE;
	int			option;

	while ((option = getopt(argc, argv, "k:s:e:g:m:b:fo:S:c:vdw")) != -1)
		switch (option)
		{
			case 'd':
				is_design = true;
				break;
			case 'k':
				kind = optarg;
				break;
			case 's':
				solution = optarg;
				break;
			case 'e':
				options.effort = atof(optarg);
				break;
			case 'g':
				options.gap = atof(optarg);
				break;
			case 'm':
				options.memory_limit = (Size) atol(optarg) << 20;
				break;
			case 'b':
				budget = atof(optarg);
				break;
			case 'f':
				options.fewest_moves = true;
				break;
			case 'o':
				output = optarg;
				break;
			case 'S':
				options.seed = strtoull(optarg, NULL, 10);
				break;
			case 'c':
				options.candidates = atoi(optarg);
				break;
			case 'w':
				is_warm = true;
				break;
			case 'v':
				w.is_talkative = true;
				break;
			default:
				return 2;
		}
	input = read_instance(argv[optind], kind, solution);
	input->budget[TERRITORY_BUDGET_COUNT] = budget;
	options.progress = watch;
	options.progress_arg = &w;
	w.begun = w.called = seconds();
	if (is_design)
	{
		home = palloc(sizeof(int) * input->territories);
		plan = territory_design(input, &options, home);
		designed = with_homes(input, home);
		input = &designed;
	}
	else
		plan = territory_balance(input, &options);
	took = seconds() - w.begun;
	watch(&w.status, &w);
	if (is_warm && plan->is_valid)
	{
		gone = take_away(input, plan);
		printf("  before: %.2f s, cost %.4f, gap %.3f%%\n", took, plan->cost, gap_of(plan));
		options.price = plan->price;
		plan = go_on("one leaves", input, options, &w);
	}
	if (is_warm && plan->is_valid)
	{
		input = read_instance(argv[optind], kind, solution);
		for (int i = 0; i < input->accounts; i++)
			if (plan->territory[i] >= 0)
				((int *) input->owner)[i] = plan->territory[i];
		for (int m = 0; m < input->measures; m++)
			plan->price[gone * input->measures + m] = NAN;
		options.price = plan->price;
		plan = go_on("one comes", input, options, &w);
	}
	if (w.is_talkative)
		printf("  first plan within limits: %.2f s; longest between two calls: %.1f ms (%s)\n", w.first, 1000 * w.longest,
			   phase_name[w.longest_in]);
	for (int r = 0; r < plan->reasons; r++)
		printf("  %s: account %d, territory %d, measure %d, value %g, limit %g, price %g\n", finding_name[plan->reason[r].finding],
			   plan->reason[r].account, plan->reason[r].territory, plan->reason[r].measure, plan->reason[r].value, plan->reason[r].limit,
			   plan->reason[r].price);
	if (!plan->is_valid)
		return 1;
	verdict = verify(input, plan);
	getrusage(RUSAGE_SELF, &usage);
	printf("cost %.4f bound %.4f gap %.3f%% outside %.6f worst", verdict.cost, verdict.bound,
		   100 * (verdict.cost - verdict.bound) / fabs(verdict.cost), verdict.outside);
	for (int m = 0; m < input->measures; m++)
		printf(" %.2f%%", 100 * verdict.worst[m]);
	printf(" broken %d moved %d of %d  %.2f s  %ld MB (own %zu MB)\n", verdict.broken, verdict.moved, verdict.owned, took,
		   usage.ru_maxrss / 1024, plan->memory >> 20);
	if (is_design)
		printf("  bound over all homes %.4f, gap %.3f%%\n", plan->design_bound, 100 * (plan->cost - plan->design_bound) / fabs(plan->cost));
	if (options.fewest_moves)
		printf("  in moves and what breaks ties: cost %.4f bound %.4f, %.2f%% above it\n", plan->cost, plan->bound, 100 * (plan->cost / plan->bound - 1));
	else if (fabs(plan->cost - verdict.cost) > 1e-6 * fabs(verdict.cost) || fabs(plan->bound - verdict.bound) > 1e-6 * fabs(verdict.bound))
		printf("  THE PLAN SAYS cost %.10g bound %.10g\n", plan->cost, plan->bound);
	if (output)
	{
		FILE	   *file = fopen(output, "w");

		for (int i = 0; i < input->accounts; i++)
			fprintf(file, "%d\n", plan->territory[i]);
		fprintf(file, "bound %a\n", plan->bound);
		fclose(file);
	}
	return 0;
}
