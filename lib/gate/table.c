/*
 * The file: header, policies, overflow cells, blocks, slots, each part at a page
 * boundary and of a size that follows from the number of slots.
 *
 * It is made under another name at full size, with its blocks allocated (a hole that
 * meets a full disk later would be a SIGBUS), and linked to its own name, so
 * that two who make it at once end up with the same one and a killed maker leaves
 * none.  The header never changes after that; it is read and checked before anything is
 * mapped.  Slots need no check: any value of a TAT is either sane or clamped (limit.c).
 */
#include "gate/table.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "util/digest.h"
#include "util/io.h"

#define PAGE 4096u
#define LOCK_WAIT 10    /* seconds for another who changes policies */

_Static_assert(offsetof(struct table_head, blocks_until) == 128, "a cache line of its own");
_Static_assert(offsetof(struct table_head, evicted) == 192, "a cache line of its own");
_Static_assert(sizeof(struct table_policy) == 128, "two policies never share a cache line");
_Static_assert(sizeof(struct slot) == 16, "one compare-and-swap");

#define AT_POLICY PAGE
#define AT_CELL (AT_POLICY + sizeof(struct table_policy) * POLICY_IDS)
#define AT_BLOCK (AT_CELL + sizeof(uint64_t) * POLICY_IDS * CELLS)
#define AT_SLOT (AT_BLOCK + sizeof(struct slot) * BLOCKS)
_Static_assert(AT_CELL % PAGE == 0 && AT_BLOCK % PAGE == 0 && AT_SLOT % PAGE == 0, "pages");

static uint64_t head_check(const struct table_head *h)
{
	static const uint8_t zero[16];

	return sn_siphash(zero, h, offsetof(struct table_head, check));
}

static uint64_t file_size(uint64_t slots)
{
	uint64_t n = AT_SLOT + slots * sizeof(struct slot);

	return (n + PAGE - 1) / PAGE * PAGE;
}

/* Written under a temporary name, then linked: the first to link wins. */
static int make(const char *path, uint64_t slots, struct sn_err *e)
{
	struct table_head h = { .magic = TABLE_MAGIC, .order = TABLE_ORDER,
		.version = TABLE_VERSION };
	char *tmp = NULL;
	int fd = -1, rc = 0;

	if (slots < SN_LIMIT_SLOTS_MIN || slots > SN_LIMIT_SLOTS_MAX)
		return sn_err(e, SN_EUSE, "a limiter table has between %llu and %llu slots",
			(unsigned long long)SN_LIMIT_SLOTS_MIN, (unsigned long long)SN_LIMIT_SLOTS_MAX);
	h.slots = (slots + BUCKET - 1) / BUCKET * BUCKET;
	h.size = file_size(h.slots);
	randombytes_buf(h.key, sizeof(h.key));
	h.check = head_check(&h);
	if (asprintf(&tmp, "%s.XXXXXX", path) < 0)
		return sn_err_mem(e);
	if ((fd = mkostemp(tmp, O_CLOEXEC)) < 0) {
		rc = sn_err_sys(e, "cannot make %s", path);
		free(tmp);
		return rc;
	}
	if ((errno = posix_fallocate(fd, 0, (off_t)h.size)) != 0 ||
	    sn_write(fd, &h, sizeof(h)) < 0 || fsync(fd) < 0 ||
	    (link(tmp, path) < 0 && errno != EEXIST))
		rc = sn_err_sys(e, "cannot make %s", path);
	unlink(tmp);
	close(fd);
	free(tmp);
	return rc < 0 ? rc : sn_sync_parent(path, e);
}

static int check(const struct table_head *h, ssize_t n, off_t size, const char *path,
	struct sn_err *e)
{
	if (n < (ssize_t)sizeof(*h) || memcmp(h->magic, TABLE_MAGIC, sizeof(h->magic)))
		return sn_err(e, SN_ENO, "%s: not a limiter table", path);
	if (h->order != TABLE_ORDER)
		return sn_err(e, SN_ENO, "%s: a limiter table of a machine with another byte order", path);
	if (h->version != TABLE_VERSION)
		return sn_err(e, SN_ENO, "%s: a limiter table of version %u, this program knows %u",
			path, h->version, TABLE_VERSION);
	if (h->check != head_check(h) || h->slots < SN_LIMIT_SLOTS_MIN ||
	    h->slots > SN_LIMIT_SLOTS_MAX || h->slots % BUCKET || h->size != file_size(h->slots))
		return sn_err(e, SN_ENO, "%s: the header of the limiter table is damaged", path);
	if ((uint64_t)size != h->size)
		return sn_err(e, SN_ENO, "%s: a limiter table of %llu bytes, should be %llu", path,
			(unsigned long long)size, (unsigned long long)h->size);
	return 0;
}

static int map(struct sn_limit *l, struct sn_err *e)
{
	struct table_head h = { 0 };
	struct stat st;
	uint8_t *p;
	ssize_t n;
	int rc;

	if (fstat(l->fd, &st) < 0)
		return sn_err_sys(e, "cannot read %s", l->path);
	if (!S_ISREG(st.st_mode))
		return sn_err(e, SN_ENO, "%s: not a regular file", l->path);
	if ((n = sn_pread(l->fd, &h, sizeof(h), 0)) < 0)
		return sn_err_sys(e, "cannot read %s", l->path);
	if ((rc = check(&h, n, st.st_size, l->path, e)) < 0)
		return rc;
	p = mmap(NULL, (size_t)h.size, PROT_READ | PROT_WRITE, MAP_SHARED, l->fd, 0);
	if (p == MAP_FAILED)
		return sn_err_sys(e, "cannot map %s", l->path);
	l->size = (size_t)h.size;
	l->buckets = h.slots / BUCKET;
	l->head = (struct table_head *)(void *)p;
	l->policy = (struct table_policy *)(void *)(p + AT_POLICY);
	l->cell = (uint64_t *)(void *)(p + AT_CELL);
	l->block = (struct slot *)(void *)(p + AT_BLOCK);
	l->slot = (struct slot *)(void *)(p + AT_SLOT);
	return 0;
}

int sn_limit_open(struct sn_limit **out, const char *path, uint64_t slots, struct sn_err *e)
{
	struct sn_limit *l = calloc(1, sizeof(*l));
	int rc = 0;

	*out = NULL;
	if (!l)
		return sn_err_mem(e);
	l->fd = -1;
	pthread_mutex_init(&l->mutex, NULL);
	if (!(l->path = strdup(path))) {
		rc = sn_err_mem(e);
		goto bad;
	}
	/* O_NONBLOCK: a FIFO of that name is refused below instead of waited for */
	l->fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (l->fd < 0 && errno == ENOENT && slots) {
		if ((rc = make(path, slots, e)) < 0)
			goto bad;
		l->fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	}
	if (l->fd < 0)
		rc = sn_err_sys(e, "cannot open %s", path);
	else
		rc = map(l, e);
	if (rc < 0)
		goto bad;
	*out = l;
	return 0;
bad:
	sn_limit_close(l);
	return rc;
}

void sn_limit_close(struct sn_limit *l)
{
	if (!l)
		return;
	if (l->head)
		munmap(l->head, l->size);
	if (l->fd >= 0)
		close(l->fd);
	pthread_mutex_destroy(&l->mutex);
	free(l->path);
	free(l);
}

const char *sn_limit_path(const struct sn_limit *l)
{
	return l->path;
}

int table_lock(struct sn_limit *l, struct sn_err *e)
{
	pthread_mutex_lock(&l->mutex);
	for (int tries = 0; flock(l->fd, LOCK_EX | LOCK_NB) < 0; tries++) {
		if (errno != EWOULDBLOCK && errno != EINTR) {
			sn_err_sys(e, "cannot lock %s", l->path);
			goto bad;
		}
		if (tries == LOCK_WAIT * 200) {
			sn_err(e, SN_ETEMP, "%s: locked by another process for %d s", l->path, LOCK_WAIT);
			goto bad;
		}
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	}
	return 0;
bad:
	pthread_mutex_unlock(&l->mutex);
	return SN_ETEMP;
}

void table_unlock(struct sn_limit *l)
{
	flock(l->fd, LOCK_UN);
	pthread_mutex_unlock(&l->mutex);
}

struct hash table_hash(const struct sn_limit *l, const void *key, size_t len)
{
	struct hash h;
	uint8_t out[crypto_shorthash_siphashx24_BYTES];

	crypto_shorthash_siphashx24(out, key, len, l->head->key);
	memcpy(&h.tag, out, 8);
	memcpy(&h.at, out + 8, 8);
	return h;
}
