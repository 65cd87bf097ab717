/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The methods without a bridge: a log, a directory in a folder of its own and a writer, and calls
 * made as the engine and the readers make them. Time is the test's.
 */
#ifndef IM_TESTS_RPC_FIXTURE_H
#define IM_TESTS_RPC_FIXTURE_H

#include "tests/unit/unit.h"

#include <jansson.h>
#include <stdbool.h>

#include "bridge/admin/admin.h"
#include "bridge/base/cost.h"
#include "bridge/deliver/outboxes.h"
#include "bridge/deliver/presence.h"
#include "bridge/directory/rights.h"
#include "bridge/rpc/rpc.h"
#include "bridge/search/search_index.h"
#include "bridge/store/store.h"
#include "bridge/write/writer.h"

struct rpc_fixture {
	char folder[64];
	const struct store_backend *backend;
	struct store *store;
	struct store_reader *log;
	struct directory *dir, *reader_dir;
	struct names *names;
	struct effects *fx;
	struct outboxes *outboxes;
	struct writer *w;
	struct rpc_settings set;
	struct hash_budget budget;
	struct presence *presence;
	struct rights *rights;
	struct cost *cost;   /* without a limit, until a test sets one */
	struct dedup *dedup; /* NULL until a test sets one */
	struct im_buf states;
	struct admin_hooks hooks;
	int64_t now_ms;
	uint64_t recno;
	struct search_index *index; /* after rpc_open_search */
	struct search *search;
	json_t *result;      /* of the last call, NULL after a refusal */
	struct im_buf reply; /* of the last call, as a client gets it */
	struct im_buf why;   /* of the last refusal */
	struct im_buf
		told; /* what the last call made visible, a line each: "inbox bob event {..}" */
};

/* cmocka's set-up and tear-down: the users alice, bob, carol and dave (ids 1 to 4), time 1000000.
 * The log is in memory, or in SQLite by rpc_set_up_sqlite. */
int rpc_set_up(void **state);
int rpc_set_up_sqlite(void **state);
int rpc_tear_down(void **state);

/* Switches search on; rpc_index brings the index up to the log. */
void rpc_open_search(struct rpc_fixture *f);
void rpc_index(struct rpc_fixture *f);

uint64_t rpc_uid(struct rpc_fixture *f, const char *uid);
void rpc_add_user(struct rpc_fixture *f, const char *uid, const char *phc);
/* One request: returns the code; result or why are filled. A successful writing method is
 * committed. params: JSON text. */
int rpc_do(struct rpc_fixture *f, const char *uid, const char *method, const char *params);
/* The same, from this device; must succeed. */
json_t *rpc_ok(struct rpc_fixture *f, const char *uid, const char *method, const char *params);
json_t *rpc_ok_on(struct rpc_fixture *f, const char *uid, const char *device, const char *method,
	const char *params);
/* Must be refused with this code. */
void rpc_no(
	struct rpc_fixture *f, int code, const char *uid, const char *method, const char *params);
/* Stores a text message in "u/bob" or "g/team" and returns its seq. Whom its meta mentions counts,
 * as far as may be mentioned. */
uint64_t rpc_send(struct rpc_fixture *f, const char *from, const char *conv, const char *text);
uint64_t rpc_send_full(struct rpc_fixture *f, const char *from, const char *conv,
	struct im_str type, struct im_str meta, enum im_enc enc, struct im_str body);
/* A reading method that no request names, as the readers call it: its code; result or why are
 * filled. */
int rpc_read(struct rpc_fixture *f, const struct rpc_method *m, const char *params);
/* Administration, as "root" (created when needed): the response's first element; all
 * of them are in result. */
json_t *rpc_admin(struct rpc_fixture *f, const char *command);
/* What no command does: on a connection of its own to directory.db. */
void rpc_sql(struct rpc_fixture *f, const char *sql);
/* Commits what is open. */
void rpc_commit(struct rpc_fixture *f);
/* The last call told this (part of a line). */
bool rpc_told(const struct rpc_fixture *f, const char *part);

/* How many unread messages after the mark mention the user, by the log alone. */
uint64_t rpc_mentions(struct rpc_fixture *f, const char *uid, uint64_t conv, uint64_t mark);

/* Reading results: a path of members and indices, "messages.0.body". */
const json_t *rpc_at(const json_t *v, const char *path);
int64_t rpc_num(const json_t *v, const char *path);
const char *rpc_text(const json_t *v, const char *path);
#define assert_text(v, path, want) assert_string_equal(rpc_text(v, path), want)
#define assert_num(v, path, want) assert_int_equal(rpc_num(v, path), want)
/* The result as compact JSON equals this text. */
void rpc_assert_json(const json_t *v, const char *want, const char *file, int line);
#define assert_json(v, want) rpc_assert_json(v, want, __FILE__, __LINE__)

#endif
