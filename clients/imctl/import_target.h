/* SPDX-License-Identifier: BSD-3-Clause */
/* The two places that users are imported into. */
#ifndef IM_IMCTL_IMPORT_TARGET_H
#define IM_IMCTL_IMPORT_TARGET_H

#include "clients/imctl/command.h"
#include "clients/imctl/control.h"
#include "clients/imctl/import.h"
#include "clients/imctl/offline.h"

/* The open database, within a transaction if the import writes. */
struct import_target import_offline(struct offline *o);

/* A running node, which takes them in commands of IM_IMPORT_BATCH users. */
struct import_online;
struct import_online *import_online_new(struct control *con);
void import_online_free(struct import_online **on);
struct import_target import_online(struct import_online *on);

#endif
