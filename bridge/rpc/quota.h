/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What one user may do to others within a day without having been asked: make groups, put people
 * into groups, send requests; how often he comes into one group; and what stays of him where he has
 * sent nothing. Counted from rows, so that a restart gives nobody anything. What the operator does
 * through $CONTROL is counted for nobody, but that somebody came into a group.
 */
#ifndef IM_BRIDGE_QUOTA_H
#define IM_BRIDGE_QUOTA_H

#include <stdint.h>

#include "bridge/directory/directory_quota.h"
#include "bridge/rpc/rpc.h"

/* IM_E_RATE_LIMITED: n more of this kind (GROUPS, INVITATIONS or REQUESTS) are too many. */
int quota_check(struct rpc_call *c, enum directory_quota_kind kind, size_t n) IM_MUST_CHECK;
/* Counts them, when they have been done. */
int quota_count(struct rpc_call *c, enum directory_quota_kind kind, size_t n) IM_MUST_CHECK;
/* A request to one user or group: checked and counted, among all of the caller's and among those to
 * the same one. IM_E_RATE_LIMITED. */
int quota_request(
	struct rpc_call *c, enum directory_quota_kind kind, uint64_t subject) IM_MUST_CHECK;
/* Settings of a conversation without a message: checked and counted. IM_E_RATE_LIMITED. */
int quota_ahead(struct rpc_call *c) IM_MUST_CHECK;
/* IM_E_RATE_LIMITED: this user has come into this group as often as may be but for those who run
 * it. What is counted is done by the change itself (group_change.h). */
int quota_coming(struct rpc_call *c, uint64_t user, uint64_t group) IM_MUST_CHECK;
/* What this user may do: 0 no limit. */
int quota_max(struct rpc_call *c, uint64_t user, enum directory_quota_kind kind,
	int64_t *out) IM_MUST_CHECK;

#endif
