/*
 * numerics.h: exp, log and the normal distribution, the same to the last bit everywhere.
 */
#ifndef SALESOPS_CORE_NUMERICS_H
#define SALESOPS_CORE_NUMERICS_H

/*
 * Before a function whose loops treat each value alike and by itself: one copy of it uses the wide registers of newer processors,
 * one runs everywhere, and both give the same bits.
 */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define SALESOPS_FOR_EACH_PROCESSOR __attribute__((target_clones("avx2", "default")))
#else
#define SALESOPS_FOR_EACH_PROCESSOR
#endif

extern double salesops_exp(double x);
extern double salesops_log(double x);
extern double salesops_logistic(double x);
extern double salesops_logit(double p);
extern double salesops_normal_density(double x);
extern double salesops_normal_cdf(double x);
extern double salesops_normal_quantile(double p);

/* The same for many values at once, several times faster; from and to may be the same array. */
extern void salesops_exp_all(const double *from, double *to, int count);
extern void salesops_normal_cdf_all(const double *from, double *to, int count);

#endif
