/*
 * A submission: what a miner says about a model, one JSON object.
 *   target               a directory or a GGUF file (the local form)
 *   repo_namespace, repo_name, chat_template_type, hash, hotkey
 *   revision, competition_id, block     kept by others, not looked at here
 * The hash binds the four names together: the first 16 hex digits of
 * SHA-256("namespace name template hotkey"), as an unsigned 64-bit integer.
 */
#ifndef SN_BOARD_SUBMISSION_H
#define SN_BOARD_SUBMISSION_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

struct sn_submission {
	const char *target;     /* all texts belong to `json' */
	const char *namespace, *name, *template, *hotkey;       /* NULL when absent */
	uint64_t hash;
	bool has_hash;
	json_t *json;
};

/* A hash needs all four names; a name of the four without a hash is refused. `where'
 * ("stdin: line 3") is for messages.  The holder calls release, after a failure too. */
int sn_submission_parse(struct sn_submission *s, const char *p, size_t n, const char *where,
	struct sn_err *e);
void sn_submission_release(struct sn_submission *s);

uint64_t sn_submission_hash(const char *namespace, const char *name, const char *template,
	const char *hotkey);

#endif
