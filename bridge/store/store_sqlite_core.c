/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the handle's memory, and which of the caches' entries are of the transaction in hand. Called
 * by the other files of the backend; calls none of them. */
#include "bridge/store/store_sqlite_core.h"

#include <stdlib.h>
#include <string.h>

#include "schema/migrations.h"

/* 48 bytes an entry. A miss costs one index look-up, about 3 microseconds from the page cache. Few
 * conversations are so long that their speakers are noted. */
#define HEADS_MAX (512 * 1024)
#define CONVS_MAX (512 * 1024)
#define SPOKEN_MAX (128 * 1024)
/* Two entries a message of the largest batch, and as much again for new conversations and speakers.
 */
#define TOUCHED_MAX 16384

static const char *const statements[STORE_STATEMENTS] = {
#define X(name, sql) [STORE_##name] = sql,
#include "schema/sqlite/messages.def"
#undef X
};

/* The writer's pages: the hot part of conv_log and of the conversations' indexes. */
const struct sqldb_spec store_sqlite_spec = {.name = "messages",
	.migrations = schema_migrations,
	.sql = statements,
	.n_sql = STORE_STATEMENTS,
	.writer_kib = 64 * 1024,
	.reader_kib = 8 * 1024};

struct store *store_sqlite_new(const char *where)
{
	struct store *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	pthread_mutex_init(&s->fresh_lock, NULL);
	s->folder = strdup(where);
	s->touched = malloc(TOUCHED_MAX * sizeof(*s->touched));
	if (s->folder && s->touched && idcache_init(&s->heads, HEADS_MAX) == IM_OK &&
		idcache_init(&s->convs, CONVS_MAX) == IM_OK &&
		idcache_init(&s->spoken, SPOKEN_MAX) == IM_OK)
		return s;
	store_sqlite_free(s);
	return NULL;
}

void store_sqlite_free(struct store *s)
{
	pthread_mutex_destroy(&s->fresh_lock);
	idcache_clear(&s->heads);
	idcache_clear(&s->convs);
	idcache_clear(&s->spoken);
	free(s->touched);
	free(s->folder);
	free(s);
}

void store_sqlite_remember(struct store *s, struct idcache *cache, uint64_t k0, uint64_t k1,
	const uint64_t value[IDCACHE_VALUES])
{
	idcache_put(cache, k0, k1, value);
	if (!s->q.in_tx)
		return;
	if (s->n_touched < TOUCHED_MAX)
		s->touched[s->n_touched] = (struct store_touched){cache, {k0, k1}};
	s->n_touched += s->n_touched <= TOUCHED_MAX;
}

void store_sqlite_caches_begin(struct store *s)
{
	s->n_touched = 0;
}

void store_sqlite_caches_take_back(struct store *s)
{
	if (s->n_touched > TOUCHED_MAX) {
		idcache_reset(&s->heads);
		idcache_reset(&s->convs);
		idcache_reset(&s->spoken);
	} else {
		for (uint32_t i = 0; i < s->n_touched; i++)
			idcache_drop(
				s->touched[i].cache, s->touched[i].key[0], s->touched[i].key[1]);
	}
	s->n_touched = 0;
}

void store_sqlite_caches_committed(struct store *s)
{
	s->n_touched = 0;
}
