/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the facts of that question; the rule is common/may.h's. Called by whatever shows presence to
 * a caller. */
#include "bridge/rpc/presence_view.h"

#include "bridge/directory/directory_user.h"
#include "common/may.h"

int presence_visible(struct rpc_call *c, uint64_t user, bool gone, bool *out)
{
	struct im_may_presence f = {
		.policy = c->set->presence_policy,
		.self = user == c->user,
		.viewer = true,
		.exists = !gone,
		.admin = c->admin,
	};
	int rc = f.self ? IM_OK : directory_block_has(c->dir, user, c->user, &f.blocked);

	if (rc == IM_OK && f.policy == IM_PRESENCE_CONTACTS)
		rc = directory_contact_has(c->dir, user, c->user, &f.contact);
	*out = rc == IM_OK && im_may_presence(&f);
	return rc;
}
