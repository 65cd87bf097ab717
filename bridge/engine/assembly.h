/* SPDX-License-Identifier: BSD-3-Clause */
/* Everything that the engine conducts, built once and taken apart in the reverse order. */
#ifndef IM_BRIDGE_ASSEMBLY_H
#define IM_BRIDGE_ASSEMBLY_H

#include <stdint.h>

#include "bridge/base/cost.h"
#include "bridge/base/health.h"
#include "bridge/deliver/ceiling.h"
#include "bridge/deliver/outboxes.h"
#include "bridge/deliver/whereabouts.h"
#include "bridge/directory/names.h"
#include "bridge/engine/ahead.h"
#include "bridge/engine/batch.h"
#include "bridge/engine/marks.h"
#include "bridge/engine/parts.h"
#include "common/err.h"

struct assembly {
	const struct store_backend *backend;
	struct health health;
	struct effects *fx;      /* of the open transaction */
	struct effects *answers; /* what readers give, beside any transaction */
	struct outboxes *outboxes;
	struct writer *writer;
	struct rights *rights;
	struct cost *cost;
	struct ceiling *ceiling;
	struct dedup *dedup;
	struct acks *acks;
	struct intake *intake;
	struct sessions *sessions;
	struct whereabouts *where;
	struct requests *requests;
	struct cursors *cursors;
	struct store_reader *log_reader;
	struct names *names;
	struct marks *marks;
	struct ahead *ahead;
	struct replay *replay;
	struct commit *commit;
	struct batch *batch;
};

/* *a is zeroed by the caller; close it also after a failure. The window of message ids is read from
 * the log, which takes about a second for a million. */
int assembly_open(struct assembly *a, const struct engine_parts *p, int64_t wall_ms) IM_MUST_CHECK;
void assembly_close(struct assembly *a);
/* What its parts say of themselves, but for what is a plugin's; all else is zero. */
void assembly_gauges(const struct assembly *a, struct health_gauges *out);

#endif
