/* SPDX-License-Identifier: BSD-3-Clause */
/* Any bytes as an up frame and as a spool's records: what is read is written back the same. */
#include "tests/fuzz/fuzz.h"

#include "common/frame.h"

/* Reads records until one is refused; returns how many. */
static uint32_t check_records(struct im_str in)
{
	struct im_str before = in;
	struct im_up_rec r;
	uint32_t n;

	for (n = 0; im_up_rec_read(&in, &r) == IM_OK; n++) {
		size_t size = before.n - in.n;
		char *again = malloc(size);

		CHECK(again && im_up_rec_size(&r) == size);
		im_up_rec_write(again, &r);
		CHECK(memcmp(again, before.p, size) == 0);
		free(again);
		before = in;
	}
	CHECK(in.p == before.p && in.n == before.n);
	return n;
}

/* The same without looking into them. */
static void check_pieces(struct im_str in)
{
	struct im_str before = in, piece;
	struct im_buf b;

	im_buf_init(&b, 0);
	while (im_piece_take(&in, &piece) == IM_OK)
		im_piece_put(&b, piece);
	CHECK(im_str_eq(im_buf_view(&b), (struct im_str){before.p, before.n - in.n}));
	im_buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct im_str in = fuzz_str(data, size);
	struct im_up_frame f;
	struct im_buf b;

	check_records(in);
	check_pieces(in);
	if (im_up_frame_read(in, &f))
		return 0;
	im_buf_init(&b, 0);
	switch (f.kind) {
	case IM_FRAME_UP_BATCH:
		im_frame_batch_begin(&b, &f.batch);
		break;
	case IM_FRAME_UP_SESSIONS:
		im_frame_sessions_begin(&b, f.part, &f.batch);
		break;
	case IM_FRAME_UP_AHEAD:
		im_frame_ahead(&b, f.batch.epoch, f.batch.first, (struct im_str){0});
		break;
	case IM_FRAME_UP_CREDIT:
		im_frame_credit(&b, f.credit);
		break;
	default:
		im_frame_stats(&b, f.rest);
		f.rest.n = 0;
		break;
	}
	check_records(f.rest);
	im_buf_str(&b, f.rest);
	CHECK(im_str_eq(im_buf_view(&b), in));
	im_buf_free(&b);
	return 0;
}
