/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads key files, at start and at SIGHUP. Called by tokens.c; jwt.c looks keys up. A `kid` comes
 * from an attacker: it is compared with the names that have been read, and never becomes a path. */
#include "plugin/jwt_keys.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "db/textfile.h"

#define DEFAULT "default"
#define SECRET_SUFFIX ".secret"
#define PEM_SUFFIX ".pem"

struct jwt_keys {
	struct im_sipkey hash;
	bool folder; /* names matter */
	size_t n;
	struct jwt_key key[JWT_KEYS_MAX];
};

const char *jwt_algorithm_name(enum jwt_algorithm alg)
{
	static const char *const names[] = {
		[JWT_HS256] = "HS256",
		[JWT_RS256] = "RS256",
		[JWT_ES256] = "ES256",
	};

	return names[alg];
}

static void key_clear(struct jwt_key *k)
{
	if (k->secret)
		OPENSSL_cleanse(k->secret, k->secret_n);
	free(k->secret);
	EVP_PKEY_free(k->public);
	*k = (struct jwt_key){0};
}

void jwt_keys_free(struct jwt_keys **k)
{
	if (!*k)
		return;
	for (size_t i = 0; i < (*k)->n; i++)
		key_clear(&(*k)->key[i]);
	free(*k);
	*k = NULL;
}

/* Appends a file of at most JWT_KEY_MAX bytes. */
static int read_file(const char *what, const char *path, struct im_buf *b, struct im_buf *why)
{
	int error = textfile_read(path, JWT_KEY_MAX, b);

	if (error == ENOMEM)
		return IM_E_NOMEM;
	if (error == EFBIG)
		im_buf_printf(why, "%s %s is longer than %d bytes: that is no key", what, path,
			JWT_KEY_MAX);
	else if (error)
		im_buf_printf(why, "%s %s cannot be read by the broker's user: %s", what, path,
			textfile_why(error));
	return error ? IM_E_IO : IM_OK;
}

/* ---- what a file holds ---- */

static int take_secret(
	struct jwt_key *k, const char *what, const char *path, struct im_buf *b, struct im_buf *why)
{
	while (b->n && (b->p[b->n - 1] == '\n' || b->p[b->n - 1] == '\r'))
		b->n--;
	if (b->n < JWT_SECRET_MIN) {
		im_buf_printf(why,
			"%s %s holds %zu bytes: a secret needs at least %d (make one with `openssl "
			"rand -base64 48`)",
			what, path, b->n, JWT_SECRET_MIN);
		return IM_E_FORMAT;
	}
	k->alg = JWT_HS256;
	k->secret_n = b->n;
	k->secret = malloc(b->n);
	if (!k->secret)
		return IM_E_NOMEM;
	memcpy(k->secret, b->p, b->n);
	return IM_OK;
}

/* JWT_HS256: none that we take. */
static enum jwt_algorithm algorithm_of(const EVP_PKEY *k)
{
	if (k && EVP_PKEY_base_id(k) == EVP_PKEY_EC && EVP_PKEY_bits(k) == 256)
		return JWT_ES256;
	if (k && EVP_PKEY_base_id(k) == EVP_PKEY_RSA && EVP_PKEY_bits(k) >= 2048)
		return JWT_RS256;
	return JWT_HS256;
}

static int take_public(
	struct jwt_key *k, const char *what, const char *path, struct im_buf *b, struct im_buf *why)
{
	BIO *bio = BIO_new_mem_buf(b->p, (int)b->n);

	k->public = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
	k->alg = algorithm_of(k->public);
	BIO_free(bio);
	if (k->alg != JWT_HS256)
		return IM_OK;
	im_buf_printf(why,
		"%s %s holds no public key in PEM form, P-256 EC or RSA with 2048 bits or more",
		what, path);
	return IM_E_FORMAT;
}

static int set_fingerprint(const struct jwt_keys *keys, struct jwt_key *k)
{
	unsigned char *der = NULL;
	int n = k->public ? i2d_PUBKEY(k->public, &der) : 0;

	if (n < 0)
		return IM_E_NOMEM;
	k->fingerprint = k->public ? im_siphash(&keys->hash, der, (size_t)n)
				   : im_siphash(&keys->hash, k->secret, k->secret_n);
	k->fingerprint += k->alg;
	OPENSSL_free(der);
	return IM_OK;
}

/* ---- the set ---- */

static struct jwt_key *find(const struct jwt_keys *keys, struct im_str kid)
{
	for (size_t i = 0; i < keys->n; i++) {
		if (im_str_eqz(kid, keys->key[i].kid))
			return (struct jwt_key *)&keys->key[i];
	}
	return NULL;
}

static int check_name(const struct jwt_keys *keys, const char *what, const char *path,
	struct im_str kid, struct im_buf *why)
{
	if (keys->n >= JWT_KEYS_MAX)
		im_buf_printf(
			why, "%s %s is one key too many: at most %d", what, path, JWT_KEYS_MAX);
	else if (kid.n == 0 || kid.n > JWT_KID_MAX)
		im_buf_printf(
			why, "%s %s: a key's name has 1 to %d bytes", what, path, JWT_KID_MAX);
	else if (find(keys, kid))
		im_buf_printf(why, "%s %s is a second key called %.*s: keep one", what, path,
			IM_ARGS(kid));
	else
		return IM_OK;
	return IM_E_FORMAT;
}

static int add(struct jwt_keys *keys, const char *what, const char *path, struct im_str kid,
	bool secret, struct im_buf *why)
{
	struct jwt_key k = {0};
	struct im_buf b;
	int ret = check_name(keys, what, path, kid, why);

	if (ret)
		return ret;
	im_buf_init(&b, 0);
	memcpy(k.kid, kid.p, kid.n);
	ret = read_file(what, path, &b, why);
	if (!ret)
		ret = secret ? take_secret(&k, what, path, &b, why)
			     : take_public(&k, what, path, &b, why);
	if (!ret)
		ret = set_fingerprint(keys, &k);
	if (b.p)
		OPENSSL_cleanse(b.p, b.cap);
	im_buf_free(&b);
	if (ret)
		key_clear(&k);
	else
		keys->key[keys->n++] = k;
	return ret;
}

static int add_single(struct jwt_keys *keys, const struct options *o, struct im_buf *why)
{
	const char *path = o->jwt_secret_file ? o->jwt_secret_file : o->jwt_key_file;
	const char *what = o->jwt_secret_file ? "jwt_secret_file" : "jwt_key_file";
	int ret;

	if (!path)
		return IM_OK;
	ret = add(keys, what, path, IM_STR(DEFAULT), o->jwt_secret_file != NULL, why);
	if (ret || keys->key[0].alg == (enum jwt_algorithm)o->jwt_algorithm)
		return ret;
	im_buf_printf(why, "%s %s holds a key for %s, but jwt_algorithm is %s", what, path,
		jwt_algorithm_name(keys->key[0].alg),
		jwt_algorithm_name((enum jwt_algorithm)o->jwt_algorithm));
	return IM_E_FORMAT;
}

/* Takes a suffix off; false: it is not there, or nothing else is. */
static bool take_suffix(struct im_str *name, struct im_str suffix)
{
	if (name->n <= suffix.n || memcmp(name->p + name->n - suffix.n, suffix.p, suffix.n) != 0)
		return false;
	name->n -= suffix.n;
	return true;
}

static int add_file(struct jwt_keys *keys, const char *folder, const char *name, struct im_buf *why)
{
	struct im_str kid = im_str(name);
	bool secret = take_suffix(&kid, IM_STR(SECRET_SUFFIX));
	char *path;
	int ret;

	if (!secret && !take_suffix(&kid, IM_STR(PEM_SUFFIX))) {
		im_buf_printf(why,
			"jwt_key_dir %s: %s ends neither in " SECRET_SUFFIX " nor in " PEM_SUFFIX
			"; keep nothing but keys there",
			folder, name);
		return IM_E_FORMAT;
	}
	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return IM_E_NOMEM;
	ret = add(keys, "jwt_key_dir:", path, kid, secret, why);
	free(path);
	return ret;
}

/* Hidden files are editors', and what mounts a folder keeps there. */
static int is_shown(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static int add_folder(struct jwt_keys *keys, const char *folder, struct im_buf *why)
{
	struct dirent **names = NULL;
	int n, ret = IM_OK;

	if (!folder)
		return IM_OK;
	keys->folder = true;
	n = scandir(folder, &names, is_shown, alphasort);
	if (n < 0) {
		im_buf_printf(why, "jwt_key_dir %s cannot be read by the broker's user: %s", folder,
			strerror(errno));
		return IM_E_IO;
	}
	for (int i = 0; i < n; i++) {
		if (!ret)
			ret = add_file(keys, folder, names[i]->d_name, why);
		free(names[i]);
	}
	free(names);
	return ret;
}

int jwt_keys_load(const struct options *o, const struct im_sipkey *hash, struct jwt_keys **out,
	struct im_buf *why)
{
	struct jwt_keys *keys = calloc(1, sizeof(*keys));
	int ret;

	*out = NULL;
	if (!keys)
		return IM_E_NOMEM;
	keys->hash = *hash;
	/* What is left in this queue the broker would take for its own connections' errors. */
	ERR_set_mark();
	ret = add_single(keys, o, why);
	if (!ret)
		ret = add_folder(keys, o->jwt_key_dir, why);
	ERR_pop_to_mark();
	if (ret)
		jwt_keys_free(&keys);
	*out = keys;
	return ret;
}

size_t jwt_keys_count(const struct jwt_keys *k)
{
	return k->n;
}

const struct jwt_key *jwt_keys_find(const struct jwt_keys *k, struct im_str kid)
{
	return find(k, kid.p && k->folder ? kid : IM_STR(DEFAULT));
}

bool jwt_keys_have(const struct jwt_keys *k, uint64_t fingerprint)
{
	for (size_t i = 0; i < k->n; i++) {
		if (k->key[i].fingerprint == fingerprint)
			return true;
	}
	return false;
}
