/* SPDX-License-Identifier: BSD-3-Clause */
/* The spool's ring: order, wrapping, recovery after every kind of damage. */
#include "plugin/crc32c.h"
#include "plugin/ring.h"
#include "tests/unit/unit.h"

#define SIZE (RING_HEADER + 1024)

struct fixture {
	unsigned char *map;
	struct ring r;
	struct ring_report report;
};

static void open_again(struct fixture *f)
{
	assert_int_equal(ring_open(&f->r, f->map, SIZE, &f->report), IM_OK);
}

static void start(struct fixture *f)
{
	f->map = malloc(SIZE);
	assert_non_null(f->map);
	/* What a file held before must not matter. */
	memset(f->map, 0xa5, SIZE);
	ring_format(f->map, SIZE, 77);
	open_again(f);
}

/* A record whose bytes follow from its number. */
static uint64_t put(struct fixture *f, uint32_t n)
{
	char *at = ring_reserve(&f->r, n);
	uint64_t recno;

	if (!at)
		return 0;
	recno = f->r.head_recno;
	memset(at, (int)(recno % 251), n);
	assert_int_equal(ring_commit(&f->r), recno);
	return recno;
}

static void check_bytes(const struct ring_record *rec)
{
	size_t i;

	for (i = 0; i < rec->bytes.n; i++)
		assert_int_equal((unsigned char)rec->bytes.p[i], rec->recno % 251);
}

/* Walks the ring; returns how many records there are, first and last number. */
static unsigned walk(struct fixture *f, uint64_t *first, uint64_t *last)
{
	struct ring_cursor c = ring_begin(&f->r);
	struct ring_record rec;
	unsigned n = 0;

	while (ring_next(&f->r, &c, &rec)) {
		check_bytes(&rec);
		if (n++ == 0)
			*first = rec.recno;
		else
			assert_int_equal(rec.recno, *last + 1);
		*last = rec.recno;
	}
	return n;
}

static void keeps_order_and_numbers(void **state)
{
	struct fixture f;
	uint64_t first, last;

	(void)state;
	start(&f);
	assert_int_equal(put(&f, 10), 1);
	assert_int_equal(put(&f, 0), 2);
	assert_int_equal(put(&f, 33), 3);
	assert_int_equal(walk(&f, &first, &last), 3);
	assert_int_equal(first, 1);
	ring_free_through(&f.r, 2);
	assert_int_equal(walk(&f, &first, &last), 1);
	assert_int_equal(first, 3);
	ring_free_through(&f.r, 1); /* again: nothing happens */
	assert_int_equal(walk(&f, &first, &last), 1);
	ring_free_through(&f.r, 3);
	assert_int_equal(ring_used(&f.r), 0);
	free(f.map);
}

static void wraps_for_ever_without_losing_any(void **state)
{
	struct fixture f;
	struct prng rnd = {1};
	uint64_t first = 0, last = 0, freed = 0;
	int i;

	(void)state;
	start(&f);
	for (i = 0; i < 20000; i++) {
		uint32_t n = prng_below(&rnd, 200);
		uint64_t recno = put(&f, n);
		unsigned have;

		if (!recno || prng_below(&rnd, 3) == 0) {
			have = walk(&f, &first, &last);
			assert_true(have > 0);
			assert_int_equal(first, freed + 1);
			freed = first + prng_below(&rnd, have);
			ring_free_through(&f.r, freed);
		}
		if (i % 97 == 0) {
			unsigned before = walk(&f, &first, &last);
			uint64_t next = f.r.head_recno;

			ring_close(&f.r);
			open_again(&f);
			assert_true(f.report.clean);
			assert_int_equal(f.report.records, before);
			assert_int_equal(f.r.head_recno, next);
		}
	}
	free(f.map);
}

static void is_full_at_its_size_and_not_before(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	assert_null(ring_reserve(&f.r, 1024));
	assert_int_equal(put(&f, 1024 - RING_RECORD_HEAD), 1);
	assert_int_equal(ring_used(&f.r), 1024);
	assert_null(ring_reserve(&f.r, 0));
	ring_close(&f.r);
	open_again(&f);
	assert_int_equal(f.report.records, 1);
	ring_free_through(&f.r, 1);
	assert_int_equal(put(&f, 1024 - RING_RECORD_HEAD), 2);
	free(f.map);
}

static void a_crash_loses_nothing_and_jumps(void **state)
{
	struct fixture f;
	uint64_t first, last;

	(void)state;
	start(&f);
	put(&f, 10);
	put(&f, 20);
	open_again(&f);
	assert_false(f.report.clean);
	assert_int_equal(f.report.records, 2);
	assert_int_equal(f.report.cut_recno, 0);
	assert_int_equal(put(&f, 5), RING_JUMP);
	assert_int_equal(put(&f, 5), RING_JUMP + 1);
	/* The jump itself is found again, and the next one goes on from there. */
	open_again(&f);
	assert_int_equal(f.report.records, 4);
	assert_int_equal(f.r.head_recno, 2 * RING_JUMP);
	ring_free_through(&f.r, 2);
	assert_int_equal(walk(&f, &first, &last), 2);
	assert_int_equal(first, RING_JUMP);
	ring_free_through(&f.r, last);
	/* Empty, and still no number twice. */
	open_again(&f);
	assert_int_equal(put(&f, 1), 3 * RING_JUMP);
	free(f.map);
}

/* A ring that has wrapped, with records left in it; bytes and places of each record. */
struct laid_out {
	struct fixture f;
	unsigned char copy[SIZE];
	uint64_t pos[64];
	uint64_t recno[64];
	unsigned n;
};

static void lay_out(struct laid_out *l)
{
	struct ring_cursor c;
	struct ring_record rec;
	unsigned i;

	start(&l->f);
	for (i = 0; i < 12; i++)
		assert_int_not_equal(put(&l->f, 50 + i), 0);
	ring_free_through(&l->f.r, 9);
	while (put(&l->f, 61))
		;
	c = ring_begin(&l->f.r);
	l->n = 0;
	while (ring_next(&l->f.r, &c, &rec)) {
		l->pos[l->n] = (uint64_t)(rec.bytes.p - l->f.r.data) - RING_RECORD_HEAD;
		l->recno[l->n++] = rec.recno;
	}
	assert_true(l->n > 8);
	memcpy(l->copy, l->f.map, SIZE);
}

static void restore(struct laid_out *l)
{
	memcpy(l->f.map, l->copy, SIZE);
}

/* The ring opens, keeps exactly the records before the damaged one, and goes on. */
static void check_cut(struct laid_out *l, unsigned damaged)
{
	uint64_t first = 0, last = 0;
	unsigned n;

	open_again(&l->f);
	n = walk(&l->f, &first, &last);
	assert_int_equal(n, damaged);
	if (n)
		assert_int_equal(last, l->recno[damaged - 1]);
	assert_true(l->f.r.head_recno >= RING_JUMP);
	assert_int_not_equal(put(&l->f, 1), 0);
	open_again(&l->f);
	assert_int_equal(l->f.report.records, damaged + 1);
}

static void every_bit_flip_cuts_at_its_record(void **state)
{
	struct laid_out l;
	unsigned i, at, bit;

	(void)state;
	lay_out(&l);
	for (i = 0; i < l.n; i++) {
		for (at = 0; at < RING_RECORD_HEAD + 61; at++) {
			for (bit = 0; bit < 8; bit++) {
				restore(&l);
				l.f.r.data[l.pos[i] + at] ^= (char)(1 << bit);
				/* Records differ in length; past the end it is padding. */
				if (at < RING_RECORD_HEAD + 50)
					check_cut(&l, i);
			}
		}
	}
	free(l.f.map);
}

static void every_torn_write_cuts_at_its_record(void **state)
{
	struct laid_out l;
	unsigned i, keep;

	(void)state;
	lay_out(&l);
	for (i = 0; i < l.n; i++) {
		for (keep = 0; keep < RING_RECORD_HEAD + 50; keep++) {
			restore(&l);
			/* The first bytes were written, what follows is of an earlier time. */
			memset(l.f.r.data + l.pos[i] + keep, 0x5a, RING_RECORD_HEAD + 50 - keep);
			check_cut(&l, i);
			restore(&l);
			memset(l.f.r.data + l.pos[i] + keep, 0, RING_RECORD_HEAD + 50 - keep);
			check_cut(&l, i);
		}
	}
	free(l.f.map);
}

static void damage_is_reported_and_a_plain_end_is_not(void **state)
{
	struct laid_out l;

	(void)state;
	lay_out(&l);
	open_again(&l.f);
	assert_int_equal(l.f.report.cut_recno, 0);
	restore(&l);
	l.f.r.data[l.pos[3] + RING_RECORD_HEAD] ^= 1;
	open_again(&l.f);
	assert_int_equal(l.f.report.cut_recno, l.recno[3]);
	free(l.f.map);
}

/* Eight bytes short of full, no mark fits behind the newest record; it has to be made up for. */
static void a_ring_that_was_full_is_not_taken_for_damaged(void **state)
{
	struct fixture f;
	int i;

	(void)state;
	start(&f);
	for (i = 0; i < 16; i++)
		assert_int_not_equal(put(&f, 48), 0);
	assert_int_equal(ring_used(&f.r), 1024);
	ring_free_through(&f.r, 2);
	assert_int_equal(put(&f, 104), 17);
	assert_int_equal(ring_used(&f.r), 1016);
	ring_free_through(&f.r, 3);
	ring_close(&f.r);
	open_again(&f);
	assert_int_equal(f.report.records, 14);
	assert_true(f.report.clean);
	assert_int_equal(f.report.cut_recno, 0);
	free(f.map);
}

static void old_rounds_never_come_back(void **state)
{
	struct fixture f;
	uint64_t first, last;
	int i;

	(void)state;
	start(&f);
	/* Equal records: each round's lie exactly where the last round's lay. */
	for (i = 0; i < 100; i++) {
		assert_int_equal(put(&f, 48), i + 1);
		ring_free_through(&f.r, (uint64_t)i);
		open_again(&f);
		f.r.head_recno = (uint64_t)i + 2; /* without the jump, the hardest case */
		assert_int_equal(walk(&f, &first, &last), 1);
		assert_int_equal(first, i + 1);
	}
	free(f.map);
}

static void one_damaged_slot_is_survived(void **state)
{
	struct laid_out l;
	unsigned at, bit, slots[2] = {512, 1024};
	unsigned s;

	(void)state;
	lay_out(&l);
	for (s = 0; s < 2; s++) {
		for (at = 0; at < 56; at++) {
			for (bit = 0; bit < 8; bit++) {
				restore(&l);
				l.f.map[slots[s] + at] ^= (unsigned char)(1 << bit);
				/* Then the other one holds: maybe an older one, never a wrong one.
				 */
				assert_int_equal(
					ring_open(&l.f.r, l.f.map, SIZE, &l.f.report), IM_OK);
				assert_true(l.f.report.records == l.n || l.f.report.records == 0 ||
					    l.f.report.records > l.n);
			}
		}
	}
	/* Both: it is no ring any more. */
	restore(&l);
	l.f.map[512] ^= 1;
	l.f.map[1024] ^= 1;
	assert_int_equal(ring_open(&l.f.r, l.f.map, SIZE, &l.f.report), IM_E_FORMAT);
	free(l.f.map);
}

static void a_damaged_header_is_refused(void **state)
{
	struct laid_out l;
	unsigned at, bit;

	(void)state;
	lay_out(&l);
	for (at = 0; at < 32; at++) {
		for (bit = 0; bit < 8; bit++) {
			restore(&l);
			l.f.map[at] ^= (unsigned char)(1 << bit);
			assert_int_equal(
				ring_open(&l.f.r, l.f.map, SIZE, &l.f.report), IM_E_FORMAT);
			assert_int_equal(ring_size_of(l.f.map, SIZE), 0);
		}
	}
	restore(&l);
	assert_int_equal(ring_open(&l.f.r, l.f.map, SIZE - 1, &l.f.report), IM_E_FORMAT);
	assert_int_equal(ring_open(&l.f.r, l.f.map, 10, &l.f.report), IM_E_FORMAT);
	assert_int_equal(ring_size_of(l.f.map, SIZE), 1024);
	free(l.f.map);
}

static void skips_what_the_bridge_already_knows(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	ring_skip(&f.r, 5);
	assert_int_equal(put(&f, 1), RING_JUMP);
	ring_skip(&f.r, 5);
	assert_int_equal(put(&f, 1), RING_JUMP + 1);
	free(f.map);
}

/* What version 0.1.0 wrote into a slot when it closed the ring: see the layout in ring.c. */
static void slot_patch_clean(unsigned char *slot, uint32_t clean)
{
	const uint32_t none = 0;
	uint32_t crc;

	memcpy(slot + 40, &clean, sizeof(clean));
	memcpy(slot + 44, &none, sizeof(none));
	crc = crc32c(0, slot, 48);
	memcpy(slot + 44, &crc, sizeof(crc));
}

static void put_text(struct fixture *f, const char *text)
{
	char *at = ring_reserve(&f->r, (uint32_t)strlen(text));

	assert_non_null(at);
	memcpy(at, text, strlen(text));
	assert_int_not_equal(ring_commit(&f->r), 0);
}

static bool file_holds(const struct fixture *f, const char *text)
{
	return memmem(f->map, SIZE, text, strlen(text)) != NULL;
}

static void what_is_freed_is_gone_from_the_file(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	put_text(&f, "first-secret");
	put_text(&f, "second-secret");
	put_text(&f, "kept-words");
	ring_free_through(&f.r, 2);
	assert_false(file_holds(&f, "-secret"));
	assert_true(file_holds(&f, "kept-words"));
	open_again(&f);
	assert_int_equal(f.report.records, 1);
	assert_int_equal(f.report.cut_recno, 0);
	free(f.map);
}

/* After a power cut the header may be older than what it describes. */
static void an_old_header_finds_its_way_over_what_was_freed(void **state)
{
	unsigned char header[RING_HEADER];
	struct fixture f;
	uint64_t first, last;
	int i;

	(void)state;
	start(&f);
	for (i = 0; i < 9; i++)
		assert_int_not_equal(put(&f, 40), 0);
	ring_free_through(&f.r, 1);
	memcpy(header, f.map, RING_HEADER);
	ring_free_through(&f.r, 6);
	memcpy(f.map, header, RING_HEADER);
	open_again(&f);
	assert_int_equal(f.report.records, 3);
	assert_int_equal(f.report.cut_recno, 0);
	assert_int_equal(walk(&f, &first, &last), 3);
	assert_int_equal(first, 7);
	free(f.map);
}

/* Killed between freeing and wiping, or written by a version that did not wipe. */
static void what_was_left_in_the_free_part_is_wiped_when_it_is_opened(void **state)
{
	const uint32_t closed_unwiped = 1;
	struct fixture f;
	int i;

	(void)state;
	start(&f);
	put_text(&f, "kept-words");
	memcpy(f.r.data + 512, "old-secret", 10);
	open_again(&f);
	assert_false(file_holds(&f, "old-secret"));
	assert_true(file_holds(&f, "kept-words"));

	memcpy(f.r.data + 512, "old-secret", 10);
	ring_close(&f.r);
	open_again(&f);
	assert_true(f.report.clean);
	assert_true(file_holds(&f, "old-secret"));

	ring_close(&f.r);
	for (i = 0; i < 2; i++)
		slot_patch_clean(f.map + 512 * (1 + i), closed_unwiped);
	open_again(&f);
	assert_true(f.report.clean);
	assert_int_equal(f.report.records, 1);
	assert_false(file_holds(&f, "old-secret"));
	free(f.map);
}

static void crc_is_the_standard_one(void **state)
{
	char text[300];
	size_t i;

	(void)state;
	/* RFC 3720, B.4, and the usual check value. */
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	memset(text, 0, 32);
	assert_int_equal(crc32c(0, text, 32), 0x8a9136aa);
	for (i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 7);
	for (i = 0; i < sizeof(text); i++) {
		assert_int_equal(crc32c(0, text, i), crc32c_portable(0, text, i));
		assert_int_equal(crc32c(crc32c(0, text, i), text + i, sizeof(text) - i),
			crc32c_portable(0, text, sizeof(text)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_order_and_numbers),
		cmocka_unit_test(wraps_for_ever_without_losing_any),
		cmocka_unit_test(is_full_at_its_size_and_not_before),
		cmocka_unit_test(a_crash_loses_nothing_and_jumps),
		cmocka_unit_test(every_bit_flip_cuts_at_its_record),
		cmocka_unit_test(every_torn_write_cuts_at_its_record),
		cmocka_unit_test(damage_is_reported_and_a_plain_end_is_not),
		cmocka_unit_test(a_ring_that_was_full_is_not_taken_for_damaged),
		cmocka_unit_test(old_rounds_never_come_back),
		cmocka_unit_test(one_damaged_slot_is_survived),
		cmocka_unit_test(a_damaged_header_is_refused),
		cmocka_unit_test(skips_what_the_bridge_already_knows),
		cmocka_unit_test(what_is_freed_is_gone_from_the_file),
		cmocka_unit_test(an_old_header_finds_its_way_over_what_was_freed),
		cmocka_unit_test(what_was_left_in_the_free_part_is_wiped_when_it_is_opened),
		cmocka_unit_test(crc_is_the_standard_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
