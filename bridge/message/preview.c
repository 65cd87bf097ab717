/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns where a body is cut. Called by whoever shows messages in short; must not know which, nor who
 * may see them. */
#include "bridge/message/preview.h"

#include "bridge/message/unicode.h"
#include "common/jsonscan.h"
#include "common/jsonw.h"

static size_t code_point(const char *p, const char *end)
{
	int32_t cp;

	return unicode_read(p, end, &cp);
}

/* As much of the text as `step` takes whole. */
static size_t fill(
	struct im_str text, size_t chars, size_t bytes, size_t (*step)(const char *, const char *))
{
	const char *end = text.p + text.n;
	size_t n = 0, room = bytes;

	for (size_t i = 0; i < chars && n < text.n; i++) {
		struct im_str one = {text.p + n, step(text.p + n, end)};
		size_t size = im_jsonw_size(one) - 2;

		if (size > room)
			break;
		room -= size;
		n += one.n;
	}
	return n;
}

struct im_str preview_text(struct im_str text, size_t chars, size_t bytes)
{
	size_t n = fill(text, chars, bytes, unicode_cluster);

	if (n == 0)
		n = fill(text, chars, bytes, code_point);
	return (struct im_str){text.p, n};
}

static void put_text(struct im_buf *b, struct im_str text, size_t bytes)
{
	struct im_str shown = preview_text(text, PREVIEW_CHARS, bytes);

	im_jsonw_member_str(b, "body", shown);
	if (shown.n < text.n)
		im_buf_z(b, ",\"cut\":true");
}

static void put_none(struct im_buf *b)
{
	im_buf_z(b, ",\"body\":null,\"cut\":true");
}

void preview_body(struct im_buf *b, enum im_enc enc, struct im_str body, size_t bytes)
{
	/* What strict parsers refuse is shown as the text that it is, as common/wire.c does. */
	if (enc == IM_ENC_TEXT || (enc == IM_ENC_JSON && body.n && im_json_fault(body))) {
		put_text(b, body, bytes);
	} else if (enc == IM_ENC_JSON) {
		if (body.n > bytes) {
			put_none(b);
			return;
		}
		im_buf_z(b, ",\"body\":");
		im_buf_str(b, body.n ? body : IM_STR("null"));
	} else {
		im_buf_z(b, ",\"enc\":\"base64\"");
		/* Base64 makes four bytes of three. */
		if (body.n > bytes / 4 * 3) {
			put_none(b);
			return;
		}
		im_buf_z(b, ",\"body\":\"");
		im_buf_base64(b, body.p, body.n);
		im_buf_c(b, '"');
	}
}
