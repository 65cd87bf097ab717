/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who may have which name, and the making of users: the one place where the rule stands. The bridge
 * and imctl make users by it, each on its own connection to directory.db; the plugin asks it before
 * it lets a token make one.
 *
 * A name is given once. Whoever had it keeps it, deleted or not, and names that differ in ASCII
 * case alone are one name. Users of earlier versions keep theirs.
 */
#ifndef IM_SCHEMA_ACCOUNT_H
#define IM_SCHEMA_ACCOUNT_H

#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/str.h"

enum account_name {
	ACCOUNT_FREE,
	ACCOUNT_EXISTS,   /* it is another's */
	ACCOUNT_GONE,     /* it was another's, who was deleted; his name may be erased */
	ACCOUNT_CASE,     /* it differs from another in case alone */
	ACCOUNT_RESERVED, /* nobody gets it */
};

struct accounts;
struct sqldb;

/* On a connection to {data_dir}/directory.db of this program's version; to be closed before it.
 * NULL: out of memory. */
struct accounts *accounts_open(struct sqldb *q, const char *data_dir);
void accounts_close(struct accounts **a);

/* What a name is. holder (appended): as it is written by whoever has or had it; nothing when it was
 * erased. IM_OK, IM_E_IO (the connection says what), IM_E_NOMEM. */
int accounts_user_name(struct accounts *a, struct im_str uid, enum account_name *out,
	struct im_buf *holder) IM_MUST_CHECK;
int accounts_group_name(struct accounts *a, struct im_str gid, enum account_name *out,
	struct im_buf *holder) IM_MUST_CHECK;

struct account_new {
	struct im_str uid; /* well-formed */
	int role;
	struct im_str phc, nick; /* n == 0: none */
	int64_t now_ms;
};
/* Makes a user. IM_E_EXISTS: nobody gets this name any more; why: a sentence. */
int accounts_create(struct accounts *a, const struct account_new *n, uint64_t *id_out,
	struct im_buf *why) IM_MUST_CHECK;

/* A sentence about a name that cannot be given. what: one of these two words. */
#define ACCOUNT_USER "user"
#define ACCOUNT_GROUP "group"
void accounts_explain(enum account_name is, const char *what, struct im_str name,
	struct im_str holder, struct im_buf *why);

#endif
