/* SPDX-License-Identifier: BSD-3-Clause */
/* The texts of the wire codes, from the one table. Called wherever an error is shown. */
#include "common/err.h"

const char *im_err_text(int code)
{
	switch (code) {
#define X(name, number, text) \
	case number:          \
		return text;
#include "schema/errors.def"
#undef X
	default:
		return "internal error";
	}
}
