/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns who may be erased, and how erasures look to administrators. What is done is erasure.c's. */
#include "bridge/admin/admin_erase.h"

#include <inttypes.h>
#include <stdio.h>

#include "bridge/admin/account_end.h"
#include "bridge/admin/admin_hooks.h"
#include "bridge/admin/audit.h"
#include "bridge/directory/directory_erasure.h"
#include "bridge/rpc/rpc_args.h"
#include "bridge/rpc/rpc_page.h"
#include "common/jsonw.h"
#include "common/limits.h"
#include "common/wire.h"
#include "schema/name_key.h"

static int may_be_erased(struct rpc_call *c, const struct account *a)
{
	uint64_t open;
	int rc;

	if (a->id == c->user)
		return rpc_fail(c, IM_E_NOT_ALLOWED,
			"you cannot do this to your own account; use another administrator's");
	if (!a->deleted && !a->disabled)
		return rpc_fail(c, IM_E_NOT_ALLOWED,
			"disable or delete \"%s\" first, or what is erased is sent again", a->uid);
	rc = directory_erasure_open(c->dir, &open);
	if (rc == IM_OK && open >= IM_ERASURES_OPEN_MAX)
		return rpc_fail(c, IM_E_LIMIT_REACHED,
			"%d erasures wait to be done already; try again later",
			IM_ERASURES_OPEN_MAX);
	return rc;
}

/* A name that is gone already is not erased once more. */
static int take_hash(struct admin_call *ac, const struct account *a, uint8_t hash[NAME_HASH_BYTES],
	struct im_str *out)
{
	struct rpc_call *c = &ac->write.call;
	struct im_sipkey key;
	bool nameless;
	int rc;

	*out = (struct im_str){NULL, 0};
	if (!rpc_bool(c, "name", false))
		return IM_OK;
	rc = account_nameless(c, a->id, &nameless);
	if (rc != IM_OK || nameless)
		return rc;
	if (ac->hooks == NULL || ac->hooks->name_key == NULL)
		return rpc_fail(c, IM_E_NOT_ALLOWED, "this node keeps no key for names");
	rc = ac->hooks->name_key(ac->hooks->arg, &key, c->why);
	if (rc != IM_OK)
		return rc == IM_E_NOMEM ? rc : IM_E_BUSY;
	name_key_hash(&key, im_str(a->uid), hash);
	*out = (struct im_str){(const char *)hash, NAME_HASH_BYTES};
	return IM_OK;
}

static int erase_user(struct admin_call *ac)
{
	struct rpc_call *c = &ac->write.call;
	uint8_t bytes[NAME_HASH_BYTES];
	struct directory_user u;
	struct account a;
	struct im_str hash;
	uint64_t id;
	int rc = rpc_user_past(c, rpc_str(c, "username"), &u);

	if (rc != IM_OK)
		return rc;
	a = account_of(&u);
	ac->about = a.id;
	rc = may_be_erased(c, &a);
	if (rc == IM_OK)
		rc = take_hash(ac, &a, bytes, &hash);
	if (rc == IM_OK)
		rc = account_erase(&ac->write, &a, hash, c->now_ms, &id);
	if (rc != IM_OK)
		return rc;
	if (ac->hooks != NULL && ac->hooks->erase != NULL)
		ac->hooks->erase(ac->hooks->arg, id);
	audit_note(ac, "what", hash.n ? IM_STR("words, name") : IM_STR("words"));
	im_buf_printf(c->result, "{\"user\":%" PRIu64 ",\"erasure\":%" PRIu64 "}", a.id, id);
	return IM_OK;
}

static const char *stage_name(const struct directory_erasure *e)
{
	static const char *const names[] = {
		"waiting", "directory", "log", "timelines", "index", "cleaning", "cleaning"};

	return e->done_ms ? "done" : names[e->stage <= ERASURE_CLEAN_DIRECTORY ? e->stage : 0];
}

static int on_erasure(void *arg, const struct directory_erasure *e)
{
	struct rpc_page *p = arg;
	struct im_buf *b = &p->one;
	char key[24];

	snprintf(key, sizeof(key), "%" PRIu64, e->id);
	im_buf_printf(b, "{\"id\":%s", key);
	im_jsonw_member_int(b, "user", (int64_t)e->user);
	im_jsonw_member_str(b, "username", e->shown);
	im_buf_printf(b, ",\"words\":%s,\"name\":%s", e->words ? "true" : "false",
		e->hash.n || !e->words ? "true" : "false");
	im_jsonw_member_int(b, "asked_ms", e->asked_ms);
	im_jsonw_member_str(b, "stage", im_str(stage_name(e)));
	if (e->done_ms)
		im_jsonw_member_int(b, "done_ms", e->done_ms);
	im_buf_c(b, '}');
	return rpc_page_add(p, im_str(key));
}

static int list_erasures(struct admin_call *ac)
{
	struct rpc_call *c = &ac->write.call;
	struct rpc_page page;
	uint64_t after = 0;

	if (rpc_has(c, "after") && im_cursor_parse(rpc_str(c, "after"), &after) != IM_OK)
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"after is no erasure's id; give the number that next was, or none");
	rpc_page_begin(&page, c->result, "erasures", (uint32_t)rpc_int(c, "limit", ADMIN_LIST_MAX),
		ADMIN_LIST_BYTES_MAX);
	return rpc_page_end(
		&page, directory_erasure_list(c->dir, after, page.limit + 1, on_erasure, &page));
}

static const struct rpc_param erase_params[] = {
	{"username", RPC_STRING, true, 1, IM_UID_MAX},
	{"name", RPC_BOOLEAN, false, 0, 0},
	{0},
};
static const struct rpc_param list_params[] = {
	{"after", RPC_STRING, false, 0, 19},
	{"limit", RPC_INTEGER, false, 1, ADMIN_LIST_MAX},
	{0},
};

const struct admin_command admin_erase_commands[] = {
	{"eraseUser", ADMIN_CHANGE, erase_params, erase_user},
	{"listErasures", ADMIN_LOOK, list_params, list_erasures},
	{0},
};
