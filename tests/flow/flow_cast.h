/* SPDX-License-Identifier: BSD-3-Clause */
/* A node with a shared log, and devices of three users, of whom alice and bob are connected. */
#ifndef IM_TESTS_FLOW_CAST_H
#define IM_TESTS_FLOW_CAST_H

#include "tests/flow/flow.h"
#include "tests/flow/flow_append.h"
#include "tests/flow/flow_device.h"

struct flow_cast {
	struct flow *f;
	struct flow_append a;
	struct flow_device *alice, *bob, *carol;
};

/* For FLOW_TEST. */
int flow_cast_start(void **state);
int flow_cast_stop(void **state);
/* Committed messages. */
unsigned flow_cast_stored(const struct flow_cast *c);

#endif
