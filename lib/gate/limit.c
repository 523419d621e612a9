/*
 * One take, without a lock.  A key has its place in one bucket of eight slots; a slot
 * is a tag (56 secret bits of the key's hash, and the policy) and a TAT.
 *
 * Finding.  A key is in at most one slot of its bucket, but for a moment: two processes
 * whose clocks differ by nanoseconds may find different slots idle and both claim one.
 * So a claim charges nothing.  Whoever charges slot s has first seen the key in s and then
 * not in the other seven; of two claims at least one is seen by the other's owner that
 * way, who folds the later slot into the earlier (debt added, then the slot freed by a
 * compare-and-swap that fails if it was charged meanwhile) before charging anything.
 *
 * Clock.  TATs are on CLOCK_REALTIME.  A limit of one an hour has to outlive a
 * restart of the machine, which the monotonic clocks do not: they begin at zero, and
 * a TAT of before would shut its key out for as long as the machine had been up.  The
 * price is that the wall clock can be set.  Forward: buckets fill early, once.  Back: a
 * TAT never has reason to lie further than one full bucket ahead, so one that does is
 * pulled back to that, by whoever sees it.  SLACK keeps a process that read the clock
 * and was then stopped from pulling back what others have charged since; a step
 * back by less is simply waited out.  The same rule makes garbage in a slot harmless.
 *
 * Full.  A bucket whose eight keys all have debt takes no ninth.  If another policy
 * holds at least two more of its slots than the newcomer's does, that policy gives up
 * the slot with the least debt; so a flood in one group fills its own part and leaves the
 * others theirs.  Otherwise the newcomer shares an overflow cell of its policy with
 * all like it.  Debts moved out of a slot go to the cell as a maximum, and a key that
 * claims a slot starts with the cell's debt: whoever was served there gains nothing by
 * coming back.  So crowding makes limits tighter, never looser.
 */
#include "gate/limit.h"

#include "gate/table.h"

#define SLACK 10000000000ull

struct terms { uint64_t interval, burst, span, now; };  /* span: interval times burst */

/* Of a TAT that lies too far ahead, what it is taken for; else the same. */
static uint64_t sane(const struct terms *t, uint64_t tat)
{
	return tat > t->now + t->span + SLACK ? t->now + t->span : tat;
}

/* The rule itself.  Fills r; *next is the TAT after the take when it is allowed. */
static void judge(const struct terms *t, uint64_t tat, uint64_t cost, uint64_t *next,
	struct sn_limit_result *r)
{
	uint64_t used = tat > t->now ? tat - t->now : 0, after;

	r->limit = t->burst;
	r->window = (int64_t)t->span;
	r->never = cost > t->burst;
	after = r->never ? UINT64_MAX : used + cost * t->interval;
	r->allowed = after <= t->span;
	if (r->allowed)
		used = after;
	*next = t->now + used;
	r->remaining = used < t->span ? (t->span - used) / t->interval : 0;
	r->reset = (int64_t)used;
	r->retry_after = r->allowed ? 0 : r->never ? SN_LIMIT_FOREVER : (int64_t)(after - t->span);
}

/* Add the debt of `drop' to `keep', then free it. */
static void fold(const struct terms *t, uint64_t tag, struct slot *keep, struct slot *drop)
{
	for (;;) {
		struct slot d = { tag, get64(&drop->tat) }, k = { tag, get64(&keep->tat) };
		uint64_t sum = k.tat > t->now ? k.tat : t->now;

		if (get64(&drop->tag) != tag || get64(&keep->tag) != tag)
			return;
		sum += d.tat > t->now ? sane(t, d.tat) - t->now : 0;
		if (sum > t->now + t->span)
			sum = t->now + t->span;
		if (sum > k.tat && !slot_cas(keep, k, (struct slot){ tag, sum }))
			continue;
		if (slot_cas(drop, d, (struct slot){ 0, 0 }))
			return;
	}
}

/* The slot of the key, or NULL; *seen is what was in it. */
static struct slot *find(const struct terms *t, struct slot *bucket, uint64_t tag,
	struct slot *seen)
{
	for (;;) {
		struct slot *hit = NULL, *twin = NULL;

		for (int i = 0; i < BUCKET && !hit; i++)
			if (get64(&bucket[i].tag) == tag)
				hit = &bucket[i];
		if (!hit)
			return NULL;
		*seen = (struct slot){ tag, get64(&hit->tat) };
		for (int i = 0; i < BUCKET; i++)
			if (&bucket[i] != hit && get64(&bucket[i].tag) == tag)
				twin = &bucket[i];
		if (twin)
			fold(t, tag, hit < twin ? hit : twin, hit < twin ? twin : hit);
		else if (get64(&hit->tag) == tag)
			return hit;
	}
}

/* A slot that may be claimed: one never used, else the one that has been idle longest. */
static struct slot *vacancy(const struct terms *t, struct slot *bucket, struct slot *seen)
{
	struct slot *best = NULL;

	for (int i = 0; i < BUCKET; i++) {
		struct slot s = { get64(&bucket[i].tag), get64(&bucket[i].tat) };

		if (s.tag && s.tat > t->now)
			continue;
		if (!best || !s.tag || s.tat < seen->tat) {
			best = &bucket[i];
			*seen = s;
		}
		if (!s.tag)
			break;
	}
	return best;
}

static uint64_t *cell_of(struct sn_limit *l, uint64_t tag, const struct slot *bucket)
{
	size_t at = (size_t)(bucket - l->slot) / BUCKET % CELLS;

	return &l->cell[(tag & 0xff) * CELLS + at];
}

static void raise_to(uint64_t *p, uint64_t to)
{
	uint64_t v = get64(p);

	while (v < to && !__atomic_compare_exchange_n(p, &v, to, false, __ATOMIC_ACQ_REL,
		__ATOMIC_ACQUIRE))
		;
}

static void count(uint64_t *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

/* In a full bucket, the slot that another policy has to give up for one of `tag', its
 * debt already in that policy's cell; NULL when none has to. */
static struct slot *displace(struct sn_limit *l, struct slot *bucket, uint64_t tag,
	struct slot *seen)
{
	uint64_t mine = tag & 0xff, most = 0;
	struct slot s[BUCKET], *best = NULL;
	unsigned held[POLICY_IDS] = { 0 };

	for (int i = 0; i < BUCKET; i++) {
		uint64_t id;

		s[i] = (struct slot){ get64(&bucket[i].tag), get64(&bucket[i].tat) };
		id = s[i].tag & 0xff;
		if (++held[id] > held[most] || !most)
			most = id;
	}
	if (most == mine || held[most] < held[mine] + 2)
		return NULL;
	for (int i = 0; i < BUCKET; i++)
		if ((s[i].tag & 0xff) == most && (!best || s[i].tat < seen->tat)) {
			best = &bucket[i];
			*seen = s[i];
		}
	raise_to(cell_of(l, seen->tag, bucket), seen->tat);
	return best;
}

/* A cell's TAT, pulled back when it lies too far ahead. */
static uint64_t settle(const struct terms *t, uint64_t *cell)
{
	uint64_t v = get64(cell), to = sane(t, v);

	if (to != v)
		__atomic_compare_exchange_n(cell, &v, to, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
	return to;
}

/* Give the key a slot, with nothing charged; false when the place is crowded.  True may
 * also mean that another process was faster somewhere: look again. */
static bool claim(struct sn_limit *l, const struct terms *t, struct slot *bucket, uint64_t tag)
{
	uint64_t owed = settle(t, cell_of(l, tag, bucket));
	struct slot seen, *s = vacancy(t, bucket, &seen);
	uint64_t *counter = s && seen.tag ? &l->head->evicted : NULL;

	if (!s) {
		s = displace(l, bucket, tag, &seen);
		counter = &l->head->displaced;
	}
	if (s && slot_cas(s, seen, (struct slot){ tag, owed > t->now ? owed : t->now }) && counter)
		count(counter);
	return s != NULL;
}

/* A take from the cell that the policy's crowded keys share. */
static void take_shared(struct sn_limit *l, const struct terms *t, uint64_t *cell, uint64_t cost,
	struct sn_limit_result *r)
{
	uint64_t tat, next;

	do {
		tat = settle(t, cell);
		judge(t, tat, cost, &next, r);
	} while (r->allowed && !__atomic_compare_exchange_n(cell, &tat, next, false,
		__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
	r->crowded = true;
	count(&l->head->crowded);
	raise_to(&l->head->crowded_last, t->now);
}

static void take(struct sn_limit *l, const struct terms *t, struct slot *bucket, uint64_t tag,
	uint64_t cost, struct sn_limit_result *r)
{
	struct slot seen, *s;
	uint64_t next, tat;

	for (;;) {
		if (!(s = find(t, bucket, tag, &seen))) {
			if (claim(l, t, bucket, tag))
				continue;
			take_shared(l, t, cell_of(l, tag, bucket), cost, r);
			return;
		}
		tat = sane(t, seen.tat);
		judge(t, tat, cost, &next, r);
		if (!r->allowed && tat == seen.tat)
			return;
		if (slot_cas(s, seen, (struct slot){ tag, r->allowed ? next : tat }))
			return;
	}
}

static void look(struct sn_limit *l, const struct terms *t, struct slot *bucket, uint64_t tag,
	uint64_t cost, struct sn_limit_result *r)
{
	uint64_t tat = get64(cell_of(l, tag, bucket)), next;

	for (int i = 0; i < BUCKET; i++)
		if (get64(&bucket[i].tag) == tag) {
			tat = get64(&bucket[i].tat);
			break;
		}
	judge(t, sane(t, tat), cost, &next, r);
	if (r->allowed)         /* nothing is taken: say how it stands before */
		judge(t, sane(t, tat), 0, &next, r);
}

static int decide(struct sn_limit *l, const struct sn_limit_policy *p, const void *key, size_t len,
	uint64_t cost, int64_t now, bool charge, struct sn_limit_result *r, struct sn_err *e)
{
	struct terms t = { .now = (uint64_t)now };
	struct slot *bucket;
	struct hash h;
	int64_t until;
	int rc;

	*r = (struct sn_limit_result){ 0 };
	if (now < 0 || (uint64_t)now > SN_LIMIT_SPAN_MAX)
		return sn_err(e, SN_EUSE, "the time is out of the limiter's range");
	if ((rc = table_terms(l, p, &t.interval, &t.burst, e)) < 0)
		return rc;
	t.span = t.interval * t.burst;
	h = table_hash(l, key, len);
	bucket = l->slot + hash_at(h, p->id, l->buckets) * BUCKET;
	until = table_blocked(l, h, p->id, now);
	if (charge && cost && cost <= t.burst && !until)
		take(l, &t, bucket, hash_tag(h, p->id), cost, r);
	else
		look(l, &t, bucket, hash_tag(h, p->id), cost, r);
	if (until) {
		r->allowed = false;
		r->blocked = true;
		r->retry_after = until == SN_LIMIT_FOREVER ? SN_LIMIT_FOREVER :
			r->retry_after > until - now ? r->retry_after : until - now;
	}
	return 0;
}

int sn_limit_take(struct sn_limit *l, const struct sn_limit_policy *p, const void *key,
	size_t len, uint64_t cost, int64_t now, struct sn_limit_result *r, struct sn_err *e)
{
	return decide(l, p, key, len, cost, now, true, r, e);
}

int sn_limit_peek(struct sn_limit *l, const struct sn_limit_policy *p, const void *key,
	size_t len, uint64_t cost, int64_t now, struct sn_limit_result *r, struct sn_err *e)
{
	return decide(l, p, key, len, cost, now, false, r, e);
}
