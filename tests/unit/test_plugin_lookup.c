/* SPDX-License-Identifier: BSD-3-Clause */
/* The plugin's view of directory.db: answers, what is remembered, and what is forgotten when. */
#include "plugin/lookup.h"
#include "tests/unit/plugin_node.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

static const struct im_sipkey key = {"0123456789abcde"};

static struct lookup *open_directory(struct node *n)
{
	struct lookup *d;
	struct im_buf why;

	node_folder(n);
	fake_open(false);
	im_buf_init(&why, 0);
	assert_int_equal(lookup_open(n->dir, &key, &d, &why), IM_OK);
	im_buf_free(&why);
	return d;
}

static void close_directory(struct node *n, struct lookup *d)
{
	lookup_close(&d);
	fake_close();
	node_folder_remove(n);
}

static void answers_and_remembers(void **state)
{
	struct node n;
	struct lookup *d = open_directory(&n);
	struct lookup_user alice, root, u;
	struct lookup_group team, hall;
	struct lookup_member m;
	uint64_t reads;

	(void)state;
	assert_int_equal(lookup_user(d, IM_STR("alice"), &alice), IM_OK);
	assert_int_equal(alice.id, 1);
	assert_true(alice.has_password);
	assert_int_equal(alice.role, IM_ROLE_USER);
	assert_int_equal(lookup_user(d, IM_STR("root"), &root), IM_OK);
	assert_int_equal(root.role, IM_ROLE_ADMIN);
	assert_int_equal(lookup_user(d, IM_STR("nobody"), &u), IM_E_NONE);
	assert_int_equal(lookup_group(d, IM_STR("team"), &team), IM_OK);
	assert_int_equal(lookup_group(d, IM_STR("hall"), &hall), IM_OK);
	assert_true(hall.room && !team.room);
	assert_int_equal(lookup_group(d, IM_STR("none"), &hall), IM_E_NONE);
	assert_int_equal(lookup_member(d, &team, IM_STR("alice"), &alice, &m), IM_OK);
	assert_int_equal(m.role, 2);
	assert_int_equal(lookup_member(d, &team, IM_STR("root"), &root, &m), IM_E_NONE);
	/* All of it again, absence too, without the database. */
	reads = lookup_reads(d);
	assert_int_equal(lookup_user(d, IM_STR("alice"), &u), IM_OK);
	assert_int_equal(lookup_user(d, IM_STR("nobody"), &u), IM_E_NONE);
	assert_int_equal(lookup_group(d, IM_STR("none"), &hall), IM_E_NONE);
	assert_int_equal(lookup_member(d, &team, IM_STR("alice"), &alice, &m), IM_OK);
	assert_int_equal(lookup_member(d, &team, IM_STR("root"), &root, &m), IM_E_NONE);
	assert_int_equal(lookup_reads(d), reads);
	close_directory(&n, d);
}

static void forgets_what_it_is_told(void **state)
{
	struct node n;
	struct lookup *d = open_directory(&n);
	struct lookup_user u, before;
	struct lookup_group g;
	struct lookup_member m;

	(void)state;
	assert_int_equal(lookup_user(d, IM_STR("bob"), &before), IM_OK);
	assert_int_equal(lookup_group(d, IM_STR("team"), &g), IM_OK);
	assert_int_equal(lookup_member(d, &g, IM_STR("bob"), &before, &m), IM_OK);
	node_sql(&n, "UPDATE user SET disabled = 1, password = 'x' WHERE uid = 'bob';"
		     "DELETE FROM member WHERE uid = 'bob'");
	assert_int_equal(lookup_user(d, IM_STR("bob"), &u), IM_OK);
	assert_false(u.disabled);
	lookup_forget_user(d, IM_STR("bob"));
	assert_int_equal(lookup_user(d, IM_STR("bob"), &u), IM_OK);
	assert_true(u.disabled);
	assert_true(u.credential != before.credential);
	assert_true(u.life != before.life);
	/* The membership has to be forgotten by itself, or with its group. */
	assert_int_equal(lookup_member(d, &g, IM_STR("bob"), &u, &m), IM_OK);
	lookup_forget_member(d, IM_STR("team"), IM_STR("bob"));
	assert_int_equal(lookup_member(d, &g, IM_STR("bob"), &u, &m), IM_E_NONE);
	node_sql(&n, "UPDATE grp SET muted_until_ms = 5 WHERE gid = 'team';"
		     "INSERT INTO member(grp, uid, user, joined_seq, joined_ms)"
		     " VALUES (1, 'bob', 2, 0, 0)");
	lookup_forget_group(d, IM_STR("team"));
	assert_int_equal(lookup_group(d, IM_STR("team"), &g), IM_OK);
	assert_int_equal(g.muted_until_ms, 5);
	assert_int_equal(lookup_member(d, &g, IM_STR("bob"), &u, &m), IM_OK);
	/* Unknown names are no harm. */
	lookup_forget_user(d, IM_STR("nobody"));
	lookup_forget_group(d, IM_STR("none"));
	lookup_forget_member(d, IM_STR("none"), IM_STR("bob"));
	close_directory(&n, d);
}

static void deleted_is_absent_and_comes_back_as_another(void **state)
{
	struct node n;
	struct lookup *d = open_directory(&n);
	struct lookup_user u;
	struct lookup_group g;
	struct lookup_member m;

	(void)state;
	assert_int_equal(lookup_group(d, IM_STR("team"), &g), IM_OK);
	node_sql(&n, "UPDATE user SET deleted = 1 WHERE uid = 'bob'");
	lookup_rest(d);
	assert_int_equal(lookup_user(d, IM_STR("bob"), &u), IM_E_NONE);
	node_sql(&n, "INSERT INTO user(uid, created_ms) VALUES ('bob', 0)");
	lookup_forget_user(d, IM_STR("bob"));
	assert_int_equal(lookup_user(d, IM_STR("bob"), &u), IM_OK);
	assert_int_equal(u.id, 5);
	assert_false(u.has_password);
	/* The old bob's rows are not the new one's. */
	assert_int_equal(lookup_member(d, &g, IM_STR("bob"), &u, &m), IM_E_NONE);
	node_sql(&n, "UPDATE grp SET dismissed = 1 WHERE gid = 'hall'");
	lookup_rest(d);
	assert_int_equal(lookup_group(d, IM_STR("hall"), &g), IM_E_NONE);
	close_directory(&n, d);
}

static void relations_go_with_either_side(void **state)
{
	struct node n;
	struct lookup *d = open_directory(&n);
	struct lookup_user alice, bob;
	struct lookup_relation r;

	(void)state;
	assert_int_equal(lookup_user(d, IM_STR("alice"), &alice), IM_OK);
	assert_int_equal(lookup_user(d, IM_STR("bob"), &bob), IM_OK);
	assert_int_equal(lookup_relation(d, &alice, &bob, &r), IM_OK);
	assert_false(r.blocked || r.contact);
	node_sql(&n, "INSERT INTO block VALUES (1, 2, 0);"
		     "INSERT INTO contact(owner, peer, state, changed_ms, version)"
		     " VALUES (1, 2, 3, 0, 1), (2, 1, 2, 0, 1)");
	assert_int_equal(lookup_relation(d, &alice, &bob, &r), IM_OK);
	assert_false(r.blocked);
	lookup_forget_user(d, IM_STR("alice"));
	assert_int_equal(lookup_user(d, IM_STR("alice"), &alice), IM_OK);
	assert_int_equal(lookup_relation(d, &alice, &bob, &r), IM_OK);
	assert_true(r.blocked && r.contact);
	/* Asked by the peer is not yet a contact. */
	assert_int_equal(lookup_relation(d, &bob, &alice, &r), IM_OK);
	assert_false(r.blocked || r.contact);
	node_sql(&n, "DELETE FROM block");
	lookup_forget_user(d, IM_STR("bob"));
	assert_int_equal(lookup_user(d, IM_STR("bob"), &bob), IM_OK);
	assert_int_equal(lookup_relation(d, &alice, &bob, &r), IM_OK);
	assert_false(r.blocked);
	close_directory(&n, d);
}

/* Most users have blocked nobody and have no contacts: of them nothing is asked for each pair. */
static void who_has_no_relations_is_not_asked_about_them(void **state)
{
	struct node n;
	struct lookup *d = open_directory(&n);
	struct lookup_user alice, bob;
	struct lookup_relation r;
	uint64_t reads;

	(void)state;
	node_sql(&n, "INSERT INTO block VALUES (1, 2, 0)");
	assert_int_equal(lookup_user(d, IM_STR("alice"), &alice), IM_OK);
	assert_int_equal(lookup_user(d, IM_STR("bob"), &bob), IM_OK);
	reads = lookup_reads(d);
	assert_int_equal(lookup_relation(d, &bob, &alice, &r), IM_OK);
	assert_false(r.blocked || r.contact);
	assert_int_equal(lookup_reads(d), reads);
	assert_int_equal(lookup_relation(d, &alice, &bob, &r), IM_OK);
	assert_true(r.blocked);
	assert_int_equal(lookup_reads(d), reads + 1);
	close_directory(&n, d);
}

/* True if the database's log could start over. */
static bool log_is_free(struct node *n)
{
	sqlite3_stmt *st;
	bool yes;

	assert_int_equal(
		sqlite3_prepare_v2(n->db, "PRAGMA wal_checkpoint(TRUNCATE)", -1, &st, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	yes = sqlite3_column_int(st, 0) == 0;
	sqlite3_finalize(st);
	return yes;
}

static void answers_from_one_view_until_it_rests(void **state)
{
	struct node n;
	struct lookup *d = open_directory(&n);
	struct lookup_user u;

	(void)state;
	assert_int_equal(lookup_user(d, IM_STR("alice"), &u), IM_OK);
	node_sql(&n, "UPDATE user SET disabled = 1");
	assert_int_equal(lookup_user(d, IM_STR("bob"), &u), IM_OK);
	assert_false(u.disabled);
	assert_false(log_is_free(&n));
	lookup_rest(d);
	assert_true(log_is_free(&n));
	assert_int_equal(lookup_user(d, IM_STR("carol"), &u), IM_OK);
	assert_true(u.disabled);
	/* What is said to be forgotten is never answered from an old view. */
	node_sql(&n, "UPDATE user SET disabled = 0");
	lookup_forget_user(d, IM_STR("carol"));
	assert_int_equal(lookup_user(d, IM_STR("carol"), &u), IM_OK);
	assert_false(u.disabled);
	close_directory(&n, d);
}

static void pending_users_wait_for_the_bridge(void **state)
{
	struct node n;
	struct lookup *d = open_directory(&n);
	struct lookup_user u;

	(void)state;
	assert_int_equal(lookup_user(d, IM_STR("dave"), &u), IM_E_NONE);
	assert_int_equal(lookup_user_pending(d, IM_STR("dave")), IM_OK);
	assert_int_equal(lookup_user_pending(d, IM_STR("dave")), IM_OK);
	assert_int_equal(lookup_user(d, IM_STR("dave"), &u), IM_OK);
	assert_int_equal(u.id, 0);
	/* Told too early: it is not in the database. */
	lookup_forget_user(d, IM_STR("dave"));
	assert_int_equal(lookup_user(d, IM_STR("dave"), &u), IM_OK);
	lookup_forget_all(d);
	assert_int_equal(lookup_user(d, IM_STR("dave"), &u), IM_OK);
	node_sql(&n, "INSERT INTO user(uid, created_ms) VALUES ('dave', 0)");
	lookup_forget_user(d, IM_STR("dave"));
	assert_int_equal(lookup_user(d, IM_STR("dave"), &u), IM_OK);
	assert_int_equal(u.id, 5);
	/* And when it is deleted, it does not come back from memory. */
	node_sql(&n, "UPDATE user SET deleted = 1 WHERE uid = 'dave'");
	lookup_forget_user(d, IM_STR("dave"));
	assert_int_equal(lookup_user(d, IM_STR("dave"), &u), IM_E_NONE);
	close_directory(&n, d);
}

static bool owns(struct lookup *d, const char *uid, const char *device)
{
	struct lookup_user u;
	struct lookup_owned o;

	assert_int_equal(lookup_user(d, im_str(uid), &u), IM_OK);
	assert_int_equal(lookup_owns(d, &u, im_str(device), &o), IM_OK);
	return o.owned;
}

static void finds_a_devices_owner(void **state)
{
	struct node n;
	struct lookup *d = open_directory(&n);
	struct lookup_device found;
	uint64_t reads;

	(void)state;
	assert_int_equal(lookup_device(d, IM_STR("phone"), &found), IM_E_NONE);
	assert_false(owns(d, "bob", "phone"));
	node_sql(&n, "INSERT INTO device(device, user, created_ms, seen_ms)"
		     " VALUES ('phone', 2, 0, 0)");
	lookup_rest(d);
	assert_int_equal(lookup_device(d, IM_STR("phone"), &found), IM_OK);
	assert_int_equal(found.user, 2);
	/* Remembered until something of the user is new. */
	reads = lookup_reads(d);
	assert_false(owns(d, "bob", "phone"));
	assert_int_equal(lookup_reads(d), reads);
	lookup_forget_user(d, IM_STR("bob"));
	assert_true(owns(d, "bob", "phone"));
	assert_true(owns(d, "bob", "phone"));
	assert_int_equal(lookup_reads(d), reads + 2);
	assert_false(owns(d, "alice", "phone"));
	assert_false(owns(d, "bob", ""));
	/* A number owns it, not a name. */
	node_sql(&n, "UPDATE user SET deleted = 1 WHERE id = 2;"
		     "INSERT INTO user(id, uid, created_ms) VALUES (9, 'bob', 0)");
	lookup_forget_user(d, IM_STR("bob"));
	assert_false(owns(d, "bob", "phone"));
	assert_int_equal(lookup_device(d, IM_STR("phone"), &found), IM_OK);
	assert_int_equal(found.user, 2);
	close_directory(&n, d);
}

static void notices_other_writers(void **state)
{
	struct node n;
	struct lookup *d = open_directory(&n);

	(void)state;
	(void)lookup_changed(d);
	assert_false(lookup_changed(d));
	node_sql(&n, "UPDATE user SET nick = 'x'");
	assert_true(lookup_changed(d));
	assert_false(lookup_changed(d));
	close_directory(&n, d);
}

static void reopens_a_replaced_file(void **state)
{
	struct node n, other;
	struct lookup *d = open_directory(&n);
	struct lookup_user u;
	char from[128], to[128];

	(void)state;
	node_folder(&other);
	node_sql(&other, "INSERT INTO user(uid, created_ms) VALUES ('erin', 0);"
			 "PRAGMA journal_mode = DELETE");
	assert_int_equal(lookup_user(d, IM_STR("erin"), &u), IM_E_NONE);
	snprintf(from, sizeof(from), "%s/directory.db", other.dir);
	snprintf(to, sizeof(to), "%s/directory.db", n.dir);
	sqlite3_close(n.db);
	n.db = NULL;
	assert_int_equal(rename(from, to), 0);
	/* As one restores a copy: without what belonged to the old file. */
	snprintf(to, sizeof(to), "%s/directory.db-wal", n.dir);
	remove(to);
	snprintf(to, sizeof(to), "%s/directory.db-shm", n.dir);
	remove(to);
	lookup_forget_all(d);
	assert_int_equal(lookup_user(d, IM_STR("erin"), &u), IM_OK);
	close_directory(&n, d);
	node_folder_remove(&other);
}

static void a_broken_database_says_so_and_is_not_remembered(void **state)
{
	struct node n;
	struct lookup *d = open_directory(&n);
	struct lookup_user u;

	(void)state;
	node_sql(&n, "ALTER TABLE user RENAME TO user_away");
	assert_int_equal(lookup_user(d, IM_STR("alice"), &u), IM_E_IO);
	assert_true(lookup_errors(d) > 0);
	assert_true(strlen(lookup_error(d)) > 5);
	node_sql(&n, "ALTER TABLE user_away RENAME TO user");
	assert_int_equal(lookup_user(d, IM_STR("alice"), &u), IM_OK);
	close_directory(&n, d);
}

static void refuses_what_is_no_directory(void **state)
{
	struct lookup *d;
	struct im_buf why;
	struct node n;

	(void)state;
	node_folder(&n);
	im_buf_init(&why, 0);
	assert_int_equal(lookup_open("/nonexistent", &key, &d, &why), IM_E_IO);
	assert_null(d);
	im_buf_c(&why, '\0');
	assert_non_null(strstr(why.p, "/nonexistent/directory.db"));
	im_buf_reset(&why);
	node_sql(&n, "PRAGMA user_version = 99");
	assert_int_equal(lookup_open(n.dir, &key, &d, &why), IM_E_FORMAT);
	im_buf_c(&why, '\0');
	assert_non_null(strstr(why.p, "99"));
	/* Of a bridge of the version before, which has no device accounts yet. */
	im_buf_reset(&why);
	node_sql(&n, "DROP TABLE device_bind; PRAGMA user_version = 18");
	assert_int_equal(lookup_open(n.dir, &key, &d, &why), IM_E_FORMAT);
	assert_null(d);
	im_buf_c(&why, '\0');
	assert_non_null(strstr(why.p, "has schema version 18, this program needs version"));
	im_buf_free(&why);
	node_folder_remove(&n);
}

/* The broker is one thread: whoever holds the file makes it say so, and not stand still. */
static void *lets_go(void *node)
{
	const struct timespec moment = {.tv_nsec = 300000000};

	nanosleep(&moment, NULL);
	node_sql(node, "PRAGMA locking_mode = NORMAL; SELECT 1 FROM user");
	return NULL;
}

/* Who looks through the file's log after a crash holds it for a moment. */
static void who_opens_it_at_the_same_time_is_waited_for(void **state)
{
	struct lookup *d;
	struct im_buf why;
	pthread_t thread;
	struct node n;

	(void)state;
	node_folder(&n);
	node_sql(&n, "PRAGMA locking_mode = EXCLUSIVE; UPDATE user SET nick = 'x'");
	assert_int_equal(pthread_create(&thread, NULL, lets_go, &n), 0);
	im_buf_init(&why, 0);
	assert_int_equal(lookup_open(n.dir, &key, &d, &why), IM_OK);
	im_buf_free(&why);
	pthread_join(thread, NULL);
	lookup_close(&d);
	node_folder_remove(&n);
}

static void who_holds_the_file_is_not_waited_for(void **state)
{
	struct timespec begin, end;
	struct lookup *d;
	struct im_buf why;
	struct node n;

	(void)state;
	node_folder(&n);
	node_sql(&n, "PRAGMA locking_mode = EXCLUSIVE; UPDATE user SET nick = 'x'");
	im_buf_init(&why, 0);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	assert_int_equal(lookup_open(n.dir, &key, &d, &why), IM_E_IO);
	clock_gettime(CLOCK_MONOTONIC, &end);
	assert_true(end.tv_sec - begin.tv_sec < 3);
	im_buf_c(&why, '\0');
	assert_non_null(strstr(why.p, "locked"));
	assert_non_null(strstr(why.p, "start im-bridge"));
	im_buf_free(&why);
	node_folder_remove(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_and_remembers),
		cmocka_unit_test(forgets_what_it_is_told),
		cmocka_unit_test(deleted_is_absent_and_comes_back_as_another),
		cmocka_unit_test(relations_go_with_either_side),
		cmocka_unit_test(who_has_no_relations_is_not_asked_about_them),
		cmocka_unit_test(answers_from_one_view_until_it_rests),
		cmocka_unit_test(pending_users_wait_for_the_bridge),
		cmocka_unit_test(finds_a_devices_owner),
		cmocka_unit_test(notices_other_writers),
		cmocka_unit_test(reopens_a_replaced_file),
		cmocka_unit_test(a_broken_database_says_so_and_is_not_remembered),
		cmocka_unit_test(refuses_what_is_no_directory),
		cmocka_unit_test(who_opens_it_at_the_same_time_is_waited_for),
		cmocka_unit_test(who_holds_the_file_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
