/* SPDX-License-Identifier: BSD-3-Clause */
/* Buckets by account and client id. Called by clients.c. Those that were not used for longest make
 * room; what one account may send in all is the account's bucket's to say, see quota.c. */
#include "plugin/spent.h"

#include <stddef.h>
#include <string.h>

#include "common/limits.h"

struct spent_key {
	int64_t user_id;
	char device[IM_DEVICE_MAX];
};

static size_t key_of(const struct session *e, struct spent_key *k)
{
	k->user_id = e->user_id;
	memcpy(k->device, e->device, e->device_n);
	return offsetof(struct spent_key, device) + e->device_n;
}

struct lru *spent_new(const struct im_sipkey *key)
{
	return lru_new(key, IM_SPENT_MAX, sizeof(struct session_rates));
}

void spent_leave(struct lru *l, const struct session *e)
{
	struct session_rates *r;
	struct spent_key k;
	size_t n = key_of(e, &k);

	if (!e->rates.messages.spent_us && !e->rates.bytes.spent_us && !e->rates.refusals.spent_us)
		return;
	r = lru_put(l, &k, n);
	if (r)
		*r = e->rates;
}

void spent_resume(struct lru *l, struct session *e)
{
	const struct session_rates *r;
	struct spent_key k;
	size_t n = key_of(e, &k);

	r = lru_get(l, &k, n);
	if (r)
		e->rates = *r;
}
