/* SPDX-License-Identifier: BSD-3-Clause */
/* Who is the bridge: whoever has shown the link's secret, by that connection alone. Names,
 * addresses, client ids and TLS identities make nobody the bridge, and take nothing from it. */
#include "tests/unit/plugin_node.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/topic.h"
#include "plugin/log.h"

/* A HELLO, as the bridge would say it. */
static int say_hello(struct mosquitto *c)
{
	const struct im_down_rec r = {.type = IM_DOWN_HELLO, .epoch = 7};
	struct im_buf b;
	int rc;

	im_buf_init(&b, 0);
	im_frame_down_begin(&b);
	im_down_rec_put(&b, &r, NULL, 0);
	rc = fake_publish(c, IM_TOPIC_DOWN, im_buf_view(&b), 1, false, NULL);
	im_buf_free(&b);
	return rc;
}

static void assert_is_bridge(struct mosquitto *c, bool is)
{
	assert_int_equal(fake_subscribe(c, IM_TOPIC_UP), is);
	assert_int_equal(say_hello(c), is ? FAKE_ACCEPTED : FAKE_DENIED);
}

static void put_secret(const struct node *n, const char *bytes, size_t size, mode_t mode)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/" SECRET_FILE, n->dir);
	unlink(path);
	fd = size ? open(path, O_WRONLY | O_CREAT, 0600) : -1;
	if (!size)
		return;
	assert_true(fd >= 0 && write(fd, bytes, size) == (ssize_t)size && !fchmod(fd, mode));
	close(fd);
}

static void the_secret_makes_the_bridge_and_nothing_else(void **state)
{
	char secret[SECRET_PASSWORD + 1], upper[SECRET_PASSWORD + 1], longer[SECRET_PASSWORD + 2],
		shorter[SECRET_PASSWORD], other[SECRET_PASSWORD + 1];
	struct mosquitto *c;
	struct node n;
	size_t i;

	(void)state;
	for (int newer = 0; newer < 2; newer++) {
		node_start(&n, newer, NULL);
		fake_disconnect(n.bridge, true);
		node_settle(&n);
		node_secret(&n, secret);
		for (i = 0; i <= SECRET_PASSWORD; i++)
			upper[i] = (char)(secret[i] >= 'a' ? secret[i] - 32 : secret[i]);
		snprintf(longer, sizeof(longer), "%s0", secret);
		memcpy(shorter, secret, sizeof(shorter) - 1);
		shorter[sizeof(shorter) - 1] = '\0';
		memcpy(other, secret, sizeof(other));
		other[SECRET_PASSWORD - 1] ^= 1;
		const struct fake_spec refused[] = {
			{.id = NODE_LINK_ID, .user = "im-bridge", .address = "/run/link"},
			{.id = NODE_LINK_ID, .user = "im-bridge", .password = ""},
			{.id = NODE_LINK_ID, .user = "im-bridge", .password = "pw"},
			{.id = NODE_LINK_ID, .user = "im-bridge", .password = upper},
			{.id = NODE_LINK_ID, .user = "im-bridge", .password = longer},
			{.id = NODE_LINK_ID, .user = "im-bridge", .password = shorter},
			{.id = NODE_LINK_ID,
				.user = "im-bridge",
				.password = other,
				.address = "/run/link"},
			/* Its id must be one that cannot be guessed. */
			{.id = "im-bridge", .user = "im-bridge", .password = secret},
			{.id = NODE_LINK_ID, .user = "alice", .password = secret},
			{.id = NODE_LINK_ID, .user = "alice", .password = "pw"},
			{.id = "a", .user = "alice", .password = secret},
		};
		for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
			n.mono_us += 20000000;
			if (fake_connect(&refused[i]))
				fail_msg("case %zu came in", i);
			assert_true(fake_logged("login refused"));
		}
		/* Wherever it comes from: a proxy before it, or a listener of its own. */
		c = fake_connect(&(struct fake_spec){.id = NODE_LINK_ID,
			.user = "im-bridge",
			.password = secret,
			.address = "203.0.113.9"});
		assert_non_null(c);
		assert_is_bridge(c, true);
		assert_false(fake_subscribe(c, "im/inbox/#"));
		assert_false(fake_subscribe(c, "$im/down"));
		fake_disconnect(c, true);
		node_stop(&n);
	}
}

/* The attack that a name and an address had allowed, with the header's address. */
static void who_looks_like_the_bridge_is_nobody(void **state)
{
	const struct fake_spec looks[] = {
		{.id = "x", .user = "im-bridge", .identity = true, .address = "/run/link"},
		{.id = NODE_LINK_ID, .user = "im-bridge", .identity = true, .address = "/run/link"},
		{.id = "$im/other", .user = "im-bridge", .psk = true, .address = "/run/link"},
		{.id = "$im/other", .user = "alice", .identity = true},
		{.id = "x",
			.user = "alice",
			.password = "pw",
			.address = "/run/link",
			.websocket = true},
	};
	struct mosquitto *c;
	struct node n;
	size_t i;

	(void)state;
	for (int newer = 0; newer < 2; newer++) {
		node_start(&n, newer, NULL);
		fake_disconnect(n.bridge, true);
		node_settle(&n);
		for (i = 0; i < sizeof(looks) / sizeof(looks[0]); i++) {
			c = fake_connect(&looks[i]);
			assert_non_null(c);
			assert_is_bridge(c, false);
			assert_int_equal(
				fake_publish(c, "$im/0", IM_STR("x"), 1, false, NULL), FAKE_DENIED);
			assert_false(fake_subscribe(c, IM_TOPIC_SINK));
			node_settle(&n);
			/* All but the last are no user either. */
			assert_int_equal(
				fake_connected(c), i == sizeof(looks) / sizeof(looks[0]) - 1);
			assert_null(fake_received(c));
			if (fake_connected(c))
				fake_disconnect(c, false);
		}
		assert_int_equal(fake_offline_kicks(), 0);
		node_bridge(&n);
		node_stop(&n);
	}
}

static void another_bridge_waits_until_this_one_has_gone(void **state)
{
	char secret[SECRET_PASSWORD + 1];
	struct fake_spec second = {.id = "$im/another", .user = "im-bridge"};
	struct mosquitto *c;
	struct node n;

	(void)state;
	for (int newer = 0; newer < 2; newer++) {
		node_start(&n, newer, NULL);
		node_secret(&n, secret);
		second.password = secret;
		assert_null(fake_connect(&second));
		assert_true(fake_logged("a bridge is connected already"));
		assert_true(fake_connected(n.bridge));
		assert_int_equal(node_stat(&n, "sessions_online"), 0);
		fake_disconnect(n.bridge, true);
		c = fake_connect(&second);
		assert_non_null(c);
		assert_is_bridge(c, true);
		/* What the other one says late is nobody's word. */
		assert_is_bridge(n.bridge, false);
		node_stop(&n);
	}
}

/* The same process, before the broker has seen that its connection is broken. */
static void the_bridge_may_come_again_by_its_own_client_id(void **state)
{
	char secret[SECRET_PASSWORD + 1];
	struct fake_spec again = {.id = NODE_LINK_ID, .user = "im-bridge"};
	struct mosquitto *old, *c;
	struct node n;

	(void)state;
	for (int newer = 0; newer < 2; newer++) {
		node_start(&n, newer, NULL);
		node_secret(&n, secret);
		again.password = secret;
		old = n.bridge;
		fake_logged("");
		c = fake_connect(&again);
		assert_non_null(c);
		assert_true(fake_logged("link lost"));
		assert_false(fake_connected(old));
		assert_is_bridge(old, false);
		assert_is_bridge(c, true);
		n.bridge = c;
		/* The end of the old connection was no end of this one. */
		node_settle(&n);
		assert_false(fake_logged("link lost"));
		node_stop(&n);
	}
}

/* Its memory is used again by the broker, whether or not an event has said that it had ended. */
static void memory_that_was_the_bridges_makes_no_bridge(void **state)
{
	const struct fake_spec thieves[] = {
		{.id = "a", .user = "alice", .password = "pw"},
		{.id = "a", .user = "alice", .identity = true},
		{.id = "a", .user = "im-bridge", .identity = true},
		{.id = "$im/fedcba9876543210", .user = "im-bridge", .identity = true},
	};
	struct fake_spec s;
	struct node n;

	(void)state;
	for (int newer = 0; newer < 2; newer++) {
		for (size_t i = 0; i < sizeof(thieves) / sizeof(thieves[0]); i++) {
			node_start(&n, newer, NULL);
			fake_expire(n.bridge);
			s = thieves[i];
			s.at = n.bridge;
			assert_non_null(fake_connect(&s));
			assert_is_bridge(n.bridge, false);
			assert_int_equal(
				fake_publish(n.bridge, IM_TOPIC_UP, IM_STR("x"), 1, false, NULL),
				FAKE_DENIED);
			node_settle(&n);
			assert_null(fake_received(n.bridge));
			node_stop(&n);
		}
	}
}

static void a_reload_does_not_end_the_link(void **state)
{
	struct node n;

	(void)state;
	for (int newer = 0; newer < 2; newer++) {
		node_start(&n, newer, NULL);
		/* Replaced meanwhile: it counts for the next login. */
		put_secret(&n, "another secret of 32 bytes, here", 32, 0600);
		fake_logged("");
		fake_reload();
		node_settle(&n);
		assert_true(fake_connected(n.bridge));
		assert_false(fake_logged("link lost"));
		assert_is_bridge(n.bridge, true);
		node_stop(&n);
	}
}

static void a_replaced_secret_counts_from_the_next_login_on(void **state)
{
	char old[SECRET_PASSWORD + 1];
	struct fake_spec s = {.id = NODE_LINK_ID, .user = "im-bridge", .password = old};
	char says[320];
	struct node n;

	(void)state;
	node_start(&n, false, NULL);
	node_secret(&n, old);
	put_secret(&n, "another secret of 32 bytes, here", 32, 0600);
	assert_is_bridge(n.bridge, true);
	fake_disconnect(n.bridge, true);
	fake_logged("");
	assert_null(fake_connect(&s));
	/* What is wrong when the two have different folders: which file it reads, and what to do.
	 */
	snprintf(says, sizeof(says),
		"the password is not the link's secret; the plugin reads it in %s/link.secret. If "
		"this is your im-bridge: give both the same data_dir, and restart it",
		n.dir);
	assert_true(fake_logged(says));
	node_bridge(&n);
	node_stop(&n);
}

static void a_file_that_is_no_secret_lets_nobody_in(void **state)
{
	static const char bytes[] = "another secret of 32 bytes, here";
	const struct {
		size_t n;
		mode_t mode;
		const char *says;
	} cases[] = {{0, 0, "is missing: restart im-bridge"}, {31, 0600, "not a file of 32 bytes"},
		{32, 0644, "others may know it"}};
	char secret[SECRET_PASSWORD + 1];
	struct fake_spec s = {.id = NODE_LINK_ID, .user = "im-bridge", .password = secret};
	struct node n;

	(void)state;
	node_start(&n, false, NULL);
	node_secret(&n, secret);
	fake_disconnect(n.bridge, true);
	for (size_t i = 0; i < 3; i++) {
		put_secret(&n, bytes, cases[i].n, cases[i].mode);
		fake_logged("");
		n.mono_us += 20000000;
		assert_null(fake_connect(&s));
		assert_true(fake_logged(cases[i].says));
	}
	put_secret(&n, bytes, 32, 0600);
	node_bridge(&n);
	node_stop(&n);
	/* Nor does the plugin begin with it. */
	node_folder(&n);
	put_secret(&n, bytes, 31, 0600);
	assert_int_not_equal(node_load(&n, false, NULL), MOSQ_ERR_SUCCESS);
	assert_true(fake_logged("link.secret is not a file of 32 bytes"));
	fake_close();
	node_folder_remove(&n);
}

static void guesses_neither_fill_the_log_nor_move_the_link(void **state)
{
	const struct fake_spec guess = {
		.id = "$im/x", .user = "im-bridge", .password = "guess", .address = "\033[2Jx\n"};
	struct node n;
	int i, lines = 0;

	(void)state;
	node_start(&n, false, NULL);
	fake_logged("");
	for (i = 0; i < 10000; i++) {
		assert_null(fake_connect(&guess));
		if (i < 100 && fake_logged("login refused user=im-bridge client=$im/x "
					   "address=?[2Jx?: "))
			lines++;
	}
	assert_int_equal(lines, LOG_GATE_LINES);
	assert_false(fake_logged("login refused"));
	assert_true(fake_connected(n.bridge));
	assert_is_bridge(n.bridge, true);
	assert_int_equal(node_stat(&n, "logins_refused"), 10000);
	node_stop(&n);
}

static void the_plugin_says_its_level(void **state)
{
	struct node n;

	(void)state;
	node_start(&n, false, NULL);
	assert_int_equal(n.level, IM_PLUGIN_LEVEL);
	assert_true(IM_PLUGIN_LEVEL <= IM_PLUGIN_LEVEL_MAX);
	node_stop(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_secret_makes_the_bridge_and_nothing_else),
		cmocka_unit_test(who_looks_like_the_bridge_is_nobody),
		cmocka_unit_test(another_bridge_waits_until_this_one_has_gone),
		cmocka_unit_test(the_bridge_may_come_again_by_its_own_client_id),
		cmocka_unit_test(memory_that_was_the_bridges_makes_no_bridge),
		cmocka_unit_test(a_reload_does_not_end_the_link),
		cmocka_unit_test(a_replaced_secret_counts_from_the_next_login_on),
		cmocka_unit_test(a_file_that_is_no_secret_lets_nobody_in),
		cmocka_unit_test(guesses_neither_fill_the_log_nor_move_the_link),
		cmocka_unit_test(the_plugin_says_its_level),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
