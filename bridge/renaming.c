/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns where names stand in stored JSON. Called by the erasure; must not know why a name goes. */
#include "renaming.h"

#include "../common/jsonscan.h"
#include "../common/jsonw.h"

struct work {
	struct im_buf *out;
	const struct renaming *r;
	bool changed;
};

/* No name holds a character that JSON would escape. */
static bool is_name(const struct im_json *v, struct im_str prefix, struct im_str name)
{
	return name.n > 0 && v->type == IM_JSON_STRING && v->raw.n == prefix.n + name.n + 2 &&
	       memcmp(v->raw.p + 1, prefix.p, prefix.n) == 0 &&
	       memcmp(v->raw.p + 1 + prefix.n, name.p, name.n) == 0;
}

/* A string that is the name, with what may stand before it. */
static void put_name(struct work *w, const struct im_json *v, struct im_str prefix)
{
	if (!is_name(v, prefix, w->r->name)) {
		im_buf_str(w->out, v->raw);
		return;
	}
	im_buf_c(w->out, '"');
	im_buf_str(w->out, prefix);
	im_buf_str(w->out, w->r->to);
	im_buf_c(w->out, '"');
	w->changed = true;
}

/* Every string within. */
static void put_all(struct work *w, const struct im_json *v)
{
	bool object = v->type == IM_JSON_OBJECT, first = true;
	struct im_json_iter it;
	struct im_json one;
	struct im_str key;

	if (!object && v->type != IM_JSON_ARRAY) {
		put_name(w, v, IM_STR(""));
		return;
	}
	im_buf_c(w->out, object ? '{' : '[');
	im_json_iter_any(v, &it);
	while (im_json_next(&it, &key, &one)) {
		if (!first)
			im_buf_c(w->out, ',');
		first = false;
		if (object) {
			im_buf_c(w->out, '"');
			im_buf_str(w->out, key);
			im_buf_z(w->out, "\":");
		}
		put_all(w, &one);
	}
	im_buf_c(w->out, object ? '}' : ']');
}

/* Writes one member's value, or nothing to leave the member out. */
typedef bool (*member_fn)(struct work *w, struct im_str key, const struct im_json *v);

static void put_members(struct work *w, const struct im_json *object, member_fn fn)
{
	struct im_json_iter it;
	struct im_json v;
	struct im_str key;
	bool first = true;

	im_json_iter_any(object, &it);
	while (im_json_next(&it, &key, &v)) {
		size_t before = w->out->n;

		im_buf_z(w->out, first ? "\"" : ",\"");
		im_buf_str(w->out, key);
		im_buf_z(w->out, "\":");
		if (fn(w, key, &v))
			first = false;
		else if (!w->out->failed)
			w->out->n = before;
	}
}

/* An object's text, braces and all; what is none stays as it is. */
static bool rewrite(struct im_buf *out, struct im_str text, const struct renaming *r, member_fn fn)
{
	struct work w = {out, r, false};
	struct im_json object;

	if (im_json_parse_any(text, &object) != IM_OK || object.type != IM_JSON_OBJECT) {
		im_buf_str(out, text);
		return false;
	}
	im_buf_c(out, '{');
	put_members(&w, &object, fn);
	im_buf_c(out, '}');
	return w.changed;
}

/* -- meta -- */

static bool in_meta(struct work *w, struct im_str key, const struct im_json *v)
{
	static const char *const names[] = {"mentions", "forwarded", "reactions", "recalled_by"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (im_str_eqz(key, names[i])) {
			put_all(w, v);
			return true;
		}
	}
	im_buf_str(w->out, v->raw);
	return true;
}

bool renaming_meta(struct im_buf *out, struct im_str meta, const struct renaming *r)
{
	struct work w = {out, r, false};
	struct im_json object;
	struct im_buf text;

	im_buf_init(&text, 0);
	im_buf_c(&text, '{');
	im_buf_str(&text, meta);
	im_buf_c(&text, '}');
	if (im_json_parse_any(im_buf_view(&text), &object) == IM_OK &&
		object.type == IM_JSON_OBJECT)
		put_members(&w, &object, in_meta);
	else
		im_buf_str(out, meta);
	if (text.failed)
		out->failed = true;
	im_buf_free(&text);
	return w.changed;
}

/* -- bodies of the bridge's own messages -- */

/* {"uid":..,"user":17,"role":..}: the number says who it is. */
static void put_person(struct work *w, const struct im_json *person)
{
	struct im_json_iter it;
	struct im_json v;
	struct im_str key;
	int64_t user = 0;
	bool first = true;

	im_json_iter_any(person, &it);
	while (im_json_next(&it, &key, &v))
		if (im_str_eqz(key, "user") && im_json_int(&v, &user) != IM_OK)
			user = 0;
	im_buf_c(w->out, '{');
	im_json_iter_any(person, &it);
	while (im_json_next(&it, &key, &v)) {
		im_buf_z(w->out, first ? "\"" : ",\"");
		first = false;
		im_buf_str(w->out, key);
		im_buf_z(w->out, "\":");
		if (im_str_eqz(key, "uid") && user > 0 && (uint64_t)user == w->r->user)
			put_name(w, &v, IM_STR(""));
		else
			im_buf_str(w->out, v.raw);
	}
	im_buf_c(w->out, '}');
}

static void put_people(struct work *w, const struct im_json *people)
{
	struct im_json_iter it;
	struct im_json v;
	bool first = true;

	im_buf_c(w->out, '[');
	im_json_iter_any(people, &it);
	while (im_json_next(&it, NULL, &v)) {
		if (!first)
			im_buf_c(w->out, ',');
		first = false;
		if (v.type == IM_JSON_OBJECT)
			put_person(w, &v);
		else
			im_buf_str(w->out, v.raw);
	}
	im_buf_c(w->out, ']');
}

static bool in_body(struct work *w, struct im_str key, const struct im_json *v)
{
	if (im_str_eqz(key, "by"))
		put_name(w, v, IM_STR(""));
	else if (im_str_eqz(key, "members") && v->type == IM_JSON_ARRAY)
		put_people(w, v);
	else
		im_buf_str(w->out, v->raw);
	return true;
}

static bool in_muted_body(struct work *w, struct im_str key, const struct im_json *v)
{
	if (!im_str_eqz(key, "announcement") && !im_str_eqz(key, "body"))
		return in_body(w, key, v);
	im_buf_z(w->out, "\"\"");
	w->changed |= !im_str_eqz(v->raw, "\"\"");
	return true;
}

static bool in_edit(struct work *w, struct im_str key, const struct im_json *v)
{
	if (im_str_eqz(key, "mentions"))
		put_all(w, v);
	else
		im_buf_str(w->out, v->raw);
	return true;
}

bool renaming_edit(struct im_buf *out, struct im_str body, const struct renaming *r)
{
	return rewrite(out, body, r, in_edit);
}

bool renaming_body(struct im_buf *out, struct im_str body, const struct renaming *r, bool mute)
{
	return rewrite(out, body, r, mute ? in_muted_body : in_body);
}

/* -- events -- */

static bool in_event(struct work *w, struct im_str key, const struct im_json *v)
{
	if (im_str_eqz(key, "uid") || im_str_eqz(key, "by"))
		put_name(w, v, IM_STR(""));
	else if (im_str_eqz(key, "conv"))
		put_name(w, v, IM_STR("u/"));
	else
		im_buf_str(w->out, v->raw);
	return true;
}

static bool in_muted_event(struct work *w, struct im_str key, const struct im_json *v)
{
	if (!im_str_eqz(key, "note"))
		return in_event(w, key, v);
	w->changed = true;
	return false;
}

/* Whether this user has done what the event tells of, by either of his names. */
static bool is_by(struct im_str event, const struct renaming *r)
{
	struct im_json object, v;
	struct im_json_iter it;
	struct im_str key;
	bool by = false;

	if (im_json_parse_any(event, &object) != IM_OK || object.type != IM_JSON_OBJECT)
		return false;
	im_json_iter_any(&object, &it);
	while (im_json_next(&it, &key, &v))
		if (im_str_eqz(key, "by"))
			by = is_name(&v, IM_STR(""), r->name) || is_name(&v, IM_STR(""), r->to);
	return by;
}

bool renaming_event(struct im_buf *out, struct im_str event, const struct renaming *r, bool mute)
{
	return rewrite(out, event, r, mute && is_by(event, r) ? in_muted_event : in_event);
}

bool renaming_key(struct im_buf *out, struct im_str key, const struct renaming *r)
{
	struct im_str name = r->name;
	size_t before = key.n - name.n;

	if (name.n == 0 || key.n < name.n + 2 || memcmp(key.p + before, name.p, name.n) != 0 ||
		!(key.p[before - 1] == ':' ||
			(key.p[before - 1] == '/' && key.p[before - 2] == 'u'))) {
		im_buf_str(out, key);
		return false;
	}
	im_buf_put(out, key.p, before);
	im_buf_str(out, r->to);
	return true;
}

/* -- the audit log -- */

static bool in_detail(struct work *w, struct im_str key, const struct im_json *v)
{
	if (im_str_eqz(key, "conv"))
		put_name(w, v, IM_STR("u/"));
	else
		put_all(w, v);
	return true;
}

bool renaming_detail(struct im_buf *out, struct im_str detail, const struct renaming *r)
{
	return rewrite(out, detail, r, in_detail);
}

/* -- reactions -- */

static bool without(struct work *w, struct im_str key, const struct im_json *names)
{
	struct im_json_iter it;
	struct im_json v;
	bool any = false;

	(void)key;
	im_buf_c(w->out, '[');
	im_json_iter_any(names, &it);
	while (im_json_next(&it, NULL, &v)) {
		if (is_name(&v, IM_STR(""), w->r->name) || is_name(&v, IM_STR(""), w->r->to)) {
			w->changed = true;
			continue;
		}
		if (any)
			im_buf_c(w->out, ',');
		any = true;
		im_buf_str(w->out, v.raw);
	}
	im_buf_c(w->out, ']');
	return any;
}

bool renaming_unreact(struct im_buf *out, struct im_str reactions, const struct renaming *r)
{
	size_t before = out->n;
	bool changed = rewrite(out, reactions, r, without);

	if (!out->failed && out->n == before + 2 && out->p[before] == '{')
		out->n = before;
	return changed;
}
