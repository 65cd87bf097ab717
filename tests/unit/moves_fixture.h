/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Three brokers under one engine: their plugins' sides are the test's, which end what they are told
 * to end as a plugin does. Users alice (an administrator), bob and fleet (ids 1-3), bob with the
 * devices phone, tablet, desk and tv; fleet is a device account of "own" and what begins with veh-.
 */
#ifndef IM_TESTS_MOVES_FIXTURE_H
#define IM_TESTS_MOVES_FIXTURE_H

#include "tests/unit/unit.h"

#include <stdbool.h>

#include "common/frame.h"
#include "common/wire.h"
#include "tests/unit/rig.h"

#define TRIO_SIDES 3
#define TRIO_SESSIONS 32

/* A connection at a broker. */
struct trio_session {
	const char *user, *device;
	int64_t since_ms;
	int end;      /* enum im_end; TRIO_ALIVE */
	bool pending; /* what made the client id its user's is not committed, as far as is known */
};
#define TRIO_ALIVE (-1)

struct trio_side {
	struct trio *w;
	struct peer *peer;
	unsigned number;
	struct trio_session all[TRIO_SESSIONS];
	size_t n;
	uint64_t next; /* record */
	uint32_t credit;
	bool linked, hello;
	/* What it was told of kicks, and of devices, a line each:
	 *   bob/phone moved 1000 at 2
	 *   bob event {"event":"device",...
	 * and what commands were answered there. */
	struct im_buf told, events, answers;
	unsigned messages; /* deliveries of any */
};

struct trio {
	struct rig rig;
	struct engine_now now;
	unsigned n;
	struct trio_side sides[TRIO_SIDES];
	bool broken; /* the directory's commits fail */
};

/* cmocka's set-up and tear-down: all of them linked, nobody connected, nothing told yet. */
int trio_start(void **state);
int trio_start_one(void **state);
int trio_stop(void **state);
/* The bridge dies and is there again; no plugin is linked yet. */
void trio_restart(struct trio *w);
void trio_link(struct trio *w, unsigned i);
/* One after the other, each with a snapshot. */
void trio_link_all(struct trio *w);
void trio_unlink(struct trio *w, unsigned i);
void trio_pass(struct trio *w, int64_t ms);

/* It is connected, and the bridge has not heard of it. */
void trio_connects(
	struct trio *w, unsigned i, const char *user, const char *device, int64_t since_ms);
/* NULL: it is not there. */
struct trio_session *trio_session(struct trio_side *s, const char *device);
/* bob's device comes, and the bridge hears of it; with so many as he may have connected ("-2": the
 * one connected longest goes); goes; says something. */
void trio_opens(struct trio *w, unsigned i, const char *device, int64_t ts_ms);
void trio_opens_of(
	struct trio *w, unsigned i, const char *device, int64_t ts_ms, const char *limit);
void trio_closes(struct trio *w, unsigned i, const char *device, int64_t ts_ms);
void trio_speaks(struct trio *w, unsigned i, const char *device, int64_t ts_ms);
/* alice's, of her device "console". */
void trio_commands(struct trio *w, unsigned i, const char *json);
/* The answer to HELLO: who is connected there. */
void trio_snapshot(struct trio *w, unsigned i);

/* Any record; several, as bytes. */
struct im_up_rec trio_open(const char *user, const char *device, int64_t ts_ms);
void trio_say(struct trio *w, unsigned i, const struct im_up_rec *r);
void trio_put(struct im_buf *b, const struct im_up_rec *r);
void trio_send(struct trio *w, unsigned i, uint64_t first, struct im_str records, unsigned n);

unsigned trio_home(struct trio *w, const char *device);
void trio_forget(struct trio *w);
/* All that are linked, exactly these kicks; and of devices this, wherever the user may be.
 * Forgotten then. */
#define assert_told(w, text) trio_assert_told(w, text, "", __FILE__, __LINE__)
#define assert_told_and(w, text, event) trio_assert_told(w, text, event, __FILE__, __LINE__)
void trio_assert_told(
	struct trio *w, const char *text, const char *event, const char *file, int line);

#endif
