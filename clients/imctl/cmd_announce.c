/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One message to all users, or to those of a file. A list is longer than a request, so it is
 * brought in pieces before anything is sent; what is wrong with it ends the whole.
 */
#include "clients/imctl/cmd_announce.h"

#include <stdlib.h>

#include "clients/imctl/control.h"
#include "clients/imctl/exit.h"
#include "clients/imctl/file.h"
#include "clients/imctl/options.h"
#include "common/ids.h"

#define USERS_PER_REQUEST 500

static int add_line(json_t *users, struct im_str line, long long number, struct im_buf *why)
{
	while (line.n && (line.p[line.n - 1] == '\n' || line.p[line.n - 1] == '\r'))
		line.n--;
	if (line.n == 0 || line.p[0] == '#')
		return IMCTL_OK;
	if (!im_uid_valid(line)) {
		im_buf_printf(why,
			"line %lld is no user id: give one a line, 1 to 64 of A-Z a-z 0-9 _ . @ -",
			number);
		return IMCTL_USAGE;
	}
	json_array_append_new(users, json_stringn(line.p, line.n));
	return IMCTL_OK;
}

static int read_users(const char *path, json_t *users, struct im_buf *why)
{
	FILE *in = file_open(path, why);
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	long long number = 0;
	int rc = IMCTL_OK;

	if (!in)
		return IMCTL_USAGE;
	while (rc == IMCTL_OK && (n = getline(&line, &cap, in)) >= 0)
		rc = add_line(users, (struct im_str){line, (size_t)n}, ++number, why);
	if (rc == IMCTL_OK && (ferror(in) || json_array_size(users) == 0)) {
		im_buf_printf(why, "%s: %s", path,
			ferror(in) ? "cannot be read" : "names no user; give one a line");
		rc = IMCTL_USAGE;
	}
	free(line);
	if (in != stdin)
		fclose(in);
	return rc;
}

/* `id` of what is being put together, and a member more. */
static int call(struct command_call *c, struct control *con, const char *command, json_t *params)
{
	int rc;

	json_decref(c->result);
	c->result = NULL;
	rc = control_call(con, command, params, 0, &c->result, c->why);
	json_decref(params);
	return rc;
}

static int add_users(
	struct command_call *c, struct control *con, json_int_t id, const json_t *users)
{
	int rc = IMCTL_OK;

	for (size_t at = 0; rc == IMCTL_OK && at < json_array_size(users);) {
		json_t *some = json_array();

		for (size_t i = 0; i < USERS_PER_REQUEST && at < json_array_size(users); i++)
			json_array_append(some, json_array_get(users, at++));
		rc = call(c, con, "addAnnouncementUsers",
			json_pack("{s:I, s:o}", "id", id, "members", some));
	}
	return rc;
}

/* In words, in place of the result. */
static void say(struct command_call *c)
{
	json_int_t id = json_integer_value(json_object_get(c->result, "id"));
	json_int_t total = json_integer_value(json_object_get(c->result, "total"));

	printf("announcement %lld is under way to %lld user%s; imctl announce status shows how far "
	       "it is\n",
		(long long)id, (long long)total, total == 1 ? "" : "s");
	json_decref(c->result);
	c->result = NULL;
}

static int create(struct command_call *c, struct control *con, const json_t *users)
{
	json_t *params = json_pack("{s:O}", "message", json_object_get(c->params, "message"));
	json_t *rate = json_object_get(c->params, "rate");
	json_int_t id;
	int rc;

	if (rate)
		json_object_set(params, "rate", rate);
	if (users)
		json_object_set_new(params, "listed", json_true());
	rc = call(c, con, "createAnnouncement", params);
	if (rc != IMCTL_OK || !users)
		return rc;
	id = json_integer_value(json_object_get(c->result, "id"));
	rc = add_users(c, con, id, users);
	if (rc == IMCTL_OK)
		return call(c, con, "startAnnouncement", json_pack("{s:I}", "id", id));
	im_buf_z(c->why, "; nothing was sent");
	/* The reason is the first one's. */
	struct im_buf first = *c->why;
	im_buf_init(c->why, 0);
	(void)call(c, con, "stopAnnouncement", json_pack("{s:I}", "id", id));
	im_buf_free(c->why);
	*c->why = first;
	return rc;
}

static int announce(struct command_call *c, struct control *con)
{
	const char *path = json_string_value(json_object_get(c->params, ".to"));
	json_t *users = path ? json_array() : NULL;
	int rc = path ? read_users(path, users, c->why) : IMCTL_OK;

	if (rc == IMCTL_OK)
		rc = create(c, con, users);
	if (rc == IMCTL_OK && !c->opt->json)
		say(c);
	json_decref(users);
	return rc;
}

static const struct arg announce_args[] = {
	{"MESSAGE", "message", ARG_TEXT, true, NULL,
		"a text, or an envelope in JSON, as it is published to a user"},
	{"--to", ".to", ARG_TEXT, false, NULL,
		"only to the users of this file, one a line; - for standard input (all)"},
	{"--rate", "rate", ARG_INTEGER, false, NULL, "so many a second at most (200)"},
	{NULL, NULL, ARG_TEXT, false, NULL, NULL},
};
static const struct arg status_args[] = {
	{"--after", "after", ARG_TEXT, false, NULL, "start behind this announcement"},
	{"--limit", "limit", ARG_INTEGER, false, NULL, "at most so many (all)"},
	{NULL, NULL, ARG_TEXT, false, NULL, NULL},
};
static const struct arg stop_args[] = {
	{"ID", "id", ARG_INTEGER, true, NULL, "the announcement"},
	{NULL, NULL, ARG_TEXT, false, NULL, NULL},
};

/* The longer names first: a message is any text. */
const struct command cmd_announce[] = {
	{.name = "announce status",
		.help = "lists announcements and how far they are",
		.args = status_args,
		.request = "listAnnouncements",
		.rows = "announcements",
		.columns = "id state created_ms by listed rate sent total ended_ms"},
	{.name = "announce stop",
		.help = "ends an announcement: who has not got it does not get it",
		.args = stop_args,
		.request = "stopAnnouncement"},
	{.name = "announce",
		.help = "sends a message to all users, each in the own conversation with system",
		.args = announce_args,
		.request = "createAnnouncement",
		.online = announce},
	{.name = NULL},
};
