/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The audit log in directory.db: what administrators did, when, to whom, and what came of it.
 * Written by the bridge with the change itself, and by imctl while no bridge runs. Neither bodies
 * nor secrets go in: of a command's parameters only those whose names audit_keeps knows.
 */
#ifndef IM_SCHEMA_AUDIT_H
#define IM_SCHEMA_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/str.h"

struct sqldb;

struct audit_row {
	int64_t now_ms;
	uint64_t actor;     /* user number; 0: it did not come over the broker */
	struct im_str name; /* the actor's */
	struct im_str action;
	uint64_t user;         /* whom it was about; 0: nobody */
	struct im_str subject; /* what it was about */
	struct im_str detail;  /* a JSON object */
	int code;              /* IM_OK or of the refusal */
};

/* Adds a row, or counts the newest one of the actor once more if it says the same: lists come in
 * many pages. The oldest ones go beyond IM_AUDIT_MAX rows and `days` (0: never). In the caller's
 * transaction. */
int audit_add(struct sqldb *q, const struct audit_row *r, int64_t days) IM_MUST_CHECK;
/* True for a parameter that names what was done to whom, and holds no words of anybody. */
bool audit_keeps(struct im_str member);

#endif
