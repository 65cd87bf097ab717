/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an app makes of what its device receives, as docs/PROTOCOL.md tells it: operations change
 * the messages that they are about, events the state of conversations, contacts and blocks. Order
 * of arrival does not matter for events: of two about the same thing the one with the greater
 * cursor counts.
 */
#ifndef IM_TESTS_FLOW_APP_H
#define IM_TESTS_FLOW_APP_H

#include "tests/flow/flow_device.h"

/* A message as it is kept: keys sorted, those who reacted too. To be freed. */
char *flow_app_text(json_t *m);
/* The position in the log of a message or an event. */
uint64_t flow_app_cursor(const json_t *o);
/* A message has come to its place. */
void flow_app_message(struct flow_device *d, struct flow_conv *c, const json_t *m);
void flow_app_event(struct flow_device *d, json_t *e);
/* The user follows this room, as far as the device knows. */
bool flow_app_follows(const struct flow_device *d, const char *conv);

#endif
