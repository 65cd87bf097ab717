/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The spool's file. Opened once at start by entry.c; written by capture.c and capture_session.c,
 * read by the uplink. Knows nothing of the broker or of the bridge.
 */
#include "plugin/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/log.h"

#define ASIDE_MAX 1000

static int failed(struct im_buf *why, const char *path, const char *doing, int err)
{
	im_buf_printf(why, "spool file %s: %s failed: %s", path, doing, strerror(err));
	return err == ENOMEM ? IM_E_NOMEM : IM_E_IO;
}

static int file_open(struct spool *s, const char *path, struct im_buf *why)
{
	s->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->fd < 0)
		return failed(why, path, "opening", errno);
	if (flock(s->fd, LOCK_EX | LOCK_NB) == 0)
		return IM_OK;
	if (errno != EWOULDBLOCK)
		return failed(why, path, "locking", errno);
	im_buf_printf(why,
		"spool file %s is in use by another process; run one broker on it, or set "
		"plugin_opt_spool_file",
		path);
	return IM_E_IO;
}

static void unmap(struct spool *s)
{
	if (s->ring.map)
		munmap(s->ring.map, s->map_size);
	s->ring = (struct ring){0};
}

static int map(struct spool *s, const char *path, size_t n, struct im_buf *why)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);

	if (p == MAP_FAILED)
		return failed(why, path, "mapping", errno);
	s->map_size = n;
	s->ring.map = p;
	return IM_OK;
}

/* A new, empty ring over the whole file. Every block is allocated now: a full disk shows here, not
 * as SIGBUS when a message is written. */
static int create(struct spool *s, const char *path, uint64_t size, struct im_buf *why)
{
	struct ring_report report;
	size_t n = RING_HEADER + size;
	uint64_t epoch = 0;
	int err;

	unmap(s);
	if (ftruncate(s->fd, 0) || ftruncate(s->fd, (off_t)n))
		return failed(why, path, "sizing", errno);
	err = posix_fallocate(s->fd, 0, (off_t)n);
	if (err)
		return failed(why, path, "allocating its space (plugin_opt_spool_size)", err);
	while (epoch == 0)
		if (getrandom(&epoch, sizeof(epoch), 0) != sizeof(epoch))
			return failed(why, path, "getrandom", errno);
	err = map(s, path, n, why);
	if (err)
		return err;
	ring_format(s->ring.map, n, epoch);
	return ring_open(&s->ring, s->ring.map, n, &report);
}

/* Gives what is no spool another name and starts over. */
static int move_aside(struct spool *s, const char *path, uint64_t size, struct im_buf *why)
{
	char aside[4096];
	int i, ret;

	unmap(s);
	for (i = 1; i <= ASIDE_MAX; i++) {
		if ((size_t)snprintf(aside, sizeof(aside), "%s.corrupt-%d", path, i) >=
			sizeof(aside))
			return failed(why, path, "naming", ENAMETOOLONG);
		if (access(aside, F_OK) != 0)
			break;
	}
	if (i > ASIDE_MAX || rename(path, aside))
		return failed(why, path, "moving it aside", i > ASIDE_MAX ? EEXIST : errno);
	log_line(LOG_LEVEL_ERROR,
		"spool corrupt file=%s moved_to=%s: its header is damaged, so uncommitted messages "
		"in it are not replayed; starting with an empty spool",
		path, aside);
	close(s->fd);
	s->fd = -1;
	ret = file_open(s, path, why);
	return ret ? ret : create(s, path, size, why);
}

static void report_log(const struct spool *s, const char *path, const struct ring_report *report)
{
	if (report->cut_recno)
		log_line(LOG_LEVEL_WARNING,
			"spool cut file=%s recno=%llu: what stood there is no valid record; what "
			"came before it is kept",
			path, (unsigned long long)report->cut_recno);
	if (report->records)
		log_line(LOG_LEVEL_NOTICE,
			"spool recovered file=%s records=%llu bytes=%llu clean=%s", path,
			(unsigned long long)report->records,
			(unsigned long long)ring_used(&s->ring), report->clean ? "yes" : "no");
}

/* Gives a file that was cut short its length again, with zeros, so that the records before the cut
 * are found. */
static int lengthen(struct spool *s, const char *path, size_t *have, struct im_buf *why)
{
	uint64_t size = ring_size_of(s->ring.map, *have);
	size_t want = RING_HEADER + size;

	if (size == 0 || want <= *have)
		return IM_OK;
	log_line(LOG_LEVEL_ERROR,
		"spool truncated file=%s bytes=%zu wanted=%zu: what stood beyond is lost; what "
		"came before it is kept",
		path, *have, want);
	unmap(s);
	if (ftruncate(s->fd, (off_t)want))
		return failed(why, path, "sizing", errno);
	*have = want;
	return map(s, path, want, why);
}

/* Takes over a file that exists. */
static int adopt(struct spool *s, const char *path, size_t have, uint64_t size, struct im_buf *why)
{
	struct ring_report report;
	void *p;
	int ret = map(s, path, have, why);

	if (!ret)
		ret = lengthen(s, path, &have, why);
	if (ret)
		return ret;
	p = s->ring.map;
	/* A file with holes in it (restored by a careless copy) would end in SIGBUS on a full
	 * disk. */
	ret = posix_fallocate(s->fd, 0, (off_t)have);
	if (ret)
		return failed(why, path, "allocating its space (plugin_opt_spool_size)", ret);
	if (ring_open(&s->ring, p, have, &report)) {
		s->ring.map = p;
		return move_aside(s, path, size, why);
	}
	report_log(s, path, &report);
	if (s->ring.size == size)
		return IM_OK;
	if (ring_used(&s->ring) == 0)
		return create(s, path, size, why);
	log_line(LOG_LEVEL_WARNING,
		"spool keeps its size file=%s bytes=%llu wanted=%llu: it still holds messages; the "
		"new size is taken at a start with an empty spool",
		path, (unsigned long long)s->ring.size, (unsigned long long)size);
	return IM_OK;
}

int spool_open(struct spool *s, const char *path, uint64_t size, struct im_buf *why)
{
	struct stat st;
	int ret;

	*s = (struct spool){.fd = -1};
	size &= ~UINT64_C(7);
	ret = file_open(s, path, why);
	if (ret)
		goto out;
	if (fstat(s->fd, &st)) {
		ret = failed(why, path, "looking at it", errno);
		goto out;
	}
	if (st.st_size == 0)
		ret = create(s, path, size, why);
	else if (st.st_size <= RING_HEADER)
		ret = move_aside(s, path, size, why);
	else
		ret = adopt(s, path, (size_t)st.st_size, size, why);
	s->boot_recno = s->ring.head_recno;
	if (!ret && msync(s->ring.map, RING_HEADER, MS_SYNC))
		ret = failed(why, path, "writing", errno);
out:
	if (ret)
		spool_close(s);
	return ret;
}

void spool_close(struct spool *s)
{
	if (s->ring.data)
		ring_close(&s->ring);
	unmap(s);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

bool spool_has_room(const struct spool *s)
{
	return ring_used(&s->ring) < s->ring.size / 2;
}

int spool_put(struct spool *s, const struct im_up_rec *r, uint64_t *recno_out)
{
	size_t n = im_up_rec_size(r);
	uint64_t recno;
	char *at;

	if (!(r->flags & IM_UPF_DURABLE) && !spool_has_room(s))
		return IM_E_FULL;
	at = n < UINT32_MAX ? ring_reserve(&s->ring, (uint32_t)n) : NULL;
	if (!at)
		return IM_E_FULL;
	im_up_rec_write(at, r);
	recno = ring_commit(&s->ring);
	if (recno_out)
		*recno_out = recno;
	return IM_OK;
}

bool spool_is_void(const struct spool *s, const struct ring_record *rec)
{
	struct im_str in = rec->bytes;
	struct im_up_rec r;

	return rec->recno < s->boot_recno &&
	       (im_up_rec_read(&in, &r) != IM_OK || !(r.flags & IM_UPF_DURABLE));
}
