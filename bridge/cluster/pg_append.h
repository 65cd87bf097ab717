/* SPDX-License-Identifier: BSD-3-Clause */
/* An entry as the parameters of im.append (schema/postgres). */
#ifndef IM_BRIDGE_PG_APPEND_H
#define IM_BRIDGE_PG_APPEND_H

#include "bridge/cluster/cluster_log.h"
#include "bridge/cluster/pg_value.h"

/* Into parameters that are empty, and then complete. False: see pg_params_complete. */
bool pg_append_params(
	const struct cluster_place *from, const struct cluster_entry *e, struct pg_params *p);

#endif
