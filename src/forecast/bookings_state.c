/*
 * bookings_state.c: putting books of deals together, exactly and in any order (bookings.h says what a Book is and why).
 *
 * The head is collected in an array of twice its size. When that is full, the lighter half goes to the tail, and the lightest deal
 * left is a threshold: a lighter one goes straight to the tail, as in the end it would. What is in the head at the end, after
 * book_settle(), are the heaviest deals of all, in whatever order they came.
 */
#include "forecast/bookings.h"

#include <math.h>

#include "core/numerics.h"
#include "utils/builtins.h"

/* A correlation, checked; there is one zero only. */
double
bookings_check_correlation(double correlation)
{
	if (!(correlation >= 0.0 && correlation <= MAX_CORRELATION))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("the correlation of deals must be between 0 and %g", MAX_CORRELATION),
				 errdetail("Got %g.", correlation),
				 errhint("0 is independence; salesops.shrunk_correlation() gives what past quarters say.")));
	return correlation + 0.0;
}

/* The integer of an amount, rounded to thousandths half away from zero. */
int64
bookings_amount(Numeric amount)
{
	Datum		limit = NumericGetDatum(int64_to_numeric(MAX_AMOUNT));
	Datum		value = NumericGetDatum(amount);

	if (numeric_is_nan(amount) || numeric_is_inf(amount) ||
		DatumGetBool(DirectFunctionCall2(numeric_gt, DirectFunctionCall1(numeric_abs, value), limit)))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("amount out of range"),
				 errdetail("Got %s; a bookings_distribution takes amounts between -9e15 and 9e15.",
						   DatumGetCString(DirectFunctionCall1(numeric_out, value)))));
	value = DirectFunctionCall2(numeric_mul, value, NumericGetDatum(int64_to_numeric(AMOUNT_UNIT)));
	return DatumGetInt64(DirectFunctionCall1(numeric_int8, value));
}

/* The integer of a probability, rounded to 12 decimals. */
int64
bookings_chance(double probability)
{
	if (!(probability >= 0.0 && probability <= 1.0))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("the probability of a deal must be between 0 and 1"),
				 errdetail("Got %g.", probability)));
	return (int64) (probability * (double) CHANCE_UNIT + 0.5);
}

/* value / 10^decimals. */
Numeric
bookings_numeric(int128 value, int decimals)
{
	char		text[64];
	char	   *end = text + sizeof(text) - 1;
	char	   *place = end;
	uint128		size = value < 0 ? -(uint128) value : (uint128) value;

	*place = '\0';
	for (int digits = 0; size > 0 || digits <= decimals; digits++)
	{
		if (digits == decimals && decimals > 0)
			*--place = '.';
		*--place = '0' + (int) (size % 10);
		size /= 10;
	}
	if (value < 0)
		*--place = '-';
	return DatumGetNumeric(DirectFunctionCall1(numeric_trim_scale,
											   DirectFunctionCall3(numeric_in, CStringGetDatum(place), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1))));
}

/* Adds to a sum of money. */
static void
add_money(int128 *sum, int128 x)
{
	if (__builtin_add_overflow(*sum, x, sum))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("bookings out of range"),
				 errdetail("The sum of the amounts is too large for a bookings_distribution.")));
}

/* Adds to a number of deals. */
static void
add_count(int64 *sum, int64 x)
{
	if (__builtin_add_overflow(*sum, x, sum))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("number of deals out of range")));
}

/* An empty book. */
Book *
book_create(MemoryContext context, double correlation)
{
	Book	   *book = MemoryContextAllocZero(context, sizeof(Book));

	book->context = context;
	book->correlation = correlation;
	return book;
}

/* The c of a point of the grid. */
double
book_point_position(int index)
{
	return (index - GRID_HALF) * GRID_STEP;
}

/*
 * How a deal at c is shared out: the first of its six points and their weights, those of Lagrange interpolation. As integers they add up
 * to GRID_WEIGHT_UNIT exactly; the third, the point below c, takes what rounding leaves.
 */
void
book_grid_weights(double c, int *first, int64 weights[GRID_STENCIL])
{
	static const double divisors[GRID_STENCIL] = {-120.0, 24.0, -12.0, 12.0, -24.0, 120.0};
	double		position = c / GRID_STEP;
	double		below = floor(position);
	double		t = position - below + 2.0;
	int64		rest = GRID_WEIGHT_UNIT;

	*first = (int) below - 2 + GRID_HALF;
	for (int i = 0; i < GRID_STENCIL; i++)
	{
		double		product = 1.0;

		for (int j = 0; j < GRID_STENCIL; j++)
			if (j != i)
				product *= t - j;
		weights[i] = (int64) floor(product / divisors[i] * GRID_WEIGHT_UNIT + 0.5);
		rest -= weights[i];
	}
	weights[2] += rest;
}

/* Moves a deal into the sums of the tail. */
static void
add_to_tail(Book *book, const BookDeal *deal)
{
	double		c = salesops_normal_quantile((double) deal->chance / (double) CHANCE_UNIT);
	Wide		power[GRID_MOMENTS];
	int64		weights[GRID_STENCIL];
	int			first;

	if (book->grid == NULL)
		book->grid = MemoryContextAllocZero(book->context, GRID_POINTS * sizeof(BookPoint));

	power[0] = wide_from_int128(deal->amount);
	power[1] = wide_from_int128((int128) deal->amount * deal->amount);
	power[2] = wide_times(&power[1], deal->amount);

	book_grid_weights(c, &first, weights);
	for (int i = 0; i < GRID_STENCIL; i++)
		for (int n = 0; n < GRID_MOMENTS; n++)
		{
			Wide		part = wide_times(&power[n], weights[i]);

			wide_add(&book->grid[first + i].moment[n], &part);
		}
	book->tail_deals++;
	add_money(&book->tail_mean, (int128) deal->amount * deal->chance);
}

/* The order of deals in the head: the heaviest first. Deals that are equal here are the same. */
static int
compare_deals(const void *a, const void *b)
{
	const BookDeal *x = (const BookDeal *) a;
	const BookDeal *y = (const BookDeal *) b;

	if (x->weight != y->weight)
		return x->weight > y->weight ? -1 : 1;
	if (x->amount != y->amount)
		return x->amount > y->amount ? -1 : 1;
	if (x->chance != y->chance)
		return x->chance > y->chance ? -1 : 1;
	return 0;
}

/* Sorts the head and sends to the tail what is too many. */
void
book_settle(Book *book)
{
	if (book->head_deals == 0)
		return;
	qsort(book->head, book->head_deals, sizeof(BookDeal), compare_deals);
	while (book->head_deals > BOOKINGS_HEAD)
		add_to_tail(book, &book->head[--book->head_deals]);
	if (book->tail_deals > 0)
		book->threshold = book->head[book->head_deals - 1].weight;
}

static inline double
deal_weight(int64 amount, int64 chance)
{
	return fabs((double) amount) * sqrt((double) chance * (double) (CHANCE_UNIT - chance));
}

/* Puts a deal with an open outcome among the others. */
void
book_add_open_deal(Book *book, int64 amount, int64 chance)
{
	BookDeal	deal = {amount, chance, deal_weight(amount, chance)};

	if (deal.weight < book->threshold)
	{
		add_to_tail(book, &deal);
		return;
	}
	if (book->head_deals == book->head_allocated)
	{
		if (book->head_deals >= 2 * BOOKINGS_HEAD)
			book_settle(book);
		else
		{
			book->head_allocated = book->head_allocated == 0 ? 8 : 2 * book->head_allocated;
			book->head = book->head == NULL ?
				MemoryContextAlloc(book->context, book->head_allocated * sizeof(BookDeal)) :
				repalloc(book->head, book->head_allocated * sizeof(BookDeal));
		}
	}
	book->head[book->head_deals++] = deal;
}

/* Takes a deal in: an amount in thousandths, a chance in units of 1e-12. */
void
book_add_deal(Book *book, int64 amount, int64 chance)
{
	add_count(&book->deals, 1);
	if (chance == CHANCE_UNIT)
		add_money(&book->base, amount);
	else if (chance > 0 && amount != 0)
		book_add_open_deal(book, amount, chance);
}

/* Adds an amount that is certain, in thousandths. */
void
book_add_certain(Book *book, int128 amount)
{
	add_money(&book->base, amount);
}

/*
 * Adds business that is not yet created, in thousandths: a gamma distribution, independent of the factor. It enters through its mean,
 * variance and third cumulant, 2 stddev^4 / mean, which add up over independent parts. Where the mean is zero or negative there is no
 * such gamma; then it is normal.
 */
void
book_add_new_business(Book *book, int64 mean, double stddev)
{
	double		variance = stddev * stddev;
	Wide		sum = wide_from_double(variance);

	add_money(&book->base, mean);
	wide_add(&book->new_variance, &sum);
	if (mean > 0)
	{
		sum = wide_from_double(2.0 * variance * (variance / (double) mean));
		wide_add(&book->new_third, &sum);
	}
}

/* Adds another book of the same correlation. */
void
book_merge(Book *book, const Book *other)
{
	if (book->correlation != other->correlation)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("bookings of different correlations cannot be added"),
				 errdetail("One has correlation %g, the other %g.", book->correlation, other->correlation),
				 errhint("Give both the same by salesops.with_correlation().")));

	add_count(&book->deals, other->deals);
	add_count(&book->unknown, other->unknown);
	add_money(&book->base, other->base);
	wide_add(&book->new_variance, &other->new_variance);
	wide_add(&book->new_third, &other->new_third);
	if (other->tail_deals > 0)
	{
		if (book->grid == NULL)
			book->grid = MemoryContextAllocZero(book->context, GRID_POINTS * sizeof(BookPoint));
		for (int i = 0; i < GRID_POINTS; i++)
			for (int n = 0; n < GRID_MOMENTS; n++)
				wide_add(&book->grid[i].moment[n], &other->grid[i].moment[n]);
		add_count(&book->tail_deals, other->tail_deals);
		add_money(&book->tail_mean, other->tail_mean);
		/* Its tail is lighter than its head, so of the union's head it holds nothing; what is lighter than it must go there too. */
		book->threshold = Max(book->threshold, other->threshold);
	}
	for (int i = 0; i < other->head_deals; i++)
		book_add_open_deal(book, other->head[i].amount, other->head[i].chance);
}

/* The mean, exact, in units of 1e-15. */
int128
book_mean(const Book *book)
{
	int128		mean;

	if (__builtin_mul_overflow(book->base, (int128) CHANCE_UNIT, &mean))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("bookings out of range")));
	add_money(&mean, book->tail_mean);
	for (int i = 0; i < book->head_deals; i++)
		add_money(&mean, (int128) book->head[i].amount * book->head[i].chance);
	return mean;
}

static bool
point_is_zero(const BookPoint *point)
{
	for (int n = 0; n < GRID_MOMENTS; n++)
		if (!wide_is_zero(&point->moment[n]))
			return false;
	return true;
}

static void
split(int128 x, uint64 words[2])
{
	words[0] = (uint64) x;
	words[1] = (uint64) ((uint128) x >> 64);
}

static int128
join(const uint64 words[2])
{
	return (int128) ((uint128) words[1] << 64 | words[0]);
}

/* Makes the stored form. Equal books are equal bytes. */
BookingsDistribution *
book_store(Book *book)
{
	Size		size;
	int			points = 0;
	BookingsDistribution *stored;
	StoredDeal *deal;
	StoredPoint *point;

	book_settle(book);
	for (int i = 0; book->grid != NULL && i < GRID_POINTS; i++)
		points += !point_is_zero(&book->grid[i]);

	size = offsetof(BookingsDistribution, data) + book->head_deals * sizeof(StoredDeal) + points * sizeof(StoredPoint);
	stored = palloc0(size);
	SET_VARSIZE(stored, size);
	stored->version = BOOKINGS_VERSION;
	stored->points = points;
	stored->head_deals = book->head_deals;
	stored->correlation = book->correlation;
	stored->deals = book->deals;
	stored->unknown = book->unknown;
	stored->tail_deals = book->tail_deals;
	split(book->base, stored->base);
	split(book->tail_mean, stored->tail_mean);
	stored->new_variance = book->new_variance;
	stored->new_third = book->new_third;

	deal = (StoredDeal *) stored->data;
	for (int i = 0; i < book->head_deals; i++)
		*deal++ = (StoredDeal) {book->head[i].amount, book->head[i].chance};
	point = (StoredPoint *) deal;
	for (int i = 0; points > 0 && i < GRID_POINTS; i++)
		if (!point_is_zero(&book->grid[i]))
			*point++ = (StoredPoint) {i, book->grid[i]};
	return stored;
}

/* Reads the stored form. */
Book *
book_load(const BookingsDistribution *stored)
{
	Book	   *book = book_create(CurrentMemoryContext, stored->correlation);
	const StoredDeal *deal = (const StoredDeal *) stored->data;
	const StoredPoint *point = (const StoredPoint *) (deal + stored->head_deals);

	if (stored->version != BOOKINGS_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("bookings_distribution of layout version %d cannot be read", stored->version),
				 errhint("The value was stored by a newer salesops; install that version.")));

	book->deals = stored->deals;
	book->unknown = stored->unknown;
	book->tail_deals = stored->tail_deals;
	book->base = join(stored->base);
	book->tail_mean = join(stored->tail_mean);
	book->new_variance = stored->new_variance;
	book->new_third = stored->new_third;

	book->head_deals = book->head_allocated = stored->head_deals;
	if (stored->head_deals > 0)
		book->head = palloc(stored->head_deals * sizeof(BookDeal));
	for (int i = 0; i < stored->head_deals; i++)
		book->head[i] = (BookDeal) {deal[i].amount, deal[i].chance, deal_weight(deal[i].amount, deal[i].chance)};
	if (stored->points > 0)
		book->grid = palloc0(GRID_POINTS * sizeof(BookPoint));
	for (int i = 0; i < stored->points; i++)
		book->grid[point[i].index] = point[i].point;
	if (stored->tail_deals > 0)
		book->threshold = book->head[book->head_deals - 1].weight;
	return book;
}

/* Whether the sums over the grid are anything but zero. */
static bool
has_sums(const Book *book)
{
	for (int i = 0; book->grid != NULL && i < GRID_POINTS; i++)
		if (!point_is_zero(&book->grid[i]))
			return true;
	return false;
}

/* What is wrong with a book that somebody made up, for the error's detail; NULL where nothing is. */
const char *
book_problem(const Book *book)
{
	if (!(book->correlation >= 0.0 && book->correlation <= MAX_CORRELATION))
		return "The correlation is out of range.";
	if (book->deals < 0 || book->unknown < 0 || book->tail_deals < 0 || book->tail_deals > book->deals ||
		book->head_deals > book->deals - book->tail_deals)
		return "The numbers of deals contradict each other.";
	if (book->tail_deals > 0 && book->head_deals < BOOKINGS_HEAD)
		return psprintf("There is a tail although fewer than %d deals stand before it.", BOOKINGS_HEAD);
	if ((book->tail_deals > 0) != has_sums(book) || (book->tail_deals == 0 && book->tail_mean != 0))
		return "The tail has sums without deals, or deals without sums.";
	if (wide_is_negative(&book->new_variance))
		return "The variance of new business is negative.";
	for (int i = 0; i < book->head_deals; i++)
		if (book->head[i].amount == 0 || book->head[i].chance <= 0 || book->head[i].chance >= CHANCE_UNIT ||
			book->head[i].amount > MAX_AMOUNT * AMOUNT_UNIT || book->head[i].amount < -MAX_AMOUNT * AMOUNT_UNIT)
			return "An open deal has an amount or a probability out of range.";
	return NULL;
}
