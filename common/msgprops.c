/* SPDX-License-Identifier: BSD-3-Clause */
/* Encodes and decodes a message's properties. Called by the plugin's capture and downlink, and by
 * the bridge's intake and meta. What may be in them is decided elsewhere. */
#include "common/msgprops.h"

#include "common/limits.h"
#include "common/utf8.h"

#define HEAD (1 + 4 + 2)

static void put_text(struct im_buf *b, struct im_str s)
{
	if (s.n && memchr(s.p, '\0', s.n))
		b->failed = true;
	im_buf_str(b, s);
	im_buf_c(b, '\0');
}

void im_props_pair_put(struct im_buf *pairs, struct im_str name, struct im_str value)
{
	put_text(pairs, name);
	put_text(pairs, value);
}

void im_props_put(struct im_buf *b, const struct im_props *p)
{
	if (!p->format && !p->ttl_s && !p->corr.n && !p->content_type.n && !p->response_topic.n &&
		!p->pairs.n)
		return;
	if (p->corr.n > UINT16_MAX)
		b->failed = true;
	im_buf_le8(b, (uint8_t)p->format);
	im_buf_le32(b, p->ttl_s);
	im_buf_le16(b, (uint16_t)p->corr.n);
	im_buf_str(b, p->corr);
	put_text(b, p->content_type);
	put_text(b, p->response_topic);
	im_buf_str(b, p->pairs);
}

/* Takes a string and its NUL from *in; false: there is no NUL, or it is no text. */
static bool take_text(struct im_str *in, struct im_str *out)
{
	const char *end = in->n ? memchr(in->p, '\0', in->n) : NULL;

	if (!end)
		return false;
	*out = (struct im_str){in->p, (size_t)(end - in->p)};
	in->p += out->n + 1;
	in->n -= out->n + 1;
	return im_utf8_valid(*out);
}

bool im_props_pair(struct im_str *pairs, struct im_str *name, struct im_str *value)
{
	struct im_str rest = *pairs;

	if (!take_text(&rest, name) || !take_text(&rest, value))
		return false;
	*pairs = rest;
	return true;
}

static bool read_all(struct im_str in, struct im_props *out)
{
	struct im_str pairs, name, value;

	if (in.n < HEAD || im_le_get(in.p, 1) > IM_FORMAT_TEXT)
		return false;
	out->format = (enum im_format)im_le_get(in.p, 1);
	out->ttl_s = (uint32_t)im_le_get(in.p + 1, 4);
	out->corr = (struct im_str){in.p + HEAD, im_le_get(in.p + 5, 2)};
	if (out->ttl_s > IM_TTL_MAX_S || out->corr.n > in.n - HEAD)
		return false;
	in.p += HEAD + out->corr.n;
	in.n -= HEAD + out->corr.n;
	if (!take_text(&in, &out->content_type) || !take_text(&in, &out->response_topic))
		return false;
	out->pairs = pairs = in;
	while (im_props_pair(&pairs, &name, &value))
		;
	return pairs.n == 0;
}

int im_props_read(struct im_str in, struct im_props *out)
{
	*out = (struct im_props){0};
	if (in.n == 0 || read_all(in, out))
		return IM_OK;
	*out = (struct im_props){0};
	return IM_E_FORMAT;
}
