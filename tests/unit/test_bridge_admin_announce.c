/* SPDX-License-Identifier: BSD-3-Clause */
/* Announcements: to whom, how fast, once for each, and that nobody answers. */
#include "tests/unit/rpc_fixture.h"

#include <stdio.h>

#include "bridge/admin/announcing.h"
#include "bridge/admin/system_user.h"
#include "bridge/base/log.h"
#include "bridge/directory/directory_announce.h"
#include "bridge/directory/directory_user.h"

static json_t *command(struct rpc_fixture *f, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return rpc_admin(f, text);
}

/* The whole row of an announcement, in words. */
static const char *status(struct rpc_fixture *f, int id)
{
	static char text[200];
	json_t *r = command(f, "{\"command\":\"listAnnouncements\",\"after\":\"%d\"}", id - 1);
	const json_t *one = rpc_at(r, "data.announcements.0");

	snprintf(text, sizeof(text), "%s %d of %d", rpc_text(one, "state"),
		(int)rpc_num(one, "sent"), (int)rpc_num(one, "total"));
	return text;
}

/* One piece in a transaction of its own, as the service has it done; false: none is due. */
static bool piece(struct rpc_fixture *f, struct announcing *a, int64_t mono_ms, bool lose)
{
	if (announcing_due(a, mono_ms) > 0)
		return false;
	writer_set_now(f->w, f->now_ms);
	assert_int_equal(announcing_piece(a, f->w), IM_OK);
	if (lose)
		writer_rollback(f->w);
	else
		rpc_commit(f);
	announcing_ended(a, !lose, mono_ms);
	return true;
}

static void run(struct rpc_fixture *f, struct announcing *a)
{
	static int64_t mono_ms;

	do {
		mono_ms += 100000;
	} while (piece(f, a, mono_ms, false));
}

/* "system: hello, system: again" */
static const char *got(struct rpc_fixture *f, const char *uid)
{
	static char have[300];
	json_t *m;
	size_t i;

	have[0] = '\0';
	if (rpc_do(f, uid, "conv.history", "{\"conv\":\"u/system\"}") != IM_OK)
		return "nobody";
	json_array_foreach(rpc_at(f->result, "messages"), i, m) sprintf(have + strlen(have),
		"%s%s: %s", i ? ", " : "", rpc_text(m, "from"), rpc_text(m, "body"));
	return have;
}

static struct log *quiet;

static int open_log(void **state)
{
	(void)state;
	quiet = log_new(2, LOG_LEVEL_ERROR, LOG_STDERR);
	return quiet ? 0 : -1;
}

static int close_log(void **state)
{
	(void)state;
	log_free(&quiet);
	return 0;
}

static struct announcing *sender(struct rpc_fixture *f)
{
	struct announcing *a = announcing_new(f->dir, quiet);

	assert_non_null(a);
	return a;
}

static void all_users_get_it_once(void **state)
{
	struct rpc_fixture *f = *state;
	struct announcing *a = sender(f);

	assert_false(piece(f, a, 1, false));
	rpc_admin(f, "{\"command\":\"deleteUser\",\"username\":\"dave\"}");
	command(f, "{\"command\":\"createAnnouncement\",\"message\":\"we move on Friday\"}");
	assert_string_equal(status(f, 1), "running 0 of 4"); /* three, and root */
	rpc_add_user(f, "late", NULL);
	run(f, a);
	assert_string_equal(status(f, 1), "done 4 of 4");
	assert_string_equal(got(f, "alice"), "system: we move on Friday");
	assert_string_equal(got(f, "carol"), "system: we move on Friday");
	assert_string_equal(got(f, "late"), "");
	rpc_ok(f, "bob", "conv.list", "{}");
	assert_text(f->result, "conversations.0.conv", "u/system");
	assert_num(f->result, "conversations.0.unread", 1);
	assert_text(f->result, "conversations.0.last.id", "announce-1");
	/* An envelope brings its type and what goes with it. */
	command(f, "{\"command\":\"createAnnouncement\",\"message\":\"{\\\"type\\\":\\\"news\\\","
		   "\\\"ttl\\\":60,\\\"body\\\":\\\"again\\\"}\"}");
	run(f, a);
	assert_string_equal(got(f, "alice"), "system: we move on Friday, system: again");
	assert_text(f->result, "messages.1.type", "news");
	assert_num(f->result, "messages.1.ttl", 60);
	assert_string_equal(got(f, "late"), "system: again");
	announcing_free(&a);
}

static void those_of_a_list_get_it(void **state)
{
	struct rpc_fixture *f = *state;
	struct announcing *a = sender(f);
	json_t *r;

	command(f, "{\"command\":\"createAnnouncement\",\"message\":\"hi\",\"listed\":true}");
	assert_false(piece(f, a, 1, false));
	command(f, "{\"command\":\"addAnnouncementUsers\",\"id\":1,\"members\":[\"carol\","
		   "\"alice\",\"carol\"]}");
	r = command(f, "{\"command\":\"addAnnouncementUsers\",\"id\":1,\"members\":[\"nobody\"]}");
	assert_non_null(strstr(rpc_text(r, "error"), "nobody"));
	r = command(f, "{\"command\":\"startAnnouncement\",\"id\":1}");
	assert_num(r, "data.total", 2);
	run(f, a);
	assert_string_equal(status(f, 1), "done 2 of 2");
	assert_string_equal(got(f, "alice"), "system: hi");
	assert_string_equal(got(f, "carol"), "system: hi");
	assert_string_equal(got(f, "bob"), "");
	r = command(f, "{\"command\":\"startAnnouncement\",\"id\":1}");
	assert_non_null(strstr(rpc_text(r, "error"), "not being put together"));
	announcing_free(&a);
}

/* What a transaction did that was lost, or of which the directory lost its half, is done, once. */
static void a_piece_that_was_lost_is_sent_once(void **state)
{
	struct rpc_fixture *f = *state;
	struct announcing *a = sender(f);

	command(f, "{\"command\":\"createAnnouncement\",\"message\":\"hi\",\"rate\":20}");
	assert_true(piece(f, a, 0, true)); /* two users; rolled back */
	assert_string_equal(status(f, 1), "running 0 of 5");
	assert_string_equal(got(f, "alice"), "");
	assert_true(piece(f, a, 5000, false));
	assert_string_equal(status(f, 1), "running 2 of 5");
	/* The log has it, the directory not: it is what was before, and the process a new one. */
	rpc_sql(f, "UPDATE announcement SET position = 0, sent = 0");
	announcing_free(&a);
	a = sender(f);
	run(f, a);
	assert_string_equal(status(f, 1), "done 5 of 5");
	assert_string_equal(got(f, "alice"), "system: hi");
	assert_string_equal(got(f, "bob"), "system: hi");
	assert_string_equal(got(f, "dave"), "system: hi");
	announcing_free(&a);
}

static void it_keeps_its_pace_and_can_be_stopped(void **state)
{
	struct rpc_fixture *f = *state;
	struct announcing *a = sender(f);
	json_t *r;

	command(f, "{\"command\":\"createAnnouncement\",\"message\":\"hi\",\"rate\":2}");
	assert_true(piece(f, a, 10000, false));
	assert_false(piece(f, a, 10499, false));
	assert_int_equal(announcing_due(a, 10499), 1);
	assert_true(piece(f, a, 10500, false));
	assert_string_equal(status(f, 1), "running 2 of 5");
	r = command(f, "{\"command\":\"stopAnnouncement\",\"id\":1}");
	assert_num(r, "data.changed", 1);
	assert_false(piece(f, a, 20000, false));
	assert_string_equal(status(f, 1), "stopped 2 of 5");
	r = command(f, "{\"command\":\"stopAnnouncement\",\"id\":1}");
	assert_num(r, "data.changed", 0);
	r = command(f, "{\"command\":\"stopAnnouncement\",\"id\":7}");
	assert_non_null(strstr(rpc_text(r, "error"), "there is no announcement 7"));
	announcing_free(&a);
}

static void nobody_answers(void **state)
{
	struct rpc_fixture *f = *state;
	struct announcing *a = sender(f);

	command(f, "{\"command\":\"createAnnouncement\",\"message\":\"hi\"}");
	run(f, a);
	rpc_no(f, IM_E_NOT_ALLOWED, "bob", "msg.react",
		"{\"conv\":\"u/system\",\"seq\":1,\"emoji\":\"a\"}");
	rpc_no(f, IM_E_NOT_ALLOWED, "bob", "msg.pin", "{\"conv\":\"u/system\",\"seq\":1}");
	rpc_send(f, "alice", "u/bob", "psst");
	rpc_no(f, IM_E_NOT_ALLOWED, "bob", "msg.forward",
		"{\"from_conv\":\"u/alice\",\"seqs\":[1],\"to_conv\":\"u/system\"}");
	rpc_no(f, IM_E_NOT_ALLOWED, "bob", "contact.request", "{\"uid\":\"system\"}");
	rpc_ok(f, "bob", "group.create", "{\"gid\":\"team\",\"members\":[\"system\"]}");
	assert_num(f->result, "refused.0.code", IM_E_NOT_ALLOWED);
	/* What is read is nobody's news. */
	rpc_ok(f, "bob", "conv.read", "{\"conv\":\"u/system\",\"seq\":1}");
	assert_false(rpc_told(f, "inbox system"));
	assert_true(rpc_told(f, "inbox bob"));
	announcing_free(&a);
}

static void what_is_no_announcement_is_refused(void **state)
{
	struct rpc_fixture *f = *state;
	static const char *const bad[][2] = {
		{"\"{\\\"body\\\":1,\\\"nobody\\\":2}\"", "message"},
		{"\"{\\\"body\\\":1,\\\"id\\\":\\\"x\\\"}\"", "leave them out"},
		{"\"{\\\"body\\\":1,\\\"reply_to\\\":1}\"", "leave them out"},
		{"\"{\\\"body\\\":1,\\\"mentions\\\":[\\\"bob\\\"]}\"", "leave them out"},
		{"\"hi\",\"rate\":5001", "rate"},
	};
	json_t *r;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		r = command(f, "{\"command\":\"createAnnouncement\",\"message\":%s}", bad[i][0]);
		assert_non_null(strstr(rpc_text(r, "error"), bad[i][1]));
	}
	for (int i = 0; i < 10; i++)
		command(f, "{\"command\":\"createAnnouncement\",\"message\":\"hi\"}");
	r = command(f, "{\"command\":\"createAnnouncement\",\"message\":\"hi\"}");
	assert_non_null(strstr(rpc_text(r, "error"), "limit reached"));
}

static void somebody_elses_name_is_not_taken(void **state)
{
	struct rpc_fixture *f = *state;
	json_t *r;

	rpc_sql(f, "UPDATE user SET uid = 'system' WHERE uid = 'dave'");
	r = command(f, "{\"command\":\"createAnnouncement\",\"message\":\"hi\"}");
	assert_non_null(strstr(rpc_text(r, "error"), "an account of an earlier version"));
	rpc_sql(f, "UPDATE user SET uid = 'dave' WHERE uid = 'system'");
	command(f, "{\"command\":\"createAnnouncement\",\"message\":\"hi\"}");
	rpc_admin(f, "{\"command\":\"deleteUser\",\"username\":\"system\"}");
	r = command(f, "{\"command\":\"createAnnouncement\",\"message\":\"hi\"}");
	assert_non_null(strstr(rpc_text(r, "error"), "was deleted"));
}

static void only_so_many_are_kept(void **state)
{
	struct rpc_fixture *f = *state;
	json_t *r;

	for (int i = 1; i <= 103; i++) {
		command(f, "{\"command\":\"createAnnouncement\",\"message\":\"hi\","
			   "\"listed\":true}");
		command(f, "{\"command\":\"addAnnouncementUsers\",\"id\":%d,\"members\":[\"bob\"]}",
			i);
		command(f, "{\"command\":\"stopAnnouncement\",\"id\":%d}", i);
	}
	r = rpc_admin(f, "{\"command\":\"listAnnouncements\"}");
	assert_int_equal(json_array_size(rpc_at(r, "data.announcements")), 100);
	assert_num(r, "data.announcements.0.id", 4);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rpc_set_up, rpc_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(all_users_get_it_once),
		CASE(those_of_a_list_get_it),
		CASE(a_piece_that_was_lost_is_sent_once),
		CASE(it_keeps_its_pace_and_can_be_stopped),
		CASE(nobody_answers),
		CASE(what_is_no_announcement_is_refused),
		CASE(somebody_elses_name_is_not_taken),
		CASE(only_so_many_are_kept),
	};

	return cmocka_run_group_tests_name("bridge admin announce", tests, open_log, close_log);
}
