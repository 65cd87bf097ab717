/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What lets a device know that it has missed nothing: deliveries to a user's inbox of what comes by
 * `sync` as well are counted, a greeting says at which number it is, and each delivery how far the
 * link is in the log (IM_DOWN_STEP).
 *
 * A number is left out for every user where the link may have lost something: whoever sees that
 * syncs. A user's numbers never go back while the broker runs, although he is forgotten when he has
 * no session: the next one begins with the highest that a forgotten one had (clients.h). The
 * broker's next start is another epoch.
 */
#ifndef IM_PLUGIN_STEP_H
#define IM_PLUGIN_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/frame.h"
#include "common/str.h"
#include "common/wire.h"
#include "plugin/session.h"

struct step {
	char epoch[17];
	uint64_t gaps;
	uint64_t next; /* number of the next frame; 0: not known */
	uint64_t asks;
	/* What the frame in hand says; known: it says something. */
	bool known, all;
	uint64_t position;
};

#define STEP_TEXT_MAX (IM_WIRE_STEP_MAX + 1)

void step_init(struct step *s, uint64_t random);
/* A link has begun, or something was lost on it. */
void step_link(struct step *s);
void step_frame(struct step *s);
void step_record(struct step *s, const struct im_down_rec *r);

/* A delivery is counted. Returns the bytes of `,"n":17,"safe":"1040"`; 0: nothing is told. u NULL:
 * he has no session here. */
size_t step_count(struct step *s, struct session_user *u, char out[STEP_TEXT_MAX]);

/* The same of what is for one device of a device account, which has a number of its own. */
size_t step_count_own(struct step *s, struct session *e, char out[STEP_TEXT_MAX]);

/* The session asks to be greeted, with e->ask; false: it has just done so, and the answer is for
 * both. */
bool step_ask(struct step *s, struct session *e, int64_t now_us);
/* It asks in a snapshot, which is answered only where the bridge has reason to. */
void step_ask_maybe(struct step *s, struct session *e);
/* The greeting that answers a session's (NULL: it is not here) ask, as it is told to it: in `out`,
 * which is reset. It says that the device is behind where something was delivered since it has
 * asked: that may be newer than what was compared, and may not have reached it. So it does where
 * another connection of the device has asked. */
void step_hello(
	struct step *s, struct session *e, uint64_t ask, struct im_str event, struct im_buf *out);

#endif
