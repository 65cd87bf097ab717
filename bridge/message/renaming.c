/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns where names stand in stored JSON. Called by the erasure; must not know why a name goes. */
#include "bridge/message/renaming.h"

#include "common/jsonscan.h"
#include "common/jsonw.h"

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

/* Writes one member's value or one element, or nothing to leave it out. */
typedef bool (*member_fn)(struct work *w, struct im_str key, const struct im_json *v);

/* Of an object or an array, without its brackets. */
static void put_members(struct work *w, const struct im_json *container, member_fn fn)
{
	struct im_json_iter it;
	struct im_json v;
	struct im_str key = {NULL, 0};
	bool first = true;

	im_json_iter_any(container, &it);
	while (im_json_next(&it, &key, &v)) {
		size_t before = w->out->n;

		if (!first)
			im_buf_c(w->out, ',');
		if (it.object) {
			im_buf_c(w->out, '"');
			im_buf_str(w->out, key);
			im_buf_z(w->out, "\":");
		}
		if (fn(w, key, &v))
			first = false;
		else if (!w->out->failed)
			w->out->n = before;
	}
}

static void put_object(struct work *w, const struct im_json *object, member_fn fn)
{
	im_buf_c(w->out, '{');
	put_members(w, object, fn);
	im_buf_c(w->out, '}');
}

static void put_array(struct work *w, const struct im_json *array, member_fn fn)
{
	im_buf_c(w->out, '[');
	put_members(w, array, fn);
	im_buf_c(w->out, ']');
}

/* Every string within. */
static bool put_all(struct work *w, struct im_str key, const struct im_json *v)
{
	(void)key;
	if (v->type == IM_JSON_OBJECT)
		put_object(w, v, put_all);
	else if (v->type == IM_JSON_ARRAY)
		put_array(w, v, put_all);
	else
		put_name(w, v, IM_STR(""));
	return true;
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
	put_object(&w, &object, fn);
	return w.changed;
}

/* -- meta -- */

static bool in_meta(struct work *w, struct im_str key, const struct im_json *v)
{
	static const char *const names[] = {"mentions", "forwarded", "reactions", "recalled_by"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (im_str_eqz(key, names[i]))
			return put_all(w, key, v);
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

static bool in_person(struct work *w, struct im_str key, const struct im_json *v)
{
	if (im_str_eqz(key, "uid"))
		put_name(w, v, IM_STR(""));
	else
		im_buf_str(w->out, v->raw);
	return true;
}

/* {"uid":..,"user":17,"role":..}: the number says who it is. */
static bool in_people(struct work *w, struct im_str key, const struct im_json *person)
{
	int64_t user = im_json_number_in(person->raw, "user");

	(void)key;
	if (user > 0 && (uint64_t)user == w->r->user)
		put_object(w, person, in_person);
	else
		im_buf_str(w->out, person->raw);
	return true;
}

static bool in_body(struct work *w, struct im_str key, const struct im_json *v)
{
	if (im_str_eqz(key, "by"))
		put_name(w, v, IM_STR(""));
	else if (im_str_eqz(key, "members") && v->type == IM_JSON_ARRAY)
		put_array(w, v, in_people);
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
		return put_all(w, key, v);
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
	if (!im_str_eqz(key, "conv"))
		return put_all(w, key, v);
	put_name(w, v, IM_STR("u/"));
	return true;
}

bool renaming_detail(struct im_buf *out, struct im_str detail, const struct renaming *r)
{
	return rewrite(out, detail, r, in_detail);
}

/* -- reactions -- */

static bool of_others(struct work *w, struct im_str key, const struct im_json *v)
{
	(void)key;
	if (is_name(v, IM_STR(""), w->r->name) || is_name(v, IM_STR(""), w->r->to)) {
		w->changed = true;
		return false;
	}
	im_buf_str(w->out, v->raw);
	return true;
}

/* A reaction that was only his goes with his name. */
static bool without(struct work *w, struct im_str key, const struct im_json *names)
{
	size_t before = w->out->n;

	(void)key;
	put_array(w, names, of_others);
	return w->out->n > before + sizeof("[]") - 1;
}

bool renaming_unreact(struct im_buf *out, struct im_str reactions, const struct renaming *r)
{
	size_t before = out->n;
	bool changed = rewrite(out, reactions, r, without);

	if (!out->failed && out->n == before + 2 && out->p[before] == '{')
		out->n = before;
	return changed;
}
