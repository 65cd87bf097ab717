/* SPDX-License-Identifier: BSD-3-Clause */
/* Applies the rule of seen.h, by which whoever asks later is shown the edit, to all who get it now.
 * Called by msg.edit, and by the replay of what it has stored. */
#include "bridge/deliver/edit_live.h"

#include "bridge/directory/directory_conv.h"
#include "bridge/directory/directory_group.h"
#include "bridge/message/seen.h"

/* A member who has cleared an old message has seen it, or could have: nobody is looked up. */
static int in_group(struct directory *d, uint64_t group, uint64_t seq, enum message_was *out)
{
	struct directory_group g;
	int rc = directory_group_by_id(d, group, &g);

	*out = rc == IM_OK && seen_was_after(g.history != 0, 0) < seq ? MESSAGE_WAS_ALL
								      : MESSAGE_WAS_NOBODY;
	return rc == IM_E_NONE ? IM_OK : rc;
}

static int sees(struct directory *d, uint64_t user, uint64_t conv, uint64_t seq, bool *out)
{
	struct directory_conv_user mine;
	int rc = directory_conv_get(d, user, conv, &mine);

	*out = rc == IM_OK && seen_was_after(true, mine.cleared_to) < seq;
	return rc;
}

int edit_live(struct directory *d, const struct store_conv *conv, uint64_t sender, uint64_t seq,
	enum message_was *was_for_out)
{
	uint64_t other = conv->a == sender ? conv->b : conv->a;
	bool mine, theirs;
	int rc;

	*was_for_out = MESSAGE_WAS_NOBODY;
	if (conv->kind == IM_CONV_GROUP)
		return in_group(d, conv->a, seq, was_for_out);
	rc = sees(d, sender, conv->id, seq, &mine);
	if (rc == IM_OK)
		rc = sees(d, other, conv->id, seq, &theirs);
	if (rc == IM_OK)
		*was_for_out = (mine ? MESSAGE_WAS_SENDER : 0) | (theirs ? MESSAGE_WAS_OTHERS : 0);
	return rc;
}
