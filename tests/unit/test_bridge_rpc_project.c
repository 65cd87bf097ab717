/* SPDX-License-Identifier: BSD-3-Clause */
/* Changes of groups as JSON: that each is idempotent, and that the log alone brings a lost
 * directory back to the same state. */
#include "tests/unit/rpc_fixture.h"

#include <stdio.h>

#include "bridge/directory/directory_ban.h"
#include "bridge/directory/directory_conv.h"
#include "bridge/directory/directory_group.h"
#include "bridge/write/group_change.h"
#include "bridge/write/project.h"
#include "tests/lib/folder.h"

/* All of a directory that group changes can change, as text. */
static int on_group(void *arg, const struct directory_group *g)
{
	im_buf_printf(arg, "%llu %.*s %d \"%.*s\" \"%.*s\" %d %u %u %d %lld %lld %d\n",
		(unsigned long long)g->id, IM_ARGS(g->gid), g->kind, IM_ARGS(g->name),
		IM_ARGS(g->announcement), g->join_policy, g->member_limit, g->members, g->history,
		(long long)g->muted_until_ms, (long long)g->slow_ms, g->dismissed);
	return IM_OK;
}

static int on_member(void *arg, const struct directory_member *m)
{
	im_buf_printf(arg, " %.*s %d %llu %lld %lld @%llu\n", IM_ARGS(m->uid), m->role,
		(unsigned long long)m->joined_seq, (long long)m->joined_ms,
		(long long)m->muted_until_ms, (unsigned long long)m->changed_gid);
	return IM_OK;
}

static int on_left(void *arg, uint64_t group, uint64_t gone_gid)
{
	im_buf_printf(arg, " -%llu@%llu", (unsigned long long)group, (unsigned long long)gone_gid);
	return IM_OK;
}

/* Who was told of what, and where on the timeline. */
static int on_event(void *arg, const struct directory_event *e)
{
	if (e->key.n > 6 && memcmp(e->key.p, "group:", 6) == 0)
		im_buf_printf(arg, "%llu %llu %.*s\n", (unsigned long long)e->user,
			(unsigned long long)e->gid, IM_ARGS(e->event));
	return IM_OK;
}

static void dump(struct directory *d, struct im_buf *out)
{
	bool banned;

	im_buf_reset(out);
	assert_int_equal(directory_group_list(d, IM_STR(""), 1000, on_group, out), IM_OK);
	for (uint64_t id = 1; id < 40; id++) {
		assert_int_equal(
			directory_member_list(d, id, IM_STR(""), 0, on_member, out), IM_OK);
		for (uint64_t user = 1; user <= 4; user++) {
			assert_int_equal(directory_ban_has(d, id, user, &banned), IM_OK);
			im_buf_c(out, banned ? 'x' : '.');
		}
	}
	for (uint64_t user = 1; user <= 4; user++)
		assert_int_equal(directory_user_left(d, user, 0, on_left, out), IM_OK);
	assert_false(out->failed);
}

static void dump_told(struct directory *d, struct im_buf *out)
{
	im_buf_reset(out);
	for (uint64_t user = 1; user <= 4; user++)
		assert_int_equal(directory_event_list(d, user, 1, INT64_MAX, on_event, out), IM_OK);
	assert_false(out->failed);
}

/* turn: groups end, and new ones with new names take their place. */
static void random_change(struct rpc_fixture *f, struct prng *r, int turn)
{
	static const char *const users[] = {"alice", "bob", "carol", "dave"};
	const char *who = users[prng_below(r, 4)], *whom = users[prng_below(r, 4)];
	unsigned nth = prng_below(r, 3);
	static const struct {
		const char *method, *form;
	} acts[] = {
		{"group.create", "{\"gid\":\"%s\",\"members\":[\"%s\"],\"join\":\"open\"}"},
		{"group.create", "{\"gid\":\"%s\",\"members\":[\"%s\"],\"history\":\"join\"}"},
		{"group.invite", "{\"gid\":\"%s\",\"members\":[\"%s\"]}"},
		{"group.kick", "{\"gid\":\"%s\",\"members\":[\"%s\"]}"},
		{"group.kick", "{\"gid\":\"%s\",\"members\":[\"%s\"],\"ban\":true}"},
		{"group.role", "{\"gid\":\"%s\",\"uid\":\"%s\",\"role\":\"admin\"}"},
		{"group.role", "{\"gid\":\"%s\",\"uid\":\"%s\",\"role\":\"member\"}"},
		{"group.transfer", "{\"gid\":\"%s\",\"uid\":\"%s\"}"},
		{"group.mute", "{\"gid\":\"%s\",\"uid\":\"%s\",\"seconds\":60}"},
		{"group.update", "{\"gid\":\"%s\",\"name\":\"%s\"}"},
		{"group.join", "{\"gid\":\"%s\"}"},
		{"group.join", "{\"gid\":\"%s\"}"},
		{"group.leave", "{\"gid\":\"%s\"}"},
		{"group.mute", "{\"gid\":\"%s\"}"},
		{"group.dismiss", "{\"gid\":\"%s\"}"},
	};
	size_t i = prng_below(r, sizeof(acts) / sizeof(acts[0]));
	char params[256], gid[16];

	snprintf(gid, sizeof(gid), "%c%d", "abc"[nth], turn / 100);
	if (i == 14 && prng_below(r, 4))
		i = 2;
	snprintf(params, sizeof(params), acts[i].form, gid, whom);
	f->now_ms += 100000;
	(void)rpc_do(f, who, acts[i].method, params);
}

/* Random changes; then an empty directory with the same users follows the log, and must say the
 * same, also when it follows the log twice. */
static void the_log_alone_brings_the_directory_back(void **state)
{
	struct rpc_fixture *f = *state;
	struct im_buf want, told, have, why;
	struct directory *copy;
	struct project_report report;
	char folder[64] = "/tmp/im-rpc-copy-XXXXXX";
	struct prng r = {4711};
	uint64_t id;

	im_buf_init(&want, 0);
	im_buf_init(&told, 0);
	im_buf_init(&have, 0);
	im_buf_init(&why, 0);
	for (int i = 0; i < 600; i++)
		random_change(f, &r, i);
	dump(f->dir, &want);
	dump_told(f->dir, &told);
	assert_true(want.n > 200 && told.n > 200);
	assert_non_null(mkdtemp(folder));
	assert_int_equal(directory_open(folder, &copy, &why), IM_OK);
	const char *const users[] = {"alice", "bob", "carol", "dave"};
	for (int i = 0; i < 4; i++)
		assert_int_equal(
			directory_user_create(copy, im_str(users[i]), 0, IM_STR(""), 0, &id),
			IM_OK);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(directory_begin(copy), IM_OK);
		assert_int_equal(directory_meta_set(copy, "applied_gid", 0), IM_OK);
		assert_int_equal(directory_commit(copy), IM_OK);
		assert_int_equal(project_run(f->backend, f->log, copy, &report), IM_OK);
		assert_int_equal(report.refused, 0);
		assert_true(report.applied > 50);
		dump(copy, &have);
		assert_str_eq(im_buf_view(&have), im_buf_view(&want));
		dump_told(copy, &have);
		if (round == 0)
			assert_str_eq(im_buf_view(&have), im_buf_view(&told));
	}
	directory_close(&copy);
	assert_int_equal(folder_remove(folder), 0);
	im_buf_free(&want);
	im_buf_free(&told);
	im_buf_free(&have);
	im_buf_free(&why);
}

static void applying_a_change_twice_is_applying_it_once(void **state)
{
	struct rpc_fixture *f = *state;
	static const char *const changes[] = {
		"{\"action\":\"create\",\"by\":\"alice\",\"gid\":\"x\",\"kind\":\"group\","
		"\"member_limit\":9,\"members\":[{\"uid\":\"alice\",\"user\":1,\"role\":\"owner\"}]"
		"}",
		"{\"action\":\"join\",\"by\":\"bob\",\"members\":[{\"uid\":\"bob\",\"user\":2}]}",
		"{\"action\":\"mute\",\"by\":\"alice\",\"until\":5,\"members\":[{\"uid\":\"bob\","
		"\"user\":2}]}",
		"{\"action\":\"role\",\"by\":\"alice\",\"members\":[{\"uid\":\"bob\",\"user\":2,"
		"\"role\":\"admin\"}]}",
		"{\"action\":\"update\",\"by\":\"alice\",\"name\":\"N\",\"join\":\"open\"}",
		"{\"action\":\"mute\",\"by\":\"alice\",\"until\":7}",
		"{\"action\":\"kick\",\"by\":\"alice\",\"members\":[{\"uid\":\"bob\",\"user\":2}]}",
		"{\"action\":\"notice\",\"by\":\"alice\",\"body\":{\"action\":\"dismiss\"}}",
		"{\"action\":\"from-the-future\",\"by\":\"alice\"}",
	};
	struct im_buf once, twice;
	uint64_t group = 0;

	im_buf_init(&once, 0);
	im_buf_init(&twice, 0);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		assert_int_equal(
			group_apply(f->dir, &group, i + 1, 500 + i, 77, im_str(changes[i])), IM_OK);
		dump(f->dir, &once);
		assert_int_equal(
			group_apply(f->dir, &group, i + 1, 500 + i, 77, im_str(changes[i])), IM_OK);
		dump(f->dir, &twice);
		assert_str_eq(im_buf_view(&once), im_buf_view(&twice));
	}
	im_buf_reset(&twice);
	assert_int_equal(directory_group_list(f->dir, IM_STR(""), 9, on_group, &twice), IM_OK);
	assert_int_equal(directory_member_list(f->dir, 1, IM_STR(""), 0, on_member, &twice), IM_OK);
	assert_buf(&twice, "1 x 0 \"N\" \"\" 0 9 1 0 7 0 0\n alice 2 0 77 0 @500\n");
	static const char *const bad[] = {"", "[]", "{}", "{\"action\":7}",
		"{\"action\":\"join\",\"members\":7}", "{\"action\":\"join\",\"members\":[7]}",
		"{\"action\":\"join\",\"members\":[{\"user\":-1}]}", "{\"action\":\"create\"}"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(
			group_apply(f->dir, &group, 20, 520, 77, im_str(bad[i])), IM_E_FORMAT);
	im_buf_free(&once);
	im_buf_free(&twice);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rpc_set_up, rpc_tear_down)
#define SQLITE(name) cmocka_unit_test_setup_teardown(name, rpc_set_up_sqlite, rpc_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_log_alone_brings_the_directory_back),
		SQLITE(the_log_alone_brings_the_directory_back),
		CASE(applying_a_change_twice_is_applying_it_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
