/* SPDX-License-Identifier: BSD-3-Clause */
/* Receivers of the load generator; see receiver.h. */
#include "tests/bench/receiver.h"

#include "tests/bench/message.h"
#include "tests/bench/sender.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum topic_use { TOPIC_MESSAGE, TOPIC_OTHER, TOPIC_UNEXPECTED };

static bool is_group(const struct flow *flow)
{
	return flow->opt.kind == FLOW_GROUP || flow->opt.kind == FLOW_ROOM;
}

/* What the subscription im/inbox/{me}/# brings besides messages. */
static enum topic_use use_of(const struct receiver *r, struct slice topic)
{
	size_t own = strlen(r->filter);
	if (r->filter[own - 1] != '#')
		return slice_is(topic, r->filter) ? TOPIC_MESSAGE : TOPIC_UNEXPECTED;
	if (topic.n < own + 2 || memcmp(topic.p, r->filter, own - 1) != 0)
		return TOPIC_UNEXPECTED;
	struct slice kind = {topic.p + own - 1, topic.n - own + 1};
	if (kind.p[1] == '/' && kind.p[0] == (is_group(r->flow) ? 'g' : 'u'))
		return TOPIC_MESSAGE;
	if (slice_is(kind, "event") || slice_is(kind, "ack"))
		return TOPIC_OTHER;
	return TOPIC_UNEXPECTED;
}

/* Is the message from this run's sender that may write to this receiver? */
static bool belongs(const struct receiver *r, const struct message *m)
{
	const struct flow *flow = r->flow;
	if (m->tag.run != flow->run->id || m->tag.flow != flow->index ||
		m->tag.sender >= flow->opt.senders || m->payload_size != flow->opt.payload)
		return false;
	if (flow->opt.kind == FLOW_PAIR && m->tag.sender != r->index)
		return false;
	return !flow->run->im || slice_is(m->from, flow->senders[m->tag.sender].name);
}

static void check_order(struct receiver *r, struct receiver_stream *stream, const struct message *m)
{
	struct flow *flow = r->flow;
	enum verify_result result = flow->opt.kind == FLOW_RANDOM
					    ? verify_rising(&stream->order, m->tag.number)
					    : verify_dense(&stream->order, m->tag.number);
	if (result != VERIFY_OK)
		verdict_fail(flow->run->verdict, "%s: message %u of sender %u: %s", r->name,
			m->tag.number, m->tag.sender, verify_name(result));
	if (is_group(flow))
		r->digest = verify_digest(r->digest, m->tag.sender, m->tag.number);
}

static void check_seq(struct receiver *r, struct receiver_stream *stream, const struct message *m)
{
	uint64_t *last = is_group(r->flow) ? &r->last_seq : &stream->last_seq;
	if (m->seq == 0 || (*last && m->seq != *last + 1))
		verdict_fail(r->flow->run->verdict, "%s: seq %llu after %llu", r->name,
			(unsigned long long)m->seq, (unsigned long long)*last);
	*last = m->seq;
	sender_check_seq(&r->flow->senders[m->tag.sender], m->tag.number, m->seq);
}

/* As a device does that has missed nothing: every message is checked here to be the next one. */
static void acknowledge(struct receiver *r, const struct message *m, uint64_t now_ns)
{
	const struct flow *flow = r->flow;
	char cursor[24];
	int n;
	if (m->safe > r->safe)
		r->safe = m->safe;
	if (!flow->opt.ack_ms || now_ns - r->acked_ns < flow->opt.ack_ms * UINT64_C(1000000))
		return;
	r->acked_ns = now_ns;
	n = snprintf(cursor, sizeof(cursor), "%llu", (unsigned long long)r->safe);
	const struct mqtt_publish publish = {.version = flow->run->net->version,
		.topic = {"im/ack", 6},
		.payload = {cursor, (size_t)n}};
	if (conn_publish(&r->conn, &publish))
		verdict_fail(flow->run->verdict, "%s: cannot acknowledge", r->name);
}

/* Of several brokers the bridge need not have heard yet that somebody has subscribed at one: what
 * comes through another one before it has greeted him is not sent there. */
static bool awaits_hello(const struct receiver *r)
{
	return r->flow->run->im && r->filter[strlen(r->filter) - 1] == '#';
}

static void greeted(struct receiver *r)
{
	if (awaits_hello(r) && !r->greeted)
		connector_on_ready(r->flow->run->connector);
	r->greeted = true;
}

static void on_publish(struct conn *conn, const struct mqtt_packet *packet, uint64_t now_ns)
{
	struct receiver *r = (struct receiver *)conn;
	struct flow *flow = r->flow;
	struct flow_run *run = flow->run;
	struct message m;
	enum topic_use use = use_of(r, packet->topic);
	if (use == TOPIC_OTHER) {
		greeted(r);
		return;
	}
	if (use == TOPIC_UNEXPECTED || packet->dup || message_parse(packet->payload, &m) ||
		!belongs(r, &m)) {
		verdict_fail(run->verdict, "%s: unexpected on %.*s: %.*s", r->name,
			(int)packet->topic.n, packet->topic.p, (int)packet->payload.n,
			packet->payload.p);
		return;
	}
	struct receiver_stream *stream = &r->stream[r->streams == 1 ? 0 : m.tag.sender];
	check_order(r, stream, &m);
	if (run->im)
		check_seq(r, stream, &m);
	if (run->im)
		acknowledge(r, &m, now_ns);
	r->delivered++;
	flow->total.delivered++;
	flow->measured.delivered += flow_measures(run, now_ns);
	if (flow_measures(run, m.start_ns))
		hist_record(&flow->delivery, now_ns - m.start_ns);
	sender_delivered(&flow->senders[m.tag.sender], m.tag.number, now_ns);
}

static void on_ready(struct conn *conn)
{
	struct receiver *r = (struct receiver *)conn;
	if (!awaits_hello(r))
		connector_on_ready(r->flow->run->connector);
}

static void on_pong(struct conn *conn)
{
	((struct receiver *)conn)->flow->run->pongs++;
}

static void on_closed(struct conn *conn, const char *why)
{
	struct receiver *r = (struct receiver *)conn;
	verdict_fail(r->flow->run->verdict, "receiver %s: %s", r->name, why);
	r->flow->run->fatal = true;
}

static uint32_t user_of(const struct flow_options *opt, uint32_t index)
{
	switch (opt->kind) {
	case FLOW_PAIR:
		return opt->base + 2 * index + 1;
	case FLOW_RANDOM:
		return opt->base + opt->senders + index;
	default:
		return opt->base + index;
	}
}

int receiver_open(struct receiver *r, struct flow *flow, uint32_t index)
{
	static const struct conn_handler HANDLER = {on_ready, on_publish, NULL, on_pong, on_closed};
	char group[USER_NAME_SIZE];
	uint32_t user = user_of(&flow->opt, index);
	/* Plain Mosquitto's counterpart of a group is a topic that its members subscribe to. */
	bool on_room =
		flow->opt.kind == FLOW_ROOM || (flow->opt.kind == FLOW_GROUP && !flow->run->im);
	r->streams = flow->opt.kind == FLOW_PAIR ? 1 : flow->opt.senders;
	r->stream = calloc(r->streams, sizeof(*r->stream));
	if (!r->stream)
		return -1;
	r->flow = flow;
	r->index = index;
	user_name(r->name, user);
	group_name(group, flow->opt.group);
	snprintf(r->client_id, sizeof(r->client_id), "%s-r", r->name);
	if (on_room)
		snprintf(r->filter, sizeof(r->filter), "im/room/%s", group);
	else
		snprintf(r->filter, sizeof(r->filter), "im/inbox/%s/#", r->name);
	const uint32_t spread = flow->opt.kind == FLOW_PAIR ? flow->run->net->brokers : 1;
	const struct conn_spec spec = {
		/* A pair is at two brokers as often as chance would have it. */
		.place = flow->opt.apart ? index + 1 : index / spread,
		.net = flow->run->net,
		.handler = &HANDLER,
		.client_id = r->client_id,
		.username = r->name,
		.password = users_password(flow->run->users, user),
		.filter = r->filter,
		.filter_qos = 1,
	};
	conn_init(&r->conn, &spec);
	connector_add(flow->run->connector, &r->conn);
	return 0;
}

void receiver_close(struct receiver *r)
{
	if (r->flow) {
		conn_close(&r->conn, true);
		conn_clear(&r->conn);
	}
	free(r->stream);
	r->stream = NULL;
}
