/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Why a client may not come in, and what it is told of it. "Not authorised" makes a client give up
 * or ask for another password, so it is said only of what stays so; a node that does not look at a
 * login closes the connection, or tells an MQTT 5 client that it is busy, where the broker can
 * (2.1). Of a login that had to wait for its answer the broker can only say yes or no.
 */
#ifndef IM_PLUGIN_DENIAL_H
#define IM_PLUGIN_DENIAL_H

#include <stdbool.h>

enum denial_kind {
	DENIAL_LASTING,   /* wrong user, password or token */
	DENIAL_CLIENT_ID, /* another one will do */
	DENIAL_KEEPALIVE,
	DENIAL_BUSY,  /* nobody has looked at it; later somebody may */
	DENIAL_FAULT, /* of the node */
};

struct denial {
	enum denial_kind kind;
	const char *why; /* static text for the log */
};

/* What BASIC_AUTH returns. newer: the broker is 2.1 or later. */
int denial_code(enum denial_kind kind, bool newer, bool v5);

#endif
