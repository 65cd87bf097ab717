/* SPDX-License-Identifier: BSD-3-Clause */
/* ACL_CHECK: gathers the facts about a client and a topic and lets common/may.h and policy.c
 * decide. Answers with MOSQ_ERR_SUCCESS or MOSQ_ERR_ACL_DENIED; a publish that must not be
 * acknowledged, because it is refused for the moment alone and its client cannot be told, with
 * MOSQ_ERR_CONN_LOST. */
#ifndef IM_PLUGIN_ACL_H
#define IM_PLUGIN_ACL_H

#include "plugin/plugin.h"

int acl_write(struct plugin *p, const struct mosquitto_evt_acl_check *ed) IM_MUST_CHECK;
int acl_read(struct plugin *p, const struct mosquitto_evt_acl_check *ed) IM_MUST_CHECK;
int acl_subscribe(struct plugin *p, const struct mosquitto_evt_acl_check *ed) IM_MUST_CHECK;
void acl_unsubscribe(struct plugin *p, const struct mosquitto_evt_acl_check *ed);

/* Whether a topic may be read, or a filter subscribed to, which follow the same table. */
bool acl_may_read(
	struct plugin *p, struct im_str uid, const struct im_topic *t, struct im_str filter);

#endif
