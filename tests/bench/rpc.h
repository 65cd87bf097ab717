/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests to mosquitto-im and what their answers must hold. Called by caller.c. Pure.
 */
#ifndef BENCH_RPC_H
#define BENCH_RPC_H

#include "tests/bench/jsonit.h"

#include <stddef.h>
#include <stdint.h>

/* Conversations one answer may be about; the bench's own are 50. */
#define RPC_CONVS_MAX 256
#define RPC_CONV_SIZE 72
/* A cursor is opaque; ours to keep if it is not longer. */
#define RPC_CURSOR_SIZE 128

/* What has been seen of each conversation over all pages of one answer. */
struct rpc_check {
	uint32_t convs;
	struct {
		char conv[RPC_CONV_SIZE];
		uint64_t last_seq;
	} seen[RPC_CONVS_MAX];
};

/* Reads a reply to a request with a number as its id. 0: result_out is the result; 1: it is the
 * error; -1: malformed. */
int rpc_reply(struct slice payload, uint64_t *id_out, struct slice *result_out);

/* A member of an object. 0, or -1: there is none, or the object is malformed. */
int rpc_member(struct slice object, const char *name, struct slice *value_out);

/* Counts the messages of a page and checks that each conversation goes on without hole or
 * repeat. check may be NULL: count only. The number, or -1 with a text in why_out. */
long rpc_messages(struct slice list, struct rpc_check *check, const char **why_out);

/* Writes template with each %u replaced by the name; text with a terminator. 0, or -1: no room. */
int rpc_fill(char *buf, size_t cap, const char *template, const char *name);

#endif
