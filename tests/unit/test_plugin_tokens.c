/* SPDX-License-Identifier: BSD-3-Clause */
/* Logins by token: what a token must say, the keys it may be signed with, and what wrong ones cost.
 */
#include <jwt.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/jwt.h"
#include "tests/unit/auth_fixture.h"

/* ---- tokens ---- */

struct claims {
	const char *sub, *iss, *aud_json;
	const char *exp_json, *nbf_json;
	jwt_alg_t alg;
	const char *key, *kid;
	int64_t iat;
};

static char *make_token(const struct claims *c)
{
	char json[512], *token;
	jwt_t *j;

	assert_int_equal(jwt_new(&j), 0);
	snprintf(json, sizeof(json), "{\"exp\":%s}", c->exp_json ? c->exp_json : "1763650100");
	if (!c->exp_json || *c->exp_json)
		assert_int_equal(jwt_add_grants_json(j, json), 0);
	if (c->iat)
		assert_int_equal(jwt_add_grant_int(j, "iat", (long)c->iat), 0);
	if (c->nbf_json) {
		snprintf(json, sizeof(json), "{\"nbf\":%s}", c->nbf_json);
		assert_int_equal(jwt_add_grants_json(j, json), 0);
	}
	if (c->aud_json) {
		snprintf(json, sizeof(json), "{\"aud\":%s}", c->aud_json);
		assert_int_equal(jwt_add_grants_json(j, json), 0);
	}
	assert_int_equal(jwt_add_grant(j, "sub", c->sub ? c->sub : "alice"), 0);
	if (c->iss)
		assert_int_equal(jwt_add_grant(j, "iss", c->iss), 0);
	if (c->kid)
		assert_int_equal(jwt_add_header(j, "kid", c->kid), 0);
	if (c->alg != JWT_ALG_NONE)
		assert_int_equal(
			jwt_set_alg(j, c->alg, (const unsigned char *)c->key, (int)strlen(c->key)),
			0);
	token = jwt_encode_str(j);
	assert_non_null(token);
	jwt_free(j);
	return token;
}

static bool token_accepted(struct fixture *f, const char *uid, struct claims c)
{
	char *token;
	bool good;

	if (!c.key && c.alg == JWT_ALG_HS256)
		c.key = SECRET;
	token = make_token(&c);
	good = fixture_accepts(f, uid, token);
	free(token);
	return good;
}

#define HS(...) ((struct claims){.alg = JWT_ALG_HS256, __VA_ARGS__})

static void start_hs256(struct fixture *f, const struct options_pair *more, size_t n)
{
	struct options_pair o[6];
	char path[128];

	node_folder(&f->n);
	f->n.wall_ms = NOW * INT64_C(1000);
	fixture_file(f, "secret", SECRET "\n");
	snprintf(path, sizeof(path), "%s/secret", f->n.dir);
	o[0] = (struct options_pair){"jwt_secret_file", path};
	if (n)
		memcpy(o + 1, more, n * sizeof(*more));
	fixture_start(f, o, 1 + n);
}

static void tokens(void **state)
{
	struct fixture f = {0};

	(void)state;
	start_hs256(&f, NULL, 0);
	assert_true(token_accepted(&f, "alice", HS(.sub = "alice")));
	assert_true(fixture_accepts(&f, "alice", "pw"));
	assert_false(token_accepted(&f, "bob", HS(.sub = "alice")));
	assert_false(token_accepted(&f, "alice", HS(.key = SECRET "x")));
	assert_false(token_accepted(&f, "alice", HS(.exp_json = "1763650000")));
	assert_true(token_accepted(&f, "alice", HS(.exp_json = "1763650001")));
	assert_true(token_accepted(&f, "alice", HS(.exp_json = "1763650001.9")));
	assert_false(token_accepted(&f, "alice", HS(.exp_json = "")));
	assert_false(token_accepted(&f, "alice", HS(.exp_json = "\"1763650100\"")));
	assert_false(token_accepted(&f, "alice", HS(.exp_json = "null")));
	assert_false(token_accepted(&f, "alice", HS(.exp_json = "-5")));
	assert_false(token_accepted(&f, "alice", HS(.exp_json = "1e300")));
	assert_true(token_accepted(&f, "alice", HS(.nbf_json = "1763650030")));
	assert_false(token_accepted(&f, "alice", HS(.nbf_json = "1763650031")));
	assert_false(token_accepted(&f, "alice", HS(.nbf_json = "\"now\"")));
	assert_false(token_accepted(&f, "nobody", HS(.sub = "nobody")));
	/* Neither another algorithm of the family, nor none. */
	assert_false(
		token_accepted(&f, "alice", (struct claims){.alg = JWT_ALG_HS512, .key = SECRET}));
	assert_false(token_accepted(&f, "alice", (struct claims){.alg = JWT_ALG_NONE}));
	node_sql(&f.n, "UPDATE user SET disabled = 1 WHERE uid = 'alice'");
	lookup_forget_user(f.d, IM_STR("alice"));
	assert_false(token_accepted(&f, "alice", HS(.sub = "alice")));
	fixture_stop(&f);
}

static void issuer_and_audience(void **state)
{
	const struct options_pair o[] = {{"jwt_issuer", "https://id"}, {"jwt_audience", "im"}};
	struct fixture f = {0};

	(void)state;
	start_hs256(&f, o, 2);
	assert_true(token_accepted(&f, "alice", HS(.iss = "https://id", .aud_json = "\"im\"")));
	assert_true(
		token_accepted(&f, "alice", HS(.iss = "https://id", .aud_json = "[\"x\",\"im\"]")));
	assert_false(token_accepted(&f, "alice", HS(.iss = "https://id")));
	assert_false(token_accepted(&f, "alice", HS(.iss = "https://id", .aud_json = "[1,\"x\"]")));
	assert_false(token_accepted(&f, "alice", HS(.iss = "https://id", .aud_json = "\"i\"")));
	assert_false(token_accepted(&f, "alice", HS(.iss = "https://i", .aud_json = "\"im\"")));
	assert_false(token_accepted(&f, "alice", HS(.aud_json = "\"im\"")));
	fixture_stop(&f);
}

static void creates_users_if_asked_to(void **state)
{
	const struct options_pair o[] = {{"jwt_auto_create", "true"}};
	struct fixture f = {0};
	struct claims c = HS(.sub = "dave");
	struct auth_verdict v;
	char *token;

	(void)state;
	start_hs256(&f, o, 1);
	c.key = SECRET;
	token = make_token(&c);
	v = fixture_check(&f, "dave", token);
	assert_true(v.accepted && v.create);
	assert_int_equal(v.expires_s, NOW + 100);
	assert_int_equal(lookup_user_pending(f.d, IM_STR("dave")), IM_OK);
	v = fixture_check(&f, "dave", token);
	assert_true(v.accepted && !v.create);
	assert_false(fixture_check(&f, "erin", token).accepted);
	assert_false(fixture_accepts(&f, "dave", "pw"));
	free(token);
	fixture_stop(&f);
}

static void a_token_makes_nobody_of_a_name_that_is_taken(void **state)
{
	const struct options_pair o[] = {{"jwt_auto_create", "true"}};
	static const struct {
		const char *uid, *why;
	} cases[] = {
		{"bob", "the account was deleted"},
		{"Alice", "unknown user"},
		{"BOB", "unknown user"},
		{"all", "the name is reserved"},
		{"Deleted-3", "the name is reserved"},
		{"IM-bridge", "the name is reserved"},
	};
	struct fixture f = {0};
	struct auth_verdict v;

	(void)state;
	start_hs256(&f, o, 1);
	node_sql(&f.n, "UPDATE user SET deleted = 1, disabled = 1 WHERE uid = 'bob'");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct claims c = HS(.sub = cases[i].uid, .key = SECRET);
		char *token = make_token(&c);

		v = fixture_check(&f, cases[i].uid, token);
		assert_false(v.accepted);
		assert_string_equal(v.no.why, cases[i].why);
		free(token);
	}
	assert_string_equal(fixture_check(&f, "bob", "pw").no.why, "the account was deleted");
	assert_string_equal(fixture_check(&f, "Alice", "pw").no.why, "unknown user");
	fixture_stop(&f);
}

static void tokens_from_before_a_return_are_void(void **state)
{
	struct fixture f = {0};
	struct claims old = HS(.key = SECRET, .iat = NOW - 10), none = HS(.key = SECRET),
		      fresh = HS(.key = SECRET, .iat = NOW + 6);
	struct auth_verdict v;
	char *tokens[3] = {make_token(&old), make_token(&none), make_token(&fresh)};

	(void)state;
	start_hs256(&f, NULL, 0);
	v = fixture_check(&f, "alice", tokens[0]);
	assert_true(v.accepted);
	assert_true(fixture_accepts(&f, "alice", tokens[1]));
	/* Deleted and given back half a second after NOW + 5. */
	node_sql(&f.n, "UPDATE user SET tokens_from_ms = 1763650005500 WHERE uid = 'alice'");
	lookup_forget_user(f.d, IM_STR("alice"));
	assert_false(auth_still_valid(f.a, IM_STR("alice"), &v));
	for (int i = 0; i < 2; i++) { /* remembered or not */
		v = fixture_check(&f, "alice", tokens[i]);
		assert_false(v.accepted);
		assert_non_null(strstr(v.no.why, "iat"));
	}
	v = fixture_check(&f, "alice", tokens[2]);
	assert_true(v.accepted);
	assert_true(auth_still_valid(f.a, IM_STR("alice"), &v));
	assert_true(fixture_accepts(&f, "alice", tokens[2]));
	for (int i = 0; i < 3; i++)
		free(tokens[i]);
	fixture_stop(&f);
}

static void a_remembered_token_still_expires(void **state)
{
	struct fixture f = {0};
	struct claims c = HS(.key = SECRET);
	struct auth_verdict v;
	char *token;

	(void)state;
	start_hs256(&f, NULL, 0);
	token = make_token(&c);
	assert_true(fixture_accepts(&f, "alice", token));
	v = fixture_check(&f, "alice", token);
	assert_true(v.accepted);
	assert_int_equal(auth_stats(f.a)->tokens, 1);
	assert_true(auth_still_valid(f.a, IM_STR("alice"), &v));
	f.n.wall_ms += 100 * 1000;
	assert_false(fixture_accepts(&f, "alice", token));
	assert_false(auth_still_valid(f.a, IM_STR("alice"), &v));
	free(token);
	fixture_stop(&f);
}

/* ---- whatever a header or claims may say ---- */

static void put_part(struct im_buf *b, const void *p, size_t n)
{
	size_t from = b->n;

	im_buf_base64(b, p, n);
	while (b->n > from && b->p[b->n - 1] == '=')
		b->n--;
	for (size_t i = from; i < b->n; i++)
		b->p[i] = (char)(b->p[i] == '+' ? '-' : b->p[i] == '/' ? '_' : b->p[i]);
}

static void make_raw(struct im_buf *b, const char *header, const char *claims, const char *secret)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	im_buf_init(b, 0);
	put_part(b, header, strlen(header));
	im_buf_c(b, '.');
	put_part(b, claims, strlen(claims));
	assert_non_null(HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)b->p,
		b->n, mac, &n));
	im_buf_c(b, '.');
	put_part(b, mac, n);
	im_buf_c(b, '\0');
	assert_false(b->failed);
}

#define ALG "{\"alg\":\"HS256\"}"
#define GOOD "{\"sub\":\"alice\",\"exp\":1763650100}"

/* NULL: let in; or why not. */
static const char *refusal(struct fixture *f, const char *header, const char *claims)
{
	struct auth_verdict v;
	struct im_buf b;

	make_raw(&b, header, claims, SECRET);
	v = fixture_check(f, "alice", b.p);
	im_buf_free(&b);
	assert_false(is_busy(v));
	return v.accepted ? NULL : v.no.why;
}

static void a_token_says_everything_once(void **state)
{
	static const struct {
		const char *header, *claims, *why;
	} cases[] = {
		{ALG, GOOD, NULL},
		{"{\"typ\":\"JWT\",\"alg\":\"HS256\",\"kid\":\"any\"}", GOOD, NULL},
		{"{\"alg\":\"HS256\",\"\\u0061lg\":\"HS256\"}", GOOD, "twice"},
		{"{\"alg\":\"none\",\"alg\":\"HS256\"}", GOOD, "twice"},
		{"{\"alg\":\"HS256\",\"x\":1,\"x\":1}", GOOD, "twice"},
		{ALG, "{\"sub\":\"bob\",\"sub\":\"alice\",\"exp\":1763650100}", "twice"},
		{ALG, "{\"sub\":\"alice\",\"exp\":1763650100,\"exp\":1763650200}", "twice"},
		{ALG, "{\"sub\":\"alice\",\"\\u0065xp\":1763650100,\"exp\":1763650100}", "twice"},
		{ALG, "{\"sub\":\"alice\",\"exp\":1763650100,\"a\":1,\"a\":1}", "twice"},
		{ALG, "{\"sub\":\"alice\",\"exp\":1763650100,\"a\":{\"b\":1,\"b\":1}}", NULL},
		{ALG, "{\"s\\u0075b\":\"\\u0061lice\",\"exp\":1763650100}", NULL},
		{"{\"alg\":\"HS256\",\"crit\":[\"exp\"],\"exp\":1}", GOOD, "crit"},
		{"{\"alg\":\"HS256\",\"crit\":[]}", GOOD, "crit"},
		{"{\"alg\":\"hs256\"}", GOOD, "alg"},
		{"{\"alg\":\"HS512\"}", GOOD, "alg"},
		{"{\"alg\":\"none\"}", GOOD, "alg"},
		{"{\"alg\":[\"HS256\"]}", GOOD, "alg"},
		{"{\"typ\":\"JWT\"}", GOOD, "alg"},
		{"{}", GOOD, "alg"},
		{"{\"alg\"}", GOOD, "malformed"},
		{"{\"alg\":\"HS256\"", GOOD, "malformed"},
		{ALG, "[\"sub\",\"alice\"]", "malformed"},
		{ALG, "{\"sub\":\"alice\",\"exp\":1763650100}x", "malformed"},
		{ALG, "{\"sub\":[\"alice\"],\"exp\":1763650100}", "sub"},
		{ALG, "{\"sub\":\"Alice\",\"exp\":1763650100}", "sub"},
		{ALG, "{\"exp\":1763650100}", "sub"},
		/* Ten years are enough for anybody. */
		{ALG, "{\"sub\":\"alice\",\"exp\":2079269200}", NULL},
		{ALG, "{\"sub\":\"alice\",\"exp\":2079269201}", "ten years"},
		{ALG, "{\"sub\":\"alice\",\"exp\":9223372036854775807}", "ten years"},
		{ALG, "{\"sub\":\"alice\",\"exp\":92233720368547758070}", "exp"},
		{ALG, "{\"sub\":\"alice\",\"exp\":1763650100,\"iat\":1763650030}", NULL},
		{ALG, "{\"sub\":\"alice\",\"exp\":1763650100,\"iat\":1763650031}", "iat"},
		{ALG, "{\"sub\":\"alice\",\"exp\":1763650100,\"iat\":\"1\"}", "iat"},
		{ALG, "{\"sub\":\"alice\",\"exp\":1763650100,\"iat\":-1.5e3}", NULL},
	};
	struct fixture f = {0};
	const char *why;
	size_t i;

	(void)state;
	start_hs256(&f, NULL, 0);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		why = refusal(&f, cases[i].header, cases[i].claims);
		if (!cases[i].why ? why != NULL : !why || !strstr(why, cases[i].why))
			fail_msg("%s %s: %s", cases[i].header, cases[i].claims, why ? why : "in");
	}
	fixture_stop(&f);
}

/* Each name is compared with all before it. */
static void a_token_has_a_bound_on_what_it_says(void **state)
{
	struct fixture f = {0};
	struct im_buf claims;
	int n;

	(void)state;
	start_hs256(&f, NULL, 0);
	for (n = 97; n <= 98; n++) {
		im_buf_init(&claims, 0);
		im_buf_z(&claims, "{\"sub\":\"alice\",\"exp\":1763650100");
		for (int i = 0; i < n; i++)
			im_buf_printf(&claims, ",\"c%d\":%d", i, i);
		im_buf_z(&claims, "}");
		im_buf_c(&claims, '\0');
		if (n == 97)
			assert_null(refusal(&f, ALG, claims.p));
		else
			assert_string_equal(
				refusal(&f, ALG, claims.p), "token has too many members");
		im_buf_free(&claims);
	}
	fixture_stop(&f);
}

/* One token has one text: no padding, no spare bits, no other alphabet. */
static void a_token_has_one_form(void **state)
{
	struct fixture f = {0};
	struct im_buf b;
	char *last;

	(void)state;
	start_hs256(&f, NULL, 0);
	make_raw(&b, ALG, GOOD, SECRET);
	last = b.p + b.n - 2;
	assert_true(fixture_accepts(&f, "alice", b.p));
	/* 43 characters for 32 bytes: the last one has two bits too many. */
	*last = (char)(*last + 1);
	assert_string_equal(fixture_check(&f, "alice", b.p).no.why,
		"token's signature is not one of its key's");
	im_buf_free(&b);
	fixture_stop(&f);
}

static void what_a_token_says_is_read_before_its_signature(void **state)
{
	struct fixture f = {0};
	struct im_buf b;
	int i;

	(void)state;
	start_hs256(&f, NULL, 0);
	make_raw(&b, ALG, "{\"sub\":\"alice\",\"exp\":1763650000}", "another secret");
	for (i = 0; i < 10000; i++)
		assert_string_equal(fixture_check(&f, "alice", b.p).no.why, "token has expired");
	im_buf_free(&b);
	assert_int_equal(auth_stats(f.a)->tokens, 0);
	assert_int_equal(auth_stats(f.a)->throttled, 0);
	fixture_stop(&f);
}

static void wrong_signatures_have_a_budget_of_their_own(void **state)
{
	struct fixture f = {0};
	char address[32], claims[64];
	int64_t began_us, allowed_us;
	uint64_t looked = 0;
	struct im_buf b;
	int i;

	(void)state;
	start_hs256(&f, NULL, 0);
	node_sql(&f.n,
		"INSERT INTO user(uid, password, created_ms) SELECT 'u' || value, password, 0"
		" FROM user, json_each('[0,1,2,3,4,5,6,7,8,9]') WHERE uid = 'bob'");
	make_raw(&b, ALG, GOOD, "another secret");
	began_us = f.n.mono_us;
	f.mono_step_us = 100; /* which a signature seems to take */
	for (i = 0; i < 20000; i++) {
		snprintf(address, sizeof(address), "192.0.2.%d", i % 250);
		f.address = address;
		assert_false(fixture_accepts(&f, "alice", b.p));
	}
	/* A twentieth of the time, and what a moment had saved up. */
	looked = auth_stats(f.a)->tokens;
	allowed_us = (f.n.mono_us - began_us + 5000000) / 20;
	assert_in_range(looked * 100, (uint64_t)allowed_us / 4, (uint64_t)allowed_us + 100);
	assert_int_equal(auth_stats(f.a)->throttled_tokens, 20000 - looked);
	assert_int_equal(auth_stats(f.a)->throttled, 20000 - looked);
	/* A valid one from elsewhere is in at once, the attacked user's too; and so are passwords.
	 */
	f.address = "198.51.100.1";
	assert_true(token_accepted(&f, "alice", HS(.sub = "alice")));
	assert_true(fixture_accepts(&f, "alice", "pw"));
	for (i = 0; i < 10; i++) {
		snprintf(claims, sizeof(claims), "u%d", i);
		assert_true(token_accepted(&f, claims, HS(.sub = claims)));
		assert_true(fixture_accepts(&f, claims, "pw"));
	}
	im_buf_free(&b);
	fixture_stop(&f);
}

static void wrong_passwords_cost_no_token_anything(void **state)
{
	struct fixture f = {0};
	char address[32];
	int i;

	(void)state;
	start_hs256(&f, NULL, 0);
	f.mono_step_us = 10000;
	for (i = 0; i < 1000; i++) {
		snprintf(address, sizeof(address), "192.0.2.%d", i % 250);
		f.address = i % 2 ? address : "192.0.2.1";
		assert_false(fixture_accepts(&f, "alice", "wrong"));
	}
	assert_true(auth_stats(f.a)->throttled > 100);
	f.address = "192.0.2.1";
	for (i = 0; i < 39; i++) {
		char exp[16];

		snprintf(exp, sizeof(exp), "%d", NOW + 100 + i);
		assert_true(token_accepted(&f, "alice", HS(.sub = "alice", .exp_json = exp)));
	}
	assert_int_equal(auth_stats(f.a)->throttled_tokens, 0);
	assert_int_equal(auth_stats(f.a)->tokens, 39);
	fixture_stop(&f);
}

/* ---- keys ---- */

static char *pem_of(EVP_PKEY *k, bool private)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text, *data;
	long n;

	if (private)
		assert_int_equal(
			PEM_write_bio_PKCS8PrivateKey(bio, k, NULL, NULL, 0, NULL, NULL), 1);
	else
		assert_int_equal(PEM_write_bio_PUBKEY(bio, k), 1);
	n = BIO_get_mem_data(bio, &data);
	text = strndup(data, (size_t)n);
	BIO_free(bio);
	return text;
}

static void start_pem(struct fixture *f, const char *algorithm, const char *public)
{
	struct options_pair o[2] = {{"jwt_key_file", NULL}, {"jwt_algorithm", algorithm}};
	char path[128];

	node_folder(&f->n);
	f->n.wall_ms = NOW * INT64_C(1000);
	fixture_file(f, "key.pem", public);
	snprintf(path, sizeof(path), "%s/key.pem", f->n.dir);
	o[0].value = path;
	fixture_start(f, o, 2);
}

static void public_keys(void **state)
{
	EVP_PKEY *rsa = EVP_RSA_gen(2048), *ec = EVP_EC_gen("P-256");
	char *rsa_private = pem_of(rsa, true), *rsa_public = pem_of(rsa, false);
	char *ec_private = pem_of(ec, true), *ec_public = pem_of(ec, false);
	struct fixture f = {0};

	(void)state;
	start_pem(&f, "RS256", rsa_public);
	assert_true(token_accepted(
		&f, "alice", (struct claims){.alg = JWT_ALG_RS256, .key = rsa_private}));
	assert_false(token_accepted(
		&f, "alice", (struct claims){.alg = JWT_ALG_RS512, .key = rsa_private}));
	/* The public key taken for a secret: everybody has it. */
	assert_false(token_accepted(
		&f, "alice", (struct claims){.alg = JWT_ALG_HS256, .key = rsa_public}));
	assert_false(token_accepted(
		&f, "alice", (struct claims){.alg = JWT_ALG_ES256, .key = ec_private}));
	fixture_stop(&f);
	start_pem(&f, "ES256", ec_public);
	assert_true(token_accepted(
		&f, "alice", (struct claims){.alg = JWT_ALG_ES256, .key = ec_private}));
	assert_false(token_accepted(
		&f, "alice", (struct claims){.alg = JWT_ALG_HS256, .key = ec_public}));
	fixture_stop(&f);
	free(rsa_private);
	free(rsa_public);
	free(ec_private);
	free(ec_public);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(ec);
}

static void key_refused(const char *text, const char *algorithm, const char *says)
{
	static const struct im_sipkey hash = {"0123456789abcde"};
	struct fixture f = {0};
	struct jwt_keys *k;
	struct im_buf why;
	char path[128];

	node_folder(&f.n);
	fixture_file(&f, "key", text);
	snprintf(path, sizeof(path), "%s/key", f.n.dir);
	im_buf_init(&why, 0);
	f.o.jwt_algorithm = strcmp(algorithm, "HS256") == 0   ? JWT_HS256
			    : strcmp(algorithm, "RS256") == 0 ? JWT_RS256
							      : JWT_ES256;
	if (f.o.jwt_algorithm == JWT_HS256)
		f.o.jwt_secret_file = path;
	else
		f.o.jwt_key_file = path;
	assert_int_not_equal(jwt_keys_load(&f.o, &hash, &k, &why), IM_OK);
	assert_null(k);
	im_buf_c(&why, '\0');
	if (!strstr(why.p, says))
		fail_msg("\"%s\" does not say \"%s\"", why.p, says);
	im_buf_free(&why);
	node_folder_remove(&f.n);
}

static void unusable_keys_are_refused(void **state)
{
	EVP_PKEY *small = EVP_RSA_gen(1024), *ec = EVP_EC_gen("P-384");
	char *small_public = pem_of(small, false), *ec_public = pem_of(ec, false);
	char *huge = calloc(1, JWT_KEY_MAX + 2);

	(void)state;
	memset(huge, 'k', JWT_KEY_MAX + 1);
	key_refused("", "HS256", "0 bytes");
	key_refused("0123456789abcdef0123456789abcde\n", "HS256", "31 bytes");
	key_refused(huge, "HS256", "no key");
	key_refused("garbage", "RS256", "RSA");
	key_refused(small_public, "RS256", "RSA");
	key_refused(ec_public, "RS256", "RSA");
	key_refused(ec_public, "ES256", "P-256");
	key_refused(small_public, "ES256", "P-256");
	free(huge);
	free(small_public);
	free(ec_public);
	EVP_PKEY_free(small);
	EVP_PKEY_free(ec);
}

/* ---- a folder of keys ---- */

static void folder_path(const struct fixture *f, char out[128])
{
	snprintf(out, 128, "%s/keys", f->n.dir);
}

static void start_folder(struct fixture *f, const struct options_pair *more, size_t n)
{
	struct options_pair o[6] = {{"jwt_key_dir", NULL}};
	char path[128];

	f->n.wall_ms = NOW * INT64_C(1000);
	folder_path(f, path);
	o[0].value = path;
	if (n)
		memcpy(o + 1, more, n * sizeof(*more));
	fixture_start(f, o, 1 + n);
}

static void make_folder(struct fixture *f)
{
	char path[128];

	node_folder(&f->n);
	folder_path(f, path);
	assert_int_equal(mkdir(path, 0700), 0);
}

static struct auth_verdict check_kid(
	struct fixture *f, const char *kid, const char *secret, int64_t exp)
{
	char header[600], claims[128];
	struct auth_verdict v;
	struct im_buf b;

	if (kid)
		snprintf(header, sizeof(header), "{\"alg\":\"HS256\",\"kid\":\"%s\"}", kid);
	else
		snprintf(header, sizeof(header), ALG);
	snprintf(claims, sizeof(claims), "{\"sub\":\"alice\",\"exp\":%lld}", (long long)exp);
	make_raw(&b, header, claims, secret);
	v = fixture_check(f, "alice", b.p);
	im_buf_free(&b);
	return v;
}

#define OTHER SECRET "other"

static void reload(struct fixture *f, const char *says)
{
	struct im_buf why;
	int ret;

	im_buf_init(&why, 0);
	ret = auth_reload(f->a, &why);
	im_buf_c(&why, '\0');
	if (says)
		assert_int_not_equal(ret, IM_OK);
	else
		assert_int_equal(ret, IM_OK);
	if (says && !strstr(why.p, says))
		fail_msg("\"%s\" does not say \"%s\"", why.p, says);
	im_buf_free(&why);
}

static void a_tokens_kid_says_which_key(void **state)
{
	EVP_PKEY *ec = EVP_EC_gen("P-256"), *rsa = EVP_RSA_gen(2048);
	char *ec_private = pem_of(ec, true), *ec_public = pem_of(ec, false);
	char *rsa_private = pem_of(rsa, true), *rsa_public = pem_of(rsa, false);
	struct fixture f = {0};

	(void)state;
	make_folder(&f);
	fixture_file(&f, "keys/2025.01.secret", SECRET "\n");
	fixture_file(&f, "keys/default.secret", OTHER "\n");
	fixture_file(&f, "keys/ec.pem", ec_public);
	fixture_file(&f, "keys/rsa.pem", rsa_public);
	fixture_file(&f, "keys/.2025.02.secret.swp", "x");
	start_folder(&f, NULL, 0);
	assert_int_equal(auth_keys(f.a), 4);
	assert_true(check_kid(&f, "2025.01", SECRET, NOW + 100).accepted);
	assert_true(check_kid(&f, "2025\\u002e01", SECRET, NOW + 100).accepted);
	assert_true(check_kid(&f, NULL, OTHER, NOW + 100).accepted);
	assert_true(check_kid(&f, "default", OTHER, NOW + 100).accepted);
	/* Each key is for its own name, and for its own algorithm. */
	assert_string_equal(
		check_kid(&f, "2025.01", OTHER, NOW + 100).no.why, "token's signature is wrong");
	assert_string_equal(
		check_kid(&f, NULL, SECRET, NOW + 100).no.why, "token's signature is wrong");
	assert_string_equal(
		check_kid(&f, "ec", ec_public, NOW + 100).no.why, "token's alg is not its key's");
	assert_string_equal(
		check_kid(&f, "rsa", rsa_public, NOW + 100).no.why, "token's alg is not its key's");
	assert_true(token_accepted(&f, "alice",
		(struct claims){.alg = JWT_ALG_ES256, .key = ec_private, .kid = "ec"}));
	assert_true(token_accepted(&f, "alice",
		(struct claims){.alg = JWT_ALG_RS256, .key = rsa_private, .kid = "rsa"}));
	assert_false(token_accepted(&f, "alice",
		(struct claims){.alg = JWT_ALG_ES256, .key = ec_private, .kid = "rsa"}));
	fixture_stop(&f);
	free(ec_private);
	free(ec_public);
	free(rsa_private);
	free(rsa_public);
	EVP_PKEY_free(ec);
	EVP_PKEY_free(rsa);
}

static void a_kid_is_a_name_and_no_path(void **state)
{
	const char *const kids[] = {"", "2025.01.secret", "../keys/2025.01", "./2025.01",
		"/etc/passwd", "2025.0", "2025.011", ".hidden", "2025\\n01"};
	struct fixture f = {0};
	size_t i;

	(void)state;
	make_folder(&f);
	fixture_file(&f, "keys/2025.01.secret", SECRET);
	fixture_file(&f, "keys/.hidden.secret", SECRET);
	start_folder(&f, NULL, 0);
	assert_int_equal(auth_keys(f.a), 1);
	for (i = 0; i < sizeof(kids) / sizeof(kids[0]); i++) {
		const char *why = check_kid(&f, kids[i], SECRET, NOW + 100).no.why;

		if (!why || !strstr(why, "kid"))
			fail_msg("%s: %s", kids[i], why ? why : "in");
	}
	assert_string_equal(check_kid(&f, NULL, SECRET, NOW + 100).no.why,
		"token has no kid, and there is no key called default");
	assert_string_equal(
		refusal(&f, "{\"alg\":\"HS256\",\"kid\":1}", GOOD), "token's kid is no text");
	assert_string_equal(
		check_kid(&f, "2025.01\\u0000", SECRET, NOW + 100).no.why, "token is malformed");
	fixture_stop(&f);
}

static void without_a_folder_names_do_not_matter(void **state)
{
	struct fixture f = {0};

	(void)state;
	start_hs256(&f, NULL, 0);
	assert_true(check_kid(&f, "whatever the issuer calls it", SECRET, NOW + 100).accepted);
	fixture_stop(&f);
}

static void the_single_key_is_the_folders_default(void **state)
{
	struct options_pair o[] = {{"jwt_secret_file", NULL}};
	struct fixture f = {0};
	char path[128];

	(void)state;
	make_folder(&f);
	snprintf(path, sizeof(path), "%s/single", f.n.dir);
	o[0].value = path;
	fixture_file(&f, "single", OTHER);
	fixture_file(&f, "keys/a.secret", SECRET);
	start_folder(&f, o, 1);
	assert_true(check_kid(&f, NULL, OTHER, NOW + 100).accepted);
	assert_true(check_kid(&f, "default", OTHER, NOW + 100).accepted);
	assert_true(check_kid(&f, "a", SECRET, NOW + 100).accepted);
	fixture_file(&f, "keys/default.secret", SECRET);
	reload(&f, "second key called default");
	fixture_stop(&f);
}

static void a_session_ends_with_its_own_key(void **state)
{
	struct fixture f = {0};
	struct auth_verdict a, b;
	char from[160], to[160];

	(void)state;
	make_folder(&f);
	fixture_file(&f, "keys/a.secret", SECRET);
	start_folder(&f, NULL, 0);
	a = check_kid(&f, "a", SECRET, NOW + 100);
	assert_true(a.accepted && a.credential);
	/* Another key, the same one again, or under another name: nobody's end. */
	fixture_file(&f, "keys/b.secret", OTHER "\n");
	fixture_file(&f, "keys/a.secret", SECRET "\r\n");
	reload(&f, NULL);
	b = check_kid(&f, "b", OTHER, NOW + 100);
	assert_true(b.accepted && b.credential != a.credential);
	assert_true(auth_still_valid(f.a, IM_STR("alice"), &a));
	snprintf(from, sizeof(from), "%s/keys/a.secret", f.n.dir);
	snprintf(to, sizeof(to), "%s/keys/c.secret", f.n.dir);
	assert_int_equal(rename(from, to), 0);
	reload(&f, NULL);
	assert_true(auth_still_valid(f.a, IM_STR("alice"), &a));
	assert_false(check_kid(&f, "a", SECRET, NOW + 101).accepted);
	/* What cannot be read leaves all as it was. */
	fixture_file(&f, "keys/c.secret", "short");
	reload(&f, "keys/c.secret holds 5 bytes");
	assert_true(auth_still_valid(f.a, IM_STR("alice"), &a));
	assert_true(check_kid(&f, "c", SECRET, NOW + 102).accepted);
	/* Changed or gone, it ends its own, also those that are remembered. */
	fixture_file(&f, "keys/c.secret", SECRET "!");
	reload(&f, NULL);
	assert_false(auth_still_valid(f.a, IM_STR("alice"), &a));
	assert_false(check_kid(&f, "c", SECRET, NOW + 102).accepted);
	assert_true(auth_still_valid(f.a, IM_STR("alice"), &b));
	snprintf(from, sizeof(from), "%s/keys/b.secret", f.n.dir);
	assert_int_equal(unlink(from), 0);
	assert_int_equal(unlink(to), 0);
	reload(&f, NULL);
	assert_int_equal(auth_keys(f.a), 0);
	assert_false(auth_still_valid(f.a, IM_STR("alice"), &b));
	assert_false(check_kid(&f, "b", OTHER, NOW + 100).accepted);
	assert_true(fixture_accepts(&f, "alice", "pw"));
	fixture_stop(&f);
}

static void a_folder_holds_nothing_but_keys(void **state)
{
	char name[JWT_KID_MAX + 32], path[300];
	EVP_PKEY *ec = EVP_EC_gen("P-256");
	char *ec_public = pem_of(ec, false);
	struct fixture f = {0};
	int i;

	(void)state;
	make_folder(&f);
	fixture_file(&f, "keys/a.secret", SECRET);
	start_folder(&f, NULL, 0);
	fixture_file(&f, "keys/README", "x");
	reload(&f, "README ends neither in .secret nor in .pem");
	snprintf(path, sizeof(path), "%s/keys/README", f.n.dir);
	unlink(path);
	fixture_file(&f, "keys/a.pem", ec_public);
	free(ec_public);
	EVP_PKEY_free(ec);
	reload(&f, "a.secret is a second key called a");
	snprintf(path, sizeof(path), "%s/keys/a.pem", f.n.dir);
	unlink(path);
	fixture_file(&f, "keys/b.pem", "-----BEGIN PRIVATE KEY-----");
	reload(&f, "b.pem holds no public key");
	snprintf(path, sizeof(path), "%s/keys/b.pem", f.n.dir);
	unlink(path);
	memset(name, 0, sizeof(name));
	snprintf(name, sizeof(name), "keys/%0*d.secret", JWT_KID_MAX + 1, 1);
	fixture_file(&f, name, SECRET);
	reload(&f, "a key's name has 1 to");
	snprintf(path, sizeof(path), "%s/%s", f.n.dir, name);
	unlink(path);
	for (i = 0; i < JWT_KEYS_MAX; i++) {
		snprintf(name, sizeof(name), "keys/k%d.secret", i);
		fixture_file(&f, name, SECRET);
	}
	reload(&f, "one key too many");
	assert_int_equal(auth_keys(f.a), 1);
	fixture_stop(&f);
}

/* The broker would take what is left there for an error of the next TLS connection. */
static void nothing_is_left_in_openssls_queue_of_errors(void **state)
{
	EVP_PKEY *ec = EVP_EC_gen("P-256"), *rsa = EVP_RSA_gen(2048), *wrong = EVP_RSA_gen(2048);
	char *ec_public = pem_of(ec, false), *rsa_public = pem_of(rsa, false);
	char *wrong_private = pem_of(wrong, true);
	struct claims es = {.alg = JWT_ALG_RS256, .key = wrong_private, .kid = "rsa"};
	struct fixture f = {0};
	struct im_buf b;
	char *token;

	(void)state;
	make_folder(&f);
	fixture_file(&f, "keys/ec.pem", ec_public);
	fixture_file(&f, "keys/rsa.pem", rsa_public);
	start_folder(&f, NULL, 0);
	token = make_token(&es);
	ERR_clear_error();
	assert_string_equal(fixture_check(&f, "alice", token).no.why, "token's signature is wrong");
	assert_int_equal(ERR_peek_error(), 0);
	free(token);
	/* Zeros are no r and no s. */
	im_buf_init(&b, 0);
	put_part(&b, "{\"alg\":\"ES256\",\"kid\":\"ec\"}", 26);
	im_buf_c(&b, '.');
	put_part(&b, GOOD, strlen(GOOD));
	im_buf_c(&b, '.');
	put_part(&b, (const char[64]){0}, 64);
	im_buf_c(&b, '\0');
	assert_string_equal(fixture_check(&f, "alice", b.p).no.why, "token's signature is wrong");
	assert_int_equal(ERR_peek_error(), 0);
	im_buf_free(&b);
	fixture_file(&f, "keys/bad.pem", "x");
	reload(&f, "bad.pem");
	assert_int_equal(ERR_peek_error(), 0);
	fixture_stop(&f);
	free(ec_public);
	free(rsa_public);
	free(wrong_private);
	EVP_PKEY_free(ec);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(wrong);
}

static void what_looks_like_a_token(void **state)
{
	char longest[JWT_TOKEN_MAX + 2];

	(void)state;
	assert_true(jwt_looks_like(IM_STR("eyJ.b-_.C9")));
	assert_false(jwt_looks_like(IM_STR("")));
	assert_false(jwt_looks_like(IM_STR("ey.b")));
	assert_false(jwt_looks_like(IM_STR("ey..c")));
	assert_false(jwt_looks_like(IM_STR(".b.c")));
	assert_false(jwt_looks_like(IM_STR("ey.b.")));
	assert_false(jwt_looks_like(IM_STR("ey.b.c.d")));
	assert_false(jwt_looks_like(IM_STR("ey.b.c=")));
	assert_false(jwt_looks_like(IM_STR("ey.b.c d")));
	/* However JSON is written; and what may be a password. */
	assert_true(jwt_looks_like(IM_STR("ewogICJh.b.c")));
	assert_true(jwt_looks_like(IM_STR("e30.b.c")));
	assert_false(jwt_looks_like(IM_STR("correct.horse.battery")));
	assert_false(jwt_looks_like(IM_STR("W10.b.c")));
	assert_false(jwt_looks_like(IM_STR("e")));
	memset(longest, 'a', sizeof(longest));
	longest[0] = 'e';
	longest[1] = 'y';
	longest[3] = longest[5] = '.';
	assert_true(jwt_looks_like((struct im_str){longest, JWT_TOKEN_MAX}));
	assert_false(jwt_looks_like((struct im_str){longest, JWT_TOKEN_MAX + 1}));
}

static void garbage_tokens_are_refused(void **state)
{
	struct fixture f = {0};
	struct claims c = HS(.key = SECRET);
	struct prng rnd = {3};
	char *token;
	int i;

	(void)state;
	start_hs256(&f, NULL, 0);
	token = make_token(&c);
	for (i = 0; i < 3000; i++) {
		char *bad = strdup(token);
		size_t n = strlen(bad), at = prng_below(&rnd, (uint32_t)n);

		f.n.mono_us += 1000000;
		if (i % 3 == 0) {
			bad[at] = "AZaz09-_."[prng_below(&rnd, 9)];
			/* The last character holds bits that decode to nothing. */
			if (strcmp(bad, token) == 0 || at == n - 1) {
				free(bad);
				continue;
			}
		} else if (i % 3 == 1) {
			bad[at] = '\0';
		} else {
			memmove(bad + at, bad + at + 1, n - at);
		}
		assert_false(fixture_accepts(&f, "alice", bad));
		free(bad);
	}
	free(token);
	fixture_stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens),
		cmocka_unit_test(issuer_and_audience),
		cmocka_unit_test(creates_users_if_asked_to),
		cmocka_unit_test(a_token_makes_nobody_of_a_name_that_is_taken),
		cmocka_unit_test(tokens_from_before_a_return_are_void),
		cmocka_unit_test(a_remembered_token_still_expires),
		cmocka_unit_test(a_token_says_everything_once),
		cmocka_unit_test(a_token_has_a_bound_on_what_it_says),
		cmocka_unit_test(a_token_has_one_form),
		cmocka_unit_test(what_a_token_says_is_read_before_its_signature),
		cmocka_unit_test(wrong_signatures_have_a_budget_of_their_own),
		cmocka_unit_test(wrong_passwords_cost_no_token_anything),
		cmocka_unit_test(public_keys),
		cmocka_unit_test(unusable_keys_are_refused),
		cmocka_unit_test(a_tokens_kid_says_which_key),
		cmocka_unit_test(a_kid_is_a_name_and_no_path),
		cmocka_unit_test(without_a_folder_names_do_not_matter),
		cmocka_unit_test(the_single_key_is_the_folders_default),
		cmocka_unit_test(a_session_ends_with_its_own_key),
		cmocka_unit_test(a_folder_holds_nothing_but_keys),
		cmocka_unit_test(nothing_is_left_in_openssls_queue_of_errors),
		cmocka_unit_test(what_looks_like_a_token),
		cmocka_unit_test(garbage_tokens_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
