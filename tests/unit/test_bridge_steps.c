/* SPDX-License-Identifier: BSD-3-Clause */
/* How far a link is said to be: never further than what was handed over. */
#include "tests/unit/unit.h"

#include "bridge/base/health.h"
#include "bridge/base/log.h"
#include "bridge/deliver/outbox.h"
#include "common/limits.h"

/* -- steps by themselves -- */

static void wait_for(
	struct steps *s, enum effects_tier tier, uint64_t end, uint64_t first, uint64_t last)
{
	const struct effects_span span = {first, last};

	steps_wait(s, tier, end, &span);
}

#define assert_all(now) assert_true((now).all)
#define assert_through(now, at)                       \
	do {                                          \
		const struct step step_ = (now);      \
		assert_false(step_.all);              \
		assert_int_equal(step_.position, at); \
	} while (0)

static void what_waits_elsewhere_holds_it_down(void **state)
{
	struct steps s;

	(void)state;
	steps_init(&s);
	assert_all(steps_now(&s));
	wait_for(&s, EFFECTS_LARGE, 100, 10, 12);
	assert_through(steps_now(&s), 9);
	/* Its own turn: nothing older is elsewhere. */
	assert_all(steps_front(&s, EFFECTS_LARGE));
	wait_for(&s, EFFECTS_SMALL, 50, 20, 20);
	assert_through(steps_front(&s, EFFECTS_SMALL), 9);
	assert_all(steps_front(&s, EFFECTS_LARGE));
	wait_for(&s, EFFECTS_MEDIUM, 50, 11, 11);
	assert_through(steps_front(&s, EFFECTS_LARGE), 9);
	steps_pass(&s, EFFECTS_LARGE, 99);
	assert_through(steps_now(&s), 9);
	steps_pass(&s, EFFECTS_LARGE, 100);
	assert_through(steps_now(&s), 10);
	assert_through(steps_front(&s, EFFECTS_SMALL), 10);
	steps_pass(&s, EFFECTS_MEDIUM, 50);
	assert_all(steps_front(&s, EFFECTS_SMALL));
	steps_pass(&s, EFFECTS_SMALL, 50);
	assert_all(steps_now(&s));
}

static void what_is_sent_again_is_old_wherever_it_waits(void **state)
{
	struct steps s;

	(void)state;
	steps_init(&s);
	wait_for(&s, EFFECTS_SMALL, 10, 40, 40);
	wait_for(&s, EFFECTS_SMALL, 20, 50, 50);
	wait_for(&s, EFFECTS_SMALL, 30, 7, 8);
	assert_through(steps_now(&s), 6);
	assert_through(steps_front(&s, EFFECTS_SMALL), 6);
	steps_pass(&s, EFFECTS_SMALL, 20);
	assert_all(steps_front(&s, EFFECTS_SMALL));
	steps_pass(&s, EFFECTS_SMALL, 30);
	assert_all(steps_now(&s));
}

static void more_than_is_told_apart_counts_as_one(void **state)
{
	struct steps s;

	(void)state;
	steps_init(&s);
	for (unsigned i = 1; i <= 2 * STEPS_WAITING; i++)
		wait_for(&s, EFFECTS_LARGE, i, i, i);
	assert_through(steps_now(&s), 0);
	steps_pass(&s, EFFECTS_LARGE, STEPS_WAITING - 1);
	assert_through(steps_now(&s), STEPS_WAITING - 1);
	steps_pass(&s, EFFECTS_LARGE, 2 * STEPS_WAITING - 1);
	assert_through(steps_now(&s), STEPS_WAITING - 1);
	steps_pass(&s, EFFECTS_LARGE, 2 * STEPS_WAITING);
	assert_all(steps_now(&s));
}

static void what_was_dropped_holds_it_down_until_a_gap_is_told(void **state)
{
	struct steps s;
	struct im_buf b;
	struct im_down_rec r;
	struct im_str in;

	(void)state;
	steps_init(&s);
	im_buf_init(&b, 0);
	steps_set(&s, true);
	steps_frame(&s);
	steps_say(&s, &b, steps_now(&s)); /* the first frame of a link */
	wait_for(&s, EFFECTS_LARGE, 10, 5, 6);
	wait_for(&s, EFFECTS_LARGE, 20, 7, 7);
	steps_drop(&s, EFFECTS_LARGE);
	steps_pass(&s, EFFECTS_LARGE, 10);
	assert_true(steps_held(&s));
	assert_through(steps_front(&s, EFFECTS_LARGE), 4);
	steps_pass(&s, EFFECTS_LARGE, 20);
	assert_through(steps_now(&s), 4);
	steps_lose(&s, &(struct effects_span){3, 9});
	assert_through(steps_now(&s), 2);
	steps_gap(&s);
	im_buf_reset(&b);
	steps_frame(&s);
	assert_false(steps_held(&s));
	steps_say(&s, &b, steps_now(&s));
	steps_say(&s, &b, steps_now(&s)); /* says the same */
	in = im_buf_view(&b);
	assert_int_equal(im_down_rec_read(&in, &r), IM_OK);
	assert_int_equal(in.n, 0);
	assert_int_equal(r.type, IM_DOWN_STEP);
	assert_int_equal(r.flags, IM_DOWNF_ALL | IM_DOWNF_GAP);
	assert_int_equal(r.recno, 2);
	im_buf_free(&b);
}

/* -- what a plugin is told, with each record that is delivered -- */

#define CURSOR_MAX 64

struct link {
	struct downq *q;
	struct outbox *o;
	struct effects *fx;
	struct health health;
	struct log *log;
	/* By position: what was said when it was handed over; 0: not yet. All: itself. */
	uint64_t safe[CURSOR_MAX];
	uint64_t number;
	unsigned gaps, frames;
};

static void on_frame(void *arg, struct im_str frame)
{
	struct link *l = arg;
	struct step now = {0};
	struct im_down_rec r;
	struct im_str in;
	bool first = true;

	assert_int_equal(im_down_frame_read(frame, &in), IM_OK);
	l->frames++;
	for (; in.n; first = false) {
		assert_int_equal(im_down_rec_read(&in, &r), IM_OK);
		if (first) {
			assert_int_equal(r.type, IM_DOWN_STEP);
			assert_int_equal(r.recno, ++l->number);
			l->gaps += !!(r.flags & IM_DOWNF_GAP);
		}
		if (r.type == IM_DOWN_STEP) {
			assert_true(first || !r.recno);
			now = (struct step){r.flags & IM_DOWNF_ALL, r.epoch};
		}
		if (r.type == IM_DOWN_MESSAGE || (r.flags & IM_DOWNF_KEPT))
			l->safe[r.recno] = now.all ? r.recno : now.position;
	}
}

static void link_open(struct link *l, size_t backlog)
{
	memset(l, 0, sizeof(*l));
	l->log = log_new(2, LOG_LEVEL_ERROR, LOG_STDERR);
	l->q = downq_new(backlog, 2);
	l->o = outbox_new(l->q, &l->health, l->log, on_frame, l);
	l->fx = effects_new();
	steps_set(downq_steps(l->q), true);
	outbox_set_linked(l->o, true);
}

static void link_close(struct link *l)
{
	effects_free(&l->fx);
	outbox_free(&l->o);
	downq_free(&l->q);
	log_free(&l->log);
}

/* Its seq is its position here. */
static void plan(struct link *l, enum effects_tier tier, uint64_t position)
{
	static const char big[1000];
	struct im_down_rec r = {.type = IM_DOWN_MESSAGE,
		.recno = position,
		.topic = IM_STR("g/team"),
		.payload = {big, sizeof(big)}};
	struct im_recipient to = {.uid = IM_STR("bob")};

	effects_at(l->fx, position);
	effects_put(l->fx, tier, &r, &to, 1);
	effects_at(l->fx, 0);
}

static void take(struct link *l)
{
	struct effects_share all;

	effects_all(l->fx, &all);
	outbox_take(l->o, &all, 1, 1);
	effects_reset(l->fx);
}

static void direct_messages_alone_are_all_that_there_is(void **state)
{
	struct link l;

	(void)state;
	link_open(&l, 1 << 20);
	plan(&l, EFFECTS_DIRECT, 1);
	plan(&l, EFFECTS_DIRECT, 2);
	take(&l);
	assert_int_equal(l.safe[1], 1);
	assert_int_equal(l.safe[2], 2);
	assert_int_equal(l.gaps, 1); /* the first frame of the link */
	link_close(&l);
}

static void direct_messages_overtake_groups_and_say_so(void **state)
{
	struct link l;

	(void)state;
	link_open(&l, 1 << 20);
	plan(&l, EFFECTS_DIRECT, 1);
	plan(&l, EFFECTS_SMALL, 2);
	plan(&l, EFFECTS_DIRECT, 3);
	plan(&l, EFFECTS_LARGE, 4);
	plan(&l, EFFECTS_DIRECT, 5);
	take(&l);
	assert_int_equal(l.safe[1], 1);
	assert_int_equal(l.safe[3], 1);
	assert_int_equal(l.safe[5], 1);
	/* By then the direct ones had gone; the large group's may wait still. */
	assert_in_range(l.safe[2], 1, 2);
	plan(&l, EFFECTS_DIRECT, 6);
	take(&l);
	assert_true(l.safe[6] == 3 || l.safe[6] == 6);
	downq_return(l.q, 2);
	outbox_pump(l.o);
	assert_int_equal(l.safe[4], 4);
	plan(&l, EFFECTS_DIRECT, 7);
	take(&l);
	assert_int_equal(l.safe[7], 7);
	link_close(&l);
}

static void after_a_drop_nothing_is_safe_that_is_newer(void **state)
{
	struct link l;

	(void)state;
	link_open(&l, 4000);
	for (uint64_t at = 1; at <= 20; at++)
		plan(&l, EFFECTS_LARGE, at);
	take(&l);
	assert_true(downq_dropped(l.q) > 0);
	plan(&l, EFFECTS_DIRECT, 30);
	take(&l);
	assert_int_equal(l.safe[30], 0);
	steps_gap(downq_steps(l.q));
	downq_return(l.q, 2);
	outbox_pump(l.o);
	plan(&l, EFFECTS_DIRECT, 31);
	take(&l);
	assert_int_equal(l.gaps, 2);
	link_close(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_waits_elsewhere_holds_it_down),
		cmocka_unit_test(what_is_sent_again_is_old_wherever_it_waits),
		cmocka_unit_test(more_than_is_told_apart_counts_as_one),
		cmocka_unit_test(what_was_dropped_holds_it_down_until_a_gap_is_told),
		cmocka_unit_test(direct_messages_alone_are_all_that_there_is),
		cmocka_unit_test(direct_messages_overtake_groups_and_say_so),
		cmocka_unit_test(after_a_drop_nothing_is_safe_that_is_newer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
