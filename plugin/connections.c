/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by hooks.c for what administrators send, before the bridge gets it. Reads the table of
 * sessions, and changes nothing. */
#include "plugin/connections.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/frame.h"
#include "common/ids.h"
#include "common/jsonw.h"
#include "plugin/command.h"

#define PAGE_MAX 1000

enum param { USER, AFTER };
static const char *const params[] = {"username", "after", NULL};
/* Its connection has the client id still: another one may have taken over in this turn. */
static bool is_here(const struct plugin *p, const struct session *e)
{
	return e->state != SESSION_OFFLINE && !session_ending(e) &&
	       clients_device(p->clients, session_device(e)) == e;
}

/* ---- the list ---- */

/* Those with the first names behind `after`, in order; and whether there are more. */
struct page {
	const struct session **v;
	size_t n, limit;
	bool more;
};

/* Where in the page it comes. */
static size_t place_of(const struct page *pg, struct im_str device)
{
	size_t low = 0, high = pg->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (im_str_cmp(session_device(pg->v[mid]), device) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void page_take(struct page *pg, const struct session *e)
{
	size_t at = place_of(pg, session_device(e));

	if (pg->n == pg->limit) {
		pg->more = true;
		if (at == pg->n)
			return;
		pg->n--;
	}
	memmove(pg->v + at + 1, pg->v + at, (pg->n - at) * sizeof(*pg->v));
	pg->v[at] = e;
	pg->n++;
}

static void find(
	const struct plugin *p, const struct session_user *u, struct im_str after, struct page *pg)
{
	const struct session *e;

	DL_FOREACH2(u->list, e, user_next)
	{
		if (im_str_cmp(session_device(e), after) > 0 && is_here(p, e))
			page_take(pg, e);
	}
}

static void put_page(const struct page *pg, struct im_buf *out)
{
	im_buf_z(out, "{\"connections\":[");
	for (size_t i = 0; i < pg->n; i++) {
		im_buf_z(out, i ? ",{\"device\":" : "{\"device\":");
		im_jsonw_str(out, session_device(pg->v[i]));
		im_jsonw_member_int(out, "since_ms", pg->v[i]->opened_ms);
		im_buf_c(out, '}');
	}
	im_buf_z(out, "]");
	if (pg->more) {
		im_buf_z(out, ",\"more\":true");
		im_jsonw_member_str(out, "next", session_device(pg->v[pg->n - 1]));
	}
	im_buf_c(out, '}');
}

/* NULL, or what is wrong. */
static const char *check(struct plugin *p, const struct command *c)
{
	struct lookup_user u;
	int ret;

	if (!im_uid_valid(command_param(c, USER)))
		return "username must be a user's name";
	if (c->integer == 0 || c->integer > PAGE_MAX)
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
	struct page pg = {.limit = c->integer > 0 ? (size_t)c->integer : PAGE_MAX};
	const char *wrong = check(p, c);

	if (wrong)
		return wrong;
	pg.v = calloc(pg.limit, sizeof(const struct session *));
	if (!pg.v)
		return "out of memory";
	if (u)
		find(p, u, command_param(c, AFTER), &pg);
	put_page(&pg, out);
	free(pg.v);
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
