/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests of one client; see caller.h. */
#include "tests/bench/caller.h"

#include <stdio.h>
#include <string.h>

static void finish(struct caller *caller, uint64_t now_ns)
{
	caller->busy = false;
	caller->run->done(caller, now_ns);
}

/* As a JSON-RPC object with an id. After a restart of the broker the plugin may have a request
 * answered twice, as QoS 1 may deliver twice; the id tells which request a reply is for. */
static void request(struct caller *caller, const char *method, const char *params, uint64_t now_ns)
{
	char payload[1280];
	int n = snprintf(payload, sizeof(payload),
		"{\"jsonrpc\":\"2.0\",\"id\":%llu,\"method\":\"%s\",\"params\":%s}",
		(unsigned long long)++caller->serial, method, params);
	const struct mqtt_publish publish = {
		.version = caller->run->net->version,
		.qos = 1,
		.mid = 2,
		.topic = {"im/rpc", 6},
		.payload = {payload, (size_t)n},
	};
	if (n >= (int)sizeof(payload) || conn_publish(&caller->conn, &publish)) {
		verdict_fail(caller->run->verdict, "%s: cannot send a request", caller->name);
		finish(caller, now_ns);
	}
}

static void begin(struct caller *caller, uint64_t now_ns)
{
	caller->busy = true;
	caller->begin_ns = now_ns;
	caller->messages = 0;
	caller->pages = 0;
	caller->bytes = 0;
	if (caller->check)
		caller->check->convs = 0;
}

void caller_call(struct caller *caller, const char *method, const char *params, uint64_t now_ns)
{
	begin(caller, now_ns);
	caller->syncing = false;
	request(caller, method, params, now_ns);
}

static void request_page(struct caller *caller, uint64_t now_ns)
{
	char params[RPC_CURSOR_SIZE + 64];
	int n = snprintf(params, sizeof(params), "{");
	if (caller->cursor[0])
		n += snprintf(params + n, sizeof(params) - (size_t)n, "\"cursor\":\"%s\"",
			caller->cursor);
	if (caller->run->limit)
		n += snprintf(params + n, sizeof(params) - (size_t)n, "%s\"limit\":%u",
			caller->cursor[0] ? "," : "", caller->run->limit);
	snprintf(params + n, sizeof(params) - (size_t)n, "}");
	request(caller, "sync", params, now_ns);
}

void caller_sync(struct caller *caller, uint64_t now_ns)
{
	begin(caller, now_ns);
	caller->syncing = true;
	request_page(caller, now_ns);
}

/* Takes one page. 1: there are more, 0: that was all, -1: with a text in why_out. */
static int take_page(struct caller *caller, struct slice result, const char **why_out)
{
	struct slice value, cursor, more;
	*why_out = "sync without messages, cursor or more";
	if (rpc_member(result, "messages", &value))
		return caller->syncing ? -1 : 0;
	long count = rpc_messages(value, caller->check, why_out);
	if (count < 0)
		return -1;
	caller->messages += (uint64_t)count;
	if (!caller->syncing)
		return 0;
	*why_out = "sync without cursor or more";
	if (rpc_member(result, "more", &more) || rpc_member(result, "cursor", &value) ||
		jsonit_plain(value, &cursor) || cursor.n >= sizeof(caller->cursor))
		return -1;
	memcpy(caller->cursor, cursor.p, cursor.n);
	caller->cursor[cursor.n] = 0;
	return slice_is(more, "true");
}

/* Events other than the hello are not the generator's business. */
static void take_event(struct caller *caller, struct slice event)
{
	struct slice kind, value, cursor;
	if (rpc_member(event, "event", &kind) || !slice_is(kind, "\"hello\""))
		return;
	if (rpc_member(event, "cursor", &value) || jsonit_plain(value, &cursor) ||
		cursor.n >= sizeof(caller->newest)) {
		verdict_fail(caller->run->verdict, "%s: a hello without cursor", caller->name);
		return;
	}
	memcpy(caller->newest, cursor.p, cursor.n);
	caller->newest[cursor.n] = 0;
}

static void on_publish(struct conn *conn, const struct mqtt_packet *packet, uint64_t now_ns)
{
	struct caller *caller = (struct caller *)conn;
	struct slice result = {"", 0};
	const char *why = "malformed reply";
	size_t own = strlen(caller->filter) - 1;
	if (packet->topic.n == own + 5 && memcmp(packet->topic.p + own, "event", 5) == 0)
		take_event(caller, packet->payload);
	if (packet->topic.n < own + 4 || memcmp(packet->topic.p + own, "rpc/", 4) != 0)
		return;
	uint64_t id = caller->serial;
	int more = -1;
	int rc = rpc_reply(packet->payload, &id, &result);
	if (!caller->busy || id != caller->serial) {
		caller->run->repeated++;
		return;
	}
	caller->pages++;
	caller->bytes += packet->payload.n;
	if (rc == 0)
		more = take_page(caller, result, &why);
	if (rc > 0)
		verdict_fail(
			caller->run->verdict, "%s: %.*s", caller->name, (int)result.n, result.p);
	else if (more < 0)
		verdict_fail(caller->run->verdict, "%s: %s", caller->name, why);
	if (more == 1)
		request_page(caller, now_ns);
	else
		finish(caller, now_ns);
}

static void on_ready(struct conn *conn)
{
	struct caller *caller = (struct caller *)conn;
	caller->connected = true;
	caller->run->ready(caller);
}

static void on_closed(struct conn *conn, const char *why)
{
	struct caller *caller = (struct caller *)conn;
	caller->busy = false;
	/* lost() still sees whether it was connected. */
	caller->run->lost(caller, why);
	caller->connected = false;
}

void caller_init(struct caller *caller, struct caller_run *run, uint32_t user)
{
	static const struct conn_handler HANDLER = {on_ready, on_publish, NULL, NULL, on_closed};
	memset(caller, 0, sizeof(*caller));
	caller->run = run;
	caller->user = user;
	user_name(caller->name, user);
	snprintf(caller->client_id, sizeof(caller->client_id), "%s-%s", caller->name, run->suffix);
	snprintf(caller->filter, sizeof(caller->filter), "im/inbox/%s/#", caller->name);
	const struct conn_spec spec = {
		.place = user,
		.net = run->net,
		.handler = &HANDLER,
		.client_id = caller->client_id,
		.username = caller->name,
		.password = users_password(run->users, user),
		.filter = caller->filter,
		.filter_qos = 1,
	};
	conn_init(&caller->conn, &spec);
}
