/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How much a user may send and be told: the size of a payload, publishes and bytes a second, and
 * refusals a second. The buckets are the user's, whatever the session (see session.h). Of a device
 * account each device has its own, which outlive its sessions, and the account one for all of them,
 * which fills as quickly as theirs together.
 */
#ifndef IM_PLUGIN_QUOTA_H
#define IM_PLUGIN_QUOTA_H

#include "plugin/plugin.h"

/* IM_OK or the code to refuse with; `p->why` then says what would be right. */
int quota_size(struct plugin *p, size_t n) IM_MUST_CHECK;
/* Counts one publish with so many bytes. */
int quota_publish(struct plugin *p, struct session *e, int64_t now_us, size_t n) IM_MUST_CHECK;
/* Counts a request, and of an array each element. */
int quota_requests(
	struct plugin *p, struct session *e, int64_t now_us, struct im_str payload) IM_MUST_CHECK;
/* What a publish brings beside its payload, which quota_publish has counted. */
int quota_bytes(struct plugin *p, struct session *e, int64_t now_us, size_t n) IM_MUST_CHECK;
/* True if the user may be told about one more refusal. */
bool quota_refusal(struct plugin *p, struct session *e);

#endif
