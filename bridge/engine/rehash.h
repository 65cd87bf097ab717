/* SPDX-License-Identifier: BSD-3-Clause */
/* Stored passwords that were hashed anew by the plugin when their users logged in. */
#ifndef IM_BRIDGE_REHASH_H
#define IM_BRIDGE_REHASH_H

#include "bridge/base/health.h"
#include "bridge/base/log.h"
#include "bridge/write/writer.h"
#include "common/err.h"
#include "common/frame.h"

/* A record of type REHASH, inside the transaction; a repeat changes nothing. IM_E_IO, IM_E_NOMEM:
 * roll back. */
int rehash_record(struct writer *w, struct health *h, struct log *log,
	const struct im_up_rec *rec) IM_MUST_CHECK;

#endif
