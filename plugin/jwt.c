/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads tokens. Called by auth.c and tokens.c alone. The algorithm is the one of the key that the
 * token names: a token that says another one, or none, is refused before anything is computed.
 */
#include "plugin/jwt.h"

#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "common/base64.h"
#include "common/buf.h"
#include "common/jsonscan.h"
#include "common/limits.h"

#define SHA256_BYTES 32
#define ES256_BYTES 64 /* r and s */
#define DATE_MAX 32    /* characters of a number that is a time */

/* ---- the text ---- */

/* base64url of an object's `{`, and of a quote, a blank or `}` behind it: a password may well be
 * three words with dots between them, and must not be taken for a token that nobody has made. */
static bool begins_as_header(struct im_str s)
{
	return s.n > 1 && s.p[0] == 'e' && (s.p[1] == 'y' || s.p[1] == 'w' || s.p[1] == '3');
}

bool jwt_looks_like(struct im_str s)
{
	size_t part = 0, parts = 1;
	size_t i;

	if (s.n > JWT_TOKEN_MAX || !begins_as_header(s))
		return false;
	for (i = 0; i < s.n; i++) {
		if (s.p[i] == '.') {
			if (part == 0 || ++parts > 3)
				return false;
			part = 0;
			continue;
		}
		if (im_base64url_digit(s.p[i]) < 0)
			return false;
		part++;
	}
	return parts == 3 && part > 0;
}

/* Takes what stands before the next dot, or all, off the front. */
static struct im_str take_part(struct im_str *s)
{
	const char *dot = memchr(s->p, '.', s->n);
	struct im_str part = {s->p, dot ? (size_t)(dot - s->p) : s->n};
	size_t used = part.n + (dot != NULL);

	*s = (struct im_str){s->p + used, s->n - used};
	return part;
}

/* ---- JSON objects ---- */

/* The members of a header or of claims, whose names differ. */
struct members {
	char json[JWT_TOKEN_MAX];
	size_t n;
	struct im_str name[JWT_MEMBERS_MAX];
	struct im_json value[JWT_MEMBERS_MAX];
	struct im_buf names; /* those that are written with escapes */
	bool no_memory;      /* for what is written with escapes: nobody knows what it says */
};

/* Two ways to write a name must not make it two names. */
static bool plain_name(struct members *m, struct im_str *name)
{
	const struct im_json quoted = {IM_JSON_STRING, {name->p - 1, name->n + 2}};
	size_t before = m->names.n;

	if (!memchr(name->p, '\\', name->n))
		return true;
	/* All of them fit, so that none is moved. */
	if (!before && !im_buf_add(&m->names, sizeof(m->json))) {
		m->no_memory = true;
		return false;
	}
	m->names.n = before;
	if (im_json_text(&quoted, &m->names))
		return false;
	*name = (struct im_str){m->names.p + before, m->names.n - before};
	return true;
}

static bool has(const struct members *m, struct im_str name)
{
	for (size_t i = 0; i < m->n; i++) {
		if (im_str_eq(m->name[i], name))
			return true;
	}
	return false;
}

/* Fills *m from a part of a token. NULL, or why not. */
static const char *read_members(struct members *m, struct im_str part)
{
	struct im_json_iter it;
	struct im_json object;
	struct im_str name;
	size_t n;

	m->n = 0;
	im_buf_reset(&m->names);
	if (im_base64url_decode(part, m->json, sizeof(m->json), &n) ||
		im_json_parse((struct im_str){m->json, n}, &object) ||
		object.type != IM_JSON_OBJECT)
		return "token is malformed";
	im_json_iter(&object, &it);
	while (m->n < JWT_MEMBERS_MAX && im_json_next(&it, &name, &m->value[m->n])) {
		if (!plain_name(m, &name))
			return "token is malformed";
		if (has(m, name))
			return "token says something twice";
		m->name[m->n++] = name;
	}
	return m->n < JWT_MEMBERS_MAX ? NULL : "token has too many members";
}

static const struct im_json *get(const struct members *m, const char *name)
{
	for (size_t i = 0; i < m->n; i++) {
		if (im_str_eqz(m->name[i], name))
			return &m->value[i];
	}
	return NULL;
}

/* True if v is a string of this text. */
static bool is_text(struct members *m, const struct im_json *v, struct im_str want)
{
	struct im_buf b;
	bool same;

	if (!v || v->type != IM_JSON_STRING)
		return false;
	if (!memchr(v->raw.p, '\\', v->raw.n))
		return im_str_eq((struct im_str){v->raw.p + 1, v->raw.n - 2}, want);
	im_buf_init(&b, 0);
	same = im_json_text(v, &b) == IM_OK && im_str_eq(im_buf_view(&b), want);
	m->no_memory |= b.failed;
	im_buf_free(&b);
	return same;
}

/* A NumericDate: whole seconds, or a decimal number that is cut to them. False: v is none. */
static bool get_date(const struct im_json *v, int64_t *out)
{
	char text[DATE_MAX + 1];
	double d;

	if (v->type != IM_JSON_NUMBER)
		return false;
	if (im_json_int(v, out) == IM_OK)
		return true;
	if (v->raw.n > DATE_MAX)
		return false;
	memcpy(text, v->raw.p, v->raw.n);
	text[v->raw.n] = '\0';
	d = strtod(text, NULL);
	if (!(d > -1e15 && d < 1e15))
		return false;
	*out = (int64_t)d;
	return true;
}

/* ---- header and claims ---- */

static const char *check_header(
	struct members *m, const struct jwt_keys *keys, struct im_str part, struct jwt_token *out)
{
	const char *why = read_members(m, part);
	const struct im_json *kid;
	struct im_str name = {NULL, 0};
	struct im_buf b;

	if (why)
		return why;
	if (get(m, "crit"))
		return "token asks for extensions (crit)";
	kid = get(m, "kid");
	im_buf_init(&b, 0);
	if (kid && im_json_text(kid, &b))
		why = "token's kid is no text";
	else if (kid)
		name = (struct im_str){b.n ? b.p : "", b.n};
	out->key = why ? NULL : jwt_keys_find(keys, name);
	if (!why && !out->key)
		why = name.p ? "token's kid is the name of no key"
			     : "token has no kid, and there is no key called default";
	m->no_memory |= b.failed;
	im_buf_free(&b);
	if (!why && !is_text(m, get(m, "alg"), im_str(jwt_algorithm_name(out->key->alg))))
		why = "token's alg is not its key's";
	return why;
}

static const char *check_dates(
	const struct members *m, int64_t now_s, int64_t from_s, int64_t *expires_s_out)
{
	const struct im_json *v = get(m, "exp");
	int64_t date;

	if (!v || !get_date(v, expires_s_out))
		return "token has no valid exp";
	if (*expires_s_out <= now_s)
		return "token has expired";
	if (*expires_s_out > now_s + IM_TOKEN_TTL_MAX_S)
		return "token's exp is more than ten years away";
	v = get(m, "iat");
	if (v && (!get_date(v, &date) || date > now_s + JWT_LEEWAY_S))
		return "token's iat is no time that has been";
	if (from_s && (!v || date < from_s))
		return "token was not issued after the account came back (iat)";
	v = get(m, "nbf");
	if (v && (!get_date(v, &date) || date > now_s + JWT_LEEWAY_S))
		return "token is not valid yet";
	return NULL;
}

static bool has_audience(struct members *m, const struct im_json *v, struct im_str want)
{
	struct im_json_iter it;
	struct im_json e;

	if (!v || v->type != IM_JSON_ARRAY)
		return is_text(m, v, want);
	im_json_iter(v, &it);
	while (im_json_next(&it, NULL, &e)) {
		if (is_text(m, &e, want))
			return true;
	}
	return false;
}

static const char *check_claims(struct members *m, const struct options *o, struct im_str part,
	struct im_str uid, int64_t now_s, int64_t from_s, int64_t *expires_s_out)
{
	const char *why = read_members(m, part);

	if (!why && !is_text(m, get(m, "sub"), uid))
		why = "token's sub is not the username";
	if (!why)
		why = check_dates(m, now_s, from_s, expires_s_out);
	if (!why && o->jwt_issuer && !is_text(m, get(m, "iss"), im_str(o->jwt_issuer)))
		why = "token's iss is not jwt_issuer";
	if (!why && o->jwt_audience && !has_audience(m, get(m, "aud"), im_str(o->jwt_audience)))
		why = "token's aud is not jwt_audience";
	return why;
}

/* A signature that cannot be one of this key is not worth looking at. */
static bool right_length(const struct jwt_token *t)
{
	switch (t->key->alg) {
	case JWT_HS256:
		return t->signature_n == SHA256_BYTES;
	case JWT_ES256:
		return t->signature_n == ES256_BYTES;
	default:
		return t->signature_n == (size_t)EVP_PKEY_size(t->key->public);
	}
}

int jwt_read(const struct jwt_keys *keys, const struct options *o, struct im_str token,
	struct im_str uid, int64_t now_s, int64_t from_s, struct jwt_token *out,
	const char **why_out)
{
	struct im_str rest = token, header, claims;
	struct members m;

	*why_out = "token is malformed";
	if (!jwt_looks_like(token))
		return IM_E_NONE;
	im_buf_init(&m.names, 0);
	m.no_memory = false;
	header = take_part(&rest);
	claims = take_part(&rest);
	out->signed_text = (struct im_str){token.p, (size_t)(rest.p - token.p) - 1};
	*why_out = check_header(&m, keys, header, out);
	if (!*why_out)
		*why_out = check_claims(&m, o, claims, uid, now_s, from_s, &out->expires_s);
	if (!*why_out && (im_base64url_decode(rest, (char *)out->signature, JWT_SIGNATURE_MAX,
				  &out->signature_n) ||
				 !right_length(out)))
		*why_out = "token's signature is not one of its key's";
	im_buf_free(&m.names);
	if (m.no_memory)
		return IM_E_NOMEM;
	return *why_out ? IM_E_NONE : IM_OK;
}

/* ---- signatures ---- */

static int verify_secret(const struct jwt_token *t)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (!HMAC(EVP_sha256(), t->key->secret, (int)t->key->secret_n,
		    (const unsigned char *)t->signed_text.p, t->signed_text.n, mac, &n))
		return IM_E_NOMEM;
	return n == t->signature_n && CRYPTO_memcmp(mac, t->signature, n) == 0 ? IM_OK : IM_E_NONE;
}

/* As OpenSSL wants it: DER in place of r and s side by side. NULL: out of memory. */
static unsigned char *ecdsa_der(const struct jwt_token *t, size_t *n_out)
{
	ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(t->signature, ES256_BYTES / 2, NULL);
	BIGNUM *s = BN_bin2bn(t->signature + ES256_BYTES / 2, ES256_BYTES / 2, NULL);
	unsigned char *der = NULL;
	int n;

	if (sig && r && s && ECDSA_SIG_set0(sig, r, s) == 1) {
		r = s = NULL;
		n = i2d_ECDSA_SIG(sig, &der);
		*n_out = n > 0 ? (size_t)n : 0;
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(sig);
	return der;
}

static int verify_public(const struct jwt_token *t)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const unsigned char *sig = t->signature;
	unsigned char *der = NULL;
	size_t n = t->signature_n;
	int ret = IM_E_NOMEM;

	/* What is left in this queue the broker would take for its own connections' errors. */
	ERR_set_mark();
	if (t->key->alg == JWT_ES256)
		sig = der = ecdsa_der(t, &n);
	if (ctx && sig && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, t->key->public) == 1)
		ret = EVP_DigestVerify(ctx, sig, n, (const unsigned char *)t->signed_text.p,
			      t->signed_text.n) == 1
			      ? IM_OK
			      : IM_E_NONE;
	OPENSSL_free(der);
	EVP_MD_CTX_free(ctx);
	ERR_pop_to_mark();
	return ret;
}

int jwt_verify(const struct jwt_token *t)
{
	return t->key->secret ? verify_secret(t) : verify_public(t);
}
