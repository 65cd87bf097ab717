/* SPDX-License-Identifier: BSD-3-Clause */
/* One client's share of the address space: an IPv4 address, an IPv6 /64, else the text itself. What
 * a header says is counted apart: who writes another one's address there spends nothing of his. */
#ifndef IM_PLUGIN_ADDRESS_H
#define IM_PLUGIN_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/str.h"

struct address_key {
	char bytes[1 + INET6_ADDRSTRLEN];
	size_t n;
	bool local; /* this machine's, or a Unix socket's; never by hearsay */
};

struct address_key address_key(struct im_str address, bool hearsay);

/* What a client's address can be: an IPv4 or IPv6 address as text, or the path of a Unix socket. */
bool address_valid(struct im_str s);
/* True if both are the same one, however they are written. */
bool address_same(struct im_str a, struct im_str b);

#endif
