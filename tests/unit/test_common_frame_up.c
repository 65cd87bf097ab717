/* SPDX-License-Identifier: BSD-3-Clause */
/* The codec of up frames: what is written is read back; what is cut, changed or made up is
 * refused or read within its bounds. */
#include "tests/unit/unit.h"

#include "common/frame.h"

struct up_room {
	char user[64], device[64], target[64], id[64], reply_topic[300], corr[256], payload[2000];
};

static struct im_up_rec random_up(struct prng *r, struct up_room *room)
{
	return (struct im_up_rec){.type = (uint8_t)prng_below(r, IM_UP_LAST + 1),
		.flags = (uint8_t)prng_next(r),
		.ts_ms = (int64_t)prng_next(r),
		.user = prng_field(r, room->user, sizeof(room->user)),
		.device = prng_field(r, room->device, sizeof(room->device)),
		.target = prng_field(r, room->target, sizeof(room->target)),
		.id = prng_field(r, room->id, sizeof(room->id)),
		.reply_topic = prng_field(r, room->reply_topic, sizeof(room->reply_topic)),
		.corr = prng_field(r, room->corr, sizeof(room->corr)),
		.payload = prng_field(r, room->payload, sizeof(room->payload))};
}

static void assert_up_equal(const struct im_up_rec *a, const struct im_up_rec *b)
{
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->flags, b->flags);
	assert_int_equal(a->ts_ms, b->ts_ms);
	assert_str_eq(a->user, b->user);
	assert_str_eq(a->device, b->device);
	assert_str_eq(a->target, b->target);
	assert_str_eq(a->id, b->id);
	assert_str_eq(a->reply_topic, b->reply_topic);
	assert_str_eq(a->corr, b->corr);
	assert_str_eq(a->payload, b->payload);
}

static void put_up(struct im_buf *b, const struct im_up_rec *r)
{
	char *at = im_buf_add(b, im_up_rec_size(r));

	assert_non_null(at);
	im_up_rec_write(at, r);
}

static void up_record_layout(void **state)
{
	struct im_up_rec r = {.type = IM_UP_MSG_USER,
		.flags = IM_UPF_V5,
		.ts_ms = 0x0102030405060708,
		.user = {"alice", 5},
		.device = {"d", 1},
		.target = {"bob", 3},
		.id = {"c1", 2},
		.payload = {"hi", 2}};
	static const char want[] = "\x23\0\0\0\x01\x02\x08\x07\x06\x05\x04\x03\x02\x01"
				   "\x05\0\x01\0\x03\0\x02\0\0\0\0\0"
				   "alicedbobc1hi";
	char have[64];

	(void)state;
	assert_int_equal(im_up_rec_size(&r), sizeof(want) - 1);
	im_up_rec_write(have, &r);
	assert_memory_equal(have, want, sizeof(want) - 1);
}

static void up_records_come_back(void **state)
{
	struct prng r = {7};
	struct up_room room;
	int round;

	(void)state;
	for (round = 0; round < 2000; round++) {
		struct im_up_rec in = random_up(&r, &room);
		size_t n = im_up_rec_size(&in);
		char *p = malloc(n);
		struct im_str bytes = {p, n};
		struct im_up_rec out;

		assert_non_null(p);
		im_up_rec_write(p, &in);
		assert_int_equal(im_up_rec_read(&bytes, &out), IM_OK);
		assert_int_equal(bytes.n, 0);
		assert_up_equal(&out, &in);
		free(p);
	}
}

static void long_up_fields_are_cut(void **state)
{
	static char text[70000];
	struct im_up_rec in = {
		.type = IM_UP_RPC, .corr = {text, sizeof(text)}, .payload = {"x", 1}};
	struct im_up_rec out;
	struct im_buf b;
	struct im_str bytes;

	(void)state;
	im_buf_init(&b, 0);
	put_up(&b, &in);
	bytes = im_buf_view(&b);
	assert_int_equal(im_up_rec_read(&bytes, &out), IM_OK);
	assert_int_equal(out.corr.n, UINT16_MAX);
	assert_str(out.payload, "x");
	im_buf_free(&b);
}

static void cut_up_record_is_refused(void **state)
{
	struct prng r = {8};
	struct up_room room;
	struct im_up_rec in = random_up(&r, &room), out;
	struct im_buf b;
	size_t n;

	(void)state;
	im_buf_init(&b, 0);
	put_up(&b, &in);
	for (n = 0; n < b.n; n++) {
		char *exact = unit_exact((struct im_str){b.p, n});
		struct im_str bytes = {exact, n};

		assert_int_equal(im_up_rec_read(&bytes, &out), IM_E_FORMAT);
		assert_ptr_equal(bytes.p, exact);
		assert_int_equal(bytes.n, n);
		free(exact);
	}
	im_buf_free(&b);
}

/* A record whose length says less than its fields need, or more than is there. */
static void wrong_up_lengths_are_refused(void **state)
{
	struct im_up_rec in = {.type = IM_UP_MSG_USER, .user = {"alice", 5}, .payload = {"hi", 2}};
	struct im_up_rec out;
	struct im_buf b;
	struct im_str bytes;
	uint32_t len, right;

	(void)state;
	im_buf_init(&b, 0);
	put_up(&b, &in);
	right = (uint32_t)b.n - 4;
	for (len = 0; len < right + 3; len++) {
		im_buf_set_le32(&b, 0, len);
		bytes = im_buf_view(&b);
		/* Two bytes less: the payload is shorter, which only the sender can know. */
		assert_int_equal(
			im_up_rec_read(&bytes, &out) == IM_OK, len >= right - 2 && len <= right);
	}
	im_buf_set_le32(&b, 0, UINT32_MAX);
	bytes = im_buf_view(&b);
	assert_int_equal(im_up_rec_read(&bytes, &out), IM_E_FORMAT);
	im_buf_set_le32(&b, 0, right);
	b.p[4] = IM_UP_NONE;
	bytes = im_buf_view(&b);
	assert_int_equal(im_up_rec_read(&bytes, &out), IM_OK);
	b.p[4] = IM_UP_LAST + 1;
	bytes = im_buf_view(&b);
	assert_int_equal(im_up_rec_read(&bytes, &out), IM_E_FORMAT);
	b.p[4] = IM_UP_MSG_USER;
	b.p[14] = b.p[15] = (char)0xFF; /* the user's length */
	bytes = im_buf_view(&b);
	assert_int_equal(im_up_rec_read(&bytes, &out), IM_E_FORMAT);
	im_buf_free(&b);
}

static void pieces_come_back(void **state)
{
	static const size_t sizes[] = {0, 1, 0, 300, 70000, 2};
	struct im_str want[6], in, piece;
	struct prng r = {4};
	struct im_buf b;
	char *room = malloc(80000);

	(void)state;
	assert_non_null(room);
	im_buf_init(&b, 0);
	for (int i = 0, at = 0; i < 6; at += (int)sizes[i++]) {
		want[i] = prng_bytes(&r, room + at, sizes[i]);
		im_piece_put(&b, want[i]);
	}
	in = im_buf_view(&b);
	for (int i = 0; i < 6; i++) {
		assert_int_equal(im_piece_take(&in, &piece), IM_OK);
		assert_str_eq(piece, want[i]);
	}
	assert_int_equal(in.n, 0);
	assert_int_equal(im_piece_take(&in, &piece), IM_E_FORMAT);
	free(room);
	im_buf_free(&b);
}

/* A record is a piece: one that cannot be read is passed over by its length. */
static void a_record_is_a_piece(void **state)
{
	struct im_up_rec in = {.type = IM_UP_MSG_USER, .user = {"alice", 5}, .payload = {"hi", 2}};
	struct im_up_rec out;
	struct im_str bytes, piece;
	struct im_buf b;

	(void)state;
	im_buf_init(&b, 0);
	put_up(&b, &in);
	b.p[4] = (char)0xff; /* a type of another version */
	put_up(&b, &in);
	bytes = im_buf_view(&b);
	assert_int_equal(im_up_rec_read(&bytes, &out), IM_E_FORMAT);
	assert_int_equal(im_piece_take(&bytes, &piece), IM_OK);
	assert_int_equal(piece.n, im_up_rec_size(&in) - 4);
	assert_int_equal(im_up_rec_read(&bytes, &out), IM_OK);
	assert_up_equal(&out, &in);
	im_buf_free(&b);
}

static void pieces_that_are_not_all_there_are_refused(void **state)
{
	struct im_str in, piece = {NULL, 77};
	struct im_buf b;

	(void)state;
	im_buf_init(&b, 0);
	im_piece_put(&b, IM_STR("piece"));
	for (size_t n = 0; n < b.n; n++) {
		char *exact = unit_exact((struct im_str){b.p, n});

		in = (struct im_str){exact, n};
		assert_int_equal(im_piece_take(&in, &piece), IM_E_FORMAT);
		assert_ptr_equal(in.p, exact);
		assert_int_equal(in.n, n);
		free(exact);
	}
	im_buf_set_le32(&b, 0, UINT32_MAX);
	in = im_buf_view(&b);
	assert_int_equal(im_piece_take(&in, &piece), IM_E_FORMAT);
	assert_int_equal(in.n, b.n);
	assert_int_equal(piece.n, 77);
	/* Longer than its length can say. */
	assert_false(b.failed);
	im_piece_put(&b, (struct im_str){"", (size_t)UINT32_MAX + 1});
	assert_true(b.failed);
	im_buf_free(&b);
}

static void batch_comes_back(void **state)
{
	struct prng r = {9};
	struct up_room rooms[20];
	struct im_up_rec in[20], out;
	struct im_up_batch h = {.epoch = 0x1122334455667788u, .first = UINT64_MAX - 5, .count = 20};
	struct im_up_frame f;
	struct im_buf b;
	size_t n;
	int i;

	(void)state;
	im_buf_init(&b, 0);
	im_frame_batch_begin(&b, &h);
	for (i = 0; i < 20; i++) {
		in[i] = random_up(&r, &rooms[i]);
		put_up(&b, &in[i]);
	}
	assert_int_equal(im_up_frame_read(im_buf_view(&b), &f), IM_OK);
	assert_int_equal(f.kind, IM_FRAME_UP_BATCH);
	assert_int_equal(f.batch.epoch, h.epoch);
	assert_int_equal(f.batch.first, h.first);
	assert_int_equal(f.batch.count, 20);
	for (i = 0; i < 20; i++) {
		assert_int_equal(im_up_rec_read(&f.rest, &out), IM_OK);
		assert_up_equal(&out, &in[i]);
	}
	assert_int_equal(f.rest.n, 0);
	/* Cut anywhere: the head is refused, or the records end early; never a read too far. */
	for (n = 0; n < b.n; n++) {
		char *exact = unit_exact((struct im_str){b.p, n});
		int read = 0;

		if (im_up_frame_read((struct im_str){exact, n}, &f) == IM_OK) {
			while (im_up_rec_read(&f.rest, &out) == IM_OK)
				read++;
			assert_true(read < 20);
		}
		free(exact);
	}
	im_buf_free(&b);
}

static void other_up_frames(void **state)
{
	const struct im_up_batch h = {5, 9, 0};
	const char record[64] = {60};
	struct im_up_frame f;
	struct im_buf b;
	int flags;

	(void)state;
	im_buf_init(&b, 0);
	for (flags = 0; flags < 256; flags++) {
		const struct im_up_part part = {flags & 1, flags & 2, (uint8_t)(flags >> 2)};

		im_buf_reset(&b);
		im_frame_sessions_begin(&b, part, &h);
		assert_int_equal((unsigned char)b.p[4], flags);
		assert_int_equal(im_up_frame_read(im_buf_view(&b), &f), IM_OK);
		assert_int_equal(f.kind, IM_FRAME_UP_SESSIONS);
		assert_int_equal(f.part.first, !!(flags & 1));
		assert_int_equal(f.part.last, !!(flags & 2));
		assert_int_equal(f.part.level, flags >> 2);
		assert_int_equal(f.batch.epoch, 5);
		assert_int_equal(f.batch.first, 9);
		assert_int_equal(f.batch.count, 0);
		assert_int_equal(f.rest.n, 0);
	}
	assert_int_equal(f.part.level, IM_PLUGIN_LEVEL_MAX);
	im_buf_reset(&b);
	im_frame_credit(&b, 77);
	assert_int_equal(im_up_frame_read(im_buf_view(&b), &f), IM_OK);
	assert_int_equal(f.kind, IM_FRAME_UP_CREDIT);
	assert_int_equal(f.credit, 77);
	im_buf_c(&b, 'x');
	assert_int_equal(im_up_frame_read(im_buf_view(&b), &f), IM_E_FORMAT);
	im_buf_reset(&b);
	im_frame_ahead(&b, 5, 9, (struct im_str){record, sizeof(record)});
	assert_int_equal(im_up_frame_read(im_buf_view(&b), &f), IM_OK);
	assert_int_equal(f.kind, IM_FRAME_UP_AHEAD);
	assert_int_equal(f.batch.epoch, 5);
	assert_int_equal(f.batch.first, 9);
	assert_int_equal(f.rest.n, sizeof(record));
	b.p[4 + 8 + 8] = 2;
	assert_int_equal(im_up_frame_read(im_buf_view(&b), &f), IM_E_FORMAT);
	im_buf_reset(&b);
	im_frame_stats(&b, IM_STR("{\"a\":1}"));
	assert_int_equal(im_up_frame_read(im_buf_view(&b), &f), IM_OK);
	assert_int_equal(f.kind, IM_FRAME_UP_STATS);
	assert_str(f.rest, "{\"a\":1}");
	im_buf_free(&b);
}

static void frames_of_no_known_sort_are_refused(void **state)
{
	static const struct im_str refused[] = {{"", 0}, {"I", 1}, {"IM", 2}, {"IM\x01", 3},
		{"IM\x01\x01", 4}, {"IM\x02\x04{}", 6}, {"XM\x01\x04{}", 6}, {"IX\x01\x04{}", 6},
		{"IM\x01\x05{}", 6}, {"IM\x01\0{}", 6}, {"IM\x01\xFF{}", 6}, {"IM\x01\x10", 4},
		{"{\"a\":1}", 7}};
	struct im_up_frame f;
	struct im_str rest;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		char *exact = unit_exact(refused[i]);

		assert_int_equal(
			im_up_frame_read((struct im_str){exact, refused[i].n}, &f), IM_E_FORMAT);
		/* The last but one is an empty down frame. */
		assert_int_equal(im_down_frame_read((struct im_str){exact, refused[i].n}, &rest),
			i == sizeof(refused) / sizeof(refused[0]) - 2 ? IM_OK : IM_E_FORMAT);
		free(exact);
	}
}

/* A table sized by the count cannot be made huge by four bytes. */
static void count_that_cannot_be_is_refused(void **state)
{
	struct im_up_batch h = {.epoch = 1, .first = 1, .count = 2};
	struct im_up_rec r = {.type = IM_UP_RPC};
	struct im_up_frame f;
	struct im_buf b;

	(void)state;
	im_buf_init(&b, 0);
	im_frame_batch_begin(&b, &h);
	put_up(&b, &r);
	assert_int_equal(im_up_frame_read(im_buf_view(&b), &f), IM_E_FORMAT);
	put_up(&b, &r);
	assert_int_equal(im_up_frame_read(im_buf_view(&b), &f), IM_OK);
	im_buf_set_le32(&b, 20, UINT32_MAX);
	assert_int_equal(im_up_frame_read(im_buf_view(&b), &f), IM_E_FORMAT);
	im_buf_free(&b);
}

/* Bytes changed at random: refused or read, all within the record (the sanitizers watch). */
static void changed_up_bytes_stay_in_bounds(void **state)
{
	struct prng r = {12};
	struct up_room room;
	int round, i, refused = 0, read = 0;

	(void)state;
	for (round = 0; round < 3000; round++) {
		struct im_up_rec rec = random_up(&r, &room);
		struct im_buf b;
		struct im_str bytes;
		char *exact;

		im_buf_init(&b, 0);
		put_up(&b, &rec);
		for (i = 0; i < 3; i++)
			b.p[prng_below(&r, 26)] = (char)prng_next(&r);
		exact = unit_exact(im_buf_view(&b));
		bytes = (struct im_str){exact, b.n};
		if (im_up_rec_read(&bytes, &rec) == IM_OK)
			read++;
		else
			refused++;
		free(exact);
		im_buf_free(&b);
	}
	assert_true(refused > 300);
	assert_true(read > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(up_record_layout),
		cmocka_unit_test(up_records_come_back),
		cmocka_unit_test(long_up_fields_are_cut),
		cmocka_unit_test(cut_up_record_is_refused),
		cmocka_unit_test(wrong_up_lengths_are_refused),
		cmocka_unit_test(pieces_come_back),
		cmocka_unit_test(a_record_is_a_piece),
		cmocka_unit_test(pieces_that_are_not_all_there_are_refused),
		cmocka_unit_test(batch_comes_back),
		cmocka_unit_test(other_up_frames),
		cmocka_unit_test(frames_of_no_known_sort_are_refused),
		cmocka_unit_test(count_that_cannot_be_is_refused),
		cmocka_unit_test(changed_up_bytes_stay_in_bounds),
	};

	return cmocka_run_group_tests_name("common_frame_up", tests, NULL, NULL);
}
