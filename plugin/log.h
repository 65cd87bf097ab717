/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The plugin's log lines, through the broker's log. Short verb plus key=value; never message
 * bodies, passwords or tokens. What a client can provoke at will goes through a log_gate.
 */
#ifndef IM_PLUGIN_LOG_H
#define IM_PLUGIN_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "common/limits.h"
#include "common/str.h"

/* In the order of the bridge's, the least important last. */
enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_NOTICE,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};

void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A line for each line of a text; the broker would cut what is longer than LOG_LINE_MAX. */
#define LOG_LINE_MAX 1023
void log_lines(enum log_level level, struct im_str text);

/* What came from outside, as it may be printed: an address is whatever a proxy's or a client's
 * header says, and a log is read on a terminal. Letters, digits and what stands in addresses, paths
 * and names (. : % / _ - [ ] @ $); all else becomes '?', too much of it "...", nothing "(none)". */
#define LOG_TEXT_MAX 128
struct log_text {
	char z[LOG_TEXT_MAX + sizeof("...")];
};
const char *log_text(struct log_text *t, struct im_str s);

/* A client id as it stands in topics (common/ids.h), so that two that differ look different, and so
 * whatever else was given for one; what is longer than a client id may be ends with "...", nothing
 * is "(none)". */
struct log_device {
	char z[IM_DEVICE_TOPIC_MAX + sizeof("...")];
};
const char *log_device(struct log_device *t, struct im_str device);
/* The same of anything, so that it can be told what it is: too much of it "...". */
const char *log_escaped(struct log_device *t, struct im_str s);

/* A topic or filter, likewise, with its levels and wildcards. */
#define LOG_TOPIC_MAX 160
struct log_topic {
	char z[3 * LOG_TOPIC_MAX + sizeof("...")];
};
const char *log_topic(struct log_topic *t, struct im_str topic);

/* Lets LOG_GATE_LINES lines through every LOG_GATE_MS and counts the others. */
#define LOG_GATE_LINES 10
#define LOG_GATE_MS 10000
struct log_gate {
	int64_t since_ms;
	uint32_t lines;
	uint32_t held;
};
/* True if the line may be written. When a new period begins after lines were held back, one line
 * says how many of `what`. */
bool log_gate(struct log_gate *g, int64_t mono_ms, const char *what);

#endif
