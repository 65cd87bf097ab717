/* SPDX-License-Identifier: BSD-3-Clause */
/* Each event to the letter, with its key; and that the golden vectors, which are held to the
 * schema, have every one of them. */
#include "tests/unit/unit.h"

#include <jansson.h>

#include "bridge/message/event.h"
#include "common/wire.h"

static json_t *vectors;

static int load(void **state)
{
	(void)state;
	vectors = json_load_file("schema/wire/vectors/payloads.json", 0, NULL);
	return vectors ? 0 : -1;
}

static int unload(void **state)
{
	(void)state;
	json_decref(vectors);
	return 0;
}

static void is_in_the_vectors(struct im_str payload)
{
	json_t *have = json_loadb(payload.p, payload.n, 0, NULL), *one;
	bool found = false;
	size_t i;

	assert_non_null(have);
	json_array_foreach(json_object_get(vectors, "cases"), i, one)
	{
		found |= strcmp(json_string_value(json_object_get(one, "schema")), "event") == 0 &&
			 json_equal(json_object_get(one, "payload"), have);
	}
	if (!found)
		fail_msg("no vector: %.*s", IM_ARGS(payload));
	json_decref(have);
}

/* Frees the event. key NULL: it is live, and has no cursor. */
static void is(struct event *e, const char *key, uint64_t position, const char *want)
{
	struct im_buf out;

	im_buf_init(&out, 0);
	assert_int_equal(event_fault(e), IM_OK);
	assert_str_eq(im_buf_view(&e->key), im_str(key ? key : ""));
	if (key)
		assert_int_equal(event_place(&out, e, position), IM_OK);
	else
		im_buf_str(&out, im_buf_view(&e->json));
	assert_str_eq(im_buf_view(&out), im_str(want));
	is_in_the_vectors(im_buf_view(&out));
	im_buf_free(&out);
	event_clear(e);
}

static void of_conversations(void **state)
{
	struct event e;

	(void)state;
	event_read(&e, EVENT_READ_PEER, IM_CONV_USER, im_str("alice"), 2, im_str("bob"));
	is(&e, "peer_read:u/alice", 6,
		"{\"event\":\"read\",\"conv\":\"u/"
		"alice\",\"seq\":2,\"by\":\"bob\",\"cursor\":\"6\"}");
	event_read(&e, EVENT_READ_OWN, IM_CONV_GROUP, im_str("team"), 4, im_str("bob"));
	is(&e, "read:g/team", 7,
		"{\"event\":\"read\",\"conv\":\"g/"
		"team\",\"seq\":4,\"by\":\"bob\",\"cursor\":\"7\"}");
	event_profile(&e, im_str("bob"), im_str("B\"b"), im_str("b.png"), 4);
	is(&e, NULL, 0,
		"{\"event\":\"profile\",\"uid\":\"bob\",\"nick\":\"B\\\"b\",\"avatar\":\"b.png\","
		"\"rev\":4}");
	event_delivered(&e, im_str("bob"), 0, 3);
	is(&e, NULL, 0, "{\"event\":\"delivered\",\"conv\":\"u/bob\",\"seq\":3,\"by\":\"bob\"}");
	event_delivered(&e, im_str("bob"), 2, 3);
	is(&e, NULL, 0,
		"{\"event\":\"delivered\",\"conv\":\"u/"
		"bob\",\"after\":2,\"seq\":3,\"by\":\"bob\"}");
	event_conv(&e, im_str("g/team"),
		im_str(",\"conv\":\"g/team\",\"pinned\":false,\"muted\":false,\"notify\":\"all\","
		       "\"marked_unread\":false,\"cleared_to\":4,\"draft\":\"\""));
	is(&e, "conv:g/team", 7,
		"{\"event\":\"conv\",\"conv\":\"g/team\",\"pinned\":false,\"muted\":false,"
		"\"notify\":\"all\",\"marked_unread\":false,\"cleared_to\":4,\"draft\":\"\","
		"\"cursor\":\"7\"}");
}

static void of_people(void **state)
{
	const struct event_contact asked = {
		"request", im_str("bob"), im_str("alice"), im_str("from work"), 1};
	const struct event_contact ended = {
		"remove", im_str("bob"), im_str("alice"), im_str(""), 5};
	struct event e;

	(void)state;
	event_contact(&e, &asked);
	is(&e, "contact:bob", 1,
		"{\"event\":\"contact\",\"action\":\"request\",\"uid\":\"bob\",\"by\":\"alice\","
		"\"note\":\"from work\",\"version\":1,\"cursor\":\"1\"}");
	event_contact(&e, &ended);
	is(&e, "contact:bob", 10,
		"{\"event\":\"contact\",\"action\":\"remove\",\"uid\":\"bob\",\"by\":\"alice\","
		"\"version\":5,\"cursor\":\"10\"}");
	event_block(&e, im_str("alice"), true);
	is(&e, "block:alice", 1,
		"{\"event\":\"block\",\"action\":\"add\",\"uid\":\"alice\",\"cursor\":\"1\"}");
	event_block(&e, im_str("alice"), false);
	is(&e, "block:alice", 5,
		"{\"event\":\"block\",\"action\":\"remove\",\"uid\":\"alice\",\"cursor\":\"5\"}");
	event_user(&e,
		im_str("\"uid\":\"bob\",\"nick\":\"\",\"avatar\":\"\",\"rev\":3,\"role\":\"user\","
		       "\"direct_policy\":\"default\",\"read_receipts\":false,"
		       "\"created\":1000000"));
	is(&e, "user", 10,
		"{\"event\":\"user\",\"uid\":\"bob\",\"nick\":\"\",\"avatar\":\"\",\"rev\":3,"
		"\"role\":\"user\","
		"\"direct_policy\":\"default\",\"read_receipts\":false,\"created\":1000000,"
		"\"cursor\":\"10\"}");
}

static void of_groups(void **state)
{
	struct event e;

	(void)state;
	event_group(&e, im_str("team"), "kick", im_str("alice"));
	is(&e, "group:g/team", 8,
		"{\"event\":\"group\",\"conv\":\"g/team\",\"action\":\"kick\",\"by\":\"alice\","
		"\"cursor\":\"8\"}");
	event_group_request(&e, im_str("team"), im_str("dave"), im_str("it's me"));
	is(&e, "request:g/team:dave", 6,
		"{\"event\":\"group\",\"conv\":\"g/team\",\"action\":\"request\",\"by\":\"dave\","
		"\"note\":\"it's me\",\"cursor\":\"6\"}");
	event_group_request(&e, im_str("team"), im_str("dave"), (struct im_str){NULL, 0});
	is(&e, "request:g/team:dave", 9,
		"{\"event\":\"group\",\"conv\":\"g/team\",\"action\":\"request\",\"by\":\"dave\","
		"\"cursor\":\"9\"}");
}

/* Those of the plugin too, which shares their form. */
static void of_devices(void **state)
{
	struct event e;

	(void)state;
	event_hello(&e, im_str("bob-phone"), 1042, true);
	is(&e, NULL, 0,
		"{\"event\":\"hello\",\"device\":\"bob-phone\",\"cursor\":\"1042\",\"behind\":"
		"true}");
	event_device_removed(&e, im_str("tablet"));
	is(&e, NULL, 0, "{\"event\":\"device\",\"action\":\"remove\",\"device\":\"tablet\"}");
	im_buf_init(&e.key, 0);
	im_buf_init(&e.json, 0);
	im_wire_device(&e.json, "replace", im_str("old-phone"), im_str("new-phone"));
	is(&e, NULL, 0,
		"{\"event\":\"device\",\"action\":\"replace\",\"device\":\"old-phone\","
		"\"by\":\"new-phone\"}");
}

/* Memory that runs out is told, and nothing half is. */
static void a_failed_event_has_no_text(void **state)
{
	struct im_buf out;
	struct event e;

	(void)state;
	im_buf_init(&out, 0);
	event_block(&e, im_str("alice"), true);
	e.json.failed = true;
	assert_int_equal(event_fault(&e), IM_E_NOMEM);
	assert_int_equal(event_place(&out, &e, 1), IM_E_NOMEM);
	assert_int_equal(out.n, 0);
	im_buf_free(&out);
	event_clear(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_conversations),
		cmocka_unit_test(of_people),
		cmocka_unit_test(of_groups),
		cmocka_unit_test(of_devices),
		cmocka_unit_test(a_failed_event_has_no_text),
	};

	return cmocka_run_group_tests_name("event", tests, load, unload);
}
