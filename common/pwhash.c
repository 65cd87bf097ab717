/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads stored passwords by their prefix, and refuses what would cost too much before anything is
 * computed. Argon2id is phc.c's; the digests are OpenSSL's.
 */
#include "common/pwhash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "common/base64.h"
#include "common/limits.h"

#define DIGEST_BYTES 64
/* Base64 of so many bytes, padded. */
#define BASE64_BYTES(n) (((n) + 2) / 3 * 4)
/* An iteration of PBKDF2-HMAC-SHA512 takes about 0.5 us, in which Argon2id goes through 1.4 KiB. */
#define KIB_PER_2_ITERATIONS 3

/* One by mosquitto_passwd, decoded. */
struct digest {
	uint32_t iterations; /* 0: SHA-512 alone */
	uint8_t salt[IM_PWHASH_SALT_MAX + 2];
	size_t salt_n;
	uint8_t hash[DIGEST_BYTES + 2];
};

_Static_assert(
	sizeof("$7$1000000$$") + BASE64_BYTES(IM_PWHASH_SALT_MAX) + BASE64_BYTES(DIGEST_BYTES) <=
		IM_PHC_MAX,
	"the longest one fits where stored passwords are kept");

static const char *const names[IM_PWHASH_KINDS] = {
	[IM_PWHASH_ARGON2ID] = "argon2id",
	[IM_PWHASH_PBKDF2] = "pbkdf2_sha512",
	[IM_PWHASH_SHA512] = "sha512",
};

/* Takes what stands before the next '$', and that; or all that is left. */
static struct im_str take_field(struct im_str *s)
{
	const char *end = s->n ? memchr(s->p, '$', s->n) : NULL;
	struct im_str field = {s->p, end ? (size_t)(end - s->p) : s->n};

	*s = end ? (struct im_str){end + 1, s->n - field.n - 1} : (struct im_str){s->p + s->n, 0};
	return field;
}

static const char *read_iterations(struct im_str s, uint32_t *out)
{
	uint32_t v = 0;

	if (s.n == 0 || s.n > 9 || s.p[0] == '0')
		return "its number of iterations is none";
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return "its number of iterations is none";
		v = v * 10 + (uint32_t)(s.p[i] - '0');
	}
	*out = v;
	return v <= IM_PBKDF2_ITERATIONS_MAX
		       ? NULL
		       : "it asks for more than 210000 iterations, which would hold up the broker "
			 "at each login";
}

/* NULL, or what is wrong. */
static const char *read_bytes(
	struct im_str s, uint8_t *at, size_t min, size_t max, size_t *n_out, const char *wrong)
{
	if (s.n > BASE64_BYTES(max) || im_base64_decode(s, (char *)at, n_out) != IM_OK ||
		*n_out < min || *n_out > max)
		return wrong;
	return NULL;
}

static const char *read_digest(struct im_str s, struct digest *out)
{
	const char *wrong = NULL;
	struct im_str salt;
	size_t n;

	out->iterations = 0;
	if (s.p[1] == '7') {
		s = (struct im_str){s.p + 3, s.n - 3};
		wrong = read_iterations(take_field(&s), &out->iterations);
	} else {
		s = (struct im_str){s.p + 3, s.n - 3};
	}
	salt = take_field(&s);
	if (!wrong)
		wrong = read_bytes(salt, out->salt, IM_PWHASH_SALT_MIN, IM_PWHASH_SALT_MAX,
			&out->salt_n,
			"its salt is not base64 of 8 to 64 bytes as mosquitto_passwd writes it (a "
			"hash of crypt(3) is another one)");
	if (!wrong)
		wrong = read_bytes(s, out->hash, DIGEST_BYTES, DIGEST_BYTES, &n,
			"its last part is not the 88 characters that mosquitto_passwd writes");
	return wrong;
}

static bool begins(struct im_str s, const char *prefix)
{
	size_t n = strlen(prefix);

	return s.n >= n && memcmp(s.p, prefix, n) == 0;
}

static const char *read_any(struct im_str s, struct im_pwhash *out)
{
	struct digest d;
	const char *wrong;

	*out = (struct im_pwhash){.kind = IM_PWHASH_ARGON2ID};
	if (begins(s, "$7$") || begins(s, "$6$")) {
		wrong = read_digest(s, &d);
		out->kind = s.p[1] == '7' ? IM_PWHASH_PBKDF2 : IM_PWHASH_SHA512;
		out->iterations = d.iterations;
		return wrong;
	}
	if (!begins(s, "$argon2id$"))
		return "it is neither $7$ or $6$ of mosquitto_passwd nor $argon2id$ as a PHC "
		       "string";
	return im_phc_read(s, &out->argon2)
		       ? NULL
		       : "it is no PHC string of Argon2id that is taken: version 19, m of 8 to "
			 "262144, t of 1 to 16, p of 1 to 4, a salt of 8 to 64 bytes, a hash of 16 "
			 "to 64";
}

int im_pwhash_read(struct im_str s, struct im_pwhash *out, const char **why_out)
{
	const char *wrong = s.n < IM_PHC_MAX ? read_any(s, out) : "it is too long for one";

	if (why_out)
		*why_out = wrong;
	return wrong ? IM_E_FORMAT : IM_OK;
}

int im_pwhash_take(struct im_str s, struct im_pwhash *out, const char **why_out)
{
	int rc = im_pwhash_read(s, out, why_out);

	if (rc || im_pwhash_work(out) <= IM_PWHASH_KIB_MAX)
		return rc;
	*why_out = "its m times t is more than 320000, which would hold up the broker at each "
		   "login";
	return IM_E_FORMAT;
}

bool im_pwhash_valid(struct im_str s)
{
	struct im_pwhash h;

	return im_pwhash_read(s, &h, NULL) == IM_OK;
}

const char *im_pwhash_name(enum im_pwhash_kind kind)
{
	return names[kind];
}

int64_t im_pwhash_work(const struct im_pwhash *h)
{
	if (h->kind == IM_PWHASH_ARGON2ID)
		return (int64_t)h->argon2.memory_kib * h->argon2.passes;
	return (int64_t)h->iterations * KIB_PER_2_ITERATIONS / 2;
}

bool im_pwhash_holds_up(const struct im_pwhash *h, const struct im_phc_cost *now)
{
	int64_t work = im_pwhash_work(h);

	return work > IM_PWHASH_KIB_MAX && work > (int64_t)now->memory_kib * now->passes;
}

bool im_pwhash_stale(const struct im_pwhash *h, const struct im_phc_cost *now)
{
	return h->kind != IM_PWHASH_ARGON2ID ||
	       im_pwhash_work(h) != (int64_t)now->memory_kib * now->passes;
}

static bool sha512(const struct digest *d, struct im_str password, uint8_t out[DIGEST_BYTES])
{
	uint8_t text[IM_PASSWORD_MAX + IM_PWHASH_SALT_MAX];
	bool done;

	memcpy(text, password.n ? password.p : "", password.n);
	memcpy(text + password.n, d->salt, d->salt_n);
	done = EVP_Digest(text, password.n + d->salt_n, out, NULL, EVP_sha512(), NULL) == 1;
	OPENSSL_cleanse(text, sizeof(text));
	return done;
}

static bool compute(const struct digest *d, struct im_str password, uint8_t out[DIGEST_BYTES])
{
	if (!d->iterations)
		return sha512(d, password, out);
	return PKCS5_PBKDF2_HMAC(password.n ? password.p : "", (int)password.n, d->salt,
		       (int)d->salt_n, (int)d->iterations, EVP_sha512(), DIGEST_BYTES, out) == 1;
}

int im_pwhash_verify(struct im_str stored, struct im_str password)
{
	uint8_t made[DIGEST_BYTES];
	struct im_pwhash h;
	struct digest d;
	int rc;

	if (im_pwhash_read(stored, &h, NULL))
		return IM_E_FORMAT;
	if (h.kind == IM_PWHASH_ARGON2ID)
		return im_phc_verify(stored, password);
	if (password.n > IM_PASSWORD_MAX)
		return IM_E_NONE;
	if (read_digest(stored, &d))
		return IM_E_FORMAT;
	if (!compute(&d, password, made))
		return IM_E_NOMEM;
	rc = CRYPTO_memcmp(made, d.hash, sizeof(made)) == 0 ? IM_OK : IM_E_NONE;
	OPENSSL_cleanse(made, sizeof(made));
	return rc;
}
