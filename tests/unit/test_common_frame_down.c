/* SPDX-License-Identifier: BSD-3-Clause */
/* The codec of down frames: what is written is read back; what is cut, changed or made up is
 * refused or read within its bounds. */
#include "tests/unit/unit.h"

#include "common/frame.h"

struct down_room {
	char user[64], device[64], topic[300], corr[256], id[64], payload[2000], names[2][50][66];
	struct im_recipient to[50];
};

static struct im_down_rec random_down(struct prng *r, struct down_room *room, uint32_t *n_out)
{
	uint32_t i;

	*n_out = prng_below(r, 2) ? prng_below(r, 50) : 0;
	for (i = 0; i < *n_out; i++) {
		room->to[i].uid = prng_field(r, room->names[0][i], 64);
		room->to[i].conv = prng_field(r, room->names[1][i], 66);
	}
	return (struct im_down_rec){.type = (uint8_t)(1 + prng_below(r, IM_DOWN_LAST)),
		.flags = (uint8_t)prng_next(r),
		.epoch = prng_next(r),
		.recno = prng_next(r),
		.user = prng_field(r, room->user, sizeof(room->user)),
		.device = prng_field(r, room->device, sizeof(room->device)),
		.topic = prng_field(r, room->topic, sizeof(room->topic)),
		.corr = prng_field(r, room->corr, sizeof(room->corr)),
		.id = prng_field(r, room->id, sizeof(room->id)),
		.payload = prng_field(r, room->payload, sizeof(room->payload))};
}

static void assert_down_equal(const struct im_down_rec *a, const struct im_down_rec *b,
	const struct im_recipient *to, uint32_t n)
{
	struct im_str bytes = a->recipient_bytes;
	struct im_recipient one;
	uint32_t i;

	assert_int_equal(a->type, b->type);
	assert_int_equal(a->flags, b->flags);
	assert_int_equal(a->epoch, b->epoch);
	assert_int_equal(a->recno, b->recno);
	assert_str_eq(a->user, b->user);
	assert_str_eq(a->device, b->device);
	assert_str_eq(a->topic, b->topic);
	assert_str_eq(a->corr, b->corr);
	assert_str_eq(a->id, b->id);
	assert_str_eq(a->payload, b->payload);
	assert_int_equal(a->recipients, n);
	for (i = 0; i < n; i++) {
		assert_int_equal(im_recipient_read(&bytes, &one), IM_OK);
		assert_str_eq(one.uid, to[i].uid);
		assert_str_eq(one.conv, to[i].conv);
	}
	assert_int_equal(bytes.n, 0);
	assert_int_equal(im_recipient_read(&bytes, &one), IM_E_FORMAT);
}

static void down_record_layout(void **state)
{
	static const struct im_recipient to[] = {
		{{"bob", 3}, {"u/alice", 7}}, {{"al", 2}, {NULL, 0}}};
	struct im_down_rec r = {.type = IM_DOWN_MESSAGE,
		.flags = IM_DOWNF_QOS1,
		.epoch = 1,
		.recno = 0x0102,
		.user = {"alice", 5},
		.corr = {"corr", 4},
		.id = {"c", 1},
		.payload = {",x}", 3},
		.recipients = 99};
	static const char want[] = "IM\x01\x10"
				   "\x41\0\0\0\x03\x01\x01\0\0\0\0\0\0\0\x02\x01\0\0\0\0\0\0"
				   "\x05\0\0\0\0\0\x04\0\x01\0\x03\0\0\0\x02\0\0\0"
				   "alicecorrc,x}"
				   "\x03\x07"
				   "bobu/alice"
				   "\x02\0"
				   "al";
	struct im_buf b;

	(void)state;
	im_buf_init(&b, 0);
	im_frame_down_begin(&b);
	im_down_rec_put(&b, &r, to, 2);
	assert_buf(&b, want);
	im_buf_free(&b);
}

static void down_frames_come_back(void **state)
{
	struct prng r = {10};
	static struct down_room rooms[10];
	struct im_down_rec in[10], out;
	uint32_t n[10];
	struct im_str rest;
	struct im_buf b;
	int round, i;

	(void)state;
	im_buf_init(&b, 0);
	for (round = 0; round < 300; round++) {
		im_buf_reset(&b);
		im_frame_down_begin(&b);
		for (i = 0; i < 10; i++) {
			in[i] = random_down(&r, &rooms[i], &n[i]);
			im_down_rec_put(&b, &in[i], rooms[i].to, n[i]);
		}
		assert_int_equal(im_down_frame_read(im_buf_view(&b), &rest), IM_OK);
		for (i = 0; i < 10; i++) {
			assert_int_equal(im_down_rec_read(&rest, &out), IM_OK);
			assert_down_equal(&out, &in[i], rooms[i].to, n[i]);
		}
		assert_int_equal(rest.n, 0);
		assert_int_equal(im_down_rec_read(&rest, &out), IM_E_FORMAT);
	}
	im_buf_free(&b);
}

static void cut_down_record_is_refused(void **state)
{
	struct prng r = {11};
	static struct down_room room;
	struct im_down_rec in, out;
	struct im_buf b;
	uint32_t to;
	size_t n;

	(void)state;
	do
		in = random_down(&r, &room, &to);
	while (to < 5);
	im_buf_init(&b, 0);
	im_down_rec_put(&b, &in, room.to, to);
	for (n = 0; n < b.n; n++) {
		char *exact = unit_exact((struct im_str){b.p, n});
		struct im_str bytes = {exact, n};

		assert_int_equal(im_down_rec_read(&bytes, &out), IM_E_FORMAT);
		assert_ptr_equal(bytes.p, exact);
		free(exact);
	}
	/* The length made right for what is there: recipients or fields are missing, or a
	 * recipient's count and bytes disagree. */
	for (n = 4; n < b.n; n++) {
		char *exact = unit_exact((struct im_str){b.p, n});
		struct im_str bytes = {exact, n};
		uint32_t len = (uint32_t)n - 4;

		exact[0] = (char)len;
		exact[1] = (char)(len >> 8);
		exact[2] = (char)(len >> 16);
		exact[3] = (char)(len >> 24);
		assert_int_equal(im_down_rec_read(&bytes, &out), IM_E_FORMAT);
		free(exact);
	}
	im_buf_free(&b);
}

static void made_up_down_numbers_are_refused(void **state)
{
	static const struct im_recipient to[] = {{{"bob", 3}, {"u/a", 3}}};
	struct im_down_rec in = {.type = IM_DOWN_MESSAGE, .payload = {"x", 1}};
	struct im_down_rec out;
	struct im_buf b;
	struct im_str bytes;

	(void)state;
	im_buf_init(&b, 0);
	im_down_rec_put(&b, &in, to, 1);
	bytes = im_buf_view(&b);
	assert_int_equal(im_down_rec_read(&bytes, &out), IM_OK);
	im_buf_set_le32(&b, 36, 2); /* recipients */
	bytes = im_buf_view(&b);
	assert_int_equal(im_down_rec_read(&bytes, &out), IM_E_FORMAT);
	im_buf_set_le32(&b, 36, 0);
	bytes = im_buf_view(&b);
	assert_int_equal(im_down_rec_read(&bytes, &out), IM_E_FORMAT);
	im_buf_set_le32(&b, 36, UINT32_MAX);
	bytes = im_buf_view(&b);
	assert_int_equal(im_down_rec_read(&bytes, &out), IM_E_FORMAT);
	im_buf_set_le32(&b, 36, 1);
	im_buf_set_le32(&b, 32, UINT32_MAX); /* payload */
	bytes = im_buf_view(&b);
	assert_int_equal(im_down_rec_read(&bytes, &out), IM_E_FORMAT);
	im_buf_set_le32(&b, 32, 1);
	b.p[4] = 0;
	bytes = im_buf_view(&b);
	assert_int_equal(im_down_rec_read(&bytes, &out), IM_E_FORMAT);
	b.p[4] = IM_DOWN_LAST + 1;
	bytes = im_buf_view(&b);
	assert_int_equal(im_down_rec_read(&bytes, &out), IM_E_FORMAT);
	im_buf_free(&b);
}

static void too_long_down_fields_fail_the_buffer(void **state)
{
	static char text[70000];
	struct im_recipient to = {{text, 255}, {text, 255}};
	struct im_down_rec r = {.type = IM_DOWN_REPLY, .corr = {text, UINT16_MAX}};
	struct im_buf b;

	(void)state;
	im_buf_init(&b, 0);
	im_down_rec_put(&b, &r, &to, 1);
	assert_false(b.failed);
	to.uid.n = 256;
	im_down_rec_put(&b, &r, &to, 1);
	assert_true(b.failed);
	im_buf_reset(&b);
	to.uid.n = 1;
	to.conv.n = 256;
	im_down_rec_put(&b, &r, &to, 1);
	assert_true(b.failed);
	im_buf_reset(&b);
	r.corr.n = UINT16_MAX + 1;
	im_down_rec_put(&b, &r, NULL, 0);
	assert_true(b.failed);
	im_buf_free(&b);
}

/* Bytes changed at random: refused or read, all within the record (the sanitizers watch). */
static void changed_down_bytes_stay_in_bounds(void **state)
{
	struct prng r = {13};
	static struct down_room room;
	int round, i, refused = 0, read = 0;

	(void)state;
	for (round = 0; round < 3000; round++) {
		uint32_t to;
		struct im_down_rec rec = random_down(&r, &room, &to);
		struct im_recipient one;
		struct im_buf b;
		struct im_str bytes;
		char *exact;

		im_buf_init(&b, 0);
		im_down_rec_put(&b, &rec, room.to, to);
		for (i = 0; i < 3; i++)
			b.p[prng_below(&r, i ? 40 : (uint32_t)b.n)] = (char)prng_next(&r);
		exact = unit_exact(im_buf_view(&b));
		bytes = (struct im_str){exact, b.n};
		if (im_down_rec_read(&bytes, &rec) == IM_OK) {
			read++;
			while (rec.recipients--)
				assert_int_equal(
					im_recipient_read(&rec.recipient_bytes, &one), IM_OK);
		} else {
			refused++;
		}
		free(exact);
		im_buf_free(&b);
	}
	assert_true(refused > 300);
	assert_true(read > 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(down_record_layout),
		cmocka_unit_test(down_frames_come_back),
		cmocka_unit_test(cut_down_record_is_refused),
		cmocka_unit_test(made_up_down_numbers_are_refused),
		cmocka_unit_test(too_long_down_fields_fail_the_buffer),
		cmocka_unit_test(changed_down_bytes_stay_in_bounds),
	};

	return cmocka_run_group_tests_name("common_frame_down", tests, NULL, NULL);
}
