/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns where salts come from. Called by user.password, the admin commands and the service. */
#include "bridge/rpc/password.h"

#include <sys/random.h>

/* Read by the plugin (plugin/lookup.c). */
#define META_MEMORY "password_memory_kib"
#define META_PASSES "password_passes"

/* What one with the default parameters takes. */
#define DEFAULT_MS INT64_C(15)

static struct im_phc_cost cost_of(const struct rpc_settings *set)
{
	return (struct im_phc_cost){
		.memory_kib =
			set->password_memory_kib ? set->password_memory_kib : IM_PHC_MEMORY_KIB,
		.passes = set->password_passes ? set->password_passes : IM_PHC_PASSES,
		.lanes = 1,
	};
}

/* In proportion to the default's. */
static int64_t cost_ms(int64_t work)
{
	return DEFAULT_MS * work / (IM_PHC_MEMORY_KIB * IM_PHC_PASSES);
}

int64_t password_change_ms(const struct rpc_settings *set, struct im_str stored)
{
	const struct im_phc_cost now = cost_of(set);
	struct im_pwhash old;
	bool known = im_pwhash_read(stored, &old, NULL) == IM_OK;

	return 1 + (known ? cost_ms(im_pwhash_work(&old)) : 0) +
	       cost_ms((int64_t)now.memory_kib * now.passes);
}

bool password_holds_up(const struct rpc_settings *set, struct im_str stored)
{
	const struct im_phc_cost now = cost_of(set);
	struct im_pwhash h;

	return im_pwhash_read(stored, &h, NULL) == IM_OK && im_pwhash_holds_up(&h, &now);
}

int password_hash(const struct rpc_settings *set, struct im_str password, char phc_out[IM_PHC_MAX])
{
	const struct im_phc_cost cost = cost_of(set);
	uint8_t salt[IM_PHC_SALT];

	if (getrandom(salt, sizeof(salt), 0) != (ssize_t)sizeof(salt))
		return IM_E_IO;
	return im_phc_hash(password, salt, cost.memory_kib, cost.passes, phc_out);
}

int password_announce(struct directory *d, const struct rpc_settings *set)
{
	const struct im_phc_cost cost = cost_of(set);
	uint64_t memory_kib, passes;
	int rc = directory_meta_get(d, META_MEMORY, &memory_kib);

	if (rc == IM_OK)
		rc = directory_meta_get(d, META_PASSES, &passes);
	if (rc != IM_OK || (memory_kib == cost.memory_kib && passes == cost.passes))
		return rc;
	rc = directory_begin(d);
	if (rc != IM_OK)
		return rc;
	rc = directory_meta_set(d, META_MEMORY, cost.memory_kib);
	if (rc == IM_OK)
		rc = directory_meta_set(d, META_PASSES, cost.passes);
	if (rc == IM_OK)
		return directory_commit(d);
	directory_rollback(d);
	return rc;
}
