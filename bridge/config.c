/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads the configuration file for the service, and turns options into what the engine takes. */
#include "bridge/config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/limits.h"

#define CONF_BYTES_MAX (1024 * 1024)

static int read_file(const char *path, struct im_buf *out, struct im_buf *why)
{
	FILE *f = fopen(path, "re");
	char block[4096];
	size_t n;

	if (!f) {
		im_buf_printf(
			why, "%s: %s; give the configuration with -c FILE", path, strerror(errno));
		return IM_E_IO;
	}
	while ((n = fread(block, 1, sizeof(block), f)) > 0 && !out->failed)
		im_buf_put(out, block, n);
	n = (size_t)ferror(f);
	fclose(f);
	if (n || out->failed) {
		im_buf_printf(why, "%s: could not be read as a configuration", path);
		return IM_E_IO;
	}
	return IM_OK;
}

int config_read(const char *path, struct options *out, struct im_buf *why)
{
	struct im_buf text;
	int rc;

	im_buf_init(&text, CONF_BYTES_MAX);
	rc = read_file(path, &text, why);
	if (!rc)
		rc = options_parse(out, im_buf_view(&text), path, why);
	im_buf_free(&text);
	return rc;
}

struct engine_settings config_settings(const struct options *o, struct moderation *moderation)
{
	return (struct engine_settings){
		.rpc = {.group_members_max = (uint32_t)o->group_members_max,
			.groups_per_user_max = (uint32_t)o->groups_per_user_max,
			.groups_per_day = o->groups_per_day,
			.invitations_per_day = o->invitations_per_day,
			.requests_per_day = o->requests_per_day,
			.recall_window_s = o->recall_window,
			.contacts_only = o->direct_policy == OPTIONS_DIRECT_CONTACTS,
			.presence_policy = o->presence_policy,
			.password_memory_kib = (uint32_t)o->password_memory,
			.password_passes = (uint32_t)o->password_passes,
			.moderation = moderation,
			.audit_days = o->audit_days,
			.reply_max = IM_REPLY_MAX},
		.sessions = {.presence = o->presence,
			.names = o->presence_devices,
			.remembered_devices = (uint32_t)o->remembered_devices,
			.device_days = o->device_days},
		.contacts_only = o->direct_policy == OPTIONS_DIRECT_CONTACTS,
		.rate_cost = o->rate_cost,
		.backlog_bytes = (size_t)o->backlog_bytes,
	};
}
