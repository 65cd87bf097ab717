/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The MQTT connection to the broker: connects and reconnects for ever, subscribes to what the
 * plugin sends, carries frames. The only user of libmosquitto, which is driven by the loop and has
 * no thread of its own.
 */
#ifndef IM_BRIDGE_LINK_H
#define IM_BRIDGE_LINK_H

#include <stdbool.h>

#include "bridge/base/log.h"
#include "bridge/base/loop.h"
#include "common/err.h"
#include "common/str.h"

struct link;

struct link_parts {
	struct loop *loop;
	const char *path; /* the broker's Unix socket */
	const char *username;
	const char *data_dir; /* of the secret: read before each connection */
	/* IM_DEVICE_LINK and what nobody can guess: whoever takes a client id takes the connection,
	 * also where the plugin is not asked. */
	const char *client_id;
	struct log *log;
	void *arg;
	void (*up)(void *arg, struct im_str frame);
	void (*ready)(void *arg); /* subscribed */
	void (*lost)(void *arg);  /* after ready only */
};

/* Copies the strings. */
int link_new(const struct link_parts *p, struct link **out) IM_MUST_CHECK;
/* Says goodbye when connected. */
void link_free(struct link **l);
bool link_connected(const struct link *l);
/* To the plugin; dropped when there is no connection. */
void link_send(struct link *l, struct im_str frame);

#endif
