/* SPDX-License-Identifier: BSD-3-Clause */
/* Topics and filters beyond the golden vectors: builders, subsumption against brute force, and that
 * no filter that is not refused outright reaches another user's inbox unnoticed. */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "common/ids.h"
#include "common/limits.h"
#include "common/topic.h"

#define PREFIX IM_STR("im")

static void built_topics_parse_back(void **state)
{
	struct im_buf b;
	struct im_topic t;

	(void)state;
	im_buf_init(&b, 0);
	im_topic_inbox(&b, PREFIX, IM_STR("bob"), IM_STR("u/alice"));
	assert_buf(&b, "im/inbox/bob/u/alice");
	im_topic_parse(PREFIX, im_buf_view(&b), &t);
	assert_int_equal(t.kind, IM_TOPIC_INBOX);
	assert_str(t.id, "bob");
	assert_str(t.rest, "u/alice");
	im_buf_reset(&b);
	im_topic_inbox(&b, PREFIX, IM_STR("bob"), (struct im_str){NULL, 0});
	assert_buf(&b, "im/inbox/bob");
	im_buf_reset(&b);
	im_topic_room(&b, IM_STR("corp/im"), IM_STR("hall"));
	assert_buf(&b, "corp/im/room/hall");
	im_topic_parse(IM_STR("corp/im"), im_buf_view(&b), &t);
	assert_int_equal(t.kind, IM_TOPIC_ROOM);
	im_buf_reset(&b);
	im_topic_presence(&b, PREFIX, IM_STR("bob"));
	assert_buf(&b, "im/presence/bob");
	im_topic_parse(PREFIX, im_buf_view(&b), &t);
	assert_int_equal(t.kind, IM_TOPIC_PRESENCE);
	assert_str(t.id, "bob");
	im_buf_free(&b);
}

/* The rule of MQTT 4.7, one level at a time: does the filter match the topic? */
static bool matches(const char *filter, const char *topic)
{
	size_t f, t;

	if ((*filter == '+' || *filter == '#') && *topic == '$')
		return false;
	for (;;) {
		if (*filter == '#')
			return true;
		f = strcspn(filter, "/");
		t = strcspn(topic, "/");
		if (!(f == 1 && *filter == '+') && !(f == t && !memcmp(filter, topic, f)))
			return false;
		filter += f;
		topic += t;
		if (!*topic)
			return !*filter || !strcmp(filter, "/#");
		if (!*filter)
			return false;
		filter++;
		topic++;
	}
}

/* All sequences of up to `depth` of the words, joined with '/'. Returns how many. */
static size_t all_of(const char *const *words, size_t n_words, int depth, char out[][24])
{
	size_t n = 0, start = 0, end, i, w;

	for (w = 0; w < n_words; w++)
		strcpy(out[n++], words[w]);
	while (--depth) {
		end = n;
		for (i = start; i < end; i++) {
			for (w = 0; w < n_words; w++) {
				strcpy(out[n], out[i]);
				strcat(out[n], "/");
				strcat(out[n++], words[w]);
			}
		}
		start = end;
	}
	return n;
}

/* Topics one level deeper than the filters and with a word that no filter has stand for all. */
static void within_is_what_matching_says(void **state)
{
	static const char *const filter_words[] = {"a", "b", "", "+", "#", "$x"};
	static const char *const topic_words[] = {"a", "b", "", "z", "$x"};
	static char filters[300][24], topics[800][24];
	size_t n_filters = all_of(filter_words, 6, 3, filters);
	size_t n_topics = all_of(topic_words, 5, 4, topics);
	size_t f, a, t;
	size_t yes = 0;

	(void)state;
	for (f = 0; f < n_filters; f++) {
		if (!im_filter_valid(im_str(filters[f])))
			continue;
		for (a = 0; a < n_filters; a++) {
			bool want = true;

			if (!im_filter_valid(im_str(filters[a])))
				continue;
			for (t = 0; want && t < n_topics; t++)
				want = !topics[t][0] || !matches(filters[f], topics[t]) ||
				       matches(filters[a], topics[t]);
			yes += want;
			if (im_filter_within(im_str(filters[f]), im_str(filters[a])) != want)
				fail_msg(
					"%s within %s: should be %d", filters[f], filters[a], want);
		}
	}
	assert_true(yes > 500);
}

/* What a filter reaches, asked topic by topic, agrees with what im_filter_parse says of it. */
static void filters_reach_what_is_said(void **state)
{
	static const char *const words[] = {
		"im", "inbox", "bob", "+", "#", "event", "u", "x", "", "room", "presence"};
	static const char *const inside[] = {"im", "im/x", "im/inbox/bob/event",
		"im/inbox/amy/event", "im/u/bob", "im/room/bob", "im/presence/bob", "im/rpc",
		"im/inbox/bob/u/x", "im/inbox", "im/inbox/bob", "im/bob/u/x", "im//x", "im/event",
		"im/inbox/event", "im/u/x/u", "im/+x/y", "im/inbox/bob/x/y/z"};
	struct prng r = {5};
	int round, inboxes = 0, reaching = 0;

	(void)state;
	for (round = 0; round < 100000; round++) {
		char text[128] = "";
		struct im_filter f;
		size_t i, n = 1 + prng_below(&r, 5);
		bool reaches = false;

		for (i = 0; i < n; i++) {
			strcat(text, i ? "/" : "");
			strcat(text, words[prng_below(&r, 11)]);
		}
		im_filter_parse(PREFIX, im_str(text), &f);
		if (!im_filter_valid(im_str(text))) {
			assert_int_equal(f.topic.kind, IM_TOPIC_BAD);
			continue;
		}
		for (i = 0; i < sizeof(inside) / sizeof(inside[0]); i++) {
			if (!matches(text, inside[i]))
				continue;
			reaches = true;
			/* Whose inbox it is, is never in doubt. */
			if (f.topic.kind == IM_TOPIC_INBOX) {
				struct im_topic t;

				im_topic_parse(PREFIX, im_str(inside[i]), &t);
				assert_int_equal(t.kind, IM_TOPIC_INBOX);
				assert_str_eq(t.id, f.topic.id);
			}
		}
		if (reaches && f.topic.kind == IM_TOPIC_OTHER)
			assert_true(f.reaches_im);
		if (f.topic.kind == IM_TOPIC_INBOX) {
			char event[80];

			snprintf(event, sizeof(event), "im/inbox/%.*s/event", IM_ARGS(f.topic.id));
			assert_int_equal(f.events, matches(text, event));
			inboxes++;
		}
		reaching += f.topic.kind == IM_TOPIC_OTHER && f.reaches_im;
	}
	assert_true(inboxes > 50);
	assert_true(reaching > 1000);
}

/* Any bytes: no crash, and what is handed out lies inside the topic and is a valid name. */
static void any_bytes(void **state)
{
	static const char bits[] = "im/inbox/u/g/s/rpc/room/presence/+#$CONTROL/im/v1/$share/";
	struct prng r = {6};
	int round;

	(void)state;
	for (round = 0; round < 100000; round++) {
		char room[64];
		size_t n = prng_below(&r, sizeof(room));
		size_t at = 0;
		struct im_topic t;
		struct im_filter f;
		char *exact;

		while (at < n) {
			size_t from = prng_below(&r, sizeof(bits) - 1);
			size_t len = 1 + prng_below(&r, 8);

			while (len-- && from < sizeof(bits) - 1 && at < n)
				room[at++] = bits[from++];
		}
		if (n && !prng_below(&r, 4))
			room[prng_below(&r, (uint32_t)n)] = (char)prng_next(&r);
		exact = unit_exact((struct im_str){room, n});
		im_topic_parse(PREFIX, (struct im_str){exact, n}, &t);
		if (t.kind == IM_TOPIC_SEND_USER || t.kind == IM_TOPIC_INBOX)
			assert_true(im_uid_valid(t.id));
		im_filter_parse(PREFIX, (struct im_str){exact, n}, &f);
		if (f.topic.kind == IM_TOPIC_INBOX)
			assert_true(im_uid_valid(f.topic.id));
		assert_int_equal(
			im_filter_within((struct im_str){exact, n}, (struct im_str){exact, n}),
			n > 0);
		free(exact);
	}
}

/* No bound of ours on ordinary topics; what IM cannot name is none of its own either. */
static void ordinary_topics_are_as_long_as_mqtt_lets_them(void **state)
{
	static char text[65536];
	const struct im_str longest = {text, 65535};
	struct im_topic t;
	struct im_filter f;

	(void)state;
	memset(text, 'x', sizeof(text));
	im_topic_parse(PREFIX, longest, &t);
	assert_int_equal(t.kind, IM_TOPIC_OTHER);
	im_filter_parse(PREFIX, longest, &f);
	assert_int_equal(f.topic.kind, IM_TOPIC_OTHER);
	assert_false(f.reaches_im);
	assert_true(im_filter_within(longest, IM_STR("#")));
	assert_false(im_filter_within(longest, IM_STR("x/#")));
	text[1] = '/';
	assert_true(im_filter_within(longest, IM_STR("x/#")));
	memcpy(text, "im/inbox/bob/", 13);
	im_topic_parse(PREFIX, longest, &t);
	assert_int_equal(t.kind, IM_TOPIC_BAD);
	im_topic_parse(PREFIX, (struct im_str){text, IM_TOPIC_MAX}, &t);
	assert_int_equal(t.kind, IM_TOPIC_INBOX);
	im_topic_parse(PREFIX, (struct im_str){text, IM_TOPIC_MAX + 1}, &t);
	assert_int_equal(t.kind, IM_TOPIC_BAD);
	im_filter_parse(PREFIX, (struct im_str){text, IM_TOPIC_MAX + 1}, &f);
	assert_int_equal(f.topic.kind, IM_TOPIC_BAD);
	assert_true(f.reaches_im);
	/* Wildcards before the prefix, however long the rest is. */
	memcpy(text, "+/inbox/bob//", 13);
	im_filter_parse(PREFIX, longest, &f);
	assert_int_equal(f.topic.kind, IM_TOPIC_OTHER);
	assert_true(f.reaches_im);
	memcpy(text, "$im/xxxxx/bo/", 13);
	im_topic_parse(PREFIX, longest, &t);
	assert_int_equal(t.kind, IM_TOPIC_LINK);
	im_filter_parse(PREFIX, longest, &f);
	assert_int_equal(f.topic.kind, IM_TOPIC_LINK);
}

/* Beside a device's level of the inbox stand these. */
static void no_device_is_called_as_a_level_is(void **state)
{
	static const char *const levels[] = {"u", "g", "ack", "event", "signal", "rpc"};
	static const char *const tops[] = {"im/u/fleet/", "im/s/u/fleet/"};
	struct im_topic t;
	char text[64];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		for (size_t k = 0; k < sizeof(levels) / sizeof(levels[0]); k++) {
			snprintf(text, sizeof(text), "%s%s", tops[i], levels[k]);
			im_topic_parse(PREFIX, im_str(text), &t);
			assert_int_equal(t.kind, IM_TOPIC_BAD);
			strcat(text, "1");
			im_topic_parse(PREFIX, im_str(text), &t);
			assert_int_equal(t.kind, i ? IM_TOPIC_SIGNAL_USER : IM_TOPIC_SEND_USER);
			assert_true(im_str_eqz(t.id, "fleet"));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(built_topics_parse_back),
		cmocka_unit_test(within_is_what_matching_says),
		cmocka_unit_test(filters_reach_what_is_said),
		cmocka_unit_test(any_bytes),
		cmocka_unit_test(no_device_is_called_as_a_level_is),
		cmocka_unit_test(ordinary_topics_are_as_long_as_mqtt_lets_them),
	};

	return cmocka_run_group_tests_name("common_topic", tests, NULL, NULL);
}
