/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Token verification. Called by auth.c alone. The algorithm is the configured one: a token that
 * names another (or none) is refused, whatever libjwt made of it.
 */
#include "jwt.h"

#include <errno.h>
#include <fcntl.h>
#include <jwt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/jsonscan.h"

struct jwt_verifier {
	unsigned char *key;
	size_t key_n;
	jwt_alg_t alg;
	const char *issuer, *audience; /* borrowed from the options; NULL: not checked */
};

/* Appends a file of at most JWT_KEY_MAX bytes. */
static int read_key(const char *option, const char *path, struct im_buf *b, struct im_buf *why)
{
	char chunk[4096];
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		im_buf_printf(why, "%s %s cannot be read by the broker's user: %s", option, path,
			strerror(errno));
		return IM_E_IO;
	}
	while ((n = read(fd, chunk, sizeof(chunk))) > 0 && b->n <= JWT_KEY_MAX)
		im_buf_put(b, chunk, (size_t)n);
	if (n < 0)
		im_buf_printf(why, "%s %s cannot be read: %s", option, path, strerror(errno));
	else if (b->n > JWT_KEY_MAX)
		im_buf_printf(why, "%s %s is longer than %d bytes: that is no key", option, path,
			JWT_KEY_MAX);
	close(fd);
	OPENSSL_cleanse(chunk, sizeof(chunk));
	return n < 0 || b->n > JWT_KEY_MAX ? IM_E_IO : b->failed ? IM_E_NOMEM : IM_OK;
}

static int check_secret(const char *path, struct im_buf *b, struct im_buf *why)
{
	while (b->n && (b->p[b->n - 1] == '\n' || b->p[b->n - 1] == '\r'))
		b->n--;
	if (b->n >= JWT_SECRET_MIN)
		return IM_OK;
	im_buf_printf(why,
		"jwt_secret_file %s holds %zu bytes: a secret needs at least %d (make one with "
		"`openssl rand -base64 48`)",
		path, b->n, JWT_SECRET_MIN);
	return IM_E_FORMAT;
}

static int check_pem(const char *path, const struct im_buf *b, bool ec, struct im_buf *why)
{
	BIO *bio = BIO_new_mem_buf(b->p, (int)b->n);
	EVP_PKEY *k = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
	bool good = k && EVP_PKEY_base_id(k) == (ec ? EVP_PKEY_EC : EVP_PKEY_RSA) &&
		    (ec ? EVP_PKEY_bits(k) == 256 : EVP_PKEY_bits(k) >= 2048);

	if (!good)
		im_buf_printf(why, "jwt_key_file %s holds no %s public key in PEM form", path,
			ec ? "P-256 EC" : "RSA (2048 bits or more)");
	EVP_PKEY_free(k);
	BIO_free(bio);
	return good ? IM_OK : IM_E_FORMAT;
}

int jwt_verifier_new(const struct options *o, struct jwt_verifier **out, struct im_buf *why)
{
	static const jwt_alg_t algs[] = {
		[JWT_HS256] = JWT_ALG_HS256,
		[JWT_RS256] = JWT_ALG_RS256,
		[JWT_ES256] = JWT_ALG_ES256,
	};
	const char *path = o->jwt_secret_file ? o->jwt_secret_file : o->jwt_key_file;
	struct jwt_verifier *v;
	struct im_buf b;
	int ret;

	im_buf_init(&b, 0);
	ret = read_key(o->jwt_secret_file ? "jwt_secret_file" : "jwt_key_file", path, &b, why);
	if (!ret && o->jwt_algorithm == JWT_HS256)
		ret = check_secret(path, &b, why);
	else if (!ret)
		ret = check_pem(path, &b, o->jwt_algorithm == JWT_ES256, why);
	v = ret ? NULL : calloc(1, sizeof(*v));
	if (v) {
		*v = (struct jwt_verifier){
			.key = (unsigned char *)b.p,
			.key_n = b.n,
			.alg = algs[o->jwt_algorithm],
			.issuer = o->jwt_issuer,
			.audience = o->jwt_audience,
		};
	} else {
		im_buf_free(&b);
		ret = ret ? ret : IM_E_NOMEM;
	}
	*out = v;
	return ret;
}

void jwt_verifier_free(struct jwt_verifier **v)
{
	if (!*v)
		return;
	OPENSSL_cleanse((*v)->key, (*v)->key_n);
	free((*v)->key);
	free(*v);
	*v = NULL;
}

bool jwt_verifier_same(const struct jwt_verifier *a, const struct jwt_verifier *b)
{
	return a->key_n == b->key_n && CRYPTO_memcmp(a->key, b->key, a->key_n) == 0;
}

bool jwt_looks_like(struct im_str s)
{
	size_t part = 0, parts = 1;
	size_t i;

	if (s.n > JWT_TOKEN_MAX)
		return false;
	for (i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '.') {
			if (part == 0 || ++parts > 3)
				return false;
			part = 0;
			continue;
		}
		if (!(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
			c != '-' && c != '_')
			return false;
		part++;
	}
	return parts == 3 && part > 0;
}

/* A NumericDate: whole seconds, or a decimal number that is cut to them. */
static bool get_date(jwt_t *j, const char *name, bool *there, int64_t *out)
{
	char *text = jwt_get_grants_json(j, name);
	struct im_json v;
	bool good = true;
	double d;

	*there = text != NULL;
	if (text && (im_json_parse(im_str(text), &v) || v.type != IM_JSON_NUMBER)) {
		good = false;
	} else if (text && im_json_int(&v, out)) {
		d = strtod(text, NULL);
		good = d > -1e15 && d < 1e15;
		*out = good ? (int64_t)d : 0;
	}
	free(text);
	return good;
}

static bool has_audience(jwt_t *j, const char *want)
{
	const char *one = jwt_get_grant(j, "aud");
	char *text;
	struct im_json v, e;
	struct im_json_iter it;
	struct im_buf b;
	bool found = false;

	if (one)
		return strcmp(one, want) == 0;
	text = jwt_get_grants_json(j, "aud");
	if (!text)
		return false;
	im_buf_init(&b, 0);
	if (im_json_parse(im_str(text), &v) == IM_OK && v.type == IM_JSON_ARRAY) {
		im_json_iter(&v, &it);
		while (!found && im_json_next(&it, NULL, &e)) {
			im_buf_reset(&b);
			found = im_json_text(&e, &b) == IM_OK && !b.failed &&
				im_str_eqz(im_buf_view(&b), want);
		}
	}
	im_buf_free(&b);
	free(text);
	return found;
}

static const char *check_claims(const struct jwt_verifier *v, jwt_t *j, struct im_str uid,
	int64_t now_s, int64_t from_s, int64_t *expires_s_out)
{
	const char *s;
	int64_t date = 0;
	bool there;

	if (jwt_get_alg(j) != v->alg)
		return "token is not signed with jwt_algorithm";
	s = jwt_get_grant(j, "sub");
	if (!s || !im_str_eqz(uid, s))
		return "token's sub is not the username";
	if (!get_date(j, "exp", &there, &date) || !there)
		return "token has no valid exp";
	if (date <= now_s)
		return "token has expired";
	*expires_s_out = date;
	if (!get_date(j, "nbf", &there, &date) || (there && date > now_s + JWT_NBF_LEEWAY_S))
		return "token is not valid yet";
	if (from_s && (!get_date(j, "iat", &there, &date) || !there || date < from_s))
		return "token was not issued after the account came back (iat)";
	s = jwt_get_grant(j, "iss");
	if (v->issuer && (!s || strcmp(s, v->issuer) != 0))
		return "token's iss is not jwt_issuer";
	if (v->audience && !has_audience(j, v->audience))
		return "token's aud is not jwt_audience";
	return NULL;
}

int jwt_check(const struct jwt_verifier *v, struct im_str token, struct im_str uid, int64_t now_s,
	int64_t from_s, int64_t *expires_s_out, const char **why_out)
{
	char text[JWT_TOKEN_MAX + 1];
	jwt_t *j = NULL;
	int rc;

	*why_out = "token is malformed";
	if (!jwt_looks_like(token))
		return IM_E_NONE;
	memcpy(text, token.p, token.n);
	text[token.n] = '\0';
	*why_out = "token's signature is wrong";
	rc = jwt_decode(&j, text, v->key, (int)v->key_n);
	OPENSSL_cleanse(text, token.n);
	if (rc)
		return rc == ENOMEM ? IM_E_NOMEM : IM_E_NONE;
	*why_out = check_claims(v, j, uid, now_s, from_s, expires_s_out);
	jwt_free(j);
	return *why_out ? IM_E_NONE : IM_OK;
}
