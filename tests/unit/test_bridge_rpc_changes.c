/* SPDX-License-Identifier: BSD-3-Clause */
/* What changes of a conversation without a message in it has a position in the log: whoever has a
 * cursor from before it finds it, and whoever has one from after it does not. */
#include "tests/unit/rpc_fixture.h"

#include <stdio.h>

#include "bridge/directory/directory_conv.h"
#include "bridge/directory/directory_group.h"

static uint64_t cursor(struct rpc_fixture *f)
{
	return writer_position(f->w);
}

struct changed {
	struct im_buf text;
	uint64_t since;
};

static int on_conv(void *arg, const struct directory_conv_user *c)
{
	struct changed *have = arg;

	if (c->changed_gid > have->since)
		im_buf_printf(&have->text, "%llu ", (unsigned long long)c->conv);
	return IM_OK;
}

static int on_left(void *arg, uint64_t group, uint64_t gone_gid)
{
	struct changed *have = arg;

	(void)gone_gid;
	im_buf_printf(&have->text, "%llu ", (unsigned long long)group);
	return IM_OK;
}

/* The conversations, and behind a dash the groups that are gone, since the cursor. */
static void changed(struct rpc_fixture *f, const char *uid, uint64_t since, const char *want)
{
	struct changed have = {.since = since};
	uint64_t user = rpc_uid(f, uid);

	im_buf_init(&have.text, 0);
	assert_int_equal(directory_conv_list(f->reader_dir, user, on_conv, &have), IM_OK);
	im_buf_z(&have.text, "- ");
	assert_int_equal(directory_user_left(f->reader_dir, user, since, on_left, &have), IM_OK);
	assert_str_eq(im_buf_view(&have.text), im_str(want));
	im_buf_free(&have.text);
}

/* What the request is to somebody, and that it is that once. */
static void news(struct rpc_fixture *f, const char *uid, const char *method, const char *params,
	const char *who, const char *want)
{
	uint64_t before = cursor(f);

	rpc_ok(f, uid, method, params);
	changed(f, who, before, want);
	changed(f, who, cursor(f), "- ");
}

static void marks_and_settings_have_positions(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_send(f, "alice", "u/bob", "hi");
	rpc_send(f, "carol", "u/bob", "hi");
	changed(f, "bob", 0, "- ");
	news(f, "bob", "conv.read", "{\"conv\":\"u/alice\",\"seq\":1}", "bob", "1 - ");
	news(f, "bob", "conv.update", "{\"conv\":\"u/carol\",\"pinned\":true}", "bob", "2 - ");
	news(f, "bob", "conv.update", "{\"conv\":\"u/alice\",\"draft\":\"x\"}", "bob", "1 - ");
	news(f, "bob", "conv.update", "{\"conv\":\"u/alice\",\"marked_unread\":true}", "bob",
		"1 - ");
	news(f, "bob", "conv.read", "{\"conv\":\"u/alice\",\"seq\":1}", "bob", "1 - ");
	/* Nothing has changed, and what the peer keeps is not one's own. */
	news(f, "bob", "conv.read", "{\"conv\":\"u/alice\",\"seq\":1}", "bob", "- ");
	news(f, "bob", "conv.update", "{\"conv\":\"u/alice\",\"draft\":\"x\"}", "bob", "- ");
	news(f, "alice", "conv.update", "{\"conv\":\"u/bob\",\"pinned\":true}", "bob", "- ");
	changed(f, "bob", 0, "1 2 - ");
}

static void memberships_have_positions(void **state)
{
	struct rpc_fixture *f = *state;
	struct directory_member m;
	uint64_t before;

	rpc_ok(f, "alice", "group.create", "{\"gid\":\"team\",\"join\":\"open\"}");
	assert_int_equal(directory_member_get(f->reader_dir, 1, 1, &m), IM_OK);
	assert_int_equal(m.changed_gid, cursor(f));
	rpc_ok(f, "bob", "group.join", "{\"gid\":\"team\"}");
	before = cursor(f);
	rpc_ok(f, "alice", "group.role", "{\"gid\":\"team\",\"uid\":\"bob\",\"role\":\"admin\"}");
	assert_int_equal(directory_member_get(f->reader_dir, 1, 2, &m), IM_OK);
	assert_int_equal(m.changed_gid, before + 1);
	rpc_ok(f, "alice", "group.mute", "{\"gid\":\"team\",\"uid\":\"bob\",\"seconds\":9}");
	assert_int_equal(directory_member_get(f->reader_dir, 1, 2, &m), IM_OK);
	assert_int_equal(m.changed_gid, before + 2);
}

static void every_way_out_of_a_group_is_one(void **state)
{
	struct rpc_fixture *f = *state;
	uint64_t before;

	rpc_ok(f, "alice", "group.create",
		"{\"gid\":\"team\",\"join\":\"open\",\"members\":[\"bob\",\"carol\",\"dave\"]}");
	rpc_admin(f, "{\"command\":\"createGroup\",\"gid\":\"hall\",\"kind\":\"room\","
		     "\"owner\":\"alice\"}");
	rpc_ok(f, "alice", "group.invite", "{\"gid\":\"hall\",\"members\":[\"bob\",\"dave\"]}");
	news(f, "bob", "group.leave", "{\"gid\":\"team\"}", "bob", "- 1 ");
	news(f, "bob", "group.join", "{\"gid\":\"team\"}", "bob", "- ");
	changed(f, "bob", 0, "- ");
	news(f, "alice", "group.kick", "{\"gid\":\"team\",\"members\":[\"bob\"],\"ban\":true}",
		"bob", "- 1 ");
	news(f, "alice", "group.invite", "{\"gid\":\"team\",\"members\":[\"bob\"]}", "bob", "- ");
	news(f, "dave", "group.leave", "{\"gid\":\"hall\"}", "dave", "- 2 ");
	/* With the account, which may come back. */
	before = cursor(f);
	rpc_admin(f, "{\"command\":\"deleteUser\",\"username\":\"dave\"}");
	rpc_admin(f, "{\"command\":\"restoreUser\",\"username\":\"dave\",\"password\":\"a pass\"}");
	changed(f, "dave", before, "- 1 ");
	changed(f, "dave", cursor(f), "- ");
	/* By the owner's end, and by an administrator. */
	news(f, "alice", "group.dismiss", "{\"gid\":\"team\"}", "carol", "- 1 ");
	changed(f, "bob", 0, "- 1 ");
	changed(f, "alice", 0, "- 1 ");
	before = cursor(f);
	rpc_admin(f, "{\"command\":\"dismissGroup\",\"gid\":\"hall\"}");
	changed(f, "bob", before, "- 2 ");
	changed(f, "bob", cursor(f), "- ");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rpc_set_up, rpc_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(marks_and_settings_have_positions),
		CASE(memberships_have_positions),
		CASE(every_way_out_of_a_group_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
