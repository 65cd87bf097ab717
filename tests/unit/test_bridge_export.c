/* SPDX-License-Identifier: BSD-3-Clause */
/* Pages of an export: bounded in what is looked at, in items and in bytes, and nothing between two
 * of them. */
#include "tests/unit/rpc_fixture.h"

#include <stdio.h>

#include "bridge/admin/export.h"

struct pages {
	unsigned n, empty;
	size_t longest;
	json_t *items;
};

/* All of one section. next: where it begins. */
static struct pages section(struct rpc_fixture *f, const char *name)
{
	struct pages p = {.items = json_array()};
	char next[256];

	snprintf(next, sizeof(next), "%s", name);
	do {
		json_t *asked = json_pack("{s:s,s:s}", "username", "alice", "next", next), *got;
		char *params = json_dumps(asked, 0);

		assert_int_equal(rpc_read(f, &export_method, params), IM_OK);
		free(params);
		json_decref(asked);
		assert_text(f->result, "section", name);
		got = json_loads(rpc_text(f->result, "items"), 0, NULL);
		assert_non_null(got);
		p.n++;
		p.empty += json_array_size(got) == 0;
		if (strlen(rpc_text(f->result, "items")) > p.longest)
			p.longest = strlen(rpc_text(f->result, "items"));
		json_array_extend(p.items, got);
		json_decref(got);
		if (rpc_at(f->result, "next") == NULL)
			break;
		snprintf(next, sizeof(next), "%s", rpc_text(f->result, "next"));
		assert_true(p.n < 10000);
	} while (strncmp(next, name, strlen(name)) == 0);
	return p;
}

static void a_long_log_is_looked_at_in_stretches(void **state)
{
	struct rpc_fixture *f = *state;
	struct pages p;

	rpc_send(f, "alice", "u/bob", "first");
	for (int i = 0; i < 12000; i++)
		rpc_send(f, "carol", "u/dave", "others'");
	rpc_send(f, "bob", "u/alice", "last");
	p = section(f, "messages");
	assert_int_equal(p.n, 3);
	assert_int_equal(p.empty, 1);
	assert_int_equal(json_array_size(p.items), 2);
	assert_text(p.items, "0.body", "first");
	assert_text(p.items, "1.body", "last");
	assert_text(p.items, "1.conv", "u/bob");
	json_decref(p.items);
}

static void a_page_has_so_many_items_and_bytes(void **state)
{
	struct rpc_fixture *f = *state;
	char body[30001];
	struct pages p;

	for (int i = 0; i < 450; i++)
		rpc_send(f, "alice", "u/bob", "short");
	p = section(f, "messages");
	assert_int_equal(json_array_size(p.items), 450);
	assert_int_equal(p.n, 1);
	json_decref(p.items);
	memset(body, 'x', sizeof(body) - 1);
	body[sizeof(body) - 1] = '\0';
	for (int i = 0; i < 60; i++)
		rpc_send(f, "alice", "u/bob", body);
	for (int i = 0; i < 600; i++)
		rpc_send(f, "alice", "u/bob", "short");
	p = section(f, "messages");
	assert_int_equal(json_array_size(p.items), 1110);
	for (int i = 0; i < 1110; i++) {
		char path[16];

		snprintf(path, sizeof(path), "%d.seq", i);
		assert_num(p.items, path, i + 1);
	}
	assert_true(p.longest < 300 * 1024);
	assert_int_equal(p.empty, 0);
	assert_true(p.n >= 9);
	json_decref(p.items);
}

/* Pages end within them, and JSON escapes what is in them. */
static void client_ids_may_have_anything_in_them(void **state)
{
	struct rpc_fixture *f = *state;
	struct directory *dir = writer_directory(f->w);
	char id[16], path[32];
	struct pages p;

	for (int i = 0; i < 40; i++) {
		snprintf(id, sizeof(id), "\"%02d\\\"", i);
		assert_int_equal(
			directory_device_bind(dir, im_str(id), rpc_uid(f, "alice"), 5, 0), IM_OK);
	}
	rpc_commit(f);
	f->set.reply_max = 2048;
	p = section(f, "devices");
	assert_true(p.n > 1);
	assert_int_equal(json_array_size(p.items), 40);
	for (int i = 0; i < 40; i++) {
		snprintf(id, sizeof(id), "\"%02d\\\"", i);
		snprintf(path, sizeof(path), "%d.device", i);
		assert_text(p.items, path, id);
	}
	json_decref(p.items);
}

/* Numbers that no parser holds exactly do not pass through one. */
static void bodies_are_told_to_the_byte(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_send_full(f, "alice", "u/bob", IM_STR("json"), IM_STR(""), IM_ENC_JSON,
		IM_STR("[21.50, 123456789012345678901]"));
	assert_int_equal(
		rpc_read(f, &export_method, "{\"username\":\"alice\",\"next\":\"messages\"}"),
		IM_OK);
	assert_non_null(
		strstr(rpc_text(f->result, "items"), "\"body\":[21.50, 123456789012345678901]"));
}

static void a_place_that_is_none_is_refused(void **state)
{
	struct rpc_fixture *f = *state;

	assert_int_equal(
		rpc_read(f, &export_method, "{\"username\":\"alice\",\"next\":\"password\"}"),
		IM_E_INVALID_PARAMS);
	assert_int_equal(
		rpc_read(f, &export_method, "{\"username\":\"nobody\"}"), IM_E_UNKNOWN_USER);
	assert_int_equal(rpc_read(f, &export_method, "{}"), IM_E_INVALID_PARAMS);
	/* Through the command it is answered later, and alone. */
	rpc_admin(f,
		"{\"command\":\"exportUser\",\"username\":\"alice\"},{\"command\":\"getStats\"}");
	assert_num(f->result, "0.code", IM_E_INVALID_REQUEST);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rpc_set_up, rpc_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_long_log_is_looked_at_in_stretches),
		CASE(a_page_has_so_many_items_and_bytes),
		CASE(client_ids_may_have_anything_in_them),
		CASE(bodies_are_told_to_the_byte),
		CASE(a_place_that_is_none_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
