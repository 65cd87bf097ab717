/* SPDX-License-Identifier: BSD-3-Clause */
/* The commands on devices, which are MQTT client ids: their rows, and what they do without a
 * server. */
#include "clients/imctl/cmd_device.h"

#include "clients/imctl/offline.h"

static int owner(struct command_call *c)
{
	return offline_device_owner(c->offline,
		json_string_value(json_object_get(c->params, "device")), &c->result, c->why);
}

#define DEVICE_ARG                                                      \
	{                                                               \
		"ID", "device", ARG_DEVICE, true, NULL, "the client id" \
	}
#define END                                             \
	{                                               \
		NULL, NULL, ARG_TEXT, false, NULL, NULL \
	}

static const struct arg owner_args[] = {DEVICE_ARG, END};
static const struct arg unbind_args[] = {
	DEVICE_ARG,
	{"--for", "owner", ARG_UID, false, NULL,
		"the user who has it from then on (whoever comes with it first)"},
	END,
};

static const struct arg list_args[] = {
	{"UID", "username", ARG_UID, true, NULL, "the user"},
	{"--after", "after", ARG_DEVICE, false, NULL, "start behind this client id"},
	{"--limit", "limit", ARG_INTEGER, false, NULL, "at most so many (all)"},
	END,
};

const struct command cmd_device[] = {
	{.name = "device list",
		.help = "lists the devices of a user that are connected, by client id",
		.args = list_args,
		.request = "listConnections",
		.rows = "connections",
		.columns = "device since_ms ?broker"},
	{.name = "device owner",
		.help = "shows which user a client id belongs to",
		.args = owner_args,
		.request = "getDeviceOwner",
		.offline = owner},
	{.name = "device unbind",
		.help = "takes a client id from the user it belongs to, and disconnects it",
		.args = unbind_args,
		.request = "unbindDevice"},
	{.name = NULL},
};
