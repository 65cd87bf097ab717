/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two lists under one lock, and threads between them. Used by later.c.
 */
#include "plugin/hashers.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <utlist.h>

/* The threads wait when so many a thread, some 100 ms of work, are done and not taken. What a wrong
 * one has cost is counted when it is taken: on a broker that is held up they would spend what is to
 * be had on guesses, and nothing were left for those who stand behind them. */
#define AHEAD 8

struct hashers {
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct hash_job *todo, *done;
	unsigned done_n, ahead;
	bool ending;
	struct clock clock;
	unsigned n;
	pthread_t threads[];
};

/* The time of threads that it starts is not the caller's. */
static int64_t now_us(const struct hash_work *w, const struct clock *c)
{
	return w->threads ? clock_mono_us(c) : clock_cpu_us(c);
}

void hash_work_run(const struct hash_work *w, struct im_str password, const struct clock *c,
	struct hash_done *out)
{
	int64_t began_us = now_us(w, c);

	out->result = im_pwhash_verify(im_str(w->stored), password);
	/* What that says is of no interest, unless it could not be done. */
	if (out->result && w->pad[0] && im_phc_verify(im_str(w->pad), password) == IM_E_NOMEM)
		out->result = IM_E_NOMEM;
	/* If that cannot be done, the old one is right all the same. */
	if (out->result || !w->fresh.passes ||
		im_phc_hash(password, w->salt, w->fresh.memory_kib, w->fresh.passes, out->fresh))
		out->fresh[0] = '\0';
	out->took_us = now_us(w, c) - began_us;
}

static void run(const struct hashers *h, struct hash_job *job)
{
	hash_work_run(
		&job->work, (struct im_str){job->password, job->password_n}, &h->clock, &job->done);
}

static void *work(void *arg)
{
	struct hashers *h = arg;
	struct hash_job *job;

	pthread_mutex_lock(&h->lock);
	while (!h->ending) {
		job = h->todo;
		if (!job || h->done_n >= h->ahead) {
			pthread_cond_wait(&h->work, &h->lock);
			continue;
		}
		DL_DELETE(h->todo, job);
		job->waiting = false;
		pthread_mutex_unlock(&h->lock);
		run(h, job);
		pthread_mutex_lock(&h->lock);
		DL_APPEND(h->done, job);
		h->done_n++;
	}
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

struct hashers *hashers_new(unsigned threads, const struct clock *c)
{
	struct hashers *h = calloc(1, sizeof(*h) + threads * sizeof(h->threads[0]));
	sigset_t all, before;

	if (!h)
		return NULL;
	h->clock = *c;
	h->ahead = AHEAD * threads;
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->work, NULL);
	/* Signals are for the broker's own thread. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	while (h->n < threads && pthread_create(&h->threads[h->n], NULL, work, h) == 0)
		h->n++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!h->n)
		hashers_free(&h);
	return h;
}

void hashers_free(struct hashers **h)
{
	if (!*h)
		return;
	pthread_mutex_lock(&(*h)->lock);
	(*h)->ending = true;
	pthread_cond_broadcast(&(*h)->work);
	pthread_mutex_unlock(&(*h)->lock);
	while ((*h)->n)
		pthread_join((*h)->threads[--(*h)->n], NULL);
	pthread_cond_destroy(&(*h)->work);
	pthread_mutex_destroy(&(*h)->lock);
	free(*h);
	*h = NULL;
}

void hashers_put(struct hashers *h, struct hash_job *job, bool first)
{
	pthread_mutex_lock(&h->lock);
	job->waiting = true;
	if (first)
		DL_PREPEND(h->todo, job);
	else
		DL_APPEND(h->todo, job);
	pthread_cond_signal(&h->work);
	pthread_mutex_unlock(&h->lock);
}

struct hash_job *hashers_take(struct hashers *h)
{
	struct hash_job *job;

	pthread_mutex_lock(&h->lock);
	job = h->done;
	if (job) {
		DL_DELETE(h->done, job);
		h->done_n--;
		pthread_cond_signal(&h->work);
	}
	pthread_mutex_unlock(&h->lock);
	return job;
}

bool hashers_withdraw(struct hashers *h, struct hash_job *job)
{
	bool waiting;

	pthread_mutex_lock(&h->lock);
	waiting = job->waiting;
	if (waiting)
		DL_DELETE(h->todo, job);
	job->waiting = false;
	pthread_mutex_unlock(&h->lock);
	return waiting;
}
