/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Result codes. Functions return IM_OK or a negative code: either one of the wire codes of
 * schema/errors.def (all below -32000, sent to clients as they are) or one of the small internal
 * ones, which never leave the process.
 */
#ifndef IM_COMMON_ERR_H
#define IM_COMMON_ERR_H

#include <stdbool.h>

#define IM_MUST_CHECK __attribute__((warn_unused_result))

enum im_code {
	/* What a callback returns to end a walk: it has what it wants. No failure, so positive; the
	 * walk hands it to whoever began it, who takes it for IM_OK. */
	IM_STOP = 1,
	IM_OK = 0,
	IM_E_NOMEM = -1,  /* allocation failed */
	IM_E_FULL = -2,   /* a stated bound is reached; nothing was changed */
	IM_E_FORMAT = -3, /* bytes that are not what they should be */
	IM_E_IO = -4,     /* read, write, fsync or database error; nothing was committed */
	IM_E_NONE = -5,   /* no such thing */
	IM_E_EXISTS = -6, /* there already */
#define X(name, code, text) IM_E_##name = code,
#include "schema/errors.def"
#undef X
};

/* True for a code that a client may see. */
static inline bool im_err_is_wire(int code)
{
	return code <= -32000;
}

/* True for a failure of our own, which no client may see. */
static inline bool im_err_is_ours(int code)
{
	return code < IM_OK && !im_err_is_wire(code);
}

/* The fixed text of a wire code ("not a member"), or "internal error" for any other number. */
const char *im_err_text(int code);

#endif
