/*
 * Blocks: keys that are refused whatever their bucket says, for all policies or for one.
 * They have slots of their own, so that a flood that fills the table cannot keep an
 * operator from blocking it.  Linear probing, with one writer at a time under
 * table_lock(); slots are never emptied, only lifted (until = 0), so a reader may stop at the
 * first one that was never used.
 *
 * head->blocks_until is no earlier than the end of any block: as long as it has passed,
 * which is always when nobody is blocked, a take looks no further.
 */
#include "gate/table.h"

static uint64_t until_of(const struct sn_limit *l, struct hash h, uint32_t id)
{
	uint64_t tag = hash_tag(h, id), at = hash_at(h, id, BLOCKS);

	for (uint64_t i = 0; i < BLOCK_PROBES; i++) {
		const struct slot *s = &l->block[(at + i) % BLOCKS];
		uint64_t seen = get64(&s->tag), until;

		if (!seen)
			return 0;
		if (seen != tag)
			continue;
		until = get64(&s->tat);
		if (get64(&s->tag) == tag)
			return until;
	}
	return 0;
}

int64_t table_blocked(const struct sn_limit *l, struct hash h, uint32_t id, int64_t now)
{
	uint64_t any, own;

	if (get64(&l->head->blocks_until) <= (uint64_t)now)
		return 0;
	any = until_of(l, h, ANY_POLICY);
	own = until_of(l, h, id);
	if (own > any)
		any = own;
	return any <= (uint64_t)now ? 0 : any > INT64_MAX ? INT64_MAX : (int64_t)any;
}

int64_t sn_limit_blocked(struct sn_limit *l, const void *key, size_t len, int64_t now)
{
	return table_blocked(l, table_hash(l, key, len), ANY_POLICY, now);
}

/* The slot that holds the block, else the first one free for it, else NULL. */
static struct slot *place(struct sn_limit *l, uint64_t tag, uint64_t at, uint64_t now)
{
	struct slot *free_one = NULL;

	for (uint64_t i = 0; i < BLOCK_PROBES; i++) {
		struct slot *s = &l->block[(at + i) % BLOCKS];

		if (s->tag == tag)
			return s;
		if (!free_one && s->tat <= now)
			free_one = s;
		if (!s->tag)
			break;
	}
	return free_one;
}

static void put(struct slot *s, struct slot new)
{
	while (!slot_cas(s, (struct slot){ get64(&s->tag), get64(&s->tat) }, new))
		;
}

/* Locked: the latest end of all blocks, after some have gone. */
static void lower_until(struct sn_limit *l)
{
	uint64_t latest = 0;

	for (size_t i = 0; i < BLOCKS; i++)
		if (l->block[i].tat > latest)
			latest = l->block[i].tat;
	__atomic_store_n(&l->head->blocks_until, latest, __ATOMIC_RELEASE);
}

int sn_limit_block(struct sn_limit *l, const struct sn_limit_policy *p, const void *key,
	size_t len, int64_t until, int64_t now, struct sn_err *e)
{
	struct hash h = table_hash(l, key, len);
	uint32_t id = p ? p->id : ANY_POLICY;
	uint64_t interval, burst;
	struct slot *s;
	int rc;

	if (until <= now)
		return sn_err(e, SN_EUSE, "a block ends in the future");
	if ((rc = table_lock(l, e)) < 0)
		return rc;
	if (p && (rc = table_terms(l, p, &interval, &burst, e)) < 0)
		goto out;
	s = place(l, hash_tag(h, id), hash_at(h, id, BLOCKS), (uint64_t)now);
	if (!s) {
		rc = sn_err(e, SN_ETEMP, "%s: no room for another block: lift some", l->path);
		goto out;
	}
	if (l->head->blocks_until < (uint64_t)until)
		__atomic_store_n(&l->head->blocks_until, (uint64_t)until, __ATOMIC_SEQ_CST);
	put(s, (struct slot){ hash_tag(h, id), (uint64_t)until });
out:
	table_unlock(l);
	return rc;
}

int sn_limit_unblock(struct sn_limit *l, const struct sn_limit_policy *p, const void *key,
	size_t len, int64_t now, struct sn_err *e)
{
	struct hash h = table_hash(l, key, len);
	uint32_t id = p ? p->id : ANY_POLICY;
	uint64_t tag = hash_tag(h, id);
	struct slot *s;
	int rc;

	if ((rc = table_lock(l, e)) < 0)
		return rc;
	s = place(l, tag, hash_at(h, id, BLOCKS), (uint64_t)now);
	if (s && s->tag == tag) {
		rc = s->tat > (uint64_t)now;
		put(s, (struct slot){ tag, 0 });
		lower_until(l);
	}
	table_unlock(l);
	return rc;
}

void table_unblock_policy(struct sn_limit *l, uint32_t id)
{
	for (size_t i = 0; i < BLOCKS; i++)
		if (l->block[i].tag && (l->block[i].tag & 0xff) == id)
			put(&l->block[i], (struct slot){ l->block[i].tag, 0 });
	lower_until(l);
}
