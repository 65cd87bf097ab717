/* SPDX-License-Identifier: BSD-3-Clause */
/* Senders of the load generator; see sender.h. */
#include "tests/bench/sender.h"

#include "tests/bench/message.h"
#include "tests/bench/receiver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Message ids run from 1 to this, round and round; larger than any window. */
#define MID_COUNT 65000u

enum { STAGE_PUBACK = 1, STAGE_ACK = 2, STAGE_DELIVERY = 4 };

static unsigned stages_needed(const struct flow *flow)
{
	return STAGE_PUBACK | (flow->run->im ? STAGE_ACK : 0u) |
	       (flow->opt.window_by == WINDOW_DELIVERY ? STAGE_DELIVERY : 0u);
}

static unsigned stage_of_window(const struct flow *flow)
{
	switch (flow->opt.window_by) {
	case WINDOW_ACK:
		return flow->run->im ? STAGE_ACK : STAGE_PUBACK;
	case WINDOW_DELIVERY:
		return STAGE_DELIVERY;
	default:
		return STAGE_PUBACK;
	}
}

static uint64_t due_ns(const struct sender *s, uint32_t number)
{
	const struct flow *flow = s->flow;
	if (flow->opt.rate <= 0)
		return flow->run->start_ns;
	double n = (double)s->index + (double)number * (double)flow->opt.senders;
	return flow->run->start_ns + (uint64_t)(n * 1e9 / flow->opt.rate);
}

static bool window_open(const struct sender *s)
{
	const struct sender_slot *slot = &s->ring[s->sent & s->ring_mask];
	return s->outstanding < s->flow->opt.window &&
	       (slot->done == stages_needed(s->flow) || s->sent <= s->ring_mask);
}

/* xorshift64: targets need spread, not secrecy. */
static uint32_t random_below(struct flow *flow, uint32_t bound)
{
	flow->random ^= flow->random << 13;
	flow->random ^= flow->random >> 7;
	flow->random ^= flow->random << 17;
	return (uint32_t)((flow->random >> 32) * bound >> 32);
}

/* The user whom a message of a random flow goes to; a receiver learns that it must come. */
static uint32_t random_target(struct flow *flow, const struct sender *s)
{
	const struct flow_options *opt = &flow->opt;
	uint32_t own = opt->base + s->index;
	uint32_t user = own;
	if (random_below(flow, 100) < opt->online)
		user = opt->base + opt->senders + random_below(flow, opt->receivers);
	while (user == own)
		user = random_below(flow, opt->population);
	uint32_t receiver = user - opt->base - opt->senders;
	if (user >= opt->base + opt->senders && receiver < opt->receivers) {
		flow->receivers[receiver].expected++;
		flow->expected++;
	}
	return user;
}

static void expect_deliveries(struct flow *flow, const struct sender *s)
{
	if (flow->opt.kind == FLOW_PAIR) {
		flow->receivers[s->index].expected++;
		flow->expected++;
		return;
	}
	for (uint32_t i = 0; i < flow->opt.receivers; i++)
		flow->receivers[i].expected++;
	flow->expected += flow->opt.receivers;
}

static void make_direct_topic(struct sender *s, uint32_t user)
{
	char name[USER_NAME_SIZE];
	user_name(name, user);
	if (s->flow->run->im)
		snprintf(s->topic, sizeof(s->topic), "im/u/%s", name);
	else
		snprintf(s->topic, sizeof(s->topic), "im/inbox/%s/u/%s", name, s->name);
}

static void send_one(struct sender *s, uint64_t start_ns, uint64_t now_ns)
{
	struct flow *flow = s->flow;
	char payload[65536];
	const struct message_tag tag = {flow->run->id, flow->index, s->index, s->sent};
	struct sender_slot *slot = &s->ring[s->sent & s->ring_mask];

	if (flow->opt.kind == FLOW_RANDOM)
		make_direct_topic(s, random_target(flow, s));
	else
		expect_deliveries(flow, s);
	message_build(payload, flow->opt.payload, &tag, start_ns);
	const struct mqtt_publish publish = {
		.version = flow->run->net->version,
		.qos = 1,
		.mid = (uint16_t)(s->sent % MID_COUNT + 1),
		.topic = {s->topic, strlen(s->topic)},
		.payload = {payload, flow->opt.payload},
	};
	if (conn_publish(&s->conn, &publish)) {
		verdict_fail(flow->run->verdict, "%s: cannot publish", s->name);
		flow->run->fatal = true;
		return;
	}
	*slot = (struct sender_slot){start_ns, s->sent, flow->opt.receivers, 0};
	if (flow->opt.kind == FLOW_PAIR)
		slot->deliveries_left = 1;
	s->sent++;
	s->outstanding++;
	s->unfinished++;
	flow->total.sent++;
	flow->measured.sent += flow_measures(flow->run, now_ns);
}

void sender_pump(struct sender *s, uint64_t now_ns)
{
	struct flow *flow = s->flow;
	const struct flow_run *run = flow->run;
	while (run->producing && !run->fatal && s->conn.state == CONN_READY) {
		if (flow->opt.count && s->sent >= flow->opt.count)
			return;
		uint64_t due = due_ns(s, s->sent);
		if (due > now_ns) {
			s->blocked = false;
			return;
		}
		if (!window_open(s)) {
			s->blocked = true;
			return;
		}
		/* A message that had to wait for the window has been waiting since it was due:
		 * leaving that out would hide a stall of the server. */
		bool waited = s->blocked && flow->opt.rate > 0;
		if (flow->opt.rate > 0 && !waited && flow_measures(run, now_ns))
			hist_record(&flow->lag, now_ns - due);
		send_one(s, waited ? due : loop_now_ns(), now_ns);
	}
}

static void pass_stage(struct sender *s, struct sender_slot *slot, unsigned stage, uint64_t now_ns)
{
	slot->done |= (uint8_t)stage;
	if (slot->done == stages_needed(s->flow))
		s->unfinished--;
	if (stage == stage_of_window(s->flow)) {
		s->outstanding--;
		sender_pump(s, now_ns);
	} else if (s->blocked && slot->done == stages_needed(s->flow)) {
		sender_pump(s, now_ns);
	}
}

/* The slot of a message that is under way and has not passed the stage, or NULL. */
static struct sender_slot *find_slot(struct sender *s, uint32_t number, unsigned stage)
{
	struct sender_slot *slot = &s->ring[number & s->ring_mask];
	return number < s->sent && slot->number == number && !(slot->done & stage) ? slot : NULL;
}

static void on_puback(struct conn *conn, const struct mqtt_packet *packet, uint64_t now_ns)
{
	struct sender *s = (struct sender *)conn;
	struct flow *flow = s->flow;
	struct sender_slot *slot = NULL;
	/* The latest message that had this id. */
	uint32_t last_id = (s->sent + MID_COUNT - 1) % MID_COUNT;
	uint32_t back = (last_id + MID_COUNT + 1 - packet->mid) % MID_COUNT;
	if (packet->mid >= 1 && packet->mid <= MID_COUNT && s->sent > back)
		slot = find_slot(s, s->sent - 1 - back, STAGE_PUBACK);
	if (!slot || packet->reason >= 0x80) {
		verdict_fail(flow->run->verdict, "%s: PUBACK mid=%u reason=%u %s", s->name,
			packet->mid, packet->reason, slot ? "refused" : "nobody waits for it");
		return;
	}
	flow->total.pubacked++;
	flow->measured.pubacked += flow_measures(flow->run, now_ns);
	if (flow_measures(flow->run, slot->start_ns))
		hist_record(&flow->puback, now_ns - slot->start_ns);
	pass_stage(s, slot, STAGE_PUBACK, now_ns);
}

static void take_ack(struct sender *s, const struct message_ack *ack, uint64_t now_ns)
{
	struct flow *flow = s->flow;
	struct sender_slot *slot = NULL;
	if (ack->tag.run == flow->run->id && ack->tag.flow == flow->index &&
		ack->tag.sender == s->index)
		slot = find_slot(s, ack->tag.number, STAGE_ACK);
	if (!slot || ack->error.n) {
		verdict_fail(flow->run->verdict, "%s: ack of message %u: %.*s", s->name,
			ack->tag.number, ack->error.n ? (int)ack->error.n : 20,
			ack->error.n ? ack->error.p : "nobody waits for it");
		return;
	}
	sender_check_seq(s, ack->tag.number, ack->seq);
	flow->total.acked++;
	flow->measured.acked += flow_measures(flow->run, now_ns);
	if (flow_measures(flow->run, slot->start_ns))
		hist_record(&flow->ack, now_ns - slot->start_ns);
	pass_stage(s, slot, STAGE_ACK, now_ns);
}

/* The only subscription of a sender is its acks. */
static void on_publish(struct conn *conn, const struct mqtt_packet *packet, uint64_t now_ns)
{
	struct sender *s = (struct sender *)conn;
	struct jsonit it;
	struct message_ack ack;
	int step = jsonit_open(&it, packet->payload);
	if (step == 0 && it.close == ']') {
		while ((step = message_next_ack(&it, &ack)) == 1)
			take_ack(s, &ack, now_ns);
	} else {
		step = -1;
	}
	if (step < 0)
		verdict_fail(s->flow->run->verdict, "%s: malformed ack: %.*s", s->name,
			(int)packet->payload.n, packet->payload.p);
}

static void on_ready(struct conn *conn)
{
	connector_on_ready(((struct sender *)conn)->flow->run->connector);
}

static void on_pong(struct conn *conn)
{
	((struct sender *)conn)->flow->run->pongs++;
}

static void on_closed(struct conn *conn, const char *why)
{
	struct sender *s = (struct sender *)conn;
	verdict_fail(s->flow->run->verdict, "sender %s: %s", s->name, why);
	s->flow->run->fatal = true;
}

static void make_names(struct sender *s)
{
	const struct flow_options *opt = &s->flow->opt;
	char group[USER_NAME_SIZE];
	uint32_t user = opt->base + s->index;
	group_name(group, opt->group);
	if (opt->kind == FLOW_PAIR)
		user = opt->base + 2 * s->index;
	else if (opt->kind == FLOW_FANIN)
		user = opt->base + 1 + s->index;
	user_name(s->name, user);
	snprintf(s->client_id, sizeof(s->client_id), "%s-s", s->name);
	snprintf(s->filter, sizeof(s->filter), "im/inbox/%s/ack", s->name);
	if (opt->kind == FLOW_PAIR)
		make_direct_topic(s, user + 1);
	else if (opt->kind == FLOW_FANIN)
		make_direct_topic(s, opt->base);
	else if (s->flow->run->im)
		snprintf(s->topic, sizeof(s->topic), "im/g/%s", group);
	else
		snprintf(s->topic, sizeof(s->topic), "im/room/%s", group);
}

int sender_open(struct sender *s, struct flow *flow, uint32_t index)
{
	static const struct conn_handler HANDLER = {
		on_ready, on_publish, on_puback, on_pong, on_closed};
	/* Twice the window, so that a slow stage other than the window's does not block at once. */
	uint32_t slots = 4;
	while (slots < 2 * flow->opt.window)
		slots *= 2;
	s->ring = calloc(slots, sizeof(*s->ring));
	if (!s->ring)
		return -1;
	s->ring_mask = slots - 1;
	s->flow = flow;
	s->index = index;
	make_names(s);
	const struct conn_spec spec = {
		.place = index,
		.net = flow->run->net,
		.handler = &HANDLER,
		.client_id = s->client_id,
		.username = s->name,
		.password =
			users_password(flow->run->users, (uint32_t)strtoul(s->name + 1, NULL, 10)),
		.filter = flow->run->im ? s->filter : NULL,
		.filter_qos = 0, /* what docs/PROTOCOL.md advises to who sends much */
	};
	conn_init(&s->conn, &spec);
	connector_add(flow->run->connector, &s->conn);
	return 0;
}

void sender_close(struct sender *s)
{
	if (s->flow) {
		conn_close(&s->conn, true);
		conn_clear(&s->conn);
	}
	free(s->ring);
	s->ring = NULL;
}

void sender_delivered(struct sender *s, uint32_t number, uint64_t now_ns)
{
	struct sender_slot *slot;
	if (s->flow->opt.window_by != WINDOW_DELIVERY)
		return;
	slot = find_slot(s, number, STAGE_DELIVERY);
	if (slot && --slot->deliveries_left == 0)
		pass_stage(s, slot, STAGE_DELIVERY, now_ns);
}

void sender_check_seq(struct sender *s, uint32_t number, uint64_t seq)
{
	const struct flow_options *opt = &s->flow->opt;
	bool alone = opt->kind == FLOW_PAIR || opt->kind == FLOW_FANIN ||
		     (opt->kind != FLOW_RANDOM && opt->senders == 1);
	if (!alone)
		return;
	if (!s->has_seq_base) {
		s->has_seq_base = true;
		s->seq_base = seq - number;
	} else if (seq - number != s->seq_base) {
		verdict_fail(s->flow->run->verdict, "%s: message %u has seq %llu, not %llu",
			s->name, number, (unsigned long long)seq,
			(unsigned long long)(s->seq_base + number));
	}
}
