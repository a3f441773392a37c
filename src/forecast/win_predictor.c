/*
 * win_predictor.c: a win model ready to be asked, and what it answers.
 *
 * A query asks one model about a hundred thousand deals. So the model is read once: for each factor a table from a level's
 * text to its number, for each term an index from level numbers to an effect. It is kept with the call (fn_extra) as long as
 * the same model comes: told by the place a stored value is kept at, or by its fingerprint.
 *
 * Between two marks a deal's chance is found from the chances at both: each is a cumulative hazard, -ln(1 - p), which is 0
 * at the end of the period and is interpolated linearly in the months to go. With more months to go than at the
 * farthest mark the chance is that of the farthest mark: nothing is known beyond.
 */
#include "forecast/win_predictor.h"

#include "common/hashfn.h"
#include "utils/memutils.h"

#include "core/numerics.h"
#include "forecast/win_levels.h"

/* Open addressing: the number of a level + 1, 0 for none. */
typedef struct WinLevelTable
{
	uint32		mask;
	uint32	   *slot;
	uint32	   *hash;			/* of each level */
} WinLevelTable;

/* A term's effects: of a single factor by level number, of a product by a table of keys. */
typedef struct WinEffectIndex
{
	double	   *effect;			/* by level number; of a product none */
	uint32		mask;
	uint32	   *slot;			/* place in the term + 1, 0 for none */
} WinEffectIndex;

/* What is kept with the call. */
typedef struct KeptPredictor
{
	MemoryContext context;
	const WinPredictor *predictor;
	uint64		fingerprint;
	Size		size;
	bool		is_external;	/* whether the place is known */
	struct varatt_external place;
} KeptPredictor;

static void *
allocate(Size count, Size size)
{
	return palloc_extended(Max(count, 1) * size, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

/* The mask of a table for so many entries: a power of two that leaves half of it empty, less one. */
static uint32
mask_for(uint32 entries)
{
	uint32		size = 16;

	while (size < entries * 2)
		size *= 2;
	return size - 1;
}

static void
make_level_table(WinLevelTable *table, uint32 levels, const WinText *level)
{
	table->mask = mask_for(levels);
	table->slot = allocate((Size) table->mask + 1, sizeof(uint32));
	table->hash = allocate(levels, sizeof(uint32));
	for (uint32 l = 0; l < levels; l++)
	{
		uint32		place;

		table->hash[l] = hash_bytes((const unsigned char *) level[l].bytes, (int) level[l].length);
		place = table->hash[l] & table->mask;
		while (table->slot[place] != 0)
			place = (place + 1) & table->mask;
		table->slot[place] = l + 1;
	}
}

static inline uint32
find_level(const WinPredictor *predictor, int factor, WinText text)
{
	const WinLevelTable *table = &predictor->table[factor];
	const WinText *level = predictor->model->level[factor];
	uint32		hash = hash_bytes((const unsigned char *) text.bytes, (int) text.length);

	for (uint32 place = hash & table->mask; table->slot[place] != 0; place = (place + 1) & table->mask)
	{
		uint32		l = table->slot[place] - 1;

		if (table->hash[l] == hash && level[l].length == text.length &&
			memcmp(level[l].bytes, text.bytes, text.length) == 0)
			return l;
	}
	return WIN_UNSEEN;
}

/* A hash of a combination of levels. */
static inline uint32
hash_levels(const WinTerm *term, const uint32 *level_of_place)
{
	uint64		hash = 0;

	for (int i = 0; i < term->factors; i++)
		hash = (hash + level_of_place[i] + 1) * UINT64CONST(0x9e3779b97f4a7c15);
	return (uint32) (hash >> 32);
}

static void
make_effect_index(const WinModel *model, const WinTerm *term, WinEffectIndex *index)
{
	if (term->factors == 1)
	{
		index->effect = allocate(model->levels[term->factor[0]], sizeof(double));
		for (uint32 i = 0; i < term->levels; i++)
			index->effect[term->level[i]] = term->effect[i];
		return;
	}
	index->mask = mask_for(term->levels);
	index->slot = allocate((Size) index->mask + 1, sizeof(uint32));
	for (uint32 i = 0; i < term->levels; i++)
	{
		uint32		place = hash_levels(term, term->level + (Size) i * term->factors) & index->mask;

		while (index->slot[place] != 0)
			place = (place + 1) & index->mask;
		index->slot[place] = i + 1;
	}
}

/* The months that a level of to_go says; false where it says none. */
static bool
read_months(WinText level, double *months)
{
	*months = 0;
	if (level.length == 0 || level.length > 3)
		return false;
	for (uint32 i = 0; i < level.length; i++)
	{
		if (level.bytes[i] < '0' || level.bytes[i] > '9')
			return false;
		*months = *months * 10 + (level.bytes[i] - '0');
	}
	return *months > 0;
}

static int
compare_marks(const void *a, const void *b)
{
	double		x = ((const WinMark *) a)->months;
	double		y = ((const WinMark *) b)->months;

	return (x > y) - (x < y);
}

/* Makes a predictor of a model, which must live as long. */
static const WinPredictor *
make_predictor(const WinModel *model)
{
	WinPredictor *predictor = palloc0(sizeof(WinPredictor));

	predictor->model = model;
	predictor->to_go = win_model_to_go(model);
	predictor->table = allocate(model->factors, sizeof(WinLevelTable));
	for (int f = 0; f < model->factors; f++)
		make_level_table(&predictor->table[f], model->levels[f], model->level[f]);
	predictor->index = allocate(model->terms, sizeof(WinEffectIndex));
	for (int t = 0; t < model->terms; t++)
		make_effect_index(model, &model->term[t], &predictor->index[t]);
	if (predictor->to_go >= 0)
	{
		uint32		levels = model->levels[predictor->to_go];

		predictor->mark = allocate(levels, sizeof(WinMark));
		for (uint32 l = 0; l < levels; l++)
		{
			double		months;

			if (read_months(model->level[predictor->to_go][l], &months))
				predictor->mark[predictor->marks++] = (WinMark) {.months = months, .level = l};
		}
		qsort(predictor->mark, predictor->marks, sizeof(WinMark), compare_marks);
	}
	return predictor;
}

/* The predictor of the model that an argument of the calling function holds. */
const WinPredictor *
win_predictor(FunctionCallInfo fcinfo, int argument)
{
	struct varlena *raw = PG_GETARG_RAW_VARLENA_P(argument);
	KeptPredictor *kept = fcinfo->flinfo->fn_extra;
	bool		is_external = VARATT_IS_EXTERNAL_ONDISK(raw);
	struct varatt_external place;
	WinModelValue *value;
	MemoryContext caller_context;

	if (is_external)
	{
		memcpy(&place, VARDATA_EXTERNAL(raw), sizeof(place));
		if (kept != NULL && kept->is_external && memcmp(&kept->place, &place, sizeof(place)) == 0)
			return kept->predictor;
	}
	value = (WinModelValue *) pg_detoast_datum(raw);
	if (kept != NULL && kept->fingerprint == value->fingerprint && kept->size == VARSIZE(value))
	{
		kept->is_external = is_external;
		if (is_external)
			kept->place = place;
		if ((struct varlena *) value != raw)
			pfree(value);
		return kept->predictor;
	}

	if (kept == NULL)
	{
		kept = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(KeptPredictor));
		kept->context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "win model", ALLOCSET_DEFAULT_SIZES);
	}
	fcinfo->flinfo->fn_extra = NULL;
	MemoryContextReset(kept->context);
	caller_context = MemoryContextSwitchTo(kept->context);
	kept->size = VARSIZE(value);
	value = memcpy(palloc(kept->size), value, kept->size);
	kept->predictor = make_predictor(win_model_load(value));
	MemoryContextSwitchTo(caller_context);
	kept->fingerprint = value->fingerprint;
	kept->is_external = is_external;
	if (is_external)
		kept->place = place;
	fcinfo->flinfo->fn_extra = kept;
	return kept->predictor;
}

/* Finds a deal's levels. */
void
win_read_deal(const WinPredictor *predictor, ArrayType *levels, WinDeal *deal)
{
	WinText		text[WIN_MAX_FACTORS];
	int			count = win_read_texts(levels, "levels", text);

	win_check_levels(count, predictor->model->factors);
	for (int f = 0; f < count; f++)
		deal->level[f] = find_level(predictor, f, text[f].bytes == NULL ? win_unknown_level : text[f]);
	deal->nearer = deal->farther = NULL;
	deal->share = 1;
}

/* Places a deal between the marks that its months to go, more than 0, lie between. */
void
win_place_deal(const WinPredictor *predictor, double months_to_go, WinDeal *deal)
{
	int			farther = 0;

	if (predictor->marks == 0)
		return;
	while (farther + 1 < predictor->marks && predictor->mark[farther].months < months_to_go)
		farther++;
	deal->farther = &predictor->mark[farther];
	deal->nearer = farther > 0 ? deal->farther - 1 : NULL;
	deal->share = 1;
	if (months_to_go < deal->farther->months)
	{
		double		start = deal->nearer == NULL ? 0 : deal->nearer->months;

		deal->share = (months_to_go - start) / (deal->farther->months - start);
	}
}

/* The effect of a term for levels of all factors; 0 where the model has none. */
double
win_effect(const WinPredictor *predictor, int t, const uint32 *level)
{
	const WinTerm *term = &predictor->model->term[t];
	const WinEffectIndex *index = &predictor->index[t];
	uint32		of_place[WIN_MAX_TERM_FACTORS];

	if (term->factors == 1)
		return level[term->factor[0]] == WIN_UNSEEN ? 0 : index->effect[level[term->factor[0]]];
	for (int i = 0; i < term->factors; i++)
		of_place[i] = level[term->factor[i]];
	for (uint32 place = hash_levels(term, of_place) & index->mask; index->slot[place] != 0; place = (place + 1) & index->mask)
	{
		uint32		i = index->slot[place] - 1;

		if (memcmp(term->level + (Size) i * term->factors, of_place, term->factors * sizeof(uint32)) == 0)
			return term->effect[i];
	}
	return 0;
}

/* The probability at a mark. */
static double
probability_at(const WinPredictor *predictor, const uint32 *level)
{
	double		eta = predictor->model->intercept;

	for (int t = 0; t < predictor->model->terms; t++)
		eta += win_effect(predictor, t, level);
	return salesops_logistic(eta);
}

static double
bounded(double p)
{
	return Min(Max(p, WIN_LEAST_PROBABILITY), 1 - WIN_LEAST_PROBABILITY);
}

/* The probability that a deal is won. */
double
win_probability(const WinPredictor *predictor, const WinDeal *deal)
{
	uint32		level[WIN_MAX_FACTORS];
	double		nearer = 0;
	double		farther;

	if (deal->farther == NULL)
		return bounded(probability_at(predictor, deal->level));

	memcpy(level, deal->level, predictor->model->factors * sizeof(uint32));
	level[predictor->to_go] = deal->farther->level;
	farther = bounded(probability_at(predictor, level));
	if (deal->share == 1)
		return farther;
	if (deal->nearer != NULL)
	{
		level[predictor->to_go] = deal->nearer->level;
		nearer = bounded(probability_at(predictor, level));
	}
	/* 1 - exp(-hazard), the hazard between those of the marks. */
	return bounded(1 - salesops_exp((1 - deal->share) * salesops_log(1 - nearer) + deal->share * salesops_log(1 - farther)));
}
