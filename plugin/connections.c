/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by hooks.c for what administrators send, before the bridge gets it. Reads the table of
 * sessions, and changes nothing. */
#include "plugin/connections.h"

#include <utlist.h>

#include "common/devpage.h"
#include "common/frame.h"
#include "common/ids.h"
#include "plugin/command.h"

enum param { USER, AFTER };
static const char *const params[] = {"username", "after", NULL};
/* Its connection has the client id still: another one may have taken over in this turn. */
static bool is_here(const struct plugin *p, const struct session *e)
{
	return e->state != SESSION_OFFLINE && !session_ending(e) &&
	       clients_device(p->clients, session_device(e)) == e;
}

/* ---- the list ---- */

static void find(const struct plugin *p, const struct session_user *u, struct im_devpage *pg)
{
	const struct session *e;

	DL_FOREACH2(u->list, e, user_next)
	{
		const struct im_devpage_row row = {
			.device = session_device(e), .since_ms = e->opened_ms};

		if (is_here(p, e))
			im_devpage_take(pg, &row);
	}
}

/* NULL, or what is wrong. */
static const char *check(struct plugin *p, const struct command *c)
{
	struct lookup_user u;
	int ret;

	if (!im_uid_valid(command_param(c, USER)))
		return "username must be a user's name";
	if (c->integer == 0 || c->integer > IM_DEVPAGE_MAX)
		return "limit is a whole number from 1 to 1000";
	ret = lookup_user(p->lookup, command_param(c, USER), &u);
	if (ret == IM_E_NONE)
		return "there is no user of this name";
	return ret ? "directory.db cannot be read" : NULL;
}

/* NULL, or what is wrong. */
static const char *list(struct plugin *p, const struct command *c, struct im_buf *out)
{
	const struct session_user *u = clients_user(p->clients, command_param(c, USER));
	size_t limit = c->integer > 0 ? (size_t)c->integer : IM_DEVPAGE_MAX;
	struct im_devpage pg;
	const char *wrong = check(p, c);

	if (wrong)
		return wrong;
	if (im_devpage_init(&pg, command_param(c, AFTER), limit))
		return "out of memory";
	if (u)
		find(p, u, &pg);
	im_devpage_put(&pg, out);
	im_devpage_free(&pg);
	return NULL;
}

bool connections_answer(struct plugin *p, const struct session *e, struct im_str payload)
{
	static const struct command_spec spec = {
		.name = "listConnections",
		.params = params,
		.integer = "limit",
		.params_are = "the parameters are username, after and limit; leave out others",
		.answer = list,
	};

	return !p->home.several && command_answer(p, e, payload, &spec);
}

/* ---- who is not here ---- */

/* It can be ended: it is here, or has left something at the broker that has a place. */
static bool is_there(const struct plugin *p, const struct session *e)
{
	return is_here(p, e) || (e->state == SESSION_OFFLINE && session_is_thing(e) && e->stays);
}

static bool any_of(const struct plugin *p, const struct session *list)
{
	const struct session *e;

	DL_FOREACH2(list, e, user_next)
	{
		if (is_there(p, e))
			return true;
	}
	return false;
}

static bool any_there(const struct plugin *p, struct im_str uid)
{
	const struct session_user *u = clients_user(p->clients, uid);

	return u && (any_of(p, u->list) || any_of(p, u->away));
}

static bool device_there(const struct plugin *p, struct im_str uid, struct im_str device)
{
	const struct session *e = clients_device(p->clients, device);

	return e && im_str_eq(session_uid(e), uid) && is_there(p, e);
}

enum kick_member { KICK_COMMAND, KICK_USER, KICK_DEVICE, KICK_MEMBERS };

static bool is_absent(const struct plugin *p, const struct im_json *command)
{
	static const char *const names[KICK_MEMBERS] = {"command", "username", "device"};
	struct im_buf v[KICK_MEMBERS];
	struct im_json_iter it;
	struct im_json value;
	struct im_str key;
	bool absent = false;

	for (int m = 0; m < KICK_MEMBERS; m++)
		im_buf_init(&v[m], 0);
	im_json_iter(command, &it);
	while (command->type == IM_JSON_OBJECT && im_json_next(&it, &key, &value))
		for (int m = 0; m < KICK_MEMBERS; m++)
			if (im_str_eqz(key, names[m]) && im_json_text(&value, &v[m]))
				break; /* the bridge says what is wrong with it */
	if (im_str_eqz(im_buf_view(&v[KICK_COMMAND]), "kickUser") ||
		im_str_eqz(im_buf_view(&v[KICK_COMMAND]), "kickDevice"))
		absent = v[KICK_DEVICE].n ? !device_there(p, im_buf_view(&v[KICK_USER]),
						    im_buf_view(&v[KICK_DEVICE]))
					  : !any_there(p, im_buf_view(&v[KICK_USER]));
	for (int m = 0; m < KICK_MEMBERS; m++)
		im_buf_free(&v[m]);
	return absent;
}

struct im_str connections_absent(
	struct plugin *p, struct im_str payload, char out[IM_CONTROL_COMMANDS_MAX])
{
	struct im_json_iter it;
	struct im_json v;
	size_t n = 0;

	if (!command_list(payload, "\"kick", &it))
		return (struct im_str){0};
	while (n < IM_CONTROL_COMMANDS_MAX && im_json_next(&it, NULL, &v))
		out[n++] = !p->home.several && is_absent(p, &v) ? IM_KICK_ABSENT : IM_KICK_OTHER;
	return (struct im_str){out, n};
}
