/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the prices of reading methods. Called by requests.c before a request is handed to the
 * readers; must not know what a method does with its rows. */
#include "bridge/rpc/price.h"

#include <string.h>

#include "bridge/base/cost.h"
#include "bridge/rpc/user_search.h"
#include "common/limits.h"

/* For each element of a list among the parameters, or for each row that `limit` lets it look at, so
 * many rows of the databases; and before that, whatever is asked for, `base`: a look at each of the
 * caller's conversations. */
static const struct price {
	const char *method, *list;
	int rows, base;
} prices[] = {
	{"presence.get", "uids", 2, 0},
	{"user.get", "uids", 1, 0},
	{"group.get", "gids", 4, 0},
	{"session.start", NULL, 3, COST_LIST + COST_TOTAL},
	{"conv.list", NULL, 3, COST_LIST},
	{"conv.history", NULL, 1, 0},
	{"conv.pins", NULL, 2, 0},
	{"conv.receipts", NULL, 2, 0},
	{"sync", NULL, 1, 0},
	{"search", NULL, 4, 0},
	{"user.search", NULL, USER_SEARCH_PEOPLE, 0},
	{"group.list", NULL, 1, 0},
	{"group.members", NULL, 1, 0},
	{"group.bans", NULL, 1, 0},
	{"group.mutes", NULL, 1, 0},
	{"group.links", NULL, 1, 0},
	{"contact.list", NULL, 1, 0},
	{"block.list", NULL, 1, 0},
	{"device.list", NULL, 1, 0},
};

/* And so many more of both, where a parameter is true. */
static const struct extra {
	const char *method, *flag;
	int rows, base;
} extras[] = {
	{"conv.list", "total", 0, COST_TOTAL},
	/* What a reply quotes, and the way over operations. */
	{"conv.history", "shown", 2, 0},
};

static struct price with_extras(const struct price *p, const json_t *params)
{
	struct price all = *p;

	for (size_t i = 0; i < sizeof(extras) / sizeof(extras[0]); i++)
		if (strcmp(extras[i].method, p->method) == 0 &&
			json_is_true(json_object_get(params, extras[i].flag))) {
			all.rows += extras[i].rows;
			all.base += extras[i].base;
		}
	return all;
}

static int64_t asked_for(const struct price *p, const json_t *params)
{
	const json_t *limit = json_object_get(params, "limit");

	if (p->list)
		return (int64_t)json_array_size(json_object_get(params, p->list));
	return limit ? (int64_t)json_integer_value(limit) : IM_PAGE_DEFAULT;
}

int64_t price_of(const struct rpc_method *m, const json_t *params)
{
	for (size_t i = 0; i < sizeof(prices) / sizeof(prices[0]); i++)
		if (strcmp(prices[i].method, m->name) == 0) {
			const struct price p = with_extras(&prices[i], params);

			return COST_ROW * p.rows * asked_for(&p, params) + p.base;
		}
	return 0;
}
