/* From what is wanted to the body: the records' own bytes, in one of three shapes, through
 * the coding's encoder into the sink.  Runs on the cache's builder threads. */
#include <stdlib.h>
#include <string.h>

#include "app.h"

void want_hold(void *arg)
{
	struct want *w = arg;

	sn_view_hold(w->view);
	w->sample.seed = w->seed;       /* of this copy */
}

void want_drop(void *arg)
{
	struct want *w = arg;

	sn_view_drop(w->view);
}

/* What stands around the records. */
static const struct { const char *head, *between, *tail; } around[] = {
	[SHAPE_NDJSON] = { "", "", "" },
	[SHAPE_ALL_CONVOS] = { "{\"all_convos\":[", ",", "]}\n" },
	[SHAPE_ROWS] = { "{\"rows\":[", ",", NULL },
};

static int put_str(struct sn_encoder *enc, const char *s, struct sn_err *e)
{
	return sn_encoder_add(enc, s, strlen(s), e);
}

static int put_record(struct want *w, struct sn_reader *rd, struct sn_encoder *enc, uint64_t row,
	struct sn_err *e)
{
	const char *p;
	char text[64];
	size_t len;
	int rc;

	if ((rc = sn_reader_get(rd, w->view, row, &p, &len, e)) < 0)
		return rc;
	if (w->shape == SHAPE_NDJSON)
		return sn_encoder_add(enc, p, len + 1, e);      /* with its line feed */
	if (w->shape == SHAPE_ROWS) {
		snprintf(text, sizeof(text), "{\"row_idx\":%llu,\"row\":", (unsigned long long)row);
		if ((rc = put_str(enc, text, e)) < 0)
			return rc;
	}
	if ((rc = sn_encoder_add(enc, p, len, e)) < 0)
		return rc;
	return w->shape == SHAPE_ROWS ? put_str(enc, "}", e) : 0;
}

static int put_rows_tail(struct want *w, struct sn_encoder *enc, struct sn_err *e)
{
	char text[80];

	snprintf(text, sizeof(text), "],\"num_rows_total\":%llu,\"partial\":false}\n",
		(unsigned long long)sn_view_snapshot(w->view)->records);
	return put_str(enc, text, e);
}

/* The rows that are wanted: *picks is the caller's to free. */
static int choose(struct want *w, struct sn_pick **picks, size_t *n, struct sn_err *e)
{
	uint64_t total = sn_view_snapshot(w->view)->records;

	if (w->shape != SHAPE_ROWS)
		return sn_view_sample(w->view, &w->sample, picks, n, e);
	*n = w->offset >= total ? 0 : total - w->offset < w->length ? total - w->offset : w->length;
	*picks = calloc(*n ? *n : 1, sizeof(**picks));
	if (!*picks)
		return sn_err_mem(e);
	for (size_t i = 0; i < *n; i++)
		(*picks)[i].row = w->offset + i;
	return 0;
}

int want_build(struct sn_sink *out, void *arg, struct sn_err *e)
{
	struct want *w = arg;
	struct sn_encoder *enc = NULL;
	struct sn_reader *rd = NULL;
	struct sn_pick *picks = NULL;
	size_t n = 0;
	int rc;

	if ((rc = choose(w, &picks, &n, e)) < 0 || (rc = sn_reader_new(&rd, e)) < 0 ||
	    (rc = sn_encoder_open(&enc, w->coding, sn_sink_put, out, e)) < 0)
		goto out;
	rc = put_str(enc, around[w->shape].head, e);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		if (i)
			rc = put_str(enc, around[w->shape].between, e);
		if (rc == 0)
			rc = put_record(w, rd, enc, picks[i].row, e);
	}
	if (rc == 0)
		rc = around[w->shape].tail ? put_str(enc, around[w->shape].tail, e) :
			put_rows_tail(w, enc, e);
	if (rc == 0)
		rc = sn_encoder_end(enc, e);
	out->count = n;
out:
	sn_encoder_close(enc);
	sn_reader_free(rd);
	free(picks);
	return rc;
}
