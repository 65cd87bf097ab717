/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading base64 as RFC 4648 has it; im_buf_base64 writes it. */
#ifndef IM_COMMON_BASE64_H
#define IM_COMMON_BASE64_H

#include "common/err.h"
#include "common/str.h"

/* Padded, and nothing else; spare bits must be zero, so that each value has one text. Writes up to
 * in.n / 4 * 3 bytes at `at`, which may be in.p itself. IM_E_FORMAT: it is no base64. */
int im_base64_decode(struct im_str in, char *at, size_t *n_out) IM_MUST_CHECK;
/* The same with - and _ and without padding, as tokens have it. IM_E_FORMAT also if it is more than
 * max bytes. */
int im_base64url_decode(struct im_str in, char *at, size_t max, size_t *n_out) IM_MUST_CHECK;
/* 0 to 63, or -1. */
int im_base64url_digit(char c);

#endif
