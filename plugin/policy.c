/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by rights.c, and by capture.c for what a message brings beside its payload. */
#include "plugin/policy.h"

#include <string.h>

#include "common/limits.h"

static int refuse(struct im_buf *why, int code, const char *text)
{
	im_buf_z(why, text);
	return code;
}

int policy_no_topic(enum im_topic_kind kind, struct im_str prefix, struct im_buf *why)
{
	int n = (int)prefix.n;
	const char *p = prefix.p;

	if (kind == IM_TOPIC_CTRL)
		return refuse(why, IM_E_NOT_ALLOWED, "control commands are for admins");
	im_buf_printf(why,
		"nothing can be published here; messages go to %.*s/u/{user} or %.*s/g/{group}, "
		"signals to %.*s/s/u/{user} or %.*s/s/g/{group}, requests to %.*s/rpc/{method}",
		n, p, n, p, n, p, n, p, n, p);
	return IM_E_NOT_ALLOWED;
}

static bool wildcard_free(struct im_str topic)
{
	return topic.n <= IM_TOPIC_MAX && !memchr(topic.p, '+', topic.n) &&
	       !memchr(topic.p, '#', topic.n);
}

int policy_response(const struct policy_response *f, struct im_str topic, struct im_buf *why)
{
	bool direct = f->message->kind == IM_TOPIC_SEND_USER;
	struct im_str own = direct ? f->sender.uid : f->message->id;
	struct im_acl_verdict v;
	struct im_topic t;

	im_topic_parse(f->prefix, topic, &t);
	if (t.kind == f->message->kind && im_str_eq(t.id, own) &&
		(!t.rest.n || im_str_eq(t.rest, f->device)))
		return IM_OK;
	if (t.kind == IM_TOPIC_OTHER && wildcard_free(topic) &&
		im_acl_may(f->acl, &f->sender, IM_ACL_WRITE, topic, &v))
		return IM_OK;
	im_buf_printf(why,
		"the response topic of this message may be %.*s/%s/%.*s, or a topic outside of "
		"%.*s/ that is open to you for publishing",
		IM_ARGS(f->prefix), direct ? "u" : "g", IM_ARGS(own), IM_ARGS(f->prefix));
	return IM_E_INVALID_PARAMS;
}
