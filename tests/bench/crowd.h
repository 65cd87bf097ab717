/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Callers by the thousand: opens them, serves them turn by turn, and closes them.
 *
 * Called by scenario_hold.c and scenario_rpc.c, which say what the callers do.
 */
#ifndef BENCH_CROWD_H
#define BENCH_CROWD_H

#include "tests/bench/caller.h"
#include "tests/bench/connector.h"
#include "tests/bench/options.h"

#include <stdint.h>

struct crowd {
	struct caller_run run; /* first: the callbacks get it from their caller */
	const struct options *opt;
	struct loop loop;
	struct conn_net net;
	struct connector connector;
	struct verdict verdict;
	struct caller *callers; /* opt->clients of them */
};

/* Takes the callbacks and the suffix from c->run, and zeros for all else; nobody is connected yet.
 * 0, or -1: out of memory or file descriptors. To be closed in both cases. */
int crowd_open(struct crowd *c, const struct options *opt, const struct users *users);
void crowd_close(struct crowd *c);

/* When the time that the options give is over. */
uint64_t crowd_deadline(const struct crowd *c);
/* Connects whom it may, sends what waits, and serves what is ready by then. 0, or -1: the loop
 * itself has failed. */
int crowd_turn(struct crowd *c, uint64_t until_ns);

#endif
