/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a stored message to the down records that deliver it: the payload's shared tail, who gets
 * it, in chunks, and in which tier.
 */
#ifndef IM_BRIDGE_FANOUT_H
#define IM_BRIDGE_FANOUT_H

#include <stdint.h>

#include "bridge/deliver/effects.h"
#include "bridge/directory/members.h"
#include "bridge/message/message.h"
#include "common/err.h"

struct ceiling;
struct outboxes;
struct fanout;

/* Borrows all four. ceiling: of rooms; NULL: they have none. */
struct fanout *fanout_new(
	struct effects *fx, struct outboxes *out, struct members *m, struct ceiling *ceiling);
void fanout_free(struct fanout **f);
/* Adds the message's delivery to the effects; of one to a room above its ceiling there may be none.
 * IM_E_IO, IM_E_NOMEM: from reading the members. */
int fanout_message(struct fanout *f, const struct message *m, uint64_t seq, uint64_t gid,
	int64_t now_ms) IM_MUST_CHECK;
/* The tier of a group of this kind and size. */
enum effects_tier fanout_tier(int kind, size_t members);
/* Plans one record of any kind for everybody in a list but `skip`, in chunks. */
void fanout_record(struct fanout *f, const struct members_group *g, const struct im_down_rec *r,
	struct im_str skip);

#endif
