/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of the newest sessions by client id; each knows the one before it. Called by clients.c.
 */
#include "plugin/client_ids.h"

void client_ids_init(struct client_ids *ids, const struct im_sipkey *key)
{
	*ids = (struct client_ids){.key = *key};
}

void client_ids_clear(struct client_ids *ids)
{
	HASH_CLEAR(hh_id, ids->newest);
}

static unsigned hash(const struct client_ids *ids, struct im_str device)
{
	return (unsigned)im_siphash(&ids->key, device.p, device.n);
}

static void put(struct client_ids *ids, struct session *e)
{
	struct im_str d = session_device(e);

	HASH_ADD_KEYPTR_BYHASHVALUE(hh_id, ids->newest, e->device, d.n, hash(ids, d), e);
	e->indexed = !e->refused;
	e->refused = false;
}

static void take(struct client_ids *ids, struct session *e)
{
	if (e->indexed)
		HASH_DELETE(hh_id, ids->newest, e);
	e->indexed = false;
}

void client_ids_add(struct client_ids *ids, struct session *e)
{
	struct session *have = client_ids_find(ids, session_device(e));

	if (have) {
		take(ids, have);
		have->newer = e;
		e->older = have;
	}
	put(ids, e);
}

void client_ids_remove(struct client_ids *ids, struct session *e)
{
	struct session *older = e->older, *newer = e->newer;
	bool indexed = e->indexed;

	take(ids, e);
	if (newer)
		newer->older = older;
	if (older)
		older->newer = newer;
	if (indexed && older)
		put(ids, older);
}

struct session *client_ids_find(const struct client_ids *ids, struct im_str device)
{
	/* The macros of uthash evaluate the hash value once for every entry that they look at. */
	unsigned hashv = hash(ids, device);
	struct session *e;

	HASH_FIND_BYHASHVALUE(hh_id, ids->newest, device.p, device.n, hashv, e);
	return e;
}
