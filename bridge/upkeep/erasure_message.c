/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns what is erased of a message and what stays: its place, its sender, its time; of a copy,
 * whose it was; of the bridge's own messages all but what the user said through them.
 */
#include "bridge/upkeep/erasure_message.h"

#include <string.h>

#include "bridge/message/kind.h"
#include "bridge/message/meta.h"
#include "common/jsonscan.h"

void erasure_change_init(struct erasure_change *c)
{
	im_buf_init(&c->type, 0);
	im_buf_init(&c->id, 0);
	im_buf_init(&c->meta, 0);
	im_buf_init(&c->body, 0);
}

void erasure_change_free(struct erasure_change *c)
{
	im_buf_free(&c->type);
	im_buf_free(&c->id);
	im_buf_free(&c->meta);
	im_buf_free(&c->body);
}

static struct im_str copy(struct im_buf *to, struct im_str from)
{
	im_buf_reset(to);
	im_buf_str(to, from);
	return im_buf_view(to);
}

int erasure_change_take(struct erasure_change *c, const struct store_msg *m)
{
	c->m = *m;
	c->m.type = copy(&c->type, m->type);
	c->m.id = copy(&c->id, m->id);
	c->m.meta = copy(&c->meta, m->meta);
	c->m.body = copy(&c->body, m->body);
	return c->type.failed || c->id.failed || c->meta.failed || c->body.failed ? IM_E_NOMEM
										  : IM_OK;
}

static bool within(const struct erasure_who *who, int64_t ts_ms)
{
	return ts_ms >= who->from_ms && ts_ms < who->until_ms;
}

/* {"from":"alice","ts":..} of a copy whose origin was not kept. */
static bool forwarded_from(const struct erasure_who *who, struct im_str forwarded)
{
	struct im_json v, o;
	struct im_json_iter it;
	struct im_str key;
	bool him = false;

	if (im_json_parse_any(forwarded, &o) != IM_OK || o.type != IM_JSON_OBJECT)
		return false;
	im_json_iter_any(&o, &it);
	while (im_json_next(&it, &key, &v)) {
		struct im_str text = {v.raw.p + 1, v.raw.n - 2};

		if (im_str_eqz(key, "from") && v.type == IM_JSON_STRING)
			him = (who->name.name.n > 0 && im_str_eq(text, who->name.name)) ||
			      im_str_eq(text, who->name.to);
	}
	return him && within(who, im_json_number_in(forwarded, "ts"));
}

bool erasure_takes(const struct erasure_who *who, const struct store_msg *m,
	const struct message_origin *origin)
{
	struct im_str forwarded;

	if (!who->words || kind_of(m->type) == KIND_SYSTEM || im_str_eqz(m->type, KIND_RECALL))
		return false;
	if (m->sender == who->name.user)
		return true;
	if (origin)
		return origin->author == who->name.user || origin->via == who->name.user;
	forwarded = meta_get(m->meta, "forwarded");
	return forwarded.n > 0 && forwarded_from(who, forwarded);
}

void erasure_blank(struct erasure_change *c)
{
	c->m.recalled = true;
	c->m.body = (struct im_str){NULL, 0};
	c->m.meta = (struct im_str){NULL, 0};
	if (kind_of(c->m.type) == KIND_OPERATION)
		return;
	/* A type is a word, too. */
	c->m.type = (struct im_str){NULL, 0};
	c->m.enc = IM_ENC_TEXT;
}

/* Of its meta stays what is nobody's words: who took it back, whose it was. */
static void keep_member(struct erasure_change *c, struct im_str meta, const char *name)
{
	struct im_str value = meta_get(meta, name);

	im_buf_reset(&c->meta);
	if (value.n > 0)
		meta_put(&c->meta, IM_STR(""), name, value);
	c->m.meta = im_buf_view(&c->meta);
}

static void take_words(const struct erasure_who *who, const struct store_msg *m,
	struct erasure_change *c, bool *changed)
{
	bool own = m->sender == who->name.user;

	erasure_blank(c);
	keep_member(c, m->meta, own ? "recalled_by" : "forwarded");
	if (own)
		c->m.id = (struct im_str){NULL, 0};
	*changed = !m->recalled || !im_str_eq(c->m.meta, m->meta) || !im_str_eq(c->m.id, m->id) ||
		   !im_str_eq(c->m.type, m->type) || c->m.enc != m->enc;
}

static void rename_meta(const struct erasure_who *who, struct erasure_change *c, bool *changed)
{
	struct im_buf renamed;

	if (c->m.meta.n == 0 || who->name.name.n == 0)
		return;
	im_buf_init(&renamed, 0);
	if (renaming_meta(&renamed, c->m.meta, &who->name)) {
		im_buf_free(&c->meta);
		c->meta = renamed;
		c->m.meta = im_buf_view(&c->meta);
		*changed = true;
	} else {
		im_buf_free(&renamed);
	}
}

/* What the bridge said of him, what he said through it, and who says to others that he is meant. */
static void rewrite_body(const struct erasure_who *who, const struct store_msg *m,
	struct erasure_change *c, bool *changed)
{
	struct renaming r = who->name;
	bool system = kind_of(m->type) == KIND_SYSTEM, edit = im_str_eqz(m->type, KIND_EDIT);

	if (m->recalled || (!system && !edit && !im_str_eqz(m->type, KIND_RECALL)))
		return;
	if (!within(who, m->ts_ms))
		r.name.n = 0;
	im_buf_reset(&c->body);
	if (edit ? renaming_edit(&c->body, m->body, &r)
		 : renaming_body(
			   &c->body, m->body, &r, who->words && m->sender == r.user && system))
		*changed = true;
	c->m.body = im_buf_view(&c->body);
}

/* Reactions are words as well. */
static void unreact(const struct erasure_who *who, struct erasure_change *c, bool *changed)
{
	struct im_str have = meta_get(c->m.meta, "reactions");
	struct im_buf left, meta;

	if (!who->words || have.n == 0)
		return;
	im_buf_init(&left, 0);
	im_buf_init(&meta, 0);
	if (renaming_unreact(&left, have, &who->name)) {
		meta_put(&meta, c->m.meta, "reactions", im_buf_view(&left));
		meta.failed = meta.failed || left.failed;
		im_buf_free(&c->meta);
		c->meta = meta;
		c->m.meta = im_buf_view(&c->meta);
		*changed = true;
	}
	im_buf_free(&left);
}

int erasure_message(const struct erasure_who *who, const struct store_msg *m, bool takes,
	struct erasure_change *c, bool *changed_out)
{
	*changed_out = false;
	if (takes)
		take_words(who, m, c, changed_out);
	else
		rewrite_body(who, m, c, changed_out);
	unreact(who, c, changed_out);
	if (within(who, m->ts_ms))
		rename_meta(who, c, changed_out);
	return c->meta.failed || c->body.failed ? IM_E_NOMEM : IM_OK;
}
