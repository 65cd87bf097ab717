/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A writer and readers at the same time, for every backend: what a reader sees is always one
 * committed state. Under a thread sanitizer this is also where a race would show.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "tests/store/store_test.h"

#define READERS 3
#define CONVS 4
#define BATCHES 300

struct shared {
	const struct store_backend *be;
	struct store *s;
	atomic_bool done;
	atomic_uint batches;      /* so many are through */
	pthread_barrier_t looked; /* each reader has had a view, the writer may begin */
	uint64_t conv[CONVS];
};

struct reader {
	pthread_t thread;
	struct shared *sh;
	uint64_t views, newest;
	const char *wrong; /* asserting is the main thread's */
};

static int same_length(void *arg, const struct store_msg *m)
{
	++*(uint64_t *)arg;
	return m->body.n == 0 && !m->recalled ? -1 : 0;
}

static int is_there(void *arg, const struct store_msg *m)
{
	*(uint64_t *)arg += !m->recalled;
	return 0;
}

/* What is unread is what is there, for one who never says anything. */
static bool is_counted(const struct reader *x, struct store_reader *r, uint64_t conv)
{
	const struct store_backend *be = x->sh->be;
	uint64_t there = 0, unread;
	return be->read_conv(r, conv, 1, UINT64_MAX, false, is_there, &there) == IM_OK &&
	       be->unread(r, conv, 99, 0, &unread) == IM_OK && unread == there;
}

/* Every batch adds one message to each conversation: in a view they are all of one length. */
static const char *look(struct reader *x, struct store_reader *r)
{
	const struct store_backend *be = x->sh->be;
	struct store_head head, first = {0};
	uint64_t n = 0;
	for (int c = 0; c < CONVS; c++) {
		if (be->read_head(r, x->sh->conv[c], &head) != IM_OK)
			return "a head could not be read";
		if (c == 0)
			first = head;
		if (head.seq != first.seq)
			return "a batch was seen in part";
	}
	if (first.seq < x->newest)
		return "a view was older than the one before";
	x->newest = first.seq;
	if (!is_counted(x, r, x->sh->conv[x->views % CONVS]))
		return "what is unread is not what is there";
	if (be->read_log(r, 1, UINT64_MAX, false, same_length, &n) != IM_OK)
		return "the log could not be read";
	return n == first.seq * CONVS ? NULL : "the log and the heads disagree";
}

static void *read_on(void *arg)
{
	struct reader *x = arg;
	const struct store_backend *be = x->sh->be;
	struct store_reader *r = NULL;
	if (be->reader_open(x->sh->s, &r) != IM_OK)
		x->wrong = "no reader";
	do {
		unsigned seen = atomic_load(&x->sh->batches);
		if (!x->wrong && be->view_begin(r) != IM_OK)
			x->wrong = "no view";
		if (!x->wrong) {
			x->wrong = look(x, r);
			be->view_end(r);
		}
		if (x->views++ == 0)
			pthread_barrier_wait(&x->sh->looked);
		/* Readers that are always there would keep the writer from its lock. */
		while (!x->wrong && atomic_load(&x->sh->batches) == seen &&
			!atomic_load(&x->sh->done))
			sched_yield();
	} while (!x->wrong && !atomic_load(&x->sh->done));
	be->reader_close(r);
	return NULL;
}

static void write_batches(struct shared *sh)
{
	uint64_t gid = 1;
	for (int i = 0; i < BATCHES; i++) {
		struct store_msg m = {.gid = gid - CONVS, .recalled = true};
		bool roll_back = i % 7 == 3;
		uint64_t first = gid;
		assert_ok(sh->be->begin(sh->s));
		for (int c = 0; c < CONVS; c++)
			assert_ok(test_append(sh->be, sh->s, sh->conv[c], 1, gid++));
		if (i > 0 && i % 5 == 0 && !roll_back)
			assert_int_not_equal(sh->be->amend(sh->s, &m), IM_E_IO);
		if (roll_back) {
			sh->be->rollback(sh->s);
			gid = first;
		} else {
			assert_ok(sh->be->commit(sh->s, NULL));
		}
		atomic_fetch_add(&sh->batches, 1);
	}
}

static void every_view_is_one_committed_state(const struct store_backend *be)
{
	struct shared sh = {.be = be};
	struct reader readers[READERS] = {0};
	char *folder = test_folder_new();
	pthread_barrier_init(&sh.looked, NULL, READERS + 1);
	sh.s = test_store_open(be, folder);
	assert_ok(be->begin(sh.s));
	for (uint64_t c = 0; c < CONVS; c++)
		sh.conv[c] = test_conv(be, sh.s, 1, c + 2);
	assert_ok(be->commit(sh.s, NULL));
	for (int i = 0; i < READERS; i++) {
		readers[i].sh = &sh;
		assert_int_equal(pthread_create(&readers[i].thread, NULL, read_on, &readers[i]), 0);
	}
	pthread_barrier_wait(&sh.looked);
	write_batches(&sh);
	atomic_store(&sh.done, true);
	for (int i = 0; i < READERS; i++) {
		pthread_join(readers[i].thread, NULL);
		if (readers[i].wrong)
			fail_msg("%s", readers[i].wrong);
	}
	pthread_barrier_destroy(&sh.looked);
	be->close(sh.s);
	test_folder_remove(folder);
}

static void every_view_is_one_committed_state_sqlite(void **state)
{
	(void)state;
	every_view_is_one_committed_state(&store_sqlite);
}

static void every_view_is_one_committed_state_memory(void **state)
{
	(void)state;
	every_view_is_one_committed_state(&store_memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_view_is_one_committed_state_sqlite),
		cmocka_unit_test(every_view_is_one_committed_state_memory),
	};
	return cmocka_run_group_tests_name("store_threads", tests, NULL, NULL);
}
