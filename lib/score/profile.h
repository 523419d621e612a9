/*
 * Profiles: how a record becomes token sequences, what is measured at the scored
 * positions, and what is said about the whole.  A profile is a row of a table;
 * another month's rules are another row.
 */
#ifndef SN_SCORE_PROFILE_H
#define SN_SCORE_PROFILE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "infer/infer.h"
#include "model/model.h"
#include "model/template.h"
#include "score/metric.h"
#include "score/record.h"
#include "util/buf.h"
#include "util/err.h"

enum sn_target { SN_TARGET_LAST, SN_TARGET_ALL };

/* Parts of a total that are measured elsewhere and given; NaN where they are not. */
enum sn_part { SN_PART_LATENCY, SN_PART_VIBE, SN_PART_COHERENCE, SN_PART_POST_EVAL, SN_PARTS };
extern const char *const sn_part_names[SN_PARTS];

struct sn_profile_opts {
	enum sn_target target;
	bool pair;
	double part[SN_PARTS];
};

/* The numbers of a profile, which a profile from a file may change.  What they are for is in
 * the table of profile_file.c and on the scoring page. */
struct sn_rules {
	double max_length;              /* tokens; the model's own context may be shorter */
	double max_message_tokens, max_target_tokens;
	double size_limit_gib;
	double quality_weight, latency_weight, vibe_weight;
	double coherence_least;
};

struct sn_profile;

/* What preparing needs beside the record; one per thread that prepares. */
struct sn_prepare {
	const struct sn_profile *profile;
	const struct sn_profile_opts *opts;
	const struct sn_model *model;
	const struct sn_template *template;
	struct sn_tok_scratch *scratch;
	struct sn_buf text;             /* working memory */
};

/*
 * One pass through the model.  ids[0 .. len - 2] go in; position i predicts ids[i + 1];
 * the scored positions are first .. len - 2.  Where mark is not NULL, only the ids with
 * mark[] set count, the others are what stands between two targets.
 */
struct sn_request {
	uint32_t *ids, len;
	uint32_t first;
	uint8_t *mark;
};

/* A record, ready to be scored, or why it cannot be. */
struct sn_task {
	char *reason;                   /* not NULL: skipped */
	struct sn_request *req;
	size_t n;
	size_t done;                    /* requests that were run */
	struct sn_pos *pos;             /* [tokens], what came out of those, in order */
	uint32_t *ids;                  /* [tokens], what was predicted there */
	uint64_t filled;                /* of the two */
	uint64_t tokens;                /* positions that count, in all of them */
	uint64_t bytes;                 /* of the targets' UTF-8 */
};
void sn_task_release(struct sn_task *t);

struct sn_profile {
	const char *name;
	const char *help;
	struct sn_rules rules;
	unsigned nsums;
	bool takes_target, takes_pair, takes_parts;     /* options that apply */
	/* Refuse a model that no record can be scored on.  May be NULL. */
	int (*fits)(const struct sn_prepare *p, struct sn_err *e);
	/* 0, also for a record that is skipped (t->reason). */
	int (*prepare)(struct sn_prepare *p, const struct sn_record *r, struct sn_task *t,
		struct sn_err *e);
	/* Raw sums of n positions that count: pos[] and the ids that came there.
	 * per_token[n]: what --logprobs shows. */
	void (*measure)(const struct sn_pos *pos, const uint32_t *ids, uint64_t n,
		struct sn_sums *s, float *per_token);
	/* The members of a --samples line that are the profile's. */
	void (*sample)(const struct sn_sums *s, struct sn_buf *b);
	/* The sums back from such a line; false when they are not in it.  s->n is set. */
	bool (*reread)(const json_t *line, struct sn_sums *s);
	const char *per_token_name;
	/* The run's figures, set into `out'.  sums and bytes of the scored records in order. */
	void (*figures)(const struct sn_prepare *p, const struct sn_sums *s, const uint64_t *bytes,
		size_t n, json_t *out);
};

extern const struct sn_profile sn_profile_ppl, sn_profile_dippy_2025_01;
extern const struct sn_profile *const sn_profiles[];    /* NULL ends it */
const struct sn_profile *sn_profile_named(const char *name);

/*
 * A profile from a file (profile_file.c): a JSON object with "name", "base" (a built-in
 * profile) and the numbers that are not the base's.  Its name becomes
 * "NAME@<16 hex>": the first half of SHA-256 over "<base>\n" and then, for each number of
 * the base in the table's order, "<key> <value as %.17g>\n"; so two files agree when their
 * rules do, and nobody's digest can be taken for that of other rules.
 */
int sn_profile_parse(struct sn_profile **p, const char *text, size_t len, const char *name,
	struct sn_err *e);
int sn_profile_read(struct sn_profile **p, const char *path, struct sn_err *e);
/* The base and all of its numbers, for the summary; NULL for a built-in profile or out of memory. */
json_t *sn_profile_rules(const struct sn_profile *p);
void sn_profile_free(struct sn_profile *p);     /* NULL is fine */

/* For the rows of the table: */

/* The reason of a skip, kept in t; 0, or SN_ETEMP. */
int sn_task_skip(struct sn_task *t, struct sn_err *e, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* One more request, zeroed, valid until the next call; NULL out of memory. */
struct sn_request *sn_task_request(struct sn_task *t, struct sn_err *e);
/* The record's messages with the system prompt in front: always, or unless it is empty. */
struct sn_message *sn_with_system(const struct sn_record *r, bool always, size_t *n);
/* Render messages with a generation prompt into p->text.  *why (to be freed) is set when
 * the template refuses them, and NULL otherwise. */
int sn_prepare_context(struct sn_prepare *p, const struct sn_message *m, size_t n, char **why,
	struct sn_err *e);
int sn_prepare_encode(struct sn_prepare *p, const char *text, size_t len, unsigned flags,
	size_t max, struct sn_ids *out, struct sn_err *e);
/* o[key] = v, or null where v is not finite. */
void sn_set_real(json_t *o, const char *key, double v);

#endif
