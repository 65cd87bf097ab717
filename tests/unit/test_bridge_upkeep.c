/* SPDX-License-Identifier: BSD-3-Clause */
/* What happens between transactions: retention, backups, and the projection at start. */
#include "tests/unit/engine_fixture.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/directory/directory_group.h"
#include "bridge/directory/directory_user.h"
#include "bridge/upkeep/backup.h"
#include "bridge/upkeep/retention.h"
#include "bridge/write/project.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

/* -- retention -- */

static struct retention *open_retention(struct engine_fixture *f)
{
	struct retention_parts p = {&f->rig.backend, f->rig.store, f->rig.dir, NULL,
		engine_health(f->rig.engine), f->rig.log};

	return retention_new(&p);
}

/* Runs it for so many of its own pauses. */
static void run(struct engine_fixture *f, struct retention *r, int steps)
{
	while (steps--)
		f->now.mono_ms += retention_step(r, f->now.wall_ms, f->now.mono_ms);
}

static uint64_t head(struct engine_fixture *f)
{
	uint64_t gid;

	assert_int_equal(f->rig.backend.log_head(f->rig.store, &gid), IM_OK);
	return gid;
}

static int count_message(void *arg, const struct store_msg *m)
{
	(void)m;
	++*(unsigned *)arg;
	return IM_OK;
}

static unsigned stored(struct engine_fixture *f)
{
	struct store_reader *r;
	unsigned n = 0;

	assert_int_equal(f->rig.backend.reader_open(f->rig.store, &r), IM_OK);
	assert_int_equal(f->rig.backend.read_log(r, 1, head(f), false, count_message, &n), IM_OK);
	f->rig.backend.reader_close(r);
	return n;
}

static void old_messages_go_and_the_newest_of_each_stays(void **state)
{
	struct engine_fixture *f = *state;
	struct retention *r = open_retention(f);

	for (int i = 0; i < 1000; i++)
		engine_add_message(f, "alice", "bob", "old");
	engine_add_message(f, "alice", "carol", "only");
	engine_send(f);
	f->now.wall_ms += 3 * DAY_MS;
	engine_add_message(f, "alice", "bob", "new");
	engine_add_message(f, "alice", "bob", "newest");
	engine_send(f);
	run(f, r, 20);
	assert_int_equal(stored(f), 1003);
	retention_set(r, 2);
	run(f, r, 30);
	assert_int_equal(stored(f), 3);
	assert_int_equal(engine_health(f->rig.engine)->pruned, 1000);
	engine_message(f, "alice", "bob", "goes on");
	assert_told(f, "message alice/phone 1003 ");
	retention_free(&r);
}

static void a_group_may_have_its_own(void **state)
{
	struct engine_fixture *f = *state;
	struct retention *r = open_retention(f);
	struct directory_group g;

	engine_rpc(f, "alice", "group.create", "{\"gid\":\"short\"}");
	engine_rpc(f, "alice", "group.create", "{\"gid\":\"long\"}");
	for (int i = 0; i < 300; i++) {
		engine_add_message(f, "alice", "g/short", "x");
		engine_add_message(f, "alice", "g/long", "x");
		engine_add_message(f, "alice", "bob", "x");
	}
	engine_send(f);
	assert_int_equal(stored(f), 902);
	assert_int_equal(directory_group_get(f->rig.dir, IM_STR("short"), &g), IM_OK);
	g.retention_days = 1;
	assert_int_equal(directory_group_update(f->rig.dir, &g), IM_OK);
	assert_int_equal(directory_group_get(f->rig.dir, IM_STR("long"), &g), IM_OK);
	g.retention_days = 100;
	assert_int_equal(directory_group_update(f->rig.dir, &g), IM_OK);
	f->now.wall_ms += 2 * DAY_MS;
	run(f, r, 20);
	assert_int_equal(stored(f), 602); /* of short, the newest is left */
	f->now.wall_ms += 10 * DAY_MS;
	retention_set(r, 7);
	run(f, r, 30);
	assert_int_equal(stored(f), 303); /* of bob's, too */
	f->now.wall_ms += 100 * DAY_MS;
	run(f, r, 30);
	assert_int_equal(stored(f), 3);
	retention_free(&r);
}

static void a_dismissed_group_keeps_to_its_retention(void **state)
{
	struct engine_fixture *f = *state;
	struct retention *r = open_retention(f);

	engine_rpc(f, "alice", "group.create", "{\"gid\":\"g\"}");
	engine_rpc(f, "alice", "group.update", "{\"gid\":\"g\",\"retention_days\":1}");
	for (int i = 0; i < 10; i++)
		engine_add_message(f, "alice", "g/g", "x");
	engine_add_rpc(f, "alice", "group.dismiss", "{\"gid\":\"g\"}");
	engine_send(f);
	run(f, r, 20);
	assert_int_equal(stored(f), 13);
	f->now.wall_ms += 2 * DAY_MS;
	run(f, r, 20);
	assert_int_equal(stored(f), 1);
	retention_free(&r);
}

static void a_group_that_is_erased_loses_its_messages_at_once(void **state)
{
	struct engine_fixture *f = *state;
	struct retention *r = open_retention(f);
	struct directory_group g;
	uint64_t id;

	engine_rpc(f, "alice", "group.create",
		"{\"gid\":\"g\",\"name\":\"Secret\",\"announcement\":\"words\"}");
	for (int i = 0; i < 1000; i++)
		engine_add_message(f, "alice", "g/g", "x");
	engine_add_message(f, "alice", "bob", "stays");
	engine_add_rpc(f, "alice", "group.dismiss", "{\"gid\":\"g\",\"erase\":true}");
	engine_send(f);
	assert_int_equal(directory_group_to_erase(f->rig.dir, &id), IM_OK);
	/* A few at a time; a new process goes on where the last one ended. */
	run(f, r, 2);
	assert_in_range(stored(f), 300, 900);
	retention_free(&r);
	r = open_retention(f);
	run(f, r, 10);
	assert_int_equal(stored(f), 2);
	assert_int_equal(directory_group_to_erase(f->rig.dir, &id), IM_E_NONE);
	assert_int_equal(directory_group_gone(f->rig.dir, IM_STR("g"), &g), IM_OK);
	assert_int_equal(g.name.n + g.announcement.n, 0);
	/* One that is gone can still be erased, by who dismissed it. */
	engine_rpc(f, "alice", "group.create", "{\"gid\":\"h\"}");
	engine_add_message(f, "alice", "g/h", "x");
	engine_add_rpc(f, "alice", "group.dismiss", "{\"gid\":\"h\"}");
	engine_send(f);
	engine_rpc(f, "bob", "group.dismiss", "{\"gid\":\"h\",\"erase\":true}");
	assert_true(engine_told_part(f, "\"code\":-32002"));
	engine_rpc(f, "alice", "group.dismiss", "{\"gid\":\"h\",\"erase\":true}");
	assert_true(engine_told_part(f, "\"changed\":true"));
	engine_rpc(f, "alice", "group.dismiss", "{\"gid\":\"h\",\"erase\":true}");
	assert_true(engine_told_part(f, "\"changed\":false"));
	f->now.mono_ms += 2000;
	run(f, r, 5);
	assert_int_equal(stored(f), 3);
	retention_free(&r);
}

/* -- backup -- */

struct answer {
	unsigned n;
	char uid[16], device[16], text[512];
};

static void on_reply(void *arg, struct im_str uid, struct im_str device, struct im_str response)
{
	struct answer *a = arg;

	a->n++;
	snprintf(a->uid, sizeof(a->uid), "%.*s", IM_ARGS(uid));
	snprintf(a->device, sizeof(a->device), "%.*s", IM_ARGS(device));
	snprintf(a->text, sizeof(a->text), "%.*s", IM_ARGS(response));
}

static void a_copy_is_made_while_it_runs_and_then_answered(void **state)
{
	struct engine_fixture *f = *state;
	struct backup_parts p = {
		&f->rig.backend, f->rig.store, f->rig.dir, f->rig.folder, f->rig.log};
	struct backup *b = backup_new(&p);
	struct answer a = {0};
	struct directory *copy;
	struct store *log;
	char to[128];
	struct im_buf why;
	uint64_t gid;

	im_buf_init(&why, 0);
	snprintf(to, sizeof(to), "%s/copy", f->rig.folder);
	for (int i = 0; i < 2000; i++)
		engine_add_message(f, "alice", "bob", "a message of some length for the pages");
	engine_send(f);
	assert_int_equal(backup_start(b, im_str(to), &why), IM_OK);
	assert_int_equal(backup_start(b, im_str(to), &why), IM_OK);
	assert_true(backup_hold(b, IM_STR("root"), IM_STR("ctl"),
		IM_STR("{\"responses\":[{\"command\":\"backup\"}]}")));
	backup_step(b, on_reply, &a);
	assert_int_equal(backup_start(b, im_str("/elsewhere"), &why), IM_E_EXISTS);
	for (int i = 0; i < 10000 && backup_running(b); i++) {
		engine_message(f, "alice", "bob", "meanwhile");
		backup_step(b, on_reply, &a);
	}
	assert_int_equal(a.n, 1);
	assert_string_equal(a.uid, "root");
	assert_string_equal(a.device, "ctl");
	assert_string_equal(a.text, "{\"responses\":[{\"command\":\"backup\"}]}");
	assert_false(backup_hold(b, IM_STR("root"), IM_STR("ctl"), IM_STR("{}")));
	assert_int_equal(directory_open(to, &copy, &why), IM_OK);
	assert_int_equal(directory_user_count(copy), 4);
	directory_close(&copy);
	assert_int_equal(f->rig.backend.open(to, &log, &why), IM_OK);
	assert_int_equal(f->rig.backend.log_head(log, &gid), IM_OK);
	assert_true(gid >= 2000);
	f->rig.backend.close(log);
	backup_free(&b);
	im_buf_free(&why);
}

static int fail_backup(struct store *s, const char *where, struct store_copy **copy, bool *done_out,
	struct im_buf *why)
{
	(void)s;
	(void)where;
	(void)copy;
	(void)done_out;
	im_buf_z(why, "no \"space\" left");
	return IM_E_IO;
}

static void a_failure_is_the_answer(void **state)
{
	struct engine_fixture *f = *state;
	struct store_backend broken = f->rig.backend;
	struct backup_parts p = {&broken, f->rig.store, f->rig.dir, f->rig.folder, f->rig.log};
	struct backup *b = backup_new(&p);
	struct answer a = {0};
	char to[128];
	struct im_buf why;

	im_buf_init(&why, 0);
	broken.backup_step = fail_backup;
	snprintf(to, sizeof(to), "%s/copy", f->rig.folder);
	assert_int_equal(backup_start(b, im_str(to), &why), IM_OK);
	assert_true(backup_hold(b, IM_STR("root"), IM_STR("ctl"),
		IM_STR("{\"responses\":[{\"command\":\"getStats\",\"data\":{}},"
		       "{\"command\":\"backup\",\"correlationData\":\"7\"}]}")));
	while (backup_running(b))
		backup_step(b, on_reply, &a);
	assert_string_equal(a.text, "{\"responses\":[{\"command\":\"getStats\",\"data\":{}},"
				    "{\"command\":\"backup\",\"correlationData\":\"7\","
				    "\"error\":\"internal error: no \\\"space\\\" left\","
				    "\"code\":-32603}]}");
	backup_free(&b);
	im_buf_free(&why);
}

static void folders_that_cannot_be_are_refused(void **state)
{
	struct engine_fixture *f = *state;
	struct backup_parts p = {
		&f->rig.backend, f->rig.store, f->rig.dir, f->rig.folder, f->rig.log};
	struct backup *b = backup_new(&p);
	struct im_buf why;

	im_buf_init(&why, 0);
	assert_int_equal(backup_start(b, im_str(f->rig.folder), &why), IM_E_IO);
	assert_non_null(memmem(why.p, why.n, "themselves", 10));
	assert_int_equal(backup_start(b, IM_STR("/no/such/parent"), &why), IM_E_IO);
	assert_int_equal(backup_start(b, IM_STR("/dev/null"), &why), IM_E_IO);
	assert_int_equal(backup_start(b, IM_STR("/tmp/a\0b"), &why), IM_E_IO);
	assert_false(backup_running(b));
	backup_free(&b);
	im_buf_free(&why);
}

/* -- projection -- */

static void the_directory_follows_the_log(void **state)
{
	struct engine_fixture *f = *state;
	struct project_report done;
	struct directory_member m;
	struct store_reader *log;
	struct directory_group g;

	engine_rpc(f, "alice", "group.create", "{\"gid\":\"team\",\"members\":[\"bob\"]}");
	engine_rpc(f, "alice", "group.invite", "{\"gid\":\"team\",\"members\":[\"carol\"]}");
	engine_rpc(f, "alice", "group.kick", "{\"gid\":\"team\",\"members\":[\"bob\"]}");
	engine_message(f, "alice", "g/team", "no change");
	assert_int_equal(f->rig.backend.reader_open(f->rig.store, &log), IM_OK);
	assert_int_equal(project_run(&f->rig.backend, log, f->rig.dir, &done), IM_OK);
	assert_int_equal(done.applied, 0);
	/* As after a crash before any of the directory's commits. */
	assert_int_equal(directory_group_get(f->rig.dir, IM_STR("team"), &g), IM_OK);
	assert_int_equal(directory_member_remove(f->rig.dir, g.id, 3, 9), IM_OK);
	assert_int_equal(directory_member_add(
				 f->rig.dir, &(struct directory_member){.group = g.id, .user = 2}),
		IM_OK);
	assert_int_equal(directory_meta_set(f->rig.dir, "applied_gid", 0), IM_OK);
	assert_int_equal(project_run(&f->rig.backend, log, f->rig.dir, &done), IM_OK);
	assert_int_equal(done.applied, 3);
	assert_int_equal(done.refused, 0);
	assert_int_equal(done.through, head(f));
	assert_int_equal(directory_member_get(f->rig.dir, g.id, 3, &m), IM_OK);
	assert_int_equal(directory_member_get(f->rig.dir, g.id, 2, &m), IM_E_NONE);
	f->rig.backend.reader_close(log);
}

static void a_long_log_is_walked_in_pages(void **state)
{
	struct engine_fixture *f = *state;
	struct project_report done;
	struct store_reader *log;
	char params[64];

	for (int i = 0; i < 300; i++) {
		snprintf(params, sizeof(params), "{\"gid\":\"g%d\"}", i);
		engine_add_rpc(f, "alice", "group.create", params);
		engine_add_message(f, "alice", "bob", "x");
	}
	f->rig.set.rpc.groups_per_user_max = 1000;
	engine_set(f->rig.engine, &f->rig.set);
	engine_send(f);
	assert_int_equal(directory_meta_set(f->rig.dir, "applied_gid", 0), IM_OK);
	assert_int_equal(f->rig.backend.reader_open(f->rig.store, &log), IM_OK);
	assert_int_equal(project_run(&f->rig.backend, log, f->rig.dir, &done), IM_OK);
	assert_int_equal(done.applied, 300);
	assert_int_equal(done.through, head(f));
	f->rig.backend.reader_close(log);
}

#define T(name)                                                                 \
	cmocka_unit_test_setup_teardown(name, engine_set_up, engine_tear_down), \
		cmocka_unit_test_setup_teardown(name, engine_set_up_sqlite, engine_tear_down)
#define S(name) cmocka_unit_test_setup_teardown(name, engine_set_up_sqlite, engine_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(old_messages_go_and_the_newest_of_each_stays),
		T(a_group_may_have_its_own),
		T(a_dismissed_group_keeps_to_its_retention),
		T(a_group_that_is_erased_loses_its_messages_at_once),
		S(a_copy_is_made_while_it_runs_and_then_answered),
		S(a_failure_is_the_answer),
		S(folders_that_cannot_be_are_refused),
		T(the_directory_follows_the_log),
		T(a_long_log_is_walked_in_pages),
	};

	return cmocka_run_group_tests_name("bridge upkeep", tests, NULL, NULL);
}
