/* SPDX-License-Identifier: BSD-3-Clause */
/* Files of users: what is taken for a hash and what for a password, and all or nothing. */
#include <stdio.h>
#include <unistd.h>

#include "clients/imctl/import_lines.h"
#include "clients/imctl/import_target.h"
#include "common/may.h"
#include "tests/unit/imctl_world.h"

#define PBKDF2                                                   \
	"$7$101$GVtNO6BLWozxV0cx$"                               \
	"7EzobkxJHbDESk9py2xCqpGfXNy0Bk+qeWHC5Nvp2ZxhHzrSSc73WA" \
	"qplyxoZjIBx3BnfBmzaJN2kxLjZf9YAw=="
#define SHA512                                                    \
	"$6$uSQ1Hpv4lGyrKZ5a$"                                    \
	"OeVgcBV4RnOM4psq4jmSX6nA2JPpLd0FJZW7XWo+uyWpDYBKgx0KY2c" \
	"UR1t8niNe/DvknM0PHcX+eydbKlRORg=="
#define ARGON2ID "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA"

struct result {
	json_t *json; /* borrowed until the next import */
	struct import_order order;
};

/* The file's text is given by itself, or by a pipe. */
static int import_from(struct world *w, struct result *r, FILE *in)
{
	const struct import_target t = import_offline(w->o);
	int rc;

	json_decref(r->json);
	r->json = NULL;
	r->order.in = in;
	im_buf_reset(&w->why);
	assert_int_equal(offline_begin(w->o, &w->why), IMCTL_OK);
	rc = import_run(&r->order, &t, &r->json, &w->why);
	assert_int_equal(offline_end(w->o, "importUsers", NULL, rc, &w->why), rc);
	fclose(in);
	return rc;
}

static int import_text(struct world *w, struct result *r, const char *text)
{
	char path[128];
	FILE *f;

	world_file(w, "list", text, path);
	f = fopen(path, "r");
	assert_non_null(f);
	return import_from(w, r, f);
}

static int count(const struct result *r, const char *member)
{
	const json_t *v = json_object_get(r->json, member);

	assert_true(json_is_integer(v));
	return (int)json_integer_value(v);
}

static size_t users(struct world *w)
{
	json_t *rows = json_array();
	size_t n;

	assert_int_equal(offline_user_list(w->o, "", 0, rows, &w->why), IMCTL_OK);
	n = json_array_size(rows);
	json_decref(rows);
	return n;
}

/* What is stored of a user; to be freed. */
static char *stored(struct world *w, const char *uid)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *s = NULL;
	char path[128], *text;

	snprintf(path, sizeof(path), "%s/directory.db", w->folder);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v2(db, "SELECT password FROM user WHERE uid = ?1", -1, &s, NULL),
		0);
	sqlite3_bind_text(s, 1, uid, -1, NULL);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	text = strdup(sqlite3_column_text(s, 0) ? (const char *)sqlite3_column_text(s, 0) : "");
	sqlite3_finalize(s);
	sqlite3_close(db);
	return text;
}

static void assert_stored(struct world *w, const char *uid, const char *expected)
{
	char *text = stored(w, uid);

	assert_string_equal(text, expected);
	free(text);
}

static void imports_create_what_is_missing(void **state)
{
	struct world *w = *state;
	struct result r = {0};

	world_open(w);
	assert_int_equal(import_text(w, &r,
				 "# users\nu1\nu2,secret\r\n\n \t\nu3," ARGON2ID "\nu4:" PBKDF2
				 "\r\nu5:" SHA512 " \nu6:" ARGON2ID "\n"),
		IMCTL_OK);
	assert_int_equal(count(&r, "created"), 6);
	assert_int_equal(count(&r, "updated"), 0);
	assert_int_equal(count(&r, "unchanged"), 0);
	assert_int_equal(count(&r, "no_password"), 1);
	assert_int_equal(count(&r, "password"), 1);
	assert_int_equal(count(&r, "argon2id"), 2);
	assert_int_equal(count(&r, "pbkdf2_sha512"), 1);
	assert_int_equal(count(&r, "sha512"), 1);
	assert_stored(w, "u1", "");
	assert_stored(w, "u3", ARGON2ID);
	assert_stored(w, "u4", PBKDF2);
	assert_stored(w, "u5", SHA512);
	assert_int_equal(import_text(w, &r, "u3,x\nu4\nu7,a,b"), IMCTL_OK);
	assert_int_equal(count(&r, "created"), 1);
	assert_int_equal(count(&r, "unchanged"), 2);
	assert_stored(w, "u3", ARGON2ID);
	assert_stored(w, "u4", PBKDF2);
	assert_int_equal(users(w), 7);
	json_decref(r.json);
}

static void imported_passwords_are_hashed(void **state)
{
	struct world *w = *state;
	struct result r = {0};
	char *text;

	world_open(w);
	assert_int_equal(import_text(w, &r, "u1,a,b\n"), IMCTL_OK);
	text = stored(w, "u1");
	assert_int_equal(im_phc_verify(im_str(text), IM_STR("a,b")), IM_OK);
	assert_int_equal(im_phc_verify(im_str(text), IM_STR("a")), IM_E_NONE);
	free(text);
	/* Behind a comma a hash may be declared one as well. */
	r.order.hashes = true;
	assert_int_equal(import_text(w, &r, "u2," PBKDF2 "\nu3:" SHA512 "\n"), IMCTL_OK);
	assert_stored(w, "u2", PBKDF2);
	assert_int_equal(import_text(w, &r, "u4,password\n"), IMCTL_USAGE);
	assert_non_null(strstr(world_why(w), "line 1: what stands for the hash cannot be taken"));
	json_decref(r.json);
}

static void existing_users_get_the_files_passwords_on_demand(void **state)
{
	struct world *w = *state;
	struct result r = {0};

	world_open(w);
	assert_int_equal(import_text(w, &r, "u1:" SHA512 "\nu2:" SHA512 "\nu3\nu4,pw\n"), IMCTL_OK);
	r.order.update = true;
	assert_int_equal(
		import_text(w, &r, "u1:" PBKDF2 "\nu2:" SHA512 "\nu3:" SHA512 "\nu4\nu5\n"),
		IMCTL_OK);
	assert_int_equal(count(&r, "created"), 1);
	assert_int_equal(count(&r, "updated"), 2);
	assert_int_equal(count(&r, "unchanged"), 2);
	assert_stored(w, "u1", PBKDF2);
	assert_stored(w, "u2", SHA512);
	assert_stored(w, "u3", SHA512);
	json_decref(r.json);
}

static void administrators_are_left_alone_unless_told(void **state)
{
	struct world *w = *state;
	struct result r = {.order = {.update = true}};

	world_open(w);
	assert_int_equal(
		offline_user_create(w->o, "boss", IM_ROLE_ADMIN, SHA512, NULL, &w->why), IMCTL_OK);
	assert_int_equal(import_text(w, &r, "u1:" SHA512 "\n"), IMCTL_OK);
	assert_null(json_object_get(r.json, "administrators_unchanged"));
	assert_int_equal(import_text(w, &r, "boss:" PBKDF2 "\nu1:" PBKDF2 "\n"), IMCTL_OK);
	assert_int_equal(count(&r, "updated"), 1);
	assert_int_equal(count(&r, "unchanged"), 1);
	assert_int_equal(count(&r, "administrators_unchanged"), 1);
	assert_stored(w, "boss", SHA512);
	assert_stored(w, "u1", PBKDF2);
	/* What would change nothing has not been spared. */
	assert_int_equal(import_text(w, &r, "boss:" SHA512 "\n"), IMCTL_OK);
	assert_null(json_object_get(r.json, "administrators_unchanged"));
	r.order.administrators = true;
	assert_int_equal(import_text(w, &r, "boss:" PBKDF2 "\n"), IMCTL_OK);
	assert_int_equal(count(&r, "updated"), 1);
	assert_stored(w, "boss", PBKDF2);
	json_decref(r.json);
}

static void a_dry_run_changes_nothing(void **state)
{
	struct world *w = *state;
	struct result r = {.order = {.dry_run = true}};

	world_open(w);
	assert_int_equal(import_text(w, &r, "u1,pw\nu2:" PBKDF2 "\n"), IMCTL_OK);
	assert_int_equal(count(&r, "would_create"), 2);
	assert_int_equal(count(&r, "would_update"), 0);
	assert_int_equal(count(&r, "pbkdf2_sha512"), 1);
	assert_null(json_object_get(r.json, "created"));
	assert_int_equal(users(w), 0);
	r.order.dry_run = false;
	assert_int_equal(import_text(w, &r, "u1,pw\n"), IMCTL_OK);
	r.order.dry_run = r.order.update = true;
	assert_int_equal(import_text(w, &r, "u1:" PBKDF2 "\nu2\n"), IMCTL_OK);
	assert_int_equal(count(&r, "would_create"), 1);
	assert_int_equal(count(&r, "would_update"), 1);
	assert_int_equal(users(w), 1);
	/* It says of all of them what is wrong. */
	assert_int_equal(import_text(w, &r, "all\nfine\nU1\nim-bridge\n"), IMCTL_REFUSED);
	assert_non_null(strstr(world_why(w), "line 1: \"all\" is a reserved name"));
	assert_non_null(strstr(world_why(w), "; line 3: \"U1\" differs from the user \"u1\""));
	assert_non_null(strstr(world_why(w), "; line 4: \"im-bridge\" is a reserved name"));
	json_decref(r.json);
}

static void a_wrong_line_undoes_the_import(void **state)
{
	struct world *w = *state;
	struct result r = {0};

	world_open(w);
	assert_int_equal(import_text(w, &r, "u1\nu/2\nu3\n"), IMCTL_USAGE);
	assert_non_null(strstr(world_why(w), "line 2: a user id has"));
	assert_non_null(strstr(world_why(w), "character 2 is \"/\""));
	assert_non_null(strstr(world_why(w), "no user was imported"));
	assert_int_equal(import_text(w, &r, "u1,\n"), IMCTL_USAGE);
	assert_non_null(strstr(world_why(w), "line 1"));
	assert_int_equal(import_text(w, &r, "u1\nall\n"), IMCTL_REFUSED);
	assert_non_null(strstr(world_why(w), "line 2: \"all\" is a reserved name"));
	assert_int_equal(users(w), 0);
	/* The database is usable after it. */
	assert_int_equal(import_text(w, &r, "u1\n"), IMCTL_OK);
	assert_int_equal(count(&r, "created"), 1);
	json_decref(r.json);
}

static void a_name_stands_once(void **state)
{
	struct world *w = *state;
	struct result r = {0};

	world_open(w);
	assert_int_equal(import_text(w, &r, "ann\nbob,1\n\nann:" PBKDF2 "\nBob\n"), IMCTL_USAGE);
	assert_non_null(strstr(world_why(w), "line 4: ann stands on line 1 already; "));
	assert_non_null(strstr(world_why(w), "line 5: Bob differs from bob on line 2 in case"));
	assert_int_equal(users(w), 0);
	json_decref(r.json);
}

/* Some of them are told, of the others how many. */
static void every_wrong_line_is_counted(void **state)
{
	struct world *w = *state;
	struct result r = {0};
	char text[1024] = "";

	world_open(w);
	for (int i = 0; i < 60; i++)
		strcat(text, i % 2 ? "fine\n" + i % 5 : "no name\n");
	assert_int_equal(import_text(w, &r, text), IMCTL_USAGE);
	assert_non_null(strstr(world_why(w), "line 1: "));
	assert_non_null(strstr(world_why(w), "; and "));
	assert_non_null(strstr(world_why(w), " more lines; no user was imported"));
	assert_int_equal(users(w), 0);
	json_decref(r.json);
}

/* Taken for the password itself, or shown in an error, it would be of use to nobody but a thief. */
static void a_hash_is_neither_taken_for_a_password_nor_shown(void **state)
{
	static const struct {
		const char *line, *says;
	} cases[] = {
		{"al:$7$101$c2FsdHNhbHQ$c2VjcmV0c2VjcmV0", "its salt is not base64"},
		{"al:$7$210001$GVtNO6BLWozxV0cx$c2VjcmV0", "more than 210000 iterations"},
		{"al:$7$0$GVtNO6BLWozxV0cx$c2VjcmV0", "number of iterations is none"},
		{"al:$7$101$GVtNO6BLWozxV0cx$c2VjcmV0", "is not the 88 characters"},
		{"al:$6$c2VjcmV0$c2VjcmV0", "its salt is not base64"},
		{"al:$argon2id$v=19$m=4194304,t=1,p=1$c2VjcmV0$c2VjcmV0", "m of 8 to 262144"},
		{"al:$argon2id$v=19$m=262144,t=2,p=1$c2VjcmV0c2VjcmV0$c2VjcmV0c2VjcmV0c2VjcmV0",
			"m times t is more than 320000"},
		{"al,$argon2id$v=19$m=262144,t=2,p=1$c2VjcmV0c2VjcmV0$c2VjcmV0c2VjcmV0c2VjcmV0",
			"set a password with imctl user password"},
		{"al:$2b$12$c2VjcmV0", "neither $7$ or $6$"},
		{"al:c2VjcmV0", "if it is the password itself, write a comma"},
		{"al:", "what stands for the hash cannot be taken"},
		{"al," PBKDF2, "write a colon in place of the comma, or give --hashes"},
		{"al," SHA512, "write a colon in place of the comma, or give --hashes"},
		{"al,$7$101$c2VjcmV0$c2VjcmV0", "looks like a hash"},
		{"al,$6$c2VjcmV0$c2VjcmV0", "looks like a hash"},
		{"al,$2b$12$c2VjcmV0", "looks like a hash"},
		{"al,$y$j9T$c2VjcmV0", "looks like a hash"},
		{"al,{SSHA}c2VjcmV0", "looks like a hash"},
		{"al,{PBKDF2-SHA512}c2VjcmV0", "looks like a hash"},
		/* An Argon2id that no login could be checked against. */
		{"al,$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$c2VjcmV0", "looks like a hash"},
		{"al,$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$c2VjcmV0c2VjcmV0c2VjcmV0",
			"like a hash"},
		/* What is no comma parts nothing. */
		{"al c2VjcmV0", "character 3 is a blank"},
		{"al\tc2VjcmV0", "character 3 is none of these"},
		{"al;c2VjcmV0", "character 3 is \";\""},
		{",c2VjcmV0", "this one has 0"},
		{"\xc3\xa4,c2VjcmV0", "character 1 is none of these"},
		{"0123456789012345678901234567890123456789012345678901234567890123456789,c2VjcmV0",
			"this one has 70"},
		/* With a hash behind it it is a name, and told. */
		{"hall/sensor 1:" PBKDF2, "\"hall/sensor 1\" cannot be a user id: "},
		{"caf\xc3\xa9:" PBKDF2, "character 4 is none of these"},
	};
	static const char *const secrets[] = {"c2Vjc", "7EzobkxJ", "OeVgcBV4", "GVtNO6BL"};
	struct world *w = *state;
	struct result r = {0};
	char text[512];

	world_open(w);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), "u1\n%s\n", cases[i].line);
		assert_int_equal(import_text(w, &r, text), IMCTL_USAGE);
		if (!strstr(world_why(w), cases[i].says) || !strstr(world_why(w), "line 2: "))
			fail_msg("%s: %s", cases[i].line, world_why(w));
		for (size_t k = 0; k < sizeof(secrets) / sizeof(secrets[0]); k++)
			if (strstr(world_why(w), secrets[k]))
				fail_msg("shown: %s", world_why(w));
	}
	assert_int_equal(users(w), 0);
	/* What merely begins so is a password. */
	assert_int_equal(
		import_text(w, &r, "u1,$\nu2,$$\nu3,$a b$c\nu4,{\nu5,{}x\nu6,5$a$b\n"), IMCTL_OK);
	assert_int_equal(count(&r, "created"), 6);
	json_decref(r.json);
}

static void lines_may_be_anything(void **state)
{
	struct world *w = *state;
	struct result r = {0};
	char path[128], block[4096];
	FILE *f;

	world_open(w);
	/* A mark in front, and no end behind. */
	assert_int_equal(import_text(w, &r, "\xef\xbb\xbfu1\r\nu2\r\r\nu3"), IMCTL_OK);
	assert_int_equal(count(&r, "created"), 3);
	assert_int_equal(import_text(w, &r, ""), IMCTL_OK);
	assert_int_equal(count(&r, "created"), 0);
	/* A line of 16 MiB takes no memory, and the one behind it is found. */
	world_file(w, "list", "u4,", path);
	f = fopen(path, "a");
	memset(block, 'x', sizeof(block));
	for (int i = 0; i < 4096; i++)
		assert_int_equal(fwrite(block, 1, sizeof(block), f), sizeof(block));
	fputs("\nu/5\n", f);
	fclose(f);
	f = fopen(path, "r");
	assert_int_equal(import_from(w, &r, f), IMCTL_USAGE);
	assert_non_null(strstr(world_why(w), "line 1: it is longer than "));
	assert_non_null(strstr(world_why(w), "; line 2: "));
	/* Zero bytes. */
	f = fopen(path, "w");
	fwrite("u6\0x\nu7,a\0b\n", 1, 12, f);
	fclose(f);
	f = fopen(path, "r");
	assert_int_equal(import_from(w, &r, f), IMCTL_USAGE);
	assert_non_null(strstr(world_why(w), "line 1: a user id"));
	assert_non_null(strstr(world_why(w), "line 2: the password has a zero byte"));
	assert_int_equal(users(w), 3);
	json_decref(r.json);
}

/* What cannot be read twice is. */
static void what_has_no_end_is_given_up(void **state)
{
	struct world *w = *state;
	struct result r = {0};
	FILE *f = fopen("/dev/zero", "r");

	world_open(w);
	assert_non_null(f);
	assert_int_not_equal(import_from(w, &r, f), IMCTL_OK);
	assert_non_null(strstr(world_why(w), " MiB from a pipe: write it to a file"));
	/* Where carriage returns alone end the lines, all would be the first one's. */
	assert_int_equal(import_text(w, &r, "u1,pw\ru2,pw\r"), IMCTL_USAGE);
	assert_non_null(strstr(world_why(w), "line 1: a carriage return within the line"));
	json_decref(r.json);
}

static void a_pipe_will_do(void **state)
{
	struct world *w = *state;
	struct result r = {0};
	int ends[2];

	world_open(w);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(
		write(ends[1], "u1,pw\nu2:" PBKDF2, 9 + strlen(PBKDF2)), 9 + strlen(PBKDF2));
	close(ends[1]);
	assert_int_equal(import_from(w, &r, fdopen(ends[0], "r")), IMCTL_OK);
	assert_int_equal(count(&r, "created"), 2);
	assert_stored(w, "u2", PBKDF2);
	json_decref(r.json);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_set_up, world_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(imports_create_what_is_missing),
		TEST(imported_passwords_are_hashed),
		TEST(existing_users_get_the_files_passwords_on_demand),
		TEST(administrators_are_left_alone_unless_told),
		TEST(a_dry_run_changes_nothing),
		TEST(a_wrong_line_undoes_the_import),
		TEST(a_name_stands_once),
		TEST(every_wrong_line_is_counted),
		TEST(a_hash_is_neither_taken_for_a_password_nor_shown),
		TEST(lines_may_be_anything),
		TEST(what_has_no_end_is_given_up),
		TEST(a_pipe_will_do),
	};

	return cmocka_run_group_tests_name("imctl_import", tests, NULL, NULL);
}
