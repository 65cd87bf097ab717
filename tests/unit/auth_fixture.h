/* SPDX-License-Identifier: BSD-3-Clause */
/* What the tests of logins share: auth.c on a directory of its own, and a clock that stands still.
 */
#ifndef IM_TESTS_AUTH_FIXTURE_H
#define IM_TESTS_AUTH_FIXTURE_H

#include <stdbool.h>

#include "plugin/auth.h"
#include "tests/unit/plugin_node.h"

#define SECRET "0123456789abcdef0123456789abcdef"
#define NOW 1763650000

struct fixture {
	struct node n;
	struct options o;
	struct clock clock;
	struct lookup *d;
	struct auth *a;
	const char *address;  /* NULL: 192.0.2.1 */
	bool hearsay;         /* it is what a header says */
	bool one_turn;        /* all in one turn of the broker's loop */
	int64_t mono_step_us; /* what each look at the clock takes: hashing seems slow */
};

void fixture_file(const struct fixture *f, const char *name, const char *text);
/* After node_folder. */
void fixture_start(struct fixture *f, const struct options_pair *more, size_t n);
void fixture_stop(struct fixture *f);

struct auth_verdict fixture_check(struct fixture *f, const char *uid, const char *password);
static inline bool is_busy(struct auth_verdict v)
{
	return !v.accepted && v.no.kind == DENIAL_BUSY;
}
bool fixture_accepts(struct fixture *f, const char *uid, const char *password);

#endif
