#include "util/num.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit { const char *name; uint64_t mul; };

static const struct unit size_units[] = {
	{ "", 1 },
	{ "k", 1000 }, { "M", 1000000 }, { "G", 1000000000 }, { "T", 1000000000000 },
	{ "Ki", 1ull << 10 }, { "Mi", 1ull << 20 }, { "Gi", 1ull << 30 }, { "Ti", 1ull << 40 },
	{ NULL, 0 },
};
static const struct unit time_units[] = {
	{ "", 1000000000 },
	{ "ns", 1 }, { "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000 },
	{ "m", 60000000000 }, { "h", 3600000000000 }, { "d", 86400000000000 },
	{ NULL, 0 },
};

/* Decimal digits, perhaps a point and more of them: value = *whole + *frac / *den.
 * Returns where it stopped, NULL when there is no digit or it overflows. */
static const char *decimal(const char *p, uint64_t *whole, uint64_t *frac, uint64_t *den)
{
	const char *start = p;

	*whole = *frac = 0;
	*den = 1;
	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(*whole, 10, whole) ||
		    __builtin_add_overflow(*whole, (uint64_t)(*p - '0'), whole))
			return NULL;
	if (p == start)
		return NULL;
	if (*p != '.')
		return p;
	start = ++p;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (*den >= 1000000000000000000ull)
			return NULL;
		*frac = *frac * 10 + (uint64_t)(*p - '0');
		*den *= 10;
	}
	return p == start ? NULL : p;
}

static int with_unit(const char *text, const struct unit *units, const char *what,
	uint64_t min, uint64_t max, uint64_t *out, struct sn_err *e)
{
	uint64_t whole, frac, den, v;
	const char *p = decimal(text, &whole, &frac, &den);
	const struct unit *u;

	if (!p)
		return sn_err(e, SN_EUSE, "\"%s\" is not %s", text, what);
	for (u = units; u->name && strcmp(u->name, p); u++)
		;
	if (!u->name)
		return sn_err(e, SN_EUSE, "\"%s\" is not %s", text, what);
	if (__builtin_mul_overflow(whole, u->mul, &v) ||
	    __builtin_add_overflow(v, (uint64_t)((__uint128_t)frac * u->mul / den), &v) ||
	    v < min || v > max)
		return sn_err(e, SN_EUSE, "\"%s\" is out of range", text);
	*out = v;
	return 0;
}

int sn_num_u64(const char *text, uint64_t min, uint64_t max, uint64_t *out, struct sn_err *e)
{
	uint64_t v = 0;
	const char *p = text;

	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
			return sn_err(e, SN_EUSE, "\"%s\" is out of range", text);
	if (p == text || *p)
		return sn_err(e, SN_EUSE, "\"%s\" is not a whole number", text);
	if (v < min || v > max)
		return sn_err(e, SN_EUSE, "\"%s\" is not between %llu and %llu", text,
			(unsigned long long)min, (unsigned long long)max);
	*out = v;
	return 0;
}

int sn_num_size(const char *text, uint64_t min, uint64_t max, uint64_t *out, struct sn_err *e)
{
	return with_unit(text, size_units, "a size such as 512, 64k or 2Gi", min, max, out, e);
}

int sn_num_duration(const char *text, uint64_t min, uint64_t max, uint64_t *out, struct sn_err *e)
{
	return with_unit(text, time_units, "a time such as 90, 250ms, 5m or 2h", min, max, out, e);
}

int sn_num_double(const char *text, double min, double max, double *out, struct sn_err *e)
{
	static locale_t c_locale;
	const char *p = text;
	char *end;
	double v;

	if (*p == '-' || *p == '+')
		p++;
	if (!((*p >= '0' && *p <= '9') || *p == '.') || strpbrk(p, "xXpPnN"))
		return sn_err(e, SN_EUSE, "\"%s\" is not a number", text);
	if (!c_locale)
		c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	v = strtod_l(text, &end, c_locale);
	if (*end || end == text)
		return sn_err(e, SN_EUSE, "\"%s\" is not a number", text);
	if (!isfinite(v) || v < min || v > max)
		return sn_err(e, SN_EUSE, "\"%s\" is not between %g and %g", text, min, max);
	*out = v;
	return 0;
}

int sn_num_fraction(const char *text, uint64_t *num, uint64_t *den, struct sn_err *e)
{
	uint64_t whole, frac, d;
	const char *p = decimal(text, &whole, &frac, &d);

	if (!p || *p || whole > 1 || (whole == 1 && frac))
		return sn_err(e, SN_EUSE, "\"%s\" is not a decimal between 0 and 1", text);
	*num = whole ? d : frac;
	*den = d;
	return 0;
}

int sn_num_rate(const char *text, uint64_t *interval_ns, struct sn_err *e)
{
	uint64_t whole, frac, den, per;
	const char *p = decimal(text, &whole, &frac, &den);
	__uint128_t n, ns;

	if (!p || *p++ != '/' || !*p || p[1])
		goto bad;
	switch (*p) {
	case 's': per = 1000000000; break;
	case 'm': per = 60000000000; break;
	case 'h': per = 3600000000000; break;
	case 'd': per = 86400000000000; break;
	default: goto bad;
	}
	n = (__uint128_t)whole * den + frac;
	if (!n)
		goto bad;
	ns = ((__uint128_t)per * den + n / 2) / n;
	if (ns > INT64_MAX)
		return sn_err(e, SN_EUSE, "\"%s\" is out of range", text);
	*interval_ns = ns ? (uint64_t)ns : 1;
	return 0;
bad:
	return sn_err(e, SN_EUSE, "\"%s\" is not a rate such as 50/h or 10/s", text);
}

int sn_num_hex(const char *text, void *out, size_t n, struct sn_err *e)
{
	unsigned char *o = out;

	if (strlen(text) != 2 * n || strspn(text, "0123456789abcdefABCDEF") != 2 * n)
		return sn_err(e, SN_EUSE, "\"%s\" is not %zu hex digits", text, 2 * n);
	for (size_t i = 0; i < n; i++) {
		unsigned v = 0;

		for (int k = 0; k < 2; k++) {
			char c = text[2 * i + (size_t)k];

			v = v << 4 | (unsigned)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
		}
		o[i] = (unsigned char)v;
	}
	return 0;
}

char *sn_size_text(uint64_t bytes, char out[16])
{
	static const char unit[] = "kMGTPE";
	double v = (double)bytes;
	int u = -1;

	while (v >= 999.5 && u < 5) {
		v /= 1000;
		u++;
	}
	if (u < 0)
		snprintf(out, 16, "%u B", (unsigned)bytes);
	else
		snprintf(out, 16, v < 9.95 ? "%.1f %cB" : "%.0f %cB", v, unit[u]);
	return out;
}

char *sn_duration_text(uint64_t ns, char out[16])
{
	uint64_t s = ns / 1000000000;

	if (ns < 1000000000)
		snprintf(out, 16, "%ums", (unsigned)(ns / 1000000));
	else if (s < 60)
		snprintf(out, 16, "%.1fs", (double)(ns / 100000000) / 10);
	else if (s < 3600)
		snprintf(out, 16, "%um%02us", (unsigned)(s / 60), (unsigned)(s % 60));
	else if (s < 86400)
		snprintf(out, 16, "%uh%02um", (unsigned)(s / 3600), (unsigned)(s / 60 % 60));
	else
		snprintf(out, 16, "%ud%02uh", (unsigned)(s / 86400 % 1000000), (unsigned)(s / 3600 % 24));
	return out;
}
