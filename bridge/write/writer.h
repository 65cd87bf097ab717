/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The open transaction of one batch, over both databases: the only way by which what users and
 * administrators ask for is written. The engine begins and commits it; intake and the writing RPC
 * handlers work through it. Owns the next log position, the heads of conversations and the
 * deliveries that follow from appended messages. Upkeep, the projection (project.h) and the note of
 * what a password costs (password.h) write past it, by the same handles and while none is open.
 *
 * Commit order: messages.db first (messages, marks), then directory.db. A crash in between is
 * healed at start: system messages of the log after directory.db's "applied_gid" are applied to
 * the directory again (project.h).
 */
#ifndef IM_BRIDGE_WRITER_H
#define IM_BRIDGE_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/base/tx_part.h"
#include "bridge/deliver/effects.h"
#include "bridge/directory/directory.h"
#include "bridge/directory/directory_conv.h"
#include "bridge/directory/directory_group.h"
#include "bridge/directory/directory_user.h"
#include "bridge/message/event.h"
#include "bridge/message/message.h"
#include "bridge/store/store.h"
#include "common/siphash.h"

struct ceiling;
struct outboxes;

struct writer;

/* What handlers may use directly. */
struct directory *writer_directory(struct writer *w); /* begins its transaction on first use */
struct effects *writer_effects(struct writer *w);
int64_t writer_now_ms(const struct writer *w); /* time of the record being handled */
/* The position that the next message or event takes: at which a change is noted that is told by it,
 * or by none. */
uint64_t writer_next(const struct writer *w);
/* Conversation id, created when needed. */
int writer_conv(struct writer *w, enum im_conv_kind kind, uint64_t a, uint64_t b, bool create,
	uint64_t *conv_out) IM_MUST_CHECK;
int writer_head(struct writer *w, uint64_t conv, struct store_head *out) IM_MUST_CHECK;

/* No string of the message may be one that the writer's directory handle returned: appending asks
 * the directory for the members. Gives it the next seq, appends it, and plans its delivery: direct:
 * peer and sender; group: the members at this point of the transaction; room: its topic, unless it
 * is above its ceiling. */
int writer_append(struct writer *w, const struct message *m, uint64_t *seq_out,
	uint64_t *gid_out) IM_MUST_CHECK;
/* A message as this transaction sees it; for recall, edit and reaction. IM_E_NONE: none. */
int writer_message(
	struct writer *w, uint64_t conv, uint64_t seq, store_msg_fn fn, void *arg) IM_MUST_CHECK;
/* Whose words a forwarded message repeats. IM_E_NONE: it is none, or nobody knows. */
int writer_origin(struct writer *w, uint64_t gid, struct message_origin *out) IM_MUST_CHECK;
/* Replaces type, meta, body (and enc) of a stored message; conv, seq and gid say which. The one way
 * by which a message's words are taken away for good (recalled), see store.h. */
int writer_amend(struct writer *w, const struct store_msg *m) IM_MUST_CHECK;
/* Appends a `system` message with this JSON object as body to a group's conversation. The JSON is
 * also what project_run applies after a crash, so it must say all of the change: see
 * group_change.h. `actor` is the user who did it, plain: as a member who does not run
 * it. */
int writer_system(struct writer *w, const struct directory_group *g, uint64_t actor,
	struct im_str actor_uid, bool plain, struct im_str json, uint64_t *seq_out) IM_MUST_CHECK;
/* Stores an event on the user's timeline, where it takes a position of its own, unless it is told
 * live only, and delivers it to {p}/inbox/{uid}/event after commit. */
int writer_event(
	struct writer *w, uint64_t user, struct im_str uid, const struct event *e) IM_MUST_CHECK;
/* Plans one live record for every member of a group but `skip`. IM_E_FULL: the group has more than
 * `max` members, or is a room. */
int writer_fanout(struct writer *w, uint64_t group, const struct im_down_rec *r, struct im_str skip,
	size_t max) IM_MUST_CHECK;
/* Membership of a group changed inside this transaction: later appends fan out to the new list. */
void writer_members_changed(struct writer *w, uint64_t group);

/* ---- for the engine ---- */

struct writer_parts {
	const struct store_backend *backend;
	struct store *store;
	struct directory *dir;
	struct effects *fx;
	struct outboxes *outboxes; /* asked for a group's tier */
	struct ceiling *ceiling;   /* of rooms; NULL: they have none */
	struct im_sipkey key;      /* random */
};

enum writer_outcome {
	WRITER_DONE,
	WRITER_NOTHING, /* nothing was written; the same records may be tried again */
	WRITER_HALF,    /* the log was written, the directory was not: project, then replay */
	WRITER_FATAL,   /* somebody else writes to the log: stop */
};

/* Reads the log's position. */
int writer_new(const struct writer_parts *p, struct writer **out) IM_MUST_CHECK;
/* Rolls back what is open in the databases; the parts are not told, and may be gone. */
void writer_free(struct writer **w);
/* From now on it is told what becomes of each transaction. IM_E_FULL: there are too many. */
int writer_join(struct writer *w, struct tx_part part) IM_MUST_CHECK;
/* The time of the record that is handled next. */
void writer_set_now(struct writer *w, int64_t now_ms);
/* The time now, by which messages from the spool may have expired; 0: none has. */
void writer_set_wall(struct writer *w, int64_t wall_ms);
int64_t writer_wall_ms(const struct writer *w);
/* The directory is read in one view until the next commit or rollback, or until it is written to:
 * for many records together, whose look-ups then cost half. */
void writer_view(struct writer *w);
/* The open transaction can be committed, as far as is known: nothing has failed in it. */
bool writer_sound(const struct writer *w);
/* Something was written in it; to the directory. */
bool writer_written(const struct writer *w);
bool writer_changes_directory(const struct writer *w);
/* For a shared log: both databases begin, what is written past the functions above is committed
 * with what is written by them, and the transaction takes the positions behind `after` through
 * `through`. */
int writer_reach(struct writer *w, uint64_t after, uint64_t through) IM_MUST_CHECK;
/* Its newest position, or that before it when it has none. */
uint64_t writer_last(const struct writer *w);
/* A place in the log was taken by somebody else; stays true. */
bool writer_fatal(const struct writer *w);
/* Through which of a plugin's records a transaction has come. Both databases note it, the directory
 * in rows of its own for each plugin: there is no record there of who has which spool. */
struct writer_through {
	unsigned peer;  /* which plugin, below IM_PEERS_MAX */
	uint64_t epoch; /* its spool; 0: no record of any has part in the transaction */
	uint64_t recno;
	uint64_t forget; /* of a spool that no plugin has any more the marks go; 0: of none */
	bool logged;     /* a shared log has it, whatever becomes of it here */
};
/* Makes everything since the last commit durable: the log if it was written to (and then the mark
 * through this record), the directory if it was. *mark_out: what was marked; epoch 0 if nothing
 * was. On anything but WRITER_DONE everything that could be rolled back was, the parts too. */
enum writer_outcome writer_commit(struct writer *w, const struct writer_through *t,
	struct store_mark *mark_out) IM_MUST_CHECK;
void writer_rollback(struct writer *w);
/* Plans the delivery of a stored message once more, for a replay. */
int writer_redeliver(
	struct writer *w, const struct message *m, uint64_t seq, uint64_t gid) IM_MUST_CHECK;
/* The newest position that is committed in both databases. */
uint64_t writer_position(const struct writer *w);
/* Whether directory.db has followed the spool of this epoch through this record; otherwise the
 * record's part is not in it. */
bool writer_directory_has(const struct writer *w, uint64_t epoch, uint64_t recno);
/* The databases were written to past the handlers that run here: what is known of them, outside of
 * a transaction, is read again. */
void writer_forget(struct writer *w);
/* The same after project_run: the directory has followed the log. */
void writer_healed(struct writer *w);

#endif
