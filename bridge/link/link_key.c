/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by the service when it builds the link, and by the link before each connection. */
#include "bridge/link/link_key.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

int link_key_client_id(char out[LINK_CLIENT_ID_MAX])
{
	unsigned long long r[2];

	if (getrandom(r, sizeof(r), 0) != sizeof(r))
		return IM_E_IO;
	snprintf(out, LINK_CLIENT_ID_MAX, IM_DEVICE_LINK "%016llx%016llx", r[0], r[1]);
	return IM_OK;
}

int link_key_password(const char *data_dir, char out[SECRET_PASSWORD + 1], struct im_buf *why)
{
	uint8_t fresh[SECRET_BYTES];
	int rc;

	if (getrandom(fresh, sizeof(fresh), 0) != sizeof(fresh)) {
		im_buf_z(why, "the kernel gives no random bytes");
		return IM_E_IO;
	}
	rc = secret_make(data_dir, fresh, out, why);
	explicit_bzero(fresh, sizeof(fresh));
	return rc;
}
