/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns what may be announced, and how announcements look to administrators. Sending them is
 * announcing.c's. */
#include "bridge/admin/admin_announce.h"

#include <inttypes.h>
#include <stdio.h>

#include "bridge/admin/system_user.h"
#include "bridge/directory/directory_announce.h"
#include "bridge/directory/directory_user.h"
#include "bridge/rpc/rpc_args.h"
#include "bridge/rpc/rpc_page.h"
#include "common/envelope.h"
#include "common/jsonw.h"
#include "common/limits.h"
#include "common/wire.h"

/* -- createAnnouncement -- */

/* As it would be published, but for what only one conversation can mean. */
static int check_message(struct rpc_call *c)
{
	struct im_str message = rpc_str(c, "message");
	struct im_envelope e;
	struct im_buf scratch, why;
	int rc;

	im_buf_init(&scratch, 0);
	im_buf_init(&why, 0);
	rc = im_envelope_parse(message, &scratch, &e, &why);
	if (rc == IM_E_INVALID_PARAMS)
		rc = rpc_fail(c, rc, "message: %.*s", IM_ARGS(im_buf_view(&why)));
	else if (rc == IM_OK && (e.id.n || e.reply_to || e.mentions.n))
		rc = rpc_fail(c, IM_E_INVALID_PARAMS,
			"message has id, reply_to or mentions, which an announcement has not; "
			"leave them out");
	im_buf_free(&scratch);
	im_buf_free(&why);
	return rc;
}

static int check_count(struct rpc_call *c)
{
	uint64_t n;
	int rc = directory_announce_open(c->dir, &n);

	if (rc == IM_OK && n >= IM_ANNOUNCEMENTS_OPEN_MAX)
		return rpc_fail(c, IM_E_LIMIT_REACHED,
			"%d announcements are under way or put together already; wait, or stop "
			"some (imctl announce status)",
			IM_ANNOUNCEMENTS_OPEN_MAX);
	return rc;
}

static int put_id(struct rpc_call *c, uint64_t id)
{
	struct directory_announcement a;
	int rc = directory_announce_get(c->dir, id, &a);

	if (rc == IM_OK)
		im_buf_printf(c->result, "{\"id\":%" PRIu64 ",\"total\":%" PRIu64 "}", id, a.total);
	return rc;
}

static int create(struct admin_call *ac)
{
	struct rpc_call *c = &ac->write.call;
	const struct directory_announcement a = {.actor = c->user,
		.created_ms = c->now_ms,
		.listed = rpc_bool(c, "listed", false),
		.rate = (uint32_t)rpc_int(c, "rate", IM_ANNOUNCE_RATE_DEFAULT),
		.message = rpc_str(c, "message")};
	uint64_t id = 0, from;
	int rc = check_message(c);

	if (rc == IM_OK)
		rc = check_count(c);
	if (rc == IM_OK)
		rc = system_user_make(c, &from);
	if (rc == IM_OK)
		rc = directory_announce_add(c->dir, &a, &id);
	if (rc == IM_OK && !a.listed)
		rc = directory_announce_start(c->dir, id);
	return rc == IM_OK ? put_id(c, id) : rc;
}

/* -- its list -- */

static int find(struct rpc_call *c, struct directory_announcement *out)
{
	int64_t id = rpc_int(c, "id", 0);
	int rc = directory_announce_get(c->dir, (uint64_t)id, out);

	if (rc == IM_E_NONE)
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"there is no announcement %" PRId64
			"; listAnnouncements (imctl announce status) shows them",
			id);
	return rc;
}

static int find_open(struct rpc_call *c, struct directory_announcement *out)
{
	int rc = find(c, out);

	if (rc == IM_OK && out->state != ANNOUNCE_OPEN)
		return rpc_fail(c, IM_E_CONFLICT,
			"announcement %" PRIu64 " is not being put together any more", out->id);
	return rc;
}

static int add_users(struct admin_call *ac)
{
	struct rpc_call *c = &ac->write.call;
	struct directory_announcement a;
	uint64_t user;
	int rc = find_open(c, &a);

	for (size_t i = 0; rc == IM_OK && i < rpc_list_size(c, "members"); i++) {
		rc = rpc_user_id(c, rpc_list_str(c, "members", i), &user);
		if (rc == IM_OK)
			rc = directory_announce_list_user(c->dir, a.id, user);
	}
	return rc == IM_OK ? rpc_changed(c, true) : rc;
}

static int start(struct admin_call *ac)
{
	struct rpc_call *c = &ac->write.call;
	struct directory_announcement a;
	int rc = find_open(c, &a);

	if (rc == IM_OK)
		rc = directory_announce_start(c->dir, a.id);
	return rc == IM_OK ? put_id(c, a.id) : rc;
}

/* What was sent stays; it does not go on. */
static int stop(struct admin_call *ac)
{
	struct rpc_call *c = &ac->write.call;
	struct directory_announcement a;
	int rc = find(c, &a);

	if (rc == IM_OK && a.state > ANNOUNCE_RUNNING)
		return rpc_changed(c, false);
	if (rc == IM_OK)
		rc = directory_announce_end(c->dir, a.id, ANNOUNCE_STOPPED, c->now_ms);
	return rc == IM_OK ? rpc_changed(c, true) : rc;
}

/* -- listAnnouncements -- */

struct listing {
	struct rpc_page page;
	struct rpc_call *c;
};

static int on_row(void *arg, const struct directory_announcement *a)
{
	static const char *const states[] = {"open", "running", "stopped", "done"};
	struct listing *l = arg;
	struct im_buf *b = &l->page.one;
	struct directory_user u = {.uid = IM_STR("")};
	char key[24];
	int rc = directory_user_by_id(l->c->dir, a->actor, &u);

	if (rc != IM_OK && rc != IM_E_NONE)
		return rc;
	snprintf(key, sizeof(key), "%" PRIu64, a->id);
	im_buf_printf(b, "{\"id\":%s,\"state\":\"%s\"", key, states[a->state]);
	im_jsonw_member_int(b, "created_ms", a->created_ms);
	im_jsonw_member_str(b, "by", u.uid);
	im_buf_printf(b, ",\"listed\":%s", a->listed ? "true" : "false");
	im_jsonw_member_int(b, "rate", a->rate);
	im_jsonw_member_int(b, "sent", (int64_t)a->sent);
	im_jsonw_member_int(b, "total", (int64_t)a->total);
	if (a->ended_ms)
		im_jsonw_member_int(b, "ended_ms", a->ended_ms);
	im_buf_c(b, '}');
	return rpc_page_add(&l->page, im_str(key));
}

static int list(struct admin_call *ac)
{
	struct rpc_call *c = &ac->write.call;
	struct listing l = {.c = c};
	uint64_t after = 0;

	if (rpc_has(c, "after") && im_cursor_parse(rpc_str(c, "after"), &after) != IM_OK)
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"after is no announcement's id; give the number that next was, or none");
	rpc_page_begin(&l.page, c->result, "announcements",
		(uint32_t)rpc_int(c, "limit", ADMIN_LIST_MAX), ADMIN_LIST_BYTES_MAX);
	return rpc_page_end(
		&l.page, directory_announce_list(c->dir, after, l.page.limit + 1, on_row, &l));
}

static const struct rpc_param create_params[] = {
	{"message", RPC_STRING, true, 1, IM_ANNOUNCE_BYTES_MAX},
	{"rate", RPC_INTEGER, false, 1, IM_ANNOUNCE_RATE_MAX},
	{"listed", RPC_BOOLEAN, false, 0, 0},
	{0},
};
static const struct rpc_param users_params[] = {
	{"id", RPC_INTEGER, true, 1, INT64_MAX},
	{"members", RPC_STRINGS, true, 1, IM_INVITE_MAX},
	{0},
};
static const struct rpc_param id_params[] = {
	{"id", RPC_INTEGER, true, 1, INT64_MAX},
	{0},
};
static const struct rpc_param list_params[] = {
	{"after", RPC_STRING, false, 0, 19},
	{"limit", RPC_INTEGER, false, 1, ADMIN_LIST_MAX},
	{0},
};

const struct admin_command admin_announce_commands[] = {
	{"createAnnouncement", ADMIN_CHANGE, create_params, create},
	{"addAnnouncementUsers", ADMIN_CHANGE, users_params, add_users},
	{"startAnnouncement", ADMIN_CHANGE, id_params, start},
	{"stopAnnouncement", ADMIN_CHANGE, id_params, stop},
	{"listAnnouncements", ADMIN_LOOK, list_params, list},
	{0},
};
