/* SPDX-License-Identifier: BSD-3-Clause */
/* The audit log: what of administrators' commands is kept, what is not, and for how long. */
#include "tests/unit/rpc_fixture.h"

#include "bridge/directory/directory_audit.h"
#include "common/limits.h"

/* The rows that listAudit answers with these parameters. */
static const json_t *rows(struct rpc_fixture *f, const char *params)
{
	char command[256];

	snprintf(command, sizeof(command), "{\"command\":\"listAudit\"%s}", params);
	rpc_admin(f, command);
	return rpc_at(f->result, "0.data.rows");
}

static void a_command_is_noted_with_what_it_did_to_whom(void **state)
{
	struct rpc_fixture *f = *state;
	const json_t *r;

	rpc_admin(f, "{\"command\":\"createUser\",\"username\":\"erin\",\"password\":\"hunter2\","
		     "\"role\":\"admin\",\"nick\":\"nickname\",\"correlationData\":\"x\"}");
	f->now_ms = 1000500;
	rpc_admin(f, "{\"command\":\"setUserRole\",\"username\":\"erin\",\"role\":\"king\"}");
	rpc_admin(f,
		"{\"command\":\"createGroup\",\"gid\":\"g\",\"owner\":\"bob\",\"name\":\"club\","
		"\"members\":[\"alice\",\"carol\"],\"member_limit\":9}");
	rpc_admin(f, "{\"command\":\"sendSystemMessage\",\"conv\":\"g/g\",\"body\":\"secret\"}");
	rpc_admin(f, "{\"command\":\"closeReport\",\"id\":7,\"note\":\"private\"}");
	r = rows(f, "");
	assert_int_equal(json_array_size(r), 5);
	assert_json(json_array_get(r, 0),
		"{\"id\":1,\"ts_ms\":1000000,\"by\":\"root\",\"command\":\"createUser\","
		"\"subject\":\"erin\",\"detail\":{\"role\":\"admin\"},\"outcome\":\"done\"}");
	assert_json(json_array_get(r, 1),
		"{\"id\":2,\"ts_ms\":1000500,\"by\":\"root\",\"command\":\"setUserRole\","
		"\"subject\":\"erin\",\"detail\":{\"role\":\"king\"},"
		"\"outcome\":\"invalid parameters\"}");
	assert_json(rpc_at(r, "2.detail"),
		"{\"owner\":\"bob\",\"members\":[\"alice\",\"carol\"],\"member_limit\":9}");
	assert_text(r, "3.subject", "g/g");
	assert_json(rpc_at(r, "3.detail"), "{}");
	assert_text(r, "4.subject", "7");
	assert_json(rpc_at(r, "4.detail"), "{}");
}

/* What it was taken from is found under whoever lost it. */
static void a_client_id_that_was_taken_is_noted_for_who_had_it(void **state)
{
	struct rpc_fixture *f = *state;

	assert_int_equal(directory_device_bind(writer_directory(f->w), IM_STR("bob's tablet"),
				 rpc_uid(f, "carol"), 5, 0),
		IM_OK);
	rpc_commit(f);
	rpc_admin(
		f, "{\"command\":\"unbindDevice\",\"device\":\"bob's tablet\",\"owner\":\"bob\"}");
	assert_json(json_array_get(rows(f, ",\"username\":\"carol\""), 0),
		"{\"id\":1,\"ts_ms\":1000000,\"by\":\"root\",\"command\":\"unbindDevice\","
		"\"subject\":\"bob's "
		"tablet\",\"detail\":{\"owner\":\"bob\",\"username\":\"carol\"},"
		"\"outcome\":\"done\"}");
}

static void what_only_looks_is_not_noted(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_admin(f, "{\"command\":\"listUsers\"}");
	rpc_admin(f, "{\"command\":\"getUser\",\"username\":\"bob\"}");
	rpc_admin(f, "{\"command\":\"listGroups\"}");
	rpc_admin(f, "{\"command\":\"getDeviceOwner\",\"device\":\"none\"}");
	rpc_admin(f, "{\"command\":\"getStats\"}");
	rpc_admin(f, "{\"command\":\"noSuch\"}");
	assert_int_equal(json_array_size(rows(f, "")), 0);
	/* But what users wrote is not everybody's to see. Pages of one list are one row. */
	rpc_admin(f, "{\"command\":\"listReports\"}");
	f->now_ms += 60;
	rpc_admin(f, "{\"command\":\"listReports\",\"after\":\"5\"}");
	assert_json(json_array_get(rows(f, ""), 0),
		"{\"id\":1,\"ts_ms\":1000060,\"by\":\"root\",\"command\":\"listReports\","
		"\"subject\":\"\",\"detail\":{},\"outcome\":\"done\",\"times\":2,"
		"\"first_ms\":1000000}");
}

static void strange_parameters_are_kept_short(void **state)
{
	struct rpc_fixture *f = *state;
	struct im_buf command;
	const json_t *r;

	im_buf_init(&command, 0);
	im_buf_z(&command, "{\"command\":\"addGroupMember\",\"gid\":\"");
	for (int i = 0; i < 1000; i++)
		im_buf_c(&command, 'x');
	im_buf_z(&command, "\",\"role\":{\"a\":1},\"device\":null,\"members\":[{}");
	for (int i = 0; i < 30; i++)
		im_buf_printf(&command, ",\"m%d\"", i);
	im_buf_z(&command, "]}");
	im_buf_c(&command, '\0');
	rpc_admin(f, command.p);
	im_buf_free(&command);
	rpc_admin(f, "{\"command\":\"deleteUser\",\"username\":{\"x\":1}}");
	r = rows(f, "");
	assert_int_equal(strlen(rpc_text(r, "0.subject")), 256);
	assert_null(rpc_at(r, "0.detail.role"));
	assert_int_equal(json_array_size(rpc_at(r, "0.detail.members")), 20);
	assert_text(r, "0.detail.members.1", "m0");
	assert_num(r, "0.detail.members_n", 31);
	assert_text(r, "1.subject", "");
}

static void what_is_no_name_is_not_kept(void **state)
{
	struct rpc_fixture *f = *state;
	const json_t *r;

	rpc_admin(f, "{\"command\":\"setUserPassword\",\"username\":\"s3cr3t "
		     "pass\",\"password\":\"x\"}");
	rpc_admin(f, "{\"command\":\"addGroupMember\",\"gid\":\"g\",\"members\":[\"a\",\"s3cr3t "
		     "pass\"]}");
	r = rows(f, "");
	assert_text(r, "1.detail.members.0", "a");
	assert_text(r, "1.detail.members.1", "(malformed)");
	assert_text(r, "0.subject", "(malformed)");
}

static void rows_are_found_by_user_and_paged(void **state)
{
	struct rpc_fixture *f = *state;
	const json_t *r;

	rpc_admin(f, "{\"command\":\"disableUser\",\"username\":\"bob\"}");
	rpc_admin(f, "{\"command\":\"deleteUser\",\"username\":\"carol\"}");
	rpc_admin(f, "{\"command\":\"enableUser\",\"username\":\"bob\"}");
	r = rows(f, ",\"username\":\"bob\"");
	assert_int_equal(json_array_size(r), 2);
	assert_text(r, "1.command", "enableUser");
	assert_text(rows(f, ",\"username\":\"carol\""), "0.command", "deleteUser");
	assert_int_equal(json_array_size(rows(f, ",\"username\":\"root\"")), 3);
	assert_int_equal(json_array_size(rows(f, ",\"username\":\"dave\"")), 0);
	r = rows(f, ",\"last\":2");
	assert_int_equal(json_array_size(r), 2);
	assert_text(r, "0.command", "deleteUser");
	assert_int_equal(json_array_size(rows(f, ",\"last\":9")), 3);
	r = rows(f, ",\"limit\":2");
	assert_text(f->result, "0.data.next", "2");
	r = rows(f, ",\"after\":\"2\"");
	assert_int_equal(json_array_size(r), 1);
	rpc_admin(f, "{\"command\":\"listAudit\",\"after\":\"x\"}");
	assert_num(f->result, "0.code", IM_E_INVALID_PARAMS);
}

static void old_rows_go(void **state)
{
	struct rpc_fixture *f = *state;
	const int64_t day = 86400000;
	struct audit_row r = {.now_ms = day, .name = IM_STR("x"), .detail = IM_STR("{}")};
	char action[16];

	f->set.audit_days = 10;
	for (int i = 0; i < 25; i++) {
		snprintf(action, sizeof(action), "a%d", i);
		r.action = im_str(action);
		assert_int_equal(directory_audit_add(writer_directory(f->w), &r, 10), IM_OK);
	}
	rpc_commit(f);
	f->now_ms = 11 * day;
	rpc_admin(f, "{\"command\":\"disableUser\",\"username\":\"bob\"}");
	assert_int_equal(json_array_size(rows(f, "")), 26);
	f->now_ms++;
	for (int i = 0; i < 3; i++) {
		rpc_admin(f, "{\"command\":\"enableUser\",\"username\":\"bob\"}");
		rpc_admin(f, "{\"command\":\"disableUser\",\"username\":\"bob\"}");
	}
	assert_int_equal(json_array_size(rows(f, "")), 7);
	/* And those beyond so many newer ones, at any age. */
	r.now_ms = f->now_ms;
	r.action = IM_STR("last");
	assert_int_equal(directory_audit_add(writer_directory(f->w), &r, 0), IM_OK);
	rpc_commit(f);
	rpc_sql(f, "UPDATE audit SET id = id + 99994 WHERE action = 'last'");
	r.action = IM_STR("after it");
	assert_int_equal(directory_audit_add(writer_directory(f->w), &r, 0), IM_OK);
	rpc_commit(f);
	assert_text(rows(f, ""), "0.command", "enableUser");
	assert_int_equal(json_array_size(rows(f, "")), 6);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rpc_set_up, rpc_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_command_is_noted_with_what_it_did_to_whom),
		CASE(a_client_id_that_was_taken_is_noted_for_who_had_it),
		CASE(what_only_looks_is_not_noted),
		CASE(strange_parameters_are_kept_short),
		CASE(what_is_no_name_is_not_kept),
		CASE(rows_are_found_by_user_and_paged),
		CASE(old_rows_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
