/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by offline.c when a command's transaction ends. */
#include "clients/imctl/offline_audit.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "schema/audit.h"

void offline_actor(char out[OFFLINE_ACTOR_MAX])
{
	struct passwd entry, *who = NULL;
	char text[4096];

	if (getpwuid_r(getuid(), &entry, text, sizeof(text), &who) == 0 && who)
		snprintf(out, OFFLINE_ACTOR_MAX, "offline:%s", who->pw_name);
	else
		snprintf(out, OFFLINE_ACTOR_MAX, "offline:%lu", (unsigned long)getuid());
}

/* NULL: out of memory. */
static char *detail_of(const json_t *params)
{
	json_t *kept = json_object();
	const char *name;
	char *text;
	json_t *v;

	json_object_foreach((json_t *)params, name, v)
	{
		if (audit_keeps(im_str(name)) && strcmp(name, "username") != 0)
			json_object_set(kept, name, v);
	}
	text = json_dumps(kept, JSON_COMPACT);
	json_decref(kept);
	return text;
}

int offline_audit(struct sqldb *q, const char *actor, int64_t now_ms, const char *action,
	const json_t *params, uint64_t user)
{
	const char *uid = json_string_value(json_object_get(params, "username"));
	struct audit_row r = {.now_ms = now_ms,
		.name = im_str(actor),
		.action = im_str(action),
		.subject = im_str(uid),
		.user = user};
	char *detail = detail_of(params);
	int rc = detail ? IM_OK : IM_E_NOMEM;

	r.detail = im_str(detail);
	/* How long rows stay is the bridge's configuration, which is not at hand. */
	if (rc == IM_OK)
		rc = audit_add(q, &r, 0);
	free(detail);
	return rc;
}
