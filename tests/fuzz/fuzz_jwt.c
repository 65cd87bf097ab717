/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tokens. The first byte of an input says what the rest is:
 *   T  a token as it is: one that is accepted carries our key's signature over exactly its text;
 *   S  two lines, header and claims, which are signed with our key: what the claims may do;
 *   C  the same, signed with the public key of a verifier for ES256 as if it were a secret: never
 *      accepted there.
 */
#include "tests/fuzz/fuzz.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/limits.h"
#include "plugin/jwt.h"

#define SECRET "0123456789abcdef0123456789abcdef"
/* Nobody has its private key. */
#define PUBLIC                                                               \
	"-----BEGIN PUBLIC KEY-----\n"                                       \
	"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEPOZ44uY7wM6MqvoyH3i4PD1CURM4\n" \
	"eVvj3r9RS7awu9pe1Zd5uTAGsofA/nlblc6M6l94TlDbkznE1ffZSZiuzg==\n"     \
	"-----END PUBLIC KEY-----\n"
#define NOW_S 1763650000

static struct jwt_keys *by_secret, *by_public;

static struct jwt_keys *new_keys(int algorithm, const char *key)
{
	static const struct im_sipkey hash = {"0123456789abcde"};
	struct options o = {.jwt_algorithm = algorithm};
	struct jwt_keys *k;
	struct im_buf why;
	char path[64];
	int fd = memfd_create("key", MFD_CLOEXEC);

	CHECK(fd >= 0 && write(fd, key, strlen(key)) == (ssize_t)strlen(key));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (algorithm == JWT_HS256)
		o.jwt_secret_file = path;
	else
		o.jwt_key_file = path;
	im_buf_init(&why, 0);
	CHECK(jwt_keys_load(&o, &hash, &k, &why) == IM_OK);
	im_buf_free(&why);
	close(fd);
	return k;
}

/* Appends base64url without padding. */
static void put_part(struct im_buf *b, const void *p, size_t n)
{
	size_t from = b->n;

	im_buf_base64(b, p, n);
	CHECK(!b->failed);
	while (b->n > from && b->p[b->n - 1] == '=')
		b->n--;
	for (size_t i = from; i < b->n; i++)
		b->p[i] = (char)(b->p[i] == '+' ? '-' : b->p[i] == '/' ? '_' : b->p[i]);
}

static void put_signature(struct im_buf *b, struct im_str text, const char *secret)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned int n = sizeof(mac);

	CHECK(HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)text.p, text.n,
		mac, &n));
	put_part(b, mac, n);
}

static bool accepted(const struct jwt_keys *keys, struct im_str token)
{
	const struct options o = {0};
	const char *why = NULL;
	struct jwt_token t;
	int rc = jwt_read(keys, &o, token, IM_STR("alice"), NOW_S, 0, &t, &why);

	CHECK(rc == IM_OK || rc == IM_E_NONE);
	CHECK((rc == IM_OK) == (why == NULL));
	if (rc)
		return false;
	CHECK(t.expires_s > NOW_S && t.expires_s <= NOW_S + IM_TOKEN_TTL_MAX_S);
	rc = jwt_verify(&t);
	CHECK(rc == IM_OK || rc == IM_E_NONE);
	return rc == IM_OK;
}

static void check_token(struct im_str token)
{
	const char *dot;
	struct im_buf b;

	CHECK(!accepted(by_public, token));
	if (!accepted(by_secret, token))
		return;
	dot = memrchr(token.p, '.', token.n);
	CHECK(dot);
	im_buf_init(&b, 0);
	put_signature(&b, (struct im_str){token.p, (size_t)(dot - token.p)}, SECRET);
	CHECK(im_str_eq(
		im_buf_view(&b), (struct im_str){dot + 1, (size_t)(token.p + token.n - dot - 1)}));
	im_buf_free(&b);
}

static void check_signed(struct im_str claims, bool confused)
{
	struct im_str header = fuzz_line(&claims);
	struct im_str text;
	struct im_buf b;
	char *copy;

	im_buf_init(&b, 0);
	put_part(&b, header.p, header.n);
	im_buf_c(&b, '.');
	put_part(&b, claims.p, claims.n);
	text = im_buf_view(&b);
	copy = malloc(text.n);
	CHECK(copy);
	memcpy(copy, text.p, text.n);
	im_buf_c(&b, '.');
	put_signature(&b, (struct im_str){copy, text.n}, confused ? PUBLIC : SECRET);
	free(copy);
	CHECK(!accepted(by_public, im_buf_view(&b)));
	CHECK(!accepted(by_secret, im_buf_view(&b)) || !confused);
	im_buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!by_secret) {
		by_secret = new_keys(JWT_HS256, SECRET "\n");
		by_public = new_keys(JWT_ES256, PUBLIC);
	}
	if (size < 1 || size > 2 * JWT_TOKEN_MAX)
		return 0;
	if (data[0] == 'T')
		check_token(fuzz_str(data + 1, size - 1));
	else if (data[0] == 'S' || data[0] == 'C')
		check_signed(fuzz_str(data + 1, size - 1), data[0] == 'C');
	return 0;
}
