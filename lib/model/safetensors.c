/* Headers of safetensors files and the index over several of them. */
#include "model/safetensors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "model/json_bounded.h"
#include "util/buf.h"

enum { MAX_VALUES = 4 << 20 };

static uint64_t le64(const uint8_t *p)
{
	uint64_t v = 0;

	for (int i = 7; i >= 0; i--)
		v = v << 8 | p[i];
	return v;
}

static int dtype_of(const char *text, enum sn_dtype *out)
{
	for (int d = SN_F32; d <= SN_BF16; d++)
		if (!strcmp(text, sn_dtypes[d].name)) {
			*out = (enum sn_dtype)d;
			return 0;
		}
	return -1;
}

static int bad(const struct sn_tensor *t, const char *why, struct sn_err *e)
{
	return sn_err(e, SN_ENO, "%s: tensor \"%s\": %s", t->file, t->name, why);
}

static int read_shape(struct sn_tensor *t, const json_t *shape, struct sn_err *e)
{
	size_t n = json_array_size(shape);

	if (!json_is_array(shape))
		return bad(t, "key \"shape\": expected an array", e);
	if (n > 4)
		return bad(t, "more than 4 dimensions", e);
	t->ndim = (unsigned)n;
	for (size_t i = 0; i < n; i++) {
		const json_t *v = json_array_get(shape, i);

		if (!json_is_integer(v) || json_integer_value(v) < 0)
			return bad(t, "key \"shape\": expected whole numbers", e);
		t->shape[i] = (uint64_t)json_integer_value(v);
	}
	return 0;
}

/* t->at becomes the first byte, relative to the data; its size is what the offsets say. */
static int read_tensor(struct sn_tensor *t, const json_t *o, struct sn_err *e)
{
	const json_t *dtype = json_object_get(o, "dtype"), *at = json_object_get(o, "data_offsets");
	const json_t *begin = json_array_get(at, 0), *end = json_array_get(at, 1);
	uint64_t a, b;
	int rc;

	if (!json_is_object(o) || json_object_size(o) != 3 || !json_is_string(dtype))
		return bad(t, "expected \"dtype\", \"shape\" and \"data_offsets\"", e);
	if (dtype_of(json_string_value(dtype), &t->dtype))
		return sn_err(e, SN_ENO, "%s: tensor \"%s\": type %s is not supported", t->file,
			t->name, json_string_value(dtype));
	if (json_array_size(at) != 2 || !json_is_integer(begin) || !json_is_integer(end) ||
	    json_integer_value(begin) < 0 || json_integer_value(end) < json_integer_value(begin))
		return bad(t, "key \"data_offsets\": expected [begin, end]", e);
	rc = read_shape(t, json_object_get(o, "shape"), e);
	if (rc == 0)
		rc = sn_tensor_size(t, t->file, e);
	if (rc)
		return rc;
	a = (uint64_t)json_integer_value(begin);
	b = (uint64_t)json_integer_value(end);
	if (b - a != t->bytes)
		return sn_err(e, SN_ENO, "%s: tensor \"%s\": %" PRIu64 " bytes by its offsets, %zu by its "
			"shape", t->file, t->name, b - a, t->bytes);
	t->at = a;
	return 0;
}

static int by_at(const void *a, const void *b)
{
	const struct sn_tensor *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* The tensors, in order, fill the data exactly; offsets become those of the file. */
static int place(struct sn_safetensors *s, const uint8_t *p, size_t size, size_t data,
	const char *name, struct sn_err *e)
{
	uint64_t at = 0;

	qsort(s->t, s->n, sizeof(*s->t), by_at);
	for (size_t i = 0; i < s->n; i++) {
		struct sn_tensor *t = &s->t[i];

		if (t->at != at)
			return sn_err(e, SN_ENO, "%s: tensor \"%s\": begins at %" PRIu64 " of the data, the one "
				"before it ends at %" PRIu64, name, t->name, t->at, at);
		if (t->bytes > size - data - at)
			return sn_err(e, SN_ENO, "%s: tensor \"%s\": its %zu bytes at %" PRIu64 " of the data "
				"are not in the file of %zu bytes", name, t->name, t->bytes, t->at, size);
		at += t->bytes;
		t->at += data;
		t->data = p + t->at;
	}
	if (at != size - data)
		return sn_err(e, SN_ENO, "%s: %" PRIu64 " bytes behind the last tensor", name,
			size - data - at);
	return 0;
}

static int metadata(const json_t *o, const char *name, struct sn_err *e)
{
	const char *key;
	json_t *v;

	if (!json_is_object(o))
		return sn_err(e, SN_ENO, "%s: key \"__metadata__\": expected an object", name);
	json_object_foreach((json_t *)(uintptr_t)o, key, v)
		if (!json_is_string(v))
			return sn_err(e, SN_ENO, "%s: key \"__metadata__\": \"%s\": expected a string", name,
				key);
	return 0;
}

static int read_header(struct sn_safetensors *s, const json_t *o, size_t head, const char *name,
	struct sn_err *e)
{
	size_t n = json_object_size(o);
	const char *key;
	json_t *v;
	char *to;
	int rc = 0;

	if (n > SN_ST_MAX_TENSORS)
		return sn_err(e, SN_ENO, "%s: %zu tensors", name, n);
	s->t = calloc(n ? n : 1, sizeof(*s->t));
	s->names = to = malloc(head + n + 1);   /* a name takes no more than it does in the JSON */
	if (!s->t || !s->names)
		return sn_err_mem(e);
	json_object_foreach((json_t *)(uintptr_t)o, key, v) {
		struct sn_tensor *t = &s->t[s->n];

		if (!strcmp(key, "__metadata__")) {
			rc = metadata(v, name, e);
		} else {
			t->file = name;
			t->name = strcpy(to, key);
			to += strlen(key) + 1;
			s->n++;
			rc = read_tensor(t, v, e);
		}
		if (rc)
			return rc;
	}
	if (!s->n)
		return sn_err(e, SN_ENO, "%s: has no tensors", name);
	return 0;
}

int sn_safetensors_parse(struct sn_safetensors *s, const uint8_t *p, size_t size,
	const char *name, struct sn_err *e)
{
	json_t *o = NULL;
	uint64_t head;
	int rc;

	*s = (struct sn_safetensors){ 0 };
	if (size < 8)
		return sn_err(e, SN_ENO, "%s: not a safetensors file: %zu bytes", name, size);
	head = le64(p);
	if (head > SN_ST_MAX_HEADER)
		return sn_err(e, SN_ENO, "%s: not a safetensors file: a header of %" PRIu64 " bytes",
			name, head);
	if (head > size - 8)
		return sn_err(e, SN_ENO, "%s: ends within its header of %" PRIu64 " bytes", name, head);
	if (!head || p[8] != '{')
		return sn_err(e, SN_ENO, "%s: not a safetensors file: its header is not a JSON object",
			name);
	rc = sn_json_bounded((const char *)p + 8, (size_t)head, name, MAX_VALUES, &o, e);
	if (rc == 0)
		rc = read_header(s, o, (size_t)head, name, e);
	json_decref(o);
	if (rc == 0)
		rc = place(s, p, size, (size_t)head + 8, name, e);
	if (rc)
		sn_safetensors_release(s);
	return rc;
}

void sn_safetensors_release(struct sn_safetensors *s)
{
	free(s->t);
	free(s->names);
	*s = (struct sn_safetensors){ 0 };
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int by_tensor(const void *a, const void *b)
{
	const struct sn_st_entry *x = a, *y = b;

	return strcmp(x->tensor, y->tensor);
}

static bool plain_name(const char *s)
{
	size_t n = strlen(s), k = strlen(".safetensors");

	return n > k && n < 256 && s[0] != '.' && !strchr(s, '/') && !strcmp(s + n - k, ".safetensors");
}

/* x->shards: every name of the map once, sorted. */
static int collect_shards(struct sn_st_index *x, const json_t *map, const char *name,
	struct sn_err *e)
{
	size_t n = json_object_size(map), k = 0;
	const char **all = calloc(n ? n : 1, sizeof(*all)), *key;
	json_t *v;
	int rc = all ? 0 : sn_err_mem(e);

	if (rc == 0)
		json_object_foreach((json_t *)(uintptr_t)map, key, v) {
			if (!json_is_string(v) || !plain_name(json_string_value(v))) {
				rc = sn_err(e, SN_ENO, "%s: key \"weight_map\": \"%s\": expected the name of a "
					".safetensors file beside it", name, key);
				break;
			}
			all[k++] = json_string_value(v);
		}
	if (rc == 0) {
		qsort(all, n, sizeof(*all), by_text);
		x->shards = calloc(n ? n : 1, sizeof(*x->shards));
		if (!x->shards)
			rc = sn_err_mem(e);
	}
	for (size_t i = 0; rc == 0 && i < n; i++) {
		if (i && !strcmp(all[i - 1], all[i]))
			continue;
		x->shards[x->n_shards] = strdup(all[i]);
		if (!x->shards[x->n_shards])
			rc = sn_err_mem(e);
		else
			x->n_shards++;
	}
	free(all);
	return rc;
}

static int collect_map(struct sn_st_index *x, const json_t *map, struct sn_err *e)
{
	const char *key;
	json_t *v;

	x->map = calloc(json_object_size(map) ? json_object_size(map) : 1, sizeof(*x->map));
	if (!x->map)
		return sn_err_mem(e);
	json_object_foreach((json_t *)(uintptr_t)map, key, v) {
		const char *file = json_string_value(v);
		char **s = bsearch(&file, x->shards, x->n_shards, sizeof(*x->shards), by_text);

		x->map[x->n].tensor = strdup(key);
		x->map[x->n].shard = (uint32_t)(s - x->shards);
		if (!x->map[x->n].tensor)
			return sn_err_mem(e);
		x->n++;
	}
	qsort(x->map, x->n, sizeof(*x->map), by_tensor);
	return 0;
}

int sn_st_index_parse(struct sn_st_index *x, const char *p, size_t n, const char *name,
	struct sn_err *e)
{
	const json_t *map = NULL;
	json_t *o = NULL;
	int rc;

	*x = (struct sn_st_index){ 0 };
	rc = sn_json_bounded(p, n, name, MAX_VALUES, &o, e);
	if (rc == 0)
		rc = sn_json_obj(o, "weight_map", SN_JSON_NEED, name, &map, e);
	if (rc == 0 && !json_object_size(map))
		rc = sn_err(e, SN_ENO, "%s: key \"weight_map\": empty", name);
	if (rc == 0)
		rc = collect_shards(x, map, name, e);
	if (rc == 0)
		rc = collect_map(x, map, e);
	json_decref(o);
	if (rc)
		sn_st_index_release(x);
	return rc;
}

void sn_st_index_release(struct sn_st_index *x)
{
	for (size_t i = 0; i < x->n; i++)
		free(x->map[i].tensor);
	for (size_t i = 0; i < x->n_shards; i++)
		free(x->shards[i]);
	free(x->map);
	free(x->shards);
	*x = (struct sn_st_index){ 0 };
}
