/* SPDX-License-Identifier: BSD-3-Clause */
/* Several nodes at one log: whose turn it is, who waits for whom, and which process is a node. */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/cluster/log_node.h"

#define TEST(test) cmocka_unit_test_setup_teardown(test, log_set_up, log_tear_down)
#define SOMEBODY_WAITS                                                             \
	"SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'" \
	" AND datname = current_database()"

static int64_t number(const struct log_world *w, const char *sql)
{
	return postgres_number(w->pg, w->database, sql);
}

/* -- the lock -- */

static void test_nobody_else_appends_while_the_log_is_locked(void **state)
{
	struct log_world *w = *state;
	struct log_node *a = log_node_new(w, 1, NULL), *b = log_node_new(w, 2, NULL);
	struct cluster_entry mine, other;

	log_connect_new(a);
	log_connect_new(b);
	log_say(b);
	log_say(b);
	log_lock(a);
	assert_int_equal(a->n_seen, 2);
	assert_int_equal(a->end.pos, b->at.pos);
	other = log_entry(b);
	pg_log_ops.append(b->log, &b->at, &other);
	postgres_await(w->pg, w->database, SOMEBODY_WAITS);
	mine = log_entry(a);
	assert_int_equal(log_append(a, &mine), CLUSTER_TAKEN);
	log_await(b, &b->appended, 3);
	assert_int_equal(b->answer, CLUSTER_BEHIND);
	/* And then it is not locked any more. */
	log_read(b, 10);
	log_say(b);
	log_node_free(&a);
	log_node_free(&b);
}

static void test_a_lock_is_given_up_without_an_append(void **state)
{
	struct log_world *w = *state;
	struct log_node *a = log_node_new(w, 1, NULL), *b = log_node_new(w, 2, NULL);

	log_connect_new(a);
	log_connect_new(b);
	pg_log_ops.unlock(a->log); /* nothing is locked */
	log_lock(a);
	pg_log_ops.unlock(a->log);
	log_say(b);
	log_lock(a);
	pg_log_ops.unlock(a->log);
	log_say(a); /* asked before that was answered */
	log_lock(a);
	pg_log_ops.unlock(a->log);
	log_read(a, 1);
	pg_log_ops.unlock(a->log);
	log_read(b, 10);
	log_say(b);
	assert_int_equal(number(w, "SELECT count(*) FROM im.entry"), 3);
	log_node_free(&a);
	log_node_free(&b);
}

static void test_who_stops_with_the_log_locked_loses_it(void **state)
{
	struct log_world *w = *state;
	struct log_node *a = log_node_new(w, 1, NULL), *b = log_node_new(w, 2, NULL);

	log_connect_new(a);
	log_connect_new(b);
	log_lock(a);
	log_say(b); /* waits until the server ends it */
	if (!a->lost)
		log_await(a, &a->lost, 1);
	assert_false(a->fatal);
	assert_non_null(strstr(a->why, "idle-in-transaction"));
	log_connect(a, 1);
	log_read(a, 10);
	log_say(a);
	log_node_free(&a);
	log_node_free(&b);
}

static void test_a_refused_append_gives_the_lock_up(void **state)
{
	struct log_world *w = *state;
	struct log_node *a = log_node_new(w, 1, NULL), *b = log_node_new(w, 2, NULL);
	struct cluster_entry e;

	log_connect_new(a);
	log_connect_new(b);
	log_say(b);
	log_lock(a);
	e = log_entry(a);
	e.incarnation++;
	assert_int_equal(log_append(a, &e), CLUSTER_FENCED);
	log_say(b);
	/* What it has found out about the era stays so. */
	postgres_execute(w->pg, w->database, "UPDATE im.tail SET timeline = timeline + 9");
	log_lock(a);
	e = log_entry(a);
	assert_int_equal(log_append(a, &e), CLUSTER_FORKED);
	assert_int_equal(number(w, "SELECT era FROM im.tail"), a->end.era + 1);
	log_read(b, 10);
	log_say(b);
	log_node_free(&a);
	log_node_free(&b);
}

/* -- many -- */

/* Appends so many entries, as a bridge does: in vain once, then under the lock. */
struct racer {
	struct log_node *n;
	struct cluster_entry e;
	unsigned to_say, appended, read;
	bool waits;
};

static void go_on(struct racer *r)
{
	struct log_node *n = r->n;

	if (r->waits && n->appended == r->appended && n->read == r->read)
		return;
	if (n->appended != r->appended && n->answer == CLUSTER_TAKEN) {
		n->at.era = r->e.era;
		n->at.pos = r->e.pos;
		memcpy(n->at.digest, r->e.digest, CLUSTER_DIGEST);
		r->to_say--;
	} else if (n->appended != r->appended) {
		assert_int_equal(n->answer, CLUSTER_BEHIND);
		r->appended = n->appended;
		pg_log_ops.lock(n->log, &n->at);
		return;
	}
	assert_int_equal(n->lost, 0);
	assert_false(n->forked || n->trimmed);
	r->appended = n->appended;
	r->read = n->read;
	r->waits = r->to_say > 0;
	r->e = log_entry(n);
	if (r->to_say)
		pg_log_ops.append(n->log, &n->at, &r->e);
}

static void race(struct log_node *const nodes[], size_t n, unsigned to_say)
{
	struct racer racers[4] = {0};
	bool all = false;

	for (size_t i = 0; i < n; i++)
		racers[i] = (struct racer){.n = nodes[i],
			.to_say = to_say,
			.appended = nodes[i]->appended,
			.read = nodes[i]->read};
	while (!all) {
		all = true;
		for (size_t i = 0; i < n; i++) {
			go_on(&racers[i]);
			all &= !racers[i].waits;
		}
		if (!all)
			log_turn(nodes[0]->w);
	}
}

static void assert_one_chain(struct log_world *w, struct log_node *n, size_t entries)
{
	log_read(n, SEEN_MAX);
	assert_false(n->forked || n->trimmed);
	assert_int_equal(number(w, "SELECT count(*) FROM im.entry"), entries);
	assert_memory_equal(&n->at, &n->end, sizeof(n->at));
}

static void test_contending_nodes_make_one_chain(void **state)
{
	struct log_world *w = *state;
	struct log_node *nodes[3];

	for (unsigned i = 0; i < 3; i++) {
		nodes[i] = log_node_new(w, i + 1, NULL);
		log_connect_new(nodes[i]);
	}
	race(nodes, 3, 40);
	for (unsigned i = 0; i < 3; i++) {
		assert_one_chain(w, nodes[i], 120);
		assert_int_equal(
			number(w, "SELECT count(*) FROM im.entry GROUP BY node LIMIT 1"), 40);
		log_node_free(&nodes[i]);
	}
}

static void test_contending_processes_make_one_chain(void **state)
{
	struct log_world *w = *state;
	struct log_node *n;
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid) {
		struct loop *parents = w->loop;

		w->loop = log_loop_new();
		n = log_node_new(w, 2, NULL);
		log_connect_new(n);
		race(&n, 1, 60);
		log_node_free(&n);
		loop_close(&w->loop);
		loop_close(&parents);
		_exit(0);
	}
	n = log_node_new(w, 1, NULL);
	log_connect_new(n);
	race(&n, 1, 60);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_one_chain(w, n, 120);
	log_node_free(&n);
}

/* -- which process is a node -- */

static void test_a_later_start_ends_the_earlier_one(void **state)
{
	struct log_world *w = *state;
	struct log_node *old = log_node_new(w, 1, NULL), *young = log_node_new(w, 1, NULL);
	struct cluster_entry e;

	log_connect_new(old);
	log_connect(old, 1);
	assert_int_equal(pg_log_ops.incarnation(old->log), 2);
	log_say(old);
	log_connect_new(young);
	assert_int_equal(pg_log_ops.incarnation(young->log), 3);
	log_read(young, 10);
	e = log_entry(old);
	assert_int_equal(log_append(old, &e), CLUSTER_FENCED);
	log_connect_lost(old, 2);
	assert_true(old->fatal);
	assert_non_null(strstr(old->why, "started again"));
	log_say(young);
	log_connect(young, 3);
	log_say(young);
	assert_int_equal(number(w, "SELECT count(*) FROM im.entry"), 3);
	log_node_free(&old);
	log_node_free(&young);
}

static void test_a_process_knows_an_incarnation_that_it_was_not_told(void **state)
{
	struct log_world *w = *state;
	struct log_node *n = log_node_new(w, 1, NULL);

	log_connect_new(n);
	/* Gone before the answer, when the server has it. */
	pg_log_ops.connect(n->log, 1);
	while (number(w, "SELECT incarnation FROM im.node") != 2)
		log_turn(w);
	if (n->connected == 1)
		pg_log_ops.disconnect(n->log);
	log_connect(n, 1);
	assert_int_equal(pg_log_ops.incarnation(n->log), 3);
	/* Raised on a server that is no more, and not on this one. */
	postgres_execute(w->pg, w->database,
		"UPDATE im.node SET incarnation = 1, process = 'of the start before'");
	log_connect(n, 3);
	assert_int_equal(pg_log_ops.incarnation(n->log), 4);
	/* And there another start was given the same. */
	postgres_execute(w->pg, w->database, "UPDATE im.node SET process = 'of a later start'");
	log_connect_lost(n, 4);
	assert_true(n->fatal);
	assert_int_equal(number(w, "SELECT incarnation FROM im.node"), 4);
	log_node_free(&n);
}

static void test_a_node_keeps_its_number_and_its_name(void **state)
{
	struct log_world *w = *state;
	struct log_node *n = log_node_new(w, 1, NULL), *other = log_node_new(w, 2, NULL);

	log_connect_new(n);
	postgres_execute(w->pg, w->database, "UPDATE im.node SET name = 'berlin'");
	log_connect_lost(n, 1);
	assert_true(n->fatal);
	assert_non_null(strstr(n->why, "node 1 of this cluster is called berlin, not node1"));
	postgres_execute(w->pg, w->database, "UPDATE im.node SET name = 'node2'");
	log_connect_lost(other, 0);
	assert_true(other->fatal);
	assert_non_null(strstr(other->why, "another node of this cluster is called node2"));
	log_connect_lost(n, 0); /* its row has the name of another one by now */
	assert_true(n->fatal);
	assert_int_equal(number(w, "SELECT incarnation FROM im.node"), 1);
	log_node_free(&n);
	log_node_free(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nobody_else_appends_while_the_log_is_locked),
		TEST(test_a_lock_is_given_up_without_an_append),
		TEST(test_who_stops_with_the_log_locked_loses_it),
		TEST(test_a_refused_append_gives_the_lock_up),
		TEST(test_contending_nodes_make_one_chain),
		TEST(test_contending_processes_make_one_chain),
		TEST(test_a_later_start_ends_the_earlier_one),
		TEST(test_a_process_knows_an_incarnation_that_it_was_not_told),
		TEST(test_a_node_keeps_its_number_and_its_name),
	};

	return cmocka_run_group_tests(tests, log_group_set_up, log_group_tear_down);
}
