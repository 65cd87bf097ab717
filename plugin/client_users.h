/* SPDX-License-Identifier: BSD-3-Clause */
/* The users of the sessions: found by name, served in turn, kept for a moment when their last
 * session has gone, and each with the lists of his own. Part of clients.h. */
#ifndef IM_PLUGIN_CLIENT_USERS_H
#define IM_PLUGIN_CLIENT_USERS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/may.h"
#include "common/siphash.h"
#include "common/str.h"
#include "plugin/session.h"

struct client_users {
	struct im_sipkey key;
	struct user_node *by_uid;
	struct session_user *active, *idle; /* with sessions, and without */
	uint32_t n_active;
	uint64_t n_highest; /* that a forgotten user had, see step.h */
};

void client_users_init(struct client_users *users, const struct im_sipkey *key);
/* Frees the users; their sessions stay the caller's. */
void client_users_clear(struct client_users *users);
/* NULL: he has no session, and had none a moment ago. */
struct session_user *client_users_find(const struct client_users *users, struct im_str uid);
/* NULL: out of memory, or too long for a name. */
struct session_user *client_users_get(struct client_users *users, struct im_str uid);
/* A session that begins is this user's; role, bind: of one without sessions. */
void client_users_enter(struct client_users *users, struct session_user *u, struct session *e,
	enum im_role role, uint64_t bind);
/* Its connection has ended: it is SESSION_OFFLINE, and among those that are away. */
void client_users_away(struct session *e);
/* It is forgotten. */
void client_users_leave(struct client_users *users, struct session *e, int64_t now_us);
/* See clients_alone, clients_next_user. */
bool client_users_alone(const struct session_user *u, struct im_str device);
struct session_user *client_users_next(struct client_users *users);
/* Forgets those who have been without sessions for long enough. */
void client_users_reap(struct client_users *users, int64_t now_us);

#endif
