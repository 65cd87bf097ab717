/* SPDX-License-Identifier: BSD-3-Clause */
/* What commands without a node leave in the audit log (schema/audit.h). */
#ifndef IM_IMCTL_OFFLINE_AUDIT_H
#define IM_IMCTL_OFFLINE_AUDIT_H

#include <jansson.h>
#include <stdint.h>

#include "common/err.h"
#include "common/limits.h"

struct sqldb;

/* "offline:" and a name of the system. */
#define OFFLINE_ACTOR_MAX 64

/* Who runs this program, whatever it becomes later. */
void offline_actor(char out[OFFLINE_ACTOR_MAX]);
/* The command was carried out; user: whom it was about, 0: nobody. In the caller's transaction.
 * IM_E_IO: the connection says what. */
int offline_audit(struct sqldb *q, const char *actor, int64_t now_ms, const char *action,
	const json_t *params, uint64_t user) IM_MUST_CHECK;

#endif
