/* SPDX-License-Identifier: BSD-3-Clause */
/* From where a login comes, as what it may cost is counted: see budget.h. */
#ifndef IM_PLUGIN_ORIGIN_H
#define IM_PLUGIN_ORIGIN_H

#include "plugin/address.h"
#include "plugin/budget.h"
#include "plugin/options.h"

struct origin {
	enum budget_from from;
	struct address_key key;
};

/* hearsay: see address.h. */
struct origin origin_of(const struct options *o, struct im_str address, bool hearsay, bool admin);

#endif
