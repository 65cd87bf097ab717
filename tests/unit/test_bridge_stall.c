/* SPDX-License-Identifier: BSD-3-Clause */
/* Commits that fail: nothing is sent, nothing is lost, and it goes on without a hand. Both
 * databases, at each of their steps. */
#include "tests/unit/engine_fixture.h"

#include <stdio.h>

#include "bridge/directory/directory_conv.h"
#include "bridge/directory/directory_group.h"
#include "bridge/directory/directory_user.h"

/* What fails from now on, and how often; -1: until it is put right. */
static int fail_begin, fail_append, fail_commit, fail_directory;
static int append_code = IM_E_IO;

static bool fails(int *count)
{
	if (*count > 0)
		--*count;
	else if (*count == 0)
		return false;
	return true;
}

static int begin(struct store *s)
{
	return fails(&fail_begin) ? IM_E_IO : store_memory.begin(s);
}

static int append(struct store *s, const struct store_msg *m)
{
	return fails(&fail_append) ? append_code : store_memory.append(s, m);
}

static int commit(struct store *s, const struct store_mark *mark)
{
	if (!fails(&fail_commit))
		return store_memory.commit(s, mark);
	store_memory.rollback(s);
	return IM_E_IO;
}

int __real_directory_commit(struct directory *d);
int __wrap_directory_commit(struct directory *d);

int __wrap_directory_commit(struct directory *d)
{
	if (!fails(&fail_directory))
		return __real_directory_commit(d);
	directory_rollback(d);
	return IM_E_IO;
}

static int set_up(void **state)
{
	struct engine_fixture *f = engine_prepare(&store_memory);

	fail_begin = fail_append = fail_commit = fail_directory = 0;
	append_code = IM_E_IO;
	f->rig.backend.begin = begin;
	f->rig.backend.append = append;
	f->rig.backend.commit = commit;
	engine_open(f);
	engine_link(f);
	engine_forget(f);
	*state = f;
	return 0;
}

static void nothing_is_told_before_the_commit_works(void **state)
{
	struct engine_fixture *f = *state;

	engine_message(f, "alice", "bob", "before");
	fail_commit = 2;
	engine_add_message(f, "alice", "bob", "{\"id\":\"1\",\"body\":1}");
	engine_add_rpc(f, "bob", "conv.history", "{\"conv\":\"u/alice\"}");
	engine_send(f);
	assert_int_equal(f->told.n, 0);
	assert_true(engine_stalled(f->rig.engine));
	engine_wait(f, 99);
	assert_int_equal(f->told.n, 0);
	engine_wait(f, 1);
	assert_int_equal(f->told.n, 0);
	engine_wait(f, 199);
	assert_int_equal(f->told.n, 0);
	engine_wait(f, 1);
	assert_told(f, "message alice/phone 2 json id=1 bob=");
	assert_told(f, "inbox alice ack [{\"id\":\"1\",\"conv\":\"u/bob\",\"seq\":2,");
	assert_int_equal(engine_count(f, "inbox bob rpc/phone "), 1);
	/* Counted once, like what was there before. */
	assert_int_equal(engine_health(f->rig.engine)->messages_stored, 2);
	assert_int_equal(engine_health(f->rig.engine)->records, 3);
	assert_int_equal(engine_health(f->rig.engine)->requests, 1);
	assert_told(f, "committed 77:3");
	assert_not_told(f, "hello");
	assert_false(engine_stalled(f->rig.engine));
	engine_message(f, "alice", "bob", "after");
	assert_told(f, "message alice/phone 3 ");
}

static void what_comes_meanwhile_is_asked_for_again(void **state)
{
	struct engine_fixture *f = *state;

	fail_commit = 1;
	engine_message(f, "alice", "bob", "1");
	engine_add_message(f, "alice", "bob", "2");
	engine_send_again(f, 2, 1, im_buf_view(&f->records));
	assert_int_equal(f->told.n, 0);
	engine_wait(f, 100);
	assert_told(f, "committed 77:1");
	assert_told(f, "hello");
	engine_sessions(f, (const char *const[]){NULL});
	engine_send(f);
	assert_told(f, "committed 77:2");
	assert_told(f, "message alice/phone 2 ");
}

static void waiting_grows_to_a_bound(void **state)
{
	struct engine_fixture *f = *state;

	fail_commit = -1;
	engine_message(f, "alice", "bob", "1");
	for (int i = 0; i < 100; i++)
		assert_in_range(engine_tick(f->rig.engine, &f->now), 0, 5000), engine_wait(f, 1000);
	assert_in_range(engine_health(f->rig.engine)->commits_failed, 20, 40);
	fail_commit = 0;
	engine_wait(f, 5000);
	assert_told(f, "committed 77:1");
}

static void a_failing_begin_or_append_is_the_same(void **state)
{
	struct engine_fixture *f = *state;

	fail_begin = 1;
	engine_message(f, "alice", "bob", "1");
	assert_int_equal(f->told.n, 0);
	engine_wait(f, 100);
	assert_told(f, "message alice/phone 1 ");
	fail_append = 1;
	engine_add_message(f, "alice", "bob", "{\"id\":\"a\",\"body\":2}");
	engine_add_message(f, "alice", "bob", "{\"id\":\"b\",\"body\":3}");
	engine_send(f);
	assert_int_equal(f->told.n, 0);
	engine_wait(f, 100);
	assert_told(f, "message alice/phone 2 json id=a");
	assert_told(f, "message alice/phone 3 json id=b");
}

static void ids_of_a_lost_transaction_are_free(void **state)
{
	struct engine_fixture *f = *state;

	fail_commit = 1;
	engine_message(f, "alice", "bob", "{\"id\":\"1\",\"body\":1}");
	engine_wait(f, 100);
	assert_told(f, "message alice/phone 1 json id=1");
	assert_int_equal(engine_health(f->rig.engine)->messages_duplicate, 0);
	engine_message(f, "alice", "bob", "{\"id\":\"1\",\"body\":1}");
	assert_not_told(f, "message");
}

static void rights_of_a_lost_transaction_are_forgotten(void **state)
{
	struct engine_fixture *f = *state;

	fail_commit = 1;
	engine_add_message(f, "alice", "bob", "1");
	engine_add_rpc(f, "bob", "block.add", "{\"uid\":\"alice\"}");
	engine_add_message(f, "alice", "bob", "2");
	engine_send(f);
	engine_wait(f, 100);
	assert_int_equal(engine_count(f, "message"), 1);
	assert_told(f, "inbox alice ack [{\"id\":null,\"conv\":\"u/bob\",\"error\"");
	assert_told(f, "inbox bob rpc/phone {\"jsonrpc\":\"2.0\",\"id\":null,\"result\"");
}

static void a_foreign_writer_ends_the_process(void **state)
{
	struct engine_fixture *f = *state;

	append_code = IM_E_CONFLICT;
	fail_append = 1;
	engine_message(f, "alice", "bob", "1");
	assert_int_equal(f->told.n, 0);
	assert_true(engine_fatal(f->rig.engine));
}

static void half_a_commit_is_healed_from_the_log(void **state)
{
	struct engine_fixture *f = *state;
	struct directory_group g;

	fail_directory = 1;
	engine_add_message(f, "alice", "bob", "{\"id\":\"1\",\"body\":1}");
	engine_add_rpc(f, "alice", "group.create", "{\"gid\":\"team\",\"members\":[\"bob\"]}");
	engine_add_rpc(f, "bob", "block.add", "{\"uid\":\"carol\"}");
	engine_send(f);
	assert_int_equal(f->told.n, 0);
	assert_int_equal(directory_group_get(f->rig.dir, IM_STR("team"), &g), IM_E_NONE);
	engine_wait(f, 100);
	/* The log's part came from the log, the directory's was done again. */
	assert_told(f, "message alice/ 1 json id=1 bob=");
	assert_told(f, "inbox alice ack [{\"id\":\"1\",");
	assert_told(f, "message alice/ 1 system id= g/team: alice bob ");
	assert_told(f, "inbox bob rpc/phone {\"jsonrpc\":\"2.0\",\"id\":null,\"result\"");
	assert_told(f, "committed 77:3");
	assert_int_equal(directory_group_get(f->rig.dir, IM_STR("team"), &g), IM_OK);
	assert_int_equal(g.members, 2);
	engine_message(f, "carol", "bob", "blocked");
	assert_not_told(f, "message");
	engine_message(f, "bob", "g/team", "works");
	engine_credit(f, 2);
	engine_message(f, "alice", "bob", "2");
	assert_told(f, "message alice/phone 2 ");
}

static void half_a_commit_is_healed_at_the_next_start(void **state)
{
	struct engine_fixture *f = *state;
	struct directory_group g;
	struct im_str records;
	char kept[4096];

	engine_add_rpc(f, "alice", "group.create", "{\"gid\":\"team\",\"members\":[\"bob\"]}");
	engine_add_rpc(f, "bob", "block.add", "{\"uid\":\"carol\"}");
	memcpy(kept, f->records.p, f->records.n);
	records = (struct im_str){kept, f->records.n};
	fail_directory = -1;
	engine_send(f);
	engine_wait(f, 100);
	assert_int_equal(f->told.n, 0);
	fail_directory = 0;
	engine_restart(f);
	assert_int_equal(directory_group_get(f->rig.dir, IM_STR("team"), &g), IM_OK);
	assert_int_equal(g.members, 2);
	engine_link(f);
	engine_send_again(f, 1, 2, records);
	assert_told(f, "inbox bob rpc/phone {\"jsonrpc\":\"2.0\",\"id\":null,\"result\"");
	assert_not_told(f, "inbox alice rpc/phone");
	engine_message(f, "carol", "bob", "blocked");
	assert_not_told(f, "message");
}

/* Of a conversation without a message the log has no more than that it is there. */
static void settings_before_a_message_are_healed(void **state)
{
	static const char params[] = "{\"conv\":\"u/carol\",\"draft\":\"dear\"}";
	struct engine_fixture *f = *state;
	struct directory_conv_user mine;

	fail_commit = 1;
	fail_directory = 1;
	engine_rpc(f, "bob", "conv.update", params);
	assert_int_equal(f->told.n, 0);
	engine_wait(f, 100);
	engine_wait(f, 200);
	assert_told(f, "inbox bob rpc/phone {\"jsonrpc\":\"2.0\",\"id\":null,\"result\":"
		       "{\"changed\":true,\"conv\":\"u/carol\"");
	assert_int_equal(engine_count(f, "inbox bob event"), 1);
	assert_told(f, "committed 77:1");
	assert_int_equal(directory_conv_get(f->rig.dir, 2, 1, &mine), IM_OK);
	assert_str_eq(mine.draft, IM_STR("dear"));
	engine_message(f, "carol", "bob", "{\"id\":\"1\",\"body\":1}");
	assert_told(f, "inbox carol ack [{\"id\":\"1\",\"conv\":\"u/bob\",\"seq\":1,");
	engine_rpc(f, "bob", "conv.list", "{}");
	assert_true(engine_told_part(f, "\"draft\":\"dear\",\"unread\":1"));
}

static void a_directory_that_fails_alone_stores_nothing(void **state)
{
	struct engine_fixture *f = *state;

	fail_directory = 1;
	engine_rpc(f, "bob", "block.add", "{\"uid\":\"carol\"}");
	assert_int_equal(f->told.n, 0);
	engine_wait(f, 100);
	assert_told(f, "inbox bob rpc/phone {\"jsonrpc\":\"2.0\",\"id\":null,\"result\"");
	assert_told(f, "committed 77:1");
}

static void presence_is_told_once_it_is_committed(void **state)
{
	struct engine_fixture *f = *state;
	struct directory_user u;

	fail_directory = 2;
	engine_add_session(f, IM_UP_OPEN, "bob", "phone", IM_UPF_NEW_DEVICE);
	engine_add_session(f, IM_UP_SUB, "bob", "phone", 0);
	engine_send(f);
	assert_int_equal(f->told.n, 0);
	engine_wait(f, 100);
	assert_int_equal(f->told.n, 0);
	engine_wait(f, 200);
	assert_told(f, "topic+ presence/bob {\"uid\":\"bob\",\"state\":\"online\"");
	assert_int_equal(engine_count(f, "topic"), 1);
	assert_int_equal(engine_count(f, "inbox bob event {\"event\":\"hello\""), 1);
	assert_int_equal(directory_user_get(f->rig.dir, IM_STR("bob"), &u), IM_OK);
	assert_true(u.online);
}

static void a_snapshot_that_fails_is_asked_for_again(void **state)
{
	struct engine_fixture *f = *state;
	const char *const bob[] = {"bob", "phone", "", NULL};

	fail_directory = 1;
	engine_sessions(f, bob);
	assert_int_equal(f->told.n, 0);
	engine_wait(f, 100);
	assert_told(f, "hello");
	assert_told(f, "topic+ presence/bob ");
	engine_sessions(f, bob);
	assert_not_told(f, "topic+ presence/bob ");
}

static void a_link_lost_while_stalled_changes_nothing(void **state)
{
	struct engine_fixture *f = *state;

	fail_commit = 3;
	engine_message(f, "alice", "bob", "1");
	engine_unlinked(f->rig.engine, f->peer);
	engine_link(f);
	engine_wait(f, 200);
	engine_wait(f, 400);
	engine_wait(f, 800);
	assert_told(f, "committed 77:1");
	assert_told(f, "hello");
	engine_sessions(f, (const char *const[]){NULL});
	engine_message(f, "alice", "bob", "2");
	assert_told(f, "message alice/phone 2 ");
}

/* Whoever comes or goes while nobody hears. */
static void what_is_told_without_a_link_is_told_again(void **state)
{
	struct engine_fixture *f = *state;
	static const char *const there[] = {"carol", "tab", "", NULL}, *const nobody[] = {NULL};

	for (int i = 0; i < 2; i++) {
		fail_directory = 1;
		engine_add_session(
			f, i ? IM_UP_CLOSE : IM_UP_OPEN, "carol", "tab", IM_UPF_NEW_DEVICE);
		engine_send(f);
		assert_true(engine_stalled(f->rig.engine));
		engine_unlinked(f->rig.engine, f->peer);
		engine_wait(f, 1000);
		assert_false(engine_stalled(f->rig.engine));
		assert_int_equal(f->frames, 0);
		engine_linked(f->rig.engine, f->peer, &f->now);
		engine_sessions(f, i ? nobody : there);
		assert_int_equal(engine_count(f, "topic+ presence/carol {\"uid\":\"carol\","), 1);
		assert_true(engine_told_part(f, i ? "\"offline\"" : "\"online\""));
		/* Once, and once more with each link. */
		engine_credit(f, 1);
		engine_wait(f, 6000);
		assert_not_told(f, "topic");
		engine_unlinked(f->rig.engine, f->peer);
		engine_linked(f->rig.engine, f->peer, &f->now);
		engine_sessions(f, i ? nobody : there);
		assert_int_equal(engine_count(f, "topic+ presence/carol {\"uid\":\"carol\","), 1);
		engine_credit(f, 2);
		engine_wait(f, 6000);
		assert_not_told(f, "topic");
	}
}

static void half_a_commit_is_counted(void **state)
{
	struct engine_fixture *f = *state;
	const struct health *h = engine_health(f->rig.engine);

	fail_directory = 1;
	engine_add_message(f, "alice", "bob", "{\"id\":\"1\",\"body\":1}");
	engine_add_message(f, "alice", "bob", "{\"id\":\"1\",\"body\":1}");
	engine_add_rpc(f, "bob", "block.add", "{\"uid\":\"carol\"}");
	engine_add_message(f, "alice", "nobody", "{\"id\":\"2\",\"body\":1}");
	engine_send(f);
	engine_wait(f, 100);
	assert_told(f, "committed 77:4");
	assert_int_equal(h->messages_stored, 1);
	assert_int_equal(h->messages_duplicate, 1);
	assert_int_equal(h->messages_refused, 1);
	/* As after a link that was lost: they came twice. */
	assert_int_equal(h->records, 8);
	assert_int_equal(h->records_replayed, 4);
	assert_int_equal(h->commits_failed, 1);
}

/* A message that the log has was paid for, and has used its sender's time. */
static void what_half_a_commit_has_used_up_stays_so(void **state)
{
	struct engine_fixture *f = *state;

	engine_rpc(f, "alice", "group.create", "{\"gid\":\"team\",\"members\":[\"bob\"]}");
	engine_rpc(f, "alice", "group.update", "{\"gid\":\"team\",\"slow_ms\":600000}");
	f->rig.set.rate_cost = 100;
	engine_set(f->rig.engine, &f->rig.set);
	fail_directory = 1;
	engine_add_message(f, "bob", "g/team", "{\"id\":\"1\",\"body\":1}");
	engine_add_rpc(f, "bob", "contact.request", "{\"uid\":\"alice\"}");
	engine_send(f);
	engine_wait(f, 100);
	assert_told(f, "inbox bob ack [{\"id\":\"1\",\"conv\":\"g/team\",\"seq\":3,");
	assert_told(f, "inbox bob rpc/phone {\"jsonrpc\":\"2.0\",\"id\":null,\"result\"");
	engine_message(f, "bob", "g/team", "{\"id\":\"2\",\"body\":1}");
	assert_told(f, "inbox bob ack [{\"id\":\"2\",\"conv\":\"g/team\",\"error\"");
	engine_rpc(f, "bob", "contact.request", "{\"uid\":\"carol\"}");
	assert_told(f, "inbox bob rpc/phone {\"jsonrpc\":\"2.0\",\"id\":null,\"error\"");
}

/* Whatever was kept to be tried again. */
static void who_has_to_end_tries_nothing_again(void **state)
{
	struct engine_fixture *f = *state;
	uint64_t failed;

	fail_commit = 1;
	engine_message(f, "alice", "bob", "1");
	append_code = IM_E_CONFLICT;
	fail_append = 1;
	engine_wait(f, 100);
	assert_true(engine_fatal(f->rig.engine));
	failed = engine_health(f->rig.engine)->commits_failed;
	for (int i = 0; i < 10; i++) {
		engine_wait(f, 5000);
		assert_int_equal(f->told.n, 0);
	}
	assert_int_equal(engine_health(f->rig.engine)->commits, 1);
	assert_int_equal(engine_health(f->rig.engine)->commits_failed, failed);
}

/* -- who has a part in the transaction -- */

struct heard {
	unsigned commits, rollbacks, forgets;
	/* At the last rollback. */
	uint64_t first;
	bool logged;
};

static void on_commit(void *arg)
{
	((struct heard *)arg)->commits++;
}

static void on_rollback(void *arg, uint64_t first, bool logged)
{
	struct heard *h = arg;

	h->rollbacks++;
	h->first = first;
	h->logged = logged;
}

static void on_forget(void *arg)
{
	((struct heard *)arg)->forgets++;
}

static int join(void *arg, struct writer *w)
{
	return writer_join(w, (struct tx_part){on_commit, on_rollback, on_forget, arg});
}

static void a_part_hears_of_each_end_once(void **state)
{
	struct engine_fixture *f = *state;
	struct heard h = {0};

	assert_true(engine_call(f->rig.engine, join, &h, &f->now));
	assert_int_equal(h.commits, 1);
	engine_message(f, "alice", "bob", "1");
	assert_int_equal(h.commits, 2);
	assert_int_equal(h.rollbacks, 0);
	/* Nothing was written: the message's place is free. */
	fail_commit = 1;
	engine_message(f, "alice", "bob", "2");
	assert_int_equal(h.commits, 2);
	assert_int_equal(h.rollbacks, 1);
	assert_int_equal(h.forgets, 1);
	assert_int_equal(h.first, 2);
	assert_false(h.logged);
	fail_append = 1;
	engine_wait(f, 100);
	assert_int_equal(h.rollbacks, 2);
	assert_int_equal(h.first, 2);
	engine_wait(f, 200);
	assert_int_equal(h.commits, 3);
	/* The log was written: the place is taken. */
	fail_directory = 1;
	engine_rpc(f, "alice", "group.create", "{\"gid\":\"team\",\"members\":[\"bob\"]}");
	assert_int_equal(h.commits, 3);
	assert_int_equal(h.rollbacks, 3);
	assert_int_equal(h.forgets, 3);
	assert_true(h.first > 3);
	assert_true(h.logged);
	/* The directory follows the log before it is tried again. */
	engine_wait(f, 100);
	assert_int_equal(h.commits, 4);
	assert_int_equal(h.rollbacks, 3);
	assert_int_equal(h.forgets, 4);
	assert_told(f, "committed 77:3");
}

static int join_all(void *arg, struct writer *w)
{
	unsigned *n = arg;

	while (writer_join(w, (struct tx_part){.arg = w}) == IM_OK)
		++*n;
	return IM_OK;
}

/* Who wants neither is asked for nothing; and there is room for more than there are. */
static void parts_are_bounded(void **state)
{
	struct engine_fixture *f = *state;
	unsigned n = 0;

	assert_true(engine_call(f->rig.engine, join_all, &n, &f->now));
	assert_in_range(n, 4, 16);
	fail_commit = 1;
	engine_message(f, "alice", "bob", "1");
	engine_wait(f, 100);
	assert_told(f, "message alice/phone 1 ");
}

static void what_a_lost_transaction_cost_is_given_back(void **state)
{
	struct engine_fixture *f = *state;

	/* Enough for one request to become a contact, and for no second one. */
	f->rig.set.rate_cost = 100;
	engine_set(f->rig.engine, &f->rig.set);
	fail_directory = 1;
	engine_rpc(f, "alice", "contact.request", "{\"uid\":\"bob\"}");
	assert_int_equal(f->told.n, 0);
	engine_wait(f, 100);
	assert_told(f, "inbox alice rpc/phone {\"jsonrpc\":\"2.0\",\"id\":null,\"result\"");
	engine_rpc(f, "alice", "contact.request", "{\"uid\":\"carol\"}");
	assert_told(f, "inbox alice rpc/phone {\"jsonrpc\":\"2.0\",\"id\":null,\"error\"");
}

/* What a sweep has taken away is there again after a rollback, so it is swept once more. */
static void a_lost_sweep_is_made_up_for(void **state)
{
	struct engine_fixture *f = *state;
	uint64_t days;

	f->rig.set.sessions.device_days = 31;
	engine_set(f->rig.engine, &f->rig.set);
	fail_directory = 1;
	engine_add_session(f, IM_UP_OPEN, "bob", "phone", IM_UPF_NEW_DEVICE);
	engine_send(f);
	assert_int_equal(directory_meta_get(f->rig.dir, "device_days", &days), IM_OK);
	assert_int_not_equal(days, 31);
	engine_wait(f, 100);
	assert_int_equal(directory_meta_get(f->rig.dir, "device_days", &days), IM_OK);
	assert_int_equal(days, 31);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, engine_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(nothing_is_told_before_the_commit_works),
		T(what_comes_meanwhile_is_asked_for_again),
		T(waiting_grows_to_a_bound),
		T(a_failing_begin_or_append_is_the_same),
		T(ids_of_a_lost_transaction_are_free),
		T(rights_of_a_lost_transaction_are_forgotten),
		T(a_foreign_writer_ends_the_process),
		T(half_a_commit_is_healed_from_the_log),
		T(settings_before_a_message_are_healed),
		T(half_a_commit_is_healed_at_the_next_start),
		T(a_directory_that_fails_alone_stores_nothing),
		T(presence_is_told_once_it_is_committed),
		T(a_snapshot_that_fails_is_asked_for_again),
		T(a_link_lost_while_stalled_changes_nothing),
		T(what_is_told_without_a_link_is_told_again),
		T(half_a_commit_is_counted),
		T(what_half_a_commit_has_used_up_stays_so),
		T(who_has_to_end_tries_nothing_again),
		T(a_part_hears_of_each_end_once),
		T(parts_are_bounded),
		T(what_a_lost_transaction_cost_is_given_back),
		T(a_lost_sweep_is_made_up_for),
	};

	return cmocka_run_group_tests_name("bridge stall", tests, NULL, NULL);
}
