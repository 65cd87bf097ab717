/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by backup.c and erasure_wait.c; must not know what is waited for. */
#include "bridge/upkeep/held.h"

#include <string.h>

void held_init(struct held *h)
{
	memset(h, 0, sizeof(*h));
	im_buf_init(&h->response, 0);
}

void held_clear(struct held *h)
{
	im_buf_free(&h->response);
	h->any = false;
}

static size_t copy(char *to, struct im_str from)
{
	if (from.n > 0)
		memcpy(to, from.p, from.n);
	return from.n;
}

bool held_keep(struct held *h, struct im_str uid, struct im_str device, struct im_str response)
{
	h->any = false;
	if (uid.n > sizeof(h->uid) || device.n > sizeof(h->device))
		return false;
	h->uid_n = copy(h->uid, uid);
	h->device_n = copy(h->device, device);
	im_buf_reset(&h->response);
	im_buf_str(&h->response, response);
	h->any = !h->response.failed;
	return h->any;
}

bool held_is_for(const struct held *h, struct im_str uid, struct im_str device)
{
	return h->any && im_str_eq(uid, (struct im_str){h->uid, h->uid_n}) &&
	       im_str_eq(device, (struct im_str){h->device, h->device_n});
}

void held_release(struct held *h, held_reply_fn reply, void *arg)
{
	if (h->any)
		reply(arg, (struct im_str){h->uid, h->uid_n},
			(struct im_str){h->device, h->device_n}, im_buf_view(&h->response));
	held_clear(h);
}
