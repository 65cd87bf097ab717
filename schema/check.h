/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What earlier versions let happen to names, and stays: nobody could say for whom to change it. For
 * the operator to look at, by the bridge's command and by imctl on the database alone.
 */
#ifndef IM_SCHEMA_CHECK_H
#define IM_SCHEMA_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/str.h"

struct sqldb;

/* Some milliseconds, and, if each has its findings, what an answer can hold. */
#define CHECK_NAMES 2000

/* Names are looked at by number, users first. */
struct check_place {
	bool groups, done;
	uint64_t id; /* the last one looked at */
};

struct check_finding {
	const char *finding; /* case, twice, reserved */
	bool group, gone;    /* deleted or dismissed */
	struct im_str name;
	struct im_str beside; /* the other one; n == 0: none */
};

/* != 0 ends the walk, and is returned. */
typedef int (*check_fn)(void *arg, const struct check_finding *f);

/* Looks at CHECK_NAMES more, fewer if there are so many findings before. IM_OK, IM_E_IO (the
 * connection says what), or what fn said. */
int check_names(struct sqldb *q, struct check_place *place, uint32_t findings, check_fn fn,
	void *arg) IM_MUST_CHECK;
/* A finding as a JSON object. */
void check_put(struct im_buf *out, const struct check_finding *f);

#endif
