/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * imctl's general options: where the node is and who asks. One table serves the command line
 * (--jwt-secret-file) and the configuration file (jwt_secret_file); the command line wins.
 */
#ifndef IM_IMCTL_OPTIONS_H
#define IM_IMCTL_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/buf.h"
#include "common/conf.h"
#include "common/err.h"

struct options {
	char *host;
	int64_t port;
	char *socket;
	char *user;
	char *password_file;
	bool tls;
	char *cafile, *capath, *cert, *key;
	bool insecure;
	char *jwt_secret_file;
	int64_t timeout_s;
	int64_t wait_s;
	/* command line only */
	bool json;
	char *offline; /* the data folder; NULL: over the network */
	/* What is wrong with the configuration file; NULL: nothing. */
	char *fault;
};

extern const struct im_conf_table options_table;

/* Reads the general options in front of the command and, when there is one, the configuration file:
 * the one named by --config, else $XDG_CONFIG_HOME/imctl.conf or ~/.config/imctl.conf. What is
 * wrong with one that nobody has named is kept for options_need_file. first_out: index of the
 * command's first word (argc: none). *help_out: --help was given, so nothing else was looked at.
 * IM_E_FORMAT or IM_E_IO: why says what is wrong. Free with options_free in every case. */
int options_read(int argc, char *const *argv, struct options *out, int *first_out, bool *help_out,
	struct im_buf *why) IM_MUST_CHECK;
/* Asked before anything is done that the configuration file may have a say in: IM_OK, or IM_E_IO
 * and why it cannot be read. */
int options_need_file(const struct options *o, struct im_buf *why) IM_MUST_CHECK;
void options_free(struct options *o);
/* The list of general options, for `imctl help`. */
void options_help(FILE *out);

#endif
