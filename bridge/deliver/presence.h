/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who is connected with which devices, and at which plugin. Fed by the plugin's session records and
 * by its snapshots; tells what has changed when asked, and forgets a change only when it is known
 * to be committed. No I/O: writing the marks and publishing is the engine's.
 */
#ifndef IM_BRIDGE_PRESENCE_H
#define IM_BRIDGE_PRESENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/deliver/presence_device.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/str.h"

struct presence;

/* devices_max: of all users together. */
struct presence *presence_new(size_t devices_max);
void presence_free(struct presence **p);

/* A device connected at this plugin (peer, below IM_PEERS_MAX), and is until it is closed there.
 * IM_E_FULL: too many are; IM_E_NOMEM. Connecting twice is once. */
int presence_open(struct presence *p, unsigned peer, struct im_str uid, struct im_str device,
	int64_t now_ms) IM_MUST_CHECK;
/* Whether it was connected there. */
bool presence_close(
	struct presence *p, unsigned peer, struct im_str uid, struct im_str device, int64_t now_ms);
/* A plugin's snapshot: what is not opened between begin and end is not connected there. */
void presence_snapshot_begin(struct presence *p, unsigned peer);
void presence_snapshot_end(struct presence *p, unsigned peer, int64_t now_ms);
/* A connected device says how present it is, until it connects anew. IM_E_NONE: it is not
 * connected. *changed_out: it was different. */
int presence_set(struct presence *p, struct im_str uid, struct im_str device, int state,
	int64_t now_ms, bool *changed_out) IM_MUST_CHECK;
/* The directory's mark says that this user is in this state (not offline): true or not, it is to be
 * looked at. */
int presence_marked(struct presence *p, struct im_str uid, int state, int64_t now_ms) IM_MUST_CHECK;
/* The user is deleted: whoever watches is told so, connected or not. IM_E_NOMEM. */
int presence_gone(struct presence *p, struct im_str uid, int64_t now_ms) IM_MUST_CHECK;
/* All that are connected are known (the bridge has just started): every connected user counts as
 * changed. */
void presence_known(struct presence *p, int64_t now_ms);

/* The same, though nothing has changed: somebody may not have heard of it. Of one user, who has
 * come or gone at that time, but not before all that are connected are known: IM_E_NOMEM. */
int presence_again(struct presence *p, struct im_str uid, int64_t ts_ms) IM_MUST_CHECK;
void presence_tell_again(struct presence *p);
/* Users who are offline are kept when that was told, to be told again by presence_tell_again: there
 * are such. Everybody has what was told before the last call of presence_heard, those users go. */
bool presence_kept(const struct presence *p);
void presence_heard(struct presence *p);

/* What is told of a user whom the directory's mark has as `state` since then, if he is not there:
 * valid until the next call. False: what is to be told of him presence_tell tells, or will when all
 * that are connected are known. */
bool presence_absent(struct presence *p, struct im_str uid, int state, int64_t since_ms,
	struct im_str *json_out);

/* Whether what is told names the devices; told anew when that changes. Without, which is how it
 * begins, only a change of the user's own state is told. */
void presence_set_names(struct presence *p, bool names);

/* Whether anybody is told to be there, which is how it begins; told anew when that changes. If not,
 * all count as offline in what is told, and what is told is empty. */
void presence_set_shown(struct presence *p, bool shown);

/* Appends the states of a user's connected devices, to be asked by presence_state_in. */
void presence_states(const struct presence *p, struct im_str uid, struct im_buf *out);

/* Wherever it is; at another plugin than this one. */
bool presence_has(const struct presence *p, struct im_str uid, struct im_str device);
bool presence_elsewhere(
	const struct presence *p, unsigned peer, struct im_str uid, struct im_str device);
bool presence_online(const struct presence *p, struct im_str uid);
/* The plugins at which a user is connected, or may be: bit n for the one of number n. Where there
 * was no room for a device, anybody may be until the plugin's next snapshot has had room for all.
 */
uint32_t presence_where(const struct presence *p, struct im_str uid);
size_t presence_users(const struct presence *p); /* who are connected */
size_t presence_devices(const struct presence *p);
/* There is something to tell. */
bool presence_changed(const struct presence *p);

struct presence_change {
	struct im_str uid;
	bool online;
	int state;
	bool mark; /* the directory's mark differs */
	int64_t ts_ms;
	struct im_str json; /* {"uid":..,"state":..,"ts":..}, with names
			       "devices":[{"device":..,"state":..}] as well; empty
			       where nobody is told to be there */
};
typedef int (*presence_fn)(void *arg, const struct presence_change *c);
/* Tells up to `limit` changes that were not told yet. Non-zero from fn stops and is returned. */
int presence_tell(struct presence *p, uint32_t limit, presence_fn fn, void *arg) IM_MUST_CHECK;
/* What was told is committed, or has to be told again. */
void presence_settle(struct presence *p, bool committed);

#endif
