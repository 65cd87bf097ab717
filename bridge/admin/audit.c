/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns what of a command is kept. Called by admin.c after each one; knows no command. */
#include "bridge/admin/audit.h"

#include "bridge/directory/directory_audit.h"
#include "bridge/directory/directory_user.h"
#include "bridge/rpc/rpc_args.h"
#include "common/ids.h"
#include "common/jsonw.h"
#include "common/limits.h"

/* Names of a list, and bytes of a text, beyond which only its length is kept. */
#define NAMES_MAX 20
#define TEXT_MAX 256

void audit_note(struct admin_call *ac, const char *member, struct im_str value)
{
	if (ac->noted)
		im_jsonw_member_str(ac->noted, member, rpc_clip(value, TEXT_MAX));
}

static struct im_str text_of(const json_t *v)
{
	return (struct im_str){json_string_value(v), json_string_length(v)};
}

/* What is no user's name may be anything that was typed in the wrong place, a password for one. */
static struct im_str shown(const char *name, const json_t *v)
{
	bool names_user = strcmp(name, "username") == 0 || strcmp(name, "owner") == 0 ||
			  strcmp(name, "members") == 0 || strcmp(name, "usernames") == 0;

	if (names_user && !im_uid_valid(text_of(v)))
		return IM_STR("(malformed)");
	return rpc_clip(text_of(v), TEXT_MAX);
}

static void put_list(struct im_buf *b, const char *name, const json_t *list)
{
	size_t n = json_array_size(list);

	im_buf_printf(b, ",\"%s\":[", name);
	for (size_t i = 0; i < n && i < NAMES_MAX; i++) {
		if (i > 0)
			im_buf_c(b, ',');
		im_jsonw_str(b, shown(name, json_array_get(list, i)));
	}
	im_buf_c(b, ']');
	if (n > NAMES_MAX)
		im_buf_printf(b, ",\"%s_n\":%zu", name, n);
}

static void put_param(struct im_buf *b, const char *name, const json_t *v)
{
	if (json_is_string(v))
		im_jsonw_member_str(b, name, shown(name, v));
	else if (json_is_integer(v))
		im_jsonw_member_int(b, name, (int64_t)json_integer_value(v));
	else if (json_is_boolean(v))
		im_buf_printf(b, ",\"%s\":%s", name, json_is_true(v) ? "true" : "false");
	else if (json_is_array(v))
		put_list(b, name, v);
}

/* What the command is about comes first; the rest is detail. */
static const char *subject_of(const json_t *params)
{
	static const char *const order[] = {"username", "gid", "conv", "id", "device", "dir"};

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if (json_object_get(params, order[i]))
			return order[i];
	return NULL;
}

/* Members are written with a comma before each. */
static void put_detail(
	struct im_buf *b, json_t *params, const char *subject, const struct im_buf *noted)
{
	const char *name;
	json_t *v;

	json_object_foreach(params, name, v)
	{
		if (audit_keeps(im_str(name)) && (!subject || strcmp(name, subject) != 0))
			put_param(b, name, v);
	}
	im_buf_str(b, im_buf_view(noted));
	if (b->n > 0 && !b->failed)
		b->p[0] = '{';
	else
		im_buf_c(b, '{');
	im_buf_c(b, '}');
}

static struct im_str put_subject(struct im_buf *b, const char *name, const json_t *v)
{
	if (json_is_string(v))
		im_buf_str(b, shown(name, v));
	else if (json_is_integer(v))
		im_buf_i64(b, (int64_t)json_integer_value(v));
	return im_buf_view(b);
}

/* The user that the command is about, who may have been made or deleted by it. */
static int find_user(struct admin_call *ac, struct audit_row *r)
{
	struct rpc_call *c = &ac->write.call;
	struct im_str uid = rpc_str(c, "username");
	struct directory_user u;
	int rc = im_uid_valid(uid) ? directory_user_last(c->dir, uid, &u) : IM_E_NONE;

	r->user = rc == IM_OK ? u.id : ac->about;
	return rc == IM_E_NONE ? IM_OK : rc;
}

int audit_command(struct admin_call *ac, struct im_str name, int code)
{
	struct rpc_call *c = &ac->write.call;
	const char *about = subject_of(c->params);
	struct audit_row r = {.now_ms = c->now_ms,
		.actor = c->user,
		.name = c->uid,
		.action = name,
		.code = code};
	struct im_buf subject, detail;
	int rc;

	if (ac->command == NULL || ac->command->kind == ADMIN_LOOK || ac->looked)
		return IM_OK;
	im_buf_init(&subject, 0);
	im_buf_init(&detail, 0);
	r.subject = about ? put_subject(&subject, about, json_object_get(c->params, about))
			  : IM_STR("");
	put_detail(&detail, c->params, about, ac->noted);
	r.detail = im_buf_view(&detail);
	rc = subject.failed || detail.failed ? IM_E_NOMEM : find_user(ac, &r);
	if (rc == IM_OK)
		rc = directory_audit_add(c->dir, &r, c->set->audit_days);
	im_buf_free(&subject);
	im_buf_free(&detail);
	return rc;
}
