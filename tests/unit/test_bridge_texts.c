/* SPDX-License-Identifier: BSD-3-Clause */
/* The word list looks into every text of a request that others will read. */
#include "bridge/rpc/methods/methods.h"
#include "bridge/rpc/texts.h"
#include "tests/unit/unit.h"
#include "tests/unit/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct moderation m;

static int reject(void **state)
{
	(void)state;
	words_load(&m, "damn\n", MODERATION_REJECT);
	return 0;
}

static int mask(void **state)
{
	(void)state;
	words_load(&m, "damn\n", MODERATION_MASK);
	return 0;
}

static int clear(void **state)
{
	(void)state;
	moderation_clear(&m);
	m = (struct moderation){0};
	return 0;
}

/* The parameters afterwards as text in *out (freed by the caller). */
static int check(const char *method, const char *params, char **out)
{
	json_t *o = json_loads(params, 0, NULL);
	struct im_buf why;
	int rc;

	im_buf_init(&why, 0);
	assert_non_null(o);
	rc = texts_check(&m, methods_find(im_str(method)), o, &why);
	assert_int_equal(rc == IM_E_NOT_ALLOWED, why.n > 0);
	*out = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	im_buf_free(&why);
	return rc;
}

struct text_case {
	const char *method, *params; /* %s: the word */
	const char *masked;          /* NULL: refused, where others are masked */
};

static const struct text_case cases[] = {
	{"group.create", "{\"gid\":\"%s\"}", NULL},
	{"group.create", "{\"name\":\"%s\"}", "{\"name\":\"****\"}"},
	{"group.create", "{\"avatar\":\"https://x/%s.png\"}", NULL},
	{"group.create", "{\"announcement\":\"oh %s\"}", "{\"announcement\":\"oh ****\"}"},
	{"group.update", "{\"name\":\"%s\"}", "{\"name\":\"****\"}"},
	{"group.update", "{\"avatar\":\"%s\"}", NULL},
	{"group.update", "{\"announcement\":\"%s\"}", "{\"announcement\":\"****\"}"},
	{"group.join", "{\"note\":\"%s, let me in\"}", "{\"note\":\"****, let me in\"}"},
	{"contact.request", "{\"note\":\"%s\"}", "{\"note\":\"****\"}"},
	{"user.update", "{\"nick\":\"%s\"}", "{\"nick\":\"****\"}"},
	{"user.update", "{\"avatar\":\"%s\"}", NULL},
	{"user.update", "{\"ext\":{\"a\":[1,{\"b\":\"%s\"}]}}", NULL},
	{"user.update", "{\"ext\":{\"%s\":1}}", NULL},
	{"msg.edit", "{\"body\":\"%s\"}", "{\"body\":\"****\"}"},
	{"msg.edit", "{\"body\":{\"a\":\"%s\"}}", NULL},
	{"msg.edit", "{\"body\":{\"a\":{\"%s\":1}}}", NULL},
	{"msg.edit", "{\"ext\":{\"a\":\"%s\"}}", NULL},
	{"msg.react", "{\"emoji\":\"%s\"}", NULL},
};
#define CASES (sizeof(cases) / sizeof(cases[0]))

static void a_listed_word_is_found_wherever_others_would_read_it(void **state)
{
	char params[256], *after;

	(void)state;
	for (size_t i = 0; i < CASES; i++) {
		snprintf(params, sizeof(params), cases[i].params, "DAMN");
		assert_int_equal(check(cases[i].method, params, &after), IM_E_NOT_ALLOWED);
		free(after);
		/* As JSON hides it. */
		snprintf(params, sizeof(params), cases[i].params, "d\\u0061mn");
		assert_int_equal(check(cases[i].method, params, &after), IM_E_NOT_ALLOWED);
		free(after);
		snprintf(params, sizeof(params), cases[i].params, "dear");
		assert_int_equal(check(cases[i].method, params, &after), IM_OK);
		assert_string_equal(after, params);
		free(after);
	}
}

static void prose_is_masked_and_names_are_refused(void **state)
{
	char params[256], *after;

	(void)state;
	for (size_t i = 0; i < CASES; i++) {
		snprintf(params, sizeof(params), cases[i].params, "damn");
		assert_int_equal(check(cases[i].method, params, &after),
			cases[i].masked ? IM_OK : IM_E_NOT_ALLOWED);
		if (cases[i].masked)
			assert_string_equal(after, cases[i].masked);
		free(after);
	}
}

/* One's own remarks, a reason for the administrators, and words that name something. */
static void what_nobody_else_reads_is_not_looked_into(void **state)
{
	static const char *const others[][2] = {
		{"contact.update", "{\"uid\":\"bob\",\"remark\":\"damn\"}"},
		{"conv.update", "{\"conv\":\"u/bob\",\"draft\":\"damn\"}"},
		{"msg.report", "{\"conv\":\"u/bob\",\"seq\":1,\"reason\":\"says damn\"}"},
		{"group.kick", "{\"gid\":\"damn\",\"members\":[\"damn\"]}"},
	};
	char *after;

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		assert_int_equal(check(others[i][0], others[i][1], &after), IM_OK);
		free(after);
	}
}

/* Whoever adds a method decides: a row in texts.c, or a name here. */
static bool nobody_reads(const char *method, const char *param)
{
	static const char *const names[] = {"conv", "cursor", "device", "direct_policy", "from",
		"from_conv", "gid", "gids", "history", "id", "join", "kind", "link", "members",
		"mentions", "next", "notify", "old", "new", "q", "role", "since", "state",
		"to_conv", "type", "uid", "uids"};
	static const char *const own[][2] = {{"conv.update", "draft"}, {"msg.report", "reason"},
		{"contact.update", "remark"}, {"contact.update", "tags"}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(param, names[i]) == 0)
			return true;
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (strcmp(method, own[i][0]) == 0 && strcmp(param, own[i][1]) == 0)
			return true;
	return false;
}

static void every_text_of_every_method_is_looked_into_or_excused(void **state)
{
	char params[128], *after;

	(void)state;
	for (const struct rpc_method *const *t = methods_all; *t; t++)
		for (const struct rpc_method *e = *t; e->name; e++)
			for (const struct rpc_param *p = e->params; p->name; p++) {
				if (p->type == RPC_INTEGER || p->type == RPC_INTEGERS ||
					p->type == RPC_BOOLEAN || nobody_reads(e->name, p->name))
					continue;
				snprintf(params, sizeof(params), "{\"%s\":%s\"damn\"%s}", p->name,
					p->type == RPC_OBJECT ? "{\"a\":" : "",
					p->type == RPC_OBJECT ? "}" : "");
				if (check(e->name, params, &after) == IM_OK)
					fail_msg("%s: %s", e->name, p->name);
				free(after);
			}
}

static void without_a_list_everything_passes(void **state)
{
	char *after;

	(void)state;
	assert_int_equal(check("msg.react", "{\"emoji\":\"damn\"}", &after), IM_OK);
	free(after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_listed_word_is_found_wherever_others_would_read_it, reject, clear),
		cmocka_unit_test_setup_teardown(prose_is_masked_and_names_are_refused, mask, clear),
		cmocka_unit_test_setup_teardown(
			what_nobody_else_reads_is_not_looked_into, reject, clear),
		cmocka_unit_test_setup_teardown(
			every_text_of_every_method_is_looked_into_or_excused, reject, clear),
		cmocka_unit_test(without_a_list_everything_passes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
