/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two brokers under one bridge, people at both, and what each broker retains of their presence.
 */
#ifndef IM_TESTS_FLOW_PAIR_H
#define IM_TESTS_FLOW_PAIR_H

#include "tests/flow/flow.h"
#include "tests/flow/flow_device.h"

/* alice and carol are at the first broker, bob is at the second; root is not connected. */
struct flow_pair {
	struct flow *f;
	struct flow_node *n;
	struct flow_broker *one, *two;
	struct flow_device *root, *alice, *bob, *carol;
};

/* For FLOW_TEST, with flow_end. */
int flow_pair_start(void **state);

/* Good until the next call. */
const char *flow_pair_topic(const char *user);
/* Empty: nothing is retained. */
struct im_str flow_pair_retained(const struct flow_broker *b, const char *user);
bool flow_pair_shows(const struct flow_broker *b, const char *user, const char *state);

#endif
