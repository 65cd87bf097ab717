/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The log: the seam behind which messages are stored. A backend is a
 * `struct store_backend`; tests/store holds every backend to the same suite. One writer (the
 * engine); readers are separate handles, one a thread, that see committed data only.
 *
 * Return values: IM_OK, IM_E_NONE (no such row), IM_E_CONFLICT (another writer took that place:
 * stop), IM_E_IO (nothing was written; try the batch again), IM_E_NOMEM.
 */
#ifndef IM_BRIDGE_STORE_H
#define IM_BRIDGE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/message/message.h"
#include "common/buf.h"
#include "common/envelope.h"
#include "common/err.h"
#include "common/ids.h"
#include "common/str.h"

struct store_msg {
	uint64_t gid; /* log position */
	uint64_t conv;
	uint64_t seq;
	uint64_t sender; /* user id in the directory */
	int64_t ts_ms;
	enum im_enc enc;
	struct im_str type; /* n == 0: default of enc */
	struct im_str id;   /* n == 0: none */
	struct im_str meta; /* n == 0: none */
	struct im_str body;
	bool recalled;                /* the body is gone */
	int64_t expires_ms;           /* append: when its body goes; 0: never */
	struct message_origin origin; /* append */
	/* append, amend: whom it mentions; NULL: nobody, or who it was before */
	const struct message_mentions *mentions;
};

struct store_conv {
	uint64_t id;
	enum im_conv_kind kind;
	uint64_t a, b; /* direct: user ids, a <= b; group: a = group id, b = 0 */
};

struct store_head {
	uint64_t seq; /* 0: empty */
	uint64_t gid;
};

/* What of the link is committed: the record of one batch. */
struct store_mark {
	uint64_t epoch;
	uint64_t recno;               /* through this record */
	uint64_t gid_first, gid_last; /* its messages; gid_last < gid_first: none */
	uint64_t forget;              /* commit: the marks of this epoch go; 0: of none */
};

/* Called for each row; strings are valid during the call. Non-zero stops the walk, which then
 * returns that value. It may call the same handle, but not begin the same kind of walk again. */
typedef int (*store_msg_fn)(void *arg, const struct store_msg *m);
typedef int (*store_conv_fn)(void *arg, const struct store_conv *c);
typedef int (*store_mark_fn)(void *arg, const struct store_mark *m);

struct store;
struct store_reader;
struct store_copy; /* that is being made */

struct store_backend {
	const char *name;
	/* `where`: a folder (sqlite) or ignored (memory). why: a sentence on failure. */
	int (*open)(const char *where, struct store **out, struct im_buf *why);
	void (*close)(struct store *s);
	/* What the last failure was, for the log; valid until the next call. */
	const char *(*errmsg)(const struct store *s);

	/* -- the writer; between begin and commit/rollback unless said otherwise -- */
	int (*begin)(struct store *s);
	/* Finds or creates (the new id counts from this transaction on). Works outside a
	 * transaction too when `create` is false; then IM_E_NONE if there is none. */
	int (*conv)(struct store *s, enum im_conv_kind kind, uint64_t a, uint64_t b, bool create,
		uint64_t *id_out);
	/* The newest message of a conversation, uncommitted appends included; seq 0 if none. */
	int (*head)(struct store *s, uint64_t conv, struct store_head *out);
	/* m->gid and m->seq are proposed by the caller; IM_E_CONFLICT unless gid is above the log's
	 * newest and seq is the head's plus one. After any failure but IM_E_NONE the transaction
	 * can only be rolled back: commit refuses it. */
	int (*append)(struct store *s, const struct store_msg *m);
	/* The message as the open transaction sees it (what it appended and amended included). The
	 * callback must not call the store. IM_E_NONE: no such message. */
	int (*get)(struct store *s, uint64_t conv, uint64_t seq, store_msg_fn fn, void *arg);
	/* Replaces body, enc, meta, type and id of the stored message m->gid; the type stays of its
	 * kind (kind.h). recalled (body.n == 0): its body is gone for good, it counts no longer as
	 * unread, mentions nobody, and is not amended back. Whatever takes a message's words away
	 * for good, recall or erasure, comes through here. IM_E_NONE: no such message. */
	int (*amend)(struct store *s, const struct store_msg *m);
	/* Of a message that is there. IM_E_NONE: it was not forwarded, or by a version that did not
	 * keep it. */
	int (*origin)(struct store *s, uint64_t gid, struct message_origin *out);
	/* Makes the transaction durable (fsync) together with the mark (NULL: leave the marks).
	 * Only IM_OK means stored. On any failure everything since begin is gone, conversations
	 * too. */
	int (*commit)(struct store *s, const struct store_mark *mark);
	void (*rollback)(struct store *s);
	/* Outside a transaction: the log's newest position, 0 if empty. */
	int (*log_head)(struct store *s, uint64_t *gid_out);
	/* Outside: the marks that are kept, the newest STORE_MARKS of each epoch that was not
	 * forgotten. Of one epoch the oldest first; epochs are told apart, not ordered. */
	int (*marks)(struct store *s, store_mark_fn fn, void *arg);
	/* Outside: deletes up to `limit` messages older than before_ms in one conversation (0: in
	 * every one not in `except`, sorted ascending), never a conversation's newest. *deleted_out
	 * tells how many. A call looks at a bounded number of rows and the next one over every
	 * conversation goes on behind them: 0 deleted means enough for now, not nothing left. */
	int (*prune)(struct store *s, uint64_t conv, const uint64_t *except, size_t n_except,
		int64_t before_ms, uint32_t limit, uint32_t *deleted_out);
	/* Outside: takes the body, and what was sent beside it but the ttl, out of up to `limit`
	 * messages whose time is over; their seqs stay, and they count as unread as before. */
	int (*expire)(struct store *s, int64_t now_ms, uint32_t limit, uint32_t *expired_out);
	/* Outside: gives ordinals to up to `limit` messages that an earlier version has stored
	 * without, those of the conversation with the newest message first. *left_out: about so
	 * many have none yet; 0: all have. */
	int (*number)(struct store *s, uint32_t limit, uint64_t *left_out);
	/* Outside: nothing of what was amended or deleted before is left on the disk when *done_out
	 * is set. *at: 0 at first, kept for the next call. IM_E_BUSY: somebody reads what is to go;
	 * try again. IM_E_FORMAT: not in a store like this one. */
	int (*clean)(struct store *s, uint32_t *at, bool *done_out);
	/* Outside: a consistent copy into folder `where` while running; steps until *done_out, with
	 * transactions in between as they come. *copy: the caller's, NULL at first, and again when
	 * it is done or has failed. IM_E_NONE: the backend has nothing to copy. */
	int (*backup_step)(struct store *s, const char *where, struct store_copy **copy,
		bool *done_out, struct im_buf *why);
	/* Ends a copy that is not done, before the store is closed. NULL is allowed. */
	void (*backup_end)(struct store_copy **copy);

	/* -- readers -- */
	int (*reader_open)(struct store *s, struct store_reader **out);
	void (*reader_close)(struct store_reader *r);
	const char *(*reader_errmsg)(const struct store_reader *r);
	/* One consistent view for the calls in between; readers outside a view see the newest. */
	int (*view_begin)(struct store_reader *r);
	void (*view_end)(struct store_reader *r);
	/* From now on passed(arg) is asked now and then; other than 0 ends the call in hand with
	 * IM_E_IO. NULL: not any more. */
	void (*reader_watch)(struct store_reader *r, int (*passed)(void *arg), void *arg);
	int (*find_conv)(struct store_reader *r, enum im_conv_kind kind, uint64_t a, uint64_t b,
		uint64_t *id_out);
	int (*get_conv)(struct store_reader *r, uint64_t id, struct store_conv *out);
	/* The direct conversations of a user, in no order. */
	int (*user_convs)(struct store_reader *r, uint64_t user, store_conv_fn fn, void *arg);
	int (*read_head)(struct store_reader *r, uint64_t conv, struct store_head *out);
	/* Messages with lo <= seq <= hi, ascending or descending. */
	int (*read_conv)(struct store_reader *r, uint64_t conv, uint64_t lo, uint64_t hi,
		bool descending, store_msg_fn fn, void *arg);
	/* The same without operations (kind.h), at a cost that does not grow with how many of them
	 * lie between; those that have no ordinals yet are looked at one by one. */
	int (*read_shown_conv)(struct store_reader *r, uint64_t conv, uint64_t lo, uint64_t hi,
		bool descending, store_msg_fn fn, void *arg);
	/* Messages with lo <= gid <= hi, ascending or descending, of every conversation. */
	int (*read_log)(struct store_reader *r, uint64_t lo, uint64_t hi, bool descending,
		store_msg_fn fn, void *arg);
	/* Where the newest message stands that is no operation (kind.h), however many of those
	 * came after it. seq 0: there is none; where retention has taken it, gid is the position of
	 * the oldest operation that is left. While a conversation has no ordinals: its head. */
	int (*read_shown)(struct store_reader *r, uint64_t conv, struct store_head *out);
	/* How many messages other users have sent after `mark` and after the last one that `user`
	 * sent there, without those that are gone: recalled, or deleted. Up to STORE_GONE_MAX gone
	 * ones are taken into account. Where ordinals are missing, every message counts, and any of
	 * the user's last STORE_LOOK_BACK places. */
	int (*unread)(struct store_reader *r, uint64_t conv, uint64_t user, uint64_t mark,
		uint64_t *n_out);
	/* How many of what is unread by that rule mention the user or all; of messages that an
	 * earlier version has stored none. Counted up to STORE_MENTIONS_MAX. */
	int (*mentions)(struct store_reader *r, uint64_t conv, uint64_t user, uint64_t mark,
		uint64_t *n_out);
};

#define STORE_MARKS 64
#define STORE_GONE_MAX 1000
#define STORE_MENTIONS_MAX 1000
#define STORE_LOOK_BACK 1000

extern const struct store_backend store_sqlite;
extern const struct store_backend store_memory;

#endif
