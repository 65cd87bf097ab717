/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The connected devices of one user: which, at which plugin, and how present each is. A device that
 * is connected at two plugins is there twice. Part of presence.h.
 */
#ifndef IM_BRIDGE_PRESENCE_DEVICE_H
#define IM_BRIDGE_PRESENCE_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/str.h"

/* Of a device, and of a user: the state of the most present device. Stored in directory.db. */
enum presence_state {
	PRESENCE_OFFLINE = 0,
	PRESENCE_ONLINE = 1,
	PRESENCE_AWAY = 2,
	PRESENCE_SUSPENDED = 3, /* connected, but in the background */
};
const char *presence_state_name(int state);
int presence_state_parse(struct im_str s); /* -1: none of them */

/* In a list, which is NULL where there is none. */
struct presence_device {
	struct presence_device *next;
	uint8_t state; /* never PRESENCE_OFFLINE */
	uint8_t peer;  /* where it is connected */
	bool stale;    /* not seen yet in the snapshot that is coming in */
	uint8_t n;
	char name[];
};

/* Of the most present one. */
int presence_device_state(const struct presence_device *list);
/* NULL: it is not connected there. */
struct presence_device *presence_device_find(
	struct presence_device *list, unsigned peer, struct im_str device);
/* Wherever it is; at another plugin than this one. */
bool presence_device_has(const struct presence_device *list, struct im_str device);
bool presence_device_elsewhere(
	const struct presence_device *list, unsigned peer, struct im_str device);

/* False: out of memory, or no device has so long a name. */
bool presence_device_add(struct presence_device **list, unsigned peer, struct im_str device);
/* One that is there has connected, or is met in a snapshot. True: its state is another one. */
bool presence_device_came(struct presence_device *d);
/* It says how present it is. False: it is not connected; *changed_out: it was different. */
bool presence_device_say(
	struct presence_device *list, struct im_str device, int state, bool *changed_out);
void presence_device_remove(struct presence_device **list, struct presence_device *d);
/* Returns how many there were. */
size_t presence_device_clear(struct presence_device **list);

/* Appends their states, to be asked by presence_state_in, which knows nothing else:
 * PRESENCE_OFFLINE for one that is not in there. */
void presence_device_states(const struct presence_device *list, struct im_buf *out);
int presence_state_in(struct im_str states, struct im_str device);
/* Appends the member `,"devices":[{"device":..,"state":..}]`, with a bounded number of them. */
void presence_device_json(struct im_buf *b, const struct presence_device *list);

#endif
