/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by acl.c for sends and subscriptions, by capture.c for requests and properties, by
 * refusal.c. */
#include "plugin/quota.h"

#include "common/jsonscan.h"
#include "common/limits.h"

#define BURST_US INT64_C(4000000) /* what four seconds bring, in one go */
#define REFUSALS_BURST_US INT64_C(5000000)

/* The devices of a device account are many, and one of them is not to use up what the others have.
 * What is left of a connection whose client id was taken over, its will, is paid by the one that
 * has it. */
static struct session_rates *rates_of(struct session *e)
{
	if (!session_is_thing(e))
		return &e->user->rates;
	while (e->newer && e->newer->user == e->user)
		e = e->newer;
	return &e->rates;
}

/* What all devices of an account may take, whatever client ids they come with: each that is
 * connected adds as much as it may itself. */
static int64_t for_all(const struct session_user *u, int64_t rate)
{
	return rate * (u->n_list ? u->n_list : 1);
}

int quota_size(struct plugin *p, size_t n)
{
	if (n <= (size_t)p->opt.max_payload)
		return IM_OK;
	im_buf_printf(&p->why, "the payload has %zu bytes, at most %lld are taken", n,
		(long long)p->opt.max_payload);
	return IM_E_TOO_LARGE;
}

static int rate_limited(struct plugin *p)
{
	p->stats.rate_limited++;
	im_buf_printf(&p->why,
		"at most %lld messages and %lld bytes a second for each user, or device of a "
		"device account; slow down and send "
		"it again",
		(long long)p->opt.rate_messages, (long long)p->opt.rate_bytes);
	return IM_E_RATE_LIMITED;
}

int quota_bytes(struct plugin *p, struct session *e, int64_t now_us, size_t n)
{
	const int64_t rate = p->opt.rate_bytes;

	if (!im_ratelimit_take(&rates_of(e)->bytes, now_us, rate, BURST_US, (int64_t)n))
		return rate_limited(p);
	if (session_is_thing(e) && !im_ratelimit_take(&e->user->rates.bytes, now_us,
					   for_all(e->user, rate), BURST_US, (int64_t)n))
		return rate_limited(p);
	return IM_OK;
}

static int publishes(struct plugin *p, struct session *e, int64_t now_us, int64_t count, size_t n)
{
	const int64_t rate = p->opt.rate_messages;

	if (!im_ratelimit_take(&rates_of(e)->messages, now_us, rate, BURST_US, count))
		return rate_limited(p);
	if (session_is_thing(e) && !im_ratelimit_take(&e->user->rates.messages, now_us,
					   for_all(e->user, rate), BURST_US, count))
		return rate_limited(p);
	return quota_bytes(p, e, now_us, n);
}

int quota_publish(struct plugin *p, struct session *e, int64_t now_us, size_t n)
{
	return publishes(p, e, now_us, 1, n);
}

int quota_requests(struct plugin *p, struct session *e, int64_t now_us, struct im_str payload)
{
	int64_t count;

	/* Who has nothing left is not looked at. */
	if (!im_ratelimit_open(&rates_of(e)->messages, now_us, BURST_US))
		return rate_limited(p);
	count = im_json_elements(payload, IM_REQUESTS_MAX);
	return publishes(p, e, now_us, count > 1 ? count : 1, payload.n);
}

bool quota_refusal(struct plugin *p, struct session *e)
{
	const int64_t now_us = clock_mono_us(&p->clock), rate = IM_REFUSALS_PER_SECOND;

	if (im_ratelimit_take(&rates_of(e)->refusals, now_us, rate, REFUSALS_BURST_US, 1) &&
		(!session_is_thing(e) || im_ratelimit_take(&e->user->rates.refusals, now_us,
						 for_all(e->user, rate), REFUSALS_BURST_US, 1)))
		return true;
	p->stats.refusals_kept++;
	return false;
}
