/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The list of a user's connections by client id, a page at a time, in the form in which plugin and
 * bridge answer listConnections. No I/O; who is connected is the caller's.
 */
#ifndef IM_COMMON_DEVPAGE_H
#define IM_COMMON_DEVPAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/str.h"

#define IM_DEVPAGE_MAX 1000 /* connections of one page */

struct im_devpage_row {
	struct im_str device; /* borrowed until the page is freed */
	int64_t since_ms;
	unsigned broker; /* its number; 0: there is one broker, and nothing is said */
};

/* Those with the first client ids behind `after`, in order; and whether there are more. */
struct im_devpage {
	struct im_devpage_row *rows;
	struct im_str after; /* borrowed likewise */
	size_t n, limit;
	bool more;
};

/* limit: 1 to IM_DEVPAGE_MAX. IM_E_NOMEM. */
int im_devpage_init(struct im_devpage *pg, struct im_str after, size_t limit) IM_MUST_CHECK;
void im_devpage_free(struct im_devpage *pg);
/* One connection, in any order. */
void im_devpage_take(struct im_devpage *pg, const struct im_devpage_row *row);
/* Appends the object with `connections`, and `more` and `next` where there are more. */
void im_devpage_put(const struct im_devpage *pg, struct im_buf *out);

#endif
