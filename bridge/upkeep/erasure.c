/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the one erasure in hand. Called by upkeep between transactions, and by the
 * administrator's command through its hooks. */
#include "bridge/upkeep/erasure.h"

#include <stdlib.h>
#include <string.h>

#include "bridge/directory/directory_erasure.h"
#include "bridge/search/search_db.h"
#include "bridge/upkeep/erasure_events.h"
#include "bridge/upkeep/erasure_list.h"
#include "bridge/upkeep/erasure_wait.h"
#include "bridge/upkeep/erasure_walk.h"
#include "common/limits.h"

/* Between two pieces of work; while somebody else has to come first; after a failure; when there is
 * nothing to do. */
#define BUSY_MS 5
#define WAIT_MS 50
#define FAILED_MS 10000
#define IDLE_MS 60000
/* Stretches of the log after which it is noted how far the walk has come, if nothing changed. */
#define NOTE_STRETCHES 20

struct erasure {
	struct erasure_parts p;
	struct store_reader *reader;
	struct erasure_wait wait;
	/* the one in hand; its strings */
	struct directory_erasure now;
	char names[3][IM_UID_MAX];
	bool active;
	uint64_t next; /* where the walk is, and not noted yet */
	unsigned stretches;
	bool dropping;                /* the index is to forget what was erased before `next` */
	struct erasure_events events; /* where the walk over timelines is */
	uint32_t page;                /* where the cleaning is */
	uint64_t erased, open;
	int64_t due_ms;
	bool failed_said;
};

int erasure_new(const struct erasure_parts *p, struct erasure **out)
{
	struct erasure *e = calloc(1, sizeof(*e));
	int rc = IM_E_NOMEM;

	*out = NULL;
	if (!e)
		return rc;
	e->p = *p;
	im_buf_init(&e->events.key, 0);
	erasure_wait_init(&e->wait);
	rc = p->backend->reader_open(p->store, &e->reader);
	if (!rc)
		rc = directory_erasure_open(p->dir, &e->open);
	if (rc)
		erasure_free(&e);
	*out = e;
	return rc;
}

void erasure_free(struct erasure **e)
{
	if (!*e)
		return;
	if ((*e)->reader)
		(*e)->p.backend->reader_close((*e)->reader);
	im_buf_free(&(*e)->events.key);
	erasure_wait_clear(&(*e)->wait);
	free(*e);
	*e = NULL;
}

void erasure_asked(struct erasure *e, uint64_t id)
{
	erasure_wait_for(&e->wait, id);
	e->open++;
	e->due_ms = 0;
}

bool erasure_hold(
	struct erasure *e, struct im_str uid, struct im_str device, struct im_str response)
{
	return erasure_wait_add(&e->wait, uid, device, response);
}

void erasure_progress(const struct erasure *e, uint64_t *open_out, uint64_t *left_out)
{
	uint64_t head = 0;

	*open_out = e->open;
	*left_out = 0;
	if (e->active && e->now.stage <= ERASURE_LOG &&
		e->p.backend->log_head(e->p.store, &head) == IM_OK && head > e->next)
		*left_out = head - e->next;
}

static struct erasure_who who(const struct erasure *e)
{
	return (struct erasure_who){
		.name = {e->now.user, e->now.uid, e->now.shown},
		.words = e->now.words,
		.from_ms = e->now.from_ms,
		.until_ms = e->now.until_ms,
	};
}

/* -- the directory's own transaction, around one change -- */

typedef int (*change_fn)(struct erasure *e, void *arg);

static int in_transaction(struct erasure *e, change_fn fn, void *arg)
{
	int rc = directory_begin(e->p.dir);

	if (rc)
		return rc;
	rc = fn(e, arg);
	if (!rc)
		return directory_commit(e->p.dir);
	directory_rollback(e->p.dir);
	return rc;
}

static int note_place(struct erasure *e, void *arg)
{
	(void)arg;
	return directory_erasure_move(e->p.dir, e->now.id, e->now.stage, e->now.position);
}

static int go_on(struct erasure *e, enum erasure_stage stage)
{
	log_line(e->p.log, LOG_LEVEL_DEBUG, "erasing", "user=%llu stage=%d",
		(unsigned long long)e->now.user, stage);
	e->now.stage = stage;
	e->now.position = e->next = 0;
	e->page = 0;
	e->events.user = 0;
	im_buf_reset(&e->events.key);
	return in_transaction(e, note_place, NULL);
}

/* -- the stages: IM_OK, and *pause_out until the next piece -- */

static int put_on_list(struct erasure *e)
{
	struct im_buf why;
	int rc = IM_OK;

	if (e->now.uid.n)
		e->p.renamed(e->p.arg);
	im_buf_init(&why, 0);
	if (e->now.words)
		rc = erasure_list_add(e->p.data_dir, &e->now, &why);
	if (rc && !e->failed_said)
		log_line(e->p.log, LOG_LEVEL_ERROR, "erasure_list", "why=\"%.*s\"",
			IM_ARGS(im_buf_view(&why)));
	im_buf_free(&why);
	return rc ? rc : go_on(e, ERASURE_DIRECTORY);
}

static int wipe(struct erasure *e, void *arg)
{
	const struct erasure_who w = who(e);
	int rc = w.words ? directory_wipe_user(e->p.dir, w.name.user) : IM_OK;

	(void)arg;
	if (!rc && w.name.name.n)
		rc = directory_rename_traces(e->p.dir, &w.name);
	return rc;
}

static int wipe_announcements(struct erasure *e, void *arg)
{
	const struct erasure_stretch *s = arg;
	int rc = IM_OK;

	for (size_t i = 0; !rc && i < s->n_announcements; i++) {
		const struct erasure_announcement *a = &s->announcements[i];

		rc = directory_wipe_announcement(
			e->p.dir, a->group, (struct im_str){s->texts.p + a->at, a->n});
	}
	return rc;
}

/* What is in the directory goes first: a repeated walk does not find it in the log again. */
static int write_stretch(struct erasure *e, struct erasure_stretch *s)
{
	int rc = IM_OK;

	if (s->n_announcements)
		rc = in_transaction(e, wipe_announcements, s);
	if (!rc)
		rc = erasure_walk_write(s);
	if (rc)
		return rc;
	e->erased += s->n_unindex;
	e->next = s->last;
	e->stretches += s->n ? NOTE_STRETCHES : 1;
	e->dropping = s->n_unindex && e->p.index;
	if (e->dropping)
		(void)search_index_drop(e->p.index, s->unindex, s->n_unindex);
	return IM_OK;
}

/* Noted only when the index has followed, so that a crash forgets nothing. */
static int note_stretch(struct erasure *e, int64_t *pause_out)
{
	if (e->dropping && !search_index_drop(e->p.index, NULL, 0)) {
		*pause_out = BUSY_MS;
		return IM_OK;
	}
	e->dropping = false;
	if (e->stretches < NOTE_STRETCHES)
		return IM_OK;
	e->stretches = 0;
	e->now.position = e->next;
	return in_transaction(e, note_place, NULL);
}

static int walk_log(struct erasure *e, int64_t *pause_out)
{
	struct erasure_stretch s;
	int rc = note_stretch(e, pause_out);

	if (rc || e->dropping)
		return rc;
	erasure_stretch_init(&s);
	s.backend = e->p.backend;
	s.store = e->p.store;
	s.reader = e->reader;
	s.who = who(e);
	rc = erasure_walk_read(&s, e->next);
	if (!rc && s.last)
		rc = write_stretch(e, &s);
	else if (!rc)
		rc = go_on(e, ERASURE_EVENTS);
	erasure_stretch_clear(&s);
	return rc;
}

static int forget_name(struct erasure *e, void *arg)
{
	(void)arg;
	return directory_erasure_forget(e->p.dir, e->now.id);
}

static int walk_events(struct erasure *e)
{
	const struct erasure_who w = who(e);
	bool done;
	int rc = erasure_events_step(e->p.dir, &w, &e->events, &done);

	/* From here on the name is not needed any more. */
	if (!rc && done)
		rc = in_transaction(e, forget_name, NULL);
	return rc || !done ? rc : go_on(e, ERASURE_INDEX);
}

/* -- the files -- */

static int purge_index(struct erasure *e, int64_t *pause_out)
{
	if (e->now.words && e->p.index && !search_index_purged(e->p.index)) {
		*pause_out = WAIT_MS;
		return IM_OK;
	}
	if (e->now.words && !e->p.index)
		search_db_remove(e->p.data_dir);
	return go_on(e, ERASURE_CLEAN_LOG);
}

static int finish(struct erasure *e, void *arg)
{
	return directory_erasure_done(e->p.dir, e->now.id, *(const int64_t *)arg);
}

static int end(struct erasure *e, int64_t wall_ms)
{
	int rc = in_transaction(e, finish, &wall_ms);

	if (rc)
		return rc;
	log_line(e->p.log, LOG_LEVEL_INFO, "erased", "user=%llu messages=%llu",
		(unsigned long long)e->now.user, (unsigned long long)e->erased);
	e->active = false;
	e->open -= e->open > 0;
	erasure_wait_done(&e->wait, e->now.id, e->p.reply, e->p.arg);
	return IM_OK;
}

static int clean(struct erasure *e, int64_t wall_ms, int64_t *pause_out)
{
	bool log = e->now.stage == ERASURE_CLEAN_LOG, done = !e->now.words;
	int rc = IM_OK;

	if (!done)
		rc = log ? e->p.backend->clean(e->p.store, &e->page, &done)
			 : directory_clean_step(e->p.dir, &e->page, &done);
	if (rc == IM_E_BUSY) {
		*pause_out = WAIT_MS;
		return IM_OK;
	}
	if (rc == IM_E_FORMAT)
		log_line(e->p.log, LOG_LEVEL_WARNING, "erasure_unclean",
			"database=%s what=\"too large for what is left of moved rows to be "
			"looked for; imctl vacuum rewrites it\"",
			log ? "messages" : "directory");
	else if (rc || !done)
		return rc;
	return log ? go_on(e, ERASURE_CLEAN_DIRECTORY) : end(e, wall_ms);
}

static int work(struct erasure *e, int64_t wall_ms, int64_t *pause_out)
{
	switch (e->now.stage) {
	case ERASURE_BEGUN:
		return put_on_list(e);
	case ERASURE_DIRECTORY: {
		int rc = in_transaction(e, wipe, NULL);

		return rc ? rc : go_on(e, ERASURE_LOG);
	}
	case ERASURE_LOG:
		return walk_log(e, pause_out);
	case ERASURE_EVENTS:
		return walk_events(e);
	case ERASURE_INDEX:
		return purge_index(e, pause_out);
	default:
		return clean(e, wall_ms, pause_out);
	}
}

/* What it says of names is the directory's until its next call. */
static void keep(char to[IM_UID_MAX], struct im_str *s)
{
	size_t n = s->n < IM_UID_MAX ? s->n : IM_UID_MAX;

	if (n)
		memcpy(to, s->p, n);
	*s = (struct im_str){to, n};
}

/* The oldest one that is not done; *pause_out: there is none. */
static int next(struct erasure *e, int64_t *pause_out)
{
	int rc = directory_erasure_next(e->p.dir, &e->now);

	if (rc == IM_E_NONE) {
		e->open = 0;
		*pause_out = IDLE_MS;
		return IM_OK;
	}
	if (rc)
		return rc;
	keep(e->names[0], &e->now.uid);
	keep(e->names[1], &e->now.shown);
	keep(e->names[2], &e->now.hash);
	e->next = e->now.position;
	e->dropping = false;
	e->erased = e->stretches = e->page = 0;
	e->events.user = 0;
	im_buf_reset(&e->events.key);
	e->active = true;
	return IM_OK;
}

int64_t erasure_step(struct erasure *e, int64_t wall_ms, int64_t mono_ms)
{
	int64_t pause = BUSY_MS;
	int rc;

	if (mono_ms < e->due_ms)
		return e->due_ms - mono_ms;
	rc = e->active ? work(e, wall_ms, &pause) : next(e, &pause);
	if (rc && !e->failed_said)
		log_line(e->p.log, LOG_LEVEL_ERROR, "erasure_failed",
			"user=%llu stage=%d code=%d why=\"%s\" will=\"try again\"",
			(unsigned long long)e->now.user, e->now.stage, rc,
			directory_errmsg(e->p.dir));
	e->failed_said = rc != IM_OK;
	if (rc) {
		pause = FAILED_MS;
		e->active = false; /* begins where it was noted last */
	}
	e->due_ms = mono_ms + pause;
	return pause;
}
