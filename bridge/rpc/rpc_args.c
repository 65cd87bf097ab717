/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns how handlers read their parameters and word their refusals. Knows no method. */
#include "bridge/rpc/rpc_args.h"

#include <stdarg.h>
#include <stdio.h>

#include "bridge/base/cost.h"
#include "common/ids.h"
#include "common/limits.h"

/* Room for the reply's frame (jsonrpc, id) around a result. */
#define REPLY_FRAME_BYTES 512

int rpc_fail(struct rpc_call *c, int code, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	im_buf_reset(c->why);
	im_buf_z(c->why, text);
	return code;
}

static json_t *param(const struct rpc_call *c, const char *name)
{
	return json_object_get(c->params, name);
}

bool rpc_has(const struct rpc_call *c, const char *name)
{
	return param(c, name) != NULL;
}

static struct im_str text_of(const json_t *v)
{
	if (!json_is_string(v))
		return (struct im_str){NULL, 0};
	return (struct im_str){json_string_value(v), json_string_length(v)};
}

struct im_str rpc_str(const struct rpc_call *c, const char *name)
{
	return text_of(param(c, name));
}

int64_t rpc_int(const struct rpc_call *c, const char *name, int64_t def)
{
	const json_t *v = param(c, name);

	return json_is_integer(v) ? (int64_t)json_integer_value(v) : def;
}

bool rpc_bool(const struct rpc_call *c, const char *name, bool def)
{
	const json_t *v = param(c, name);

	return json_is_boolean(v) ? json_is_true(v) : def;
}

size_t rpc_list_size(const struct rpc_call *c, const char *name)
{
	return json_array_size(param(c, name));
}

struct im_str rpc_list_str(const struct rpc_call *c, const char *name, size_t i)
{
	return text_of(json_array_get(param(c, name), i));
}

uint32_t rpc_limit(const struct rpc_call *c)
{
	return (uint32_t)rpc_int(c, "limit", IM_PAGE_DEFAULT);
}

size_t rpc_page_bytes(const struct rpc_call *c)
{
	size_t max = c->set && c->set->reply_max ? c->set->reply_max : IM_REPLY_MAX;

	return max > 2 * REPLY_FRAME_BYTES ? max - REPLY_FRAME_BYTES : max / 2;
}

int rpc_pay(struct rpc_write *wr, int64_t units)
{
	struct rpc_call *c = &wr->call;

	if (!wr->cost || cost_take(wr->cost, c->user, c->now_ms, units, &c->retry_ms))
		return IM_OK;
	im_buf_reset(c->why);
	cost_say(c->why, c->retry_ms);
	return IM_E_RATE_LIMITED;
}

int rpc_user_past(struct rpc_call *c, struct im_str uid, struct directory_user *out)
{
	int rc;

	if (!im_uid_valid(uid))
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"\"%.*s\" is no user id; give 1 to 64 of A-Z a-z 0-9 _ . @ -",
			IM_ARGS(rpc_clip(uid, 80)));
	rc = directory_user_last(c->dir, uid, out);
	if (rc == IM_E_NONE)
		return rpc_fail(c, IM_E_UNKNOWN_USER, "there is no user \"%.*s\"", IM_ARGS(uid));
	return rc;
}

int rpc_user(struct rpc_call *c, struct im_str uid, struct directory_user *out)
{
	int rc = rpc_user_past(c, uid, out);

	if (rc == IM_OK && out->deleted)
		return rpc_fail(
			c, IM_E_UNKNOWN_USER, "the account \"%.*s\" was deleted", IM_ARGS(uid));
	return rc;
}

int rpc_user_id(struct rpc_call *c, struct im_str uid, uint64_t *id_out)
{
	struct directory_user u = {0};
	int rc = rpc_user(c, uid, &u);

	*id_out = rc == IM_OK ? u.id : 0;
	return rc;
}

int rpc_after_user(struct rpc_call *c, const char *name, uint64_t *id_out)
{
	struct im_str uid = rpc_str(c, name);
	struct directory_user u;
	int rc;

	*id_out = 0;
	if (uid.n == 0)
		return IM_OK;
	rc = directory_user_last(c->dir, uid, &u);
	if (rc == IM_E_NONE)
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"%s is \"%.*s\", and there is no such user; give what the page before "
			"gave, "
			"or leave it out to begin",
			name, IM_ARGS(rpc_clip(uid, 80)));
	if (rc == IM_OK)
		*id_out = u.id;
	return rc;
}

int rpc_views_begin(struct rpc_read *rd)
{
	struct rpc_call *c = &rd->call;
	int rc = rd->backend->view_begin(rd->log);

	if (rc != IM_OK)
		return rc;
	rc = directory_view_begin(c->dir);
	if (rc != IM_OK)
		rd->backend->view_end(rd->log);
	return rc;
}

void rpc_views_end(struct rpc_read *rd)
{
	struct rpc_call *c = &rd->call;

	directory_view_end(c->dir);
	rd->backend->view_end(rd->log);
}

int rpc_changed(struct rpc_call *c, bool changed)
{
	im_buf_z(c->result, changed ? "{\"changed\":true}" : "{\"changed\":false}");
	return IM_OK;
}
