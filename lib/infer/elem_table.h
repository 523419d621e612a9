/*
 * The coefficients of the elementary functions.  Normative: a score depends on
 * every bit of them.  The polynomials interpolate at Chebyshev nodes (worked out with
 * 200 bits) and were then rounded to the type; the leading terms are exact.
 */
#ifndef SN_INFER_ELEM_TABLE_H
#define SN_INFER_ELEM_TABLE_H

/* f32 exp: x = n ln2 + r, |r| <= ln2/2; exp(r) = 1 + r + r^2/2 + r^3 (C3 + C4 r + C5 r^2 + C6 r^3) */
#define SN_EXPF_LO      (-0x1.a0p+6f)           /* -104: exp below it rounds to 0 */
#define SN_EXPF_HI      (0x1.64p+6f)            /* 89: exp above it is +inf */
#define SN_EXPF_LOG2E   (0x1.715476p+0f)
#define SN_EXPF_MAGIC   (0x1.8p+23f)            /* adding it rounds to an integer in the low bits */
#define SN_EXPF_LN2HI   (0x1.62e4p-1f)
#define SN_EXPF_LN2LO   (0x1.7f7d1cp-20f)
#define SN_EXPF_C3      (0x1.555524p-3f)
#define SN_EXPF_C4      (0x1.55553cp-5f)
#define SN_EXPF_C5      (0x1.11da7cp-7f)
#define SN_EXPF_C6      (0x1.6ce01cp-10f)

/* f64 exp: the same with r^3 (C[0] + C[1] r + ...) and the low part of r kept */
#define SN_EXP_LO       (-0x1.75p+9)            /* -746 */
#define SN_EXP_HI       (0x1.63p+9)             /* 710 */
#define SN_EXP_LOG2E    (0x1.71547652b82fep+0)
#define SN_EXP_MAGIC    (0x1.8p+52)
#define SN_EXP_LN2HI    (0x1.62e42fefa2p-1)     /* 40 bits: n times it is exact */
#define SN_EXP_LN2LO    (0x1.9ef35793c7673p-41)
#define SN_EXP_C { 0x1.5555555555556p-3, 0x1.5555555555555p-5, 0x1.1111111110987p-7, \
	0x1.6c16c16c167c8p-10, 0x1.a01a01a7e6841p-13, 0x1.a01a01a48eac9p-16, \
	0x1.71de0d2924871p-19, 0x1.27e4e1a865952p-22, 0x1.af39e5ac082a8p-26, \
	0x1.1f679404826edp-29 }

/* f64 log: x = 2^k (1 + f), sqrt(1/2) <= 1 + f < sqrt(2); s = f/(2 + f), z = s^2;
 * log(1 + f) = 2s + s^3 (C[0] + C[1] z + ...) */
#define SN_LOG_SQRT2    (0x1.6a09e667f3bcdp+0)
#define SN_LOG_C { 0x1.5555555555555p-1, 0x1.9999999999a3ap-2, 0x1.2492492476765p-2, \
	0x1.c71c7201f207cp-3, 0x1.745cf8c4c7bcap-3, 0x1.3b1c42e3df02cp-3, \
	0x1.0fbd2bafa02d6p-3, 0x1.0c1263e1bac13p-3 }

/* f64 sin and cos: x = n pi/2 + r, |r| <= pi/4, z = r^2; pi/2 is cut into three
 * parts of 21 bits, so that n < 2^32 times each is exact, and a rest */
#define SN_SIN_MAX      (0x1p+32)
#define SN_SIN_2_PI     (0x1.45f306dc9c883p-1)
#define SN_SIN_P1       (0x1.921fbp+0)
#define SN_SIN_P2       (0x1.5110bp-22)
#define SN_SIN_P3       (0x1.18469p-44)
#define SN_SIN_P4       (0x1.13198a2e03707p-65)
/* sin r = r + r^3 (S[0] + S[1] z + ...), cos r = 1 - z/2 + z^2 (C[0] + C[1] z + ...) */
#define SN_SIN_S { -0x1.5555555555555p-3, 0x1.1111111111110p-7, -0x1.a01a01a019880p-13, \
	0x1.71de3a544a6cep-19, -0x1.ae6453ecab5c4p-26, 0x1.612161267019ep-33, \
	-0x1.ab066192d3e8fp-41 }
#define SN_SIN_C { 0x1.5555555555555p-5, -0x1.6c16c16c16c16p-10, 0x1.a01a01a019cb8p-16, \
	-0x1.27e4fb7708fb2p-22, 0x1.1eed8ddaa5390p-29, -0x1.93949f74df9adp-37, \
	0x1.ab68d5c08a457p-45 }

#endif
