/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checkpoints beside the writer; see walkeeper.h. A failing checkpoint loses nothing: the pages
 * stay in the log and the next one tries again, so there is nobody to tell.
 */
#include "walkeeper.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

struct walkeeper {
	pthread_t thread;
	pthread_mutex_t lock; /* asked, stop */
	pthread_cond_t wake;
	bool asked, stop;
	pthread_mutex_t work; /* held while a checkpoint runs */
	sqlite3 *own, *writer;
	int soft, hard;
	int pages; /* in the log after the writer's last commit; the writer's alone */
};

static int on_commit(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct walkeeper *k = arg;
	(void)db;
	(void)name;
	k->pages = pages;
	return SQLITE_OK;
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
		sqlite3_wal_checkpoint_v2(k->own, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
		pthread_mutex_unlock(&k->work);
		pthread_mutex_lock(&k->lock);
	}
	pthread_mutex_unlock(&k->lock);
	return NULL;
}

int walkeeper_start(
	sqlite3 *writer, const char *path, int soft_pages, int hard_pages, struct walkeeper **out)
{
	struct walkeeper *k = calloc(1, sizeof(*k));
	if (!k)
		return IM_E_NOMEM;
	k->writer = writer;
	k->soft = soft_pages;
	k->hard = hard_pages;
	pthread_mutex_init(&k->lock, NULL);
	pthread_mutex_init(&k->work, NULL);
	pthread_cond_init(&k->wake, NULL);
	if (sqlite3_open_v2(path, &k->own, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
			SQLITE_OK ||
		sqlite3_exec(k->own, "PRAGMA synchronous=FULL", NULL, NULL, NULL) != SQLITE_OK ||
		pthread_create(&k->thread, NULL, run, k) != 0) {
		sqlite3_close(k->own);
		pthread_cond_destroy(&k->wake);
		pthread_mutex_destroy(&k->work);
		pthread_mutex_destroy(&k->lock);
		free(k);
		return IM_E_IO;
	}
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
	sqlite3_close(k->own);
	pthread_cond_destroy(&k->wake);
	pthread_mutex_destroy(&k->work);
	pthread_mutex_destroy(&k->lock);
	free(k);
	*kp = NULL;
}

void walkeeper_committed(struct walkeeper *k)
{
	if (k->pages >= k->hard) {
		pthread_mutex_lock(&k->work);
		sqlite3_wal_checkpoint_v2(k->writer, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
		pthread_mutex_unlock(&k->work);
	} else if (k->pages >= k->soft) {
		pthread_mutex_lock(&k->lock);
		k->asked = true;
		pthread_cond_signal(&k->wake);
		pthread_mutex_unlock(&k->lock);
	}
}
