/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the plugin knows of users, groups, members, blocks, contacts and devices: directory.db, read
 * only, behind bounded caches. Answers stay true because the bridge says what to forget; absence is
 * remembered too. An answer costs a hash look-up, or a bounded local SQLite read.
 *
 * Users that a token has just created are known here before the bridge has written them.
 * Results: IM_OK, IM_E_NONE (there is none), IM_E_IO (database; nothing is remembered), IM_E_NOMEM.
 */
#ifndef IM_PLUGIN_LOOKUP_H
#define IM_PLUGIN_LOOKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/frame.h"
#include "common/may.h"
#include "common/phc.h"
#include "common/siphash.h"
#include "common/str.h"
#include "schema/account.h"

struct lookup;

struct lookup_user {
	int64_t id;    /* row id; 0 while the bridge has not written it */
	uint64_t life; /* differs after every change that was announced */
	enum im_role role;
	bool disabled;
	bool has_password;
	enum im_direct_policy direct_policy;
	bool relations;         /* has blocked somebody, or has contacts */
	int64_t max_devices;    /* connected at a time; 0 no limit, -1 what the options say */
	uint64_t credential;    /* keyed, of the password: differs when it changes */
	int64_t tokens_from_ms; /* tokens issued before are void */
	uint64_t bind;          /* keyed hash of what client ids must begin with; 0: nothing */
	bool gone;              /* beside IM_E_NONE: there was such a user, who was deleted */
};

struct lookup_group {
	int64_t id;
	uint64_t life;
	bool room;
	bool hidden; /* joined by invitation: to others it is as if it were not there */
	int64_t muted_until_ms;
};

struct lookup_member {
	enum im_group_role role;
	int64_t muted_until_ms;
};

/* A client id. */
struct lookup_device {
	int64_t user; /* his number, which is never given twice, as names may have been */
	bool kept;    /* has subscribed in a session that may stay at the broker */
	bool mark;    /* the device is forgotten; its session may not be */
	bool pattern; /* it is of a device account by what it begins with, and has no row */
	int64_t home; /* the number of the broker where it has connected last; 0: not known */
};

/* A client id, as one of a user's. */
struct lookup_owned {
	bool owned;
	uint8_t home; /* of one that is */
};

/* How `owner` stands to `peer`. */
struct lookup_relation {
	bool blocked; /* owner has blocked peer */
	bool contact; /* both have agreed */
};

/* Opens {data_dir}/directory.db and checks its schema. */
int lookup_open(const char *data_dir, const struct im_sipkey *key, struct lookup **out,
	struct im_buf *why) IM_MUST_CHECK;
void lookup_close(struct lookup **l);

int lookup_user(struct lookup *l, struct im_str uid, struct lookup_user *out) IM_MUST_CHECK;
/* Appends the stored password (pwhash.h), and says which it is; straight from the database.
 * IM_E_NONE: no password login. */
int lookup_password(struct lookup *l, struct im_str uid, struct im_buf *stored,
	struct im_rehash *which_out) IM_MUST_CHECK;
/* What a password that is set now will cost to verify, as the bridge has written; the default until
 * it has, and while the database cannot be read. */
void lookup_password_cost(struct lookup *l, struct im_phc_cost *out);
int lookup_group(struct lookup *l, struct im_str gid, struct lookup_group *out) IM_MUST_CHECK;
int lookup_member(struct lookup *l, const struct lookup_group *g, struct im_str uid,
	const struct lookup_user *u, struct lookup_member *out) IM_MUST_CHECK;
/* Never IM_E_NONE: no relation is all false. */
int lookup_relation(struct lookup *l, const struct lookup_user *owner,
	const struct lookup_user *peer, struct lookup_relation *out) IM_MUST_CHECK;
/* Whose the client id is; IM_E_NONE: nobody's. Not cached. */
int lookup_device(struct lookup *l, struct im_str device, struct lookup_device *out) IM_MUST_CHECK;
/* How many of a user's client ids have begun to subscribe in a session that may stay since then. */
int lookup_kept(struct lookup *l, int64_t user, int64_t since_ms, int64_t *n_out) IM_MUST_CHECK;
/* A number that the bridge has left, or `otherwise`. */
int64_t lookup_meta(struct lookup *l, const char *key, int64_t otherwise);
/* Whether it is the user's. Never IM_E_NONE. */
int lookup_owns(struct lookup *l, const struct lookup_user *u, struct im_str device,
	struct lookup_owned *out) IM_MUST_CHECK;
/* The number of the broker with this link listener, by whichever name of it, and how many have one.
 */
int lookup_broker(
	struct lookup *l, const char *path, int64_t *number_out, int64_t *n_out) IM_MUST_CHECK;

/* May a token make a user of this name (schema/account.h)? Straight from the database, as is who
 * else has a name like it (appended; IM_E_NONE: nobody). */
int lookup_new_name(struct lookup *l, struct im_str uid, enum account_name *out) IM_MUST_CHECK;
int lookup_namesake(struct lookup *l, struct im_str uid, struct im_buf *out) IM_MUST_CHECK;

/* From now on the user exists, until lookup_forget_user finds it in the database. IM_E_FULL: too
 * many wait for the bridge. */
int lookup_user_pending(struct lookup *l, struct im_str uid) IM_MUST_CHECK;

/* What is read from now on is what has been written by now; until then, answers may come from one
 * view of the database. To be called when the bridge has spoken, and once a turn of the loop: an
 * open view keeps the database's log from starting over. Forgetting does it too. */
void lookup_rest(struct lookup *l);
void lookup_forget_user(struct lookup *l, struct im_str uid);
/* The client id is about to become the user's, or has another home. */
void lookup_forget_device(struct lookup *l, struct im_str uid, struct im_str device);
void lookup_forget_group(struct lookup *l, struct im_str gid);
void lookup_forget_member(struct lookup *l, struct im_str gid, struct im_str uid);
/* Everything but pending users; opens the file again if another one has taken its place. */
void lookup_forget_all(struct lookup *l);
/* Another number after whatever may change an answer of lookup_user for a user who had one. */
uint64_t lookup_generation(const struct lookup *l);
/* True if somebody has written since the last call; for when no bridge is there to say so. */
bool lookup_changed(struct lookup *l);
/* Text of the last database error, and how often there was one. */
const char *lookup_error(const struct lookup *l);
uint64_t lookup_errors(const struct lookup *l);
uint64_t lookup_reads(const struct lookup *l);

#endif
