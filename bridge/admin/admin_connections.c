/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the list of a user's connections over several brokers. Where there is one, its plugin
 * answers (plugin/connections.c), in the same form but for the broker. */
#include "bridge/admin/admin_connections.h"

#include <stdlib.h>
#include <string.h>

#include "bridge/deliver/places.h"
#include "bridge/rpc/rpc_args.h"
#include "common/jsonw.h"
#include "common/limits.h"

#define PAGE_MAX 1000

/* Those with the first client ids behind `after`, in order; and whether there are more. */
struct page {
	const struct place **v;
	struct im_str after;
	uint32_t away; /* see struct admin_call */
	size_t n, limit;
	bool more;
};

/* Where in the page it comes. */
static size_t place_of(const struct page *pg, struct im_str device)
{
	size_t low = 0, high = pg->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (im_str_cmp(place_device(pg->v[mid]), device) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void on_place(void *arg, const struct place *e)
{
	struct page *pg = arg;
	size_t at;

	if (pg->away >> e->peer & 1 || im_str_cmp(place_device(e), pg->after) <= 0)
		return;
	at = place_of(pg, place_device(e));
	if (pg->n == pg->limit) {
		pg->more = true;
		if (at == pg->n)
			return;
		pg->n--;
	}
	memmove(pg->v + at + 1, pg->v + at, (pg->n - at) * sizeof(*pg->v));
	pg->v[at] = e;
	pg->n++;
}

static void put_page(const struct page *pg, struct im_buf *out)
{
	im_buf_z(out, "{\"connections\":[");
	for (size_t i = 0; i < pg->n; i++) {
		im_buf_z(out, i ? ",{\"device\":" : "{\"device\":");
		im_jsonw_str(out, place_device(pg->v[i]));
		im_jsonw_member_int(out, "since_ms", pg->v[i]->since_ms);
		im_jsonw_member_int(out, "broker", pg->v[i]->peer + 1);
		im_buf_c(out, '}');
	}
	im_buf_z(out, "]");
	if (pg->more) {
		im_buf_z(out, ",\"more\":true");
		im_jsonw_member_str(out, "next", place_device(pg->v[pg->n - 1]));
	}
	im_buf_c(out, '}');
}

static int list(struct admin_call *ac)
{
	struct rpc_call *c = &ac->write.call;
	struct page pg = {.after = rpc_has(c, "after") ? rpc_str(c, "after") : IM_STR(""),
		.away = ac->away,
		.limit = (size_t)rpc_int(c, "limit", PAGE_MAX)};
	uint64_t user;
	int rc;

	if (!ac->places)
		return rpc_fail(c, IM_E_INVALID_REQUEST,
			"the broker's plugin answers this; give it alone, not among other "
			"commands");
	rc = rpc_user_id(c, rpc_str(c, "username"), &user);
	if (rc)
		return rc;
	pg.v = calloc(pg.limit, sizeof(const struct place *));
	if (!pg.v)
		return IM_E_NOMEM;
	places_each(ac->places, user, on_place, &pg);
	put_page(&pg, c->result);
	free(pg.v);
	return IM_OK;
}

static const struct rpc_param list_params[] = {
	{"username", RPC_STRING, true, 1, IM_UID_MAX},
	{"after", RPC_STRING, false, 0, IM_DEVICE_MAX},
	{"limit", RPC_INTEGER, false, 1, PAGE_MAX},
	{0},
};

const struct admin_command admin_connections_commands[] = {
	{"listConnections", ADMIN_LOOK, list_params, list},
	{0},
};
