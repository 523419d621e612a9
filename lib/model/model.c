/*
 * A model's files put together.  Which files they are is settled first, and the
 * digest is of exactly those; after that each part is read once, from mappings
 * (weights, GGUF) or from small reads with a limit (the JSON files).
 */
#include "model/model.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/gguf.h"
#include "model/safetensors.h"
#include "util/io.h"

enum { MAX_FILES = 4096, MAX_INDEX = 64 << 20, MAX_TOK_CONFIG = 16 << 20 };

struct sn_model {
	char *path;
	bool is_gguf;
	struct sn_model_file *files;    /* sorted by name; names and paths are owned */
	size_t n_files;
	struct sn_st_index index;       /* of a directory that has one */

	struct sn_config config;
	bool has_config;

	struct sn_map *maps;            /* of the weight files, in the order of files */
	const char **map_names;         /* their paths */
	size_t n_maps;
	struct sn_gguf gguf;
	struct sn_tensor *tensors;
	size_t n_tensors;
	char **names;                   /* of the shards' tensors */
	size_t n_names;
	const struct sn_tensor **slots;

	struct sn_tokenizer *tok;
	uint8_t digest[SN_DIGEST];
	bool has_digest;
};

static const char INDEX[] = "model.safetensors.index.json";
static const char SINGLE[] = "model.safetensors";
/* beside the weights, when they are there */
static const struct { const char *name; bool need; } others[] = {
	{ "config.json", true },
	{ "tokenizer.json", true },
	{ "tokenizer_config.json", false },
	{ "chat_template.jinja", false },
};

static int by_file(const void *a, const void *b)
{
	return strcmp(((const struct sn_model_file *)a)->name, ((const struct sn_model_file *)b)->name);
}

static void identify(const struct stat *st, uint64_t id[3])
{
	id[0] = (uint64_t)st->st_dev;
	id[1] = (uint64_t)st->st_ino;
	id[2] = (uint64_t)st->st_ctim.tv_sec * 1000000000 + (uint64_t)st->st_ctim.tv_nsec;
}

static int add_file(struct sn_model *m, const char *name, char *path, const struct stat *st,
	struct sn_err *e)
{
	struct sn_model_file *f = realloc(m->files, (m->n_files + 1) * sizeof(*f));
	char *copy = strdup(name);

	if (f)
		m->files = f;
	if (!f || !copy || !path) {
		free(copy);
		free(path);
		return sn_err_mem(e);
	}
	m->files[m->n_files] = (struct sn_model_file){ copy, path, (uint64_t)st->st_size, { 0 } };
	identify(st, m->files[m->n_files++].id);
	return 0;
}

/* Add DIR/name when it is a regular file; *there says whether it was. */
static int look(struct sn_model *m, const char *name, bool need, bool *there, struct sn_err *e)
{
	char *path = sn_path(m->path, name);
	struct stat st;
	int rc = 0;

	*there = false;
	if (!path)
		return sn_err_mem(e);
	if (stat(path, &st) < 0) {
		if (errno == ELOOP || errno == ENOTDIR || errno == ENAMETOOLONG)
			rc = sn_err(e, SN_ENO, "cannot look at %s: %s", path, strerror(errno));
		else if (errno != ENOENT)
			rc = sn_err_sys(e, "cannot look at %s", path);
		else if (need)
			rc = sn_err(e, SN_ENO, "%s: there is no %s", m->path, name);
	} else if (!S_ISREG(st.st_mode)) {
		rc = sn_err(e, SN_ENO, "%s: not a regular file", path);
	} else {
		*there = true;
		return add_file(m, name, path, &st, e);
	}
	free(path);
	return rc;
}

const struct sn_model_file *sn_model_files(const struct sn_model *m, size_t *n)
{
	*n = m->n_files;
	return m->files;
}

static const struct sn_model_file *file_named(const struct sn_model *m, const char *name)
{
	struct sn_model_file want = { .name = name };

	return bsearch(&want, m->files, m->n_files, sizeof(want), by_file);
}

static int read_index(struct sn_model *m, struct sn_err *e)
{
	const struct sn_model_file *f = &m->files[m->n_files - 1];
	bool there;
	struct sn_buf b;
	int rc;

	sn_buf_init(&b, MAX_INDEX);
	rc = sn_read_file(f->path, &b, e);
	if (rc == 0)
		rc = sn_st_index_parse(&m->index, b.p ? b.p : "", b.len, f->path, e);
	sn_buf_release(&b);
	if (rc == 0 && m->index.n_shards > MAX_FILES)
		rc = sn_err(e, SN_ENO, "%s: names %zu files", f->path, m->index.n_shards);
	for (size_t i = 0; rc == 0 && i < m->index.n_shards; i++)
		rc = look(m, m->index.shards[i], true, &there, e);
	return rc;
}

/* One file of weights comes before an index, as transformers looks for them. */
static int find_dir(struct sn_model *m, struct sn_err *e)
{
	bool there;
	int rc = look(m, SINGLE, false, &there, e);

	if (rc == 0 && !there) {
		rc = look(m, INDEX, false, &there, e);
		if (rc == 0 && !there)
			rc = sn_err(e, SN_ENO, "%s: there is neither %s nor %s", m->path, SINGLE, INDEX);
		else if (rc == 0)
			rc = read_index(m, e);
	}
	for (size_t i = 0; rc == 0 && i < sizeof(others) / sizeof(others[0]); i++)
		rc = look(m, others[i].name, others[i].need, &there, e);
	if (rc == 0)
		qsort(m->files, m->n_files, sizeof(*m->files), by_file);
	return rc;
}

int sn_model_find(struct sn_model **out, const char *path, struct sn_err *e)
{
	struct sn_model *m = calloc(1, sizeof(*m));
	struct stat st;
	int rc;

	*out = NULL;
	if (!m || !(m->path = strdup(path))) {
		free(m);
		return sn_err_mem(e);
	}
	if (stat(path, &st) < 0) {
		rc = sn_err_sys(e, "cannot open %s", path);
	} else if (S_ISDIR(st.st_mode)) {
		rc = find_dir(m, e);
	} else if (S_ISREG(st.st_mode)) {
		const char *base = strrchr(path, '/');

		m->is_gguf = true;
		rc = add_file(m, base ? base + 1 : path, strdup(path), &st, e);
	} else {
		rc = sn_err(e, SN_EUSE, "%s: neither a directory nor a regular file", path);
	}
	if (rc)
		sn_model_close(m);
	else
		*out = m;
	return rc;
}

static void unmap(struct sn_model *m)
{
	for (size_t i = 0; i < m->n_maps; i++)
		sn_map_close(&m->maps[i]);
	free(m->maps);
	m->maps = NULL;
	m->n_maps = 0;
	for (size_t i = 0; i < m->n_names; i++)
		free(m->names[i]);
	free(m->names);
	m->names = NULL;
	m->n_names = 0;
	free(m->tensors);
	m->tensors = NULL;
	m->n_tensors = 0;
}

void sn_model_close(struct sn_model *m)
{
	if (!m)
		return;
	sn_tokenizer_close(m->tok);
	free(m->slots);
	if (m->is_gguf)
		m->tensors = NULL;      /* they are the gguf's own */
	sn_gguf_release(&m->gguf);
	unmap(m);
	sn_st_index_release(&m->index);
	for (size_t i = 0; i < m->n_files; i++) {
		free((char *)(uintptr_t)m->files[i].name);
		free((char *)(uintptr_t)m->files[i].path);
	}
	free(m->files);
	free(m->path);
	free(m);
}

/* The one file, mapped and parsed; config and headers both start here. */
static int open_gguf(struct sn_model *m, struct sn_err *e)
{
	int rc;

	if (m->n_maps)
		return 0;
	m->maps = calloc(1, sizeof(*m->maps));
	if (!m->maps)
		return sn_err_mem(e);
	rc = sn_map_open_fd(&m->maps[0], m->path, e);
	if (rc)
		return rc;
	rc = sn_gguf_parse(&m->gguf, m->maps[0].p, m->maps[0].size, m->path, e);
	if (rc) {
		sn_map_close(&m->maps[0]);
		return rc;
	}
	m->n_maps = 1;
	m->tensors = m->gguf.t;
	m->n_tensors = m->gguf.n_t;
	for (size_t i = 0; i < m->n_tensors; i++)
		m->gguf.t[i].map = &m->maps[0];
	return 0;
}

int sn_model_load_config(struct sn_model *m, struct sn_err *e)
{
	struct sn_buf b;
	int rc;

	if (m->has_config)
		return 0;
	if (m->is_gguf) {
		rc = open_gguf(m, e);
		if (rc == 0)
			rc = sn_config_gguf(&m->config, &m->gguf, e);
	} else {
		const char *path = file_named(m, "config.json")->path;

		sn_buf_init(&b, SN_CONFIG_MAX_BYTES);
		rc = sn_read_file(path, &b, e);
		if (rc == 0)
			rc = sn_config_json(&m->config, b.p ? b.p : "", b.len, path, e);
		sn_buf_release(&b);
	}
	m->has_config = rc == 0;
	return rc;
}

/* Move a shard's tensors to the end of the model's list. */
static int take(struct sn_model *m, struct sn_safetensors *s, struct sn_err *e)
{
	struct sn_tensor *t = realloc(m->tensors, (m->n_tensors + s->n) * sizeof(*t));
	char **names = realloc(m->names, (m->n_names + 1) * sizeof(*names));

	if (t)
		m->tensors = t;
	if (names)
		m->names = names;
	if (!t || !names)
		return sn_err_mem(e);
	memcpy(t + m->n_tensors, s->t, s->n * sizeof(*t));
	m->n_tensors += s->n;
	names[m->n_names++] = s->names;
	s->names = NULL;
	return 0;
}

static int by_tensor(const void *a, const void *b)
{
	const struct sn_st_entry *x = a, *y = b;

	return strcmp(x->tensor, y->tensor);
}

/* Index and shards name the same tensors in the same files. */
static int check_index(const struct sn_model *m, const char *shard, const struct sn_safetensors *s,
	struct sn_err *e)
{
	const struct sn_st_index *x = &m->index;

	for (size_t i = 0; i < s->n; i++) {
		struct sn_st_entry want = { .tensor = (char *)(uintptr_t)s->t[i].name };
		const struct sn_st_entry *f = bsearch(&want, x->map, x->n, sizeof(want), by_tensor);

		if (!f)
			return sn_err(e, SN_ENO, "%s: tensor \"%s\" is not in %s", s->t[i].file, s->t[i].name,
				INDEX);
		if (strcmp(x->shards[f->shard], shard))
			return sn_err(e, SN_ENO, "%s: tensor \"%s\" is in %s by %s", s->t[i].file,
				s->t[i].name, x->shards[f->shard], INDEX);
	}
	return 0;
}

static int open_shard(struct sn_model *m, const char *name, struct sn_err *e)
{
	const struct sn_model_file *f = file_named(m, name);
	struct sn_safetensors s;
	int rc = sn_map_open_fd(&m->maps[m->n_maps], f->path, e);

	if (rc)
		return rc;
	m->n_maps++;
	rc = sn_safetensors_parse(&s, m->maps[m->n_maps - 1].p, m->maps[m->n_maps - 1].size, f->path, e);
	if (rc)
		return rc;
	for (size_t i = 0; i < s.n; i++)
		s.t[i].map = &m->maps[m->n_maps - 1];
	if (m->index.n)
		rc = check_index(m, name, &s, e);
	if (rc == 0)
		rc = take(m, &s, e);
	sn_safetensors_release(&s);
	return rc;
}

int sn_model_load_headers(struct sn_model *m, struct sn_err *e)
{
	size_t n = m->index.n_shards ? m->index.n_shards : 1;
	int rc = 0;

	if (m->is_gguf)
		return open_gguf(m, e);
	if (m->n_maps)
		return 0;
	m->maps = calloc(n, sizeof(*m->maps));
	if (!m->maps)
		return sn_err_mem(e);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = open_shard(m, m->index.n ? m->index.shards[i] : SINGLE, e);
	if (rc == 0 && m->index.n > m->n_tensors)
		rc = sn_err(e, SN_ENO, "%s/%s: names %zu tensors, and the files hold %zu", m->path, INDEX,
			m->index.n, m->n_tensors);
	if (rc)
		unmap(m);
	return rc;
}

int sn_model_bind(struct sn_model *m, struct sn_err *e)
{
	const struct sn_tensor **slots;
	int rc;

	if (m->slots)
		return 0;
	slots = calloc(sn_weights_slots(&m->config), sizeof(*slots));
	if (!slots)
		return sn_err_mem(e);
	rc = sn_weights_bind(&m->config, m->is_gguf ? SN_NAMES_GGUF : SN_NAMES_HF, m->path, m->tensors,
		m->n_tensors, slots, e);
	if (rc)
		free(slots);
	else
		m->slots = slots;
	return rc;
}

static int tokenizer_of_dir(struct sn_model *m, struct sn_tokenizer **t, struct sn_err *e)
{
	const struct sn_model_file *f = file_named(m, "tokenizer.json");
	const struct sn_model_file *conf = file_named(m, "tokenizer_config.json");
	struct sn_buf b, c;
	int rc;

	sn_buf_init(&b, SN_TOK_MAX_JSON);
	sn_buf_init(&c, MAX_TOK_CONFIG);
	rc = sn_read_file(f->path, &b, e);
	if (rc == 0 && conf)
		rc = sn_read_file(conf->path, &c, e);
	if (rc == 0)
		rc = sn_tokenizer_json(t, b.p ? b.p : "", b.len, f->path, conf ? c.p ? c.p : "" : NULL,
			c.len, conf ? conf->path : NULL, e);
	sn_buf_release(&b);
	sn_buf_release(&c);
	return rc;
}

int sn_model_load_tokenizer(struct sn_model *m, struct sn_err *e)
{
	struct sn_tokenizer *t = NULL;
	int rc;

	if (m->tok)
		return 0;
	rc = m->is_gguf ? sn_tokenizer_gguf(&t, &m->gguf, e) : tokenizer_of_dir(m, &t, e);
	if (rc)
		return rc;
	if (sn_tokenizer_size(t) > m->config.vocab) {
		rc = sn_err(e, SN_ENO, "%s: the tokenizer has the id %u, and the model %u rows", m->path,
			sn_tokenizer_size(t) - 1, m->config.vocab);
		sn_tokenizer_close(t);
		return rc;
	}
	m->tok = t;
	return 0;
}

int sn_model_open(struct sn_model **out, const char *path, struct sn_err *e)
{
	struct sn_model *m;
	int rc = sn_model_find(&m, path, e);

	*out = NULL;
	if (rc)
		return rc;
	rc = sn_model_load_config(m, e);
	if (rc == 0)
		rc = sn_model_load_headers(m, e);
	if (rc == 0)
		rc = sn_model_bind(m, e);
	if (rc == 0)
		rc = sn_model_load_tokenizer(m, e);
	if (rc)
		sn_model_close(m);
	else
		*out = m;
	return rc;
}

const char *sn_model_path(const struct sn_model *m)
{
	return m->path;
}

int sn_model_is_gguf(const struct sn_model *m)
{
	return m->is_gguf;
}

const struct sn_config *sn_model_config(const struct sn_model *m)
{
	return &m->config;
}

const struct sn_tokenizer *sn_model_tokenizer(const struct sn_model *m)
{
	return m->tok;
}

const struct sn_tensor *sn_model_tensors(const struct sn_model *m, size_t *n)
{
	*n = m->n_tensors;
	return m->tensors;
}

const struct sn_tensor *sn_model_tensor(const struct sn_model *m, enum sn_role role,
	uint32_t layer)
{
	return m->slots[sn_weights_slot(role, layer)];
}

/* Elements of the tensors with a role, by type; a tied head is met twice and counts once. */
static void tally(const struct sn_model *m, uint64_t by[SN_DTYPES])
{
	size_t n = sn_weights_slots(&m->config);

	memset(by, 0, SN_DTYPES * sizeof(*by));
	for (size_t i = 0; i < n; i++)
		if (i != SN_W_HEAD || m->slots[i] != m->slots[SN_W_EMBED])
			by[m->slots[i]->dtype] += sn_tensor_elements(m->slots[i]);
}

uint64_t sn_model_parameters(const struct sn_model *m)
{
	uint64_t by[SN_DTYPES], n = 0;

	tally(m, by);
	for (int d = 0; d < SN_DTYPES; d++)
		n += by[d];
	return n;
}

uint64_t sn_model_bytes(const struct sn_model *m)
{
	return 2 * (sn_model_parameters(m) + m->config.head_dim / 2);
}

const char *sn_model_dtype(const struct sn_model *m)
{
	uint64_t by[SN_DTYPES];
	int most = 0;

	tally(m, by);
	for (int d = 1; d < SN_DTYPES; d++)
		if (by[d] > by[most])
			most = d;
	return sn_dtypes[most].name;
}

/* Is what is open still the file that was found, as it was then?  A digest must not be of
 * other bytes than those that are judged or scored. */
static bool is_found(const struct sn_model_file *f, int fd)
{
	uint64_t id[3];
	struct stat st;

	if (fstat(fd, &st) < 0 || (uint64_t)st.st_size != f->size)
		return false;
	identify(&st, id);
	return !memcmp(id, f->id, sizeof(id));
}

struct tick { void (*fn)(void *, uint64_t); void *arg; uint64_t done; };

static void tick_bytes(void *arg, size_t n)
{
	struct tick *t = arg;

	t->done += n;
	if (t->fn)
		t->fn(t->arg, t->done);
}

static int digest_file(const struct sn_model_file *f, struct tick *t, uint8_t out[SN_DIGEST],
	uint64_t *size, struct sn_err *e)
{
	int fd, rc = sn_open_in(f->path, &fd, e);

	if (rc < 0)
		return rc;
	rc = sn_sha256_fd(fd, f->path, tick_bytes, t, out, size, e);
	if (rc == 0 && !is_found(f, fd))
		rc = sn_err(e, SN_ETEMP, "%s: changed while it was in use", f->path);
	close(fd);
	return rc;
}

int sn_model_digest(struct sn_model *m, void (*tick)(void *arg, uint64_t bytes), void *arg,
	uint8_t out[SN_DIGEST], struct sn_err *e)
{
	struct tick t = { tick, arg, 0 };
	struct sn_digest all;
	int rc = 0;

	sn_digest_init(&all);
	for (size_t i = 0; !m->has_digest && rc == 0 && i < m->n_files; i++) {
		char hex[SN_DIGEST_HEX], size_text[32];
		uint8_t one[SN_DIGEST] = { 0 };
		uint64_t size = 0;

		rc = digest_file(&m->files[i], &t, one, &size, e);
		sn_digest_add(&all, sn_hex(one, hex), 2 * SN_DIGEST);
		snprintf(size_text, sizeof(size_text), " %" PRIu64 " ", size);
		sn_digest_add(&all, size_text, strlen(size_text));
		sn_digest_add(&all, m->files[i].name, strlen(m->files[i].name));
		sn_digest_add(&all, "\n", 1);
	}
	if (!m->has_digest && rc == 0) {
		sn_digest_end(&all, m->digest);
		m->has_digest = true;
	}
	memcpy(out, m->digest, SN_DIGEST);
	return rc;
}
