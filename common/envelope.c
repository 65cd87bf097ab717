/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Decodes what a client sends. The bridge calls it once a message, so an object is walked once: its
 * members are checked and picked out in the same pass, and nothing is copied that has no escapes.
 */
#include "common/envelope.h"

#include "common/base64.h"
#include "common/ids.h"
#include "common/jsonscan.h"
#include "common/limits.h"
#include "common/utf8.h"

enum member { ID, TYPE, BODY, REPLY_TO, MENTIONS, TTL, EXT, ENC, MEMBERS };

static const struct im_str names[MEMBERS] = {
	[ID] = {"id", 2},
	[TYPE] = {"type", 4},
	[BODY] = {"body", 4},
	[REPLY_TO] = {"reply_to", 8},
	[MENTIONS] = {"mentions", 8},
	[TTL] = {"ttl", 3},
	[EXT] = {"ext", 3},
	[ENC] = {"enc", 3},
};

struct members {
	struct im_json v[MEMBERS];
	bool has[MEMBERS];
	struct im_str unknown; /* the first member that has no place here, as written */
	bool has_unknown;
	enum member twice; /* MEMBERS: none */
};

/* A name written with escapes ("\u0069d") is the same name. */
static enum member member_of(struct im_str key)
{
	char room[64];
	struct im_buf plain = {.p = room, .cap = sizeof(room), .max = sizeof(room)};
	struct im_json quoted = {IM_JSON_STRING, {key.p - 1, key.n + 2}};
	enum member m;

	if (key.n > sizeof(room))
		return MEMBERS;
	if (memchr(key.p, '\\', key.n)) {
		if (im_json_text(&quoted, &plain))
			return MEMBERS;
		key = im_buf_view(&plain);
	}
	for (m = 0; m < MEMBERS; m++) {
		if (im_str_eq(key, names[m]))
			return m;
	}
	return MEMBERS;
}

/* Sorts an object's members. False if the payload is no JSON object. any: as im_json_parse_any. */
static bool read_members(struct im_str payload, bool any, struct members *m)
{
	struct im_json object = {IM_JSON_OBJECT, payload};
	struct im_json_iter it;
	struct im_json value;
	struct im_str key;

	*m = (struct members){.twice = MEMBERS};
	if (any)
		im_json_iter_any(&object, &it);
	else
		im_json_iter(&object, &it);
	while (im_json_next(&it, &key, &value)) {
		enum member which = member_of(key);

		if (which == MEMBERS) {
			if (!m->has_unknown)
				m->unknown = key;
			m->has_unknown = true;
		} else if (m->has[which]) {
			m->twice = which;
		} else {
			m->has[which] = true;
			m->v[which] = value;
		}
	}
	return im_json_done(&it);
}

/* The decoded string: borrowed from the payload if it has no escapes. */
static int text_of(const struct im_json *v, struct im_buf *scratch, struct im_str *out)
{
	size_t start = scratch->n;
	int rc;

	if (v->type != IM_JSON_STRING)
		return IM_E_FORMAT;
	*out = (struct im_str){v->raw.p + 1, v->raw.n - 2};
	if (!memchr(out->p, '\\', out->n))
		return IM_OK;
	rc = im_json_text(v, scratch);
	if (rc)
		return rc;
	*out = (struct im_str){scratch->p + start, scratch->n - start};
	return IM_OK;
}

static int refuse(struct im_buf *why, const char *sentence)
{
	im_buf_z(why, sentence);
	return IM_E_INVALID_PARAMS;
}

static int refuse_unknown(struct im_buf *why, struct im_str name)
{
	size_t n = name.n < 40 ? name.n : 40;

	while (n < name.n && n > 0 && ((unsigned char)name.p[n] & 0xC0) == 0x80)
		n--;
	im_buf_z(why, "unknown member \"");
	im_buf_put(why, name.p, n);
	im_buf_z(why, n < name.n ? "...\"" : "\"");
	return refuse(why,
		"; an envelope has id, type, body, reply_to, mentions, ttl, ext and enc, "
		"and your own members go into ext");
}

static int refuse_twice(struct im_buf *why, enum member m)
{
	im_buf_z(why, "member \"");
	im_buf_str(why, names[m]);
	return refuse(why, "\" is given twice; give it once");
}

static int read_id(const struct members *m, struct im_buf *scratch, struct im_str *out)
{
	struct im_str id = {NULL, 0};
	int rc;

	if (!m->has[ID])
		return IM_OK;
	rc = text_of(&m->v[ID], scratch, &id);
	if (rc == IM_OK && !im_msgid_valid(id))
		rc = IM_E_FORMAT;
	if (rc == IM_OK)
		*out = id;
	return rc;
}

static int read_type(const struct members *m, struct im_buf *scratch, struct im_envelope *out)
{
	struct im_str type;
	int rc;

	if (!m->has[TYPE])
		return IM_OK;
	rc = text_of(&m->v[TYPE], scratch, &type);
	if (rc == IM_OK && !im_type_valid(type))
		rc = IM_E_FORMAT;
	if (rc == IM_OK)
		out->type = type;
	return rc;
}

static int read_range(const struct im_json *v, int64_t min, int64_t max, int64_t *out)
{
	int64_t n;

	if (im_json_int(v, &n) || n < min || n > max)
		return IM_E_FORMAT;
	*out = n;
	return IM_OK;
}

static int read_mentions(const struct members *m, struct im_buf *scratch, struct im_envelope *out)
{
	struct im_json_iter it;
	struct im_json v;
	size_t start = scratch->n;
	int count = 0;

	if (m->v[MENTIONS].type != IM_JSON_ARRAY)
		return IM_E_FORMAT;
	im_json_iter(&m->v[MENTIONS], &it);
	while (im_json_next(&it, NULL, &v)) {
		struct im_str uid;
		int rc = ++count > IM_MENTIONS_MAX ? IM_E_FORMAT : text_of(&v, scratch, &uid);

		if (rc)
			return rc;
		if (!im_uid_valid(uid))
			return IM_E_FORMAT;
		if (im_str_eq(uid, IM_STR("all")))
			out->mentions_all = true;
		scratch->n = start;
	}
	out->mentions = m->v[MENTIONS].raw;
	return IM_OK;
}

/* The bytes of a base64 string, in scratch. */
static int bytes_of(const struct im_json *v, struct im_buf *scratch, struct im_str *out)
{
	size_t start = scratch->n;
	size_t n;
	struct im_str in;
	int rc = text_of(v, scratch, &in);

	if (rc)
		return rc;
	*out = (struct im_str){NULL, 0};
	if (in.n == 0)
		return IM_OK;
	/* Text that had escapes lies in scratch already, and is decoded where it lies. */
	if (scratch->n == start && !im_buf_add(scratch, in.n))
		return IM_E_NOMEM;
	rc = im_base64_decode(in, scratch->p + start, &n);
	scratch->n = start + n;
	*out = (struct im_str){scratch->p + start, n};
	return rc;
}

static int read_body(const struct members *m, struct im_buf *scratch, struct im_envelope *out)
{
	const struct im_json *body = &m->v[BODY];
	struct im_str text;
	int rc;

	out->enc = IM_ENC_JSON;
	out->body = body->raw;
	if (m->has[ENC]) {
		rc = text_of(&m->v[ENC], scratch, &text);
		if (rc == IM_OK && !im_str_eq(text, IM_STR("base64")))
			rc = IM_E_FORMAT;
		out->enc = IM_ENC_BYTES;
		return rc ? rc : bytes_of(body, scratch, &out->body);
	}
	if (body->type != IM_JSON_STRING)
		return IM_OK;
	rc = text_of(body, scratch, &text);
	out->enc = IM_ENC_TEXT;
	out->body = text;
	return rc;
}

/* Lines up what is kept beside the body; the values as they were written. */
static int build_meta(const struct members *m, struct im_buf *scratch, struct im_str *out)
{
	static const enum member kept[] = {REPLY_TO, MENTIONS, TTL, EXT};
	size_t start = scratch->n;
	size_t i;

	for (i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		if (!m->has[kept[i]])
			continue;
		if (scratch->n > start)
			im_buf_c(scratch, ',');
		im_buf_c(scratch, '"');
		im_buf_str(scratch, names[kept[i]]);
		im_buf_put(scratch, "\":", 2);
		im_buf_str(scratch, m->v[kept[i]].raw);
	}
	if (scratch->failed)
		return IM_E_NOMEM;
	if (scratch->n > start)
		*out = (struct im_str){scratch->p + start, scratch->n - start};
	return IM_OK;
}

/* What is wrong with the members that have a value of their own kind, or NULL. */
static int read_values(const struct members *m, struct im_buf *scratch, struct im_envelope *out,
	const char **wrong_out)
{
	int rc = read_type(m, scratch, out);

	*wrong_out =
		"type must be a string of 1 to 32 of a-z 0-9 . _ - and none of the server's own "
		"(system, recall, edit, react, recalled, expired)";
	if (rc)
		return rc;
	*wrong_out = "reply_to must be the seq of a message, an integer from 1";
	if (m->has[REPLY_TO] && read_range(&m->v[REPLY_TO], 1, INT64_MAX, &out->reply_to))
		return IM_E_FORMAT;
	*wrong_out = "ttl must be an integer from 1 to 31536000, in seconds";
	if (m->has[TTL] && read_range(&m->v[TTL], 1, IM_TTL_MAX_S, &out->ttl_s))
		return IM_E_FORMAT;
	*wrong_out = "ext must be an object";
	if (m->has[EXT] && m->v[EXT].type != IM_JSON_OBJECT)
		return IM_E_FORMAT;
	*wrong_out = "mentions must be an array of at most 100 user ids or \"all\"";
	rc = m->has[MENTIONS] ? read_mentions(m, scratch, out) : IM_OK;
	if (rc)
		return rc;
	*wrong_out = "enc must be \"base64\", and body then a string of padded base64";
	return read_body(m, scratch, out);
}

static int read_envelope(const struct members *m, struct im_buf *scratch, struct im_envelope *out,
	struct im_buf *why)
{
	const char *wrong = "id must be a string of 1 to 64 bytes without control characters";
	int rc = read_id(m, scratch, &out->id);

	if (rc == IM_E_NOMEM)
		return rc;
	if (m->has_unknown)
		return refuse_unknown(why, m->unknown);
	if (m->twice != MEMBERS)
		return refuse_twice(why, m->twice);
	if (rc == IM_OK)
		rc = read_values(m, scratch, out, &wrong);
	if (rc == IM_OK)
		rc = build_meta(m, scratch, &out->meta);
	return rc == IM_E_FORMAT ? refuse(why, wrong) : rc;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct im_str trim(struct im_str s)
{
	while (s.n && is_space(s.p[0]))
		s = (struct im_str){s.p + 1, s.n - 1};
	while (s.n && is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

/* A payload that is no JSON is the body itself. Text with a NUL byte is rather something binary,
 * and many a client's strings would end there. */
static void read_plain(struct im_str payload, struct im_envelope *out)
{
	bool nul = payload.n && memchr(payload.p, '\0', payload.n);

	out->body = payload;
	out->enc = !nul && im_utf8_valid(payload) ? IM_ENC_TEXT : IM_ENC_BYTES;
}

/* What cannot be taken as JSON: text, or bytes. But an envelope was meant as one, and whoever wrote
 * it is told what no strict parser would read. */
static int read_no_json(struct im_str payload, struct im_str s, struct im_buf *scratch,
	struct im_envelope *out, struct im_buf *why)
{
	const char *fault = s.n && s.p[0] == '{' ? im_json_fault(s) : NULL;
	struct members m;

	if (!fault || !read_members(s, true, &m) || !m.has[BODY]) {
		read_plain(payload, out);
		return IM_OK;
	}
	if (read_id(&m, scratch, &out->id) == IM_E_NOMEM)
		return IM_E_NOMEM;
	return refuse(why, fault);
}

int im_envelope_parse(
	struct im_str payload, struct im_buf *scratch, struct im_envelope *out, struct im_buf *why)
{
	struct im_str s = trim(payload);
	bool object = s.n && s.p[0] == '{';
	struct members m;
	struct im_json v;

	im_buf_reset(scratch);
	*out = (struct im_envelope){0};
	if (object ? !read_members(s, false, &m) : im_json_parse(s, &v))
		return read_no_json(payload, s, scratch, out, why);
	if (!object || !m.has[BODY]) {
		out->enc = IM_ENC_JSON;
		out->body = s;
		return IM_OK;
	}
	/* Nothing that is decoded is longer than its source: no later write moves an earlier one.
	 */
	if (!im_buf_reserve(scratch, payload.n + 64))
		return IM_E_NOMEM;
	return read_envelope(&m, scratch, out, why);
}

struct im_str im_envelope_id(struct im_str payload, struct im_buf *scratch)
{
	struct im_str id = {NULL, 0};
	struct members m;

	im_buf_reset(scratch);
	if (read_members(trim(payload), true, &m) && m.has[BODY] &&
		read_id(&m, scratch, &id) == IM_OK)
		return id;
	return (struct im_str){NULL, 0};
}

struct im_str im_type_default(enum im_enc enc)
{
	switch (enc) {
	case IM_ENC_TEXT:
		return IM_STR("text");
	case IM_ENC_JSON:
		return IM_STR("json");
	default:
		return IM_STR("binary");
	}
}
