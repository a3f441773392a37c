/*
 * portfolio.h: how much selling effort each customer is worth.
 *
 * What a customer is expected to bring in a horizon is a concave function of the effort spent on him, learned from the past
 * (portfolio_fit.c). Each team has so much effort to spend; the best it can do is to spend it where a unit more brings the same
 * everywhere (portfolio.c). How sure that is follows from how sure the functions are (portfolio_spread.c).
 *
 * Customer i of segment s brings, with effort e,
 *
 *		r(e) = f_s P_i theta_i (rho_s + (1 - rho_s) (1 - exp(-e / scale_s)))
 *
 * potential P_i, rate theta_i (the share of the potential that no effort could raise further), carryover rho_s (the share of that which
 * comes without effort), scale_s (the effort after which 63 % of the rest has come), f_s what products to come add. Potential, past revenue
 * and past effort are all of one length of time, that of the horizon.
 *
 * Plain C: arrays in, arrays out, memory from palloc, no clock, no chance, the same bits everywhere.
 */
#ifndef SALESOPS_TERRITORY_PORTFOLIO_H
#define SALESOPS_TERRITORY_PORTFOLIO_H

#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

/* What is uncertain of a segment, in the scale that it is uncertain in: logarithm, logarithm, log odds. */
typedef enum ResponseParameter
{
	RESPONSE_RATE,
	RESPONSE_SCALE,
	RESPONSE_CARRYOVER,
	RESPONSE_PARAMETERS
} ResponseParameter;

/* A segment's posterior is a mixture over a grid of scales x carryovers x rates. */
#define RESPONSE_SCALES		7
#define RESPONSE_CARRYOVERS 3
#define RESPONSE_RATES		3

/* Called often; leaves by an error when the user cancels. */
typedef void (*PortfolioProgress) (void);

/* Customers, those of a segment together: first[s] .. first[s + 1] - 1; and what is known of their past, in the same way. */
typedef struct PortfolioCustomers
{
	int			customers;
	int			segments;
	const int  *first;			/* [segments + 1] */
	const double *potential;	/* [customers], not negative */
	const int  *first_row;		/* [customers + 1]: past periods of each customer */
	const double *effort;		/* [rows], not negative */
	const double *revenue;		/* [rows], not negative */
	PortfolioProgress progress;
} PortfolioCustomers;

/* What is assumed where nothing is known. */
typedef struct ResponsePrior
{
	double		mean[RESPONSE_PARAMETERS];		/* of all segments */
	double		deviation[RESPONSE_PARAMETERS]; /* how uncertain that is */
	double		between[RESPONSE_PARAMETERS];	/* how much segments differ */
	double		variation;		/* squared coefficient of variation of rates within a segment */
	double		dispersion;		/* variance of revenue / expected revenue: what a deal brings */
} ResponsePrior;

typedef struct SegmentResponse
{
	double		scale[RESPONSE_SCALES];
	double		carryover[RESPONSE_SCALES][RESPONSE_CARRYOVERS];
	double		weight[RESPONSE_SCALES][RESPONSE_CARRYOVERS];	/* sum 1 */
	double		claim[RESPONSE_SCALES][RESPONSE_CARRYOVERS][RESPONSE_RATES];	/* shape / rate of the segment */
	double		mean[RESPONSE_PARAMETERS];
	double		deviation[RESPONSE_PARAMETERS];
	double		dispersion;
	double		shared;			/* share of the uncertainty that it has in common with other segments */
	int			learned_from;	/* customers with a past */
} SegmentResponse;

/*
 * Given scale, carryover and the segment's rate, the rate of a customer has a gamma distribution of shape + won and
 * claim + carryover * idle + (1 - carryover) * reach.
 */
typedef struct Response
{
	double		shape;			/* 1 / variation */
	SegmentResponse *segment;
	double	   *won;			/* [customers], past revenue / dispersion */
	double	   *idle;			/* [customers], potential x past periods / dispersion */
	double	   *reach;			/* [customers][RESPONSE_SCALES], potential x sum of 1 - exp(-effort / scale) / dispersion */
	double	   *base;			/* [customers], expected revenue without effort */
	double	   *gain;			/* [customers][RESPONSE_SCALES]: effort e adds sum gain (1 - exp(-e / scale)) */
	double	   *steepest;		/* [customers], logarithm of what the first unit adds; -infinity: nothing */
} Response;

/* Weights of the three rates of a segment, at its mean and sqrt(3) standard deviations on either side: exact up to the fifth moment. */
extern const double response_rate_weight[RESPONSE_RATES];

extern Response *portfolio_fit(const PortfolioCustomers *customers, const ResponsePrior *prior);

typedef struct PortfolioScenario
{
	int			teams;
	const int  *team;			/* [segments] */
	const double *capacity;		/* [teams], effort */
	const double *rep_effort;	/* [teams], of one rep more */
	const double *target;		/* [segments], NaN: none */
	const double *uplift;		/* [segments], f */
	const double *uplift_deviation; /* [segments] */
	double		unit;			/* effort comes in whole units; 0: in any amount */
	double		minimum;		/* less than this is not worth a visit; a customer gets none or at least this */
	double		target_price;	/* revenue that is given up at most for a unit of revenue that a target lacks */
	double		z;				/* standard deviations on either side that the intervals cover */
} PortfolioScenario;

/* An expectation with the bounds of its interval. */
typedef struct Expectation
{
	double		mean;
	double		low;
	double		high;
} Expectation;

typedef struct PortfolioPlan
{
	double	   *effort;			/* [customers] */
	double	   *relaxed;		/* [customers], were any amount of effort possible */
	Expectation *revenue;		/* [customers] */
	double	   *marginal;		/* [customers], what a unit more would bring */
	double	   *start;			/* [customers], what a unit of the least possible effort brings on average */
	double	   *team_marginal;	/* [teams], what a unit more of capacity would bring */
	Expectation *rep_value;		/* [teams], what one rep more would bring */
	Expectation *segment_revenue;	/* [segments] */
	double	   *threshold;		/* [segments], what a unit must bring to be spent there */
	double	   *target_price;	/* [segments], revenue given up for the last unit of the target; 0: the target costs nothing */
	Expectation total;
	double		value;			/* expected revenue less target_price x what targets lack */
	double		bound;			/* no plan has a greater value */
	double		top_tenth;		/* share of the revenue of the tenth of the customers with the most */
} PortfolioPlan;

extern PortfolioPlan *portfolio_allocate(const PortfolioCustomers *customers, const Response *response,
										 const PortfolioScenario *scenario);
extern Expectation portfolio_change(const PortfolioCustomers *customers, const Response *response,
									const PortfolioScenario *before, const PortfolioPlan *plan_before,
									const PortfolioScenario *after, const PortfolioPlan *plan_after);

/* portfolio_spread.c: what is certain of a change of effort. from NULL: from no revenue at all. */
typedef struct PortfolioMove
{
	const double *from;			/* [customers], effort */
	const double *to;
	const PortfolioScenario *before;
	const PortfolioScenario *after;
} PortfolioMove;

typedef struct PortfolioSpread
{
	double		mean;
	double		own;			/* variance of what the segment has for itself */
	double		common;			/* variance of what its customers have in common */
} PortfolioSpread;

extern PortfolioSpread portfolio_spread(const PortfolioCustomers *customers, const Response *response, const PortfolioMove *move, int segment,
							 double *mean, double *variance);
extern Expectation portfolio_spread_total(const Response *response, const PortfolioSpread *spread, int segments, double z, bool is_positive);
extern Expectation portfolio_expectation(double mean, double variance, double z, bool is_positive);

#endif
