/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What makes a figure of the bench worth anything: the checks that every message arrived
 * exactly once and in order, and the place where failed checks are collected.
 *
 * Called by senders, receivers and scenarios. Pure.
 */
#ifndef BENCH_VERIFY_H
#define BENCH_VERIFY_H

#include <stdint.h>

/* Enough to see what went wrong; the rest is counted. */
#define VERDICT_NOTES 8
#define VERDICT_NOTE_SIZE 200

struct verdict {
	uint64_t failures;
	unsigned notes;
	char note[VERDICT_NOTES][VERDICT_NOTE_SIZE];
};

/* Counts a failed check and keeps its text if it is among the first. */
__attribute__((format(printf, 2, 3))) void verdict_fail(struct verdict *v, const char *format, ...);

/* One sender's messages as one receiver sees them. Zeroed: nothing seen yet. */
struct verify_stream {
	uint32_t next;
};

enum verify_result {
	VERIFY_OK,
	VERIFY_REPEAT, /* seen before, or overtaken by a later one */
	VERIFY_HOLE,   /* at least one before it has not come */
};

/* A stream that gets every message of its sender: number must be the one after the last. */
enum verify_result verify_dense(struct verify_stream *s, uint32_t number);

/* A stream that gets some of its sender's messages: number must be greater than the last.
 * Losses show in the totals. */
enum verify_result verify_rising(struct verify_stream *s, uint32_t number);

const char *verify_name(enum verify_result result);

/* Folds one message into a digest of a log: equal logs have equal digests, different logs
 * different ones (up to the chance of a 64-bit collision). */
uint64_t verify_digest(uint64_t digest, uint32_t sender, uint32_t number);

#endif
