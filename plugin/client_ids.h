/* SPDX-License-Identifier: BSD-3-Clause */
/* Which session has a client id: of several, which there are while one connection takes over from
 * another, the newest. Part of clients.h. */
#ifndef IM_PLUGIN_CLIENT_IDS_H
#define IM_PLUGIN_CLIENT_IDS_H

#include "common/siphash.h"
#include "common/str.h"
#include "plugin/session.h"

struct client_ids {
	struct im_sipkey key;
	struct session *newest;
};

void client_ids_init(struct client_ids *ids, const struct im_sipkey *key);
/* Forgets all; the sessions stay the caller's. */
void client_ids_clear(struct client_ids *ids);
/* From now on it is the newest. Without memory it is not found, and nothing else is amiss. */
void client_ids_add(struct client_ids *ids, struct session *e);
/* The one before it is found again, if it was the newest. */
void client_ids_remove(struct client_ids *ids, struct session *e);
/* NULL: nobody has it. */
struct session *client_ids_find(const struct client_ids *ids, struct im_str device);

#endif
