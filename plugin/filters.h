/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a session is subscribed to, as far as the plugin has seen it: one number for each filter, so
 * that a subscription that is renewed counts once, whatever the broker's version counts. Pure.
 *
 * A session that the broker has kept may be subscribed to more than the plugin saw (it was
 * restarted meanwhile): then the broker's own count says how much there is in all. And it may have
 * fewer, none that is: of an MQTT 5 session 2.0 does not say that it has ended.
 */
#ifndef IM_PLUGIN_FILTERS_H
#define IM_PLUGIN_FILTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/siphash.h"
#include "common/str.h"

struct filters {
	uint64_t *v;
	uint16_t n, room;
	uint16_t im, shared;    /* of these, how many are IM's, and how many are shared */
	uint32_t bytes, levels; /* of all of them */
	bool whole;             /* there are no others */
};

struct filters_one {
	struct im_str text;
	uint32_t levels; /* and what its length takes, in levels */
	bool im, shared;
};

/* What may be added. */
struct filters_limits {
	int64_t im, others;
	int64_t levels;   /* that the user's sessions may have on top of what they have */
	int broker_count; /* the broker's; it does not tell IM's from others */
};

/* Before one is added, with the broker's count: if it has none, what was seen was another
 * session's. */
void filters_begin(struct filters *f, int broker_count);
/* IM_OK: it is in there, and counted. IM_E_FULL: too many; IM_E_TOO_LARGE: too many bytes or
 * levels; IM_E_NOMEM. */
int filters_add(struct filters *f, const struct im_sipkey *key, const struct filters_one *one,
	const struct filters_limits *limits) IM_MUST_CHECK;
void filters_remove(struct filters *f, const struct im_sipkey *key, const struct filters_one *one);
void filters_clear(struct filters *f);

#endif
