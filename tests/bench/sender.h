/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A sender: publishes within its window, and follows each message through PUBACK, IM ack and
 * (if the window asks for it) delivery.
 *
 * Called by flow.c; receiver.c reports deliveries.
 */
#ifndef BENCH_SENDER_H
#define BENCH_SENDER_H

#include "tests/bench/conn.h"
#include "tests/bench/flow.h"

#include <stdbool.h>
#include <stdint.h>

#define SENDER_TOPIC_SIZE 96

struct sender_slot {
	uint64_t start_ns;
	uint32_t number;
	uint32_t deliveries_left;
	uint8_t done; /* bits, one a stage that is passed */
};

struct sender {
	struct conn conn;
	struct flow *flow;
	uint32_t index;
	char name[USER_NAME_SIZE];
	char client_id[USER_NAME_SIZE + 4];
	char topic[SENDER_TOPIC_SIZE];
	char filter[SENDER_TOPIC_SIZE];
	uint32_t sent;
	uint32_t outstanding; /* not yet at the stage that moves the window */
	uint32_t unfinished;  /* not yet through all stages */
	bool blocked;         /* a due message waits for the window */
	bool has_seq_base;
	uint64_t seq_base; /* seq of message 0 where the sender alone fills a conversation */
	uint32_t ring_mask;
	struct sender_slot *ring;
};

/* 0, or -1: no memory. Queues the connection. */
int sender_open(struct sender *s, struct flow *flow, uint32_t index);
void sender_close(struct sender *s);

/* Sends what is due and fits the window. */
void sender_pump(struct sender *s, uint64_t now_ns);

/* A receiver got the message. */
void sender_delivered(struct sender *s, uint32_t number, uint64_t now_ns);

/* The server says that the message has this seq: acks and deliveries must agree. */
void sender_check_seq(struct sender *s, uint32_t number, uint64_t seq);

#endif
