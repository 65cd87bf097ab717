/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who comes in: usernames, client ids and whom they belong to, how many. Turns a broker's client
 * into a session.
 */
#ifndef IM_PLUGIN_ADMIT_H
#define IM_PLUGIN_ADMIT_H

#include "plugin/arrival.h"

/* BASIC_AUTH: MOSQ_ERR_SUCCESS, what denial_code says, or COMPAT_ERR_AUTH_DELAYED: the answer is
 * later.h's. */
int admit_login(struct plugin *p, const struct mosquitto_evt_basic_auth *ed) IM_MUST_CHECK;

/* Why a client is refused for now, when nothing is known of it. */
extern const struct denial admit_unreadable;
/* What a client id is to the user who comes with it. */
struct claim {
	bool bind;      /* to be bound to him */
	bool kept;      /* is remembered as one that may leave a session */
	bool elsewhere; /* what there may be of it here is void; see home.h */
	int64_t user;   /* his number, 0: not written yet */
	enum im_role role;
	uint64_t pattern, credential; /* bind and credential of lookup_user */
};

/* NULL, and *out; or why he may not come with this client id, or nobody with this keepalive. */
const struct denial *admit_check(struct plugin *p, const struct arrival *a, struct claim *out);
/* The session of a user who has proved who he is; or NULL, and why he may not come. */
struct session *admit_take(struct plugin *p, const struct arrival *a, const struct auth_verdict *v,
	const struct denial **no_out);

/* The user's number in the directory; 0: nobody has the name, or it is not written yet. What cannot
 * be read is neither. */
int admit_number(struct plugin *p, struct im_str uid, int64_t *out) IM_MUST_CHECK;
/* How many devices of a user may be connected; 0: as many as come. */
int admit_device_limit(struct plugin *p, struct im_str uid, int64_t *out) IM_MUST_CHECK;

/* What has become of the password or token: makes the session, or says why not in the log.
 * MOSQ_ERR_SUCCESS, or what denial_code says. */
int admit_verdict(
	struct plugin *p, const struct arrival *a, const struct auth_verdict *v) IM_MUST_CHECK;
/* The session that admit_verdict has just made, but the client has gone before the broker knew. */
void admit_undo(struct plugin *p, const struct mosquitto *client);
/* For the log, not too often. */
void admit_log_refusal(struct plugin *p, const struct arrival *a, const struct denial *no);

#endif
