/*
 * The elementary functions of a score: one order of operations, out of add, mul,
 * fma, div and moves of bits, and one table of coefficients (elem_table.h), so that
 * they give the same bits wherever IEEE arithmetic does.  Never libm.
 *
 * Largest errors, in units in the last place of the exact result:
 *   sn_expf         1.19   all 2^32 inputs, against exp in f64; denormals kept
 *   sn_sigmoidf     2.41   all 2^32 inputs, the same
 *   sn_exp          0.62   sampled, against mpmath; 0.75 where the result is denormal
 *   sn_log          0.86   sampled, against mpmath
 *   sn_sin, sn_cos  0.77   f32 arguments up to 2^32 and next to multiples of pi/2,
 *                          sampled, against mpmath
 * tests/unit/elem.c samples them again; with --all it repeats the exhaustive ones.
 *
 * A NaN gives a NaN.
 */
#ifndef SN_INFER_ELEM_H
#define SN_INFER_ELEM_H

float sn_expf(float x);         /* 0 below -104, +inf above 89 */
float sn_sigmoidf(float x);     /* 1 / (1 + exp(-x)), small relative error at both ends */

double sn_exp(double x);        /* 0 below -746, +inf above 710 */
double sn_log(double x);        /* x = 0: -inf; x < 0: NaN */
/* |x| at most 2^32 (angles of rope are f32 and below that); farther out: NaN. */
double sn_sin(double x);
double sn_cos(double x);

#endif
