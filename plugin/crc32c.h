/* SPDX-License-Identifier: BSD-3-Clause */
/* CRC-32C (Castagnoli, RFC 3720), with the processor's instruction where there is one. */
#ifndef IM_PLUGIN_CRC32C_H
#define IM_PLUGIN_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Continues `crc` (0 to begin with) over n bytes. */
uint32_t crc32c(uint32_t crc, const void *p, size_t n);
/* The same without the instruction; what other processors run. */
uint32_t crc32c_portable(uint32_t crc, const void *p, size_t n);

#endif
