/*
 * JSON from a hostile file.  A parsed value takes up to a hundred times the bytes
 * it has in the file, so how many there are is counted before anything is built.
 */
#ifndef SN_MODEL_JSON_BOUNDED_H
#define SN_MODEL_JSON_BOUNDED_H

#include "util/json.h"

/* sn_json_parse() of a text with at most max values, which must be an object. */
int sn_json_bounded(const char *p, size_t n, const char *name, size_t max, json_t **out,
	struct sn_err *e);

#endif
