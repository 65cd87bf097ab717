/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns one broker with its plugin, the link, and the frames that are under way on it. Called by
 * flow.c; what the plugin is made of is flow_plugin.c's. */
#include "tests/flow/flow.h"

#include <stdio.h>
#include <uthash.h>

#include "bridge/deliver/effects.h"
#include "bridge/link/link_key.h"
#include "common/limits.h"
#include "common/topic.h"
#include "tests/flow/flow_device.h"

int64_t flow_wall_ms(void *b);
int64_t flow_mono_us(void *b);
const char *flow_option(const struct flow_broker *b, const char *name);

int64_t flow_wall_ms(void *b)
{
	return ((struct flow_broker *)b)->n->f->wall_ms;
}

int64_t flow_mono_us(void *b)
{
	return ((struct flow_broker *)b)->n->f->mono_ms * 1000;
}

const char *flow_option(const struct flow_broker *b, const char *name)
{
	if (strcmp(name, "data_dir") == 0)
		return b->folder;
	if (strcmp(name, "device_policy") == 0)
		return b->device_policy;
	return strcmp(name, "link_listener") == 0 ? FLOW_LINK : b->spool_size;
}

void flow_enter(const struct flow_broker *b)
{
	(void)fake_switch(b->fake);
}

/* -- frames under way -- */

static void queue_push(struct flow_queue *q, struct im_str frame)
{
	struct flow_frame *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	m->p = malloc(frame.n + 1);
	memcpy(m->p, frame.p, frame.n);
	m->n = frame.n;
	*q->end = m;
	q->end = &m->next;
	q->bytes += frame.n;
}

static struct flow_frame *queue_pop(struct flow_queue *q)
{
	struct flow_frame *m = q->first;

	if (!m)
		return NULL;
	q->first = m->next;
	q->bytes -= m->n;
	if (!q->first)
		q->end = &q->first;
	return m;
}

static void frame_free(struct flow_frame *m)
{
	free(m->p);
	free(m);
}

static void queue_clear(struct flow_queue *q)
{
	struct flow_frame *m;

	while ((m = queue_pop(q)))
		frame_free(m);
	q->end = &q->first;
}

/* -- what it was told -- */

struct flow_told {
	char uid[IM_UID_MAX + 1];
	unsigned n;
	UT_hash_handle hh;
};

static struct flow_told *told_of(const struct flow_broker *b, struct im_str uid)
{
	struct flow_told *t;

	HASH_FIND(hh, b->told, uid.p, uid.n, t);
	return t;
}

static void note_told(struct flow_broker *b, const struct im_down_rec *r)
{
	struct im_str in = r->recipient_bytes;
	struct im_recipient to;

	for (uint32_t i = 0; i < r->recipients; i++) {
		struct flow_told *t;

		assert_int_equal(im_recipient_read(&in, &to), IM_OK);
		t = told_of(b, to.uid);
		if (!t) {
			t = calloc(1, sizeof(*t));
			assert_non_null(t);
			memcpy(t->uid, to.uid.p, to.uid.n);
			HASH_ADD(hh, b->told, uid, to.uid.n, t);
		}
		t->n++;
	}
}

static void note_record(struct flow_broker *b, const struct im_down_rec *r)
{
	b->rooms += r->type == IM_DOWN_TOPIC && !(r->flags & IM_DOWNF_RETAIN);
	b->served |= r->type != IM_DOWN_HELLO && r->type != IM_DOWN_STATS;
	if (effects_is_answer(r))
		b->answers++;
	else
		note_told(b, r);
}

unsigned flow_told(const struct flow_broker *b, const char *uid)
{
	const struct flow_told *t = told_of(b, im_str(uid));

	return t ? t->n : 0;
}

void flow_forget_told(struct flow_broker *b)
{
	struct flow_told *t, *next;

	HASH_ITER (hh, b->told, t, next) {
		HASH_DEL(b->told, t);
		free(t);
	}
	b->answers = b->rooms = 0;
	b->served = false;
}

static void on_down(void *arg, struct im_str frame)
{
	struct flow_broker *b = arg;
	struct im_down_rec r;
	struct im_str in;

	if (!b->link)
		return;
	queue_push(&b->down, frame);
	assert_int_equal(im_down_frame_read(frame, &in), IM_OK);
	while (in.n) {
		assert_int_equal(im_down_rec_read(&in, &r), IM_OK);
		note_record(b, &r);
	}
}

/* As a plugin of an earlier version would say it. */
static void push_sessions(struct flow_broker *b, const struct im_up_frame *f)
{
	struct im_up_part part = f->part;
	struct im_buf old;

	part.level = b->level;
	im_buf_init(&old, 0);
	im_frame_sessions_begin(&old, part, &f->batch);
	im_buf_str(&old, f->rest);
	queue_push(&b->up, im_buf_view(&old));
	im_buf_free(&old);
}

static void on_up(void *arg, const struct fake_message *m)
{
	struct flow_broker *b = arg;

	struct im_up_frame f;

	assert_string_equal(m->topic, IM_TOPIC_UP);
	if (flow_chance(b->n->f, b->lose_up))
		return;
	assert_int_equal(im_up_frame_read(m->payload, &f), IM_OK);
	if (b->level && f.kind == IM_FRAME_UP_SESSIONS)
		push_sessions(b, &f);
	else
		queue_push(&b->up, m->payload);
}

static void frame_up(struct flow_broker *b)
{
	struct engine_now t = flow_now(b->n->f);
	struct flow_frame *m = queue_pop(&b->up);

	if (!m)
		return;
	if (b->n->rig.engine) {
		engine_up(b->n->rig.engine, b->peer, (struct im_str){m->p, m->n}, &t);
		engine_reads(b->n->rig.engine);
	}
	frame_free(m);
}

static void frame_down(struct flow_broker *b)
{
	struct flow_frame *m = b->stopped ? NULL : queue_pop(&b->down);

	if (!m)
		return;
	flow_spoil(b->n->f->sabotage, m);
	if (b->link && !flow_chance(b->n->f, b->lose_down))
		(void)fake_publish(
			b->link, IM_TOPIC_DOWN, (struct im_str){m->p, m->n}, 0, false, NULL);
	frame_free(m);
}

void flow_broker_frames(struct flow_broker *b)
{
	flow_enter(b);
	frame_up(b);
	frame_down(b);
}

bool flow_broker_busy(const struct flow_broker *b)
{
	return b->up.first || (b->down.first && !b->stopped);
}

void flow_broker_turn(struct flow_broker *b)
{
	flow_enter(b);
	if (b->is_up && !b->stopped)
		fake_turn();
}

/* -- the link -- */

static void connect_link(struct flow_broker *b)
{
	struct fake_spec s = {.user = "im-bridge", .address = FLOW_LINK};
	char id[LINK_CLIENT_ID_MAX], password[SECRET_PASSWORD + 1];
	struct engine_now t = flow_now(b->n->f);
	struct im_buf why;

	im_buf_init(&why, 0);
	assert_int_equal(link_key_client_id(id), IM_OK);
	if (link_key_password(b->folder, password, &why))
		fail_msg("%.*s", IM_ARGS(why));
	im_buf_free(&why);
	s.id = id;
	s.password = password;
	flow_enter(b);
	b->link = fake_connect(&s);
	assert_non_null(b->link);
	fake_on_message(b->link, on_up, b);
	assert_true(fake_subscribe(b->link, IM_TOPIC_UP));
	assert_true(fake_subscribe(b->link, IM_TOPIC_SINK));
	engine_linked(b->n->rig.engine, b->peer, &t);
}

void flow_cut_link(struct flow_broker *b)
{
	queue_clear(&b->up);
	queue_clear(&b->down);
	flow_enter(b);
	if (b->link && fake_connected(b->link))
		fake_disconnect(b->link, true);
	b->link = NULL;
	if (b->n->rig.engine)
		engine_unlinked(b->n->rig.engine, b->peer);
}

void flow_mend_link(struct flow_broker *b)
{
	connect_link(b);
}

void flow_break_link(struct flow_broker *b)
{
	flow_cut_link(b);
	connect_link(b);
}

void flow_broker_join(struct flow_broker *b)
{
	assert_int_equal(
		engine_add_peer(b->n->rig.engine, b->number, b->folder, on_down, b, &b->peer),
		IM_OK);
}

void flow_broker_link(struct flow_broker *b)
{
	if (b->is_up)
		connect_link(b);
}

void flow_broker_leave(struct flow_broker *b)
{
	b->peer = NULL;
	flow_cut_link(b);
}

/* -- the broker -- */

void flow_start_broker(struct flow_broker *b)
{
	flow_enter(b);
	fake_open(b->newer);
	assert_int_equal(flow_plugin_load(b), 0);
	b->is_up = true;
	if (b->n->is_up)
		connect_link(b);
}

void flow_kill_broker(struct flow_broker *b)
{
	if (b->n->rig.engine)
		engine_unlinked(b->n->rig.engine, b->peer);
	b->link = NULL;
	queue_clear(&b->up);
	queue_clear(&b->down);
	flow_enter(b);
	flow_plugin_crash();
	fake_close();
	b->is_up = false;
	flow_devices_lost(b);
}

void flow_broker_init(struct flow_broker *b, struct flow_node *n)
{
	*b = (struct flow_broker){.n = n,
		.number = (unsigned)(b - n->brokers) + 1,
		.fake = fake_new(),
		.spool_size = "1M",
		.device_policy = "refuse"};
	assert_non_null(b->fake);
	b->up.end = &b->up.first;
	b->down.end = &b->down.first;
}

void flow_broker_clear(struct flow_broker *b)
{
	if (b->is_up)
		flow_kill_broker(b);
	flow_forget_told(b);
	fake_free(b->fake);
}
