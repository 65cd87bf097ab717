/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the list of texts. Called by requests.c before a writing method runs. What of a message
 * others read is intake's, what of a forwarded one rpc_forward.c's: there is more than parameters
 * to it. */
#include "bridge/rpc/texts.h"

#include <string.h>

enum kind {
	TEXT, /* prose: masked or rejected, as the operator has chosen */
	NAME, /* asterisks would make another thing of it: rejected */
	JSON, /* any value: a string is prose; within anything else a hit is rejected */
};

static const struct row {
	const char *method, *param;
	enum kind kind;
} rows[] = {
	{"group.create", "gid", NAME},
	{"group.create", "name", TEXT},
	{"group.create", "avatar", NAME},
	{"group.create", "announcement", TEXT},
	{"group.update", "name", TEXT},
	{"group.update", "avatar", NAME},
	{"group.update", "announcement", TEXT},
	{"group.join", "note", TEXT},
	{"contact.request", "note", TEXT},
	{"user.update", "nick", TEXT},
	{"user.update", "avatar", NAME},
	{"user.update", "ext", JSON},
	{"msg.edit", "body", JSON},
	{"msg.edit", "ext", JSON},
	{"msg.react", "emoji", NAME},
	{"msg.forward", "id", NAME},
};

static struct im_str text_of(const json_t *v)
{
	return (struct im_str){json_string_value(v), json_string_length(v)};
}

static bool hit_within(struct moderation *m, json_t *v)
{
	size_t i;
	const char *key;
	json_t *one;

	if (json_is_string(v))
		return moderation_hit(m, text_of(v));
	json_array_foreach(v, i, one)
	{
		if (hit_within(m, one))
			return true;
	}
	json_object_foreach(v, key, one)
	{
		if (moderation_hit(m, im_str(key)) || hit_within(m, one))
			return true;
	}
	return false;
}

static int check_text(struct moderation *m, json_t *v)
{
	struct im_str text = text_of(v);
	const char *before = text.p;
	int rc = moderation_check(m, IM_ENC_TEXT, &text);

	if (rc != IM_OK || text.p == before)
		return rc;
	return json_string_setn(v, text.p, text.n) < 0 ? IM_E_NOMEM : IM_OK;
}

static int check_one(struct moderation *m, enum kind kind, json_t *v)
{
	if (json_is_string(v) && kind != NAME)
		return check_text(m, v);
	return hit_within(m, v) ? IM_E_NOT_ALLOWED : IM_OK;
}

int texts_check(
	struct moderation *m, const struct rpc_method *method, json_t *params, struct im_buf *why)
{
	int rc = IM_OK;

	if (!m || !m->words)
		return IM_OK;
	for (size_t i = 0; rc == IM_OK && i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];

		if (strcmp(r->method, method->name) != 0)
			continue;
		rc = check_one(m, r->kind, json_object_get(params, r->param));
		if (rc == IM_E_NOT_ALLOWED)
			im_buf_printf(why,
				"params.%s holds a word that is not allowed here; leave it out",
				r->param);
	}
	return rc;
}
