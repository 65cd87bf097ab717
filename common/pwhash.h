/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stored passwords of every kind that a login is compared with. Argon2id (phc.h) is what is stored
 * anew; the others were made by mosquitto_passwd and stay until their users come:
 *   $7$ITERATIONS$SALT$HASH   PBKDF2-HMAC-SHA512
 *   $6$SALT$HASH              SHA-512 of the password and the salt behind it
 * with salt and 64 bytes of hash in padded base64.
 */
#ifndef IM_COMMON_PWHASH_H
#define IM_COMMON_PWHASH_H

#include "common/phc.h"

enum im_pwhash_kind {
	IM_PWHASH_ARGON2ID,
	IM_PWHASH_PBKDF2,
	IM_PWHASH_SHA512,
	IM_PWHASH_KINDS,
};

struct im_pwhash {
	enum im_pwhash_kind kind;
	struct im_phc_cost argon2; /* ARGON2ID */
	uint32_t iterations;       /* PBKDF2 */
};

/* IM_E_FORMAT: it is none that im_pwhash_verify takes, and *why_out, a part of a sentence, says
 * what it lacks. why_out may be NULL. */
int im_pwhash_read(struct im_str s, struct im_pwhash *out, const char **why_out) IM_MUST_CHECK;
/* The same for one that somebody brings along: it may not cost more than IM_PWHASH_KIB_MAX. Those
 * that are stored already, or are made here at a cost that the operator has chosen, may. */
int im_pwhash_take(struct im_str s, struct im_pwhash *out, const char **why_out) IM_MUST_CHECK;
bool im_pwhash_valid(struct im_str s);
/* As lists and counts call it. */
const char *im_pwhash_name(enum im_pwhash_kind kind);
/* What verifying costs, in KiB that Argon2id goes through. */
int64_t im_pwhash_work(const struct im_pwhash *h);
/* True if a comparison would hold up the only thread of whoever makes it: for longer than one that
 * may be brought along, and than one at the cost that the operator has chosen. */
bool im_pwhash_holds_up(const struct im_pwhash *h, const struct im_phc_cost *now);
/* True if the password is to be hashed anew when it is seen: by another method than Argon2id, or at
 * another cost than this. */
bool im_pwhash_stale(const struct im_pwhash *h, const struct im_phc_cost *now);
/* IM_OK: matches; IM_E_NONE: does not; IM_E_FORMAT: none that we take; IM_E_NOMEM: cannot say. The
 * time does not depend on where the two differ. */
int im_pwhash_verify(struct im_str stored, struct im_str password) IM_MUST_CHECK;

#endif
