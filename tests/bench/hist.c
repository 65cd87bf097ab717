/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Log-linear histogram. Values below 256 ns have a bucket each; above, every octave is cut
 * into 256 equal buckets.
 */
#include "tests/bench/hist.h"

#include <string.h>

#define SUB_COUNT (1u << HIST_SUB_BITS)

static unsigned bucket_of(uint64_t value)
{
	if (value < SUB_COUNT)
		return (unsigned)value;
	unsigned shift = (unsigned)(63 - __builtin_clzll(value)) - HIST_SUB_BITS;
	unsigned index = ((shift + 1) << HIST_SUB_BITS) + (unsigned)(value >> shift) - SUB_COUNT;
	return index < HIST_BUCKETS ? index : HIST_BUCKETS - 1;
}

/* The largest value that falls into the bucket: quantiles never flatter. */
static uint64_t bucket_top(unsigned index)
{
	if (index < SUB_COUNT)
		return index;
	unsigned shift = (index >> HIST_SUB_BITS) - 1;
	uint64_t low = ((uint64_t)(index & (SUB_COUNT - 1)) + SUB_COUNT) << shift;
	return low + ((uint64_t)1 << shift) - 1;
}

void hist_clear(struct hist *h)
{
	memset(h, 0, sizeof(*h));
}

void hist_record(struct hist *h, uint64_t value_ns)
{
	if (h->count == 0 || value_ns < h->min_ns)
		h->min_ns = value_ns;
	if (value_ns > h->max_ns)
		h->max_ns = value_ns;
	h->count++;
	h->sum_ns += value_ns;
	h->bucket[bucket_of(value_ns)]++;
}

void hist_merge(struct hist *h, const struct hist *from)
{
	if (from->count == 0)
		return;
	if (h->count == 0 || from->min_ns < h->min_ns)
		h->min_ns = from->min_ns;
	if (from->max_ns > h->max_ns)
		h->max_ns = from->max_ns;
	h->count += from->count;
	h->sum_ns += from->sum_ns;
	for (unsigned i = 0; i < HIST_BUCKETS; i++)
		h->bucket[i] += from->bucket[i];
}

uint64_t hist_quantile_ns(const struct hist *h, double share)
{
	if (h->count == 0)
		return 0;
	double wanted = share * (double)h->count;
	uint64_t rank = (uint64_t)wanted;
	if ((double)rank < wanted || rank == 0)
		rank++;
	uint64_t seen = 0;
	for (unsigned i = 0; i < HIST_BUCKETS; i++) {
		seen += h->bucket[i];
		if (seen >= rank) {
			uint64_t top = bucket_top(i);
			return top < h->max_ns && i + 1 < HIST_BUCKETS ? top : h->max_ns;
		}
	}
	return h->max_ns;
}

double hist_mean_ns(const struct hist *h)
{
	return h->count ? (double)h->sum_ns / (double)h->count : 0;
}
