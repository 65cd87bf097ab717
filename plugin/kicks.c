/* SPDX-License-Identifier: BSD-3-Clause */
/* Deferred disconnects. Filled by the downlink and admit.c, run by hooks.c at TICK. */
#include "kicks.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "compat.h"

/* Time to read what was published last. A connection that is closed while the client is still
 * acknowledging is reset, and a reset throws away what the client has not read yet. */
#define LATER_US 100000

struct kick {
	struct kick *prev, *next;
	bool user;
	int64_t due_us;
	char name[IM_DEVICE_MAX + 1];
};

_Static_assert(IM_UID_MAX <= IM_DEVICE_MAX, "both fit into a kick");

static bool add(struct kicks *k, bool user, int64_t due_us, struct im_str name)
{
	struct kick *e;

	if (k->n >= KICKS_MAX || name.n > IM_DEVICE_MAX)
		return false;
	e = calloc(1, sizeof(*e));
	if (!e)
		return false;
	e->user = user;
	e->due_us = due_us;
	memcpy(e->name, name.p, name.n);
	DL_APPEND(k->list, e);
	k->n++;
	return true;
}

bool kicks_user(struct kicks *k, struct im_str uid)
{
	return add(k, true, 0, uid);
}

bool kicks_device(struct kicks *k, struct im_str device)
{
	return add(k, false, 0, device);
}

bool kicks_device_later(struct kicks *k, struct im_str device, int64_t now_us)
{
	return add(k, false, now_us + LATER_US, device);
}

static struct kick *take(struct kicks *k)
{
	struct kick *e = k->list;

	if (e) {
		DL_DELETE(k->list, e);
		k->n--;
	}
	return e;
}

uint32_t kicks_run(struct kicks *k, const struct sessions *s, int64_t now_us)
{
	struct kick *e;
	uint32_t done = 0;

	for (uint32_t n = k->n; n && (e = take(k)); n--) {
		const struct session *x;

		if (e->due_us > now_us) {
			DL_APPEND(k->list, e);
			k->n++;
			continue;
		}
		if (e->user) {
			/* By name the broker touches connected clients alone. */
			if (mosquitto_kick_client_by_username(e->name, false) == MOSQ_ERR_SUCCESS)
				done++;
		} else {
			x = sessions_device(s, im_str(e->name));
			if (x && x->state != SESSION_OFFLINE &&
				mosquitto_kick_client_by_clientid(e->name, false) ==
					MOSQ_ERR_SUCCESS)
				done++;
		}
		free(e);
	}
	return done;
}

void kicks_clear(struct kicks *k)
{
	struct kick *e;

	while ((e = take(k)))
		free(e);
}
