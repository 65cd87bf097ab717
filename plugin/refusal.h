/* SPDX-License-Identifier: BSD-3-Clause */
/* Telling a user why something was refused: on the inbox's ack topic for sends, as a JSON-RPC error
 * for requests. Bounded for each user; what is beyond is only counted. */
#ifndef IM_PLUGIN_REFUSAL_H
#define IM_PLUGIN_REFUSAL_H

#include <stdint.h>

#include "common/str.h"
#include "plugin/plugin.h"

/* A send. `id`: n == 0: taken from the payload, if there is one. conv of `topic`. */
struct refusal {
	const struct im_topic *topic;
	struct im_str id;
	struct im_str payload;
	int code;
	struct im_str why;
};
void refusal_send(struct plugin *p, struct session *e, const struct refusal *r);

/* A request: to reply_to with corr, or, when it is empty, to the device's default reply topic. */
struct refusal_rpc {
	struct im_str method, payload;
	struct im_str reply_to, corr;
	int code;
	struct im_str why;
};
void refusal_rpc(struct plugin *p, struct session *e, const struct refusal_rpc *r);
/* The same way, the result (JSON) of a request that is carried out here. */
void refusal_result(struct plugin *p, const struct session *e, const struct refusal_rpc *r,
	struct im_str result);

/* Tells the connected devices of a person, one of which e is, what became of one that was too many:
 * "refuse" of `device`, or "replace" of it by another (n == 0: none). Of a device account e alone
 * hears it. */
void refusal_device(struct plugin *p, struct session *e, const char *action, struct im_str device,
	struct im_str by);

#endif
