/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a user may do, from facts that the caller has gathered. Pure; the only place where a right
 * is decided. Sends answer with IM_OK or the wire code of the refusal, and append to `why` what
 * would be right.
 */
#ifndef IM_PLUGIN_POLICY_H
#define IM_PLUGIN_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/conf.h"
#include "common/err.h"
#include "common/str.h"
#include "common/topic.h"
#include "plugin/options.h"

/* A message or signal to a user. */
struct policy_direct {
	bool self;          /* to oneself */
	bool exists;        /* the recipient */
	bool gone;          /* does not exist any more */
	bool blocked;       /* by the recipient */
	bool contact;       /* of the recipient */
	int recipient_rule; /* user.direct_policy: 0 server's default, 1 anyone, 2 contacts */
	int server_rule;    /* enum direct_policy */
};
int policy_direct(const struct policy_direct *f, struct im_buf *why) IM_MUST_CHECK;

/* A message or signal to a group. */
struct policy_group {
	bool exists, member;
	bool hidden; /* to those who are no members */
	int role;    /* 0 member, 1 admin, 2 owner */
	int64_t member_muted_until_ms, group_muted_until_ms, now_ms;
};
int policy_group(const struct policy_group *f, struct im_buf *why) IM_MUST_CHECK;

/* A topic that no client publishes to: says where to instead. */
int policy_no_topic(enum im_topic_kind kind, struct im_str prefix, struct im_buf *why);

/* May a viewer see the presence of a user? */
struct policy_presence {
	int rule; /* enum presence_policy */
	bool self, admin;
	bool blocked; /* the viewer, by the user */
	bool contact; /* the viewer is the user's */
};
bool policy_presence(const struct policy_presence *f);

/* Where the answer to a message may be asked for. Whoever answers does it with rights of his own,
 * so it is somewhere that the asker could write to himself. */
struct policy_response {
	struct im_str prefix;
	struct im_str sender;
	const struct im_topic *message; /* the topic that it is sent to */
	const struct im_conf_list *allow_topic;
};
int policy_response(
	const struct policy_response *f, struct im_str topic, struct im_buf *why) IM_MUST_CHECK;

/* True if one of the operator's filters (%u: uid) covers the topic or filter. */
bool policy_allowed(const struct im_conf_list *allow, struct im_str uid, struct im_str filter);

#endif
