/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the parsing and checking of requests. Called by the engine for each request record; must not
 * know what a method does. */
#include "bridge/rpc/rpc_request.h"

#include <string.h>

#include "bridge/rpc/rpc_args.h"
#include "bridge/rpc/rpc_check.h"
#include "common/jsonscan.h"
#include "common/limits.h"

/* A request's id is carried back as it is; longer ones are refused. */
#define REQUEST_ID_MAX 256

static int fail(struct rpc_request *r, int code, const char *why)
{
	im_buf_reset(&r->why);
	im_buf_z(&r->why, why);
	return code;
}

static int find_method(struct rpc_request *r, struct im_str name)
{
	r->method = r->find(name);
	if (r->method != NULL)
		return IM_OK;
	im_buf_printf(&r->why, "there is no method \"%.*s\"; see docs/METHODS.md for the list",
		IM_ARGS(rpc_clip(name, 64)));
	return IM_E_METHOD_NOT_FOUND;
}

/* text: one JSON value by the grammar, so depth and UTF-8 are bounded and right. */
static int take_params(struct rpc_request *r, struct im_str text)
{
	const char *fault = im_json_fault(text);
	json_error_t err;

	if (fault)
		return fail(r, IM_E_INVALID_PARAMS, fault);

	r->params = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &err);
	if (r->params != NULL)
		return rpc_check(r->method->name, r->method->params, r->params, "params.", &r->why);
	/* err.text quotes the input, which may be cut inside a character. */
	switch (json_error_code(&err)) {
	case json_error_duplicate_key:
		return fail(r, IM_E_INVALID_PARAMS, "a member is given twice; give it once");
	case json_error_numeric_overflow:
		return fail(r, IM_E_INVALID_PARAMS, "a number is out of the range of 64 bits");
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
	if (im_json_fault(v->raw))
		return fail(r, IM_E_INVALID_REQUEST, im_json_fault(v->raw));
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

	im_json_iter_any(object, &it);
	while (rc == IM_OK && im_json_next(&it, &key, &v))
		if (im_str_eqz(key, "id"))
			rc = take_id(r, &v);
	im_json_iter_any(object, &it);
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
	if (im_json_parse_any(payload, &v) != IM_OK)
		return fail(r, IM_E_PARSE, RPC_NOT_JSON);
	if (target.n > 0)
		return v.type == IM_JSON_OBJECT
			       ? take_params(r, payload)
			       : fail(r, IM_E_INVALID_PARAMS,
					 "the payload must be an object with the parameters");
	if (v.type != IM_JSON_OBJECT)
		return fail(r, IM_E_INVALID_REQUEST,
			"a request is a JSON-RPC 2.0 request object; only an array of them may "
			"stand around it");
	return parse_object(r, &v);
}

static void drop(struct rpc_request *r)
{
	if (r->params != NULL)
		json_decref(r->params);
	r->params = NULL;
	r->method = NULL;
}

void rpc_request_parse(
	rpc_find_fn find, struct im_str target, struct im_str payload, struct rpc_request *out)
{
	memset(out, 0, sizeof(*out));
	out->find = find;
	im_buf_init(&out->id, 0);
	im_buf_init(&out->why, 0);
	im_buf_z(&out->id, "null");
	out->code = parse(target, payload, out);
	if (out->code != IM_OK)
		drop(out);
}

void rpc_request_refuse(struct rpc_request *r, int code, struct im_str why, int64_t retry_ms)
{
	drop(r);
	im_buf_reset(&r->why);
	im_buf_str(&r->why, why);
	r->code = code;
	r->retry_ms = retry_ms;
}

void rpc_request_clear(struct rpc_request *r)
{
	if (r->params != NULL)
		json_decref(r->params);
	im_buf_free(&r->id);
	im_buf_free(&r->why);
	memset(r, 0, sizeof(*r));
}
