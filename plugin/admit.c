/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Admission. Called by hooks.c for BASIC_AUTH, and by identity.c for clients about which none
 * comes. Passwords and tokens are auth.c's; the bridge is link.c's; those whose password takes a
 * thread wait in later.c.
 */
#include "plugin/admit.h"

#include "common/ids.h"
#include "common/limits.h"
#include "plugin/account.h"
#include "plugin/capture.h"
#include "plugin/contest.h"
#include "plugin/ending.h"
#include "plugin/home.h"
#include "plugin/later.h"
#include "plugin/link.h"
#include "plugin/refusal.h"

const struct denial admit_unreadable = {DENIAL_FAULT, "directory.db cannot be read"};

/* Whom an unknown name may have meant. */
static void put_namesake(struct plugin *p, struct im_str uid, struct im_buf *out)
{
	im_buf_z(out, "; names are matched as they are written, and there is ");
	if (lookup_namesake(p->lookup, uid, out))
		im_buf_reset(out);
}

/* What is no name and was typed may be anything, a password for one. */
static const char *shown_user(struct log_device *t, const struct arrival *a)
{
	return a->uid.n && !a->by_tls && !im_uid_valid(a->uid) ? "(malformed)"
							       : log_escaped(t, a->uid);
}

void admit_log_refusal(struct plugin *p, const struct arrival *a, const struct denial *no)
{
	bool busy = no->kind == DENIAL_BUSY;
	struct log_device user, client;
	struct log_text address;
	struct im_buf meant;

	p->stats.logins_refused++;
	/* Apart, so that what is wrong does not hide that others are turned away for it. */
	if (!log_gate(busy ? &p->gates.busy : &p->gates.login, clock_mono_us(&p->clock) / 1000,
		    busy ? "logins turned away" : "logins refused"))
		return;
	im_buf_init(&meant, 0);
	if (strcmp(no->why, AUTH_UNKNOWN) == 0 && im_uid_valid(a->uid))
		put_namesake(p, a->uid, &meant);
	log_line(LOG_LEVEL_NOTICE, "login refused user=%s client=%s address=%s%s: %s%.*s",
		shown_user(&user, a), log_device(&client, a->device),
		log_text(&address, a->address), a->hearsay ? " via=websocket" : "", no->why,
		IM_ARGS(im_buf_view(&meant)));
	im_buf_free(&meant);
}

/* Says it, and returns what BASIC_AUTH does. */
static int refuse(struct plugin *p, const struct arrival *a, const struct denial *no)
{
	admit_log_refusal(p, a, no);
	return denial_code(no->kind, p->newer, a->v5);
}

/* ---- client ids ---- */

/* An id that the broker has just made up for a client without one: it never comes back, so it is
 * not bound to anybody; unless it subscribes in a session that may stay. */
static bool made_up(const struct arrival *a)
{
	return a->clean && im_device_made_up(a->device);
}

int admit_number(struct plugin *p, struct im_str uid, int64_t *out)
{
	struct lookup_user u;
	int ret = lookup_user(p->lookup, uid, &u);

	*out = ret ? 0 : u.id;
	return ret == IM_E_NONE ? IM_OK : ret;
}

/* What a device account asks of its client ids. */
static const struct denial *check_account(
	const struct lookup_user *u, struct im_str device, const struct owner *owner)
{
	static const struct denial unlike = {DENIAL_CLIENT_ID,
		"client id does not begin as those of this device account do; see imctl user bind"};
	static const struct denial level = {DENIAL_CLIENT_ID,
		"client id is a level of the inbox (u, g, ack, event, signal, rpc), which no "
		"device of a device account may be called; choose another one"};

	if (u->role != IM_ROLE_DEVICE)
		return NULL;
	if (im_inbox_level_reserved(device))
		return &level;
	return u->bind && !owner->pattern ? &unlike : NULL;
}

/* Finds the owner of a client id. IM_E_NONE: nobody. */
static int find_owner(struct plugin *p, struct im_str device, struct owner *out)
{
	const struct session *e = clients_device(p->clients, device);
	struct lookup_device d;
	int ret;

	if (bindings_owner(p->bindings, device, out))
		return IM_OK;
	ret = lookup_device(p->lookup, device, &d);
	if (!ret)
		*out = (struct owner){.user = d.user,
			.kept = d.kept,
			.mark = d.mark,
			.pattern = d.pattern,
			.home = d.home};
	if (ret != IM_E_NONE || !e || e->state == SESSION_OFFLINE || e->released)
		return ret;
	/* Bound and unbound again, or made up: whoever is connected with the id has it. */
	*out = (struct owner){
		.user = e->user_id, .uid = session_uid(e), .kept = e->kept, .mark = true};
	return IM_OK;
}

/* What says nothing of anybody. */
static const struct denial *check_form(struct im_str device)
{
	static const struct denial link = {DENIAL_CLIENT_ID,
		"client ids that begin with " IM_DEVICE_LINK
		" are the bridge's; choose another one"};
	static const struct denial unfit = {DENIAL_CLIENT_ID,
		"client id is not 1 to 128 bytes of UTF-8 without control characters, ends of "
		"lines and what turns the direction of text"};

	if (im_device_link(device))
		return &link;
	return im_device_valid(device) ? NULL : &unfit;
}

static const struct denial *check_device(
	struct plugin *p, const struct arrival *a, struct claim *out)
{
	static const struct denial foreign = {
		DENIAL_CLIENT_ID, "client id belongs to another user; choose another one"};
	struct owner owner = {0};
	struct lookup_user u = {0};
	const struct denial *no = check_form(a->device);
	int ret, who;

	*out = (struct claim){0};
	if (no)
		return no;
	ret = find_owner(p, a->device, &owner);
	who = lookup_user(p->lookup, a->uid, &u);
	if ((ret != IM_OK && ret != IM_E_NONE) || (who != IM_OK && who != IM_E_NONE))
		return &admit_unreadable;
	if (who)
		u = (struct lookup_user){0};
	if (ret == IM_OK && !owner_is(&owner, u.id, a->uid))
		return &foreign;
	*out = (struct claim){
		.user = u.id, .role = u.role, .pattern = u.bind, .credential = u.credential};
	out->bind = (ret == IM_E_NONE || owner.mark) && !made_up(a);
	/* Bound again, it is counted as what it was. */
	out->kept = ret == IM_OK && owner.kept && (!owner.mark || out->bind);
	out->elsewhere = home_elsewhere(p, clients_device(p->clients, a->device), owner.home);
	return check_account(&u, a->device, &owner);
}

/* ---- how it connects ---- */

static const struct denial *check_keepalive(const struct plugin *p, const struct arrival *a)
{
	static const struct denial no = {
		DENIAL_KEEPALIVE, "keepalive is 0 or above max_keepalive; choose a shorter one"};
	int64_t max_s = p->opt.max_keepalive;

	return max_s && (a->keepalive_s == 0 || a->keepalive_s > max_s) ? &no : NULL;
}

const struct denial *admit_check(struct plugin *p, const struct arrival *a, struct claim *out)
{
	const struct denial *no = check_keepalive(p, a);

	return no ? no : check_device(p, a, out);
}

/* ---- how many ---- */

/* Of one that is connected: it is not about to be disconnected. */
static bool counts(const struct session *e, struct im_str device)
{
	return !e->taken_turn && !e->kicked && !im_str_eq(session_device(e), device);
}

/* The user's other devices; *oldest_out: the one that has been connected longest. */
static int64_t count_devices(
	const struct session_user *u, struct im_str device, struct session **oldest_out)
{
	struct session *e;
	int64_t n = 0;

	*oldest_out = NULL;
	for (e = u ? u->list : NULL; e; e = e->user_next) {
		if (!counts(e, device))
			continue;
		n++;
		if (!*oldest_out || e->opened_ms < (*oldest_out)->opened_ms)
			*oldest_out = e;
	}
	return n;
}

int admit_device_limit(struct plugin *p, struct im_str uid, int64_t *out)
{
	struct lookup_user u;
	int ret = lookup_user(p->lookup, uid, &u);

	/* A user that a token is about to create has nothing of its own yet. */
	*out = ret || u.max_devices < 0 ? p->opt.max_devices : u.max_devices;
	if (!ret && u.role == IM_ROLE_DEVICE)
		*out = p->opt.account_devices;
	return ret == IM_E_NONE ? IM_OK : ret;
}

/* Of a device account nobody has to go, and none of those that are there is told. */
static bool many(
	const struct plugin *p, const struct session_user *u, struct im_str device, int64_t limit)
{
	const struct session *e = clients_device(p->clients, device);
	bool counted = e && e->user == u && e->state != SESSION_OFFLINE;

	return (int64_t)u->n_list - counted >= limit;
}

/* NULL when the user may come with this device, though others may have to go; or why not. */
static const struct denial *make_room(struct plugin *p, const struct arrival *a)
{
	static const struct denial full = {DENIAL_LASTING,
		"as many devices of the user are connected as max_devices lets; "
		"disconnect one, or let the user have more: imctl user devices"};
	static const struct denial full_account = {DENIAL_LASTING,
		"as many devices of the device account are connected as account_devices lets"};
	int64_t limit;
	struct session_user *u = clients_user(p->clients, a->uid);
	struct log_text user;
	struct log_device client, by;
	struct session *oldest;

	if (admit_device_limit(p, a->uid, &limit) != IM_OK)
		return &admit_unreadable;
	if (u && u->role == IM_ROLE_DEVICE)
		return many(p, u, a->device, limit) ? &full_account : NULL;
	while (limit > 0 && count_devices(u, a->device, &oldest) >= limit) {
		if (p->opt.device_policy == DEVICES_REFUSE || kicks_full(&p->kicks)) {
			refusal_device(p, u->list, "refuse", a->device, IM_STR(""));
			return &full;
		}
		refusal_device(p, u->list, "replace", session_device(oldest), a->device);
		if (!ending_session(p, oldest, IM_END_REPLACED))
			return &full;
		log_line(LOG_LEVEL_INFO, "device replaced user=%s client=%s by=%s",
			log_text(&user, a->uid), log_device(&client, session_device(oldest)),
			log_device(&by, a->device));
	}
	return NULL;
}

/* ---- sessions ---- */

/* Makes the session, with what the bridge has to be told about it. */
static struct session *make_session(struct plugin *p, const struct arrival *a,
	const struct auth_verdict *v, const struct claim *claim, const struct denial **no_out)
{
	static const struct denial full = {
		DENIAL_FAULT, "the bridge is away and too many new users or devices wait for it"};
	static const struct denial nomem = {DENIAL_FAULT, "out of memory"};
	const struct owner owner = {.user = claim->user, .uid = a->uid};
	struct session *e;
	int ret = IM_OK;

	if (v->create)
		ret = lookup_user_pending(p->lookup, a->uid);
	if (!ret && claim->bind)
		ret = bindings_add(p->bindings, a->device, &owner);
	*no_out = ret == IM_E_NOMEM ? &nomem : &full;
	if (ret)
		return NULL;
	lookup_forget_device(p->lookup, a->uid, a->device);
	e = clients_add(p->clients, a->client,
		&(struct session_facts){
			.uid = a->uid,
			.user_id = owner.user,
			.role = claim->role,
			.bind = claim->pattern,
			.device = a->device,
			.v5 = a->v5,
			/* MQTT 5 says at DISCONNECT at the latest whether a session stays. */
			.ephemeral = !a->v5 && a->clean,
			.clean = a->clean,
			.new_device = claim->bind,
			.elsewhere = claim->elsewhere,
			.kept = claim->kept,
			.new_user = v->create,
			.now_ms = clock_wall_ms(&p->clock),
			.now_us = clock_mono_us(&p->clock),
			.expires_s = v->expires_s,
			.credential = v->credential,
			.password = v->password,
		});
	if (!e) {
		*no_out = &nomem;
		return NULL;
	}
	account_is_open(e->user, owner.user, v->password == claim->credential);
	ending_watch(p, v->expires_s);
	return e;
}

struct session *admit_take(struct plugin *p, const struct arrival *a, const struct auth_verdict *v,
	const struct denial **no_out)
{
	struct claim claim;

	*no_out = admit_check(p, a, &claim);
	if (!*no_out)
		*no_out = contest_check(p, a->device);
	if (!*no_out)
		*no_out = make_room(p, a);
	return *no_out ? NULL : make_session(p, a, v, &claim, no_out);
}

int admit_verdict(struct plugin *p, const struct arrival *a, const struct auth_verdict *v)
{
	const struct denial *no = &v->no;

	if (v->accepted && admit_take(p, a, v, &no)) {
		if (v->fresh.phc[0])
			capture_rehash(p, a->uid, &v->fresh);
		p->stats.logins++;
		return MOSQ_ERR_SUCCESS;
	}
	return refuse(p, a, no);
}

void admit_undo(struct plugin *p, const struct mosquitto *client)
{
	struct session *e = clients_find(p->clients, client);

	if (e->new_device)
		bindings_drop(p->bindings, session_device(e));
	if (e->heir)
		capture_close(p, e, -1);
	clients_undo(p->clients, e, clock_mono_us(&p->clock));
}

static struct auth_login login_of(
	const struct plugin *p, const struct arrival *a, const char *password)
{
	return (struct auth_login){.uid = a->uid,
		.password = im_str(password),
		.address = a->address,
		.hearsay = a->hearsay,
		.idle = later_waiting(p) == 0};
}

/* Whose the client id is counts for nothing before the password is known to be right, neither in
 * the answer nor in when it comes. */
static int login_user(struct plugin *p, const struct mosquitto_evt_basic_auth *ed)
{
	static const struct denial nameless = {DENIAL_LASTING, "no username"};
	static const struct denial unfit = {
		DENIAL_LASTING, "username is not 1 to 64 of the characters A-Z a-z 0-9 _ . @ -"};
	const struct arrival a = arrival_of(p, ed->client, im_str(ed->username));
	const struct auth_login l = login_of(p, &a, ed->password);
	const struct denial *no = check_keepalive(p, &a);
	struct auth_verdict v;
	struct auth_hash h;

	if (!im_uid_valid(a.uid))
		no = a.uid.n ? &unfit : &nameless;
	if (!no)
		no = check_form(a.device);
	if (no)
		return refuse(p, &a, no);
	if (later_wants(p, &a)) {
		auth_begin(p->auth, &l, &v, &h);
		if (v.later && later_put(p, &a, &l, &h) == IM_OK)
			return COMPAT_ERR_AUTH_DELAYED;
		if (v.later) {
			p->stats.logins_busy++;
			auth_give_up(p->auth, &h, BUDGET_OPEN, &v);
		}
	} else {
		auth_check(p->auth, &l, &v);
	}
	return admit_verdict(p, &a, &v);
}

/* Why a session that was let in would not be any more. */
static enum im_end why_not(struct plugin *p, const struct session *e)
{
	struct lookup_user u;
	int ret = lookup_user(p->lookup, session_uid(e), &u);

	if (ret == IM_E_NONE)
		return IM_END_DELETED;
	if (!ret && u.disabled)
		return IM_END_DISABLED;
	return e->expires_s ? IM_END_EXPIRED : IM_END_PASSWORD;
}

/*
 * After a reload the broker asks again about every session that it has, connected or not. Denying
 * one that is offline makes 2.0 free it twice, and would mean nothing: it proves itself when it
 * comes back. No session begins here.
 */
static int login_again(struct plugin *p, const struct mosquitto_evt_basic_auth *ed)
{
	struct session *e = clients_find(p->clients, ed->client);
	struct arrival a;
	struct auth_login l;
	struct auth_verdict v;

	if (link_is(p, ed->client) || !e || e->state == SESSION_OFFLINE)
		return MOSQ_ERR_SUCCESS;
	v = (struct auth_verdict){
		.expires_s = e->expires_s, .credential = e->credential, .password = e->password};
	if (auth_still_valid(p->auth, session_uid(e), &v))
		return MOSQ_ERR_SUCCESS;
	a = arrival_of(p, ed->client, session_uid(e));
	l = login_of(p, &a, ed->password);
	auth_check(p->auth, &l, &v);
	/* A fault of the node is no reason to end a connection. */
	if (!v.accepted && v.no.kind == DENIAL_FAULT)
		return MOSQ_ERR_SUCCESS;
	if (!v.accepted) {
		admit_log_refusal(p, &a, &v.no);
		return ending_session(p, e, why_not(p, e)) ? MOSQ_ERR_SUCCESS : MOSQ_ERR_AUTH;
	}
	e->credential = v.credential;
	e->password = v.password;
	e->expires_s = v.expires_s;
	ending_watch(p, v.expires_s);
	return MOSQ_ERR_SUCCESS;
}

/* Between RELOAD and TICK nobody connects, but for the WebSocket clients of 2.0. */
static bool asked_again(const struct plugin *p, const struct mosquitto *client)
{
	const struct session *e = clients_find(p->clients, client);

	return p->newer || (e && e->state != SESSION_OFFLINE) ||
	       mosquitto_client_protocol(client) != mp_websockets;
}

/* TICK comes with every turn of the broker's loop, ten times a second at least. In 2.0.11 to 2.0.14
 * it never comes with per_listener_settings, and then other listeners bypass the plugin. */
static bool loop_is_seen(struct plugin *p)
{
	int64_t now_us;

	if (p->ticked)
		return true;
	now_us = clock_mono_us(&p->clock);
	if (!p->first_event_us)
		p->first_event_us = now_us;
	return now_us - p->first_event_us < 5000000;
}

static int login(struct plugin *p, const struct mosquitto_evt_basic_auth *ed)
{
	static const struct denial blind = {DENIAL_FAULT,
		"the broker gives the plugin no TICK: remove per_listener_settings true"};
	struct im_str device = im_str(mosquitto_client_id(ed->client));
	struct arrival a;

	link_arrival(p, ed->client);
	later_forget(p, ed->client, device);
	if (!loop_is_seen(p)) {
		a = arrival_of(p, ed->client, im_str(ed->username));
		return refuse(p, &a, &blind);
	}
	return link_claimed(p, im_str(ed->username), device) ? link_login(p, ed)
							     : login_user(p, ed);
}

int admit_login(struct plugin *p, const struct mosquitto_evt_basic_auth *ed)
{
	int rc;

	if (p->reloading && asked_again(p, ed->client))
		return login_again(p, ed);
	rc = login(p, ed);
	p->denied = rc == MOSQ_ERR_SUCCESS || rc == COMPAT_ERR_AUTH_DELAYED ? NULL : ed->client;
	return rc;
}
