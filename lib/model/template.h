/*
 * Named chat templates: each is held as its Jinja text, which its digest is of,
 * and as a C function that renders what Jinja2 with its defaults makes of it.
 */
#ifndef SN_MODEL_TEMPLATE_H
#define SN_MODEL_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/digest.h"
#include "util/err.h"

struct sn_message {
	const char *role;               /* NUL-terminated */
	const char *content;
	size_t content_len;
};

struct sn_template_args {
	const struct sn_message *messages;
	size_t n;
	bool add_generation_prompt;
	bool include_beginning_of_conversation;
	const char *bos, *eos;          /* the tokenizer's texts, NULL where there is none */
};

struct sn_template {
	const char *name;
	const char *text;               /* the Jinja text */
	int (*render)(const struct sn_template_args *a, struct sn_buf *out, struct sn_err *e);
};

/* NULL when there is none of that name; sn_template_names() is "chatml, ...". */
const struct sn_template *sn_template_named(const char *name);
const char *sn_template_names(void);

/* SHA-256 of the template's text. */
void sn_template_digest(const struct sn_template *t, uint8_t out[SN_DIGEST]);

/* Append the rendering to out.  A template that raises is SN_ENO with its words. */
int sn_template_render(const struct sn_template *t, const struct sn_template_args *a,
	struct sn_buf *out, struct sn_err *e);

#endif
