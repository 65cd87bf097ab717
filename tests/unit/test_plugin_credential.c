/* SPDX-License-Identifier: BSD-3-Clause */
/* A password that changes ends the connections of who had the old one. */
#include <jwt.h>
#include <stdio.h>

#include "common/phc.h"
#include "tests/unit/plugin_node.h"

#define SECRET "0123456789abcdef0123456789abcdef"

struct people {
	struct mosquitto *phone, *tablet, *web, *lock, *bob;
};

static struct mosquitto *come(const char *user, const char *id, const char *password)
{
	return fake_connect(&(struct fake_spec){
		.id = id, .user = user, .password = password, .address = "192.0.2.1"});
}

static char *token_of(const struct node *n, const char *uid)
{
	jwt_t *j;
	char *text;

	assert_int_equal(jwt_new(&j), 0);
	jwt_add_grant(j, "sub", uid);
	jwt_add_grant_int(j, "exp", (long)(n->wall_ms / 1000 + 86400));
	jwt_set_alg(j, JWT_ALG_HS256, (const unsigned char *)SECRET, sizeof(SECRET) - 1);
	text = jwt_encode_str(j);
	jwt_free(j);
	return text;
}

/* Alice by password twice, by token and by certificate; and bob. */
static struct people begin(struct node *n, bool newer)
{
	const char *options[] = {"jwt_secret_file", NULL, NULL};
	struct people p;
	char path[128], *token;
	FILE *f;

	node_folder(n);
	snprintf(path, sizeof(path), "%s/secret", n->dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(SECRET, f);
	fclose(f);
	options[1] = path;
	assert_int_equal(node_load(n, newer, options), MOSQ_ERR_SUCCESS);
	node_bridge(n);
	token = token_of(n, "alice");
	p = (struct people){
		.phone = come("alice", "phone", "pw"),
		.tablet = come("alice", "tablet", "pw"),
		.web = come("alice", "web", token),
		.lock = fake_connect(&(struct fake_spec){
			.id = "lock", .user = "alice", .identity = true, .address = "192.0.2.1"}),
		.bob = come("bob", "bobs", "pw"),
	};
	free(token);
	assert_true(fake_subscribe(p.lock, "im/inbox/alice/#"));
	node_settle(n);
	assert_true(fake_connected(p.phone) && fake_connected(p.tablet) && fake_connected(p.web) &&
		    fake_connected(p.lock) && fake_connected(p.bob));
	return p;
}

static void set_password(struct node *n, const char *uid, const char *password)
{
	static const uint8_t salt[IM_PHC_SALT] = "fedcba9876543210";
	char phc[IM_PHC_MAX], sql[512];

	assert_int_equal(im_phc_hash(im_str(password), salt, 8, 1, phc), IM_OK);
	snprintf(sql, sizeof(sql), "UPDATE user SET password = '%s' WHERE uid = '%s'", phc, uid);
	node_sql(n, sql);
}

static void tell(struct node *n, const char *uid, const char *device, int64_t since_ms)
{
	const struct im_down_rec r = {.type = IM_DOWN_CREDENTIAL,
		.user = im_str(uid),
		.device = im_str(device),
		.epoch = (uint64_t)since_ms};

	node_down(n, &r, NULL, 0);
	node_pass(n, 200);
}

static void who_changes_it_stays_and_all_others_go(void **state)
{
	struct people p;
	struct node n;

	(void)state;
	for (int newer = 0; newer < 2; newer++) {
		p = begin(&n, newer);
		set_password(&n, "alice", "new");
		tell(&n, "alice", "phone", n.wall_ms);
		assert_true(fake_connected(p.phone) && fake_connected(p.bob));
		assert_false(fake_connected(p.tablet) || fake_connected(p.web) ||
			     fake_connected(p.lock));
		assert_null(come("alice", "tablet", "pw"));
		assert_non_null(come("alice", "tablet", "new"));
		/* The broker asks again with the password of then. */
		fake_reload();
		node_settle(&n);
		assert_true(fake_connected(p.phone) && fake_connected(p.bob));
		node_stop(&n);
	}
}

/* The directory shows the password when it is read for any other reason. */
static void what_is_told_before_it_does_not_end_who_stays(void **state)
{
	const struct im_down_rec other = {.type = IM_DOWN_FORGET_USER, .user = IM_STR("alice")};
	struct people p;
	struct node n;

	(void)state;
	p = begin(&n, false);
	set_password(&n, "alice", "new");
	node_down(&n, &other, NULL, 0);
	node_pass(&n, 50);
	tell(&n, "alice", "web", n.wall_ms);
	assert_true(fake_connected(p.web));
	assert_false(fake_connected(p.phone) || fake_connected(p.tablet) || fake_connected(p.lock));
	fake_reload();
	node_settle(&n);
	assert_true(fake_connected(p.web));
	/* Its token ends it all the same. */
	node_pass(&n, 86400 * 1000);
	node_end(&n);
	assert_false(fake_connected(p.web));
	node_stop(&n);
}

/* Who has to make room for another device does not stay by changing the password. */
static void who_has_to_go_for_another_reason_goes(void **state)
{
	static const char *const options[] = {"max_devices", "1", "device_policy", "oldest", NULL};
	struct mosquitto *phone, *tablet;
	struct node n;

	(void)state;
	node_start(&n, false, options);
	phone = come("alice", "phone", "pw");
	node_settle(&n);
	tablet = come("alice", "tablet", "pw");
	assert_true(fake_connected(phone) && fake_connected(tablet));
	set_password(&n, "alice", "new");
	tell(&n, "alice", "phone", n.wall_ms);
	assert_false(fake_connected(phone) || fake_connected(tablet));
	node_stop(&n);
}

static void it_may_be_done_with_a_token(void **state)
{
	struct people p;
	struct node n;

	(void)state;
	p = begin(&n, false);
	set_password(&n, "alice", "new");
	tell(&n, "alice", "web", n.wall_ms);
	assert_true(fake_connected(p.web));
	assert_false(fake_connected(p.phone) || fake_connected(p.tablet) || fake_connected(p.lock));
	fake_reload();
	node_settle(&n);
	assert_true(fake_connected(p.web));
	node_stop(&n);
}

static void a_reset_keeps_nobody(void **state)
{
	struct people p;
	struct node n;

	(void)state;
	p = begin(&n, false);
	set_password(&n, "alice", "new");
	tell(&n, "alice", "", n.wall_ms);
	assert_false(fake_connected(p.phone) || fake_connected(p.tablet) || fake_connected(p.web) ||
		     fake_connected(p.lock));
	assert_true(fake_connected(p.bob));
	/* Of a user who is not there. */
	tell(&n, "carol", "", n.wall_ms);
	tell(&n, "nobody", "phone", n.wall_ms);
	assert_true(fake_connected(p.bob));
	node_stop(&n);
}

/* Between the request and its commit somebody comes with the old password and the client id. */
static void whoever_takes_over_meanwhile_is_not_kept(void **state)
{
	struct people p;
	int64_t since_ms;
	struct node n;

	(void)state;
	p = begin(&n, false);
	since_ms = n.wall_ms;
	n.wall_ms += 5;
	p.phone = come("alice", "phone", "pw");
	assert_true(fake_connected(p.phone));
	set_password(&n, "alice", "new");
	tell(&n, "alice", "phone", since_ms);
	assert_false(fake_connected(p.phone));
	/* Nor does another user's connection stand for the device. */
	p.bob = come("bob", "bobs2", "pw");
	set_password(&n, "alice", "newer");
	tell(&n, "alice", "bobs2", n.wall_ms);
	assert_true(fake_connected(p.bob));
	node_stop(&n);
}

/* By imctl --offline, or by a bridge that has crashed before it could tell. */
static void it_is_noticed_when_nobody_tells(void **state)
{
	struct people p;
	struct node n;

	(void)state;
	p = begin(&n, false);
	set_password(&n, "alice", "new");
	node_hello(&n);
	node_pass(&n, 200);
	node_end(&n);
	assert_false(fake_connected(p.phone) || fake_connected(p.tablet) || fake_connected(p.web) ||
		     fake_connected(p.lock));
	assert_true(fake_connected(p.bob));
	node_sql(&n, "UPDATE user SET password = NULL WHERE uid = 'bob'");
	fake_disconnect(n.bridge, true);
	node_pass(&n, 3000);
	node_pass(&n, 200);
	node_end(&n);
	assert_false(fake_connected(p.bob));
	node_stop(&n);
}

static void those_who_are_away_are_left_alone(void **state)
{
	struct mosquitto *away;
	struct people p;
	struct node n;

	(void)state;
	p = begin(&n, false);
	away = fake_connect(&(struct fake_spec){
		.id = "away", .user = "alice", .password = "pw", .persistent = true});
	node_settle(&n);
	fake_disconnect(away, false);
	node_settle(&n);
	set_password(&n, "alice", "new");
	tell(&n, "alice", "phone", n.wall_ms);
	assert_true(fake_connected(p.phone));
	assert_int_equal(fake_offline_kicks(), 0);
	node_stop(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_changes_it_stays_and_all_others_go),
		cmocka_unit_test(what_is_told_before_it_does_not_end_who_stays),
		cmocka_unit_test(who_has_to_go_for_another_reason_goes),
		cmocka_unit_test(it_may_be_done_with_a_token),
		cmocka_unit_test(a_reset_keeps_nobody),
		cmocka_unit_test(whoever_takes_over_meanwhile_is_not_kept),
		cmocka_unit_test(it_is_noticed_when_nobody_tells),
		cmocka_unit_test(those_who_are_away_are_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
