/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the form of the notes. Called by administrators' commands that reach into what is others'.
 */
#include "audit.h"

#include <stdarg.h>
#include <stdio.h>

#include "log.h"
#include "rpc_args.h"

void audit_note(struct rpc_call *c, const char *action, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (!c->out)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_line(c->out, LOG_LEVEL_INFO, "audit", "by=%.*s action=%s %s", RPC_S(c->uid), action,
		text);
}
