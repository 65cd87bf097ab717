/* SPDX-License-Identifier: BSD-3-Clause */
/* Deferred disconnects. Filled by whoever finds that a client has to go, run by hooks.c at TICK. */
#include "plugin/kicks.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "plugin/compat.h"

/* Time to read what was published last. A connection that is closed while the client is still
 * acknowledging is reset, and a reset throws away what the client has not read yet. */
#define LATER_US 100000

struct kick {
	struct kick *prev, *next;
	const void *client; /* NULL: a user */
	uint64_t number;
	int64_t due_us;
	size_t name_n;
	char name[]; /* client id or username, NUL-terminated */
};

static bool add(struct kicks *k, const struct kick_target *t, int64_t due_us)
{
	struct kick *e;

	if (k->n >= KICKS_MAX || t->device.n > KICKS_BYTES_MAX - k->bytes)
		return false;
	e = calloc(1, sizeof(*e) + t->device.n + 1);
	if (!e)
		return false;
	e->client = t->client;
	e->number = t->number;
	e->due_us = due_us;
	e->name_n = t->device.n;
	if (t->device.n)
		memcpy(e->name, t->device.p, t->device.n);
	DL_APPEND(k->list, e);
	k->n++;
	k->bytes += e->name_n;
	return true;
}

bool kicks_user(struct kicks *k, struct im_str uid)
{
	const struct kick *last = k->list ? k->list->prev : NULL;

	/* A client may give reason for it often in one turn. */
	if (last && !last->client && im_str_eq(uid, (struct im_str){last->name, last->name_n}))
		return true;
	return add(k, &(struct kick_target){.device = uid}, 0);
}

bool kicks_client(struct kicks *k, const struct kick_target *t)
{
	return add(k, t, 0);
}

static struct kick_target target(const struct session *e)
{
	return (struct kick_target){e->client, session_device(e), e->number};
}

bool kicks_session(struct kicks *k, const struct session *e)
{
	const struct kick_target t = target(e);

	return e->state == SESSION_OFFLINE || add(k, &t, 0);
}

bool kicks_session_later(struct kicks *k, const struct session *e, int64_t now_us)
{
	const struct kick_target t = target(e);

	return e->state == SESSION_OFFLINE || add(k, &t, now_us + LATER_US);
}

static struct kick *take(struct kicks *k)
{
	struct kick *e = k->list;

	if (e) {
		DL_DELETE(k->list, e);
		k->n--;
		k->bytes -= e->name_n;
	}
	return e;
}

static void put_back(struct kicks *k, struct kick *e)
{
	DL_APPEND(k->list, e);
	k->n++;
	k->bytes += e->name_n;
}

/* One after the other: kicking raises events, and what was alive before may have ended by then. */
uint32_t kicks_run(struct kicks *k, kicks_alive_fn alive, void *arg, int64_t now_us)
{
	struct kick *e;
	uint32_t done = 0;

	for (uint32_t n = k->n; n && (e = take(k)); n--) {
		const struct kick_target t = {e->client, {e->name, e->name_n}, e->number};
		int rc = MOSQ_ERR_NOT_FOUND;

		if (e->due_us > now_us) {
			put_back(k, e);
			continue;
		}
		if (!e->client)
			rc = mosquitto_kick_client_by_username(e->name, false);
		else if (alive(arg, &t))
			rc = mosquitto_kick_client_by_clientid(e->name, false);
		if (rc == MOSQ_ERR_SUCCESS)
			done++;
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
