/* SPDX-License-Identifier: BSD-3-Clause */
/* A name in stored JSON: replaced where the bridge has put it, and nowhere else. And what of one
 * message goes with its author's words. */
#include "tests/unit/unit.h"

#include "bridge/message/renaming.h"
#include "bridge/upkeep/erasure_message.h"

static const struct renaming alice = {.user = 7, .name = {"alice", 5}, .to = {"deleted-7", 9}};

static void is_text(const struct im_buf *b, const char *want)
{
	assert_false(b->failed);
	if (b->n != strlen(want) || (b->n && memcmp(b->p, want, b->n) != 0))
		fail_msg("have: %.*s\nwant: %s", IM_ARGS(*b), want);
}

typedef bool (*rename_fn)(struct im_buf *out, struct im_str in, const struct renaming *r);

/* want NULL: it stays as it is. */
static void renamed(rename_fn fn, const char *in, const char *want)
{
	struct im_buf out;

	im_buf_init(&out, 0);
	assert_int_equal(fn(&out, im_str(in), &alice), want != NULL);
	is_text(&out, want ? want : in);
	im_buf_free(&out);
}

static bool body(struct im_buf *out, struct im_str in, const struct renaming *r)
{
	return renaming_body(out, in, r, false);
}

static bool muted_body(struct im_buf *out, struct im_str in, const struct renaming *r)
{
	return renaming_body(out, in, r, true);
}

static bool event(struct im_buf *out, struct im_str in, const struct renaming *r)
{
	return renaming_event(out, in, r, false);
}

static bool muted_event(struct im_buf *out, struct im_str in, const struct renaming *r)
{
	return renaming_event(out, in, r, true);
}

static void a_messages_meta_names_people_where_the_bridge_put_them(void **state)
{
	(void)state;
	renamed(renaming_meta, "\"mentions\":[\"bob\",\"alice\",\"alice2\",\"all\"],\"reply_to\":3",
		"\"mentions\":[\"bob\",\"deleted-7\",\"alice2\",\"all\"],\"reply_to\":3");
	renamed(renaming_meta,
		"\"forwarded\":{\"from\":\"alice\",\"conv\":\"u/x\",\"seq\":1,\"ts\":5},"
		"\"reactions\":{\"alice\":[\"carol\",\"alice\"]},\"recalled_by\":\"alice\"",
		"\"forwarded\":{\"from\":\"deleted-7\",\"conv\":\"u/x\",\"seq\":1,\"ts\":5},"
		"\"reactions\":{\"alice\":[\"carol\",\"deleted-7\"]},\"recalled_by\":\"deleted-"
		"7\"");
	/* What users wrote is theirs, to the byte. */
	renamed(renaming_meta, "\"ext\":{\"to\": \"alice\",\"mentions\":[\"alice\"]}", NULL);
	renamed(renaming_meta, "", NULL);
	renamed(renaming_meta, "no JSON", NULL);
}

static void a_bridges_body_names_people_by_number(void **state)
{
	(void)state;
	renamed(body,
		"{\"kind\":\"invite\",\"by\":\"alice\",\"members\":[{\"uid\":\"alice\",\"user\":3},"
		"{\"uid\":\"alice\",\"user\":7,\"role\":\"admin\"}],\"name\":\"alice\"}",
		"{\"kind\":\"invite\",\"by\":\"deleted-7\",\"members\":[{\"uid\":\"alice\","
		"\"user\":3},"
		"{\"uid\":\"deleted-7\",\"user\":7,\"role\":\"admin\"}],\"name\":\"alice\"}");
	renamed(body, "{\"by\":\"alicia\",\"announcement\":\"alice\"}", NULL);
	renamed(body, "[\"alice\"]", NULL);
	renamed(muted_body, "{\"by\":\"bob\",\"announcement\":\"words\"}",
		"{\"by\":\"bob\",\"announcement\":\"\"}");
	renamed(muted_body, "{\"by\":\"bob\",\"announcement\":\"\"}", NULL);
}

static void an_edit_names_whom_it_mentions(void **state)
{
	(void)state;
	renamed(renaming_edit,
		"{\"seq\":3,\"body\":{\"mentions\":[\"alice\"]},\"was\":\"alice\","
		"\"mentions\":[\"alice\",\"bob\"],\"ext\":{\"mentions\":\"alice\"}}",
		"{\"seq\":3,\"body\":{\"mentions\":[\"alice\"]},\"was\":\"alice\","
		"\"mentions\":[\"deleted-7\",\"bob\"],\"ext\":{\"mentions\":\"alice\"}}");
	renamed(renaming_edit, "{\"seq\":3,\"body\":\"alice\"}", NULL);
}

static void an_event_and_its_key_name_people(void **state)
{
	(void)state;
	renamed(event, "{\"event\":\"contact\",\"uid\":\"alice\",\"note\":\"alice\"}",
		"{\"event\":\"contact\",\"uid\":\"deleted-7\",\"note\":\"alice\"}");
	renamed(event, "{\"event\":\"read\",\"conv\":\"u/alice\",\"by\":\"bob\"}",
		"{\"event\":\"read\",\"conv\":\"u/deleted-7\",\"by\":\"bob\"}");
	renamed(event, "{\"conv\":\"g/alice\"}", NULL);
	renamed(muted_event, "{\"by\":\"alice\",\"note\":\"words\",\"ts\":1}",
		"{\"by\":\"deleted-7\",\"ts\":1}");
	renamed(muted_event, "{\"by\":\"deleted-7\",\"note\":\"words\"}", "{\"by\":\"deleted-7\"}");
	renamed(muted_event, "{\"by\":\"bob\",\"note\":\"theirs\"}", NULL);
	renamed(renaming_key, "contact:alice", "contact:deleted-7");
	renamed(renaming_key, "read:u/alice", "read:u/deleted-7");
	renamed(renaming_key, "request:g/team:alice", "request:g/team:deleted-7");
	renamed(renaming_key, "read:g/alice", NULL);
	renamed(renaming_key, "contact:malice", NULL);
	renamed(renaming_key, "alice", NULL);
}

static void an_audit_rows_object_names_people(void **state)
{
	(void)state;
	renamed(renaming_detail, "{\"owner\":\"alice\",\"members\":[\"bob\",\"alice\"],\"n\":1}",
		"{\"owner\":\"deleted-7\",\"members\":[\"bob\",\"deleted-7\"],\"n\":1}");
	renamed(renaming_detail, "{\"conv\":\"u/alice\",\"role\":\"admin\"}",
		"{\"conv\":\"u/deleted-7\",\"role\":\"admin\"}");
}

static void a_reaction_goes_with_who_gave_it(void **state)
{
	(void)state;
	renamed(renaming_unreact, "{\"+\":[\"alice\",\"bob\"],\"-\":[\"deleted-7\"]}",
		"{\"+\":[\"bob\"]}");
	renamed(renaming_unreact, "{\"+\":[\"alice\"]}", "");
	renamed(renaming_unreact, "{\"alice\":[\"bob\"]}", NULL);
}

/* -- one message -- */

static struct store_msg message(uint64_t sender, const char *type, const char *meta, const char *b)
{
	return (struct store_msg){.gid = 1,
		.conv = 1,
		.seq = 1,
		.sender = sender,
		.ts_ms = 100,
		.enc = IM_ENC_JSON,
		.type = im_str(type),
		.id = IM_STR("id-1"),
		.meta = im_str(meta),
		.body = im_str(b)};
}

static const struct erasure_who words = {
	.name = {.user = 7, .to = {"alice", 5}}, .words = true, .until_ms = INT64_MAX};

/* "type|id|meta|body[|recalled]", or "" when nothing changes. */
static void becomes(const struct erasure_who *who, const struct store_msg *m,
	const struct message_origin *origin, const char *want)
{
	struct erasure_change c;
	struct im_buf have;
	bool changed;

	erasure_change_init(&c);
	im_buf_init(&have, 0);
	assert_int_equal(erasure_change_take(&c, m), IM_OK);
	assert_int_equal(
		erasure_message(who, m, erasure_takes(who, m, origin), &c, &changed), IM_OK);
	if (changed)
		im_buf_printf(&have, "%.*s|%.*s|%.*s|%.*s%s", IM_ARGS(c.m.type), IM_ARGS(c.m.id),
			IM_ARGS(c.m.meta), IM_ARGS(c.m.body), c.m.recalled ? "|recalled" : "");
	is_text(&have, want);
	/* A walk that is repeated finds nothing more to do. */
	if (changed) {
		struct erasure_change again;
		struct store_msg now = c.m;

		erasure_change_init(&again);
		assert_int_equal(erasure_change_take(&again, &now), IM_OK);
		assert_int_equal(erasure_message(who, &now, erasure_takes(who, &now, origin),
					 &again, &changed),
			IM_OK);
		assert_false(changed);
		erasure_change_free(&again);
	}
	im_buf_free(&have);
	erasure_change_free(&c);
}

static void ones_own_message_keeps_its_place_alone(void **state)
{
	struct store_msg m =
		message(7, "card", "\"ext\":{\"a\":1},\"mentions\":[\"bob\"]", "\"hi\"");

	(void)state;
	becomes(&words, &m, NULL,
		"|||"
		"|recalled");
	m = message(7, "edit", "", "{\"seq\":1,\"body\":\"x\",\"was\":\"y\"}");
	becomes(&words, &m, NULL,
		"edit|||"
		"|recalled");
	/* Who took it back is not a word of his. */
	m = message(7, "", "\"recalled_by\":\"bob\"", "");
	m.recalled = true;
	m.enc = IM_ENC_TEXT;
	becomes(&words, &m, NULL,
		"||\"recalled_by\":\"bob\"|"
		"|recalled");
	m = message(7, "recall", "", "{\"seq\":1}");
	becomes(&words, &m, NULL, "");
	m = message(8, "text", "\"mentions\":[\"alice\"]", "\"alice\"");
	becomes(&words, &m, NULL, "");
	m = message(
		7, "system", "", "{\"kind\":\"update\",\"by\":\"alice\",\"announcement\":\"x\"}");
	becomes(&words, &m, NULL,
		"system|id-1||{\"kind\":\"update\",\"by\":\"alice\",\"announcement\":\"\"}");
}

static void a_copy_goes_with_the_words_of_its_author(void **state)
{
	struct store_msg m = message(8, "text",
		"\"forwarded\":{\"from\":\"alice\",\"conv\":\"u/"
		"bob\",\"seq\":1,\"ts\":50},\"ext\":{}",
		"\"words\"");
	const struct message_origin of_alice = {7, 9}, by_alice = {9, 7}, of_others = {9, 9};
	const char *gone = "|id-1|\"forwarded\":{\"from\":\"alice\",\"conv\":\"u/bob\",\"seq\":1,"
			   "\"ts\":50}||recalled";
	struct erasure_who later = words, earlier = words;

	(void)state;
	becomes(&words, &m, &of_alice, gone);
	becomes(&words, &m, &by_alice, gone);
	becomes(&words, &m, &of_others, "");
	/* One from before that was kept is told by the name, and by when the name was his. */
	becomes(&words, &m, NULL, gone);
	later.from_ms = 60;
	becomes(&later, &m, NULL, "");
	earlier.until_ms = 50;
	becomes(&earlier, &m, NULL, "");
	m.meta = IM_STR("\"ext\":{\"forwarded\":{\"from\":\"alice\",\"ts\":50}}");
	becomes(&words, &m, NULL, "");
}

static void a_name_goes_where_it_was_this_users(void **state)
{
	struct erasure_who who = {.name = alice, .from_ms = 50, .until_ms = 150};
	struct store_msg m = message(8, "text", "\"mentions\":[\"alice\"]", "\"alice\"");

	(void)state;
	becomes(&who, &m, NULL, "text|id-1|\"mentions\":[\"deleted-7\"]|\"alice\"");
	m.ts_ms = 150;
	becomes(&who, &m, NULL, "");
	m.ts_ms = 49;
	becomes(&who, &m, NULL, "");
	m = message(7, "text", "", "\"his\"");
	becomes(&who, &m, NULL, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_messages_meta_names_people_where_the_bridge_put_them),
		cmocka_unit_test(a_bridges_body_names_people_by_number),
		cmocka_unit_test(an_edit_names_whom_it_mentions),
		cmocka_unit_test(an_event_and_its_key_name_people),
		cmocka_unit_test(an_audit_rows_object_names_people),
		cmocka_unit_test(a_reaction_goes_with_who_gave_it),
		cmocka_unit_test(ones_own_message_keeps_its_place_alone),
		cmocka_unit_test(a_copy_goes_with_the_words_of_its_author),
		cmocka_unit_test(a_name_goes_where_it_was_this_users),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
