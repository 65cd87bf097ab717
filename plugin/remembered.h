/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Logins that were right, so that a reconnect costs a microsecond: by a keyed hash of user and
 * password or token, together with what it was right against. What leaves memory proves nothing.
 */
#ifndef IM_PLUGIN_REMEMBERED_H
#define IM_PLUGIN_REMEMBERED_H

#include <stdbool.h>
#include <stdint.h>

#include "common/siphash.h"
#include "common/str.h"

struct remembered;

struct remembered_key {
	uint64_t h[2];
};

struct remembered_login {
	uint64_t credential; /* what it was checked against */
	int64_t expires_s;
	uint32_t stale_price; /* to look at a password whose hash is an old one still; 0: it is not
			       */
};

/* At most `max` (0: none) that are used at least every ttl_us. NULL: out of memory. */
struct remembered *remembered_new(const struct im_sipkey *key, uint32_t max, int64_t ttl_us);
void remembered_free(struct remembered **r);
/* False: out of memory. */
bool remembered_hash(struct remembered *r, struct im_str uid, struct im_str password,
	struct remembered_key *out);
/* NULL: not remembered. The caller asks whether it is still true. */
const struct remembered_login *remembered_get(
	struct remembered *r, const struct remembered_key *k, int64_t now_us);
void remembered_put(struct remembered *r, const struct remembered_key *k,
	const struct remembered_login *login, int64_t now_us);
void remembered_drop(struct remembered *r, const struct remembered_key *k);

#endif
