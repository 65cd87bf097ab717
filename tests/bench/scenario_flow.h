/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenario flow: messages from senders to receivers, counted, timed, verified. For main.c. */
#ifndef BENCH_SCENARIO_FLOW_H
#define BENCH_SCENARIO_FLOW_H

#include "tests/bench/options.h"

/* Runs and prints the result line. 0: everything verified; 1: something failed, the line says
 * what; 2: it could not be run. */
int scenario_flow(struct options *opt, const struct users *users);

#endif
