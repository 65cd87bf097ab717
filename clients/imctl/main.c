/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * imctl: administers a mosquitto-im node, over $CONTROL/im/v1 or, with --offline, on its database.
 * This file leads from the command line to the exit code; what a command is stands in cmd_*.c.
 */
#include <stdlib.h>
#include <string.h>

#include "clients/imctl/args.h"
#include "clients/imctl/commands.h"
#include "clients/imctl/control.h"
#include "clients/imctl/file.h"
#include "clients/imctl/offline.h"
#include "clients/imctl/options.h"
#include "clients/imctl/password.h"
#include "clients/imctl/print.h"
#include "common/phc.h"

/* Rows asked for in one request; the answer must fit a frame. */
#define PAGE_ROWS 200

/* Members that start with '.' were for imctl itself. */
static void drop_local(json_t *params)
{
	const char *name;
	void *next;
	json_t *v;

	json_object_foreach_safe(params, next, name, v)
	{
		if (name[0] == '.')
			json_object_del(params, name);
	}
}

/* All pages of an answer with rows as one: the server ends a page early when it would grow too
 * long, and then tells `next`. What stands beside the rows is the first page's. */
static int call_paged(struct control *con, const struct command *c, json_t *params, json_t **out,
	struct im_buf *why)
{
	json_int_t left = json_integer_value(json_object_get(params, "limit"));
	bool all = left == 0;
	json_t *rows = json_array(), *page = NULL;
	int rc;

	do {
		json_int_t n = !all && left < PAGE_ROWS ? left : PAGE_ROWS;
		json_object_set_new(params, "limit", json_integer(n));
		json_decref(page);
		rc = control_call(con, c->request, params, c->timeout_s, &page, why);
		if (rc != IMCTL_OK)
			break;
		json_t *got = json_object_get(page, c->rows);
		left -= (json_int_t)json_array_size(got);
		json_array_extend(rows, got);
		json_object_set(params, "after", json_object_get(page, "next"));
		if (!*out)
			*out = json_incref(page);
	} while (json_object_get(page, "next") && (all || left > 0));
	json_decref(page);
	if (rc == IMCTL_OK) {
		json_object_del(*out, "more");
		json_object_del(*out, "next");
		json_object_set(*out, c->rows, rows);
	}
	json_decref(rows);
	return rc;
}

static int run_online(struct command_call *call, const struct command *c)
{
	struct control *con = NULL;
	struct im_buf password;

	im_buf_init(&password, IM_PASSWORD_MAX + 1);
	int rc = password_login(call->opt, &password, call->why);
	if (rc == IMCTL_OK)
		rc = control_open(call->opt, password.n ? password.p : NULL, &con, call->why);
	if (password.p)
		explicit_bzero(password.p, password.cap);
	im_buf_free(&password);
	if (rc != IMCTL_OK)
		return rc;
	if (c->online) {
		rc = c->online(call, con);
		control_close(&con);
		return rc;
	}
	drop_local(call->params);
	if (c->rows && !c->whole)
		rc = call_paged(con, c, call->params, &call->result, call->why);
	else
		rc = control_call(
			con, c->request, call->params, c->timeout_s, &call->result, call->why);
	control_close(&con);
	return rc;
}

/* Files named by arguments are opened first: the database is opened as its owner. */
static int open_input(struct command_call *call)
{
	const char *path = json_string_value(json_object_get(call->params, ".input"));

	if (!path)
		return IMCTL_OK;
	call->input = file_open(path, call->why);
	return call->input ? IMCTL_OK : IMCTL_USAGE;
}

static int work_offline(struct command_call *call, const struct command *c)
{
	int rc = IMCTL_OK;

	if (!c->noted || json_object_get(call->params, DRY_RUN))
		return c->offline(call);
	if (!c->alone)
		rc = offline_begin(call->offline, call->why);
	if (rc != IMCTL_OK)
		return rc;
	rc = c->offline(call);
	if (c->alone && rc == IMCTL_OK)
		rc = offline_begin(call->offline, call->why);
	return offline_end(call->offline, c->noted, call->params, rc, call->why);
}

static int run_offline(struct command_call *call, const struct command *c)
{
	int rc = offline_open(call->opt->offline, &call->offline, call->why);

	if (rc == IMCTL_OK)
		rc = work_offline(call, c);
	offline_close(&call->offline);
	return rc;
}

static int run(struct command_call *call, const struct command *c)
{
	const char *offline = call->opt->offline;

	if (json_object_get(call->params, ".admin"))
		json_object_set_new(call->params, "role", json_string("admin"));
	if (c->local)
		return c->local(call);
	if (offline && !c->offline) {
		im_buf_printf(
			call->why, "%s needs a running node: use it without --offline", c->name);
		return IMCTL_USAGE;
	}
	if (!offline && !c->request) {
		im_buf_printf(call->why, "%s works with --offline DATA_DIR only", c->name);
		return IMCTL_USAGE;
	}
	if (!offline && options_need_file(call->opt, call->why) != IM_OK)
		return IMCTL_USAGE;
	if (c->password) {
		int rc = password_new(call->params, call->why);
		if (rc != IMCTL_OK)
			return rc;
	}
	int rc = open_input(call);

	if (rc == IMCTL_OK)
		rc = offline ? run_offline(call, c) : run_online(call, c);
	if (call->input && call->input != stdin)
		fclose(call->input);
	return rc;
}

static void show(const struct options *opt, const struct command *c, const json_t *result)
{
	if (opt->json) {
		json_dumpf(result, stdout, JSON_COMPACT);
		fputc('\n', stdout);
	} else if (c->show) {
		c->show(stdout, result);
	} else if (c->columns) {
		print_table(stdout, json_object_get(result, c->rows), c->columns);
	} else if (c->text) {
		print_text(stdout, json_object_get(result, c->text));
		fputc('\n', stdout);
	} else if (c->counts) {
		print_counts(stdout, result);
	} else {
		print_object(stdout, result);
	}
}

static int complain(int rc, bool json, const struct im_buf *why)
{
	struct im_str text = im_buf_view(why);

	if (text.n == 0)
		text = IM_STR("out of memory");
	if (json) {
		json_t *o = json_pack("{s:o}", "error", json_stringn_nocheck(text.p, text.n));
		json_dumpf(o, stdout, JSON_COMPACT);
		fputc('\n', stdout);
		json_decref(o);
	} else {
		fprintf(stderr, "imctl: %.*s\n", IM_ARGS(text));
	}
	return rc;
}

/* `help` and `version` need nothing; -1: another command. */
static int run_builtin(int argc, char *const *argv, bool help, struct im_buf *why)
{
	const struct command *c;
	int words;

	if (argc > 0 && strcmp(argv[0], "version") == 0) {
		puts("imctl " IM_VERSION);
		return IMCTL_OK;
	}
	if (argc > 0 && strcmp(argv[0], "help") == 0) {
		argc--;
		argv++;
	} else if (!help) {
		return -1;
	}
	if (argc == 0) {
		commands_help(stdout);
		return IMCTL_OK;
	}
	c = commands_find(argc, argv, &words, why);
	if (!c)
		return IMCTL_USAGE;
	commands_help_one(c, stdout);
	return IMCTL_OK;
}

static int run_words(struct options *opt, int argc, char *const *argv, struct im_buf *why)
{
	struct command_call call = {.opt = opt, .why = why};
	const struct command *c;
	int words;

	if (argc == 0) {
		im_buf_z(why, "no command; see: imctl help");
		return IMCTL_USAGE;
	}
	c = commands_find(argc, argv, &words, why);
	if (!c || args_parse(c, argc - words, argv + words, &call.params, why) != IM_OK)
		return IMCTL_USAGE;
	int rc = run(&call, c);
	if (rc == IMCTL_OK && (!c->online || call.result)) {
		json_t *result = call.result ? call.result : json_object();
		show(opt, c, result);
		call.result = result;
	}
	json_decref(call.result);
	json_decref(call.params);
	return rc;
}

/* --json and --help may also stand behind the command. */
static int take_trailing(int argc, char **argv, bool *json, bool *help)
{
	int kept = 0;

	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0) {
			while (i < argc)
				argv[kept++] = argv[i++];
			break;
		}
		if (strcmp(argv[i], "--json") == 0)
			*json = true;
		else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			*help = true;
		else
			argv[kept++] = argv[i];
	}
	return kept;
}

int main(int argc, char **argv)
{
	struct options opt;
	struct im_buf why;
	int first;
	bool help;

	im_buf_init(&why, 0);
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		argv[1] += 2;
	int rc = options_read(argc, argv, &opt, &first, &help, &why) == IM_OK ? -1 : IMCTL_USAGE;
	if (rc < 0) {
		argc = take_trailing(argc - first, argv + first, &opt.json, &help);
		argv += first;
		rc = run_builtin(argc, argv, help, &why);
	}
	if (rc < 0)
		rc = run_words(&opt, argc, argv, &why);
	if (rc != IMCTL_OK)
		complain(rc, opt.json, &why);
	else if (fflush(stdout) != 0 || ferror(stdout))
		rc = IMCTL_REFUSED;
	options_free(&opt);
	im_buf_free(&why);
	return rc;
}
