/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is to be the same at all brokers, and what nothing else would show: topic_prefix. A broker
 * with another one serves its clients, on topics where those of the others are not, and which no
 * answer's response topic names. So it is said, and served.
 */
#ifndef IM_BRIDGE_ALIKE_H
#define IM_BRIDGE_ALIKE_H

#include "bridge/base/log.h"
#include "bridge/engine/peer.h"

/* Looks at what the plugins have told of themselves, and says of each that is not like the first
 * one that has told; once, and again after it was right in between, which unlike[] (one each)
 * keeps. */
void alike_look(struct peer *const *peers, unsigned n, bool *unlike, struct log *log);

#endif
