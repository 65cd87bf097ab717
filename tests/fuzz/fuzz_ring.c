/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The spool's ring. The first byte of an input says what the rest is:
 *   R  a file as it is;  F  a file whose header checksums are made right first, so that what stands
 *   behind them is reached;  else steps on a ring of our own, damage to its records among them.
 * Whatever a file holds, reading and writing stay inside it and numbers rise. In a ring of our own
 * a record is found as it was written or not at all, and no number is given twice.
 */
#include "tests/fuzz/fuzz.h"

#include "plugin/crc32c.h"
#include "plugin/ring.h"

#define OWN_SIZE (RING_HEADER + 512)
#define FILE_MAX 65536

/* Where ring.c keeps the checksums of its header page. */
#define FIXED_SIZE 32
#define FIXED_CRC 12
#define SLOT_SIZE 48
#define SLOT_CRC 44

static void make_right(unsigned char *part, size_t size, size_t crc_at)
{
	uint32_t crc = 0;

	memcpy(part + crc_at, &crc, sizeof(crc));
	crc = crc32c(0, part, size);
	memcpy(part + crc_at, &crc, sizeof(crc));
}

static char pattern(uint64_t recno, size_t i)
{
	return (char)(recno * 31 + (recno >> 32) * 7 + i);
}

/* Walks the ring; returns how many records there are. own: they are ours. */
static uint64_t walk(const struct ring *r, bool own)
{
	struct ring_cursor c = ring_begin(r);
	struct ring_record rec;
	uint64_t last = 0, n = 0;

	CHECK(ring_used(r) <= r->size);
	for (; ring_next(r, &c, &rec); n++) {
		CHECK(rec.bytes.p >= r->data && rec.bytes.n <= r->size);
		CHECK(rec.bytes.p + rec.bytes.n <= r->data + r->size);
		CHECK(n == 0 || rec.recno > last);
		CHECK(rec.recno < r->head_recno && rec.recno >= r->tail_recno);
		last = rec.recno;
		for (size_t i = 0; own && i < rec.bytes.n; i++)
			CHECK(rec.bytes.p[i] == pattern(rec.recno, i));
	}
	CHECK(c.pos == r->head);
	return n;
}

/* Returns the number, 0 when there is no room. */
static uint64_t append(struct ring *r, uint32_t n)
{
	uint64_t recno = r->head_recno;
	char *at = ring_reserve(r, n);

	if (!at)
		return 0;
	CHECK(at >= r->data && at + n <= r->data + r->size);
	for (size_t i = 0; i < n; i++)
		at[i] = pattern(recno, i);
	CHECK(ring_commit(r) == recno);
	return recno;
}

static void run_file(const uint8_t *data, size_t size, bool fix)
{
	struct ring_report report;
	unsigned char *map = malloc(size + !size);
	struct ring r;
	uint64_t n, head_recno;

	CHECK(map);
	if (size)
		memcpy(map, data, size);
	if (fix && size >= RING_HEADER) {
		make_right(map, FIXED_SIZE, FIXED_CRC);
		make_right(map + 512, SLOT_SIZE, SLOT_CRC);
		make_right(map + 1024, SLOT_SIZE, SLOT_CRC);
	}
	CHECK(ring_size_of(map, size) == 0 || size > RING_HEADER);
	/* The next opening may refuse a number that no ring gets to by writing. */
	if (ring_open(&r, map, size, &report) == IM_OK && r.head_recno < UINT64_MAX / 8) {
		n = walk(&r, false);
		CHECK(n == report.records);
		while (n < 20 && append(&r, (uint32_t)(7 * n)))
			n++;
		CHECK(walk(&r, false) == n);
		head_recno = r.head_recno;
		CHECK(ring_open(&r, map, size, &report) == IM_OK);
		CHECK(walk(&r, false) == report.records && report.records >= n);
		CHECK(r.head_recno > head_recno && r.head_recno % RING_JUMP == 0);
		ring_free_through(&r, r.head_recno - 1);
		CHECK(walk(&r, false) == 0);
	}
	free(map);
}

struct own {
	struct ring r;
	unsigned char *map;
	uint64_t given;             /* the highest number so far */
	uint64_t n;                 /* records that are in it */
	bool damaged, ever_damaged; /* since it was opened; at all */
};

static void open_own(struct own *o)
{
	struct ring_report report;

	CHECK(ring_open(&o->r, o->map, OWN_SIZE, &report) == IM_OK);
	CHECK(report.records == walk(&o->r, true));
	/* After damage there may be more, even: damage to the same byte twice is none, and what was
	 * cut off comes back. */
	CHECK(o->damaged || report.records == o->n);
	/* What was damaged in free room may be come upon much later. */
	CHECK(o->ever_damaged || report.cut_recno == 0);
	o->n = report.records;
	o->damaged = false;
}

static void step(struct own *o, uint8_t what, uint8_t arg)
{
	uint64_t recno;

	switch (what % 6) {
	default:
		recno = append(&o->r, arg);
		CHECK(recno == 0 || recno > o->given);
		if (recno) {
			o->given = recno;
			o->n++;
		}
		break;
	case 2: /* damage is seen when the ring is opened again; until then nobody reads it */
		o->map[RING_HEADER + (what / 6 * 256u + arg) % (OWN_SIZE - RING_HEADER)] ^=
			(unsigned char)(arg | 1);
		o->damaged = o->ever_damaged = true;
		open_own(o);
		break;
	case 3:
		/* As the uplink does it, of records as well that this ring never had. */
		recno = o->r.tail_recno + arg % 4;
		if (recno >= o->r.head_recno)
			ring_skip(&o->r, recno);
		ring_free_through(&o->r, recno);
		o->n = walk(&o->r, true);
		break;
	case 4:
		ring_close(&o->r);
		open_own(o);
		break;
	case 5:
		open_own(o);
		break;
	}
	CHECK(walk(&o->r, true) == o->n);
}

static void run_steps(const uint8_t *data, size_t size)
{
	struct own o = {.map = calloc(1, OWN_SIZE)};

	CHECK(o.map);
	ring_format(o.map, OWN_SIZE, 77);
	open_own(&o);
	for (size_t i = 0; i + 1 < size && i < 2000; i += 2)
		step(&o, data[i], data[i + 1]);
	free(o.map);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > FILE_MAX)
		return 0;
	if (data[0] == 'R' || data[0] == 'F')
		run_file(data + 1, size - 1, data[0] == 'F');
	else
		run_steps(data + 1, size - 1);
	return 0;
}
