/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The connection or the server goes before, while and after it appends. What was answered lasts;
 * what was not is told by the mark that the next connection brings, and stays as that says.
 */
#include <stdio.h>

#include "tests/cluster/log_node.h"

#define TEST(test) cmocka_unit_test_setup_teardown(test, log_set_up, log_tear_down)

#define OTHERS " FROM pg_stat_activity WHERE usename = 'im' AND datname = current_database()"
#define TERMINATE "SELECT pg_terminate_backend(pid)" OTHERS
#define NOBODY "SELECT count(*) = 0" OTHERS
#define SOMEBODY_WAITS "SELECT count(*) = 1" OTHERS " AND wait_event_type = 'Lock'"
#define WAITS_FOR_STANDBY "SELECT count(*) = 1" OTHERS " AND wait_event = 'SyncRep'"
#define HOLD_TAIL "BEGIN; SELECT * FROM im.tail FOR UPDATE"
#define EPOCH 77

static int64_t entries(const struct log_world *w)
{
	return postgres_number(w->pg, w->database, "SELECT count(*) FROM im.entry");
}

/* Connects until it works; in between the server may still be on its way. */
static void connect_at_last(struct log_node *n)
{
	unsigned connected = n->connected;

	while (n->connected == connected) {
		unsigned answers = n->connected + n->lost;

		n->n_marks = 0;
		pg_log_ops.connect(n->log, pg_log_ops.incarnation(n->log));
		while (n->connected + n->lost == answers)
			log_turn(n->w);
		assert_false(n->fatal);
	}
}

/* Of the spool's record 1, and not answered yet. */
static void begin_to_append(struct log_node *n, struct cluster_entry *e)
{
	*e = log_entry(n);
	e->epoch = EPOCH;
	e->recno = 1;
	pg_log_ops.append(n->log, &n->at, e);
}

static void assert_it_works(struct log_node *n)
{
	log_read(n, 100);
	assert_false(n->forked);
	log_say(n);
}

static void test_a_connection_that_was_ended_is_told_and_had_again(void **state)
{
	struct log_world *w = *state;
	struct log_node *n = log_node_new(w, 1, NULL);

	log_connect_new(n);
	log_say(n);
	postgres_execute(w->pg, w->database, TERMINATE);
	log_await(n, &n->lost, 1); /* without asking anything */
	assert_false(n->fatal);
	assert_non_null(strstr(n->why, "terminating connection"));
	log_connect(n, 1);
	assert_it_works(n);
	assert_int_equal(entries(w), 2);
	/* Noticed only by the append. */
	postgres_execute(w->pg, w->database, TERMINATE);
	postgres_await(w->pg, w->database, NOBODY);
	{
		struct cluster_entry e;

		begin_to_append(n, &e);
		log_await(n, &n->lost, 2);
	}
	assert_int_equal(n->appended, 2);
	log_connect(n, 2);
	assert_int_equal(n->n_marks, 0);
	assert_it_works(n);
	log_node_free(&n);
}

static void test_an_append_that_was_ended_has_left_nothing(void **state)
{
	struct log_world *w = *state;
	struct log_node *n = log_node_new(w, 1, NULL);
	struct cluster_row row = {1, IM_STR("t"), IM_STR("k"), IM_STR("v")};
	struct postgres_hand *hand;
	struct cluster_entry e;

	log_connect_new(n);
	log_say(n);
	hand = postgres_hold(w->pg, w->database, HOLD_TAIL);
	e = log_entry(n);
	e.rows = &row;
	e.n_rows = 1;
	pg_log_ops.append(n->log, &n->at, &e);
	postgres_await(w->pg, w->database, SOMEBODY_WAITS);
	postgres_execute(w->pg, w->database, TERMINATE);
	log_await(n, &n->lost, 1);
	assert_false(n->fatal);
	postgres_release(&hand, "COMMIT");
	log_connect(n, 1);
	assert_int_equal(entries(w), 1);
	assert_int_equal(postgres_number(w->pg, w->database, "SELECT count(*) FROM im.row"), 0);
	assert_int_equal(n->appended, 1);
	assert_it_works(n);
	log_node_free(&n);
}

static void test_a_backend_killed_within_an_append_has_left_nothing(void **state)
{
	struct log_world *w = *state;
	struct log_node *n = log_node_new(w, 1, NULL);
	struct postgres_hand *hand;
	struct cluster_entry e;
	pid_t backend;

	log_connect_new(n);
	log_say(n);
	hand = postgres_hold(w->pg, w->database, HOLD_TAIL);
	begin_to_append(n, &e);
	postgres_await(w->pg, w->database, SOMEBODY_WAITS);
	backend = (pid_t)postgres_number(w->pg, w->database, "SELECT pid" OTHERS);
	assert_true(backend > 1);
	/* The server takes it for a crash, and begins anew with all of its processes. */
	assert_int_equal(kill(backend, SIGKILL), 0);
	log_await(n, &n->lost, 1);
	postgres_release(&hand, "COMMIT");
	connect_at_last(n);
	assert_int_equal(n->n_marks, 0);
	assert_int_equal(n->end.pos, n->at.pos);
	assert_it_works(n);
	assert_int_equal(entries(w), 2);
	log_node_free(&n);
}

static void test_an_append_whose_answer_was_not_heard_has_its_mark(void **state)
{
	struct log_world *w = *state;
	struct log_node *n = log_node_new(w, 1, NULL);
	struct cluster_entry e;

	log_connect_new(n);
	begin_to_append(n, &e);
	while (entries(w) == 0)
		log_turn(w);
	if (n->appended == 0)
		pg_log_ops.disconnect(n->log);
	log_connect(n, 1);
	assert_int_equal(n->n_marks, 1);
	assert_int_equal(n->marks[0].epoch, EPOCH);
	assert_int_equal(n->marks[0].recno, 1);
	assert_int_equal(n->marks[0].pos, e.pos);
	assert_int_equal(n->end.pos, e.pos);
	assert_it_works(n);
	log_node_free(&n);
}

/* Left behind on the server, it may still come before the new connection; afterwards not. */
static void test_a_request_left_behind_changes_nothing_after_the_mark_was_told(void **state)
{
	struct log_world *w = *state;
	struct log_node *n = log_node_new(w, 1, NULL);
	struct postgres_hand *hand;
	struct cluster_entry e;

	log_connect_new(n);
	hand = postgres_hold(w->pg, w->database, HOLD_TAIL);
	begin_to_append(n, &e);
	postgres_await(w->pg, w->database, SOMEBODY_WAITS);
	pg_log_ops.disconnect(n->log);
	pg_log_ops.connect(n->log, 1);
	while (postgres_number(w->pg, w->database, "SELECT count(*)" OTHERS) < 2)
		log_turn(w);
	postgres_release(&hand, "COMMIT");
	log_await(n, &n->connected, 2);
	postgres_await(w->pg, w->database, "SELECT count(*) = 1" OTHERS);
	assert_int_equal(entries(w), n->n_marks);
	assert_int_equal(n->end.pos, n->n_marks ? e.pos : 0);
	assert_int_equal(n->appended, 0);
	log_node_free(&n);
}

static void test_an_append_of_before_the_connection_is_fenced(void **state)
{
	struct log_world *w = *state;
	struct log_node *n = log_node_new(w, 1, NULL);
	struct cluster_entry e;

	log_connect_new(n);
	e = log_entry(n);
	log_connect(n, 1);
	assert_int_equal(log_append(n, &e), CLUSTER_FENCED);
	assert_int_equal(entries(w), 0);
	log_node_free(&n);
}

static void stop_and_start(struct log_world *w, int how)
{
	struct log_node *n = log_node_new(w, 1, NULL);
	struct cluster_entry e;

	log_connect_new(n);
	log_say(n);
	postgres_stop(w->pg, how);
	log_await(n, &n->lost, 1);
	assert_false(n->fatal);
	for (unsigned i = 0; i < 3; i++) {
		log_connect_lost(n, 1);
		assert_false(n->fatal);
	}
	postgres_start(w->pg);
	connect_at_last(n);
	assert_int_equal(n->end.pos, n->at.pos);
	assert_it_works(n);
	/* And while it appends. */
	{
		struct postgres_hand *hand = postgres_hold(w->pg, w->database, HOLD_TAIL);

		begin_to_append(n, &e);
		postgres_await(w->pg, w->database, SOMEBODY_WAITS);
		postgres_stop(w->pg, how);
		log_await(n, &n->lost, n->lost + 1);
		assert_false(n->fatal);
		postgres_start(w->pg);
		postgres_release(&hand, "ROLLBACK");
	}
	connect_at_last(n);
	/* Whoever held the tail may have gone first, and the append come to its end after that. */
	assert_int_equal(entries(w), 2 + n->n_marks);
	assert_int_equal(n->end.pos, n->n_marks ? e.pos : n->at.pos);
	assert_it_works(n);
	log_node_free(&n);
}

static void test_a_server_that_was_stopped_comes_again(void **state)
{
	stop_and_start(*state, SIGINT);
}

static void test_a_server_that_has_crashed_comes_again(void **state)
{
	stop_and_start(*state, SIGQUIT);
}

static void test_a_server_that_was_killed_comes_again(void **state)
{
	stop_and_start(*state, SIGKILL);
}

/* -- a commit that waits for the standby -- */

static void set_standby(struct log_world *w, const char *name)
{
	char sql[128];

	snprintf(sql, sizeof(sql), "ALTER SYSTEM SET synchronous_standby_names = '%s'", name);
	/* The session itself must not wait for what it has just asked for. */
	postgres_execute(w->pg, w->database, sql);
	postgres_execute(w->pg, w->database, "SELECT pg_reload_conf()");
	snprintf(sql, sizeof(sql), "SELECT current_setting('synchronous_standby_names') = '%s'",
		name);
	postgres_await(w->pg, w->database, sql);
}

static void wait_is_ended(struct log_world *w, const char *how)
{
	struct log_node *n = log_node_new(w, 1, NULL);
	struct cluster_entry e;

	log_connect_new(n);
	set_standby(w, "nobody");
	begin_to_append(n, &e);
	postgres_await(w->pg, w->database, WAITS_FOR_STANDBY);
	assert_int_equal(n->appended, 0);
	postgres_execute(w->pg, w->database, how);
	log_await(n, &n->lost, 1);
	assert_false(n->fatal);
	/* The server shows it, and is not believed: connecting waits for the standby as well. */
	assert_int_equal(entries(w), 1);
	pg_log_ops.connect(n->log, 1);
	while (strcmp(postgres_text(w->pg, w->database, WAITS_FOR_STANDBY), "t") != 0)
		log_turn(w);
	assert_int_equal(n->connected, 1);
	set_standby(w, "");
	log_await(n, &n->connected, 2);
	assert_int_equal(n->n_marks, 1);
	assert_int_equal(n->appended, 0);
	log_node_free(&n);
}

static void test_a_commit_whose_wait_was_cancelled_is_not_believed(void **state)
{
	wait_is_ended(*state, "SELECT pg_cancel_backend(pid)" OTHERS);
}

static void test_a_commit_whose_wait_was_terminated_is_not_believed(void **state)
{
	wait_is_ended(*state, TERMINATE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_connection_that_was_ended_is_told_and_had_again),
		TEST(test_an_append_that_was_ended_has_left_nothing),
		TEST(test_a_backend_killed_within_an_append_has_left_nothing),
		TEST(test_an_append_whose_answer_was_not_heard_has_its_mark),
		TEST(test_a_request_left_behind_changes_nothing_after_the_mark_was_told),
		TEST(test_an_append_of_before_the_connection_is_fenced),
		TEST(test_a_server_that_was_stopped_comes_again),
		TEST(test_a_server_that_has_crashed_comes_again),
		TEST(test_a_server_that_was_killed_comes_again),
		TEST(test_a_commit_whose_wait_was_cancelled_is_not_believed),
		TEST(test_a_commit_whose_wait_was_terminated_is_not_believed),
	};

	return cmocka_run_group_tests(tests, log_group_set_up, log_group_tear_down);
}
