/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by the downlink for what the bridge says; asked by admit.c when a device connects and by
 * away.c about sessions that are away. */
#include "plugin/home.h"

void home_recall(struct plugin *p)
{
	int64_t number, n;

	if (lookup_broker(p->lookup, p->opt.link_listener, &number, &n) == IM_OK)
		p->home = (struct home){.number = (uint64_t)number, .several = n > 1};
}

void home_hello(struct plugin *p, const struct im_down_rec *hello)
{
	p->home = (struct home){
		.number = hello->recno,
		.several = hello->recno && hello->flags & IM_DOWNF_SEVERAL,
	};
}

bool home_elsewhere(const struct plugin *p, const struct session *e, int64_t home)
{
	if (e && e->elsewhere)
		return true;
	if (!p->home.several || !home || (uint64_t)home == p->home.number)
		return false;
	return !e || e->announced < p->spool.ring.tail_recno;
}
