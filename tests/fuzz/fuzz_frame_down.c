/* SPDX-License-Identifier: BSD-3-Clause */
/* Any bytes as a down frame: what is read, recipients included, is written back the same. */
#include "tests/fuzz/fuzz.h"

#include "common/frame.h"

static void check_record(const struct im_down_rec *r, struct im_str bytes)
{
	struct im_recipient *to = calloc(r->recipients + 1u, sizeof(*to));
	struct im_str rest = r->recipient_bytes;
	struct im_buf b;
	uint32_t i;

	/* The reader has counted them, so the table cannot be larger than the input allows. */
	CHECK(to && r->recipients <= bytes.n / 2);
	for (i = 0; i < r->recipients; i++)
		CHECK(im_recipient_read(&rest, &to[i]) == IM_OK);
	CHECK(rest.n == 0);
	im_buf_init(&b, 0);
	im_down_rec_put(&b, r, to, r->recipients);
	CHECK(im_str_eq(im_buf_view(&b), bytes));
	im_buf_free(&b);
	free(to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct im_down_rec r;
	struct im_str in, before;

	if (im_down_frame_read(fuzz_str(data, size), &in))
		return 0;
	before = in;
	while (im_down_rec_read(&in, &r) == IM_OK) {
		check_record(&r, (struct im_str){before.p, before.n - in.n});
		before = in;
	}
	CHECK(in.p == before.p && in.n == before.n);
	return 0;
}
