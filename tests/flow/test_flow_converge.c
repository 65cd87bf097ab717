/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Several users on several devices do everything that the protocol knows, while devices come and
 *go, frames are lost, commits fail, bridge and broker die. In the end every device of a user shows
 *what a new one shows that has just synced from the beginning, and what the server's lists say; the
 * members of a conversation see the same messages in the same order, each what it may see.
 *
 *	FLOW_SEED, FLOW_LAST   the seeds to run
 *	FLOW_STORE             memory or sqlite: only there
 *	FLOW_STEPS, FLOW_ONLY  how many steps; which of them (",3,17,")
 *	FLOW_SABOTAGE          what is broken on purpose (a number of enum flow_sabotage)
 *
 * convergence.py runs many seeds and looks for the shortest run that still fails.
 */
#include "tests/flow/flow.h"
#include "tests/flow/flow_app.h"
#include "tests/flow/flow_chaos.h"
#include "tests/flow/flow_list.h"
#include "tests/flow/flow_log.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/err.h"

#define STEPS 250
#define MEMORY_SEEDS 60
#define SQLITE_SEEDS 6
#define SABOTAGE_SEEDS 400

struct run {
	struct flow_chaos chaos;
	struct flow *f;
	struct flow_device *fresh[FLOW_CHAOS_USERS];
	struct im_buf trace;
};

static struct run run; /* for what is to be told of a failure */

static uint64_t number_from(const char *name, uint64_t otherwise)
{
	const char *s = getenv(name);

	return s ? strtoull(s, NULL, 10) : otherwise;
}

static bool is_wanted(unsigned step)
{
	const char *only = getenv("FLOW_ONLY");
	char part[16];

	snprintf(part, sizeof(part), ",%u,", step);
	return !only || strstr(only, part);
}

/* -- the end: everything works again, and everybody catches up -- */

static const struct flow_device *who_waits(const struct flow *f)
{
	for (size_t i = 0; i < f->n_devices; i++) {
		if (flow_waiting(f->devices[i]))
			return f->devices[i];
	}
	return NULL;
}

static void come_to_rest(struct flow *f)
{
	const struct flow_device *d;

	for (int k = 0; k < 100 && (k < 3 || who_waits(f)); k++) {
		flow_pass(f, 4000);
		for (size_t i = 0; k % 3 == 2 && i < f->n_devices; i++)
			flow_resend(f->devices[i]);
	}
	d = who_waits(f);
	if (!d)
		return;
	print_error(
		"%s waits:%s%s", d->name, d->behind ? " behind" : "", d->syncing ? " syncing" : "");
	for (const struct flow_conv *c = d->convs; c; c = c->next)
		print_error(" %s%s:%llu", c->pulling ? "pulls " : "", c->name,
			(unsigned long long)c->n);
	for (const struct flow_sent *s = d->sent; s; s = s->next)
		print_error(
			" %s", s->refused || s->acked || (!s->id[0] && s->accepted) ? "" : s->body);
	fail_msg("%s never comes to rest", d->name);
}

/* What sync does not bring is there for who looks at it. */
static void look_at_the_room(struct flow_device *d)
{
	if (!flow_app_follows(d, "g/" FLOW_CHAOS_ROOM))
		flow_conv(d, "g/" FLOW_CHAOS_ROOM)->pulling = true;
}

static void converge(void)
{
	struct flow *f = run.f;

	flow_broker(f)->lose_up = flow_broker(f)->lose_down = flow_broker(f)->lose_inbox =
		f->nodes[0].fail_commit = f->nodes[0].fail_directory = 0;
	if (!flow_broker(f)->is_up)
		flow_start_broker(flow_broker(f));
	if (!f->nodes[0].is_up)
		flow_start_bridge(flow_node(f));
	flow_pass(f, 10000);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < f->n_devices; i++) {
			flow_disconnect(f->devices[i], false);
			assert_true(flow_connect(f->devices[i]));
		}
		come_to_rest(f);
	}
	for (int i = 0; i < FLOW_CHAOS_USERS; i++) {
		char name[32];

		snprintf(name, sizeof(name), "%s-new", flow_chaos_users[1 + i]);
		run.fresh[i] = flow_device(f, flow_chaos_users[1 + i], name);
		run.fresh[i]->app = true;
		run.fresh[i]->room_conv = "g/" FLOW_CHAOS_ROOM;
		assert_true(flow_connect(run.fresh[i]));
	}
	come_to_rest(f);
	for (size_t i = 0; i < f->n_devices; i++)
		look_at_the_room(f->devices[i]);
	come_to_rest(f);
}

/* -- devices of one user -- */

static uint64_t first_seen(const struct flow_conv *c)
{
	uint64_t i = 0;

	while (i < c->n && !c->messages[i])
		i++;
	return i + 1;
}

/* The message without `more`, and as it is shown to who sees nothing before `first`: what an edited
 * message was is not told to who has cleared that one. */
static char *as_seen(const char *message, uint64_t first, const char *more)
{
	json_t *m = json_loads(message, 0, NULL);
	json_t *body = json_object_get(m, "body");
	char *text;

	if (strcmp(json_string_value(json_object_get(m, "type")), "edit") == 0 &&
		json_integer_value(json_object_get(body, "seq")) < (json_int_t)first)
		json_object_del(body, "was");
	json_object_del(m, more);
	text = json_dumps(m, JSON_SORT_KEYS | JSON_COMPACT);
	json_decref(m);
	return text;
}

static bool same_message(const char *have, const char *want, uint64_t first)
{
	char *text = as_seen(have, first, "");
	bool same = strcmp(text, want) == 0;

	free(text);
	return same;
}

static void check_conv(
	const struct flow_device *d, const struct flow_conv *have, const struct flow_conv *want)
{
	uint64_t first = first_seen(want);

	/* Of a group that shows only what came after joining, an older device has more. */
	if (first_seen(have) <= have->n && first_seen(have) < first && have->name[0] == 'u')
		fail_msg("%s shows %s %llu, which is gone", d->name, have->name,
			(unsigned long long)first_seen(have));
	/* The end of a room is told to who listens, and found by the others when they ask. */
	if (strcmp(have->name, "g/" FLOW_CHAOS_ROOM) == 0 && first > want->n)
		return;
	if (first > want->n && first_seen(have) <= have->n)
		fail_msg("%s shows %s, of which there is nothing to be seen", d->name, have->name);
	if (first <= want->n && have->n != want->n)
		fail_msg("%s has %s up to %llu, not %llu", d->name, have->name,
			(unsigned long long)have->n, (unsigned long long)want->n);
	for (uint64_t i = first - 1; i < want->n; i++) {
		if (have->messages[i] && same_message(have->messages[i], want->messages[i], first))
			continue;
		fail_msg("%s differs in %s\nhas    %s\nshould %s", d->name, have->name,
			have->messages[i] ? have->messages[i] : "nothing", want->messages[i]);
	}
}

static void check_events(
	const struct flow_device *d, const json_t *known, const json_t *other, const char *what)
{
	const char *key;
	json_t *e;

	json_object_foreach((json_t *)known, key, e)
	{
		char *text, *there;

		if (json_equal(e, json_object_get(other, key)))
			continue;
		text = json_dumps(e, 0);
		there = json_dumps(json_object_get(other, key), 0);
		fail_msg("%s %s %s: %s, and not %s", d->name, what, key, text,
			there ? there : "at all");
	}
}

static void check_states(const struct flow_device *d, const struct flow_device *fresh)
{
	check_events(d, d->state, fresh->state, "knows");
	check_events(d, fresh->state, d->state, "should know");
}

static void check_device(struct flow_device *d, struct flow_device *fresh)
{
	/* Asking for a conversation by name makes it, so that both have all. */
	for (struct flow_conv *c = fresh->convs; c; c = c->next)
		check_conv(d, flow_conv(d, c->name), c);
	for (struct flow_conv *c = d->convs; c; c = c->next)
		check_conv(d, c, flow_conv(fresh, c->name));
	check_states(d, fresh);
}

/* -- the server's lists -- */

static json_t *ask(struct flow_device *d, const char *method, const char *params, json_t **root)
{
	const char *text = flow_rpc(d, method, params);

	if (!text)
		fail_msg("%s gets no answer to %s", d->name, method);
	*root = json_loads(text, 0, NULL);
	if (!json_object_get(*root, "result"))
		fail_msg("%s is answered %s to %s", d->name, text, method);
	return json_object_get(*root, "result");
}

static const json_t *event_of(const struct flow_device *d, const char *kind, const char *about)
{
	char key[160];

	snprintf(key, sizeof(key), "%s:%s", kind, about);
	return json_object_get(d->state, key);
}

static void check_settings(const struct flow_device *d, const json_t *listed)
{
	static const char *const names[] = {"pinned", "muted", "notify", "cleared_to"};
	const char *conv = json_string_value(json_object_get(listed, "conv"));
	const json_t *e = event_of(d, "conv", conv), *read = event_of(d, "read", conv);
	const char *draft = json_string_value(json_object_get(listed, "draft"));
	bool marked = e && json_is_true(json_object_get(e, "marked_unread")) &&
		      (!read || flow_app_cursor(read) < flow_app_cursor(e));

	for (size_t i = 0; e && i < sizeof(names) / sizeof(names[0]); i++) {
		if (!json_equal(json_object_get(e, names[i]), json_object_get(listed, names[i])))
			fail_msg("%s knows another %s of %s", d->name, names[i], conv);
	}
	if (!e && (json_is_true(json_object_get(listed, "pinned")) ||
			  json_is_true(json_object_get(listed, "muted")) ||
			  json_integer_value(json_object_get(listed, "cleared_to"))))
		fail_msg("%s knows no settings of %s", d->name, conv);
	assert_int_equal(marked, json_is_true(json_object_get(listed, "marked_unread")));
	assert_string_equal(
		draft ? draft : "", e ? json_string_value(json_object_get(e, "draft")) : "");
	if (json_integer_value(json_object_get(read, "seq")) !=
		json_integer_value(json_object_get(listed, "read")))
		fail_msg("%s knows another read mark of %s", d->name, conv);
}

static void check_counts(
	const struct flow_device *d, const struct flow_conv *c, const json_t *listed)
{
	uint64_t read = (uint64_t)json_integer_value(json_object_get(listed, "read"));
	int64_t unread = json_integer_value(json_object_get(listed, "unread"));
	json_t *last = json_object_get(listed, "last");
	uint64_t seq = flow_list_last(c), want = 0;
	char *text;

	if (strcmp(c->name, "g/" FLOW_CHAOS_ROOM) != 0 || flow_app_follows(d, c->name))
		want = flow_list_unread(d, c, read);
	if (unread != (int64_t)want)
		fail_msg("%s is told of %lld unread in %s, not %llu", d->name, (long long)unread,
			c->name, (unsigned long long)want);
	if (seq == 0) {
		assert_null(last);
		return;
	}
	/* As it came, and how its sender calls himself, which nobody does here. */
	assert_string_equal(json_string_value(json_object_get(last, "from_name")), "");
	json_object_del(last, "from_name");
	text = flow_app_text(last);
	assert_string_equal(text, c->messages[seq - 1]);
	free(text);
}

static void check_conversations(struct flow_device *d)
{
	json_t *root, *result = ask(d, "conv.list", "{\"limit\":500}", &root), *listed;
	uint64_t before = UINT64_MAX;
	size_t i;

	json_array_foreach(json_object_get(result, "conversations"), i, listed)
	{
		const struct flow_conv *c =
			flow_conv(d, json_string_value(json_object_get(listed, "conv")));
		const json_t *last = json_object_get(listed, "last");

		check_settings(d, listed);
		assert_int_equal(flow_app_follows(d, c->name),
			json_is_true(json_object_get(listed, "follow")));
		check_counts(d, c, listed);
		if (first_seen(c) <= c->n)
			assert_int_equal(c->n, json_integer_value(json_object_get(listed, "head")));
		if (last) {
			assert_true(flow_app_cursor(last) < before);
			before = flow_app_cursor(last);
		}
	}
	json_decref(root);
}

static const char *contact_state(const struct flow_device *d, const json_t *e)
{
	const char *action = e ? json_string_value(json_object_get(e, "action")) : "remove";

	if (strcmp(action, "request") == 0)
		return strcmp(json_string_value(json_object_get(e, "by")), d->user) == 0
			       ? "sent"
			       : "received";
	return strcmp(action, "remove") == 0 || strcmp(action, "reject") == 0 ? "none" : "contact";
}

static void check_relations(struct flow_device *d)
{
	json_t *contacts, *blocks, *one;
	const json_t *list =
		json_object_get(ask(d, "contact.list", "{\"limit\":500}", &contacts), "contacts");
	size_t i;

	for (int u = 1; u <= FLOW_CHAOS_USERS; u++) {
		const char *uid = flow_chaos_users[u], *state = "none";

		json_array_foreach(list, i, one)
		{
			if (strcmp(json_string_value(json_object_get(one, "uid")), uid) == 0)
				state = json_string_value(json_object_get(one, "state"));
		}
		assert_string_equal(contact_state(d, event_of(d, "contact", uid)), state);
	}
	list = json_object_get(ask(d, "block.list", "{}", &blocks), "blocks");
	for (int u = 1; u <= FLOW_CHAOS_USERS; u++) {
		const json_t *e = event_of(d, "block", flow_chaos_users[u]);
		const char *action = json_string_value(json_object_get(e, "action"));
		bool blocked = false;

		json_array_foreach(list, i, one)
		{
			blocked |= strcmp(json_string_value(json_object_get(one, "uid")),
					   flow_chaos_users[u]) == 0;
		}
		assert_int_equal(action && strcmp(action, "add") == 0, blocked);
	}
	json_decref(contacts);
	json_decref(blocks);
}

/* History read by itself says what sync said. */
static void check_history(struct flow_device *d)
{
	for (const struct flow_conv *c = d->convs; c; c = c->next) {
		uint64_t seq = first_seen(c);
		char params[120];
		json_t *root, *result, *m;
		size_t i;

		if (seq > c->n)
			continue;
		snprintf(params, sizeof(params), "{\"conv\":\"%s\",\"after\":0,\"limit\":500}",
			c->name);
		result = ask(d, "conv.history", params, &root);
		json_array_foreach(json_object_get(result, "messages"), i, m)
		{
			char *text = flow_app_text(m);

			assert_true(seq <= c->n);
			assert_string_equal(text, c->messages[seq - 1]);
			free(text);
			seq++;
		}
		assert_int_equal(seq, c->n + 1);
		json_decref(root);
	}
}

/* -- users among each other, and the log -- */

/* Both sides of a conversation see the same, but for the name that each has for it. */
static void check_same(const struct flow_conv *a, const struct flow_conv *b)
{
	uint64_t first = first_seen(a) > first_seen(b) ? first_seen(a) : first_seen(b);

	for (uint64_t i = 0; i < a->n && i < b->n; i++) {
		char *x, *y;

		if (!a->messages[i] || !b->messages[i])
			continue;
		x = as_seen(a->messages[i], first, "conv");
		y = as_seen(b->messages[i], first, "conv");
		assert_string_equal(x, y);
		free(x);
		free(y);
	}
}

static void check_members(void)
{
	char name[80];

	for (int i = 0; i < FLOW_CHAOS_USERS; i++) {
		for (int k = 0; k < i; k++) {
			struct flow_device *a = run.fresh[i], *b = run.fresh[k];

			for (struct flow_conv *c = a->convs; c; c = c->next) {
				if (c->name[0] == 'g')
					check_same(c, flow_conv(b, c->name));
			}
			snprintf(name, sizeof(name), "u/%s", b->user);
			struct flow_conv *c = flow_conv(a, name);
			snprintf(name, sizeof(name), "u/%s", a->user);
			check_same(c, flow_conv(b, name));
		}
	}
}

static void check_sent(const struct flow_stored *log, const struct flow_device *d)
{
	for (const struct flow_sent *s = d->sent; s; s = s->next) {
		const struct flow_stored *m = log;
		unsigned n;

		if (s->id[0]) {
			while (m && (strcmp(m->id, s->id) != 0))
				m = m->next;
			if (s->acked && (!m || m->seq != s->seq))
				fail_msg("%s: the ack of %s told of seq %llu", d->name, s->id,
					(unsigned long long)s->seq);
			continue;
		}
		n = flow_log_check_acked(log, s);
		if (n > s->published)
			fail_msg("%s: %s is there %u times", d->name, s->body, n);
		/* Whom nothing keeps from getting it. */
		if (s->accepted && n == 0 && strcmp(s->conv, "u/erin") == 0)
			fail_msg("%s: %s was accepted and is lost", d->name, s->body);
	}
}

static void check(void)
{
	struct flow_stored *log;

	for (int i = 0; i < FLOW_CHAOS_USERS; i++) {
		struct flow_device *fresh = run.fresh[i];

		check_conversations(fresh);
		check_relations(fresh);
		check_history(fresh);
		for (int k = 0; k < FLOW_CHAOS_DEVICES; k++) {
			if (strcmp(run.chaos.d[k]->user, fresh->user) == 0)
				check_device(run.chaos.d[k], fresh);
		}
	}
	check_members();
	log = flow_log_read(run.f);
	flow_log_check_dense(log);
	for (int i = 0; i < FLOW_CHAOS_DEVICES; i++)
		check_sent(log, run.chaos.d[i]);
	flow_log_free(log);
}

/* -- runs -- */

static void live(uint64_t seed, const struct store_backend *backend)
{
	unsigned steps = (unsigned)number_from("FLOW_STEPS", STEPS);

	im_buf_reset(&run.trace);
	run.f = flow_start(backend, flow_chaos_users);
	run.f->sabotage = (enum flow_sabotage)number_from("FLOW_SABOTAGE", FLOW_SOUND);
	flow_chaos_start(&run.chaos, run.f, seed, &run.trace);
	for (unsigned i = 0; i < steps; i++) {
		if (is_wanted(i))
			flow_chaos_step(&run.chaos, i);
	}
	if (run.f->sabotage == FLOW_LOSES_EVENT)
		flow_lose_events(flow_node(run.f));
	converge();
	check();
	flow_stop(run.f);
	run.f = NULL;
}

static void run_seeds(const struct store_backend *backend, uint64_t n)
{
	const char *store = getenv("FLOW_STORE");
	uint64_t first = number_from("FLOW_SEED", 1);

	if (store && strcmp(store, backend->name) != 0)
		return;
	if (getenv("FLOW_SEED"))
		n = number_from("FLOW_LAST", first);
	for (uint64_t seed = first; seed <= n; seed++) {
		run.chaos.seed = seed;
		live(seed, backend);
	}
}

static int tell_failure(void **state)
{
	(void)state;
	if (run.f)
		fprintf(stderr,
			"%.*sseed %llu failed over the %s store; these were its steps. Again: "
			"FLOW_SEED=%llu FLOW_STORE=%s\n",
			IM_ARGS(run.trace), (unsigned long long)run.chaos.seed,
			run.f->nodes[0].rig.backend.name, (unsigned long long)run.chaos.seed,
			run.f->nodes[0].rig.backend.name);
	im_buf_free(&run.trace);
	if (run.f)
		flow_discard(run.f);
	run.f = NULL;
	return 0;
}

static void all_devices_converge_over_the_memory_store(void **state)
{
	(void)state;
	run_seeds(&store_memory, MEMORY_SEEDS);
}

static void all_devices_converge_over_sqlite(void **state)
{
	(void)state;
	run_seeds(&store_sqlite, SQLITE_SEEDS);
}

/* -- the test itself is tested -- */

/* True if a program of the same tests, broken in this way, finds that something is wrong. */
static bool is_found(enum flow_sabotage what, unsigned seed)
{
	char sabotage[40], from[40];
	char *argv[] = {(char *)"test_flow_converge", NULL};
	char *envp[] = {sabotage, from, (char *)"FLOW_STORE=memory",
		(char *)"CMOCKA_MESSAGE_OUTPUT=STDOUT", NULL};
	posix_spawn_file_actions_t fa;
	int status;
	pid_t pid;

	snprintf(sabotage, sizeof(sabotage), "FLOW_SABOTAGE=%d", (int)what);
	snprintf(from, sizeof(from), "FLOW_SEED=%u", seed);
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&fa, 2, "/dev/null", O_WRONLY, 0);
	assert_int_equal(posix_spawn(&pid, "/proc/self/exe", &fa, NULL, argv, envp), 0);
	posix_spawn_file_actions_destroy(&fa);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status) != 0;
}

static void whatever_is_broken_on_purpose_is_found(void **state)
{
	(void)state;
	if (getenv("FLOW_SEED"))
		return;
	for (int what = FLOW_SOUND + 1; what < FLOW_OF_ONE; what++) {
		unsigned seed = 1;

		while (seed <= SABOTAGE_SEEDS && !is_found((enum flow_sabotage)what, seed))
			seed++;
		if (seed > SABOTAGE_SEEDS)
			fail_msg("sabotage %d is not noticed", what);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(all_devices_converge_over_the_memory_store, tell_failure),
		cmocka_unit_test_teardown(all_devices_converge_over_sqlite, tell_failure),
		cmocka_unit_test(whatever_is_broken_on_purpose_is_found),
	};

	return cmocka_run_group_tests_name("flow converge", tests, NULL, NULL);
}
