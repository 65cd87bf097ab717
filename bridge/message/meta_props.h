/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * MQTT 5 properties as members of a message's meta: `"content_type":"text/plain","format":1,
 * "props":[["name","value"]],"response_topic":"im/u/alice","correlation":"MTc="`. They come with a
 * send, stand in what history and sync show, and go out again with each delivery.
 */
#ifndef IM_BRIDGE_META_PROPS_H
#define IM_BRIDGE_META_PROPS_H

#include "common/buf.h"
#include "common/msgprops.h"
#include "common/str.h"

/* Appends the members to meta, which may hold others; the ttl is not one of them. */
void meta_props_put(struct im_buf *meta, const struct im_props *p);
/* Appends what MQTT 5 receivers get as properties, as the link carries it: all but content type and
 * format, which speak of the body and not of the JSON around it. Nothing for most messages, and at
 * no cost then. */
void meta_props_get(struct im_str meta, struct im_buf *out);
/* Appends the members that speak of the body alone: a forwarded copy keeps them. */
void meta_props_of_body(struct im_buf *out, struct im_str meta);

#endif
