/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who may write to whom, as the directory says inside the open transaction. The plugin has asked
 * already, but from its own cache and earlier; this answer is the one that counts. Bounded caches
 * in front of the writer's directory handle.
 */
#ifndef IM_BRIDGE_RIGHTS_H
#define IM_BRIDGE_RIGHTS_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/base/tx_part.h"
#include "bridge/directory/directory.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/may.h"
#include "common/siphash.h"
#include "common/str.h"

struct rights;

struct rights_user {
	uint64_t id; /* 0: unknown */
	enum im_role role;
	bool disabled;
	bool gone; /* beside IM_E_UNKNOWN_USER: there was such a user, who was deleted */
	enum im_direct_policy policy;
};

struct rights_group {
	uint64_t id; /* 0: unknown */
	int kind;    /* enum directory_group_kind */
	bool hidden; /* joined by invitation: to others it is as if it were not there */
	uint32_t members;
	int64_t muted_until_ms; /* for everybody but owner and admins */
	int64_t slow_ms;        /* least time between two messages of one of them */
};

struct rights *rights_new(struct directory *d, const struct im_sipkey *key);
void rights_free(struct rights **r);
/* The server's, for users who have chosen none. */
void rights_set_direct_policy(struct rights *r, enum im_direct_policy server);

/* All return IM_OK, the wire code that refuses, or IM_E_IO. What is unknown is cleared in *out. */
int rights_user(struct rights *r, struct im_str uid, struct rights_user *out) IM_MUST_CHECK;
int rights_group(struct rights *r, struct im_str gid, struct rights_group *out) IM_MUST_CHECK;
/* A message or signal from one user to another, who may be unknown, or (addressed) to one of his
 * devices: what im_may_direct says. */
int rights_direct(struct rights *r, const struct rights_user *from, const struct rights_user *to,
	bool addressed, struct im_buf *why) IM_MUST_CHECK;
/* The facts of it as the directory has them by now, for who keeps none: all but `server`, which is
 * given; `contact` only where it counts. */
int rights_read(
	struct directory *d, uint64_t from, uint64_t to, struct im_may_direct *f) IM_MUST_CHECK;
/* To a group, which may be unknown: what im_may_group says. */
int rights_send(struct rights *r, const struct rights_group *g, const struct rights_user *from,
	int64_t now_ms, int *role_out, struct im_buf *why) IM_MUST_CHECK;
/* May a member's message single this user out, and which number is his: IM_E_NOT_MEMBER,
 * IM_E_BLOCKED. */
int rights_mention(struct rights *r, const struct rights_group *g, const struct rights_user *from,
	struct im_str uid, uint64_t *id_out) IM_MUST_CHECK;
/* Slow mode, for a plain member: IM_E_RATE_LIMITED, or IM_OK and the time counts as used. Kept in
 * memory only: after a restart everybody may write at once. */
int rights_pace(struct rights *r, const struct rights_group *g, uint64_t user,
	int64_t now_ms) IM_MUST_CHECK;
#define RIGHTS_SLOW_WHY "this group is in slow mode; wait before you write again"

/* As effects_forget_fn says; arg is the struct rights. */
void rights_forget(void *arg, struct im_str uid, struct im_str gid);
/* What is known of the directory is read again. Who has used his time up in slow mode has. */
void rights_clear(struct rights *r);
struct tx_part rights_part(struct rights *r);

#endif
