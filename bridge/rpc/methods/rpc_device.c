/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the listing and removal of devices. A removed device is disconnected; its client id is free
 * for whoever logs in with it next, once no session with it can be left at the broker, and at once
 * where an administrator takes it away (admin_device.c). */
#include "bridge/rpc/methods/rpc_device.h"

#include "bridge/deliver/presence.h"
#include "bridge/directory/directory_user.h"
#include "bridge/rpc/cursors.h"
#include "bridge/rpc/methods/methods.h"
#include "bridge/rpc/rpc_args.h"
#include "bridge/rpc/rpc_page.h"
#include "common/jsonw.h"
#include "common/limits.h"
#include "common/wire.h"

struct listing {
	struct rpc_page page;
	struct im_str current, states;
};

static int on_device(void *arg, const struct directory_device *dev)
{
	struct listing *l = arg;
	struct im_buf *b = &l->page.one;

	im_buf_z(b, "{\"device\":");
	im_jsonw_str(b, dev->device);
	im_jsonw_member_int(b, "created", dev->created_ms);
	im_jsonw_member_int(b, "seen", dev->seen_ms);
	im_buf_z(b, ",\"cursor\":\"");
	im_cursor_put(b, dev->cursor);
	if (dev->start > 0) {
		im_buf_z(b, "\",\"start\":\"");
		im_cursor_put(b, dev->start);
	}
	im_buf_z(b, im_str_eq(dev->device, l->current) ? "\",\"current\":true"
						       : "\",\"current\":false");
	im_jsonw_member_str(
		b, "state", im_str(presence_state_name(presence_state_in(l->states, dev->device))));
	im_buf_c(b, '}');
	return rpc_page_add(&l->page, dev->device);
}

static int list_call(struct rpc_read *rd)
{
	struct rpc_call *c = &rd->call;
	struct listing l = {.current = c->device, .states = rd->states};

	rpc_page_begin(&l.page, c->result, "devices", rpc_limit(c), rpc_page_bytes(c));
	return rpc_page_end(&l.page, directory_device_list(c->dir, c->user, rpc_str(c, "next"),
					     l.page.limit + 1, on_device, &l));
}

/* What it has acknowledged counts: senders hear of it. */
static int settle(struct rpc_write *wr, struct im_str device)
{
	return wr->cursors != NULL ? cursors_settle(wr->cursors, device) : IM_OK;
}

/* The user's devices are told, and this one is disconnected. */
static int tell_removal(
	struct rpc_write *wr, uint64_t user, struct im_str uid, struct im_str device)
{
	struct event e;
	int rc;

	event_device_removed(&e, device);
	rc = writer_event(wr->writer, user, uid, &e);
	event_clear(&e);
	if (rc != IM_OK)
		return rc;
	effects_forget_user(writer_effects(wr->writer), uid);
	effects_kick(writer_effects(wr->writer), uid, device, IM_END_REMOVED);
	return IM_OK;
}

int rpc_device_take(struct rpc_write *wr, uint64_t user, struct im_str uid, struct im_str device)
{
	struct rpc_call *c = &wr->call;
	int rc = settle(wr, device);

	if (rc == IM_OK)
		rc = directory_device_release(c->dir, device);
	return rc == IM_OK ? tell_removal(wr, user, uid, device) : rc;
}

static int remove_call(struct rpc_write *wr)
{
	struct rpc_call *c = &wr->call;
	struct im_str device = rpc_str(c, "device");
	struct directory_device dev;
	int rc = directory_device_get(c->dir, device, &dev);

	/* Another user's device is none of the caller's business: as if it were not there. */
	if (rc == IM_E_NONE || (rc == IM_OK && dev.user != c->user))
		return rpc_changed(c, false);
	if (rc == IM_OK)
		rc = settle(wr, device);
	if (rc == IM_OK)
		rc = directory_device_forget(c->dir, device);
	if (rc == IM_OK)
		rc = tell_removal(wr, c->user, c->uid, device);
	return rc == IM_OK ? rpc_changed(c, true) : rc;
}

static const struct rpc_param list_params[] = {
	{"limit", RPC_INTEGER, false, 1, IM_PAGE_MAX},
	{"next", RPC_STRING, false, 1, IM_DEVICE_MAX},
	{0},
};

static const struct rpc_param remove_params[] = {
	{"device", RPC_STRING, true, 1, IM_DEVICE_MAX},
	{0},
};

const struct rpc_method rpc_device_methods[] = {
	{"device.list", RPC_DEVICES, list_params, .read = list_call},
	{"device.remove", RPC_DIRECTORY, remove_params, .write = remove_call},
	{0},
};
