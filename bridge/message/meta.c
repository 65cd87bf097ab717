/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the reading and changing of meta. Called by the view and by operations on messages. */
#include "bridge/message/meta.h"

#include <string.h>

#include "common/err.h"
#include "common/jsonscan.h"

/* What is longer has no end; and no sum of times overflows. */
#define TTL_MAX_S (INT64_C(1) << 40)

/* As an object the scanner can walk it. False if it is none. */
static bool open_meta(struct im_buf *text, struct im_str meta, struct im_json_iter *it)
{
	struct im_json object;

	im_buf_init(text, 0);
	im_buf_c(text, '{');
	im_buf_str(text, meta);
	im_buf_c(text, '}');
	if (text->failed || im_json_parse_any(im_buf_view(text), &object) != IM_OK ||
		object.type != IM_JSON_OBJECT)
		return false;
	im_json_iter_any(&object, it);
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

int64_t meta_int(struct im_str meta, const char *key)
{
	struct im_str raw = meta_get(meta, key);
	struct im_json v;
	int64_t n;

	return raw.n > 0 && im_json_parse(raw, &v) == IM_OK && im_json_int(&v, &n) == IM_OK ? n : 0;
}

int64_t meta_expires_ms(struct im_str meta, int64_t ts_ms)
{
	int64_t ttl_s;

	/* Most messages have no meta at all, and few of the others have a ttl. */
	if (meta.n == 0 || memmem(meta.p, meta.n, "\"ttl\"", 5) == NULL)
		return 0;
	ttl_s = meta_int(meta, "ttl");
	return ttl_s > 0 && ttl_s <= TTL_MAX_S ? ts_ms + ttl_s * 1000 : 0;
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
