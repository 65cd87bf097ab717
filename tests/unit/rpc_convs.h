/* SPDX-License-Identifier: BSD-3-Clause */
/* What a list of conversations says: of one of them, and in what order they come. */
#ifndef IM_TESTS_RPC_CONVS_H
#define IM_TESTS_RPC_CONVS_H

#include "tests/unit/rpc_fixture.h"

#include <stdio.h>

/* The conversation in the user's conv.list, where it must be. */
static inline json_t *convs_listed(struct rpc_fixture *f, const char *uid, const char *conv)
{
	json_t *r = rpc_ok(f, uid, "conv.list", "{}"), *one;
	size_t i;

	json_array_foreach(json_object_get(r, "conversations"), i, one)
	{
		if (strcmp(rpc_text(one, "conv"), conv) == 0)
			return one;
	}
	fail_msg("%s has no %s", uid, conv);
	return NULL;
}

/* The names of a page, in its order: "u/bob g/team". */
static inline void convs_assert_order(const json_t *r, const char *want)
{
	char have[256] = "";
	size_t i;
	json_t *one;

	json_array_foreach(json_object_get(r, "conversations"), i, one)
		snprintf(have + strlen(have), sizeof(have) - strlen(have), "%s%s", i ? " " : "",
			rpc_text(one, "conv"));
	assert_string_equal(have, want);
}

#endif
