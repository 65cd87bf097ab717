/* SPDX-License-Identifier: BSD-3-Clause */
/* Topics beside what people may do to each other: the rules alone. */
#include "plugin/policy.h"
#include "tests/unit/unit.h"

static void dead_ends_say_where_to_go(void **state)
{
	struct im_buf why;

	(void)state;
	im_buf_init(&why, 0);
	assert_int_equal(policy_no_topic(IM_TOPIC_INBOX, IM_STR("chat"), &why), IM_E_NOT_ALLOWED);
	im_buf_c(&why, '\0');
	assert_non_null(strstr(why.p, "chat/u/{user}"));
	im_buf_reset(&why);
	assert_int_equal(policy_no_topic(IM_TOPIC_CTRL, IM_STR("im"), &why), IM_E_NOT_ALLOWED);
	im_buf_c(&why, '\0');
	assert_non_null(strstr(why.p, "admins"));
	im_buf_free(&why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dead_ends_say_where_to_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
