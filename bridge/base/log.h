/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One line an occurrence: `level verb key=value ...`. Never message bodies, passwords or tokens.
 * Any thread. A verb that repeats too often is left out for a while and then counted in one line.
 */
#ifndef IM_BRIDGE_LOG_H
#define IM_BRIDGE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "common/str.h"

/* In the order of im-bridge.conf's log_level. */
enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

enum log_dest {
	LOG_AUTO,    /* JOURNAL when standard error goes to systemd's journal, else STDERR */
	LOG_STDERR,  /* plain lines */
	LOG_JOURNAL, /* each line begins with sd-daemon's <priority> */
};

struct log;

/* fd: where the lines go (2), not closed. */
struct log *log_new(int fd, enum log_level level, enum log_dest dest);
void log_free(struct log **l);
void log_set_level(struct log *l, enum log_level level);

/* fmt: the key=value pairs. Line breaks and other control characters in values become spaces. */
void log_line(struct log *l, enum log_level level, const char *verb, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#endif
