/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Last events and what follows them. Called by whoever finds that a session has to end (account.c,
 * admit.c, downlink.c, identity.c), and by hooks.c at TICK.
 */
#include "plugin/ending.h"

#include "plugin/inbox.h"
#include "plugin/publish.h"

/* Time to read what was published last. A connection that is closed while the client is still
 * acknowledging is reset, and a reset throws away what the client has not read yet. */
#define READ_US 100000
/* What is published from TICK goes out with the next turn of the loop: 2.1 waits so long for it. */
#define NEWER_TURN_US 100000

/* Devices of one user that are told within a moment: each event is looked at for all of them. */
#define TOLD_PER_SECOND 20
#define TOLD_BURST_US INT64_C(5000000)
/* Told and waiting, of all users: the broker delivers so many events in some 10 ms. */
#define WAITING_MAX 2000

static int64_t due(const struct plugin *p)
{
	return clock_mono_us(&p->clock) + READ_US + (p->newer ? NEWER_TURN_US : 0);
}

static bool may_wait(const struct plugin *p)
{
	return p->kicks.n_waiting < WAITING_MAX;
}

/* QoS 0: kept for a session that stays, it would tell of its end whoever comes back to it. */
static void tell(struct plugin *p, const struct session *e, enum im_end why)
{
	struct publish to = {.qos = 0};

	/* Of a device account it goes to this one alone. */
	if (!session_is_thing(e) && !im_ratelimit_take(&e->user->ends, clock_mono_us(&p->clock),
					    TOLD_PER_SECOND, TOLD_BURST_US, 1))
		return;
	im_buf_reset(&p->text);
	im_wire_end(&p->text, session_device(e), why);
	to.topic = inbox_of_session(p, e, IM_STR("event"));
	if (!to.topic || p->text.failed || publish_copy(&to, im_buf_view(&p->text)))
		p->stats.publish_failed++;
}

static void mark(struct session *e, enum im_end why)
{
	e->kicked = true;
	e->outdated = false;
	e->end = (uint8_t)why;
}

bool ending_session(struct plugin *p, struct session *e, enum im_end why)
{
	bool wait = may_wait(p);

	if (e->state == SESSION_OFFLINE || session_ending(e))
		return true;
	/* The kick that may wait already is too early. */
	if (e->outdated)
		e->number = clients_number(p->clients);
	if (!kicks_session(&p->kicks, e, wait ? due(p) : 0)) {
		e->kicked = e->outdated = false;
		return false;
	}
	mark(e, why);
	if (wait)
		tell(p, e, why);
	return true;
}

bool ending_user(struct plugin *p, struct im_str uid, enum im_end why)
{
	const struct session_user *u = clients_user(p->clients, uid);
	struct session *e = u ? u->list : NULL;
	bool wait = e && may_wait(p);

	if (!kicks_user(&p->kicks, uid, clients_number(p->clients), wait ? due(p) : 0))
		return false;
	for (; e; e = e->user_next) {
		if (session_ending(e))
			continue;
		mark(e, why);
		if (wait)
			tell(p, e, why);
	}
	return true;
}

void ending_outdated(struct plugin *p, struct session *e)
{
	e->kicked = e->outdated = kicks_session(&p->kicks, e, due(p));
}

bool ending_closes(const struct session *e, int qos)
{
	return session_ending(e) && e->state != SESSION_OFFLINE && qos > 0 && !e->v5 &&
	       e->end != IM_END_DISABLED && e->end != IM_END_DELETED;
}

bool ending_leaves_will(const struct session *e)
{
	return session_ending(e) && e->end == IM_END_MOVED && (e->v5 || e->ephemeral);
}

/* ---- tokens ---- */

struct expiry {
	struct plugin *p;
	int64_t now_s;
	int64_t next_s;
};

static void expire(void *arg, struct session *e)
{
	struct expiry *x = arg;

	if (!e->expires_s || e->state == SESSION_OFFLINE || session_ending(e))
		return;
	if (e->expires_s <= x->now_s && ending_session(x->p, e, IM_END_EXPIRED))
		return;
	if (!x->next_s || e->expires_s < x->next_s)
		x->next_s = e->expires_s;
}

void ending_expired(struct plugin *p)
{
	struct expiry x = {p, clock_wall_ms(&p->clock) / 1000, 0};

	if (!p->next_expiry_s || p->next_expiry_s > x.now_s)
		return;
	clients_each(p->clients, expire, &x);
	p->next_expiry_s = x.next_s;
}

void ending_watch(struct plugin *p, int64_t expires_s)
{
	if (expires_s && (!p->next_expiry_s || expires_s < p->next_expiry_s))
		p->next_expiry_s = expires_s;
}
