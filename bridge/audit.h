/* SPDX-License-Identifier: BSD-3-Clause */
/* What administrators do to others, noted in one place: who, what, on whom. No bodies, no secrets.
 */
#ifndef IM_BRIDGE_AUDIT_H
#define IM_BRIDGE_AUDIT_H

#include "rpc.h"

/* In the log: `audit by=root action=recall conv=g/team seq=4`. fmt: further key=value pairs. */
void audit_note(struct rpc_call *c, const char *action, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
