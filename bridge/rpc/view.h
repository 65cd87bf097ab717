/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a user sees of a conversation: where it begins, how much of it is unread, and its messages
 * (how each looks now: message/seen.h). Pure but for the name of a sender.
 */
#ifndef IM_BRIDGE_VIEW_H
#define IM_BRIDGE_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/directory/names.h"
#include "bridge/message/preview.h"
#include "bridge/store/store.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/str.h"
#include "common/wire.h"

/* Messages with seq <= this are not shown. history_all: the group shows what was before the member
 * came. */
uint64_t view_floor(bool history_all, uint64_t joined_seq, uint64_t cleared_to);

/* What was sent after this seq is new to the user, unless he has sent something since. joined_seq:
 * the head when the user came. */
uint64_t view_mark(uint64_t read_seq, uint64_t joined_seq, uint64_t cleared_to);

/* For whom a message is shown. */
struct view_of {
	struct names *names;
	struct im_str conv; /* as its reader names it */
	uint64_t was_after; /* see seen.h */
	int64_t now_ms;
};

/* The message as it looks now; scratch: reset, then holds the body where that is not the stored
 * one. *out borrows from m, from scratch and from the names. */
int view_wire(const struct view_of *v, const struct store_msg *m, struct im_buf *scratch,
	struct im_wire_msg *out) IM_MUST_CHECK;
/* Appends it as a list shows it, with how its sender calls himself. */
int view_named(struct im_buf *b, const struct view_of *v, const struct store_msg *m,
	struct im_str from_name) IM_MUST_CHECK;
/* Appends the message as history and sync show it. */
int view_message(struct im_buf *b, struct names *names, struct im_str conv,
	const struct store_msg *m, uint64_t was_after, int64_t now_ms) IM_MUST_CHECK;

/* Appends it in short, as a reply quotes it: `{"seq":..,"from":..,"type":..,"body":..}` with the
 * beginning of the body (preview.h). Within VIEW_QUOTE_MAX bytes. */
int view_quote(struct im_buf *b, struct names *names, const struct store_msg *m,
	int64_t now_ms) IM_MUST_CHECK;
#define VIEW_QUOTE_MAX (PREVIEW_BYTES + 256)

#endif
