/* SPDX-License-Identifier: BSD-3-Clause */
/* The commands on users and tokens: their rows, and what they do without a server. */
#include "clients/imctl/cmd_user.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "clients/imctl/export.h"
#include "clients/imctl/file.h"
#include "clients/imctl/import_target.h"
#include "clients/imctl/offline.h"
#include "clients/imctl/options.h"
#include "clients/imctl/password.h"
#include "clients/imctl/token.h"
#include "common/limits.h"
#include "common/may.h"

#define TOKEN_TTL_S (30 * 86400)
#define SECRET_MIN 32 /* RFC 7518: as long as the hash */
#define SECRET_MAX 4096
/* The answer comes when all is erased. */
#define ERASE_TIMEOUT_S 86400

static const char *text_of(const struct command_call *c, const char *member)
{
	return json_string_value(json_object_get(c->params, member));
}

static int role_of(const struct command_call *c)
{
	const char *role = text_of(c, "role");
	int found = role ? im_role_parse(im_str(role)) : IM_ROLE_USER;

	return found < 0 ? IM_ROLE_USER : found;
}

static int create(struct command_call *c)
{
	return offline_user_create(c->offline, text_of(c, "username"), role_of(c),
		text_of(c, "password"), text_of(c, "nick"), c->why);
}

static int set_password(struct command_call *c)
{
	return offline_user_set_password(
		c->offline, text_of(c, "username"), text_of(c, "password"), c->why);
}

static int disable(struct command_call *c)
{
	return offline_user_set_disabled(c->offline, text_of(c, "username"), true, c->why);
}

static int enable(struct command_call *c)
{
	return offline_user_set_disabled(c->offline, text_of(c, "username"), false, c->why);
}

static int set_role(struct command_call *c)
{
	return offline_user_set_role(c->offline, text_of(c, "username"), role_of(c), c->why);
}

static int list(struct command_call *c)
{
	const char *after = text_of(c, "after");
	json_t *rows = json_array();

	c->result = json_pack("{s:o}", "users", rows);
	return offline_user_list(c->offline, after ? after : "",
		json_integer_value(json_object_get(c->params, "limit")), rows, c->why);
}

static int show(struct command_call *c)
{
	return offline_user_get(c->offline, text_of(c, "username"), &c->result, c->why);
}

static int import_to(struct command_call *c, const struct import_target *t)
{
	const struct import_order o = {
		.in = c->input,
		.hashes = json_object_get(c->params, ".hashes"),
		.update = json_object_get(c->params, ".update"),
		.administrators = json_object_get(c->params, ".administrators"),
		.dry_run = json_object_get(c->params, DRY_RUN),
	};

	return import_run(&o, t, &c->result, c->why);
}

static int import(struct command_call *c)
{
	const struct import_target t = import_offline(c->offline);
	int rc = import_to(c, &t);

	if (rc == IMCTL_OK)
		json_object_update(c->params, c->result);
	return rc;
}

static int import_running(struct command_call *c, struct control *con)
{
	struct import_online *on = import_online_new(con);
	int rc = IMCTL_REFUSED;

	if (on) {
		const struct import_target t = import_online(on);
		rc = import_to(c, &t);
	}
	import_online_free(&on);
	return rc;
}

/* Appends the secret that tokens are signed with. */
static int read_secret(struct command_call *c, struct im_buf *secret)
{
	const char *path = text_of(c, ".secret_file");
	int error;

	if (!path && !c->opt->jwt_secret_file && options_need_file(c->opt, c->why) != IM_OK)
		return IMCTL_USAGE;
	if (!path)
		path = c->opt->jwt_secret_file;
	if (!path) {
		im_buf_z(c->why,
			"no secret to sign with: give --secret-file, or jwt_secret_file in "
			"imctl's configuration");
		return IMCTL_USAGE;
	}
	error = file_read_line(path, secret);
	if (!error && secret->n >= SECRET_MIN)
		return IMCTL_OK;
	if (error)
		im_buf_printf(c->why, "secret file %s: %s", path, strerror(error));
	else
		im_buf_printf(
			c->why, "secret file %s: a secret has at least %d bytes", path, SECRET_MIN);
	return IMCTL_USAGE;
}

static int token(struct command_call *c)
{
	json_t *ttl = json_object_get(c->params, ".ttl");
	const struct token_facts facts = {.uid = text_of(c, ".username"),
		.kid = text_of(c, ".kid"),
		.now_s = (int64_t)time(NULL),
		.ttl_s = ttl ? json_integer_value(ttl) : TOKEN_TTL_S};
	struct im_buf secret, out;
	int rc;

	if (facts.ttl_s > IM_TOKEN_TTL_MAX_S) {
		im_buf_z(c->why, "--ttl: the broker takes no token that is good for more than ten "
				 "years");
		return IMCTL_USAGE;
	}
	im_buf_init(&secret, SECRET_MAX + 1);
	im_buf_init(&out, 0);
	rc = read_secret(c, &secret);
	if (rc == IMCTL_OK && token_make(&facts, im_buf_view(&secret), &out) != IM_OK) {
		im_buf_z(c->why, "cannot make the token: out of memory");
		rc = IMCTL_REFUSED;
	}
	if (rc == IMCTL_OK)
		c->result = json_pack("{s:s%}", "token", out.p, out.n);
	if (secret.p)
		explicit_bzero(secret.p, secret.cap);
	im_buf_free(&secret);
	im_buf_free(&out);
	return rc;
}

#define UID_ARG                                                    \
	{                                                          \
		"UID", "username", ARG_UID, true, NULL, "the user" \
	}
#define END                                             \
	{                                               \
		NULL, NULL, ARG_TEXT, false, NULL, NULL \
	}

static const struct arg create_args[] = {
	UID_ARG,
	{"--role", "role", ARG_CHOICE, false, "user|admin|device", "what the account is (user)"},
	{"--admin", ".admin", ARG_FLAG, false, NULL, "the same as --role admin"},
	{"--nick", "nick", ARG_TEXT, false, NULL, "the name that others see"},
	PASSWORD_ARGS,
	END,
};
static const struct arg erase_args[] = {
	UID_ARG,
	{"--name", "name", ARG_FLAG, false, NULL,
		"the name as well: the account is deleted, and shown by its number"},
	END,
};
static const struct arg erasures_args[] = {
	{"--after", "after", ARG_TEXT, false, NULL, "start behind this erasure"},
	{"--limit", "limit", ARG_INTEGER, false, NULL, "at most so many (all)"},
	END,
};
static const struct arg export_args[] = {
	UID_ARG,
	{"--output", ".output", ARG_TEXT, false, NULL,
		"the file to write, replaced when all is there (standard output)"},
	END,
};
static const struct arg restore_args[] = {
	UID_ARG,
	{"--role", "role", ARG_CHOICE, false, "user|admin|device", "what the account is (user)"},
	PASSWORD_ARGS,
	END,
};
static const struct arg password_args[] = {UID_ARG, PASSWORD_ARGS, END};
static const struct arg uid_args[] = {UID_ARG, END};
static const struct arg role_args[] = {
	UID_ARG,
	{"ROLE", "role", ARG_CHOICE, true, "user|admin|device", "user, admin or device"},
	END,
};
static const struct arg max_devices_args[] = {
	UID_ARG,
	{"N", "max_devices", ARG_FIGURE, false, NULL,
		"how many; 0 for no limit, default for what the broker is configured for; without "
		"it, what holds is shown"},
	END,
};
static const struct arg bind_args[] = {
	UID_ARG,
	{"PATTERN", "pattern", ARG_TEXT, false, NULL,
		"what they begin with, and a *, such as 'veh-*'; none to bind them one by one; "
		"without it, what holds is shown"},
	END,
};
static const struct arg quota_args[] = {
	UID_ARG,
	{"KIND", "kind", ARG_CHOICE, false, "groups|invitations|requests",
		"of what; without it, all are shown"},
	{"N", "max", ARG_FIGURE, false, NULL,
		"how many within a day; 0 for no limit, default for what the node is configured "
		"for; without it, what holds is shown"},
	END,
};
static const struct arg list_args[] = {
	{"--after", "after", ARG_UID, false, NULL, "start behind this user id"},
	{"--limit", "limit", ARG_INTEGER, false, NULL, "at most so many (all)"},
	END,
};
static const struct arg import_args[] = {
	{"FILE", ".input", ARG_TEXT, true, NULL,
		"a line each: uid, uid,password or uid:hash, as mosquitto_passwd writes it; - for "
		"standard input"},
	{"--hashes", ".hashes", ARG_FLAG, false, NULL, "what follows a comma is a hash, too"},
	{"--update", ".update", ARG_FLAG, false, NULL, "users who exist get the file's password"},
	{"--administrators", ".administrators", ARG_FLAG, false, NULL,
		"with --update: administrators do, too"},
	{"--dry-run", DRY_RUN, ARG_FLAG, false, NULL,
		"only say what would be done, and what is wrong"},
	END,
};
static const struct arg token_args[] = {
	{"UID", ".username", ARG_UID, true, NULL, "the user that it is for"},
	{"--ttl", ".ttl", ARG_SECONDS, false, NULL,
		"how long it is good, such as 90s, 15m, 12h (30d)"},
	{"--kid", ".kid", ARG_TEXT, false, NULL,
		"name of the secret, where the broker has several (jwt_key_dir)"},
	{"--secret-file", ".secret_file", ARG_TEXT, false, NULL,
		"file with the broker's HS256 secret (jwt_secret_file of the configuration)"},
	END,
};

#define USER_COLUMNS "username role disabled hash created_ms nick"

const struct command cmd_user[] = {
	{.name = "user create",
		.help = "creates a user",
		.args = create_args,
		.request = "createUser",
		.offline = create,
		.noted = "createUser",
		.password = true},
	{.name = "user delete",
		.help = "deletes a user and disconnects it; its messages stay, its name is not "
			"given "
			"again",
		.args = uid_args,
		.request = "deleteUser"},
	{.name = "user restore",
		.help = "gives a deleted user the account back, with a new password; tokens issued "
			"before are void",
		.args = restore_args,
		.request = "restoreUser",
		.password = true},
	{.name = "user erase",
		.help = "takes everything that a disabled or deleted user wrote out of the node, "
			"for "
			"good, and comes back when it is done",
		.args = erase_args,
		.request = "eraseUser",
		.timeout_s = ERASE_TIMEOUT_S},
	{.name = "user erasures",
		.help = "lists what was erased, and what is being erased",
		.args = erasures_args,
		.request = "listErasures",
		.rows = "erasures",
		.columns = "id user username words name asked_ms stage done_ms"},
	{.name = "user export",
		.help = "writes everything that the node has of a user, as one JSON object",
		.args = export_args,
		.request = "exportUser",
		.online = export_user},
	{.name = "user disable",
		.help = "refuses a user's logins and disconnects it",
		.args = uid_args,
		.request = "disableUser",
		.offline = disable,
		.noted = "disableUser"},
	{.name = "user enable",
		.help = "ends a user's being disabled",
		.args = uid_args,
		.request = "enableUser",
		.offline = enable,
		.noted = "enableUser"},
	{.name = "user password",
		.help = "sets a user's password",
		.args = password_args,
		.request = "setUserPassword",
		.offline = set_password,
		.noted = "setUserPassword",
		.password = true},
	{.name = "user role",
		.help = "makes an account a person's, an administrator's, or one of many devices",
		.args = role_args,
		.request = "setUserRole",
		.offline = set_role,
		.noted = "setUserRole"},
	{.name = "user devices",
		.help = "limits how many devices of a user may be connected at a time, or shows it",
		.args = max_devices_args,
		.request = "setUserMaxDevices"},
	{.name = "user bind",
		.help = "says what the client ids of a device account begin with, or shows it",
		.args = bind_args,
		.request = "setUserBind"},
	{.name = "user quota",
		.help = "limits what a user may do to others within a day, or shows it",
		.args = quota_args,
		.request = "setUserQuota",
		.rows = "quotas",
		.whole = true,
		.columns = "kind max used own"},
	{.name = "user list",
		.help = "lists the users by user id",
		.args = list_args,
		.request = "listUsers",
		.offline = list,
		.rows = "users",
		.columns = USER_COLUMNS},
	{.name = "user show",
		.help = "shows a user with its devices and groups",
		.args = uid_args,
		.request = "getUser",
		.offline = show},
	{.name = "user import",
		.help = "creates many users at once, from a file of mosquitto_passwd or a list; "
			"existing ones stay as they are",
		.args = import_args,
		.request = "importUsers",
		.offline = import,
		.online = import_running,
		.noted = "importUsers",
		.counts = true},
	{.name = "token",
		.help = "makes a token that a user can log in with in place of a password",
		.args = token_args,
		.local = token,
		.text = "token"},
	{.name = NULL},
};
