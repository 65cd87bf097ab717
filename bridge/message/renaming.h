/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A user's name in what is stored as JSON, replaced by another one: where the bridge has put names,
 * and nowhere else, for what users wrote is theirs. Pure text in, text out; all else stays to the
 * byte.
 */
#ifndef IM_BRIDGE_RENAMING_H
#define IM_BRIDGE_RENAMING_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/str.h"

struct renaming {
	uint64_t user;
	struct im_str name, to; /* name.n == 0: nothing is renamed */
};

/* Each appends the new text and returns whether it differs. */

/* A message's meta (meta.h): mentions, reactions, whose it was, who recalled it. */
bool renaming_meta(struct im_buf *out, struct im_str meta, const struct renaming *r);
/* The body of a group's change or notice, or of a recall. mute: the announcement or notice that it
 * holds goes as well. */
bool renaming_body(struct im_buf *out, struct im_str body, const struct renaming *r, bool mute);
/* The body of an edit: whom it mentions. */
bool renaming_edit(struct im_buf *out, struct im_str body, const struct renaming *r);
/* An event of a timeline; mute: the note goes that this user wrote. */
bool renaming_event(struct im_buf *out, struct im_str event, const struct renaming *r, bool mute);
/* Its key: "contact:alice", "read:u/alice", "request:g/team:alice". */
bool renaming_key(struct im_buf *out, struct im_str key, const struct renaming *r);
/* The object of an audit row. */
bool renaming_detail(struct im_buf *out, struct im_str detail, const struct renaming *r);

/* The reactions without those of this user, whatever name they have of him; n == 0: none is left.
 */
bool renaming_unreact(struct im_buf *out, struct im_str reactions, const struct renaming *r);

#endif
