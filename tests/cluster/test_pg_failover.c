/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A primary and its standby, which is promoted: with all that the primary had, and without its last
 * entries. What was read before is compared, and what comes lies beyond all that anybody has seen.
 */
#include <stdio.h>

#include "tests/cluster/log_node.h"

struct pair {
	struct log_world *w;
	struct postgres *primary, *standby;
	char conninfo[512]; /* both of them */
};

static int set_up(void **state)
{
	struct pair *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	p->primary = postgres_new();
	*state = p->primary;
	log_set_up(state);
	p->w = *state;
	p->standby = postgres_standby_new(p->primary);
	snprintf(p->conninfo, sizeof(p->conninfo), "host=%s,%s port=%d,%d user=im dbname=%s",
		postgres_host(p->primary), postgres_host(p->standby), postgres_port(p->primary),
		postgres_port(p->standby), p->w->database);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct pair *p = *state;
	void *w = p->w;

	p->w->pg = p->standby; /* where the database is by now */
	log_tear_down(&w);
	postgres_free(&p->standby);
	postgres_free(&p->primary);
	free(p);
	return 0;
}

/* The standby has all that the primary has, or will get nothing more. */
static void catch_up(struct pair *p)
{
	char sql[160];

	snprintf(sql, sizeof(sql), "SELECT pg_last_wal_replay_lsn() >= '%s'",
		postgres_text(p->primary, "postgres", "SELECT pg_current_wal_lsn()"));
	postgres_await(p->standby, "postgres", sql);
}

static void cut_off(struct pair *p)
{
	postgres_execute(p->standby, "postgres", "ALTER SYSTEM SET primary_conninfo = ''");
	postgres_execute(p->standby, "postgres", "SELECT pg_reload_conf()");
	postgres_await(p->standby, "postgres", "SELECT count(*) = 0 FROM pg_stat_wal_receiver");
}

static void fail_over(struct pair *p, struct log_node *n)
{
	postgres_stop(p->primary, SIGKILL);
	log_await(n, &n->lost, n->lost + 1);
	log_connect_lost(n, pg_log_ops.incarnation(n->log));
	assert_false(n->fatal);
	assert_non_null(strstr(n->why, "is a standby"));
	postgres_execute(p->standby, "postgres", "SELECT pg_promote()");
}

static void test_positions_after_a_failover_lie_beyond_all_before(void **state)
{
	struct pair *p = *state;
	struct log_node *n = log_node_new(p->w, 1, p->conninfo);
	struct cluster_place before;

	log_connect_new(n);
	log_say(n);
	log_say(n);
	before = n->end;
	catch_up(p);
	fail_over(p, n);
	log_connect(n, 1);
	assert_int_equal(pg_log_ops.incarnation(n->log), 2);
	assert_int_equal(n->end.pos, n->at.pos);
	assert_true(n->end.era > before.era);
	log_read(n, 10);
	assert_false(n->forked || n->trimmed);
	log_say(n);
	assert_true(n->at.pos >= n->end.era << 40);
	/* Once for each promotion. */
	before = n->end;
	log_connect(n, 2);
	assert_int_equal(n->end.era, before.era);
	log_node_free(&n);
}

static void test_a_copy_of_what_was_lost_is_forked(void **state)
{
	struct pair *p = *state;
	struct log_node *a = log_node_new(p->w, 1, p->conninfo);
	struct log_node *b = log_node_new(p->w, 2, p->conninfo);
	struct cluster_entry e;
	uint64_t last;

	log_connect_new(a);
	log_connect_new(b);
	log_say(a);
	log_read(b, 10);
	catch_up(p);
	cut_off(p);
	log_connect(a, 1);
	log_say(a);
	e = log_entry(a);
	last = a->at.pos;
	fail_over(p, a);
	if (!b->lost)
		log_await(b, &b->lost, 1);
	/* It remembers an incarnation that this server does not. */
	log_connect(a, 2);
	assert_int_equal(pg_log_ops.incarnation(a->log), 3);
	assert_true(a->end.pos < last);
	e.incarnation = 3;
	assert_int_equal(log_append(a, &e), CLUSTER_FORKED);
	log_read(a, 10);
	assert_true(a->forked);
	log_connect(b, 1);
	log_say(b);
	assert_true(b->at.pos > last);
	/* The log is longer than the copy by now, and still another one. */
	log_read(a, 10);
	assert_true(a->forked);
	assert_int_equal(a->n_seen, 0);
	log_node_free(&a);
	log_node_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_positions_after_a_failover_lie_beyond_all_before, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_a_copy_of_what_was_lost_is_forked, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
