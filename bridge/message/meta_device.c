/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by intake, which puts them there, by fanout.c and sync, which go by them, and by whatever
 * looks for a message's place among those of its sender. */
#include "bridge/message/meta_device.h"

#include <string.h>

#include "bridge/message/meta.h"
#include "common/jsonscan.h"
#include "common/jsonw.h"

void meta_device_put(struct im_buf *meta, const char *key, struct im_str device)
{
	if (!device.n)
		return;
	if (meta->n)
		im_buf_c(meta, ',');
	im_buf_c(meta, '"');
	im_buf_z(meta, key);
	im_buf_z(meta, "\":");
	im_jsonw_str(meta, device);
}

struct im_str meta_device_raw(struct im_str meta, const char *key)
{
	/* Text that only looks like it, in a sender's own `ext`, is told apart by meta_get. */
	if (!meta.n || !memmem(meta.p, meta.n, key, strlen(key)))
		return (struct im_str){NULL, 0};
	return meta_get(meta, key);
}

struct im_str meta_device_get(struct im_str meta, const char *key, char out[IM_DEVICE_MAX])
{
	const struct im_json v = {IM_JSON_STRING, meta_device_raw(meta, key)};
	struct im_str found = {out, 0};
	struct im_buf text;

	if (!v.raw.n)
		return found;
	im_buf_init(&text, 0);
	if (im_json_text(&v, &text) == IM_OK && text.n <= IM_DEVICE_MAX && !text.failed) {
		memcpy(out, text.p, text.n);
		found.n = text.n;
	}
	im_buf_free(&text);
	return found;
}

void meta_device_follow(
	struct im_buf *meta, struct im_str message, bool by_sender, struct im_str by)
{
	char text[IM_DEVICE_MAX];

	meta_device_put(meta, META_TO_DEVICE,
		meta_device_get(message, by_sender ? META_TO_DEVICE : META_FROM_DEVICE, text));
	meta_device_put(meta, META_FROM_DEVICE, by);
}

bool meta_device_concerns(struct im_str meta, struct im_str device, bool own)
{
	const char *key = own ? META_FROM_DEVICE : META_TO_DEVICE;
	char text[IM_DEVICE_MAX];

	return !meta_device_raw(meta, key).n || im_str_eq(meta_device_get(meta, key, text), device);
}
