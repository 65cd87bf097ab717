/* SPDX-License-Identifier: BSD-3-Clause */
/* Erasing: who may be erased, the walk through its stages, also when it is broken off after any of
 * them, the list beside the databases and the answers that wait. */
#include "tests/unit/rpc_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bridge/admin/erasure_again.h"
#include "bridge/message/kind.h"
#include "bridge/upkeep/erasure.h"
#include "bridge/upkeep/erasure_list.h"
#include "bridge/upkeep/erasure_wait.h"
#include "bridge/upkeep/erasure_walk.h"
#include "common/limits.h"
#include "schema/name_key.h"

struct node {
	struct rpc_fixture *f;
	struct erasure *e;
	struct log *log;
	struct im_buf replies; /* "root/pc {..}\n" */
	int64_t mono_ms;
	unsigned renamed;
};

static void on_renamed(void *arg)
{
	struct node *n = arg;

	n->renamed++;
	names_clear(n->f->names);
}

static void on_reply(void *arg, struct im_str uid, struct im_str device, struct im_str response)
{
	struct node *n = arg;

	im_buf_printf(
		&n->replies, "%.*s/%.*s %.*s\n", IM_ARGS(uid), IM_ARGS(device), IM_ARGS(response));
}

static void on_erase(void *arg, uint64_t id)
{
	struct node *n = arg;

	erasure_asked(n->e, id);
}

static int on_name_key(void *arg, struct im_sipkey *out, struct im_buf *why)
{
	const struct node *n = arg;
	const struct im_sipkey fresh = {{1, 2, 3}};

	return name_key_make(n->f->folder, &fresh, out, why);
}

static void begin(struct node *n)
{
	struct erasure_parts p = {.backend = n->f->backend,
		.store = n->f->store,
		.dir = n->f->dir,
		.data_dir = n->f->folder,
		.log = n->log,
		.arg = n,
		.renamed = on_renamed,
		.reply = on_reply};

	assert_int_equal(erasure_new(&p, &n->e), IM_OK);
	n->f->hooks = (struct admin_hooks){.arg = n, .erase = on_erase, .name_key = on_name_key};
}

static void node_set_up(struct node *n, struct rpc_fixture *f)
{
	*n = (struct node){.f = f,
		.log = log_new(
			open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_LEVEL_DEBUG, LOG_STDERR)};
	im_buf_init(&n->replies, 0);
	begin(n);
}

static void node_tear_down(struct node *n)
{
	erasure_free(&n->e);
	log_free(&n->log);
	im_buf_free(&n->replies);
}

/* As a crash: nothing is known but what was written. */
static void restart(struct node *n)
{
	erasure_free(&n->e);
	begin(n);
}

static uint64_t open_ones(struct node *n)
{
	uint64_t open, left;

	erasure_progress(n->e, &open, &left);
	return open;
}

/* One step; false: there was nothing to do. */
static bool step(struct node *n)
{
	uint64_t open;

	n->mono_ms += 60000;
	(void)erasure_step(n->e, n->f->now_ms, n->mono_ms);
	assert_int_equal(directory_erasure_open(n->f->dir, &open), IM_OK);
	return open > 0;
}

static void refused(struct rpc_fixture *f, const char *command, int code, const char *part)
{
	const json_t *r = rpc_admin(f, command);
	const char *error = rpc_text(r, "error");

	assert_num(r, "code", code);
	if (strstr(error, part) == NULL)
		fail_msg("%s: %s", command, error);
}

static void done(struct rpc_fixture *f, const char *command)
{
	const json_t *r = rpc_admin(f, command);

	if (rpc_at(r, "error") != NULL)
		fail_msg("%s: %s", command, rpc_text(r, "error"));
}

#define SEND(from, conv, meta, body) \
	rpc_send_full(f, from, conv, IM_STR("text"), IM_STR(meta), IM_ENC_TEXT, IM_STR(body))

/* What alice, who will be erased, and others said. */
static void life(struct rpc_fixture *f)
{
	rpc_ok(f, "alice", "group.create",
		"{\"gid\":\"team\",\"members\":[\"bob\",\"carol\"],\"announcement\":\"WORD\"}");
	SEND("alice", "u/bob", "\"ext\":{\"a\":\"WORD\"}", "WORD one");
	SEND("bob", "u/alice", "\"mentions\":[\"alice\"]", "kept");
	rpc_ok(f, "alice", "msg.react", "{\"conv\":\"u/bob\",\"seq\":2,\"emoji\":\"WORD\"}");
	rpc_ok(f, "alice", "msg.edit", "{\"conv\":\"u/bob\",\"seq\":1,\"body\":\"WORD two\"}");
	rpc_ok(f, "bob", "msg.forward",
		"{\"from_conv\":\"u/alice\",\"seqs\":[1],\"to_conv\":\"g/team\"}");
	rpc_ok(f, "carol", "msg.forward",
		"{\"from_conv\":\"g/team\",\"seqs\":[2],\"to_conv\":\"u/dave\"}");
	rpc_ok(f, "alice", "user.update", "{\"nick\":\"WORD\",\"avatar\":\"WORD\"}");
	rpc_ok(f, "alice", "contact.request", "{\"uid\":\"bob\",\"note\":\"WORD\"}");
	rpc_ok(f, "bob", "msg.report", "{\"conv\":\"u/alice\",\"seq\":1,\"reason\":\"kept\"}");
}

/* Everything that bob, carol and administrators get to see, one text behind the other. */
static void see(struct rpc_fixture *f, struct im_buf *out)
{
	static const char *const calls[][3] = {
		{"bob", "conv.history", "{\"conv\":\"u/%s\"}"},
		{"bob", "conv.history", "{\"conv\":\"g/team\"}"},
		{"carol", "conv.history", "{\"conv\":\"u/dave\"}"},
		{"bob", "group.get", "{\"gid\":\"team\"}"},
		{"carol", "group.members", "{\"gid\":\"team\"}"},
		{"bob", "user.get", "{\"uid\":\"%s\"}"},
		{"bob", "contact.list", "{}"},
		{"bob", "sync", "{}"},
		{"carol", "conv.list", "{}"},
	};
	struct directory_user u;
	char params[128];
	char *text;

	assert_int_equal(directory_user_by_id(f->reader_dir, 1, &u), IM_OK);
	im_buf_reset(out);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		char uid[IM_UID_MAX + 1];

		assert_int_equal(directory_user_by_id(f->reader_dir, 1, &u), IM_OK);
		snprintf(uid, sizeof(uid), "%.*s", IM_ARGS(u.uid));
		snprintf(params, sizeof(params), calls[i][2], uid);
		text = json_dumps(rpc_ok(f, calls[i][0], calls[i][1], params), JSON_COMPACT);
		im_buf_printf(out, "%s %s: %s\n", calls[i][0], calls[i][1], text);
		free(text);
	}
	text = json_dumps(rpc_admin(f, "{\"command\":\"listReports\"}"), JSON_COMPACT);
	im_buf_printf(out, "%s\n", text);
	free(text);
	assert_false(out->failed);
}

static bool holds(const struct im_buf *b, const char *word)
{
	return memmem(b->p, b->n, word, strlen(word)) != NULL;
}

static void who_may_write_on_is_not_erased(void **state)
{
	struct rpc_fixture *f = *state;
	struct node n;

	node_set_up(&n, f);
	refused(f, "{\"command\":\"eraseUser\",\"username\":\"nobody\"}", IM_E_UNKNOWN_USER,
		"nobody");
	refused(f, "{\"command\":\"eraseUser\",\"username\":\"root\"}", IM_E_NOT_ALLOWED,
		"another administrator");
	refused(f, "{\"command\":\"eraseUser\",\"username\":\"alice\"}", IM_E_NOT_ALLOWED,
		"disable or delete \"alice\" first");
	done(f, "{\"command\":\"deleteUser\",\"username\":\"alice\"}");
	done(f, "{\"command\":\"eraseUser\",\"username\":\"alice\"}");
	assert_int_equal(open_ones(&n), 1);
	/* Nobody sends again what is being erased. */
	refused(f,
		"{\"command\":\"restoreUser\",\"username\":\"alice\",\"password\":\"a password\"}",
		IM_E_BUSY, "being erased");
	done(f, "{\"command\":\"disableUser\",\"username\":\"bob\"}");
	done(f, "{\"command\":\"eraseUser\",\"username\":\"bob\"}");
	refused(f, "{\"command\":\"enableUser\",\"username\":\"bob\"}", IM_E_BUSY, "being erased");
	while (step(&n))
		;
	assert_int_equal(open_ones(&n), 0);
	done(f, "{\"command\":\"restoreUser\",\"username\":\"alice\",\"password\":\"a password\"}");
	done(f, "{\"command\":\"enableUser\",\"username\":\"bob\"}");
	/* A bounded number waits. */
	done(f, "{\"command\":\"disableUser\",\"username\":\"bob\"}");
	for (int i = 0; i < IM_ERASURES_OPEN_MAX; i++)
		done(f, "{\"command\":\"eraseUser\",\"username\":\"bob\"}");
	refused(f, "{\"command\":\"eraseUser\",\"username\":\"bob\"}", IM_E_LIMIT_REACHED,
		"try again later");
	node_tear_down(&n);
}

static void words_go_and_places_stay(void **state)
{
	struct rpc_fixture *f = *state;
	struct im_buf seen;
	struct node n;

	node_set_up(&n, f);
	im_buf_init(&seen, 0);
	life(f);
	see(f, &seen);
	assert_true(holds(&seen, "WORD"));
	done(f, "{\"command\":\"disableUser\",\"username\":\"alice\"}");
	done(f, "{\"command\":\"eraseUser\",\"username\":\"alice\"}");
	while (step(&n))
		;
	see(f, &seen);
	assert_false(holds(&seen, "WORD"));
	assert_true(holds(&seen, "kept"));
	rpc_ok(f, "bob", "conv.history", "{\"conv\":\"u/alice\"}");
	assert_int_equal(json_array_size(rpc_at(f->result, "messages")), 4);
	assert_json(rpc_at(f->result, "messages.0"),
		"{\"conv\":\"u/alice\",\"seq\":1,\"from\":\"alice\",\"ts\":1000000,"
		"\"type\":\"recalled\",\"cursor\":\"4\",\"body\":null}");
	assert_json(rpc_at(f->result, "messages.1"),
		"{\"conv\":\"u/alice\",\"seq\":2,\"from\":\"bob\",\"ts\":1000000,\"type\":\"text\","
		"\"mentions\":[\"alice\"],\"cursor\":\"5\",\"body\":\"kept\"}");
	rpc_ok(f, "carol", "conv.history", "{\"conv\":\"u/dave\"}");
	assert_text(f->result, "messages.0.type", "recalled");
	assert_text(f->result, "messages.0.forwarded.from", "bob");
	rpc_ok(f, "bob", "group.members", "{\"gid\":\"team\"}");
	assert_int_equal(json_array_size(rpc_at(f->result, "members")), 3);
	assert_int_equal(n.renamed, 0);
	im_buf_free(&seen);
	node_tear_down(&n);
}

/* Whom an erased message meant is not meant any more; being renamed changes nothing of it. */
static void what_is_erased_mentions_nobody(void **state)
{
	struct rpc_fixture *f = *state;
	struct node n;

	node_set_up(&n, f);
	rpc_ok(f, "alice", "group.create", "{\"gid\":\"team\",\"members\":[\"bob\",\"carol\"]}");
	SEND("alice", "g/team", "\"mentions\":[\"bob\"]", "WORD");
	SEND("alice", "g/team", "\"mentions\":[\"all\"]", "WORD");
	SEND("bob", "g/team", "\"mentions\":[\"alice\",\"carol\"]", "kept");
	assert_int_equal(rpc_mentions(f, "bob", 1, 0), 0); /* he has answered */
	assert_int_equal(rpc_mentions(f, "dave", 1, 0), 1);
	assert_int_equal(rpc_mentions(f, "carol", 1, 0), 2);
	done(f, "{\"command\":\"deleteUser\",\"username\":\"alice\"}");
	done(f, "{\"command\":\"eraseUser\",\"username\":\"alice\",\"name\":true}");
	while (step(&n))
		;
	assert_int_equal(rpc_mentions(f, "dave", 1, 0), 0);
	assert_int_equal(rpc_mentions(f, "carol", 1, 0), 1);
	node_tear_down(&n);
}

static int count_reactions(void *arg, const struct store_msg *m)
{
	int *n = arg;

	if (im_str_eqz(m->type, KIND_REACT) && m->recalled)
		(*n)++;
	return IM_OK;
}

/* However many change in one stretch, each keeps what is nobody's word. */
static void many_operations_keep_their_types(void **state)
{
	enum { MESSAGES = 60 };
	struct rpc_fixture *f = *state;
	struct node n;
	char params[96];
	int reactions = 0;

	node_set_up(&n, f);
	for (int i = 1; i <= MESSAGES; i++)
		SEND("bob", "u/alice", "", "kept");
	for (int i = 1; i <= MESSAGES; i++) {
		snprintf(params, sizeof(params),
			"{\"conv\":\"u/bob\",\"seq\":%d,\"emoji\":\"WORD\"}", i);
		rpc_ok(f, "alice", "msg.react", params);
	}
	done(f, "{\"command\":\"disableUser\",\"username\":\"alice\"}");
	done(f, "{\"command\":\"eraseUser\",\"username\":\"alice\"}");
	while (step(&n))
		;
	assert_int_equal(
		f->backend->read_log(f->log, 1, INT64_MAX, false, count_reactions, &reactions),
		IM_OK);
	assert_int_equal(reactions, MESSAGES);
	node_tear_down(&n);
}

/* Whoever waits has a turn after each: so much is looked at, and of one who wrote all of it so much
 * is changed. */
static void a_step_is_a_bounded_piece_of_the_log(void **state)
{
	struct rpc_fixture *f = *state;
	uint64_t open, left, before = 0;
	unsigned pieces = 0;
	struct node n;

	node_set_up(&n, f);
	for (int i = 0; i < 5 * IM_ERASE_STRETCH; i++)
		SEND("alice", "u/bob", "", "WORD");
	done(f, "{\"command\":\"disableUser\",\"username\":\"alice\"}");
	done(f, "{\"command\":\"eraseUser\",\"username\":\"alice\"}");
	while (step(&n)) {
		erasure_progress(n.e, &open, &left);
		if (left < before) {
			assert_in_range(before - left, 1, IM_ERASE_STRETCH);
			pieces++;
		}
		before = left;
	}
	assert_int_equal(before, 0);
	assert_in_range(pieces, 5, 6);
	node_tear_down(&n);
}

static void a_name_goes_and_stays_taken(void **state)
{
	struct rpc_fixture *f = *state;
	struct im_buf seen;
	struct node n;

	node_set_up(&n, f);
	im_buf_init(&seen, 0);
	life(f);
	done(f, "{\"command\":\"disableUser\",\"username\":\"alice\"}");
	done(f, "{\"command\":\"eraseUser\",\"username\":\"alice\",\"name\":true}");
	while (step(&n))
		;
	see(f, &seen);
	assert_false(holds(&seen, "WORD"));
	assert_false(holds(&seen, "alice"));
	assert_true(holds(&seen, "\"mentions\":[\"deleted-1\"]"));
	assert_int_equal(n.renamed, 1);
	/* Whoever is erased by name is not a member of anything. */
	rpc_ok(f, "bob", "group.members", "{\"gid\":\"team\"}");
	assert_int_equal(json_array_size(rpc_at(f->result, "members")), 2);
	for (int i = 0; i < 2; i++) {
		static const char *const names[] = {"alice", "ALICE"};
		char command[128];

		snprintf(command, sizeof(command),
			"{\"command\":\"createUser\",\"username\":\"%s\",\"password\":\"a pass\"}",
			names[i]);
		refused(f, command, IM_E_CONFLICT, "erased");
	}
	refused(f,
		"{\"command\":\"restoreUser\",\"username\":\"deleted-1\",\"password\":\"a pass\"}",
		IM_E_NOT_ALLOWED, "name is gone");
	/* Once more by number: the name that stands for him is left as it is. */
	done(f, "{\"command\":\"eraseUser\",\"username\":\"deleted-1\",\"name\":true}");
	while (step(&n))
		;
	see(f, &seen);
	assert_true(holds(&seen, "\"mentions\":[\"deleted-1\"]"));
	rpc_admin(f, "{\"command\":\"listAudit\"}");
	see(f, &seen);
	assert_false(holds(&seen, "alice"));
	im_buf_free(&seen);
	node_tear_down(&n);
}

/* Steps until all is done, broken off after `at` of them. *steps_out: how many there were. */
static void erase_broken_off(unsigned at, bool name, struct im_buf *seen, unsigned *steps_out)
{
	struct rpc_fixture *f;
	void *state = NULL;
	struct node n;

	rpc_set_up(&state);
	f = state;
	node_set_up(&n, f);
	life(f);
	done(f, "{\"command\":\"disableUser\",\"username\":\"alice\"}");
	done(f, name ? "{\"command\":\"eraseUser\",\"username\":\"alice\",\"name\":true}"
		     : "{\"command\":\"eraseUser\",\"username\":\"alice\"}");
	for (*steps_out = 1; step(&n); ++*steps_out)
		if (*steps_out == at)
			restart(&n);
	see(f, seen);
	node_tear_down(&n);
	rpc_tear_down(&state);
}

static void what_is_broken_off_goes_on(void **state)
{
	struct im_buf whole, seen;
	unsigned steps, n;

	(void)state;
	im_buf_init(&whole, 0);
	im_buf_init(&seen, 0);
	for (int name = 0; name < 2; name++) {
		erase_broken_off(0, name, &whole, &steps);
		assert_true(steps > 6);
		for (unsigned at = 1; at < steps; at++) {
			erase_broken_off(at, name, &seen, &n);
			assert_str_eq(im_buf_view(&seen), im_buf_view(&whole));
		}
	}
	im_buf_free(&whole);
	im_buf_free(&seen);
}

/* -- the list -- */

struct lines {
	char text[512];
	size_t n;
};

static int on_line(void *arg, const struct directory_erasure *e)
{
	struct lines *l = arg;

	l->n += (size_t)snprintf(l->text + l->n, sizeof(l->text) - l->n, "%d %d %d %zu;",
		(int)e->user, (int)e->created_ms, (int)e->asked_ms, e->hash.n);
	return IM_OK;
}

static void is_list(const char *folder, const char *want, size_t want_odd)
{
	struct lines l = {.n = 0};
	struct im_buf why;
	size_t odd;

	im_buf_init(&why, 0);
	assert_int_equal(erasure_list_each(folder, on_line, &l, &odd, &why), IM_OK);
	assert_string_equal(l.text, want);
	assert_int_equal(odd, want_odd);
	im_buf_free(&why);
}

static void add_text(const char *folder, const char *text)
{
	char path[128];
	FILE *out;

	snprintf(path, sizeof(path), "%s/erasures", folder);
	out = fopen(path, "a");
	assert_non_null(out);
	fputs(text, out);
	assert_int_equal(fclose(out), 0);
}

static void the_list_is_kept_beside_the_databases(void **state)
{
	const char *folder = ((struct rpc_fixture *)*state)->folder;
	struct directory_erasure e = {.user = 7, .created_ms = 5, .asked_ms = 9};
	struct im_buf why;

	im_buf_init(&why, 0);
	is_list(folder, "", 0);
	assert_int_equal(erasure_list_add(folder, &e, &why), IM_OK);
	assert_int_equal(erasure_list_add(folder, &e, &why), IM_OK);
	e.hash = IM_STR("0123456789abcdef");
	assert_int_equal(erasure_list_add(folder, &e, &why), IM_OK);
	is_list(folder, "7 5 9 0;7 5 9 16;", 0);
	/* What is no line is passed over, and one that a full disk has cut is not gone on with. */
	add_text(folder, "rubbish\n8 1 2 zz\n0 1 2 -\n9 1 2");
	e.user = 9;
	assert_int_equal(erasure_list_add(folder, &e, &why), IM_OK);
	is_list(folder, "7 5 9 0;7 5 9 16;9 5 9 16;", 4);
	assert_int_equal(erasure_list_add("/nowhere", &e, &why), IM_E_IO);
	assert_int_equal(why.n > 0, 1);
	im_buf_free(&why);
}

/* A disk that takes a part of a line is full, whatever failed before. Without a node, whose threads
 * write as well. */
static void a_full_disk_is_named_and_its_line_ended(void **state)
{
	struct directory_erasure e = {.user = 7, .created_ms = 5, .asked_ms = 9};
	char folder[] = "/tmp/im-erasures-XXXXXX", path[64];
	struct rlimit limit;
	struct im_buf why;

	(void)state;
	im_buf_init(&why, 0);
	assert_non_null(mkdtemp(folder));
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(
		setrlimit(RLIMIT_FSIZE, &(struct rlimit){strlen("7 5"), limit.rlim_max}), 0);
	assert_int_equal(erasure_list_add(folder, &e, &why), IM_E_IO);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	im_buf_c(&why, '\0');
	assert_non_null(strstr(why.p, "/erasures cannot be written: No space left on device"));
	im_buf_reset(&why);
	is_list(folder, "", 1);
	assert_int_equal(erasure_list_add(folder, &e, &why), IM_OK);
	is_list(folder, "7 5 9 0;", 1);
	snprintf(path, sizeof(path), "%s/erasures", folder);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
	im_buf_free(&why);
}

static uint32_t again(struct node *n)
{
	struct im_buf why;
	struct erasure_again a = {n->f->folder, n->log, n->f->now_ms, &why, 0};

	im_buf_init(&why, 0);
	assert_int_equal(erasure_again(&a, n->f->w), IM_OK);
	/* Others were first, and it is called once more: nothing has come of it yet. */
	writer_rollback(n->f->w);
	assert_int_equal(erasure_again(&a, n->f->w), IM_OK);
	im_buf_free(&why);
	rpc_commit(n->f);
	return a.n;
}

/* A backup from before the erasure is put in the place of directory.db. */
static void the_list_is_applied_to_what_a_backup_brings_back(void **state)
{
	struct rpc_fixture *f = *state;
	struct directory_user u;
	struct node n;

	node_set_up(&n, f);
	done(f, "{\"command\":\"disableUser\",\"username\":\"alice\"}");
	done(f, "{\"command\":\"eraseUser\",\"username\":\"alice\",\"name\":true}");
	done(f, "{\"command\":\"disableUser\",\"username\":\"bob\"}");
	done(f, "{\"command\":\"eraseUser\",\"username\":\"bob\"}");
	while (step(&n))
		;
	assert_int_equal(again(&n), 0);
	/* alice and bob are back, and number 3 is another person. */
	rpc_sql(f, "DELETE FROM erasure; UPDATE user SET uid = 'alice', nick = 'WORD', deleted = 0,"
		   " disabled = 0 WHERE id = 1; UPDATE user SET disabled = 0 WHERE id = 2");
	add_text(f->folder, "3 999 5 -\n77 5 5 -\n");
	assert_int_equal(again(&n), 2);
	while (step(&n))
		;
	assert_int_equal(directory_user_by_id(f->reader_dir, 1, &u), IM_OK);
	assert_str(u.uid, "deleted-1");
	assert_str(u.nick, "");
	assert_true(u.deleted);
	assert_int_equal(directory_user_get(f->reader_dir, IM_STR("bob"), &u), IM_OK);
	assert_true(u.disabled);
	assert_int_equal(directory_user_get(f->reader_dir, IM_STR("carol"), &u), IM_OK);
	assert_false(u.disabled);
	refused(f, "{\"command\":\"createUser\",\"username\":\"alice\",\"password\":\"a pass\"}",
		IM_E_CONFLICT, "erased");
	assert_int_equal(again(&n), 0);
	node_tear_down(&n);
}

/* -- answers -- */

static void answers_wait_until_it_is_done(void **state)
{
	struct erasure_wait w;
	struct node n = {.f = *state};
	char device[8];

	im_buf_init(&n.replies, 0);
	erasure_wait_init(&w);
	/* Of nothing that was asked for. */
	assert_false(erasure_wait_add(&w, IM_STR("root"), IM_STR("pc"), IM_STR("{0}")));
	erasure_wait_for(&w, 1);
	assert_true(erasure_wait_add(&w, IM_STR("root"), IM_STR("pc"), IM_STR("{1}")));
	assert_false(erasure_wait_add(&w, IM_STR("root"), IM_STR("pc"), IM_STR("{list}")));
	/* The same transaction once more. */
	erasure_wait_for(&w, 1);
	assert_true(erasure_wait_add(&w, IM_STR("root"), IM_STR("pc"), IM_STR("{1b}")));
	erasure_wait_for(&w, 2);
	assert_true(erasure_wait_add(&w, IM_STR("ann"), IM_STR(""), IM_STR("{2}")));
	erasure_wait_done(&w, 1, on_reply, &n);
	assert_buf(&n.replies, "root/pc {1b}\n");
	erasure_wait_done(&w, 2, on_reply, &n);
	assert_buf(&n.replies, "root/pc {1b}\nann/ {2}\n");
	/* Who finds no place is answered at once. */
	for (int i = 0; i < ERASURE_WAITERS_MAX; i++) {
		snprintf(device, sizeof(device), "%d", i);
		erasure_wait_for(&w, 3);
		assert_true(erasure_wait_add(&w, IM_STR("root"), im_str(device), IM_STR("{}")));
	}
	erasure_wait_for(&w, 3);
	assert_false(erasure_wait_add(&w, IM_STR("root"), IM_STR("x"), IM_STR("{}")));
	erasure_wait_clear(&w);
	im_buf_free(&n.replies);
}

static void the_command_is_answered_at_the_end(void **state)
{
	struct rpc_fixture *f = *state;
	struct node n;

	node_set_up(&n, f);
	done(f, "{\"command\":\"disableUser\",\"username\":\"alice\"}");
	done(f, "{\"command\":\"eraseUser\",\"username\":\"alice\"}");
	assert_true(erasure_hold(n.e, IM_STR("root"), IM_STR("pc"), IM_STR("{\"ok\"}")));
	while (step(&n))
		assert_int_equal(n.replies.n, 0);
	assert_buf(&n.replies, "root/pc {\"ok\"}\n");
	node_tear_down(&n);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rpc_set_up, rpc_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(who_may_write_on_is_not_erased),
		CASE(words_go_and_places_stay),
		CASE(what_is_erased_mentions_nobody),
		CASE(many_operations_keep_their_types),
		CASE(a_step_is_a_bounded_piece_of_the_log),
		CASE(a_name_goes_and_stays_taken),
		cmocka_unit_test(what_is_broken_off_goes_on),
		CASE(the_list_is_kept_beside_the_databases),
		cmocka_unit_test(a_full_disk_is_named_and_its_line_ended),
		CASE(the_list_is_applied_to_what_a_backup_brings_back),
		CASE(answers_wait_until_it_is_done),
		CASE(the_command_is_answered_at_the_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
