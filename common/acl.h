/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rights on ordinary topics: Mosquitto's acl_file, with sections for roles, and the option
 * allow_topic. Pure: takes texts, answers who may publish, read and subscribe to what, and by which
 * rule. Knows nothing of IM's own topics but that a rule about them is a mistake: whoever asks does
 * not ask about those.
 *
 * As in Mosquitto a client's rules stand in lists, one after the other, and the first that has an
 * answer gives it: those of his user section, of his role, the patterns of his role, the patterns
 * for everybody, allow_topic. Within a list `deny` comes before all else.
 */
#ifndef IM_COMMON_ACL_H
#define IM_COMMON_ACL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/acl_rule.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/may.h"
#include "common/str.h"
#include "common/topic.h"

struct im_acl;

/* On failure `why` gets a sentence that begins with file and line and says what would be right
 * (IM_E_FORMAT, IM_E_FULL: more than limits.h has room for), or nothing (IM_E_NOMEM). `warnings`
 * gets lines about what is no mistake and does nothing, or not what it seems to. */
int im_acl_new(const struct im_acl_from *f, struct im_acl **out, struct im_buf *why,
	struct im_buf *warnings) IM_MUST_CHECK;
void im_acl_free(struct im_acl **a);
size_t im_acl_rules(const struct im_acl *a); /* of the file */

/* Who asks. uid is a valid one. client: n == 0: it is not known, and no rule with %c matches. One
 * that holds '/', '+' or '#' would fill in more than a level: no rule with %c matches it either,
 * and with the last two no pattern of the file allows anything, as in Mosquitto. */
struct im_acl_who {
	struct im_str uid, client;
	enum im_role role;
};
/* Whether the answer depends on the role. */
bool im_acl_by_role(const struct im_acl *a, struct im_str topic);

/* Why it is so. */
enum im_acl_reason {
	IM_ACL_NO_RULE,
	IM_ACL_RULE,   /* `rule` says so */
	IM_ACL_CLIENT, /* a `pattern deny` with %c cannot be applied to this client id */
	IM_ACL_SYS,    /* of $SYS: nobody writes, administrators read */
	IM_ACL_SHARE,  /* no rule covers all of a shared subscription */
	IM_ACL_IM,     /* a subscription would take in IM's topics, and no rule covers all of it */
};
struct im_acl_verdict {
	enum im_acl_reason reason;
	const struct im_acl_rule *rule;
};

/* access: IM_ACL_READ or IM_ACL_WRITE. Allocates nothing; what it looks at is bounded. */
bool im_acl_may(const struct im_acl *a, const struct im_acl_who *who, enum im_acl_access access,
	struct im_str topic, struct im_acl_verdict *v);
/* Every message is asked about again, so this is generous, as Mosquitto is: a filter that has
 * something in common with what may be read is taken. But what reaches IM's topics, what is shared
 * and what allow_topic opens lies within a rule; and of what is shared nothing may be denied. */
bool im_acl_may_subscribe(const struct im_acl *a, const struct im_acl_who *who,
	const struct im_filter *f, struct im_acl_verdict *v);
/* Appends the reason: a rule as "FILE:LINE: topic read x/#" or "allow_topic x/#", or a clause. */
void im_acl_put_reason(const struct im_acl *a, const struct im_acl_verdict *v, struct im_buf *out);

#endif
