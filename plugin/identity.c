/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Called by acl.c and hooks.c. What has been found out about a client that has no session is kept
 * by its pointer for a while, so that it costs one look at the database and one line in the log
 * however much is for it, or it sends before TICK disconnects it.
 */
#include "plugin/identity.h"

#include <openssl/x509.h>

#include "common/ids.h"
#include "common/limits.h"
#include "plugin/account.h"
#include "plugin/admit.h"
#include "plugin/away.h"
#include "plugin/capture.h"
#include "plugin/ending.h"
#include "plugin/handover.h"
#include "plugin/link.h"
#include "plugin/lru.h"

/* An id that was somebody else's may have become free. */
#define REMEMBERED_US INT64_C(10000000)

/* DEAF: it may come in, but what is for it now is for an earlier session with its client id. BACK:
 * so is what it is handed, for its device was at another broker; see home.h. */
enum verdict { UNKNOWN, FINE, DEAF, BACK, REFUSED };

struct met {
	uint64_t who; /* keyed hash of username and client id: the pointer may be another one's */
	enum verdict verdict;
	uint64_t generation; /* of the verdict */
	int64_t since_us;
	bool kicked;
	uint64_t number; /* of the kick */
	bool ended;      /* the connection, not the session */
};

struct identities {
	struct lru *met; /* by client pointer */
	struct im_sipkey key;
};

struct identities *identities_new(const struct im_sipkey *key)
{
	struct identities *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->key = *key;
	s->met = lru_new(key, IM_CACHE_IDENTITIES, sizeof(struct met));
	if (!s->met)
		identities_free(&s);
	return s;
}

void identities_free(struct identities **s)
{
	if (!*s)
		return;
	lru_free(&(*s)->met);
	free(*s);
	*s = NULL;
}

static struct arrival seen(
	const struct plugin *p, const struct mosquitto *client, struct im_str name)
{
	struct arrival a = arrival_of(p, client, name);

	a.by_tls = true;
	return a;
}

static uint64_t who(const struct plugin *p, const struct arrival *a)
{
	const struct im_sipkey *k = &p->identities->key;

	return im_siphash(k, a->uid.p, a->uid.n) ^ (im_siphash(k, a->device.p, a->device.n) << 1);
}

/* What is known of the client, or NULL. */
static struct met *find(const struct plugin *p, const struct arrival *a)
{
	struct met *m = lru_get(p->identities->met, &a->client, sizeof(a->client));

	return m && m->who == who(p, a) ? m : NULL;
}

/* The verdict about it, if that still holds. */
static struct met *recall(struct plugin *p, const struct arrival *a)
{
	struct met *m = find(p, a);

	return m && m->verdict && m->generation == lookup_generation(p->lookup) &&
			       clock_mono_us(&p->clock) - m->since_us < REMEMBERED_US
		       ? m
		       : NULL;
}

static struct met *remember(struct plugin *p, const struct arrival *a, enum verdict verdict)
{
	struct met *m = find(p, a);
	bool ended = m && m->ended;

	m = lru_put(p->identities->met, &a->client, sizeof(a->client));
	if (m)
		*m = (struct met){
			.who = who(p, a),
			.verdict = verdict,
			.generation = lookup_generation(p->lookup),
			.since_us = clock_mono_us(&p->clock),
			.ended = ended,
		};
	return m;
}

static void forget(struct plugin *p, const struct mosquitto *client)
{
	lru_del(p->identities->met, &client, sizeof(client));
}

/* One that was never met is noted, so that its will is known for one: but for a login that was
 * denied. 2.1 shows every client when it connects. */
void identity_ended(struct plugin *p, const struct mosquitto *client)
{
	const struct arrival a = seen(p, client, im_str(mosquitto_client_username(client)));
	struct met *m;

	if (!a.uid.p || !a.device.p || !a.address.p)
		return;
	m = find(p, &a);
	if (!m && !p->newer && client != p->denied)
		m = remember(p, &a, UNKNOWN);
	if (m)
		m->ended = true;
}

bool identity_alive(const struct plugin *p, const struct kick_target *t)
{
	const struct met *m = lru_get(p->identities->met, &t->client, sizeof(t->client));

	return m && !m->ended && m->number == t->number;
}

/* ---- refusing ---- */

/* Only a connection that stands has one; the broker gives it away with the connection's end. */
static bool has_certificate(const struct mosquitto *client)
{
	X509 *certificate = mosquitto_client_certificate(client);

	X509_free(certificate);
	return certificate != NULL;
}

/* Where nothing proves that this connection is alive, all of the user's are meant: the broker looks
 * for those that are. 2.1 says by CONNECT that a client is there. */
static bool kick(
	struct plugin *p, const struct arrival *a, enum identity_sign sign, uint64_t *number)
{
	*number = 0;
	if (sign == IDENTITY_SPOKE || (a->client != p->gone && has_certificate(a->client))) {
		*number = clients_number(p->clients);
		return kicks_client(
			&p->kicks, &(struct kick_target){a->client, a->device, *number});
	}
	return !(p->newer && sign == IDENTITY_HEARD) && ending_user(p, a->uid, IM_END_KICKED);
}

static void leave(struct plugin *p, const struct arrival *a, struct met *m, enum identity_sign sign)
{
	uint64_t number;

	if ((m && m->kicked) || !kick(p, a, sign, &number) || !m)
		return;
	m->kicked = true;
	m->number = number;
}

void identity_end(struct plugin *p, const struct mosquitto *client)
{
	const struct arrival a = seen(p, client, im_str(mosquitto_client_username(client)));
	struct met *m = find(p, &a);

	if (!m || m->ended) {
		forget(p, client);
		m = remember(p, &a, UNKNOWN);
	}
	leave(p, &a, m, IDENTITY_SPOKE);
}

/* A fault of the database is no reason to end a connection. */
static void turn_away(
	struct plugin *p, const struct arrival *a, const struct denial *no, enum identity_sign sign)
{
	admit_log_refusal(p, a, no);
	if (no->kind != DENIAL_FAULT)
		leave(p, a, remember(p, a, REFUSED), sign);
}

/* ---- looking ---- */

/* NULL, and what the user's password is; or why this name may have nothing. */
static const struct denial *check_user(
	struct plugin *p, const struct arrival *a, uint64_t *password_out)
{
	static const struct denial nameless = {DENIAL_LASTING,
		"what the certificate or key names is no username, which is 1 to 64 of the "
		"characters A-Z a-z 0-9 _ . @ -"};
	static const struct denial bridge = {DENIAL_LASTING, "the name is the bridge's"};
	static const struct denial unknown = {DENIAL_LASTING, AUTH_UNKNOWN};
	static const struct denial deleted = {DENIAL_LASTING, AUTH_DELETED};
	static const struct denial disabled = {DENIAL_LASTING, "user is disabled"};
	struct lookup_user u;
	int ret;

	if (!im_uid_valid(a->uid))
		return &nameless;
	if (im_str_eqz(a->uid, p->opt.link_username))
		return &bridge;
	ret = lookup_user(p->lookup, a->uid, &u);
	if (ret && ret != IM_E_NONE)
		return &admit_unreadable;
	if (ret)
		return u.gone ? &deleted : &unknown;
	*password_out = u.credential;
	return u.disabled ? &disabled : NULL;
}

/* Why no session was made stands in *no_out. */
static struct session *take(struct plugin *p, const struct arrival *a, const struct denial **no_out)
{
	struct auth_verdict v = {.accepted = true};

	*no_out = check_user(p, a, &v.password);
	return *no_out ? NULL : admit_take(p, a, &v, no_out);
}

/* Names of sessions hold no NUL. Asked five times for each message. */
static bool same(struct im_str ours, const char *theirs)
{
	return theirs && strncmp(theirs, ours.p, ours.n) == 0 && theirs[ours.n] == '\0';
}

struct session *identity_known(struct plugin *p, const struct mosquitto *client)
{
	const char *name = mosquitto_client_username(client);
	struct session *e = clients_find(p->clients, client);

	/* The name goes before the last will does. */
	if (!e || ((!name || same(session_uid(e), name)) &&
			  same(session_device(e), mosquitto_client_id(client))))
		return e;
	if (e->state != SESSION_OFFLINE &&
		clients_ended(p->clients, client, clock_mono_us(&p->clock)))
		capture_close(p, e, -1);
	clients_drop(p->clients, e, clock_mono_us(&p->clock));
	return NULL;
}

struct session *identity_session(
	struct plugin *p, const struct mosquitto *client, enum identity_sign sign)
{
	return identity_session_of(p, client, identity_known(p, client), sign);
}

struct session *identity_session_of(struct plugin *p, const struct mosquitto *client,
	struct session *e, enum identity_sign sign)
{
	const char *name = mosquitto_client_username(client);
	const struct denial *no = NULL;
	struct arrival a;
	struct met *m;

	if (!name || !mosquitto_client_address(client) || link_is(p, client))
		return NULL;
	if (e && e->state != SESSION_OFFLINE)
		return account_own(p, e) && !session_ending(e) ? e : NULL;
	a = seen(p, client, im_str(name));
	m = find(p, &a);
	/* Another connection, in the same memory. */
	if (m && m->ended)
		forget(p, client);
	m = recall(p, &a);
	if (m && m->verdict == REFUSED) {
		leave(p, &a, m, sign);
		return NULL;
	}
	e = take(p, &a, &no);
	if (e)
		forget(p, client);
	else
		turn_away(p, &a, no, sign);
	return e;
}

bool identity_is_gone(struct plugin *p, const struct mosquitto *client)
{
	const char *name = mosquitto_client_username(client);
	const struct met *m;
	struct arrival a;

	if (client == p->gone)
		return true;
	if (!name || !mosquitto_client_address(client))
		return false;
	a = seen(p, client, im_str(name));
	m = find(p, &a);
	if (p->newer)
		return !m || m->ended;
	return m && m->ended && !has_certificate(client);
}

struct session *identity_gone(struct plugin *p, const struct mosquitto *client)
{
	const struct arrival a = seen(p, client, im_str(mosquitto_client_username(client)));
	const struct denial *no;
	struct session *e = take(p, &a, &no);

	if (!e) {
		admit_log_refusal(p, &a, no);
		return NULL;
	}
	if (e->new_device)
		bindings_drop(p->bindings, session_device(e));
	/* It ends as NEW, so there is nothing to say of it. */
	clients_ended(p->clients, client, clock_mono_us(&p->clock));
	return e;
}

static enum verdict look_at(struct plugin *p, const struct arrival *a)
{
	struct met *m = recall(p, a);
	const struct denial *no;
	uint64_t password;
	struct claim claim = {0};
	enum verdict v;

	if (m && m->verdict == REFUSED)
		leave(p, a, m, IDENTITY_HEARD);
	if (m)
		return m->verdict;
	no = check_user(p, a, &password);
	if (!no)
		no = admit_check(p, a, &claim);
	if (no) {
		turn_away(p, a, no, IDENTITY_HEARD);
		return REFUSED;
	}
	v = claim.bind ? DEAF : claim.elsewhere ? BACK : FINE;
	(void)remember(p, a, v);
	return v;
}

/* 2.0: it has not spoken yet, and nothing else shows that it is here. */
static bool comes_back(struct plugin *p, const struct mosquitto *client, struct session *e)
{
	if (handover_is(p, client) || !has_certificate(client))
		return false;
	e = identity_session_of(p, client, e, IDENTITY_HEARD);
	if (e)
		e->handover = false;
	return e != NULL;
}

/* A client without a session of its own that something is for: one that TLS has let in and that has
 * not spoken yet, or a session that is away and of which the plugin knows nothing (any more). */
static bool unknown_may_hear(struct plugin *p, const struct mosquitto *client, struct im_str name)
{
	const struct arrival a = seen(p, client, name);
	enum verdict v;

	/* From before the broker was restarted. */
	if (!mosquitto_client_address(client))
		return away_meet(p, client, name);
	v = look_at(p, &a);
	return v == FINE || (v == BACK && comes_back(p, client, NULL));
}

bool identity_may_hear(struct plugin *p, const struct mosquitto *client, struct im_str username)
{
	struct session *e = identity_known(p, client);

	if (!e)
		return unknown_may_hear(p, client, username);
	if (session_ending(e) || !account_open(p, e->user) || e->user_id != e->user->id)
		return false;
	if (e->state != SESSION_OFFLINE)
		return !e->handover;
	if (away_may_hear(p, e))
		return true;
	/* In 2.0 it may have come back, in the same memory, and not have spoken yet. */
	if (!e->owned || p->newer || !has_certificate(client))
		return false;
	return !e->elsewhere || comes_back(p, client, e);
}
