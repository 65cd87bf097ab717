/* SPDX-License-Identifier: BSD-3-Clause */
/* The plugin's small tables and counters: bounded cache, bindings, counters' JSON. */
#include <stdio.h>

#include "common/limits.h"
#include "plugin/bindings.h"
#include "plugin/log.h"
#include "plugin/lru.h"
#include "plugin/stats.h"
#include "plugin/unchanged.h"
#include "tests/lib/fake_broker.h"
#include "tests/unit/unit.h"

static const struct im_sipkey key = {"0123456789abcde"};

static void cache_finds_what_was_put(void **state)
{
	struct lru *l = lru_new(&key, 10, sizeof(int));
	int *v;

	(void)state;
	assert_null(lru_get(l, "a", 1));
	v = lru_put(l, "a", 1);
	assert_int_equal(*v, 0);
	*v = 7;
	assert_int_equal(*(int *)lru_put(l, "a", 1), 7);
	assert_null(lru_get(l, "a\0", 2));
	*(int *)lru_put(l, "a\0b", 3) = 8;
	assert_int_equal(*(int *)lru_get(l, "a", 1), 7);
	assert_int_equal(*(int *)lru_get(l, "a\0b", 3), 8);
	assert_int_equal(lru_count(l), 2);
	lru_del(l, "a", 1);
	lru_del(l, "never", 5);
	assert_null(lru_get(l, "a", 1));
	lru_clear(l);
	assert_int_equal(lru_count(l), 0);
	lru_free(&l);
	assert_null(l);
	lru_free(&l);
}

static void cache_stays_at_its_bound_and_keeps_what_is_used(void **state)
{
	struct lru *l = lru_new(&key, 100, 8);
	int i;

	(void)state;
	*(int *)lru_put(l, "hot", 3) = 1;
	for (i = 0; i < 10000; i++) {
		assert_non_null(lru_get(l, "hot", 3));
		assert_non_null(lru_put(l, &i, sizeof(i)));
		assert_true(lru_count(l) <= 100);
	}
	i = 9999;
	assert_non_null(lru_get(l, &i, sizeof(i)));
	i = 0;
	assert_null(lru_get(l, &i, sizeof(i)));
	lru_free(&l);
}

static int add_binding(struct bindings *b, const char *device, const char *uid, int64_t user)
{
	return bindings_add(b, im_str(device), &(struct owner){.user = user, .uid = im_str(uid)});
}

/* "": nobody's. */
static const char *binding(const struct bindings *b, const char *device)
{
	static char name[IM_UID_MAX + 24];
	struct owner o;

	if (!bindings_owner(b, im_str(device), &o))
		return "";
	snprintf(name, sizeof(name), "%.*s %d", IM_ARGS(o.uid), (int)o.user);
	return name;
}

static void bindings_last_until_they_are_written(void **state)
{
	struct bindings *b = bindings_new(&key, 3, 2);

	(void)state;
	assert_string_equal(binding(b, "d1"), "");
	assert_int_equal(add_binding(b, "d1", "alice", 1), IM_OK);
	assert_int_equal(add_binding(b, "d2", "bob", 2), IM_OK);
	assert_int_equal(add_binding(b, "d3", "bob", 0), IM_OK);
	assert_int_equal(add_binding(b, "d4", "carol", 3), IM_E_FULL);
	/* An own one again is no more than it was. */
	assert_int_equal(add_binding(b, "d3", "bob", 0), IM_OK);
	assert_string_equal(binding(b, "d1"), "alice 1");
	bindings_announced(b, IM_STR("d2"), 10);
	bindings_announced(b, IM_STR("d1"), 12);
	bindings_committed(b, 9);
	assert_string_equal(binding(b, "d2"), "bob 2");
	bindings_committed(b, 11);
	assert_string_equal(binding(b, "d2"), "");
	assert_string_equal(binding(b, "d1"), "alice 1");
	/* Announced ones wait for the commit, others go with their connection. */
	bindings_drop(b, IM_STR("d1"));
	assert_string_equal(binding(b, "d1"), "alice 1");
	assert_string_equal(binding(b, "d3"), "bob 0");
	bindings_drop(b, IM_STR("d3"));
	assert_string_equal(binding(b, "d3"), "");
	/* Again for the same id: the newer one holds. */
	assert_int_equal(add_binding(b, "d1", "carol", 3), IM_OK);
	bindings_committed(b, 12);
	assert_string_equal(binding(b, "d1"), "carol 3");
	bindings_free(&b);
}

/* Who has his share of what may wait for the bridge takes nothing of the others'. */
static void a_user_has_a_share_of_what_waits(void **state)
{
	const struct owner bob = {.user = 2, .uid = IM_STR("bob")};
	struct bindings *b = bindings_new(&key, 10, 2);

	(void)state;
	assert_int_equal(add_binding(b, "d1", "bob", 2), IM_OK);
	assert_int_equal(bindings_kept(b, IM_STR("d2"), &bob, 5), IM_OK);
	assert_int_equal(bindings_count_kept(b, IM_STR("bob")), 1);
	assert_int_equal(add_binding(b, "d3", "bob", 2), IM_E_FULL);
	assert_int_equal(bindings_kept(b, IM_STR("d3"), &bob, 6), IM_E_FULL);
	assert_string_equal(binding(b, "d3"), "");
	assert_int_equal(add_binding(b, "d3", "alice", 1), IM_OK);
	bindings_committed(b, 5);
	assert_int_equal(bindings_count_kept(b, IM_STR("bob")), 0);
	assert_int_equal(add_binding(b, "d4", "bob", 2), IM_OK);
	assert_int_equal(add_binding(b, "d5", "bob", 2), IM_E_FULL);
	bindings_drop(b, IM_STR("d1"));
	bindings_drop(b, IM_STR("d4"));
	assert_int_equal(bindings_kept(b, IM_STR("d5"), &bob, 7), IM_OK);
	assert_int_equal(bindings_count_kept(b, IM_STR("bob")), 1);
	bindings_free(&b);
}

static void what_is_retained_is_known_by_its_newest_payload(void **state)
{
	const struct im_str bob = IM_STR("presence/bob"), on = IM_STR("on"), off = IM_STR("off");
	struct unchanged *u = unchanged_new(&key, 16);
	char topic[32];
	int known = 0;

	(void)state;
	assert_false(unchanged_is(u, bob, on));
	assert_false(unchanged_is(u, bob, IM_STR("")));
	unchanged_note(u, bob, on, true);
	assert_true(unchanged_is(u, bob, on));
	assert_false(unchanged_is(u, bob, off));
	assert_false(unchanged_is(u, IM_STR("presence/carol"), on));
	unchanged_note(u, bob, off, true);
	assert_false(unchanged_is(u, bob, on));
	/* The broker has not taken it. */
	unchanged_note(u, bob, on, false);
	assert_false(unchanged_is(u, bob, on) || unchanged_is(u, bob, off));
	unchanged_note(u, bob, IM_STR(""), true);
	assert_true(unchanged_is(u, bob, IM_STR("")));
	/* What is beyond the bound is forgotten, the oldest first. */
	for (int i = 0; i < 100; i++) {
		snprintf(topic, sizeof(topic), "presence/u%d", i);
		unchanged_note(u, im_str(topic), on, true);
		assert_true(unchanged_is(u, im_str(topic), on));
	}
	for (int i = 0; i < 100; i++) {
		snprintf(topic, sizeof(topic), "presence/u%d", i);
		known += unchanged_is(u, im_str(topic), on);
	}
	assert_int_equal(known, 16);
	unchanged_free(&u);
}

static void counters_are_one_json_object(void **state)
{
	struct stats s = {.messages = 5, .publish_failed = UINT64_MAX};
	struct stats_gauges g = {.sessions_online = 2,
		.throttled_tokens = 9,
		.max_payload = 7,
		.topic_prefix = "a/\"im\""};
	static const char end[] = ",\"throttled_tokens\":9,\"max_payload\":7,"
				  "\"topic_prefix\":\"a/\\\"im\\\"\"}";
	struct im_buf b;

	(void)state;
	im_buf_init(&b, 0);
	stats_json(&s, &g, &b);
	assert_memory_equal(b.p, "{\"messages\":5,\"signals\":0,", 26);
	assert_memory_equal(b.p + b.n - strlen(end), end, strlen(end));
	im_buf_c(&b, '\0');
	assert_non_null(strstr(b.p, ",\"publish_failed\":18446744073709551615,"));
	im_buf_free(&b);
}

static void the_log_gate_counts_what_it_holds_back(void **state)
{
	struct log_gate g = {0};
	int i, let = 0;

	(void)state;
	fake_open(false);
	for (i = 0; i < 100; i++)
		let += log_gate(&g, 1000 + i, "things");
	assert_int_equal(let, LOG_GATE_LINES);
	assert_true(log_gate(&g, 1000 + LOG_GATE_MS, "things"));
	assert_true(fake_logged("things: 90 more in the last 10 s"));
	fake_close();
}

static void what_comes_from_outside_is_printed_as_plain_text(void **state)
{
	static const struct {
		struct im_str in;
		const char *out;
	} cases[] = {
		{IM_STR("192.0.2.1"), "192.0.2.1"},
		{IM_STR("[fe80::1%eth0]"), "[fe80::1%eth0]"},
		{IM_STR("/run/mosquitto/im-link_1.sock"), "/run/mosquitto/im-link_1.sock"},
		{IM_STR("$im/00ff"), "$im/00ff"},
		{IM_STR("a@b.example"), "a@b.example"},
		{IM_STR(""), "(none)"},
		{{NULL, 0}, "(none)"},
		/* Colours, line ends, a second key=value, direction overrides, and what has no end.
		 */
		{IM_STR("\033[31mred\033[0m"), "?[31mred?[0m"},
		{IM_STR("1.2.3.4\r\nim: link connected"), "1.2.3.4??im:?link?connected"},
		{IM_STR("1.2.3.4 user=admin"), "1.2.3.4?user?admin"},
		{IM_STR("\xe2\x80\xae\x9b\x7f\x01"), "??????"},
		{IM_STR("a\0b"), "a?b"},
		{IM_STR("1.2.3.4, 5.6.7.8"), "1.2.3.4??5.6.7.8"},
		{IM_STR("%s%n"), "%s%n"},
	};
	struct log_text t;
	char longest[5000];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(log_text(&t, cases[i].in), cases[i].out);
	memset(longest, 'x', sizeof(longest));
	assert_int_equal(
		strlen(log_text(&t, (struct im_str){longest, LOG_TEXT_MAX})), LOG_TEXT_MAX);
	log_text(&t, (struct im_str){longest, sizeof(longest)});
	assert_int_equal(strlen(t.z), LOG_TEXT_MAX + 3);
	assert_string_equal(t.z + LOG_TEXT_MAX, "...");
	for (i = 1; i < 256; i++) {
		char c = (char)i;
		const char *z = log_text(&t, (struct im_str){&c, 1});

		assert_true(z[0] >= 0x20 && z[0] < 0x7f && z[0] != ' ' && z[0] != '=');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cache_finds_what_was_put),
		cmocka_unit_test(cache_stays_at_its_bound_and_keeps_what_is_used),
		cmocka_unit_test(bindings_last_until_they_are_written),
		cmocka_unit_test(a_user_has_a_share_of_what_waits),
		cmocka_unit_test(what_is_retained_is_known_by_its_newest_payload),
		cmocka_unit_test(counters_are_one_json_object),
		cmocka_unit_test(the_log_gate_counts_what_it_holds_back),
		cmocka_unit_test(what_comes_from_outside_is_printed_as_plain_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
