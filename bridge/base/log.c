/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the line's form, the level, and the count of repeats. Used by everything in the bridge that
 * does I/O; pure modules return codes instead. */
#include "bridge/base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024
#define VERBS 64
/* So many lines of one verb in one window are written. */
#define REPEATS_MAX 20
#define WINDOW_MS 10000

struct verb {
	const char *name; /* literals of ours: compared by address */
	int64_t begun_ms;
	unsigned written, left_out;
};

struct log {
	int fd;
	enum log_level level;
	bool priority;
	pthread_mutex_t lock;
	struct verb verbs[VERBS];
};

static const char *const names[] = {"error", "warning", "info", "debug"};
static const int priorities[] = {3, 4, 6, 7};

/* systemd says in JOURNAL_STREAM which device and inode its stream has. */
static bool to_journal(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;
	char *end;

	if (!stream || fstat(fd, &st))
		return false;
	dev = strtoull(stream, &end, 10);
	if (*end != ':')
		return false;
	ino = strtoull(end + 1, &end, 10);
	return !*end && st.st_dev == dev && st.st_ino == ino;
}

struct log *log_new(int fd, enum log_level level, enum log_dest dest)
{
	struct log *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->fd = fd;
	l->level = level;
	l->priority = dest == LOG_AUTO ? to_journal(fd) : dest == LOG_JOURNAL;
	pthread_mutex_init(&l->lock, NULL);
	return l;
}

void log_free(struct log **l)
{
	if (!*l)
		return;
	pthread_mutex_destroy(&(*l)->lock);
	free(*l);
	*l = NULL;
}

void log_set_level(struct log *l, enum log_level level)
{
	pthread_mutex_lock(&l->lock);
	l->level = level;
	pthread_mutex_unlock(&l->lock);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void put_line(struct log *l, enum log_level level, const char *verb, const char *rest)
{
	char line[LINE_MAX_BYTES + 64];
	char prefix[8] = "";
	int n;

	if (l->priority)
		snprintf(prefix, sizeof(prefix), "<%d>", priorities[level]);
	n = snprintf(line, sizeof(line) - 1, "%s%s %s%s%s", prefix, names[level], verb,
		*rest ? " " : "", rest);
	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	for (int i = 0; i < n; i++) {
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = ' ';
	}
	line[n++] = '\n';
	/* There is nobody to tell when this fails. */
	if (write(l->fd, line, (size_t)n) < 0)
		return;
}

/* The place of a verb; one that finds none is never left out. */
static struct verb *find(struct log *l, const char *name)
{
	for (int i = 0; i < VERBS; i++) {
		if (l->verbs[i].name == name)
			return &l->verbs[i];
		if (!l->verbs[i].name) {
			l->verbs[i].name = name;
			return &l->verbs[i];
		}
	}
	return NULL;
}

static bool admit(struct log *l, enum log_level level, const char *name)
{
	struct verb *v = find(l, name);
	int64_t now = now_ms();
	char rest[64];

	if (!v)
		return true;
	if (now - v->begun_ms >= WINDOW_MS) {
		if (v->left_out) {
			snprintf(rest, sizeof(rest), "left_out=%u", v->left_out);
			put_line(l, level, name, rest);
		}
		v->begun_ms = now;
		v->written = v->left_out = 0;
	}
	if (v->written == REPEATS_MAX) {
		v->left_out++;
		return false;
	}
	v->written++;
	return true;
}

void log_line(struct log *l, enum log_level level, const char *verb, const char *fmt, ...)
{
	char rest[LINE_MAX_BYTES];
	va_list ap;

	pthread_mutex_lock(&l->lock);
	if (level <= l->level && admit(l, level, verb)) {
		va_start(ap, fmt);
		vsnprintf(rest, sizeof(rest), fmt, ap);
		va_end(ap);
		put_line(l, level, verb, rest);
	}
	pthread_mutex_unlock(&l->lock);
}
