/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who is connected, as a set of the broker's client pointers. Pure: told what happens, asked what
 * is.
 *
 * A pointer is used again by the broker as soon as it is free. Events with unknown pointers are
 * ignored: a failed login ends with a DISCONNECT that carries the victim's name.
 */
#ifndef IM_PLUGIN_CLIENTS_H
#define IM_PLUGIN_CLIENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/siphash.h"
#include "common/str.h"
#include "plugin/session.h"

struct clients;

struct session_facts {
	struct im_str uid, device;
	int64_t user_id;
	enum im_role role; /* with which, and with which bind, a user without sessions begins */
	uint64_t bind;
	bool v5, ephemeral, new_device, new_user, kept;
	bool elsewhere;
	bool clean; /* begins anew, whatever the broker has kept of the client id */
	int64_t now_ms, now_us;
	int64_t expires_s;
	uint64_t credential, password;
};

/* At most max_offline sessions are remembered after their end, those that have never subscribed
 * only while there is room. NULL: out of memory. */
struct clients *clients_new(const struct im_sipkey *key, uint32_t max_offline);
void clients_free(struct clients **c);

/* A connection was accepted. What the table knew of this pointer is void; an older connection with
 * the client id is marked as taken over, and unless it is clean its filters are the new one's.
 * NULL: out of memory. */
struct session *clients_add(struct clients *c, const void *client, const struct session_facts *f);
/* One that is away and was not known: the broker has kept it over a restart. NULL: out of memory,
 * or there is another one with the client id. */
struct session *clients_meet(
	struct clients *c, const void *client, const struct session_facts *f, int64_t now_us);
struct session *clients_find(const struct clients *c, const void *client);
/* The newest session with this client id, or NULL. */
struct session *clients_device(const struct clients *c, struct im_str device);
struct session_user *clients_user(const struct clients *c, struct im_str uid);
/* It subscribes, and the broker may keep it when its connection ends: it is counted. */
void clients_stays(struct session *e);
/* The bridge has been told. */
void clients_opened(struct clients *c, struct session *e);
/* The connection ended (DISCONNECT or CLIENT_OFFLINE). Returns the session if its device was
 * announced, so that the end is too; NULL if there is nothing to say: unknown, never announced, or
 * another connection has taken over, for which the device stays open whatever the order in which
 * the broker tells of both. The result lives until the next call. */
struct session *clients_ended(struct clients *c, const void *client, int64_t now_us);
/* Its connection has never come about: forgets it, and that it has taken over from another one. */
void clients_undo(struct clients *c, struct session *e, int64_t now_us);
/* One of a device account that is away gives its place and its levels back, and hears nothing of
 * what comes for it; whoever comes back with the client id begins as with a new one. */
void clients_release(struct session *e);
/* Forgets a session at once. */
void clients_drop(struct clients *c, struct session *e, int64_t now_us);
/* True if a publish that the broker asks about with this session is its will. */
bool clients_is_will(const struct clients *c, const struct session *e);
/* True if it does not come with the end of its connection, but after a delay. */
bool clients_will_waited(const struct clients *c, const struct session *e);
/* True if `device` is the only session known of its user. */
bool clients_alone(const struct session_user *u, struct im_str device);
/* Forgets those that have been away for so long that the broker has forgotten them, too. */
void clients_expire(struct clients *c, int64_t age_us, int64_t now_us);
/* Once a turn of the broker's loop: what was only true within it ends. */
void clients_turn(struct clients *c, int64_t now_us);

/* A number for a connection, greater than all before it. */
uint64_t clients_number(struct clients *c);
/* The users that have sessions, one after the other and over again; NULL: none. A turn of
 * clients_users calls meets each that was there at its beginning. */
struct session_user *clients_next_user(struct clients *c);
uint32_t clients_users(const struct clients *c);

/* The session that waits longest for being announced, or NULL. */
struct session *clients_first_new(const struct clients *c);
typedef void (*clients_fn)(void *arg, struct session *e);
/* Every session; fn must not add or drop any. */
void clients_each(struct clients *c, clients_fn fn, void *arg);
uint32_t clients_online(const struct clients *c); /* NEW and OPEN */
uint32_t clients_offline(const struct clients *c);

#endif
