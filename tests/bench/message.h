/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the load generator sends and how it recognises it again: an IM envelope whose id says
 * which message of which sender it is and whose body carries the time of sending. Plain
 * Mosquitto gets the same bytes, so that both sides carry the same load.
 *
 * {"id":"RRRRRRRRFFSSSSSSKKKKKKKK","body":"TTTTTTTTTTTTTTTTabcd..."}
 *        run, flow, sender, number (hex)    start time, ns   padding
 *
 * Called by sender.c and receiver.c. Pure.
 */
#ifndef BENCH_MESSAGE_H
#define BENCH_MESSAGE_H

#include "tests/bench/jsonit.h"

#include <stddef.h>
#include <stdint.h>

/* The envelope without padding: no payload can be smaller. */
#define MESSAGE_MIN_SIZE 59

struct message_tag {
	uint32_t run;    /* keeps runs against one database apart */
	uint32_t flow;   /* below 2^8 */
	uint32_t sender; /* below 2^24 */
	uint32_t number; /* 0, 1, 2 ... of this sender */
};

struct message {
	struct message_tag tag;
	uint64_t start_ns;
	size_t payload_size; /* of the envelope that was sent */
	uint64_t seq;        /* 0 if absent: plain Mosquitto */
	struct slice from;   /* empty if absent */
	uint64_t safe;       /* what its receiver may acknowledge, 0 if absent */
};

struct message_ack {
	struct message_tag tag;
	uint64_t seq;       /* 0 in a refusal */
	struct slice error; /* the error object of a refusal, else empty */
};

/* Writes an envelope of exactly size bytes (at least MESSAGE_MIN_SIZE) to buf, which has room
 * for them. */
void message_build(char *buf, size_t size, const struct message_tag *tag, uint64_t start_ns);

/* Reads a delivered payload, IM's or plain. Checks the body byte by byte. 0, or -1 if it is not
 * a message of ours or damaged. */
int message_parse(struct slice payload, struct message *out);

/* Reads the next element of an ack payload, over which it was opened with jsonit_open.
 * 1: there is one, 0: the end, -1: malformed. */
int message_next_ack(struct jsonit *it, struct message_ack *out);

#endif
