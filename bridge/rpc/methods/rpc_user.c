/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns profiles. Called for requests; must not know who logs in or how. */
#include "bridge/rpc/methods/rpc_user.h"

#include <stdlib.h>
#include <string.h>

#include "bridge/base/cost.h"
#include "bridge/directory/directory_user.h"
#include "bridge/rpc/hash_budget.h"
#include "bridge/rpc/methods/methods.h"
#include "bridge/rpc/password.h"
#include "bridge/rpc/read_job.h"
#include "bridge/rpc/rpc_args.h"
#include "bridge/rpc/rpc_named.h"
#include "common/jsonw.h"
#include "common/limits.h"
#include "common/may.h"

/* A profile goes to many; it stays small. */
#define AVATAR_MAX 1024
#define EXT_MAX 4096
#define HOUR_MS INT64_C(3600000)

void user_put_shown(struct im_buf *b, struct im_str nick, struct im_str avatar, int64_t rev)
{
	im_jsonw_member_str(b, "nick", nick);
	im_jsonw_member_str(b, "avatar", avatar);
	im_jsonw_member_int(b, "rev", rev);
}

void user_put_profile(struct im_buf *b, const struct directory_user *u)
{
	im_buf_z(b, "\"uid\":");
	im_jsonw_str(b, u->uid);
	user_put_shown(b, u->nick, u->avatar, u->rev);
	if (u->ext.n > 0) {
		im_buf_z(b, ",\"ext\":");
		im_buf_str(b, u->ext);
	}
}

static void put_role(struct im_buf *b, const struct directory_user *u)
{
	im_jsonw_member_str(b, "role", im_str(im_role_names[u->role < IM_ROLES ? u->role : 0]));
}

void user_put_own(struct im_buf *b, const struct directory_user *u)
{
	unsigned policy = u->direct_policy < IM_DIRECT_POLICIES ? u->direct_policy : 0;

	user_put_profile(b, u);
	put_role(b, u);
	im_buf_printf(b, ",\"direct_policy\":\"%s\",\"read_receipts\":%s",
		im_direct_policy_names[policy], u->read_receipts ? "true" : "false");
	im_jsonw_member_int(b, "created", u->created_ms);
}

static int put_user(struct rpc_call *c, struct im_str uid, struct im_buf *b)
{
	struct directory_user u;
	int rc = rpc_user_past(c, uid, &u);

	if (rc != IM_OK)
		return rc;
	im_buf_c(b, '{');
	if (u.id == c->user)
		user_put_own(b, &u);
	else
		user_put_profile(b, &u);
	/* Who administers is nobody's business; that nobody reads this is everybody's. */
	if (u.id != c->user && u.role == IM_ROLE_DEVICE)
		put_role(b, &u);
	if (u.deleted)
		im_buf_z(b, ",\"deleted\":true");
	im_buf_c(b, '}');
	return b->failed ? IM_E_NOMEM : IM_OK;
}

static int get_call(struct rpc_read *rd)
{
	struct rpc_call *c = &rd->call;

	if (!rpc_has(c, "uids"))
		return put_user(c, rpc_has(c, "uid") ? rpc_str(c, "uid") : c->uid, c->result);
	if (rpc_has(c, "uid"))
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"params.uid and uids exclude each other; give one, or none for your own "
			"profile");
	return rpc_named(c, "uids", "users", put_user);
}

/* -- user.update -- */

struct profile {
	struct im_str nick, avatar, ext;
	int direct_policy, read_receipts; /* < 0: stays */
};

static int take_profile(struct rpc_call *c, struct profile *out, char **ext_text)
{
	struct im_str policy = rpc_str(c, "direct_policy");
	json_t *ext = json_object_get(c->params, "ext");

	out->nick = rpc_str(c, "nick");
	out->avatar = rpc_str(c, "avatar");
	out->ext = (struct im_str){NULL, 0};
	out->direct_policy = -1;
	out->read_receipts =
		rpc_has(c, "read_receipts") ? (int)rpc_bool(c, "read_receipts", true) : -1;
	for (int i = 0; policy.p != NULL && i < IM_DIRECT_POLICIES; i++)
		if (im_str_eqz(policy, im_direct_policy_names[i]))
			out->direct_policy = i;
	if (policy.p != NULL && out->direct_policy < 0)
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"params.direct_policy is \"%.*s\"; give \"default\", \"anyone\" or "
			"\"contacts\"",
			IM_ARGS(policy));
	if (ext == NULL)
		return IM_OK;
	*ext_text = json_object_size(ext) > 0 ? json_dumps(ext, JSON_COMPACT) : strdup("");
	if (*ext_text == NULL)
		return IM_E_NOMEM;
	out->ext = im_str(*ext_text);
	if (out->ext.n > EXT_MAX)
		return rpc_fail(c, IM_E_TOO_LARGE, "params.ext has %zu bytes; give at most %d",
			out->ext.n, EXT_MAX);
	return IM_OK;
}

/* What others see. */
static bool changes_shown(const struct profile *p, const struct directory_user *u)
{
	return (p->nick.p && !im_str_eq(p->nick, u->nick)) ||
	       (p->avatar.p && !im_str_eq(p->avatar, u->avatar)) ||
	       (p->ext.p && !im_str_eq(p->ext, u->ext));
}

static bool changes(const struct profile *p, const struct directory_user *u)
{
	return changes_shown(p, u) ||
	       (p->direct_policy >= 0 && p->direct_policy != (int)u->direct_policy) ||
	       (p->read_receipts >= 0 && (p->read_receipts != 0) != u->read_receipts);
}

/* The user's other devices learn the whole profile. */
static int tell_profile(struct rpc_write *wr)
{
	struct rpc_call *c = &wr->call;
	struct directory_user u;
	struct im_buf profile;
	struct event e;
	int rc = directory_user_by_id(c->dir, c->user, &u);

	if (rc != IM_OK)
		return rc;
	im_buf_init(&profile, 0);
	user_put_own(&profile, &u);
	event_user(&e, im_buf_view(&profile));
	rc = profile.failed ? IM_E_NOMEM : writer_event(wr->writer, c->user, c->uid, &e);
	event_clear(&e);
	im_buf_free(&profile);
	if (rc == IM_OK)
		effects_forget_user(writer_effects(wr->writer), c->uid);
	return rc;
}

/* Each change that is told takes a part of an hour, and at most an hour is saved up: so many at
 * once, and one whenever such a part has passed. A clock that was set back stops nobody. */
static bool may_tell(const struct rpc_call *c, const struct directory_user *u, int64_t *told_ms_out)
{
	int64_t told_ms = u->told_ms;

	if (told_ms > c->now_ms || told_ms < c->now_ms - HOUR_MS)
		told_ms = c->now_ms - HOUR_MS;
	*told_ms_out = told_ms + HOUR_MS / IM_PROFILE_TOLD_PER_HOUR;
	/* Under that policy administrators alone see it, who have lists. */
	return *told_ms_out <= c->now_ms && c->set->presence_policy != IM_PRESENCE_SELF;
}

/* Others are looked for off the commit path, as many as there are paid for. */
static int tell_others(struct rpc_write *wr, int64_t told_ms)
{
	struct rpc_call *c = &wr->call;
	struct read_job *job;
	int rc = directory_user_set_told(c->dir, c->user, told_ms);

	if (rc != IM_OK)
		return rc;
	job = read_job_new(READ_PROFILE, c->uid, c->device);
	if (job == NULL)
		return IM_E_NOMEM;
	job->user = c->user;
	job->now_ms = c->now_ms;
	job->set = *c->set;
	read_job_plan(job, writer_effects(wr->writer));
	return IM_OK;
}

static int update_call(struct rpc_write *wr)
{
	struct rpc_call *c = &wr->call;
	struct directory_user u;
	struct profile p;
	char *ext_text = NULL;
	bool changed = false, told = false;
	int64_t told_ms = 0;
	int rc = take_profile(c, &p, &ext_text);

	if (rc == IM_OK)
		rc = directory_user_by_id(c->dir, c->user, &u);
	if (rc == IM_OK) {
		changed = changes(&p, &u);
		told = changes_shown(&p, &u) && may_tell(c, &u, &told_ms);
	}
	if (rc == IM_OK && told)
		rc = rpc_pay(wr, COST_PROFILE);
	if (rc == IM_OK && changed) {
		rc = directory_user_set_profile(
			c->dir, c->user, p.nick, p.avatar, p.ext, p.direct_policy, p.read_receipts);
		if (rc == IM_OK)
			rc = tell_profile(wr);
	}
	if (rc == IM_OK && told)
		rc = tell_others(wr, told_ms);
	free(ext_text);
	return rc == IM_OK ? rpc_changed(c, changed) : rc;
}

/* -- user.password -- */

static int check_old(struct rpc_write *wr, struct im_str stored)
{
	struct rpc_call *c = &wr->call;
	int rc;

	if (stored.n == 0)
		return rpc_fail(c, IM_E_NOT_ALLOWED,
			"this account has no password; an administrator can set one");
	if (password_holds_up(c->set, stored))
		return rpc_fail(c, IM_E_NOT_ALLOWED,
			"the stored password costs too much to be looked at; an administrator can "
			"set a new one");
	/* Runs on the engine's thread, so what it may cost is bounded. */
	if (wr->budget != NULL && !hash_budget_take(wr->budget, c->user, c->now_ms,
					  password_change_ms(c->set, stored)))
		return rpc_fail(c, IM_E_RATE_LIMITED,
			"passwords are changed too often; try again in a few seconds");
	rc = im_pwhash_verify(stored, rpc_str(c, "old"));
	if (rc == IM_E_NONE)
		return rpc_fail(c, IM_E_NOT_ALLOWED, "params.old is not this account's password");
	if (rc == IM_E_FORMAT)
		return rpc_fail(c, IM_E_NOT_ALLOWED,
			"the stored password cannot be read; an administrator can set a new one");
	return rc;
}

static int password_call(struct rpc_write *wr)
{
	struct rpc_call *c = &wr->call;
	struct directory_user u;
	char phc[IM_PHC_MAX];
	int rc = directory_user_by_id(c->dir, c->user, &u);

	if (rc == IM_OK)
		rc = check_old(wr, u.password);
	if (rc == IM_OK)
		rc = password_hash(c->set, rpc_str(c, "new"), phc);
	if (rc == IM_OK)
		rc = directory_user_set_password(c->dir, c->user, im_str(phc));
	if (rc != IM_OK)
		return rc;
	effects_credential(writer_effects(wr->writer), c->uid, c->device, c->now_ms);
	return rpc_changed(c, true);
}

static const struct rpc_param get_params[] = {
	{"uid", RPC_STRING, false, 1, IM_UID_MAX},
	{"uids", RPC_STRINGS, false, 1, IM_NAMED_MAX},
	{0},
};

static const struct rpc_param update_params[] = {
	{"nick", RPC_LINE, false, 0, IM_NICK_MAX},
	{"avatar", RPC_LINE, false, 0, AVATAR_MAX},
	{"ext", RPC_OBJECT, false, 0, 0},
	{"direct_policy", RPC_STRING, false, 1, 16},
	{"read_receipts", RPC_BOOLEAN, false, 0, 0},
	{0},
};

static const struct rpc_param password_params[] = {
	{"old", RPC_STRING, true, 0, IM_PASSWORD_MAX},
	{"new", RPC_STRING, true, 1, IM_PASSWORD_MAX},
	{0},
};

const struct rpc_method rpc_user_methods[] = {
	{"user.get", RPC_READ, get_params, .read = get_call},
	{"user.update", RPC_DIRECTORY, update_params, .write = update_call},
	{"user.password", RPC_DIRECTORY, password_params, .write = password_call},
	{0},
};
