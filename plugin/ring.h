/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The spool's ring, in memory that somebody else maps: layout, appending, freeing, recovery. Pure,
 * so that tests can cut and flip its bytes at will.
 *
 * Layout: one page of header, then the ring. The header page holds what never changes (magic,
 * version, ring size, epoch) and two slots, written in turn, with what does: where the oldest
 * uncommitted record lies. A crash between two stores leaves the other slot valid.
 *
 * A record: u32 length, u32 crc32c over epoch, recno, length and bytes, u64 recno, the bytes,
 * padding to 8. A record is never split: where it does not fit before the end of the ring, a mark
 * (length RING_WRAP) says that the next one is at the beginning. What is left of an earlier round
 * never passes for a record, because its recno is too small. A record that is freed is wiped: zeros
 * for its bytes, and a crc by which a recovery knows it; what else lies in the free part is wiped
 * when the ring is opened after anything but ring_close.
 *
 * Record numbers grow by one from record to record. When the ring is opened again after anything
 * but ring_close, the numbers jump to the next multiple of 2^32: what had been written behind the
 * last record found may have been lost after the bridge had already committed it, and no number
 * may be used twice in an epoch.
 */
#ifndef IM_PLUGIN_RING_H
#define IM_PLUGIN_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/str.h"

#define RING_HEADER 4096
#define RING_RECORD_HEAD 16
#define RING_JUMP (UINT64_C(1) << 32)
/* Beyond this no ring comes by writing and crashing, so a number that is larger is a mistake. */
#define RING_RECNO_MAX (UINT64_C(1) << 61)

struct ring {
	unsigned char *map; /* header page and ring */
	char *data;         /* the ring */
	uint64_t size;      /* of the ring, a multiple of 8 */
	uint64_t epoch;
	/* Positions count all bytes ever written; position modulo size is the place. */
	uint64_t head;        /* where the next record goes */
	uint64_t head_recno;  /* its number */
	uint64_t tail;        /* the oldest record that is kept */
	uint64_t tail_recno;  /* its number at least; numbers below are committed */
	uint64_t first_recno; /* of the first record since it was opened */
	uint64_t slot_serial;
	uint64_t reserved_at; /* between ring_reserve and ring_commit */
	uint32_t reserved;
};

struct ring_record {
	uint64_t recno;
	struct im_str bytes;
};

/* A place between two records, for reading on. */
struct ring_cursor {
	uint64_t pos;
};

struct ring_report {
	uint64_t records;   /* found, uncommitted */
	uint64_t cut_recno; /* != 0: here stood bytes that are no record; they were cut off */
	bool clean;         /* the ring had been closed */
};

/* Writes a fresh header over n bytes of memory (header page included). */
void ring_format(void *map, size_t n, uint64_t epoch);
/* Takes over memory that ring_format once prepared, validates every record from the oldest on, and
 * cuts behind the last valid one. The header page must reach the disk before the first record is
 * written. IM_E_FORMAT: not a ring of this version, or n is not its size. */
int ring_open(struct ring *r, void *map, size_t n, struct ring_report *report) IM_MUST_CHECK;
/* Says in the header that nothing is missing. */
void ring_close(struct ring *r);
/* The ring size a map has that ring_format once prepared, 0 if it is not one. */
uint64_t ring_size_of(const void *map, size_t n);

/* Room for a record of n bytes, or NULL when the ring is full; nothing has changed yet. */
char *ring_reserve(struct ring *r, uint32_t n);
/* Makes what was written there the newest record; returns its number. */
uint64_t ring_commit(struct ring *r);

struct ring_cursor ring_begin(const struct ring *r);
/* The record at *c, which moves behind it; false at the head. */
bool ring_next(const struct ring *r, struct ring_cursor *c, struct ring_record *out);

/* Numbers new records from beyond recno (at most RING_RECNO_MAX) on: for when the bridge knows of
 * records that this ring does not. */
void ring_skip(struct ring *r, uint64_t recno);

/* Frees every record up to and including recno. */
void ring_free_through(struct ring *r, uint64_t recno);
/* The same when the place behind it is known. */
void ring_free_to(struct ring *r, struct ring_cursor c, uint64_t recno);

static inline uint64_t ring_used(const struct ring *r)
{
	return r->head - r->tail;
}

#endif
