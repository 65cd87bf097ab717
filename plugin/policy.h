/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where a user may publish and subscribe beside what common/may.h decides between people: topics
 * that nobody writes to, and where an answer may be asked for. Pure. Sends
 * answer with IM_OK or the wire code of the refusal, and append to `why` what would be right.
 */
#ifndef IM_PLUGIN_POLICY_H
#define IM_PLUGIN_POLICY_H

#include <stdbool.h>

#include "common/acl.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/str.h"
#include "common/topic.h"

/* A topic that no client publishes to: says where to instead. */
int policy_no_topic(enum im_topic_kind kind, struct im_str prefix, struct im_buf *why);

/* Where the answer to a message may be asked for. Whoever answers does it with rights of his own,
 * so it is somewhere that the asker could write to himself. */
struct policy_response {
	struct im_str prefix;
	struct im_acl_who sender;
	struct im_str device;           /* its level, of one of a device account; else n == 0 */
	const struct im_topic *message; /* the topic that it is sent to */
	const struct im_acl *acl;
};
int policy_response(
	const struct policy_response *f, struct im_str topic, struct im_buf *why) IM_MUST_CHECK;

#endif
