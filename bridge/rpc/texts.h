/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which texts of which request others will read, and that none of them holds a word of the
 * operator's list. The one place that decides it: a new method with such a text gets a row there.
 */
#ifndef IM_BRIDGE_TEXTS_H
#define IM_BRIDGE_TEXTS_H

#include <jansson.h>

#include "bridge/message/moderation.h"
#include "bridge/rpc/rpc.h"
#include "common/buf.h"
#include "common/err.h"

/* IM_OK, with texts in params masked where the list says so; IM_E_NOT_ALLOWED with why; IM_E_NOMEM.
 */
int texts_check(struct moderation *m, const struct rpc_method *method, json_t *params,
	struct im_buf *why) IM_MUST_CHECK;

#endif
