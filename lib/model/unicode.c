#include "model/unicode.h"

#include <string.h>

static const char names[SN_GCS][3] = {
	"Cn", "Cc", "Cf", "Co", "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc",
	"Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp",
};

static const struct sn_range spaces[] = {
	{ 0x09, 0x0d }, { 0x20, 0x20 }, { 0x85, 0x85 }, { 0xa0, 0xa0 }, { 0x1680, 0x1680 },
	{ 0x2000, 0x200a }, { 0x2028, 0x2029 }, { 0x202f, 0x202f }, { 0x205f, 0x205f },
	{ 0x3000, 0x3000 },
};
enum { N_SPACES = sizeof(spaces) / sizeof(spaces[0]) };

uint32_t sn_gc_set(const char *name, size_t n)
{
	uint32_t set = 0;

	if (n != 1 && n != 2)
		return 0;
	for (int i = 0; i < SN_GCS; i++)
		if (!memcmp(names[i], name, n))
			set |= 1u << i;
	return set;
}

enum sn_gc sn_gc(uint32_t cp)
{
	size_t lo = 0, hi = sn_gc_runs_n;

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (sn_gc_runs[mid] >> 5 <= cp)
			lo = mid;
		else
			hi = mid;
	}
	return (enum sn_gc)(sn_gc_runs[lo] & 31);
}

static bool in(const struct sn_range *r, size_t n, uint32_t cp)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (cp > r[mid].hi)
			lo = mid + 1;
		else if (cp < r[mid].lo)
			hi = mid;
		else
			return true;
	}
	return false;
}

bool sn_is_space(uint32_t cp)
{
	return in(spaces, N_SPACES, cp);
}

bool sn_is_word(uint32_t cp)
{
	const uint32_t set = sn_gc_set("L", 1) | sn_gc_set("M", 1) | 1u << SN_ND | 1u << SN_NL |
		1u << SN_PC;

	return set >> sn_gc(cp) & 1 || in(sn_word_extra, sn_word_extra_n, cp);
}

void sn_cls_fill(uint8_t cls[SN_CODE_POINTS])
{
	const uint32_t letters = sn_gc_set("L", 1), numbers = sn_gc_set("N", 1);

	for (size_t i = 0; i < sn_gc_runs_n; i++) {
		uint32_t from = sn_gc_runs[i] >> 5, set = 1u << (sn_gc_runs[i] & 31);
		uint32_t to = i + 1 < sn_gc_runs_n ? sn_gc_runs[i + 1] >> 5 : SN_CODE_POINTS;

		memset(cls + from, set & letters ? SN_CLS_L : set & numbers ? SN_CLS_N : 0, to - from);
	}
	for (size_t i = 0; i < N_SPACES; i++)
		memset(cls + spaces[i].lo, SN_CLS_S, spaces[i].hi - spaces[i].lo + 1);
}

static void put_range(struct sn_buf *b, uint32_t lo, uint32_t hi)
{
	if (lo >= 0xd800 && lo <= 0xdfff)
		lo = 0xe000;
	if (hi >= 0xd800 && hi <= 0xdfff)
		hi = 0xd7ff;
	if (lo > hi)
		return;
	sn_buf_fmt(b, "\\x{%x}", lo);
	if (hi > lo)
		sn_buf_fmt(b, "-\\x{%x}", hi);
}

void sn_gc_ranges(struct sn_buf *b, uint32_t set, bool neg)
{
	size_t i = 0;

	while (i < sn_gc_runs_n) {
		size_t j = i;

		while (j < sn_gc_runs_n && (set >> (sn_gc_runs[j] & 31) & 1) != neg)
			j++;
		if (j > i)
			put_range(b, sn_gc_runs[i] >> 5,
				j < sn_gc_runs_n ? (sn_gc_runs[j] >> 5) - 1 : SN_CODE_POINTS - 1);
		i = j + 1;
	}
}

void sn_space_ranges(struct sn_buf *b, bool neg)
{
	uint32_t next = 0;

	for (size_t i = 0; i < N_SPACES; i++) {
		if (!neg)
			put_range(b, spaces[i].lo, spaces[i].hi);
		else if (spaces[i].lo > next)
			put_range(b, next, spaces[i].lo - 1);
		next = spaces[i].hi + 1;
	}
	if (neg)
		put_range(b, next, SN_CODE_POINTS - 1);
}
