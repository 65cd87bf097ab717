/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the reading and changing of meta. Called by the view and by operations on messages. */
#include "meta.h"

#include "../common/jsonscan.h"

/* As an object the scanner can walk it. False if it is none. */
static bool open_meta(struct im_buf *text, struct im_str meta, struct im_json_iter *it)
{
	struct im_json object;

	im_buf_init(text, 0);
	im_buf_c(text, '{');
	im_buf_str(text, meta);
	im_buf_c(text, '}');
	if (text->failed || im_json_parse(im_buf_view(text), &object) != IM_OK ||
		object.type != IM_JSON_OBJECT)
		return false;
	im_json_iter(&object, it);
	return true;
}

struct im_str meta_get(struct im_str meta, const char *key)
{
	struct im_str found = {NULL, 0}, name;
	struct im_json_iter it;
	struct im_json value;
	struct im_buf text;

	if (meta.n == 0)
		return found;
	if (open_meta(&text, meta, &it))
		while (found.p == NULL && im_json_next(&it, &name, &value))
			if (im_str_eqz(name, key))
				found = (struct im_str){
					meta.p + (value.raw.p - text.p - 1), value.raw.n};
	im_buf_free(&text);
	return found;
}

static void put_member(struct im_buf *out, struct im_str name, struct im_str value, bool *first)
{
	if (!*first)
		im_buf_c(out, ',');
	*first = false;
	im_buf_c(out, '"');
	im_buf_str(out, name);
	im_buf_z(out, "\":");
	im_buf_str(out, value);
}

void meta_put(struct im_buf *out, struct im_str meta, const char *key, struct im_str value)
{
	struct im_json_iter it;
	struct im_str name;
	struct im_json v;
	struct im_buf text;
	bool first = true;

	if (open_meta(&text, meta, &it))
		while (im_json_next(&it, &name, &v))
			if (!im_str_eqz(name, key))
				put_member(out, name, v.raw, &first);
	if (text.failed)
		out->failed = true;
	im_buf_free(&text);
	if (value.n > 0)
		put_member(out, im_str(key), value, &first);
}
