/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenario rpc: requests to mosquitto-im, timed and verified. For main.c. */
#ifndef BENCH_SCENARIO_RPC_H
#define BENCH_SCENARIO_RPC_H

#include "tests/bench/options.h"

/* As scenario_flow(). */
int scenario_rpc(struct options *opt, const struct users *users);

#endif
