/* SPDX-License-Identifier: BSD-3-Clause */
/* The places of a user's sessions, in the order in which they left. Called by away.c and
 * clients.c. */
#include "plugin/kept.h"

#include <utlist.h>

void kept_remove(struct session *e)
{
	if (e->away != AWAY_KEPT)
		return;
	DL_DELETE2(e->user->kept, e, kept_prev, kept_next);
	e->user->n_kept--;
	e->away = AWAY_UNKNOWN;
}

static void put(struct session_user *u, struct session *e)
{
	struct session *at = NULL;

	/* Nearly always the last one: of a device account there may be very many. */
	if (u->kept && u->kept->kept_prev->left > e->left)
		DL_FOREACH2(u->kept, at, kept_next)
		{
			if (at->left > e->left)
				break;
		}
	if (at)
		DL_PREPEND_ELEM2(u->kept, at, e, kept_prev, kept_next);
	else
		DL_APPEND2(u->kept, e, kept_prev, kept_next);
	u->n_kept++;
	e->away = AWAY_KEPT;
}

bool kept_place(struct session *e, uint32_t max)
{
	struct session_user *u = e->user;
	struct session *first;

	if (e->away != AWAY_UNKNOWN)
		return e->away == AWAY_KEPT;
	if (!max)
		return true;
	while (u->n_kept >= max) {
		first = u->kept;
		if (first->left >= e->left) {
			e->away = AWAY_BEYOND;
			return false;
		}
		kept_remove(first);
		first->away = AWAY_BEYOND;
	}
	put(u, e);
	return true;
}
