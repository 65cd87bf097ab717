/* SPDX-License-Identifier: BSD-3-Clause */
/* A word list, an empty line, a message: the list is taken or refused with a sentence, and what is
 * masked has no byte of the message that it should not have. */
#include "tests/fuzz/fuzz.h"

#include "bridge/message/wordlist.h"
#include "common/utf8.h"

/* Hyperscan takes its time for each word, more so under the sanitizers. */
#define LIST_MAX 300

static void check_message(struct wordlist *w, struct im_str text)
{
	bool match = wordlist_match(w, text);
	struct im_buf masked;
	size_t at = 0;

	im_buf_init(&masked, 0);
	wordlist_mask(w, text, &masked);
	CHECK(!masked.failed && im_utf8_valid(im_buf_view(&masked)));
	CHECK(match || im_str_eq(im_buf_view(&masked), text));
	CHECK(!match || memchr(masked.p, '*', masked.n));
	/* A character stays or becomes one asterisk. */
	for (size_t i = 0; i < masked.n; i++, at++) {
		CHECK(at < text.n);
		if (masked.p[i] == text.p[at])
			continue;
		CHECK(masked.p[i] == '*');
		while (at + 1 < text.n && ((unsigned char)text.p[at + 1] & 0xc0) == 0x80)
			at++;
	}
	CHECK(at == text.n);
	im_buf_free(&masked);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct im_str list = fuzz_str(data, size), text = {NULL, 0};
	const char *gap = size ? memmem(data, size, "\n\n", 2) : NULL;
	struct wordlist *w = NULL;
	struct im_buf why;
	int rc;

	if (gap) {
		list.n = (size_t)(gap - list.p);
		text = (struct im_str){gap + 2, size - list.n - 2};
	}
	if (list.n > LIST_MAX)
		return 0;
	im_buf_init(&why, 0);
	rc = wordlist_compile(list, "words", &w, &why);
	CHECK(rc == IM_OK || rc == IM_E_FORMAT);
	CHECK((rc == IM_OK) == (why.n == 0));
	/* A sentence for the log. */
	CHECK(im_utf8_valid(im_buf_view(&why)));
	if (rc == IM_OK && im_utf8_valid(text))
		check_message(w, text);
	if (rc == IM_OK)
		wordlist_free(&w);
	im_buf_free(&why);
	return 0;
}
