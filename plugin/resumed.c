/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by capture_session.c, which announces sessions, and by acl_subscribe.c. */
#include "plugin/resumed.h"

#include "plugin/quota.h"

/* Who subscribes again does so as soon as it is connected. */
#define RENEWAL_MS INT64_C(10000)

/* What the broker counts are places in 2.0, those that an UNSUBSCRIBE has left included, and in
 * 2.0.11 no shared ones. What is known to be ordinary topics alone is not greeted. */
static bool may_be_subscribed(const struct session *e)
{
	if (e->filters.whole)
		return e->filters.im > 0;
	return mosquitto_client_sub_count(e->client) > 0 || e->filters.im > 0;
}

bool resumed_greets(struct plugin *p, struct session *e)
{
	if (!e->resumes || !may_be_subscribed(e))
		return false;
	im_buf_reset(&p->why);
	e->resumed = quota_publish(p, e, clock_mono_us(&p->clock), 0) == IM_OK;
	return e->resumed;
}

bool resumed_greeted(const struct plugin *p, const struct session *e)
{
	int64_t age_ms = clock_wall_ms(&p->clock) - e->opened_ms;

	return e->resumed && (e->ask || e->heard) && age_ms >= 0 && age_ms < RENEWAL_MS;
}
