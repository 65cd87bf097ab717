/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One line of a file of users:
 *   uid             no password
 *   uid,password    the password itself, all that follows the comma; or an Argon2id PHC string
 *   uid:hash        as mosquitto_passwd writes it, or another hash that logins are compared with
 * Blank lines and those that begin with # are nobody's.
 */
#ifndef IM_IMCTL_IMPORT_LINE_H
#define IM_IMCTL_IMPORT_LINE_H

#include "common/buf.h"
#include "common/err.h"
#include "common/pwhash.h"
#include "common/str.h"

enum import_kind {
	IMPORT_ARGON2ID = IM_PWHASH_ARGON2ID,
	IMPORT_PBKDF2 = IM_PWHASH_PBKDF2,
	IMPORT_SHA512 = IM_PWHASH_SHA512,
	IMPORT_PASSWORD,
	IMPORT_NONE,
	IMPORT_KINDS
};

struct import_entry {
	struct im_str uid; /* n == 0: nobody's line */
	enum import_kind kind;
	struct im_str text; /* the password or the hash */
};

/* A line without its end. hashes: what follows a comma is a hash, too. IM_E_FORMAT: why says what
 * is wrong, without anything that may be a secret. */
int import_line(struct im_str line, bool hashes, struct import_entry *out,
	struct im_buf *why) IM_MUST_CHECK;

#endif
