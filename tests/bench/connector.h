/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Opens many connections with a bounded number of handshakes under way, so that it is the
 * broker that is measured and not the kernel's queue of unaccepted connections.
 *
 * Called by the scenarios; the owners of the connections report back from their handlers.
 */
#ifndef BENCH_CONNECTOR_H
#define BENCH_CONNECTOR_H

#include "tests/bench/conn.h"

#include <stdint.h>

struct connector {
	struct conn **waiting; /* ring of connections that are to be opened */
	uint32_t size;
	uint32_t first;
	uint32_t count;
	uint32_t parallel;
	uint32_t pending; /* opened, neither ready nor failed */
	uint32_t ready;
	uint32_t failures;
	uint64_t not_before_ns;
};

/* Room for size connections. 0, or -1: no memory. */
int connector_init(struct connector *c, uint32_t size, uint32_t parallel);
void connector_clear(struct connector *c);

/* Queues a connection; each may be queued once at a time. */
void connector_add(struct connector *c, struct conn *conn);

/* Opens what may be opened now. Returns when to call it again at the latest. */
uint64_t connector_pump(struct connector *c, uint64_t now_ns);

/* For the handlers: the connection got ready; it failed before (and is queued again after a
 * short pause); it was lost after having been ready (and is queued again). */
void connector_on_ready(struct connector *c);
void connector_on_failed(struct connector *c, struct conn *conn, uint64_t now_ns);
void connector_on_lost(struct connector *c, struct conn *conn);

#endif
