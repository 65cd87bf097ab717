/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line of imbench. Called by main.c; the scenarios get the result as const. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include "tests/bench/conn.h"
#include "tests/bench/flow.h"
#include "tests/bench/proc.h"

#include <stdbool.h>
#include <stdint.h>

struct options {
	const char *scenario; /* flow, hold, rpc */
	int port[CONN_BROKERS_MAX];
	unsigned ports;
	int version;
	bool im;
	uint32_t run_id;
	uint32_t parallel; /* handshakes under way */
	uint64_t pause_us; /* least time between two turns of the loop */
	double warmup_s;
	double duration_s;
	double timeout_s; /* for connecting, and for draining: each */
	const char *passwords;
	struct flow_options flow[FLOW_MAX];
	uint32_t flows;
	struct proc_watch watch[PROC_WATCH_MAX];
	uint32_t watches;
	/* hold */
	uint32_t clients;
	uint32_t base;
	bool sync; /* after connecting, catch up by rpc before counting as in */
	/* rpc */
	const char *method;
	const char *cursor; /* sync from here */
	uint32_t limit;     /* messages a page of sync, 0: the server's default */
	const char *params; /* a JSON object; %u stands for one of choices users */
	uint32_t first;     /* number of the first of these users */
	uint32_t choices;
	uint32_t repeat;
	uint32_t rate; /* requests a second of all clients; 0: each when the one before is answered
			*/
	uint64_t expect; /* messages an answer (all its pages) must hold */
};

/* 0; 1: help was asked for and printed; -1: an error was printed to standard error. */
int options_parse(struct options *opt, int argc, char **argv);

#endif
