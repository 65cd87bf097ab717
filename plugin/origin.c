/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by throttle.c. A plugin of 2.0 is not told by which listener a client has come, so a proxy
 * is known by the address from which it connects, or by the path of the Unix socket at which it
 * does. */
#include "plugin/origin.h"

/* What a header says counts as well: whoever can write one has as many addresses as he likes. */
static bool by_proxy(const struct options *o, struct im_str address)
{
	for (size_t i = 0; i < o->proxy_address.n; i++)
		if (address_same(im_str(o->proxy_address.v[i]), address))
			return true;
	return false;
}

struct origin origin_of(const struct options *o, struct im_str address, bool hearsay, bool admin)
{
	struct origin from = {BUDGET_ADDRESS_OWN, address_key(address, hearsay)};

	if (by_proxy(o, address))
		from.from = BUDGET_ADDRESS_PROXY;
	else if (from.key.local && admin)
		from.from = BUDGET_ADDRESS_LOCAL;
	return from;
}
