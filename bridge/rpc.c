/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns the list of methods, the parsing and checking of requests, and the form of replies. Called
 * by the engine for each request record; must not know what a method does.
 */
#include "rpc.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../common/jsonscan.h"
#include "../common/limits.h"
#include "../common/wire.h"
#include "rpc_args.h"
#include "rpc_block.h"
#include "rpc_conv.h"
#include "rpc_group.h"
#include "rpc_mark.h"
#include "rpc_member.h"
#include "rpc_presence.h"
#include "rpc_receipt.h"
#include "rpc_search.h"
#include "rpc_sync.h"
#include "rpc_user.h"

/* A request's id is carried back as it is; longer ones are refused. */
#define REQUEST_ID_MAX 256
/* What a reply needs around its result, and the frame around the reply. */
#define REPLY_BYTES_MAX (IM_FRAME_BYTES_MAX - 4096)

static const struct rpc_method *const topics[] = {
	rpc_sync_methods,
	rpc_conv_methods,
	rpc_mark_methods,
	rpc_user_methods,
	rpc_group_methods,
	rpc_member_methods,
	rpc_block_methods,
	rpc_presence_methods,
	rpc_receipt_methods,
	rpc_search_methods,
};

const struct rpc_method *rpc_find(struct im_str name)
{
	for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++)
		for (const struct rpc_method *m = topics[i]; m->name != NULL; m++)
			if (im_str_eqz(name, m->name))
				return m;
	return NULL;
}

/* -- checking parameters -- */

static const char *type_name(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
		return "an integer";
	case JSON_REAL:
		return "a fraction";
	case JSON_NULL:
		return "null";
	default:
		return "a boolean";
	}
}

static void say_range(struct im_buf *why, const struct rpc_param *p, const char *of)
{
	if (p->max == INT64_MAX)
		im_buf_printf(why, "%s from %" PRId64 " on", of, p->min);
	else
		im_buf_printf(why, "%s %" PRId64 "..%" PRId64, of, p->min, p->max);
}

static void say_wanted(struct im_buf *why, const struct rpc_param *p)
{
	switch (p->type) {
	case RPC_STRING:
		im_buf_z(why, "a string of ");
		say_range(why, p, "bytes");
		break;
	case RPC_INTEGER:
		say_range(why, p, "an integer");
		break;
	case RPC_BOOLEAN:
		im_buf_z(why, "true or false");
		break;
	case RPC_STRINGS:
		im_buf_z(why, "an array of strings, ");
		say_range(why, p, "elements");
		break;
	case RPC_INTEGERS:
		im_buf_z(why, "an array of integers, ");
		say_range(why, p, "elements");
		break;
	case RPC_OBJECT:
		im_buf_z(why, "an object");
		break;
	case RPC_ANY:
		im_buf_z(why, "any value");
		break;
	}
}

static bool elements_are(const json_t *v, bool strings)
{
	size_t i;
	json_t *e;

	json_array_foreach(
		v, i, e) if (strings ? !json_is_string(e) : !json_is_integer(e)) return false;
	return true;
}

static bool type_fits(const struct rpc_param *p, const json_t *v)
{
	switch (p->type) {
	case RPC_STRING:
		return json_is_string(v);
	case RPC_INTEGER:
		return json_is_integer(v);
	case RPC_BOOLEAN:
		return json_is_boolean(v);
	case RPC_STRINGS:
		return json_is_array(v) && elements_are(v, true);
	case RPC_INTEGERS:
		return json_is_array(v) && elements_are(v, false);
	case RPC_OBJECT:
		return json_is_object(v);
	default:
		return true;
	}
}

/* What is measured against min and max. */
static int64_t size_of(const struct rpc_param *p, const json_t *v)
{
	switch (p->type) {
	case RPC_STRING:
		return (int64_t)json_string_length(v);
	case RPC_INTEGER:
		return (int64_t)json_integer_value(v);
	case RPC_STRINGS:
	case RPC_INTEGERS:
		return (int64_t)json_array_size(v);
	default:
		return p->min;
	}
}

static int check_value(const struct rpc_param *p, const json_t *v, struct im_buf *why)
{
	int64_t size;

	if (!type_fits(p, v)) {
		im_buf_printf(why, "params.%s is %s%s; give ", p->name, type_name(v),
			json_is_array(v) ? " with other elements" : "");
		say_wanted(why, p);
		return IM_E_INVALID_PARAMS;
	}
	size = size_of(p, v);
	if (size >= p->min && size <= p->max)
		return IM_OK;
	im_buf_printf(why,
		p->type == RPC_INTEGER  ? "params.%s is %" PRId64 "; give "
		: p->type == RPC_STRING ? "params.%s has %" PRId64 " bytes; give "
					: "params.%s has %" PRId64 " elements; give ",
		p->name, size);
	say_wanted(why, p);
	return IM_E_INVALID_PARAMS;
}

static const struct rpc_param *param_find(const struct rpc_method *m, const char *name)
{
	for (const struct rpc_param *p = m->params; p->name != NULL; p++)
		if (strcmp(p->name, name) == 0)
			return p;
	return NULL;
}

static int refuse_unknown(const struct rpc_method *m, const char *name, struct im_buf *why)
{
	im_buf_printf(why, "params.%.*s is unknown; %s takes ", RPC_S(rpc_clip(im_str(name), 64)),
		m->name);
	for (const struct rpc_param *p = m->params; p->name != NULL; p++)
		im_buf_printf(why, "%s%s", p == m->params ? "" : ", ", p->name);
	if (m->params->name == NULL)
		im_buf_z(why, "none");
	return IM_E_INVALID_PARAMS;
}

static int check_params(const struct rpc_method *m, json_t *params, struct im_buf *why)
{
	const char *name;
	json_t *v;
	int rc;

	json_object_foreach(params, name, v)
	{
		const struct rpc_param *p = param_find(m, name);

		rc = p ? check_value(p, v, why) : refuse_unknown(m, name, why);
		if (rc != IM_OK)
			return rc;
	}
	for (const struct rpc_param *p = m->params; p->name != NULL; p++) {
		if (!p->required || json_object_get(params, p->name) != NULL)
			continue;
		im_buf_printf(why, "params.%s is missing; give ", p->name);
		say_wanted(why, p);
		return IM_E_INVALID_PARAMS;
	}
	return IM_OK;
}

/* -- requests -- */

static int fail(struct rpc_request *r, int code, const char *why)
{
	im_buf_reset(&r->why);
	im_buf_z(&r->why, why);
	return code;
}

static int find_method(struct rpc_request *r, struct im_str name)
{
	r->method = rpc_find(name);
	if (r->method != NULL)
		return IM_OK;
	im_buf_printf(&r->why, "there is no method \"%.*s\"; see docs/PROTOCOL.md for the list",
		RPC_S(rpc_clip(name, 64)));
	return IM_E_METHOD_NOT_FOUND;
}

/* text: one JSON value that the scanner has accepted, so depth and UTF-8 are bounded and right. */
static int take_params(struct rpc_request *r, struct im_str text)
{
	json_error_t err;

	r->params = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &err);
	if (r->params != NULL)
		return check_params(r->method, r->params, &r->why);
	/* err.text quotes the input, which may be cut inside a character. */
	switch (json_error_code(&err)) {
	case json_error_duplicate_key:
		return fail(r, IM_E_INVALID_PARAMS, "a member is given twice; give it once");
	case json_error_numeric_overflow:
		return fail(r, IM_E_INVALID_PARAMS, "a number is out of the range of 64 bits");
	case json_error_null_character:
	case json_error_null_byte_in_key:
		return fail(r, IM_E_INVALID_PARAMS, "a string holds \\u0000; leave it out");
	default:
		return fail(r, IM_E_INVALID_PARAMS, "the parameters cannot be read");
	}
}

static int take_id(struct rpc_request *r, const struct im_json *v)
{
	if (v->type != IM_JSON_STRING && v->type != IM_JSON_NUMBER && v->type != IM_JSON_NULL)
		return fail(r, IM_E_INVALID_REQUEST, "id is a string, a number or null");
	if (v->raw.n > REQUEST_ID_MAX)
		return fail(r, IM_E_INVALID_REQUEST, "id has at most 256 bytes");
	im_buf_reset(&r->id);
	im_buf_str(&r->id, v->raw);
	return IM_OK;
}

struct members {
	struct im_json method, params;
	bool has_method, has_params, has_version;
};

static int take_member(
	struct rpc_request *r, struct im_str key, const struct im_json *v, struct members *m)
{
	if (im_str_eqz(key, "jsonrpc")) {
		m->has_version = true;
		return im_str_eqz(v->raw, "\"2.0\"")
			       ? IM_OK
			       : fail(r, IM_E_INVALID_REQUEST, "jsonrpc must be \"2.0\"");
	}
	if (im_str_eqz(key, "id"))
		return IM_OK;
	if (im_str_eqz(key, "method")) {
		m->method = *v;
		m->has_method = true;
		return v->type == IM_JSON_STRING
			       ? IM_OK
			       : fail(r, IM_E_INVALID_REQUEST, "method must be a string");
	}
	if (im_str_eqz(key, "params")) {
		m->params = *v;
		m->has_params = true;
		return v->type == IM_JSON_OBJECT
			       ? IM_OK
			       : fail(r, IM_E_INVALID_PARAMS,
					 "params must be an object with named members");
	}
	return fail(r, IM_E_INVALID_REQUEST,
		"a request has the members jsonrpc, method, params and id only");
}

/* The id first, so that every later complaint can carry it. */
static int take_members(struct rpc_request *r, const struct im_json *object, struct members *m)
{
	struct im_json_iter it;
	struct im_str key;
	struct im_json v;
	int rc = IM_OK;

	im_json_iter(object, &it);
	while (rc == IM_OK && im_json_next(&it, &key, &v))
		if (im_str_eqz(key, "id"))
			rc = take_id(r, &v);
	im_json_iter(object, &it);
	while (rc == IM_OK && im_json_next(&it, &key, &v))
		rc = take_member(r, key, &v, m);
	if (rc != IM_OK)
		return rc;
	if (!m->has_version || !m->has_method)
		return fail(r, IM_E_INVALID_REQUEST,
			"give {\"jsonrpc\":\"2.0\",\"id\":..,\"method\":..,\"params\":{..}}");
	return IM_OK;
}

static int parse_object(struct rpc_request *r, const struct im_json *object)
{
	struct members m = {.has_method = false};
	struct im_buf name;
	int rc = take_members(r, object, &m);

	if (rc != IM_OK)
		return rc;
	im_buf_init(&name, 0);
	rc = im_json_text(&m.method, &name);
	if (rc == IM_OK)
		rc = find_method(r, im_buf_view(&name));
	else
		rc = fail(r, IM_E_INVALID_REQUEST, "method must be a string");
	im_buf_free(&name);
	if (rc == IM_OK)
		rc = take_params(r, m.has_params ? m.params.raw : IM_STR("{}"));
	return rc;
}

static int parse(struct im_str target, struct im_str payload, struct rpc_request *r)
{
	struct im_json v;
	int rc;

	if (target.n > 0) {
		rc = find_method(r, target);
		if (rc != IM_OK)
			return rc;
		if (payload.n == 0)
			payload = IM_STR("{}");
	}
	if (im_json_parse(payload, &v) != IM_OK)
		return fail(r, IM_E_PARSE,
			"the payload is not JSON (RFC 8259, UTF-8, at most 64 levels deep)");
	if (target.n > 0)
		return v.type == IM_JSON_OBJECT
			       ? take_params(r, payload)
			       : fail(r, IM_E_INVALID_PARAMS,
					 "the payload must be an object with the parameters");
	if (v.type != IM_JSON_OBJECT)
		return fail(r, IM_E_INVALID_REQUEST,
			"the payload must be one JSON-RPC 2.0 request object; batches are not "
			"taken");
	return parse_object(r, &v);
}

void rpc_request_parse(struct im_str target, struct im_str payload, struct rpc_request *out)
{
	memset(out, 0, sizeof(*out));
	im_buf_init(&out->id, 0);
	im_buf_init(&out->why, 0);
	im_buf_z(&out->id, "null");
	out->code = parse(target, payload, out);
	if (out->code == IM_OK)
		return;
	if (out->params != NULL)
		json_decref(out->params);
	out->params = NULL;
	out->method = NULL;
}

void rpc_request_clear(struct rpc_request *r)
{
	if (r->params != NULL)
		json_decref(r->params);
	im_buf_free(&r->id);
	im_buf_free(&r->why);
	memset(r, 0, sizeof(*r));
}

/* -- replies -- */

void rpc_reply_build(struct im_buf *out, struct im_str id_json, int code, struct im_str why,
	struct im_str result)
{
	if (code == IM_OK && result.n + id_json.n > REPLY_BYTES_MAX) {
		code = IM_E_TOO_LARGE;
		why = IM_STR("the result does not fit one reply; give a smaller limit");
	}
	im_buf_z(out, "{\"jsonrpc\":\"2.0\",\"id\":");
	im_buf_str(out, id_json.n ? id_json : IM_STR("null"));
	if (code == IM_OK) {
		im_buf_z(out, ",\"result\":");
		im_buf_str(out, result);
	} else {
		im_buf_z(out, ",\"error\":");
		im_wire_error(out, code, why);
	}
	im_buf_c(out, '}');
}
