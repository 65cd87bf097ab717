/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Both backends, which do the same at random and are held against each other after every
 * transaction. What is done and what is compared are the test's.
 */
#ifndef IM_TESTS_STORE_PAIR_H
#define IM_TESTS_STORE_PAIR_H

#include "tests/store/store_test.h"

#define TEST_PAIR_CONVS 3

struct test_pair {
	struct test_node *a, *b; /* SQLite; memory */
	uint64_t rng;
	uint64_t conv[TEST_PAIR_CONVS]; /* of users 1 and 2, 1 and 3 ... */
	uint64_t gids, committed;       /* messages in both, and without the open transaction's */
};

/* The next number below n. */
uint32_t test_draw(struct test_pair *p, uint32_t n);
/* So many transactions of up to eleven steps each; some are rolled back, and now and then what is
 * old is deleted, and SQLite's is opened anew. A step adds what it appends to gids. */
void test_pair_walk(uint64_t seed, int transactions, void (*step)(struct test_pair *p),
	void (*compare)(struct test_pair *p));

#endif
