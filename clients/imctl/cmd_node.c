/* SPDX-License-Identifier: BSD-3-Clause */
/* The commands on groups and on the node itself: rows only, the server does the work, but for what
 * needs it to be down. */
#include "clients/imctl/cmd_node.h"

#include "clients/imctl/brokeracl.h"
#include "clients/imctl/offline.h"
#include "clients/imctl/options.h"
#include "clients/imctl/stats_text.h"
#include "clients/imctl/vacuum.h"

#define END                                             \
	{                                               \
		NULL, NULL, ARG_TEXT, false, NULL, NULL \
	}
#define GID_ARG                                                \
	{                                                      \
		"GID", "gid", ARG_GID, true, NULL, "the group" \
	}

/* The answer comes when all is copied. */
#define BACKUP_TIMEOUT_S 3600

#define BROKER_CONF "/etc/mosquitto/mosquitto.conf"

static const struct arg no_args[] = {END};
static const struct arg dismiss_args[] = {
	GID_ARG,
	{"--erase", "erase", ARG_FLAG, false, NULL,
		"its messages go at once; also for one that is dismissed already"},
	END,
};
static const struct arg show_args[] = {GID_ARG, END};
static const struct arg kept_args[] = {
	GID_ARG,
	{"--after", "after", ARG_UID, false, NULL, "start behind this user"},
	{"--limit", "limit", ARG_INTEGER, false, NULL, "at most so many (all)"},
	END,
};
static const struct arg create_args[] = {
	GID_ARG,
	{"--owner", "owner", ARG_UID, true, NULL, "the user it belongs to"},
	{"--members", "members", ARG_UIDS, false, NULL, "its first members, separated by commas"},
	{"--name", "name", ARG_TEXT, false, NULL, "its name"},
	{"--kind", "kind", ARG_CHOICE, false, "group|room",
		"group, or room for a live audience of any size (group)"},
	{"--join", "join", ARG_CHOICE, false, "open|approval|invite", "who may join (invite)"},
	{"--history", "history", ARG_CHOICE, false, "join|all",
		"what a member can read: from its joining on, or all (all)"},
	{"--member-limit", "member_limit", ARG_INTEGER, false, NULL, "most members"},
	END,
};
static const struct arg list_args[] = {
	{"--after", "after", ARG_GID, false, NULL, "start behind this group"},
	{"--limit", "limit", ARG_INTEGER, false, NULL, "at most so many (all)"},
	END,
};
static const struct arg add_args[] = {
	GID_ARG,
	{"UID", "members", ARG_UIDS, true, NULL, "the users"},
	END,
};
static const struct arg role_args[] = {
	GID_ARG,
	{"UID", "username", ARG_UID, true, NULL, "the member"},
	{"ROLE", "role", ARG_CHOICE, true, "member|admin|owner", "member, admin, or owner"},
	END,
};
static const struct arg kick_args[] = {
	{"UID", "username", ARG_UID, true, NULL, "the user"},
	{"DEVICE", "device", ARG_DEVICE, false, NULL, "only this device (all of them)"},
	END,
};
static const struct arg message_args[] = {
	{"CONV", "conv", ARG_CONV, true, NULL, "u/UID or g/GID"},
	{"TEXT", "body", ARG_TEXT, true, NULL, "the message"},
	END,
};
static const struct arg recall_args[] = {
	{"CONV", "conv", ARG_CONV, true, NULL, "g/GID, or u/UID"},
	{"SEQ", "seq", ARG_INTEGER, true, NULL, "the message"},
	{"--with", "with", ARG_UID, false, NULL, "of u/UID: the other of the two"},
	END,
};
static const struct arg report_args[] = {
	{"ID", "id", ARG_INTEGER, true, NULL, "the report"},
	END,
};
static const struct arg reports_args[] = {
	{"--closed", "closed", ARG_FLAG, false, NULL, "those that are closed"},
	{"--after", "after", ARG_TEXT, false, NULL, "start behind this report"},
	{"--limit", "limit", ARG_INTEGER, false, NULL, "at most so many (all)"},
	END,
};
static const struct arg close_args[] = {
	{"ID", "id", ARG_INTEGER, true, NULL, "the report"},
	{"--note", "note", ARG_TEXT, false, NULL, "what was found or done"},
	END,
};
static const struct arg backup_args[] = {
	{"FOLDER", "dir", ARG_PATH, true, NULL,
		"a folder on the bridge's machine that its user can write to"},
	END,
};

static const struct arg audit_args[] = {
	{"--user", "username", ARG_UID, false, NULL, "only what this user did, or was done to it"},
	{"--after", "after", ARG_TEXT, false, NULL, "start behind this row"},
	{"--last", "last", ARG_INTEGER, false, NULL, "the newest so many (all)"},
	{"--limit", "limit", ARG_INTEGER, false, NULL, "at most so many (all)"},
	END,
};
static const struct arg explain_args[] = {
	{"UID", "username", ARG_UID, true, NULL, "the user"},
	{"ACCESS", "access", ARG_CHOICE, true, "publish|subscribe|read",
		"publish, subscribe, or read"},
	{"TOPIC", "topic", ARG_TEXT, true, NULL, "the topic; with subscribe, a filter"},
	{"--device", "device", ARG_TEXT, false, NULL, "with this client id"},
	END,
};
static const struct arg check_acl_args[] = {
	{"FILE", "conf", ARG_PATH, false, NULL,
		"the broker's configuration (" BROKER_CONF "), or the acl_file itself"},
	END,
};
static const struct arg vacuum_args[] = {
	{"DATABASE", "database", ARG_CHOICE, false, "messages|directory|search",
		"only this one (all of them)"},
	END,
};

static int vacuum(struct command_call *c)
{
	return vacuum_run(c->opt->offline,
		json_string_value(json_object_get(c->params, "database")), &c->result, c->why);
}

static int check_acl(struct command_call *c)
{
	const char *conf = json_string_value(json_object_get(c->params, "conf"));

	return brokeracl_check(conf ? conf : BROKER_CONF, &c->result, c->why);
}

static int check(struct command_call *c)
{
	json_t *findings = json_array();

	c->result = json_pack("{s:o}", "findings", findings);
	return offline_check(c->offline, findings, c->why);
}

const struct command cmd_node[] = {
	{.name = "group create",
		.help = "creates a group or room",
		.args = create_args,
		.request = "createGroup"},
	{.name = "group dismiss",
		.help = "ends a group: nobody is a member any longer",
		.args = dismiss_args,
		.request = "dismissGroup"},
	{.name = "group list",
		.help = "lists the groups by group id",
		.args = list_args,
		.request = "listGroups",
		.rows = "groups",
		.columns = "gid kind members created_ms name"},
	{.name = "group show",
		.help = "shows a group with its members",
		.args = show_args,
		.request = "getGroup",
		.rows = "members"},
	{.name = "group add",
		.help = "makes users members of a group",
		.args = add_args,
		.request = "addGroupMember"},
	{.name = "group remove",
		.help = "takes members out of a group",
		.args = add_args,
		.request = "removeGroupMember"},
	{.name = "group role",
		.help = "sets what a member of a group may do",
		.args = role_args,
		.request = "setGroupRole"},
	{.name = "group bans",
		.help = "lists who was banned from a group",
		.args = kept_args,
		.request = "listGroupBans",
		.rows = "bans",
		.columns = "username since_ms deleted"},
	{.name = "group unban",
		.help = "lets users join a group again",
		.args = add_args,
		.request = "unbanGroupMember"},
	{.name = "group mutes",
		.help = "lists who may not write to a group, members and others",
		.args = kept_args,
		.request = "listGroupMutes",
		.rows = "mutes",
		.columns = "username until_ms deleted"},
	{.name = "group unmute",
		.help = "lets users write to a group again",
		.args = add_args,
		.request = "unmuteGroupMember"},
	{.name = "kick",
		.help = "disconnects a user's devices, or one of them",
		.args = kick_args,
		.request = "kickUser"},
	{.name = "message recall",
		.help = "takes a message back, whoever has sent it",
		.args = recall_args,
		.request = "recallMessage"},
	{.name = "message",
		.help = "sends a system message to a user or a group",
		.args = message_args,
		.request = "sendSystemMessage"},
	{.name = "report list",
		.help = "lists the messages that members have reported",
		.args = reports_args,
		.request = "listReports",
		.rows = "reports",
		.columns = "id created_ms reporter sender conv seq reason body"},
	{.name = "report recall",
		.help = "takes a reported message back",
		.args = report_args,
		.request = "recallReported"},
	{.name = "report close",
		.help = "closes a report",
		.args = close_args,
		.request = "closeReport"},
	{.name = "audit",
		.help = "shows what administrators have done",
		.args = audit_args,
		.request = "listAudit",
		.rows = "rows",
		.columns = "id ts_ms by command subject outcome detail"},
	{.name = "explain",
		.help = "says whether a user may publish, subscribe to or read a topic, and by "
			"which rule",
		.args = explain_args,
		.request = "explain"},
	{.name = "check acl",
		.help = "looks at the rights on ordinary topics that the broker's configuration "
			"names, without a node",
		.args = check_acl_args,
		.local = check_acl},
	{.name = "check",
		.help = "lists names that earlier versions gave and nobody could get today",
		.args = no_args,
		.request = "checkNames",
		.offline = check,
		.rows = "findings",
		.columns = "kind name finding beside deleted"},
	{.name = "stats",
		.help = "shows the counters of the bridge and of the plugin in each broker",
		.args = no_args,
		.request = "getStats",
		.show = stats_print},
	{.name = "backup",
		.help = "copies the databases to a folder while the node runs",
		.args = backup_args,
		.request = "backup",
		.timeout_s = BACKUP_TIMEOUT_S},
	{.name = "vacuum",
		.help = "gives the space of deleted messages back to the disk, while no bridge "
			"runs",
		.args = vacuum_args,
		.offline = vacuum,
		.noted = "vacuum",
		.alone = true,
		.rows = "databases",
		.columns = "database before after"},
	{.name = NULL},
};
