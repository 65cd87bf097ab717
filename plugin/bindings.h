/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Client ids that have just been bound to a user and that the bridge has not written to the
 * directory yet. An entry goes when the record that announced it is committed. Pure.
 */
#ifndef IM_PLUGIN_BINDINGS_H
#define IM_PLUGIN_BINDINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/siphash.h"
#include "common/str.h"

struct bindings;

/* At most max, and max_user of one user. NULL: out of memory. */
struct bindings *bindings_new(const struct im_sipkey *key, uint32_t max, uint32_t max_user);
void bindings_free(struct bindings **b);

/* Whose a client id is. A user whom the bridge has not written yet has no number: 0. */
struct owner {
	int64_t user;
	struct im_str uid;
	bool kept;    /* see lookup.h */
	bool mark;    /* the id is not bound, but held by what is left of a session */
	bool pattern; /* see lookup.h */
	int64_t home; /* see lookup.h; 0 as well while the bridge has not written it */
};
/* Whether that is the user who has this number and name. A name says whose it is only of a user who
 * has no number yet. */
bool owner_is(const struct owner *o, int64_t user, struct im_str uid);

/* False: not in here. Valid until the next change. */
bool bindings_owner(const struct bindings *b, struct im_str device, struct owner *out);
/* IM_E_FULL: too many wait for the bridge, of all users or of this one, or a name is longer than
 * names are. */
int bindings_add(struct bindings *b, struct im_str device, const struct owner *owner) IM_MUST_CHECK;
/* It has subscribed in a session that may stay, which this record says; it is bound if it was not.
 */
int bindings_kept(struct bindings *b, struct im_str device, const struct owner *owner,
	uint64_t recno) IM_MUST_CHECK;
/* How many of a user's such records are not written yet. */
uint32_t bindings_count_kept(const struct bindings *b, struct im_str uid);
/* The announcement has this record number; numbers grow. */
void bindings_announced(struct bindings *b, struct im_str device, uint64_t recno);
/* The bridge has stored everything through recno. */
void bindings_committed(struct bindings *b, uint64_t recno);
/* The connection ended before it was announced. */
void bindings_drop(struct bindings *b, struct im_str device);

#endif
