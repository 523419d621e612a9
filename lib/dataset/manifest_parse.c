/* Parsing the manifest: bytes in, a state out; nothing here touches a file. */
#include "dataset/manifest.h"

#include <stdlib.h>

void sn_state_release(struct sn_state *st)
{
	free(st->part);
	*st = (struct sn_state){ 0 };
}

/* ---- HEAD ---- */

int sn_head_parse(const uint8_t *p, size_t n, const char *name, struct sn_head *h,
	struct sn_err *e)
{
	const uint8_t *q = p + 8;

	if (n != SN_HEAD_BYTES)
		return sn_err(e, SN_ENO, "%s: damaged: %zu bytes instead of %d", name, n,
			SN_HEAD_BYTES);
	if (memcmp(p, SN_HEAD_MAGIC, 7))
		return sn_err(e, SN_ENO, "%s: damaged: not the HEAD of a dataset", name);
	if (p[7] != SN_HEAD_MAGIC[7] &&
	    sn_checksum(0, 0, p, n - 8) == (q = p + n - 8, sn_get64(&q)))
		return sn_err(e, SN_ENO, "%s: format version %d, this program knows %d", name, p[7],
			SN_HEAD_MAGIC[7]);
	q = p + 8;
	h->segment = sn_get64(&q);
	h->length = sn_get64(&q);
	h->sum = sn_get64(&q);
	h->generation = sn_get64(&q);
	h->number = sn_get64(&q);
	h->records = sn_get64(&q);
	memcpy(h->id, q, SN_DIGEST);
	q += SN_DIGEST;
	if (sn_get64(&q) != sn_checksum(0, 0, p, n - 8))
		return sn_err(e, SN_ENO, "%s: damaged: wrong checksum", name);
	if (!h->segment || h->segment > SN_SEG_LAST)
		return sn_err(e, SN_ENO, "%s: damaged: log segment out of range", name);
	return 0;
}

static void get_snapshot(const uint8_t *p, struct sn_snapshot *s)
{
	memcpy(s->id, p, SN_DIGEST);
	memcpy(s->prev, p + SN_DIGEST, SN_DIGEST);
	p += 2 * SN_DIGEST;
	s->number = sn_get64(&p);
	s->records = sn_get64(&p);
	s->added = sn_get64(&p);
	s->bytes = sn_get64(&p);
	s->sealed = (int64_t)sn_get64(&p);
	s->first = (int64_t)sn_get64(&p);
	s->last = (int64_t)sn_get64(&p);
}

/* ---- parsing a segment ---- */

struct parse {
	const uint8_t *p;
	size_t n, at;           /* at: of the entry being looked at */
	uint64_t sum;
	const char *name;
	struct sn_state *st;
	struct sn_err *e;
};

static int bad(struct parse *s, const char *why)
{
	return sn_err(s->e, SN_ENO, "%s: damaged: byte %zu: %s", s->name, s->at, why);
}

/* Put the shards in a payload in the place of part[index .. index + gone), and check that
 * they cover rows from `row' on without gaps and are as many as fit; *end is the row after. */
static int replace(struct parse *s, const uint8_t *p, size_t n, size_t index, size_t gone,
	uint64_t row, uint64_t *end, uint64_t *raw)
{
	struct sn_state *st = s->st;
	size_t come = n / SN_PART_BYTES, count = st->parts - gone + come;
	struct sn_part *list, *to;

	*raw = 0;
	if (n % SN_PART_BYTES)
		return bad(s, "shard list of a wrong length");
	list = calloc(count ? count : 1, sizeof(*list));
	if (!list)
		return sn_err_mem(s->e);
	if (st->parts) {
		memcpy(list, st->part, index * sizeof(*list));
		memcpy(list + index + come, st->part + index + gone,
			(st->parts - index - gone) * sizeof(*list));
	}
	to = list + index;
	for (size_t i = 0; i < come; i++, to++) {
		memcpy(to->digest, p, SN_DIGEST);
		p += SN_DIGEST;
		to->row = sn_get64(&p);
		to->n = sn_get64(&p);
		to->size = sn_get64(&p);
		to->raw = sn_get64(&p);
		to->first = (int64_t)sn_get64(&p);
		to->last = (int64_t)sn_get64(&p);
		if (to->row != row || !to->n || to->n > SN_SHARD_ROWS || to->raw > UINT32_MAX ||
		    to->raw <= to->n || __builtin_add_overflow(row, to->n, &row)) {
			free(list);
			return bad(s, "shards that do not follow one another");
		}
		*raw += to->raw;
	}
	*end = row;
	free(st->part);
	st->part = list;
	st->parts = count;
	return 0;
}

static int checkpoint(struct parse *s, const uint8_t *p, size_t n, struct sn_segment_link *link,
	const struct sn_segment_tell *tell)
{
	struct sn_snapshot *snap = &s->st->snap;
	uint64_t end, raw;
	int rc;

	if (n < 16 + SN_SNAPSHOT_BYTES)
		return bad(s, "checkpoint too short");
	link->length = sn_get64(&p);
	link->sum = sn_get64(&p);
	get_snapshot(p, snap);
	rc = replace(s, p + SN_SNAPSHOT_BYTES, n - 16 - SN_SNAPSHOT_BYTES, 0, 0, 0, &end, &raw);
	if (rc == 0 && (end != snap->records || raw - end != snap->bytes ||
	    !snap->number != !snap->records))
		rc = bad(s, "checkpoint that contradicts itself");
	return rc == 0 && tell && tell->checkpoint ? tell->checkpoint(tell->ctx, s->st, s->e) : rc;
}

static int seal(struct parse *s, const uint8_t *p, size_t n, const struct sn_segment_tell *tell)
{
	struct sn_snapshot was = s->st->snap, *now = &s->st->snap;
	uint64_t end, raw;
	int rc;

	if (n <= SN_SNAPSHOT_BYTES)
		return bad(s, "seal too short");
	get_snapshot(p, now);
	rc = replace(s, p + SN_SNAPSHOT_BYTES, n - SN_SNAPSHOT_BYTES, s->st->parts, 0, was.records,
		&end, &raw);
	if (rc < 0)
		return rc;
	if (now->number != was.number + 1 || memcmp(now->prev, was.id, SN_DIGEST) ||
	    now->records != end || now->added != end - was.records ||
	    now->bytes != was.bytes + raw - now->added || now->sealed < was.sealed ||
	    now->first > now->last)
		return bad(s, "seal that does not follow its predecessor");
	return tell && tell->snapshot ? tell->snapshot(tell->ctx, now, s->e) : 0;
}

static int repack(struct parse *s, const uint8_t *p, size_t n)
{
	uint64_t index, gone, row, end, raw, old_end, old_raw = 0;
	struct sn_state *st = s->st;
	int rc;

	if (n < 16)
		return bad(s, "repack too short");
	index = sn_get64(&p);
	gone = sn_get64(&p);
	if (!gone || index >= st->parts || gone > st->parts - index)
		return bad(s, "repack of shards that are not there");
	row = st->part[index].row;
	old_end = st->part[index + gone - 1].row + st->part[index + gone - 1].n;
	for (size_t i = index; i < index + gone; i++)
		old_raw += st->part[i].raw;
	rc = replace(s, p, n - 16, index, gone, row, &end, &raw);
	if (rc == 0 && (end != old_end || raw != old_raw))
		rc = bad(s, "repack that changes what there is");
	return rc;
}

int sn_segment_parse(const uint8_t *p, size_t n, uint64_t segment, const char *name,
	struct sn_state *st, struct sn_segment_link *before, const struct sn_segment_tell *tell,
	struct sn_err *e)
{
	struct parse s = { p, n, 0, 0, name, st, e };
	struct sn_segment_link link;
	const uint8_t *q = p + 8;
	int rc = 0;

	*st = (struct sn_state){ 0 };
	if (n < SN_SEG_HEADER || memcmp(p, SN_SEG_MAGIC, 8) || sn_get64(&q) != segment)
		return bad(&s, "not the header of this log segment");
	s.sum = sn_checksum(0, 0, p, SN_SEG_HEADER);
	for (s.at = SN_SEG_HEADER; rc == 0 && s.at < n; ) {
		const uint8_t *body = p + s.at + 8, *end;
		uint32_t kind, len;

		if (n - s.at < 16)
			return bad(&s, "cut short");
		kind = sn_get32(p + s.at);
		len = sn_get32(p + s.at + 4);
		if (len % 8 || len > n - s.at - 16)
			return bad(&s, "entry longer than the log");
		end = body + len;
		s.sum = sn_checksum(s.sum, segment, p + s.at, len + 8);
		if (sn_get64(&end) != s.sum)
			return bad(&s, "wrong checksum");
		if ((kind == SN_CHECKPOINT) != (s.at == SN_SEG_HEADER))
			return bad(&s, "checkpoint out of place");
		if (kind == SN_CHECKPOINT)
			rc = checkpoint(&s, body, len, before ? before : &link, tell);
		else if (kind == SN_SEAL)
			rc = seal(&s, body, len, tell);
		else if (kind == SN_REPACK)
			rc = repack(&s, body, len);
		else
			rc = bad(&s, "entry of an unknown kind");
		s.at += len + 16;
	}
	if (rc == 0 && s.at == SN_SEG_HEADER)
		rc = bad(&s, "no checkpoint");
	st->head.segment = segment;
	st->head.length = n;
	st->head.sum = s.sum;
	return rc;
}
