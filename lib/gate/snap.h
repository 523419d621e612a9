/* What a gate knows of the database, in memory; private to lib/gate.  It never changes
 * once it is loaded; whoever loads it frees it. */
#ifndef SN_GATE_SNAP_H
#define SN_GATE_SNAP_H

#include "gate/gate.h"

struct snap_group {
	char name[SN_LIMIT_NAME];
	uint64_t interval, burst, weight;
	char *datasets;                 /* comma list, "" all */
	struct sn_limit_policy policy;  /* when interval */
};

struct snap_key {
	char id[SN_KEY_ID + 1];
	uint8_t hash[SN_KEY_HASH];
	uint32_t group;                 /* index */
	int64_t expires, revoked;
};

struct snap {
	struct snap_group *group;            /* by name */
	struct snap_key *key;                /* by id */
	size_t groups, keys;
	const struct snap_group *open_to_all;        /* the one named public, or NULL */
};

/* All groups and keys, as of one instant. */
int snap_load(struct sn_db *db, struct snap **s, struct sn_err *e);
void snap_free(struct snap *s);

struct snap_group *snap_group(const struct snap *s, const char *name);
const struct snap_key *snap_key(const struct snap *s, const char *id);
bool snap_metered(const struct snap *s);        /* has any group a limit? */
bool snap_may_read(const struct snap_group *g, const char *dataset);   /* NULL: yes */

#endif
