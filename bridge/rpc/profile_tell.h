/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whom a change of a profile is told: the user's contacts and those with whom he talked last, as
 * far as they may see his presence, for the event says when he did something, and take messages
 * from him, for it carries words of his. Told live, to who is connected, and never stored: a
 * thousand rows a change would be for what lists show as `rev`.
 */
#ifndef IM_BRIDGE_PROFILE_TELL_H
#define IM_BRIDGE_PROFILE_TELL_H

#include <stddef.h>

#include "common/err.h"
#include "common/limits.h"
#include "common/str.h"

struct effects;
struct presence;
struct rpc_read;

struct profile_told {
	char (*uids)[IM_UID_MAX + 1];
	size_t n;
};

/* Those of rd's user, IM_PROFILE_TOLD_MAX at most. On a reader thread, inside views. After a
 * failure, for want of time too, *out has those that were found until then. */
int profile_find(struct rpc_read *rd, struct profile_told *out) IM_MUST_CHECK;
void profile_clear(struct profile_told *t);
/* Puts the event for each of them that is connected. At QoS 0: a session that is away shall not
 * queue what its next list shows. */
void profile_tell(const struct profile_told *t, struct im_str event,
	const struct presence *presence, struct effects *fx);

#endif
