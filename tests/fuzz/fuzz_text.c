/* SPDX-License-Identifier: BSD-3-Clause */
/* Any short text: a reaction's key is a key, what is refused has a reason, and a cluster never ends
 * within a character. */
#include "tests/fuzz/fuzz.h"

#include "bridge/message/text.h"
#include "bridge/message/unicode.h"
#include "common/utf8.h"

static void check_reaction(struct im_str s)
{
	struct im_buf key, again;

	im_buf_init(&key, 0);
	im_buf_init(&again, 0);
	if (text_reaction(s, &key) == NULL) {
		CHECK(key.n > 0 && im_utf8_valid(im_buf_view(&key)));
		CHECK(text_line_fault(im_buf_view(&key)) == NULL);
		CHECK(text_reaction(im_buf_view(&key), &again) == NULL);
		CHECK(im_str_eq(im_buf_view(&key), im_buf_view(&again)));
	}
	im_buf_free(&key);
	im_buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct im_str s = fuzz_str(data, size);
	const char *end = s.p + s.n;
	size_t n;

	for (const char *p = s.p; s.n && p < end; p += n) {
		n = unicode_cluster(p, end);
		CHECK(n > 0 && n <= (size_t)(end - p));
	}
	if (!im_utf8_valid(s))
		return 0;
	/* A line is a note; and a note without lines is a line. */
	CHECK(text_line_fault(s) || !text_note_fault(s));
	check_reaction(s);
	return 0;
}
