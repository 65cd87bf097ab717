/* SPDX-License-Identifier: BSD-3-Clause */
/* What imctl does by itself: its options, tokens, what it prints, and the database. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <jwt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clients/imctl/device.h"
#include "clients/imctl/options.h"
#include "clients/imctl/print.h"
#include "clients/imctl/stats_text.h"
#include "clients/imctl/token.h"
#include "tests/unit/imctl_world.h"

/* ---- options ---- */

static void the_command_line_wins_over_the_file(void **state)
{
	struct world *w = *state;
	struct options o;
	char path[128];
	int first;
	bool help;

	world_file(w, "imctl.conf", "host example.org\nport 8883\njwt_secret_file /s\n", path);
	char *argv[] = {"imctl", "--port=99", "--config", path, "--json", "user", "list", NULL};
	assert_int_equal(options_read(7, argv, &o, &first, &help, &w->why), IM_OK);
	assert_string_equal(o.host, "example.org");
	assert_int_equal(o.port, 99);
	assert_string_equal(o.jwt_secret_file, "/s");
	assert_string_equal(o.user, "admin");
	assert_true(o.json);
	assert_false(help);
	assert_int_equal(first, 5);
	options_free(&o);
}

static void the_file_is_found_where_xdg_says(void **state)
{
	struct world *w = *state;
	struct options o;
	char path[128];
	char *argv[] = {"imctl", "stats", NULL};
	int first;
	bool help;

	world_file(w, "imctl.conf", "user root\n", path);
	setenv("XDG_CONFIG_HOME", w->folder, 1);
	assert_int_equal(options_read(2, argv, &o, &first, &help, &w->why), IM_OK);
	assert_string_equal(o.user, "root");
	options_free(&o);
	unlink(path);
	assert_int_equal(options_read(2, argv, &o, &first, &help, &w->why), IM_OK);
	assert_string_equal(o.user, "admin");
	options_free(&o);
	unsetenv("XDG_CONFIG_HOME");
}

static void expect_options_refused(struct world *w, char *word, char *value, const char *part)
{
	struct options o;
	char *argv[] = {"imctl", word, value, NULL};
	int first;
	bool help;

	im_buf_reset(&w->why);
	assert_int_not_equal(options_read(value ? 3 : 2, argv, &o, &first, &help, &w->why), IM_OK);
	if (!strstr(world_why(w), part))
		fail_msg("%s: got \"%s\", expected %s", word, world_why(w), part);
	options_free(&o);
}

static void wrong_options_are_refused(void **state)
{
	struct world *w = *state;
	char path[128];

	setenv("XDG_CONFIG_HOME", w->folder, 1);
	expect_options_refused(w, "--prot", "1", "--prot");
	expect_options_refused(w, "--port", NULL, "--port needs a value");
	expect_options_refused(w, "--port", "0", "port");
	expect_options_refused(w, "--port=70000", "stats", "port");
	expect_options_refused(w, "--config", "/nonexistent/x", "/nonexistent/x");
	world_file(w, "imctl.conf", "\nprot 1\n", path);
	expect_options_refused(w, "--config", path, "imctl.conf:2");
	unsetenv("XDG_CONFIG_HOME");
}

/* Of what nobody has named. */
static void a_file_that_is_not_needed_is_no_hindrance(void **state)
{
	struct world *w = *state;
	struct options o;
	char path[128], *argv[] = {"imctl", "--port=99", "stats", NULL};
	int first;
	bool help;

	/* Unreadable to root as well. */
	snprintf(path, sizeof(path), "%s/imctl.conf", w->folder);
	assert_int_equal(mkdir(path, 0700), 0);
	setenv("XDG_CONFIG_HOME", w->folder, 1);
	assert_int_equal(options_read(3, argv, &o, &first, &help, &w->why), IM_OK);
	assert_int_equal(o.port, 99);
	assert_int_equal(options_need_file(&o, &w->why), IM_E_IO);
	assert_non_null(strstr(world_why(w), path));
	options_free(&o);
	expect_options_refused(w, "--config", path, path);
	rmdir(path);
	world_file(w, "imctl.conf", "prot 1\n", path);
	im_buf_reset(&w->why);
	assert_int_equal(options_read(3, argv, &o, &first, &help, &w->why), IM_OK);
	assert_int_equal(options_need_file(&o, &w->why), IM_E_IO);
	assert_non_null(strstr(world_why(w), "imctl.conf:1"));
	options_free(&o);
	/* A home that is none has no file. */
	setenv("XDG_CONFIG_HOME", "/dev/null", 1);
	assert_int_equal(options_read(3, argv, &o, &first, &help, &w->why), IM_OK);
	assert_int_equal(options_need_file(&o, &w->why), IM_OK);
	options_free(&o);
	unsetenv("XDG_CONFIG_HOME");
}

/* ---- tokens, devices ---- */

static void a_token_says_who_and_until_when(void **state)
{
	static const char secret[] = "0123456789abcdef0123456789abcdef";
	struct token_facts facts = {.uid = "alice", .now_s = 4102444800, .ttl_s = 60};
	struct im_buf out;
	jwt_t *jwt = NULL;

	(void)state;
	im_buf_init(&out, 0);
	assert_int_equal(token_make(&facts, im_str(secret), &out), IM_OK);
	im_buf_c(&out, '\0');
	assert_int_equal(jwt_decode(&jwt, out.p, (const unsigned char *)secret, 32), 0);
	assert_int_equal(jwt_get_alg(jwt), JWT_ALG_HS256);
	assert_string_equal(jwt_get_grant(jwt, "sub"), "alice");
	assert_int_equal(jwt_get_grant_int(jwt, "iat"), 4102444800);
	assert_int_equal(jwt_get_grant_int(jwt, "exp"), 4102444860);
	assert_null(jwt_get_header(jwt, "kid"));
	jwt_free(jwt);
	im_buf_reset(&out);
	facts.kid = "2025-11";
	assert_int_equal(token_make(&facts, im_str(secret), &out), IM_OK);
	im_buf_c(&out, '\0');
	assert_int_equal(jwt_decode(&jwt, out.p, (const unsigned char *)secret, 32), 0);
	assert_string_equal(jwt_get_header(jwt, "kid"), "2025-11");
	jwt_free(jwt);
	im_buf_free(&out);
}

static void devices_are_used_again_but_never_shared(void **state)
{
	struct device a, b, c;

	(void)state;
	device_take("somebody", &a);
	device_take("somebody", &b);
	assert_string_not_equal(a.id, b.id);
	char first[sizeof(a.id)];
	strcpy(first, a.id);
	device_release(&a);
	device_take("somebody", &c);
	assert_string_equal(c.id, first);
	device_release(&b);
	device_release(&c);
}

/* ---- printing ---- */

static char *print(const char *json, const char *columns)
{
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);
	json_t *v = json_loads(json, 0, NULL);

	assert_non_null(v);
	if (columns)
		print_table(out, v, columns);
	else
		print_object(out, v);
	fclose(out);
	json_decref(v);
	return text;
}

static void tables_have_straight_columns(void **state)
{
	(void)state;
	char *text = print("[{\"a\":\"x\",\"b\":true,\"seen_ms\":0},"
			   "{\"a\":\"l\\u00e4nger\",\"b\":false,\"seen_ms\":1000}]",
		"a b seen_ms");
	assert_string_equal(text, "a       b    seen\n"
				  "x       yes  -\n"
				  "l\xc3\xa4nger  no   1970-01-01T00:00:01Z\n");
	free(text);
	/* A date is headed by what it is of, a duration by its unit. */
	text = print("[{\"since_ms\":1000,\"until_ms\":2000,\"wait_ms\":30}]",
		"since_ms until_ms wait_ms");
	assert_string_equal(text, "since                 until                 wait_ms\n"
				  "1970-01-01T00:00:01Z  1970-01-01T00:00:02Z  30\n");
	free(text);
	/* What only some nodes say has a column where it is said. */
	text = print("[{\"a\":1}]", "a ?b");
	assert_string_equal(text, "a\n1\n");
	free(text);
	text = print("[{\"a\":1},{\"a\":2,\"b\":3}]", "a ?b");
	assert_string_equal(text, "a  b\n1  -\n2  3\n");
	free(text);
	text = print("{\"seen_ms\":1000,\"wait_ms\":30,\"rows\":[{\"created_ms\":2000}]}", NULL);
	assert_string_equal(text, "seen: 1970-01-01T00:00:01Z\n"
				  "wait_ms: 30\n"
				  "rows:\n"
				  "created\n"
				  "1970-01-01T00:00:02Z\n");
	free(text);
}

static char *show_stats(const char *json)
{
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);
	json_t *v = json_loads(json, 0, NULL);

	assert_non_null(v);
	stats_print(out, v);
	fclose(out);
	json_decref(v);
	return text;
}

static void of_one_broker_stats_are_two_lists(void **state)
{
	char *text;

	(void)state;
	text = show_stats(
		"{\"bridge\":{\"a\":1},\"plugin\":{\"b\":2},\"brokers\":"
		"[{\"broker\":\"/x\",\"number\":1,\"linked\":true,\"plugin\":{\"b\":2}}]}");
	assert_string_equal(text, "bridge:\n  a: 1\nplugin:\n  b: 2\n");
	free(text);
	/* A bridge of the version before knows one. */
	text = show_stats("{\"bridge\":{\"a\":1},\"plugin\":null}");
	assert_string_equal(text, "bridge:\n  a: 1\nplugin: -\n");
	free(text);
}

static void of_several_brokers_stats_have_a_column_each(void **state)
{
	char *text;

	(void)state;
	text = show_stats("{\"bridge\":{\"a\":1},\"plugin\":{\"b\":2},\"brokers\":["
			  "{\"broker\":\"/x\",\"number\":3,\"linked\":true,\"plugin\":{\"b\":2}},"
			  "{\"broker\":\"/y\",\"number\":1,\"linked\":false,\"plugin\":null},"
			  "{\"broker\":\"/z\",\"number\":2,\"linked\":false,\"silent_ms\":12000,"
			  "\"plugin\":{\"b\":40,\"new\":5}}]}");
	assert_string_equal(text, "bridge:\n"
				  "  a: 1\n"
				  "brokers:\n"
				  "number  linked  silent_ms  broker\n"
				  "3       yes     -          /x\n"
				  "1       no      -          /y\n"
				  "2       no      12000      /z\n"
				  "plugins:\n"
				  "counter  3  1  2\n"
				  "b        2  -  40\n"
				  "new      -  -  5\n");
	free(text);
}

static void what_users_chose_cannot_drive_the_terminal(void **state)
{
	(void)state;
	char *text = print("{\"nick\":\"a\\u001b[2Jb\\u009bc\\nd\",\"list\":[\"\\u001b\"]}", NULL);
	assert_null(strchr(text, '\x1b'));
	assert_null(strstr(text, "\xc2\x9b"));
	assert_non_null(strstr(text, "nick: a?[2Jb?c?d\n"));
	free(text);
}

/* ---- the database ---- */

static void sql(struct world *w, const char *text, int rows)
{
	char path[128];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/directory.db", w->folder);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_changes(db), rows);
	sqlite3_close(db);
}

/* As on a running node: else its ids would be taken in by a person's name, and by no other one's.
 */
static void a_pattern_goes_with_the_role(void **state)
{
	struct world *w = *state;

	world_open(w);
	assert_int_equal(offline_user_create(w->o, "fleet", 2, NULL, NULL, &w->why), IMCTL_OK);
	assert_int_equal(offline_user_create(w->o, "other", 2, NULL, NULL, &w->why), IMCTL_OK);
	offline_close(&w->o);
	sql(w, "INSERT INTO device_bind SELECT uid, id FROM user", 2);
	world_open(w);
	assert_int_equal(offline_user_set_role(w->o, "fleet", 2, &w->why), IMCTL_OK);
	offline_close(&w->o);
	sql(w, "UPDATE device_bind SET prefix = prefix", 2);
	world_open(w);
	assert_int_equal(offline_user_set_role(w->o, "fleet", 0, &w->why), IMCTL_OK);
	assert_int_equal(offline_user_set_role(w->o, "nobody", 0, &w->why), IMCTL_REFUSED);
	offline_close(&w->o);
	sql(w, "UPDATE device_bind SET prefix = prefix WHERE prefix = 'fleet'", 0);
	sql(w, "UPDATE device_bind SET prefix = prefix WHERE prefix = 'other'", 1);
}

static void users_are_kept(void **state)
{
	struct world *w = *state;
	json_t *u = NULL, *rows = json_array();

	world_open(w);
	assert_int_equal(offline_user_create(w->o, "ann", 1, NULL, "Ann", &w->why), IMCTL_OK);
	assert_int_equal(offline_user_create(w->o, "bea", 0, "$x", NULL, &w->why), IMCTL_OK);
	assert_int_equal(offline_user_create(w->o, "ann", 0, NULL, NULL, &w->why), IMCTL_REFUSED);
	assert_non_null(strstr(world_why(w), "\"ann\" already"));
	im_buf_reset(&w->why);
	assert_int_equal(offline_user_create(w->o, "Ann", 0, NULL, NULL, &w->why), IMCTL_REFUSED);
	assert_non_null(strstr(world_why(w), "differs from the user \"ann\" in case alone"));
	assert_int_equal(offline_user_create(w->o, "all", 0, NULL, NULL, &w->why), IMCTL_REFUSED);
	assert_int_equal(offline_user_set_disabled(w->o, "bea", true, &w->why), IMCTL_OK);
	assert_int_equal(offline_user_set_role(w->o, "bea", 1, &w->why), IMCTL_OK);
	assert_int_equal(offline_user_set_password(w->o, "cora", NULL, &w->why), IMCTL_REFUSED);
	offline_close(&w->o);

	world_open(w);
	assert_int_equal(offline_user_get(w->o, "ann", &u, &w->why), IMCTL_OK);
	assert_string_equal(json_string_value(json_object_get(u, "role")), "admin");
	assert_string_equal(json_string_value(json_object_get(u, "nick")), "Ann");
	assert_true(json_is_false(json_object_get(u, "password")));
	json_decref(u);
	assert_int_equal(offline_user_get(w->o, "bea", &u, &w->why), IMCTL_OK);
	assert_true(json_is_true(json_object_get(u, "disabled")));
	assert_true(json_is_true(json_object_get(u, "password")));
	json_decref(u);
	assert_int_equal(offline_user_list(w->o, "ann", 0, rows, &w->why), IMCTL_OK);
	assert_int_equal(json_array_size(rows), 1);
	json_decref(rows);
}

static void a_running_bridge_is_left_alone(void **state)
{
	struct world *w = *state;
	char path[128];

	snprintf(path, sizeof(path), "%s/bridge.lock", w->folder);
	int fd = open(path, O_RDWR | O_CREAT, 0600);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(offline_open(w->folder, &w->o, &w->why), IMCTL_REFUSED);
	assert_non_null(strstr(world_why(w), "bridge is running"));
	close(fd);
	world_open(w);
}

static void a_missing_folder_is_named(void **state)
{
	struct world *w = *state;

	assert_int_equal(offline_open("/nonexistent/im", &w->o, &w->why), IMCTL_REFUSED);
	assert_non_null(strstr(world_why(w), "/nonexistent/im"));
	assert_non_null(strstr(world_why(w), "No such file"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_set_up, world_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_command_line_wins_over_the_file),
		TEST(the_file_is_found_where_xdg_says),
		TEST(wrong_options_are_refused),
		TEST(a_file_that_is_not_needed_is_no_hindrance),
		TEST(a_token_says_who_and_until_when),
		TEST(devices_are_used_again_but_never_shared),
		TEST(tables_have_straight_columns),
		TEST(of_one_broker_stats_are_two_lists),
		TEST(of_several_brokers_stats_have_a_column_each),
		TEST(what_users_chose_cannot_drive_the_terminal),
		TEST(a_pattern_goes_with_the_role),
		TEST(users_are_kept),
		TEST(a_running_bridge_is_left_alone),
		TEST(a_missing_folder_is_named),
	};

	return cmocka_run_group_tests_name("imctl_local", tests, NULL, NULL);
}
