/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns who waits. Called by erasure.c. */
#include "erasure_wait.h"

#include <string.h>

void erasure_wait_init(struct erasure_wait *w)
{
	memset(w, 0, sizeof(*w));
}

void erasure_wait_clear(struct erasure_wait *w)
{
	for (size_t i = 0; i < w->n; i++)
		im_buf_free(&w->v[i].response);
	memset(w, 0, sizeof(*w));
}

void erasure_wait_for(struct erasure_wait *w, uint64_t id)
{
	w->asked = id;
}

static struct erasure_waiter *find(struct erasure_wait *w, struct im_str uid, struct im_str device)
{
	for (size_t i = 0; i < w->n; i++) {
		struct erasure_waiter *v = &w->v[i];

		if (v->id == w->asked && im_str_eq(uid, (struct im_str){v->uid, v->uid_n}) &&
			im_str_eq(device, (struct im_str){v->device, v->device_n}))
			return v;
	}
	return NULL;
}

bool erasure_wait_add(
	struct erasure_wait *w, struct im_str uid, struct im_str device, struct im_str response)
{
	struct erasure_waiter *v;

	if (!w->asked || uid.n > IM_UID_MAX || device.n > IM_DEVICE_MAX)
		return false;
	v = find(w, uid, device);
	if (!v && w->n < ERASURE_WAITERS_MAX) {
		v = &w->v[w->n++];
		memset(v, 0, sizeof(*v));
		im_buf_init(&v->response, 0);
	}
	if (v) {
		v->id = w->asked;
		memcpy(v->uid, uid.p, uid.n);
		v->uid_n = uid.n;
		if (device.n)
			memcpy(v->device, device.p, device.n);
		v->device_n = device.n;
		im_buf_reset(&v->response);
		im_buf_str(&v->response, response);
	}
	w->asked = 0;
	return v && !v->response.failed;
}

void erasure_wait_done(struct erasure_wait *w, uint64_t id, erasure_reply_fn reply, void *arg)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->n; i++) {
		struct erasure_waiter *v = &w->v[i];

		if (v->id > id) {
			struct erasure_waiter stays = *v;

			w->v[kept++] = stays;
			continue;
		}
		if (!v->response.failed)
			reply(arg, (struct im_str){v->uid, v->uid_n},
				(struct im_str){v->device, v->device_n}, im_buf_view(&v->response));
		im_buf_free(&v->response);
	}
	w->n = kept;
}
