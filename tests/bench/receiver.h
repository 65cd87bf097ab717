/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A receiver: subscribes, checks that every message comes once and in order, and measures how
 * long it took. Called by flow.c.
 */
#ifndef BENCH_RECEIVER_H
#define BENCH_RECEIVER_H

#include "tests/bench/conn.h"
#include "tests/bench/flow.h"
#include "tests/bench/verify.h"

#include <stdbool.h>
#include <stdint.h>

/* One sender as this receiver sees it. */
struct receiver_stream {
	struct verify_stream order;
	uint64_t last_seq;
};

struct receiver {
	struct conn conn;
	struct flow *flow;
	uint32_t index;
	char name[USER_NAME_SIZE];
	char client_id[USER_NAME_SIZE + 4];
	char filter[64];
	uint64_t expected;
	uint64_t delivered;
	uint64_t last_seq; /* of a group's conversation */
	uint64_t digest;   /* of the log as it came */
	uint64_t safe;     /* greatest that came */
	uint64_t acked_ns; /* when that was acknowledged last */
	bool greeted;
	uint32_t streams;
	struct receiver_stream *stream;
};

/* 0, or -1: no memory. Queues the connection. */
int receiver_open(struct receiver *r, struct flow *flow, uint32_t index);
void receiver_close(struct receiver *r);

#endif
