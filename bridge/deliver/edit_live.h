/* SPDX-License-Identifier: BSD-3-Clause */
/* Whether a delivery of an edit says what the text was: it goes to all or to nobody, so only if all
 * who get it may see the edited message. */
#ifndef IM_BRIDGE_EDIT_LIVE_H
#define IM_BRIDGE_EDIT_LIVE_H

#include <stdint.h>

#include "bridge/directory/directory.h"
#include "bridge/message/message.h"
#include "bridge/store/store.h"
#include "common/err.h"

/* seq: of the message that was edited, by `sender`. */
int edit_live(struct directory *d, const struct store_conv *conv, uint64_t sender, uint64_t seq,
	enum message_was *was_for_out) IM_MUST_CHECK;

#endif
