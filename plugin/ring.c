/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ring of uncommitted records. Called by spool.c, which maps the file, and by the uplink, which
 * reads it. Knows nothing of files or of what a record means.
 */
#include "plugin/ring.h"

#include <stdatomic.h>
#include <string.h>

#include "plugin/crc32c.h"

#define MAGIC "IMSPOOL"
#define VERSION 1
#define RING_WRAP UINT32_MAX
/* No position and no number gets here by writing; a file that says so would make them overflow. */
#define COUNT_MAX (UINT64_C(1) << 62)

/* Native byte order: the file never leaves the machine, and a foreign one fails the checksum. */
struct fixed {
	char magic[8];
	uint32_t version;
	uint32_t crc; /* over this struct with crc = 0 */
	uint64_t size;
	uint64_t epoch;
};

struct slot {
	uint64_t serial;
	uint64_t tail, tail_recno;
	uint64_t head;       /* where the ring ended, if clean */
	uint64_t head_recno; /* if clean, of the next record; else, of the first since it was opened
			      */
	uint32_t clean;      /* enum clean */
	uint32_t crc;        /* over this struct with crc = 0 */
};

/* How the ring was left. Version 0.1.0 closed it without having wiped what was free. */
enum clean { NOT_CLEAN, CLEAN_UNWIPED, CLEAN };

#define SLOT_AT(i) (512u * (1 + (i)))

struct record_head {
	uint32_t n;
	uint32_t crc;
	uint64_t recno;
};

static uint32_t fixed_crc(struct fixed f)
{
	f.crc = 0;
	return crc32c(0, &f, sizeof(f));
}

static uint32_t slot_crc(struct slot s)
{
	s.crc = 0;
	return crc32c(0, &s, sizeof(s));
}

static uint32_t record_crc(const struct ring *r, const struct record_head *h, const char *bytes)
{
	const uint64_t about[3] = {r->epoch, h->recno, h->n};

	return crc32c(crc32c(0, about, sizeof(about)), bytes, bytes ? h->n : 0);
}

/* Of a record that was freed: its bytes are zeros, and its head still says how long it was, so that
 * a recovery that begins at an older tail finds its way over it. */
static uint32_t wiped_crc(const struct ring *r, const struct record_head *h)
{
	return ~record_crc(r, h, NULL);
}

static uint64_t padded(uint32_t n)
{
	return (RING_RECORD_HEAD + (uint64_t)n + 7) & ~UINT64_C(7);
}

static void slot_write(struct ring *r, enum clean clean)
{
	struct slot s = {
		.serial = ++r->slot_serial,
		.tail = r->tail,
		.tail_recno = r->tail_recno,
		.head = clean ? r->head : 0,
		.head_recno = clean ? r->head_recno : r->first_recno,
		.clean = clean,
	};

	s.crc = slot_crc(s);
	memcpy(r->map + SLOT_AT(s.serial % 2), &s, sizeof(s));
	/* Killed in what follows, the process leaves this behind as written. */
	atomic_signal_fence(memory_order_seq_cst);
}

static bool slot_read(const struct ring *r, struct slot *out)
{
	bool found = false;
	int i;

	for (i = 0; i < 2; i++) {
		struct slot s;

		memcpy(&s, r->map + SLOT_AT(i), sizeof(s));
		if (s.crc != slot_crc(s) || s.serial == 0 || s.tail % 8 != 0 ||
			s.tail > COUNT_MAX || s.tail_recno > COUNT_MAX || s.head_recno > COUNT_MAX)
			continue;
		if (!found || s.serial > out->serial)
			*out = s;
		found = true;
	}
	return found;
}

void ring_format(void *map, size_t n, uint64_t epoch)
{
	struct fixed f = {.magic = MAGIC, .version = VERSION};
	struct ring r = {.map = map, .head_recno = 1, .tail_recno = 1};

	memset(map, 0, RING_HEADER);
	f.size = (n - RING_HEADER) & ~UINT64_C(7);
	f.epoch = epoch;
	f.crc = fixed_crc(f);
	memcpy(map, &f, sizeof(f));
	slot_write(&r, CLEAN);
}

static bool fixed_read(const void *map, size_t n, struct fixed *out)
{
	if (n <= RING_HEADER)
		return false;
	memcpy(out, map, sizeof(*out));
	return memcmp(out->magic, MAGIC, sizeof(out->magic)) == 0 && out->version == VERSION &&
	       out->crc == fixed_crc(*out) && out->size > 0 && out->size % 8 == 0;
}

uint64_t ring_size_of(const void *map, size_t n)
{
	struct fixed f;

	return fixed_read(map, n, &f) ? f.size : 0;
}

/* Moves *pos over a wrap mark, or over an end too short for a record's head. */
static void skip_wrap(const struct ring *r, uint64_t *pos)
{
	uint64_t at = *pos % r->size;
	uint64_t left = r->size - at;
	uint32_t n;

	if (left >= RING_RECORD_HEAD) {
		memcpy(&n, r->data + at, sizeof(n));
		if (n != RING_WRAP)
			return;
	}
	*pos += left;
}

static bool record_at(const struct ring *r, uint64_t pos, struct record_head *h)
{
	uint64_t at = pos % r->size;

	if (r->size - at < RING_RECORD_HEAD)
		return false;
	memcpy(h, r->data + at, sizeof(*h));
	return h->n != RING_WRAP && padded(h->n) <= r->size - at;
}

/* True if the number may follow `expected`: the next one, or one after a jump. */
static bool follows(uint64_t recno, uint64_t expected)
{
	return recno == expected || (recno / RING_JUMP > expected / RING_JUMP &&
					    recno % RING_JUMP == 0 && recno <= COUNT_MAX);
}

/* Walks from the tail to the last valid record; that is the new head. A freed one there is newer
 * than the tail that the header knows, and whatever lies before it was freed too. */
static void recover(struct ring *r, struct ring_report *report)
{
	struct record_head h = {0};
	uint64_t limit = r->tail + r->size;

	r->head = r->tail;
	r->head_recno = r->tail_recno;
	for (;;) {
		uint64_t pos = r->head;
		bool whole, wiped;

		if (pos < limit)
			skip_wrap(r, &pos);
		/* Less than a head before the tail: full, and nothing that was damaged. */
		if (pos + RING_RECORD_HEAD > limit)
			return;
		whole = record_at(r, pos, &h);
		whole = whole && pos + padded(h.n) <= limit && follows(h.recno, r->head_recno);
		wiped = whole && h.crc == wiped_crc(r, &h);
		if (wiped ||
			(whole && h.crc == record_crc(r, &h,
						   r->data + pos % r->size + RING_RECORD_HEAD))) {
			r->head = pos + padded(h.n);
			r->head_recno = h.recno + 1;
			report->records++;
			if (wiped) {
				r->tail = r->head;
				r->tail_recno = r->head_recno;
				report->records = 0;
			}
			continue;
		}
		/* Zeros, or a smaller number, are what an earlier round left. */
		if (h.n != 0 && h.recno >= r->head_recno)
			report->cut_recno = r->head_recno;
		return;
	}
}

/* Zeros over what is neither the header nor a record, where there are none yet: a file that was
 * allocated and never written stays so. */
static void wipe_free(struct ring *r)
{
	static const char zeros[4096];
	uint64_t pos = r->head;
	uint64_t end = r->tail + r->size;

	while (pos < end) {
		uint64_t at = pos % r->size;
		uint64_t n = r->size - at;

		if (n > sizeof(zeros))
			n = sizeof(zeros);
		if (n > end - pos)
			n = end - pos;
		if (memcmp(r->data + at, zeros, n) != 0)
			memset(r->data + at, 0, n);
		pos += n;
	}
}

static void jump(struct ring *r, uint64_t recno)
{
	r->first_recno = r->head_recno = (recno / RING_JUMP + 1) * RING_JUMP;
}

int ring_open(struct ring *r, void *map, size_t n, struct ring_report *report)
{
	struct fixed f;
	struct slot s = {0};

	*report = (struct ring_report){0};
	if (!fixed_read(map, n, &f) || f.size > n - RING_HEADER)
		return IM_E_FORMAT;
	*r = (struct ring){
		.map = map,
		.data = (char *)map + RING_HEADER,
		.size = f.size,
		.epoch = f.epoch,
	};
	if (!slot_read(r, &s))
		return IM_E_FORMAT;
	r->slot_serial = s.serial;
	r->tail = s.tail;
	r->tail_recno = s.tail_recno;
	recover(r, report);
	if (s.clean != CLEAN)
		wipe_free(r);
	report->clean = s.clean && s.head == r->head && follows(s.head_recno, r->head_recno);
	if (s.clean && s.head != r->head)
		report->cut_recno = r->head_recno;
	/* Numbers of the last time may have been used and lost, every trace of them included. */
	if (s.head_recno > r->head_recno)
		r->head_recno = s.head_recno;
	if (!report->clean)
		jump(r, r->head_recno);
	r->first_recno = r->head_recno;
	/* From here on a crash must not find the clean mark. */
	slot_write(r, NOT_CLEAN);
	return IM_OK;
}

void ring_close(struct ring *r)
{
	slot_write(r, CLEAN);
}

char *ring_reserve(struct ring *r, uint32_t n)
{
	uint64_t need = padded(n);
	uint64_t at = r->head % r->size;
	uint64_t left = r->size - at;
	uint64_t skip = left < need ? left : 0;

	if (n == RING_WRAP || need > r->size || ring_used(r) + skip + need > r->size)
		return NULL;
	r->reserved = n;
	r->reserved_at = r->head + skip;
	return r->data + r->reserved_at % r->size + RING_RECORD_HEAD;
}

/* Zeros behind the newest record, where there is room: what else a recovery finds there is damage
 * and worth a log line, not just the middle of a record of an earlier round. */
static void end_write(struct ring *r)
{
	uint64_t at = r->head % r->size;

	if (r->size - at >= RING_RECORD_HEAD && r->size - ring_used(r) >= RING_RECORD_HEAD)
		memset(r->data + at, 0, RING_RECORD_HEAD);
}

uint64_t ring_commit(struct ring *r)
{
	struct record_head h = {.n = r->reserved, .recno = r->head_recno};
	uint64_t at = r->reserved_at % r->size;
	const uint32_t wrap = RING_WRAP;

	if (r->reserved_at != r->head && r->size - r->head % r->size >= RING_RECORD_HEAD)
		memcpy(r->data + r->head % r->size, &wrap, sizeof(wrap));
	h.crc = record_crc(r, &h, r->data + at + RING_RECORD_HEAD);
	memcpy(r->data + at, &h, sizeof(h));
	r->head = r->reserved_at + padded(r->reserved);
	end_write(r);
	return r->head_recno++;
}

struct ring_cursor ring_begin(const struct ring *r)
{
	return (struct ring_cursor){r->tail};
}

bool ring_next(const struct ring *r, struct ring_cursor *c, struct ring_record *out)
{
	struct record_head h;
	uint64_t pos = c->pos;

	if (pos >= r->head)
		return false;
	skip_wrap(r, &pos);
	if (!record_at(r, pos, &h))
		return false;
	out->recno = h.recno;
	out->bytes = (struct im_str){r->data + pos % r->size + RING_RECORD_HEAD, h.n};
	c->pos = pos + padded(h.n);
	return true;
}

void ring_skip(struct ring *r, uint64_t recno)
{
	if (recno < r->head_recno)
		return;
	jump(r, recno);
	/* Or else a crash that loses the new records would have their numbers given again. */
	slot_write(r, NOT_CLEAN);
}

/* Passwords and words that were taken back leave the file with the record that held them. */
static void wipe_freed(struct ring *r, struct ring_cursor c)
{
	struct ring_record rec;

	while (c.pos < r->tail && ring_next(r, &c, &rec)) {
		char *bytes = r->data + (rec.bytes.p - r->data);
		struct record_head h = {.n = (uint32_t)rec.bytes.n, .recno = rec.recno};

		memset(bytes, 0, h.n);
		h.crc = wiped_crc(r, &h);
		memcpy(bytes - RING_RECORD_HEAD, &h, sizeof(h));
	}
}

void ring_free_to(struct ring *r, struct ring_cursor c, uint64_t recno)
{
	struct ring_cursor freed = ring_begin(r);

	r->tail = c.pos;
	r->tail_recno = recno + 1;
	slot_write(r, NOT_CLEAN);
	wipe_freed(r, freed);
	/* The newest record may have had no room behind it until now. */
	end_write(r);
}

void ring_free_through(struct ring *r, uint64_t recno)
{
	struct ring_cursor c = ring_begin(r);
	struct ring_cursor behind = c;
	struct ring_record rec;
	bool any = false;

	while (ring_next(r, &c, &rec) && rec.recno <= recno) {
		behind = c;
		any = true;
	}
	if (any)
		ring_free_to(r, behind, recno);
}
