/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A whole engine without a broker: up frames are built and given to it, down frames are taken apart
 * into lines of text. The log is in memory or in SQLite, the directory in a folder of its own, time
 * is the test's, readers run inline.
 */
#ifndef IM_TESTS_ENGINE_FIXTURE_H
#define IM_TESTS_ENGINE_FIXTURE_H

#include "tests/unit/unit.h"

#include <stdbool.h>

#include "common/frame.h"
#include "tests/unit/rig.h"

#define ENGINE_EPOCH 77

struct engine_fixture {
	struct rig rig;
	struct peer *peer; /* the plugin at the other end */
	struct engine_now now;
	uint32_t queue_max;
	struct moderation *moderation; /* taken when it is opened, as the next one */
	const struct shared_log *shared;
	bool hold;          /* responses to commands are kept in held */
	struct im_buf held; /* the last one */
	/* what came down, a line a record:
	 *   hello | committed 77:3 | credit | stats
	 *   message alice/phone 1 text id=c-1 bob=u/alice alice=u/bob ,"seq":1,...
	 *   message alice/phone 1 text id= g/team: alice bob ,"seq":1,...
	 *   message alice/phone 1 text id= ends=61000000 to=im/u/alice corr=17 k=v bob=u/alice ...
	 *   device veh-1 message alice/phone ...   to that device alone
	 *   inbox bob ack [..]        (inbox0: QoS 0; several uids with commas)
	 *   topic presence/bob {...}  (topic+: retained)
	 *   reply alice im/inbox/alice/rpc/x corr {...}
	 *   control admin-1 {...}
	 *   kick bob | kick bob/phone | forget bob | forget group team | forget member team/bob */
	struct im_buf told;
	unsigned frames;
	unsigned steps; /* records that say how far the link is */
	size_t largest_frame;
	/* the batch that is being built */
	uint64_t epoch, first, next;
	uint8_t level;        /* of the plugin that answers */
	uint64_t spool_first; /* what a snapshot says of the spool's beginning; 0: first */
	struct im_buf records;
};

/* cmocka's set-up and tear-down: users alice, bob, carol, dave (ids 1-4), time 1000000, linked and
 * answered, nothing told yet. */
int engine_set_up(void **state);
int engine_set_up_sqlite(void **state);
int engine_tear_down(void **state);
/* A folder with the users, not opened yet; for tests that change something before. */
struct engine_fixture *engine_prepare(const struct store_backend *backend);
void engine_open(struct engine_fixture *f);
/* Ends the process and starts the next one on the same data (SQLite), or on the same store
 * (memory). Not linked. */
void engine_restart(struct engine_fixture *f);
/* Links, and answers HELLO with an empty snapshot. */
void engine_link(struct engine_fixture *f);

/* Adds a record to the batch; r->ts_ms 0: now. */
void engine_add(struct engine_fixture *f, struct im_up_rec r);
/* The most common ones. target: "bob" or "g/team" for a group. id may be NULL. */
void engine_add_message(
	struct engine_fixture *f, const char *from, const char *target, const char *payload);
void engine_add_rpc(
	struct engine_fixture *f, const char *from, const char *method, const char *params);
void engine_add_session(
	struct engine_fixture *f, int type, const char *user, const char *device, int flags);
/* Sends what was added as one batch. told begins anew. */
void engine_send(struct engine_fixture *f);
/* Sends the records first..last that were added since the last call of engine_keep, as the plugin
 * does after a reconnect. */
void engine_send_again(
	struct engine_fixture *f, uint64_t first, uint64_t count, struct im_str bytes);
/* One record alone, sent. */
void engine_message(
	struct engine_fixture *f, const char *from, const char *target, const char *payload);
void engine_rpc(struct engine_fixture *f, const char *from, const char *method, const char *params);
void engine_credit(struct engine_fixture *f, uint32_t frames);
void engine_sessions(struct engine_fixture *f, const char *const *user_device_sub);
void engine_wait(struct engine_fixture *f, int64_t ms);

/* What a fixture that is set up from here on logs, until the end of it is taken: the text, valid
 * until the next one. The tests' own stderr meanwhile. */
void engine_log_begin(void);
const char *engine_log_end(void);

void engine_forget(struct engine_fixture *f);
/* A line that begins with this was told. */
bool engine_told(const struct engine_fixture *f, const char *begin);
/* A line holds this. */
bool engine_told_part(const struct engine_fixture *f, const char *part);
unsigned engine_count(const struct engine_fixture *f, const char *begin);
#define assert_told(f, begin) engine_assert_told(f, begin, true, __FILE__, __LINE__)
#define assert_not_told(f, begin) engine_assert_told(f, begin, false, __FILE__, __LINE__)
void engine_assert_told(
	const struct engine_fixture *f, const char *begin, bool want, const char *file, int line);

#endif
