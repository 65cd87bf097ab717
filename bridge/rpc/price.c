/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the prices of reading methods. Called by requests.c before a request is handed to the
 * readers; must not know what a method does with its rows. */
#include "bridge/rpc/price.h"

#include <string.h>

#include "bridge/base/cost.h"
#include "bridge/rpc/user_search.h"
#include "common/limits.h"

/* For each element of a list among the parameters, or for each row that `limit` lets it look at:
 * so many rows of the databases. */
static const struct price {
	const char *method, *list;
	int rows;
} prices[] = {
	{"presence.get", "uids", 2},
	{"user.get", "uids", 1},
	{"group.get", "gids", 4},
	{"conv.list", NULL, 3},
	{"conv.history", NULL, 1},
	{"conv.pins", NULL, 2},
	{"conv.receipts", NULL, 2},
	{"sync", NULL, 1},
	{"search", NULL, 4},
	{"user.search", NULL, USER_SEARCH_PEOPLE},
	{"group.list", NULL, 1},
	{"group.members", NULL, 1},
	{"group.bans", NULL, 1},
	{"group.mutes", NULL, 1},
	{"group.links", NULL, 1},
	{"contact.list", NULL, 1},
	{"block.list", NULL, 1},
	{"device.list", NULL, 1},
};

/* And for each so many more, where a parameter is true. */
static const struct extra {
	const char *method, *flag;
	int rows;
} extras[] = {
	/* What a reply quotes, and the way over operations. */
	{"conv.history", "shown", 2},
};

static int rows_of(const struct price *p, const json_t *params)
{
	int rows = p->rows;

	for (size_t i = 0; i < sizeof(extras) / sizeof(extras[0]); i++)
		if (strcmp(extras[i].method, p->method) == 0 &&
			json_is_true(json_object_get(params, extras[i].flag)))
			rows += extras[i].rows;
	return rows;
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
		if (strcmp(prices[i].method, m->name) == 0)
			return COST_ROW * rows_of(&prices[i], params) *
			       asked_for(&prices[i], params);
	return 0;
}
