/* SPDX-License-Identifier: BSD-3-Clause */
/* ACL_CHECK: asks rights.h about a client and a topic, and adds what follows from the connection
 * that is there: its rates and numbers, and what it is told. Answers with MOSQ_ERR_SUCCESS or
 * MOSQ_ERR_ACL_DENIED; a publish that must not be acknowledged, because it is refused for the
 * moment alone and its client cannot be told, with MOSQ_ERR_CONN_LOST. */
#ifndef IM_PLUGIN_ACL_H
#define IM_PLUGIN_ACL_H

#include "plugin/plugin.h"

int acl_write(struct plugin *p, const struct mosquitto_evt_acl_check *ed) IM_MUST_CHECK;
int acl_read(struct plugin *p, const struct mosquitto_evt_acl_check *ed) IM_MUST_CHECK;
int acl_subscribe(struct plugin *p, const struct mosquitto_evt_acl_check *ed) IM_MUST_CHECK;
void acl_unsubscribe(struct plugin *p, const struct mosquitto_evt_acl_check *ed);

#endif
