/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a message is, by its type: what a user sent, news of a group, or an operation on another
 * message. The store numbers messages by it (store.h). What was recalled, has expired or was erased
 * keeps its type and so stays what it is. Pure.
 */
#ifndef IM_BRIDGE_KIND_H
#define IM_BRIDGE_KIND_H

#include <stdbool.h>

#include "common/str.h"

/* Types of messages that are operations on others; clients cannot send them. */
#define KIND_RECALL "recall"
#define KIND_EDIT "edit"
#define KIND_REACT "react"

enum kind {
	KIND_SENT,     /* by a user: counts as unread, and is shown in a list */
	KIND_SYSTEM,   /* is shown, and never counted */
	KIND_OPERATION /* neither */
};

static inline enum kind kind_of(struct im_str type)
{
	if (type.n == 0) /* the default of its encoding */
		return KIND_SENT;
	if (im_str_eqz(type, "system"))
		return KIND_SYSTEM;
	if (im_str_eqz(type, KIND_RECALL) || im_str_eqz(type, KIND_EDIT) ||
		im_str_eqz(type, KIND_REACT))
		return KIND_OPERATION;
	return KIND_SENT;
}

static inline bool kind_counts(struct im_str type)
{
	return kind_of(type) == KIND_SENT;
}

static inline bool kind_shows(struct im_str type)
{
	return kind_of(type) != KIND_OPERATION;
}

#endif
