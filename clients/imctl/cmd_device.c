/* SPDX-License-Identifier: BSD-3-Clause */
/* The commands on devices, which are MQTT client ids: their rows, and what they do without a
 * server. */
#include "cmd_device.h"

#include "offline.h"

static int owner(struct command_call *c)
{
	return offline_device_owner(c->offline,
		json_string_value(json_object_get(c->params, "device")), &c->result, c->why);
}

static const struct arg device_args[] = {
	{"ID", "device", ARG_DEVICE, true, NULL, "the client id"},
	{NULL, NULL, ARG_TEXT, false, NULL, NULL},
};

const struct command cmd_device[] = {
	{.name = "device owner",
		.help = "shows which user a client id belongs to",
		.args = device_args,
		.request = "getDeviceOwner",
		.offline = owner},
	{.name = NULL},
};
