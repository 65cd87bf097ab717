/* SPDX-License-Identifier: BSD-3-Clause */
/* Who may write to whom and see what: the rules alone. */
#include "plugin/policy.h"
#include "tests/unit/unit.h"

static int direct(struct policy_direct f)
{
	struct im_buf why;
	int code;

	im_buf_init(&why, 0);
	code = policy_direct(&f, &why);
	/* Every refusal says what would be right. */
	assert_int_equal(code != IM_OK, why.n > 10);
	im_buf_free(&why);
	return code;
}

static void direct_messages(void **state)
{
	(void)state;
	assert_int_equal(direct((struct policy_direct){.exists = true}), IM_OK);
	assert_int_equal(direct((struct policy_direct){.self = true, .blocked = true}), IM_OK);
	assert_int_equal(direct((struct policy_direct){0}), IM_E_UNKNOWN_USER);
	assert_int_equal(
		direct((struct policy_direct){.exists = true, .blocked = true, .contact = true}),
		IM_E_BLOCKED);
	assert_int_equal(
		direct((struct policy_direct){.exists = true, .server_rule = DIRECT_CONTACTS}),
		IM_E_CONTACTS_ONLY);
	assert_int_equal(direct((struct policy_direct){
				 .exists = true, .server_rule = DIRECT_CONTACTS, .contact = true}),
		IM_OK);
	/* The recipient's own choice goes before the server's. */
	assert_int_equal(
		direct((struct policy_direct){
			.exists = true, .server_rule = DIRECT_CONTACTS, .recipient_rule = 1}),
		IM_OK);
	assert_int_equal(
		direct((struct policy_direct){
			.exists = true, .server_rule = DIRECT_ANYONE, .recipient_rule = 2}),
		IM_E_CONTACTS_ONLY);
}

static int group(struct policy_group f)
{
	struct im_buf why;
	int code;

	im_buf_init(&why, 0);
	code = policy_group(&f, &why);
	assert_int_equal(code != IM_OK, why.n > 10);
	im_buf_free(&why);
	return code;
}

/* Nobody can tell a group that is joined by invitation from one that is not there. */
static void a_hidden_group_is_refused_as_none(void **state)
{
	struct im_buf hidden, none;

	(void)state;
	im_buf_init(&hidden, 0);
	im_buf_init(&none, 0);
	assert_int_equal(
		policy_group(&(struct policy_group){.exists = true, .hidden = true}, &hidden),
		policy_group(&(struct policy_group){0}, &none));
	assert_true(im_str_eq(im_buf_view(&hidden), im_buf_view(&none)));
	im_buf_free(&hidden);
	im_buf_free(&none);
}

static void group_messages(void **state)
{
	const int64_t now = 1000;

	(void)state;
	assert_int_equal(group((struct policy_group){0}), IM_E_UNKNOWN_GROUP);
	assert_int_equal(group((struct policy_group){.exists = true}), IM_E_NOT_MEMBER);
	assert_int_equal(
		group((struct policy_group){.exists = true, .hidden = true}), IM_E_UNKNOWN_GROUP);
	assert_int_equal(
		group((struct policy_group){.exists = true, .hidden = true, .member = true}),
		IM_OK);
	assert_int_equal(group((struct policy_group){.exists = true, .member = true}), IM_OK);
	assert_int_equal(group((struct policy_group){.exists = true,
				 .member = true,
				 .now_ms = now,
				 .member_muted_until_ms = now + 1}),
		IM_E_MUTED);
	assert_int_equal(group((struct policy_group){.exists = true,
				 .member = true,
				 .now_ms = now,
				 .member_muted_until_ms = now}),
		IM_OK);
	assert_int_equal(group((struct policy_group){.exists = true,
				 .member = true,
				 .now_ms = now,
				 .group_muted_until_ms = now + 1}),
		IM_E_MUTED);
	/* The mute of all spares admins and the owner; a mute of one spares nobody. */
	for (int role = 1; role <= 2; role++) {
		assert_int_equal(group((struct policy_group){.exists = true,
					 .member = true,
					 .role = role,
					 .now_ms = now,
					 .group_muted_until_ms = now + 1}),
			IM_OK);
		assert_int_equal(group((struct policy_group){.exists = true,
					 .member = true,
					 .role = role,
					 .now_ms = now,
					 .member_muted_until_ms = now + 1}),
			IM_E_MUTED);
	}
}

static void presence(void **state)
{
	(void)state;
	for (int rule = PRESENCE_EVERYONE; rule <= PRESENCE_SELF; rule++) {
		assert_true(policy_presence(&(struct policy_presence){.rule = rule, .self = true}));
		assert_true(
			policy_presence(&(struct policy_presence){.rule = rule, .admin = true}));
		assert_false(policy_presence(
			&(struct policy_presence){.rule = rule, .blocked = true, .contact = true}));
		assert_int_equal(policy_presence(&(struct policy_presence){.rule = rule}),
			rule == PRESENCE_EVERYONE);
		assert_int_equal(
			policy_presence(&(struct policy_presence){.rule = rule, .contact = true}),
			rule != PRESENCE_SELF);
	}
}

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
		cmocka_unit_test(direct_messages),
		cmocka_unit_test(group_messages),
		cmocka_unit_test(a_hidden_group_is_refused_as_none),
		cmocka_unit_test(presence),
		cmocka_unit_test(other_topics),
		cmocka_unit_test(dead_ends_say_where_to_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
