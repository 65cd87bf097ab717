/* SPDX-License-Identifier: BSD-3-Clause */
/* Whose reading job is next: users in turn, a share of the threads each, bounds, second turns. */
#include "tests/unit/unit.h"

#include "bridge/read/readers.h"
#include "bridge/read/turns.h"

static struct read_job *make(uint64_t user, enum read_kind kind)
{
	struct read_job *job = read_job_new(kind, IM_STR("u"), IM_STR("phone"));

	assert_non_null(job);
	job->user = user;
	return job;
}

static void push(struct turns *t, uint64_t user, enum read_kind kind)
{
	assert_int_equal(turns_push(t, make(user, kind)), IM_OK);
}

/* Runs one job to its end; its user, 0 if none may run. */
static uint64_t run_one(struct turns *t)
{
	struct read_job *job = turns_pop(t);
	uint64_t user;

	if (!job)
		return 0;
	user = job->user;
	turns_end(t, job);
	read_job_free(job);
	return user;
}

static void users_are_served_in_turn(void **state)
{
	struct turns *t = turns_new(1);
	static const uint64_t want[] = {1, 2, 3, 1, 2, 1, 1};

	(void)state;
	for (int i = 0; i < 4; i++)
		push(t, 1, READ_REQUEST);
	push(t, 2, READ_REQUEST);
	push(t, 2, READ_REQUEST);
	push(t, 3, READ_REQUEST);
	assert_int_equal(turns_waiting_requests(t), 7);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		assert_int_equal(run_one(t), want[i]);
	assert_int_equal(run_one(t), 0);
	assert_int_equal(turns_waiting_requests(t), 0);
	turns_free(&t);
	assert_null(t);
}

/* Whatever one asks, another waits for one of his jobs at most, and asks for as long as he likes.
 */
static void a_bystander_waits_for_one_job_of_a_flood(void **state)
{
	struct turns *t = turns_new(2);
	struct read_job *attack, *other;

	(void)state;
	for (int round = 0; round < 1000; round++) {
		while (turns_waiting_requests(t) < IM_READS_WAITING)
			push(t, 1, READ_REQUEST);
		attack = turns_pop(t);
		assert_int_equal(attack->user, 1);
		/* The other thread is nobody's, as long as nobody else asks. */
		assert_null(turns_pop(t));
		push(t, 2, READ_REQUEST);
		other = turns_pop(t);
		assert_int_equal(other->user, 2);
		turns_end(t, other);
		read_job_free(other);
		turns_end(t, attack);
		read_job_free(attack);
	}
	turns_free(&t);
}

static void a_user_has_half_of_the_threads(void **state)
{
	static const unsigned shares[][2] = {{0, 1}, {1, 1}, {2, 1}, {3, 1}, {4, 2}, {9, 4}};
	struct read_job *running[8];

	(void)state;
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		struct turns *t = turns_new(shares[i][0]);
		unsigned n = 0;

		for (int k = 0; k < 8; k++)
			push(t, 5, k % 2 ? READ_REQUEST : READ_HELLO);
		while ((running[n] = turns_pop(t)))
			n++;
		assert_int_equal(n, shares[i][1]);
		assert_int_equal(turns_running(t), n);
		/* Each that ends makes room for one. */
		turns_end(t, running[0]);
		read_job_free(running[0]);
		running[0] = turns_pop(t);
		assert_non_null(running[0]);
		assert_null(turns_pop(t));
		while (n-- > 0) {
			turns_end(t, running[n]);
			read_job_free(running[n]);
		}
		while (run_one(t))
			;
		assert_int_equal(turns_running(t), 0);
		turns_free(&t);
	}
}

static void a_users_queue_is_bounded_and_nobody_elses(void **state)
{
	struct turns *t = turns_new(2);
	struct read_job *job;

	(void)state;
	for (int i = 0; i < IM_READS_WAITING; i++)
		push(t, 1, READ_REQUEST);
	job = make(1, READ_REQUEST);
	assert_int_equal(turns_push(t, job), IM_E_FULL);
	read_job_free(job);
	for (int i = 0; i < IM_READS_WAITING; i++)
		push(t, 2, READ_REQUEST);
	/* Greetings have a queue of their own. */
	for (int i = 0; i < IM_GREETINGS_WAITING; i++)
		push(t, 1, i % 2 ? READ_HELLO : READ_DELIVERED);
	job = make(1, READ_HELLO);
	assert_int_equal(turns_push(t, job), IM_E_FULL);
	read_job_free(job);
	assert_int_equal(turns_waiting_requests(t), 2 * IM_READS_WAITING);
	assert_int_equal(turns_waiting_others(t), IM_GREETINGS_WAITING);
	/* A job that runs does not wait. */
	job = turns_pop(t);
	push(t, 1, READ_REQUEST);
	turns_end(t, job);
	read_job_free(job);
	turns_free(&t);
}

static void a_second_turn_comes_after_the_users_other_requests(void **state)
{
	struct turns *t = turns_new(1);
	struct read_job *job;

	(void)state;
	for (int i = 0; i < IM_READS_WAITING; i++)
		push(t, 1, READ_REQUEST);
	job = turns_pop(t);
	push(t, 1, READ_REQUEST);
	/* Its place is kept, whoever has filled the queue meanwhile. */
	turns_back(t, job);
	assert_int_equal(turns_waiting_requests(t), IM_READS_WAITING + 1);
	for (int i = 0; i < IM_READS_WAITING; i++) {
		struct read_job *next = turns_pop(t);

		assert_ptr_not_equal(next, job);
		turns_end(t, next);
		read_job_free(next);
	}
	assert_ptr_equal(turns_pop(t), job);
	turns_end(t, job);
	read_job_free(job);
	turns_free(&t);
}

static void greetings_have_one_turn_in_nine_and_users_share_it(void **state)
{
	struct turns *t = turns_new(1);
	int requests = 0, greetings = 0, of_two = 0;

	(void)state;
	for (uint64_t user = 10; user < 100; user++)
		push(t, user, READ_REQUEST);
	for (int i = 0; i < 500; i++)
		push(t, 1, READ_HELLO);
	for (int i = 0; i < 5; i++)
		push(t, 2, READ_DELIVERED);
	while (turns_waiting_requests(t)) {
		uint64_t user = run_one(t);

		requests += user >= 10;
		greetings += user < 10;
		of_two += user == 2;
	}
	assert_int_equal(requests, 90);
	assert_int_equal(greetings, 11);
	assert_int_equal(of_two, 5);
	while (run_one(t))
		greetings++;
	assert_int_equal(greetings, 505);
	turns_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(users_are_served_in_turn),
		cmocka_unit_test(a_bystander_waits_for_one_job_of_a_flood),
		cmocka_unit_test(a_user_has_half_of_the_threads),
		cmocka_unit_test(a_users_queue_is_bounded_and_nobody_elses),
		cmocka_unit_test(a_second_turn_comes_after_the_users_other_requests),
		cmocka_unit_test(greetings_have_one_turn_in_nine_and_users_share_it),
	};

	return cmocka_run_group_tests_name("bridge turns", tests, NULL, NULL);
}
