/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists of devices, and the forms in which their states leave: for readers, and as JSON. Called by
 * presence.c. */
#include "bridge/deliver/presence_device.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/jsonw.h"
#include "common/limits.h"

/* Devices listed in one presence payload: all that a person has, and no flood by one account. */
#define LISTED_MAX 32

static const char *const state_names[] = {"offline", "online", "away", "suspended"};

const char *presence_state_name(int state)
{
	return state_names[state & 3];
}

int presence_state_parse(struct im_str s)
{
	for (int i = 0; i < 4; i++)
		if (im_str_eqz(s, state_names[i]))
			return i;
	return -1;
}

/* The names are in the order of presence. */
int presence_device_state(const struct presence_device *list)
{
	int state = PRESENCE_OFFLINE;
	const struct presence_device *d;

	LL_FOREACH(list, d)
	{
		if (state == PRESENCE_OFFLINE || d->state < state)
			state = d->state;
	}
	return state;
}

static bool is_named(const struct presence_device *d, struct im_str device)
{
	return im_str_eq((struct im_str){d->name, d->n}, device);
}

struct presence_device *presence_device_find(
	struct presence_device *list, unsigned peer, struct im_str device)
{
	struct presence_device *d;

	LL_FOREACH(list, d)
	{
		if (d->peer == peer && is_named(d, device))
			return d;
	}
	return NULL;
}

bool presence_device_has(const struct presence_device *list, struct im_str device)
{
	const struct presence_device *d;

	LL_FOREACH(list, d)
	{
		if (is_named(d, device))
			return true;
	}
	return false;
}

bool presence_device_elsewhere(
	const struct presence_device *list, unsigned peer, struct im_str device)
{
	const struct presence_device *d;

	LL_FOREACH(list, d)
	{
		if (d->peer != peer && is_named(d, device))
			return true;
	}
	return false;
}

bool presence_device_add(struct presence_device **list, unsigned peer, struct im_str device)
{
	struct presence_device *d =
		device.n <= IM_DEVICE_MAX ? calloc(1, sizeof(*d) + device.n) : NULL;

	if (!d)
		return false;
	memcpy(d->name, device.p, device.n);
	d->n = (uint8_t)device.n;
	d->peer = (uint8_t)peer;
	d->state = PRESENCE_ONLINE;
	LL_APPEND(*list, d);
	return true;
}

bool presence_device_came(struct presence_device *d)
{
	/* What it said of itself is kept through a snapshot; a new connection starts anew. */
	bool changed = !d->stale && d->state != PRESENCE_ONLINE;

	if (changed)
		d->state = PRESENCE_ONLINE;
	d->stale = false;
	return changed;
}

bool presence_device_say(
	struct presence_device *list, struct im_str device, int state, bool *changed_out)
{
	struct presence_device *d;
	bool any = false;

	*changed_out = false;
	LL_FOREACH(list, d)
	{
		if (!is_named(d, device))
			continue;
		any = true;
		*changed_out |= d->state != state;
		d->state = (uint8_t)state;
	}
	return any;
}

void presence_device_remove(struct presence_device **list, struct presence_device *d)
{
	LL_DELETE(*list, d);
	free(d);
}

size_t presence_device_clear(struct presence_device **list)
{
	struct presence_device *d, *tmp;
	size_t n = 0;

	LL_FOREACH_SAFE(*list, d, tmp)
	{
		free(d);
		n++;
	}
	*list = NULL;
	return n;
}

void presence_device_states(const struct presence_device *list, struct im_buf *out)
{
	const struct presence_device *d;

	LL_FOREACH(list, d)
	{
		im_buf_le8(out, d->state);
		im_buf_le8(out, d->n);
		im_buf_put(out, d->name, d->n);
	}
}

int presence_state_in(struct im_str states, struct im_str device)
{
	while (states.n >= 2) {
		size_t n = (uint8_t)states.p[1];

		if (n > states.n - 2)
			break;
		if (im_str_eq(device, (struct im_str){states.p + 2, n}))
			return states.p[0];
		states.p += 2 + n;
		states.n -= 2 + n;
	}
	return PRESENCE_OFFLINE;
}

/* It is connected at two plugins, and was listed. */
static bool is_again(const struct presence_device *list, const struct presence_device *d)
{
	const struct presence_device *e;

	for (e = list; e != d; e = e->next)
		if (e->peer != d->peer && is_named(e, (struct im_str){d->name, d->n}))
			return true;
	return false;
}

void presence_device_json(struct im_buf *b, const struct presence_device *list)
{
	const struct presence_device *d;
	int listed = 0;

	im_buf_z(b, ",\"devices\":[");
	for (d = list; d && listed < LISTED_MAX; d = d->next) {
		if (is_again(list, d))
			continue;
		im_buf_z(b, listed++ ? ",{\"device\":" : "{\"device\":");
		im_jsonw_str(b, (struct im_str){d->name, d->n});
		im_buf_printf(b, ",\"state\":\"%s\"}", presence_state_name(d->state));
	}
	im_buf_c(b, ']');
}
