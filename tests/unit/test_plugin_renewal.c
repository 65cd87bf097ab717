/* SPDX-License-Identifier: BSD-3-Clause */
/* session.token: a new token on a connection that stands, in both broker generations; what is
 * refused, and that no token is ever written. */
#include <jwt.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/unit/plugin_node.h"

#define SECRET "0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210"
#define METHOD "im/rpc/session.token"

static void write_secret(const struct node *n, const char *secret)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/secret", n->dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(secret, f);
	fclose(f);
}

/* Ends so many seconds from now. In memory that is used again. */
static const char *token(const struct node *n, const char *uid, int64_t ttl_s, const char *secret)
{
	static char text[4][512];
	static unsigned next;
	char *made, *out = text[next++ % 4];
	jwt_t *j;

	assert_int_equal(jwt_new(&j), 0);
	jwt_add_grant(j, "sub", uid);
	jwt_add_grant_int(j, "exp", (long)(n->wall_ms / 1000 + ttl_s));
	jwt_set_alg(j, JWT_ALG_HS256, (const unsigned char *)secret, (int)strlen(secret));
	made = jwt_encode_str(j);
	snprintf(out, 512, "%s", made);
	free(made);
	jwt_free(j);
	return out;
}

static void begin(struct node *n, bool newer)
{
	char path[128];
	const char *options[] = {
		"jwt_secret_file", path, "jwt_auto_create", "true", "rate_messages", "100", NULL};

	node_folder(n);
	write_secret(n, SECRET);
	snprintf(path, sizeof(path), "%s/secret", n->dir);
	assert_int_equal(node_load(n, newer, options), MOSQ_ERR_SUCCESS);
	node_bridge(n);
}

static void each(void (*test)(struct node *n))
{
	for (int newer = 0; newer < 2; newer++) {
		struct node n;

		begin(&n, newer);
		test(&n);
		node_stop(&n);
	}
}

static struct mosquitto *come(struct node *n, const char *user, const char *password, int version)
{
	char filter[64];
	struct mosquitto *c = fake_connect(&(struct fake_spec){
		.id = "phone", .user = user, .password = password, .version = version});

	assert_non_null(c);
	snprintf(filter, sizeof(filter), "im/inbox/%s/#", user);
	assert_true(fake_subscribe(c, filter));
	node_settle(n);
	return c;
}

static const char *next(struct mosquitto *c)
{
	static char text[1024];
	const struct fake_message *m = fake_received(c);

	if (!m)
		return "";
	snprintf(text, sizeof(text), "%s %.*s", m->topic, IM_ARGS(m->payload));
	return text;
}

static const char *ask(struct node *n, struct mosquitto *c, const char *topic, const char *payload)
{
	assert_int_equal(fake_publish(c, topic, im_str(payload), 1, false, NULL), FAKE_ACCEPTED);
	node_settle(n);
	return next(c);
}

static const char *renew(struct node *n, struct mosquitto *c, const char *jwt)
{
	char payload[1024];

	snprintf(payload, sizeof(payload), "{\"token\":\"%s\"}", jwt);
	return ask(n, c, METHOD, payload);
}

static const char *answer(const struct node *n, const char *id, int64_t ttl_s)
{
	static char text[256];

	snprintf(text, sizeof(text),
		"im/inbox/alice/rpc/phone {\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":"
		"{\"expires\":%lld}}",
		id, (long long)(n->wall_ms / 1000 + ttl_s) * 1000);
	return text;
}

static void it_stays(struct node *n)
{
	struct mosquitto *c = come(n, "alice", token(n, "alice", 100, SECRET), 4);
	char payload[1024];

	assert_string_equal(renew(n, c, token(n, "alice", 200, SECRET)), answer(n, "null", 200));
	/* As JSON-RPC, and however its name is written. */
	snprintf(payload, sizeof(payload),
		"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"session\\u002etoken\",\"params\":"
		"{\"token\":\"%s\"}}",
		token(n, "alice", 300, SECRET));
	assert_string_equal(ask(n, c, "im/rpc", payload), answer(n, "7", 300));
	/* An older one that is sent again changes nothing. */
	assert_string_equal(renew(n, c, token(n, "alice", 200, SECRET)), answer(n, "null", 300));
	node_pass(n, 299000);
	assert_true(fake_connected(c));
	/* The last one ends it. */
	node_pass(n, 1000);
	node_end(n);
	assert_false(fake_connected(c));
	assert_int_equal(node_count(n, IM_UP_RPC), 0);
	assert_int_equal(node_stat(n, "renewals"), 2 + 0);
}

/* MQTT 5 names where the answer goes, and what by. */
static void with_properties(struct node *n)
{
	struct mosquitto *c = come(n, "alice", token(n, "alice", 100, SECRET), 5);
	mosquitto_property *props = NULL;
	const struct fake_message *m;
	char payload[1024];

	mosquitto_property_add_string(&props, MQTT_PROP_RESPONSE_TOPIC, "im/inbox/alice/here");
	mosquitto_property_add_binary(&props, MQTT_PROP_CORRELATION_DATA, "C", 1);
	snprintf(payload, sizeof(payload), "{\"token\":\"%s\"}", token(n, "alice", 200, SECRET));
	assert_int_equal(fake_publish(c, METHOD, im_str(payload), 1, false, props), FAKE_ACCEPTED);
	mosquitto_property_free_all(&props);
	node_settle(n);
	m = fake_received(c);
	assert_string_equal(m->topic, "im/inbox/alice/here");
	assert_string_equal(m->props, "type=application/json;corr=C;");
}

/* A key that is taken away ends what it has let in, but not who has a token by another one since.
 */
static void by_another_key(struct node *n)
{
	struct mosquitto *c = come(n, "alice", token(n, "alice", 1000, SECRET), 4);

	write_secret(n, OTHER);
	fake_reload();
	fake_turn();
	assert_string_equal(next(c),
		"im/inbox/alice/event {\"event\":\"session\",\"action\":\"end\",\"device\":"
		"\"phone\",\"reason\":\"expired\",\"retry\":\"token\"}");
	node_end(n);
	assert_false(fake_connected(c));
	write_secret(n, SECRET);
	fake_reload();
	node_settle(n);
	c = come(n, "alice", token(n, "alice", 1000, SECRET), 4);
	write_secret(n, OTHER);
	/* The token of before is nothing any more, though it would have lasted longer. */
	fake_logged("");
	fake_reload();
	node_settle(n);
	node_end(n);
	assert_false(fake_connected(c));
	c = come(n, "alice", token(n, "alice", 100, OTHER), 4);
	assert_string_equal(renew(n, c, token(n, "alice", 200, OTHER)), answer(n, "null", 200));
	fake_reload();
	node_end(n);
	assert_true(fake_connected(c));
}

static void while_the_bridge_is_away(struct node *n)
{
	/* One who does not exist yet, too. */
	struct mosquitto *c = come(n, "dave", token(n, "dave", 100, SECRET), 4);
	char text[256];

	fake_disconnect(n->bridge, true);
	node_settle(n);
	snprintf(text, sizeof(text),
		"im/inbox/dave/rpc/phone {\"jsonrpc\":\"2.0\",\"id\":null,\"result\":"
		"{\"expires\":%lld}}",
		(long long)(n->wall_ms / 1000 + 500) * 1000);
	assert_string_equal(renew(n, c, token(n, "dave", 500, SECRET)), text);
	node_bridge(n);
}

static void a_token_is_renewed(void **state)
{
	(void)state;
	each(it_stays);
	each(with_properties);
	each(by_another_key);
	each(while_the_bridge_is_away);
}

/* ---- what is refused ---- */

static void refused(struct node *n, struct mosquitto *c, const char *topic, const char *payload,
	const char *error)
{
	const char *got = ask(n, c, topic, payload);

	if (!strstr(got, error))
		fail_msg("%s: %s, not %s", payload, got, error);
}

static void what_is_wrong_is_said(struct node *n)
{
	struct mosquitto *c = come(n, "alice", token(n, "alice", 100, SECRET), 4);
	char text[2048];

	assert_non_null(strstr(renew(n, c, token(n, "bob", 100, SECRET)),
		"-32602,\"message\":\"invalid parameters: params.token: token's sub is not the "
		"username; get a new one"));
	assert_non_null(
		strstr(renew(n, c, token(n, "alice", 100, OTHER)), "token's signature is wrong"));
	assert_non_null(strstr(renew(n, c, token(n, "alice", -1, SECRET)), "token has expired"));
	/* A password is none: nobody tries passwords here. */
	assert_non_null(strstr(renew(n, c, "pw"), "-32602,\"message\":\"invalid parameters: "
						  "params.token: it is no token"));
	refused(n, c, METHOD, "{}", "params.token is missing");
	refused(n, c, METHOD, "[]", "params must be an object");
	refused(n, c, METHOD, "{\"token\":7}", "params.token must be a string");
	refused(n, c, METHOD, "{\"token\":\"a\",\"token\":\"b\"}", "given twice");
	refused(n, c, METHOD, "{\"token\":\"a\",\"ttl\":1}", "the only parameter is token");
	refused(n, c, METHOD, "{\"token\":", "-32700,\"message\":\"parse error");
	refused(n, c, METHOD, "{\"token\":\"\\ud83d\"}", "half a surrogate pair");
	refused(n, c, "im/rpc", "{\"method\":\"session.token\",\"params\":{\"token\":\"x\"}}",
		"-32600,\"message\":\"invalid request: give {");
	refused(n, c, "im/rpc",
		"{\"jsonrpc\":\"2.0\",\"method\":\"session.token\",\"params\":{},\"to\":1}",
		"-32600");
	refused(n, c, "im/rpc", "{\"jsonrpc\":\"2.0\",\"id\":\"i\",\"method\":\"session.token\"}",
		"{\"jsonrpc\":\"2.0\",\"id\":\"i\",\"error\":{\"code\":-32602");
	refused(n, c, "im/rpc", "{\"jsonrpc\":\"2.0\",\"method\":\"session.token\",", "-32700");
	snprintf(text, sizeof(text),
		"[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"session.token\",\"params\":{\"token\":"
		"\"%s\"}}]",
		token(n, "alice", 900, SECRET));
	refused(n, c, "im/rpc", text, "asked for alone");
	/* Nothing of it was written or has changed anything; what only looks like it, is written.
	 */
	assert_int_equal(node_count(n, IM_UP_RPC), 0);
	assert_string_equal(
		ask(n, c, "im/rpc",
			"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"search\",\"params\":"
			"{\"q\":\"session.token\"}}"),
		"");
	assert_int_equal(node_count(n, IM_UP_RPC), 1);
	node_pass(n, 101000);
	node_end(n);
	assert_false(fake_connected(c));
}

static void who_has_no_token(struct node *n)
{
	struct mosquitto *c = come(n, "alice", "pw", 4);

	assert_non_null(strstr(renew(n, c, token(n, "alice", 100, SECRET)),
		"-32012,\"message\":\"not allowed: this connection has not begun with a token"));
	node_pass(n, 200000);
	assert_true(fake_connected(c));
}

/* Who is ended is not let back in by it. */
static void who_is_told_to_go(struct node *n)
{
	struct mosquitto *c = come(n, "alice", token(n, "alice", 100, SECRET), 5);
	char payload[1024];

	node_pass(n, 100000);
	snprintf(payload, sizeof(payload), "{\"token\":\"%s\"}", token(n, "alice", 200, SECRET));
	assert_int_equal(fake_publish(c, METHOD, im_str(payload), 1, false, NULL), FAKE_DENIED);
	node_end(n);
	assert_false(fake_connected(c));
}

/* Wrong signatures cost what they cost at a login, and requests count as others do. */
static void it_is_bounded(struct node *n)
{
	struct mosquitto *c = come(n, "alice", token(n, "alice", 100, SECRET), 4);
	int busy = 0, limited = 0;

	for (int i = 0; i < 500; i++)
		limited +=
			strstr(renew(n, c, token(n, "alice", 1000 + i, OTHER)), "-32008") != NULL;
	assert_in_range(limited, 90, 110);
	node_pass(n, 10000);
	/* As if a look took long. */
	n->mono_step_us = 20000;
	for (int i = 0; i < 300; i++)
		busy += strstr(renew(n, c, token(n, "alice", 2000 + i, OTHER)), "-32009") != NULL;
	n->mono_step_us = 0;
	assert_in_range(busy, 100, 300);
	assert_int_equal(node_count(n, IM_UP_RPC), 0);
}

static void what_is_refused(void **state)
{
	(void)state;
	each(what_is_wrong_is_said);
	each(who_has_no_token);
	each(who_is_told_to_go);
	each(it_is_bounded);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_is_renewed),
		cmocka_unit_test(what_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
