/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of what is said in CONNACK. Called by admit.c. */
#include "plugin/denial.h"

#include "plugin/compat.h"

/* What 2.1 tells an MQTT 5 client; and what any broker makes of it for the others. */
static const struct {
	int v5, other;
} codes[] = {
	[DENIAL_LASTING] = {MOSQ_ERR_AUTH, MOSQ_ERR_AUTH},
	[DENIAL_CLIENT_ID] = {COMPAT_ERR_CLIENT_ID_NOT_VALID, MOSQ_ERR_AUTH},
	[DENIAL_KEEPALIVE] = {COMPAT_ERR_IMPLEMENTATION_SPECIFIC, MOSQ_ERR_AUTH},
	/* The connection is closed without an answer. */
	[DENIAL_BUSY] = {COMPAT_ERR_SERVER_BUSY, MOSQ_ERR_UNKNOWN},
	[DENIAL_FAULT] = {COMPAT_ERR_SERVER_UNAVAILABLE, MOSQ_ERR_UNKNOWN},
};

int denial_code(enum denial_kind kind, bool newer, bool v5)
{
	return newer && v5 ? codes[kind].v5 : codes[kind].other;
}
