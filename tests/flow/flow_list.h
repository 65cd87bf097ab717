/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an app would say of a conversation in its list by the messages that it has, as
 * docs/PROTOCOL.md tells it. Knows nothing of how the server comes to its own numbers.
 */
#ifndef IM_TESTS_FLOW_LIST_H
#define IM_TESTS_FLOW_LIST_H

#include "tests/flow/flow_device.h"

/* How much is unread for the device's user whose read mark stands at `read`. */
uint64_t flow_list_unread(const struct flow_device *d, const struct flow_conv *c, uint64_t read);
/* The seq of the message that is shown, 0: there is none. */
uint64_t flow_list_last(const struct flow_conv *c);

#endif
