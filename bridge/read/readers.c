/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the threads and the jobs: waiting (turns.c), done. Called by the engine's thread only;
 * the lock is between it and the threads. */
#include "bridge/read/readers.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bridge/read/reader.h"
#include "bridge/read/turns.h"

/* Hellos that wait: one for each device of the largest broker, 400 bytes each. */
#define HELLOS_MAX 200000

struct list {
	struct read_job *first, **end;
	uint32_t n;
};

struct readers {
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct turns *turns; /* under the lock, as what follows */
	struct done {
		struct list jobs;
		uint32_t requests; /* among them */
	} done[IM_PEERS_MAX];
	uint64_t names; /* so often has a user got another name */
	bool stop;
	uint32_t queue_max;
	int fd;
	unsigned n;
	pthread_t *threads;
	struct reader **readers; /* one a thread; one for all when there is none */
	unsigned started;
	unsigned next; /* reader that the next thread to start takes */
};

static void push(struct list *l, struct read_job *job)
{
	job->next = NULL;
	*l->end = job;
	l->end = &job->next;
	l->n++;
}

static struct read_job *pop(struct list *l)
{
	struct read_job *job = l->first;

	if (!job)
		return NULL;
	l->first = job->next;
	if (!l->first)
		l->end = &l->first;
	l->n--;
	return job;
}

static void clear(struct list *l)
{
	struct read_job *job;

	while ((job = pop(l)))
		read_job_free(job);
}

/* Under the lock. */
static void finish(struct readers *r, struct read_job *job)
{
	uint64_t one = 1;

	push(&r->done[job->peer].jobs, job);
	r->done[job->peer].requests += job->kind == READ_REQUEST;
	/* It cannot fail but when the counter is full, and then the fd is readable anyway. */
	if (write(r->fd, &one, sizeof(one)) < 0)
		return;
}

/* Under the lock: a job that has run. */
static void ran(struct readers *r, struct read_job *job, bool done)
{
	if (!done) {
		turns_back(r->turns, job);
		return;
	}
	turns_end(r->turns, job);
	finish(r, job);
}

static void *thread_main(void *arg)
{
	struct readers *r = arg;
	struct read_job *job;
	struct reader *mine;
	uint64_t names = 0;
	bool done;

	pthread_mutex_lock(&r->lock);
	mine = r->readers[r->next++];
	while (!r->stop) {
		job = turns_pop(r->turns);
		if (!job) {
			pthread_cond_wait(&r->more, &r->lock);
			continue;
		}
		if (names != r->names)
			reader_forget_names(mine);
		names = r->names;
		pthread_mutex_unlock(&r->lock);
		done = reader_run(mine, job);
		pthread_mutex_lock(&r->lock);
		ran(r, job, done);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

static int start(struct readers *r, const struct reader_parts *p, struct im_buf *why)
{
	unsigned handles = r->n ? r->n : 1;

	r->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	r->threads = calloc(handles, sizeof(*r->threads));
	r->readers = calloc(handles, sizeof(*r->readers));
	if (r->fd < 0 || !r->threads || !r->readers)
		return IM_E_NOMEM;
	for (unsigned i = 0; i < handles; i++) {
		int rc = reader_open(p, &r->readers[i], why);

		if (rc)
			return rc;
	}
	while (r->started < r->n) {
		if (pthread_create(&r->threads[r->started], NULL, thread_main, r)) {
			im_buf_z(why, "a reader thread could not be started");
			return IM_E_NOMEM;
		}
		r->started++;
	}
	return IM_OK;
}

int readers_open(const struct reader_parts *p, unsigned threads, uint32_t queue_max,
	struct readers **out, struct im_buf *why)
{
	struct readers *r = calloc(1, sizeof(*r));
	int rc;

	*out = NULL;
	if (!r)
		return IM_E_NOMEM;
	for (unsigned i = 0; i < IM_PEERS_MAX; i++)
		r->done[i].jobs.end = &r->done[i].jobs.first;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->more, NULL);
	r->n = threads;
	r->queue_max = queue_max;
	r->fd = -1;
	r->turns = turns_new(r->n);
	rc = r->turns ? start(r, p, why) : IM_E_NOMEM;
	if (rc)
		readers_close(&r);
	*out = r;
	return rc;
}

void readers_close(struct readers **r)
{
	if (!*r)
		return;
	pthread_mutex_lock(&(*r)->lock);
	(*r)->stop = true;
	pthread_cond_broadcast(&(*r)->more);
	pthread_mutex_unlock(&(*r)->lock);
	for (unsigned i = 0; i < (*r)->started; i++)
		pthread_join((*r)->threads[i], NULL);
	for (unsigned i = 0; (*r)->readers && i < ((*r)->n ? (*r)->n : 1); i++)
		reader_close(&(*r)->readers[i]);
	turns_free(&(*r)->turns);
	for (unsigned i = 0; i < IM_PEERS_MAX; i++)
		clear(&(*r)->done[i].jobs);
	if ((*r)->fd >= 0)
		close((*r)->fd);
	pthread_cond_destroy(&(*r)->more);
	pthread_mutex_destroy(&(*r)->lock);
	free((*r)->threads);
	free((*r)->readers);
	free(*r);
	*r = NULL;
}

int readers_fd(const struct readers *r)
{
	return r->fd;
}

/* Under the lock: of all users together. */
static bool full(const struct readers *r, const struct read_job *job)
{
	if (job->kind != READ_REQUEST)
		return r->queue_max == 0 || turns_waiting_others(r->turns) >= HELLOS_MAX;
	return turns_waiting_requests(r->turns) + turns_running(r->turns) +
		       r->done[job->peer].requests >=
	       r->queue_max;
}

/* Under the lock, without threads. */
static void run_all(struct readers *r)
{
	struct read_job *job;

	while ((job = turns_pop(r->turns)))
		ran(r, job, reader_run(r->readers[0], job));
}

void readers_run(struct readers *r, struct effects_read *reads, uint64_t position, unsigned peer)
{
	struct read_job *job;

	if (!reads)
		return;
	pthread_mutex_lock(&r->lock);
	while (reads) {
		job = read_job_of(reads);
		reads = reads->next;
		job->position = position;
		job->peer = peer;
		if (full(r, job) || turns_push(r->turns, job) != IM_OK) {
			reader_refuse(job);
			finish(r, job);
		} else if (r->n) {
			pthread_cond_signal(&r->more);
		} else {
			run_all(r);
		}
	}
	pthread_mutex_unlock(&r->lock);
}

struct read_job *readers_take(struct readers *r, unsigned peer)
{
	struct done *done = &r->done[peer];
	struct read_job *job;
	uint64_t count;

	pthread_mutex_lock(&r->lock);
	job = pop(&done->jobs);
	if (job)
		done->requests -= job->kind == READ_REQUEST;
	/* Emptied under the lock, so that no wake-up is lost. */
	if (!job && read(r->fd, &count, sizeof(count)) < 0)
		count = 0;
	pthread_mutex_unlock(&r->lock);
	return job;
}

bool readers_has(struct readers *r, unsigned peer)
{
	bool has;

	pthread_mutex_lock(&r->lock);
	has = r->done[peer].jobs.first != NULL;
	pthread_mutex_unlock(&r->lock);
	return has;
}

void readers_forget_names(struct readers *r)
{
	pthread_mutex_lock(&r->lock);
	r->names++;
	if (!r->n)
		reader_forget_names(r->readers[0]);
	pthread_mutex_unlock(&r->lock);
}

uint32_t readers_queued(struct readers *r)
{
	uint32_t n;

	pthread_mutex_lock(&r->lock);
	n = turns_waiting_requests(r->turns) + turns_waiting_others(r->turns) +
	    turns_running(r->turns);
	pthread_mutex_unlock(&r->lock);
	return n;
}
