#include "gate/keys.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define BODY (SN_KEY_LEN - SN_KEY_CHECK)
_Static_assert(SN_KEY_HASH == crypto_generichash_BYTES, "BLAKE2b-256");

static const char id_digits[] = "abcdefghijklmnopqrstuvwxyz23456789";
static const char base62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static const char *const steps[] = {
	"create table gate_group ("
	" name text primary key,"
	" interval integer not null check (interval >= 0),"     /* ns; 0: no limit */
	" burst integer not null check ((burst > 0) = (interval > 0)),"
	" weight integer not null check (weight > 0),"
	" datasets text not null,"                              /* comma list; '': all */
	" created integer not null) strict, without rowid;"
	"create table gate_key ("
	" id text primary key,"
	" grp text not null references gate_group (name),"
	" hash blob not null check (length(hash) = 32),"
	" note text not null,"
	" created integer not null,"
	" expires integer not null,"                            /* 0: never */
	" revoked integer not null) strict, without rowid;"     /* 0: it is not */
	"create index gate_key_grp on gate_key (grp)",
	NULL
};
const struct sn_schema sn_gate_schema = { "gate", steps };

static void draw(char *p, size_t n, const char *digits)
{
	uint32_t radix = (uint32_t)strlen(digits);

	while (n--)
		*p++ = digits[randombytes_uniform(radix)];
}

static void check_digits(const uint8_t hash[SN_KEY_HASH], char out[SN_KEY_CHECK])
{
	uint32_t v = 0;

	for (int i = 0; i < 4; i++)
		v = v << 8 | hash[i];
	for (int i = SN_KEY_CHECK; i-- > 0; v /= 62)
		out[i] = base62[v % 62];
}

static void hash_body(const char *text, uint8_t hash[SN_KEY_HASH])
{
	crypto_generichash(hash, SN_KEY_HASH, (const uint8_t *)text, BODY, NULL, 0);
}

void sn_key_make(char text[SN_KEY_LEN + 1], struct sn_key *k)
{
	char *p = text;

	memcpy(p, "sn_", 3);
	draw(p += 3, SN_KEY_ID, id_digits);
	memcpy(k->id, p, SN_KEY_ID);
	k->id[SN_KEY_ID] = 0;
	p += SN_KEY_ID;
	*p++ = '_';
	draw(p, SN_KEY_SECRET, base62);
	hash_body(text, k->hash);
	check_digits(k->hash, text + BODY);
	text[SN_KEY_LEN] = 0;
}

/* These run for every request, so they do not search the lists of digits. */
static bool is_id(const char *p)
{
	bool good = true;

	for (int i = 0; i < SN_KEY_ID; i++)
		good &= (p[i] >= 'a' && p[i] <= 'z') || (p[i] >= '2' && p[i] <= '9');
	return good;
}

static bool is_base62(const char *p, size_t n)
{
	bool good = true;

	for (size_t i = 0; i < n; i++)
		good &= (p[i] >= '0' && p[i] <= '9') || (p[i] >= 'A' && p[i] <= 'Z') ||
			(p[i] >= 'a' && p[i] <= 'z');
	return good;
}

int sn_key_parse(const char *text, size_t len, struct sn_key *k, struct sn_err *e)
{
	char want[SN_KEY_CHECK];

	if (len != SN_KEY_LEN || memcmp(text, "sn_", 3) || text[3 + SN_KEY_ID] != '_' ||
	    !is_id(text + 3) || !is_base62(text + 4 + SN_KEY_ID, SN_KEY_SECRET + SN_KEY_CHECK))
		return sn_err(e, SN_ENO, "not a key such as sn_ID_SECRET");
	hash_body(text, k->hash);
	check_digits(k->hash, want);
	/* no secret of ours is compared here: both sides come from the text */
	if (memcmp(want, text + BODY, SN_KEY_CHECK))
		return sn_err(e, SN_ENO, "not a key: its last %d characters do not fit the others",
			SN_KEY_CHECK);
	memcpy(k->id, text + 3, SN_KEY_ID);
	k->id[SN_KEY_ID] = 0;
	return 0;
}

/* A comma list without empty or unprintable names. */
static int datasets_ok(const char *list, struct sn_err *e)
{
	for (const char *p = list; *list && p; ) {
		size_t n = strcspn(p, ",");

		if (!n || n > 255 || strlen(list) > 4000)
			return sn_err(e, SN_EUSE, "\"%s\" is not a list such as A,B", list);
		for (size_t i = 0; i < n; i++)
			if ((unsigned char)p[i] < 0x20 || p[i] == 0x7f || p[i] == '/')
				return sn_err(e, SN_EUSE, "\"%s\" is not a list of dataset names", list);
		p = p[n] ? p + n + 1 : NULL;
	}
	return 0;
}

static int unknown(const char *name, struct sn_err *e)
{
	return sn_err(e, SN_EUSE, "no group \"%s\" (sn-key group add makes it)", name);
}

/* Set or remove the policy, then commit; rolled back when either fails. */
static int finish(struct sn_db *db, struct sn_limit *l, const struct sn_group *g, struct sn_err *e)
{
	struct sn_limit_policy p;
	int rc = 0;

	if (l && g->interval)
		rc = sn_limit_set(l, g->name, g->interval, g->burst, e);
	else if (l && sn_limit_find(l, g->name, &p, NULL) == 0)
		rc = sn_limit_rm(l, g->name, e);
	if (rc < 0) {
		sn_db_rollback(db);
		return rc;
	}
	return sn_db_commit(db, e);
}

int sn_group_add(struct sn_db *db, struct sn_limit *l, const struct sn_group *g, struct sn_err *e)
{
	const char *list = g->datasets ? g->datasets : "";
	int64_t n;
	int rc;

	if ((rc = sn_limit_name_ok(g->name, e)) < 0 || (rc = datasets_ok(list, e)) < 0 ||
	    (rc = sn_db_begin(db, e)) < 0)
		return rc;
	n = sn_db_run(db, e, "insert into gate_group values (?, ?, ?, ?, ?, ?)"
		" on conflict (name) do nothing", "siiisi", g->name, (int64_t)g->interval,
		(int64_t)g->burst, (int64_t)(g->weight ? g->weight : 1), list, g->created);
	if (n <= 0) {
		sn_db_rollback(db);
		return n < 0 ? (int)n : sn_err(e, SN_ENO, "there is a group \"%s\" already", g->name);
	}
	return finish(db, l, g, e);
}

int sn_group_set(struct sn_db *db, struct sn_limit *l, const struct sn_group *change,
	bool unlimited, struct sn_err *e)
{
	struct sn_group g;
	int64_t n;
	int rc;

	if ((change->datasets && (rc = datasets_ok(change->datasets, e)) < 0) ||
	    (rc = sn_db_begin(db, e)) < 0)
		return rc;
	if ((rc = sn_group_get(db, change->name, 0, &g, e)) <= 0) {
		rc = rc < 0 ? rc : unknown(change->name, e);
		goto bad;
	}
	if (change->interval)
		g.interval = change->interval;
	if (change->burst)
		g.burst = change->burst;
	if (unlimited)
		g.interval = g.burst = 0;
	if (g.interval && !g.burst)
		g.burst = 1;
	if (g.burst && !g.interval) {
		rc = sn_err(e, SN_EUSE, "group \"%s\" has no rate: a burst alone is no limit", g.name);
		goto bad;
	}
	n = sn_db_run(db, e, "update gate_group set interval = ?2, burst = ?3, weight = ?4,"
		" datasets = ?5 where name = ?1", "siiis", g.name, (int64_t)g.interval,
		(int64_t)g.burst, (int64_t)(change->weight ? change->weight : g.weight),
		change->datasets ? change->datasets : g.datasets);
	if (n < 0) {
		rc = (int)n;
		goto bad;
	}
	return finish(db, l, &g, e);
bad:
	sn_db_rollback(db);
	return rc;
}

int sn_group_rm(struct sn_db *db, struct sn_limit *l, const char *name, int64_t now,
	struct sn_err *e)
{
	struct sn_group g;
	int rc;

	if ((rc = sn_db_begin(db, e)) < 0)
		return rc;
	if ((rc = sn_group_get(db, name, now, &g, e)) <= 0) {
		rc = rc < 0 ? rc : unknown(name, e);
	} else if (g.keys) {
		rc = sn_err(e, SN_ENO, "group \"%s\" has %lld key%s in force: revoke first",
			name, (long long)g.keys, g.keys == 1 ? "" : "s");
	} else if ((rc = (int)sn_db_run(db, e, "delete from gate_key where grp = ?", "s",
			name)) >= 0 &&
		   (rc = (int)sn_db_run(db, e, "delete from gate_group where name = ?", "s",
			name)) >= 0) {
		return finish(db, l, &(struct sn_group){ .name = name }, e);
	}
	sn_db_rollback(db);
	return rc;
}

#define GROUP_COLUMNS "select name, interval, burst, weight, datasets, created," \
	" (select count(*) from gate_key where grp = name and revoked = 0" \
	" and (expires = 0 or expires > ?1)) from gate_group"

int sn_group_get(struct sn_db *db, const char *name, int64_t now, struct sn_group *g,
	struct sn_err *e)
{
	return sn_db_row(db, e, GROUP_COLUMNS " where name = ?2", "is:siiisii", now, name, &g->name,
		&g->interval, &g->burst, &g->weight, &g->datasets, &g->created, &g->keys);
}

int sn_group_each(struct sn_db *db, int64_t now,
	int (*f)(void *arg, const struct sn_group *g, struct sn_err *e), void *arg, struct sn_err *e)
{
	struct sn_stmt *st;
	struct sn_group g;
	int rc;

	if ((rc = sn_db_query(db, &st, e, GROUP_COLUMNS " order by name", "i", now)) < 0)
		return rc;
	while ((rc = sn_db_step(db, st, e, "siiisii", &g.name, &g.interval, &g.burst, &g.weight,
		&g.datasets, &g.created, &g.keys)) > 0)
		if ((rc = f(arg, &g, e)) < 0) {
			sn_db_reset(st);
			return rc;
		}
	return rc;
}

int sn_key_each(struct sn_db *db, const char *group,
	int (*f)(void *arg, const struct sn_key_row *k, struct sn_err *e), void *arg, struct sn_err *e)
{
	struct sn_stmt *st;
	struct sn_key_row k;
	const void *hash;
	size_t n;
	int rc;

	if ((rc = sn_db_query(db, &st, e, "select id, grp, note, created, expires, revoked, hash"
		" from gate_key where ?1 is null or grp = ?1 order by created, id", "s", group)) < 0)
		return rc;
	while ((rc = sn_db_step(db, st, e, "sssiiib", &k.id, &k.group, &k.note, &k.created,
		&k.expires, &k.revoked, &hash, &n)) > 0) {
		k.hash = hash;
		if ((rc = f(arg, &k, e)) < 0) {
			sn_db_reset(st);
			return rc;
		}
	}
	return rc;
}

int sn_key_add(struct sn_db *db, const struct sn_key *k, const struct sn_key_row *row,
	struct sn_err *e)
{
	struct sn_group g;
	int64_t n;
	int rc;

	if ((rc = sn_group_get(db, row->group, 0, &g, e)) <= 0)
		return rc < 0 ? rc : unknown(row->group, e);
	n = sn_db_run(db, e, "insert into gate_key values (?, ?, ?, ?, ?, ?, 0)"
		" on conflict (id) do nothing", "ssbsii", k->id, row->group, (const void *)k->hash,
		(size_t)SN_KEY_HASH, row->note, row->created, row->expires);
	return n < 0 ? (int)n : n == 0;
}

int sn_key_revoke(struct sn_db *db, const char *id, int64_t now, int64_t *when, struct sn_err *e)
{
	int64_t n;
	int rc;

	*when = now;
	n = sn_db_run(db, e, "update gate_key set revoked = ?2 where id = ?1 and revoked = 0", "si",
		id, now);
	if (n != 0)
		return n < 0 ? (int)n : 1;
	rc = sn_db_row(db, e, "select revoked from gate_key where id = ?", "s:i", id, when);
	return rc < 0 ? rc : rc ? 0 : sn_err(e, SN_ENO, "no key has the id \"%s\"", id);
}
