/*
 * JSON through jansson: parsing bytes from outside with a place in the message,
 * and typed access that says which key is wrong.  Values that are returned
 * belong to the object they came from unless said otherwise.
 */
#ifndef SN_UTIL_JSON_H
#define SN_UTIL_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/err.h"

/* One JSON value filling all n bytes.  Duplicate keys, NUL in strings, invalid
 * UTF-8 and over-deep nesting are refused.  *out is the caller's (json_decref).
 * Messages: "NAME: line 3, column 7: reason" (line 1 left out). */
int sn_json_parse(const char *p, size_t n, const char *name, json_t **out, struct sn_err *e);
int sn_json_file(const char *path, size_t max, json_t **out, struct sn_err *e);

enum { SN_JSON_NEED = 1, SN_JSON_MAY = 0 };

/* Members of an object.  need: absent (or null) is an error, otherwise *out is left
 * as it was.  A wrong type or range is SN_ENO `NAME: key "KEY": expected ...'. */
int sn_json_str(const json_t *o, const char *key, int need, const char *name,
	const char **out, struct sn_err *e);
int sn_json_u64(const json_t *o, const char *key, int need, const char *name,
	uint64_t min, uint64_t max, uint64_t *out, struct sn_err *e);
int sn_json_num(const json_t *o, const char *key, int need, const char *name,
	double *out, struct sn_err *e);
int sn_json_bool(const json_t *o, const char *key, int need, const char *name,
	bool *out, struct sn_err *e);
int sn_json_arr(const json_t *o, const char *key, int need, const char *name,
	const json_t **out, struct sn_err *e);
int sn_json_obj(const json_t *o, const char *key, int need, const char *name,
	const json_t **out, struct sn_err *e);

/* Compact text of v appended to b, keys in the order they were set, reals shortest. */
void sn_buf_value(struct sn_buf *b, const json_t *v);

#endif
