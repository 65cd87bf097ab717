/* SPDX-License-Identifier: BSD-3-Clause */
/* The directory: users, devices, blocks, groups, members, what is kept of conversations, events. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/directory/directory_broker.h"
#include "bridge/directory/directory_conv.h"
#include "bridge/directory/directory_group.h"
#include "bridge/directory/directory_user.h"
#include "tests/lib/faultvfs.h"
#include "tests/store/store_test.h"

struct fixture {
	char *folder;
	struct directory *d;
};

static struct directory *open_directory(const char *folder)
{
	struct directory *d = NULL;
	struct im_buf why;
	int ret;
	im_buf_init(&why, 0);
	ret = directory_open(folder, &d, &why);
	if (ret != IM_OK)
		fail_msg("open: %d %.*s", ret, IM_ARGS(why));
	im_buf_free(&why);
	return d;
}

static struct directory *open_reader(const char *folder)
{
	struct directory *d = NULL;
	struct im_buf why;
	im_buf_init(&why, 0);
	assert_ok(directory_open_reader(folder, &d, &why));
	im_buf_free(&why);
	return d;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	f->folder = test_folder_new();
	faultvfs_install();
	f->d = open_directory(f->folder);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	directory_close(&f->d);
	faultvfs_uninstall();
	test_folder_remove(f->folder);
	free(f);
	return 0;
}

static uint64_t add_user(struct directory *d, const char *uid)
{
	uint64_t id = 0;
	assert_ok(directory_user_create(d, im_str(uid), 0, IM_STR("$argon2id$x"), 1000, &id));
	return id;
}

static uint64_t add_group(struct directory *d, const char *gid)
{
	uint64_t id = 0;
	struct directory_group g = {.gid = im_str(gid), .member_limit = 100, .created_ms = 5};
	assert_ok(directory_group_create(d, &g, &id));
	return id;
}

static void add_member(struct directory *d, uint64_t group, uint64_t user)
{
	struct directory_member m = {.group = group, .user = user, .joined_seq = 3, .joined_ms = 4};
	assert_ok(directory_member_add(d, &m));
}

#define assert_str(s, want) assert_true(im_str_eqz((s), (want)))

/* Texts that a walk saw, with a space behind each. */
struct seen {
	char text[4096];
	uint32_t n, stop_after;
};

static int note(struct seen *seen, struct im_str s)
{
	size_t at = strlen(seen->text);
	snprintf(seen->text + at, sizeof(seen->text) - at, "%.*s ", IM_ARGS(s));
	seen->n++;
	return seen->stop_after && seen->n == seen->stop_after ? 77 : 0;
}

static int see_user(void *arg, const struct directory_user *u)
{
	return note(arg, u->uid);
}

static int see_device(void *arg, const struct directory_device *dev)
{
	return note(arg, dev->device);
}

static int see_group(void *arg, const struct directory_group *g)
{
	return note(arg, g->gid);
}

static int see_member(void *arg, const struct directory_member *m)
{
	return note(arg, m->uid);
}

static int see_left(void *arg, uint64_t group, uint64_t gone_gid)
{
	char text[32];
	snprintf(text, sizeof(text), "%llu@%llu", (unsigned long long)group,
		(unsigned long long)gone_gid);
	return note(arg, im_str(text));
}

static int see_event(void *arg, const struct directory_event *e)
{
	return note(arg, e->event);
}

static int see_conv(void *arg, const struct directory_conv_user *c)
{
	char text[32];
	snprintf(text, sizeof(text), "%llu=%llu", (unsigned long long)c->user,
		(unsigned long long)c->read_seq);
	return note(arg, im_str(text));
}

/* -- users ---------------------------------------------------------------------------------------
 */

static void a_user_is_created_found_and_changed(void **state)
{
	struct directory *d = ((struct fixture *)*state)->d;
	uint64_t id = add_user(d, "alice"), again = 0;
	struct directory_user u;
	assert_int_equal(
		directory_user_create(d, IM_STR("alice"), 1, (struct im_str){0}, 1, &again),
		IM_E_EXISTS);
	assert_ok(directory_user_get(d, IM_STR("alice"), &u));
	assert_int_equal(u.id, id);
	assert_str(u.uid, "alice");
	assert_str(u.password, "$argon2id$x");
	assert_int_equal(u.created_ms, 1000);
	assert_true(u.read_receipts && !u.disabled && !u.deleted && !u.online);
	assert_int_equal(u.ext.n, 0);
	assert_ok(directory_user_set_profile(
		d, id, IM_STR("Al"), (struct im_str){0}, IM_STR("{\"x\":1}"), 2, 0));
	assert_ok(directory_user_set_profile(
		d, id, (struct im_str){0}, IM_STR("http://a"), (struct im_str){0}, -1, -1));
	assert_ok(directory_user_set_disabled(d, id, true));
	assert_ok(directory_user_set_role(d, id, IM_ROLE_ADMIN));
	assert_ok(directory_user_set_password(d, id, (struct im_str){0}));
	assert_ok(directory_user_set_online(d, id, true, 77));
	assert_ok(directory_user_by_id(d, id, &u));
	assert_str(u.nick, "Al");
	assert_str(u.avatar, "http://a");
	assert_str(u.ext, "{\"x\":1}");
	assert_int_equal(u.direct_policy, 2);
	assert_true(!u.read_receipts && u.disabled && u.online);
	assert_int_equal(u.role, IM_ROLE_ADMIN);
	assert_int_equal(u.password.n, 0);
	assert_int_equal(u.seen_ms, 77);
	/* Empty is a value, absent is none. */
	assert_ok(directory_user_set_profile(
		d, id, (struct im_str){"", 0}, (struct im_str){0}, (struct im_str){"", 0}, -1, 1));
	assert_ok(directory_user_by_id(d, id, &u));
	assert_int_equal(u.nick.n, 0);
	assert_int_equal(u.ext.n, 0);
	assert_str(u.avatar, "http://a");
	assert_true(u.read_receipts);
}

static void what_is_not_there_is_said_so(void **state)
{
	struct directory *d = ((struct fixture *)*state)->d;
	struct directory_user u;
	struct directory_group g = {.id = 9};
	struct directory_member m = {.group = 9, .user = 9};
	struct directory_device dev;
	assert_int_equal(directory_user_get(d, IM_STR("x"), &u), IM_E_NONE);
	assert_int_equal(directory_user_by_id(d, 9, &u), IM_E_NONE);
	assert_int_equal(directory_user_set_role(d, 9, 1), IM_E_NONE);
	assert_int_equal(directory_user_set_password(d, 9, IM_STR("p")), IM_E_NONE);
	assert_int_equal(directory_user_set_online(d, 9, true, 1), IM_E_NONE);
	assert_int_equal(directory_user_delete(d, 9, 90), IM_E_NONE);
	assert_int_equal(directory_group_get(d, IM_STR("x"), &g), IM_E_NONE);
	assert_int_equal(directory_group_by_id(d, 9, &g), IM_E_NONE);
	assert_int_equal(directory_group_update(d, &g), IM_E_NONE);
	assert_int_equal(directory_group_dismiss(d, 9, 80), IM_E_NONE);
	assert_int_equal(directory_member_get(d, 9, 9, &m), IM_E_NONE);
	assert_int_equal(directory_member_add(d, &m), IM_E_NONE);
	assert_int_equal(directory_member_update(d, &m), IM_E_NONE);
	assert_int_equal(directory_member_remove(d, 9, 9, 70), IM_E_NONE);
	assert_int_equal(directory_device_get(d, IM_STR("x"), &dev), IM_E_NONE);
	assert_int_equal(directory_device_seen(d, IM_STR("x"), 1), IM_E_NONE);
	assert_int_equal(directory_device_set_cursor(d, IM_STR("x"), 1), IM_E_NONE);
	assert_int_equal(directory_device_remove(d, IM_STR("x")), IM_E_NONE);
	assert_int_equal(directory_device_bind(d, IM_STR("x"), 9, 1, 0), IM_E_NONE);
	/* A group, but no such user, and the other way round. */
	m.group = add_group(d, "team");
	assert_int_equal(directory_member_add(d, &m), IM_E_NONE);
	m.user = add_user(d, "bob");
	m.group = 99;
	assert_int_equal(directory_member_add(d, &m), IM_E_NONE);
}

static void users_are_listed_by_name_and_by_presence(void **state)
{
	struct directory *d = ((struct fixture *)*state)->d;
	uint64_t carol = add_user(d, "carol"), alice = add_user(d, "alice");
	struct seen seen = {0};
	add_user(d, "bob");
	add_user(d, "dave");
	assert_int_equal(directory_user_count(d), 4);
	assert_ok(directory_user_list(d, IM_STR("alice"), 2, see_user, &seen));
	assert_string_equal(seen.text, "bob carol ");
	assert_ok(directory_user_set_online(d, carol, true, 1));
	assert_ok(directory_user_set_online(d, alice, true, 1));
	seen = (struct seen){0};
	assert_ok(directory_user_list_online(d, 0, 10, see_user, &seen));
	assert_string_equal(seen.text, "carol alice ");
	seen = (struct seen){.stop_after = 1};
	assert_int_equal(directory_user_list_online(d, carol, 10, see_user, &seen), 77);
	assert_string_equal(seen.text, "alice ");
}

static void a_deleted_user_takes_all_along(void **state)
{
	struct directory *d = ((struct fixture *)*state)->d;
	uint64_t alice = add_user(d, "alice"), bob = add_user(d, "bob");
	uint64_t team = add_group(d, "team"), again;
	struct directory_conv_user c = {.user = alice,
		.conv = 3,
		.read_seq = 5,
		.pinned = true,
		.notify = 2,
		.cleared_to = 2,
		.marked_unread = true,
		.draft = IM_STR("dear")};
	struct directory_event e = {alice, IM_STR("k"), 4, 1, IM_STR("{}")};
	struct directory_user u;
	struct directory_device dev;
	struct directory_group g;
	struct seen seen = {0};
	bool blocked;
	add_member(d, team, alice);
	add_member(d, team, bob);
	assert_ok(directory_device_bind(d, IM_STR("phone"), alice, 1, 0));
	assert_ok(directory_block_add(d, alice, bob, 1));
	assert_ok(directory_block_add(d, bob, alice, 1));
	assert_ok(directory_conv_put(d, &c));
	assert_ok(directory_event_put(d, &e));
	assert_ok(directory_user_delete(d, alice, 90));
	assert_int_equal(directory_user_delete(d, alice, 90), IM_E_NONE);
	assert_int_equal(directory_user_get(d, IM_STR("alice"), &u), IM_E_NONE);
	assert_ok(directory_user_by_id(d, alice, &u));
	assert_str(u.uid, "alice");
	assert_true(u.deleted);
	assert_int_equal(u.password.n, 0);
	assert_int_equal(directory_device_get(d, IM_STR("phone"), &dev), IM_E_NONE);
	/* She may come back, to whoever has blocked her, and to whom she has. */
	assert_ok(directory_block_has(d, bob, alice, &blocked));
	assert_true(blocked);
	assert_ok(directory_block_list(d, bob, 0, 10, see_user, &seen));
	assert_string_equal(seen.text, "alice ");
	seen = (struct seen){0};
	assert_ok(directory_block_has(d, alice, bob, &blocked));
	assert_true(blocked);
	assert_ok(directory_member_list(d, team, (struct im_str){"", 0}, 0, see_member, &seen));
	assert_string_equal(seen.text, "bob ");
	assert_ok(directory_group_by_id(d, team, &g));
	assert_int_equal(g.members, 1);
	/* How far was read stays, because the peer is told of it; the rest was the user's own. */
	assert_ok(directory_conv_get(d, alice, 3, &c));
	assert_int_equal(c.read_seq, 5);
	assert_int_equal(c.cleared_to, 2);
	assert_int_equal(c.draft.n, 0);
	assert_false(c.pinned || c.notify || c.marked_unread);
	seen = (struct seen){0};
	assert_ok(directory_event_list(d, alice, 1, 99, see_event, &seen));
	assert_int_equal(seen.n, 0);
	assert_int_equal(directory_user_count(d), 1);
	/* Where the event was stays used. */
	assert_ok(directory_event_head(d, &again));
	assert_int_equal(again, 4);
	/* A log that is projected again does not bring back who was deleted. */
	assert_int_equal(
		directory_member_add(d, &(struct directory_member){.group = team, .user = alice}),
		IM_E_NONE);
}

static void refuses_user(struct directory *d, const char *uid, const char *why)
{
	uint64_t id = 0;
	assert_int_equal(
		directory_user_create(d, im_str(uid), 0, (struct im_str){0}, 1, &id), IM_E_EXISTS);
	assert_non_null(strstr(directory_errmsg(d), why));
	assert_int_equal(directory_user_nameable(d, im_str(uid)), IM_E_EXISTS);
}

static void refuses_group(struct directory *d, const char *gid, const char *why)
{
	struct directory_group g = {.gid = im_str(gid), .member_limit = 9};
	uint64_t id = 0;
	assert_int_equal(directory_group_create(d, &g, &id), IM_E_EXISTS);
	assert_non_null(strstr(directory_errmsg(d), why));
	assert_int_equal(directory_group_nameable(d, im_str(gid)), IM_E_EXISTS);
	/* What the log says has been made is made. */
	g.id = 1000 + strlen(gid);
	if (strcmp(gid, "team"))
		assert_ok(directory_group_create(d, &g, &id));
}

static void a_name_is_given_once(void **state)
{
	struct directory *d = ((struct fixture *)*state)->d;
	uint64_t alice = add_user(d, "alice"), zoe = add_user(d, "Zoe"),
		 team = add_group(d, "team");
	refuses_user(d, "alice", "there is a user \"alice\" already");
	refuses_user(d, "Alice", "differs from the user \"alice\" in case alone");
	refuses_user(d, "ZOE", "\"Zoe\"");
	refuses_user(d, "ALL", "reserved");
	refuses_user(d, "System", "reserved");
	refuses_user(d, "administrator", "reserved");
	refuses_user(d, "Deleted-17", "reserved");
	refuses_user(d, "im-Bridge", "reserved");
	refuses_group(d, "team", "there is a group \"team\" already");
	refuses_group(d, "Team", "differs from the group \"team\" in case alone");
	refuses_group(d, "aLL", "reserved");
	/* Users and groups have names of their own; what only looks like a reserved one is free. */
	assert_true(add_user(d, "team") > zoe);
	assert_true(add_group(d, "alice") > team);
	add_user(d, "deleted");
	add_user(d, "all.");
	assert_ok(directory_setting_set(d, "link_username", IM_STR("uplink")));
	refuses_user(d, "UPLINK", "reserved");
	add_user(d, "im-bridge");
	/* Gone is not free. */
	assert_ok(directory_user_delete(d, alice, 90));
	refuses_user(d, "alice", "there was a user \"alice\", and no other gets its name");
	refuses_user(d, "aLice", "\"alice\"");
	assert_ok(directory_group_dismiss(d, team, 80));
	refuses_group(d, "team", "there was a group \"team\"");
}

/* As earlier versions did. */
static void add_anyway(const char *folder, const char *sql)
{
	char path[512], *error = NULL;
	sqlite3 *db = NULL;
	snprintf(path, sizeof(path), "%s/directory.db", folder);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
		fail_msg("%s", error);
	sqlite3_close(db);
}

static int on_finding(void *arg, const struct check_finding *f)
{
	check_put(arg, f);
	im_buf_c(arg, '\n');
	return IM_OK;
}

static void what_is_wrong_with_names_is_found(void **state)
{
	struct fixture *f = *state;
	struct check_place place = {.id = 0};
	struct im_buf found;
	unsigned n = 0;
	im_buf_init(&found, 0);
	add_user(f->d, "alice");
	add_group(f->d, "alice");
	add_user(f->d, "all.");
	assert_ok(directory_check_names(f->d, &place, 10, on_finding, &found));
	assert_true(place.groups && !place.done);
	assert_ok(directory_check_names(f->d, &place, 10, on_finding, &found));
	assert_true(place.done);
	assert_int_equal(found.n, 0);
	add_anyway(f->folder,
		"INSERT INTO user (uid, role, created_ms, deleted) VALUES ('Alice', 0, 1, 0),"
		" ('all', 0, 1, 0), ('IM-bridge', 0, 1, 0), ('System', 0, 1, 1);"
		"INSERT INTO grp (gid, kind, name, member_limit, created_ms, dismissed)"
		" VALUES ('alice', 0, '', 9, 1, 1)");
	/* One finding at a time gives each of them once. */
	place = (struct check_place){.id = 0};
	for (; !place.done; n++)
		assert_ok(directory_check_names(f->d, &place, 1, on_finding, &found));
	assert_int_equal(n, 8);
	im_buf_c(&found, '\0');
	assert_string_equal(found.p,
		"{\"kind\":\"user\",\"name\":\"alice\",\"finding\":\"case\","
		"\"beside\":\"Alice\",\"deleted\":false}\n"
		"{\"kind\":\"user\",\"name\":\"Alice\",\"finding\":\"case\","
		"\"beside\":\"alice\",\"deleted\":false}\n"
		"{\"kind\":\"user\",\"name\":\"all\",\"finding\":\"reserved\","
		"\"deleted\":false}\n"
		"{\"kind\":\"user\",\"name\":\"IM-bridge\",\"finding\":\"reserved\","
		"\"deleted\":false}\n"
		"{\"kind\":\"group\",\"name\":\"alice\",\"finding\":\"twice\","
		"\"beside\":\"alice\",\"deleted\":false}\n"
		"{\"kind\":\"group\",\"name\":\"alice\",\"finding\":\"twice\","
		"\"beside\":\"alice\",\"deleted\":true}\n");
	im_buf_free(&found);
}

/* The end of a walk is at the end of a stretch, too. */
static void many_names_are_looked_at_in_stretches(void **state)
{
	struct fixture *f = *state;
	struct check_place place = {.id = 0};
	struct im_buf found;
	im_buf_init(&found, 0);
	add_anyway(f->folder,
		"WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)"
		" INSERT INTO user (uid, role, created_ms) SELECT 'u' || i, 0, 1 FROM n;"
		"INSERT INTO user (uid, role, created_ms) VALUES ('U4000', 0, 1)");
	assert_ok(directory_check_names(f->d, &place, 10, on_finding, &found));
	assert_true(!place.groups && place.id == CHECK_NAMES);
	assert_ok(directory_check_names(f->d, &place, 10, on_finding, &found));
	assert_true(!place.groups && place.id == 2 * CHECK_NAMES && found.n > 0);
	assert_ok(directory_check_names(f->d, &place, 10, on_finding, &found));
	assert_true(place.groups && place.id == 0);
	im_buf_free(&found);
}

static void a_user_comes_back_as_he_was(void **state)
{
	struct directory *d = ((struct fixture *)*state)->d;
	uint64_t alice = add_user(d, "alice"), bob = add_user(d, "bob");
	struct directory_user u;
	assert_int_equal(directory_user_restore(d, bob, 0, (struct im_str){0}, 5000), IM_E_NONE);
	assert_ok(directory_user_delete(d, alice, 90));
	assert_ok(directory_user_restore(d, alice, IM_ROLE_USER, IM_STR("$new"), 5000));
	assert_ok(directory_user_get(d, IM_STR("alice"), &u));
	assert_int_equal(u.id, alice);
	assert_int_equal(u.created_ms, 1000);
	assert_str(u.password, "$new");
	assert_false(u.deleted || u.disabled);
	assert_int_equal(directory_user_restore(d, alice, 0, IM_STR("$x"), 5000), IM_E_NONE);
	/* Without a password there is only the token. */
	assert_ok(directory_user_delete(d, alice, 90));
	assert_ok(directory_user_restore(d, alice, IM_ROLE_ADMIN, (struct im_str){0}, 6000));
	assert_ok(directory_user_by_id(d, alice, &u));
	assert_int_equal(u.role, IM_ROLE_ADMIN);
	assert_int_equal(u.password.n, 0);
}

/* -- devices and blocks --------------------------------------------------------------------------
 */

static void a_device_belongs_to_its_first_user(void **state)
{
	struct directory *d = ((struct fixture *)*state)->d;
	uint64_t alice = add_user(d, "alice"), bob = add_user(d, "bob");
	struct directory_device dev;
	assert_ok(directory_device_bind(d, IM_STR("phone"), alice, 10, 5));
	assert_ok(directory_device_bind(d, IM_STR("phone"), alice, 20, 7));
	assert_int_equal(directory_device_bind(d, IM_STR("phone"), bob, 30, 0), IM_E_EXISTS);
	assert_ok(directory_device_get(d, IM_STR("phone"), &dev));
	assert_int_equal(dev.user, alice);
	assert_int_equal(dev.created_ms, 10);
	assert_int_equal(dev.cursor, 5);
	assert_ok(directory_device_set_cursor(d, IM_STR("phone"), 40));
	assert_ok(directory_device_set_cursor(d, IM_STR("phone"), 30));
	assert_ok(directory_device_seen(d, IM_STR("phone"), 90));
	assert_ok(directory_device_seen(d, IM_STR("phone"), 80));
	assert_ok(directory_device_get(d, IM_STR("phone"), &dev));
	assert_int_equal(dev.cursor, 40);
	assert_int_equal(dev.seen_ms, 90);
	assert_ok(directory_device_remove(d, IM_STR("phone")));
	assert_ok(directory_device_bind(d, IM_STR("phone"), bob, 30, 0));
}

/* A user who goes leaves marks of what may have left a session, and they are his number's. */
static void marks_outlive_devices(void **state)
{
	struct directory *d = ((struct fixture *)*state)->d;
	uint64_t alice = add_user(d, "alice"), bob = add_user(d, "bob");
	struct directory_device dev;
	assert_ok(directory_device_bind(d, IM_STR("phone"), alice, 10, 5));
	assert_ok(directory_device_bind(d, IM_STR("tab"), alice, 10, 5));
	assert_ok(directory_device_kept(d, IM_STR("phone"), 20));
	assert_ok(directory_device_kept(d, IM_STR("phone"), 30));
	assert_ok(directory_device_forget(d, IM_STR("phone")));
	assert_int_equal(directory_device_forget(d, IM_STR("phone")), IM_E_NONE);
	assert_int_equal(directory_device_bind(d, IM_STR("phone"), bob, 30, 0), IM_E_EXISTS);
	assert_ok(directory_device_bind(d, IM_STR("phone"), alice, 40, 0));
	assert_ok(directory_device_get(d, IM_STR("phone"), &dev));
	assert_int_equal(dev.created_ms, 40);
	assert_ok(directory_user_delete(d, alice, 90));
	assert_int_equal(directory_device_get(d, IM_STR("phone"), &dev), IM_E_NONE);
	assert_ok(directory_device_bind(d, IM_STR("tab"), bob, 50, 0));
	assert_int_equal(directory_device_bind(d, IM_STR("phone"), bob, 50, 0), IM_E_EXISTS);
	/* Reckoned from the first look on. */
	assert_ok(directory_marks_sweep(d, 1000, 1, 10));
	assert_ok(directory_marks_sweep(d, 86400999, 1, 10));
	assert_int_equal(directory_device_bind(d, IM_STR("phone"), bob, 50, 0), IM_E_EXISTS);
	assert_ok(directory_marks_sweep(d, 86401000, 1, 10));
	assert_ok(directory_device_bind(d, IM_STR("phone"), bob, 50, 0));
}

static void device_homes(struct directory *d, uint64_t user, uint32_t expected)
{
	uint32_t mask = 77;
	assert_ok(directory_device_homes(d, user, &mask));
	assert_int_equal(mask, expected);
}

/* Of those that may have left a session, and of their marks. */
static void a_device_has_a_home(void **state)
{
	struct directory *d = ((struct fixture *)*state)->d;
	uint64_t alice = add_user(d, "alice"), bob = add_user(d, "bob");
	struct directory_device dev;
	device_homes(d, alice, 0);
	assert_ok(directory_device_bind(d, IM_STR("phone"), alice, 10, 5));
	assert_ok(directory_device_bind(d, IM_STR("tab"), alice, 10, 5));
	assert_ok(directory_device_bind(d, IM_STR("other"), bob, 10, 5));
	assert_ok(directory_device_get(d, IM_STR("phone"), &dev));
	assert_int_equal(dev.broker, 0);
	assert_int_equal(directory_device_set_home(d, IM_STR("gone"), 1, 1000), IM_E_NONE);
	assert_ok(directory_device_set_home(d, IM_STR("phone"), 3, 1000));
	assert_ok(directory_device_set_home(d, IM_STR("other"), 2, 1000));
	assert_ok(directory_device_get(d, IM_STR("phone"), &dev));
	assert_int_equal(dev.broker, 3);
	assert_int_equal(dev.home_ms, 1000);
	device_homes(d, alice, 0);
	assert_ok(directory_device_kept(d, IM_STR("phone"), 20));
	device_homes(d, alice, 1U << 2);
	assert_ok(directory_device_set_home(d, IM_STR("phone"), 8, 2000));
	device_homes(d, alice, 1U << 7);
	assert_ok(directory_device_kept(d, IM_STR("tab"), 20));
	device_homes(d, alice, IM_PEERS_ALL);
	assert_ok(directory_device_set_home(d, IM_STR("tab"), 1, 1000));
	device_homes(d, alice, 1U << 7 | 1);
	assert_ok(directory_device_forget(d, IM_STR("phone")));
	device_homes(d, alice, 1U << 7 | 1);
	assert_ok(directory_device_bind(d, IM_STR("phone"), alice, 30, 0));
	assert_ok(directory_device_get(d, IM_STR("phone"), &dev));
	assert_int_equal(dev.broker, 8);
	assert_int_equal(dev.home_ms, 2000);
	assert_ok(directory_device_release(d, IM_STR("phone")));
	device_homes(d, alice, 1);
	assert_ok(directory_user_delete(d, alice, 90));
	device_homes(d, alice, 1);
}

/* As many letters as there are paths; each path is its letter. */
static void broker_numbers(struct directory *d, const char *paths, const char *expected)
{
	char text[16][2] = {{0}}, *v[16] = {0};
	unsigned numbers[16] = {0};
	char got[17] = {0};
	size_t n = strlen(paths);
	for (size_t i = 0; i < n; i++) {
		text[i][0] = paths[i];
		v[i] = text[i];
	}
	assert_ok(directory_broker_numbers(d, v, n, numbers));
	for (size_t i = 0; i < n; i++)
		got[i] = (char)('0' + numbers[i]);
	assert_string_equal(got, expected);
}

static int on_broker_path(void *arg, unsigned number, struct im_str path)
{
	char *out = arg;
	assert_int_equal(path.n, 1);
	out[number] = path.p[0];
	return IM_OK;
}

static void a_broker_keeps_its_number(void **state)
{
	struct fixture *f = *state;
	char listed[10] = "-........";
	broker_numbers(f->d, "a", "1");
	broker_numbers(f->d, "cba", "231");
	broker_numbers(f->d, "b", "3");
	directory_close(&f->d);
	f->d = open_directory(f->folder);
	broker_numbers(f->d, "abd", "134");
	assert_ok(directory_broker_list(f->d, on_broker_path, listed));
	assert_string_equal(listed, "-acbd....");
	broker_numbers(f->d, "aa", "11");
}

/* As /run and /var/run are. */
static void a_broker_keeps_its_number_by_another_name(void **state)
{
	struct directory *d = ((struct fixture *)*state)->d;
	char *first[] = {"/tmp/im-a.sock", "/tmp/im-b.sock"};
	char *then[] = {"/tmp/../tmp/im-b.sock", "/tmp/../tmp/im-a.sock"};
	unsigned numbers[2];

	assert_ok(directory_broker_numbers(d, first, 2, numbers));
	assert_ok(directory_broker_numbers(d, then, 2, numbers));
	assert_int_equal(numbers[0], 2);
	assert_int_equal(numbers[1], 1);
}

static void the_number_of_a_broker_that_is_gone_is_given_again(void **state)
{
	struct directory *d = ((struct fixture *)*state)->d;
	uint64_t alice = add_user(d, "alice");
	struct directory_device dev;
	unsigned numbers[IM_PEERS_MAX + 1];
	char *nine[IM_PEERS_MAX + 1] = {"1", "2", "3", "4", "5", "6", "7", "8", "9"};
	char listed[10] = "-........";
	broker_numbers(d, "abcdefgh", "12345678");
	assert_ok(directory_device_bind(d, IM_STR("phone"), alice, 10, 5));
	assert_ok(directory_device_bind(d, IM_STR("tab"), alice, 10, 5));
	assert_ok(directory_device_bind(d, IM_STR("old"), alice, 10, 5));
	assert_ok(directory_device_set_home(d, IM_STR("phone"), 3, 1000));
	assert_ok(directory_device_set_home(d, IM_STR("tab"), 4, 1000));
	assert_ok(directory_device_set_home(d, IM_STR("old"), 3, 1000));
	assert_ok(directory_device_kept(d, IM_STR("old"), 20));
	assert_ok(directory_device_forget(d, IM_STR("old")));
	device_homes(d, alice, 1U << 2);
	broker_numbers(d, "abxdefgh", "12345678");
	assert_ok(directory_device_get(d, IM_STR("phone"), &dev));
	assert_int_equal(dev.broker, 0);
	assert_ok(directory_device_get(d, IM_STR("tab"), &dev));
	assert_int_equal(dev.broker, 4);
	device_homes(d, alice, IM_PEERS_ALL);
	/* More than there are numbers for: nothing changes. */
	assert_int_equal(directory_broker_numbers(d, nine, IM_PEERS_MAX + 1, numbers), IM_E_FULL);
	assert_ok(directory_broker_list(d, on_broker_path, listed));
	assert_string_equal(listed, "-abxdefgh");
}

/* One broker alone notes no homes: what was noted of others is not true for ever. */
static void with_one_broker_the_homes_at_others_are_forgotten(void **state)
{
	struct directory *d = ((struct fixture *)*state)->d;
	uint64_t alice = add_user(d, "alice");
	struct directory_device dev;

	broker_numbers(d, "abc", "123");
	assert_ok(directory_device_bind(d, IM_STR("phone"), alice, 10, 5));
	assert_ok(directory_device_bind(d, IM_STR("tab"), alice, 10, 5));
	assert_ok(directory_device_set_home(d, IM_STR("phone"), 3, 1000));
	assert_ok(directory_device_set_home(d, IM_STR("tab"), 2, 1000));
	assert_ok(directory_device_kept(d, IM_STR("phone"), 20));
	broker_numbers(d, "bc", "23");
	assert_ok(directory_device_get(d, IM_STR("phone"), &dev));
	assert_int_equal(dev.broker, 3);
	broker_numbers(d, "b", "2");
	assert_ok(directory_device_get(d, IM_STR("phone"), &dev));
	assert_int_equal(dev.broker, 0);
	assert_ok(directory_device_get(d, IM_STR("tab"), &dev));
	assert_int_equal(dev.broker, 2);
	device_homes(d, alice, IM_PEERS_ALL);
	broker_numbers(d, "abc", "123");
}

static void devices_are_listed_by_name_and_by_when_they_were_seen(void **state)
{
	struct directory *d = ((struct fixture *)*state)->d;
	uint64_t alice = add_user(d, "alice"), bob = add_user(d, "bob");
	struct seen seen = {0};
	assert_ok(directory_device_bind(d, IM_STR("b1"), bob, 1, 0));
	assert_ok(directory_device_bind(d, IM_STR("a"), alice, 10, 0));
	assert_ok(directory_device_bind(d, IM_STR("b"), alice, 20, 0));
	assert_ok(directory_device_bind(d, IM_STR("c"), alice, 30, 0));
	assert_ok(directory_device_seen(d, IM_STR("a"), 40));
	assert_ok(directory_device_list(d, alice, IM_STR(""), 10, see_device, &seen));
	assert_string_equal(seen.text, "a b c ");
	seen = (struct seen){0};
	assert_ok(directory_device_list(d, alice, IM_STR("a"), 1, see_device, &seen));
	assert_string_equal(seen.text, "b ");
	seen = (struct seen){0};
	assert_ok(directory_device_list_seen(d, alice, see_device, &seen));
	assert_string_equal(seen.text, "b c a ");
	assert_ok(directory_device_set_cursor(d, IM_STR("b"), 1));
	seen = (struct seen){0};
	assert_ok(directory_device_list_seen(d, alice, see_device, &seen));
	assert_string_equal(seen.text, "c a b ");
	seen = (struct seen){0};
	assert_ok(directory_device_list_unseen(d, alice, see_device, &seen));
	assert_string_equal(seen.text, "b c a ");
}

/* Through which position a user has all behind `at`, and behind which one all through it. */
static void assert_stretch(
	struct directory *d, uint64_t user, uint64_t at, uint64_t after, uint64_t through)
{
	uint64_t got;
	assert_ok(directory_received_after(d, user, at, &got));
	assert_int_equal(got, after);
	assert_ok(directory_received_through(d, user, at, &got));
	assert_int_equal(got, through);
}

static bool received(struct directory *d, uint64_t user, uint64_t at)
{
	bool has;
	assert_ok(directory_received(d, user, at, &has));
	return has;
}

/* What a device had acknowledged counts when it is gone. */
static void what_was_received_outlives_its_device(void **state)
{
	struct directory *d = ((struct fixture *)*state)->d;
	uint64_t alice = add_user(d, "alice"), at;
	bool has;
	assert_stretch(d, alice, 0, 0, 0);
	assert_ok(directory_device_bind(d, IM_STR("a"), alice, 10, 0));
	assert_ok(directory_device_bind(d, IM_STR("b"), alice, 10, 0));
	assert_ok(directory_device_set_cursor(d, IM_STR("a"), 7));
	assert_ok(directory_device_set_cursor(d, IM_STR("b"), 5));
	assert_ok(directory_device_remove(d, IM_STR("a")));
	assert_stretch(d, alice, 0, 0, 7);
	assert_ok(directory_device_remove(d, IM_STR("b")));
	assert_stretch(d, alice, 3, 0, 7);
	assert_true(received(d, alice, 7));
	assert_false(received(d, alice, 8));
	assert_int_equal(directory_received_through(d, 99, 0, &at), IM_E_NONE);
	assert_int_equal(directory_received_after(d, 99, 0, &at), IM_E_NONE);
	assert_int_equal(directory_received(d, 99, 1, &has), IM_E_NONE);
}

static void add_started(
	struct directory *d, uint64_t user, const char *device, uint64_t start, uint64_t cursor)
{
	assert_ok(directory_device_bind(d, im_str(device), user, 10, 0));
	assert_ok(directory_device_start(d, im_str(device), start));
	assert_ok(directory_device_set_cursor(d, im_str(device), cursor));
}

/* Who begins with the newest has not what was before. */
static void a_device_may_begin_late(void **state)
{
	struct directory *d = ((struct fixture *)*state)->d;
	uint64_t alice = add_user(d, "alice");
	struct directory_device dev;
	add_started(d, alice, "late", 20, 30);
	assert_ok(directory_device_get(d, IM_STR("late"), &dev));
	assert_int_equal(dev.start, 20);
	assert_int_equal(dev.cursor, 30);
	assert_int_equal(directory_device_start(d, IM_STR("late"), 40), IM_E_NONE);
	assert_false(received(d, alice, 20));
	assert_true(received(d, alice, 21) && received(d, alice, 30));
	assert_stretch(d, alice, 30, 20, 30);
	assert_stretch(d, alice, 0, 0, 0);
	/* Another one has the beginning, and then what lies between. */
	assert_ok(directory_device_bind(d, IM_STR("old"), alice, 10, 0));
	assert_ok(directory_device_set_cursor(d, IM_STR("old"), 10));
	assert_false(received(d, alice, 15));
	assert_stretch(d, alice, 5, 0, 10);
	assert_ok(directory_device_set_cursor(d, IM_STR("old"), 20));
	assert_stretch(d, alice, 25, 0, 30);
}

/* Also of devices that had begun late, in whatever order they go. */
static void stretches_outlive_their_devices(void **state)
{
	struct directory *d = ((struct fixture *)*state)->d;
	uint64_t alice = add_user(d, "alice");
	char name[8];
	add_started(d, alice, "c", 20, 30);
	add_started(d, alice, "b", 10, 20);
	assert_ok(directory_device_bind(d, IM_STR("a"), alice, 10, 0));
	assert_ok(directory_device_set_cursor(d, IM_STR("a"), 10));
	assert_ok(directory_device_remove(d, IM_STR("c")));
	assert_stretch(d, alice, 25, 0, 30);
	assert_ok(directory_device_remove(d, IM_STR("b")));
	assert_ok(directory_device_remove(d, IM_STR("a")));
	assert_stretch(d, alice, 1, 0, 30);
	/* One that has received nothing leaves nothing. */
	add_started(d, alice, "none", 50, 50);
	assert_ok(directory_device_remove(d, IM_STR("none")));
	assert_false(received(d, alice, 50));
	/* The newest sixteen. */
	for (unsigned i = 0; i < 17; i++) {
		snprintf(name, sizeof(name), "d%u", i);
		add_started(d, alice, name, 100 + 10 * i, 105 + 10 * i);
		assert_ok(directory_device_remove(d, im_str(name)));
	}
	assert_false(received(d, alice, 103));
	assert_true(received(d, alice, 113) && received(d, alice, 263));
}

static void blocks_are_added_and_removed_once(void **state)
{
	struct directory *d = ((struct fixture *)*state)->d;
	uint64_t alice = add_user(d, "alice"), carol = add_user(d, "carol"),
		 bob = add_user(d, "bob");
	struct seen seen = {0};
	bool has;
	assert_ok(directory_block_add(d, alice, carol, 1));
	assert_ok(directory_block_add(d, alice, carol, 2));
	assert_ok(directory_block_add(d, alice, bob, 2));
	assert_ok(directory_block_has(d, alice, bob, &has));
	assert_true(has);
	assert_ok(directory_block_has(d, bob, alice, &has));
	assert_false(has);
	/* In the order of their numbers. */
	assert_ok(directory_block_list(d, alice, 0, 10, see_user, &seen));
	assert_string_equal(seen.text, "carol bob ");
	seen = (struct seen){0};
	assert_ok(directory_block_list(d, alice, 0, 1, see_user, &seen));
	assert_string_equal(seen.text, "carol ");
	seen = (struct seen){0};
	assert_ok(directory_block_list(d, alice, carol, 10, see_user, &seen));
	assert_string_equal(seen.text, "bob ");
	assert_ok(directory_block_remove(d, alice, bob));
	assert_ok(directory_block_remove(d, alice, bob));
	assert_ok(directory_block_has(d, alice, bob, &has));
	assert_false(has);
}

/* -- groups --------------------------------------------------------------------------------------
 */

static void a_group_is_created_found_and_changed(void **state)
{
	struct directory *d = ((struct fixture *)*state)->d;
	struct directory_group g = {.gid = IM_STR("team"),
		.kind = DIRECTORY_ROOM,
		.name = IM_STR("The Team"),
		.announcement = IM_STR("hello"),
		.join_policy = DIRECTORY_JOIN_OPEN,
		.member_limit = 500,
		.history = 1,
		.created_ms = 12};
	struct directory_group found;
	uint64_t id = 0, other = 0;
	assert_ok(directory_group_create(d, &g, &id));
	assert_int_equal(directory_group_create(d, &g, &other), IM_E_EXISTS);
	assert_ok(directory_group_get(d, IM_STR("team"), &found));
	assert_int_equal(found.id, id);
	assert_str(found.name, "The Team");
	assert_str(found.announcement, "hello");
	assert_int_equal(found.kind, DIRECTORY_ROOM);
	assert_int_equal(found.join_policy, DIRECTORY_JOIN_OPEN);
	assert_int_equal(found.member_limit, 500);
	assert_int_equal(found.members, 0);
	assert_int_equal(found.created_ms, 12);
	/* What was read may be written back changed. */
	found.name = IM_STR("Team");
	found.slow_ms = 500;
	found.retention_days = 30;
	found.muted_until_ms = 99;
	assert_ok(directory_group_update(d, &found));
	assert_ok(directory_group_by_id(d, id, &found));
	assert_str(found.name, "Team");
	assert_str(found.announcement, "hello");
	assert_int_equal(found.slow_ms, 500);
	assert_int_equal(found.retention_days, 30);
	assert_int_equal(found.muted_until_ms, 99);
}

static void a_group_may_be_created_with_its_id(void **state)
{
	struct directory *d = ((struct fixture *)*state)->d;
	struct directory_group g = {.id = 40, .gid = IM_STR("team"), .member_limit = 5};
	uint64_t id = 0;
	assert_ok(directory_group_create(d, &g, &id));
	assert_int_equal(id, 40);
	g.gid = IM_STR("other");
	assert_int_equal(directory_group_create(d, &g, &id), IM_E_EXISTS);
	assert_int_equal(add_group(d, "next"), 41);
}

static void a_dismissed_group_leaves_its_name_and_no_members(void **state)
{
	struct directory *d = ((struct fixture *)*state)->d;
	uint64_t alice = add_user(d, "alice"), team = add_group(d, "team");
	struct directory_group g;
	struct seen seen = {0};
	add_member(d, team, alice);
	add_group(d, "zoo");
	assert_ok(directory_group_dismiss(d, team, 80));
	assert_int_equal(directory_group_get(d, IM_STR("team"), &g), IM_E_NONE);
	assert_ok(directory_group_by_id(d, team, &g));
	assert_true(g.dismissed);
	assert_int_equal(g.members, 0);
	assert_ok(directory_user_groups(d, alice, see_member, &seen));
	assert_int_equal(seen.n, 0);
	assert_ok(directory_group_list(d, (struct im_str){"", 0}, 10, see_group, &seen));
	assert_string_equal(seen.text, "zoo ");
}

static void members_are_counted_listed_and_changed(void **state)
{
	struct directory *d = ((struct fixture *)*state)->d;
	uint64_t team = add_group(d, "team"), other = add_group(d, "other");
	uint64_t dora = add_user(d, "dora"), abe = add_user(d, "abe"), cleo = add_user(d, "cleo");
	struct directory_member m = {.group = team,
		.user = dora,
		.role = DIRECTORY_OWNER,
		.joined_seq = 7,
		.joined_ms = 8,
		.muted_until_ms = 9};
	struct directory_group g;
	struct seen seen = {0};
	assert_ok(directory_member_add(d, &m));
	m.role = DIRECTORY_MEMBER;
	assert_int_equal(directory_member_add(d, &m), IM_E_EXISTS);
	add_member(d, team, abe);
	add_member(d, team, cleo);
	add_member(d, other, cleo);
	assert_ok(directory_member_get(d, team, dora, &m));
	assert_int_equal(m.role, DIRECTORY_OWNER);
	assert_int_equal(m.joined_seq, 7);
	assert_int_equal(m.joined_ms, 8);
	assert_int_equal(m.muted_until_ms, 9);
	assert_str(m.uid, "dora");
	m.role = DIRECTORY_GROUP_ADMIN;
	m.muted_until_ms = 0;
	m.joined_seq = 1000;
	assert_ok(directory_member_update(d, &m));
	assert_ok(directory_member_get(d, team, dora, &m));
	assert_int_equal(m.role, DIRECTORY_GROUP_ADMIN);
	assert_int_equal(m.joined_seq, 7);
	assert_ok(directory_member_list(d, team, IM_STR("abe"), 0, see_member, &seen));
	assert_string_equal(seen.text, "cleo dora ");
	seen = (struct seen){0};
	assert_ok(directory_member_list(d, team, (struct im_str){"", 0}, 2, see_member, &seen));
	assert_string_equal(seen.text, "abe cleo ");
	seen = (struct seen){0};
	assert_ok(directory_user_groups(d, cleo, see_member, &seen));
	assert_int_equal(seen.n, 2);
	assert_ok(directory_group_by_id(d, team, &g));
	assert_int_equal(g.members, 3);
	assert_ok(directory_member_remove(d, team, abe, 70));
	assert_ok(directory_group_by_id(d, team, &g));
	assert_int_equal(g.members, 2);
}

static const char *left(struct directory *d, uint64_t user, uint64_t since, struct seen *seen)
{
	*seen = (struct seen){0};
	assert_ok(directory_user_left(d, user, since, see_left, seen));
	return seen->text;
}

/* Each way out is one, at its position, until he is in again. */
static void who_went_out_of_a_group_is_noted_until_he_is_back(void **state)
{
	struct directory *d = ((struct fixture *)*state)->d;
	uint64_t one = add_group(d, "one"), two = add_group(d, "two"), three = add_group(d, "x");
	uint64_t abe = add_user(d, "abe"), bob = add_user(d, "bob");
	struct directory_member m = {.group = one, .user = abe, .changed_gid = 5};
	struct seen seen;
	assert_ok(directory_member_add(d, &m));
	add_member(d, two, abe);
	add_member(d, three, abe);
	add_member(d, two, bob);
	add_member(d, three, bob);
	assert_string_equal(left(d, abe, 0, &seen), "");
	assert_ok(directory_member_get(d, one, abe, &m));
	assert_int_equal(m.changed_gid, 5);
	m.changed_gid = 9;
	assert_ok(directory_member_update(d, &m));
	assert_ok(directory_member_get(d, one, abe, &m));
	assert_int_equal(m.changed_gid, 9);
	assert_ok(directory_member_remove(d, one, abe, 70));
	assert_int_equal(directory_member_remove(d, one, abe, 71), IM_E_NONE);
	assert_int_equal(directory_member_remove(d, one, bob, 72), IM_E_NONE);
	assert_ok(directory_group_dismiss(d, two, 80));
	assert_ok(directory_user_delete(d, bob, 90));
	assert_string_equal(left(d, abe, 0, &seen), "1@70 2@80 ");
	assert_string_equal(left(d, abe, 70, &seen), "2@80 ");
	assert_string_equal(left(d, abe, UINT64_MAX, &seen), "");
	assert_string_equal(left(d, bob, 0, &seen), "2@80 3@90 ");
	seen = (struct seen){.stop_after = 1};
	assert_int_equal(directory_user_left(d, abe, 0, see_left, &seen), 77);
	/* Again in and out: the last time counts. */
	add_member(d, one, abe);
	assert_string_equal(left(d, abe, 0, &seen), "2@80 ");
	assert_ok(directory_member_remove(d, one, abe, 95));
	assert_string_equal(left(d, abe, 0, &seen), "1@95 2@80 ");
	assert_string_equal(left(d, abe, 80, &seen), "1@95 ");
}

/* -- conversations and events --------------------------------------------------------------------
 */

static void read_marks_never_move_back(void **state)
{
	struct directory *d = ((struct fixture *)*state)->d;
	uint64_t alice = add_user(d, "alice"), bob = add_user(d, "bob");
	struct directory_conv_user c = {0};
	struct seen seen = {0};
	assert_ok(directory_conv_get(d, alice, 5, &c));
	assert_int_equal(c.read_seq, 0);
	assert_int_equal(c.user, alice);
	assert_int_equal(c.conv, 5);
	c.read_seq = 10;
	c.pinned = true;
	c.notify = 2;
	c.cleared_to = 4;
	c.marked_unread = true;
	c.draft = IM_STR("so far");
	assert_ok(directory_conv_put(d, &c));
	c.read_seq = 8;
	c.cleared_to = 3;
	c.pinned = false;
	assert_ok(directory_conv_put(d, &c));
	assert_ok(directory_conv_get(d, alice, 5, &c));
	assert_int_equal(c.read_seq, 10);
	assert_int_equal(c.cleared_to, 4);
	assert_int_equal(c.notify, 2);
	assert_true(!c.pinned && c.marked_unread);
	assert_str(c.draft, "so far");
	c = (struct directory_conv_user){.user = bob, .conv = 5, .read_seq = 3};
	assert_ok(directory_conv_put(d, &c));
	c.conv = 6;
	assert_ok(directory_conv_put(d, &c));
	assert_ok(directory_conv_users(d, 5, see_conv, &seen));
	assert_string_equal(seen.text, "1=10 2=3 ");
}

/* By conversation, own rows alone, with their positions. */
static void rows_say_where_they_were_changed(void **state)
{
	struct fixture *f = *state;
	struct directory *d = f->d;
	uint64_t alice = add_user(d, "alice"), bob = add_user(d, "bob"), from = 1;
	struct directory_conv_user c = {.user = alice, .conv = 3, .read_seq = 1, .changed_gid = 20};
	struct seen seen = {0};
	assert_ok(directory_conv_put(d, &c));
	c = (struct directory_conv_user){.user = alice, .conv = 2, .read_seq = 2};
	assert_ok(directory_conv_put(d, &c));
	c = (struct directory_conv_user){.user = bob, .conv = 3, .read_seq = 3, .changed_gid = 50};
	assert_ok(directory_conv_put(d, &c));
	assert_ok(directory_conv_list(d, alice, see_conv, &seen));
	assert_string_equal(seen.text, "1=2 1=1 ");
	assert_ok(directory_conv_get(d, alice, 3, &c));
	assert_int_equal(c.changed_gid, 20);
	c.changed_gid = 60;
	c.read_seq = 7;
	assert_ok(directory_conv_put(d, &c));
	assert_ok(directory_conv_get(d, alice, 3, &c));
	assert_int_equal(c.changed_gid, 60);
	assert_ok(directory_user_delete(d, alice, 90));
	assert_ok(directory_conv_get(d, alice, 3, &c));
	assert_int_equal(c.changed_gid, 90);
	seen = (struct seen){.stop_after = 1};
	assert_int_equal(directory_conv_list(d, alice, see_conv, &seen), 77);
	assert_ok(directory_changes_from(d, &from));
	assert_int_equal(from, 0);
}

static void a_newer_event_takes_the_place_of_its_key(void **state)
{
	struct fixture *f = *state;
	uint64_t alice = add_user(f->d, "alice"), head = 9;
	struct directory_event e = {alice, IM_STR("read:u/bob"), 10, 1, IM_STR("one")};
	struct seen seen = {0};
	assert_ok(directory_event_head(f->d, &head));
	assert_int_equal(head, 0);
	assert_ok(directory_begin(f->d));
	assert_ok(directory_event_put(f->d, &e));
	e.key = IM_STR("contact:bob");
	e.gid = 20;
	e.event = IM_STR("two");
	assert_ok(directory_event_put(f->d, &e));
	e.key = IM_STR("read:u/bob");
	e.gid = 30;
	e.event = IM_STR("three");
	assert_ok(directory_event_put(f->d, &e));
	assert_ok(directory_event_head(f->d, &head));
	assert_int_equal(head, 30);
	assert_ok(directory_commit(f->d));
	assert_ok(directory_event_list(f->d, alice, 0, UINT64_MAX, see_event, &seen));
	assert_string_equal(seen.text, "two three ");
	seen = (struct seen){0};
	assert_ok(directory_event_list(f->d, alice, 21, 30, see_event, &seen));
	assert_string_equal(seen.text, "three ");
	/* One that is rolled back was not. */
	assert_ok(directory_begin(f->d));
	e.gid = 40;
	assert_ok(directory_event_put(f->d, &e));
	directory_rollback(f->d);
	directory_close(&f->d);
	f->d = open_directory(f->folder);
	assert_ok(directory_event_head(f->d, &head));
	assert_int_equal(head, 30);
}

/* -- the handle ----------------------------------------------------------------------------------
 */

static void numbers_are_kept_in_meta(void **state)
{
	struct fixture *f = *state;
	uint64_t v = 9;
	assert_ok(directory_meta_get(f->d, "applied_gid", &v));
	assert_int_equal(v, 0);
	assert_ok(directory_begin(f->d));
	assert_ok(directory_meta_set(f->d, "applied_gid", UINT64_MAX - 3));
	assert_ok(directory_commit(f->d));
	directory_close(&f->d);
	f->d = open_directory(f->folder);
	assert_ok(directory_meta_get(f->d, "applied_gid", &v));
	assert_true(v == UINT64_MAX - 3);
}

static void readers_see_what_is_committed_and_a_view_stays(void **state)
{
	struct fixture *f = *state;
	struct directory *r = open_reader(f->folder);
	struct directory_user u;
	assert_ok(directory_begin(f->d));
	add_user(f->d, "alice");
	assert_int_equal(directory_user_get(r, IM_STR("alice"), &u), IM_E_NONE);
	assert_ok(directory_commit(f->d));
	assert_ok(directory_view_begin(r));
	assert_ok(directory_user_get(r, IM_STR("alice"), &u));
	add_user(f->d, "bob");
	assert_int_equal(directory_user_get(r, IM_STR("bob"), &u), IM_E_NONE);
	directory_view_end(r);
	assert_ok(directory_user_get(r, IM_STR("bob"), &u));
	assert_int_equal(directory_user_set_role(r, 1, 1), IM_E_IO);
	assert_true(directory_errmsg(r)[0] != '\0');
	directory_close(&r);
}

static void the_writer_reads_in_a_view_until_it_writes(void **state)
{
	struct fixture *f = *state;
	struct directory_user u;
	add_user(f->d, "alice");
	assert_ok(directory_view_begin(f->d));
	assert_ok(directory_user_get(f->d, IM_STR("alice"), &u));
	assert_int_equal(directory_view_begin(f->d), IM_E_IO);
	assert_ok(directory_begin(f->d));
	add_user(f->d, "bob");
	directory_view_end(f->d); /* not the transaction */
	assert_int_equal(directory_view_begin(f->d), IM_E_IO);
	add_user(f->d, "carol");
	assert_ok(directory_commit(f->d));
	directory_view_end(f->d);
	assert_ok(directory_view_begin(f->d));
	assert_ok(directory_user_get(f->d, IM_STR("carol"), &u));
	directory_view_end(f->d);
	directory_view_end(f->d);
	assert_int_equal(directory_user_count(f->d), 3);
}

static void a_commit_that_fails_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct directory_user u;
	uint64_t head;
	struct directory_event e = {1, IM_STR("k"), 10, 1, IM_STR("{}")};
	add_user(f->d, "alice");
	assert_ok(directory_begin(f->d));
	add_user(f->d, "bob");
	assert_ok(directory_event_put(f->d, &e));
	faultvfs_fail(FAULTVFS_SYNC, "-wal", 0, 1, 1034 /* SQLITE_IOERR_FSYNC */);
	assert_int_equal(directory_commit(f->d), IM_E_IO);
	assert_true(directory_errmsg(f->d)[0] != '\0');
	assert_int_equal(directory_user_get(f->d, IM_STR("bob"), &u), IM_E_NONE);
	assert_ok(directory_event_head(f->d, &head));
	assert_int_equal(head, 0);
	assert_ok(directory_begin(f->d));
	add_user(f->d, "bob");
	assert_ok(directory_commit(f->d));
	assert_ok(directory_user_get(f->d, IM_STR("bob"), &u));
}

static void a_transaction_survives_refusals_of_its_statements(void **state)
{
	struct directory *d = ((struct fixture *)*state)->d;
	struct directory_user u;
	uint64_t id;
	assert_ok(directory_begin(d));
	add_user(d, "alice");
	assert_int_equal(directory_user_create(d, IM_STR("alice"), 0, (struct im_str){0}, 1, &id),
		IM_E_EXISTS);
	assert_int_equal(directory_block_add(d, 1, 99, 1), IM_E_NONE);
	add_user(d, "bob");
	assert_ok(directory_commit(d));
	assert_ok(directory_user_get(d, IM_STR("bob"), &u));
}

static void a_reader_needs_a_directory(void **state)
{
	struct fixture *f = *state;
	struct directory *r = NULL;
	struct im_buf why;
	char *empty = test_folder_new();
	im_buf_init(&why, 0);
	assert_int_equal(directory_open_reader(empty, &r, &why), IM_E_IO);
	im_buf_c(&why, '\0');
	assert_non_null(strstr(why.p, "directory.db cannot be read"));
	assert_null(r);
	im_buf_free(&why);
	test_folder_remove(empty);
	(void)f;
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_user_is_created_found_and_changed),
		TEST(what_is_not_there_is_said_so),
		TEST(users_are_listed_by_name_and_by_presence),
		TEST(a_deleted_user_takes_all_along),
		TEST(a_name_is_given_once),
		TEST(what_is_wrong_with_names_is_found),
		TEST(many_names_are_looked_at_in_stretches),
		TEST(a_user_comes_back_as_he_was),
		TEST(a_device_belongs_to_its_first_user),
		TEST(marks_outlive_devices),
		TEST(a_device_has_a_home),
		TEST(a_broker_keeps_its_number),
		TEST(a_broker_keeps_its_number_by_another_name),
		TEST(the_number_of_a_broker_that_is_gone_is_given_again),
		TEST(with_one_broker_the_homes_at_others_are_forgotten),
		TEST(devices_are_listed_by_name_and_by_when_they_were_seen),
		TEST(what_was_received_outlives_its_device),
		TEST(a_device_may_begin_late),
		TEST(stretches_outlive_their_devices),
		TEST(blocks_are_added_and_removed_once),
		TEST(a_group_is_created_found_and_changed),
		TEST(a_group_may_be_created_with_its_id),
		TEST(a_dismissed_group_leaves_its_name_and_no_members),
		TEST(members_are_counted_listed_and_changed),
		TEST(who_went_out_of_a_group_is_noted_until_he_is_back),
		TEST(read_marks_never_move_back),
		TEST(rows_say_where_they_were_changed),
		TEST(a_newer_event_takes_the_place_of_its_key),
		TEST(numbers_are_kept_in_meta),
		TEST(readers_see_what_is_committed_and_a_view_stays),
		TEST(the_writer_reads_in_a_view_until_it_writes),
		TEST(a_commit_that_fails_leaves_nothing),
		TEST(a_transaction_survives_refusals_of_its_statements),
		TEST(a_reader_needs_a_directory),
	};
	return cmocka_run_group_tests_name("directory", tests, NULL, NULL);
}
