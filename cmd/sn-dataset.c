/*
 * sn-dataset: datasets by hand and from scripts.  Options and glue; what a dataset is
 * stands in lib/dataset, what lies on disk in sn-dataset(5).
 *
 * Results go to stdout as JSON or as the records themselves; verify's findings are for
 * people and go to stderr, one a line, its verdict to stdout.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataset/dataset.h"
#include "util/clock.h"
#include "util/io.h"
#include "util/log.h"
#include "util/num.h"
#include "util/prog.h"
#include "util/progress.h"

static const char *opt_start, *opt_end, *opt_recent = "0.5", *opt_seed, *opt_snapshot;
static uint64_t opt_n = 4096, opt_window = 48ull * 3600 * 1000000000, opt_shard;
static bool opt_table;

/* ---- shared ---- */

static int open_view(const char *dir, struct sn_dataset **d, struct sn_view **v, struct sn_err *e)
{
	uint8_t id[SN_DIGEST];
	int rc;

	*v = NULL;
	if (opt_snapshot && sn_num_hex(opt_snapshot, id, sizeof(id), e) < 0)
		return sn_err_prefix(e, "--snapshot");
	rc = sn_dataset_open(d, dir, e);
	if (rc < 0)
		return rc;
	if (opt_snapshot)
		return sn_dataset_find(*d, id, v, e);
	*v = sn_dataset_newest(*d);
	return *v ? 0 : sn_err_mem(e);
}

static int print_row(struct sn_reader *r, const struct sn_view *v, uint64_t row, struct sn_err *e)
{
	const char *p;
	size_t n;
	int rc = sn_reader_get(r, v, row, &p, &n, e);

	return rc < 0 ? rc : sn_print(p, n + 1, e);
}

static int print_buf(struct sn_buf *b, struct sn_err *e)
{
	int rc = sn_buf_ok(b, "output", e);

	if (rc == 0)
		rc = sn_print(b->p, b->len, e);
	sn_buf_release(b);
	return rc;
}

static void add_id(struct sn_buf *b, const char *key, const uint8_t id[SN_DIGEST])
{
	static const uint8_t none[SN_DIGEST];

	sn_buf_fmt(b, "\"%s\":", key);
	if (!memcmp(id, none, SN_DIGEST)) {
		sn_buf_str(b, "null");
	} else {
		sn_buf_chr(b, '"');
		sn_buf_hex(b, id, SN_DIGEST);
		sn_buf_chr(b, '"');
	}
}

static void add_time(struct sn_buf *b, const char *key, int64_t sec, bool known)
{
	char text[24];

	if (known)
		sn_buf_fmt(b, ",\"%s\":\"%s\"", key, sn_date_text(sec, text));
	else
		sn_buf_fmt(b, ",\"%s\":null", key);
}

#define LLU(x) ((unsigned long long)(x))

/* The writer, with a word to whoever waits for another one to end. */
static int open_writer(struct sn_writer **w, const char *dir, struct sn_err *e)
{
	int rc = sn_writer_open(w, dir, SN_WRITER_NOWAIT, e);

	if (rc == SN_ETIME) {
		sn_warn("%s: waiting for another writer to end", dir);
		rc = sn_writer_open(w, dir, 0, e);
	}
	if (rc == 0 && opt_shard)
		sn_writer_shard_bytes(*w, opt_shard);
	return rc;
}

static void show(void *ctx, uint64_t done)
{
	sn_progress_set(done);
}

/* ---- pack ---- */

static uint64_t total_bytes(int argc, char **argv)
{
	uint64_t sum = 0;
	struct stat st;

	for (int i = 0; i < argc; i++) {
		if ((strcmp(argv[i], "-") ? stat(argv[i], &st) : fstat(0, &st)) < 0 ||
		    !S_ISREG(st.st_mode))
			return 0;
		sum += (uint64_t)st.st_size;
	}
	return sum;
}

static int pack_file(struct sn_writer *w, const char *path, int64_t now, uint64_t *base,
	struct sn_err *e)
{
	const char *name = strcmp(path, "-") ? path : "standard input";
	struct sn_lines l;
	int64_t time;
	char *line;
	size_t len;
	int fd, rc = sn_open_in(path, &fd, e);

	if (rc < 0)
		return rc;
	sn_lines_init(&l, fd, name, SN_RECORD_MAX);
	while ((rc = sn_lines_next(&l, &line, &len, e)) > 0) {
		if (!len)
			continue;
		rc = sn_record_check(line, len, name, l.lineno, now, &time, e);
		if (rc == 0)
			rc = sn_writer_add(w, line, len, time, e);
		if (rc < 0)
			break;
		sn_progress_set(*base + l.offset + len);
	}
	*base += l.next;
	sn_lines_release(&l);
	if (fd > 0)
		close(fd);
	return rc;
}

static int pack(int argc, char **argv, struct sn_err *e)
{
	static char stdin_name[] = "-", *dash[] = { stdin_name };
	const char *dir = argv[0];
	struct sn_buf b = SN_BUF_INIT;
	struct sn_writer *w;
	struct sn_sealed s;
	struct sn_err later = { 0 };
	uint64_t base = 0;
	int64_t now = sn_clock_real() / 1000000000;
	int rc = open_writer(&w, dir, e);

	if (rc < 0)
		return rc;
	argc--, argv++;
	if (!argc)
		argc = 1, argv = dash;
	sn_progress_start("packing", "B", total_bytes(argc, argv));
	for (int i = 0; rc >= 0 && i < argc; i++)
		rc = pack_file(w, argv[i], now, &base, e);
	if (rc >= 0)
		rc = sn_writer_seal(w, &s, e);
	sn_progress_end();
	if (rc >= 0) {
		sn_buf_chr(&b, '{');
		add_id(&b, "snapshot", s.snapshot.id);
		sn_buf_fmt(&b, ",\"records\":%llu,\"added\":%llu,\"duplicates\":%llu,\"bytes\":%llu,"
			"\"stored\":%llu}\n", LLU(s.snapshot.records), LLU(s.stored ? s.snapshot.added : 0),
			LLU(s.duplicates), LLU(s.bytes), LLU(s.stored));
		rc = print_buf(&b, e);
		/* the batch is safe; when room is short, tidying up can wait */
		if (sn_writer_merge(w, &later) < 0)
			sn_warn("%s: sealed, but small shards were not merged: %s", dir, later.msg);
	}
	sn_writer_close(w);
	return rc;
}

/* ---- repack ---- */

static int repack(int argc, char **argv, struct sn_err *e)
{
	struct sn_storage before, after;
	struct sn_buf b = SN_BUF_INIT;
	struct sn_dataset *d;
	struct sn_writer *w;
	struct sn_view *v;
	int rc = open_view(argv[0], &d, &v, e); /* it makes no dataset */

	if (rc < 0)
		return rc;
	rc = open_writer(&w, argv[0], e);
	if (rc == 0) {
		sn_progress_start("repacking", "rec", sn_view_snapshot(v)->records);
		rc = sn_writer_repack(w, &before, &after, show, NULL, e);
		sn_progress_end();
		sn_writer_close(w);
	}
	if (rc == 0) {
		sn_buf_fmt(&b, "{\"before\":{\"shards\":%llu,\"stored\":%llu},"
			"\"after\":{\"shards\":%llu,\"stored\":%llu}}\n", LLU(before.shards),
			LLU(before.bytes), LLU(after.shards), LLU(after.bytes));
		rc = print_buf(&b, e);
	}
	sn_view_drop(v);
	sn_dataset_close(d);
	return rc;
}

/* ---- sample, cat ---- */

static int sample_options(struct sn_sample *s, struct sn_err *e)
{
	if (!opt_start || !opt_end)
		return sn_err(e, SN_EUSE, "sample needs --start and --end");
	if (sn_sample_bound(opt_start, false, &s->start, e) < 0)
		return sn_err_prefix(e, "--start");
	if (sn_sample_bound(opt_end, true, &s->end, e) < 0)
		return sn_err_prefix(e, "--end");
	if (s->end < s->start)
		return sn_err(e, SN_EUSE, "--end %s is before --start %s", opt_end, opt_start);
	if (sn_num_fraction(opt_recent, &s->num, &s->den, e) < 0)
		return sn_err_prefix(e, "--recent");
	if (opt_window % 1000000000)
		return sn_err(e, SN_EUSE, "--window: whole seconds only");
	s->window = opt_window / 1000000000;
	s->n = opt_n;
	return 0;
}

static int sample(int argc, char **argv, struct sn_err *e)
{
	struct sn_buf seed = SN_BUF_INIT;
	struct sn_dataset *d = NULL;
	struct sn_pick *picks = NULL;
	struct sn_reader *r = NULL;
	struct sn_view *v = NULL;
	struct sn_sample s = { 0 };
	size_t n = 0;
	int rc = sample_options(&s, e);

	if (rc == 0)
		rc = open_view(argv[0], &d, &v, e);
	if (rc == 0 && opt_seed)
		sn_buf_str(&seed, opt_seed);
	else if (rc == 0)
		rc = sn_sample_seed(sn_dataset_name(d), opt_end, &seed, e);
	s.seed = seed.p ? seed.p : "";
	s.seed_len = seed.len;
	if (rc == 0)
		rc = sn_view_sample(v, &s, &picks, &n, e);
	if (rc == 0)
		rc = sn_reader_new(&r, e);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = print_row(r, v, picks[i].row, e);
	if (rc == 0 && n < s.n)
		sn_info("%s: %zu records between --start and --end, %llu asked for", argv[0], n,
			LLU(s.n));
	sn_reader_free(r);
	free(picks);
	sn_buf_release(&seed);
	sn_view_drop(v);
	sn_dataset_close(d);
	return rc;
}

static int cat(int argc, char **argv, struct sn_err *e)
{
	struct sn_dataset *d = NULL;
	struct sn_reader *r = NULL;
	struct sn_view *v = NULL;
	int rc = open_view(argv[0], &d, &v, e);

	if (rc == 0)
		rc = sn_reader_new(&r, e);
	for (uint64_t row = 0; rc == 0 && row < sn_view_snapshot(v)->records; row++)
		rc = print_row(r, v, row, e);
	sn_reader_free(r);
	sn_view_drop(v);
	sn_dataset_close(d);
	return rc;
}

/* ---- ls, stat ---- */

static int ls_line(void *ctx, const struct sn_snapshot *s, struct sn_err *e)
{
	struct sn_buf b = SN_BUF_INIT;
	char sealed[24], size[16], id[SN_DIGEST_HEX];

	if (opt_table) {
		if (s->number == 1)
			sn_buf_fmt(&b, "%-20s  %10s  %9s  %9s  %s\n", "SEALED", "RECORDS", "ADDED",
				"BYTES", "SNAPSHOT");
		sn_buf_fmt(&b, "%-20s  %10llu  %9llu  %9s  %s\n", sn_date_text(s->sealed, sealed),
			LLU(s->records), LLU(s->added), sn_size_text(s->bytes, size),
			sn_hex(s->id, id));
		return print_buf(&b, e);
	}
	sn_buf_chr(&b, '{');
	add_id(&b, "snapshot", s->id);
	sn_buf_chr(&b, ',');
	add_id(&b, "previous", s->prev);
	sn_buf_fmt(&b, ",\"number\":%llu,\"records\":%llu,\"added\":%llu,\"bytes\":%llu",
		LLU(s->number), LLU(s->records), LLU(s->added), LLU(s->bytes));
	add_time(&b, "sealed", s->sealed, true);
	add_time(&b, "first", s->first, true);
	add_time(&b, "last", s->last, true);
	sn_buf_str(&b, "}\n");
	return print_buf(&b, e);
}

static int ls(int argc, char **argv, struct sn_err *e)
{
	struct sn_dataset *d;
	int rc = sn_dataset_open(&d, argv[0], e);

	if (rc < 0)
		return rc;
	rc = sn_dataset_each(d, ls_line, NULL, e);
	sn_dataset_close(d);
	return rc;
}

static int stat_cmd(int argc, char **argv, struct sn_err *e)
{
	struct sn_dataset *d = NULL;
	struct sn_buf b = SN_BUF_INIT;
	const struct sn_snapshot *s;
	struct sn_storage disk;
	struct sn_view *v = NULL;
	int rc = open_view(argv[0], &d, &v, e);

	if (rc == 0) {
		s = sn_view_snapshot(v);
		sn_view_storage(v, &disk);
		sn_buf_str(&b, "{\"name\":");
		sn_buf_json(&b, sn_dataset_name(d), strlen(sn_dataset_name(d)));
		sn_buf_chr(&b, ',');
		add_id(&b, "snapshot", s->id);
		sn_buf_fmt(&b, ",\"snapshots\":%llu,\"records\":%llu,\"bytes\":%llu,\"stored\":%llu,"
			"\"shards\":%llu", LLU(s->number), LLU(s->records), LLU(s->bytes),
			LLU(disk.bytes), LLU(disk.shards));
		add_time(&b, "sealed", s->sealed, s->number);
		add_time(&b, "first", s->first, s->number);
		add_time(&b, "last", s->last, s->number);
		sn_buf_str(&b, "}\n");
		rc = print_buf(&b, e);
	}
	sn_view_drop(v);
	sn_dataset_close(d);
	return rc;
}

/* ---- verify ---- */

static void tell(void *ctx, const char *line)
{
	sn_progress_hide();
	sn_error("%s", line);
}

static int verify(int argc, char **argv, struct sn_err *e)
{
	struct sn_buf b = SN_BUF_INIT;
	struct sn_snapshot s;
	struct sn_dataset *d;
	struct sn_view *v = NULL;
	int defects, rc;

	/* how much there is, for the bar; whether it can be opened is what is to be found out */
	if (sn_dataset_open(&d, argv[0], NULL) == 0) {
		v = sn_dataset_newest(d);
		sn_dataset_close(d);
	}
	sn_progress_start("verifying", "rec", v ? sn_view_snapshot(v)->records : 0);
	sn_view_drop(v);
	defects = sn_dataset_verify(argv[0], tell, show, NULL, &s, e);
	sn_progress_end();
	if (defects < 0)
		return defects;
	sn_buf_fmt(&b, "{\"ok\":%s,\"defects\":%d,", defects ? "false" : "true", defects);
	add_id(&b, "snapshot", s.id);
	sn_buf_fmt(&b, ",\"snapshots\":%llu,\"records\":%llu}\n", LLU(s.number), LLU(s.records));
	rc = print_buf(&b, e);
	if (rc == 0 && defects) {
		e->msg[0] = 0;
		return SN_ENO;
	}
	return rc;
}

/* ---- tables ---- */

#define END { 0, NULL, SN_OPT_FLAG, NULL, NULL, NULL, 0, 0 }
#define SHARD { 0, "shard-size", SN_OPT_SIZE, "SIZE", \
	"close a shard at SIZE of records (1Gi)", &opt_shard, 4096, 2ull << 30 }
#define SNAPSHOT { 0, "snapshot", SN_OPT_STR, "ID", "read this snapshot, not the newest", \
	&opt_snapshot, 0, 0 }

static const struct sn_opt pack_opts[] = { SHARD, END };
static const struct sn_opt view_opts[] = { SNAPSHOT, END };
static const struct sn_opt sample_opts[] = {
	{ 0, "start", SN_OPT_STR, "T", "first day (20250118) or time of the records", &opt_start, 0, 0 },
	{ 0, "end", SN_OPT_STR, "T", "last day or time", &opt_end, 0, 0 },
	{ 'n', "count", SN_OPT_U64, "N", "records to draw (4096)", &opt_n, 0, 0 },
	{ 0, "recent", SN_OPT_STR, "X", "share of them from the last window (0.5)", &opt_recent, 0, 0 },
	{ 0, "window", SN_OPT_TIME, "T", "how long before the end is recent (48h)", &opt_window, 0, 0 },
	{ 0, "seed", SN_OPT_STR, "TEXT", "what the draw depends on (NAME/END)", &opt_seed, 0, 0 },
	SNAPSHOT,
	END
};
static const struct sn_opt ls_opts[] = {
	{ 't', "table", SN_OPT_FLAG, NULL, "a table for people", &opt_table, 0, 0 },
	END
};

static const struct sn_cmd cmds[] = {
	{ "pack", "DIR [FILE...]", "append records from FILEs or stdin, and seal", pack_opts,
		pack, 1, -1 },
	{ "sample", "DIR", "print a sample that anyone can draw again", sample_opts, sample, 1, 1 },
	{ "cat", "DIR", "print all records, in order of arrival", view_opts, cat, 1, 1 },
	{ "ls", "DIR", "list the snapshots", ls_opts, ls, 1, 1 },
	{ "stat", "DIR", "print what is in it, and what it takes", view_opts, stat_cmd, 1, 1 },
	{ "verify", "DIR", "check every hash, index, record and manifest", NULL, verify, 1, 1 },
	{ "repack", "DIR", "rewrite the shards into fewer, larger ones", pack_opts, repack, 1, 1 },
	{ NULL, NULL, NULL, NULL, NULL, 0, 0 },
};

static const struct sn_prog prog = {
	.name = "sn-dataset",
	.help = "Keep conversations in sealed shards and draw samples that agree.",
	.cmds = cmds,
};

int main(int argc, char **argv)
{
	return sn_main(&prog, argc, argv);
}
