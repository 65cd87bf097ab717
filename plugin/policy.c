/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by acl.c, and by capture.c for what a message brings beside its payload. */
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

/* Writes the filter with the username in place of %u; false if it gets too long. */
static bool expand(const char *filter, struct im_str uid, char *out, size_t max, size_t *n_out)
{
	size_t n = 0;

	while (*filter) {
		if (filter[0] == '%' && filter[1] == 'u') {
			if (uid.n > max - n)
				return false;
			memcpy(out + n, uid.p, uid.n);
			n += uid.n;
			filter += 2;
			continue;
		}
		if (n == max)
			return false;
		out[n++] = *filter++;
	}
	*n_out = n;
	return true;
}

bool policy_allowed(const struct im_conf_list *allow, struct im_str uid, struct im_str filter)
{
	char text[IM_TOPIC_MAX];
	size_t i, n;

	for (i = 0; i < allow->n; i++) {
		if (expand(allow->v[i], uid, text, sizeof(text), &n) &&
			im_filter_within(filter, (struct im_str){text, n}))
			return true;
	}
	return false;
}

static bool wildcard_free(struct im_str topic)
{
	return topic.n <= IM_TOPIC_MAX && !memchr(topic.p, '+', topic.n) &&
	       !memchr(topic.p, '#', topic.n);
}

int policy_response(const struct policy_response *f, struct im_str topic, struct im_buf *why)
{
	bool direct = f->message->kind == IM_TOPIC_SEND_USER;
	struct im_str own = direct ? f->sender : f->message->id;
	struct im_topic t;

	im_topic_parse(f->prefix, topic, &t);
	if (t.kind == f->message->kind && im_str_eq(t.id, own))
		return IM_OK;
	if (t.kind == IM_TOPIC_OTHER && wildcard_free(topic) &&
		policy_allowed(f->allow_topic, f->sender, topic))
		return IM_OK;
	im_buf_printf(why,
		"the response topic of this message may be %.*s/%s/%.*s, or a topic outside of "
		"%.*s/ that is open to you (allow_topic)",
		IM_ARGS(f->prefix), direct ? "u" : "g", IM_ARGS(own), IM_ARGS(f->prefix));
	return IM_E_INVALID_PARAMS;
}
