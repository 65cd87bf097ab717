/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What this broker was last given to retain, topic by topic, so that what would say the same again
 * is not published: the bridge tells everybody's presence anew when a link begins, and subscribers
 * are to hear of changes. It is known for as long as the broker runs, which begins with nothing,
 * and of a bounded number of topics: of others it is published once more.
 */
#ifndef IM_PLUGIN_UNCHANGED_H
#define IM_PLUGIN_UNCHANGED_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/siphash.h"
#include "common/str.h"

struct unchanged;

/* At least `topics` of them, 16 bytes each. NULL: out of memory. */
struct unchanged *unchanged_new(const struct im_sipkey *key, uint32_t topics);
void unchanged_free(struct unchanged **u);

/* It is what was noted of the topic last. */
bool unchanged_is(const struct unchanged *u, struct im_str topic, struct im_str payload);
/* It was published; published false: it was not, and nobody knows. */
void unchanged_note(
	struct unchanged *u, struct im_str topic, struct im_str payload, bool published);

#endif
