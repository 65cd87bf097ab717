/* SPDX-License-Identifier: BSD-3-Clause */
/* What moves are given, for moves.h and for what is within. */
#ifndef IM_BRIDGE_MOVES_PARTS_H
#define IM_BRIDGE_MOVES_PARTS_H

#include "bridge/base/health.h"
#include "bridge/base/log.h"
#include "bridge/deliver/effects.h"
#include "bridge/directory/rights.h"
#include "bridge/write/writer.h"
#include "common/siphash.h"

/* Borrowed. */
struct moves_parts {
	struct rights *rights;
	struct writer *writer;
	struct directory *dir;
	struct effects *fx;
	struct health *health;
	struct log *log;
	struct im_sipkey key;
};

#endif
