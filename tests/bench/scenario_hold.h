/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenario hold: many idle clients, and how fast they are back after a restart. For main.c. */
#ifndef BENCH_SCENARIO_HOLD_H
#define BENCH_SCENARIO_HOLD_H

#include "tests/bench/options.h"

/* As scenario_flow(). Prints a line "connected", one line "back" for each storm, and the result
 * after "quit" or the end of standard input. */
int scenario_hold(struct options *opt, const struct users *users);

#endif
