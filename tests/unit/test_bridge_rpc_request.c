/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests as they come: what is taken, and that each refusal says what would be right. */
#include "tests/unit/unit.h"

#include <jansson.h>
#include <stdlib.h>

#include "bridge/rpc/methods/methods.h"
#include "bridge/rpc/rpc_request.h"
#include "common/err.h"

static void expect(
	const char *target, const char *payload, int code, const char *id, const char *why)
{
	struct rpc_request r;

	rpc_request_parse(methods_find, im_str(target), im_str(payload), &r);
	if (r.code != code)
		fail_msg("%s: %d, not %d: %.*s", payload, r.code, code, IM_ARGS(r.why));
	assert_str_eq(im_buf_view(&r.id), im_str(id));
	if (why != NULL && (r.why.n == 0 || memmem(r.why.p, r.why.n, why, strlen(why)) == NULL))
		fail_msg("%s: \"%.*s\" does not say \"%s\"", payload, IM_ARGS(r.why), why);
	assert_true((code == IM_OK) == (r.method != NULL && r.params != NULL));
	rpc_request_clear(&r);
}

static void a_method_in_the_topic_takes_its_parameters_as_payload(void **state)
{
	(void)state;
	expect("sync", "{}", IM_OK, "null", NULL);
	expect("sync", "", IM_OK, "null", NULL);
	expect("sync", " {\"limit\":1} ", IM_OK, "null", NULL);
	expect("sync", "[]", IM_E_INVALID_PARAMS, "null", "must be an object");
	expect("sync", "{", IM_E_PARSE, "null", "not JSON");
	expect("sync", "\xff", IM_E_PARSE, "null", "not JSON");
	expect("nothing", "{}", IM_E_METHOD_NOT_FOUND, "null", "no method \"nothing\"");
	expect("Sync", "{}", IM_E_METHOD_NOT_FOUND, "null", NULL);
}

static void without_a_method_it_is_a_json_rpc_request(void **state)
{
	(void)state;
	expect("", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sync\"}", IM_OK, "1", NULL);
	expect("", "{\"jsonrpc\":\"2.0\",\"id\":\"a\\u00e4\",\"method\":\"sync\",\"params\":{}}",
		IM_OK, "\"a\\u00e4\"", NULL);
	expect("", "{\"jsonrpc\":\"2.0\",\"id\":1e2,\"method\":\"sync\"}", IM_OK, "1e2", NULL);
	expect("", "{\"jsonrpc\":\"2.0\",\"method\":\"sync\"}", IM_OK, "null", NULL);
	expect("", "{\"jsonrpc\":\"2.0\",\"id\":[],\"method\":\"sync\"}", IM_E_INVALID_REQUEST,
		"null", "id is");
	expect("", "{\"id\":5,\"method\":\"sync\"}", IM_E_INVALID_REQUEST, "5", "jsonrpc");
	expect("", "{\"jsonrpc\":\"1.0\",\"id\":5,\"method\":\"sync\"}", IM_E_INVALID_REQUEST, "5",
		"2.0");
	expect("", "{\"jsonrpc\":\"2.0\",\"method\":7,\"id\":5}", IM_E_INVALID_REQUEST, "5",
		"string");
	expect("", "{\"jsonrpc\":\"2.0\",\"method\":\"x\",\"id\":5}", IM_E_METHOD_NOT_FOUND, "5",
		NULL);
	expect("", "{\"jsonrpc\":\"2.0\",\"method\":\"sync\",\"params\":[1],\"id\":5}",
		IM_E_INVALID_PARAMS, "5", "named");
	expect("", "{\"jsonrpc\":\"2.0\",\"method\":\"sync\",\"id\":5,\"extra\":1}",
		IM_E_INVALID_REQUEST, "5", "only");
	expect("", "[]", IM_E_INVALID_REQUEST, "null", "a JSON-RPC 2.0 request object");
	expect("", "", IM_E_PARSE, "null", NULL);
	expect("", "null", IM_E_INVALID_REQUEST, "null", NULL);
}

static void parameters_are_checked_against_the_table(void **state)
{
	(void)state;
	expect("conv.history", "{\"conv\":\"u/bob\",\"limit\":0}", IM_E_INVALID_PARAMS, "null",
		"params.limit is 0; give an integer 1..500");
	expect("conv.history", "{\"conv\":\"u/bob\",\"limit\":\"5\"}", IM_E_INVALID_PARAMS, "null",
		"params.limit is a string; give an integer 1..500");
	expect("conv.history", "{\"conv\":\"u/bob\",\"limit\":5.5}", IM_E_INVALID_PARAMS, "null",
		"a fraction");
	expect("conv.history", "{\"conv\":\"u/bob\",\"limit\":null}", IM_E_INVALID_PARAMS, "null",
		"is null");
	expect("conv.history", "{\"limit\":5}", IM_E_INVALID_PARAMS, "null",
		"params.conv is missing; give a string of 1..66 bytes");
	expect("conv.history", "{\"conv\":\"\"}", IM_E_INVALID_PARAMS, "null", "has 0 bytes");
	expect("conv.history", "{\"conv\":\"u/bob\",\"colour\":1}", IM_E_INVALID_PARAMS, "null",
		"params.colour is unknown; conv.history takes conv, before, after, around, limit");
	expect("conv.history", "{\"conv\":\"u/bob\",\"conv\":\"u/eve\"}", IM_E_INVALID_PARAMS,
		"null", "twice");
	expect("conv.history", "{\"conv\":\"u/bob\",\"before\":99999999999999999999}",
		IM_E_INVALID_PARAMS, "null", "range");
	expect("conv.history", "{\"conv\":\"u/b\\u0000b\"}", IM_E_INVALID_PARAMS, "null", "u0000");
	expect("group.invite", "{\"gid\":\"g\",\"members\":[\"a\",1]}", IM_E_INVALID_PARAMS, "null",
		"array of strings");
	expect("group.invite", "{\"gid\":\"g\",\"members\":[]}", IM_E_INVALID_PARAMS, "null",
		"has 0 elements");
	expect("msg.forward", "{\"from_conv\":\"u/bob\",\"to_conv\":\"u/eve\",\"seqs\":[1,\"2\"]}",
		IM_E_INVALID_PARAMS, "null", "array of integers");
	expect("user.update", "{\"ext\":[]}", IM_E_INVALID_PARAMS, "null",
		"params.ext is an array; give an object");
	expect("user.update", "{\"read_receipts\":7}", IM_E_INVALID_PARAMS, "null",
		"params.read_receipts is an integer; give true or false");
	expect("user.update", "{\"ext\":true}", IM_E_INVALID_PARAMS, "null", "is a boolean");
}

static void deep_and_long_input_is_refused_without_harm(void **state)
{
	char *deep = malloc(20001);
	char id[600];

	(void)state;
	memset(deep, '[', 10000);
	memset(deep + 10000, ']', 10000);
	deep[20000] = '\0';
	expect("sync", deep, IM_E_PARSE, "null", "64 levels");
	expect("", deep, IM_E_PARSE, "null", NULL);
	free(deep);
	memset(id, 'x', sizeof(id));
	snprintf(id, sizeof(id), "{\"jsonrpc\":\"2.0\",\"method\":\"sync\",\"id\":\"");
	memset(id + strlen(id), 'x', 300);
	strcpy(id + 345, "\"}");
	expect("", id, IM_E_INVALID_REQUEST, "null", "256");
	/* A name cut for the sentence is not cut inside a character. */
	memset(id, 0, sizeof(id));
	memset(id, 'a', 63);
	strcat(id, "\xc3\xa4\xc3\xa4");
	struct rpc_request r;
	rpc_request_parse(methods_find, im_str(id), IM_STR("{}"), &r);
	assert_int_equal(r.code, IM_E_METHOD_NOT_FOUND);
	assert_null(memmem(r.why.p, r.why.n, "\xc3\"", 2));
	rpc_request_clear(&r);
}

static void replies_have_the_form_of_json_rpc(void **state)
{
	struct im_buf b;

	(void)state;
	im_buf_init(&b, 0);
	rpc_reply_build(&b, IM_STR("\"x\""), IM_OK, IM_STR(""), IM_STR("{}"));
	assert_buf(&b, "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"result\":{}}");
	im_buf_reset(&b);
	rpc_reply_build(&b, IM_STR("null"), IM_E_NOT_MEMBER, IM_STR("join \"it\""), IM_STR(""));
	assert_buf(&b, "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32003,"
		       "\"message\":\"not a member: join \\\"it\\\"\"}}");
	im_buf_free(&b);
}

/* Both forms of a request, for every case of the golden vectors. */
static void the_golden_vectors_are_taken_or_refused(void **state)
{
	json_t *root = json_load_file("schema/wire/vectors/methods.json", 0, NULL), *c;
	size_t i;

	(void)state;
	assert_non_null(root);
	assert_true(json_array_size(json_object_get(root, "cases")) > 50);
	json_array_foreach(json_object_get(root, "cases"), i, c)
	{
		const char *method = json_string_value(json_object_get(c, "method"));
		int code = (int)json_integer_value(json_object_get(c, "code"));
		json_t *o = json_pack("{s:s, s:i, s:s, s:O}", "jsonrpc", "2.0", "id", 7, "method",
			method, "params", json_object_get(c, "params"));
		char *params = json_dumps(json_object_get(c, "params"), 0);
		char *request = json_dumps(o, 0);

		/* The plugin's own, which the bridge does not know. */
		if (strcmp(method, "session.token") == 0)
			code = IM_E_METHOD_NOT_FOUND;
		expect(method, params, code, "null", NULL);
		expect("", request, code, "7", NULL);
		free(params);
		free(request);
		json_decref(o);
	}
	json_decref(root);
}

/* A reader thread calls `read`, the engine `write`, without asking. */
static void a_method_has_the_handler_of_its_kind(void **state)
{
	size_t n = 0;

	(void)state;
	for (const struct rpc_method *const *t = methods_all; *t; t++)
		for (const struct rpc_method *m = *t; m->name; m++, n++)
			if ((m->read != NULL) != rpc_reads(m) || (m->write != NULL) == rpc_reads(m))
				fail_msg("%s", m->name);
	assert_true(n > 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_method_in_the_topic_takes_its_parameters_as_payload),
		cmocka_unit_test(without_a_method_it_is_a_json_rpc_request),
		cmocka_unit_test(parameters_are_checked_against_the_table),
		cmocka_unit_test(deep_and_long_input_is_refused_without_harm),
		cmocka_unit_test(the_golden_vectors_are_taken_or_refused),
		cmocka_unit_test(replies_have_the_form_of_json_rpc),
		cmocka_unit_test(a_method_has_the_handler_of_its_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
