/* SPDX-License-Identifier: BSD-3-Clause */
/* What of all that was planned is whose: recipients, answers, spans, what is told of order. */
#include "tests/unit/unit.h"

#include <fcntl.h>

#include "bridge/deliver/outboxes.h"
#include "bridge/deliver/split.h"

#define ONE 1U
#define TWO 2U
#define THREE 4U
#define THREE_ALL 7U

/* Whose uid is "a12" is at the first and the second one; "a" is nowhere. */
static split_mask where(void *arg, struct im_str uid)
{
	split_mask at = 0;

	(void)arg;
	for (size_t i = 1; i < uid.n; i++)
		at |= UINT32_C(1) << (uid.p[i] - '1');
	return at;
}

struct cut {
	struct effects *fx;
	struct split *split;
	struct effects_share all;
};

static int set_up(void **state)
{
	struct cut *c = calloc(1, sizeof(*c));

	c->fx = effects_new();
	c->split = split_new();
	*state = c;
	return c->fx && c->split ? 0 : -1;
}

static int tear_down(void **state)
{
	struct cut *c = *state;

	effects_free(&c->fx);
	split_free(&c->split);
	free(c);
	return 0;
}

static void message(struct cut *c, enum effects_tier tier, uint64_t position, const char *mark,
	const char *const *to)
{
	struct im_recipient v[300];
	struct im_down_rec r = {.type = IM_DOWN_MESSAGE,
		.flags = IM_DOWNF_QOS1,
		.epoch = 77,
		.recno = position,
		.user = IM_STR("from"),
		.device = IM_STR("phone"),
		.corr = IM_STR("props"),
		.id = im_str(mark),
		.payload = IM_STR(",\"seq\":1}")};
	uint32_t n = 0;

	for (; to[n]; n++)
		v[n] = (struct im_recipient){.uid = im_str(to[n]), .conv = IM_STR("u/from")};
	effects_at(c->fx, position);
	effects_put(c->fx, tier, &r, v, n);
	effects_at(c->fx, 0);
}
#define TO(...)                   \
	(const char *const[])     \
	{                         \
		__VA_ARGS__, NULL \
	}

static void topic(struct cut *c, enum effects_tier tier, const char *mark, uint8_t flags)
{
	struct im_down_rec r = {
		.type = IM_DOWN_TOPIC, .flags = flags, .topic = im_str(mark), .id = im_str(mark)};

	effects_put(c->fx, tier, &r, NULL, 0);
}

static void cut(struct cut *c, split_mask own)
{
	effects_all(c->fx, &c->all);
	assert_int_equal(split_cut(c->split, &c->all, own, THREE_ALL, where, NULL), IM_OK);
}

/* "mark:uid,uid mark " of a tier at one of them. */
static void assert_gets(
	struct cut *c, unsigned number, enum effects_tier tier, const char *expected)
{
	struct im_str in = split_share(c->split, number)->records[tier];
	struct im_recipient to;
	struct im_down_rec r;
	struct im_buf b;

	im_buf_init(&b, 0);
	while (in.n) {
		assert_int_equal(im_down_rec_read(&in, &r), IM_OK);
		im_buf_str(&b, r.id.n ? r.id : r.topic);
		for (uint32_t i = 0; i < r.recipients; i++) {
			assert_int_equal(im_recipient_read(&r.recipient_bytes, &to), IM_OK);
			im_buf_c(&b, i ? ',' : ':');
			im_buf_str(&b, to.uid);
		}
		im_buf_c(&b, ' ');
	}
	im_buf_c(&b, '\0');
	assert_string_equal(b.p, expected);
	im_buf_free(&b);
}

static void recipients_go_where_they_are_in_their_order(void **state)
{
	struct cut *c = *state;

	message(c, EFFECTS_SMALL, 5, "m1", TO("a1", "b12", "c", "d3", "e1"));
	message(c, EFFECTS_SMALL, 6, "m2", TO("x2"));
	message(c, EFFECTS_SMALL, 7, "m3", TO("y", "z"));
	message(c, EFFECTS_DIRECT, 8, "m4", TO("a3", "b12"));
	cut(c, ONE);
	assert_gets(c, 0, EFFECTS_SMALL, "m1:a1,b12,e1 ");
	assert_gets(c, 1, EFFECTS_SMALL, "m1:b12 m2:x2 ");
	assert_gets(c, 2, EFFECTS_SMALL, "m1:d3 ");
	assert_gets(c, 0, EFFECTS_DIRECT, "m4:b12 ");
	assert_gets(c, 2, EFFECTS_DIRECT, "m4:a3 ");
	/* Nothing of an earlier cut is left. */
	effects_reset(c->fx);
	cut(c, 0);
	for (unsigned i = 0; i < 3; i++)
		for (int k = 0; k < EFFECTS_TIERS; k++)
			assert_gets(c, i, (enum effects_tier)k, "");
}

/* But for who is told. */
static void a_part_of_a_record_is_the_record(void **state)
{
	struct cut *c = *state;
	struct im_down_rec r, whole;
	struct im_recipient to;
	struct im_str in;

	message(c, EFFECTS_DIRECT, 5, "m1", TO("a1", "b2"));
	cut(c, 0);
	in = c->all.records[EFFECTS_DIRECT];
	assert_int_equal(im_down_rec_read(&in, &whole), IM_OK);
	in = split_share(c->split, 1)->records[EFFECTS_DIRECT];
	assert_int_equal(im_down_rec_read(&in, &r), IM_OK);
	assert_int_equal(r.type, whole.type);
	assert_int_equal(r.flags, whole.flags);
	assert_int_equal(r.epoch, whole.epoch);
	assert_int_equal(r.recno, whole.recno);
	assert_true(im_str_eq(r.user, whole.user) && im_str_eq(r.device, whole.device));
	assert_true(im_str_eq(r.corr, whole.corr) && im_str_eq(r.id, whole.id));
	assert_true(im_str_eq(r.payload, whole.payload));
	assert_int_equal(r.recipients, 1);
	assert_int_equal(im_recipient_read(&r.recipient_bytes, &to), IM_OK);
	assert_str(to.conv, "u/from");
}

static void what_has_no_recipients_is_everybodys_and_answers_are_the_askers(void **state)
{
	struct cut *c = *state;
	struct im_down_rec forget = {.type = IM_DOWN_FORGET_USER, .user = IM_STR("a1")};

	topic(c, EFFECTS_DIRECT, "presence", IM_DOWNF_RETAIN);
	topic(c, EFFECTS_ROOM, "room", 0);
	forget.id = IM_STR("forget");
	effects_put(c->fx, EFFECTS_CONTROL, &forget, NULL, 0);
	effects_inbox(c->fx, IM_STR("a2"), IM_STR("ack"), IM_STR("[]"));
	effects_reply(c->fx, IM_STR("a2"), IM_STR("phone"), (struct im_str){0}, (struct im_str){0},
		IM_STR("{}"));
	effects_reply(c->fx, IM_STR("a2"), IM_STR("phone"), IM_STR("to/x"), (struct im_str){0},
		IM_STR("{}"));
	cut(c, THREE);
	for (unsigned i = 0; i < 3; i++) {
		assert_gets(c, i, EFFECTS_DIRECT, "presence ");
		assert_gets(c, i, EFFECTS_ROOM, "room ");
		assert_true(split_share(c->split, i)->retained);
	}
	assert_gets(c, 0, EFFECTS_CONTROL, "forget ");
	assert_gets(c, 1, EFFECTS_CONTROL, "forget ack:a2 ");
	assert_gets(c, 2, EFFECTS_CONTROL, "forget rpc/phone:a2 to/x ");
	/* Nobody has asked. */
	cut(c, 0);
	assert_gets(c, 2, EFFECTS_CONTROL, "forget ");
}

static void assert_span(
	struct cut *c, unsigned number, enum effects_tier tier, uint64_t first, uint64_t last)
{
	const struct effects_span *s = &split_share(c->split, number)->span[tier];

	assert_int_equal(s->first, first);
	assert_int_equal(s->last, last);
}

/* What one is not sent is not missing there, so it waits for nothing. */
static void only_what_one_gets_has_a_place_in_its_order(void **state)
{
	struct cut *c = *state;

	message(c, EFFECTS_DIRECT, 5, "m1", TO("a1"));
	message(c, EFFECTS_SMALL, 6, "m2", TO("a1", "b2"));
	message(c, EFFECTS_DIRECT, 7, "m3", TO("a1", "b3"));
	message(c, EFFECTS_LARGE, 8, "m4", TO("b2"));
	topic(c, EFFECTS_DIRECT, "t", 0);
	cut(c, 0);
	assert_span(c, 0, EFFECTS_DIRECT, 5, 7);
	assert_span(c, 0, EFFECTS_SMALL, 6, 6);
	assert_span(c, 0, EFFECTS_LARGE, 0, 0);
	assert_span(c, 1, EFFECTS_SMALL, 6, 6);
	assert_span(c, 1, EFFECTS_LARGE, 8, 8);
	assert_span(c, 2, EFFECTS_SMALL, 0, 0);
	assert_int_equal(effects_groups(split_share(c->split, 0)), 6);
	assert_int_equal(effects_groups(split_share(c->split, 1)), 6);
	assert_int_equal(effects_groups(split_share(c->split, 2)), UINT64_MAX);
	/* What is direct and was planned before the first group, of what each gets. */
	assert_int_equal(split_share(c->split, 0)->before_groups, c->all.before_groups);
	assert_int_equal(split_share(c->split, 1)->before_groups, 0);
	assert_int_equal(split_share(c->split, 2)->before_groups, 0);
}

static void only_messages_make_haste(void **state)
{
	struct cut *c = *state;

	effects_kept(c->fx, IM_STR("a12"), IM_STR("{}"), 5);
	message(c, EFFECTS_DIRECT, 6, "m1", TO("b2"));
	cut(c, 0);
	assert_false(split_share(c->split, 0)->hurries);
	assert_true(split_share(c->split, 1)->hurries);
	assert_false(split_share(c->split, 2)->hurries);
	assert_span(c, 0, EFFECTS_DIRECT, 5, 6);
	assert_span(c, 2, EFFECTS_DIRECT, 0, 0);
	/* A signal has no position. */
	effects_reset(c->fx);
	effects_kept(c->fx, IM_STR("a1"), IM_STR("{}"), 7);
	effects_put(c->fx, EFFECTS_DIRECT,
		&(struct im_down_rec){.type = IM_DOWN_INBOX, .topic = IM_STR("signal/u/x")},
		&(struct im_recipient){.uid = IM_STR("b2")}, 1);
	cut(c, 0);
	assert_span(c, 0, EFFECTS_DIRECT, 7, 7);
	assert_span(c, 1, EFFECTS_DIRECT, 0, 0);
	assert_true(split_share(c->split, 1)->hurries);
}

/* -- outboxes -- */

struct plugin {
	struct im_buf log; /* the marks of each frame's records */
	struct downq *q;
	struct outbox *o;
};

static void on_frame(void *arg, struct im_str frame)
{
	struct plugin *p = arg;
	struct im_down_rec r;
	struct im_str in;

	assert_int_equal(im_down_frame_read(frame, &in), IM_OK);
	while (in.n) {
		assert_int_equal(im_down_rec_read(&in, &r), IM_OK);
		if (r.type == IM_DOWN_STEP)
			im_buf_printf(&p->log, r.flags & IM_DOWNF_ALL ? "all " : "through%d ",
				(int)r.epoch);
		else if (r.type == IM_DOWN_COMMITTED)
			im_buf_printf(&p->log, "C%d ", (int)r.recno);
		else if (r.type != IM_DOWN_CREDIT)
			im_buf_printf(&p->log, "%.*s ", IM_ARGS(r.id));
	}
	im_buf_z(&p->log, "| ");
}

struct trio {
	struct cut c;
	struct health health;
	struct log *log;
	struct presence *presence;
	struct whereabouts *w;
	struct outboxes *all;
	struct plugin p[3];
};

static int homes(void *arg, struct im_str uid, split_mask *out)
{
	*out = where(arg, uid);
	return IM_OK;
}

static int trio_set_up(void **state)
{
	struct trio *t = calloc(1, sizeof(*t));
	const struct im_sipkey key = {{0}};

	t->c.fx = effects_new();
	t->log = log_new(open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_LEVEL_DEBUG, LOG_STDERR);
	t->presence = presence_new(100);
	t->w = whereabouts_new(t->presence, &key, homes, NULL);
	t->all = outboxes_new();
	outboxes_set_whereabouts(t->all, t->w);
	for (unsigned i = 0; i < 3; i++) {
		struct plugin *p = &t->p[i];

		im_buf_init(&p->log, 0);
		p->q = downq_new(1 << 20, 2);
		p->o = outbox_new(p->q, &t->health, t->log, on_frame, p);
		steps_set(downq_steps(p->q), true);
		outbox_set_linked(p->o, true);
		outbox_set_known(p->o, true);
		assert_int_equal(outboxes_add(t->all, p->o, i), IM_OK);
	}
	*state = t;
	return 0;
}

static int trio_tear_down(void **state)
{
	struct trio *t = *state;

	for (unsigned i = 0; i < 3; i++) {
		outboxes_remove(t->all, t->p[i].o);
		outbox_free(&t->p[i].o);
		downq_free(&t->p[i].q);
		im_buf_free(&t->p[i].log);
	}
	outboxes_free(&t->all);
	whereabouts_free(&t->w);
	presence_free(&t->presence);
	effects_free(&t->c.fx);
	log_free(&t->log);
	free(t);
	return 0;
}

static void took(struct trio *t, unsigned i, const char *expected)
{
	im_buf_c(&t->p[i].log, '\0');
	assert_string_equal(t->p[i].log.p, expected);
	im_buf_reset(&t->p[i].log);
}

static void each_is_told_what_is_its_own_and_how_far_that_is(void **state)
{
	struct trio *t = *state;

	message(&t->c, EFFECTS_DIRECT, 1, "m1", TO("a1"));
	message(&t->c, EFFECTS_LARGE, 2, "m2", TO("b12"));
	message(&t->c, EFFECTS_DIRECT, 3, "m3", TO("a1", "b2", "c3"));
	outboxes_take(t->all, t->c.fx, t->p[0].o, 5, 9);
	took(t, 0, "all m1 through1 m3 C9 | all m2 | ");
	took(t, 1, "through0 m3 all m2 | ");
	/* Of the group's message there was nothing for it, and so nothing is still to come. */
	took(t, 2, "all m3 | ");
	assert_int_equal(effects_bytes(t->c.fx), 0);
}

static void one_that_is_not_known_gets_everything(void **state)
{
	struct trio *t = *state;

	outbox_set_known(t->p[1].o, false);
	message(&t->c, EFFECTS_DIRECT, 1, "m1", TO("a1", "b3"));
	outboxes_take(t->all, t->c.fx, t->p[0].o, 5, 9);
	took(t, 0, "all m1 C9 | ");
	took(t, 1, "all m1 | ");
	took(t, 2, "all m1 | ");
	outbox_set_known(t->p[1].o, true);
	downq_return(t->p[1].q, 1);
	message(&t->c, EFFECTS_DIRECT, 2, "m2", TO("a1", "b3"));
	outboxes_take(t->all, t->c.fx, t->p[0].o, 5, 10);
	took(t, 1, "");
	assert_int_equal(downq_bytes(t->p[1].q), 0);
}

/* And goes on when it may. */
static void one_that_is_held_keeps_its_order(void **state)
{
	struct trio *t = *state;

	outbox_hold(t->p[0].o, true);
	message(&t->c, EFFECTS_DIRECT, 1, "m1", TO("a1"));
	outboxes_take(t->all, t->c.fx, t->p[0].o, 5, 9);
	message(&t->c, EFFECTS_DIRECT, 2, "m2", TO("a1"));
	outboxes_take(t->all, t->c.fx, NULL, 0, 0);
	took(t, 0, "");
	outbox_hold(t->p[0].o, false);
	outbox_pump(t->p[0].o);
	took(t, 0, "all m1 C9 m2 | ");
}

static void numbers_are_given_once(void **state)
{
	struct trio *t = *state;
	struct plugin *p = &t->p[1];

	assert_int_equal(outboxes_add(t->all, p->o, 2), IM_E_EXISTS);
	assert_int_equal(outboxes_add(t->all, p->o, IM_PEERS_MAX), IM_E_FULL);
	outboxes_remove(t->all, t->p[0].o);
	outboxes_remove(t->all, t->p[2].o);
	/* One that is alone gets everything. */
	message(&t->c, EFFECTS_DIRECT, 1, "m1", TO("a1", "b3"));
	outboxes_take(t->all, t->c.fx, NULL, 0, 0);
	took(t, 1, "all m1 | ");
	/* Its number is not its place in the list. */
	assert_int_equal(outboxes_add(t->all, t->p[0].o, 7), IM_OK);
	downq_return(p->q, 1);
	message(&t->c, EFFECTS_DIRECT, 2, "m2", TO("a8", "b2"));
	outboxes_take(t->all, t->c.fx, NULL, 0, 0);
	took(t, 0, "all m2 | ");
	took(t, 1, "all m2 | ");
	message(&t->c, EFFECTS_DIRECT, 3, "m3", TO("a8"));
	outboxes_take(t->all, t->c.fx, t->p[0].o, 5, 1);
	assert_int_equal(downq_bytes(p->q), 0);
	outboxes_remove(t->all, t->p[0].o);
	assert_int_equal(outboxes_add(t->all, t->p[0].o, 0), IM_OK);
	assert_int_equal(outboxes_add(t->all, t->p[2].o, 2), IM_OK);
}

#define S(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define T(name) cmocka_unit_test_setup_teardown(name, trio_set_up, trio_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		S(recipients_go_where_they_are_in_their_order),
		S(a_part_of_a_record_is_the_record),
		S(what_has_no_recipients_is_everybodys_and_answers_are_the_askers),
		S(only_what_one_gets_has_a_place_in_its_order),
		S(only_messages_make_haste),
		T(each_is_told_what_is_its_own_and_how_far_that_is),
		T(one_that_is_not_known_gets_everything),
		T(one_that_is_held_keeps_its_order),
		T(numbers_are_given_once),
	};

	return cmocka_run_group_tests_name("split", tests, NULL, NULL);
}
