/* SPDX-License-Identifier: BSD-3-Clause */
/* How `stats` looks on a terminal. */
#ifndef IM_IMCTL_STATS_TEXT_H
#define IM_IMCTL_STATS_TEXT_H

#include <jansson.h>
#include <stdio.h>

/* The answer to getStats: counters of the bridge and of the plugin, a line each; of several brokers
 * a table with a line a broker, and one with a column for each of their plugins. */
void stats_print(FILE *out, const json_t *result);

#endif
