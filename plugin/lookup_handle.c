/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the plugin's connection to directory.db. Called by lookup*.c. Never writes, never waits
 * longer than BUSY_MS for the database once it is open, knows nothing of caches. */
#include "plugin/lookup_handle.h"

#include <stdio.h>
#include <sys/stat.h>

#include "schema/migrations.h"

/* Readers of a WAL database wait only while another process recovers or replaces the log; the
 * broker waits with them. */
#define BUSY_MS 25
/* While the broker starts nobody waits for it yet, and others may start with it: the first to open
 * the file looks through its log, and all the others would be told that it is locked. */
#define START_MS 2000
#define CACHE_KIB 16384 /* the names of half a million users */

static const char *const sql[LOOKUP_STATEMENTS] = {
#define X(name, sql) sql,
#include "schema/sqlite/lookup.def"
#undef X
};

#define NAME "directory"
#define SPEC(busy)                                                                     \
	{                                                                              \
		.name = NAME, .migrations = schema_migrations, .sql = sql,             \
		.n_sql = LOOKUP_STATEMENTS, .reader_kib = CACHE_KIB, .busy_ms = (busy) \
	}

static const struct sqldb_spec at_start = SPEC(START_MS);
static const struct sqldb_spec again = SPEC(BUSY_MS);

/* {data_dir}/directory.db; false: there is none to be seen. */
static bool file_of(const struct lookup *l, struct stat *out)
{
	struct im_buf path;
	bool found;

	im_buf_init(&path, 0);
	im_buf_printf(&path, "%s/%s.db", l->data_dir, NAME);
	im_buf_c(&path, '\0');
	found = !path.failed && stat(path.p, out) == 0;
	im_buf_free(&path);
	return found;
}

int lookup_connect(struct lookup *l, bool starting, struct im_buf *why)
{
	const struct sqldb_spec *spec = starting ? &at_start : &again;
	size_t before = why->n;
	struct stat s;
	int ret = sqldb_open(&l->q, l->data_dir, spec, SQLDB_READER, why);

	if (ret == IM_E_IO) {
		why->n = before;
		im_buf_printf(why,
			"%s/%s.db cannot be opened: %s; start im-bridge (or run imctl) once with "
			"the same data_dir, it creates the database, and let the broker's user "
			"read it",
			l->data_dir, NAME, l->q.err);
	}
	if (ret)
		return ret;
	sqldb_wait(&l->q, BUSY_MS);
	l->accounts = accounts_open(&l->q, l->data_dir);
	if (!l->accounts) {
		lookup_disconnect(l);
		return IM_E_NOMEM;
	}
	if (file_of(l, &s)) {
		l->inode = s.st_ino;
		l->device = s.st_dev;
	}
	return IM_OK;
}

void lookup_disconnect(struct lookup *l)
{
	accounts_close(&l->accounts);
	if (l->q.db)
		sqldb_close(&l->q);
	l->q.in_view = false;
}

bool lookup_replaced(const struct lookup *l)
{
	struct stat s;

	return !l->q.db || (file_of(l, &s) && (s.st_ino != l->inode || s.st_dev != l->device));
}

void lookup_view(struct lookup *l)
{
	int ret = l->q.db && !l->q.in_view ? sqldb_view_begin(&l->q) : IM_OK;

	/* Without one each read has its own, and says what is wrong. */
	(void)ret;
}

void lookup_view_end(struct lookup *l)
{
	if (l->q.db)
		sqldb_view_end(&l->q);
}

void lookup_fault(struct lookup *l)
{
	l->errors++;
	snprintf(l->error, sizeof(l->error), "%s", l->q.db ? l->q.err : "database is not open");
}

sqlite3_stmt *lookup_statement(struct lookup *l, enum lookup_statement which)
{
	l->reads++;
	return l->q.db ? sqldb_get(&l->q, which) : NULL;
}

int lookup_step(struct lookup *l, sqlite3_stmt *st)
{
	int ret;

	lookup_view(l);
	ret = sqldb_step(&l->q, st);
	if (ret == SQLDB_ROW)
		return IM_OK;
	if (ret == IM_OK)
		return IM_E_NONE;
	lookup_fault(l);
	lookup_view_end(l);
	return IM_E_IO;
}
