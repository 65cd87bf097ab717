/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The JSON that clients receive. The bridge builds each stored message's tail once, whatever the
 * number of recipients; the plugin and the RPC handlers put it behind the conversation's name.
 */
#include "common/wire.h"

#include "common/err.h"
#include "common/jsonscan.h"
#include "common/jsonw.h"
#include "common/limits.h"

/* Seven members' names, four numbers and the punctuation fit here; the strings come on top. */
#define TAIL_FIXED 160

/* What an older version took and strict parsers refuse is shown as the text that it is: one such
 * message would make a page unreadable. Never a member without a value, whatever was stored. */
static void put_json(struct im_buf *b, struct im_str json)
{
	if (json.n == 0)
		im_buf_str(b, IM_STR("null"));
	else if (im_json_fault(json))
		im_jsonw_str(b, json);
	else
		im_buf_str(b, json);
}

/* The members of an object that the server has made, of which some hold what a client wrote. */
static void put_members(
	struct im_buf *b, const struct im_json *object, bool leave_out, struct im_str comma)
{
	struct im_json_iter it;
	struct im_json v;
	struct im_str key;

	im_json_iter_any(object, &it);
	while (im_json_next(&it, &key, &v)) {
		if (leave_out && im_json_fault(v.raw))
			continue;
		im_buf_str(b, comma);
		im_buf_c(b, '"');
		im_buf_str(b, key);
		im_buf_put(b, "\":", 2);
		put_json(b, v.raw);
		comma = IM_STR(",");
	}
}

/* An edit carries the two bodies within one of its own. */
static void put_edit(struct im_buf *b, struct im_str json)
{
	struct im_json object;

	if (!im_json_fault(json) || im_json_parse_any(json, &object) != IM_OK ||
		object.type != IM_JSON_OBJECT) {
		put_json(b, json);
		return;
	}
	im_buf_c(b, '{');
	put_members(b, &object, false, IM_STR(""));
	im_buf_c(b, '}');
}

/* `ext` is the one member that a client has written; an older one may hold what strict parsers
 * refuse, and is left out then. */
static void put_meta(struct im_buf *b, struct im_str meta)
{
	struct im_buf text;
	struct im_json object;

	im_buf_init(&text, 0);
	if (meta.n && memmem(meta.p, meta.n, "\"ext\":", 6)) {
		im_buf_c(&text, '{');
		im_buf_str(&text, meta);
		im_buf_c(&text, '}');
	}
	if (text.n && im_json_fault(im_buf_view(&text)) &&
		im_json_parse_any(im_buf_view(&text), &object) == IM_OK) {
		put_members(b, &object, true, IM_STR(","));
	} else if (meta.n) {
		im_buf_c(b, ',');
		im_buf_str(b, meta);
	}
	b->failed |= text.failed;
	im_buf_free(&text);
}

static void put_body(struct im_buf *b, const struct im_wire_msg *m)
{
	switch (m->enc) {
	case IM_ENC_TEXT:
		im_jsonw_str(b, m->body);
		return;
	case IM_ENC_JSON:
		if (im_str_eqz(m->type, "edit"))
			put_edit(b, m->body);
		else
			put_json(b, m->body);
		return;
	default:
		im_buf_c(b, '"');
		im_buf_base64(b, m->body.p, m->body.n);
		im_buf_c(b, '"');
		return;
	}
}

void im_wire_tail(struct im_buf *b, const struct im_wire_msg *m)
{
	/* One allocation for the usual message; one that escapes or encodes much grows again. */
	if (!im_buf_reserve(
		    b, TAIL_FIXED + m->from.n + m->id.n + m->type.n + m->meta.n + m->body.n))
		return;
	im_buf_str(b, IM_STR(",\"seq\":"));
	im_buf_u64(b, m->seq);
	im_buf_str(b, IM_STR(",\"from\":"));
	im_jsonw_str(b, m->from);
	if (m->from_name.p)
		im_jsonw_member_str(b, "from_name", m->from_name);
	im_buf_str(b, IM_STR(",\"ts\":"));
	im_buf_i64(b, m->ts_ms);
	if (m->id.n) {
		im_buf_str(b, IM_STR(",\"id\":"));
		im_jsonw_str(b, m->id);
	}
	im_buf_str(b, IM_STR(",\"type\":"));
	im_jsonw_str(b, im_type_shown(m->type, m->enc));
	if (m->enc == IM_ENC_BYTES)
		im_buf_str(b, IM_STR(",\"enc\":\"base64\""));
	put_meta(b, m->meta);
	im_buf_str(b, IM_STR(",\"cursor\":\""));
	im_cursor_put(b, m->cursor);
	im_buf_str(b, IM_STR("\",\"body\":"));
	put_body(b, m);
	im_buf_c(b, '}');
}

void im_wire_message(struct im_buf *b, struct im_str conv, const struct im_wire_msg *m)
{
	im_buf_str(b, IM_STR("{\"conv\":"));
	im_jsonw_str(b, conv);
	im_wire_tail(b, m);
}

static void put_str_or_null(struct im_buf *b, struct im_str s)
{
	if (s.n)
		im_jsonw_str(b, s);
	else
		im_buf_str(b, IM_STR("null"));
}

static void put_id_conv(struct im_buf *b, struct im_str id, struct im_str conv)
{
	im_buf_str(b, IM_STR("{\"id\":"));
	put_str_or_null(b, id);
	im_buf_str(b, IM_STR(",\"conv\":"));
	put_str_or_null(b, conv);
}

bool im_wire_fits(struct im_str meta, enum im_enc enc, struct im_str body)
{
	size_t n = meta.n;

	if (enc == IM_ENC_TEXT)
		n += body.n > IM_MESSAGE_BYTES_MAX / 6 ? im_jsonw_size(body) : 6 * body.n;
	else
		n += enc == IM_ENC_JSON ? body.n : (body.n + 2) / 3 * 4;
	return n <= IM_MESSAGE_BYTES_MAX;
}

void im_wire_ack(struct im_buf *b, struct im_str id, struct im_str conv, uint64_t seq,
	int64_t ts_ms, struct im_str dropped)
{
	put_id_conv(b, id, conv);
	im_buf_str(b, IM_STR(",\"seq\":"));
	im_buf_u64(b, seq);
	im_buf_str(b, IM_STR(",\"ts\":"));
	im_buf_i64(b, ts_ms);
	if (dropped.n) {
		im_buf_str(b, IM_STR(",\"dropped_mentions\":"));
		im_buf_str(b, dropped);
	}
	im_buf_c(b, '}');
}

void im_wire_refusal(
	struct im_buf *b, struct im_str id, struct im_str conv, int code, struct im_str why)
{
	put_id_conv(b, id, conv);
	im_buf_str(b, IM_STR(",\"error\":"));
	im_wire_error(b, code, why);
	im_buf_c(b, '}');
}

static void put_error(struct im_buf *b, int code, struct im_str why)
{
	im_buf_str(b, IM_STR("{\"code\":"));
	im_buf_i64(b, code);
	im_buf_str(b, IM_STR(",\"message\":\""));
	im_buf_z(b, im_err_text(code));
	if (why.n) {
		im_buf_put(b, ": ", 2);
		im_jsonw_part(b, why);
	}
	im_buf_c(b, '"');
}

void im_wire_error(struct im_buf *b, int code, struct im_str why)
{
	put_error(b, code, why);
	im_buf_c(b, '}');
}

void im_wire_error_retry(struct im_buf *b, int code, struct im_str why, int64_t retry_ms)
{
	put_error(b, code, why);
	im_buf_str(b, IM_STR(",\"data\":{\"retry_ms\":"));
	im_buf_i64(b, retry_ms);
	im_buf_put(b, "}}", 2);
}

void im_wire_device(struct im_buf *b, const char *action, struct im_str device, struct im_str by)
{
	im_buf_printf(b, IM_DEVICE_BEGIN "\"%s\"", action);
	im_jsonw_member_str(b, "device", device);
	if (by.n)
		im_jsonw_member_str(b, "by", by);
	im_buf_c(b, '}');
}

void im_wire_end(struct im_buf *b, struct im_str device, enum im_end why)
{
	static const struct {
		const char *reason, *retry;
	} ends[IM_ENDS] = {
		[IM_END_KICKED] = {"kicked", "later"},
		[IM_END_REMOVED] = {"removed", "no"},
		[IM_END_REPLACED] = {"replaced", "no"},
		[IM_END_EXPIRED] = {"expired", "token"},
		[IM_END_PASSWORD] = {"password", "token"},
		[IM_END_DISABLED] = {"disabled", "no"},
		[IM_END_DELETED] = {"deleted", "no"},
		[IM_END_MOVED] = {"moved", "no"},
		[IM_END_CONTESTED] = {"contested", "later"},
		[IM_END_LIMIT] = {"max_devices", "no"},
	};

	im_buf_z(b, IM_END_BEGIN);
	im_jsonw_str(b, device);
	im_buf_printf(b, ",\"reason\":\"%s\",\"retry\":\"%s\"}", ends[why].reason, ends[why].retry);
}

static char *put_digits(char *at, uint64_t v)
{
	char digits[IM_DIGITS_MAX];
	size_t begin = im_digits(digits, v);

	return mempcpy(at, digits + begin, sizeof(digits) - begin);
}

/* What follows the number. */
static size_t put_safe(char *out, char *at, bool all, uint64_t safe)
{
	if (!all) {
		at = put_digits(mempcpy(at, ",\"safe\":\"", 9), safe);
		*at++ = '"';
	}
	return (size_t)(at - out);
}

size_t im_wire_step(char out[IM_WIRE_STEP_MAX], uint64_t n, bool all, uint64_t safe)
{
	return put_safe(out, put_digits(mempcpy(out, "\"n\":", 4), n), all, safe);
}

size_t im_wire_step_own(char out[IM_WIRE_STEP_MAX], uint64_t n, bool all, uint64_t safe)
{
	return put_safe(out, put_digits(mempcpy(out, "\"device_n\":", 11), n), all, safe);
}

static bool ends_with(struct im_str s, struct im_str end)
{
	return s.n > end.n && memcmp(s.p + s.n - end.n, end.p, end.n) == 0;
}

void im_wire_hello(
	struct im_buf *b, struct im_str hello, bool behind, uint64_t n, struct im_str epoch)
{
	const struct im_str not_behind = IM_STR(IM_HELLO_NOT_BEHIND);

	if (behind && ends_with(hello, not_behind)) {
		im_buf_put(b, hello.p, hello.n - not_behind.n);
		im_buf_str(b, IM_STR(IM_HELLO_BEHIND));
	} else {
		im_buf_str(b, hello);
	}
	if (!epoch.n || b->failed || !b->n)
		return;
	b->n--;
	im_buf_str(b, IM_STR(",\"n\":"));
	im_buf_u64(b, n);
	im_buf_str(b, IM_STR(",\"epoch\":"));
	im_jsonw_str(b, epoch);
	im_buf_c(b, '}');
}

void im_wire_hello_own(struct im_buf *b, uint64_t n)
{
	if (b->failed || !b->n)
		return;
	b->n--;
	im_buf_str(b, IM_STR(",\"device_n\":"));
	im_buf_u64(b, n);
	im_buf_c(b, '}');
}

void im_cursor_put(struct im_buf *b, uint64_t pos)
{
	im_buf_u64(b, pos);
}

int im_cursor_parse(struct im_str s, uint64_t *pos_out)
{
	uint64_t pos = 0;
	size_t i;

	/* 19 digits hold every log position (63 bits); leading zeros would give one two names. */
	if (s.n > 19 || (s.n > 1 && s.p[0] == '0'))
		return IM_E_INVALID_PARAMS;
	for (i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return IM_E_INVALID_PARAMS;
		pos = pos * 10 + (uint64_t)(s.p[i] - '0');
	}
	if (pos > INT64_MAX)
		return IM_E_INVALID_PARAMS;
	*pos_out = pos;
	return IM_OK;
}
