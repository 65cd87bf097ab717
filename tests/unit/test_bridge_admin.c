/* SPDX-License-Identifier: BSD-3-Clause */
/* Administration: the form of commands and responses, and what each command does. */
#include "tests/unit/rpc_fixture.h"

#include <stdio.h>

#include "bridge/directory/directory_user.h"
#include "common/phc.h"

static bool disk_fails;

int __real_directory_user_set_max_devices(struct directory *d, uint64_t id, int64_t max);
int __wrap_directory_user_set_max_devices(struct directory *d, uint64_t id, int64_t max);

int __wrap_directory_user_set_max_devices(struct directory *d, uint64_t id, int64_t max)
{
	return disk_fails ? IM_E_IO : __real_directory_user_set_max_devices(d, id, max);
}

static void done(struct rpc_fixture *f, const char *command)
{
	json_t *r = rpc_admin(f, command);

	if (rpc_at(r, "error") != NULL)
		fail_msg("%s: %s", command, rpc_text(r, "error"));
}

static void refused(struct rpc_fixture *f, const char *command, int code, const char *part)
{
	json_t *r = rpc_admin(f, command);

	assert_num(r, "code", code);
	if (strstr(rpc_text(r, "error"), part) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", rpc_text(r, "error"), part);
	/* What is refused changes nothing, and nobody hears of it. */
	assert_int_equal(f->told.n, 0);
}

static void each_command_gets_a_response(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_admin(f, "{\"command\":\"getUser\",\"username\":\"nobody\",\"correlationData\":\"7\"},"
		     "{\"command\":\"nonsense\"},"
		     "{\"command\":\"createUser\",\"username\":\"erin\",\"correlationData\":\"8\"},"
		     "7");
	assert_json(f->result,
		"[{\"command\":\"getUser\",\"correlationData\":\"7\",\"error\":\"unknown user: "
		"there is no user \\\"nobody\\\"\",\"code\":-32001},"
		"{\"command\":\"nonsense\",\"error\":\"unknown method: there is no command "
		"\\\"nonsense\\\"\",\"code\":-32601},"
		"{\"command\":\"createUser\",\"correlationData\":\"8\"},"
		"{\"command\":\"Unknown command\",\"error\":\"invalid request: each command is an "
		"object with the string \\\"command\\\"\",\"code\":-32600}]");
	refused(f, "{\"command\":\"getUser\",\"username\":\"erin\",\"x\":1}", IM_E_INVALID_PARAMS,
		"x is unknown; getUser takes username");
	refused(f, "{\"command\":\"getUser\"}", IM_E_INVALID_PARAMS, "username is missing");
}

static void execute(struct rpc_fixture *f, const char *uid, const char *payload, struct im_buf *out)
{
	struct admin_payload a = {.uid = im_str(uid),
		.set = &f->set,
		.w = f->w,
		.payload = im_str(payload),
		.out = out};

	im_buf_reset(out);
	assert_int_equal(admin_execute(&a), IM_OK);
	rpc_commit(f);
}

static bool answered(struct rpc_fixture *f, const char *uid, const char *payload, const char *part)
{
	struct im_buf out;
	bool found;

	im_buf_init(&out, 0);
	execute(f, uid, payload, &out);
	found = memmem(out.p, out.n, part, strlen(part)) != NULL;
	im_buf_free(&out);
	return found;
}

static void only_an_administrator_is_listened_to(void **state)
{
	struct rpc_fixture *f = *state;
	const char *command = "{\"commands\":[{\"command\":\"listUsers\"}]}";
	struct im_buf out;

	im_buf_init(&out, 0);
	execute(f, "alice", command, &out);
	assert_buf(&out,
		"{\"responses\":[{\"command\":\"Unknown command\",\"error\":\"not allowed: this is "
		"for administrators\",\"code\":-32012}]}");
	done(f, "{\"command\":\"setUserRole\",\"username\":\"alice\",\"role\":\"admin\"}");
	assert_true(answered(f, "alice", command, "\"users\""));
	done(f, "{\"command\":\"disableUser\",\"username\":\"alice\"}");
	assert_false(answered(f, "alice", command, "\"users\""));
	assert_true(answered(f, "root", "[1", "-32700"));
	assert_true(answered(f, "root", "{}", "-32600"));
	assert_true(answered(f, "root", "", "-32700"));
	execute(f, "root", "{\"commands\":[]}", &out);
	assert_buf(&out, "{\"responses\":[]}");
	im_buf_free(&out);
}

static void accounts_are_made_and_changed(void **state)
{
	struct rpc_fixture *f = *state;
	struct directory_user u;
	char phc[IM_PHC_MAX], command[512];
	const uint8_t salt[IM_PHC_SALT] = {1};

	done(f, "{\"command\":\"createUser\",\"username\":\"erin\",\"password\":\"secret\","
		"\"role\":\"admin\",\"nick\":\"E\"}");
	assert_true(rpc_told(f, "forget_user erin"));
	assert_int_equal(directory_user_get(f->reader_dir, IM_STR("erin"), &u), IM_OK);
	assert_int_equal(im_phc_verify(u.password, IM_STR("secret")), IM_OK);
	assert_int_equal(u.role, IM_ROLE_ADMIN);
	refused(f, "{\"command\":\"createUser\",\"username\":\"erin\"}", IM_E_CONFLICT, "already");
	refused(f, "{\"command\":\"createUser\",\"username\":\"e rin\"}", IM_E_INVALID_PARAMS,
		"A-Z");
	refused(f, "{\"command\":\"createUser\",\"username\":\"x\",\"role\":\"king\"}",
		IM_E_INVALID_PARAMS, "\"user\" or \"admin\"");
	refused(f, "{\"command\":\"setUserPassword\",\"username\":\"ann\",\"password\":\"secret\"}",
		IM_E_UNKNOWN_USER, "ann");
	refused(f, "{\"command\":\"setUserRole\",\"username\":\"a n\",\"role\":\"admin\"}",
		IM_E_INVALID_PARAMS, "A-Z");
	refused(f,
		"{\"command\":\"setUserPassword\",\"username\":\"erin\",\"password\":\"$7$101$c2Fs$"
		"aGFz\"}",
		IM_E_INVALID_PARAMS, "looks like a hash");
	/* A hash made elsewhere is stored as it is. */
	assert_int_equal(im_phc_hash(IM_STR("elsewhere"), salt, 8, 1, phc), IM_OK);
	snprintf(command, sizeof(command),
		"{\"command\":\"setUserPassword\",\"username\":\"erin\",\"password\":\"%s\"}", phc);
	done(f, command);
	assert_true(rpc_told(f, "forget_user erin"));
	assert_int_equal(directory_user_get(f->reader_dir, IM_STR("erin"), &u), IM_OK);
	assert_str_eq(u.password, im_str(phc));
	/* Nobody who has come with the old one stays; but who sets his own does. */
	effects_set_level(f->fx, IM_PLUGIN_LEVEL);
	done(f, command);
	assert_true(rpc_told(f, "credential erin\n"));
	snprintf(command, sizeof(command),
		"{\"command\":\"setUserPassword\",\"username\":\"root\",\"password\":\"%s\"}", phc);
	done(f, command);
	assert_true(rpc_told(f, "credential root root-desk\n"));
	effects_set_level(f->fx, 0);
	done(f, "{\"command\":\"disableUser\",\"username\":\"erin\"}");
	assert_true(rpc_told(f, "forget_user erin"));
	assert_true(rpc_told(f, "kick erin"));
	assert_json(rpc_at(rpc_admin(f, "{\"command\":\"getUser\",\"username\":\"erin\"}"), "data"),
		"{\"username\":\"erin\",\"role\":\"admin\",\"disabled\":true,\"password\":true,"
		"\"created_ms\":1000000,\"nick\":\"E\",\"hash\":\"argon2id\",\"deleted\":false,"
		"\"online\":false,\"seen_"
		"ms\":0,"
		"\"devices\":[],\"groups\":[]}");
	done(f, "{\"command\":\"enableUser\",\"username\":\"erin\"}");
	refused(f, "{\"command\":\"disableUser\",\"username\":\"root\"}", IM_E_NOT_ALLOWED, "own");
	refused(f, "{\"command\":\"deleteUser\",\"username\":\"root\"}", IM_E_NOT_ALLOWED, "own");
	refused(f, "{\"command\":\"setUserRole\",\"username\":\"root\",\"role\":\"user\"}",
		IM_E_NOT_ALLOWED, "own");
	rpc_admin(f, "{\"command\":\"listUsers\",\"after\":\"bob\",\"limit\":2}");
	assert_json(rpc_at(f->result, "0.data.users.0"),
		"{\"username\":\"carol\",\"role\":\"user\",\"disabled\":false,\"password\":false,"
		"\"created_ms\":1000000,\"nick\":\"\"}");
	assert_text(f->result, "0.data.next", "dave");
	assert_num(f->result, "0.data.more", 1);
}

/* One of the list that was answered last. */
static const json_t *conversation(const struct rpc_fixture *f, const char *conv)
{
	const json_t *list = rpc_at(f->result, "conversations"), *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		if (strcmp(json_string_value(json_object_get(one, "conv")), conv) == 0)
			return one;
	}
	fail_msg("no conversation %s", conv);
	return NULL;
}

static void a_deleted_user_leaves_every_group_in_good_hands(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_ok(f, "alice", "group.create", "{\"gid\":\"led\",\"members\":[\"bob\",\"carol\"]}");
	rpc_ok(f, "alice", "group.role", "{\"gid\":\"led\",\"uid\":\"carol\",\"role\":\"admin\"}");
	rpc_ok(f, "alice", "group.create", "{\"gid\":\"alone\"}");
	rpc_ok(f, "bob", "group.create", "{\"gid\":\"in\",\"members\":[\"alice\"]}");
	rpc_send(f, "alice", "u/bob", "remember me");
	done(f, "{\"command\":\"deleteUser\",\"username\":\"alice\"}");
	assert_true(rpc_told(f, "kick alice"));
	assert_true(rpc_told(f, "forget_user alice"));
	rpc_ok(f, "carol", "group.get", "{\"gid\":\"led\"}");
	assert_text(f->result, "group.role", "owner");
	assert_num(f->result, "group.members", 2);
	rpc_no(f, IM_E_UNKNOWN_GROUP, "bob", "group.get", "{\"gid\":\"alone\"}");
	rpc_ok(f, "bob", "conv.history", "{\"conv\":\"g/in\",\"limit\":1}");
	assert_text(f->result, "messages.0.body.action", "kick");
	assert_text(f->result, "messages.0.from", "root");
	/* What was said can be read, but nothing more can be said. */
	rpc_ok(f, "bob", "conv.history", "{\"conv\":\"u/alice\"}");
	assert_text(f->result, "messages.0.body", "remember me");
	rpc_no(f, IM_E_UNKNOWN_USER, "bob", "msg.react",
		"{\"conv\":\"u/alice\",\"seq\":1,\"emoji\":\"x\"}");
	rpc_ok(f, "bob", "conv.list", "{}");
	assert_int_equal(json_array_size(rpc_at(f->result, "conversations")), 3);
	assert_num(conversation(f, "u/alice"), "deleted", 1);
	assert_null(rpc_at(conversation(f, "g/in"), "deleted"));
	assert_json(rpc_ok(f, "bob", "user.get", "{\"uid\":\"alice\"}"),
		"{\"uid\":\"alice\",\"nick\":\"\",\"avatar\":\"\",\"rev\":1,\"deleted\":true}");
	assert_json(rpc_ok(f, "bob", "presence.get", "{\"uids\":[\"carol\",\"alice\"]}"),
		"{\"users\":[{\"uid\":\"carol\",\"state\":\"offline\"},"
		"{\"uid\":\"alice\",\"state\":\"offline\",\"deleted\":true}],\"more\":false}");
	/* A name is given once, whatever its case. */
	refused(f, "{\"command\":\"createUser\",\"username\":\"alice\"}", IM_E_CONFLICT,
		"imctl user restore");
	refused(f, "{\"command\":\"createUser\",\"username\":\"Alice\"}", IM_E_CONFLICT,
		"in case alone");
}

static void a_deleted_user_comes_back(void **state)
{
	struct rpc_fixture *f = *state;
	uint64_t number = rpc_uid(f, "alice");
	struct directory_user u;

	rpc_send(f, "alice", "u/bob", "one");
	rpc_send(f, "bob", "u/alice", "two");
	rpc_ok(f, "alice", "conv.read", "{\"conv\":\"u/bob\",\"seq\":2}");
	rpc_ok(f, "alice", "group.create", "{\"gid\":\"led\",\"members\":[\"bob\"]}");
	refused(f, "{\"command\":\"restoreUser\",\"username\":\"alice\"}", IM_E_CONFLICT,
		"not deleted");
	done(f, "{\"command\":\"deleteUser\",\"username\":\"alice\"}");
	refused(f, "{\"command\":\"restoreUser\",\"username\":\"alicia\"}", IM_E_UNKNOWN_USER,
		"alicia");
	f->now_ms = 2000000;
	done(f, "{\"command\":\"restoreUser\",\"username\":\"alice\",\"password\":\"new\"}");
	assert_true(rpc_told(f, "forget_user alice"));
	assert_int_equal(rpc_uid(f, "alice"), number);
	assert_int_equal(directory_user_get(f->reader_dir, IM_STR("alice"), &u), IM_OK);
	assert_int_equal(im_phc_verify(u.password, IM_STR("new")), IM_OK);
	assert_int_equal(u.role, IM_ROLE_USER);
	/* What was said is there, and goes on; whom he knew is not kept. */
	assert_int_equal(rpc_send(f, "alice", "u/bob", "three"), 3);
	rpc_ok(f, "alice", "conv.history", "{\"conv\":\"u/bob\"}");
	assert_text(f->result, "messages.0.body", "one");
	assert_text(f->result, "messages.2.body", "three");
	rpc_ok(f, "alice", "conv.list", "{}");
	assert_num(f->result, "conversations.0.read", 2);
	assert_int_equal(json_array_size(rpc_at(f->result, "conversations")), 1);
	rpc_no(f, IM_E_UNKNOWN_GROUP, "alice", "conv.history", "{\"conv\":\"g/led\"}");
	rpc_ok(f, "bob", "conv.list", "{}");
	assert_null(rpc_at(conversation(f, "u/alice"), "deleted"));
}

static void groups_are_managed_from_outside(void **state)
{
	struct rpc_fixture *f = *state;

	done(f, "{\"command\":\"createGroup\",\"gid\":\"team\",\"owner\":\"alice\","
		"\"members\":[\"bob\"],\"name\":\"T\",\"join\":\"open\"}");
	assert_true(rpc_told(f, "inbox bob event"));
	done(f, "{\"command\":\"addGroupMember\",\"gid\":\"team\",\"members\":[\"carol\",\"bob\","
		"\"root\"]}");
	assert_true(rpc_told(f, "forget_member carol team"));
	assert_true(rpc_told(f, "inbox root event"));
	assert_false(rpc_told(f, "inbox bob event"));
	done(f, "{\"command\":\"setGroupRole\",\"gid\":\"team\",\"username\":\"bob\","
		"\"role\":\"owner\"}");
	rpc_admin(f, "{\"command\":\"getGroup\",\"gid\":\"team\"}");
	assert_json(rpc_at(f->result, "0.data"),
		"{\"group\":{\"gid\":\"team\",\"kind\":\"group\",\"name\":\"T\",\"members\":4,"
		"\"member_limit\":1000,\"join\":\"open\",\"history\":\"all\",\"muted_until\":0,"
		"\"created_ms\":1000000},\"members\":["
		"{\"username\":\"alice\",\"role\":\"admin\",\"joined_ms\":1000000},"
		"{\"username\":\"bob\",\"role\":\"owner\",\"joined_ms\":1000000},"
		"{\"username\":\"carol\",\"role\":\"member\",\"joined_ms\":1000000},"
		"{\"username\":\"root\",\"role\":\"member\",\"joined_ms\":1000000}],"
		"\"more\":false}");
	refused(f, "{\"command\":\"removeGroupMember\",\"gid\":\"team\",\"members\":[\"bob\"]}",
		IM_E_NOT_ALLOWED, "owns");
	refused(f,
		"{\"command\":\"setGroupRole\",\"gid\":\"team\",\"username\":\"bob\","
		"\"role\":\"member\"}",
		IM_E_NOT_ALLOWED, "owner");
	refused(f,
		"{\"command\":\"setGroupRole\",\"gid\":\"team\",\"username\":\"dave\","
		"\"role\":\"admin\"}",
		IM_E_NOT_MEMBER, "dave");
	done(f, "{\"command\":\"removeGroupMember\",\"gid\":\"team\",\"members\":[\"carol\","
		"\"dave\"]}");
	assert_true(rpc_told(f, "inbox carol event"));
	assert_false(rpc_told(f, "inbox dave event"));
	rpc_no(f, IM_E_NOT_MEMBER, "carol", "conv.history", "{\"conv\":\"g/team\"}");
	rpc_ok(f, "bob", "group.create", "{\"gid\":\"more\"}");
	rpc_admin(f, "{\"command\":\"getUser\",\"username\":\"bob\"}");
	assert_json(rpc_at(f->result, "0.data.groups"),
		"[{\"gid\":\"team\",\"role\":\"owner\"},{\"gid\":\"more\",\"role\":\"owner\"}]");
	rpc_ok(f, "bob", "group.dismiss", "{\"gid\":\"more\"}");
	rpc_admin(f, "{\"command\":\"listGroups\"}");
	assert_text(f->result, "0.data.groups.0.gid", "team");
	assert_num(f->result, "0.data.more", 0);
	done(f, "{\"command\":\"dismissGroup\",\"gid\":\"team\"}");
	refused(f, "{\"command\":\"dismissGroup\",\"gid\":\"team\"}", IM_E_UNKNOWN_GROUP, "team");
}

static void a_system_message_cannot_pass_for_a_change(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_ok(f, "alice", "group.create", "{\"gid\":\"team\"}");
	rpc_admin(f, "{\"command\":\"sendSystemMessage\",\"conv\":\"g/team\","
		     "\"body\":{\"action\":\"dismiss\"}}");
	assert_json(rpc_at(f->result, "0.data"), "{\"seq\":2}");
	rpc_ok(f, "alice", "conv.history", "{\"conv\":\"g/team\",\"limit\":1}");
	assert_text(f->result, "messages.0.type", "system");
	assert_json(rpc_at(f->result, "messages.0.body"),
		"{\"action\":\"notice\",\"by\":\"root\",\"body\":{\"action\":\"dismiss\"}}");
	rpc_admin(f, "{\"command\":\"sendSystemMessage\",\"conv\":\"u/bob\",\"body\":\"hello\"}");
	rpc_ok(f, "bob", "conv.history", "{\"conv\":\"u/root\"}");
	assert_text(f->result, "messages.0.body.body", "hello");
	assert_text(f->result, "messages.0.from", "root");
	refused(f, "{\"command\":\"sendSystemMessage\",\"conv\":\"bob\",\"body\":1}",
		IM_E_INVALID_PARAMS, "u/{uid}");
	refused(f, "{\"command\":\"sendSystemMessage\",\"conv\":\"g/x\",\"body\":1}",
		IM_E_UNKNOWN_GROUP, "x");
}

/* -- messages -- */

static void an_administrator_recalls_any_message(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_ok(f, "alice", "group.create", "{\"gid\":\"team\",\"members\":[\"bob\"]}");
	rpc_send(f, "bob", "g/team", "spam");
	rpc_ok(f, "bob", "msg.edit", "{\"conv\":\"g/team\",\"seq\":2,\"body\":\"more spam\"}");
	f->now_ms += 3600000;
	done(f, "{\"command\":\"recallMessage\",\"conv\":\"g/team\",\"seq\":2}");
	/* As from its sender; nobody learns which administrator it was. */
	assert_true(rpc_told(f, "message alice,bob g/team ,\"seq\":4,\"from\":\"bob\","));
	assert_true(rpc_told(f, "\"type\":\"recall\",\"cursor\":"));
	assert_true(rpc_told(f, "\"body\":{\"seq\":2,\"by\":\"administrator\"}}"));
	assert_false(rpc_told(f, "root"));
	rpc_ok(f, "alice", "conv.history", "{\"conv\":\"g/team\"}");
	assert_text(f->result, "messages.1.type", "recalled");
	assert_text(f->result, "messages.1.recalled_by", "administrator");
	assert_text(f->result, "messages.2.type", "recalled");
	assert_text(f->result, "messages.3.from", "bob");
	rpc_admin(f, "{\"command\":\"recallMessage\",\"conv\":\"g/team\",\"seq\":2}");
	assert_json(rpc_at(f->result, "0.data"), "{\"changed\":false}");
	assert_int_equal(f->told.n, 0);
	refused(f, "{\"command\":\"recallMessage\",\"conv\":\"g/team\",\"seq\":1}",
		IM_E_NOT_ALLOWED, "system");
	refused(f, "{\"command\":\"recallMessage\",\"conv\":\"g/team\",\"seq\":9}",
		IM_E_UNKNOWN_MESSAGE, "9");
	refused(f, "{\"command\":\"recallMessage\",\"conv\":\"g/none\",\"seq\":1}",
		IM_E_UNKNOWN_GROUP, "none");
	rpc_send(f, "bob", "u/alice", "direct spam");
	refused(f, "{\"command\":\"recallMessage\",\"conv\":\"u/bob\",\"seq\":1}",
		IM_E_INVALID_PARAMS, "with");
	refused(f,
		"{\"command\":\"recallMessage\",\"conv\":\"u/bob\",\"with\":\"carol\","
		"\"seq\":1}",
		IM_E_UNKNOWN_MESSAGE, "nothing was ever sent");
	done(f, "{\"command\":\"recallMessage\",\"conv\":\"u/alice\",\"with\":\"bob\",\"seq\":1}");
	assert_true(rpc_told(f, "message alice,bob ,\"seq\":2,\"from\":\"bob\","));
	rpc_ok(f, "alice", "conv.history", "{\"conv\":\"u/bob\"}");
	assert_text(f->result, "messages.0.recalled_by", "administrator");
}

static void a_reported_message_is_recalled_by_its_report(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_send(f, "bob", "u/alice", "threat");
	rpc_ok(f, "alice", "group.create", "{\"gid\":\"team\",\"members\":[\"bob\"]}");
	rpc_send(f, "bob", "g/team", "spam");
	rpc_ok(f, "alice", "msg.report", "{\"conv\":\"u/bob\",\"seq\":1,\"reason\":\"r\"}");
	rpc_ok(f, "alice", "msg.report", "{\"conv\":\"g/team\",\"seq\":2,\"reason\":\"r\"}");
	done(f, "{\"command\":\"recallReported\",\"id\":1}");
	assert_true(rpc_told(f, "message alice,bob ,\"seq\":2,\"from\":\"bob\","));
	done(f, "{\"command\":\"recallReported\",\"id\":2}");
	assert_true(rpc_told(f, "message alice,bob g/team ,\"seq\":3,\"from\":\"bob\","));
	refused(f, "{\"command\":\"recallReported\",\"id\":3}", IM_E_INVALID_PARAMS, "3");
	/* What was reported is still there to be judged. */
	rpc_admin(f, "{\"command\":\"listReports\"}");
	assert_text(f->result, "0.data.reports.0.body", "threat");
	rpc_ok(f, "alice", "conv.history", "{\"conv\":\"u/bob\"}");
	assert_text(f->result, "messages.0.type", "recalled");
}

static void what_a_deleted_user_sent_is_recalled_for_the_others(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_send(f, "bob", "u/alice", "threat");
	rpc_send(f, "bob", "u/alice", "another");
	rpc_ok(f, "alice", "msg.report", "{\"conv\":\"u/bob\",\"seq\":1,\"reason\":\"r\"}");
	done(f, "{\"command\":\"deleteUser\",\"username\":\"bob\"}");
	done(f, "{\"command\":\"recallReported\",\"id\":1}");
	assert_true(rpc_told(f, "message alice,bob ,\"seq\":3,\"from\":\"bob\","));
	done(f, "{\"command\":\"recallMessage\",\"conv\":\"u/bob\",\"with\":\"alice\","
		"\"seq\":2}");
	rpc_ok(f, "alice", "conv.history", "{\"conv\":\"u/bob\"}");
	assert_text(f->result, "messages.0.type", "recalled");
	assert_text(f->result, "messages.1.recalled_by", "administrator");
	rpc_admin(f, "{\"command\":\"listAudit\",\"username\":\"bob\"}");
	assert_text(f->result, "0.data.rows.1.command", "recallReported");
	assert_json(rpc_at(f->result, "0.data.rows.1.detail"),
		"{\"conv\":\"u/alice\",\"with\":\"bob\",\"seq\":\"1\",\"sender\":\"bob\"}");
	assert_json(rpc_at(f->result, "0.data.rows.2.detail"),
		"{\"with\":\"alice\",\"seq\":2,\"sender\":\"bob\"}");
}

/* -- who hears of a deletion -- */

static void contacts_groups_and_watchers_hear_of_a_deletion(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_ok(f, "alice", "group.create", "{\"gid\":\"team\",\"members\":[\"bob\",\"carol\"]}");
	rpc_ok(f, "carol", "contact.request", "{\"uid\":\"bob\"}");
	rpc_ok(f, "bob", "contact.accept", "{\"uid\":\"carol\"}");
	rpc_ok(f, "bob", "contact.request", "{\"uid\":\"dave\"}");
	done(f, "{\"command\":\"deleteUser\",\"username\":\"bob\"}");
	assert_true(rpc_told(f, "message alice,carol g/team"));
	assert_true(rpc_told(f, "inbox carol event {\"event\":\"contact\",\"action\":\"remove\","
				"\"uid\":\"bob\",\"by\":\"bob\",\"version\":3,"));
	assert_true(rpc_told(f, "inbox dave event {\"event\":\"contact\",\"action\":\"remove\","));
	/* It is told of the groups that it loses, as in any other removal. */
	assert_true(rpc_told(f, "inbox bob event {\"event\":\"group\",\"conv\":\"g/team\","
				"\"action\":\"kick\""));
	assert_true(presence_changed(f->presence));
	rpc_ok(f, "carol", "contact.list", "{}");
	assert_int_equal(json_array_size(rpc_at(f->result, "contacts")), 0);
	/* Devices that were away hear of it as well. */
	rpc_ok(f, "carol", "sync", "{\"cursor\":\"\"}");
	assert_true(json_array_size(rpc_at(f->result, "events")) >= 2);
}

static int stats(void *arg, struct im_buf *out)
{
	(void)arg;
	im_buf_z(out, "{\"messages\":7}");
	return IM_OK;
}

static int backup(void *arg, struct im_str folder, struct im_buf *why)
{
	if (im_str_eqz(folder, "/full")) {
		im_buf_z(why, "the folder is full");
		return IM_E_IO;
	}
	if (im_str_eqz(folder, "/second")) {
		im_buf_z(why, "a backup is running");
		return IM_E_EXISTS;
	}
	*(int *)arg += 1;
	return IM_OK;
}

static void the_nodes_own_commands_reach_the_engine(void **state)
{
	struct rpc_fixture *f = *state;
	int backups = 0;

	refused(f, "{\"command\":\"getStats\"}", IM_E_NOT_ALLOWED, "statistics");
	f->hooks = (struct admin_hooks){.arg = &backups, .stats = stats, .backup = backup};
	rpc_admin(f, "{\"command\":\"getStats\"}");
	assert_json(rpc_at(f->result, "0.data"), "{\"messages\":7}");
	done(f, "{\"command\":\"backup\",\"dir\":\"/var/backups/im\"}");
	assert_int_equal(backups, 1);
	refused(f, "{\"command\":\"backup\",\"dir\":\"here\"}", IM_E_INVALID_PARAMS, "absolute");
	/* The node is not busy where the folder cannot be had; it is while another one is made. */
	refused(f, "{\"command\":\"backup\",\"dir\":\"/full\"}", IM_E_INVALID_PARAMS, "full");
	refused(f, "{\"command\":\"backup\",\"dir\":\"/second\"}", IM_E_BUSY, "running");
}

/* An order that nobody is there for is one that somebody has mistyped. */
static void a_kick_says_when_it_meets_nobody(void **state)
{
	struct rpc_fixture *f = *state;

	json_t *r = rpc_admin(f, "{\"command\":\"kickUser\",\"username\":\"bob\"}");

	assert_num(r, "code", IM_E_INVALID_PARAMS);
	assert_non_null(strstr(rpc_text(r, "error"), "no device of \"bob\" is connected"));
	/* The order goes out: the broker may have one that is silent. */
	assert_true(rpc_told(f, "kick bob\n"));
	assert_int_equal(directory_device_bind(
				 writer_directory(f->w), IM_STR("phone"), rpc_uid(f, "bob"), 5, 0),
		IM_OK);
	rpc_commit(f);
	refused(f, "{\"command\":\"kickUser\",\"username\":\"bob\",\"device\":\"phone\"}",
		IM_E_INVALID_PARAMS, "the device \"phone\" of \"bob\" is not connected");
	assert_int_equal(
		presence_open(f->presence, 0, IM_STR("bob"), IM_STR("phone"), f->now_ms), IM_OK);
	done(f, "{\"command\":\"kickUser\",\"username\":\"bob\"}");
	assert_true(rpc_told(f, "kick bob\n"));
	done(f, "{\"command\":\"kickDevice\",\"username\":\"bob\",\"device\":\"phone\"}");
	assert_true(rpc_told(f, "kick bob phone\n"));
	refused(f, "{\"command\":\"kickDevice\",\"username\":\"bob\",\"device\":\"phnoe\"}",
		IM_E_INVALID_PARAMS, "\"phnoe\" is no device of \"bob\"");
	refused(f, "{\"command\":\"kickDevice\",\"username\":\"alice\",\"device\":\"phone\"}",
		IM_E_INVALID_PARAMS, "\"phone\" is no device of \"alice\"");
	refused(f, "{\"command\":\"kickDevice\",\"username\":\"bob\"}", IM_E_INVALID_PARAMS,
		"device");
}

/* What was so already is said to be. */
static void commands_say_whether_they_have_changed_anything(void **state)
{
	struct rpc_fixture *f = *state;
	static const char *const twice[] = {
		"{\"command\":\"addGroupMember\",\"gid\":\"team\",\"members\":[\"bob\"]}",
		"{\"command\":\"setGroupRole\",\"gid\":\"team\",\"username\":\"bob\","
		"\"role\":\"admin\"}",
		"{\"command\":\"removeGroupMember\",\"gid\":\"team\",\"members\":[\"bob\"]}",
	};

	done(f, "{\"command\":\"createGroup\",\"gid\":\"team\",\"owner\":\"alice\"}");
	for (size_t i = 0; i < sizeof(twice) / sizeof(twice[0]); i++) {
		done(f, twice[i]);
		assert_json(rpc_at(f->result, "0.data"), "{\"changed\":true}");
		if (i == 2)
			break;
		done(f, twice[i]);
		assert_json(rpc_at(f->result, "0.data"), "{\"changed\":false}");
	}
	done(f, twice[2]);
	assert_json(rpc_at(f->result, "0.data"), "{\"changed\":false}");
}

/* Whoever makes a group for somebody else is told of the group; of one that is there only that its
 * name is taken, or, if it is the very same, that nothing was to be done. */
static void a_group_that_is_there_is_not_made_again(void **state)
{
	struct rpc_fixture *f = *state;
	static const char create[] =
		"{\"command\":\"createGroup\",\"gid\":\"team\",\"owner\":\"alice\"}";

	done(f, create);
	assert_text(f->result, "0.data.group.gid", "team");
	assert_null(rpc_at(f->result, "0.data.group.role"));
	done(f, create);
	assert_json(rpc_at(f->result, "0.data"), "{\"changed\":false}");
	refused(f, "{\"command\":\"createGroup\",\"gid\":\"team\",\"owner\":\"bob\"}",
		IM_E_CONFLICT, "the name \"team\" is or was a group's");
	assert_null(rpc_at(f->result, "0.data"));
	refused(f,
		"{\"command\":\"createGroup\",\"gid\":\"team\",\"owner\":\"alice\",\"name\":\"x\"}",
		IM_E_CONFLICT, "the name \"team\" is or was a group's");
	assert_null(strstr(rpc_text(f->result, "0.error"), "alice"));
	/* Nor is anybody else told more; but who has made it may ask again. */
	rpc_no(f, IM_E_CONFLICT, "bob", "group.create", "{\"gid\":\"team\"}");
	assert_null(memmem(f->why.p, f->why.n, "alice", 5));
	rpc_ok(f, "alice", "group.create", "{\"gid\":\"team\"}");
	assert_false(json_is_true(rpc_at(f->result, "changed")));
	assert_text(f->result, "group.role", "owner");
}

static void a_users_number_of_devices_is_shown_set_and_reset(void **state)
{
	struct rpc_fixture *f = *state;
	struct directory_user u;

	done(f, "{\"command\":\"setUserMaxDevices\",\"username\":\"bob\",\"max_devices\":3}");
	assert_json(rpc_at(f->result, "0.data"), "{\"max_devices\":3}");
	done(f, "{\"command\":\"setUserMaxDevices\",\"username\":\"bob\"}");
	assert_json(rpc_at(f->result, "0.data"), "{\"max_devices\":3}");
	assert_int_equal(directory_user_get(f->reader_dir, IM_STR("bob"), &u), IM_OK);
	assert_int_equal(u.max_devices, 3);
	done(f, "{\"command\":\"setUserMaxDevices\",\"username\":\"bob\",\"max_devices\":-1}");
	assert_json(rpc_at(f->result, "0.data"), "{\"max_devices\":\"default\"}");
	assert_int_equal(directory_user_get(f->reader_dir, IM_STR("bob"), &u), IM_OK);
	assert_int_equal(u.max_devices, DIRECTORY_DEVICES_DEFAULT);
}

static void nobody_is_forgotten_for_a_change_that_failed(void **state)
{
	static const char command[] = "{\"command\":\"setUserMaxDevices\",\"username\":\"bob\","
				      "\"max_devices\":3}";
	struct rpc_fixture *f = *state;
	struct im_buf out;
	struct admin_payload a = {.uid = IM_STR("root"), .set = &f->set, .w = f->w, .out = &out};

	done(f, "{\"command\":\"getUser\",\"username\":\"bob\"}");
	im_buf_init(&out, 0);
	im_buf_printf(&f->told, "{\"commands\":[%s]}", command);
	a.payload = im_buf_view(&f->told);
	disk_fails = true;
	assert_int_equal(admin_execute(&a), IM_E_IO);
	disk_fails = false;
	assert_int_equal(effects_bytes(f->fx), 0);
	writer_rollback(f->w);
	im_buf_free(&out);
	done(f, command);
	assert_true(rpc_told(f, "forget_user bob"));
}

/* Carol has come as bob's tablet first. */
static void a_client_id_is_taken_from_its_user(void **state)
{
	struct rpc_fixture *f = *state;
	struct directory_device dev;

	assert_int_equal(directory_device_bind(writer_directory(f->w), IM_STR("bob's tablet"),
				 rpc_uid(f, "carol"), 5, 0),
		IM_OK);
	rpc_commit(f);
	refused(f, "{\"command\":\"unbindDevice\",\"device\":\"nobody's\"}", IM_E_INVALID_PARAMS,
		"no user has the client id \"nobody's\"");
	refused(f,
		"{\"command\":\"unbindDevice\",\"device\":\"bob's tablet\",\"owner\":\"nobody\"}",
		IM_E_UNKNOWN_USER, "nobody");
	refused(f, "{\"command\":\"unbindDevice\",\"device\":\"bob's tablet\",\"owner\":\"carol\"}",
		IM_E_INVALID_PARAMS, "already");
	refused(f, "{\"command\":\"unbindDevice\",\"device\":\"$im/x\",\"owner\":\"bob\"}",
		IM_E_INVALID_PARAMS, "no client id");
	assert_false(rpc_told(f, "kick"));
	done(f, "{\"command\":\"unbindDevice\",\"device\":\"bob's tablet\",\"owner\":\"bob\"}");
	assert_json(rpc_at(f->result, "0.data"),
		"{\"device\":\"bob's tablet\",\"username\":\"carol\"}");
	assert_true(rpc_told(f, "kick carol bob's tablet\n"));
	assert_true(rpc_told(f, "inbox carol event {\"event\":\"device\",\"action\":\"remove\","
				"\"device\":\"bob's tablet\"}"));
	assert_int_equal(directory_device_get(f->reader_dir, IM_STR("bob's tablet"), &dev), IM_OK);
	assert_int_equal(dev.user, rpc_uid(f, "bob"));
	done(f, "{\"command\":\"unbindDevice\",\"device\":\"bob's tablet\"}");
	assert_int_equal(
		directory_device_get(f->reader_dir, IM_STR("bob's tablet"), &dev), IM_E_NONE);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rpc_set_up, rpc_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(each_command_gets_a_response),
		CASE(nobody_is_forgotten_for_a_change_that_failed),
		CASE(a_client_id_is_taken_from_its_user),
		CASE(only_an_administrator_is_listened_to),
		CASE(accounts_are_made_and_changed),
		CASE(a_deleted_user_leaves_every_group_in_good_hands),
		CASE(a_deleted_user_comes_back),
		CASE(groups_are_managed_from_outside),
		CASE(a_system_message_cannot_pass_for_a_change),
		CASE(an_administrator_recalls_any_message),
		CASE(a_reported_message_is_recalled_by_its_report),
		CASE(what_a_deleted_user_sent_is_recalled_for_the_others),
		CASE(contacts_groups_and_watchers_hear_of_a_deletion),
		CASE(the_nodes_own_commands_reach_the_engine),
		CASE(a_kick_says_when_it_meets_nobody),
		CASE(commands_say_whether_they_have_changed_anything),
		CASE(a_group_that_is_there_is_not_made_again),
		CASE(a_users_number_of_devices_is_shown_set_and_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
