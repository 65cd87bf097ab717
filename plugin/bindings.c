/* SPDX-License-Identifier: BSD-3-Clause */
/* Bindings on their way to the directory. Used by admit.c, capture_session.c and the downlink. */
#include "plugin/bindings.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "common/hash.h"
#include "common/limits.h"

struct binding {
	UT_hash_handle hh;
	struct binding *prev, *next; /* in order of recno, once announced */
	uint64_t recno;              /* 0: not announced yet */
	struct keeper *keeper;
	int64_t user;
	bool kept; /* it has subscribed */
	bool refused;
	uint8_t uid_n, device_n;
	char uid[IM_UID_MAX];
	char device[IM_DEVICE_MAX];
};

/* A user with bindings; `kept`: how many are of devices that may leave a session. */
struct keeper {
	UT_hash_handle hh;
	uint32_t n, kept;
	bool refused;
	uint8_t uid_n;
	char uid[IM_UID_MAX];
};

struct bindings {
	struct binding *table;
	struct keeper *keepers;
	struct binding *announced;
	struct im_sipkey key;
	uint32_t max, max_user;
};

struct bindings *bindings_new(const struct im_sipkey *key, uint32_t max, uint32_t max_user)
{
	struct bindings *b = calloc(1, sizeof(*b));

	if (b) {
		b->key = *key;
		b->max = max;
		b->max_user = max_user;
	}
	return b;
}

void bindings_free(struct bindings **b)
{
	struct binding *e, *tmp;
	struct keeper *k, *ktmp;

	if (!*b)
		return;
	HASH_ITER (hh, (*b)->table, e, tmp) {
		HASH_DEL((*b)->table, e);
		free(e);
	}
	HASH_ITER (hh, (*b)->keepers, k, ktmp) {
		HASH_DEL((*b)->keepers, k);
		free(k);
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

static struct keeper *find_keeper(const struct bindings *b, struct im_str uid)
{
	unsigned hashv = (unsigned)im_siphash(&b->key, uid.p, uid.n);
	struct keeper *k;

	HASH_FIND_BYHASHVALUE(hh, b->keepers, uid.p, uid.n, hashv, k);
	return k;
}

static struct keeper *keeper(struct bindings *b, struct im_str uid)
{
	struct keeper *k = find_keeper(b, uid);

	if (k)
		return k;
	k = calloc(1, sizeof(*k));
	if (!k)
		return NULL;
	memcpy(k->uid, uid.p, uid.n);
	k->uid_n = (uint8_t)uid.n;
	HASH_ADD_KEYPTR_BYHASHVALUE(
		hh, b->keepers, k->uid, k->uid_n, (unsigned)im_siphash(&b->key, uid.p, uid.n), k);
	if (!k->refused)
		return k;
	free(k);
	return NULL;
}

static void keeper_done(struct bindings *b, struct keeper *k)
{
	if (k->n)
		return;
	HASH_DEL(b->keepers, k);
	free(k);
}

static void drop(struct bindings *b, struct binding *e)
{
	e->keeper->kept -= e->kept;
	e->keeper->n--;
	keeper_done(b, e->keeper);
	if (e->recno)
		DL_DELETE(b->announced, e);
	HASH_DEL(b->table, e);
	free(e);
}

bool owner_is(const struct owner *o, int64_t user, struct im_str uid)
{
	return o->user || user ? o->user == user : im_str_eq(o->uid, uid);
}

bool bindings_owner(const struct bindings *b, struct im_str device, struct owner *out)
{
	const struct binding *e = find(b, device);

	if (e)
		*out = (struct owner){.user = e->user, .uid = {e->uid, e->uid_n}, .kept = e->kept};
	return e != NULL;
}

static int no_memory(struct bindings *b, struct keeper *k)
{
	if (k)
		keeper_done(b, k);
	return IM_E_NOMEM;
}

int bindings_add(struct bindings *b, struct im_str device, const struct owner *owner)
{
	const struct im_str uid = owner->uid;
	struct binding *e = find(b, device);
	struct keeper *k;

	if (e)
		drop(b, e);
	if (HASH_COUNT(b->table) >= b->max || device.n > IM_DEVICE_MAX || uid.n > IM_UID_MAX)
		return IM_E_FULL;
	k = keeper(b, uid);
	if (k && k->n >= b->max_user)
		return IM_E_FULL;
	e = k ? calloc(1, sizeof(*e)) : NULL;
	if (!e)
		return no_memory(b, k);
	memcpy(e->device, device.p, device.n);
	memcpy(e->uid, uid.p, uid.n);
	e->device_n = (uint8_t)device.n;
	e->uid_n = (uint8_t)uid.n;
	e->user = owner->user;
	HASH_ADD_KEYPTR_BYHASHVALUE(hh, b->table, e->device, device.n,
		(unsigned)im_siphash(&b->key, device.p, device.n), e);
	if (e->refused) {
		free(e);
		return no_memory(b, k);
	}
	e->keeper = k;
	k->n++;
	return IM_OK;
}

int bindings_kept(
	struct bindings *b, struct im_str device, const struct owner *owner, uint64_t recno)
{
	struct binding *e = find(b, device);
	int ret = e ? IM_OK : bindings_add(b, device, owner);

	e = ret ? NULL : find(b, device);
	if (!e)
		return ret;
	if (!e->kept) {
		e->kept = true;
		e->keeper->kept++;
	}
	if (e->recno)
		DL_DELETE(b->announced, e);
	e->recno = recno;
	DL_APPEND(b->announced, e);
	return IM_OK;
}

uint32_t bindings_count_kept(const struct bindings *b, struct im_str uid)
{
	const struct keeper *k = find_keeper(b, uid);

	return k ? k->kept : 0;
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
