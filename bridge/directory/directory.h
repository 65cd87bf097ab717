/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * directory.db: one handle. Opening, transactions, and what belongs to no single table. What it
 * holds is in the other headers of this name, directory_*.h. It has no backend
 * table: the plugin reads this file through SQLite itself, so SQLite is its interface.
 *
 * One writer handle (the engine), any number of reader handles, one a thread. Return values:
 * IM_OK, IM_E_NONE (no such row), IM_E_EXISTS, IM_E_IO (logged by the caller), IM_E_NOMEM.
 */
#ifndef IM_BRIDGE_DIRECTORY_H
#define IM_BRIDGE_DIRECTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/str.h"
#include "schema/check.h"

struct directory;
struct sqldb_backup;

/* Opens {folder}/directory.db for writing, creates and migrates it. */
int directory_open(const char *folder, struct directory **out, struct im_buf *why) IM_MUST_CHECK;
/* A reader's handle on the same file. */
int directory_open_reader(
	const char *folder, struct directory **out, struct im_buf *why) IM_MUST_CHECK;
void directory_close(struct directory **d);

/* Writer: a transaction. After a failed commit everything since begin is gone. */
int directory_begin(struct directory *d) IM_MUST_CHECK;
int directory_commit(struct directory *d) IM_MUST_CHECK;
void directory_rollback(struct directory *d);
/* One consistent view for the calls in between, which cost about half of what they do alone. On the
 * writer's handle directory_begin ends it, too; ending it twice is harmless. */
int directory_view_begin(struct directory *d) IM_MUST_CHECK;
void directory_view_end(struct directory *d);
/* As sqldb_watch. */
void directory_watch(struct directory *d, int (*passed)(void *arg), void *arg);

/* Numbers kept in table meta, each under the name that the one who writes it has given. 0 if never
 * set. */
int directory_meta_get(struct directory *d, const char *key, uint64_t *out) IM_MUST_CHECK;
int directory_meta_set(struct directory *d, const char *key, uint64_t value) IM_MUST_CHECK;

/* What the configuration says and who reads this file has to know: "link_username". */
int directory_setting_set(struct directory *d, const char *key, struct im_str value) IM_MUST_CHECK;

/* As check_names. */
int directory_check_names(struct directory *d, struct check_place *place, uint32_t findings,
	check_fn fn, void *arg) IM_MUST_CHECK;

/* As sqldb_clean_step: what was deleted leaves the files. */
int directory_clean_step(struct directory *d, uint32_t *page, bool *done_out) IM_MUST_CHECK;
/* As sqldb_backup_step: a consistent copy to {folder}/directory.db, while running. */
int directory_backup_step(struct directory *d, const char *folder, struct sqldb_backup **copy,
	bool *done_out, struct im_buf *why) IM_MUST_CHECK;
/* The SQLite message of the last failure, for the log. */
const char *directory_errmsg(const struct directory *d);

#endif
