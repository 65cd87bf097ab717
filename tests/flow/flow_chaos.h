/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What users do, and what happens to the node meanwhile, at random. Each step draws from a source
 * of its own, made of the seed and the step's number, so that steps can be left out of a run that
 * failed, and the others stay as they are.
 */
#ifndef IM_TESTS_FLOW_CHAOS_H
#define IM_TESTS_FLOW_CHAOS_H

#include "tests/flow/flow.h"
#include "tests/flow/flow_device.h"

#define FLOW_CHAOS_USERS 5
#define FLOW_CHAOS_DEVICES 9
#define FLOW_CHAOS_ROOM "g3"

struct flow_chaos {
	struct flow *f;
	uint64_t seed;
	struct flow_device *d[FLOW_CHAOS_DEVICES];
	unsigned deaths; /* of a thousand steps */
	/* the step in hand */
	unsigned step;
	struct prng r;
	struct im_buf *trace; /* a line a step */
};

/* The first one is the administrator, who does nothing. The last one, erin, blocks nobody and takes
 * messages from everybody, and nobody edits or recalls what was sent to her. */
extern const char *const flow_chaos_users[];

void flow_chaos_start(struct flow_chaos *c, struct flow *f, uint64_t seed, struct im_buf *trace);
void flow_chaos_step(struct flow_chaos *c, unsigned step);

#endif
