/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Password hashes as PHC strings ($argon2id$v=19$m=...,t=...,p=...$salt$hash), by libargon2.
 * Randomness is a parameter: the caller brings the salt.
 */
#ifndef IM_COMMON_PHC_H
#define IM_COMMON_PHC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/str.h"

#define IM_PHC_SALT 16
#define IM_PHC_MAX 256  /* of stored passwords of every kind (pwhash.h), their NUL included */
#define IM_PHC_DECOY 48 /* random bytes: a salt, and a tag that nothing was hashed to */
/* RFC 9106 and OWASP's smallest set for Argon2id; about 15 ms of one core. */
#define IM_PHC_MEMORY_KIB 19456
#define IM_PHC_PASSES 2
/* What a stored string may ask for at most: bounds what verifying can cost the broker. */
#define IM_PHC_MEMORY_KIB_MAX (256 * 1024)
#define IM_PHC_PASSES_MAX 16
#define IM_PHC_LANES_MAX 4 /* each starts a thread */
#define IM_PASSWORD_MAX 1024

/* Writes the string with its NUL. IM_E_FORMAT: a parameter is out of its bounds (memory_kib at
 * least 8, passes at least 1, the password at most IM_PASSWORD_MAX bytes); IM_E_NOMEM. */
int im_phc_hash(struct im_str password, const uint8_t salt[IM_PHC_SALT], uint32_t memory_kib,
	uint32_t passes, char out[IM_PHC_MAX]) IM_MUST_CHECK;
/* What verifying costs: so much memory, gone through so often, by so many threads. */
struct im_phc_cost {
	uint32_t memory_kib, passes, lanes;
};
/* True for a PHC string that im_phc_verify takes: argon2id, version 19, within the bounds above, a
 * salt of 8 to 64 bytes and a tag of 16 to 64. */
bool im_phc_read(struct im_str s, struct im_phc_cost *out);
bool im_phc_valid(struct im_str s);
/* True for what looks like a stored password of any program: $id$..., as crypt(3), mosquitto_passwd
 * and PHC write it, or {SCHEME}... of LDAP. */
bool im_phc_looks(struct im_str s);
/* The same, but it is none that im_phc_verify takes. */
bool im_phc_foreign(struct im_str s);
/* Writes a string, with its NUL, that no password matches, and on which im_phc_verify spends what
 * it spends on one of this cost. `bytes` are random. IM_E_FORMAT: the cost is out of its bounds. */
int im_phc_decoy(const uint8_t bytes[IM_PHC_DECOY], struct im_phc_cost cost,
	char out[IM_PHC_MAX]) IM_MUST_CHECK;
/* IM_OK: matches; IM_E_NONE: does not; IM_E_FORMAT: not a PHC string that we take;
 * IM_E_NOMEM: cannot say. */
int im_phc_verify(struct im_str phc, struct im_str password) IM_MUST_CHECK;

#endif
