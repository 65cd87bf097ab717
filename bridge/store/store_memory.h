/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of the backend in memory share. Everybody else uses store.h.
 *
 * Every row says in which commit it was born and in which it died. The writer works in version + 1,
 * which readers do not see until the commit moves `version` on; a view is nothing but the number at
 * which it began. A reader's call holds the lock shared, callbacks included: a reader's callback
 * must not write.
 */
#ifndef IM_BRIDGE_STORE_MEMORY_H
#define IM_BRIDGE_STORE_MEMORY_H

#include <pthread.h>

#include "bridge/store/store.h"
#include "common/limits.h"

#define NEVER UINT64_MAX

struct version {
	uint64_t born;
	struct version *older;
	enum im_enc enc;
	bool recalled;
	struct im_str type, meta, body, id; /* in data */
	struct message_mentions *mentions;  /* owned; NULL: nobody */
	char data[];
};

struct row {
	uint64_t gid, conv, seq, sender;
	int64_t ts_ms;
	int64_t expires_ms; /* 0: never, or done */
	uint64_t born, died;
	struct message_origin origin;
	struct version *content; /* newest first */
};

struct list {
	struct row **at;
	size_t n, cap;
};

struct conv {
	struct store_conv c;
	uint64_t born;
	struct list rows; /* by seq */
	/* Of messages that were deleted: who sent them, and the newest seq of each. */
	struct {
		uint64_t user, seq;
	} * spoke;
	size_t n_spoke;
};

struct store {
	pthread_rwlock_t lock;
	uint64_t version; /* of the last commit */
	bool in_tx, failed;
	struct list log;     /* by gid */
	struct conv **convs; /* id - 1 */
	size_t n_convs, cap_convs;
	struct list amended;                                 /* in the open transaction */
	struct store_mark marks[STORE_MARKS * IM_PEERS_MAX]; /* in the order of commits */
	uint32_t n_marks;
	pthread_mutex_t views_lock;
	uint32_t views; /* open ones: what they may see is not freed */
	uint64_t log_head, log_head_before;
	const char *err;
};

struct store_reader {
	struct store *s;
	bool in_view;
	uint64_t version;
	int (*passed)(void *arg); /* NULL: nobody watches */
	void *passed_arg;
};

/* store_memory_read.c: what is visible at a version. */
const struct version *store_memory_visible(const struct row *r, uint64_t version);
size_t store_memory_lower_bound(const struct list *l, bool by_gid, uint64_t key);
struct conv *store_memory_conv_at(const struct store *s, uint64_t id, uint64_t version);
struct conv *store_memory_conv_find(
	const struct store *s, enum im_conv_kind kind, uint64_t a, uint64_t b, uint64_t version);
struct store_head store_memory_head_of(const struct conv *c, uint64_t version);
int store_memory_walk(const struct list *l, bool by_gid, uint64_t lo, uint64_t hi, bool descending,
	uint64_t version, store_msg_fn fn, void *arg);

/* store_memory_read.c: before a row is deleted. */
int store_memory_keep_spoke(struct conv *c, const struct row *r);

/* store_memory_read.c: the readers' part of the table. */
int store_memory_reader_open(struct store *s, struct store_reader **out);
void store_memory_reader_close(struct store_reader *r);
const char *store_memory_reader_errmsg(const struct store_reader *r);
int store_memory_view_begin(struct store_reader *r);
void store_memory_view_end(struct store_reader *r);
void store_memory_reader_watch(struct store_reader *r, int (*passed)(void *arg), void *arg);
int store_memory_find_conv(
	struct store_reader *r, enum im_conv_kind kind, uint64_t a, uint64_t b, uint64_t *id_out);
int store_memory_get_conv(struct store_reader *r, uint64_t id, struct store_conv *out);
int store_memory_user_convs(struct store_reader *r, uint64_t user, store_conv_fn fn, void *arg);
int store_memory_read_head(struct store_reader *r, uint64_t conv, struct store_head *out);
int store_memory_read_conv(struct store_reader *r, uint64_t conv, uint64_t lo, uint64_t hi,
	bool descending, store_msg_fn fn, void *arg);
int store_memory_read_shown_conv(struct store_reader *r, uint64_t conv, uint64_t lo, uint64_t hi,
	bool descending, store_msg_fn fn, void *arg);
int store_memory_read_log(struct store_reader *r, uint64_t lo, uint64_t hi, bool descending,
	store_msg_fn fn, void *arg);
int store_memory_read_shown(struct store_reader *r, uint64_t conv, struct store_head *out);
int store_memory_unread(
	struct store_reader *r, uint64_t conv, uint64_t user, uint64_t mark, uint64_t *n_out);
int store_memory_mentions(
	struct store_reader *r, uint64_t conv, uint64_t user, uint64_t mark, uint64_t *n_out);

#endif
