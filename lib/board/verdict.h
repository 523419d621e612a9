/*
 * A verdict: the checks of a submission against its model's files and a policy, in
 * the order of one table (verdict.c).  A check that needs what an earlier one
 * refused is not run and not listed, so the last entry of a "no" is its reason
 * unless several independent ones failed.
 */
#ifndef SN_BOARD_VERDICT_H
#define SN_BOARD_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "board/policy.h"
#include "board/submission.h"
#include "util/buf.h"
#include "util/digest.h"
#include "util/err.h"

#define SN_VERDICT_CHECKS 32

struct sn_check { const char *name; bool ok; char detail[600]; };

struct sn_verdict {
	char *target;
	bool ok;
	struct sn_check check[SN_VERDICT_CHECKS];
	size_t n;
	/* what is known of the model; 0 and "" where it is not */
	uint8_t digest[SN_DIGEST];
	bool has_digest, has_weights;
	char architecture[32], dtype[16];
	uint64_t parameters, bytes;     /* bytes: of parameters and buffers in bf16 */
};

/* tick (may be NULL) is told how many bytes have been hashed, and of how many.
 * 0 whatever the verdict; SN_ETEMP when it could not be reached (I/O, memory). */
int sn_verdict_make(struct sn_verdict *v, const struct sn_submission *s, const struct sn_policy *p,
	void (*tick)(void *arg, uint64_t done, uint64_t total), void *arg, struct sn_err *e);
void sn_verdict_release(struct sn_verdict *v);

/* {"target","ok","checks":[{"name","ok","detail"}],"model":{...}} and a newline. */
void sn_verdict_json(const struct sn_verdict *v, struct sn_buf *out);
/* The same as a person would like to read it. */
void sn_verdict_text(const struct sn_verdict *v, struct sn_buf *out);

#endif
