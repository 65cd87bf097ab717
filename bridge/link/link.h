/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The MQTT connection to the broker: connects and reconnects for ever, subscribes to what the
 * plugin sends, carries frames. The only user of libmosquitto, driven by the caller's poll loop
 * without a thread of its own.
 */
#ifndef IM_BRIDGE_LINK_H
#define IM_BRIDGE_LINK_H

#include <stdint.h>

#include "bridge/base/log.h"
#include "common/err.h"
#include "common/str.h"

struct link;

struct link_parts {
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
/* For poll: -1 when not connected. */
int link_fd(const struct link *l);
short link_events(const struct link *l);
/* Does what poll found (0: nothing) and what is due by time: reading, writing, keep-alive,
 * connecting. Everything that was sent meanwhile is on its way when it returns, as far as the
 * socket takes it. */
void link_step(struct link *l, short revents, int64_t mono_ms);
/* After how many ms link_step is due at the latest. */
int64_t link_timeout_ms(const struct link *l, int64_t mono_ms);
/* To the plugin; dropped when there is no connection. */
void link_send(struct link *l, struct im_str frame);

#endif
