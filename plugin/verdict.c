/* SPDX-License-Identifier: BSD-3-Clause */
/* How a login is turned down. Called by auth.c, tokens.c and throttle.c. */
#include "plugin/verdict.h"

bool verdict_refuse(struct auth_verdict *out, const char *why)
{
	*out = (struct auth_verdict){.no = {DENIAL_LASTING, why}};
	return false;
}

bool verdict_fault(struct auth_verdict *out, const char *why)
{
	*out = (struct auth_verdict){.no = {DENIAL_FAULT, why}};
	return false;
}

bool verdict_unknown(struct auth_verdict *out, int ret)
{
	return verdict_fault(
		out, ret == IM_E_NOMEM ? "out of memory" : "directory.db cannot be read");
}

bool verdict_put_off(struct auth_verdict *out, const char *why)
{
	*out = (struct auth_verdict){.no = {DENIAL_BUSY, why}};
	return false;
}

const char *verdict_absent(const struct lookup_user *u)
{
	return u->gone ? AUTH_DELETED : AUTH_UNKNOWN;
}
