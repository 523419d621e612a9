/*
 * What sequences of a group have in common at their beginnings is worked out once.
 *
 * A token's activations follow from the tokens up to it and from nothing else, so the
 * rows of a common beginning are the same bits in every sequence that has it.  They
 * belong to the first of these in the order of the group; each later sequence branches
 * off the earlier one with which it has most in common, and has rows of its own from
 * there on.  A position that is scored, and a sequence's last, are always its own.
 *
 * The longest common beginning with any earlier sequence is one with a neighbour in
 * the sorted order, once all later sequences are out of it: they are taken out from the
 * last on.
 */
#include <stdlib.h>

#include "infer/cpu/cpu.h"

enum { NONE = UINT32_MAX };

static uint32_t common(const struct sn_seq *a, const struct sn_seq *b, uint32_t most)
{
	uint32_t k = 0;

	if (most > b->n)
		most = b->n;
	while (k < most && a->tok[k] == b->tok[k])
		k++;
	return k;
}

static int by_tokens(const void *x, const void *y)
{
	const struct sn_seq *a = *(const struct sn_seq *const *)x;
	const struct sn_seq *b = *(const struct sn_seq *const *)y;
	uint32_t k = common(a, b, a->n);

	if (k < a->n && k < b->n)
		return a->tok[k] < b->tok[k] ? -1 : 1;
	if (a->n != b->n)
		return a->n < b->n ? -1 : 1;
	return a < b ? -1 : a > b;
}

static void sort(struct sn_cpu *c)
{
	for (size_t i = 0; i < c->n_seqs; i++)
		c->order[i] = &c->seqs[i];
	qsort(c->order, c->n_seqs, sizeof(*c->order), by_tokens);
	for (size_t k = 0; k < c->n_seqs; k++) {
		size_t i = (size_t)(c->order[k] - c->seqs);

		c->before[i] = k ? (uint32_t)(c->order[k - 1] - c->seqs) : NONE;
		c->after[i] = k + 1 < c->n_seqs ? (uint32_t)(c->order[k + 1] - c->seqs) : NONE;
	}
}

/* Sequence i branches off its nearer neighbour, and leaves the order. */
static void branch_off(struct sn_cpu *c, size_t i)
{
	const struct sn_seq *s = &c->seqs[i];
	uint32_t most = s->first < s->n ? s->first : s->n - 1;
	uint32_t near[] = { c->before[i], c->after[i] };

	for (int side = 0; side < 2; side++) {
		uint32_t k = near[side] == NONE ? 0 : common(s, &c->seqs[near[side]], most);

		if (k > c->branch[i].shared) {
			c->branch[i].parent = near[side];
			c->branch[i].shared = k;
		}
	}
	if (near[0] != NONE)
		c->after[near[0]] = near[1];
	if (near[1] != NONE)
		c->before[near[1]] = near[0];
}

void sn_cpu_share(struct sn_cpu *c)
{
	c->tokens = 0;
	for (size_t i = 0; i < c->n_seqs; i++)
		c->branch[i] = (struct sn_branch){ 0 };
	if (!c->no_share) {
		sort(c);
		for (size_t i = c->n_seqs; i--;)
			branch_off(c, i);
	}
	for (size_t i = 0; i < c->n_seqs; i++) {
		struct sn_branch *b = &c->branch[i];

		/* straight to the one that has the last of them as its own */
		while (b->shared && b->shared <= c->branch[b->parent].shared)
			b->parent = c->branch[b->parent].parent;
		b->row = (uint32_t)c->tokens;
		c->tokens += c->seqs[i].n - b->shared;
	}
}

void sn_cpu_rows(const struct sn_cpu *c, uint32_t seq, uint32_t from, uint32_t end,
	uint32_t *row)
{
	while (end > from) {
		const struct sn_branch *b = &c->branch[seq];

		for (; end > from && end > b->shared; end--)
			row[end - 1 - from] = b->row + (end - 1 - b->shared);
		seq = b->parent;
	}
}
