/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a login's password is compared with, so that it takes the same whoever the user is and
 * however his password is stored. Used by auth.c.
 */
#ifndef IM_PLUGIN_COMPARISON_H
#define IM_PLUGIN_COMPARISON_H

#include "plugin/hashers.h"
#include "plugin/lookup.h"

struct comparison;

/* `l` is borrowed. IM_E_NOMEM; IM_E_IO: no randomness. */
int comparison_new(struct lookup *l, struct comparison **out) IM_MUST_CHECK;
void comparison_free(struct comparison **c);

/* *comparable: the user has a password that could be right; it stays so if what is stored can be
 * compared with, and *which says what that is. Otherwise the work is of the same cost, and nothing
 * matches; *why is what the log says if that is for the sake of what is stored, else as it was.
 * alone: the broker waits for it, so what would hold it up is not looked at. IM_E_IO, IM_E_NOMEM:
 * it is not known what his is. */
int comparison_plan(struct comparison *c, struct im_str uid, bool alone, bool *comparable,
	struct hash_work *w, struct im_rehash *which, const char **why) IM_MUST_CHECK;

#endif
