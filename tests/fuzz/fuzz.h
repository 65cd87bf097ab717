/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What every fuzz target includes. A target is one function that takes any bytes; it is run by
 * libFuzzer (make fuzz) and over the committed corpus as an ordinary test (make check-corpus).
 */
#ifndef IM_TESTS_FUZZ_H
#define IM_TESTS_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold for every input. */
#define CHECK(x)                                                                               \
	do {                                                                                   \
		if (!(x)) {                                                                    \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #x); \
			abort();                                                               \
		}                                                                              \
	} while (0)

static inline struct im_str fuzz_str(const uint8_t *data, size_t size)
{
	return (struct im_str){(const char *)data, size};
}

/* Takes the first line off. */
static inline struct im_str fuzz_line(struct im_str *in)
{
	const char *newline = in->n ? memchr(in->p, '\n', in->n) : NULL;
	struct im_str line = *in;

	if (!newline) {
		*in = (struct im_str){NULL, 0};
		return line;
	}
	line.n = (size_t)(newline - in->p);
	*in = (struct im_str){newline + 1, in->n - line.n - 1};
	return line;
}

#endif
