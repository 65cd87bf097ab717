/* SPDX-License-Identifier: BSD-3-Clause */
/* Bindings on their way to the directory. Used by admit.c, capture.c and the downlink. */
#include "bindings.h"

#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(elt) ((elt)->refused = true)
#include <uthash.h>
#include <utlist.h>

#include "../common/limits.h"

struct binding {
	UT_hash_handle hh;
	struct binding *prev, *next; /* in order of recno, once announced */
	uint64_t recno;              /* 0: not announced yet */
	int64_t user;
	bool refused;
	uint8_t uid_n, device_n;
	char uid[IM_UID_MAX];
	char device[IM_DEVICE_MAX];
};

struct bindings {
	struct binding *table;
	struct binding *announced;
	struct im_sipkey key;
	uint32_t max;
};

struct bindings *bindings_new(const struct im_sipkey *key, uint32_t max)
{
	struct bindings *b = calloc(1, sizeof(*b));

	if (b) {
		b->key = *key;
		b->max = max;
	}
	return b;
}

void bindings_free(struct bindings **b)
{
	struct binding *e, *tmp;

	if (!*b)
		return;
	HASH_ITER (hh, (*b)->table, e, tmp) {
		HASH_DEL((*b)->table, e);
		free(e);
	}
	free(*b);
	*b = NULL;
}

static struct binding *find(const struct bindings *b, struct im_str device)
{
	struct binding *e;
	unsigned hashv = (unsigned)im_siphash(&b->key, device.p, device.n);

	HASH_FIND_BYHASHVALUE(hh, b->table, device.p, device.n, hashv, e);
	return e;
}

static void drop(struct bindings *b, struct binding *e)
{
	if (e->recno)
		DL_DELETE(b->announced, e);
	HASH_DEL(b->table, e);
	free(e);
}

bool bindings_owner(const struct bindings *b, struct im_str device, struct owner *out)
{
	const struct binding *e = find(b, device);

	if (e)
		*out = (struct owner){e->user, {e->uid, e->uid_n}};
	return e != NULL;
}

int bindings_add(struct bindings *b, struct im_str device, const struct owner *owner)
{
	const struct im_str uid = owner->uid;
	struct binding *e = find(b, device);

	if (e)
		drop(b, e);
	if (HASH_COUNT(b->table) >= b->max || device.n > IM_DEVICE_MAX || uid.n > IM_UID_MAX)
		return IM_E_FULL;
	e = calloc(1, sizeof(*e));
	if (!e)
		return IM_E_NOMEM;
	memcpy(e->device, device.p, device.n);
	memcpy(e->uid, uid.p, uid.n);
	e->device_n = (uint8_t)device.n;
	e->uid_n = (uint8_t)uid.n;
	e->user = owner->user;
	HASH_ADD_KEYPTR_BYHASHVALUE(hh, b->table, e->device, device.n,
		(unsigned)im_siphash(&b->key, device.p, device.n), e);
	if (e->refused) {
		free(e);
		return IM_E_NOMEM;
	}
	return IM_OK;
}

void bindings_announced(struct bindings *b, struct im_str device, uint64_t recno)
{
	struct binding *e = find(b, device);

	if (!e || e->recno)
		return;
	e->recno = recno;
	DL_APPEND(b->announced, e);
}

void bindings_committed(struct bindings *b, uint64_t recno)
{
	while (b->announced && b->announced->recno <= recno)
		drop(b, b->announced);
}

void bindings_drop(struct bindings *b, struct im_str device)
{
	struct binding *e = find(b, device);

	if (e && !e->recno)
		drop(b, e);
}
