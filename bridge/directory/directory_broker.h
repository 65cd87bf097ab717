/* SPDX-License-Identifier: BSD-3-Clause */
/* The numbers of brokers in directory.db. Each is known by the path of its socket, and keeps its
 * number for as long as there are enough of them. */
#ifndef IM_BRIDGE_DIRECTORY_BROKER_H
#define IM_BRIDGE_DIRECTORY_BROKER_H

#include "bridge/directory/directory.h"
#include "common/limits.h"

/* The numbers, from 1 through IM_PEERS_MAX, of these paths in their order, in a transaction of its
 * own. A path that is new gets the lowest that nobody has; when all are given, the lowest of one
 * that is not among the paths: devices whose home that was have none that is known. IM_E_FULL: more
 * than IM_PEERS_MAX paths. With one path the homes of all devices at others are not known any more.
 */
int directory_broker_numbers(
	struct directory *d, char *const paths[], size_t n, unsigned numbers_out[]) IM_MUST_CHECK;

typedef int (*directory_broker_fn)(void *arg, unsigned number, struct im_str path);
/* All that have one, by number. */
int directory_broker_list(struct directory *d, directory_broker_fn fn, void *arg) IM_MUST_CHECK;

#endif
