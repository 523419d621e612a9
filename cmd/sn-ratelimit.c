/*
 * sn-ratelimit: shared limits for anything, from shell.  All of it happens in one mapped
 * file (lib/gate/limit.h); a take is a compare-and-swap, so any number may run at once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gate/limit.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/home.h"
#include "util/log.h"
#include "util/prog.h"

static const char *table, *policy;
static uint64_t interval, burst, slots, cost = 1, block_for;

/* The table.  make: where there is none one is made, else `absent' is the status. */
static int open_table(struct sn_limit **l, uint64_t make, int absent, struct sn_err *e)
{
	char *path = NULL;
	int rc = 0;

	*l = NULL;
	if (!table && (rc = sn_home("limits", &path, e)) < 0)
		return rc;
	if (!make && access(table ? table : path, F_OK) < 0)
		rc = sn_err(e, absent, "%s: no limiter table (sn-ratelimit set makes it)",
			table ? table : path);
	else
		rc = sn_limit_open(l, table ? table : path, make, e);
	free(path);
	return rc;
}

static int cmd_set(int argc, char **argv, struct sn_err *e)
{
	struct sn_limit_policy p;
	struct sn_limit_stat st;
	struct sn_limit *l;
	int rc;

	if ((rc = sn_limit_name_ok(argv[0], e)) < 0)
		return rc;
	if (!interval && !burst)
		return sn_err(e, SN_EUSE, "nothing to set: --rate N/h and --burst N");
	if ((rc = open_table(&l, interval && burst ? slots ? slots : SN_LIMIT_SLOTS : 0, SN_EUSE, e)) < 0)
		return rc;
	sn_limit_stat(l, sn_clock_real(), &st);
	if (slots && st.slots != (slots + 7) / 8 * 8)
		rc = sn_err(e, SN_EUSE, "%s: has %llu slots, and keeps them", sn_limit_path(l),
			(unsigned long long)st.slots);
	else if (!interval || !burst)
		rc = sn_limit_find(l, argv[0], &p, e);
	if (rc == 0)
		rc = sn_limit_set(l, argv[0], interval ? interval : p.interval,
			burst ? burst : p.burst, e);
	sn_limit_close(l);
	return rc;
}

static void seconds(struct sn_buf *b, const char *key, int64_t ns)
{
	sn_buf_fmt(b, ",\"%s\":", key);
	if (ns == SN_LIMIT_FOREVER)
		sn_buf_str(b, "null");
	else
		sn_buf_double(b, (double)ns / 1e9);
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

static int answer(const struct sn_limit_result *r, struct sn_err *e)
{
	struct sn_buf b = SN_BUF_INIT;
	int rc;

	sn_buf_fmt(&b, "{\"allowed\":%s,\"blocked\":%s,\"limit\":%llu,\"remaining\":%llu",
		r->allowed ? "true" : "false", r->blocked ? "true" : "false",
		(unsigned long long)r->limit, (unsigned long long)r->remaining);
	seconds(&b, "reset", r->reset);
	seconds(&b, "retry_after", r->retry_after);
	sn_buf_chr(&b, '}');
	if ((rc = print(&b, e)) < 0)
		return rc;
	return r->allowed ? 0 : SN_ENO;
}

typedef int ask(struct sn_limit *, const struct sn_limit_policy *, const void *, size_t, uint64_t,
	int64_t, struct sn_limit_result *, struct sn_err *);

static int ask_table(ask *f, char **argv, struct sn_err *e)
{
	struct sn_limit_result r;
	struct sn_limit_policy p;
	struct sn_limit *l;
	int rc;

	if ((rc = open_table(&l, 0, SN_EUSE, e)) < 0)
		return rc;
	if ((rc = sn_limit_find(l, argv[0], &p, e)) == 0)
		rc = f(l, &p, argv[1], strlen(argv[1]), cost, sn_clock_real(), &r, e);
	if (rc == 0 && r.never)
		rc = sn_err(e, SN_EUSE, "cost %llu is more than the burst of policy \"%s\", %llu: "
			"never allowed", (unsigned long long)cost, argv[0], (unsigned long long)r.limit);
	if (rc == 0 && r.crowded)
		sn_warn("%s: no room for another key: \"%s\" shares an overflow bucket",
			sn_limit_path(l), argv[1]);
	sn_limit_close(l);
	return rc < 0 ? rc : answer(&r, e);
}

static int cmd_take(int argc, char **argv, struct sn_err *e)
{
	return ask_table(sn_limit_take, argv, e);
}

static int cmd_peek(int argc, char **argv, struct sn_err *e)
{
	return ask_table(sn_limit_peek, argv, e);
}

static int list(struct sn_limit *l, const struct sn_limit_counts *c, bool people, struct sn_err *e)
{
	struct sn_limit_policy p;
	char rate[32];
	int rc = 0;

	for (uint32_t at = 0; rc == 0 && sn_limit_next(l, &at, &p); ) {
		struct sn_buf b = SN_BUF_INIT;

		sn_limit_rate_text(p.interval, rate);
		if (people)
			sn_buf_fmt(&b, "%-20s %10s %8llu %10llu %8llu", p.name, rate,
				(unsigned long long)p.burst, (unsigned long long)c->live[p.id],
				(unsigned long long)c->blocks[p.id]);
		else {
			sn_buf_fmt(&b, "{\"policy\":\"%s\",\"rate\":\"%s\"", p.name, rate);
			seconds(&b, "interval", (int64_t)p.interval);
			sn_buf_fmt(&b, ",\"burst\":%llu,\"live\":%llu,\"blocks\":%llu}",
				(unsigned long long)p.burst, (unsigned long long)c->live[p.id],
				(unsigned long long)c->blocks[p.id]);
		}
		rc = print(&b, e);
	}
	return rc;
}

static int cmd_ls(int argc, char **argv, struct sn_err *e)
{
	struct sn_limit_counts c;
	struct sn_limit *l;
	int rc;

	if ((rc = open_table(&l, 0, SN_ENO, e)) < 0)
		return rc;
	sn_limit_count(l, sn_clock_real(), &c);
	if (isatty(1)) {
		printf("%-20s %10s %8s %10s %8s\n", "POLICY", "RATE", "BURST", "LIVE KEYS", "BLOCKS");
		if ((rc = list(l, &c, true, e)) == 0 && c.blocks[0])
			printf("%-20s %10s %8s %10s %8llu\n", "(all)", "", "", "",
				(unsigned long long)c.blocks[0]);
	} else {
		rc = list(l, &c, false, e);
	}
	sn_limit_close(l);
	return rc;
}

static int cmd_stat(int argc, char **argv, struct sn_err *e)
{
	struct sn_buf b = SN_BUF_INIT;
	struct sn_limit_stat s;
	struct sn_limit *l;
	char when[24];
	int rc;

	if ((rc = open_table(&l, 0, SN_ENO, e)) < 0)
		return rc;
	sn_limit_stat(l, sn_clock_real(), &s);
	sn_buf_str(&b, "{\"table\":");
	sn_buf_json(&b, sn_limit_path(l), strlen(sn_limit_path(l)));
	sn_buf_fmt(&b, ",\"slots\":%llu,\"live\":%llu,\"idle\":%llu,\"blocks\":%llu,\"evicted\":%llu,"
		"\"displaced\":%llu,\"crowded\":%llu,\"crowded_last\":", (unsigned long long)s.slots,
		(unsigned long long)s.live, (unsigned long long)s.idle, (unsigned long long)s.blocks,
		(unsigned long long)s.evicted, (unsigned long long)s.displaced,
		(unsigned long long)s.crowded);
	if (s.crowded_last)
		sn_buf_fmt(&b, "\"%s\"}", sn_date_text(s.crowded_last / 1000000000, when));
	else
		sn_buf_str(&b, "null}");
	sn_limit_close(l);
	return print(&b, e);
}

static int cmd_block(int argc, char **argv, struct sn_err *e)
{
	int64_t now = sn_clock_real(), until = SN_LIMIT_FOREVER;
	struct sn_limit_policy p;
	struct sn_limit *l;
	int rc;

	if ((rc = open_table(&l, policy ? 0 : SN_LIMIT_SLOTS, SN_EUSE, e)) < 0)
		return rc;
	if (block_for && block_for < (uint64_t)(SN_LIMIT_FOREVER - now))
		until = now + (int64_t)block_for;
	if (!policy || (rc = sn_limit_find(l, policy, &p, e)) == 0)
		rc = sn_limit_block(l, policy ? &p : NULL, argv[0], strlen(argv[0]), until, now, e);
	sn_limit_close(l);
	return rc;
}

static int cmd_unblock(int argc, char **argv, struct sn_err *e)
{
	int64_t now = sn_clock_real();
	struct sn_limit_policy p;
	struct sn_limit *l;
	size_t n = strlen(argv[0]);
	int rc, lifted = 0;

	if ((rc = open_table(&l, 0, SN_ENO, e)) < 0)
		return rc;
	if (!policy && (rc = sn_limit_unblock(l, NULL, argv[0], n, now, e)) > 0)
		lifted = 1;
	if (policy && (rc = sn_limit_find(l, policy, &p, e)) == 0)
		lifted = (rc = sn_limit_unblock(l, &p, argv[0], n, now, e)) > 0;
	for (uint32_t at = 0; !policy && rc >= 0 && sn_limit_next(l, &at, &p); )
		if ((rc = sn_limit_unblock(l, &p, argv[0], n, now, e)) > 0)
			lifted = 1;
	if (rc >= 0 && !lifted)
		rc = sn_err(e, SN_ENO, "\"%s\" is not blocked", argv[0]);
	sn_limit_close(l);
	return rc;
}

static int cmd_rm(int argc, char **argv, struct sn_err *e)
{
	struct sn_limit *l;
	int rc;

	if ((rc = open_table(&l, 0, SN_EUSE, e)) < 0)
		return rc;
	rc = sn_limit_rm(l, argv[0], e);
	sn_limit_close(l);
	return rc;
}

#define END { 0, NULL, SN_OPT_FLAG, NULL, NULL, NULL, 0, 0 }
static const struct sn_opt opts[] = {
	{ 'f', "table", SN_OPT_STR, "FILE", "the table (default: limits in SN_HOME)", &table, 0, 0 },
	END
};
static const struct sn_opt set_opts[] = {
	{ 'r', "rate", SN_OPT_RATE, "N/h", "how many in a s, m, h or d, in the long run",
		&interval, 0, 0 },
	{ 'b', "burst", SN_OPT_U64, "N", "how many at once after a pause", &burst, 1, 0 },
	{ 0, "slots", SN_OPT_SIZE, "N", "of a table made now: room for N keys (1Mi)", &slots,
		SN_LIMIT_SLOTS_MIN, SN_LIMIT_SLOTS_MAX },
	END
};
static const struct sn_opt take_opts[] = {
	{ 'c', "cost", SN_OPT_U64, "N", "how many this one counts for (1)", &cost, 1, 0 },
	END
};
static const struct sn_opt block_opts[] = {
	{ 0, "for", SN_OPT_TIME, "T", "how long (without end)", &block_for, 1, 0 },
	{ 'p', "policy", SN_OPT_STR, "NAME", "under this policy only", &policy, 0, 0 },
	END
};
static const struct sn_opt unblock_opts[] = {
	{ 'p', "policy", SN_OPT_STR, "NAME", "under this policy only", &policy, 0, 0 },
	END
};
static const struct sn_cmd cmds[] = {
	{ "set", "NAME", "add a policy, or change one in use", set_opts, cmd_set, 1, 1 },
	{ "take", "NAME KEY", "take for a key: 0 allowed, 1 limited", take_opts, cmd_take, 2, 2 },
	{ "peek", "NAME KEY", "the same answer, nothing taken", take_opts, cmd_peek, 2, 2 },
	{ "ls", "", "list the policies", NULL, cmd_ls, 0, 0 },
	{ "stat", "", "how full the table is", NULL, cmd_stat, 0, 0 },
	{ "block", "KEY", "refuse a key, whatever it has left", block_opts, cmd_block, 1, 1 },
	{ "unblock", "KEY", "lift its blocks", unblock_opts, cmd_unblock, 1, 1 },
	{ "rm", "NAME", "remove a policy and forget its keys", NULL, cmd_rm, 1, 1 },
	{ NULL, NULL, NULL, NULL, NULL, 0, 0 }
};
static const struct sn_prog prog = { "sn-ratelimit",
	"limits that every process on the machine shares", opts, cmds, { 0 } };

int main(int argc, char **argv)
{
	return sn_main(&prog, argc, argv);
}
