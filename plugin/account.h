/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whether a user may have anything at all: exists and is not disabled. Asked at every publish and
 * delivery, of IM or not, and however the client came in; so what the directory said is kept with
 * the user until the directory may say something else. Who may have nothing is disconnected.
 */
#ifndef IM_PLUGIN_ACCOUNT_H
#define IM_PLUGIN_ACCOUNT_H

#include "plugin/plugin.h"

/* While the directory cannot be read: what it said last. */
bool account_open(struct plugin *p, struct session_user *u);
/* The same for a name without a session; false while the directory cannot be read. */
bool account_open_name(struct plugin *p, struct im_str uid);

/* True if the user exists, is not disabled, and is an admin. */
bool account_is_admin(struct plugin *p, struct im_str uid);
/* Logs, seldom, that the directory cannot be read. */
void account_unreadable(struct plugin *p);

/* The user's password has changed, and the directory says so by now. The connection that this
 * device (n == 0: none) had at that time goes on; account_open ends all others. */
void account_credential(
	struct plugin *p, struct session_user *u, struct im_str device, int64_t since_ms);

/* Whether the session began when the name was the same user's as it is. */
bool account_own(struct plugin *p, const struct session *e);

/* The directory has just said so, and what the user's number is (0: none yet): a session begins.
 * alike: with what the directory says of the user, so that it needs no look at all of them, which
 * of a device account are many. */
void account_is_open(struct session_user *u, int64_t number, bool alike);

/* What was known of the directory is void, and nobody has said what has changed: every user with a
 * session is looked at again, a few at each TICK, so that those who have gone are disconnected. */
void account_forget_all(struct plugin *p);
void account_tick(struct plugin *p, int64_t now_us);

#endif
