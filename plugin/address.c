/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by auth.c, for the budgets of wrong logins. Pure. */
#include "plugin/address.h"

#include <arpa/inet.h>
#include <string.h>

struct address_key address_key(struct im_str address, bool hearsay)
{
	struct address_key k = {.bytes = {hearsay ? 'h' : 'a'}};
	char z[INET6_ADDRSTRLEN];
	struct in6_addr six;
	size_t n = address.n < sizeof(z) ? address.n : sizeof(z) - 1;

	if (n)
		memcpy(z, address.p, n);
	z[n] = '\0';
	k.local = z[0] == '/' || strncmp(z, "127.", 4) == 0 || strncmp(z, "::ffff:127.", 11) == 0;
	if (inet_pton(AF_INET6, z, &six) == 1 && !IN6_IS_ADDR_V4MAPPED(&six)) {
		k.local = IN6_IS_ADDR_LOOPBACK(&six);
		n = 8;
		memcpy(z, &six, n);
	}
	k.local = k.local && !hearsay;
	memcpy(k.bytes + 1, z, n);
	k.n = 1 + n;
	return k;
}
