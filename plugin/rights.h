/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who may publish, read and subscribe to what, and by which rule: gathers the facts and lets
 * common/may.h, common/acl.h and policy.h decide. Nothing follows from asking: nobody pays, and
 * nothing is written, sent or counted. What belongs to a connection that is there (its rate, its
 * number of subscriptions, what waits for an earlier session) is not asked here.
 *
 * acl.c asks for what clients do, explain.c for administrators who want to know.
 */
#ifndef IM_PLUGIN_RIGHTS_H
#define IM_PLUGIN_RIGHTS_H

#include "plugin/plugin.h"

/* A question and its answer. */
struct right {
	struct im_str uid, device; /* who; device.n == 0: it is not known */
	struct im_str text;        /* the topic */
	struct im_topic t;
	int64_t now_ms;            /* of a write */
	struct im_acl_verdict acl; /* of an ordinary topic: why */
	const char *rule;          /* of one of IM's, if it is allowed: why; static */
};

/* As the rules on ordinary topics know a user; the role only where it matters for the topic. */
struct im_acl_who rights_who(
	struct plugin *p, struct im_str uid, struct im_str device, struct im_str topic);

/* Whether a user may do anything; IM_OK and *out, or the code, and the plugin's why. */
int rights_user(struct plugin *p, struct im_str uid, struct lookup_user *out) IM_MUST_CHECK;
/* IM_OK or the code of the refusal, with the plugin's why. */
int rights_write(struct plugin *p, struct right *r) IM_MUST_CHECK;
/* An ordinary topic, of a user who may do something. access: IM_ACL_READ or IM_ACL_WRITE. */
bool rights_ordinary(struct plugin *p, struct right *r, enum im_acl_access access);
bool rights_read(struct plugin *p, struct right *r);
/* NULL: yes. Else a clause that says why not, or "" where r->acl does. r->t and r->text are the
 * filter's. */
const char *rights_subscribe(struct plugin *p, struct right *r, const struct im_filter *f);

/* Why one of IM's topics may not be read. */
const char *rights_closed(enum im_topic_kind kind);

/* Appends why an ordinary topic is open or closed. */
void rights_put_reason(const struct plugin *p, const struct right *r, struct im_buf *out);

#endif
