/* SPDX-License-Identifier: BSD-3-Clause */
/* Publishing through the broker, with its rules of ownership kept in one place. */
#ifndef IM_PLUGIN_PUBLISH_H
#define IM_PLUGIN_PUBLISH_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/str.h"
#include "plugin/compat.h"

struct publish {
	const char *client; /* to this client id alone, which must be online; NULL: by topic */
	const char *topic;
	int qos;
	bool retain;
	mosquitto_property *props; /* taken in any case */
};

/* {prefix}/inbox/{uid}/{suffix}, NUL-terminated, in *topic, which is emptied first; NULL: out of
 * memory. */
const char *publish_inbox(
	struct im_buf *topic, struct im_str prefix, struct im_str uid, struct im_str suffix);
/* Memory for a payload; NULL: out of memory. Give it to publish_take. */
char *publish_alloc(size_t n);
/* Publishes n bytes from publish_alloc, which are taken in any case. */
int publish_take(const struct publish *p, char *payload, size_t n) IM_MUST_CHECK;
/* Publishes a copy. */
int publish_copy(const struct publish *p, struct im_str payload) IM_MUST_CHECK;

#endif
