/* SPDX-License-Identifier: BSD-3-Clause */
/* What imctl makes of its arguments: the request's members, or a sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients/imctl/args.h"
#include "clients/imctl/commands.h"

#define WORDS_MAX 16

/* Splits at blanks, in place. */
static int split(char *line, char **argv)
{
	int n = 0;

	for (char *p = strtok(line, " "); p; p = strtok(NULL, " ")) {
		assert_true(n < WORDS_MAX);
		argv[n++] = p;
	}
	return n;
}

/* Runs a command line through look-up and arguments; returns the request as JSON text, or "! " and
 * the complaint. */
static char *parse(const char *line)
{
	char copy[1024], *argv[WORDS_MAX], *text;
	struct im_buf why;
	json_t *params = NULL;
	int words;

	assert_true(strlen(line) < sizeof(copy));
	strcpy(copy, line);
	int argc = split(copy, argv);
	im_buf_init(&why, 0);
	const struct command *c = commands_find(argc, argv, &words, &why);
	if (c && args_parse(c, argc - words, argv + words, &params, &why) == IM_OK) {
		text = json_dumps(params, JSON_COMPACT | JSON_SORT_KEYS);
		json_decref(params);
	} else {
		assert_true(why.n > 0);
		text = malloc(why.n + 3);
		sprintf(text, "! %.*s", IM_ARGS(why));
	}
	im_buf_free(&why);
	return text;
}

static void expect(const char *line, const char *json)
{
	char *text = parse(line);

	assert_string_equal(text, json);
	free(text);
}

/* The complaint must name what is wrong. */
static void expect_complaint(const char *line, const char *part)
{
	char *text = parse(line);

	if (text[0] != '!' || !strstr(text, part))
		fail_msg("%s: got %s, expected a complaint with %s", line, text, part);
	free(text);
}

static void commands_are_found_by_all_their_words(void **state)
{
	(void)state;
	expect("user create bob", "{\"username\":\"bob\"}");
	expect("user list", "{}");
	expect("stats", "{}");
	expect_complaint("", "no command");
	expect_complaint("usr list", "\"usr\"");
	expect_complaint("user", "create, delete");
	expect_complaint("user creat bob", "create, delete");
	expect_complaint("use", "\"use\"");
}

static void options_stand_anywhere(void **state)
{
	(void)state;
	expect("user create --role admin bob", "{\"role\":\"admin\",\"username\":\"bob\"}");
	expect("user create bob --role=admin", "{\"role\":\"admin\",\"username\":\"bob\"}");
	expect("user create bob --nick=", "{\"nick\":\"\",\"username\":\"bob\"}");
	expect("user create --admin bob", "{\".admin\":true,\"username\":\"bob\"}");
	expect("message u/bob -- --hello", "{\"body\":\"--hello\",\"conv\":\"u/bob\"}");
	expect("message u/bob -", "{\"body\":\"-\",\"conv\":\"u/bob\"}");
}

static void wrong_options_are_named(void **state)
{
	(void)state;
	expect_complaint("user create bob --rol admin", "--rol");
	/* A name may begin with one. */
	expect_complaint("user show -x",
		"takes no option -x; see: imctl help user show; a UID that begins with - stands "
		"behind --, after all options");
	expect("user show -- -x", "{\"username\":\"-x\"}");
	expect_complaint("user create bob --role", "--role needs a value");
	expect_complaint("user create bob --admin=yes", "--admin takes no value");
	expect_complaint("user create bob --role root", "user|admin");
	expect_complaint("user create bob --role adm", "user|admin");
	expect_complaint("user create bob --role admin --role user", "--role is given twice");
	expect_complaint("user create bob carol", "\"carol\"");
	expect_complaint("user create", "UID is missing");
	expect_complaint("group create team", "--owner is missing");
}

static void names_are_checked(void **state)
{
	char line[128] = "user delete ";
	const size_t n = strlen(line);

	(void)state;
	expect_complaint("user delete b/b", "\"b/b\" is not a user id");
	expect_complaint("group show g+", "\"g+\" is not a group id");
	expect_complaint("kick bob dev\002ice", "is not a client id");
	expect("kick bob dev/ice+#%", "{\"device\":\"dev/ice+#%\",\"username\":\"bob\"}");
	expect("device owner dev/ice+#%", "{\"device\":\"dev/ice+#%\"}");
	expect("device unbind dev/ice", "{\"device\":\"dev/ice\"}");
	expect("device unbind dev/ice --for bob", "{\"device\":\"dev/ice\",\"owner\":\"bob\"}");
	expect_complaint("message bob hi", "\"bob\" is not a conversation");
	expect("message g/team hi", "{\"body\":\"hi\",\"conv\":\"g/team\"}");
	memset(line + n, 'a', 64);
	line[n + 64] = '\0';
	char *text = parse(line);
	assert_true(text[0] == '{');
	free(text);
	strcat(line, "a");
	expect_complaint(line, "1 to 64");
	expect_complaint("message u/bob \xff\xfe", "UTF-8");
}

static void lists_take_commas_and_words(void **state)
{
	(void)state;
	expect("group add team a,b c", "{\"gid\":\"team\",\"members\":[\"a\",\"b\",\"c\"]}");
	expect("group create team --owner a --members a,b",
		"{\"gid\":\"team\",\"members\":[\"a\",\"b\"],\"owner\":\"a\"}");
	expect_complaint("group add team", "UID is missing");
	expect_complaint("group add team a,,b", "\"\" is not a user id");
	expect_complaint("group add team a,", "\"\" is not a user id");
}

static void numbers_and_durations_are_checked(void **state)
{
	(void)state;
	expect("user list --limit 5", "{\"limit\":5}");
	expect_complaint("user list --limit -5", "--limit");
	expect_complaint("user list --limit 5x", "\"5x\"");
	expect_complaint("user list --limit 99999999999999999999", "--limit");
	/* A figure that is left out is asked for; to go back to the server's takes a word. */
	expect("user devices bob", "{\"username\":\"bob\"}");
	expect("user devices bob 0", "{\"max_devices\":0,\"username\":\"bob\"}");
	expect("user devices bob default", "{\"max_devices\":-1,\"username\":\"bob\"}");
	expect("user quota bob groups", "{\"kind\":\"groups\",\"username\":\"bob\"}");
	expect("user quota bob groups default",
		"{\"kind\":\"groups\",\"max\":-1,\"username\":\"bob\"}");
	expect_complaint("user devices bob -1", "-1");
	expect_complaint("user devices bob many", "or default");
	expect_complaint("user quota bob groups none", "or default");
	expect("token bob --ttl 90", "{\".ttl\":90,\".username\":\"bob\"}");
	expect("token bob --ttl 90s", "{\".ttl\":90,\".username\":\"bob\"}");
	expect("token bob --ttl 15m", "{\".ttl\":900,\".username\":\"bob\"}");
	expect("token bob --ttl 12h", "{\".ttl\":43200,\".username\":\"bob\"}");
	expect("token bob --ttl 30d", "{\".ttl\":2592000,\".username\":\"bob\"}");
	expect_complaint("token bob --ttl 0", "duration");
	expect_complaint("token bob --ttl 5w", "duration");
	expect_complaint("token bob --ttl h", "duration");
	expect_complaint("token bob --ttl 5hh", "duration");
	expect_complaint("token bob --ttl 9999999999d", "duration");
}

static void paths_become_absolute(void **state)
{
	char cwd[512], expected[600];

	(void)state;
	expect("backup /var/b", "{\"dir\":\"/var/b\"}");
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	snprintf(expected, sizeof(expected), "{\"dir\":\"%s/b\"}", cwd);
	expect("backup b", expected);
}

static void every_command_can_be_described(void **state)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	(void)state;
	assert_non_null(out);
	commands_help(out);
	fflush(out);
	assert_non_null(strstr(text, "group add GID UID..."));
	assert_non_null(strstr(text, "kick UID [DEVICE]"));
	assert_non_null(strstr(text, "--password-file"));
	fclose(out);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_are_found_by_all_their_words),
		cmocka_unit_test(options_stand_anywhere),
		cmocka_unit_test(wrong_options_are_named),
		cmocka_unit_test(names_are_checked),
		cmocka_unit_test(lists_take_commas_and_words),
		cmocka_unit_test(numbers_and_durations_are_checked),
		cmocka_unit_test(paths_become_absolute),
		cmocka_unit_test(every_command_can_be_described),
	};

	return cmocka_run_group_tests_name("imctl_args", tests, NULL, NULL);
}
