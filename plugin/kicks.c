/* SPDX-License-Identifier: BSD-3-Clause */
/* Deferred disconnects. Filled by whoever finds that a client has to go, run by disconnect.c at
 * TICK.
 */
#include "plugin/kicks.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "plugin/compat.h"

struct kick {
	struct kick *prev, *next;
	const void *client; /* NULL: a user */
	uint64_t number;
	int64_t due_us;
	size_t name_n;
	char name[]; /* client id or username, NUL-terminated */
};

/* Due at different times, the two kinds of a list each are in order. */
static struct kick **list_of(struct kicks *k, int64_t due_us)
{
	return due_us ? &k->waiting : &k->now;
}

static bool add(struct kicks *k, const struct kick_target *t, int64_t due_us)
{
	struct kick **list = list_of(k, due_us);
	struct kick *e;

	if (kicks_full(k) || t->device.n > KICKS_BYTES_MAX - k->bytes)
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
	DL_APPEND(*list, e);
	k->n++;
	k->n_waiting += due_us != 0;
	k->bytes += e->name_n;
	return true;
}

bool kicks_user(struct kicks *k, struct im_str uid, uint64_t number, int64_t due_us)
{
	const struct kick *list = *list_of(k, due_us);
	const struct kick *last = list ? list->prev : NULL;

	/* A client may give reason for it often in one turn. */
	if (last && !last->client && last->number == number &&
		im_str_eq(uid, (struct im_str){last->name, last->name_n}))
		return true;
	return add(k, &(struct kick_target){.device = uid, .number = number}, due_us);
}

bool kicks_client(struct kicks *k, const struct kick_target *t)
{
	return add(k, t, 0);
}

bool kicks_session(struct kicks *k, const struct session *e, int64_t due_us)
{
	const struct kick_target t = {e->client, session_device(e), e->number};

	return e->state == SESSION_OFFLINE || add(k, &t, due_us);
}

/* The next one that is due, or NULL. */
static struct kick *take(struct kicks *k, int64_t now_us)
{
	struct kick **list = k->waiting && k->waiting->due_us <= now_us ? &k->waiting : &k->now;
	struct kick *e = *list;

	if (e) {
		DL_DELETE(*list, e);
		k->n--;
		k->n_waiting -= e->due_us != 0;
		k->bytes -= e->name_n;
	}
	return e;
}

/* One after the other: kicking raises events, and what was alive before may have ended by then. */
uint32_t kicks_run(struct kicks *k, const struct kicks_asked *ask, void *arg, int64_t now_us)
{
	struct kick *e;
	uint32_t done = 0;

	while ((e = take(k, now_us))) {
		const struct kick_target t = {e->client, {e->name, e->name_n}, e->number};
		int rc = MOSQ_ERR_NOT_FOUND;

		if (!e->client && ask->all(arg, t.device, t.number))
			rc = mosquitto_kick_client_by_username(e->name, false);
		else if (e->client && ask->alive(arg, &t))
			rc = mosquitto_kick_client_by_clientid(e->name, ask->will(arg, &t));
		if (rc == MOSQ_ERR_SUCCESS)
			done++;
		free(e);
	}
	return done;
}

void kicks_clear(struct kicks *k)
{
	struct kick *e;

	while ((e = take(k, INT64_MAX)))
		free(e);
}
