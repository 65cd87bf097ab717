/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * session.token: a device whose connection ends with its token brings a new one, and stays. The one
 * request that the plugin answers itself: a token is a password, so it is neither written to the
 * spool nor shown to the bridge; and it is answered while the bridge is away.
 */
#ifndef IM_PLUGIN_RENEWAL_H
#define IM_PLUGIN_RENEWAL_H

#include "plugin/plugin.h"

struct renewal {
	struct session *session;
	const struct mosquitto *client;
	struct im_str method, payload; /* of the request; method.n == 0: the payload names it */
	struct im_str reply_to, corr;
};

/* True if a request may hold a token: one that asks for this, or looks as if it did. */
bool renewal_is(struct im_str method, struct im_str payload);
/* Carries it out and answers: when the connection ends now. Else the code of its refusal, and the
 * plugin's why. */
int renewal_answer(struct plugin *p, const struct renewal *r) IM_MUST_CHECK;

#endif
