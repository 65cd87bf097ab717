/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any bytes as the spool's file. The first one says what the rest is: the file as it is, or (F) the
 * records of a whole one, each behind a byte with its length. The broker starts with it, what is no
 * spool is kept under another name, and what is replayed can be read.
 */
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <unistd.h>

#include "common/frame.h"
#include "plugin/spool.h"
#include "tests/lib/fake_broker.h"

#define RING_BYTES 4096
#define FILE_MAX 65536

static char folder[] = "/dev/shm/im-fuzz-XXXXXX"; /* not on a disk: it is synced */
static char path[64], aside[96];

static void remove_folder(void)
{
	unlink(path);
	unlink(aside);
	rmdir(folder);
}

static void make_folder(void)
{
	CHECK(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/spool", folder);
	snprintf(aside, sizeof(aside), "%s.corrupt-1", path);
	atexit(remove_folder);
}

static void write_file(const void *p, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	CHECK(fd >= 0 && write(fd, p, n) == (ssize_t)n);
	close(fd);
}

/* A ring as a broker leaves it that was killed. */
static void write_ring(struct im_str in)
{
	char *map = calloc(1, RING_HEADER + RING_BYTES);
	struct ring_report report;
	struct ring r;
	char *at;

	CHECK(map);
	ring_format(map, RING_HEADER + RING_BYTES, 77);
	CHECK(ring_open(&r, map, RING_HEADER + RING_BYTES, &report) == IM_OK);
	while (in.n) {
		size_t n = (unsigned char)*in.p;

		in = (struct im_str){in.p + 1, in.n - 1};
		if (n > in.n)
			n = in.n;
		at = ring_reserve(&r, (uint32_t)n);
		if (!at)
			break;
		memcpy(at, in.p, n);
		ring_commit(&r);
		in = (struct im_str){in.p + n, in.n - n};
	}
	write_file(map, RING_HEADER + RING_BYTES);
	free(map);
}

static void check_records(const struct spool *s)
{
	struct ring_cursor c = ring_begin(&s->ring);
	struct ring_record rec;
	struct im_up_rec r;

	while (ring_next(&s->ring, &c, &rec)) {
		struct im_str in = rec.bytes;

		/* What is not void is sent as it is, and the bridge has to read it. */
		if (!spool_is_void(s, &rec))
			CHECK(im_up_rec_read(&in, &r) == IM_OK && r.flags & IM_UPF_DURABLE);
	}
}

static void run(size_t size)
{
	const struct im_up_rec r = {
		.type = IM_UP_MSG_USER, .flags = IM_UPF_DURABLE, .payload = IM_STR("x")};
	uint64_t recno = 0, again = 0;
	struct im_buf why;
	struct spool s;

	im_buf_init(&why, 0);
	CHECK(spool_open(&s, path, RING_BYTES, &why) == IM_OK);
	CHECK(why.n == 0);
	/* Nothing is thrown away: what was not taken over has another name. */
	CHECK(ring_used(&s.ring) == 0 || access(aside, F_OK) != 0);
	check_records(&s);
	CHECK(size > 0 || s.ring.size == RING_BYTES);
	if (spool_put(&s, &r, &recno) == IM_OK)
		check_records(&s);
	spool_close(&s);
	CHECK(spool_open(&s, path, RING_BYTES, &why) == IM_OK);
	if (recno && spool_put(&s, &r, &again) == IM_OK)
		CHECK(again > recno);
	spool_close(&s);
	unlink(aside);
	im_buf_free(&why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > FILE_MAX)
		return 0;
	if (!*path)
		make_folder();
	fake_open(false);
	if (data[0] == 'F')
		write_ring(fuzz_str(data + 1, size - 1));
	else
		write_file(data + 1, size - 1);
	run(size - 1);
	fake_close();
	return 0;
}
