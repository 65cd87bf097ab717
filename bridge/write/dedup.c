/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The window of client message ids: a ring of entries in the order of the log, and an
 * open-addressing table of ring positions over it. Nothing is allocated after dedup_new.
 */
#include "bridge/write/dedup.h"

#include <stdlib.h>
#include <string.h>

#include "common/limits.h"

struct entry {
	uint64_t key[2];
	struct dedup_value v;
};

struct dedup {
	struct im_sipkey sip;
	int64_t window_ms;
	struct entry *ring;
	uint32_t cap, first, count; /* oldest entry at `first` */
	uint32_t *table;            /* ring position + 1; 0: empty; linear probing */
	uint32_t mask;
	int64_t whole_ms; /* it has all ids since then */
	dedup_older_fn older;
	void *older_arg;
};

struct dedup *dedup_new(uint32_t max_entries, int64_t window_ms, const struct im_sipkey *key)
{
	struct dedup *d = calloc(1, sizeof(*d));
	uint32_t places = 4;
	if (!d || max_entries == 0 || max_entries > 1u << 30) {
		free(d);
		return NULL;
	}
	while (places / 2 < max_entries)
		places *= 2;
	d->sip = *key;
	d->window_ms = window_ms;
	d->whole_ms = INT64_MIN;
	d->cap = max_entries;
	d->mask = places - 1;
	d->ring = malloc((size_t)max_entries * sizeof(*d->ring));
	d->table = calloc(places, sizeof(*d->table));
	if (!d->ring || !d->table)
		dedup_free(&d);
	return d;
}

void dedup_free(struct dedup **d)
{
	if (!*d)
		return;
	free((*d)->ring);
	free((*d)->table);
	free(*d);
	*d = NULL;
}

static void make_key(
	const struct dedup *d, uint64_t sender, uint64_t conv, struct im_str id, uint64_t key[2])
{
	unsigned char text[2 * sizeof(uint64_t) + IM_MSGID_MAX];
	size_t n = id.n < IM_MSGID_MAX ? id.n : IM_MSGID_MAX;
	memcpy(text, &sender, sizeof(sender));
	memcpy(text + 8, &conv, sizeof(conv));
	memcpy(text + 16, id.p, n);
	im_siphash128(&d->sip, text, 16 + n, key);
}

/* The place that holds the key, or the empty one where it would go. */
static uint32_t place_of(const struct dedup *d, const uint64_t key[2])
{
	uint32_t at = (uint32_t)key[0] & d->mask;
	for (; d->table[at]; at = (at + 1) & d->mask) {
		const struct entry *e = &d->ring[d->table[at] - 1];
		if (e->key[0] == key[0] && e->key[1] == key[1])
			break;
	}
	return at;
}

/* Empties a place and moves back what had been pushed on by it, so that no marks of deleted places
 * pile up. */
static void empty_place(struct dedup *d, uint32_t hole)
{
	uint32_t at = hole;
	for (;;) {
		uint32_t home;
		at = (at + 1) & d->mask;
		if (!d->table[at])
			break;
		home = (uint32_t)d->ring[d->table[at] - 1].key[0] & d->mask;
		if (((at - home) & d->mask) < ((at - hole) & d->mask))
			continue;
		d->table[hole] = d->table[at];
		hole = at;
	}
	d->table[hole] = 0;
}

/* Takes a ring position out of the table, unless a newer entry of the same id has its place. */
static void unlink_position(struct dedup *d, uint32_t position)
{
	uint32_t at = place_of(d, d->ring[position].key);
	if (d->table[at] == position + 1)
		empty_place(d, at);
}

bool dedup_find(const struct dedup *d, uint64_t sender, uint64_t conv, struct im_str id,
	int64_t now_ms, struct dedup_value *out)
{
	uint64_t key[2];
	uint32_t at;
	make_key(d, sender, conv, id, key);
	at = place_of(d, key);
	if (!d->table[at])
		return d->older && now_ms < d->whole_ms &&
		       d->older(d->older_arg, sender, conv, id, now_ms, out);
	*out = d->ring[d->table[at] - 1].v;
	return now_ms - out->ts_ms <= d->window_ms;
}

void dedup_on_older(struct dedup *d, dedup_older_fn fn, void *arg)
{
	d->older = fn;
	d->older_arg = arg;
}

void dedup_lacks_before(struct dedup *d, int64_t ms)
{
	if (d->whole_ms < ms)
		d->whole_ms = ms;
}

void dedup_put(struct dedup *d, uint64_t sender, uint64_t conv, struct im_str id,
	const struct dedup_value *v)
{
	struct entry *e;
	uint32_t position;
	if (d->count == d->cap) {
		unlink_position(d, d->first);
		dedup_lacks_before(d, d->ring[d->first].v.ts_ms + 1);
		d->first = (d->first + 1) % d->cap;
		d->count--;
	}
	position = (uint32_t)(((uint64_t)d->first + d->count) % d->cap);
	e = &d->ring[position];
	make_key(d, sender, conv, id, e->key);
	e->v = *v;
	d->table[place_of(d, e->key)] = position + 1;
	d->count++;
}

bool dedup_put_older(struct dedup *d, uint64_t sender, uint64_t conv, struct im_str id,
	const struct dedup_value *v)
{
	uint32_t position, at;
	struct entry e = {.v = *v};
	if (d->count == d->cap)
		return false;
	make_key(d, sender, conv, id, e.key);
	at = place_of(d, e.key);
	if (d->table[at])
		return true;
	position = (d->first + d->cap - 1) % d->cap;
	d->ring[position] = e;
	d->table[at] = position + 1;
	d->first = position;
	d->count++;
	return true;
}

void dedup_forget_since(struct dedup *d, uint64_t gid)
{
	while (d->count > 0) {
		uint32_t last = (uint32_t)(((uint64_t)d->first + d->count - 1) % d->cap);
		if (d->ring[last].v.gid < gid)
			break;
		unlink_position(d, last);
		d->count--;
	}
}

static void rolled_back(void *arg, uint64_t first, bool logged)
{
	(void)logged;
	dedup_forget_since(arg, first);
}

struct tx_part dedup_part(struct dedup *d)
{
	return (struct tx_part){.rollback = rolled_back, .arg = d};
}

uint64_t dedup_body_hash(const struct dedup *d, enum im_enc enc, struct im_str body)
{
	struct im_sipkey key = d->sip;
	uint64_t h;
	key.k[0] ^= (uint8_t)(enc + 1); /* the same bytes as text and as JSON are two bodies */
	h = im_siphash(&key, body.p, body.n);
	return h == DEDUP_BODY_ANY ? 1 : h;
}

uint32_t dedup_count(const struct dedup *d)
{
	return d->count;
}

uint32_t dedup_capacity(const struct dedup *d)
{
	return d->cap;
}

int64_t dedup_window_ms(const struct dedup *d)
{
	return d->window_ms;
}
