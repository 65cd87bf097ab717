/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of buckets behind budget.c. */
#include "plugin/sketch.h"

#include <stdlib.h>

/* 800 KB, of which only what is used takes memory. With four thousand keys in it, one stranger in a
 * hundred shares all his buckets. */
#define ROWS 3
#define PLACES 16384
#define BITS 14

_Static_assert(PLACES == 1 << BITS && ROWS * BITS <= 64, "a key has the bits for every row");

struct sketch {
	struct im_ratelimit row[ROWS][PLACES];
};

struct sketch *sketch_new(void)
{
	return calloc(1, sizeof(struct sketch));
}

void sketch_free(struct sketch **s)
{
	free(*s);
	*s = NULL;
}

static size_t place(uint64_t key, int row)
{
	return key >> (row * BITS) & (PLACES - 1);
}

void sketch_spend(struct sketch *s, uint64_t key, int64_t now_us, int64_t rate, int64_t burst_us,
	int64_t amount)
{
	for (int i = 0; i < ROWS; i++)
		im_ratelimit_spend(&s->row[i][place(key, i)], now_us, rate, burst_us, amount);
}

bool sketch_open(const struct sketch *s, uint64_t key, int64_t now_us, int64_t burst_us)
{
	for (int i = 0; i < ROWS; i++) {
		if (im_ratelimit_open(&s->row[i][place(key, i)], now_us, burst_us))
			return true;
	}
	return false;
}
