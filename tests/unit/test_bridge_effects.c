/* SPDX-License-Identifier: BSD-3-Clause */
/* Effects, acks and the outbox: what is planned, how it is packed, in which order it leaves. */
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "bridge/deliver/acks.h"
#include "bridge/deliver/effects.h"
#include "bridge/deliver/outboxes.h"
#include "common/limits.h"

static struct im_down_rec one(struct im_str records)
{
	struct im_down_rec r;

	assert_int_equal(im_down_rec_read(&records, &r), IM_OK);
	return r;
}

static void a_reply_without_a_topic_goes_to_the_device(void **state)
{
	struct effects *fx = effects_new();
	char longer[IM_DEVICE_MAX + 1];
	struct im_down_rec r;

	(void)state;
	effects_reply(
		fx, IM_STR("bob"), IM_STR("phone"), (struct im_str){0}, IM_STR("c"), IM_STR("{}"));
	r = one(effects_view(fx, EFFECTS_CONTROL));
	assert_int_equal(r.type, IM_DOWN_INBOX);
	assert_int_equal(r.flags, IM_DOWNF_QOS1);
	assert_str(r.topic, "rpc/phone");
	effects_reset(fx);
	effects_reply(fx, IM_STR("bob"), IM_STR("Bob's phone/#1"), (struct im_str){0},
		(struct im_str){0}, IM_STR("{}"));
	r = one(effects_view(fx, EFFECTS_CONTROL));
	assert_str(r.topic, "rpc/Bob%27s%20phone%2F%231");
	effects_reset(fx);
	memset(longer, '+', sizeof(longer));
	effects_reply(fx, IM_STR("bob"), (struct im_str){longer, IM_DEVICE_MAX}, (struct im_str){0},
		(struct im_str){0}, IM_STR("{}"));
	r = one(effects_view(fx, EFFECTS_CONTROL));
	assert_int_equal(r.topic.n, 4 + IM_DEVICE_TOPIC_MAX);
	assert_memory_equal(r.topic.p + r.topic.n - 3, "%2B", 3);
	effects_reset(fx);
	memset(longer, 'x', sizeof(longer));
	effects_reply(fx, IM_STR("bob"), (struct im_str){longer, sizeof(longer)},
		(struct im_str){0}, (struct im_str){0}, IM_STR("{}"));
	assert_int_equal(effects_bytes(fx), 0);
	effects_reply(fx, IM_STR("bob"), IM_STR("phone"), IM_STR("im/inbox/bob/x"), IM_STR("c"),
		IM_STR("{}"));
	r = one(effects_view(fx, EFFECTS_CONTROL));
	assert_int_equal(r.type, IM_DOWN_REPLY);
	assert_str(r.topic, "im/inbox/bob/x");
	assert_str(r.corr, "c");
	effects_free(&fx);
	assert_null(fx);
}

struct forgotten {
	char text[256];
};

static void on_forget(void *arg, struct im_str uid, struct im_str gid)
{
	struct forgotten *f = arg;
	size_t n = strlen(f->text);

	snprintf(f->text + n, sizeof(f->text) - n, "[%.*s|%.*s]", IM_ARGS(uid), IM_ARGS(gid));
}

static void forgetting_is_told_at_once(void **state)
{
	struct effects *fx = effects_new();
	struct forgotten f = {""};

	(void)state;
	effects_on_forget(fx, on_forget, &f);
	effects_forget_user(fx, IM_STR("bob"));
	effects_forget_group(fx, IM_STR("team"));
	effects_forget_member(fx, IM_STR("team"), IM_STR("bob"));
	assert_string_equal(f.text, "[bob|][|team][bob|team]");
	effects_kick(fx, IM_STR("bob"), (struct im_str){0}, IM_END_DISABLED);
	assert_int_equal(one(effects_view(fx, EFFECTS_CONTROL)).type, IM_DOWN_FORGET_USER);
	assert_int_equal(effects_view(fx, EFFECTS_DIRECT).n, 0);
	effects_reset(fx);
	effects_kick(fx, IM_STR("bob"), IM_STR("phone"), IM_END_REMOVED);
	assert_int_equal(one(effects_view(fx, EFFECTS_CONTROL)).type, IM_DOWN_KICK_DEVICE);
	assert_int_equal(one(effects_view(fx, EFFECTS_CONTROL)).flags, IM_END_REMOVED);
	effects_free(&fx);
}

/* A plugin of the version before would drop what it does not know, and the rest of the frame. */
static void a_new_password_is_told_as_far_as_the_plugin_understands(void **state)
{
	struct effects *fx = effects_new();
	struct forgotten f = {""};
	struct im_down_rec r;

	(void)state;
	effects_on_forget(fx, on_forget, &f);
	for (unsigned level = 0; level < IM_PLUGIN_LEVEL_CREDENTIAL; level++) {
		effects_set_level(fx, level);
		effects_credential(fx, IM_STR("bob"), IM_STR("phone"), 1763650000123);
		r = one(effects_view(fx, EFFECTS_CONTROL));
		assert_int_equal(r.type, IM_DOWN_FORGET_USER);
		assert_str(r.user, "bob");
		effects_reset(fx);
	}
	effects_set_level(fx, IM_PLUGIN_LEVEL_CREDENTIAL);
	effects_credential(fx, IM_STR("bob"), IM_STR("phone"), 1763650000123);
	r = one(effects_view(fx, EFFECTS_CONTROL));
	assert_int_equal(r.type, IM_DOWN_CREDENTIAL);
	assert_str(r.user, "bob");
	assert_str(r.device, "phone");
	assert_int_equal(r.epoch, 1763650000123);
	effects_reset(fx);
	effects_credential(fx, IM_STR("bob"), IM_STR(""), -1);
	r = one(effects_view(fx, EFFECTS_CONTROL));
	assert_int_equal(r.device.n, 0);
	assert_int_equal(r.epoch, 0);
	assert_string_equal(f.text, "[bob|][bob|][bob|][bob|]");
	effects_free(&fx);
}

static void a_record_that_cannot_be_encoded_fails_the_transaction(void **state)
{
	struct effects *fx = effects_new();
	static char name[300];
	struct im_down_rec r = {.type = IM_DOWN_INBOX};
	struct im_recipient to = {.uid = {name, sizeof(name)}};

	(void)state;
	effects_put(fx, EFFECTS_LARGE, &r, &to, 1);
	assert_true(effects_failed(fx));
	effects_reset(fx);
	assert_false(effects_failed(fx));
	effects_free(&fx);
}

/* -- acks -- */

static void acks_are_gathered_for_each_sender(void **state)
{
	struct effects *fx = effects_new();
	struct acks *a = acks_new();
	struct im_str view;
	struct im_down_rec r;

	(void)state;
	assert_int_equal(acks_stored(a, &(struct acks_of){.uid = IM_STR("alice")}, IM_STR("1"),
				 IM_CONV_USER, IM_STR("bob"), 7, 100, IM_STR("")),
		IM_OK);
	assert_int_equal(
		acks_refused(a, &(struct acks_of){.uid = IM_STR("alice")}, (struct im_str){0},
			IM_CONV_GROUP, IM_STR("team"), IM_E_MUTED, IM_STR("be \"quiet\"")),
		IM_OK);
	acks_flush(a, fx);
	view = effects_view(fx, EFFECTS_CONTROL);
	assert_int_equal(im_down_rec_read(&view, &r), IM_OK);
	assert_int_equal(view.n, 0);
	assert_str(r.topic, "ack");
	assert_str(r.payload, "[{\"id\":\"1\",\"conv\":\"u/bob\",\"seq\":7,\"ts\":100},"
			      "{\"id\":null,\"conv\":\"g/team\",\"error\":{\"code\":-32004,"
			      "\"message\":\"muted: be \\\"quiet\\\"\"}}]");
	effects_reset(fx);
	acks_flush(a, fx);
	assert_int_equal(effects_bytes(fx), 0);
	assert_int_equal(acks_stored(a, &(struct acks_of){.uid = IM_STR("alice")}, IM_STR("1"),
				 IM_CONV_USER, IM_STR("bob"), 7, 100, IM_STR("")),
		IM_OK);
	acks_reset(a);
	acks_flush(a, fx);
	assert_int_equal(effects_bytes(fx), 0);
	acks_free(&a);
	effects_free(&fx);
}

static void acks_stay_below_a_frame(void **state)
{
	struct effects *fx = effects_new();
	struct acks *a = acks_new();
	char id[IM_MSGID_MAX];
	size_t records = 0, commas = 0;
	struct im_str view;
	struct im_down_rec r;

	(void)state;
	memset(id, '"', sizeof(id)); /* each is escaped to two bytes */
	for (int i = 0; i < 5000; i++)
		assert_int_equal(acks_stored(a, &(struct acks_of){.uid = IM_STR("alice")},
					 (struct im_str){id, sizeof(id)}, IM_CONV_USER,
					 IM_STR("bob"), 1, 1, IM_STR("")),
			IM_OK);
	acks_flush(a, fx);
	view = effects_view(fx, EFFECTS_CONTROL);
	while (view.n) {
		assert_int_equal(im_down_rec_read(&view, &r), IM_OK);
		assert_true(r.payload.n < IM_DOWN_BYTES_SOFT);
		assert_int_equal(r.payload.p[0], '[');
		assert_int_equal(r.payload.p[r.payload.n - 1], ']');
		for (size_t i = 1; i < r.payload.n; i++)
			commas += r.payload.p[i] == '{' && r.payload.p[i - 1] != '[';
		records++;
	}
	assert_int_equal(records + commas, 5000);
	acks_free(&a);
	effects_free(&fx);
}

/* -- outbox -- */

static bool no_memory;

void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_realloc(void *p, size_t n)
{
	return no_memory ? NULL : __real_realloc(p, n);
}

struct sink {
	struct im_buf log; /* "frame:type,type,...;" with the tier's mark in the topic */
	size_t frames, largest;
};

static void on_frame(void *arg, struct im_str frame)
{
	struct sink *s = arg;
	struct im_down_rec r;
	struct im_str in;

	s->frames++;
	if (frame.n > s->largest)
		s->largest = frame.n;
	assert_int_equal(im_down_frame_read(frame, &in), IM_OK);
	assert_true(in.n > 0);
	while (in.n) {
		assert_int_equal(im_down_rec_read(&in, &r), IM_OK);
		if (r.type == IM_DOWN_COMMITTED)
			im_buf_printf(&s->log, "C%d ", (int)r.recno);
		else if (r.type == IM_DOWN_CREDIT)
			im_buf_z(&s->log, "R ");
		else
			im_buf_printf(&s->log, "%.*s ", IM_ARGS(r.topic));
	}
	im_buf_z(&s->log, "| ");
}

struct outbox_test {
	struct sink sink;
	struct health health;
	struct effects *fx;
	struct downq *q;
	struct log *log;
	struct outbox *o;
	struct outboxes *all;
};

static int outbox_set_up(void **state)
{
	struct outbox_test *t = calloc(1, sizeof(*t));

	im_buf_init(&t->sink.log, 0);
	t->fx = effects_new();
	t->q = downq_new(1024 * 1024, 2);
	t->log = log_new(open("/dev/null", O_WRONLY), LOG_LEVEL_DEBUG, LOG_STDERR);
	t->o = outbox_new(t->q, &t->health, t->log, on_frame, &t->sink);
	outbox_set_linked(t->o, true);
	t->all = outboxes_new();
	assert_int_equal(outboxes_add(t->all, t->o, 0), IM_OK);
	*state = t;
	return t->o ? 0 : -1;
}

static int outbox_tear_down(void **state)
{
	struct outbox_test *t = *state;

	outboxes_free(&t->all);
	outbox_free(&t->o);
	log_free(&t->log);
	downq_free(&t->q);
	effects_free(&t->fx);
	im_buf_free(&t->sink.log);
	free(t);
	return 0;
}

static void put(struct outbox_test *t, enum effects_tier tier, const char *mark, size_t bytes)
{
	static char payload[200 * 1024];
	struct im_down_rec r = {
		.type = IM_DOWN_TOPIC, .topic = im_str(mark), .payload = {payload, bytes}};

	memset(payload, 'x', sizeof(payload));
	effects_put(t->fx, tier, &r, NULL, 0);
}

static void the_commit_return_stands_behind_what_is_urgent(void **state)
{
	struct outbox_test *t = *state;

	put(t, EFFECTS_SMALL, "s", 1);
	put(t, EFFECTS_DIRECT, "d", 1);
	put(t, EFFECTS_CONTROL, "c", 1);
	outboxes_take(t->all, t->fx, t->o, 5, 9);
	assert_buf(&t->sink.log, "c d C9 | s R | ");
	assert_int_equal(effects_bytes(t->fx), 0);
	outboxes_take(t->all, t->fx, t->o, 5, 10);
	assert_buf(&t->sink.log, "c d C9 | s R | C10 | ");
	outboxes_take(t->all, t->fx, t->o, 0, 0);
	assert_int_equal(t->sink.frames, 3);
}

/* It is in no record that would come again. */
static void what_is_in_nobodys_record_is_told_until_it_is_returned(void **state)
{
	struct outbox_test *t = *state;

	put(t, EFFECTS_DIRECT, "d", 1);
	put(t, EFFECTS_CONTROL, "c", 1);
	outboxes_take(t->all, t->fx, t->o, 0, 0);
	assert_buf(&t->sink.log, "c d R | ");
	downq_lost(t->q);
	outbox_pump(t->o);
	assert_buf(&t->sink.log, "c d R | c d R | ");
	/* What is somebody's goes at once, and is not told again here. */
	put(t, EFFECTS_DIRECT, "e", 1);
	outboxes_take(t->all, t->fx, t->o, 5, 1);
	assert_buf(&t->sink.log, "c d R | c d R | e C1 | ");
	downq_return(t->q, 1);
	downq_lost(t->q);
	outbox_pump(t->o);
	assert_buf(&t->sink.log, "c d R | c d R | e C1 | ");
}

/* A frame that was not returned may be given out once more, after what was told since. */
static void what_is_retained_waits_for_what_was_retained_before(void **state)
{
	const struct im_down_rec r = {
		.type = IM_DOWN_TOPIC, .flags = IM_DOWNF_RETAIN, .topic = IM_STR("p")};
	struct outbox_test *t = *state;
	struct effects_share all;

	effects_put(t->fx, EFFECTS_DIRECT, &r, NULL, 0);
	outboxes_take(t->all, t->fx, t->o, 5, 1);
	effects_put(t->fx, EFFECTS_DIRECT, &r, NULL, 0);
	outboxes_take(t->all, t->fx, t->o, 0, 0);
	put(t, EFFECTS_DIRECT, "d", 1);
	outboxes_take(t->all, t->fx, t->o, 5, 2);
	assert_buf(&t->sink.log, "p C1 | p R | d C2 | ");
	effects_put(t->fx, EFFECTS_DIRECT, &r, NULL, 0);
	outboxes_take(t->all, t->fx, t->o, 5, 3);
	assert_buf(&t->sink.log, "p C1 | p R | d C2 | ");
	downq_return(t->q, 1);
	outbox_pump(t->o);
	assert_buf(&t->sink.log, "p C1 | p R | d C2 | p C3 R | ");
	downq_return(t->q, 1);
	effects_put(t->fx, EFFECTS_DIRECT, &r, NULL, 0);
	effects_reset(t->fx);
	effects_all(t->fx, &all);
	assert_false(all.retained);
	effects_put(t->fx, EFFECTS_DIRECT, &r, NULL, 0);
	outboxes_take(t->all, t->fx, t->o, 5, 4);
	assert_buf(&t->sink.log, "p C1 | p R | d C2 | p C3 R | p C4 | ");
}

static void a_frame_that_memory_fails_is_missed(void **state)
{
	struct outbox_test *t = *state;

	put(t, EFFECTS_DIRECT, "d", 100 * 1024);
	no_memory = true;
	outboxes_take(t->all, t->fx, t->o, 5, 1);
	no_memory = false;
	assert_int_equal(t->sink.frames, 0);
	assert_true(outbox_missed(t->o));
	outbox_made_up(t->o);
	/* Of those that wait, too. */
	put(t, EFFECTS_DIRECT, "d", 100 * 1024);
	effects_put(t->fx, EFFECTS_DIRECT, &(struct im_down_rec){.type = IM_DOWN_STATS}, NULL, 0);
	no_memory = true;
	outboxes_take(t->all, t->fx, t->o, 0, 0);
	no_memory = false;
	assert_int_equal(t->sink.frames, 0);
	assert_true(outbox_missed(t->o));
}

static void frames_are_closed_at_the_soft_bound(void **state)
{
	struct outbox_test *t = *state;

	for (int i = 0; i < 10; i++)
		put(t, EFFECTS_DIRECT, "d", 25 * 1024);
	put(t, EFFECTS_DIRECT, "big", 150 * 1024);
	put(t, EFFECTS_DIRECT, "e", 1);
	outboxes_take(t->all, t->fx, t->o, 1, 1);
	assert_buf(&t->sink.log, "d d | d d | d d | d d | d d | big | e C1 | ");
	assert_int_equal(t->health.frames_down, 7);
}

static void large_groups_wait_for_the_window(void **state)
{
	struct outbox_test *t = *state;

	for (int i = 0; i < 4; i++)
		put(t, EFFECTS_LARGE, "l", 50 * 1024);
	outboxes_take(t->all, t->fx, t->o, 1, 1);
	assert_buf(&t->sink.log, "C1 | l R | l R | ");
	put(t, EFFECTS_SMALL, "s", 1);
	put(t, EFFECTS_DIRECT, "d", 1);
	outboxes_take(t->all, t->fx, t->o, 1, 2);
	assert_buf(&t->sink.log, "C1 | l R | l R | d C2 | ");
	downq_return(t->q, 1);
	outbox_pump(t->o);
	/* Now that direct messages pass, one at a time. */
	assert_buf(&t->sink.log, "C1 | l R | l R | d C2 | ");
	downq_return(t->q, 1);
	outbox_pump(t->o);
	assert_buf(&t->sink.log, "C1 | l R | l R | d C2 | s l R | ");
}

/* A second plugin beside the first one. */
struct second {
	struct sink sink;
	struct downq *q;
	struct outbox *o;
};

static void second_open(struct outbox_test *t, struct second *s, size_t backlog)
{
	*s = (struct second){0};
	im_buf_init(&s->sink.log, 0);
	s->q = downq_new(backlog, 2);
	s->o = outbox_new(s->q, &t->health, t->log, on_frame, &s->sink);
	assert_int_equal(outboxes_add(t->all, s->o, 1), IM_OK);
	outbox_set_linked(s->o, true);
}

static void second_close(struct outbox_test *t, struct second *s)
{
	outboxes_remove(t->all, s->o);
	outbox_free(&s->o);
	downq_free(&s->q);
	im_buf_free(&s->sink.log);
}

static void what_others_cause_waits_for_the_window_and_answers_are_not_told(void **state)
{
	struct outbox_test *t = *state;
	struct second s;

	second_open(t, &s, 1024 * 1024);
	put(t, EFFECTS_SMALL, "s", 1);
	put(t, EFFECTS_DIRECT, "d", 1);
	put(t, EFFECTS_CONTROL, "c", 1);
	effects_reply(t->fx, IM_STR("a"), IM_STR("phone"), (struct im_str){0}, (struct im_str){0},
		IM_STR("{}"));
	effects_reply(t->fx, IM_STR("a"), IM_STR("phone"), IM_STR("im/inbox/a/x"),
		(struct im_str){0}, IM_STR("{}"));
	effects_inbox(t->fx, IM_STR("a"), IM_STR("ack"), IM_STR("[]"));
	outboxes_take(t->all, t->fx, t->o, 5, 9);
	assert_int_equal(effects_bytes(t->fx), 0);
	assert_buf(&t->sink.log, "c rpc/phone im/inbox/a/x ack d C9 | s R | ");
	assert_buf(&s.sink.log, "c ack d s R | ");
	/* One frame at a time while direct messages pass, and nobody is told of a commit not his.
	 */
	put(t, EFFECTS_DIRECT, "e", 1);
	outboxes_take(t->all, t->fx, t->o, 5, 10);
	put(t, EFFECTS_DIRECT, "f", 1);
	outboxes_take(t->all, t->fx, NULL, 0, 0);
	assert_buf(&s.sink.log, "c ack d s R | ");
	downq_return(s.q, 1);
	outbox_pump(s.o);
	assert_buf(&s.sink.log, "c ack d s R | e f R | ");
	second_close(t, &s);
}

static void ones_own_stays_behind_what_was_heard_before(void **state)
{
	struct outbox_test *t = *state;
	struct second s;

	second_open(t, &s, 1024 * 1024);
	put(t, EFFECTS_DIRECT, "1", 1);
	outboxes_take(t->all, t->fx, t->o, 5, 1);
	put(t, EFFECTS_DIRECT, "2", 1);
	outboxes_take(t->all, t->fx, t->o, 5, 2);
	put(t, EFFECTS_DIRECT, "3", 1);
	put(t, EFFECTS_CONTROL, "ack", 1);
	outboxes_take(t->all, t->fx, s.o, 6, 1);
	assert_buf(&s.sink.log, "1 R | ");
	downq_return(s.q, 1);
	outbox_pump(s.o);
	assert_buf(&s.sink.log, "1 R | 2 ack 3 C1 R | ");
	put(t, EFFECTS_DIRECT, "4", 1);
	outboxes_take(t->all, t->fx, s.o, 6, 2);
	assert_buf(&s.sink.log, "1 R | 2 ack 3 C1 R | 4 C2 | ");
	second_close(t, &s);
}

static void a_plugin_that_hears_nothing_costs_a_bounded_queue(void **state)
{
	struct outbox_test *t = *state;
	struct second s;

	second_open(t, &s, 100 * 1024);
	for (int i = 0; i < 1000; i++) {
		put(t, EFFECTS_DIRECT, "d", 1000);
		put(t, EFFECTS_SMALL, "s", 1000);
		outboxes_take(t->all, t->fx, t->o, 5, (uint64_t)i + 1);
		downq_return(t->q, 2);
		assert_true(downq_bytes(s.q) <= 100 * 1024);
	}
	assert_int_equal(s.sink.frames, 1);
	assert_true(outbox_missed(s.o));
	assert_false(outbox_missed(t->o));
	assert_int_equal(downq_bytes(t->q), 0);
	/* What is the newest is there, groups went first. */
	assert_in_range(downq_urgent(s.q), 95 * 1024, 100 * 1024);
	outbox_made_up(s.o);
	assert_false(outbox_missed(s.o));
	second_close(t, &s);
}

static void without_a_link_nothing_is_queued_and_it_is_known(void **state)
{
	struct outbox_test *t = *state;
	struct second s;

	second_open(t, &s, 1024 * 1024);
	outbox_set_linked(s.o, false);
	put(t, EFFECTS_DIRECT, "d", 1);
	put(t, EFFECTS_LARGE, "l", 1);
	outboxes_take(t->all, t->fx, t->o, 5, 1);
	assert_int_equal(downq_bytes(s.q), 0);
	assert_int_equal(s.sink.frames, 0);
	assert_true(outbox_missed(s.o));
	assert_buf(&t->sink.log, "d C1 | l R | ");
	second_close(t, &s);
}

/* Nobody says again what was nobody's record. */
static void without_a_link_nothing_goes_out_and_it_is_known(void **state)
{
	struct outbox_test *t = *state;

	outbox_set_linked(t->o, false);
	outboxes_take(t->all, t->fx, NULL, 0, 0);
	assert_false(outbox_missed(t->o));
	put(t, EFFECTS_DIRECT, "d", 1);
	outboxes_take(t->all, t->fx, NULL, 0, 0);
	assert_true(outbox_missed(t->o));
	assert_int_equal(t->sink.frames, 0);
	assert_int_equal(t->health.frames_down, 0);
	outbox_made_up(t->o);
	put(t, EFFECTS_CONTROL, "c", 1);
	outboxes_take(t->all, t->fx, t->o, 5, 1);
	assert_true(outbox_missed(t->o));
	assert_int_equal(t->sink.frames, 0);
}

static void a_group_has_one_tier_at_all_plugins(void **state)
{
	struct outbox_test *t = *state;
	struct second s;

	second_open(t, &s, 1024 * 1024);
	for (int i = 0; i < 4; i++) {
		put(t, EFFECTS_SMALL, "s", 50 * 1024);
		outboxes_pin(t->all, 7, EFFECTS_SMALL, effects_view(t->fx, EFFECTS_SMALL).n);
		outboxes_take(t->all, t->fx, t->o, 0, 0);
		downq_return(t->q, 2);
		outbox_pump(t->o);
	}
	assert_int_equal(downq_bytes(t->q), 0);
	/* The first has given everything out, the second has not. */
	assert_int_equal(outboxes_tier(t->all, 7, EFFECTS_MEDIUM), EFFECTS_SMALL);
	assert_int_equal(outboxes_tier(t->all, 8, EFFECTS_MEDIUM), EFFECTS_MEDIUM);
	while (downq_outstanding(s.q)) {
		downq_return(s.q, 2);
		outbox_pump(s.o);
	}
	assert_int_equal(outboxes_tier(t->all, 7, EFFECTS_MEDIUM), EFFECTS_MEDIUM);
	second_close(t, &s);
}

#define O(name) cmocka_unit_test_setup_teardown(name, outbox_set_up, outbox_tear_down)

struct read {
	struct effects_read effect;
	int *dropped;
};

static void drop(struct effects_read *r)
{
	++*((struct read *)r)->dropped;
}

static void reads_are_the_commits_or_dropped(void **state)
{
	struct effects *fx = effects_new();
	int dropped = 0;
	struct read v[5];
	struct effects_read *r;

	(void)state;
	for (int i = 0; i < 5; i++)
		v[i] = (struct read){{.drop = drop}, &dropped};
	assert_null(effects_reads(fx));
	/* Rolled back. */
	effects_read(fx, &v[0].effect);
	effects_read(fx, &v[1].effect);
	effects_reset(fx);
	assert_int_equal(dropped, 2);
	assert_null(effects_reads(fx));
	/* Committed: in the order in which they were planned, once. */
	effects_read(fx, &v[2].effect);
	effects_read(fx, &v[3].effect);
	r = effects_reads(fx);
	assert_ptr_equal(r, &v[2].effect);
	assert_ptr_equal(r->next, &v[3].effect);
	assert_null(r->next->next);
	effects_reset(fx);
	assert_int_equal(dropped, 2);
	/* What nobody took goes with the effects. */
	effects_read(fx, &v[4].effect);
	effects_free(&fx);
	assert_int_equal(dropped, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reply_without_a_topic_goes_to_the_device),
		cmocka_unit_test(forgetting_is_told_at_once),
		cmocka_unit_test(a_new_password_is_told_as_far_as_the_plugin_understands),
		cmocka_unit_test(a_record_that_cannot_be_encoded_fails_the_transaction),
		cmocka_unit_test(acks_are_gathered_for_each_sender),
		cmocka_unit_test(acks_stay_below_a_frame),
		O(the_commit_return_stands_behind_what_is_urgent),
		O(what_is_in_nobodys_record_is_told_until_it_is_returned),
		O(what_is_retained_waits_for_what_was_retained_before),
		O(a_frame_that_memory_fails_is_missed),
		O(frames_are_closed_at_the_soft_bound),
		O(large_groups_wait_for_the_window),
		O(what_others_cause_waits_for_the_window_and_answers_are_not_told),
		O(ones_own_stays_behind_what_was_heard_before),
		O(a_plugin_that_hears_nothing_costs_a_bounded_queue),
		O(without_a_link_nothing_is_queued_and_it_is_known),
		O(without_a_link_nothing_goes_out_and_it_is_known),
		O(a_group_has_one_tier_at_all_plugins),
		cmocka_unit_test(reads_are_the_commits_or_dropped),
	};

	return cmocka_run_group_tests_name("bridge effects", tests, NULL, NULL);
}
