/* SPDX-License-Identifier: BSD-3-Clause */
/* Each refusal that a method's schema names and no other test brings about: tests/wire holds the
 * schemas to what is refused here, in both directions. */
#include "tests/unit/rpc_fixture.h"

#include "bridge/write/dedup.h"
#include "tests/unit/words.h"

struct refusal {
	const char *uid, *method, *params;
	int code;
};

/* alice owns "team", which is open, and bob is in it; carol and dave are not. bob and carol have
 * written to one another. */
static void begin(struct rpc_fixture *f)
{
	rpc_ok(f, "alice", "group.create",
		"{\"gid\":\"team\",\"join\":\"open\",\"members\":[\"bob\"]}");
	rpc_send(f, "alice", "g/team", "two");
	rpc_send(f, "bob", "u/carol", "one");
	rpc_send(f, "carol", "u/bob", "two");
}

static void expect(struct rpc_fixture *f, const struct refusal *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		rpc_no(f, rows[i].code, rows[i].uid, rows[i].method, rows[i].params);
}
#define EXPECT(f, rows) expect(f, rows, sizeof(rows) / sizeof((rows)[0]))

static void whom_nobody_knows(void **state)
{
	struct rpc_fixture *f = *state;
	static const struct refusal rows[] = {
		{"bob", "contact.accept", "{\"uid\":\"nobody\"}", IM_E_UNKNOWN_USER},
		{"bob", "contact.reject", "{\"uid\":\"nobody\"}", IM_E_UNKNOWN_USER},
		{"bob", "contact.remove", "{\"uid\":\"nobody\"}", IM_E_UNKNOWN_USER},
		{"bob", "contact.update", "{\"uid\":\"nobody\",\"remark\":\"x\"}",
			IM_E_UNKNOWN_USER},
		{"bob", "conv.pins", "{\"conv\":\"u/nobody\"}", IM_E_UNKNOWN_USER},
		{"bob", "conv.read", "{\"conv\":\"u/nobody\",\"seq\":1}", IM_E_UNKNOWN_USER},
		{"bob", "conv.receipts", "{\"conv\":\"u/nobody\",\"seq\":1}", IM_E_UNKNOWN_USER},
		{"alice", "group.invite", "{\"gid\":\"team\",\"members\":[\"nobody\"]}",
			IM_E_UNKNOWN_USER},
		{"alice", "group.kick", "{\"gid\":\"team\",\"members\":[\"nobody\"]}",
			IM_E_UNKNOWN_USER},
		{"alice", "group.unban", "{\"gid\":\"team\",\"members\":[\"nobody\"]}",
			IM_E_UNKNOWN_USER},
		{"alice", "group.role", "{\"gid\":\"team\",\"uid\":\"nobody\",\"role\":\"admin\"}",
			IM_E_UNKNOWN_USER},
		{"alice", "group.transfer", "{\"gid\":\"team\",\"uid\":\"nobody\"}",
			IM_E_UNKNOWN_USER},
		{"bob", "msg.edit", "{\"conv\":\"u/nobody\",\"seq\":1,\"body\":\"x\"}",
			IM_E_UNKNOWN_USER},
		{"bob", "msg.forward",
			"{\"from_conv\":\"u/carol\",\"seqs\":[1],\"to_conv\":\"u/nobody\"}",
			IM_E_UNKNOWN_USER},
		{"bob", "msg.pin", "{\"conv\":\"u/nobody\",\"seq\":1}", IM_E_UNKNOWN_USER},
		{"bob", "msg.recall", "{\"conv\":\"u/nobody\",\"seq\":1}", IM_E_UNKNOWN_USER},
		{"bob", "msg.report", "{\"conv\":\"u/nobody\",\"seq\":1,\"reason\":\"x\"}",
			IM_E_UNKNOWN_USER},
		{"bob", "search", "{\"q\":\"x\",\"conv\":\"u/nobody\"}", IM_E_UNKNOWN_USER},
	};

	begin(f);
	rpc_open_search(f);
	EXPECT(f, rows);
}

static void groups_that_are_none(void **state)
{
	struct rpc_fixture *f = *state;
	static const struct refusal rows[] = {
		{"bob", "conv.read", "{\"conv\":\"g/none\",\"seq\":1}", IM_E_UNKNOWN_GROUP},
		{"bob", "conv.receipts", "{\"conv\":\"g/none\",\"seq\":1}", IM_E_UNKNOWN_GROUP},
		{"bob", "conv.update", "{\"conv\":\"g/none\",\"pinned\":true}", IM_E_UNKNOWN_GROUP},
		{"bob", "group.bans", "{\"gid\":\"none\"}", IM_E_UNKNOWN_GROUP},
		{"bob", "group.link", "{\"gid\":\"none\"}", IM_E_UNKNOWN_GROUP},
		{"bob", "group.links", "{\"gid\":\"none\"}", IM_E_UNKNOWN_GROUP},
		{"bob", "group.members", "{\"gid\":\"none\"}", IM_E_UNKNOWN_GROUP},
		{"bob", "group.mutes", "{\"gid\":\"none\"}", IM_E_UNKNOWN_GROUP},
		{"bob", "group.unban", "{\"gid\":\"none\",\"members\":[\"carol\"]}",
			IM_E_UNKNOWN_GROUP},
		{"bob", "group.unlink", "{\"gid\":\"none\",\"id\":\"k3xmq7wa\"}",
			IM_E_UNKNOWN_GROUP},
		{"bob", "msg.edit", "{\"conv\":\"g/none\",\"seq\":1,\"body\":\"x\"}",
			IM_E_UNKNOWN_GROUP},
		{"bob", "msg.react", "{\"conv\":\"g/none\",\"seq\":1,\"emoji\":\"x\"}",
			IM_E_UNKNOWN_GROUP},
		{"bob", "msg.report", "{\"conv\":\"g/none\",\"seq\":1,\"reason\":\"x\"}",
			IM_E_UNKNOWN_GROUP},
		{"bob", "search", "{\"q\":\"x\",\"conv\":\"g/none\"}", IM_E_UNKNOWN_GROUP},
	};

	begin(f);
	rpc_open_search(f);
	EXPECT(f, rows);
}

static void groups_of_others(void **state)
{
	struct rpc_fixture *f = *state;
	static const struct refusal rows[] = {
		{"carol", "conv.pins", "{\"conv\":\"g/team\"}", IM_E_NOT_MEMBER},
		{"carol", "conv.read", "{\"conv\":\"g/team\",\"seq\":1}", IM_E_NOT_MEMBER},
		{"carol", "conv.receipts", "{\"conv\":\"g/team\",\"seq\":1}", IM_E_NOT_MEMBER},
		{"carol", "group.bans", "{\"gid\":\"team\"}", IM_E_NOT_MEMBER},
		{"carol", "group.links", "{\"gid\":\"team\"}", IM_E_NOT_MEMBER},
		{"carol", "group.unban", "{\"gid\":\"team\",\"members\":[\"dave\"]}",
			IM_E_NOT_MEMBER},
		{"carol", "group.unlink", "{\"gid\":\"team\",\"id\":\"k3xmq7wa\"}",
			IM_E_NOT_MEMBER},
		{"carol", "msg.edit", "{\"conv\":\"g/team\",\"seq\":2,\"body\":\"x\"}",
			IM_E_NOT_MEMBER},
		{"carol", "msg.forward",
			"{\"from_conv\":\"u/bob\",\"seqs\":[1],\"to_conv\":\"g/team\"}",
			IM_E_NOT_MEMBER},
		{"carol", "msg.pin", "{\"conv\":\"g/team\",\"seq\":2}", IM_E_NOT_MEMBER},
		{"carol", "msg.react", "{\"conv\":\"g/team\",\"seq\":2,\"emoji\":\"x\"}",
			IM_E_NOT_MEMBER},
		{"carol", "msg.recall", "{\"conv\":\"g/team\",\"seq\":2}", IM_E_NOT_MEMBER},
		{"carol", "msg.report", "{\"conv\":\"g/team\",\"seq\":2,\"reason\":\"x\"}",
			IM_E_NOT_MEMBER},
		{"carol", "search", "{\"q\":\"x\",\"conv\":\"g/team\"}", IM_E_NOT_MEMBER},
	};

	begin(f);
	rpc_open_search(f);
	EXPECT(f, rows);
}

static void messages_that_are_none_or_not_to_be_touched(void **state)
{
	struct rpc_fixture *f = *state;
	static const struct refusal rows[] = {
		{"bob", "msg.react", "{\"conv\":\"g/team\",\"seq\":9,\"emoji\":\"x\"}",
			IM_E_UNKNOWN_MESSAGE},
		{"bob", "msg.report", "{\"conv\":\"g/team\",\"seq\":9,\"reason\":\"x\"}",
			IM_E_UNKNOWN_MESSAGE},
		{"bob", "msg.react", "{\"conv\":\"g/team\",\"seq\":1,\"emoji\":\"x\"}",
			IM_E_NOT_ALLOWED},
		{"alice", "msg.report", "{\"conv\":\"g/team\",\"seq\":2,\"reason\":\"x\"}",
			IM_E_NOT_ALLOWED},
	};

	begin(f);
	EXPECT(f, rows);
}

static void who_may_not_write_now(void **state)
{
	struct rpc_fixture *f = *state;
	static const struct refusal muted[] = {
		{"bob", "msg.forward",
			"{\"from_conv\":\"u/carol\",\"seqs\":[1],\"to_conv\":\"g/team\"}",
			IM_E_MUTED},
		{"bob", "msg.pin", "{\"conv\":\"g/team\",\"seq\":2}", IM_E_MUTED},
		{"bob", "msg.react", "{\"conv\":\"g/team\",\"seq\":2,\"emoji\":\"x\"}", IM_E_MUTED},
	};
	static const struct refusal strangers[] = {
		{"bob", "msg.edit", "{\"conv\":\"u/carol\",\"seq\":1,\"body\":\"x\"}",
			IM_E_CONTACTS_ONLY},
		{"bob", "msg.forward",
			"{\"from_conv\":\"g/team\",\"seqs\":[2],\"to_conv\":\"u/carol\"}",
			IM_E_CONTACTS_ONLY},
		{"bob", "msg.pin", "{\"conv\":\"u/carol\",\"seq\":1}", IM_E_CONTACTS_ONLY},
	};

	begin(f);
	rpc_ok(f, "alice", "group.role", "{\"gid\":\"team\",\"uid\":\"bob\",\"role\":\"admin\"}");
	rpc_ok(f, "alice", "group.mute", "{\"gid\":\"team\",\"uid\":\"bob\",\"seconds\":60}");
	EXPECT(f, muted);
	f->set.direct_policy = IM_DIRECT_CONTACTS;
	EXPECT(f, strangers);
}

static void lists_that_are_full(void **state)
{
	struct rpc_fixture *f = *state;
	static const struct refusal rows[] = {
		{"bob", "contact.request", "{\"uid\":\"dave\"}", IM_E_LIMIT_REACHED},
		{"alice", "group.update", "{\"gid\":\"team\",\"member_limit\":100}",
			IM_E_LIMIT_REACHED},
		{"bob", "msg.report", "{\"conv\":\"u/carol\",\"seq\":2,\"reason\":\"x\"}",
			IM_E_LIMIT_REACHED},
	};

	begin(f);
	f->set.group_members_max = 10;
	rpc_sql(f, "PRAGMA foreign_keys = 0;"
		   "WITH RECURSIVE n(i) AS (SELECT 1001 UNION ALL SELECT i + 1 FROM n "
		   "WHERE i < 11000) INSERT INTO contact (owner, peer, state, changed_ms, version) "
		   "SELECT 2, i, 3, 1, i FROM n;"
		   "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
		   "WHERE i < 10000) INSERT INTO report (reporter, conv, seq, conv_name, sender, "
		   "sent_ms, type, enc, body, cut, reason, created_ms) "
		   "SELECT 4, 1, i, 'u/bob', 2, 1, 'text', 0, 'x', 0, 'x', 1 FROM n;");
	EXPECT(f, rows);
}

/* What requests of names and short texts, and copies, may say is the operator's, as what messages
 * say is. */
static void words_that_are_not_allowed(void **state)
{
	struct rpc_fixture *f = *state;
	struct moderation words = {0};
	static const struct refusal rows[] = {
		{"bob", "group.create", "{\"name\":\"damn\"}", IM_E_NOT_ALLOWED},
		{"bob", "group.join", "{\"gid\":\"team\",\"note\":\"damn\"}", IM_E_NOT_ALLOWED},
		{"bob", "contact.request", "{\"uid\":\"dave\",\"note\":\"damn\"}",
			IM_E_NOT_ALLOWED},
		{"bob", "user.update", "{\"nick\":\"damn\"}", IM_E_NOT_ALLOWED},
		{"bob", "msg.forward",
			"{\"from_conv\":\"u/carol\",\"seqs\":[3],\"to_conv\":\"g/team\"}",
			IM_E_NOT_ALLOWED},
	};

	begin(f);
	rpc_send(f, "carol", "u/bob", "damn");
	words_load(&words, "damn\n", MODERATION_REJECT);
	f->set.moderation = &words;
	EXPECT(f, rows);
	f->set.moderation = NULL;
	moderation_clear(&words);
}

static void an_id_that_was_used(void **state)
{
	struct rpc_fixture *f = *state;
	static const struct im_sipkey key = {.k = {1, 2}};
	struct dedup *d = dedup_new(10, 1000000, &key);

	f->dedup = d;
	begin(f);
	rpc_ok(f, "bob", "msg.forward",
		"{\"from_conv\":\"u/carol\",\"seqs\":[1],\"to_conv\":\"u/alice\",\"id\":\"f-1\"}");
	rpc_no(f, IM_E_CONFLICT, "bob", "msg.forward",
		"{\"from_conv\":\"u/carol\",\"seqs\":[1,2],\"to_conv\":\"u/"
		"alice\",\"id\":\"f-1\"}");
	f->dedup = NULL;
	dedup_free(&d);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rpc_set_up, rpc_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(whom_nobody_knows),
		CASE(groups_that_are_none),
		CASE(groups_of_others),
		CASE(messages_that_are_none_or_not_to_be_touched),
		CASE(who_may_not_write_now),
		CASE(lists_that_are_full),
		CASE(words_that_are_not_allowed),
		CASE(an_id_that_was_used),
	};

	return cmocka_run_group_tests_name("refusals", tests, NULL, NULL);
}
