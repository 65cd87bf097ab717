/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * directory.db without a node: for the first administrator, for many users at once, and to get back
 * in when the administrator's password is lost. Only what no conversation's log depends on is
 * changed here: users and their passwords, never groups.
 */
#ifndef IM_IMCTL_OFFLINE_H
#define IM_IMCTL_OFFLINE_H

#include <jansson.h>
#include <sqlite3.h>
#include <stdint.h>

#include "clients/imctl/exit.h"
#include "common/buf.h"
#include "common/str.h"

struct offline;

/* Opens {folder}/directory.db, created and migrated when needed, and holds {folder}/bridge.lock, so
 * that no bridge starts meanwhile; refused while one runs. As root it becomes the folder's owner
 * first: broker and bridge, which run as that user, must be able to open what is made here. */
int offline_open(const char *folder, struct offline **out, struct im_buf *why);
void offline_close(struct offline **o);

/* Between the two a command does its work; with IMCTL_OK it counts, and stands in the audit log.
 * Exit codes; end returns rc, or what went wrong at the end. */
int offline_begin(struct offline *o, struct im_buf *why);
int offline_end(
	struct offline *o, const char *action, const json_t *params, int rc, struct im_buf *why);

/* Exit codes; why: a sentence. phc empty: no password; nick NULL: none. role: enum im_role. */
int offline_user_create(struct offline *o, const char *uid, int role, const char *phc,
	const char *nick, struct im_buf *why);
int offline_user_set_password(
	struct offline *o, const char *uid, const char *phc, struct im_buf *why);
int offline_user_set_disabled(
	struct offline *o, const char *uid, bool disabled, struct im_buf *why);
int offline_user_set_role(struct offline *o, const char *uid, int role, struct im_buf *why);
/* Appends to the array one object a user, with uid > after, at most limit (0: all). */
int offline_user_list(
	struct offline *o, const char *after, int64_t limit, json_t *rows, struct im_buf *why);
int offline_user_get(struct offline *o, const char *uid, json_t **out, struct im_buf *why);
/* Whose a client id is. */
int offline_device_owner(struct offline *o, const char *device, json_t **out, struct im_buf *why);

/* Appends what there is to say about names. */
int offline_check(struct offline *o, json_t *findings, struct im_buf *why);

/* One of many: what is there of the name, and whether its password is stored as this hash.
 * IMCTL_REFUSED: nobody gets the name. */
struct offline_user {
	bool exists, same, admin;
};
int offline_import_look(struct offline *o, struct im_str uid, struct im_str hash,
	struct offline_user *out, struct im_buf *why);
/* Makes the user, or sets the password of one that exists. */
int offline_import_write(
	struct offline *o, struct im_str uid, struct im_str hash, bool exists, struct im_buf *why);

#endif
