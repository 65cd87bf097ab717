/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Clients that the broker lets in without asking the plugin, because TLS has said who they are (a
 * certificate or a pre-shared key, use_identity_as_username). They are held against the directory
 * at the first event that shows them. Who has no business here is granted nothing and disconnected.
 */
#ifndef IM_PLUGIN_IDENTITY_H
#define IM_PLUGIN_IDENTITY_H

#include "plugin/plugin.h"

/* What a client has done, and so whether it is alive. */
enum identity_sign {
	IDENTITY_SPOKE, /* connected or subscribed */
	IDENTITY_WROTE, /* published; with 2.0 it may be the will of one that has gone */
	IDENTITY_HEARD, /* something is for it; it may be away */
};

struct identities;
/* NULL: out of memory. */
struct identities *identities_new(const struct im_sipkey *key);
void identities_free(struct identities **s);

/* What is known of this client, alive or not; NULL: nothing. The broker uses memory again without a
 * word: what was known of another client there is forgotten. */
struct session *identity_known(struct plugin *p, const struct mosquitto *client);
/* The session of a client that has just shown that it is alive, however it came in. NULL: it has no
 * business here. */
struct session *identity_session(
	struct plugin *p, const struct mosquitto *client, enum identity_sign sign);
/* The same, where identity_known has been asked: e is its answer. */
struct session *identity_session_of(struct plugin *p, const struct mosquitto *client,
	struct session *e, enum identity_sign sign);
/* True if a client without a session that the broker asks a publish about is not there any more: it
 * has never said a word, and this is its will. */
bool identity_is_gone(struct plugin *p, const struct mosquitto *client);
/* The session of such a client, for its will. Never announced. */
struct session *identity_gone(struct plugin *p, const struct mosquitto *client);
/* True if the client, connected or not, may hear anything at all. */
bool identity_may_hear(struct plugin *p, const struct mosquitto *client, struct im_str username);

/* The connection of a client without a session has ended. */
void identity_ended(struct plugin *p, const struct mosquitto *client);
/* A client without a session, of a connection that stands: it is disconnected, untold. */
void identity_end(struct plugin *p, const struct mosquitto *client);
/* Of a connection that was met here and has no session: true if it is alive as far as is known. */
bool identity_alive(const struct plugin *p, const struct kick_target *t);

#endif
