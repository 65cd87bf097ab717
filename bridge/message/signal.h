/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A signal: told to who is there and stored nowhere. What is sent is any bytes; what arrives is
 * `{"from":..,"conv":..,"ts":..,"body":..}` below the receiver's inbox.
 */
#ifndef IM_BRIDGE_SIGNAL_H
#define IM_BRIDGE_SIGNAL_H

#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/frame.h"
#include "common/ids.h"
#include "common/limits.h"
#include "common/str.h"

struct moderation;

struct signal {
	struct im_str from, target;
	struct im_str device; /* of a device account, to whom it is addressed; n == 0: to all */
	struct im_str payload;
	enum im_conv_kind kind;
	int64_t ts_ms;
};

#define SIGNAL_TOPIC_MAX (IM_DEVICE_TOPIC_MAX + 8 + IM_UID_MAX)

/* What its receivers get, which borrows from b (reset first) and topic. m may be NULL. IM_E_NOMEM;
 * any other code is an answer to the sender, with *why_out. */
int signal_make(const struct signal *s, struct moderation *m, struct im_buf *b,
	char topic[SIGNAL_TOPIC_MAX], struct im_down_rec *out,
	struct im_str *why_out) IM_MUST_CHECK;

#endif
