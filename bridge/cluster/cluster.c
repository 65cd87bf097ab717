/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the connection's state, what is asked of it, and the entries that wait to be followed. */
#include "bridge/cluster/cluster.h"

#include <stdio.h>
#include <stdlib.h>

#include "bridge/cluster/entries.h"
#include "bridge/cluster/entry.h"

/* Entries asked for at a time while following. */
#define READ_MAX 64
/* The doorbell may be missed. */
#define POLL_MS 200
#define RETRY_FIRST_MS 100
#define RETRY_MAX_MS 5000
#define WHY_MAX 320

enum state {
	DOWN,       /* no connection; the next attempt is due by time */
	CONNECTING, /* asked for */
	CALM,       /* connected, nothing is asked */
	APPENDING,
	READING,
	LOCKING, /* reading with the log's end held, for an offer */
};

struct cluster {
	struct cluster_parts p;
	struct shared_log shared;
	struct entries *waiting;
	enum state state;
	struct cluster_entry offer; /* that is being appended */
	bool offered;               /* the engine waits for an answer to an offer */
	bool known;                 /* since then, what there is behind the copy was read */
	bool held;                  /* the log's end is, for the engine's next offer */
	bool entering; /* what is appended is no transaction, and is followed here as well */
	bool importing;
	struct copy_import import;
	bool again; /* somebody has appended while something else was asked */
	uint64_t incarnation, end, era;
	int64_t now_ms, look_at_ms, retry_ms;
	bool lost_said, later_said;
	char fatal[WHY_MAX];
};

static void stop(struct cluster *c, const char *why)
{
	if (!c->fatal[0])
		snprintf(c->fatal, sizeof(c->fatal), "%s", why);
}

/* -- asking -- */

/* Behind everything that was read. */
static int asked_from(struct cluster *c, struct cluster_place *out)
{
	int rc = copy_place(c->p.copy, out);

	if (rc)
		log_line(c->p.log, LOG_LEVEL_ERROR, "copy_unread", "why=\"%s\"",
			copy_errmsg(c->p.copy));
	return rc;
}

static void look(struct cluster *c, bool lock)
{
	struct cluster_place from;

	if (asked_from(c, &from))
		return;
	c->again = false;
	c->look_at_ms = c->now_ms + POLL_MS;
	c->state = lock ? LOCKING : READING;
	if (lock)
		c->p.ops->lock(c->p.log_arg, &from);
	else
		c->p.ops->read(c->p.log_arg, &from, READ_MAX);
}

/* The engine waits, and what it has executed is behind others' entries, or may be. */
static void answer(struct cluster *c, enum shared_answer a)
{
	if (!c->offered)
		return;
	c->offered = false;
	c->p.answered(c->p.arg, a);
}

/* The engine has not used what is held for it. */
static void let_go(struct cluster *c)
{
	if (!c->held)
		return;
	c->held = false;
	c->p.ops->unlock(c->p.log_arg);
}

/* -- what happens -- */

static void on_connected(void *arg, const struct cluster_place *end)
{
	struct cluster *c = arg;

	c->incarnation = c->p.ops->incarnation(c->p.log_arg);
	c->end = end->pos;
	c->era = end->era;
	c->retry_ms = RETRY_FIRST_MS;
	if (c->lost_said)
		log_line(c->p.log, LOG_LEVEL_INFO, "cluster_linked", "end=%llu",
			(unsigned long long)end->pos);
	c->lost_said = false;
	look(c, false);
}

static void on_mark(void *arg, uint64_t epoch, uint64_t recno, uint64_t pos)
{
	(void)arg;
	(void)epoch;
	(void)recno;
	(void)pos;
}

/* The next piece of the node's own databases, when the one before was followed. */
static void import_next(struct cluster *c)
{
	struct cluster_place from;
	int rc;

	if (asked_from(c, &from))
		return;
	c->offer = (struct cluster_entry){
		.node = c->p.node, .era = c->era, .incarnation = c->incarnation};
	rc = copy_import(c->p.copy, &from, &c->import, &c->offer);
	if (!rc) {
		c->entering = true;
		c->state = APPENDING;
		c->p.ops->append(c->p.log_arg, &from, &c->offer);
		return;
	}
	if (rc == IM_E_NONE)
		rc = copy_set_importing(c->p.copy, false);
	if (rc) {
		stop(c, "this node's databases could not be put into the cluster's log; start it "
			"again to go on");
		return;
	}
	c->importing = false;
	log_line(c->p.log, LOG_LEVEL_INFO, "cluster_imported", "pos=%llu",
		(unsigned long long)from.pos);
}

/* What is begun is begun again after a start: the same rows make no difference. */
static void import(struct cluster *c, const struct cluster_place *end)
{
	struct cluster_place at;

	if (!asked_from(c, &at) && at.pos != end->pos) {
		stop(c, "the cluster's log is not empty, and this node's data_dir has users or "
			"messages of its own: a node that joins begins in an empty data_dir");
		return;
	}
	import_next(c);
}

/* The log has the piece; its rows are here. */
static void imported(struct cluster *c)
{
	struct cluster_place to = {.era = c->offer.era, .pos = c->offer.pos};

	memcpy(to.digest, c->offer.digest, CLUSTER_DIGEST);
	if (copy_stand(c->p.copy, &to))
		stop(c, "this node's databases could not be written to");
	else
		import_next(c);
}

/* Followed like any other entry. */
static void entered(struct cluster *c)
{
	if (entries_add(c->waiting, &c->offer))
		look(c, false);
	else if (c->offered)
		answer(c, SHARED_MOVED);
	else
		c->p.news(c->p.arg);
}

static void on_appended(void *arg, enum cluster_append a)
{
	struct cluster *c = arg;

	bool entering = c->entering;

	c->state = CALM;
	c->held = c->entering = false;
	switch (a) {
	case CLUSTER_TAKEN:
		if (!entering)
			answer(c, SHARED_DONE);
		else if (c->importing)
			imported(c);
		else
			entered(c);
		break;
	case CLUSTER_BEHIND:
		look(c, true);
		break;
	case CLUSTER_FENCED:
		stop(c, "another bridge has started with this node's name; this one has ended so "
			"that there is one");
		break;
	default:
		/* Another history, or only another era: that is seen by reading. */
		look(c, false);
		break;
	}
}

static int on_entry(void *arg, const struct cluster_entry *e)
{
	struct cluster *c = arg;

	return entries_add(c->waiting, e);
}

/* What was asked for is there; the engine follows it before it executes again. */
static void on_read(void *arg, bool forked, bool trimmed, const struct cluster_place *end)
{
	struct cluster *c = arg;
	bool locked = c->state == LOCKING;
	struct cluster_place at;

	c->state = CALM;
	c->held = locked;
	c->end = end->pos;
	c->era = end->era;
	/* What one of the two files has, and a failover has lost. */
	if (!entries_first(c->waiting) && !asked_from(c, &at) && copy_newest(c->p.copy) > end->pos)
		forked = true;
	if (forked || trimmed) {
		stop(c, forked ? "the cluster's log is another one than this node's copy was made "
				 "of; the copy is to be built anew"
			       : "this node was away for longer than the log is kept; its copy is "
				 "to be built anew");
		return;
	}
	c->known = true;
	if (c->importing) {
		import(c, end);
		return;
	}
	if (c->offered)
		answer(c, SHARED_MOVED);
	else if (entries_first(c->waiting))
		c->p.news(c->p.arg);
	if (c->state == CALM)
		let_go(c);
}

static void on_lost(void *arg, bool fatal, const char *why)
{
	struct cluster *c = arg;
	bool appending = c->state == APPENDING;

	c->state = DOWN;
	c->held = c->known = c->entering = false;
	entries_clear(c->waiting);
	if (!c->lost_said)
		log_line(c->p.log, LOG_LEVEL_WARNING, "cluster_lost",
			"why=\"%s\" will=\"try again until it works; what is sent waits\"", why);
	c->lost_said = true;
	c->look_at_ms = c->now_ms + c->retry_ms;
	c->retry_ms = c->retry_ms * 2 < RETRY_MAX_MS ? c->retry_ms * 2 : RETRY_MAX_MS;
	if (fatal)
		stop(c, why);
	else if (appending)
		answer(c, SHARED_UNKNOWN);
}

static void on_rung(void *arg)
{
	struct cluster *c = arg;

	c->again = true;
	if (c->state == CALM)
		look(c, false);
}

struct cluster_events cluster_events(struct cluster *c)
{
	return (struct cluster_events){.arg = c,
		.connected = on_connected,
		.mark = on_mark,
		.appended = on_appended,
		.entry = on_entry,
		.read = on_read,
		.lost = on_lost,
		.rung = on_rung};
}

/* -- for the engine -- */

static int send(struct cluster *c, struct writer *w, const struct shared_offer *o,
	const struct cluster_place *from)
{
	struct cluster_entry *e = &c->offer;
	int rc;

	*e = (struct cluster_entry){.node = c->p.node,
		.era = from->era,
		.incarnation = c->incarnation,
		.epoch = o->own.epoch,
		.recno = o->own.recno,
		.peer = o->own.peer};
	rc = copy_take(c->p.copy, w, from, e);
	if (rc)
		return rc;
	c->state = APPENDING;
	c->p.ops->append(c->p.log_arg, from, e);
	return IM_OK;
}

/* Positions of an era lie beyond all of those before, so nothing is executed between two. */
static bool enter(struct cluster *c, const struct cluster_place *from)
{
	c->offer = (struct cluster_entry){
		.node = c->p.node, .era = c->era, .incarnation = c->incarnation};
	if (copy_enter(c->p.copy, from, &c->offer))
		return false;
	c->entering = true;
	c->state = APPENDING;
	c->p.ops->append(c->p.log_arg, from, &c->offer);
	return true;
}

/* What waits to be followed is followed first, and without a connection there is no knowing. */
static enum shared_answer append(void *arg, struct writer *w, const struct shared_offer *o)
{
	struct cluster *c = arg;
	struct cluster_place from;

	if (entries_first(c->waiting) || asked_from(c, &from) || from.pos != o->after)
		return SHARED_MOVED;
	c->offered = true;
	if (c->state != CALM || (c->era > from.era ? enter(c, &from) : !send(c, w, o, &from)))
		return SHARED_LATER;
	c->offered = false;
	return SHARED_MOVED;
}

static enum shared_answer ask(void *arg)
{
	struct cluster *c = arg;

	if (c->fatal[0] || !c->known)
		return SHARED_UNKNOWN;
	return SHARED_MOVED;
}

/* A node of a later version has written columns or tables that this one does not have. */
static void say_later(struct cluster *c)
{
	if (!c->later_said)
		log_line(c->p.log, LOG_LEVEL_WARNING, "entry_of_later_version",
			"what=\"another node has a later version, and has written what this copy "
			"cannot "
			"keep\" will=\"go on without; upgrade this node, and begin it with an "
			"empty "
			"data_dir then\"");
	c->later_said = true;
}

static int follow(void *arg, struct writer *w, struct writer_through *own_out)
{
	struct cluster *c = arg;
	const struct cluster_entry *e;
	struct cluster_place at;
	unsigned peer = 0;
	bool dropped;
	int rc = asked_from(c, &at);

	while ((e = entries_first(c->waiting)) && !rc && e->pos <= at.pos)
		entries_drop_first(c->waiting);
	if (rc || !e)
		return rc ? rc : IM_E_NONE;
	rc = entry_peer(e->body, &peer);
	if (!rc)
		rc = copy_put(c->p.copy, w, e, &dropped);
	if (rc == IM_E_CONFLICT || rc == IM_E_FORMAT) {
		stop(c, "an entry of the cluster's log does not fit this node's copy, which is to "
			"be built anew");
		return IM_E_IO;
	}
	if (rc)
		return rc;
	if (dropped)
		say_later(c);
	if (e->node == c->p.node && e->epoch)
		*own_out =
			(struct writer_through){.peer = peer, .epoch = e->epoch, .recno = e->recno};
	return IM_OK;
}

const struct shared_log *cluster_shared(struct cluster *c)
{
	return &c->shared;
}

/* -- time -- */

static void connect(struct cluster *c)
{
	c->state = CONNECTING;
	c->p.ops->connect(c->p.log_arg, c->incarnation);
}

void cluster_set_log(struct cluster *c, void *log_arg)
{
	c->p.log_arg = log_arg;
}

void cluster_start(struct cluster *c, int64_t mono_ms)
{
	c->now_ms = mono_ms;
	connect(c);
}

int64_t cluster_tick(struct cluster *c, int64_t mono_ms)
{
	c->now_ms = mono_ms;
	if (c->fatal[0])
		return POLL_MS;
	if (c->state == DOWN && mono_ms >= c->look_at_ms)
		connect(c);
	else if (c->state == CALM && entries_first(c->waiting))
		c->p.news(c->p.arg);
	if (c->state == CALM && (c->again || mono_ms >= c->look_at_ms))
		look(c, false);
	return c->state == DOWN || c->state == CALM ? c->look_at_ms - mono_ms : POLL_MS;
}

const char *cluster_fatal(const struct cluster *c)
{
	return c->fatal[0] ? c->fatal : NULL;
}

bool cluster_importing(const struct cluster *c)
{
	return c->importing;
}

uint64_t cluster_end(const struct cluster *c)
{
	return c->end;
}

/* -- beginning and end -- */

void cluster_free(struct cluster **c)
{
	if (!*c)
		return;
	entries_free(&(*c)->waiting);
	free(*c);
	*c = NULL;
}

struct cluster *cluster_new(const struct cluster_parts *p)
{
	struct cluster *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->p = *p;
	c->shared = (struct shared_log){c, copy_part(p->copy), append, ask, follow};
	c->importing = p->import;
	c->retry_ms = RETRY_FIRST_MS;
	c->waiting = entries_new();
	if (!c->waiting)
		cluster_free(&c);
	return c;
}
