/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the cache of homes. Asked by outboxes.c for each recipient; told by sessions.c, and wherever
 * plugins are told to forget a user. */
#include "bridge/deliver/whereabouts.h"

#include <stdlib.h>

#include "bridge/base/assoc.h"
#include "common/limits.h"

/* A few milliseconds. */
#define READS_MAX 1000

struct whereabouts {
	const struct presence *presence;
	struct im_sipkey key;
	whereabouts_homes_fn homes;
	void *arg;
	struct assoc *cache;
	unsigned reads; /* for the delivery in hand */
};

struct homes {
	char uid[IM_UID_MAX];
	uint8_t n;
	split_mask at;
};

struct whereabouts *whereabouts_new(const struct presence *p, const struct im_sipkey *key,
	whereabouts_homes_fn homes, void *arg)
{
	struct whereabouts *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	*w = (struct whereabouts){.presence = p, .key = *key, .homes = homes, .arg = arg};
	w->cache = assoc_new(IM_CACHED_HOMES, sizeof(struct homes));
	if (!w->cache)
		whereabouts_free(&w);
	return w;
}

void whereabouts_free(struct whereabouts **w)
{
	if (!*w)
		return;
	assoc_free(&(*w)->cache);
	free(*w);
	*w = NULL;
}

void whereabouts_begin(struct whereabouts *w)
{
	w->reads = 0;
}

static split_mask homes_of(struct whereabouts *w, struct im_str uid)
{
	uint64_t hash = im_siphash(&w->key, uid.p, uid.n);
	struct homes *h = assoc_get(w->cache, hash);
	split_mask at;

	if (h && im_str_eq((struct im_str){h->uid, h->n}, uid))
		return h->at;
	if (w->reads == READS_MAX)
		return IM_PEERS_ALL;
	w->reads++;
	if (w->homes(w->arg, uid, &at))
		return IM_PEERS_ALL;
	h = assoc_put(w->cache, hash);
	memcpy(h->uid, uid.p, uid.n);
	h->n = (uint8_t)uid.n;
	h->at = at;
	return at;
}

split_mask whereabouts_of(void *arg, struct im_str uid)
{
	struct whereabouts *w = arg;
	split_mask at;

	/* Behind a slash, which is in no uid, stands which device of a device account it is. */
	if (!uid.n || uid.n > IM_UID_MAX || memchr(uid.p, '/', uid.n))
		return IM_PEERS_ALL;
	at = homes_of(w, uid);
	return at == IM_PEERS_ALL ? at : at | presence_where(w->presence, uid);
}

void whereabouts_changed(struct whereabouts *w, struct im_str uid)
{
	assoc_drop(w->cache, im_siphash(&w->key, uid.p, uid.n));
}

static void forget(void *arg)
{
	struct whereabouts *w = arg;

	assoc_clear(w->cache);
}

struct tx_part whereabouts_part(struct whereabouts *w)
{
	return (struct tx_part){.forget = forget, .arg = w};
}
