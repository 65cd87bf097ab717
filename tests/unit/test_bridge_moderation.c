/* SPDX-License-Identifier: BSD-3-Clause */
/* Moderation: what passes, what is masked, what is rejected, and a list that cannot be read. */
#include <sys/stat.h>

#include "tests/unit/words.h"

static int check(struct moderation *m, enum im_enc enc, const char *body)
{
	struct im_str s = im_str(body);

	return moderation_check(m, enc, &s);
}

static void without_a_list_everything_passes(void **state)
{
	struct moderation m = {0};
	struct im_buf why;

	(void)state;
	im_buf_init(&why, 0);
	assert_int_equal(moderation_load(&m, NULL, MODERATION_REJECT, &why), IM_OK);
	assert_int_equal(check(&m, IM_ENC_TEXT, "damn"), IM_OK);
	im_buf_free(&why);
	moderation_clear(&m);
}

static void a_listed_word_is_rejected(void **state)
{
	struct moderation m = {0};

	(void)state;
	words_load(&m, "damn\n", MODERATION_REJECT);
	assert_int_equal(check(&m, IM_ENC_TEXT, "oh DAMN"), IM_E_NOT_ALLOWED);
	assert_int_equal(check(&m, IM_ENC_TEXT, "oh dear"), IM_OK);
	assert_int_equal(check(&m, IM_ENC_BYTES, "damn\xff"), IM_OK);
	moderation_clear(&m);
}

static void a_listed_word_is_masked(void **state)
{
	struct moderation m = {0};
	struct im_str body = IM_STR("oh damn it");

	(void)state;
	words_load(&m, "damn\n", MODERATION_MASK);
	assert_int_equal(moderation_check(&m, IM_ENC_TEXT, &body), IM_OK);
	assert_true(im_str_eqz(body, "oh **** it"));
	moderation_clear(&m);
}

static void json_cannot_hide_a_word_behind_escapes(void **state)
{
	struct moderation m = {0};

	(void)state;
	words_load(&m, "damn\n", MODERATION_MASK);
	assert_int_equal(
		check(&m, IM_ENC_JSON, "{\"a\":[1,{\"b\":\"oh d\\u0061mn\"}]}"), IM_E_NOT_ALLOWED);
	assert_int_equal(check(&m, IM_ENC_JSON, "{\"damn\":1}"), IM_E_NOT_ALLOWED);
	assert_int_equal(check(&m, IM_ENC_JSON, "{\"d\\u0061mn\":1}"), IM_E_NOT_ALLOWED);
	assert_int_equal(
		check(&m, IM_ENC_JSON, "[{\"x\":{\"\\u0064AMN\":null}}]"), IM_E_NOT_ALLOWED);
	assert_int_equal(check(&m, IM_ENC_JSON, "{\"a\":\"fine\"}"), IM_OK);
	moderation_clear(&m);
}

static void a_list_that_cannot_be_read_leaves_the_old_one(void **state)
{
	struct moderation m = {0};
	struct im_buf why;

	(void)state;
	words_load(&m, "damn\n", MODERATION_REJECT);
	im_buf_init(&why, 0);
	assert_int_equal(
		moderation_load(&m, "/nonexistent/words", MODERATION_REJECT, &why), IM_E_IO);
	im_buf_c(&why, '\0');
	assert_non_null(strstr(why.p, "cannot read the word list /nonexistent/words"));
	assert_int_equal(check(&m, IM_ENC_TEXT, "damn"), IM_E_NOT_ALLOWED);
	im_buf_free(&why);
	moderation_clear(&m);
}

/* Nor does one that is about to be written, or is no file, for which nobody waits. */
static void an_empty_list_and_a_pipe_leave_the_old_one(void **state)
{
	char path[] = "/tmp/im-words-XXXXXX";
	struct moderation m = {0};
	struct im_buf why;

	(void)state;
	close(mkstemp(path));
	im_buf_init(&why, 0);
	/* At start it may be empty. */
	assert_int_equal(moderation_load(&m, path, MODERATION_REJECT, &why), IM_OK);
	words_load(&m, "damn\n", MODERATION_REJECT);
	assert_int_equal(moderation_load(&m, path, MODERATION_REJECT, &why), IM_E_FORMAT);
	im_buf_c(&why, '\0');
	assert_non_null(strstr(why.p, " is empty: write the file beside and rename it"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(moderation_load(&m, path, MODERATION_REJECT, &why), IM_E_IO);
	im_buf_c(&why, '\0');
	assert_int_equal(unlink(path), 0);
	assert_int_equal(check(&m, IM_ENC_TEXT, "damn"), IM_E_NOT_ALLOWED);
	words_load(&m, "# none\n", MODERATION_REJECT);
	assert_int_equal(check(&m, IM_ENC_TEXT, "damn"), IM_OK);
	im_buf_free(&why);
	moderation_clear(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_list_everything_passes),
		cmocka_unit_test(a_listed_word_is_rejected),
		cmocka_unit_test(a_listed_word_is_masked),
		cmocka_unit_test(json_cannot_hide_a_word_behind_escapes),
		cmocka_unit_test(a_list_that_cannot_be_read_leaves_the_old_one),
		cmocka_unit_test(an_empty_list_and_a_pipe_leave_the_old_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
