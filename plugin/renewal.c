/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by capture.c for each request. Who the token lets in is auth.c's. */
#include "plugin/renewal.h"

#include <stdio.h>

#include "common/jsonscan.h"
#include "plugin/arrival.h"
#include "plugin/ending.h"
#include "plugin/refusal.h"

#define METHOD "session.token"

static int fail(struct plugin *p, int code, const char *why)
{
	im_buf_z(&p->why, why);
	return code;
}

/* ---- whether it is one ---- */

/* Escapes are another way to write a name. One for which there is no memory may be it. */
static bool is_text(const struct im_json *v, const char *want)
{
	struct im_buf b;
	bool is;

	if (v->type != IM_JSON_STRING || v->raw.n < strlen(want))
		return false;
	im_buf_init(&b, 0);
	is = im_json_text(v, &b) == IM_OK ? im_str_eqz(im_buf_view(&b), want) : b.failed;
	im_buf_free(&b);
	return is;
}

/* Wherever the name stands: a request that is wrong holds its token all the same. */
static bool asks(const struct im_json *request)
{
	struct im_json_iter it;
	struct im_json v;
	bool found = false;

	if (request->type != IM_JSON_OBJECT && request->type != IM_JSON_ARRAY)
		return false;
	im_json_iter_any(request, &it);
	while (!found && im_json_next(&it, NULL, &v))
		found = is_text(&v, METHOD);
	return found;
}

/* A request, or several in one array. */
static bool any_asks(const struct im_json *v)
{
	struct im_json_iter it;
	struct im_json e;
	bool found = asks(v);

	if (v->type != IM_JSON_ARRAY)
		return found;
	im_json_iter_any(v, &it);
	while (!found && im_json_next(&it, NULL, &e))
		found = asks(&e);
	return found;
}

bool renewal_is(struct im_str method, struct im_str payload)
{
	const struct im_str name = IM_STR(METHOD);
	bool plain;
	struct im_json v;

	if (method.n)
		return im_str_eq(method, name);
	if (!payload.n)
		return false;
	plain = memmem(payload.p, payload.n, name.p, name.n);
	if (!plain && !memchr(payload.p, '\\', payload.n))
		return false;
	return im_json_parse_any(payload, &v) ? plain : any_asks(&v);
}

/* ---- what it asks for ---- */

/* The parameters of a request that names its method itself. */
static int find_params(struct plugin *p, const struct im_json *request, struct im_json *out)
{
	bool version = false, method = false, params = false;
	struct im_json_iter it;
	struct im_str key;
	struct im_json v;

	if (request->type == IM_JSON_ARRAY)
		return fail(p, IM_E_INVALID_REQUEST,
			METHOD " is asked for alone, not together with other requests");
	im_json_iter(request, &it);
	while (im_json_next(&it, &key, &v)) {
		if (im_str_eqz(key, "params")) {
			params = true;
			*out = v;
		} else if (im_str_eqz(key, "jsonrpc")) {
			version = is_text(&v, "2.0");
		} else if (im_str_eqz(key, "method")) {
			method = is_text(&v, METHOD);
		} else if (!im_str_eqz(key, "id")) {
			return fail(p, IM_E_INVALID_REQUEST,
				"a request has the members jsonrpc, method, params and id only");
		}
	}
	if (!version || !method)
		return fail(p, IM_E_INVALID_REQUEST,
			"give {\"jsonrpc\":\"2.0\",\"id\":..,\"method\":\"" METHOD
			"\",\"params\":{\"token\":..}}");
	return params ? IM_OK : fail(p, IM_E_INVALID_PARAMS, "params.token is missing; give it");
}

static int find_token(struct plugin *p, const struct im_json *params, struct im_buf *out)
{
	struct im_json_iter it;
	struct im_str key;
	struct im_json v;
	bool found = false;

	if (params->type != IM_JSON_OBJECT)
		return fail(p, IM_E_INVALID_PARAMS, "params must be an object with named members");
	im_json_iter(params, &it);
	while (im_json_next(&it, &key, &v)) {
		if (!im_str_eqz(key, "token"))
			return fail(p, IM_E_INVALID_PARAMS,
				"the only parameter is token; leave out others");
		if (found)
			return fail(
				p, IM_E_INVALID_PARAMS, "a member is given twice; give it once");
		if (im_json_text(&v, out))
			return fail(p, IM_E_INVALID_PARAMS, "params.token must be a string");
		found = true;
	}
	return found ? IM_OK : fail(p, IM_E_INVALID_PARAMS, "params.token is missing; give it");
}

static int read_request(struct plugin *p, const struct renewal *r, struct im_buf *token)
{
	struct im_json v, params;
	int code = IM_OK;

	if (im_json_parse(r->payload, &v)) {
		const char *fault = im_json_fault(r->payload);

		return fault ? fail(p, IM_E_INVALID_PARAMS, fault)
			     : fail(p, IM_E_PARSE, "the request is not JSON");
	}
	params = v;
	if (!r->method.n)
		code = find_params(p, &v, &params);
	return code ? code : find_token(p, &params, token);
}

/* ---- the token ---- */

static int refuse(struct plugin *p, const struct session *e, const struct denial *no)
{
	struct log_text user;
	struct log_device client;

	if (log_gate(&p->gates.login, clock_mono_us(&p->clock) / 1000, "tokens refused"))
		log_line(LOG_LEVEL_NOTICE, "token refused user=%s client=%s: %s",
			log_text(&user, session_uid(e)), log_device(&client, session_device(e)),
			no->why);
	if (no->kind != DENIAL_LASTING) {
		im_buf_printf(&p->why,
			"the token cannot be looked at now (%s); send it again in a moment",
			no->why);
		return IM_E_BUSY;
	}
	im_buf_printf(&p->why, "params.token: %s; get a new one from where you got this", no->why);
	return IM_E_INVALID_PARAMS;
}

/* An older request that comes again does not shorten what a newer one has brought; but a key that
 * is gone holds nothing. */
static bool lasts_longer(struct plugin *p, const struct session *e, const struct auth_verdict *v)
{
	const struct auth_verdict has = {
		.expires_s = e->expires_s, .credential = e->credential, .password = e->password};

	return e->expires_s > v->expires_s && auth_still_valid(p->auth, session_uid(e), &has);
}

static int renew(struct plugin *p, const struct renewal *r, struct im_str token)
{
	struct session *e = r->session;
	const struct arrival a = arrival_of(p, r->client, session_uid(e));
	const struct auth_login l = {
		.uid = a.uid, .password = token, .address = a.address, .hearsay = a.hearsay};
	struct auth_verdict v;

	auth_renew(p->auth, &l, &v);
	if (!v.accepted)
		return refuse(p, e, &v.no);
	if (lasts_longer(p, e, &v))
		return IM_OK;
	e->expires_s = v.expires_s;
	e->credential = v.credential;
	ending_watch(p, e->expires_s);
	p->stats.renewals++;
	return IM_OK;
}

static int carry_out(struct plugin *p, const struct renewal *r)
{
	struct im_buf token;
	int code;

	im_buf_init(&token, 0);
	code = read_request(p, r, &token);
	if (!code && token.failed)
		code = fail(p, IM_E_BUSY, "out of memory; send it again in a moment");
	if (!code && !r->session->expires_s)
		code = fail(p, IM_E_NOT_ALLOWED,
			"this connection has not begun with a token, so none ends it");
	if (!code)
		code = renew(p, r, im_buf_view(&token));
	if (token.p)
		explicit_bzero(token.p, token.n);
	im_buf_free(&token);
	return code;
}

int renewal_answer(struct plugin *p, const struct renewal *r)
{
	const struct refusal_rpc to = {.method = r->method,
		.payload = r->payload,
		.reply_to = r->reply_to,
		.corr = r->corr};
	char result[48];
	int code = carry_out(p, r);

	if (code)
		return code;
	snprintf(result, sizeof(result), "{\"expires\":%lld}",
		(long long)r->session->expires_s * 1000);
	refusal_result(p, r->session, &to, im_str(result));
	return IM_OK;
}
