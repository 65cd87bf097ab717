/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The body of a message of type `edit`:
 * {"seq":4,"body":..,"was":..,"mentions":..,"ext":..,"prev":..}. What the text was before is for
 * those who may see the edited message itself; to others the edit is shown without it.
 */
#ifndef IM_BRIDGE_EDIT_BODY_H
#define IM_BRIDGE_EDIT_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/message/kind.h"
#include "common/buf.h"
#include "common/str.h"

static inline bool edit_body_is(struct im_str type)
{
	return im_str_eqz(type, KIND_EDIT);
}

/* The seq of the message that was edited, 0 if the body says none. */
uint64_t edit_body_seq(struct im_str body);
/* Appends the body without what the text was. */
void edit_body_without_was(struct im_buf *out, struct im_str body);

#endif
