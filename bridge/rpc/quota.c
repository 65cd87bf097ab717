/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns what is allowed within a day, and how it is refused. */
#include "bridge/rpc/quota.h"

#include <inttypes.h>

#include "bridge/rpc/rpc_args.h"
#include "common/limits.h"

static const char *const what[] = {
	[DIRECTORY_QUOTA_GROUPS] = "create groups",
	[DIRECTORY_QUOTA_INVITATIONS] = "put people into groups or hand groups over",
	[DIRECTORY_QUOTA_REQUESTS] = "send requests",
};

int quota_max(struct rpc_call *c, uint64_t user, enum directory_quota_kind kind, int64_t *out)
{
	int rc = directory_quota_max(c->dir, user, kind, out);

	if (rc != IM_OK || *out != DIRECTORY_QUOTA_DEFAULT)
		return rc;
	*out = kind == DIRECTORY_QUOTA_GROUPS        ? c->set->groups_per_day
	       : kind == DIRECTORY_QUOTA_INVITATIONS ? c->set->invitations_per_day
						     : c->set->requests_per_day;
	return IM_OK;
}

int quota_check(struct rpc_call *c, enum directory_quota_kind kind, size_t n)
{
	int64_t max = 0, used = 0;
	int rc = IM_OK;

	if (!c->by_operator)
		rc = quota_max(c, c->user, kind, &max);
	if (rc == IM_OK && max > 0)
		rc = directory_quota_used(c->dir, c->user, kind, 0, c->now_ms, &used);
	if (rc != IM_OK || max == 0 || used + (int64_t)n <= max)
		return rc;
	return rpc_fail(c, IM_E_RATE_LIMITED,
		"you may %s %" PRId64 " time%s within a day, and have done so %" PRId64
		" time%s; this would be %zu more; try again tomorrow, or ask the operator",
		what[kind], max, max == 1 ? "" : "s", used, used == 1 ? "" : "s", n);
}

int quota_count(struct rpc_call *c, enum directory_quota_kind kind, size_t n)
{
	if (c->by_operator || n == 0)
		return IM_OK;
	return directory_quota_add(c->dir, c->user, kind, 0, c->now_ms, (int64_t)n);
}

int quota_request(struct rpc_call *c, enum directory_quota_kind kind, uint64_t subject)
{
	int64_t used = 0;
	int rc = directory_quota_used(c->dir, c->user, kind, subject, c->now_ms, &used);

	if (rc == IM_OK && used >= IM_REQUESTS_TO_ONE)
		return rpc_fail(c, IM_E_RATE_LIMITED,
			"you have asked %d times within a day; wait for an answer until tomorrow",
			IM_REQUESTS_TO_ONE);
	if (rc == IM_OK)
		rc = quota_check(c, DIRECTORY_QUOTA_REQUESTS, 1);
	if (rc == IM_OK)
		rc = directory_quota_add(c->dir, c->user, kind, subject, c->now_ms, 1);
	return rc == IM_OK ? quota_count(c, DIRECTORY_QUOTA_REQUESTS, 1) : rc;
}

int quota_coming(struct rpc_call *c, uint64_t user, uint64_t group)
{
	int64_t used = 0;
	int rc =
		directory_quota_used(c->dir, user, DIRECTORY_QUOTA_COMING, group, c->now_ms, &used);

	return rc == IM_OK && used >= IM_COMINGS_PER_DAY ? IM_E_RATE_LIMITED : rc;
}

int quota_ahead(struct rpc_call *c)
{
	int64_t used = 0;
	int rc = directory_quota_used(c->dir, c->user, DIRECTORY_QUOTA_AHEAD, 0, c->now_ms, &used);

	if (rc == IM_OK && used >= IM_CONVS_AHEAD_PER_DAY)
		return rpc_fail(c, IM_E_RATE_LIMITED,
			"you have set something in %d conversations without a message within a "
			"day; send a message there first, or try again tomorrow",
			IM_CONVS_AHEAD_PER_DAY);
	return rc == IM_OK ? directory_quota_add(
				     c->dir, c->user, DIRECTORY_QUOTA_AHEAD, 0, c->now_ms, 1)
			   : rc;
}
