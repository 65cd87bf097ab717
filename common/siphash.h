/* SPDX-License-Identifier: BSD-3-Clause */
/* SipHash-2-4 with 64-bit and 128-bit results (Aumasson, Bernstein, 2012): a keyed hash for tables
 * whose keys clients choose. */
#ifndef IM_COMMON_SIPHASH_H
#define IM_COMMON_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct im_sipkey {
	uint8_t k[16];
};
uint64_t im_siphash(const struct im_sipkey *key, const void *p, size_t n);
void im_siphash128(const struct im_sipkey *key, const void *p, size_t n, uint64_t out[2]);

#endif
