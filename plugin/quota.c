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

/* own: of those whose rates_of it is; all: the user's, which is the same one but for a device. */
static bool take(const struct session *e, struct im_ratelimit *own, struct im_ratelimit *all,
	int64_t now_us, int64_t rate, int64_t burst_us, int64_t n)
{
	return im_ratelimit_take(own, now_us, rate, burst_us, n) &&
	       (own == all || im_ratelimit_take(all, now_us, for_all(e->user, rate), burst_us, n));
}

int quota_bytes(struct plugin *p, struct session *e, int64_t now_us, size_t n)
{
	return take(e, &rates_of(e)->bytes, &e->user->rates.bytes, now_us, p->opt.rate_bytes,
		       BURST_US, (int64_t)n)
		       ? IM_OK
		       : rate_limited(p);
}

static int publishes(struct plugin *p, struct session *e, int64_t now_us, int64_t count, size_t n)
{
	return take(e, &rates_of(e)->messages, &e->user->rates.messages, now_us,
		       p->opt.rate_messages, BURST_US, count)
		       ? quota_bytes(p, e, now_us, n)
		       : rate_limited(p);
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
	if (take(e, &rates_of(e)->refusals, &e->user->rates.refusals, clock_mono_us(&p->clock),
		    IM_REFUSALS_PER_SECOND, REFUSALS_BURST_US, 1))
		return true;
	p->stats.refusals_kept++;
	return false;
}
