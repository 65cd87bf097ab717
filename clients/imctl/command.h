/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a subcommand is: what it is called, which arguments it takes, which member of the request
 * each becomes, and how its answer looks on a terminal. A command is one row; most need no code of
 * their own. The rows are in cmd_*.c, and commands.h finds them.
 */
#ifndef IM_IMCTL_COMMAND_H
#define IM_IMCTL_COMMAND_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "common/buf.h"

struct control;
struct offline;
struct options;

enum arg_type {
	ARG_UID,
	ARG_UIDS, /* a list: comma-separated, or, positional and last, all that is left */
	ARG_GID,
	ARG_DEVICE,
	ARG_CONV, /* u/UID or g/GID */
	ARG_TEXT,
	ARG_PATH, /* made absolute: another process resolves it */
	ARG_INTEGER,
	ARG_FIGURE,  /* a whole number, or "default" for what the server says: -1 */
	ARG_SECONDS, /* 90, 90s, 15m, 12h, 30d */
	ARG_FLAG,    /* takes no value; becomes true */
	ARG_CHOICE,
};

struct arg {
	const char *name;   /* an option with its dashes, or a positional's name in capitals */
	const char *member; /* of the request; one that starts with '.' stays in imctl */
	enum arg_type type;
	bool required;       /* of positionals, required ones come first */
	const char *choices; /* ARG_CHOICE: "user|admin" */
	const char *help;
};

/* What a command gets that runs here and not on the server. */
/* Of params: nothing is changed. */
#define DRY_RUN ".dry_run"

struct command_call {
	const struct options *opt;
	struct offline *offline; /* NULL when the command needs no database */
	FILE *input;             /* the file named by the member `.input`, if there is one */
	json_t *params;
	json_t *result;     /* set by the command; owned by the caller */
	struct im_buf *why; /* on failure: a sentence */
};

struct command {
	const char *name;       /* "user create" */
	const char *help;       /* one sentence */
	const struct arg *args; /* ends with name == NULL */
	const char *request;    /* the server's command; NULL: it never goes there */
	/* Without a server, returning an exit code: `offline` on the open database, `local` without
	 * one. NULL: cannot. */
	int (*offline)(struct command_call *c);
	int (*local)(struct command_call *c);
	/* On a connection to the server, in as many requests as it takes; what comes is written as
	 * it comes, unless there is a result. NULL: one request, and its answer. */
	int (*online)(struct command_call *c, struct control *con);
	/* What it is called in the audit log when it runs offline; NULL: it changes nothing. alone:
	 * it works on the files by itself, and is noted when it is done. */
	const char *noted;
	bool alone;
	bool password; /* the request carries a password hash: asked for unless an option brings it
			*/
	/* The answer's array; in pages unless `whole`. NULL: none. */
	const char *rows;
	bool whole;
	/* On a terminal: those rows alone as a table with these columns (names separated by
	 * blanks), the member `text` alone, or the whole object. */
	const char *columns, *text;
	/* Or in its own way; NULL: as above. */
	void (*show)(FILE *out, const json_t *result);
	bool counts; /* the whole object, whose members are numbers whatever they are called */
	unsigned timeout_s; /* longest wait for the answer; 0: the general one */
};

#endif
