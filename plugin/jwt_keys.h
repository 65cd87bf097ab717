/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The keys that tokens may be signed with, by their names (`kid`). Each has one algorithm, said by
 * what it is, so that none is ever taken for another kind: a file NAME.secret is a secret for
 * HS256; NAME.pem is a public key, for ES256 (P-256) or RS256 (RSA). The key of jwt_secret_file or
 * jwt_key_file is called `default`.
 */
#ifndef IM_PLUGIN_JWT_KEYS_H
#define IM_PLUGIN_JWT_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/siphash.h"
#include "common/str.h"
#include "plugin/options.h"

#define JWT_SECRET_MIN 32 /* RFC 7518, 3.2: as long as the hash */
#define JWT_KEY_MAX 16384
#define JWT_KID_MAX 128
#define JWT_KEYS_MAX 100 /* a token names one: more only make the folder hard to read */

typedef struct evp_pkey_st EVP_PKEY;

struct jwt_key {
	char kid[JWT_KID_MAX + 1];
	enum jwt_algorithm alg;
	unsigned char *secret; /* HS256 */
	size_t secret_n;
	EVP_PKEY *public;     /* RS256, ES256 */
	uint64_t fingerprint; /* keyed hash of algorithm and key, whatever the file looks like */
};

/* As a token's header says it. */
const char *jwt_algorithm_name(enum jwt_algorithm alg);

struct jwt_keys;

/* Reads and checks the keys that the options name. All or nothing: on failure why gets a sentence
 * that names the file. `hash` is the fingerprints' key. */
int jwt_keys_load(const struct options *o, const struct im_sipkey *hash, struct jwt_keys **out,
	struct im_buf *why) IM_MUST_CHECK;
void jwt_keys_free(struct jwt_keys **k);
size_t jwt_keys_count(const struct jwt_keys *k);
/* NULL: no key has this name. kid.p NULL: the token brings none. Without a folder there is one key,
 * and names do not matter. */
const struct jwt_key *jwt_keys_find(const struct jwt_keys *k, struct im_str kid);
/* True if a key has this fingerprint. */
bool jwt_keys_have(const struct jwt_keys *k, uint64_t fingerprint);

#endif
