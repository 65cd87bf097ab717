/* SPDX-License-Identifier: BSD-3-Clause */
/* The audit log in directory.db. */
#ifndef IM_BRIDGE_DIRECTORY_AUDIT_H
#define IM_BRIDGE_DIRECTORY_AUDIT_H

#include "bridge/directory/directory.h"
#include "schema/audit.h"

struct directory_audit {
	uint64_t id;
	int64_t first_ms, last_ms;
	uint64_t n;
	struct im_str by, action, subject, detail; /* names as they are now */
	int code;
};

int directory_audit_add(struct directory *d, const struct audit_row *r, int64_t days) IM_MUST_CHECK;
typedef int (*directory_audit_fn)(void *arg, const struct directory_audit *a);
/* Rows with id > after, by id; only those by or about this user (0: all). */
int directory_audit_list(struct directory *d, uint64_t after, uint64_t user, uint32_t limit,
	directory_audit_fn fn, void *arg) IM_MUST_CHECK;
/* The id behind which the newest n rows are. */
int directory_audit_newest(
	struct directory *d, uint64_t user, uint32_t n, uint64_t *after_out) IM_MUST_CHECK;

#endif
