/* SPDX-License-Identifier: BSD-3-Clause */
/* Logins: passwords, tokens, what is remembered of them, and what wrong ones may cost. */
#include <jwt.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>

#include "../../common/phc.h"
#include "../../plugin/auth.h"
#include "../../plugin/jwt.h"
#include "plugin_node.h"

#define SECRET "0123456789abcdef0123456789abcdef"
#define NOW 1763650000

static const struct im_sipkey key = {"0123456789abcde"};

struct fixture {
	struct node n;
	struct options o;
	struct clock clock;
	struct directory *d;
	struct auth *a;
	const char *address;
	bool hearsay;
	bool one_turn;        /* all in one turn of the broker's loop */
	int64_t mono_step_us; /* what each look at the clock takes: hashing seems slow */
};

static int64_t wall_ms(void *arg)
{
	return ((struct fixture *)arg)->n.wall_ms;
}

static int64_t mono_us(void *arg)
{
	struct fixture *f = arg;

	return f->n.mono_us += f->mono_step_us;
}

static void write_file(const struct fixture *f, const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", f->n.dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void start(struct fixture *f, const struct options_pair *more, size_t n)
{
	struct options_pair pairs[8] = {{"data_dir", f->n.dir}, {"link_listener", "/run/im"}};
	struct im_buf why;

	if (n)
		memcpy(pairs + 2, more, n * sizeof(*more));
	im_buf_init(&why, 0);
	assert_int_equal(options_read(&f->o, pairs, 2 + n, &why), IM_OK);
	f->clock = (struct clock){wall_ms, mono_us, f};
	assert_int_equal(directory_open(f->n.dir, &key, &f->d, &why), IM_OK);
	if (auth_new(&f->o, f->d, &f->clock, &f->a, &why))
		fail_msg("%.*s", (int)why.n, why.p);
	im_buf_free(&why);
}

static void stop(struct fixture *f)
{
	auth_free(&f->a);
	directory_close(&f->d);
	options_clear(&f->o);
	node_folder_remove(&f->n);
}

static struct auth_verdict check(struct fixture *f, const char *uid, const char *password)
{
	struct auth_verdict v;

	if (!f->one_turn)
		auth_turn(f->a);
	auth_check(f->a,
		&(struct auth_login){im_str(uid), im_str(password),
			im_str(f->address ? f->address : "192.0.2.1"), f->hearsay},
		&v);
	assert_true(v.accepted || v.why);
	return v;
}

static bool accepts(struct fixture *f, const char *uid, const char *password)
{
	return check(f, uid, password).accepted;
}

static void passwords(void **state)
{
	struct fixture f = {0};
	char longest[IM_PASSWORD_MAX + 2];

	(void)state;
	node_folder(&f.n);
	start(&f, NULL, 0);
	node_sql(&f.n, "UPDATE user SET disabled = 1 WHERE uid = 'carol';"
		       "INSERT INTO user(uid, created_ms) VALUES ('bot', 0);"
		       "INSERT INTO user(uid, password, created_ms) VALUES ('odd', 'x', 0)");
	assert_true(accepts(&f, "alice", "pw"));
	assert_false(accepts(&f, "alice", "pW"));
	assert_false(accepts(&f, "alice", ""));
	assert_false(accepts(&f, "alice", NULL));
	assert_false(accepts(&f, "nobody", "pw"));
	assert_false(accepts(&f, "carol", "pw"));
	assert_false(accepts(&f, "bot", ""));
	assert_false(accepts(&f, "odd", "x"));
	/* A token is nothing here. */
	assert_false(accepts(&f, "alice", "e30.e30.e30"));
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_false(accepts(&f, "alice", longest));
	stop(&f);
}

static void a_login_is_remembered_until_the_password_changes(void **state)
{
	struct fixture f = {0};

	(void)state;
	node_folder(&f.n);
	start(&f, NULL, 0);
	assert_true(accepts(&f, "alice", "pw"));
	assert_int_equal(auth_stats(f.a)->hashed, 1);
	assert_true(accepts(&f, "alice", "pw"));
	assert_int_equal(auth_stats(f.a)->hashed, 1);
	assert_int_equal(auth_stats(f.a)->cached, 1);
	/* Not another's, and no other password. */
	assert_false(accepts(&f, "nobody", "pw"));
	assert_false(accepts(&f, "alice", "pw2"));
	assert_int_equal(auth_stats(f.a)->hashed, 3);
	node_sql(&f.n, "UPDATE user SET password = NULL WHERE uid = 'alice'");
	assert_true(accepts(&f, "alice", "pw"));
	directory_forget_user(f.d, IM_STR("alice"));
	assert_false(accepts(&f, "alice", "pw"));
	node_sql(&f.n, "UPDATE user SET disabled = 1 WHERE uid = 'bob'");
	directory_rest(f.d);
	assert_false(accepts(&f, "bob", "pw"));
	stop(&f);
}

static void an_unused_login_is_forgotten(void **state)
{
	const struct options_pair o[] = {{"auth_cache_ttl", "60"}};
	struct fixture f = {0};

	(void)state;
	node_folder(&f.n);
	start(&f, o, 1);
	assert_true(accepts(&f, "alice", "pw"));
	f.n.mono_us += 59 * 1000000;
	assert_true(accepts(&f, "alice", "pw"));
	f.n.mono_us += 59 * 1000000;
	assert_true(accepts(&f, "alice", "pw"));
	assert_int_equal(auth_stats(f.a)->hashed, 1);
	f.n.mono_us += 61 * 1000000;
	assert_true(accepts(&f, "alice", "pw"));
	assert_int_equal(auth_stats(f.a)->hashed, 2);
	stop(&f);
}

static void without_a_cache_each_login_is_hashed(void **state)
{
	const struct options_pair o[] = {{"auth_cache", "0"}};
	struct fixture f = {0};

	(void)state;
	node_folder(&f.n);
	start(&f, o, 1);
	assert_true(accepts(&f, "alice", "pw") && accepts(&f, "alice", "pw"));
	assert_int_equal(auth_stats(f.a)->hashed, 2);
	stop(&f);
}

static void wrong_logins_have_a_budget(void **state)
{
	struct fixture f = {0};
	uint64_t hashed;
	int64_t began_us, allowed_us;
	char address[32];
	int i;

	(void)state;
	node_folder(&f.n);
	start(&f, NULL, 0);
	assert_true(accepts(&f, "alice", "pw"));
	began_us = f.n.mono_us;
	f.mono_step_us = 10000; /* a hash seems to take 10 ms */
	hashed = auth_stats(f.a)->hashed;
	for (i = 0; i < 1000; i++) {
		snprintf(address, sizeof(address), "192.0.2.%d", i % 50);
		f.address = address;
		assert_false(accepts(&f, i % 2 ? "bob" : "nobody", "wrong"));
	}
	/* A fifth of the time, and a second that had been saved up. */
	allowed_us = (f.n.mono_us - began_us + 5000000) / 5;
	hashed = auth_stats(f.a)->hashed - hashed;
	assert_in_range(hashed * 10000, (uint64_t)allowed_us / 2, (uint64_t)allowed_us + 10000);
	assert_int_equal(auth_stats(f.a)->throttled + hashed, 1000);
	/* Who is known gets in all the same, who is not has to wait a moment. */
	f.address = "198.51.100.1";
	assert_true(accepts(&f, "alice", "pw"));
	while (accepts(&f, "nobody", "wrong") || strstr(check(&f, "nobody", "x").why, "unknown"))
		;
	assert_false(accepts(&f, "bob", "pw"));
	f.n.mono_us += 2000000;
	assert_true(accepts(&f, "bob", "pw"));
	stop(&f);
}

static void wrong_logins_do_not_hold_up_a_turn_of_the_loop(void **state)
{
	struct fixture f = {0};
	char address[32];
	int i;

	(void)state;
	node_folder(&f.n);
	start(&f, NULL, 0);
	assert_true(accepts(&f, "alice", "pw"));
	f.mono_step_us = 20000;
	f.one_turn = true;
	for (i = 0; i < 10; i++) {
		snprintf(address, sizeof(address), "192.0.2.%d", i);
		f.address = address;
		assert_false(accepts(&f, "bob", "wrong"));
	}
	assert_int_equal(auth_stats(f.a)->hashed, 1 + 3);
	assert_int_equal(auth_stats(f.a)->throttled, 7);
	assert_true(accepts(&f, "alice", "pw"));
	assert_false(accepts(&f, "bob", "pw"));
	f.one_turn = false;
	assert_true(accepts(&f, "bob", "pw"));
	stop(&f);
}

static void one_address_does_not_use_it_up(void **state)
{
	const char *const same[] = {"2001:db8::1", "2001:db8::ffff:1", "2001:db8::2:0:0:1"};
	struct fixture f = {0};
	int64_t began_us, allowed_us;
	uint64_t hashed;
	int i;

	(void)state;
	node_folder(&f.n);
	start(&f, NULL, 0);
	began_us = f.n.mono_us;
	f.mono_step_us = 10000;
	hashed = auth_stats(f.a)->hashed;
	for (i = 0; i < 1000; i++) {
		f.address = same[i % 3];
		assert_false(accepts(&f, "bob", "wrong"));
		f.n.mono_us -= 5000; /* twice as fast */
	}
	/* A twentieth of the time, and what had been saved up. */
	allowed_us = (f.n.mono_us - began_us + 1000000) / 20;
	hashed = auth_stats(f.a)->hashed - hashed;
	assert_in_range(hashed * 10000, (uint64_t)allowed_us / 2, (uint64_t)allowed_us + 10000);
	assert_false(accepts(&f, "bob", "pw"));
	f.address = "2001:db8:0:1::1";
	assert_true(accepts(&f, "bob", "pw"));
	f.address = "203.0.113.9";
	assert_true(accepts(&f, "carol", "pw"));
	stop(&f);
}

/* Whoever names another one's address in a header spends nothing of his, and the other way round.
 */
static void a_header_spends_nobodys_share(void **state)
{
	const char *const names[] = {"203.0.113.9", "2001:db8::1", "/run/mosquitto/im.sock"};
	struct fixture f = {0};
	size_t i;
	int k;

	(void)state;
	for (int liar = 0; liar < 2; liar++) {
		node_folder(&f.n);
		start(&f, NULL, 0);
		f.mono_step_us = 10000;
		for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			f.n.mono_us += 60000000;
			f.address = names[i];
			f.hearsay = liar;
			for (k = 0; k < 200; k++) {
				assert_false(accepts(&f, "bob", "wrong"));
				f.n.mono_us -= 5000;
			}
			/* Its own share is gone. */
			assert_string_equal(check(&f, "bob", "pw").why, AUTH_THROTTLED);
			f.hearsay = !liar;
			assert_true(accepts(&f,
				i == 0   ? "alice"
				: i == 1 ? "carol"
					 : "root",
				"pw"));
		}
		stop(&f);
		f = (struct fixture){0};
	}
}

static void a_password_that_is_hashed_meanwhile_may_have_changed(void **state)
{
	const char *const changes[] = {
		"UPDATE user SET disabled = 1 WHERE uid = 'alice'",
		"UPDATE user SET disabled = 0, password = password || 'x' WHERE uid = 'alice'",
		"UPDATE user SET password = NULL WHERE uid = 'alice'",
		"DELETE FROM member; DELETE FROM user WHERE uid = 'bob'",
	};
	struct fixture f = {0};
	struct auth_verdict v;
	struct auth_hash h;
	size_t i;

	(void)state;
	node_folder(&f.n);
	start(&f, NULL, 0);
	for (i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		const struct auth_login l = {
			.uid = i == 3 ? IM_STR("bob") : IM_STR("alice"), .password = IM_STR("pw")};

		if (i < 3)
			node_sql(&f.n, "UPDATE user SET disabled = 0, password ="
				       " (SELECT password FROM user WHERE uid = 'root')");
		directory_forget_user(f.d, l.uid);
		auth_begin(f.a, &l, &v, &h);
		assert_true(v.later);
		node_sql(&f.n, changes[i]);
		directory_forget_user(f.d, l.uid);
		auth_finish(f.a, &l, &h, IM_OK, 15000, &v);
		assert_false(v.accepted || v.later);
		assert_string_equal(v.why, "user or password has changed meanwhile");
	}
	assert_int_equal(auth_stats(f.a)->wrong, 0);
	stop(&f);
}

/* ---- tokens ---- */

struct claims {
	const char *sub, *iss, *aud_json;
	const char *exp_json, *nbf_json;
	jwt_alg_t alg;
	const char *key;
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
	good = accepts(f, uid, token);
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
	write_file(f, "secret", SECRET "\n");
	snprintf(path, sizeof(path), "%s/secret", f->n.dir);
	o[0] = (struct options_pair){"jwt_secret_file", path};
	if (n)
		memcpy(o + 1, more, n * sizeof(*more));
	start(f, o, 1 + n);
}

static void tokens(void **state)
{
	struct fixture f = {0};

	(void)state;
	start_hs256(&f, NULL, 0);
	assert_true(token_accepted(&f, "alice", HS(.sub = "alice")));
	assert_true(accepts(&f, "alice", "pw"));
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
	directory_forget_user(f.d, IM_STR("alice"));
	assert_false(token_accepted(&f, "alice", HS(.sub = "alice")));
	stop(&f);
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
	stop(&f);
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
	v = check(&f, "dave", token);
	assert_true(v.accepted && v.create);
	assert_int_equal(v.expires_s, NOW + 100);
	assert_int_equal(directory_user_pending(f.d, IM_STR("dave")), IM_OK);
	v = check(&f, "dave", token);
	assert_true(v.accepted && !v.create);
	assert_false(check(&f, "erin", token).accepted);
	assert_false(accepts(&f, "dave", "pw"));
	free(token);
	stop(&f);
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

		v = check(&f, cases[i].uid, token);
		assert_false(v.accepted);
		assert_string_equal(v.why, cases[i].why);
		free(token);
	}
	assert_string_equal(check(&f, "bob", "pw").why, "the account was deleted");
	assert_string_equal(check(&f, "Alice", "pw").why, "unknown user");
	stop(&f);
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
	v = check(&f, "alice", tokens[0]);
	assert_true(v.accepted);
	assert_true(accepts(&f, "alice", tokens[1]));
	/* Deleted and given back half a second after NOW + 5. */
	node_sql(&f.n, "UPDATE user SET tokens_from_ms = 1763650005500 WHERE uid = 'alice'");
	directory_forget_user(f.d, IM_STR("alice"));
	assert_false(auth_still_valid(f.a, IM_STR("alice"), v.credential, v.expires_s));
	for (int i = 0; i < 2; i++) { /* remembered or not */
		v = check(&f, "alice", tokens[i]);
		assert_false(v.accepted);
		assert_non_null(strstr(v.why, "iat"));
	}
	v = check(&f, "alice", tokens[2]);
	assert_true(v.accepted);
	assert_true(auth_still_valid(f.a, IM_STR("alice"), v.credential, v.expires_s));
	assert_true(accepts(&f, "alice", tokens[2]));
	for (int i = 0; i < 3; i++)
		free(tokens[i]);
	stop(&f);
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
	assert_true(accepts(&f, "alice", token));
	v = check(&f, "alice", token);
	assert_true(v.accepted);
	assert_int_equal(auth_stats(f.a)->tokens, 1);
	assert_true(auth_still_valid(f.a, IM_STR("alice"), v.credential, v.expires_s));
	f.n.wall_ms += 100 * 1000;
	assert_false(accepts(&f, "alice", token));
	assert_false(auth_still_valid(f.a, IM_STR("alice"), v.credential, v.expires_s));
	free(token);
	stop(&f);
}

static void a_new_key_voids_the_old_ones_logins(void **state)
{
	struct fixture f = {0};
	struct claims c = HS(.key = SECRET);
	struct auth_verdict v;
	struct im_buf why;
	char *token;

	(void)state;
	start_hs256(&f, NULL, 0);
	im_buf_init(&why, 0);
	token = make_token(&c);
	v = check(&f, "alice", token);
	/* The same key again changes nothing, an unusable one neither. */
	assert_int_equal(auth_reload(f.a, &why), IM_OK);
	assert_true(auth_still_valid(f.a, IM_STR("alice"), v.credential, v.expires_s));
	write_file(&f, "secret", "short");
	assert_int_equal(auth_reload(f.a, &why), IM_E_FORMAT);
	assert_true(accepts(&f, "alice", token));
	write_file(&f, "secret", SECRET "new");
	assert_int_equal(auth_reload(f.a, &why), IM_OK);
	assert_false(auth_still_valid(f.a, IM_STR("alice"), v.credential, v.expires_s));
	assert_false(accepts(&f, "alice", token));
	im_buf_free(&why);
	free(token);
	stop(&f);
}

static void still_valid_follows_the_directory(void **state)
{
	struct fixture f = {0};
	struct auth_verdict v;

	(void)state;
	node_folder(&f.n);
	start(&f, NULL, 0);
	v = check(&f, "alice", "pw");
	assert_true(auth_still_valid(f.a, IM_STR("alice"), v.credential, 0));
	assert_false(auth_still_valid(f.a, IM_STR("bob"), v.credential + 1, 0));
	assert_false(auth_still_valid(f.a, IM_STR("nobody"), v.credential, 0));
	node_sql(&f.n, "UPDATE user SET disabled = 1 WHERE uid = 'alice'");
	directory_forget_user(f.d, IM_STR("alice"));
	assert_false(auth_still_valid(f.a, IM_STR("alice"), v.credential, 0));
	stop(&f);
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
	write_file(f, "key.pem", public);
	snprintf(path, sizeof(path), "%s/key.pem", f->n.dir);
	o[0].value = path;
	start(f, o, 2);
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
	stop(&f);
	start_pem(&f, "ES256", ec_public);
	assert_true(token_accepted(
		&f, "alice", (struct claims){.alg = JWT_ALG_ES256, .key = ec_private}));
	assert_false(token_accepted(
		&f, "alice", (struct claims){.alg = JWT_ALG_HS256, .key = ec_public}));
	stop(&f);
	free(rsa_private);
	free(rsa_public);
	free(ec_private);
	free(ec_public);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(ec);
}

static void key_refused(const char *text, const char *algorithm, const char *says)
{
	struct fixture f = {0};
	struct jwt_verifier *v;
	struct im_buf why;
	char path[128];

	node_folder(&f.n);
	write_file(&f, "key", text);
	snprintf(path, sizeof(path), "%s/key", f.n.dir);
	im_buf_init(&why, 0);
	f.o.jwt_algorithm = strcmp(algorithm, "HS256") == 0   ? JWT_HS256
			    : strcmp(algorithm, "RS256") == 0 ? JWT_RS256
							      : JWT_ES256;
	if (f.o.jwt_algorithm == JWT_HS256)
		f.o.jwt_secret_file = path;
	else
		f.o.jwt_key_file = path;
	assert_int_not_equal(jwt_verifier_new(&f.o, &v, &why), IM_OK);
	assert_null(v);
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

static void what_looks_like_a_token(void **state)
{
	char longest[JWT_TOKEN_MAX + 2];

	(void)state;
	assert_true(jwt_looks_like(IM_STR("a.b-_.C9")));
	assert_false(jwt_looks_like(IM_STR("")));
	assert_false(jwt_looks_like(IM_STR("a.b")));
	assert_false(jwt_looks_like(IM_STR("a..c")));
	assert_false(jwt_looks_like(IM_STR(".b.c")));
	assert_false(jwt_looks_like(IM_STR("a.b.")));
	assert_false(jwt_looks_like(IM_STR("a.b.c.d")));
	assert_false(jwt_looks_like(IM_STR("a.b.c=")));
	assert_false(jwt_looks_like(IM_STR("a.b.c d")));
	memset(longest, 'a', sizeof(longest));
	longest[1] = longest[3] = '.';
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
		assert_false(accepts(&f, "alice", bad));
		free(bad);
	}
	free(token);
	stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passwords),
		cmocka_unit_test(a_login_is_remembered_until_the_password_changes),
		cmocka_unit_test(an_unused_login_is_forgotten),
		cmocka_unit_test(without_a_cache_each_login_is_hashed),
		cmocka_unit_test(a_password_that_is_hashed_meanwhile_may_have_changed),
		cmocka_unit_test(wrong_logins_have_a_budget),
		cmocka_unit_test(wrong_logins_do_not_hold_up_a_turn_of_the_loop),
		cmocka_unit_test(one_address_does_not_use_it_up),
		cmocka_unit_test(a_header_spends_nobodys_share),
		cmocka_unit_test(tokens),
		cmocka_unit_test(issuer_and_audience),
		cmocka_unit_test(creates_users_if_asked_to),
		cmocka_unit_test(a_token_makes_nobody_of_a_name_that_is_taken),
		cmocka_unit_test(tokens_from_before_a_return_are_void),
		cmocka_unit_test(a_remembered_token_still_expires),
		cmocka_unit_test(a_new_key_voids_the_old_ones_logins),
		cmocka_unit_test(still_valid_follows_the_directory),
		cmocka_unit_test(public_keys),
		cmocka_unit_test(unusable_keys_are_refused),
		cmocka_unit_test(what_looks_like_a_token),
		cmocka_unit_test(garbage_tokens_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
