/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns what lies between the two threads. Called by search_index.c for both. */
#include "bridge/search/search_erase.h"

#include <string.h>

void search_erase_init(struct search_erase *e)
{
	memset(e, 0, sizeof(*e));
	pthread_mutex_init(&e->lock, NULL);
}

void search_erase_free(struct search_erase *e)
{
	pthread_mutex_destroy(&e->lock);
}

bool search_erase_drop(struct search_erase *e, const uint64_t *gids, size_t n)
{
	bool taken;

	pthread_mutex_lock(&e->lock);
	taken = e->n == 0;
	if (taken && n) {
		memcpy(e->drop, gids, n * sizeof(*gids));
		e->n = n;
	}
	pthread_mutex_unlock(&e->lock);
	return taken;
}

bool search_erase_purged(struct search_erase *e)
{
	bool done;

	pthread_mutex_lock(&e->lock);
	done = e->purge == SEARCH_PURGE_DONE;
	e->purge = done ? SEARCH_PURGE_NONE : SEARCH_PURGE_ASKED;
	pthread_mutex_unlock(&e->lock);
	return done;
}

/* What is read of the log from here on is without their words. */
static size_t listed(struct search_erase *e, uint64_t list[IM_ERASE_STRETCH])
{
	size_t n;

	pthread_mutex_lock(&e->lock);
	n = e->n;
	memcpy(list, e->drop, n * sizeof(*list));
	pthread_mutex_unlock(&e->lock);
	return n;
}

static void dropped(struct search_erase *e)
{
	pthread_mutex_lock(&e->lock);
	e->n = 0;
	pthread_mutex_unlock(&e->lock);
}

static int drop_from(struct search_writer *w, const uint64_t *list, size_t n)
{
	int rc = IM_OK;

	for (size_t i = 0; i < n && rc == IM_OK; i++)
		rc = search_writer_remove(w, list[i]);
	return rc;
}

/* A power cut may cost what was read of the log, for it is read again. Not so what is dropped:
 * it is synced, and all that was written before with it. */
int search_erase_run(
	struct search_erase *e, struct sqldb *q, struct search_writer *const *of, size_t n)
{
	uint64_t list[IM_ERASE_STRETCH];
	size_t n_listed = listed(e, list);
	int rc, after;

	if (n_listed == 0)
		return IM_OK;
	rc = sqldb_durable(q, true);
	if (rc == IM_OK)
		rc = sqldb_begin(q);
	for (size_t i = 0; i < n && rc == IM_OK; i++)
		rc = drop_from(of[i], list, n_listed);
	if (rc == IM_OK)
		rc = sqldb_commit(q);
	else
		sqldb_rollback(q);
	if (rc == IM_OK)
		dropped(e);
	after = sqldb_durable(q, false);
	return rc == IM_OK ? after : rc;
}

int search_erase_purge(struct search_erase *e, struct sqldb *q,
	const struct search_table *const *tables, size_t n, bool *more_out)
{
	bool asked, done = false, more = false;
	int rc;

	pthread_mutex_lock(&e->lock);
	asked = e->purge == SEARCH_PURGE_ASKED;
	pthread_mutex_unlock(&e->lock);
	if (!asked)
		return IM_OK;
	rc = search_purge_step(&e->purging, q, tables, n, &done, &more);
	if (done) {
		pthread_mutex_lock(&e->lock);
		e->purge = SEARCH_PURGE_DONE;
		pthread_mutex_unlock(&e->lock);
	}
	*more_out |= more;
	return rc;
}
