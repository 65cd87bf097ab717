/* SPDX-License-Identifier: BSD-3-Clause */
/* Turns properties into JSON members and back. Called by intake, the fan-out and forwarding. Knows
 * neither bounds nor rights: the plugin has held the sender to them. */
#include "bridge/message/meta_props.h"

#include "bridge/message/meta.h"
#include "common/base64.h"
#include "common/jsonscan.h"
#include "common/jsonw.h"
#include "common/limits.h"

#define CONTENT_TYPE "content_type"
#define FORMAT "format"
#define PROPS "props"
#define RESPONSE_TOPIC "response_topic"
#define CORRELATION "correlation"

static void begin(struct im_buf *meta, const char *key)
{
	if (meta->n)
		im_buf_c(meta, ',');
	im_jsonw_key(meta, key);
}

static void put_text(struct im_buf *meta, const char *key, struct im_str text)
{
	if (!text.n)
		return;
	begin(meta, key);
	im_jsonw_str(meta, text);
}

static void put_pairs(struct im_buf *meta, struct im_str pairs)
{
	struct im_str name, value;
	bool first = true;

	begin(meta, PROPS);
	im_buf_c(meta, '[');
	while (im_props_pair(&pairs, &name, &value)) {
		im_buf_z(meta, first ? "[" : ",[");
		first = false;
		im_jsonw_str(meta, name);
		im_buf_c(meta, ',');
		im_jsonw_str(meta, value);
		im_buf_c(meta, ']');
	}
	im_buf_c(meta, ']');
}

void meta_props_put(struct im_buf *meta, const struct im_props *p)
{
	put_text(meta, CONTENT_TYPE, p->content_type);
	if (p->format) {
		begin(meta, FORMAT);
		im_buf_c(meta, p->format == IM_FORMAT_TEXT ? '1' : '0');
	}
	if (p->pairs.n)
		put_pairs(meta, p->pairs);
	put_text(meta, RESPONSE_TOPIC, p->response_topic);
	if (p->corr.n) {
		begin(meta, CORRELATION);
		im_buf_c(meta, '"');
		im_buf_base64(meta, p->corr.p, p->corr.n);
		im_buf_c(meta, '"');
	}
}

/* ---- back ---- */

/* What is decoded for one message. */
struct decoded {
	struct im_buf pairs, name, value, topic;
	char corr[(IM_CORRELATION_MAX + 2) / 3 * 3];
	size_t corr_n;
};

static bool text_of(const struct im_json *v, struct im_buf *b)
{
	im_buf_reset(b);
	return im_json_text(v, b) == IM_OK;
}

static void get_pair(struct decoded *d, const struct im_json *pair)
{
	struct im_json_iter it;
	struct im_json name, value;

	im_json_iter(pair, &it);
	if (im_json_next(&it, NULL, &name) && im_json_next(&it, NULL, &value) &&
		text_of(&name, &d->name) && text_of(&value, &d->value))
		im_props_pair_put(&d->pairs, im_buf_view(&d->name), im_buf_view(&d->value));
}

static void get_pairs(struct decoded *d, struct im_str raw)
{
	struct im_json_iter it;
	struct im_json all, pair;

	if (!raw.n || im_json_parse(raw, &all) || all.type != IM_JSON_ARRAY)
		return;
	im_json_iter(&all, &it);
	while (im_json_next(&it, NULL, &pair)) {
		if (pair.type == IM_JSON_ARRAY)
			get_pair(d, &pair);
	}
}

/* No base64 of ours has escapes. */
static void get_correlation(struct decoded *d, struct im_str raw)
{
	if (raw.n < 2 || (raw.n - 2) / 4 * 3 > sizeof(d->corr) ||
		im_base64_decode((struct im_str){raw.p + 1, raw.n - 2}, d->corr, &d->corr_n))
		d->corr_n = 0;
}

static bool has(struct im_str meta, const char *quoted)
{
	return memmem(meta.p, meta.n, quoted, strlen(quoted)) != NULL;
}

static void get_all(struct im_str meta, struct im_buf *out)
{
	struct decoded d = {0};
	struct im_str raw = meta_get(meta, RESPONSE_TOPIC);
	struct im_json topic;

	if (raw.n && (im_json_parse(raw, &topic) || !text_of(&topic, &d.topic)))
		im_buf_reset(&d.topic);
	get_pairs(&d, meta_get(meta, PROPS));
	get_correlation(&d, meta_get(meta, CORRELATION));
	if (d.pairs.failed || d.topic.failed)
		out->failed = true;
	im_props_put(out, &(struct im_props){.corr = {d.corr, d.corr_n},
				  .response_topic = im_buf_view(&d.topic),
				  .pairs = im_buf_view(&d.pairs)});
	im_buf_free(&d.pairs);
	im_buf_free(&d.name);
	im_buf_free(&d.value);
	im_buf_free(&d.topic);
}

void meta_props_get(struct im_str meta, struct im_buf *out)
{
	if (meta.n && (has(meta, "\"" PROPS "\":") || has(meta, "\"" RESPONSE_TOPIC "\":") ||
			      has(meta, "\"" CORRELATION "\":")))
		get_all(meta, out);
}

void meta_props_of_body(struct im_buf *out, struct im_str meta)
{
	static const char *const keys[] = {CONTENT_TYPE, FORMAT};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct im_str raw = meta_get(meta, keys[i]);

		if (!raw.n)
			continue;
		begin(out, keys[i]);
		im_buf_str(out, raw);
	}
}
