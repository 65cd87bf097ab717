/* SPDX-License-Identifier: BSD-3-Clause */
/* Looks commands up and describes them. Called by main.c. Knows the tables of cmd_*.c. */
#include "clients/imctl/commands.h"

#include <string.h>

#include "clients/imctl/cmd_announce.h"
#include "clients/imctl/cmd_device.h"
#include "clients/imctl/cmd_node.h"
#include "clients/imctl/cmd_user.h"
#include "clients/imctl/options.h"

static const struct command *const tables[] = {cmd_user, cmd_device, cmd_node, cmd_announce};
#define TABLES (sizeof(tables) / sizeof(tables[0]))

/* How many of argv's first words are the name; 0: another command. */
static int match(const char *name, int argc, char *const *argv)
{
	int words = 0;

	while (*name) {
		size_t n = strcspn(name, " ");
		if (words >= argc || strlen(argv[words]) != n || memcmp(argv[words], name, n) != 0)
			return 0;
		words++;
		name += n + (name[n] == ' ');
	}
	return words;
}

const struct command *commands_find(int argc, char *const *argv, int *words_out, struct im_buf *why)
{
	const struct command *c;
	bool first = true;

	for (size_t t = 0; t < TABLES; t++)
		for (c = tables[t]; c->name; c++)
			if ((*words_out = match(c->name, argc, argv)) > 0)
				return c;
	/* "user" alone: say what there is under it. */
	for (size_t t = 0; argc > 0 && t < TABLES; t++) {
		for (c = tables[t]; c->name; c++) {
			size_t n = strlen(argv[0]);
			if (strncmp(c->name, argv[0], n) != 0 || c->name[n] != ' ')
				continue;
			if (first)
				im_buf_printf(why, "%s takes one of:", argv[0]);
			im_buf_printf(why, "%s %s", first ? "" : ",", c->name + n + 1);
			first = false;
		}
	}
	if (first)
		im_buf_printf(why, "no command \"%s\"; see: imctl help", argc > 0 ? argv[0] : "");
	return NULL;
}

static void put_synopsis(const struct command *c, FILE *out)
{
	fprintf(out, "%s", c->name);
	for (const struct arg *a = c->args; a->name; a++) {
		if (a->name[0] == '-')
			continue;
		const char *more = a->type == ARG_UIDS ? "..." : "";
		fprintf(out, a->required ? " %s%s" : " [%s%s]", a->name, more);
	}
}

void commands_help(FILE *out)
{
	fputs("imctl: administers a mosquitto-im node\n\n"
	      "usage: imctl [OPTION]... COMMAND [ARGUMENT]...\n\ncommands:\n",
		out);
	for (size_t t = 0; t < TABLES; t++) {
		for (const struct command *c = tables[t]; c->name; c++) {
			fputs("  ", out);
			put_synopsis(c, out);
			fprintf(out, "\n      %s%s\n", c->help, c->offline ? " (*)" : "");
		}
	}
	fputs("  help [COMMAND]\n      shows this, or all about one command\n"
	      "  version\n      shows the version\n"
	      "(*) works with --offline as well\n\noptions, in front of the command:\n",
		out);
	options_help(out);
	fputs("\nexit status: 0 done, 1 refused, 2 wrong usage, 3 no connection or no answer\n",
		out);
}

void commands_help_one(const struct command *c, FILE *out)
{
	bool any = false;

	fputs("usage: imctl [OPTION]... ", out);
	put_synopsis(c, out);
	for (const struct arg *a = c->args; a->name; a++)
		any = any || a->name[0] == '-';
	fprintf(out, "%s\n\n%s\n\n", any ? " [OPTION]..." : "", c->help);
	for (const struct arg *a = c->args; a->name; a++)
		fprintf(out, "  %-18s %s%s%s%s\n", a->name, a->help, a->choices ? ": " : "",
			a->choices ? a->choices : "",
			a->name[0] == '-' && a->required ? "; required" : "");
	if (c->offline)
		fprintf(out, "  %s\n",
			c->request ? "works with --offline as well" : "works with --offline only");
}
