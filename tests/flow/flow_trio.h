/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Three brokers under one bridge, and a device that goes from one to the other. What there is to
 * do, and what must be so in the end.
 */
#ifndef IM_TESTS_FLOW_TRIO_H
#define IM_TESTS_FLOW_TRIO_H

#include "tests/flow/flow.h"
#include "tests/flow/flow_device.h"

#define FLOW_TRIO 3

/* phone is bob's and goes about; his tablet stays at the first broker, so that what is for bob
 * comes there as well. */
struct flow_trio {
	struct flow *f;
	struct flow_node *n;
	struct flow_broker *at[FLOW_TRIO];
	struct flow_device *root, *alice, *carol, *phone, *tablet;
	unsigned sent; /* by alice to bob */
};

/* For FLOW_TEST, with flow_end; and for a test that begins by itself. */
int flow_trio_start(void **state);
void flow_trio_open(struct flow_trio *c, const struct store_backend *backend);
struct flow_device *flow_trio_device(
	struct flow_trio *c, unsigned at, const char *user, const char *name);

/* alice says something to bob. */
void flow_trio_say(struct flow_trio *c);
/* Time for last events to be read, and for what is asked again; and not so little that those who
 * come and go are two devices with one client id. If the phone is disconnected without being told
 * why, it comes back. */
void flow_trio_pass(struct flow_trio *c);
enum flow_leaving { FLOW_CLEANLY, FLOW_LOST, FLOW_UNSEEN };
/* The newest connection of a device, which must not have been ended. */
void flow_trio_leave(struct flow_device *d, enum flow_leaving how);
void flow_trio_connect(struct flow_device *d);
void flow_trio_come(struct flow_trio *c, struct flow_device *d, unsigned to);
void flow_trio_restart_bridge(struct flow_trio *c);
/* The broker comes back with the sessions that stay, as one with persistence does; and so do its
 * devices, but for the phone. */
void flow_trio_restart_broker(struct flow_trio *c, unsigned i);

bool flow_trio_is_there(const struct flow_device *d);
/* Its connection was ended for good: an app does not come back by itself. */
bool flow_trio_was_ended(const struct flow_device *d);
/* At how many brokers a client id is connected. */
unsigned flow_trio_lives(const struct flow_trio *c, const char *name);
unsigned flow_trio_home(struct flow_trio *c, const char *device);
/* The phone is where it should be, and there alone; it and the tablet have every message, and
 * nobody has heard anything twice. */
bool flow_trio_is_well(struct flow_trio *c);
void flow_trio_assert_well(struct flow_trio *c, const char *when);

#endif
