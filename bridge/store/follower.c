/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the thread, its pace, and the stretch in hand. Knows nothing of what becomes of messages. */
#include "bridge/store/follower.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

struct followed {
	struct follower_sink sink;
	int64_t retry_ms; /* not before, by the clock that nobody sets */
};

struct stretch {
	const struct follower_sink *sink;
	uint64_t gid; /* the last one taken */
	uint32_t taken, view_end;
	int64_t now_ms;
	bool begun;
	int code; /* of the sink */
};

struct follower {
	const struct store_backend *backend;
	struct store_reader *reader;
	struct followed sinks[FOLLOWER_SINKS_MAX];
	size_t n_sinks;
	struct background_pace pace;
	bool more; /* is left for the next turn */
	struct stretch hand;
	pthread_t thread;
	bool threaded;
	atomic_bool stopping;
	pthread_mutex_t lock; /* of wake */
	pthread_cond_t wake;
	bool woken;
};

/* Waits by the clock that nobody sets: an hour that is set back would be waited for again. */
static void wake_init(struct follower *f)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&f->wake, &attr);
	pthread_condattr_destroy(&attr);
}

struct follower *follower_new(const struct store_backend *backend, struct store_reader *reader)
{
	struct follower *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->backend = backend;
	f->reader = reader;
	pthread_mutex_init(&f->lock, NULL);
	wake_init(f);
	return f;
}

int follower_add(struct follower *f, const struct follower_sink *sink)
{
	if (f->n_sinks == FOLLOWER_SINKS_MAX)
		return IM_E_FULL;
	f->sinks[f->n_sinks++] = (struct followed){.sink = *sink, .retry_ms = INT64_MIN};
	return IM_OK;
}

/* -- a stretch -- */

static int on_message(void *arg, const struct store_msg *m)
{
	struct follower *f = arg;
	struct stretch *h = &f->hand;

	if (h->taken == h->view_end || atomic_load(&f->stopping))
		return IM_STOP;
	if (!h->begun) {
		h->code = h->sink->begin(h->sink->arg, h->now_ms);
		h->begun = h->code == IM_OK;
	}
	if (h->code == IM_OK)
		h->code = h->sink->take(h->sink->arg, m);
	if (h->code != IM_OK)
		return IM_STOP;
	h->gid = m->gid;
	h->taken++;
	return IM_OK;
}

/* Takes in up to `limit` messages, a view at a time. */
static int read_on(struct follower *f, uint32_t limit)
{
	struct stretch *h = &f->hand;
	int rc;

	do {
		h->view_end = limit - h->taken < FOLLOWER_VIEW_MESSAGES
				      ? limit
				      : h->taken + FOLLOWER_VIEW_MESSAGES;
		rc = f->backend->read_log(f->reader, h->gid + 1, INT64_MAX, false, on_message, f);
	} while (rc == IM_STOP && h->code == IM_OK && h->taken < limit &&
		 !atomic_load(&f->stopping));
	if (h->code != IM_OK)
		return h->code;
	return rc == IM_STOP ? IM_OK : rc;
}

static int follow(struct follower *f, uint32_t limit)
{
	struct stretch *h = &f->hand;
	int rc = read_on(f, limit);

	if (!h->begun)
		return rc;
	if (rc == IM_OK)
		rc = h->sink->commit(h->sink->arg, h->gid);
	if (rc != IM_OK)
		h->sink->rollback(h->sink->arg);
	return rc;
}

int follower_serve(struct follower *f, size_t sink, uint32_t limit, int64_t now_ms, bool *more_out)
{
	const struct follower_sink *s = &f->sinks[sink].sink;
	bool more = false;
	int rc = IM_OK;

	*more_out = false;
	f->hand = (struct stretch){.sink = s, .gid = s->position(s->arg), .now_ms = now_ms};
	if (limit && f->hand.gid != FOLLOWER_ENDED)
		rc = follow(f, limit);
	if (rc == IM_OK && s->rest && !atomic_load(&f->stopping))
		rc = s->rest(s->arg, now_ms, &more);
	*more_out = rc == IM_OK && (more || (limit && f->hand.taken == limit));
	return rc;
}

/* -- turns -- */

/* What is left over does not wait for calm: it is put off where it begins. */
bool follower_turn(struct follower *f, const struct follower_now *now)
{
	bool reads = f->more || background_turn(&f->pace, now->main);

	f->more = false;
	for (size_t i = 0; i < f->n_sinks; i++) {
		struct followed *s = &f->sinks[i];
		bool more;

		if (now->mono_ms < s->retry_ms)
			continue;
		if (follower_serve(f, i, reads ? s->sink.stretch : 0, now->wall_ms, &more))
			s->retry_ms = now->mono_ms + FOLLOWER_BACKOFF_MS;
		f->more |= more;
	}
	return f->more;
}

static int64_t ms_of(clockid_t which)
{
	struct timespec t;

	clock_gettime(which, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* False: it is to end. */
static bool wait_ms(struct follower *f, int64_t ms)
{
	int64_t at_ms = ms_of(CLOCK_MONOTONIC) + ms;
	struct timespec until = {at_ms / 1000, at_ms % 1000 * 1000000};
	int rc = 0;

	pthread_mutex_lock(&f->lock);
	while (ms && rc == 0 && !f->woken && !atomic_load(&f->stopping))
		rc = pthread_cond_timedwait(&f->wake, &f->lock, &until);
	f->woken = false;
	pthread_mutex_unlock(&f->lock);
	return !atomic_load(&f->stopping);
}

static void *run(void *arg)
{
	struct follower *f = arg;
	bool more = true;

	background_enter();
	while (wait_ms(f, more ? 0 : FOLLOWER_STEP_MS)) {
		struct follower_now now = {
			ms_of(CLOCK_REALTIME), ms_of(CLOCK_MONOTONIC), background_main()};

		more = follower_turn(f, &now);
	}
	return NULL;
}

int follower_start(struct follower *f)
{
	f->threaded = pthread_create(&f->thread, NULL, run, f) == 0;
	return f->threaded ? IM_OK : IM_E_NOMEM;
}

void follower_wake(struct follower *f)
{
	pthread_mutex_lock(&f->lock);
	f->woken = true;
	pthread_cond_signal(&f->wake);
	pthread_mutex_unlock(&f->lock);
}

void follower_end(struct follower *f)
{
	atomic_store(&f->stopping, true);
	follower_wake(f);
}

void follower_stop(struct follower **fp)
{
	struct follower *f = *fp;

	if (!f)
		return;
	follower_end(f);
	if (f->threaded)
		pthread_join(f->thread, NULL);
	pthread_cond_destroy(&f->wake);
	pthread_mutex_destroy(&f->lock);
	free(f);
	*fp = NULL;
}
