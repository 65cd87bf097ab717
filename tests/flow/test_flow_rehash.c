/* SPDX-License-Identifier: BSD-3-Clause */
/* An old hash is made anew at a login: whatever dies on the way, whatever changes meanwhile. */
#include "tests/flow/flow.h"
#include "tests/flow/flow_device.h"

#include "bridge/directory/directory_user.h"
#include "common/pwhash.h"

/* Of "pw", by mosquitto_passwd -H sha512. */
#define OLD                                                       \
	"$6$uSQ1Hpv4lGyrKZ5a$"                                    \
	"OeVgcBV4RnOM4psq4jmSX6nA2JPpLd0FJZW7XWo+uyWpDYBKgx0KY2c" \
	"UR1t8niNe/DvknM0PHcX+eydbKlRORg=="

static const char *const users[] = {"root", "alice", "bob", NULL};

struct cast {
	struct flow *f;
	struct flow_device *alice, *phone, *tablet;
};

static struct directory *dir(struct cast *c)
{
	return flow_node(c->f)->rig.dir;
}

static void set_hash(struct cast *c, const char *hash)
{
	struct directory_user u;
	uint64_t id;

	assert_int_equal(directory_user_get(dir(c), IM_STR("bob"), &u), IM_OK);
	id = u.id;
	assert_int_equal(directory_begin(dir(c)), IM_OK);
	assert_int_equal(directory_user_set_password(dir(c), id, im_str(hash)), IM_OK);
	assert_int_equal(directory_commit(dir(c)), IM_OK);
}

static bool is_fresh(struct cast *c)
{
	struct directory_user u;
	struct im_pwhash h;

	assert_int_equal(directory_user_get(dir(c), IM_STR("bob"), &u), IM_OK);
	assert_int_equal(im_pwhash_read(u.password, &h, NULL), IM_OK);
	assert_int_equal(im_pwhash_verify(u.password, IM_STR("pw")), IM_OK);
	return h.kind == IM_PWHASH_ARGON2ID;
}

static int start(void **state)
{
	struct cast *c = calloc(1, sizeof(*c));

	c->f = flow_start((const struct store_backend *)*state, users);
	c->alice = flow_device(c->f, "alice", "alice-phone");
	c->phone = flow_device(c->f, "bob", "bob-phone");
	c->tablet = flow_device(c->f, "bob", "bob-tablet");
	*state = c;
	set_hash(c, OLD);
	assert_true(flow_connect(c->alice));
	/* What she has cost is over. */
	flow_pass(c->f, 10000);
	return 0;
}

static bool is_there(struct cast *c, const struct flow_device *d)
{
	flow_enter(flow_broker(c->f));
	return d->c && fake_connected(d->c);
}

/* He is there, and what is said to him comes. */
static void assert_goes_on(struct cast *c, struct flow_device *d, const char *id, uint64_t seq)
{
	flow_pass(c->f, 2000);
	assert_true(is_there(c, d));
	assert_true(flow_send(c->alice, "u/bob", id, "still there?"));
	flow_settle(c->f);
	assert_has(d, "u/alice", seq, "still there?");
}

static void both_devices_go_on_and_the_hash_is_fresh(void **state)
{
	struct cast *c = *state;

	assert_true(flow_connect(c->phone));
	assert_true(flow_connect(c->tablet));
	flow_settle(c->f);
	assert_true(is_fresh(c));
	assert_goes_on(c, c->phone, "m1", 1);
	assert_goes_on(c, c->tablet, "m2", 2);
}

/* The record comes again to the next bridge, and is carried out once. */
static void a_bridge_that_dies_on_it_is_followed_by_one_that_does_it(void **state)
{
	struct cast *c = *state;

	flow_cut_link(flow_broker(c->f));
	assert_true(flow_connect(c->phone));
	flow_pass(c->f, 1000);
	assert_false(is_fresh(c));
	flow_kill_bridge(flow_node(c->f));
	flow_start_bridge(flow_node(c->f));
	flow_settle(c->f);
	assert_true(is_fresh(c));
	assert_goes_on(c, c->phone, "m1", 1);
	flow_kill_bridge(flow_node(c->f));
	flow_start_bridge(flow_node(c->f));
	flow_settle(c->f);
	assert_true(is_fresh(c));
	assert_goes_on(c, c->phone, "m2", 2);
}

/* Nothing of it is kept: the next login does it. */
static void a_broker_that_dies_on_it_does_it_at_the_next_login(void **state)
{
	struct cast *c = *state;

	flow_cut_link(flow_broker(c->f));
	assert_true(flow_connect(c->phone));
	flow_kill_broker(flow_broker(c->f));
	flow_start_broker(flow_broker(c->f));
	flow_pass(c->f, 10000);
	assert_false(is_fresh(c));
	assert_true(flow_connect(c->alice));
	flow_pass(c->f, 10000);
	assert_true(flow_connect(c->phone));
	flow_settle(c->f);
	assert_true(is_fresh(c));
	assert_goes_on(c, c->phone, "m1", 1);
}

/* The record is under way when the password becomes another one. */
static void a_password_that_is_set_meanwhile_stays(void **state)
{
	static const char other[] = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA";
	struct cast *c = *state;
	struct directory_user u;

	flow_cut_link(flow_broker(c->f));
	assert_true(flow_connect(c->phone));
	set_hash(c, other);
	flow_mend_link(flow_broker(c->f));
	flow_pass(c->f, 2000);
	assert_int_equal(directory_user_get(dir(c), IM_STR("bob"), &u), IM_OK);
	assert_str(u.password, other);
	/* And he who had come by the old one is gone. */
	for (int i = 0; i < 5; i++)
		flow_pass(c->f, 1000);
	assert_false(is_there(c, c->phone));
	assert_false(flow_connect(c->tablet));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FLOW_TEST(both_devices_go_on_and_the_hash_is_fresh, start, flow_end),
		FLOW_TEST(
			a_bridge_that_dies_on_it_is_followed_by_one_that_does_it, start, flow_end),
		FLOW_TEST(a_broker_that_dies_on_it_does_it_at_the_next_login, start, flow_end),
		FLOW_TEST(a_password_that_is_set_meanwhile_stays, start, flow_end),
	};

	return cmocka_run_group_tests_name("flow_rehash", tests, NULL, NULL);
}
