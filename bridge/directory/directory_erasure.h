/* SPDX-License-Identifier: BSD-3-Clause */
/* Erasures in directory.db: which users' words and names are to go, how far that has come, and what
 * of them this database itself holds. */
#ifndef IM_BRIDGE_DIRECTORY_ERASURE_H
#define IM_BRIDGE_DIRECTORY_ERASURE_H

#include "bridge/directory/directory.h"
#include "bridge/directory/directory_conv.h"
#include "bridge/message/renaming.h"

enum erasure_stage {
	ERASURE_BEGUN,     /* to be put on the list that outlives a restored backup */
	ERASURE_DIRECTORY, /* what directory.db holds of one user, found by number */
	ERASURE_LOG,       /* messages, and the search index */
	ERASURE_EVENTS,    /* timelines of others */
	ERASURE_INDEX,     /* what the index still holds of deleted entries */
	ERASURE_CLEAN_LOG, /* what the files still hold of what was deleted */
	ERASURE_CLEAN_DIRECTORY,
};

struct directory_erasure {
	uint64_t id, user;
	int64_t created_ms; /* of the user */
	bool words;
	struct im_str uid; /* the name that goes, n == 0: none, or it has gone */
	int64_t from_ms, until_ms;
	struct im_str hash; /* of the name; n == 0: none */
	int64_t asked_ms;
	enum erasure_stage stage;
	uint64_t position;
	int64_t done_ms;
	struct im_str
		shown; /* the user's name now; n == 0: there is none of this number and time */
};

/* e: user, created_ms, words, uid, hash, asked_ms. */
int directory_erasure_add(
	struct directory *d, const struct directory_erasure *e, uint64_t *id_out) IM_MUST_CHECK;
/* The oldest one that is not done. IM_E_NONE: all are. */
int directory_erasure_next(struct directory *d, struct directory_erasure *out) IM_MUST_CHECK;
int directory_erasure_open(struct directory *d, uint64_t *n_out) IM_MUST_CHECK;
/* Whether a name was erased, so that names.key is needed. */
int directory_erasure_names(struct directory *d, bool *out) IM_MUST_CHECK;
typedef int (*directory_erasure_fn)(void *arg, const struct directory_erasure *e);
int directory_erasure_list(struct directory *d, uint64_t after, uint32_t limit,
	directory_erasure_fn fn, void *arg) IM_MUST_CHECK;
int directory_erasure_of_user(
	struct directory *d, uint64_t user, directory_erasure_fn fn, void *arg) IM_MUST_CHECK;
int directory_erasure_move(struct directory *d, uint64_t id, enum erasure_stage stage,
	uint64_t position) IM_MUST_CHECK;
/* The name that goes is not needed any more. */
int directory_erasure_forget(struct directory *d, uint64_t id) IM_MUST_CHECK;
int directory_erasure_done(struct directory *d, uint64_t id, int64_t now_ms) IM_MUST_CHECK;

/* The user is called so from now on. IM_E_EXISTS: somebody else is. */
int directory_user_rename(struct directory *d, uint64_t user, struct im_str uid) IM_MUST_CHECK;
/* Profile, notes, remarks, drafts, reports, the user's own timeline. */
int directory_wipe_user(struct directory *d, uint64_t user) IM_MUST_CHECK;
/* The announcement of a group, if it is still this one. */
int directory_wipe_announcement(
	struct directory *d, uint64_t group, struct im_str text) IM_MUST_CHECK;
/* The name in reports and in the audit log. */
int directory_rename_traces(struct directory *d, const struct renaming *r) IM_MUST_CHECK;

/* Events of everybody, by user and key, behind these. */
int directory_event_walk(struct directory *d, uint64_t user, struct im_str key, uint32_t limit,
	directory_event_fn fn, void *arg) IM_MUST_CHECK;
/* An event gets another key (in the place of what has it) and another text. */
int directory_event_change(struct directory *d, uint64_t user, struct im_str key,
	struct im_str new_key, struct im_str event) IM_MUST_CHECK;

#endif
