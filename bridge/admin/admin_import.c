/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns the import of users by administrators. A command is looked at as a whole before anything of
 * it is done: of users of whom one cannot be made none is, and a dry run says so of each.
 */
#include "bridge/admin/admin_import.h"

#include <inttypes.h>
#include <strings.h>

#include "bridge/directory/directory_user.h"
#include "bridge/rpc/rpc_args.h"
#include "common/frame.h"
#include "common/ids.h"
#include "common/jsonw.h"
#include "common/limits.h"
#include "common/pwhash.h"

struct import {
	struct admin_call *ac;
	struct rpc_call *c;
	size_t n;
	struct im_str names[IM_IMPORT_BATCH];
	bool update, administrators, dry_run;
	int64_t created, updated, unchanged, spared;
	struct im_buf refused; /* of a dry run: an object each, separated by commas */
};

static struct im_str hash_of(const struct import *im, size_t i)
{
	return rpc_list_str(im->c, "hashes", i);
}

/* The broker may still run the plugin of the version before, which would let none of them in. */
static int plugin_knows(struct import *im, enum im_pwhash_kind kind)
{
	const struct effects *fx = writer_effects(im->ac->write.writer);

	if (kind == IM_PWHASH_ARGON2ID || effects_level(fx) >= IM_PLUGIN_LEVEL_HASHES)
		return IM_OK;
	return rpc_fail(im->c, IM_E_CONFLICT,
		"the broker runs a plugin of an earlier version, which compares nothing with "
		"hashes of mosquitto_passwd; restart the broker first");
}

static int check_one(struct import *im, size_t i)
{
	struct im_str uid = im->names[i], hash = hash_of(im, i);
	const char *wrong;
	struct im_pwhash h;

	if (!im_uid_valid(uid))
		return rpc_fail(im->c, IM_E_INVALID_PARAMS,
			"usernames[%zu] is no user id; give 1 to 64 of A-Z a-z 0-9 _ . @ -", i);
	for (size_t k = 0; k < i; k++)
		if (im->names[k].n == uid.n && strncasecmp(im->names[k].p, uid.p, uid.n) == 0)
			return rpc_fail(im->c, IM_E_INVALID_PARAMS,
				"usernames[%zu] and usernames[%zu] are one name; give it once", k,
				i);
	if (hash.n == 0)
		return IM_OK;
	if (im_pwhash_take(hash, &h, &wrong) != IM_OK)
		return rpc_fail(im->c, IM_E_INVALID_PARAMS,
			"hashes[%zu] cannot be taken: %s; leave it empty and set a password", i,
			wrong);
	return plugin_knows(im, h.kind);
}

static int check(struct import *im)
{
	int rc = IM_OK;

	if (rpc_list_size(im->c, "hashes") != im->n)
		return rpc_fail(im->c, IM_E_INVALID_PARAMS,
			"usernames and hashes differ in number; give a hash for each name, empty "
			"for none");
	for (size_t i = 0; rc == IM_OK && i < im->n; i++) {
		im->names[i] = rpc_list_str(im->c, "usernames", i);
		rc = check_one(im, i);
	}
	return rc;
}

/* Nobody gets the name. */
static int refuse(struct import *im, size_t i)
{
	const char *why = directory_errmsg(im->c->dir);

	if (!im->dry_run)
		return rpc_fail(im->c, IM_E_CONFLICT, "%s", why);
	im_buf_printf(&im->refused, "%s{\"at\":%zu", im->refused.n ? "," : "", i);
	im_jsonw_member_str(&im->refused, "why", im_str(why));
	im_buf_c(&im->refused, '}');
	return im->refused.failed ? IM_E_NOMEM : IM_OK;
}

/* What becomes of one: nothing is done yet. id_out: 0 for a new one. */
static int look(struct import *im, size_t i, uint64_t *id_out, bool *changes_out)
{
	struct directory_user u;
	int rc = directory_user_get(im->c->dir, im->names[i], &u);

	*id_out = 0;
	*changes_out = false;
	if (rc == IM_E_NONE) {
		rc = directory_user_nameable(im->c->dir, im->names[i]);
		*changes_out = rc == IM_OK;
		im->created += rc == IM_OK;
		return rc == IM_E_EXISTS ? refuse(im, i) : rc;
	}
	if (rc != IM_OK)
		return rc;
	*id_out = u.id;
	*changes_out = im->update && hash_of(im, i).n && !im_str_eq(hash_of(im, i), u.password);
	/* A line of a file is no order to hand the node over. */
	if (*changes_out && u.role == IM_ROLE_ADMIN && !im->administrators) {
		*changes_out = false;
		im->spared++;
	}
	im->updated += *changes_out;
	im->unchanged += !*changes_out;
	return IM_OK;
}

static int set_one(struct import *im, size_t i, uint64_t id)
{
	struct effects *fx = writer_effects(im->ac->write.writer);
	struct rpc_call *c = im->c;
	int rc;

	if (id == 0) {
		rc = directory_user_create(
			c->dir, im->names[i], IM_ROLE_USER, hash_of(im, i), c->now_ms, &id);
		if (rc == IM_OK)
			effects_forget_user(fx, im->names[i]);
		return rc;
	}
	rc = directory_user_set_password(c->dir, id, hash_of(im, i));
	/* Whoever sets his own keeps the connection that he does it with. */
	if (rc == IM_OK)
		effects_credential(
			fx, im->names[i], id == c->user ? c->device : IM_STR(""), c->now_ms);
	return rc;
}

static int carry_out(struct import *im)
{
	bool changes;
	uint64_t id;
	int rc = IM_OK;

	for (size_t i = 0; rc == IM_OK && i < im->n; i++)
		rc = look(im, i, &id, &changes);
	if (rc != IM_OK || im->dry_run)
		return rc;
	im->created = im->updated = im->unchanged = im->spared = 0;
	for (size_t i = 0; rc == IM_OK && i < im->n; i++) {
		rc = look(im, i, &id, &changes);
		if (rc == IM_OK && changes)
			rc = set_one(im, i, id);
	}
	return rc;
}

static void put_result(struct import *im)
{
	struct im_buf *b = im->c->result;

	im_buf_printf(b, "{\"created\":%" PRId64, im->created);
	im_jsonw_member_int(b, "updated", im->updated);
	im_jsonw_member_int(b, "unchanged", im->unchanged);
	if (im->spared)
		im_jsonw_member_int(b, "administrators", im->spared);
	if (im->dry_run)
		im_buf_printf(b, ",\"refused\":[%.*s]", IM_ARGS(im_buf_view(&im->refused)));
	im_buf_c(b, '}');
}

/* What is done is noted with its numbers. */
static void note(struct import *im)
{
	json_object_set_new(im->c->params, "created", json_integer(im->created));
	json_object_set_new(im->c->params, "updated", json_integer(im->updated));
	json_object_set_new(im->c->params, "unchanged", json_integer(im->unchanged));
}

static int import_users(struct admin_call *ac)
{
	struct rpc_call *c = &ac->write.call;
	struct import im = {
		.ac = ac,
		.c = c,
		.n = rpc_list_size(c, "usernames"),
		.update = rpc_bool(c, "update", false),
		.administrators = rpc_bool(c, "administrators", false),
		.dry_run = rpc_bool(c, "dry_run", false),
	};
	int rc = check(&im);

	ac->looked = im.dry_run;
	im_buf_init(&im.refused, 0);
	if (rc == IM_OK)
		rc = carry_out(&im);
	if (rc == IM_OK) {
		put_result(&im);
		note(&im);
	}
	im_buf_free(&im.refused);
	return rc;
}

static const struct rpc_param import_params[] = {
	{"usernames", RPC_STRINGS, true, 1, IM_IMPORT_BATCH},
	{"hashes", RPC_STRINGS, true, 1, IM_IMPORT_BATCH},
	{"update", RPC_BOOLEAN, false, 0, 0},
	{"administrators", RPC_BOOLEAN, false, 0, 0},
	{"dry_run", RPC_BOOLEAN, false, 0, 0},
	{0},
};

const struct admin_command admin_import_commands[] = {
	{"importUsers", ADMIN_CHANGE, import_params, import_users},
	{0},
};
