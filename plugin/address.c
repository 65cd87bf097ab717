/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by origin.c, for the budgets of wrong logins, and by options.c. Pure. */
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

/* IPv4 as IPv6 has it. False: it is neither. */
static bool parse(struct im_str s, struct in6_addr *out)
{
	char z[INET6_ADDRSTRLEN];
	struct in_addr four;

	if (!s.n || s.n >= sizeof(z))
		return false;
	memcpy(z, s.p, s.n);
	z[s.n] = '\0';
	if (inet_pton(AF_INET6, z, out) == 1)
		return true;
	if (inet_pton(AF_INET, z, &four) != 1)
		return false;
	*out = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
	memcpy(out->s6_addr + 12, &four, sizeof(four));
	return true;
}

bool address_valid(struct im_str s)
{
	struct in6_addr six;

	return (s.n > 1 && s.p[0] == '/') || parse(s, &six);
}

bool address_same(struct im_str a, struct im_str b)
{
	struct in6_addr x, y;

	if (parse(a, &x) && parse(b, &y))
		return memcmp(&x, &y, sizeof(x)) == 0;
	return im_str_eq(a, b);
}
