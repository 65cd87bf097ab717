/* SPDX-License-Identifier: BSD-3-Clause */
/* What the list of erasures knows and the databases do not, because an older backup was put in
 * their place, is to be erased once more. At start. */
#ifndef IM_BRIDGE_ERASURE_AGAIN_H
#define IM_BRIDGE_ERASURE_AGAIN_H

#include <stdint.h>

#include "bridge/base/log.h"
#include "bridge/write/writer.h"
#include "common/buf.h"
#include "common/err.h"

struct erasure_again {
	const char *data_dir;
	struct log *log;
	int64_t now_ms;
	struct im_buf *why; /* the list could not be read: stays empty where the databases fail */
	uint32_t n;         /* so many */
};

/* In a transaction of the engine's; arg is the struct above, which is needed until that is
 * committed. */
int erasure_again(void *arg, struct writer *w) IM_MUST_CHECK;

#endif
