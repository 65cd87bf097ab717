/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Many users from a file (import_line.h), into a database without a node or into a running node.
 * The file is gone through three times: is every line right, would the node take it, and then it
 * does.
 */
#ifndef IM_IMCTL_IMPORT_H
#define IM_IMCTL_IMPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "clients/imctl/exit.h"
#include "clients/imctl/import_line.h"
#include "common/buf.h"

struct import_counts {
	int64_t created, updated, unchanged;
	int64_t administrators; /* of the unchanged: left alone because of that */
};

/* What was wrong with lines, of which the first ones are told. */
struct import_faults {
	struct im_buf text;
	int64_t n;
};
/* Appends what stands in `why`, and empties it. */
void import_fault(struct import_faults *f, int64_t line, struct im_buf *why);

struct import_pass {
	bool write; /* false: nothing is changed, and it is found out what would be */
	bool update;
	bool administrators; /* update them as well */
	struct import_counts counts;
	struct import_faults faults; /* what the node would not take */
	int64_t done;                /* through this line it is known what has become of them */
};

/* Where users go to. Exit codes; why: a sentence. */
struct import_target {
	/* One user, whose text is a hash, or, unless the pass writes, may be a password. */
	int (*put)(void *arg, struct import_pass *p, const struct import_entry *e, int64_t line,
		struct im_buf *why);
	/* The end of the file. */
	int (*end)(void *arg, struct import_pass *p, struct im_buf *why);
	void *arg;
	bool whole; /* what was written before a failure is undone */
	bool slow;  /* it tells how far it is */
};

struct import_order {
	FILE *in;
	bool hashes, update, administrators, dry_run;
};
/* *out: what was done, or would be. An exit code. */
int import_run(const struct import_order *o, const struct import_target *t, json_t **out,
	struct im_buf *why);

#endif
