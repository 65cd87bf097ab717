/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames that came while a transaction was open, in their order. Bounded by their bytes. */
#ifndef IM_BRIDGE_WAITING_H
#define IM_BRIDGE_WAITING_H

#include <stddef.h>

#include "bridge/engine/peer.h"
#include "common/err.h"
#include "common/str.h"

struct waiting_frame {
	struct waiting_frame *next;
	struct peer *from;
	size_t n;
	char p[];
};

/* Empty when it is zero. */
struct waiting {
	struct waiting_frame *first, *last;
	size_t bytes;
};

/* Takes a copy. IM_E_FULL: too many bytes wait; IM_E_NOMEM. */
int waiting_add(struct waiting *w, struct peer *from, struct im_str frame) IM_MUST_CHECK;
/* The next one, to be freed; NULL: there is none. */
struct waiting_frame *waiting_take(struct waiting *w);
/* Drops what one plugin has sent; NULL: everything. */
void waiting_drop(struct waiting *w, const struct peer *from);

#endif
