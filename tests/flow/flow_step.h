/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How a device knows what it may acknowledge without asking, as docs/PROTOCOL.md says it: it counts
 * along from the last hello on, syncs when a number is missing, and acknowledges what deliveries
 * say is safe.
 */
#ifndef IM_TESTS_FLOW_STEP_H
#define IM_TESTS_FLOW_STEP_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct flow_step {
	bool greeted;  /* on this connection, with a number */
	bool answered; /* and was not behind, or has synced since, and since the last hole */
	uint64_t n;
	uint64_t safe; /* 0: nothing since */
	unsigned holes;
};

void flow_step_connected(struct flow_step *s);
/* True: it has to sync. */
bool flow_step_hello(struct flow_step *s, const json_t *hello);
/* A message or an event, from which the members that are about this are taken. True: it has to
 * sync. blind: it sees no hole. */
bool flow_step_delivery(struct flow_step *s, json_t *delivery, bool blind);
/* A sync that began after the last reason for it has ended. */
void flow_step_synced(struct flow_step *s);
/* What it may acknowledge beyond `cursor`, or 0. */
uint64_t flow_step_safe(const struct flow_step *s, uint64_t cursor);

#endif
