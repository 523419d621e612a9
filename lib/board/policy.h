/*
 * What a competition allows: a JSON object, every key optional,
 *   "formats"        ["safetensors", "gguf"]
 *   "architectures"  ["llama"]
 *   "dtypes"         ["BF16", "F16"]        (of any tensor of more than one dimension)
 *   "templates"      ["chatml"]             (of a submission)
 *   "min_parameters" "max_parameters"       "max_bytes" (of all files together)
 *   "min_context"    "max_context"          (positions)  "max_vocab"
 * A key that is not in this list is refused, so that a mistyped limit is no silent hole.
 */
#ifndef SN_BOARD_POLICY_H
#define SN_BOARD_POLICY_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

struct sn_policy { json_t *json; };     /* NULL: everything is allowed */

enum { SN_POLICY_MAX = 1 << 20 };       /* bytes of a policy file */

int sn_policy_parse(struct sn_policy *p, const char *text, size_t n, const char *name, struct sn_err *e);
int sn_policy_read(struct sn_policy *p, const char *path, struct sn_err *e);
void sn_policy_release(struct sn_policy *p);

/* Whether `value' may be; SN_ENO and why not (`max_parameters: 7 is more than 5'),
 * 0 with the rule in e->msg when it may, 1 when the policy says nothing. */
int sn_policy_number(const struct sn_policy *p, const char *key, uint64_t value, struct sn_err *e);
int sn_policy_word(const struct sn_policy *p, const char *key, const char *value, struct sn_err *e);

#endif
