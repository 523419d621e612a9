/* What the shell tests of tokenizers do not reach: scanners against the regexes they
 * stand for, normal forms, cutting, threads, and patterns that would never end. */
#include <pthread.h>
#include <stdlib.h>

#include "model/tok.h"
#include "util/digest.h"
#include "util/io.h"
#include "util/utf8.h"

#include "tap.h"

static uint64_t seed = 88172645463325252ull;

static uint32_t rnd(uint32_t n)
{
	seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
	return (uint32_t)(seed >> 32) % n;
}

static size_t random_text(char *out, size_t max)
{
	static const char *const bits[] = {
		"'", "'s", "'S", "'\xc5\xbf", "'ll", "'LL", "'rE", "'v", "\r", "\n", "\r\n", " ", "  ", "\t",
		"\xc2\xa0", "\xe3\x80\x80", "\xc2\x85", "\xe1\xa0\x8e", "a", "Z", "\xc3\xa9", "\xe4\xb8\x80",
		"1", "\xd9\xa3", "\xc2\xbd", "\xe2\x85\xa7", "!", ".", "\xcc\x81", "\xf0\x9f\x98\x80", "-",
	};
	size_t n = 0, parts = rnd(12);

	while (parts-- && n + 4 < max) {
		if (rnd(8)) {
			const char *b = bits[rnd(sizeof(bits) / sizeof(bits[0]))];

			memcpy(out + n, b, strlen(b));
			n += strlen(b);
		} else {
			n += (size_t)sn_utf8_put(rnd(2) ? rnd(0x3000) : rnd(0x110000), out + n);
		}
	}
	return n;
}

static void scanners(const uint8_t *cls)
{
	static const char *const patterns[] = {
		"'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
		"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|"
			" ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
		"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|"
			" ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
	};

	for (size_t k = 0; k < sizeof(patterns) / sizeof(patterns[0]); k++) {
		sn_scan_fn scan = sn_scan_find(patterns[k], strlen(patterns[k]));
		pcre2_match_data *md = pcre2_match_data_create(1, NULL);
		struct sn_err e = { 0 };
		pcre2_code *re;
		size_t bad = 0;

		if (!ok(scan && sn_regex_compile(&re, patterns[k], strlen(patterns[k]), "p", &e) == 0,
		    "pattern %zu has a scanner and compiles %s", k, e.msg))
			continue;
		for (int i = 0; i < 100000; i++) {
			char text[128];
			size_t n = random_text(text, sizeof(text)), at = 0;

			while (at < n && !bad) {
				const PCRE2_SIZE *v = pcre2_get_ovector_pointer(md);
				size_t m = scan(cls, text + at, text + n);

				if (pcre2_match(re, (PCRE2_SPTR)text, n, at, 0, md, NULL) < 0 || v[0] != at ||
				    v[1] != at + m) {
					printf("# %.*s: at %zu the scanner takes %zu, the regex %zu to %zu\n",
						(int)n, text, at, m, (size_t)v[0], (size_t)v[1]);
					bad++;
				}
				at += m;
			}
		}
		ok(!bad, "scanner %zu cuts as the regex does", k);
		pcre2_match_data_free(md);
		pcre2_code_free(re);
	}
}

static void normal_forms(void)
{
	static const struct { const char *in, *out, *name; } cases[] = {
		{ "plain", "plain", "ASCII" },
		{ "e\xcc\x81", "\xc3\xa9", "e and acute" },
		{ "\xe1\xba\x9b\xcc\xa3", "\xe1\xba\x9b\xcc\xa3", "long s with two dots stays" },
		{ "a\xcc\x81\xcc\xa3", "\xe1\xba\xa1\xcc\x81", "marks are ordered" },
		{ "\xe2\x84\xab", "\xc3\x85", "angstrom" },
		{ "\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8", "\xea\xb0\x81", "hangul" },
		{ "\xea\xb0\x80\xe1\x86\xa8", "\xea\xb0\x81", "hangul, half joined" },
		{ "\xcc\x81", "\xcc\x81", "a mark alone" },
		{ "\xe0\xa5\x98", "\xe0\xa4\x95\xe0\xa4\xbc", "an excluded composition" },
		/* Unicode 14 and 16 know better; the library does not */
		{ "\xe0\xb1\x8d\xe0\xb0\xbc", "\xe0\xb1\x8d\xe0\xb0\xbc", "U+0C3C is not ordered" },
		{ "\xf0\x90\x97\x92\xcc\x87", "\xf0\x90\x97\x92\xcc\x87", "U+105D2 is not joined" },
		{ "\xf0\x91\xa4\xb5\xf0\x91\xa4\xb0", "\xf0\x91\xa4\xb5\xf0\x91\xa4\xb0", "U+11935 neither" },
	};
	struct sn_buf b = SN_BUF_INIT;
	struct sn_nfc w = { 0 };
	struct sn_err e = { 0 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		sn_buf_clear(&b);
		if (sn_nfc(&w, cases[i].in, strlen(cases[i].in), &b, &e))
			ok(false, "%s: %s", cases[i].name, e.msg);
		else
			is_str(b.p, cases[i].out, cases[i].name);
	}
	sn_buf_release(&b);
	sn_nfc_release(&w);
}

static struct sn_tokenizer *load(const char *json, size_t n, struct sn_err *e)
{
	struct sn_tokenizer *t = NULL;

	sn_tokenizer_json(&t, json, n, "tokenizer.json", NULL, 0, NULL, e);
	return t;
}

static char *words(const struct sn_ids *ids)
{
	static char out[256];
	size_t n = 0;

	out[0] = 0;
	for (size_t i = 0; i < ids->n && n < sizeof(out) - 12; i++)
		n += (size_t)snprintf(out + n, sizeof(out) - n, i ? " %u" : "%u", ids->v[i]);
	return out;
}

static const char *encode(const struct sn_tokenizer *t, const char *text, unsigned flags,
	size_t max)
{
	struct sn_tok_scratch *s;
	struct sn_ids ids = { 0 };
	struct sn_err e = { 0 };
	const char *out;

	if (sn_tok_scratch_new(&s, t, &e))
		return "no scratch";
	if (sn_tokenizer_encode(t, s, text, strlen(text), flags, max, &ids, &e))
		out = strcpy(words(&ids), e.msg);
	else
		out = words(&ids);
	free(ids.v);
	sn_tok_scratch_free(s);
	return out;
}

/* a, b, ab; B and E around; %s: pre_tokenizer, then more members */
#define SMALL(pre, more) \
	"{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2,\"B\":3,\"E\":4}," \
	"\"merges\":[\"a b\"]},\"added_tokens\":[],\"pre_tokenizer\":" pre "," \
	"\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[" \
	"{\"SpecialToken\":{\"id\":\"B\",\"type_id\":0}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}," \
	"{\"SpecialToken\":{\"id\":\"E\",\"type_id\":0}}],\"pair\":[],\"special_tokens\":{" \
	"\"B\":{\"id\":\"B\",\"ids\":[3],\"tokens\":[\"B\"]}," \
	"\"E\":{\"id\":\"E\",\"ids\":[4],\"tokens\":[\"E\"]}}}" more "}"
#define BYTES "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}"
#define SPLIT(re) "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":" \
	"{\"Regex\":\"" re "\"},\"behavior\":\"Isolated\",\"invert\":false}," BYTES "]}"

static void cutting(void)
{
	static const char right[] = SMALL(BYTES, "");
	static const char left[] = SMALL(BYTES, ",\"truncation\":{\"direction\":\"Left\"}");
	struct sn_err e = { 0 };
	struct sn_tokenizer *r = load(right, strlen(right), &e), *l = load(left, strlen(left), &e);
	size_t front, behind;

	if (!ok(r && l, "two small tokenizers %s", e.msg))
		return;
	is_str(encode(r, "babab", 0, 0), "1 2 2", "ids");
	is_str(encode(r, "babab", SN_TOK_ADD_SPECIAL, 0), "3 1 2 2 4", "ids with special ones");
	is_str(encode(r, "babab", 0, 2), "1 2", "cut on the right");
	is_str(encode(l, "babab", 0, 2), "2 2", "cut on the left");
	is_str(encode(r, "babab", SN_TOK_ADD_SPECIAL, 4), "3 1 2 4", "cut, and the special ones kept");
	is_str(encode(l, "babab", SN_TOK_ADD_SPECIAL, 4), "3 2 2 4", "the same on the left");
	is_str(encode(l, "babab", SN_TOK_ADD_SPECIAL, 2), "3 4", "room for the special ones alone");
	is_str(encode(l, "babab", SN_TOK_ADD_SPECIAL, 1), "1 tokens do not hold the 2 the tokenizer adds",
		"no room for them");
	is_str(encode(l, "", SN_TOK_ADD_SPECIAL, 0), "3 4", "an empty text");
	sn_tokenizer_added(r, &front, &behind);
	ok(front == 1 && behind == 1, "what is added");
	ok(sn_tokenizer_cuts_left(l) && !sn_tokenizer_cuts_left(r), "which side is cut");
	ok(sn_tokenizer_size(r) == 5 && sn_tokenizer_id(r, "ab", 2) == 2 &&
	   sn_tokenizer_id(r, "ba", 2) == -1, "ids of texts");
	ok(!sn_tokenizer_special(r, SN_TOK_BOS).text, "no BOS without tokenizer_config.json");
	sn_tokenizer_close(r);
	sn_tokenizer_close(l);
}

static void endless(void)
{
	static const char json[] = SMALL(SPLIT("(?:a|aa)+[bc]"), "");
	struct sn_err e = { 0 };
	struct sn_tokenizer *t = load(json, strlen(json), &e);
	char text[2001];

	if (!ok(t, "a pattern that branches %s", e.msg))
		return;
	memset(text, 'a', 2000);
	text[2000] = 0;
	ok(!strncmp(encode(t, text, 0, 0), "the tokenizer's pattern gives up on this text: ", 47),
		"it gives up and says so");
	sn_tokenizer_close(t);
}

static const struct sn_tokenizer *shared_t;
static char *shared_text;

static void *thread(void *arg)
{
	struct sn_ids *ids = arg;
	struct sn_tok_scratch *s;

	if (sn_tok_scratch_new(&s, shared_t, NULL))
		return NULL;
	for (int i = 0; i < 20; i++) {
		ids->n = 0;
		sn_tokenizer_encode(shared_t, s, shared_text, strlen(shared_text), 0, 0, ids, NULL);
	}
	sn_tok_scratch_free(s);
	return NULL;
}

static void threads(void)
{
	struct sn_ids ids[2] = { { 0 } };
	struct sn_buf b = SN_BUF_INIT, text = SN_BUF_INIT;
	struct sn_err e = { 0 };
	struct sn_tokenizer *t = NULL;
	pthread_t id[2];

	if (sn_read_file("tests/data/tiny/tokenizer.json", &b, &e) == 0)
		t = load(b.p, b.len, &e);
	if (ok(t && sn_read_file("tests/data/demo.jsonl", &text, &e) == 0, "tiny's tokenizer %s", e.msg)) {
		shared_t = t;
		shared_text = text.p;
		for (int i = 0; i < 2; i++)
			pthread_create(&id[i], NULL, thread, &ids[i]);
		for (int i = 0; i < 2; i++)
			pthread_join(id[i], NULL);
		ok(ids[0].n > 1000 && ids[0].n == ids[1].n &&
		   !memcmp(ids[0].v, ids[1].v, ids[0].n * sizeof(*ids[0].v)), "two threads, the same ids");
	}
	sn_tokenizer_close(t);
	free(ids[0].v);
	free(ids[1].v);
	sn_buf_release(&b);
	sn_buf_release(&text);
}

int main(void)
{
	uint8_t *cls = malloc(SN_CODE_POINTS);

	if (!cls || sodium_init() < 0)
		return 111;
	sn_cls_fill(cls);
	scanners(cls);
	free(cls);
	normal_forms();
	cutting();
	endless();
	threads();
	return done_testing();
}
