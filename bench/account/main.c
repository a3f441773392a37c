/*
 * main.c: the matcher outside a server, on a file whose duplicates are known.
 *
 * A line is a record, fields divided by tabs, empty where they are not known: key, company it is in truth, name, website, phone, street, city,
 * state, postal code, country. Printed are precision and recall over pairs of records: of the sure pairs, and of the pairs within
 * clusters; seconds and memory.
 *
 *	main [-v] [-p] [-l least] [-s sure] [-r review] [-b block] FILE
 *
 * -v: and the pairs that are wrong, or right and not sure. -p: nothing but the pairs and clusters. -l: fails where precision or recall is below.
 */
#include "account/match.h"

#include <sys/resource.h>
#include <time.h>

#include "getopt_long.h"

static const MatchField column[] = {
	MATCH_NAME, MATCH_WEBSITE, MATCH_PHONE, MATCH_STREET, MATCH_CITY, MATCH_STATE, MATCH_POSTAL_CODE, MATCH_COUNTRY,
};
#define COLUMNS	(2 + (int) lengthof(column))

typedef struct Line
{
	char	   *text;
	char	   *field[COLUMNS];
} Line;

static int	lines;
static Line *line;

static double
seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double) now.tv_sec + now.tv_nsec / 1e9;
}

static void
read_lines(FILE *file)
{
	char	   *text = NULL;
	size_t		size = 0;
	ssize_t		length;
	int			room = 0;

	while ((length = getline(&text, &size, file)) > 0)
	{
		char	   *at;

		if (lines == room)
		{
			room = Max(1024, room * 2);
			line = realloc(line, sizeof(Line) * room);
		}
		if (text[length - 1] == '\n')
			text[length - 1] = '\0';
		at = line[lines].text = strdup(text);
		for (int i = 0; i < COLUMNS; i++)
		{
			line[lines].field[i] = at ? at : "";
			at = at ? strchr(at, '\t') : NULL;
			if (at)
				*at++ = '\0';
		}
		lines++;
	}
}

static int
compare_lines(const void *one, const void *other)
{
	return strcmp(((const Line *) one)->field[0], ((const Line *) other)->field[0]);
}

static int
compare_texts(const void *one, const void *other)
{
	return strcmp(*(char *const *) one, *(char *const *) other);
}

/* Pairs of equal texts. */
static double
equal_pairs(char **text, int count)
{
	double		pairs = 0;

	qsort(text, count, sizeof(char *), compare_texts);
	for (int from = 0, to; from < count; from = to)
	{
		for (to = from + 1; to < count && strcmp(text[from], text[to]) == 0; to++)
			;
		pairs += (to - from) * (to - from - 1.0) / 2;
	}
	return pairs;
}

static void
print_record(const Line *record)
{
	for (int i = 0; i < COLUMNS; i++)
		printf("%s%s", i == 0 ? "    " : " | ", record->field[i]);
	printf("\n");
}

static void
print_pair(const Match *match, const MatchPair *pair, const char *what)
{
	MatchWeights weights;

	match_explain(match, pair, &weights);
	printf("%s %.1f = %.1f", what, weights.total / 1000.0, weights.prior / 1000.0);
	for (int k = 0; k < MATCH_EVIDENCES; k++)
		if (pair->level[k] != MATCH_UNKNOWN)
			printf(" %+.1f %s", weights.evidence[k] / 1000.0, match_level_in_words(k, pair->level[k]));
	printf(" %+.1f relation\n", weights.relation / 1000.0);
	print_record(&line[pair->one]);
	print_record(&line[pair->other]);
}

int
main(int argc, char **argv)
{
	MatchOptions options = {.kind = MATCH_COMPANIES,.sure = 1,.review = -3,.block = 50};
	bool		verbose = false;
	bool		pairs_only = false;
	double		least = 0;
	FILE	   *file;
	Match	   *match;
	MatchResult *result;
	double		started;
	double		added;
	double		sure = 0;
	double		right = 0;
	double		found = 0;
	double		truth;
	double		within;
	double		within_right;
	char	  **text;
	struct rusage usage;

	for (int c; (c = getopt(argc, argv, "vpl:s:r:b:")) != -1;)
		switch (c)
		{
			case 'v':
				verbose = true;
				break;
			case 'p':
				pairs_only = true;
				break;
			case 'l':
				least = atof(optarg);
				break;
			case 's':
				options.sure = atof(optarg);
				break;
			case 'r':
				options.review = atof(optarg);
				break;
			case 'b':
				options.block = atoi(optarg);
				break;
			default:
				return 2;
		}
	file = optind < argc ? fopen(argv[optind], "r") : stdin;
	if (file == NULL)
	{
		perror(argv[optind]);
		return 1;
	}
	read_lines(file);

	started = seconds();
	match = match_begin(&options);
	for (int i = 0; i < lines; i++)
	{
		const char *field[MATCH_FIELDS] = {NULL};

		for (int k = 0; k < (int) lengthof(column); k++)
			field[column[k]] = line[i].field[2 + k];
		match_add(match, line[i].field[0], field);
	}
	if (match_end(match) != NULL)
	{
		fprintf(stderr, "A key comes twice.\n");
		return 1;
	}
	added = seconds();
	result = match_run(match);
	if (pairs_only)
	{
		for (int i = 0; i < result->pairs; i++)
			printf("%s %s %d %d\n", match_key(match, result->pair[i].one), match_key(match, result->pair[i].other), result->pair[i].weight, result->pair[i].is_sure);
		for (int i = 0; i < match_records(match); i++)
			printf("%s %s\n", match_key(match, i), match_key(match, result->cluster[i]));
		return 0;
	}
	getrusage(RUSAGE_SELF, &usage);
	printf("%d records, %.1f s to read, %.1f s to match, %ld MB with the file; %.1f million pairs compared\n", lines, added - started, seconds() - added,
		   usage.ru_maxrss / 1024, result->compared / 1e6);
	for (int i = 0; i < Min(result->blocks, 3); i++)
		printf("block: %s of %s, %d records, %.0f pairs compared, %.0f left out\n", result->block[i].what, match_key(match, result->block[i].sample),
			   result->block[i].records, (double) result->block[i].compared, (double) result->block[i].left_out);

	/* Records are in the order of their keys now. */
	qsort(line, lines, sizeof(Line), compare_lines);
	for (int i = 0; i < result->pairs; i++)
	{
		const MatchPair *pair = &result->pair[i];
		bool		is_right = strcmp(line[pair->one].field[1], line[pair->other].field[1]) == 0;

		sure += pair->is_sure;
		right += pair->is_sure && is_right;
		found += is_right;
		if (verbose && is_right != pair->is_sure)
			print_pair(match, pair, is_right ? "not sure" : "wrong");
	}
	text = palloc(sizeof(char *) * lines);
	for (int i = 0; i < lines; i++)
		text[i] = line[i].field[1];
	truth = equal_pairs(text, lines);
	for (int i = 0; i < lines; i++)
		text[i] = psprintf("%d", result->cluster[i]);
	within = equal_pairs(text, lines);
	for (int i = 0; i < lines; i++)
		text[i] = psprintf("%d %s", result->cluster[i], line[i].field[1]);
	within_right = equal_pairs(text, lines);
	printf("sure: precision %.4f recall %.4f; clusters: precision %.4f recall %.4f; for review %d, with them recall %.4f; true pairs %.0f\n",
		   right / sure, right / truth, within_right / within, within_right / truth, (int) (result->pairs - sure), found / truth, truth);

	/* What was not even compared, or far from it. */
	if (verbose)
	{
		int			shown = 0;
		int		   *order = palloc(sizeof(int) * lines);

		for (int i = 0; i < lines; i++)
			order[i] = i;
		for (int i = 1; i < lines && shown < 40; i++)
			for (int j = i - 1; j >= Max(0, i - 3); j--)
				if (strcmp(line[i].field[1], line[j].field[1]) == 0 && result->cluster[i] != result->cluster[j])
				{
					bool		is_pair = false;

					for (int k = 0; k < result->pairs && !is_pair; k++)
						is_pair = result->pair[k].one == j && result->pair[k].other == i;
					if (!is_pair)
					{
						MatchPair	pair = {.one = j,.other = i};

						shown++;
						print_pair(match, &pair, "missed");
					}
				}
	}
	return Min(Min(right / sure, right / truth), Min(within_right / within, within_right / truth)) < least;
}
