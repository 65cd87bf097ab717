/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by rights.c, acl_read.c, acl_subscribe.c and capture.c for who may listen, by delivery.c,
 * refusal.c and ending.c for where to. */
#include "plugin/inbox.h"

#include <string.h>

#include "common/ids.h"
#include "plugin/publish.h"

const char *inbox_of_device(
	struct plugin *p, struct im_str uid, struct im_str device, struct im_str suffix)
{
	char level[IM_DEVICE_TOPIC_MAX];

	im_buf_reset(&p->topic);
	im_topic_inbox(&p->topic, p->prefix, uid, im_device_topic(device, level));
	im_buf_c(&p->topic, '/');
	im_buf_str(&p->topic, suffix);
	im_buf_c(&p->topic, '\0');
	return p->topic.failed ? NULL : p->topic.p;
}

const char *inbox_of_session(struct plugin *p, const struct session *e, struct im_str suffix)
{
	return session_is_thing(e) ? inbox_of_device(p, session_uid(e), session_device(e), suffix)
				   : publish_inbox(&p->topic, p->prefix, session_uid(e), suffix);
}

static bool is_things(struct plugin *p, struct im_str uid)
{
	const struct session_user *u = clients_user(p->clients, uid);
	struct lookup_user d;

	return u ? u->role == IM_ROLE_DEVICE
		 : lookup_user(p->lookup, uid, &d) == IM_OK && d.role == IM_ROLE_DEVICE;
}

const char *inbox_of_record(struct plugin *p, const struct im_down_rec *r, struct im_str uid)
{
	struct im_str to = r->topic;
	char device[IM_DEVICE_MAX];

	if (!is_things(p, uid))
		return publish_inbox(&p->topic, p->prefix, uid, to);
	if (r->device.n)
		return inbox_of_device(p, uid, r->device, to);
	if (im_str_eqz(to, "event") || im_str_eqz(to, "ack"))
		return NULL;
	if (to.n <= 4 || memcmp(to.p, "rpc/", 4) != 0)
		return publish_inbox(&p->topic, p->prefix, uid, to);
	to = im_device_of_topic((struct im_str){to.p + 4, to.n - 4}, device);
	return to.n ? inbox_of_device(p, uid, to, IM_STR("rpc")) : NULL;
}

const char *inbox_reply(struct plugin *p, struct im_str uid, struct im_str device)
{
	char level[IM_DEVICE_TOPIC_MAX];

	if (is_things(p, uid))
		return inbox_of_device(p, uid, device, IM_STR("rpc"));
	im_buf_reset(&p->topic);
	im_topic_inbox(&p->topic, p->prefix, uid, IM_STR("rpc"));
	im_buf_c(&p->topic, '/');
	im_buf_str(&p->topic, im_device_topic(device, level));
	im_buf_c(&p->topic, '\0');
	return p->topic.failed ? NULL : p->topic.p;
}

static struct im_str first_level(struct im_str rest)
{
	const char *slash = rest.n ? memchr(rest.p, '/', rest.n) : NULL;

	return slash ? (struct im_str){rest.p, (size_t)(slash - rest.p)} : rest;
}

bool inbox_may_hear(struct plugin *p, struct im_str uid, struct im_str rest, struct im_str device)
{
	struct im_str first = first_level(rest);
	char level[IM_DEVICE_TOPIC_MAX];
	struct lookup_user u;

	/* Most of what there is, and it costs nothing. */
	if (im_inbox_level_reserved(first))
		return true;
	if (lookup_user(p->lookup, uid, &u) != IM_OK)
		return false;
	return u.role != IM_ROLE_DEVICE || im_str_eq(first, im_device_topic(device, level));
}

bool inbox_is_level(const struct session *e, struct im_str rest)
{
	char level[IM_DEVICE_TOPIC_MAX];
	struct im_str first = first_level(rest);

	return first.n < rest.n && im_str_eq(first, im_device_topic(session_device(e), level));
}

static bool begins(struct im_str rest, struct im_str level)
{
	return rest.n > level.n && memcmp(rest.p, level.p, level.n) == 0;
}

const char *inbox_may_listen(
	struct plugin *p, struct im_str uid, struct im_str device, const struct im_filter *f)
{
	const struct im_str rest = f->topic.rest;
	char level[IM_DEVICE_TOPIC_MAX];

	if (!is_things(p, uid))
		return f->below_wild ? "below its inbox # and + stand for the id at the end of a "
				       "row alone; subscribe to im/inbox/{me}/#"
				     : NULL;
	if (f->device.n ? im_str_eq(f->device, im_device_topic(device, level))
			: begins(rest, IM_STR("u/")) || begins(rest, IM_STR("g/")) ||
				  begins(rest, IM_STR("signal/")))
		return NULL;
	return "a device of a device account subscribes to im/inbox/{me}/{device}/#, and to "
	       "im/inbox/{me}/u/# and g/# for what is said to all of them";
}

bool inbox_is_event(struct im_str rest)
{
	static const char end[] = "/event";
	size_t n = sizeof(end) - 1;

	return im_str_eqz(rest, end + 1) ||
	       (rest.n > n && memcmp(rest.p + rest.n - n, end, n) == 0);
}

bool inbox_covers(const struct session *e, const struct im_filter *f, struct im_str suffix)
{
	if (f->topic.kind != IM_TOPIC_INBOX)
		return false;
	return im_filter_within(suffix, session_is_thing(e) ? f->below : f->topic.rest);
}
