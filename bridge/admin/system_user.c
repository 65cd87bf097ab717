/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns how he comes to be. Called by announcements; must not know what he says. */
#include "bridge/admin/system_user.h"

#include "bridge/directory/directory_erasure.h"
#include "bridge/directory/directory_user.h"
#include "bridge/rpc/random_name.h"
#include "bridge/rpc/rpc_args.h"

#define META_KEY "system_user"
#define FIRST_NAME 20 /* characters, until he has his own: that one is made for nobody */

int system_user_id(struct directory *d, uint64_t *id_out)
{
	int rc = directory_meta_get(d, META_KEY, id_out);

	if (rc == IM_E_NONE)
		*id_out = 0;
	return rc == IM_E_NONE ? IM_OK : rc;
}

static int make(struct rpc_call *c, uint64_t *id_out)
{
	const struct im_str none = {NULL, 0};
	char name[FIRST_NAME + 1];
	int rc = random_name(name, FIRST_NAME);

	if (rc == IM_OK)
		rc = directory_user_create(
			c->dir, im_str(name), IM_ROLE_USER, IM_STR(""), c->now_ms, id_out);
	if (rc == IM_OK)
		rc = directory_user_set_disabled(c->dir, *id_out, true);
	if (rc == IM_OK)
		rc = directory_user_set_profile(
			c->dir, *id_out, none, none, none, IM_DIRECT_NOBODY, false);
	if (rc == IM_OK)
		rc = directory_user_rename(c->dir, *id_out, IM_STR(SYSTEM_USER));
	return rc == IM_OK ? directory_meta_set(c->dir, META_KEY, *id_out) : rc;
}

int system_user_make(struct rpc_call *c, uint64_t *id_out)
{
	struct directory_user u;
	int rc = directory_user_last(c->dir, IM_STR(SYSTEM_USER), &u);

	if (rc == IM_E_NONE)
		return make(c, id_out);
	if (rc == IM_OK)
		rc = system_user_id(c->dir, id_out);
	if (rc != IM_OK)
		return rc;
	if (u.id != *id_out)
		return rpc_fail(c, IM_E_CONFLICT,
			"an account of an earlier version is called \"" SYSTEM_USER
			"\"; imctl user erase --name " SYSTEM_USER " frees the name");
	if (u.deleted)
		return rpc_fail(c, IM_E_NOT_ALLOWED,
			"the user \"" SYSTEM_USER "\" was deleted; imctl user restore " SYSTEM_USER
			" brings it back");
	return IM_OK;
}
