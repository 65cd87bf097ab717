/* SPDX-License-Identifier: BSD-3-Clause */
/* What an item of the list of conversations says, whole and in brief, and how long it may be. */
#include "tests/unit/rpc_fixture.h"

#include <stdio.h>

#include "bridge/directory/directory_user.h"
#include "bridge/message/preview.h"
#include "bridge/rpc/conv_item.h"
#include "common/jsonw.h"

static json_t *get(struct rpc_fixture *f, const char *uid, const char *conv, bool brief)
{
	char params[128];

	snprintf(params, sizeof(params), "{\"conv\":\"%s\"%s}", conv,
		brief ? ",\"brief\":true" : "");
	return json_object_get(rpc_ok(f, uid, "conv.get", params), "conversation");
}

static void repeat(struct im_buf *b, const char *one, int n)
{
	im_buf_reset(b);
	while (n-- > 0)
		im_buf_z(b, one);
}

/* -- what an item says -- */

static void an_item_says_what_its_row_shows(void **state)
{
	struct rpc_fixture *f = *state;
	json_t *c;

	rpc_ok(f, "alice", "user.update", "{\"nick\":\"Alice\",\"avatar\":\"a.png\"}");
	rpc_ok(f, "alice", "group.create",
		"{\"gid\":\"team\",\"name\":\"The "
		"team\",\"avatar\":\"t.png\",\"members\":[\"bob\"]}");
	rpc_send(f, "alice", "u/bob", "hi");
	rpc_send(f, "alice", "g/team", "hello");
	c = get(f, "bob", "u/alice", false);
	assert_text(c, "kind", "direct");
	assert_text(c, "name", "Alice");
	assert_text(c, "avatar", "a.png");
	assert_text(c, "presence", "offline");
	assert_text(c, "last.from_name", "Alice");
	assert_text(c, "last.conv", "u/alice");
	c = get(f, "bob", "g/team", false);
	assert_text(c, "kind", "group");
	assert_text(c, "name", "The team");
	assert_text(c, "avatar", "t.png");
	assert_null(rpc_at(c, "presence"));
	assert_text(c, "last.from_name", "Alice");
	/* The list has the same. */
	json_incref(c);
	assert_true(json_equal(rpc_at(rpc_ok(f, "bob", "conv.list", "{}"), "conversations.0"), c));
	json_decref(c);
}

static void in_brief_nothing_is_said_that_goes_without(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_send(f, "alice", "u/bob", "hi");
	assert_json(get(f, "bob", "u/alice", true),
		"{\"conv\":\"u/alice\",\"kind\":\"direct\",\"head\":1,\"unread\":1,"
		"\"last\":{\"seq\":1,\"from\":\"alice\",\"ts\":1000000,\"body\":\"hi\"}}");
	rpc_ok(f, "alice", "user.update", "{\"nick\":\"Alice\",\"avatar\":\"a.png\"}");
	rpc_ok(f, "alice", "group.create",
		"{\"gid\":\"team\",\"name\":\"T\",\"members\":[\"bob\"]}");
	rpc_ok(f, "bob", "conv.read", "{\"conv\":\"u/alice\",\"seq\":1}");
	rpc_ok(f, "bob", "conv.update",
		"{\"conv\":\"u/alice\",\"pinned\":true,\"notify\":\"mentions\",\"draft\":\"on my "
		"w\","
		"\"marked_unread\":true}");
	assert_json(get(f, "bob", "u/alice", true),
		"{\"conv\":\"u/alice\",\"kind\":\"direct\",\"name\":\"Alice\",\"avatar\":\"a.png\","
		"\"rev\":1,\"head\":1,\"read\":1,\"pinned\":true,\"notify\":\"mentions\",\"marked_"
		"unread\":"
		"true,"
		"\"draft\":\"on my w\","
		"\"last\":{\"seq\":1,\"from\":\"alice\",\"ts\":1000000,\"body\":\"hi\"}}");
	/* News of a group: what was done, by whom. */
	assert_json(get(f, "bob", "g/team", true),
		"{\"conv\":\"g/team\",\"kind\":\"group\",\"name\":\"T\",\"head\":1,"
		"\"last\":{\"seq\":1,\"from\":\"alice\",\"from_name\":\"Alice\",\"ts\":1000000,"
		"\"type\":\"system\",\"body\":{\"action\":\"create\",\"by\":\"alice\"},\"cut\":"
		"true}}");
	rpc_ok(f, "bob", "conv.update", "{\"conv\":\"u/alice\",\"cleared_to\":1}");
	assert_null(rpc_at(get(f, "bob", "u/alice", true), "last"));
	assert_num(f->result, "conversation.cleared_to", 1);
}

static void a_conversation_can_be_asked_for_before_its_first_message(void **state)
{
	struct rpc_fixture *f = *state;

	assert_json(get(f, "bob", "u/alice", true), "{\"conv\":\"u/alice\",\"kind\":\"direct\"}");
	assert_json(get(f, "bob", "u/alice", false),
		"{\"conv\":\"u/alice\",\"kind\":\"direct\",\"name\":\"\",\"avatar\":\"\","
		"\"rev\":0,\"presence\":\"offline\",\"head\":0,\"read\":0,\"pinned\":false,"
		"\"muted\":false,"
		"\"notify\":\"all\",\"marked_unread\":false,\"cleared_to\":0,\"unread\":0,"
		"\"mentions\":0}");
	rpc_no(f, IM_E_UNKNOWN_USER, "bob", "conv.get", "{\"conv\":\"u/nobody\"}");
	rpc_ok(f, "alice", "group.create", "{\"gid\":\"team\"}");
	rpc_no(f, IM_E_UNKNOWN_GROUP, "bob", "conv.get", "{\"conv\":\"g/team\"}");
	rpc_ok(f, "alice", "group.create", "{\"gid\":\"open\",\"join\":\"open\"}");
	rpc_no(f, IM_E_NOT_MEMBER, "bob", "conv.get", "{\"conv\":\"g/open\"}");
}

static void set_online(struct rpc_fixture *f, const char *uid, int state)
{
	assert_int_equal(directory_user_set_online(
				 writer_directory(f->w), rpc_uid(f, uid), state, f->now_ms),
		IM_OK);
	rpc_commit(f);
}

/* As presence.get has it: who may not see a user sees it offline, and is not told that. */
static void presence_is_shown_to_those_who_may_see_it(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_send(f, "alice", "u/bob", "hi");
	set_online(f, "alice", PRESENCE_AWAY);
#define SEEN(want)                                                               \
	assert_text(get(f, "bob", "u/alice", false), "presence", want);          \
	if (strcmp(want, "offline") == 0)                                        \
		assert_null(rpc_at(get(f, "bob", "u/alice", true), "presence")); \
	else                                                                     \
		assert_text(get(f, "bob", "u/alice", true), "presence", want)
	SEEN("away");
	f->set.presence_policy = IM_PRESENCE_SELF;
	SEEN("offline");
	f->set.presence_policy = IM_PRESENCE_CONTACTS;
	SEEN("offline");
	rpc_ok(f, "alice", "contact.request", "{\"uid\":\"bob\"}");
	SEEN("offline");
	rpc_ok(f, "bob", "contact.accept", "{\"uid\":\"alice\"}");
	SEEN("away");
	f->set.presence_policy = IM_PRESENCE_EVERYONE;
	rpc_ok(f, "alice", "block.add", "{\"uid\":\"bob\"}");
	SEEN("offline");
	/* A note to oneself. */
	rpc_send(f, "alice", "u/alice", "milk");
	f->set.presence_policy = IM_PRESENCE_SELF;
	assert_text(get(f, "alice", "u/alice", true), "presence", "away");
}

/* -- how much of a message an item shows -- */

static const json_t *last_of(struct rpc_fixture *f, const char *type, const char *meta,
	enum im_enc enc, struct im_str body)
{
	rpc_send_full(f, "alice", "u/bob", im_str(type), im_str(meta), enc, body);
	return rpc_at(get(f, "bob", "u/alice", true), "last");
}

static void in_brief_a_message_is_its_beginning(void **state)
{
	struct rpc_fixture *f = *state;
	const json_t *m;
	struct im_buf b;

	im_buf_init(&b, 0);
	repeat(&b, "x", PREVIEW_CHARS);
	m = last_of(f, "", "", IM_ENC_TEXT, im_buf_view(&b));
	assert_int_equal(strlen(rpc_text(m, "body")), PREVIEW_CHARS);
	assert_null(rpc_at(m, "cut"));
	repeat(&b, "ß", PREVIEW_CHARS + 1);
	m = last_of(f, "", "", IM_ENC_TEXT, im_buf_view(&b));
	assert_int_equal(strlen(rpc_text(m, "body")), 2 * PREVIEW_CHARS);
	assert_true(json_is_true(rpc_at(m, "cut")));
	/* What else belongs to it does not: an app that shows it asks for the conversation. */
	m = last_of(f, "note", "\"reply_to\":1,\"mentions\":[\"bob\"],\"ttl\":60,\"ext\":{\"a\":1}",
		IM_ENC_JSON, IM_STR("{\"z\":1.0}"));
	assert_json(m, "{\"seq\":3,\"from\":\"alice\",\"ts\":1000000,\"type\":\"note\",\"ttl\":60,"
		       "\"body\":{\"z\":1.0}}");
	m = last_of(f, "", "", IM_ENC_BYTES, IM_STR("\xff\xfe"));
	assert_json(m, "{\"seq\":4,\"from\":\"alice\",\"ts\":1000000,\"type\":\"binary\","
		       "\"enc\":\"base64\",\"body\":\"//4=\"}");
	/* Half of it would mean nothing. */
	repeat(&b, " ", CONV_BRIEF_MAX);
	b.p[0] = '[';
	b.p[b.n - 1] = ']';
	m = last_of(f, "", "", IM_ENC_JSON, im_buf_view(&b));
	assert_json(m, "{\"seq\":5,\"from\":\"alice\",\"ts\":1000000,\"type\":\"json\","
		       "\"body\":null,\"cut\":true}");
	m = last_of(f, "", "", IM_ENC_BYTES, im_buf_view(&b));
	assert_json(m, "{\"seq\":6,\"from\":\"alice\",\"ts\":1000000,\"type\":\"binary\","
		       "\"enc\":\"base64\",\"body\":null,\"cut\":true}");
	im_buf_free(&b);
}

static void in_brief_what_is_gone_is_gone(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_send(f, "alice", "u/bob", "secret");
	rpc_ok(f, "alice", "msg.react", "{\"conv\":\"u/bob\",\"seq\":1,\"emoji\":\"👍\"}");
	rpc_ok(f, "alice", "msg.edit", "{\"conv\":\"u/bob\",\"seq\":1,\"body\":\"edited\"}");
	assert_json(rpc_at(get(f, "bob", "u/alice", true), "last"),
		"{\"seq\":1,\"from\":\"alice\",\"ts\":1000000,\"body\":\"edited\"}");
	rpc_ok(f, "alice", "msg.recall", "{\"conv\":\"u/bob\",\"seq\":1}");
	assert_json(rpc_at(get(f, "bob", "u/alice", true), "last"),
		"{\"seq\":1,\"from\":\"alice\",\"ts\":1000000,\"type\":\"recalled\",\"body\":"
		"null}");
	rpc_send_full(f, "alice", "u/bob", IM_STR(""), IM_STR("\"ttl\":60"), IM_ENC_TEXT,
		IM_STR("short"));
	f->now_ms += 60000;
	assert_json(rpc_at(get(f, "bob", "u/alice", true), "last"),
		"{\"seq\":5,\"from\":\"alice\",\"ts\":1000000,\"type\":\"expired\",\"body\":null}");
}

/* -- how long an item may be -- */

static size_t json_size(const json_t *v)
{
	char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
	size_t n;

	assert_non_null(text);
	n = strlen(text);
	free(text);
	return n;
}

static size_t name_size(const json_t *item, const char *path)
{
	const json_t *v = rpc_at(item, path);

	return v ? json_size(v) - 2 : 0;
}

/* Of its text on the wire, beside the names of users and groups, and avatars. */
static size_t beside_names(const json_t *item, size_t whole)
{
	static const char *const names[] = {
		"name", "avatar", "last.from", "last.from_name", "last.body.by"};
	size_t n = whole - (name_size(item, "conv") - 2);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		n -= name_size(item, names[i]);
	return n;
}

/* Its item as it stands in the reply: all but what is around it. */
static size_t item_size(struct rpc_fixture *f, const char *conv, const json_t **item_out)
{
	static const char before[] = "{\"conversation\":";
	const char *at;

	*item_out = get(f, "bob", conv, true);
	at = memmem(f->reply.p, f->reply.n, before, sizeof(before) - 1);
	assert_non_null(at);
	at += sizeof(before) - 1;
	return beside_names(*item_out, f->reply.n - (size_t)(at - f->reply.p) - 2);
}

#define LONGEST "a234567890123456789012345678901234567890123456789012345678901234"
#define TYPE "t2345678901234567890123456789012"

/* Everything that can be set is set. */
static void set_all(struct rpc_fixture *f, const char *conv, const char *draft)
{
	struct im_buf b;

	im_buf_init(&b, 0);
	im_buf_printf(&b,
		"{\"conv\":\"%s\",\"pinned\":true,\"notify\":\"mentions\",\"marked_unread\":true,"
		"\"cleared_to\":1,\"draft\":\"%s\"}",
		conv, draft);
	im_buf_c(&b, '\0');
	rpc_ok(f, "bob", "conv.update", b.p);
	im_buf_free(&b);
}

static const char *const characters[] = {
	"x", "ß", "小", "😀", "\"", "\x01", "👨‍👩‍👧‍👦"};
#define CHARACTERS (sizeof(characters) / sizeof(characters[0]))

/* So many of them, as a body of each kind. */
static void say(struct rpc_fixture *f, const char *conv, enum im_enc enc, const char *one, int n)
{
	struct im_buf text, json;

	im_buf_init(&text, 0);
	im_buf_init(&json, 0);
	repeat(&text, one, n);
	if (enc == IM_ENC_JSON)
		im_jsonw_str(&json, im_buf_view(&text));
	rpc_send_full(f, LONGEST, conv, IM_STR(TYPE), IM_STR("\"ttl\":31536000"), enc,
		im_buf_view(enc == IM_ENC_JSON ? &json : &text));
	im_buf_free(&json);
	im_buf_free(&text);
}

static void fits(struct rpc_fixture *f, const char *one, int n)
{
	const json_t *item;

	for (int enc = IM_ENC_TEXT; enc <= IM_ENC_BYTES; enc++) {
		say(f, "u/bob", enc, one, n);
		assert_in_range(item_size(f, "u/" LONGEST, &item), 250, CONV_BRIEF_MAX);
		assert_text(item, "presence", "suspended");
		assert_true(json_is_true(rpc_at(item, "draft_cut")));
		assert_true(*rpc_text(item, "draft"));
		say(f, "g/" LONGEST, enc, one, n);
		assert_in_range(item_size(f, "g/" LONGEST, &item), 250, CONV_BRIEF_MAX);
		assert_non_null(rpc_at(item, "last.from_name"));
	}
}

/* Users and groups with the longest names. */
static void add_longest(struct rpc_fixture *f)
{
	struct im_buf name, params;

	im_buf_init(&name, 0);
	im_buf_init(&params, 0);
	rpc_add_user(f, LONGEST, "");
	repeat(&name, "\\\"", 60);
	im_buf_c(&name, '\0');
	im_buf_printf(&params, "{\"nick\":\"%s\",\"avatar\":\"%s\"}", name.p, name.p);
	im_buf_c(&params, '\0');
	rpc_ok(f, LONGEST, "user.update", params.p);
	set_online(f, LONGEST, PRESENCE_SUSPENDED);
	rpc_ok(f, LONGEST, "group.create", "{\"gid\":\"" LONGEST "\",\"members\":[\"bob\"]}");
	im_buf_free(&params);
	im_buf_free(&name);
}

static void an_item_in_brief_has_500_bytes_at_most(void **state)
{
	static const int lengths[] = {1000, 300, 160, 100, 70, 50, 30, 10};
	struct rpc_fixture *f = *state;
	const json_t *item;
	struct im_buf draft, json;

	im_buf_init(&draft, 0);
	im_buf_init(&json, 0);
	add_longest(f);
	f->now_ms = INT64_C(9999999999999);
	for (int i = 0; i < 3; i++) {
		rpc_send(f, LONGEST, "u/bob", "1");
		rpc_send(f, LONGEST, "g/" LONGEST, "1");
	}
	rpc_ok(f, "bob", "conv.read", "{\"conv\":\"u/" LONGEST "\",\"seq\":1}");
	for (size_t i = 0; i < CHARACTERS; i++) {
		repeat(&draft, characters[i], 150);
		im_buf_reset(&json);
		im_jsonw_part(&json, im_buf_view(&draft));
		im_buf_c(&json, '\0');
		set_all(f, "u/" LONGEST, json.p);
		set_all(f, "g/" LONGEST, json.p);
		for (size_t k = 0; k < CHARACTERS; k++)
			for (size_t n = 0; n < sizeof(lengths) / sizeof(lengths[0]); n++)
				fits(f, characters[k], lengths[n]);
	}
	rpc_ok(f, LONGEST, "group.update", "{\"gid\":\"" LONGEST "\",\"announcement\":\"news\"}");
	assert_in_range(item_size(f, "g/" LONGEST, &item), 250, CONV_BRIEF_MAX);
	assert_text(item, "last.body.action", "update");
	im_buf_free(&json);
	im_buf_free(&draft);
}

/* Whatever is set: where there is no draft, text has its 160 characters. */
static void what_is_set_takes_nothing_from_a_text(void **state)
{
	struct rpc_fixture *f = *state;
	const json_t *item;
	struct im_buf b;

	im_buf_init(&b, 0);
	repeat(&b, "x", 1000);
	set_online(f, "alice", PRESENCE_SUSPENDED);
	f->now_ms = INT64_C(9999999999999);
	for (int i = 0; i < 3; i++)
		rpc_send(f, "alice", "u/bob", "1");
	rpc_ok(f, "bob", "conv.read", "{\"conv\":\"u/alice\",\"seq\":1}");
	set_all(f, "u/alice", "");
	rpc_send_full(f, "alice", "u/bob", IM_STR(TYPE), IM_STR("\"ttl\":31536000"), IM_ENC_TEXT,
		im_buf_view(&b));
	assert_in_range(item_size(f, "u/alice", &item), 400, CONV_BRIEF_MAX);
	assert_int_equal(strlen(rpc_text(item, "last.body")), PREVIEW_CHARS);
	im_buf_free(&b);
}

static void mentions_are_counted_beside_what_is_unread(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_ok(f, "alice", "group.create", "{\"gid\":\"team\",\"members\":[\"bob\"]}");
	for (int i = 0; i < 3; i++)
		rpc_send_full(f, "alice", "g/team", IM_STR(""),
			i ? IM_STR("\"mentions\":[\"bob\"]") : IM_STR(""), IM_ENC_TEXT,
			IM_STR("hi"));
	rpc_send_full(f, "alice", "u/bob", IM_STR(""), IM_STR("\"mentions\":[\"bob\"]"),
		IM_ENC_TEXT, IM_STR("you"));
	assert_num(get(f, "bob", "g/team", true), "mentions", 2);
	assert_num(get(f, "bob", "g/team", false), "mentions", 2);
	assert_num(get(f, "alice", "g/team", false), "mentions", 0);
	assert_num(rpc_ok(f, "bob", "session.start", "{}"), "total_mentions", 3);
	rpc_ok(f, "bob", "conv.read", "{\"conv\":\"g/team\",\"seq\":3}");
	assert_num(get(f, "bob", "g/team", true), "mentions", 1);
	assert_num(rpc_ok(f, "bob", "conv.list", "{\"total\":true}"), "total_mentions", 2);
	rpc_send(f, "bob", "g/team", "yes?");
	assert_null(rpc_at(get(f, "bob", "g/team", true), "mentions"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rpc_set_up, rpc_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(an_item_says_what_its_row_shows),
		TEST(in_brief_nothing_is_said_that_goes_without),
		TEST(a_conversation_can_be_asked_for_before_its_first_message),
		TEST(presence_is_shown_to_those_who_may_see_it),
		TEST(in_brief_a_message_is_its_beginning),
		TEST(in_brief_what_is_gone_is_gone),
		TEST(an_item_in_brief_has_500_bytes_at_most),
		TEST(what_is_set_takes_nothing_from_a_text),
		TEST(mentions_are_counted_beside_what_is_unread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
