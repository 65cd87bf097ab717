/* SPDX-License-Identifier: BSD-3-Clause */
/* Hands a page of an export over to the readers. What is in it is export.c's. */
#include "bridge/admin/admin_export.h"

#include "bridge/admin/admin_response.h"
#include "bridge/admin/export.h"
#include "bridge/deliver/presence.h"
#include "bridge/rpc/read_job.h"
#include "bridge/rpc/rpc_args.h"
#include "common/limits.h"

static int export_user(struct admin_call *ac)
{
	struct rpc_call *c = &ac->write.call;
	struct directory_user u;
	struct read_job *job;
	int rc = rpc_user_past(c, rpc_str(c, "username"), &u);

	if (rc != IM_OK)
		return rc;
	if (!ac->alone)
		return rpc_fail(c, IM_E_INVALID_REQUEST,
			"exportUser is answered later; give it a payload of its own");
	job = read_job_new(READ_REQUEST, c->uid, c->device);
	if (job == NULL)
		return IM_E_NOMEM;
	job->end = admin_response_end;
	job->user = c->user;
	job->admin = true;
	job->now_ms = c->now_ms;
	job->set = *c->set;
	job->req.method = &export_method;
	job->req.params = json_deep_copy(c->params);
	if (ac->write.presence)
		presence_states(ac->write.presence, u.uid, &job->states);
	if (job->req.params == NULL || job->states.failed) {
		read_job_free(job);
		return IM_E_NOMEM;
	}
	read_job_plan(job, writer_effects(ac->write.writer));
	ac->later = job;
	return IM_OK;
}

const struct admin_command admin_export_commands[] = {
	{"exportUser", ADMIN_CHANGE, export_params, export_user},
	{0},
};
