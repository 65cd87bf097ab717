/* SPDX-License-Identifier: BSD-3-Clause */
/* Users, devices, blocks and presence marks in directory.db. Strings in results are valid until
 * the next call on the same handle, unless a callback is named. */
#ifndef IM_BRIDGE_DIRECTORY_USER_H
#define IM_BRIDGE_DIRECTORY_USER_H

#include "bridge/directory/directory.h"
#include "common/frame.h"
#include "common/limits.h"
#include "common/may.h"

struct directory_user {
	uint64_t id;
	struct im_str uid;
	enum im_role role;
	struct im_str password; /* PHC; n == 0: no password login */
	bool disabled, deleted;
	int64_t created_ms;
	struct im_str nick, avatar, ext; /* ext: JSON text or empty */
	enum im_direct_policy direct_policy;
	bool read_receipts;
	int online; /* what presence last said: enum presence_state */
	int64_t seen_ms;
	int64_t max_devices; /* connected at a time; 0: no limit */
	int64_t rev; /* grows with each change of what others see: uid, nick, avatar, ext, deleted
		      */
	int64_t told_ms; /* until when changes of it have been told, see rpc_user.c */
};
#define DIRECTORY_DEVICES_DEFAULT (-1) /* of max_devices: what the server says */

int directory_user_get(struct directory *d, struct im_str uid,
	struct directory_user *out) IM_MUST_CHECK; /* not deleted ones */
/* The user of this name, deleted or not: what was said to a deleted user can be read. */
int directory_user_last(
	struct directory *d, struct im_str uid, struct directory_user *out) IM_MUST_CHECK;
int directory_user_by_id(struct directory *d, uint64_t id,
	struct directory_user *out) IM_MUST_CHECK; /* deleted ones too */
/* May a new user have this name? IM_E_EXISTS: no, and directory_errmsg says why. */
int directory_user_nameable(struct directory *d, struct im_str uid) IM_MUST_CHECK;
/* IM_E_EXISTS: the name cannot be given, and directory_errmsg says why (schema/account.h). password
 * empty: none. */
int directory_user_create(struct directory *d, struct im_str uid, enum im_role role,
	struct im_str password, int64_t now_ms, uint64_t *id_out) IM_MUST_CHECK;
int directory_user_set_password(struct directory *d, uint64_t id, struct im_str phc) IM_MUST_CHECK;
/* A fresh hash of the same password; who has logged in stays so. IM_E_NONE: this hash has been
 * replaced meanwhile, or its user is gone. */
int directory_user_rehash(
	struct directory *d, const struct im_rehash *which, struct im_str phc) IM_MUST_CHECK;
int directory_user_set_disabled(struct directory *d, uint64_t id, bool disabled) IM_MUST_CHECK;
int directory_user_set_max_devices(struct directory *d, uint64_t id, int64_t max) IM_MUST_CHECK;
int directory_user_set_told(struct directory *d, uint64_t id, int64_t told_ms) IM_MUST_CHECK;
int directory_user_set_role(struct directory *d, uint64_t id, enum im_role role) IM_MUST_CHECK;
/* nick/avatar/ext with p == NULL stay as they are; direct_policy or read_receipts < 0 too. */
int directory_user_set_profile(struct directory *d, uint64_t id, struct im_str nick,
	struct im_str avatar, struct im_str ext, int direct_policy,
	int read_receipts) IM_MUST_CHECK;
/* Marks deleted and removes devices, blocks, contacts, memberships, events, and what conv_user says
 * but how far was read. gone_gid: the log position at which it is. */
int directory_user_delete(struct directory *d, uint64_t id, uint64_t gone_gid) IM_MUST_CHECK;
/* Undoes the mark, with a new password (empty: none); tokens issued before now are void. IM_E_NONE:
 * this user is not deleted. */
int directory_user_restore(struct directory *d, uint64_t id, enum im_role role,
	struct im_str password, int64_t now_ms) IM_MUST_CHECK;
int directory_user_set_online(
	struct directory *d, uint64_t id, int online, int64_t now_ms) IM_MUST_CHECK;

typedef int (*directory_user_fn)(void *arg, const struct directory_user *u);
/* Users with uid > after, by uid, at most limit. */
int directory_user_list(struct directory *d, struct im_str after, uint32_t limit,
	directory_user_fn fn, void *arg) IM_MUST_CHECK;
/* All users, deleted ones too, with id > after_id, by id, at most limit. */
int directory_user_walk(struct directory *d, uint64_t after_id, uint32_t limit,
	directory_user_fn fn, void *arg) IM_MUST_CHECK;
/* Users whose presence mark is online, id > after_id, at most limit. */
int directory_user_list_online(struct directory *d, uint64_t after_id, uint32_t limit,
	directory_user_fn fn, void *arg) IM_MUST_CHECK;

struct directory_device {
	struct im_str device;
	uint64_t user;
	int64_t created_ms, seen_ms;
	uint64_t cursor;
	uint64_t start;  /* behind which it has received what lies through the cursor */
	unsigned broker; /* its home: the number of the one where it was connected last; 0: not
			    known */
	/* When that connection began, or was ended by an order, with whatever had begun by then;
	 * 0: not known. */
	int64_t home_ms;
};
int directory_device_get(
	struct directory *d, struct im_str device, struct directory_device *out) IM_MUST_CHECK;
/* Binds a client id to a user unless it is bound; IM_E_EXISTS if it belongs to another, or did and
 * his session with it may still be at the broker. A new device's cursor is `cursor`. */
int directory_device_bind(struct directory *d, struct im_str device, uint64_t user, int64_t now_ms,
	uint64_t cursor) IM_MUST_CHECK;
int directory_device_seen(struct directory *d, struct im_str device, int64_t now_ms) IM_MUST_CHECK;
/* Monotone: never moves back. */
int directory_device_set_cursor(
	struct directory *d, struct im_str device, uint64_t cursor) IM_MUST_CHECK;
/* The device begins here, without what was before. IM_E_NONE: it has acknowledged something. */
int directory_device_start(
	struct directory *d, struct im_str device, uint64_t cursor) IM_MUST_CHECK;
/* What a user has received is what one of his devices has, those that are gone included.
 * IM_E_NONE: no user. Whether he has this position; through which one he has all that lies behind
 * `at`; and behind which one all through `at`. */
int directory_received(struct directory *d, uint64_t user, uint64_t at, bool *out) IM_MUST_CHECK;
int directory_received_through(
	struct directory *d, uint64_t user, uint64_t at, uint64_t *out) IM_MUST_CHECK;
int directory_received_after(
	struct directory *d, uint64_t user, uint64_t at, uint64_t *out) IM_MUST_CHECK;
int directory_device_remove(struct directory *d, struct im_str device) IM_MUST_CHECK;
/* It has subscribed in a session that may stay at the broker: those that did within a day are
 * counted by the plugin. */
int directory_device_count(struct directory *d, uint64_t user, uint64_t *out) IM_MUST_CHECK;
int directory_device_kept(struct directory *d, struct im_str device, int64_t now_ms) IM_MUST_CHECK;
/* It is connected at the broker of this number since then. */
int directory_device_set_home(
	struct directory *d, struct im_str device, unsigned number, int64_t since_ms) IM_MUST_CHECK;
/* Whatever a user's client id has begun by then was ended by an order; device.n == 0: all of them.
 * What shows up at its home, and began before that, has not heard of it. */
int directory_device_ended(
	struct directory *d, uint64_t user, struct im_str device, int64_t now_ms) IM_MUST_CHECK;
/* The homes of those of a user's client ids, marks included, that may have left a session: bit
 * `number - 1` for each; IM_PEERS_ALL where one is not known. */
int directory_device_homes(struct directory *d, uint64_t user, uint32_t *mask_out) IM_MUST_CHECK;
/* Removes it; if it may have left a session at the broker, a mark says whose the client id is until
 * directory_marks_sweep finds that the session must have expired. */
int directory_device_forget(struct directory *d, struct im_str device) IM_MUST_CHECK;
/* Whose mark there is on a client id that is no device's. IM_E_NONE: nobody's. */
int directory_device_mark(
	struct directory *d, struct im_str device, uint64_t *user_out) IM_MUST_CHECK;
/* Removes it, and its mark. */
int directory_device_release(struct directory *d, struct im_str device) IM_MUST_CHECK;
/* At most `limit` of each: new marks last for `days` from now on, old ones are removed. */
int directory_marks_sweep(
	struct directory *d, int64_t now_ms, int64_t days, uint32_t limit) IM_MUST_CHECK;
typedef int (*directory_device_fn)(void *arg, const struct directory_device *dev);
/* Those with device > after, in the order of the bytes, at most limit. */
int directory_device_list(struct directory *d, uint64_t user, struct im_str after, uint32_t limit,
	directory_device_fn fn, void *arg) IM_MUST_CHECK;
/* Those that have never acknowledged anything first; of either, the one unseen longest. */
int directory_device_list_seen(
	struct directory *d, uint64_t user, directory_device_fn fn, void *arg) IM_MUST_CHECK;
/* The one unseen longest first, whatever it has acknowledged: whoever takes the first ones does not
 * wait for the others to be sorted. */
int directory_device_list_unseen(
	struct directory *d, uint64_t user, directory_device_fn fn, void *arg) IM_MUST_CHECK;

/* Blocks: idempotent. */
int directory_block_add(
	struct directory *d, uint64_t owner, uint64_t peer, int64_t now_ms) IM_MUST_CHECK;
int directory_block_remove(struct directory *d, uint64_t owner, uint64_t peer) IM_MUST_CHECK;
int directory_block_has(
	struct directory *d, uint64_t owner, uint64_t peer, bool *out) IM_MUST_CHECK;
/* True if either has blocked the other. */
int directory_block_between(struct directory *d, uint64_t a, uint64_t b, bool *out) IM_MUST_CHECK;
/* Blocked users of `owner`, deleted ones too, with id > after, by id. */
int directory_block_list(struct directory *d, uint64_t owner, uint64_t after, uint32_t limit,
	directory_user_fn fn, void *arg) IM_MUST_CHECK;
/* Contacts of `owner` with id > after, by id, at most limit. */
int directory_contact_people(struct directory *d, uint64_t owner, uint64_t after, uint32_t limit,
	directory_user_fn fn, void *arg) IM_MUST_CHECK;
/* Members of a group with uid > after, by uid, at most limit. */
int directory_member_people(struct directory *d, uint64_t group, struct im_str after,
	uint32_t limit, directory_user_fn fn, void *arg) IM_MUST_CHECK;
/* True if `peer` is in the owner's contact list. */
int directory_contact_has(
	struct directory *d, uint64_t owner, uint64_t peer, bool *out) IM_MUST_CHECK;
uint64_t directory_user_count(struct directory *d);

#endif
