/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commands to a running node over $CONTROL/im/v1, one at a time: a connection of our own, MQTT 5,
 * answers on $CONTROL/im/v1/response.
 */
#ifndef IM_IMCTL_CONTROL_H
#define IM_IMCTL_CONTROL_H

#include <jansson.h>

#include "clients/imctl/exit.h"
#include "clients/imctl/options.h"
#include "common/buf.h"

struct control;

/* Connects and subscribes; password may be NULL. Tries again for opt->wait_s seconds while nobody
 * answers. Returns an exit code; why: a sentence. */
int control_open(
	const struct options *opt, const char *password, struct control **out, struct im_buf *why);
/* One command. params is an object and stays the caller's. data_out: the answer's data, an empty
 * object when it has none; owned by the caller. */
int control_call(struct control *c, const char *command, const json_t *params, unsigned timeout_s,
	json_t **data_out, struct im_buf *why);
/* The code of the last refusal (common/err.h), 0 when there was none. */
int control_code(const struct control *c);
void control_close(struct control **c);

#endif
