/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the list of a user's connections over several brokers. Where there is one, its plugin
 * answers (plugin/connections.c), in the same form but for the broker. */
#include "bridge/admin/admin_connections.h"

#include "bridge/deliver/places.h"
#include "bridge/rpc/rpc_args.h"
#include "common/devpage.h"
#include "common/limits.h"

struct look {
	struct im_devpage page;
	uint32_t away; /* see struct admin_call */
};

static void on_place(void *arg, const struct place *e)
{
	struct look *l = arg;
	const struct im_devpage_row row = {
		.device = place_device(e), .since_ms = e->since_ms, .broker = e->peer + 1U};

	if (!(l->away >> e->peer & 1))
		im_devpage_take(&l->page, &row);
}

static int list(struct admin_call *ac)
{
	struct rpc_call *c = &ac->write.call;
	struct look l = {.away = ac->away};
	uint64_t user;
	int rc;

	if (!ac->places)
		return rpc_fail(c, IM_E_INVALID_REQUEST,
			"the broker's plugin answers this; give it alone, not among other "
			"commands");
	rc = rpc_user_id(c, rpc_str(c, "username"), &user);
	if (rc)
		return rc;
	rc = im_devpage_init(&l.page, rpc_has(c, "after") ? rpc_str(c, "after") : IM_STR(""),
		(size_t)rpc_int(c, "limit", IM_DEVPAGE_MAX));
	if (rc)
		return rc;
	places_each(ac->places, user, on_place, &l);
	im_devpage_put(&l.page, c->result);
	im_devpage_free(&l.page);
	return IM_OK;
}

static const struct rpc_param list_params[] = {
	{"username", RPC_STRING, true, 1, IM_UID_MAX},
	{"after", RPC_STRING, false, 0, IM_DEVICE_MAX},
	{"limit", RPC_INTEGER, false, 1, IM_DEVPAGE_MAX},
	{0},
};

const struct admin_command admin_connections_commands[] = {
	{"listConnections", ADMIN_LOOK, list_params, list},
	{0},
};
