/* SPDX-License-Identifier: BSD-3-Clause */
/* A word list for a test: written to a file, loaded from it, and the file is gone again. */
#ifndef IM_TESTS_WORDS_H
#define IM_TESTS_WORDS_H

#include "tests/unit/unit.h"

#include <unistd.h>

#include "bridge/message/moderation.h"

static inline void words_load(
	struct moderation *m, const char *words, enum moderation_action action)
{
	char path[] = "/tmp/im-words-XXXXXX";
	struct im_buf why;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, words, strlen(words)), (ssize_t)strlen(words));
	close(fd);
	im_buf_init(&why, 0);
	assert_int_equal(moderation_load(m, path, action, &why), IM_OK);
	im_buf_free(&why);
	unlink(path);
}

#endif
