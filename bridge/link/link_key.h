/* SPDX-License-Identifier: BSD-3-Clause */
/* What the bridge shows the broker: a client id of its own and the link's secret. */
#ifndef IM_BRIDGE_LINK_KEY_H
#define IM_BRIDGE_LINK_KEY_H

#include "common/buf.h"
#include "common/err.h"
#include "common/ids.h"
#include "schema/secret.h"

#define LINK_CLIENT_ID_MAX (sizeof(IM_DEVICE_LINK) + 32)

/* One for each process: IM_DEVICE_LINK and 128 random bits. */
int link_key_client_id(char out[LINK_CLIENT_ID_MAX]) IM_MUST_CHECK;
/* The password as it is in data_dir now; one is made if there is none. why: a sentence. */
int link_key_password(
	const char *data_dir, char out[SECRET_PASSWORD + 1], struct im_buf *why) IM_MUST_CHECK;

#endif
