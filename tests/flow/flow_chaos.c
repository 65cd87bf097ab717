/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the dice. Called by the convergence test; does not know what the outcome should be. */
#include "tests/flow/flow_chaos.h"

#include <stdio.h>

#define GROUPS 4 /* the last one is a room, FLOW_CHAOS_ROOM */

const char *const flow_chaos_users[] = {"root", "alice", "bob", "carol", "dave", "erin", NULL};
static const char *const owners[FLOW_CHAOS_DEVICES] = {
	"alice", "alice", "bob", "bob", "carol", "carol", "dave", "erin", "erin"};

static uint32_t below(struct flow_chaos *c, uint32_t n)
{
	return prng_below(&c->r, n);
}

static bool one_in(struct flow_chaos *c, uint32_t n)
{
	return below(c, n) == 0;
}

static const char *any_user(struct flow_chaos *c)
{
	return flow_chaos_users[1 + below(c, FLOW_CHAOS_USERS)];
}

__attribute__((format(printf, 2, 3))) static void say(struct flow_chaos *c, const char *fmt, ...)
{
	va_list ap;
	char line[400];

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	im_buf_printf(c->trace, "%4u %s\n", c->step, line);
}

__attribute__((format(printf, 4, 5))) static void request(
	struct flow_chaos *c, struct flow_device *d, const char *method, const char *fmt, ...)
{
	va_list ap;
	char params[300];

	va_start(ap, fmt);
	vsnprintf(params, sizeof(params), fmt, ap);
	va_end(ap);
	say(c, "%s %s %s", d->name, method, params);
	flow_ask(d, method, params);
}

/* -- messages -- */

static void send_message(struct flow_chaos *c, struct flow_device *d)
{
	char conv[32], id[32], body[64];
	bool with_id = one_in(c, 2);

	if (one_in(c, 2))
		snprintf(conv, sizeof(conv), "g/g%u", below(c, GROUPS));
	else
		snprintf(conv, sizeof(conv), "u/%s", any_user(c));
	snprintf(id, sizeof(id), "i%u", c->step);
	snprintf(body, sizeof(body), "body-%u-", c->step);
	say(c, "%s sends %s%s%s to %s", d->name, body, with_id ? " as " : "", with_id ? id : "",
		conv);
	flow_send(d, conv, with_id ? id : NULL, body);
}

/* A conversation that the device has something of, or NULL. */
static struct flow_conv *any_conv(struct flow_chaos *c, struct flow_device *d)
{
	struct flow_conv *v;
	uint32_t n = 0, at;

	for (v = d->convs; v; v = v->next)
		n += v->n > 0;
	if (!n)
		return NULL;
	at = below(c, n);
	for (v = d->convs; v; v = v->next) {
		if (v->n > 0 && at-- == 0)
			return v;
	}
	return NULL;
}

/* The newest ones most often. */
static unsigned long long any_seq(struct flow_chaos *c, const struct flow_conv *v)
{
	return v->n - below(c, one_in(c, 4) || v->n < 5 ? (uint32_t)v->n : 5);
}

static bool is_erins(const struct flow_device *d, const struct flow_conv *v)
{
	return strcmp(d->user, "erin") == 0 || strcmp(v->name, "u/erin") == 0;
}

static void operate(struct flow_chaos *c, struct flow_device *d)
{
	static const char *const emojis[] = {"A", "B"};
	struct flow_conv *v = any_conv(c, d);
	unsigned long long seq;
	uint32_t what = below(c, 10);

	if (!v)
		return;
	seq = any_seq(c, v);
	if (what < 4)
		request(c, d, "msg.react", "{\"conv\":\"%s\",\"seq\":%llu,\"emoji\":\"%s\"%s}",
			v->name, seq, emojis[below(c, 2)], one_in(c, 3) ? ",\"remove\":true" : "");
	else if (what < 5)
		request(c, d, "msg.forward",
			"{\"from_conv\":\"%s\",\"seqs\":[%llu],\"to_conv\":\"u/%s\"}", v->name, seq,
			any_user(c));
	else if (is_erins(d, v))
		return;
	else if (what < 8)
		request(c, d, "msg.edit", "{\"conv\":\"%s\",\"seq\":%llu,\"body\":\"edit-%u\"}",
			v->name, seq, c->step);
	else
		request(c, d, "msg.recall", "{\"conv\":\"%s\",\"seq\":%llu}", v->name, seq);
}

/* -- what a user keeps -- */

static void mark(struct flow_chaos *c, struct flow_device *d)
{
	struct flow_conv *v = any_conv(c, d);

	if (!v)
		return;
	switch (below(c, 9)) {
	case 0:
		request(c, d, "conv.update", "{\"conv\":\"%s\",\"pinned\":%s}", v->name,
			one_in(c, 2) ? "true" : "false");
		break;
	case 1:
		request(c, d, "conv.update", "{\"conv\":\"%s\",\"muted\":%s}", v->name,
			one_in(c, 2) ? "true" : "false");
		break;
	case 2:
		request(c, d, "conv.update", "{\"conv\":\"%s\",\"marked_unread\":true}", v->name);
		break;
	case 3:
		request(c, d, "conv.update", "{\"conv\":\"%s\",\"draft\":\"draft-%u\"}", v->name,
			c->step);
		break;
	case 4:
		request(c, d, "conv.update", "{\"conv\":\"%s\",\"cleared_to\":%llu}", v->name,
			(unsigned long long)v->n / 2);
		break;
	case 5:
		request(c, d, "conv.update", "{\"conv\":\"g/" FLOW_CHAOS_ROOM "\",\"follow\":%s}",
			one_in(c, 3) ? "false" : "true");
		break;
	default:
		request(c, d, "conv.read", "{\"conv\":\"%s\",\"seq\":%llu}", v->name,
			any_seq(c, v));
	}
}

static void relate(struct flow_chaos *c, struct flow_device *d)
{
	static const char *const methods[] = {"contact.request", "contact.request",
		"contact.accept", "contact.accept", "contact.reject", "contact.remove", "block.add",
		"block.remove", "block.remove"};
	const char *peer = any_user(c);
	uint32_t what = below(c, 12);

	if (what < 9 && !(what == 6 && strcmp(d->user, "erin") == 0))
		request(c, d, methods[what], "{\"uid\":\"%s\"}", peer);
	else if (what == 10)
		request(c, d, "contact.update", "{\"uid\":\"%s\",\"remark\":\"r-%u\"}", peer,
			c->step);
	else if (what == 11)
		request(c, d, "user.update", "{\"read_receipts\":%s}",
			one_in(c, 2) ? "true" : "false");
}

/* -- groups -- */

static void begin_group(struct flow_chaos *c, struct flow_device *d, uint32_t group)
{
	static const char *const joins[] = {"open", "approval", "invite"};

	request(c, d, "group.create",
		"{\"gid\":\"g%u\",\"kind\":\"%s\",\"join\":\"%s\",\"history\":\"%s\","
		"\"members\":[\"%s\",\"%s\"]}",
		group, group == GROUPS - 1 ? "room" : "group", joins[below(c, 3)],
		one_in(c, 2) ? "all" : "join", any_user(c), any_user(c));
}

static void change_group(struct flow_chaos *c, struct flow_device *d)
{
	uint32_t group = below(c, GROUPS), what = below(c, 20);
	const char *peer = any_user(c);

	if (what < 4)
		begin_group(c, d, group);
	else if (what < 8)
		request(c, d, "group.join", "{\"gid\":\"g%u\"}", group);
	else if (what < 11)
		request(c, d, "group.invite", "{\"gid\":\"g%u\",\"members\":[\"%s\"]}", group,
			peer);
	else if (what < 13)
		request(c, d, "group.kick", "{\"gid\":\"g%u\",\"members\":[\"%s\"]%s}", group, peer,
			one_in(c, 4) ? ",\"ban\":true" : "");
	else if (what < 14)
		request(c, d, "group.leave", "{\"gid\":\"g%u\"}", group);
	else if (what < 15)
		request(c, d, "group.role", "{\"gid\":\"g%u\",\"uid\":\"%s\",\"role\":\"%s\"}",
			group, peer, one_in(c, 2) ? "admin" : "member");
	else if (what < 16)
		request(c, d, "group.transfer", "{\"gid\":\"g%u\",\"uid\":\"%s\"}", group, peer);
	else if (what < 17)
		request(c, d, "group.mute", "{\"gid\":\"g%u\",\"uid\":\"%s\",\"seconds\":%u}",
			group, peer, below(c, 3));
	else if (what < 18)
		request(c, d, "group.update", "{\"gid\":\"g%u\",\"announcement\":\"a-%u\"}", group,
			c->step);
	else if (what < 19)
		request(c, d, "group.dismiss", "{\"gid\":\"g%u\"}", group);
	else if (d->c)
		(void)fake_subscribe(d->c, "im/room/" FLOW_CHAOS_ROOM);
}

/* -- the node -- */

static void death(struct flow_chaos *c)
{
	struct flow *f = c->f;

	switch (below(c, 5)) {
	case 0:
		say(c, f->nodes[0].is_up ? "bridge killed" : "bridge started");
		if (f->nodes[0].is_up)
			flow_kill_bridge(flow_node(f));
		else
			flow_start_bridge(flow_node(f));
		break;
	case 1:
		say(c, flow_broker(f)->is_up ? "broker killed" : "broker started");
		if (flow_broker(f)->is_up)
			flow_kill_broker(flow_broker(f));
		else
			flow_start_broker(flow_broker(f));
		break;
	case 2:
		say(c, "link broken");
		if (flow_broker(f)->is_up && f->nodes[0].is_up)
			flow_break_link(flow_broker(f));
		break;
	default:
		say(c, "bridge killed and started");
		if (f->nodes[0].is_up)
			flow_kill_bridge(flow_node(f));
		flow_start_bridge(flow_node(f));
	}
}

static void revive(struct flow_chaos *c)
{
	if (!flow_broker(c->f)->is_up) {
		say(c, "broker started");
		flow_start_broker(flow_broker(c->f));
	} else if (!c->f->nodes[0].is_up) {
		say(c, "bridge started");
		flow_start_bridge(flow_node(c->f));
	}
}

static void come_or_go(struct flow_chaos *c, struct flow_device *d)
{
	if (!d->c) {
		say(c, "%s connects", d->name);
		(void)flow_connect(d);
	} else {
		say(c, "%s goes", d->name);
		flow_disconnect(d, one_in(c, 2));
	}
}

static void act(struct flow_chaos *c, struct flow_device *d)
{
	uint32_t what = below(c, 100);

	if (what < 32)
		send_message(c, d);
	else if (what < 50)
		operate(c, d);
	else if (what < 62)
		mark(c, d);
	else if (what < 69)
		relate(c, d);
	else if (what < 85)
		change_group(c, d);
	else if (what < 89)
		flow_resend(d);
	else if (what < 92)
		come_or_go(c, d);
	else if (what < 94)
		d->behind = true; /* syncs because it wants to */
}

/* A commit of the directory that fails is tried again, or the bridge dies of it. */
static void half(struct flow_chaos *c)
{
	struct flow *f = c->f;

	if (!f->nodes[0].halved)
		return;
	f->nodes[0].halved = false;
	say(c, "the directory was not committed");
	if (f->nodes[0].is_up && one_in(c, 2)) {
		say(c, "and the bridge killed");
		flow_kill_bridge(flow_node(f));
		flow_start_bridge(flow_node(f));
	}
}

void flow_chaos_step(struct flow_chaos *c, unsigned step)
{
	struct flow *f = c->f;
	struct flow_device *d;
	uint32_t time;

	c->step = step;
	c->r.state = c->seed * 1000003 + step;
	prng_next(&c->r);
	f->random.state = prng_next(&c->r);
	d = c->d[below(c, FLOW_CHAOS_DEVICES)];
	time = below(c, 10);
	if (flow_broker(f)->is_up && d->c)
		act(c, d);
	else if (flow_broker(f)->is_up)
		come_or_go(c, d);
	if (below(c, 1000) < c->deaths)
		death(c);
	else if (below(c, 10) == 0)
		revive(c);
	/* Several things happen in one batch, or time passes. */
	if (time < 6)
		flow_step(f);
	else if (time < 9)
		flow_pass(f, 1 + below(c, 800));
	half(c);
}

void flow_chaos_start(struct flow_chaos *c, struct flow *f, uint64_t seed, struct im_buf *trace)
{
	char name[32];

	*c = (struct flow_chaos){.f = f, .seed = seed, .r = {seed * 7919}, .trace = trace};
	for (int i = 0; i < FLOW_CHAOS_DEVICES; i++) {
		snprintf(name, sizeof(name), "%s-%d", owners[i], i);
		c->d[i] = flow_device(f, owners[i], name);
		c->d[i]->app = true;
		c->d[i]->room_conv = "g/" FLOW_CHAOS_ROOM;
		c->d[i]->v5 = i % 2;
		c->d[i]->persistent = i % 3 == 0;
	}
	c->deaths = below(c, 4) * 10;
	flow_broker(f)->lose_up = below(c, 3) * 10;
	flow_broker(f)->lose_down = below(c, 3) * 10;
	flow_broker(f)->lose_inbox = below(c, 3) * 30;
	f->nodes[0].fail_commit = below(c, 3) * 30;
	f->nodes[0].fail_directory = below(c, 3) * 30;
	/* Viewers of the room miss some of what is said there. */
	f->nodes[0].rig.set.room_messages_per_second = below(c, 3);
	engine_set(f->nodes[0].rig.engine, &f->nodes[0].rig.set);
}
