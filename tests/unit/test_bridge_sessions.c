/* SPDX-License-Identifier: BSD-3-Clause */
/* Connections: presence as a table, and through the engine: marks, retained payloads, hellos,
 * client ids, snapshots. */
#include "tests/unit/engine_fixture.h"

#include <stdio.h>

#include "bridge/deliver/presence.h"
#include "bridge/directory/directory_user.h"

/* -- the table -- */

struct told {
	char text[1024];
};

static int on_change(void *arg, const struct presence_change *c)
{
	struct told *t = arg;
	size_t n = strlen(t->text);

	snprintf(t->text + n, sizeof(t->text) - n, "%.*s%s%s ", IM_ARGS(c->uid),
		c->online ? "+" : "-", c->mark ? "m" : "");
	return IM_OK;
}

static const char *tell(struct presence *p, uint32_t limit)
{
	static struct told t;

	t.text[0] = '\0';
	assert_int_equal(presence_tell(p, limit, on_change, &t), IM_OK);
	return t.text;
}

static void changes_are_told_until_they_are_settled(void **state)
{
	struct presence *p = presence_new(10);

	(void)state;
	presence_set_names(p, true);
	assert_int_equal(presence_open(p, 0, IM_STR("bob"), IM_STR("a"), 1), IM_OK);
	assert_string_equal(tell(p, 10), "bob+m ");
	presence_settle(p, false);
	assert_string_equal(tell(p, 10), "bob+m ");
	presence_settle(p, true);
	assert_false(presence_changed(p));
	assert_int_equal(presence_open(p, 0, IM_STR("bob"), IM_STR("a"), 2), IM_OK);
	assert_false(presence_changed(p));
	assert_int_equal(presence_open(p, 0, IM_STR("bob"), IM_STR("b"), 2), IM_OK);
	assert_string_equal(tell(p, 10), "bob+ ");
	presence_settle(p, true);
	presence_close(p, 0, IM_STR("bob"), IM_STR("a"), 3);
	presence_close(p, 0, IM_STR("bob"), IM_STR("b"), 3);
	presence_close(p, 0, IM_STR("bob"), IM_STR("never"), 3);
	presence_close(p, 0, IM_STR("never"), IM_STR("b"), 3);
	assert_string_equal(tell(p, 10), "bob-m ");
	presence_settle(p, true);
	assert_int_equal(presence_users(p), 0);
	assert_int_equal(presence_devices(p), 0);
	presence_free(&p);
}

/* Others learn that the user is there, not with how many devices, nor when one comes or goes. */
static void without_names_only_the_users_state_is_told(void **state)
{
	struct presence *p = presence_new(10);
	bool changed;

	(void)state;
	assert_int_equal(presence_open(p, 0, IM_STR("bob"), IM_STR("a"), 1), IM_OK);
	assert_string_equal(tell(p, 10), "bob+m ");
	presence_settle(p, true);
	assert_int_equal(presence_open(p, 0, IM_STR("bob"), IM_STR("b"), 2), IM_OK);
	assert_int_equal(
		presence_set(p, IM_STR("bob"), IM_STR("b"), PRESENCE_AWAY, 3, &changed), IM_OK);
	assert_true(changed);
	assert_int_equal(presence_open(p, 0, IM_STR("bob"), IM_STR("b"), 4), IM_OK);
	assert_false(presence_changed(p));
	/* Told with the names once they are wanted, and without once they are not. */
	presence_set_names(p, true);
	assert_string_equal(tell(p, 10), "bob+ ");
	presence_settle(p, true);
	presence_set_names(p, false);
	assert_string_equal(tell(p, 10), "bob+ ");
	presence_settle(p, true);
	assert_int_equal(
		presence_set(p, IM_STR("bob"), IM_STR("b"), PRESENCE_AWAY, 5, &changed), IM_OK);
	presence_close(p, 0, IM_STR("bob"), IM_STR("b"), 6);
	assert_false(presence_changed(p));
	assert_int_equal(
		presence_set(p, IM_STR("bob"), IM_STR("a"), PRESENCE_AWAY, 7, &changed), IM_OK);
	assert_string_equal(tell(p, 10), "bob+m ");
	presence_settle(p, true);
	presence_close(p, 0, IM_STR("bob"), IM_STR("a"), 8);
	assert_string_equal(tell(p, 10), "bob-m ");
	presence_settle(p, true);
	assert_int_equal(presence_users(p), 0);
	presence_free(&p);
}

static void the_states_of_a_users_devices_are_found(void **state)
{
	struct presence *p = presence_new(10);
	struct im_buf b;
	char longest[IM_DEVICE_MAX];
	bool changed;

	(void)state;
	memset(longest, '#', sizeof(longest));
	im_buf_init(&b, 0);
	presence_states(p, IM_STR("bob"), &b);
	assert_int_equal(b.n, 0);
	assert_int_equal(presence_open(p, 0, IM_STR("bob"), IM_STR("my phone"), 1), IM_OK);
	assert_int_equal(
		presence_open(p, 0, IM_STR("bob"), (struct im_str){longest, sizeof(longest)}, 1),
		IM_OK);
	assert_int_equal(
		presence_set(p, IM_STR("bob"), IM_STR("my phone"), PRESENCE_AWAY, 2, &changed),
		IM_OK);
	presence_states(p, IM_STR("bob"), &b);
	assert_int_equal(presence_state_in(im_buf_view(&b), IM_STR("my phone")), PRESENCE_AWAY);
	assert_int_equal(
		presence_state_in(im_buf_view(&b), (struct im_str){longest, sizeof(longest)}),
		PRESENCE_ONLINE);
	assert_int_equal(presence_state_in(im_buf_view(&b), IM_STR("my")), PRESENCE_OFFLINE);
	/* Nothing is read beyond what is there. */
	for (size_t n = 0; n < b.n; n++) {
		char *cut = memcpy(malloc(n ? n : 1), b.p, n);
		int found = presence_state_in((struct im_str){cut, n}, IM_STR("my phone"));

		assert_int_equal(found, n < 10 ? PRESENCE_OFFLINE : PRESENCE_AWAY);
		free(cut);
	}
	im_buf_free(&b);
	presence_free(&p);
}

static void coming_and_going_between_two_tellings_is_one_change(void **state)
{
	struct presence *p = presence_new(10);

	(void)state;
	assert_int_equal(presence_open(p, 0, IM_STR("bob"), IM_STR("a"), 1), IM_OK);
	presence_close(p, 0, IM_STR("bob"), IM_STR("a"), 2);
	assert_string_equal(tell(p, 10), "bob- ");
	presence_settle(p, true);
	assert_int_equal(presence_users(p), 0);
	presence_free(&p);
}

static void who_has_gone_unheard_is_kept_until_all_hear(void **state)
{
	struct presence *p = presence_new(10);

	(void)state;
	assert_int_equal(presence_open(p, 0, IM_STR("bob"), IM_STR("a"), 1), IM_OK);
	assert_int_equal(presence_open(p, 0, IM_STR("carol"), IM_STR("c"), 1), IM_OK);
	tell(p, 10);
	presence_settle(p, true);
	assert_false(presence_kept(p));
	assert_true(presence_close(p, 0, IM_STR("bob"), IM_STR("a"), 2));
	assert_false(presence_close(p, 0, IM_STR("bob"), IM_STR("a"), 2));
	assert_string_equal(tell(p, 10), "bob-m ");
	presence_settle(p, true);
	assert_int_equal(presence_users(p), 1);
	for (int i = 0; i < 3; i++) {
		/* What was told before is heard, and that may be before he went. */
		presence_heard(p);
		assert_true(presence_kept(p));
		presence_tell_again(p);
		assert_true(strstr(tell(p, 10), "bob- "));
		presence_settle(p, true);
	}
	presence_heard(p);
	presence_heard(p);
	/* He is not, from here on. */
	assert_false(presence_kept(p));
	presence_tell_again(p);
	assert_string_equal(tell(p, 10), "carol+ ");
	presence_free(&p);
}

static void who_has_come_again_is_not_forgotten(void **state)
{
	struct presence *p = presence_new(1);

	(void)state;
	assert_int_equal(presence_open(p, 0, IM_STR("bob"), IM_STR("a"), 1), IM_OK);
	assert_true(presence_close(p, 0, IM_STR("bob"), IM_STR("a"), 2));
	assert_string_equal(tell(p, 10), "bob- ");
	presence_settle(p, true);
	presence_heard(p);
	assert_int_equal(presence_open(p, 0, IM_STR("bob"), IM_STR("a"), 3), IM_OK);
	assert_false(presence_kept(p));
	presence_heard(p);
	assert_true(presence_online(p, IM_STR("bob")));
	assert_string_equal(tell(p, 10), "bob+m ");
	presence_settle(p, true);
	/* One for whom there is no room is kept no longer than others. */
	assert_int_equal(presence_open(p, 0, IM_STR("carol"), IM_STR("c"), 4), IM_E_FULL);
	assert_int_equal(presence_again(p, IM_STR("dave"), 5), IM_OK);
	assert_int_equal(presence_open(p, 0, IM_STR("dave"), IM_STR("d"), 6), IM_E_FULL);
	presence_tell_again(p);
	assert_string_equal(tell(p, 10), "bob+ ");
	presence_settle(p, true);
	presence_known(p, 7);
	assert_string_equal(tell(p, 10), "bob+ dave- ");
	presence_free(&p);
}

static void one_user_is_told_again(void **state)
{
	struct presence *p = presence_new(10);

	(void)state;
	assert_int_equal(presence_open(p, 0, IM_STR("bob"), IM_STR("a"), 1), IM_OK);
	assert_int_equal(presence_open(p, 0, IM_STR("carol"), IM_STR("c"), 1), IM_OK);
	tell(p, 10);
	presence_settle(p, true);
	presence_known(p, 2);
	tell(p, 10);
	presence_settle(p, true);
	assert_int_equal(presence_again(p, IM_STR("bob"), 5), IM_OK);
	assert_int_equal(presence_again(p, IM_STR("dave"), 5), IM_OK);
	assert_string_equal(tell(p, 10), "bob+ dave- ");
	presence_settle(p, true);
	assert_false(presence_changed(p));
	assert_int_equal(presence_users(p), 2);
	presence_free(&p);
}

static void telling_is_bounded(void **state)
{
	struct presence *p = presence_new(100);
	char uid[16];

	(void)state;
	for (int i = 0; i < 5; i++) {
		snprintf(uid, sizeof(uid), "u%d", i);
		assert_int_equal(presence_open(p, 0, im_str(uid), IM_STR("d"), 1), IM_OK);
	}
	assert_string_equal(tell(p, 2), "u0+m u1+m ");
	presence_settle(p, true);
	assert_string_equal(tell(p, 2), "u2+m u3+m ");
	presence_settle(p, true);
	assert_string_equal(tell(p, 2), "u4+m ");
	presence_free(&p);
}

static void a_snapshot_ends_what_is_not_in_it(void **state)
{
	struct presence *p = presence_new(10);

	(void)state;
	presence_set_names(p, true);
	assert_int_equal(presence_open(p, 0, IM_STR("bob"), IM_STR("a"), 1), IM_OK);
	assert_int_equal(presence_open(p, 0, IM_STR("bob"), IM_STR("b"), 1), IM_OK);
	assert_int_equal(presence_open(p, 0, IM_STR("carol"), IM_STR("c"), 1), IM_OK);
	tell(p, 10);
	presence_settle(p, true);
	presence_snapshot_begin(p, 0);
	assert_int_equal(presence_open(p, 0, IM_STR("bob"), IM_STR("b"), 2), IM_OK);
	assert_int_equal(presence_open(p, 0, IM_STR("dave"), IM_STR("d"), 2), IM_OK);
	presence_snapshot_end(p, 0, 3);
	assert_string_equal(tell(p, 10), "dave+m bob+ carol-m ");
	presence_free(&p);
}

static void devices_are_bounded(void **state)
{
	struct presence *p = presence_new(2);

	(void)state;
	assert_int_equal(presence_open(p, 0, IM_STR("a"), IM_STR("1"), 1), IM_OK);
	assert_int_equal(presence_open(p, 0, IM_STR("a"), IM_STR("2"), 1), IM_OK);
	assert_int_equal(presence_open(p, 0, IM_STR("b"), IM_STR("3"), 1), IM_E_FULL);
	assert_int_equal(presence_users(p), 1);
	presence_close(p, 0, IM_STR("a"), IM_STR("1"), 1);
	assert_int_equal(presence_open(p, 0, IM_STR("b"), IM_STR("3"), 1), IM_OK);
	presence_free(&p);
}

/* -- through the engine -- */

static bool marked(struct engine_fixture *f, const char *uid)
{
	struct directory_user u;

	assert_int_equal(directory_user_get(f->rig.dir, im_str(uid), &u), IM_OK);
	return u.online;
}

static void open_and_close(struct engine_fixture *f, const char *user, const char *device)
{
	engine_add_session(f, IM_UP_OPEN, user, device, IM_UPF_NEW_DEVICE);
	engine_send(f);
	engine_add_session(f, IM_UP_CLOSE, user, device, 0);
	engine_send(f);
}

static void devices_are_not_named_to_others_by_default(void **state)
{
	struct engine_fixture *f = *state;

	engine_add_session(f, IM_UP_OPEN, "bob", "phone", IM_UPF_NEW_DEVICE);
	engine_send(f);
	assert_told(f, "topic+ presence/bob {\"uid\":\"bob\",\"state\":\"online\",\"ts\":1000000}");
	f->now.wall_ms += 1000;
	engine_add_session(f, IM_UP_OPEN, "bob", "tablet", IM_UPF_NEW_DEVICE);
	engine_add_session(f, IM_UP_CLOSE, "bob", "phone", 0);
	engine_send(f);
	assert_not_told(f, "topic");
	engine_add_session(f, IM_UP_CLOSE, "bob", "tablet", 0);
	engine_send(f);
	assert_told(
		f, "topic+ presence/bob {\"uid\":\"bob\",\"state\":\"offline\",\"ts\":1001000}");
	assert_false(marked(f, "bob"));
}

static void coming_and_going_is_published_retained(void **state)
{
	struct engine_fixture *f = *state;

	f->rig.set.sessions.names = true;
	engine_set(f->rig.engine, &f->rig.set);
	engine_add_session(f, IM_UP_OPEN, "bob", "phone", IM_UPF_NEW_DEVICE);
	engine_send(f);
	assert_told(f, "topic+ presence/bob {\"uid\":\"bob\",\"state\":\"online\",\"ts\":1000000,"
		       "\"devices\":[{\"device\":\"phone\",\"state\":\"online\"}]}");
	assert_true(marked(f, "bob"));
	f->now.wall_ms += 1000;
	engine_add_session(f, IM_UP_OPEN, "bob", "tablet", IM_UPF_NEW_DEVICE);
	engine_send(f);
	assert_true(engine_told_part(f, "{\"device\":\"tablet\",\"state\":\"online\"}]}"));
	engine_add_session(f, IM_UP_CLOSE, "bob", "phone", 0);
	engine_send(f);
	assert_told(f, "topic+ presence/bob {\"uid\":\"bob\",\"state\":\"online\",\"ts\":1001000,"
		       "\"devices\":[{\"device\":\"tablet\",");
	engine_add_session(f, IM_UP_CLOSE, "bob", "tablet", 0);
	engine_send(f);
	assert_told(f, "topic+ presence/bob {\"uid\":\"bob\",\"state\":\"offline\",\"ts\":1001000,"
		       "\"devices\":[]}");
	assert_false(marked(f, "bob"));
}

static void presence_can_be_switched_off(void **state)
{
	struct engine_fixture *f = *state;

	f->rig.set.sessions.presence = false;
	engine_set(f->rig.engine, &f->rig.set);
	engine_add_session(f, IM_UP_OPEN, "bob", "phone", IM_UPF_NEW_DEVICE);
	engine_send(f);
	assert_not_told(f, "topic");
	assert_false(marked(f, "bob"));
	f->rig.set.sessions.presence = true;
	engine_set(f->rig.engine, &f->rig.set);
	engine_wait(f, 1000);
	assert_told(f, "topic+ presence/bob ");
}

static void a_subscription_is_greeted_with_the_newest_cursor(void **state)
{
	struct engine_fixture *f = *state;

	engine_add_session(f, IM_UP_OPEN, "bob", "phone", IM_UPF_NEW_DEVICE);
	engine_add_session(f, IM_UP_SUB, "bob", "phone", 0);
	engine_send(f);
	assert_told(f, "inbox bob event {\"event\":\"hello\",\"device\":\"phone\",\"cursor\":\"0\","
		       "\"behind\":false}");
	engine_message(f, "alice", "carol", "not bob's");
	engine_add_session(f, IM_UP_SUB, "bob", "phone", 0);
	engine_send(f);
	assert_told(f, "inbox bob event {\"event\":\"hello\",\"device\":\"phone\",\"cursor\":\"1\","
		       "\"behind\":false}");
	engine_credit(f, 2);
	engine_add_message(f, "alice", "bob", "bob's");
	engine_add_session(f, IM_UP_SUB, "bob", "phone", 0);
	engine_send(f);
	assert_told(f, "inbox bob event {\"event\":\"hello\",\"device\":\"phone\",\"cursor\":\"2\","
		       "\"behind\":true}");
	engine_credit(f, 2);
	engine_rpc(f, "bob", "device.ack", "{\"cursor\":\"2\"}");
	engine_add_session(f, IM_UP_SUB, "bob", "phone", 0);
	engine_send(f);
	assert_told(f, "inbox bob event {\"event\":\"hello\",\"device\":\"phone\",\"cursor\":\"2\","
		       "\"behind\":false}");
	engine_credit(f, 2);
	engine_rpc(f, "alice", "group.create", "{\"gid\":\"team\",\"members\":[\"bob\"]}");
	engine_credit(f, 2);
	engine_add_session(f, IM_UP_SUB, "bob", "phone", 0);
	engine_send(f);
	assert_true(engine_told_part(f, "\"behind\":true"));
}

static void a_new_device_has_missed_everything(void **state)
{
	struct engine_fixture *f = *state;

	engine_message(f, "alice", "bob", "before bob ever came");
	engine_add_session(f, IM_UP_OPEN, "bob", "phone", IM_UPF_NEW_DEVICE);
	engine_add_session(f, IM_UP_SUB, "bob", "phone", 0);
	engine_add_rpc(f, "bob", "sync", "{}");
	engine_send(f);
	assert_true(engine_told_part(f, "\"behind\":true"));
	assert_true(engine_told_part(f, "before bob ever came"));
}

static void a_client_id_belongs_to_its_first_user(void **state)
{
	struct engine_fixture *f = *state;
	struct directory_device d;

	engine_add_session(f, IM_UP_OPEN, "bob", "phone", IM_UPF_NEW_DEVICE);
	engine_add_session(f, IM_UP_OPEN, "carol", "phone", IM_UPF_NEW_DEVICE);
	engine_send(f);
	assert_told(f, "kick carol/phone");
	assert_int_equal(directory_device_get(f->rig.dir, IM_STR("phone"), &d), IM_OK);
	assert_int_equal(d.user, 2);
}

static void devices_beyond_the_bound_are_forgotten(void **state)
{
	struct engine_fixture *f = *state;
	struct directory_device d;
	char name[16];

	for (int i = 0; i < 5; i++) {
		f->now.wall_ms += 1000;
		snprintf(name, sizeof(name), "d%d", i);
		open_and_close(f, "bob", name);
	}
	assert_int_equal(directory_device_get(f->rig.dir, IM_STR("d1"), &d), IM_E_NONE);
	assert_int_equal(directory_device_get(f->rig.dir, IM_STR("d2"), &d), IM_OK);
	assert_int_equal(directory_device_get(f->rig.dir, IM_STR("d4"), &d), IM_OK);
}

static bool known(struct engine_fixture *f, const char *device)
{
	struct directory_device d;

	return directory_device_get(f->rig.dir, im_str(device), &d) == IM_OK;
}

static void session(struct engine_fixture *f, int type, const char *device, int flags)
{
	f->now.wall_ms += 1000;
	engine_add_session(f, type, "bob", device, flags);
	engine_send(f);
}

/* Those that may have left a session leave a mark, too; those that have never acknowledged anything
 * go first. */
static void a_forgotten_device_leaves_a_mark(void **state)
{
	struct engine_fixture *f = *state;
	static const char *const kept[] = {"phone", "k1", "k2"};
	struct directory *d = f->rig.dir;

	for (int i = 0; i < 3; i++) {
		session(f, IM_UP_OPEN, kept[i], IM_UPF_NEW_DEVICE);
		session(f, IM_UP_KEEP, kept[i], IM_UPF_DURABLE);
		if (i == 0)
			assert_int_equal(directory_device_set_cursor(d, IM_STR("phone"), 1), IM_OK);
		session(f, IM_UP_CLOSE, kept[i], 0);
	}
	session(f, IM_UP_OPEN, "new", IM_UPF_NEW_DEVICE);
	assert_told(f, "forget bob");
	assert_true(known(f, "phone"));
	assert_false(known(f, "k1"));
	assert_int_equal(directory_device_bind(d, IM_STR("k1"), 3, 1, 0), IM_E_EXISTS);
	/* He comes back to it, and others may come when the broker has forgotten its session. */
	session(f, IM_UP_OPEN, "k1", IM_UPF_NEW_DEVICE);
	assert_true(known(f, "k1") && !known(f, "k2"));
	assert_int_equal(directory_device_bind(d, IM_STR("k2"), 3, 1, 0), IM_E_EXISTS);
	f->now.wall_ms += 3600000;
	session(f, IM_UP_OPEN, "k1", 0);
	f->now.wall_ms += INT64_C(14) * 86400000 - 3600000;
	session(f, IM_UP_OPEN, "k1", 0);
	assert_int_equal(directory_device_bind(d, IM_STR("k2"), 3, 1, 0), IM_E_EXISTS);
	f->now.wall_ms += 3600000;
	session(f, IM_UP_OPEN, "k1", 0);
	assert_int_equal(directory_device_bind(d, IM_STR("k2"), 3, 1, 0), IM_OK);
}

static void a_session_that_left_nothing_leaves_no_binding(void **state)
{
	struct engine_fixture *f = *state;

	session(f, IM_UP_OPEN, "a", IM_UPF_NEW_DEVICE);
	session(f, IM_UP_OPEN, "b", IM_UPF_NEW_DEVICE);
	assert_true(known(f, "a"));
	assert_int_equal(directory_device_set_cursor(f->rig.dir, IM_STR("b"), 1), IM_OK);
	session(f, IM_UP_CLOSE, "a", IM_UPF_GONE);
	session(f, IM_UP_CLOSE, "b", IM_UPF_GONE);
	assert_false(known(f, "a"));
	assert_true(known(f, "b"));
	/* The plugin took it for bound: its end was still on the way. */
	session(f, IM_UP_OPEN, "a", 0);
	assert_true(known(f, "a"));
	session(f, IM_UP_OPEN, "auto-01234567-89AB-CDEF-0123-456789ABCDEF", 0);
	assert_false(known(f, "auto-01234567-89AB-CDEF-0123-456789ABCDEF"));
	session(f, IM_UP_KEEP, "auto-01234567-89AB-CDEF-0123-456789ABCDEF", IM_UPF_DURABLE);
	assert_true(known(f, "auto-01234567-89AB-CDEF-0123-456789ABCDEF"));
	/* Another user's end says nothing of it. */
	engine_add_session(f, IM_UP_CLOSE, "carol", "a", IM_UPF_GONE);
	engine_add_session(f, IM_UP_KEEP, "nobody", "x", IM_UPF_DURABLE);
	engine_send(f);
	assert_true(known(f, "a"));
	assert_false(known(f, "x"));
}

/* One that comes to stay goes on being counted: a clean session in between takes nothing away. */
static void what_comes_again_at_once_is_counted_as_it_was(void **state)
{
	struct engine_fixture *f = *state;
	static const char *const ids[] = {"a", "b", "auto-01234567-89AB-CDEF-0123-456789ABCDEF"};

	for (int i = 0; i < 3; i++) {
		session(f, IM_UP_OPEN, ids[i], i < 2 ? IM_UPF_NEW_DEVICE : 0);
		session(f, IM_UP_KEEP, ids[i], IM_UPF_DURABLE);
		session(f, IM_UP_CLOSE, ids[i], IM_UPF_GONE);
		assert_false(known(f, ids[i]));
		session(f, IM_UP_OPEN, ids[i], i == 1 ? 0 : IM_UPF_KEPT);
	}
	assert_true(known(f, "a") && known(f, "b") && known(f, ids[2]));
	for (int i = 0; i < 3; i++) {
		char params[64];

		snprintf(params, sizeof(params), "{\"device\":\"%s\"}", ids[i]);
		engine_rpc(f, "bob", "device.remove", params);
		assert_int_equal(directory_device_bind(f->rig.dir, im_str(ids[i]), 3, 1, 0),
			i == 1 ? IM_OK : IM_E_EXISTS);
	}
}

static void a_removed_device_leaves_a_mark(void **state)
{
	struct engine_fixture *f = *state;

	session(f, IM_UP_OPEN, "a", IM_UPF_NEW_DEVICE);
	session(f, IM_UP_OPEN, "b", IM_UPF_NEW_DEVICE);
	session(f, IM_UP_KEEP, "b", IM_UPF_DURABLE);
	engine_rpc(f, "bob", "device.remove", "{\"device\":\"a\"}");
	engine_rpc(f, "bob", "device.remove", "{\"device\":\"b\"}");
	assert_false(known(f, "a") || known(f, "b"));
	assert_int_equal(directory_device_bind(f->rig.dir, IM_STR("a"), 3, 1, 0), IM_OK);
	assert_int_equal(directory_device_bind(f->rig.dir, IM_STR("b"), 3, 1, 0), IM_E_EXISTS);
}

static void a_token_may_create_its_user(void **state)
{
	struct engine_fixture *f = *state;

	engine_add_session(f, IM_UP_OPEN, "erin", "phone", IM_UPF_NEW_DEVICE | IM_UPF_NEW_USER);
	engine_add_message(f, "alice", "erin", "welcome");
	engine_send(f);
	assert_told(f, "forget erin");
	assert_told(f, "message alice/phone 1 ");
	assert_told(f, "topic+ presence/erin ");
	engine_add_session(f, IM_UP_OPEN, "nobody", "x", IM_UPF_NEW_DEVICE);
	engine_send(f);
	assert_told(f, "kick nobody");
}

static void the_first_snapshot_mends_the_marks_and_greets_all(void **state)
{
	struct engine_fixture *f = *state;
	static const char *const there[] = {"carol", "phone", "sub", "alice", "tablet", "", NULL};

	engine_add_session(f, IM_UP_OPEN, "bob", "b", IM_UPF_NEW_DEVICE);
	engine_add_session(f, IM_UP_OPEN, "carol", "phone", IM_UPF_NEW_DEVICE);
	engine_send(f);
	engine_restart(f);
	assert_true(marked(f, "bob"));
	engine_linked(f->rig.engine, f->peer, &f->now);
	engine_sessions(f, there);
	assert_told(f, "topic+ presence/bob {\"uid\":\"bob\",\"state\":\"offline\"");
	assert_told(f, "topic+ presence/carol {\"uid\":\"carol\",\"state\":\"online\"");
	assert_told(f, "topic+ presence/alice {\"uid\":\"alice\",\"state\":\"online\"");
	assert_told(f, "inbox carol event {\"event\":\"hello\",\"device\":\"phone\"");
	assert_not_told(f, "inbox alice event");
	assert_false(marked(f, "bob"));
	assert_true(marked(f, "alice"));
	engine_unlinked(f->rig.engine, f->peer);
	engine_linked(f->rig.engine, f->peer, &f->now);
	engine_sessions(f, there);
	assert_not_told(f, "topic");
	assert_not_told(f, "inbox");
}

static void many_changes_are_told_bit_by_bit(void **state)
{
	struct engine_fixture *f = *state;
	static const char *list[3 * 1200 + 1];
	static char names[1200][16];
	unsigned sum;

	for (int i = 0; i < 1200; i++) {
		uint64_t id;

		snprintf(names[i], sizeof(names[i]), "n%d", i);
		assert_int_equal(directory_user_create(f->rig.dir, im_str(names[i]), 0,
					 (struct im_str){0}, 1, &id),
			IM_OK);
		list[3 * i] = list[3 * i + 1] = names[i];
		list[3 * i + 2] = "";
	}
	engine_sessions(f, list);
	sum = engine_count(f, "topic+");
	assert_in_range(sum, 1, 600);
	for (int i = 0; i < 5; i++) {
		engine_wait(f, 0);
		sum += engine_count(f, "topic+");
		engine_forget(f);
		engine_credit(f, 1);
		sum += engine_count(f, "topic+");
	}
	assert_int_equal(sum, 1200);
}

static void a_deleted_users_presence_is_cleared(void **state)
{
	struct engine_fixture *f = *state;

	engine_add_session(f, IM_UP_OPEN, "bob", "b", IM_UPF_NEW_DEVICE);
	engine_send(f);
	assert_int_equal(directory_user_delete(f->rig.dir, 2, 9), IM_OK);
	engine_restart(f);
	engine_linked(f->rig.engine, f->peer, &f->now);
	engine_sessions(f, (const char *const[]){"bob", "b", "", NULL});
	assert_told(f, "topic+ presence/bob \n");
}

#define E(name) cmocka_unit_test_setup_teardown(name, engine_set_up, engine_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changes_are_told_until_they_are_settled),
		cmocka_unit_test(coming_and_going_between_two_tellings_is_one_change),
		cmocka_unit_test(who_has_gone_unheard_is_kept_until_all_hear),
		cmocka_unit_test(who_has_come_again_is_not_forgotten),
		cmocka_unit_test(one_user_is_told_again),
		cmocka_unit_test(telling_is_bounded),
		cmocka_unit_test(a_snapshot_ends_what_is_not_in_it),
		cmocka_unit_test(devices_are_bounded),
		cmocka_unit_test(without_names_only_the_users_state_is_told),
		cmocka_unit_test(the_states_of_a_users_devices_are_found),
		E(coming_and_going_is_published_retained),
		E(presence_can_be_switched_off),
		E(a_subscription_is_greeted_with_the_newest_cursor),
		E(a_new_device_has_missed_everything),
		E(a_client_id_belongs_to_its_first_user),
		E(devices_beyond_the_bound_are_forgotten),
		E(devices_are_not_named_to_others_by_default),
		E(a_forgotten_device_leaves_a_mark),
		E(a_session_that_left_nothing_leaves_no_binding),
		E(what_comes_again_at_once_is_counted_as_it_was),
		E(a_removed_device_leaves_a_mark),
		E(a_token_may_create_its_user),
		E(the_first_snapshot_mends_the_marks_and_greets_all),
		E(many_changes_are_told_bit_by_bit),
		E(a_deleted_users_presence_is_cleared),
	};

	return cmocka_run_group_tests_name("bridge sessions", tests, NULL, NULL);
}
