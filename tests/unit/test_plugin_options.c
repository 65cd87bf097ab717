/* SPDX-License-Identifier: BSD-3-Clause */
/* The plugin's options. */
#include "common/limits.h"
#include "common/may.h"
#include "plugin/options.h"
#include "tests/unit/unit.h"

#include <stdio.h>

/* Pairs after the two required ones; the result and, on failure, the sentence. */
static int read_with(
	struct options *o, const struct options_pair *more, size_t n, char why_out[256])
{
	struct options_pair pairs[16] = {{"data_dir", "/var/lib/im"}, {"link_listener", "/run/im"}};
	struct im_buf why;
	int ret;

	if (n)
		memcpy(pairs + 2, more, n * sizeof(*more));
	im_buf_init(&why, 0);
	ret = options_read(o, pairs, 2 + n, &why);
	snprintf(why_out, 256, "%.*s", IM_ARGS(why));
	im_buf_free(&why);
	return ret;
}

static void refused(const char *key, const char *value, const char *says)
{
	const struct options_pair p = {key, value};
	struct options o;
	char why[256];

	assert_int_equal(read_with(&o, &p, 1, why), IM_E_FORMAT);
	if (!strstr(why, says))
		fail_msg("%s %s: \"%s\" does not say \"%s\"", key, value, why, says);
}

static void has_good_defaults(void **state)
{
	struct options o;
	char why[256];

	(void)state;
	assert_int_equal(read_with(&o, NULL, 0, why), IM_OK);
	assert_string_equal(o.spool_file, "/var/lib/im/spool");
	assert_int_equal(o.spool_size, 64 << 20);
	assert_int_equal(o.window, 2);
	assert_string_equal(o.link_username, "im-bridge");
	assert_string_equal(o.topic_prefix, "im");
	assert_int_equal(o.max_payload, 65536);
	assert_int_equal(o.rate_messages, 500);
	assert_int_equal(o.rate_bytes, 4 << 20);
	assert_int_equal(o.presence_policy, IM_PRESENCE_EVERYONE);
	assert_int_equal(im_direct_policy_chosen(o.direct_policy), IM_DIRECT_ANYONE);
	assert_false(options_jwt(&o));
	options_clear(&o);
}

static void takes_all_it_documents(void **state)
{
	const struct options_pair p[] = {
		{"spool_file", "/x/spool"},
		{"window", "16"},
		{"allow_topic", "a/%u/#"},
		{"allow_topic", "ready b"},
		{"presence_policy", "contacts"},
		{"direct_policy", "contacts"},
		{"jwt_key_file", "/k"},
		{"jwt_algorithm", "ES256"},
		{"jwt_auto_create", "true"},
		{"topic_prefix", "acme/chat"},
	};
	struct options o;
	char why[256];

	(void)state;
	assert_int_equal(read_with(&o, p, sizeof(p) / sizeof(p[0]), why), IM_OK);
	assert_int_equal(o.allow_topic.n, 2);
	assert_string_equal(o.spool_file, "/x/spool");
	assert_int_equal(o.jwt_algorithm, JWT_ES256);
	assert_true(options_jwt(&o));
	options_clear(&o);
}

static void refuses_with_a_sentence(void **state)
{
	static const struct options_pair both_keys[] = {{"data_dir", "/d"}, {"link_listener", "/s"},
		{"jwt_secret_file", "/k"}, {"jwt_key_file", "/k"}};
	char longest[IM_TOPIC_MAX + 2], said[256];
	struct options o;
	struct im_buf why;

	(void)state;
	refused("windw", "2", "plugin_opt_windw: unknown key \"windw\"; did you mean window?");
	refused("nothing_of_ours", "2", "the keys are data_dir, spool_file, spool_size, window");
	refused("window", "two", "plugin_opt_window: window cannot be \"two\"");
	refused("window", "0", "window");
	refused("window", "17", "window");
	refused("window", "two", "window");
	refused("window", "", "window");
	refused("spool_size", "1k", "spool_size");
	refused("spool_size", "2G", "spool_size");
	refused("max_payload", "2M", "max_payload");
	refused("data_dir", "/again", "data_dir");
	refused("presence_policy", "nobody", "everyone");
	refused("topic_prefix", "", "topic_prefix");
	refused("topic_prefix", "/im", "topic_prefix");
	refused("topic_prefix", "im/", "topic_prefix");
	refused("topic_prefix", "a//b", "topic_prefix");
	refused("topic_prefix", "$im", "topic_prefix");
	refused("topic_prefix", "a/+", "topic_prefix");
	refused("topic_prefix", "#", "topic_prefix");
	refused("topic_prefix", "0123456789012345678901234567890123", "topic_prefix");
	refused("allow_topic", "a/#/b", "allow_topic");
	refused("allow_topic", "", "allow_topic");
	refused("proxy_address", "localhost",
		"proxy_address \"localhost\" is no address: give one");
	refused("proxy_address", "192.0.2.0/24", "is no address");
	refused("proxy_address", "", "proxy_address");
	refused("proxy_address", "/", "is no address");
	refused("proxy_address", "/run/im",
		"is link_listener: give the proxy a listener of its own");
	refused("allow_topic", "$share/x/a", "allow_topic");
	refused("allow_topic", "read sensors/#",
		"takes a filter alone and opens it to everybody in both directions; write `topic "
		"read sensors/#` into an acl_file (plugin_opt_acl_file)");
	refused("allow_topic", "deny a", "acl_file");
	refused("allow_topic", "write a", "acl_file");
	refused("allow_topic", "readwrite a", "acl_file");
	refused("allow_topic", "1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/#", "17 levels");
	refused("im_subscriptions", "0", "im_subscriptions");
	refused("other_subscriptions", "10001", "other_subscriptions");
	memset(longest, 'x', sizeof(longest));
	longest[IM_TOPIC_MAX + 1] = '\0';
	refused("allow_topic", longest, "longer than 1024 bytes");
	memcpy(longest + IM_TOPIC_MAX - 60, "%u", 3);
	refused("allow_topic", longest, "longest username");
	refused("jwt_key_file", "/k", "jwt_algorithm");
	refused("jwt_algorithm", "RS256", "jwt_algorithm is set without a key");
	refused("jwt_algorithm", "HS256", "jwt_algorithm is set without a key");
	refused("jwt_issuer", "me", "jwt_issuer is set without a key");
	refused("jwt_algorithm", "none", "HS256");
	refused("jwt_auto_create", "true", "jwt_auto_create is set without a key");
	assert_int_equal(
		read_with(&o, &(struct options_pair){"jwt_auto_create", "false"}, 1, said), IM_OK);
	options_clear(&o);
	refused("jwt_auto_create", "yes", "jwt_auto_create");
	refused("link_username", "", "link_username");
	im_buf_init(&why, 0);
	assert_int_equal(options_read(&o, both_keys, 4, &why), IM_E_FORMAT);
	im_buf_c(&why, '\0');
	assert_non_null(strstr(why.p, "are both set"));
	im_buf_reset(&why);
	assert_int_equal(options_read(&o, NULL, 0, &why), IM_E_FORMAT);
	im_buf_c(&why, '\0');
	assert_non_null(strstr(why.p, "data_dir"));
	im_buf_free(&why);
}

static void every_key_has_help(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < options_table.n; i++) {
		assert_non_null(options_table.keys[i].help);
		assert_true(strlen(options_table.keys[i].help) > 20);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_good_defaults),
		cmocka_unit_test(takes_all_it_documents),
		cmocka_unit_test(refuses_with_a_sentence),
		cmocka_unit_test(every_key_has_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
