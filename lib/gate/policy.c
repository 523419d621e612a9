/*
 * Policies in the limiter's table: names with an interval and a burst.  Takes read them
 * without a lock while one process at a time, under table_lock(), changes them.  A change
 * becomes visible by one store (gen, or life for a new or removed one), so a process killed
 * in the middle of it has changed nothing.
 */
#include <stdio.h>
#include <string.h>

#include "gate/table.h"
#include "util/num.h"

static uint32_t get32(const uint32_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

int sn_limit_name_ok(const char *name, struct sn_err *e)
{
	size_t n = strlen(name);

	if (n >= 1 && n < SN_LIMIT_NAME && name[0] != '-' &&
	    strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-+:@") == n)
		return 0;
	return sn_err(e, SN_EUSE, "\"%s\" is not a name: 1 to %d of A-Z a-z 0-9 . _ - + : @, "
		"not beginning with -", name, SN_LIMIT_NAME - 1);
}

static bool terms_ok(uint64_t interval, uint64_t burst)
{
	uint64_t span;

	return interval && burst && !__builtin_mul_overflow(interval, burst, &span) &&
		span <= SN_LIMIT_SPAN_MAX;
}

/* What entry id holds, at one instant; false when it is not in use. */
static bool snapshot(const struct sn_limit *l, uint32_t id, struct sn_limit_policy *p)
{
	const struct table_policy *t = &l->policy[id];
	uint32_t gen;

	for (;;) {
		p->id = id;
		p->life = get32(&t->life);
		if (!(p->life & 1))
			return false;
		gen = get32(&t->gen);
		p->interval = get64(&t->copy[gen & 1].interval);
		p->burst = get64(&t->copy[gen & 1].burst);
		memcpy(p->name, t->name, sizeof(p->name));
		p->name[sizeof(p->name) - 1] = 0;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (get32(&t->gen) == gen && get32(&t->life) == p->life)
			return true;
	}
}

int table_terms(const struct sn_limit *l, const struct sn_limit_policy *p, uint64_t *interval,
	uint64_t *burst, struct sn_err *e)
{
	const struct table_policy *t = &l->policy[p->id % POLICY_IDS];
	uint32_t gen;

	do {
		gen = get32(&t->gen);
		*interval = get64(&t->copy[gen & 1].interval);
		*burst = get64(&t->copy[gen & 1].burst);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (get32(&t->life) != p->life || !(p->life & 1))
			return sn_err(e, SN_EUSE, "%s: policy \"%s\" has been removed", l->path, p->name);
	} while (get32(&t->gen) != gen);
	if (!terms_ok(*interval, *burst))
		return sn_err(e, SN_ENO, "%s: policy \"%s\" is damaged", l->path, p->name);
	return 0;
}

int sn_limit_next(struct sn_limit *l, uint32_t *at, struct sn_limit_policy *p)
{
	while (++*at <= SN_LIMIT_POLICIES)
		if (snapshot(l, *at, p))
			return 1;
	return 0;
}

static bool lookup(struct sn_limit *l, const char *name, struct sn_limit_policy *p)
{
	for (uint32_t at = 0; sn_limit_next(l, &at, p); )
		if (!strcmp(p->name, name))
			return true;
	return false;
}

int sn_limit_find(struct sn_limit *l, const char *name, struct sn_limit_policy *p,
	struct sn_err *e)
{
	if (!lookup(l, name, p))
		return sn_err(e, SN_EUSE, "%s: no policy \"%s\"", l->path, name);
	return 0;
}

static int add(struct sn_limit *l, const char *name, uint64_t interval, uint64_t burst,
	struct sn_err *e)
{
	for (uint32_t id = 1; id <= SN_LIMIT_POLICIES; id++) {
		struct table_policy *t = &l->policy[id];

		if (t->life & 1)
			continue;
		memset(t->name, 0, sizeof(t->name));
		memcpy(t->name, name, strlen(name));
		__atomic_store_n(&t->copy[t->gen & 1].interval, interval, __ATOMIC_RELAXED);
		__atomic_store_n(&t->copy[t->gen & 1].burst, burst, __ATOMIC_RELAXED);
		__atomic_store_n(&t->life, t->life + 1, __ATOMIC_RELEASE);
		return 0;
	}
	return sn_err(e, SN_ENO, "%s: there are %d policies already", l->path, SN_LIMIT_POLICIES);
}

int sn_limit_set(struct sn_limit *l, const char *name, uint64_t interval, uint64_t burst,
	struct sn_err *e)
{
	struct sn_limit_policy p;
	int rc;

	if ((rc = sn_limit_name_ok(name, e)) < 0)
		return rc;
	if (!interval || !burst)
		return sn_err(e, SN_EUSE, "policy \"%s\": a rate and a burst of at least 1 are needed", name);
	if (!terms_ok(interval, burst))
		return sn_err(e, SN_EUSE, "policy \"%s\": burst %llu at this rate takes more than "
			"146 years to refill", name, (unsigned long long)burst);
	if ((rc = table_lock(l, e)) < 0)
		return rc;
	if (lookup(l, name, &p)) {
		struct table_policy *t = &l->policy[p.id];
		uint32_t next = t->gen + 1;

		__atomic_store_n(&t->copy[next & 1].interval, interval, __ATOMIC_RELAXED);
		__atomic_store_n(&t->copy[next & 1].burst, burst, __ATOMIC_RELAXED);
		__atomic_store_n(&t->gen, next, __ATOMIC_RELEASE);
	} else {
		rc = add(l, name, interval, burst, e);
	}
	table_unlock(l);
	return rc;
}

/* The keys go after the policy: one that comes in between finds no policy. */
int sn_limit_rm(struct sn_limit *l, const char *name, struct sn_err *e)
{
	struct sn_limit_policy p;
	int rc;

	if ((rc = table_lock(l, e)) < 0)
		return rc;
	if ((rc = sn_limit_find(l, name, &p, e)) == 0) {
		__atomic_store_n(&l->policy[p.id].life, p.life + 1, __ATOMIC_SEQ_CST);
		for (uint64_t i = 0; i < l->buckets * BUCKET; i++)
			for (;;) {
				struct slot s = { get64(&l->slot[i].tag), get64(&l->slot[i].tat) };

				if ((s.tag & 0xff) != p.id ||
				    slot_cas(&l->slot[i], s, (struct slot){ 0, 0 }))
					break;
			}
		for (size_t i = 0; i < CELLS; i++)
			__atomic_store_n(&l->cell[p.id * CELLS + i], 0, __ATOMIC_RELAXED);
		table_unblock_policy(l, p.id);
	}
	table_unlock(l);
	return rc;
}

/* Adds to used[id] and live[id], by what the tags say. */
static void tally(const struct slot *s, uint64_t n, uint64_t now, uint64_t used[POLICY_IDS],
	uint64_t live[POLICY_IDS])
{
	for (uint64_t i = 0; i < n; i++) {
		uint64_t tag = get64(&s[i].tag);

		used[tag & 0xff] += tag != 0;
		live[tag & 0xff] += tag && get64(&s[i].tat) > now;
	}
}

static uint64_t sum(const uint64_t v[POLICY_IDS])
{
	uint64_t n = 0;

	for (size_t i = 0; i < POLICY_IDS; i++)
		n += v[i];
	return n;
}

void sn_limit_stat(struct sn_limit *l, int64_t now, struct sn_limit_stat *s)
{
	uint64_t used[POLICY_IDS] = { 0 }, live[POLICY_IDS] = { 0 };
	uint64_t placed[POLICY_IDS] = { 0 }, blocks[POLICY_IDS] = { 0 };

	*s = (struct sn_limit_stat){ .slots = l->buckets * BUCKET,
		.evicted = get64(&l->head->evicted), .displaced = get64(&l->head->displaced),
		.crowded = get64(&l->head->crowded),
		.crowded_last = (int64_t)get64(&l->head->crowded_last) };
	tally(l->slot, s->slots, (uint64_t)now, used, live);
	tally(l->block, BLOCKS, (uint64_t)now, placed, blocks);
	s->live = sum(live);
	s->idle = sum(used) - s->live;
	s->blocks = sum(blocks);
}

void sn_limit_count(struct sn_limit *l, int64_t now, struct sn_limit_counts *c)
{
	uint64_t used[POLICY_IDS] = { 0 }, live[POLICY_IDS] = { 0 }, blocks[POLICY_IDS] = { 0 };

	tally(l->slot, l->buckets * BUCKET, (uint64_t)now, used, live);
	tally(l->block, BLOCKS, (uint64_t)now, used, blocks);
	memcpy(c->live, live, sizeof(c->live));
	memcpy(c->blocks, blocks, sizeof(c->blocks));
	c->blocks[0] = blocks[ANY_POLICY];
}

char *sn_limit_rate_text(uint64_t interval, char out[32])
{
	static const struct { char letter; uint64_t ns; } per[] = {
		{ 'd', 86400000000000 }, { 'h', 3600000000000 }, { 'm', 60000000000 }, { 's', 1000000000 } };
	uint64_t x;
	int i = 3;

	/* the shortest unit with a whole number that reads back as this very interval */
	for (int k = 3; k >= 0; k--) {
		x = interval ? (per[k].ns + interval / 2) / interval : 0;
		if (x && (per[k].ns + x / 2) / x == interval) {
			snprintf(out, 32, "%llu/%c", (unsigned long long)x, per[k].letter);
			return out;
		}
	}
	while (i > 0 && per[i].ns < interval)
		i--;
	snprintf(out, 32, "%.9g/%c", interval ? (double)per[i].ns / (double)interval : 0, per[i].letter);
	return out;
}
