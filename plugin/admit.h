/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who comes in: usernames, client ids and whom they belong to, the bridge itself. Turns a broker's
 * client into a session.
 */
#ifndef IM_PLUGIN_ADMIT_H
#define IM_PLUGIN_ADMIT_H

#include "plugin.h"

/* A client that wants to come in, as it was when the broker asked. */
struct arrival {
	const struct mosquitto *client; /* may have gone when the answer comes later */
	struct im_str uid, device, address;
	bool v5, clean;
};

/* BASIC_AUTH: MOSQ_ERR_SUCCESS, MOSQ_ERR_AUTH; in 2.1 also what later_put answers. */
int admit_login(struct plugin *p, const struct mosquitto_evt_basic_auth *ed) IM_MUST_CHECK;

/* What has become of the password or token: makes the session, or says why not in the log.
 * MOSQ_ERR_SUCCESS or MOSQ_ERR_AUTH. */
int admit_verdict(
	struct plugin *p, const struct arrival *a, const struct auth_verdict *v) IM_MUST_CHECK;
/* The session that admit_verdict has just made, but the client has gone before the broker knew. */
void admit_undo(struct plugin *p, const struct mosquitto *client);
/* For the log, not too often. */
void admit_log_refusal(struct plugin *p, const struct arrival *a, const char *why);

/* True for the bridge: its username on its own listener, decided without any table. */
bool admit_is_bridge(const struct plugin *p, const struct mosquitto *client);

/* The session of a client that has just shown that it is alive. A client that was authenticated by
 * its TLS identity has had no BASIC_AUTH; it is admitted here, or asked to leave. NULL: it has no
 * business here. */
struct session *admit_session(struct plugin *p, const struct mosquitto *client);

/* The session of a client that was authenticated by its TLS identity, never said a word, and has
 * just ended: for its will. Never announced. */
struct session *admit_gone(struct plugin *p, const struct mosquitto *client);

#endif
