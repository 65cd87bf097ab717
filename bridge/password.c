/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns where salts come from. Called by user.password and the admin commands. */
#include "password.h"

#include <sys/random.h>

int password_hash(const struct rpc_settings *set, struct im_str password, char phc_out[IM_PHC_MAX])
{
	uint8_t salt[IM_PHC_SALT];

	if (getrandom(salt, sizeof(salt), 0) != (ssize_t)sizeof(salt))
		return IM_E_IO;
	return im_phc_hash(password, salt,
		set->password_memory_kib ? set->password_memory_kib : IM_PHC_MEMORY_KIB,
		set->password_passes ? set->password_passes : IM_PHC_PASSES, phc_out);
}
