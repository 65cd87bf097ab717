/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checkpoints beside the writer; see walkeeper.h. A failing checkpoint loses nothing: the pages
 * stay in the log and the next one tries again. A commit that cannot write to the log says so
 * itself.
 */
#include "db/walkeeper.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FRAME_BYTES (24 + 4096) /* with SQLite's default page */
/* Pages and bytes: zeros are written a mebibyte at a time, when 64 pages are left of them. */
#define FILL_AHEAD 64
#define FILL_STEP (1024 * 1024)
/* A long log is worked on in steps of this part of it: pages written often are moved once. */
#define STEP_PART 4
/* How long readers may keep the log from being emptied, at a time: the writer waits for it. */
#define EMPTY_WAIT_MS 50
/* What the writer itself moves is at most this part. */
#define FINISH_PART 8

struct walkeeper {
	pthread_t thread;
	pthread_mutex_t lock; /* asked, stop, moved */
	pthread_cond_t wake;
	bool asked, stop;
	int moved;            /* pages of the present log that are in the database */
	pthread_mutex_t work; /* held while a checkpoint runs */
	sqlite3 *own, *writer;
	struct walkeeper_bounds bounds;
	/* The writer's alone: pages in the log after its last commit, and when it last finished. */
	int pages, finished;
	int wal; /* the log's file, -1: not filled */
	off_t filled;
};

static int on_commit(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct walkeeper *k = arg;

	(void)db;
	(void)name;
	if (pages < k->pages) {
		k->finished = 0;
		pthread_mutex_lock(&k->lock);
		k->moved = 0; /* the log has started over */
		pthread_mutex_unlock(&k->lock);
	}
	k->pages = pages;
	return SQLITE_OK;
}

/* With `work` held. */
static void checkpoint(struct walkeeper *k, sqlite3 *db)
{
	int moved = -1;

	sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, &moved);
	if (moved < 0)
		return;
	pthread_mutex_lock(&k->lock);
	k->moved = moved;
	pthread_mutex_unlock(&k->lock);
}

static void *run(void *arg)
{
	struct walkeeper *k = arg;

	pthread_mutex_lock(&k->lock);
	while (!k->stop) {
		if (!k->asked) {
			pthread_cond_wait(&k->wake, &k->lock);
			continue;
		}
		k->asked = false;
		pthread_mutex_unlock(&k->lock);
		pthread_mutex_lock(&k->work);
		checkpoint(k, k->own);
		pthread_mutex_unlock(&k->work);
		pthread_mutex_lock(&k->lock);
	}
	pthread_mutex_unlock(&k->lock);
	return NULL;
}

/* Keeps the file a step ahead of the log. What is behind the last frame is never read as one, and
 * only what is behind the file's end is written here, so nothing changes for SQLite. When the disk
 * has no room, the commit that needs it will say so. */
static void fill(struct walkeeper *k)
{
	static const char zeros[64 * 1024];
	off_t want = ((off_t)k->pages + FILL_AHEAD) * FRAME_BYTES;
	struct stat st;

	if (k->wal < 0 || want <= k->filled || fstat(k->wal, &st) != 0)
		return;
	k->filled = want + FILL_STEP;
	for (off_t at = st.st_size; at < k->filled; at += (off_t)sizeof(zeros))
		if (pwrite(k->wal, zeros, sizeof(zeros), at) < 0)
			break;
}

static int open_wal(const char *path)
{
	char wal[4096];

	if ((size_t)snprintf(wal, sizeof(wal), "%s-wal", path) >= sizeof(wal))
		return -1;
	return open(wal, O_WRONLY | O_CLOEXEC);
}

static void clear(struct walkeeper *k)
{
	sqlite3_close(k->own);
	if (k->wal >= 0)
		close(k->wal);
	pthread_cond_destroy(&k->wake);
	pthread_mutex_destroy(&k->work);
	pthread_mutex_destroy(&k->lock);
	free(k);
}

int walkeeper_start(
	sqlite3 *writer, const char *path, struct walkeeper_bounds bounds, struct walkeeper **out)
{
	struct walkeeper *k = calloc(1, sizeof(*k));

	if (!k)
		return IM_E_NOMEM;
	k->writer = writer;
	k->bounds = bounds;
	k->wal = open_wal(path);
	pthread_mutex_init(&k->lock, NULL);
	pthread_mutex_init(&k->work, NULL);
	pthread_cond_init(&k->wake, NULL);
	if (sqlite3_open_v2(path, &k->own, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
			SQLITE_OK ||
		sqlite3_exec(k->own, "PRAGMA synchronous=FULL", NULL, NULL, NULL) != SQLITE_OK ||
		pthread_create(&k->thread, NULL, run, k) != 0) {
		clear(k);
		return IM_E_IO;
	}
	fill(k);
	sqlite3_wal_hook(writer, on_commit, k); /* also ends SQLite's own checkpoints */
	*out = k;
	return IM_OK;
}

void walkeeper_stop(struct walkeeper **kp)
{
	struct walkeeper *k = *kp;

	if (!k)
		return;
	pthread_mutex_lock(&k->lock);
	k->stop = true;
	pthread_cond_signal(&k->wake);
	pthread_mutex_unlock(&k->lock);
	pthread_join(k->thread, NULL);
	sqlite3_wal_hook(k->writer, NULL, NULL);
	clear(k);
	*kp = NULL;
}

/* While a reader keeps the log from starting over, finishing again at once would be in vain. */
static void finish(struct walkeeper *k)
{
	if (k->pages < k->bounds.hard) {
		if (pthread_mutex_trylock(&k->work) != 0)
			return; /* the thread is at it: a later commit finds less left */
	} else {
		pthread_mutex_lock(&k->work);
	}
	k->finished = k->pages;
	checkpoint(k, k->writer);
	pthread_mutex_unlock(&k->work);
}

int walkeeper_empty(struct walkeeper *k)
{
	int left = -1, moved = -1, rc;

	pthread_mutex_lock(&k->work);
	sqlite3_busy_timeout(k->own, EMPTY_WAIT_MS);
	rc = sqlite3_wal_checkpoint_v2(k->own, NULL, SQLITE_CHECKPOINT_TRUNCATE, &left, &moved);
	sqlite3_busy_timeout(k->own, 0);
	pthread_mutex_unlock(&k->work);
	if (rc != SQLITE_OK)
		return rc == SQLITE_BUSY || rc == SQLITE_LOCKED ? IM_E_BUSY : IM_E_IO;
	pthread_mutex_lock(&k->lock);
	k->moved = 0;
	pthread_mutex_unlock(&k->lock);
	k->pages = k->finished = 0;
	k->filled = 0; /* the zeros have gone, too */
	return IM_OK;
}

void walkeeper_committed(struct walkeeper *k)
{
	const struct walkeeper_bounds *b = &k->bounds;
	int step = k->pages / STEP_PART;
	int left;

	fill(k);
	if (k->pages < b->soft)
		return;
	pthread_mutex_lock(&k->lock);
	left = k->pages - k->moved;
	if (left >= (step > b->soft ? step : b->soft)) {
		k->asked = true;
		pthread_cond_signal(&k->wake);
	}
	pthread_mutex_unlock(&k->lock);
	if (k->pages < b->full || k->pages < k->finished + b->soft)
		return;
	if (left <= k->pages / FINISH_PART || k->pages >= b->hard)
		finish(k);
}
