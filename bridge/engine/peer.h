/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One plugin at the other end of a link, and all that is known of it: whether it has answered HELLO
 * and where its spool begins, what of that is committed, its queue and window, its level, its
 * counters. Looks at its frames and says what is to become of them; what they hold is the engine's.
 *
 *   waiting  HELLO was said and not answered. The answer says where the spool begins. At any time a
 *            batch that does not follow what is committed is dropped, because something before it
 *            was lost; HELLO is said, and everything from there on comes again.
 *   old      one of several, whose plugin is of a version that does not know of others. It is not
 *            served: its records stay in its spool, and it is told nothing.
 */
#ifndef IM_BRIDGE_PEER_H
#define IM_BRIDGE_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/base/health.h"
#include "bridge/base/log.h"
#include "bridge/deliver/outboxes.h"
#include "bridge/engine/marks.h"
#include "common/err.h"
#include "common/frame.h"
#include "common/str.h"

struct peer;

/* Borrowed. */
struct peer_parts {
	struct outboxes *outboxes;
	struct marks *marks;
	struct health *health;
	struct log *log;
	/* Takes a copy of what it needs of the frame; nothing is told about its fate (the plugin
	 * is). */
	outbox_send_fn send;
	void *send_arg;
	uint64_t instance;  /* random: names this process in HELLO */
	unsigned number;    /* which of the bridge's plugins it is, below IM_PEERS_MAX */
	const char *broker; /* what the log calls it */
	size_t backlog_bytes;
};

/* IM_E_NOMEM; IM_E_EXISTS, IM_E_FULL: another one has the number, or there is no such. */
int peer_new(const struct peer_parts *p, struct peer **out) IM_MUST_CHECK;
void peer_free(struct peer **p);
void peer_set_backlog(struct peer *p, size_t bytes);
/* There are others beside it, which it is told with the next HELLO. */
void peer_set_several(struct peer *p);

/* The link is subscribed and carries frames; it is gone. */
void peer_link(struct peer *p, int64_t mono_ms);
void peer_unlink(struct peer *p);

enum peer_verdict {
	PEER_TAKE, /* the frame is to be taken in */
	PEER_DROP, /* it is not */
};
/* A batch. One that leaves a gap is not taken: something was lost on the way, and comes again. */
enum peer_verdict peer_batch(
	struct peer *p, const struct im_up_batch *h, int64_t mono_ms) IM_MUST_CHECK;
/* A part of the answer to HELLO. *greet_out: its devices are to be greeted. */
enum peer_verdict peer_sessions(
	struct peer *p, const struct im_up_frame *f, bool *greet_out) IM_MUST_CHECK;
/* As each part of the answer says. False: it is old. */
bool peer_set_level(struct peer *p, unsigned level) IM_MUST_CHECK;
/* A part of the answer has been taken in; whole: it was the last one, and sound. True: HELLO is
 * answered. It is not by what was said before it, on a link that is gone or in answer to another
 * one, however late that was taken in. */
bool peer_answered(struct peer *p, bool whole, int64_t mono_ms) IM_MUST_CHECK;
/* A frame has come, whatever it is. */
void peer_heard(struct peer *p);
/* So many frames have come back. */
void peer_credit(struct peer *p, uint32_t frames);
void peer_set_stats(struct peer *p, struct im_str json);

/* Something that came could not be taken in: it is asked for by peer_catch_up. */
void peer_refuse(struct peer *p);
/* The next answer's devices are greeted: deliveries to them may be gone. */
void peer_greet(struct peer *p);
/* Frames are taken in again. */
void peer_catch_up(struct peer *p, int64_t mono_ms);
/* Work that is due by time. */
void peer_tick(struct peer *p, int64_t mono_ms);

unsigned peer_number(const struct peer *p);
const char *peer_broker(const struct peer *p);
struct outbox *peer_outbox(const struct peer *p);
/* NULL until it has said which is its. */
struct spool_mark *peer_spool(const struct peer *p);
/* More answers may be queued for it: not too many wait. */
bool peer_takes_answers(const struct peer *p);
/* The same of what presence tells by time. */
bool peer_takes_presence(const struct peer *p);
/* It is ready, and what has to be told it nobody waits for: nothing of others waits there. */
bool peer_is_calm(const struct peer *p);
/* What it was told so far; whether it has that, and nothing that it has missed is still to be made
 * up for. */
void peer_told(struct peer *p);
bool peer_has(const struct peer *p);
bool peer_is_linked(const struct peer *p);
/* There is a link, and it is known that the plugin is not too old. */
bool peer_is_served(const struct peer *p);
/* Nothing waits that may leave. */
bool peer_is_idle(const struct peer *p);
/* It has answered HELLO on this link and its snapshot is in. */
bool peer_ready(const struct peer *p);
/* For how long it has been asked something and has said nothing at all; 0: it has answered, or is
 * not ready. A broker that is stopped, or hangs, keeps its link for a while. */
int64_t peer_silent_ms(const struct peer *p, int64_t mono_ms);
/* For how long it has not been so, a link or not, as peer_tick sees it; 0: it is, or just about to
 * be, or that it is not was said by peer_lost. */
int64_t peer_away_ms(const struct peer *p, int64_t mono_ms);
/* Whoever was connected there is not: its counters are void, and who is there after all when it is
 * ready again is greeted. */
void peer_lost(struct peer *p);
/* It has done so since the process has started. */
bool peer_known(const struct peer *p);
/* What it has said it understands, on this link: effects_level. */
unsigned peer_level(const struct peer *p);
/* Its counters as it told them last (JSON object), n == 0 if it never did. */
struct im_str peer_stats(const struct peer *p);
/* The longest payload that it takes, as it told last; 0: it never did. */
int64_t peer_max_payload(const struct peer *p);

#endif
