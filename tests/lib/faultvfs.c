/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Faults and power cuts under SQLite; see faultvfs.h. Each open file is the default layer's, with a
 * record beside it, for its path, of what is on the disk for certain and what was written since. A
 * test that cannot go on (no memory, no file) ends with abort().
 */
#include "tests/lib/faultvfs.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTOR 512

/* One write or truncation that is not synced. */
struct pending {
	struct pending *next;
	bool truncate;
	sqlite3_int64 at; /* truncate: the new size */
	int n;
	char data[];
};

struct record {
	struct record *next;
	char *path;
	char *synced;
	size_t n;
	struct pending *first, **last;
};

struct file {
	sqlite3_file base;
	const char *path;      /* SQLite keeps it as long as the file is open */
	struct record *record; /* NULL: temporary */
	sqlite3_file real[];
};

static struct {
	pthread_mutex_t lock;
	sqlite3_vfs vfs, *real;
	struct record *records;
	int count[FAULTVFS_OPS];
	bool armed;
	enum faultvfs_op op;
	char suffix[32];
	int skip, times, code, failed;
	void (*before_view)(void *arg);
	void *before_view_arg;
	bool recording, cut;
	int calls_left;
} g = {.lock = PTHREAD_MUTEX_INITIALIZER};

static sqlite3_file *real_of(sqlite3_file *f)
{
	return ((struct file *)f)->real;
}

static bool ends_in(const char *path, const char *suffix)
{
	size_t n = path ? strlen(path) : 0, m = strlen(suffix);
	return m == 0 || (n >= m && strcmp(path + n - m, suffix) == 0);
}

/* With the lock held: the code with which this call fails, or SQLITE_OK. */
static int fault(enum faultvfs_op op, const char *path)
{
	g.count[op]++;
	if (g.recording &&
		(op == FAULTVFS_WRITE || op == FAULTVFS_TRUNCATE || op == FAULTVFS_SYNC)) {
		if (g.calls_left == 0)
			g.cut = true;
		else
			g.calls_left--;
		if (g.cut)
			return SQLITE_IOERR;
	}
	if (!g.armed || op != g.op || g.times == 0 || !ends_in(path, g.suffix))
		return SQLITE_OK;
	if (g.skip > 0) {
		g.skip--;
		return SQLITE_OK;
	}
	if (g.times > 0)
		g.times--;
	g.failed++;
	return g.code;
}

static void apply(struct record *r, const struct pending *p)
{
	size_t end = (size_t)p->at + (size_t)p->n;
	if (p->truncate) {
		if ((size_t)p->at < r->n)
			r->n = (size_t)p->at;
		return;
	}
	if (end > r->n) {
		r->synced = realloc(r->synced, end);
		if (!r->synced)
			abort();
		memset(r->synced + r->n, 0, end - r->n);
		r->n = end;
	}
	memcpy(r->synced + p->at, p->data, (size_t)p->n);
}

static void drop_pending(struct record *r)
{
	while (r->first) {
		struct pending *p = r->first;
		r->first = p->next;
		free(p);
	}
	r->last = &r->first;
}

static void add_pending(struct record *r, bool truncate, sqlite3_int64 at, const void *data, int n)
{
	struct pending *p = malloc(sizeof(*p) + (size_t)n);
	if (!p)
		abort();
	*p = (struct pending){.truncate = truncate, .at = at, .n = n};
	if (n)
		memcpy(p->data, data, (size_t)n);
	*r->last = p;
	r->last = &p->next;
}

/* The record of a path, filled from the file as it is; NULL without a name. */
static struct record *record_of(const char *path)
{
	struct record *r;
	FILE *in;
	if (!path)
		return NULL;
	for (r = g.records; r; r = r->next)
		if (strcmp(r->path, path) == 0)
			return r;
	r = calloc(1, sizeof(*r));
	if (!r)
		abort();
	r->path = strdup(path);
	r->last = &r->first;
	in = fopen(path, "rb");
	if (in) {
		char part[4096];
		size_t n;
		while ((n = fread(part, 1, sizeof(part), in)) > 0) {
			r->synced = realloc(r->synced, r->n + n);
			if (!r->synced)
				abort();
			memcpy(r->synced + r->n, part, n);
			r->n += n;
		}
		fclose(in);
	}
	r->next = g.records;
	g.records = r;
	return r;
}

static void forget_records(void)
{
	while (g.records) {
		struct record *r = g.records;
		g.records = r->next;
		drop_pending(r);
		free(r->synced);
		free(r->path);
		free(r);
	}
}

/* -- files --------------------------------------------------------------------------------------
 */

static int f_close(sqlite3_file *f)
{
	return real_of(f)->pMethods->xClose(real_of(f));
}

static int f_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
	struct file *x = (struct file *)f;
	int rc;
	pthread_mutex_lock(&g.lock);
	rc = fault(FAULTVFS_READ, x->path);
	pthread_mutex_unlock(&g.lock);
	return rc != SQLITE_OK ? rc : real_of(f)->pMethods->xRead(real_of(f), p, n, at);
}

static int f_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	struct file *x = (struct file *)f;
	int rc;
	pthread_mutex_lock(&g.lock);
	rc = fault(FAULTVFS_WRITE, x->path);
	if (rc == SQLITE_OK)
		rc = real_of(f)->pMethods->xWrite(real_of(f), p, n, at);
	if (rc == SQLITE_OK && x->record && g.recording)
		add_pending(x->record, false, at, p, n);
	pthread_mutex_unlock(&g.lock);
	return rc;
}

static int f_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	struct file *x = (struct file *)f;
	int rc;
	pthread_mutex_lock(&g.lock);
	rc = fault(FAULTVFS_TRUNCATE, x->path);
	if (rc == SQLITE_OK)
		rc = real_of(f)->pMethods->xTruncate(real_of(f), size);
	if (rc == SQLITE_OK && x->record && g.recording)
		add_pending(x->record, true, size, NULL, 0);
	pthread_mutex_unlock(&g.lock);
	return rc;
}

static int f_sync(sqlite3_file *f, int flags)
{
	struct file *x = (struct file *)f;
	int rc;
	pthread_mutex_lock(&g.lock);
	rc = fault(FAULTVFS_SYNC, x->path);
	if (rc == SQLITE_OK && x->record && g.recording) {
		/* On this disk a sync is what this record says. */
		for (struct pending *p = x->record->first; p; p = p->next)
			apply(x->record, p);
		drop_pending(x->record);
	} else if (rc == SQLITE_OK) {
		rc = real_of(f)->pMethods->xSync(real_of(f), flags);
	}
	pthread_mutex_unlock(&g.lock);
	return rc;
}

static int f_size(sqlite3_file *f, sqlite3_int64 *out)
{
	return real_of(f)->pMethods->xFileSize(real_of(f), out);
}

static int f_lock(sqlite3_file *f, int level)
{
	return real_of(f)->pMethods->xLock(real_of(f), level);
}

static int f_unlock(sqlite3_file *f, int level)
{
	return real_of(f)->pMethods->xUnlock(real_of(f), level);
}

static int f_reserved(sqlite3_file *f, int *out)
{
	return real_of(f)->pMethods->xCheckReservedLock(real_of(f), out);
}

static int f_control(sqlite3_file *f, int op, void *arg)
{
	return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}

static int f_sector(sqlite3_file *f)
{
	(void)f;
	return SECTOR;
}

/* Promises nothing: no atomic writes, no power-safe overwrite. */
static int f_characteristics(sqlite3_file *f)
{
	(void)f;
	return 0;
}

static int f_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
	return real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, out);
}

static int f_shm_lock(sqlite3_file *f, int at, int n, int flags)
{
	void (*fn)(void *arg);
	pthread_mutex_lock(&g.lock);
	fn = g.before_view;
	g.before_view = NULL;
	pthread_mutex_unlock(&g.lock);
	if (fn)
		fn(g.before_view_arg);
	return real_of(f)->pMethods->xShmLock(real_of(f), at, n, flags);
}

static void f_shm_barrier(sqlite3_file *f)
{
	real_of(f)->pMethods->xShmBarrier(real_of(f));
}

static int f_shm_unmap(sqlite3_file *f, int unlink_it)
{
	return real_of(f)->pMethods->xShmUnmap(real_of(f), unlink_it);
}

/* Version 2: without mapped pages, which would go past this layer. */
static const sqlite3_io_methods methods = {2, f_close, f_read, f_write, f_truncate, f_sync, f_size,
	f_lock, f_unlock, f_reserved, f_control, f_sector, f_characteristics, f_shm_map, f_shm_lock,
	f_shm_barrier, f_shm_unmap, NULL, NULL};

/* -- the layer ----------------------------------------------------------------------------------
 */

static int v_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *out)
{
	struct file *x = (struct file *)f;
	int rc;
	(void)v;
	x->base.pMethods = NULL;
	x->path = name;
	pthread_mutex_lock(&g.lock);
	rc = fault(FAULTVFS_OPEN, name);
	if (rc == SQLITE_OK)
		rc = g.real->xOpen(g.real, name, x->real, flags, out);
	if (rc == SQLITE_OK) {
		x->record = g.recording ? record_of(name) : NULL;
		x->base.pMethods = &methods;
	}
	pthread_mutex_unlock(&g.lock);
	return rc;
}

static int v_delete(sqlite3_vfs *v, const char *name, int sync)
{
	struct record **at;
	int rc = SQLITE_IOERR_DELETE;
	(void)v;
	pthread_mutex_lock(&g.lock);
	if (!g.cut) {
		rc = g.real->xDelete(g.real, name, sync);
		/* Gone from the disk at once; a file of the name later is another one. */
		for (at = &g.records; *at; at = &(*at)->next)
			if (strcmp((*at)->path, name) == 0) {
				drop_pending(*at);
				(*at)->n = 0;
				break;
			}
	}
	pthread_mutex_unlock(&g.lock);
	return rc;
}

void faultvfs_install(void)
{
	if (g.real)
		abort();
	g.real = sqlite3_vfs_find(NULL);
	g.vfs = *g.real;
	g.vfs.zName = "fault";
	g.vfs.pNext = NULL;
	g.vfs.szOsFile = (int)sizeof(struct file) + g.real->szOsFile;
	g.vfs.xOpen = v_open;
	g.vfs.xDelete = v_delete;
	memset(g.count, 0, sizeof(g.count));
	sqlite3_vfs_register(&g.vfs, 1);
}

void faultvfs_uninstall(void)
{
	sqlite3_vfs_unregister(&g.vfs);
	sqlite3_vfs_register(g.real, 1);
	forget_records();
	g.real = NULL;
	g.armed = g.recording = g.cut = false;
}

void faultvfs_fail(enum faultvfs_op op, const char *suffix, int skip, int times, int sqlite_code)
{
	pthread_mutex_lock(&g.lock);
	g.op = op;
	snprintf(g.suffix, sizeof(g.suffix), "%s", suffix);
	g.skip = skip;
	g.times = times;
	g.code = sqlite_code;
	g.failed = 0;
	g.armed = true;
	pthread_mutex_unlock(&g.lock);
}

void faultvfs_heal(void)
{
	pthread_mutex_lock(&g.lock);
	g.armed = false;
	pthread_mutex_unlock(&g.lock);
}

int faultvfs_failed(void)
{
	int n;
	pthread_mutex_lock(&g.lock);
	n = g.failed;
	pthread_mutex_unlock(&g.lock);
	return n;
}

int faultvfs_count(enum faultvfs_op op)
{
	int n;
	pthread_mutex_lock(&g.lock);
	n = g.count[op];
	pthread_mutex_unlock(&g.lock);
	return n;
}

void faultvfs_before_view(void (*fn)(void *arg), void *arg)
{
	pthread_mutex_lock(&g.lock);
	g.before_view = fn;
	g.before_view_arg = arg;
	pthread_mutex_unlock(&g.lock);
}

void faultvfs_cut_after(int calls)
{
	pthread_mutex_lock(&g.lock);
	g.recording = true;
	g.calls_left = calls;
	pthread_mutex_unlock(&g.lock);
}

bool faultvfs_is_cut(void)
{
	bool cut;
	pthread_mutex_lock(&g.lock);
	cut = g.cut;
	pthread_mutex_unlock(&g.lock);
	return cut;
}

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 33;
}

/* A write that was cut short anywhere, sector by sector. */
static void apply_some(struct record *r, const struct pending *p, uint64_t *seed)
{
	if (p->truncate) {
		if (next_random(seed) % 2)
			apply(r, p);
		return;
	}
	for (int done = 0; done < p->n;) {
		int n = SECTOR - (int)((p->at + done) % SECTOR);
		struct pending *part;
		if (n > p->n - done)
			n = p->n - done;
		part = malloc(sizeof(*part) + (size_t)n);
		if (!part)
			abort();
		*part = (struct pending){.at = p->at + done, .n = n};
		memcpy(part->data, p->data + done, (size_t)n);
		if (next_random(seed) % 2)
			apply(r, part);
		free(part);
		done += n;
	}
}

void faultvfs_power_up(enum faultvfs_loss mode, uint64_t seed)
{
	for (struct record *r = g.records; r; r = r->next) {
		FILE *out;
		if (access(r->path, F_OK) != 0)
			continue; /* deleted before the cut */
		for (struct pending *p = r->first; p && mode != FAULTVFS_LOSE_ALL; p = p->next) {
			if (mode == FAULTVFS_LOSE_NONE)
				apply(r, p);
			else
				apply_some(r, p, &seed);
		}
		out = fopen(r->path, "wb");
		if (!out || (r->n && fwrite(r->synced, 1, r->n, out) != r->n) || fclose(out) != 0)
			abort();
	}
	forget_records();
	g.recording = g.cut = g.armed = false;
}
