/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For whoever keeps directory.db a copy (bridge/cluster/copy.h) and writes rows of it past the
 * other functions of this folder.
 */
#ifndef IM_BRIDGE_DIRECTORY_FOLLOW_H
#define IM_BRIDGE_DIRECTORY_FOLLOW_H

#include "bridge/directory/directory.h"
#include "db/sqldb.h"

struct sqldb *directory_db(struct directory *d);
/* Within a transaction: from here on rows are as another node's triggers have left them, and those
 * of this database keep still, until it is said to be over. */
int directory_following(struct directory *d, bool on) IM_MUST_CHECK;

#endif
