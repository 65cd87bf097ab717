/* SPDX-License-Identifier: BSD-3-Clause */
/* Contacts and devices. */
#include "tests/unit/rpc_fixture.h"

#include <stdio.h>

#include "bridge/directory/directory_contact.h"
#include "bridge/directory/directory_user.h"

/* "alice contact 3, bob none 4" */
static void assert_list(struct rpc_fixture *f, const char *uid, int since, const char *want)
{
	char params[64], have[512] = "", path[64];

	snprintf(params, sizeof(params), "{\"since\":%d}", since);
	json_t *r = rpc_ok(f, uid, "contact.list", params);
	for (size_t i = 0; i < json_array_size(rpc_at(r, "contacts")); i++) {
		snprintf(path, sizeof(path), "contacts.%zu.uid", i);
		sprintf(have + strlen(have), "%s%s ", i ? ", " : "", rpc_text(r, path));
		snprintf(path, sizeof(path), "contacts.%zu.state", i);
		strcat(have, rpc_text(r, path));
		snprintf(path, sizeof(path), "contacts.%zu.version", i);
		sprintf(have + strlen(have), " %d", (int)rpc_num(r, path));
	}
	assert_string_equal(have, want);
}

static bool is_contact(struct rpc_fixture *f, const char *owner, const char *peer)
{
	bool yes;

	assert_int_equal(
		directory_contact_has(f->reader_dir, rpc_uid(f, owner), rpc_uid(f, peer), &yes),
		IM_OK);
	return yes;
}

static void a_request_is_accepted_by_the_one_who_was_asked(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_ok(f, "alice", "contact.request", "{\"uid\":\"bob\",\"note\":\"from work\"}");
	assert_json(f->result, "{\"changed\":true}");
	assert_true(rpc_told(f, "inbox bob event {\"event\":\"contact\",\"action\":\"request\","
				"\"uid\":\"alice\",\"by\":\"alice\",\"note\":\"from work\","
				"\"version\":1"));
	assert_true(rpc_told(f, "inbox alice event"));
	rpc_ok(f, "alice", "contact.request", "{\"uid\":\"bob\"}");
	assert_json(f->result, "{\"changed\":false}");
	assert_list(f, "alice", 0, "bob sent 1");
	assert_list(f, "bob", 0, "alice received 1");
	assert_text(f->result, "contacts.0.note", "from work");
	rpc_no(f, IM_E_NOT_ALLOWED, "alice", "contact.accept", "{\"uid\":\"bob\"}");
	assert_false(is_contact(f, "alice", "bob"));
	rpc_ok(f, "bob", "contact.accept", "{\"uid\":\"alice\"}");
	assert_true(rpc_told(f, "inbox alice event {\"event\":\"contact\",\"action\":\"accept\","
				"\"uid\":\"bob\",\"by\":\"bob\",\"version\":2"));
	assert_true(rpc_told(f, "forget_user alice"));
	assert_true(rpc_told(f, "forget_user bob"));
	rpc_ok(f, "bob", "contact.accept", "{\"uid\":\"alice\"}");
	assert_json(f->result, "{\"changed\":false}");
	assert_true(is_contact(f, "alice", "bob"));
	assert_true(is_contact(f, "bob", "alice"));
	assert_list(f, "alice", 0, "bob contact 2");
	assert_list(f, "alice", 2, "");
	assert_num(f->result, "version", 2);
}

static void two_who_ask_each_other_are_contacts(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_ok(f, "alice", "contact.request", "{\"uid\":\"bob\"}");
	rpc_ok(f, "bob", "contact.request", "{\"uid\":\"alice\"}");
	assert_true(is_contact(f, "alice", "bob"));
	assert_true(is_contact(f, "bob", "alice"));
}

static void rejecting_and_removing_end_it_for_both(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_ok(f, "alice", "contact.request", "{\"uid\":\"bob\"}");
	rpc_ok(f, "bob", "contact.reject", "{\"uid\":\"alice\"}");
	rpc_ok(f, "bob", "contact.reject", "{\"uid\":\"alice\"}");
	assert_json(f->result, "{\"changed\":false}");
	assert_list(f, "alice", 0, "");
	assert_list(f, "alice", 1, "bob none 2");
	rpc_ok(f, "alice", "contact.request", "{\"uid\":\"bob\"}");
	rpc_ok(f, "bob", "contact.accept", "{\"uid\":\"alice\"}");
	rpc_ok(f, "bob", "contact.update", "{\"uid\":\"alice\",\"remark\":\"Al\"}");
	rpc_ok(f, "alice", "contact.remove", "{\"uid\":\"bob\"}");
	assert_false(is_contact(f, "alice", "bob"));
	assert_false(is_contact(f, "bob", "alice"));
	assert_list(f, "bob", 5, "alice none 6");
	rpc_ok(f, "alice", "contact.remove", "{\"uid\":\"bob\"}");
	assert_json(f->result, "{\"changed\":false}");
	/* Nothing of the old remark comes back. */
	rpc_ok(f, "bob", "contact.request", "{\"uid\":\"alice\"}");
	assert_list(f, "bob", 0, "alice sent 7");
	assert_text(f->result, "contacts.0.remark", "");
}

static void a_contact_carries_the_owners_own_words(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_no(f, IM_E_NOT_ALLOWED, "bob", "contact.update",
		"{\"uid\":\"alice\",\"remark\":\"x\"}");
	rpc_ok(f, "alice", "contact.request", "{\"uid\":\"bob\",\"note\":\"n\"}");
	rpc_ok(f, "bob", "contact.accept", "{\"uid\":\"alice\"}");
	rpc_ok(f, "bob", "contact.update",
		"{\"uid\":\"alice\",\"remark\":\"Al\",\"tags\":[\"work\",\"tennis\"]}");
	assert_true(rpc_told(f, "inbox bob event"));
	assert_false(rpc_told(f, "inbox alice"));
	rpc_ok(f, "bob", "contact.update", "{\"uid\":\"alice\",\"remark\":\"Al\"}");
	assert_json(f->result, "{\"changed\":false}");
	rpc_ok(f, "bob", "contact.list", "{}");
	assert_json(f->result,
		"{\"contacts\":[{\"uid\":\"alice\",\"state\":\"contact\",\"nick\":\"\","
		"\"avatar\":\"\",\"rev\":0,"
		"\"note\":\"n\",\"remark\":\"Al\",\"tags\":[\"work\",\"tennis\"],"
		"\"changed\":1000000,\"version\":3}],\"version\":3,\"more\":false}");
	rpc_no(f, IM_E_INVALID_PARAMS, "bob", "contact.update",
		"{\"uid\":\"alice\",\"tags\":[\"\"]}");
}

static void the_list_is_paged_by_version(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_ok(f, "alice", "contact.request", "{\"uid\":\"bob\"}");
	rpc_ok(f, "alice", "contact.request", "{\"uid\":\"carol\"}");
	rpc_ok(f, "alice", "contact.request", "{\"uid\":\"dave\"}");
	rpc_ok(f, "carol", "contact.accept", "{\"uid\":\"alice\"}");
	rpc_ok(f, "alice", "contact.list", "{\"limit\":2}");
	assert_text(f->result, "contacts.0.uid", "bob");
	assert_text(f->result, "contacts.1.uid", "dave");
	assert_num(f->result, "version", 3);
	assert_num(f->result, "more", 1);
	assert_list(f, "alice", 3, "carol contact 4");
	assert_num(f->result, "more", 0);
}

/* What was removed is passed over, but looking at it is paid for: a page ends there, too. */
static void removed_contacts_fill_a_page(void **state)
{
	struct rpc_fixture *f = *state;
	static const char *const gone[] = {"bob", "carol"};
	char params[64];

	for (size_t i = 0; i < 2; i++) {
		snprintf(params, sizeof(params), "{\"uid\":\"%s\"}", gone[i]);
		rpc_ok(f, "alice", "contact.request", params);
		rpc_ok(f, "alice", "contact.remove", params);
	}
	rpc_ok(f, "alice", "contact.request", "{\"uid\":\"dave\"}");
	rpc_ok(f, "alice", "contact.list", "{\"limit\":2}");
	assert_json(f->result, "{\"contacts\":[],\"version\":4,\"more\":true}");
	rpc_ok(f, "alice", "contact.list", "{\"limit\":2,\"since\":4}");
	assert_text(f->result, "contacts.0.uid", "dave");
	assert_false(json_is_true(rpc_at(f->result, "more")));
	rpc_ok(f, "alice", "contact.list", "{\"limit\":3}");
	assert_int_equal(json_array_size(rpc_at(f->result, "contacts")), 1);
}

static void requests_respect_blocks_and_sense(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_ok(f, "bob", "block.add", "{\"uid\":\"alice\"}");
	rpc_no(f, IM_E_BLOCKED, "alice", "contact.request", "{\"uid\":\"bob\"}");
	rpc_no(f, IM_E_INVALID_PARAMS, "alice", "contact.request", "{\"uid\":\"alice\"}");
	rpc_no(f, IM_E_UNKNOWN_USER, "alice", "contact.request", "{\"uid\":\"nobody\"}");
}

static void a_deleted_users_contacts_learn_of_it(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_ok(f, "alice", "contact.request", "{\"uid\":\"bob\"}");
	rpc_ok(f, "bob", "contact.accept", "{\"uid\":\"alice\"}");
	rpc_admin(f, "{\"command\":\"deleteUser\",\"username\":\"bob\"}");
	assert_list(f, "alice", 2, "bob none 3");
	assert_list(f, "alice", 0, "");
}

static void devices_are_listed_and_removed(void **state)
{
	struct rpc_fixture *f = *state;

	assert_int_equal(directory_device_bind(
				 writer_directory(f->w), IM_STR("phone"), rpc_uid(f, "bob"), 5, 0),
		IM_OK);
	assert_int_equal(directory_device_bind(
				 writer_directory(f->w), IM_STR("tablet"), rpc_uid(f, "bob"), 6, 0),
		IM_OK);
	rpc_commit(f);
	assert_int_equal(presence_open(f->presence, 0, IM_STR("bob"), IM_STR("phone"), 7), IM_OK);
	rpc_ok(f, "bob", "device.list", "{}");
	assert_json(f->result,
		"{\"devices\":[{\"device\":\"phone\",\"created\":5,\"seen\":5,\"cursor\":\"0\","
		"\"current\":true,\"state\":\"online\"},{\"device\":\"tablet\",\"created\":6,"
		"\"seen\":6,\"cursor\":\"0\",\"current\":false,\"state\":\"offline\"}],"
		"\"more\":false}");
	rpc_ok(f, "carol", "device.remove", "{\"device\":\"tablet\"}");
	assert_json(f->result, "{\"changed\":false}");
	rpc_ok(f, "bob", "device.remove", "{\"device\":\"tablet\"}");
	assert_json(f->result, "{\"changed\":true}");
	assert_true(rpc_told(f, "kick bob tablet"));
	assert_true(rpc_told(f, "inbox bob event {\"event\":\"device\",\"action\":\"remove\","
				"\"device\":\"tablet\"}"));
	rpc_ok(f, "bob", "device.remove", "{\"device\":\"tablet\"}");
	assert_json(f->result, "{\"changed\":false}");
	rpc_ok(f, "bob", "device.list", "{}");
	assert_int_equal(json_array_size(rpc_at(f->result, "devices")), 1);
}

/* More of them than a page holds: `next` goes on behind the last one. */
static void a_long_list_of_devices_is_paged(void **state)
{
	struct rpc_fixture *f = *state;
	char device[16], params[64] = "{}";
	int seen = 0, pages = 0;

	for (int i = 0; i < 40; i++) {
		snprintf(device, sizeof(device), "d%03d", i * 7 % 40);
		assert_int_equal(directory_device_bind(writer_directory(f->w), im_str(device),
					 rpc_uid(f, "bob"), 5, 0),
			IM_OK);
	}
	rpc_commit(f);
	f->set.reply_max = 1100;
	for (bool more = true; more; pages++) {
		const json_t *page = rpc_ok(f, "bob", "device.list", params);

		for (size_t i = 0; i < json_array_size(rpc_at(page, "devices")); i++) {
			char path[32];

			snprintf(path, sizeof(path), "devices.%zu.device", i);
			snprintf(device, sizeof(device), "d%03d", seen++);
			assert_text(page, path, device);
		}
		more = json_is_true(rpc_at(page, "more"));
		if (more)
			snprintf(params, sizeof(params), "{\"next\":\"%s\"}",
				rpc_text(page, "next"));
	}
	assert_int_equal(seen, 40);
	assert_true(pages > 2);
}

/* The list goes by client ids, and the longest one is where it goes on. */
static void the_longest_client_ids_are_paged(void **state)
{
	struct rpc_fixture *f = *state;
	char device[IM_DEVICE_MAX + 1] = "", params[IM_DEVICE_MAX + 16] = "{}";
	const json_t *page;

	memset(device, '+', IM_DEVICE_MAX);
	for (int i = 0; i < 3; i++) {
		device[IM_DEVICE_MAX - 1] = (char)('a' + i);
		assert_int_equal(directory_device_bind(writer_directory(f->w), im_str(device),
					 rpc_uid(f, "bob"), 5, 0),
			IM_OK);
	}
	rpc_commit(f);
	f->set.reply_max = 100;
	for (int i = 0; i < 3; i++) {
		page = rpc_ok(f, "bob", "device.list", params);
		device[IM_DEVICE_MAX - 1] = (char)('a' + i);
		assert_int_equal(json_array_size(rpc_at(page, "devices")), 1);
		assert_text(page, "devices.0.device", device);
		assert_int_equal(json_is_true(rpc_at(page, "more")), i < 2);
		if (i < 2)
			assert_text(page, "next", device);
		snprintf(params, sizeof(params), "{\"next\":\"%s\"}", device);
	}
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rpc_set_up, rpc_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_request_is_accepted_by_the_one_who_was_asked),
		CASE(two_who_ask_each_other_are_contacts),
		CASE(rejecting_and_removing_end_it_for_both),
		CASE(a_contact_carries_the_owners_own_words),
		CASE(the_list_is_paged_by_version),
		CASE(removed_contacts_fill_a_page),
		CASE(requests_respect_blocks_and_sense),
		CASE(a_deleted_users_contacts_learn_of_it),
		CASE(devices_are_listed_and_removed),
		CASE(a_long_list_of_devices_is_paged),
		CASE(the_longest_client_ids_are_paged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
