/* SPDX-License-Identifier: BSD-3-Clause */
/* Topics beside what people may do to each other: the rules alone. */
#include "plugin/policy.h"
#include "tests/unit/unit.h"

static void other_topics(void **state)
{
	char *filters[] = {"dev/%u/#", "%u%u/+", "pub/+/x", "$SYS/#"};
	const struct im_conf_list allow = {filters, 4};
	const struct im_str al = IM_STR("al");
	char longname[64], topic[256];
	char *many[] = {
		"%u%u%u%u%u%u%u%u%u%u%u%u%u%u%u%u%u%u%u%u%u%u%u%u%u%u%u%u%u%u%u%u%u%u%u%u%u%u%u"
		"%u%u%u%u%u%u%u%u%u%u%u%u"};

	(void)state;
	assert_true(policy_allowed(&allow, al, IM_STR("dev/al/t")));
	assert_true(policy_allowed(&allow, al, IM_STR("dev/al/#")));
	assert_true(policy_allowed(&allow, al, IM_STR("dev/al")));
	assert_false(policy_allowed(&allow, al, IM_STR("dev/bob/t")));
	assert_false(policy_allowed(&allow, al, IM_STR("dev/+/t")));
	assert_false(policy_allowed(&allow, al, IM_STR("dev/#")));
	assert_false(policy_allowed(&allow, al, IM_STR("#")));
	assert_true(policy_allowed(&allow, al, IM_STR("alal/x")));
	assert_true(policy_allowed(&allow, al, IM_STR("pub/+/x")));
	assert_false(policy_allowed(&allow, al, IM_STR("pub/+/+")));
	assert_true(policy_allowed(&allow, al, IM_STR("$SYS/broker/uptime")));
	assert_false(policy_allowed(&(struct im_conf_list){0}, al, IM_STR("x")));
	/* Too long when filled in: covers nothing. */
	memset(longname, 'n', sizeof(longname));
	memset(topic, 'n', sizeof(topic));
	assert_false(policy_allowed(&(struct im_conf_list){many, 1},
		(struct im_str){longname, sizeof(longname)}, (struct im_str){topic, 200}));
}

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
		cmocka_unit_test(other_topics),
		cmocka_unit_test(dead_ends_say_where_to_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
