/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Brings directory.db up to what the log says. Both are written one after the other; when the
 * second commit did not happen (a crash, a full disk), the changes of groups and pins in the log's
 * system messages are applied to the directory from here, and who is concerned finds an event on
 * his timeline: nothing is delivered, `sync` tells it.
 */
#ifndef IM_BRIDGE_PROJECT_H
#define IM_BRIDGE_PROJECT_H

#include <stdint.h>

#include "bridge/directory/directory.h"
#include "bridge/store/store.h"
#include "common/err.h"

struct project_report {
	uint64_t applied; /* system messages applied */
	uint64_t refused; /* those that said nothing the directory could take */
	uint64_t through; /* the log position that the directory has now followed */
};

/* Applies the system messages after directory.db's applied_gid, in transactions of their own.
 * Outside of any other transaction. IM_E_IO, IM_E_NOMEM: run it again. */
int project_run(const struct store_backend *backend, struct store_reader *log, struct directory *d,
	struct project_report *out) IM_MUST_CHECK;

#endif
