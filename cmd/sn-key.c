/*
 * sn-key: who may ask, and how much.  Groups and keys live in SN_HOME/gate.db; a group
 * with a rate also has a policy of its name in the limiter's table.
 *
 * A new key is printed before it is committed: when it cannot be shown, it does not exist.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gate/keys.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/home.h"
#include "util/log.h"
#include "util/num.h"
#include "util/prog.h"
#include "util/utf8.h"

#define NOTE_MAX 200

static const char *db_file, *table_file, *group, *note = "", *expires, *datasets;
static uint64_t interval, burst;
static bool no_limit;

static int64_t now_sec(void)
{
	return sn_clock_real() / 1000000000;
}

/* SN_HOME/name unless a file was given. */
static int path_of(const char *given, const char *name, char **path, struct sn_err *e)
{
	if (!given)
		return sn_home(name, path, e);
	return (*path = strdup(given)) ? 0 : sn_err_mem(e);
}

/* The database; where there is none, `absent' is the status, or, 0, it is made. */
static int open_db(struct sn_db **db, int absent, struct sn_err *e)
{
	static const struct sn_schema *const schemas[] = { &sn_gate_schema, NULL };
	char *path;
	int rc;

	*db = NULL;
	umask(077);
	if ((rc = path_of(db_file, "gate.db", &path, e)) < 0)
		return rc;
	if (absent && access(path, F_OK) < 0)
		rc = sn_err(e, absent, "%s: no groups yet (sn-key group add makes one)", path);
	else
		rc = sn_db_open(db, path, 0, schemas, e);
	free(path);
	return rc;
}

/* The limiter's table: made when a limit needs one, else *l stays NULL without one. */
static int open_table(struct sn_limit **l, bool need, struct sn_err *e)
{
	char *path;
	int rc;

	*l = NULL;
	if ((rc = path_of(table_file, "limits", &path, e)) < 0)
		return rc;
	if (need || access(path, F_OK) == 0)
		rc = sn_limit_open(l, path, need ? SN_LIMIT_SLOTS : 0, e);
	free(path);
	return rc;
}

static int cmd_group_add(int argc, char **argv, struct sn_err *e)
{
	struct sn_group g = { .name = argv[0], .interval = interval, .burst = burst,
		.weight = 1, .datasets = datasets, .created = now_sec() };
	struct sn_limit *l = NULL;
	struct sn_db *db = NULL;
	int rc;

	if ((rc = sn_limit_name_ok(g.name, e)) < 0)
		return rc;
	if (burst && !interval)
		return sn_err(e, SN_EUSE, "--burst alone is no limit: give --rate too");
	if (interval && !burst)
		g.burst = 1;
	if ((rc = open_table(&l, interval != 0, e)) == 0 && (rc = open_db(&db, 0, e)) == 0)
		rc = sn_group_add(db, l, &g, e);
	sn_db_close(db);
	sn_limit_close(l);
	return rc;
}

static int cmd_group_set(int argc, char **argv, struct sn_err *e)
{
	struct sn_group g = { .name = argv[0], .interval = interval, .burst = burst,
		.datasets = datasets };
	struct sn_limit *l = NULL;
	struct sn_db *db = NULL;
	int rc;

	if (!interval && !burst && !datasets && !no_limit)
		return sn_err(e, SN_EUSE, "nothing to set");
	if (no_limit && (interval || burst))
		return sn_err(e, SN_EUSE, "--no-limit with --rate or --burst");
	if ((rc = open_db(&db, SN_EUSE, e)) == 0 &&
	    (rc = open_table(&l, interval || burst, e)) == 0)
		rc = sn_group_set(db, l, &g, no_limit, e);
	sn_db_close(db);
	sn_limit_close(l);
	return rc;
}

static int cmd_group_rm(int argc, char **argv, struct sn_err *e)
{
	struct sn_limit *l = NULL;
	struct sn_db *db = NULL;
	int rc;

	if ((rc = open_db(&db, SN_EUSE, e)) == 0 && (rc = open_table(&l, false, e)) == 0)
		rc = sn_group_rm(db, l, argv[0], now_sec(), e);
	sn_db_close(db);
	sn_limit_close(l);
	return rc;
}

static int print(struct sn_buf *b, struct sn_err *e)
{
	int rc;

	sn_buf_chr(b, '\n');
	if ((rc = sn_buf_ok(b, "the answer", e)) == 0)
		rc = sn_print(b->p, b->len, e);
	sn_buf_release(b);
	return rc;
}

/* ,"key":["A","B"], or null for all */
static void json_list(struct sn_buf *b, const char *key, const char *list)
{
	sn_buf_fmt(b, ",\"%s\":%s", key, *list ? "[" : "null");
	while (*list) {
		size_t n = strcspn(list, ",");

		sn_buf_json(b, list, n);
		sn_buf_chr(b, list[n] ? ',' : ']');
		list += n + (list[n] != 0);
	}
}

static int show_group(void *people, const struct sn_group *g, struct sn_err *e)
{
	struct sn_buf b = SN_BUF_INIT;
	char rate[32] = "", when[24];

	if (g->interval)
		sn_limit_rate_text(g->interval, rate);
	sn_date_text(g->created, when);
	if (people) {
		sn_buf_fmt(&b, "%-16s %10s", g->name, *rate ? rate : "-");
		if (g->burst)
			sn_buf_fmt(&b, " %8llu", (unsigned long long)g->burst);
		else
			sn_buf_fmt(&b, " %8s", "-");
		sn_buf_fmt(&b, " %6lld  %s", (long long)g->keys, *g->datasets ? g->datasets : "all");
		return print(&b, e);
	}
	sn_buf_fmt(&b, "{\"group\":\"%s\",\"rate\":", g->name);
	if (g->interval)
		sn_buf_fmt(&b, "\"%s\",\"burst\":%llu", rate, (unsigned long long)g->burst);
	else
		sn_buf_str(&b, "null,\"burst\":null");
	json_list(&b, "datasets", g->datasets);
	sn_buf_fmt(&b, ",\"keys\":%lld,\"created\":\"%s\"}", (long long)g->keys, when);
	return print(&b, e);
}

static int cmd_group_ls(int argc, char **argv, struct sn_err *e)
{
	void *people = isatty(1) ? &no_limit : NULL;
	struct sn_db *db;
	int rc;

	if ((rc = open_db(&db, SN_ENO, e)) < 0)
		return rc;
	if (people)
		printf("%-16s %10s %8s %6s  %s\n", "GROUP", "RATE", "BURST", "KEYS", "DATASETS");
	rc = sn_group_each(db, now_sec(), show_group, people, e);
	sn_db_close(db);
	return rc;
}

/* "30d", "12h": from now; else a day or an instant.  A bare number is Unix seconds. */
static int when_expires(const char *text, int64_t now, int64_t *sec, struct sn_err *e)
{
	size_t n = strlen(text);
	uint64_t ns;
	int day, rc = 0;

	if (n && strchr("smhd", text[n - 1])) {
		if ((rc = sn_num_duration(text, 1, (uint64_t)SN_LIMIT_SPAN_MAX, &ns, e)) == 0)
			*sec = now + (int64_t)((ns + 999999999) / 1000000000);
	} else {
		rc = sn_date_any(text, sec, &day, e);
	}
	if (rc == 0 && *sec <= now)
		rc = sn_err(e, SN_EUSE, "\"%s\" has passed already", text);
	return rc < 0 ? sn_err_prefix(e, "--expires") : 0;
}

static int note_ok(const char *p, struct sn_err *e)
{
	if (strlen(p) > NOTE_MAX || !sn_utf8_valid(p, strlen(p)))
		return sn_err(e, SN_EUSE, "--note: UTF-8 of at most %d bytes is wanted", NOTE_MAX);
	for (; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return sn_err(e, SN_EUSE, "--note: control characters are not allowed");
	return 0;
}

static int make_key(struct sn_db *db, const struct sn_key_row *row, struct sn_err *e)
{
	char text[SN_KEY_LEN + 2];
	struct sn_key k;
	int rc;

	do {
		sn_key_make(text, &k);
		rc = sn_key_add(db, &k, row, e);
	} while (rc > 0);
	if (rc == 0) {
		text[SN_KEY_LEN] = '\n';
		text[SN_KEY_LEN + 1] = 0;
		rc = sn_print(text, SN_KEY_LEN + 1, e);
		if (rc == 0 && fflush(stdout) != 0) {
			rc = sn_err_sys(e, "cannot write standard output");
			clearerr(stdout);
		}
	}
	if (rc == 0 && isatty(2))
		sn_warn("key %s of group %s; its secret is not shown again", k.id, row->group);
	sodium_memzero(text, sizeof(text));
	return rc;
}

static int cmd_add(int argc, char **argv, struct sn_err *e)
{
	struct sn_key_row row = { .group = group, .note = note, .created = now_sec() };
	struct sn_db *db;
	int rc;

	if (!group)
		return sn_err(e, SN_EUSE, "--group NAME is needed");
	if ((rc = note_ok(note, e)) < 0 ||
	    (expires && (rc = when_expires(expires, row.created, &row.expires, e)) < 0) ||
	    (rc = open_db(&db, SN_EUSE, e)) < 0)
		return rc;
	if ((rc = sn_db_begin(db, e)) == 0) {
		if ((rc = make_key(db, &row, e)) == 0)
			rc = sn_db_commit(db, e);
		else
			sn_db_rollback(db);
	}
	sn_db_close(db);
	return rc;
}

static void json_time(struct sn_buf *b, const char *key, int64_t sec)
{
	char when[24];

	if (sec)
		sn_buf_fmt(b, ",\"%s\":\"%s\"", key, sn_date_text(sec, when));
	else
		sn_buf_fmt(b, ",\"%s\":null", key);
}

static int show_key(void *people, const struct sn_key_row *k, struct sn_err *e)
{
	struct sn_buf b = SN_BUF_INIT;
	char created[24], ends[24] = "never";
	const char *state = k->revoked ? "revoked" :
		k->expires && k->expires <= now_sec() ? "expired" : "active";

	sn_date_text(k->created, created);
	if (k->expires)
		sn_date_text(k->expires, ends);
	if (people) {
		sn_buf_fmt(&b, "%-8s  %-16s %-8s %-20s %-20s %s", k->id, k->group, state, created,
			ends, k->note);
		return print(&b, e);
	}
	sn_buf_fmt(&b, "{\"id\":\"%s\",\"group\":\"%s\",\"state\":\"%s\",\"note\":", k->id, k->group,
		state);
	sn_buf_json(&b, k->note, strlen(k->note));
	json_time(&b, "created", k->created);
	json_time(&b, "expires", k->expires);
	json_time(&b, "revoked", k->revoked);
	sn_buf_chr(&b, '}');
	return print(&b, e);
}

static int cmd_ls(int argc, char **argv, struct sn_err *e)
{
	void *people = isatty(1) ? &no_limit : NULL;
	struct sn_group g;
	struct sn_db *db;
	int rc;

	if ((rc = open_db(&db, SN_ENO, e)) < 0)
		return rc;
	if (group && (rc = sn_group_get(db, group, 0, &g, e)) == 0)
		rc = sn_err(e, SN_EUSE, "no group \"%s\"", group);
	if (rc >= 0 && people)
		printf("%-8s  %-16s %-8s %-20s %-20s %s\n", "ID", "GROUP", "STATE", "CREATED",
			"EXPIRES", "NOTE");
	if (rc >= 0)
		rc = sn_key_each(db, group, show_key, people, e);
	sn_db_close(db);
	return rc;
}

/* A whole key is taken for its id, since that is what a person has at hand. */
static int cmd_revoke(int argc, char **argv, struct sn_err *e)
{
	const char *id = argv[0];
	struct sn_key k;
	struct sn_db *db;
	int64_t when;
	char text[24];
	int rc;

	if ((rc = open_db(&db, SN_ENO, e)) < 0)
		return rc;
	if (sn_key_parse(id, strlen(id), &k, NULL) == 0)
		id = k.id;
	rc = sn_key_revoke(db, id, now_sec(), &when, e);
	if (rc == 0)
		sn_warn("key %s was revoked before, %s", id, sn_date_text(when, text));
	sn_db_close(db);
	return rc;
}

#define END { 0, NULL, SN_OPT_FLAG, NULL, NULL, NULL, 0, 0 }
#define LIMIT_OPTS \
	{ 'r', "rate", SN_OPT_RATE, "N/h", "requests in a s, m, h or d, for each client", \
		&interval, 0, 0 }, \
	{ 'b', "burst", SN_OPT_U64, "N", "requests at once after a pause (1)", &burst, 1, 0 }, \
	{ 0, "datasets", SN_OPT_STR, "A,B", "the datasets it may read, \"\" for all (all)", \
		&datasets, 0, 0 }
static const struct sn_opt opts[] = {
	{ 'd', "db", SN_OPT_STR, "FILE", "the database (default: gate.db in SN_HOME)", &db_file, 0, 0 },
	{ 'f', "table", SN_OPT_STR, "FILE", "the limiter table (default: limits in SN_HOME)",
		&table_file, 0, 0 },
	END
};
static const struct sn_opt group_add_opts[] = { LIMIT_OPTS, END };
static const struct sn_opt group_set_opts[] = {
	LIMIT_OPTS,
	{ 0, "no-limit", SN_OPT_FLAG, NULL, "take its rate and burst away", &no_limit, 0, 0 },
	END
};
static const struct sn_opt add_opts[] = {
	{ 'g', "group", SN_OPT_STR, "NAME", "the group it belongs to", &group, 0, 0 },
	{ 'n', "note", SN_OPT_STR, "TEXT", "whose it is, for sn-key ls", &note, 0, 0 },
	{ 'x', "expires", SN_OPT_STR, "T", "30d, 12h, 20260118 or 2026-01-18T12:00:00Z (never)",
		&expires, 0, 0 },
	END
};
static const struct sn_opt ls_opts[] = {
	{ 'g', "group", SN_OPT_STR, "NAME", "only its keys", &group, 0, 0 },
	END
};
static const struct sn_cmd cmds[] = {
	{ "group add", "NAME", "add a group and its limit", group_add_opts, cmd_group_add, 1, 1 },
	{ "group set", "NAME", "change a group", group_set_opts, cmd_group_set, 1, 1 },
	{ "group ls", "", "list the groups", NULL, cmd_group_ls, 0, 0 },
	{ "group rm", "NAME", "remove a group without keys in force", NULL, cmd_group_rm, 1, 1 },
	{ "add", "", "make a key and print it, once", add_opts, cmd_add, 0, 0 },
	{ "ls", "", "list the keys, without their secrets", ls_opts, cmd_ls, 0, 0 },
	{ "revoke", "ID", "refuse a key from now on", NULL, cmd_revoke, 1, 1 },
	{ NULL, NULL, NULL, NULL, NULL, 0, 0 }
};
static const struct sn_prog prog = { "sn-key", "who may ask the servers, and how much", opts, cmds,
	{ 0 } };

int main(int argc, char **argv)
{
	return sn_main(&prog, argc, argv);
}
