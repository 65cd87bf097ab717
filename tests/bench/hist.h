/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Latency histogram of the load generator: fixed memory, constant-time recording, quantiles
 * that are within 0.4 % of the recorded value.
 *
 * Called by senders, receivers and the scenarios. Pure: knows no clock and no output.
 */
#ifndef BENCH_HIST_H
#define BENCH_HIST_H

#include <stdint.h>

/* 256 steps an octave: a bucket is at most 1/256 of its value wide. */
#define HIST_SUB_BITS 8
/* Values from 2^37 ns (137 s) on share the last bucket; no bench phase is that long. */
#define HIST_TOP_BITS 37
#define HIST_BUCKETS ((HIST_TOP_BITS - HIST_SUB_BITS + 1) << HIST_SUB_BITS)

struct hist {
	uint64_t count;
	uint64_t sum_ns;
	uint64_t min_ns;
	uint64_t max_ns;
	uint64_t bucket[HIST_BUCKETS];
};

void hist_clear(struct hist *h);

void hist_record(struct hist *h, uint64_t value_ns);

/* Adds every value of from to h. */
void hist_merge(struct hist *h, const struct hist *from);

/* The smallest recorded value that at least share (0..1) of all values do not exceed, to the
 * histogram's precision; 0 when nothing was recorded. */
uint64_t hist_quantile_ns(const struct hist *h, double share);

/* Exact arithmetic mean; 0 when nothing was recorded. */
double hist_mean_ns(const struct hist *h);

#endif
