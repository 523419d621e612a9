#include "util/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/num.h"

static int64_t now(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t sn_clock_real(void)
{
	const char *fixed = secure_getenv("SN_NOW");
	uint64_t s;

	if (fixed && sn_num_u64(fixed, 0, 9000000000ull, &s, NULL) == 0)
		return (int64_t)s * 1000000000;
	return now(CLOCK_REALTIME);
}

int64_t sn_clock_mono(void)
{
	return now(CLOCK_MONOTONIC);
}

/* Days since 1970-01-01 of a valid civil date: years counted from March, so that
 * the leap day is the last of its year. */
static int64_t days(int y, int m, int d)
{
	int64_t years = m > 2 ? y : y - 1;
	int64_t era = (years >= 0 ? years : years - 399) / 400;
	int64_t yoe = years - era * 400;
	int64_t doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static int valid(int y, int m, int d)
{
	static const int len[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;

	return m >= 1 && m <= 12 && d >= 1 && d <= len[m - 1] + (leap && m == 2);
}

/* n decimal digits at *p; advances; -1 when they are not. */
static int digits(const char **p, int n)
{
	int v = 0;

	for (int i = 0; i < n; i++, (*p)++) {
		if (**p < '0' || **p > '9')
			return -1;
		v = v * 10 + (**p - '0');
	}
	return v;
}

static int lit(const char **p, const char *set)
{
	if (!**p || !strchr(set, **p))
		return -1;
	return *(*p)++;
}

int sn_date_day(const char *text, int64_t *sec, struct sn_err *e)
{
	const char *p = text;
	int y, m, d, dash;

	y = digits(&p, 4);
	dash = y >= 0 && *p == '-';
	p += dash;
	m = y < 0 ? -1 : digits(&p, 2);
	if (m < 0 || (dash && *p++ != '-') || (d = digits(&p, 2)) < 0 || *p || !valid(y, m, d))
		return sn_err(e, SN_EUSE, "\"%s\" is not a date such as 20250118", text);
	*sec = days(y, m, d) * 86400;
	return 0;
}

int sn_date_rfc3339(const char *text, int64_t *sec, struct sn_err *e)
{
	const char *p = text;
	int y, mo, d, h, mi, s, oh = 0, om = 0, z;

	if ((y = digits(&p, 4)) < 0 || lit(&p, "-") < 0 || (mo = digits(&p, 2)) < 0 ||
	    lit(&p, "-") < 0 || (d = digits(&p, 2)) < 0 || lit(&p, "Tt ") < 0 ||
	    (h = digits(&p, 2)) < 0 || lit(&p, ":") < 0 || (mi = digits(&p, 2)) < 0 ||
	    lit(&p, ":") < 0 || (s = digits(&p, 2)) < 0)
		goto bad;
	if (*p == '.') {
		size_t n = strspn(++p, "0123456789");

		if (!n)
			goto bad;
		p += n;
	}
	if ((z = lit(&p, "Zz+-")) < 0)
		goto bad;
	if ((z == '+' || z == '-') &&
	    ((oh = digits(&p, 2)) < 0 || lit(&p, ":") < 0 || (om = digits(&p, 2)) < 0))
		goto bad;
	if (*p || !valid(y, mo, d) || h > 23 || mi > 59 || s > 60 || oh > 23 || om > 59)
		goto bad;
	*sec = days(y, mo, d) * 86400 + h * 3600 + mi * 60 + s -
		(z == '-' ? -1 : 1) * (oh * 3600 + om * 60);
	return 0;
bad:
	return sn_err(e, SN_EUSE, "\"%s\" is not a time such as 2025-01-18T22:00:00Z", text);
}

int sn_date_any(const char *text, int64_t *sec, int *is_day, struct sn_err *e)
{
	size_t n = strspn(text, "0123456789");
	uint64_t v;

	*is_day = 0;
	if (text[0] == '@' || (text[n] == 0 && n && n != 8)) {
		if (sn_num_u64(text + (text[0] == '@'), 0, 253402300799ull, &v, e) < 0)
			return SN_EUSE;
		*sec = (int64_t)v;
		return 0;
	}
	if (strchr(text, ':'))
		return sn_date_rfc3339(text, sec, e);
	*is_day = 1;
	return sn_date_day(text, sec, e);
}

char *sn_date_text(int64_t sec, char out[24])
{
	time_t t = (time_t)sec;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || tm.tm_year > 8099 || tm.tm_year < -1900)
		snprintf(out, 24, "@%lld", (long long)sec);
	else
		strftime(out, 24, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return out;
}
