/* SPDX-License-Identifier: BSD-3-Clause */
/* ACL_CHECK: gathers the facts about a client and a topic and lets policy.c decide. Answers with
 * MOSQ_ERR_SUCCESS or MOSQ_ERR_ACL_DENIED; a publish that must not be acknowledged, because it is
 * refused for the moment alone and its client cannot be told, with MOSQ_ERR_CONN_LOST. */
#ifndef IM_PLUGIN_ACL_H
#define IM_PLUGIN_ACL_H

#include "plugin/plugin.h"

int acl_write(struct plugin *p, const struct mosquitto_evt_acl_check *ed) IM_MUST_CHECK;
int acl_read(struct plugin *p, const struct mosquitto_evt_acl_check *ed) IM_MUST_CHECK;
int acl_subscribe(struct plugin *p, const struct mosquitto_evt_acl_check *ed) IM_MUST_CHECK;
void acl_unsubscribe(struct plugin *p, const struct mosquitto_evt_acl_check *ed);

/* IM_OK or the code to refuse with; `p->why` then says what would be right. */
int acl_check_size(struct plugin *p, size_t n) IM_MUST_CHECK;
int acl_check_rate(
	struct plugin *p, struct session_user *u, int64_t now_us, size_t n) IM_MUST_CHECK;
/* What a publish brings beside its payload, which acl_check_rate has counted. */
int acl_check_bytes(
	struct plugin *p, struct session_user *u, int64_t now_us, size_t n) IM_MUST_CHECK;
/* Whether a topic may be read, or a filter subscribed to, which follow the same table. */
bool acl_may_read(
	struct plugin *p, struct im_str uid, const struct im_topic *t, struct im_str filter);
/* True if the user exists, is not disabled, and is an admin. */
bool acl_is_admin(struct plugin *p, struct im_str uid);
/* Logs, seldom, that the database cannot be read. */
void acl_database_failed(struct plugin *p);

#endif
