/* SPDX-License-Identifier: BSD-3-Clause */
/* The word list: whole words, parts, other scripts, masking, refused lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "bridge/message/wordlist.h"

static struct wordlist *make(const char *text)
{
	struct wordlist *w = NULL;
	struct im_buf why;
	im_buf_init(&why, 0);
	assert_int_equal(wordlist_compile(im_str(text), "words", &w, &why), IM_OK);
	im_buf_free(&why);
	return w;
}

static void assert_mask(struct wordlist *w, const char *text, const char *masked)
{
	struct im_buf out;
	im_buf_init(&out, 0);
	wordlist_mask(w, im_str(text), &out);
	im_buf_c(&out, '\0');
	assert_false(out.failed);
	assert_string_equal(out.p, masked);
	im_buf_free(&out);
}

static void whole_words_match_in_either_case(void **state)
{
	(void)state;
	struct wordlist *w = make("# comment\n\nass\nbad phrase\n");
	assert_int_equal(wordlist_size(w), 2);
	assert_true(wordlist_match(w, im_str("you ASS!")));
	assert_true(wordlist_match(w, im_str("a Bad Phrase")));
	assert_false(wordlist_match(w, im_str("a class assembles")));
	assert_false(wordlist_match(w, im_str("")));
	wordlist_free(&w);
}

static void parts_and_other_scripts_match_anywhere(void **state)
{
	(void)state;
	struct wordlist *w = make("*spam*\n坏话\nслово\n");
	assert_true(wordlist_match(w, im_str("antispamming")));
	assert_true(wordlist_match(w, im_str("他说坏话了")));
	assert_true(wordlist_match(w, im_str("СЛОВО")));
	assert_false(wordlist_match(w, im_str("坏 话")));
	wordlist_free(&w);
}

static void operators_are_plain_characters(void **state)
{
	(void)state;
	struct wordlist *w = make("a.c\n(x|y)\n");
	assert_true(wordlist_match(w, im_str("see a.c here")));
	assert_false(wordlist_match(w, im_str("see abc here")));
	assert_true(wordlist_match(w, im_str("f(x|y)")));
	assert_false(wordlist_match(w, im_str("f(x)")));
	wordlist_free(&w);
}

static void a_mask_hides_each_character_once(void **state)
{
	(void)state;
	struct wordlist *w = make("ass\n坏话\n*spam*\n");
	assert_mask(w, "an ass, 坏话, antispam; class", "an ***, **, anti****; class");
	assert_mask(w, "nothing here", "nothing here");
	wordlist_free(&w);
}

static void an_empty_list_matches_nothing(void **state)
{
	(void)state;
	struct wordlist *w = make("# only this\n");
	assert_int_equal(wordlist_size(w), 0);
	assert_false(wordlist_match(w, im_str("anything")));
	assert_mask(w, "anything", "anything");
	wordlist_free(&w);
}

static void a_bad_entry_is_named_with_its_line(void **state)
{
	(void)state;
	struct wordlist *w = NULL;
	struct im_buf why;
	im_buf_init(&why, 0);
	assert_int_equal(
		wordlist_compile(im_str("fine\n\xff\xfe\n"), "words", &w, &why), IM_E_FORMAT);
	im_buf_c(&why, '\0');
	assert_string_equal(why.p, "words:2: the entry is not UTF-8; save the file as UTF-8");
	assert_null(w);
	char longer[200];
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	im_buf_reset(&why);
	assert_int_equal(wordlist_compile(im_str(longer), "words", &w, &why), IM_E_FORMAT);
	assert_non_null(strstr(why.p, "words:1: the entry is longer than 128 bytes"));
	im_buf_reset(&why);
	assert_int_equal(
		wordlist_compile(im_str("# none\rdamn\r\n"), "words", &w, &why), IM_E_FORMAT);
	im_buf_c(&why, '\0');
	assert_string_equal(
		why.p, "words:1: a carriage return within the line: end lines with LF or CR LF");
	im_buf_free(&why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_words_match_in_either_case),
		cmocka_unit_test(parts_and_other_scripts_match_anywhere),
		cmocka_unit_test(operators_are_plain_characters),
		cmocka_unit_test(a_mask_hides_each_character_once),
		cmocka_unit_test(an_empty_list_matches_nothing),
		cmocka_unit_test(a_bad_entry_is_named_with_its_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
