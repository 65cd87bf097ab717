/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Processor time and memory of other processes, from /proc. Called by the scenarios at the
 * edges of what they measure.
 */
#ifndef BENCH_PROC_H
#define BENCH_PROC_H

#include <stdint.h>

/* Brokers, bridge, and room for one more (a proxy). */
#define PROC_WATCH_MAX 40

struct proc_sample {
	double cpu_s; /* user + system since the process began */
	uint64_t rss_kb;
	uint64_t peak_kb;
};

struct proc_watch {
	const char *name; /* borrowed */
	int pid;
	struct proc_sample begin;
	struct proc_sample end;
};

/* 0, or -1 if there is no such process. */
int proc_sample_take(int pid, struct proc_sample *out);

/* The generator's own. */
void proc_sample_self(struct proc_sample *out);

/* The whole machine's processor time: what is busy beyond the watched processes is somebody
 * else's work and spoils the figures. */
struct proc_machine {
	double busy_s;
	double steal_s; /* taken by the host from this virtual machine */
};

/* 0 or -1. */
int proc_sample_machine(struct proc_machine *out);

/* Everything between two samples. */
struct proc_span {
	struct proc_watch *watch; /* borrowed */
	unsigned watches;
	struct proc_watch self;
	struct proc_machine machine_begin;
	struct proc_machine machine_end;
};

/* 0, or -1: a watched process is gone. */
int proc_span_sample(struct proc_span *span, int at_end);

/* Processor time in the span that neither the watched processes nor the generator used. */
double proc_span_other_s(const struct proc_span *span);

#endif
