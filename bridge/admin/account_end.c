/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the order in which an account ends. Called by admin_user.c, admin_erase.c and
 * erasure_again.c. */
#include "bridge/admin/account_end.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "bridge/admin/admin_group.h"
#include "bridge/deliver/presence.h"
#include "bridge/directory/directory_erasure.h"
#include "bridge/rpc/methods/rpc_contact.h"
#include "common/ids.h"

struct account account_of(const struct directory_user *u)
{
	struct account a = {.id = u->id,
		.created_ms = u->created_ms,
		.disabled = u->disabled,
		.deleted = u->deleted};

	if (u->uid.n <= IM_UID_MAX)
		memcpy(a.uid, u->uid.p, u->uid.n);
	return a;
}

int account_delete(struct rpc_write *wr, const struct account *a)
{
	struct rpc_call *c = &wr->call;
	struct im_str uid = im_str(a->uid);
	int rc = admin_group_remove_user(wr, a->id, uid);

	if (rc == IM_OK)
		rc = contact_forget_user(wr, a->id, uid);
	if (rc == IM_OK && wr->presence)
		rc = presence_gone(wr->presence, uid, c->now_ms);
	if (rc != IM_OK)
		return rc;
	/* While the name is somebody's: whose connections these are is looked up by it. */
	effects_kick(writer_effects(wr->writer), uid, IM_STR(""), IM_END_DELETED);
	rc = directory_user_delete(c->dir, a->id, writer_next(wr->writer));
	if (rc == IM_OK)
		effects_forget_user(writer_effects(wr->writer), uid);
	return rc;
}

/* deleted-17, or what chance adds to it where somebody has that name. */
static int rename_to_number(struct rpc_call *c, const struct account *a)
{
	char name[IM_UID_MAX + 1];
	unsigned long long r;
	int rc;

	snprintf(name, sizeof(name), IM_NAME_GONE "%" PRIu64, a->id);
	rc = directory_user_rename(c->dir, a->id, im_str(name));
	if (rc != IM_E_EXISTS)
		return rc;
	if (getrandom(&r, sizeof(r), 0) != sizeof(r))
		return IM_E_IO;
	snprintf(name, sizeof(name), IM_NAME_GONE "%" PRIu64 ".%016llx", a->id, r);
	return directory_user_rename(c->dir, a->id, im_str(name));
}

int account_erase(struct rpc_write *wr, const struct account *a, struct im_str hash,
	int64_t asked_ms, uint64_t *id_out)
{
	struct rpc_call *c = &wr->call;
	struct directory_erasure e = {.user = a->id,
		.created_ms = a->created_ms,
		.words = true,
		.uid = hash.n ? im_str(a->uid) : IM_STR(""),
		.hash = hash,
		.asked_ms = asked_ms};
	int rc = IM_OK;

	if (hash.n && !a->deleted)
		rc = account_delete(wr, a);
	else if (!a->deleted && !a->disabled)
		rc = directory_user_set_disabled(c->dir, a->id, true);
	if (rc == IM_OK)
		rc = directory_erasure_add(c->dir, &e, id_out);
	if (rc == IM_OK && hash.n)
		rc = rename_to_number(c, a);
	if (rc == IM_OK)
		effects_forget_user(writer_effects(wr->writer), im_str(a->uid));
	return rc;
}

struct looking {
	bool busy, nameless;
};

static int on_erasure(void *arg, const struct directory_erasure *e)
{
	struct looking *l = arg;

	l->busy |= e->words && e->done_ms == 0;
	l->nameless |= !e->words || e->hash.n > 0;
	return IM_OK;
}

int account_busy(struct rpc_call *c, uint64_t user, bool *out)
{
	struct looking l = {false, false};
	int rc = directory_erasure_of_user(c->dir, user, on_erasure, &l);

	*out = l.busy;
	return rc;
}

int account_nameless(struct rpc_call *c, uint64_t user, bool *out)
{
	struct looking l = {false, false};
	int rc = directory_erasure_of_user(c->dir, user, on_erasure, &l);

	*out = l.nameless;
	return rc;
}
