/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the letters: none that is taken for another one. */
#include "bridge/rpc/random_name.h"

#include <sys/random.h>

int random_name(char *out, size_t n)
{
	static const char digits[] = "abcdefghijkmnpqrstuvwxyz23456789";
	unsigned char bytes[RANDOM_NAME_MAX];

	if (n > sizeof(bytes) || getrandom(bytes, n, 0) != (ssize_t)n)
		return IM_E_IO;
	for (size_t i = 0; i < n; i++)
		out[i] = digits[bytes[i] % 32];
	out[n] = '\0';
	return IM_OK;
}
