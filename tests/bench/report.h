/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writes what a scenario found as one line of JSON on standard output; the runner reads it.
 * The only place of the generator that prints results.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "tests/bench/hist.h"
#include "tests/bench/proc.h"
#include "tests/bench/verify.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct report {
	FILE *out;
	bool comma; /* the next member needs one before it */
};

/* Opens the line's object with "event": event. */
void report_begin(struct report *r, FILE *out, const char *event);
/* Closes it and flushes the line. */
void report_end(struct report *r);

/* Members; name NULL for an element of a list. */
void report_number(struct report *r, const char *name, double value);
void report_count(struct report *r, const char *name, uint64_t value);
void report_bool(struct report *r, const char *name, bool value);
void report_text(struct report *r, const char *name, const char *value);
void report_open(struct report *r, const char *name, char bracket); /* '{' or '[' */
void report_shut(struct report *r, char bracket);                   /* '}' or ']' */

/* Microseconds: n, mean, p50, p90, p99, p999, min, max. */
void report_hist(struct report *r, const char *name, const struct hist *h);

/* "processes": each one's share of a core and memory at the end; "other_cpu", "steal_cpu": what
 * others took meanwhile. */
void report_span(struct report *r, const struct proc_span *span, double seconds);

/* "ok" and "errors". */
void report_verdict(struct report *r, const struct verdict *verdict);

#endif
