/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns the envelope of administration: commands in, responses out, one each. A command is a method
 * of the same form as an RPC method, called by an administrator; what it does is in admin_*.c.
 */
#include "bridge/admin/admin.h"

#include <jansson.h>
#include <string.h>

#include "bridge/admin/admin_announce.h"
#include "bridge/admin/admin_audit.h"
#include "bridge/admin/admin_ban.h"
#include "bridge/admin/admin_bind.h"
#include "bridge/admin/admin_check.h"
#include "bridge/admin/admin_connections.h"
#include "bridge/admin/admin_device.h"
#include "bridge/admin/admin_erase.h"
#include "bridge/admin/admin_export.h"
#include "bridge/admin/admin_group.h"
#include "bridge/admin/admin_import.h"
#include "bridge/admin/admin_message.h"
#include "bridge/admin/admin_node.h"
#include "bridge/admin/admin_quota.h"
#include "bridge/admin/admin_report.h"
#include "bridge/admin/admin_response.h"
#include "bridge/admin/admin_user.h"
#include "bridge/admin/audit.h"
#include "bridge/directory/directory_user.h"
#include "bridge/rpc/read_job.h"
#include "bridge/rpc/rpc_args.h"
#include "bridge/rpc/rpc_check.h"
#include "common/frame.h"
#include "common/jsonscan.h"
#include "common/jsonw.h"
#include "common/limits.h"

static const struct admin_command *const topics[] = {
	admin_user_commands,
	admin_import_commands,
	admin_group_commands,
	admin_device_commands,
	admin_connections_commands,
	admin_node_commands,
	admin_report_commands,
	admin_message_commands,
	admin_ban_commands,
	admin_quota_commands,
	admin_bind_commands,
	admin_audit_commands,
	admin_check_commands,
	admin_erase_commands,
	admin_export_commands,
	admin_announce_commands,
};

static const struct admin_command *find(struct im_str name)
{
	for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++)
		for (const struct admin_command *m = topics[i]; m->name != NULL; m++)
			if (im_str_eqz(name, m->name))
				return m;
	return NULL;
}

static void put_refusal(struct im_buf *out, int code, const char *why)
{
	im_buf_z(out, "{\"command\":\"Unknown command\"");
	admin_response_error(out, code, im_str(why));
	im_buf_c(out, '}');
}

static void put_head(struct im_buf *out, struct im_str name, const json_t *correlation)
{
	im_buf_z(out, "{\"command\":");
	im_jsonw_str(out, name);
	if (json_is_string(correlation))
		im_jsonw_member_str(out, "correlationData",
			(struct im_str){
				json_string_value(correlation), json_string_length(correlation)});
}

/* The response to one command; IM_E_IO and IM_E_NOMEM pass through. */
static int put_response(struct im_buf *out, struct im_str name, const json_t *correlation,
	const struct admin_call *ac, int rc)
{
	const struct rpc_call *c = &ac->write.call;

	if (rc == IM_E_IO || rc == IM_E_NOMEM)
		return rc;
	put_head(out, name, correlation);
	if (ac->later != NULL) {
		im_buf_str(&ac->later->head, im_buf_view(out));
		return ac->later->head.failed ? IM_E_NOMEM : IM_OK;
	}
	admin_response_outcome(out, rc, im_buf_view(c->why), im_buf_view(c->result));
	return c->result->failed || c->why->failed ? IM_E_NOMEM : IM_OK;
}

/* Refused ones, too: who tries what is not his to do is of interest. */
static int audited(struct admin_call *ac, struct im_str name, int code)
{
	int rc;

	if (code == IM_E_IO || code == IM_E_NOMEM)
		return code;
	rc = audit_command(ac, name, code == IM_OK || im_err_is_wire(code) ? code : IM_E_INTERNAL);
	return rc == IM_OK ? code : rc;
}

static int run_command(
	struct admin_call *ac, struct im_str name, json_t *command, struct im_buf *out)
{
	struct rpc_call *c = &ac->write.call;
	json_t *correlation = json_incref(json_object_get(command, "correlationData"));
	int rc;

	im_buf_reset(c->result);
	im_buf_reset(c->why);
	im_buf_reset(ac->noted);
	ac->looked = false;
	ac->about = 0;
	json_object_del(command, "command");
	json_object_del(command, "correlationData");
	c->params = command;
	ac->command = find(name);
	if (ac->command == NULL)
		rc = rpc_fail(c, IM_E_METHOD_NOT_FOUND, "there is no command \"%.*s\"",
			IM_ARGS(rpc_clip(name, 64)));
	else
		rc = rpc_check(ac->command->name, ac->command->params, command, "", c->why);
	if (rc == IM_OK)
		rc = ac->command->run(ac);
	rc = audited(ac, name, rc);
	rc = put_response(out, name, correlation, ac, rc);
	json_decref(correlation);
	return rc;
}

static int run_all(
	struct admin_call *ac, json_t *commands, struct im_str absent, struct im_buf *out)
{
	int rc = IM_OK;

	ac->alone = json_array_size(commands) == 1;
	if (!json_is_array(commands) || json_array_size(commands) > IM_CONTROL_COMMANDS_MAX) {
		put_refusal(out, IM_E_INVALID_REQUEST,
			"give {\"commands\":[..]} with at most 100 commands");
		return IM_OK;
	}
	for (size_t i = 0; rc == IM_OK && i < json_array_size(commands); i++) {
		json_t *command = json_array_get(commands, i);
		json_t *name = json_incref(json_object_get(command, "command"));

		ac->absent = i < absent.n && absent.p[i] == IM_KICK_ABSENT;
		if (i > 0)
			im_buf_c(out, ',');
		if (json_is_string(name))
			rc = run_command(ac,
				(struct im_str){json_string_value(name), json_string_length(name)},
				command, out);
		else
			put_refusal(out, IM_E_INVALID_REQUEST,
				"each command is an object with the string \"command\"");
		json_decref(name);
	}
	return rc;
}

/* The scanner bounds depth and checks UTF-8, and what strict parsers refuse, before jansson sees
 * the text. */
static json_t *parse(struct im_str payload)
{
	struct im_json v;

	if (im_json_parse(payload, &v) != IM_OK || v.type != IM_JSON_OBJECT)
		return NULL;
	return json_loadb(payload.p, payload.n, JSON_REJECT_DUPLICATES, NULL);
}

static int execute(struct admin_payload *p, struct admin_call *ac)
{
	struct rpc_call *c = &ac->write.call;
	struct directory_user me;
	const char *fault;
	json_t *root;
	int rc = directory_user_get(c->dir, p->uid, &me);

	if (rc != IM_OK && rc != IM_E_NONE)
		return rc;
	/* The plugin has asked already, from its cache. */
	if (rc == IM_E_NONE || me.role != IM_ROLE_ADMIN || me.disabled) {
		put_refusal(p->out, IM_E_NOT_ALLOWED, "this is for administrators");
		return IM_OK;
	}
	c->user = me.id;
	root = parse(p->payload);
	if (root == NULL) {
		fault = im_json_fault(p->payload);
		put_refusal(p->out, IM_E_PARSE, fault ? fault : "the payload is no JSON object");
		return IM_OK;
	}
	rc = run_all(ac, json_object_get(root, "commands"), p->absent, p->out);
	json_decref(root);
	return rc;
}

int admin_execute(struct admin_payload *p)
{
	struct im_buf result, why, noted;
	struct admin_call ac = {.write = {.call = {.uid = p->uid,
						  .device = p->device,
						  .admin = true,
						  .by_operator = true,
						  .now_ms = p->now_ms,
						  .set = p->set,
						  .dir = writer_directory(p->w),
						  .result = &result,
						  .why = &why},
					.writer = p->w,
					.presence = p->presence,
					.cursors = p->cursors},
		.hooks = p->hooks,
		.places = p->places,
		.away = p->away,
		.noted = &noted};
	int rc;

	im_buf_init(&result, 0);
	im_buf_init(&why, 0);
	im_buf_init(&noted, 0);
	im_buf_z(p->out, "{\"responses\":[");
	rc = execute(p, &ac);
	im_buf_z(p->out, "]}");
	im_buf_free(&result);
	im_buf_free(&why);
	im_buf_free(&noted);
	if (rc == IM_OK && p->out->failed)
		rc = IM_E_NOMEM;
	p->later = ac.later != NULL;
	return rc;
}
