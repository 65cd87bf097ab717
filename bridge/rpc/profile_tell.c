/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the choice of those who hear of a changed profile. Called by readers and by the engine; must
 * not know what a profile holds, nor how often its changes are told. */
#include "bridge/rpc/profile_tell.h"

#include <stdlib.h>
#include <string.h>

#include "bridge/deliver/effects.h"
#include "bridge/deliver/presence.h"
#include "bridge/directory/directory_contact.h"
#include "bridge/directory/directory_user.h"
#include "bridge/directory/rights.h"
#include "bridge/rpc/rpc.h"
#include "common/may.h"

struct peer {
	uint64_t user;
	uint64_t conv, gid; /* of the direct conversation: its newest message */
};

struct hunt {
	struct rpc_read *rd;
	struct profile_told *out;
	uint64_t contacts[IM_PROFILE_TOLD_MAX]; /* that were looked at */
	size_t n_contacts;
	struct peer *peers;
	size_t n_peers, cap;
};

void profile_clear(struct profile_told *t)
{
	free(t->uids);
	*t = (struct profile_told){NULL, 0};
}

/* -- who may hear of it -- */

static int may_hear(struct hunt *h, uint64_t user, bool *out)
{
	const struct rpc_call *c = &h->rd->call;
	struct im_may_direct words = {.server = c->set->direct_policy};
	struct im_may_presence sight = {.policy = c->set->presence_policy, .exists = true};
	struct directory_user u;
	int rc = rights_read(c->dir, c->user, user, &words);

	*out = rc == IM_OK && im_may_direct(&words, NULL) == IM_OK;
	if (!*out)
		return rc;
	rc = directory_block_has(c->dir, c->user, user, &sight.blocked);
	if (rc == IM_OK)
		rc = directory_contact_has(c->dir, c->user, user, &sight.contact);
	if (rc == IM_OK)
		rc = directory_user_by_id(c->dir, user, &u);
	if (rc != IM_OK)
		return rc;
	sight.viewer = !u.disabled;
	sight.admin = u.role == IM_ROLE_ADMIN;
	*out = im_may_presence(&sight) && u.uid.n <= IM_UID_MAX;
	if (*out)
		memcpy(h->out->uids[h->out->n], u.uid.p, u.uid.n);
	return IM_OK;
}

static int add(struct hunt *h, uint64_t user)
{
	bool may;
	int rc;

	if (h->out->n == IM_PROFILE_TOLD_MAX)
		return IM_STOP;
	rc = may_hear(h, user, &may);
	h->out->n += rc == IM_OK && may;
	return rc;
}

/* -- contacts -- */

static int on_contact(void *arg, uint64_t peer)
{
	struct hunt *h = arg;

	h->contacts[h->n_contacts++] = peer;
	return add(h, peer);
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static bool looked_at(const struct hunt *h, uint64_t user)
{
	return bsearch(&user, h->contacts, h->n_contacts, sizeof(user), by_number) != NULL;
}

/* -- those with whom he talked last -- */

static int on_conv(void *arg, const struct store_conv *conv)
{
	struct hunt *h = arg;
	uint64_t me = h->rd->call.user;
	struct peer p = {.user = conv->a == me ? conv->b : conv->a, .conv = conv->id};
	struct peer *v;

	if (p.user == me || looked_at(h, p.user))
		return IM_OK;
	if (h->n_peers == h->cap) {
		v = realloc(h->peers, (h->cap ? 2 * h->cap : 64) * sizeof(*v));
		if (v == NULL)
			return IM_E_NOMEM;
		h->peers = v;
		h->cap = h->cap ? 2 * h->cap : 64;
	}
	h->peers[h->n_peers++] = p;
	return IM_OK;
}

static int newest_first(const void *a, const void *b)
{
	const struct peer *x = a, *y = b;

	return x->gid > y->gid ? -1 : x->gid < y->gid;
}

static int find_peers(struct hunt *h)
{
	struct rpc_read *rd = h->rd;
	int rc = rd->backend->user_convs(rd->log, rd->call.user, on_conv, h);

	for (size_t i = 0; rc == IM_OK && i < h->n_peers; i++) {
		struct store_head head;

		rc = rd->backend->read_head(rd->log, h->peers[i].conv, &head);
		h->peers[i].gid = head.gid;
	}
	if (rc == IM_OK && h->n_peers > 1)
		qsort(h->peers, h->n_peers, sizeof(*h->peers), newest_first);
	/* A draft for somebody, or a pin, makes a conversation that nobody has written in. */
	for (size_t i = 0;
		rc == IM_OK && i < h->n_peers && i < IM_PROFILE_TOLD_MAX && h->peers[i].gid > 0;
		i++)
		rc = add(h, h->peers[i].user);
	return rc;
}

int profile_find(struct rpc_read *rd, struct profile_told *out)
{
	struct rpc_call *c = &rd->call;
	struct hunt *h = calloc(1, sizeof(*h));
	int rc = IM_E_NOMEM;

	*out = (struct profile_told){.uids = calloc(IM_PROFILE_TOLD_MAX, sizeof(*out->uids))};
	if (h != NULL && out->uids != NULL) {
		h->rd = rd;
		h->out = out;
		rc = directory_contact_newest(c->dir, c->user, IM_PROFILE_TOLD_MAX, on_contact, h);
		qsort(h->contacts, h->n_contacts, sizeof(h->contacts[0]), by_number);
		if (rc == IM_OK)
			rc = find_peers(h);
		free(h->peers);
	}
	free(h);
	return rc == IM_STOP ? IM_OK : rc;
}

/* -- telling -- */

void profile_tell(const struct profile_told *t, struct im_str event,
	const struct presence *presence, struct effects *fx)
{
	struct im_down_rec r = {.type = IM_DOWN_INBOX, .topic = IM_STR("event"), .payload = event};
	struct im_recipient to[IM_DELIVERIES_PER_RECORD];
	uint32_t n = 0;

	for (size_t i = 0; i < t->n; i++) {
		struct im_str uid = im_str(t->uids[i]);

		if (presence_online(presence, uid))
			to[n++] = (struct im_recipient){.uid = uid};
		if (n == IM_DELIVERIES_PER_RECORD || (n > 0 && i + 1 == t->n)) {
			effects_put(fx, EFFECTS_CONTROL, &r, to, n);
			n = 0;
		}
	}
}
