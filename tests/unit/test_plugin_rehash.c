/* SPDX-License-Identifier: BSD-3-Clause */
/* Old hashes are made anew when their users log in: when, how many, and who hears of it. */
#include <stdio.h>
#include <time.h>

#include "common/limits.h"
#include "common/pwhash.h"
#include "plugin/auth.h"
#include "tests/unit/plugin_node.h"

/* Of "pw", by mosquitto_passwd. */
#define PBKDF2                                                   \
	"$7$101$GVtNO6BLWozxV0cx$"                               \
	"7EzobkxJHbDESk9py2xCqpGfXNy0Bk+qeWHC5Nvp2ZxhHzrSSc73WA" \
	"qplyxoZjIBx3BnfBmzaJN2kxLjZf9YAw=="
#define OLD_HASH(uid) "UPDATE user SET password = '" PBKDF2 "' WHERE uid = '" uid "';"

static struct mosquitto *come(const char *user, const char *id, const char *password)
{
	return fake_connect(&(struct fake_spec){
		.id = id, .user = user, .password = password, .address = "192.0.2.1"});
}

static void until_answered(struct node *n)
{
	const struct timespec ms = {.tv_nsec = 1000000};
	uint64_t waiting;

	for (int i = 0; (waiting = node_stat(n, "logins_waiting")) > 0; i++) {
		if (i == 60000)
			fail_msg("a login waits for a minute");
		nanosleep(&ms, NULL);
		n->mono_us += 1000;
		fake_turn();
	}
}

/* The user's password is stored by an old method; others as cheap as a fresh one. */
static void begin(struct node *n, bool newer, const char *threads)
{
	const char *const options[] = {"auth_threads", threads, NULL};

	node_folder(n);
	node_sql(n, OLD_HASH("alice"));
	assert_int_equal(node_load(n, newer, newer ? options : (const char *const[]){NULL}), 0);
	node_bridge(n);
}

static const struct node_record *fresh_of(struct node *n, const char *uid)
{
	const struct node_record *r = node_find(n, IM_UP_REHASH, 0);
	struct im_pwhash h;

	assert_non_null(r);
	assert_string_equal(r->user, uid);
	assert_int_equal(im_pwhash_read(r->payload, &h, NULL), IM_OK);
	assert_int_equal(h.kind, IM_PWHASH_ARGON2ID);
	assert_int_equal(im_pwhash_verify(r->payload, IM_STR("pw")), IM_OK);
	return r;
}

/* As the bridge does it. */
static void replace(struct node *n, const struct node_record *r)
{
	char sql[512];

	snprintf(sql, sizeof(sql),
		"UPDATE user SET password = '%.*s', rehashed = rehashed + 1 WHERE uid = '%s'",
		IM_ARGS(r->payload), r->user);
	node_sql(n, sql);
}

static void a_right_login_brings_a_fresh_hash(void **state)
{
	const char *const threads[] = {"1", "1", "0"};
	struct mosquitto *phone;
	struct node n;

	(void)state;
	for (int way = 0; way < 3; way++) {
		begin(&n, way > 0, threads[way]);
		(void)come("alice", "other", "wrong");
		until_answered(&n);
		assert_int_equal(node_count(&n, IM_UP_REHASH), 0);
		phone = come("alice", "phone", "pw");
		until_answered(&n);
		assert_true(fake_connected(phone));
		node_settle(&n);
		(void)fresh_of(&n, "alice");
		assert_int_equal(node_count(&n, IM_UP_REHASH), 1);
		assert_int_equal(node_stat(&n, "passwords_fresh"), 1);
		/* Remembered, it is not hashed again; and whose hash is as new as any is not. */
		assert_true(fake_connected(come("alice", "tablet", "pw")));
		(void)come("bob", "bobs", "pw");
		until_answered(&n);
		node_settle(&n);
		assert_int_equal(node_count(&n, IM_UP_REHASH), 1);
		node_stop(&n);
	}
}

static void nobodys_session_ends_by_it(void **state)
{
	const struct im_down_rec forget = {.type = IM_DOWN_FORGET_USER, .user = IM_STR("alice")};
	struct mosquitto *phone, *tablet;
	struct node n;

	(void)state;
	for (int newer = 0; newer < 2; newer++) {
		begin(&n, newer, "1");
		phone = come("alice", "phone", "pw");
		until_answered(&n);
		tablet = come("alice", "tablet", "pw");
		node_settle(&n);
		replace(&n, fresh_of(&n, "alice"));
		node_down(&n, &forget, NULL, 0);
		node_pass(&n, 300);
		fake_reload();
		node_settle(&n);
		node_pass(&n, 300);
		assert_true(fake_connected(phone) && fake_connected(tablet));
		/* Also where the bridge is new and everything is asked anew. */
		node_hello(&n);
		node_pass(&n, 300);
		assert_true(fake_connected(phone) && fake_connected(tablet));
		/* What was remembered still is. */
		assert_true(fake_connected(come("alice", "desk", "pw")));
		assert_int_equal(node_stat(&n, "passwords_hashed"), 1);
		/* Another password is another matter. */
		node_sql(&n, OLD_HASH("alice"));
		node_down(&n, &forget, NULL, 0);
		node_pass(&n, 300);
		node_end(&n);
		assert_false(fake_connected(phone) || fake_connected(tablet));
		node_stop(&n);
	}
}

/* On the broker's only thread, a part of its time; the others wait for a later login, remembered or
 * not. */
static void many_at_once_wait_for_their_turn(void **state)
{
	struct node n;

	(void)state;
	begin(&n, false, "0");
	node_sql(&n, OLD_HASH("bob") OLD_HASH("carol"));
	n.mono_step_us = 1000;
	assert_true(fake_connected(come("alice", "a", "pw")));
	n.mono_step_us = 0;
	assert_true(fake_connected(come("bob", "b", "pw")));
	assert_true(fake_connected(come("carol", "c", "pw")));
	node_settle(&n);
	assert_int_equal(node_stat(&n, "passwords_fresh"), 1);
	(void)fresh_of(&n, "alice");
	assert_int_equal(node_stat(&n, "passwords_hashed"), 3);
	/* Soon after, what is remembered will do; later it is looked at again. */
	assert_true(fake_connected(come("bob", "b2", "pw")));
	assert_int_equal(node_stat(&n, "passwords_hashed"), 3);
	n.mono_us += AUTH_FRESH_PART * INT64_C(100000);
	assert_true(fake_connected(come("bob", "b3", "pw")));
	assert_int_equal(node_stat(&n, "passwords_hashed"), 4);
	assert_int_equal(node_stat(&n, "passwords_fresh"), 2);
	node_stop(&n);
}

/* Two at once bring two; who is disabled, or has another password by then, none. */
static void what_changes_meanwhile_brings_none(void **state)
{
	const char *const changes[] = {"UPDATE user SET disabled = 1 WHERE uid = 'alice'",
		"UPDATE user SET password = NULL WHERE uid = 'alice'", OLD_HASH("alice") "",
		"UPDATE user SET deleted = 1, password = NULL WHERE uid = 'alice'"};
	const struct im_down_rec forget = {.type = IM_DOWN_FORGET_USER, .user = IM_STR("alice")};
	struct mosquitto *phone, *tablet;
	struct node n;

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		begin(&n, true, "1");
		phone = come("alice", "phone", "pw");
		tablet = come("alice", "tablet", "pw");
		/* No turn of the loop has come yet, however soon the thread is done. */
		assert_false(fake_connected(phone) || fake_connected(tablet));
		/* The same hash set again is no change of the password. */
		node_sql(&n, i == 2 ? "UPDATE user SET password = NULL WHERE uid = 'alice'"
				    : changes[i]);
		node_sql(&n, changes[i]);
		node_down(&n, &forget, NULL, 0);
		until_answered(&n);
		node_settle(&n);
		assert_int_equal(node_count(&n, IM_UP_REHASH), 0);
		assert_int_equal(node_stat(&n, "logins"), 0);
		node_stop(&n);
	}
	begin(&n, true, "2");
	(void)come("alice", "phone", "pw");
	(void)come("alice", "tablet", "pw");
	until_answered(&n);
	node_settle(&n);
	assert_int_equal(node_count(&n, IM_UP_REHASH), 2);
	assert_int_equal(node_stat(&n, "logins"), 2);
	node_stop(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_right_login_brings_a_fresh_hash),
		cmocka_unit_test(nobodys_session_ends_by_it),
		cmocka_unit_test(many_at_once_wait_for_their_turn),
		cmocka_unit_test(what_changes_meanwhile_brings_none),
	};

	return cmocka_run_group_tests_name("plugin_rehash", tests, NULL, NULL);
}
