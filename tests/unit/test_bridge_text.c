/* SPDX-License-Identifier: BSD-3-Clause */
/* What names, notes and reactions may hold. */
#include "tests/unit/unit.h"

#include "bridge/message/text.h"

struct text_case {
	const char *text, *fault; /* part of it; NULL: none */
};

static void check(const char *(*fault_of)(struct im_str), const struct text_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct im_str s = im_str(cases[i].text);
		char *exact = unit_exact(s);
		const char *fault = fault_of((struct im_str){exact, s.n});

		if (!fault != !cases[i].fault || (fault && !strstr(fault, cases[i].fault)))
			fail_msg("%zu \"%s\": %s", i, cases[i].text, fault ? fault : "no fault");
		free(exact);
	}
}

#define CHECK(fault_of, cases) check(fault_of, cases, sizeof(cases) / sizeof((cases)[0]))

static void a_line_is_one_line_that_can_be_seen(void **state)
{
	static const struct text_case cases[] = {{"", NULL}, {"Alice", NULL},
		{"Ærøskøbing 2 – Müller & Söhne", NULL}, {"小明", NULL}, {"😀", NULL},
		{"❤️‍🔥", NULL}, {"محمد", NULL}, {"שלום\xe2\x80\x8f!", NULL},
		{"می\xe2\x80\x8cخواهم", NULL}, {"की", NULL}, {" spaced out ", NULL},
		{"\xf0\x9f\xab\xa9", NULL}, /* newer than us */
		{"a\nb", "line"}, {"a\r", "line"}, {"a\tb", "control"}, {"\x1b[31mred", "control"},
		{"\x7f", "control"}, {"a\xc2\x85z", "control"}, {"a\xe2\x80\xa8z", "line"},
		{"a\xe2\x80\xa9", "line"}, {"admin\xe2\x80\xaetxt", "direction"},
		{"\xe2\x80\xaa", "direction"}, {"a\xe2\x80\xac", "direction"},
		{"a\xe2\x81\xa6z", "direction"}, {"a\xe2\x81\xa9", "direction"}, {" ", "seen"},
		{"\xc2\xa0\xe3\x80\x80", "seen"}, {"\xe2\x80\x8b", "seen"},
		{"\xef\xbb\xbf", "seen"}, {"\xe2\x80\x8d\xe2\x80\x8d", "seen"},
		{"\xef\xb8\x8f", "seen"}, {"\xe3\x85\xa4", "seen"},
		{"\xef\xbe\xa0\xe1\x85\x9f", "seen"}, {"\xe2\xa0\x80", "seen"},
		{"\xcc\x81", "seen"}, {"\xc2\xad", "seen"}, {"\xf3\xa0\x81\x81", "seen"},
		{"\xe2\x80\x8e \xe2\x81\xa0", "seen"}};

	(void)state;
	CHECK(text_line_fault, cases);
	assert_null(text_line_fault((struct im_str){NULL, 0}));
	assert_non_null(text_line_fault(IM_STR("a\0b")));
}

static void a_note_may_have_lines(void **state)
{
	static const struct text_case cases[] = {{"", NULL}, {"two\nlines\n\tand a tab", NULL},
		{"a\rb", "control"}, {"\x1b[2J", "control"}, {"\n\t ", "seen"},
		{"a\xe2\x80\xaez", "direction"}};

	(void)state;
	CHECK(text_note_fault, cases);
}

static void an_emoji_has_one_key(void **state)
{
	static const struct {
		const char *sent, *key;
	} cases[] = {{"❤️", "❤️"}, {"❤", "❤️"}, {"❤\xef\xb8\x8e", "❤️"}, {"👍", "👍"},
		{"👍\xef\xb8\x8f", "👍"}, {"👍🏽", "👍🏽"}, {"☝", "☝️"},
		{"☝️🏽", "☝🏽"}, {"☝🏽", "☝🏽"},
		{"❤\xe2\x80\x8d🔥", "❤️‍🔥"}, {"❤️‍🔥", "❤️‍🔥"},
		{"👩‍❤️‍💋‍👨", "👩‍❤️‍💋‍👨"},
		{"👩‍❤‍💋‍👨", "👩‍❤️‍💋‍👨"},
		{"🤷🏽‍♂", "🤷🏽‍♂️"}, {"🏳‍🌈", "🏳️‍🌈"},
		{"👁️‍🗨️", "👁️‍🗨️"},
		{"👨‍👩‍👧‍👦", "👨‍👩‍👧‍👦"}, {"1️⃣", "1️⃣"},
		{"1\xe2\x83\xa3", "1️⃣"}, {"#️⃣", "#️⃣"}, {"🇩🇪", "🇩🇪"},
		{"🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"}, {"㊗", "㊗️"},
		{"㊗️", "㊗️"}, {"⭐", "⭐"}, {"⭐️", "⭐"}, {"©", "©️"},
		{"👍\xe2\x80\x8d", "👍"}, {"\xe2\x80\x8d👍", "👍"}, {"🎉🎉", "🎉🎉"},
		{"\xf0\x9f\xab\xa9", "\xf0\x9f\xab\xa9"}, {"+1", "+1"}, {"like", "like"},
		{"thumbs up", "thumbs up"}, {":party:", ":party:"}, {"e\xcc\x81", "é"},
		{"می\xe2\x80\x8cخواهم", "می\xe2\x80\x8cخواهم"}};
	struct im_buf key, again;

	(void)state;
	im_buf_init(&key, 0);
	im_buf_init(&again, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		im_buf_reset(&key);
		im_buf_reset(&again);
		assert_null(text_reaction(im_str(cases[i].sent), &key));
		assert_str_eq(im_buf_view(&key), im_str(cases[i].key));
		assert_null(text_reaction(im_buf_view(&key), &again));
		assert_str_eq(im_buf_view(&again), im_buf_view(&key));
	}
	im_buf_free(&key);
	im_buf_free(&again);
}

static const char *reaction_fault(struct im_str s)
{
	struct im_buf key;
	const char *fault;

	im_buf_init(&key, 0);
	fault = text_reaction(s, &key);
	im_buf_free(&key);
	return fault;
}

static void what_is_no_reaction_is_refused(void **state)
{
	static const struct text_case cases[] = {{"", "seen"}, {" ", "seen"},
		{"\xef\xb8\x8f", "seen"}, {"👍\n", "control"}, {"\x01", "control"},
		{"a\xe2\x80\xaez", "direction"}, {"👍\xe2\x80\x8b", "invisible"},
		{"like\xe2\x81\xa0", "invisible"}, {"👍\xf3\xa0\x81\xa7", "invisible"},
		{"a\xe3\x85\xa4", "invisible"}};

	(void)state;
	CHECK(reaction_fault, cases);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_one_line_that_can_be_seen),
		cmocka_unit_test(a_note_may_have_lines),
		cmocka_unit_test(an_emoji_has_one_key),
		cmocka_unit_test(what_is_no_reaction_is_refused),
	};

	return cmocka_run_group_tests_name("bridge text", tests, NULL, NULL);
}
