/*
 * bookings.h: the distribution of what a book of open deals will bring.
 *
 * A deal brings its amount with its probability, or nothing. The deals hang together by one common factor z, standard normal: given z
 * a deal of probability p is won with probability Phi((Phi^-1(p) + sqrt(rho) z) / sqrt(1 - rho)), independently of the others, and over
 * all z with probability p (Vasicek 1987; rho is the correlation). rho = 0 is independence.
 *
 * A Book is what is kept of the deals. It is exact and does not depend on the order in which deals and books are put together, so that
 * serial, parallel and sharded sums are the same bytes:
 *
 *	- amounts are integers of thousandths (rounded once, deal by deal), probabilities of 1e-12;
 *	- the BOOKINGS_HEAD deals that make the total most uncertain, sqrt(p (1 - p)) |amount|, are kept one by one: the head. The order
 *	  is total, so the head of a union is the head of the parts' heads;
 *	- all others, the tail, are kept as sums only, in integers. What an evaluation needs to know of the tail at a z is its mean,
 *	  variance and third cumulant, sums over the deals of a^n f_n(c; z) with smooth functions f_n of c = Phi^-1(p). So a^n is shared out
 *	  among the six grid points of c nearest to the deal's, with the weights of Lagrange interpolation: the sums over the grid
 *	  then give every such function within 1e-5. They do not depend on rho, which can be changed at any time.
 *
 * bookings_state.c puts books together, bookings_text.c writes and reads them, bookings_evaluate.c computes the distribution,
 * bookings_distribution.c is the SQL type.
 */
#ifndef SALESOPS_FORECAST_BOOKINGS_H
#define SALESOPS_FORECAST_BOOKINGS_H

#include "core/compat.h"
#include "core/wide.h"
#include "utils/numeric.h"

#define BOOKINGS_HEAD			256
#define AMOUNT_UNIT				INT64CONST(1000)			/* of an amount's integer */
#define CHANCE_UNIT				INT64CONST(1000000000000)	/* of a probability's integer */
#define MAX_AMOUNT				INT64CONST(9000000000000000)	/* 9e15 whole units */
#define MAX_CORRELATION			0.9

/* The grid of c = Phi^-1(p): 1e-12 is at -7.03. */
#define GRID_STEP				0.25
#define GRID_HALF				32
#define GRID_POINTS				(2 * GRID_HALF + 1)
#define GRID_STENCIL			6
#define GRID_WEIGHT_UNIT		(1 << 24)	/* of a weight's integer; the weights of a deal add up to it */
#define GRID_MOMENTS			3

/* A deal whose outcome is open: 0 < chance < CHANCE_UNIT, amount <> 0. */
typedef struct BookDeal
{
	int64		amount;
	int64		chance;
	double		weight;			/* sqrt(p (1 - p)) |amount|, up to a factor */
} BookDeal;

/* The tail's deals near a point of the grid: sums of weight x amount^n, n = 1, 2, 3. */
typedef struct BookPoint
{
	Wide		moment[GRID_MOMENTS];
} BookPoint;

typedef struct Book
{
	double		correlation;
	int64		deals;			/* with amount and probability */
	int64		unknown;		/* without one of them: in no sum */
	int64		tail_deals;
	int128		base;			/* what is certain, and the mean of business not yet created; in thousandths */
	int128		tail_mean;		/* sum of amount x chance over the tail */
	Wide		new_variance;	/* of business not yet created, in thousandths squared ... */
	Wide		new_third;		/* ... and its third cumulant */
	BookDeal   *head;			/* sorted and at most BOOKINGS_HEAD after book_settle() */
	int			head_deals;
	int			head_allocated;
	double		threshold;		/* no deal of the head weighs less; 0 before there is a tail */
	BookPoint  *grid;			/* NULL where there is no tail */
	MemoryContext context;		/* where the above is allocated */
} Book;

/* The stored form: this header, the head's deals, then the points of the grid that are not zero. */
typedef struct StoredDeal
{
	int64		amount;
	int64		chance;
} StoredDeal;

typedef struct StoredPoint
{
	int64		index;			/* 0 .. GRID_POINTS - 1 */
	BookPoint	point;
} StoredPoint;

typedef struct BookingsDistribution
{
	int32		vl_len_;		/* varlena header (do not touch directly!) */
	uint8		version;		/* of this layout */
	uint8		points;			/* how many of the grid follow the head */
	uint16		head_deals;
	double		correlation;
	int64		deals;
	int64		unknown;
	int64		tail_deals;
	uint64		base[2];		/* low word, high word */
	uint64		tail_mean[2];
	Wide		new_variance;
	Wide		new_third;
	char		data[FLEXIBLE_ARRAY_MEMBER];
} BookingsDistribution;

#define BOOKINGS_VERSION	1

#define DatumGetBookings(d)			((BookingsDistribution *) PG_DETOAST_DATUM(d))
#define PG_GETARG_BOOKINGS(n)		DatumGetBookings(PG_GETARG_DATUM(n))

/* bookings_state.c */
extern double bookings_check_correlation(double correlation);
extern int64 bookings_amount(Numeric amount);
extern int64 bookings_chance(double probability);
extern Numeric bookings_numeric(int128 value, int decimals);
extern Book *book_create(MemoryContext context, double correlation);
extern void book_add_deal(Book *book, int64 amount, int64 chance);
extern void book_add_open_deal(Book *book, int64 amount, int64 chance);
extern void book_add_certain(Book *book, int128 amount);
extern void book_add_new_business(Book *book, int64 mean, double stddev);
extern void book_merge(Book *book, const Book *other);
extern void book_settle(Book *book);
extern int128 book_mean(const Book *book);
extern const char *book_problem(const Book *book);
extern BookingsDistribution *book_store(Book *book);
extern Book *book_load(const BookingsDistribution *stored);
extern double book_point_position(int index);
extern void book_grid_weights(double c, int *first, int64 weights[GRID_STENCIL]);

#endif
