/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads imctl's general options. Called by main.c once. Knows the configuration table and nothing
 * of commands.
 */
#include "clients/imctl/options.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "clients/imctl/file.h"

#define CONFIG_BYTES_MAX (64 * 1024)

#define KEY(member, kind, default_text, lo, hi, text)                                      \
	{                                                                                  \
		.name = #member, .type = kind, .offset = offsetof(struct options, member), \
		.def = default_text, .min = lo, .max = hi, .help = text                    \
	}

static const struct im_conf_key keys[] = {
	KEY(host, IM_CONF_STRING, "localhost", 1, 255, "the broker's host"),
	KEY(port, IM_CONF_INT, "1883", 1, 65535, "the broker's port"),
	KEY(socket, IM_CONF_STRING, NULL, 1, 107,
		"path of a Unix-domain listener of the broker, in place of host and port"),
	KEY(user, IM_CONF_STRING, "admin", 1, 64, "the administrator's user id"),
	KEY(password_file, IM_CONF_STRING, NULL, 1, 4096,
		"file whose first line is the password (- for standard input); asked for when "
		"unset"),
	KEY(tls, IM_CONF_BOOL, "false", 0, 0, "TLS, trusting the system's certificates"),
	KEY(cafile, IM_CONF_STRING, NULL, 1, 4096, "TLS, trusting the certificates in this file"),
	KEY(capath, IM_CONF_STRING, NULL, 1, 4096, "TLS, trusting the certificates in this folder"),
	KEY(cert, IM_CONF_STRING, NULL, 1, 4096, "file with the client's certificate"),
	KEY(key, IM_CONF_STRING, NULL, 1, 4096, "file with the client's private key"),
	KEY(insecure, IM_CONF_BOOL, "false", 0, 0,
		"accept a server certificate for another host name: for tests only"),
	KEY(jwt_secret_file, IM_CONF_STRING, NULL, 1, 4096,
		"file with the HS256 secret that `imctl token` signs with"),
	KEY(timeout_s, IM_CONF_INT, "10", 1, 86400, "seconds to wait for an answer"),
	KEY(wait_s, IM_CONF_INT, "0", 0, 86400,
		"seconds to keep trying while the node is not up yet"),
};

const struct im_conf_table options_table = {keys, sizeof(keys) / sizeof(keys[0])};

/* --jwt-secret-file becomes jwt_secret_file; NULL when it is too long for any key. */
static const struct im_conf_key *find_key(const char *word, size_t n)
{
	for (size_t i = 0; i < options_table.n; i++) {
		const char *name = keys[i].name;
		if (strlen(name) != n)
			continue;
		size_t at = 0;
		while (at < n && (word[at] == name[at] || (word[at] == '-' && name[at] == '_')))
			at++;
		if (at == n)
			return &keys[i];
	}
	return NULL;
}

static int set_pair(
	struct options *o, const struct im_conf_key *k, const char *value, struct im_buf *why)
{
	return im_conf_set(&options_table, o, NULL, im_str(k->name), im_str(value), why);
}

/* The words in front of the command. Pass 1 notes where the file is; pass 2, over what the file
 * said, sets the pairs. */
struct scan {
	int argc;
	char *const *argv;
	int i;
	const char *config;
	bool help;
};

static const char *take_value(struct scan *s, size_t n, struct im_buf *why)
{
	const char *word = s->argv[s->i];

	if (word[n] == '=')
		return word + n + 1;
	if (s->i + 1 >= s->argc) {
		im_buf_printf(why, "%s needs a value", word);
		return NULL;
	}
	return s->argv[++s->i];
}

static int scan_option(struct scan *s, struct options *o, bool set, struct im_buf *why)
{
	const char *word = s->argv[s->i];
	size_t n = strcspn(word, "=");

	if (strcmp(word, "--json") == 0) {
		o->json = true;
		return IM_OK;
	}
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
		s->help = true;
		return IM_OK;
	}
	bool config = n == 8 && memcmp(word, "--config", 8) == 0;
	bool offline = n == 9 && memcmp(word, "--offline", 9) == 0;
	const struct im_conf_key *k = n > 2 && word[1] == '-' ? find_key(word + 2, n - 2) : NULL;
	if (!config && !offline && !k) {
		im_buf_printf(why, "no general option %.*s; see: imctl help", (int)n, word);
		return IM_E_FORMAT;
	}
	const char *value = "true";
	if (!k || k->type != IM_CONF_BOOL || word[n]) {
		value = take_value(s, n, why);
		if (!value)
			return IM_E_FORMAT;
	}
	if (config) {
		s->config = value;
	} else if (offline) {
		free(o->offline);
		o->offline = strdup(value);
		return o->offline ? IM_OK : IM_E_NOMEM;
	} else if (set) {
		return set_pair(o, k, value, why);
	}
	return IM_OK;
}

static int scan_words(struct scan *s, struct options *o, bool set, struct im_buf *why)
{
	int rc = IM_OK;

	for (s->i = 1; rc == IM_OK && s->i < s->argc && s->argv[s->i][0] == '-'; s->i++)
		rc = scan_option(s, o, set, why);
	return rc;
}

/* The path that holds when --config is not given; false when there is no home. */
static bool default_path(struct im_buf *path)
{
	const char *base = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");

	if (base && base[0] == '/')
		im_buf_printf(path, "%s/imctl.conf", base);
	else if (home && home[0] == '/')
		im_buf_printf(path, "%s/.config/imctl.conf", home);
	else
		return false;
	im_buf_c(path, '\0');
	return !path->failed;
}

/* optional: it need not be there. */
static int read_file(const char *path, bool optional, struct options *o, struct im_buf *why)
{
	struct im_buf text;
	int rc = IM_OK;

	im_buf_init(&text, CONFIG_BYTES_MAX);
	int error = file_read(path, &text);
	if (!error) {
		rc = im_conf_read(&options_table, o, im_buf_view(&text), path, why);
	} else if (!optional || (error != ENOENT && error != ENOTDIR)) {
		im_buf_printf(why, "cannot read %s: %s", path, strerror(error));
		rc = IM_E_IO;
	}
	im_buf_free(&text);
	return rc;
}

/* Of another user, perhaps, whose home it is: what is wrong matters to those alone who need it. */
static int read_default(struct options *o)
{
	struct im_buf path, fault;
	int rc = IM_OK;

	im_buf_init(&path, 0);
	im_buf_init(&fault, 0);
	if (default_path(&path) && read_file(path.p, true, o, &fault) != IM_OK) {
		im_buf_c(&fault, '\0');
		o->fault = fault.failed ? NULL : strdup(fault.p);
		rc = o->fault ? IM_OK : IM_E_NOMEM;
	}
	im_buf_free(&fault);
	im_buf_free(&path);
	return rc;
}

int options_read(int argc, char *const *argv, struct options *out, int *first_out, bool *help_out,
	struct im_buf *why)
{
	struct scan s = {.argc = argc, .argv = argv};

	*out = (struct options){0};
	*help_out = false;
	int rc = im_conf_defaults(&options_table, out);
	if (rc == IM_OK)
		rc = scan_words(&s, out, false, why);
	*first_out = s.i;
	*help_out = rc == IM_OK && s.help;
	if (rc != IM_OK || s.help)
		return rc;
	rc = s.config ? read_file(s.config, false, out, why) : read_default(out);
	if (rc == IM_OK)
		rc = scan_words(&s, out, true, why);
	return rc;
}

int options_need_file(const struct options *o, struct im_buf *why)
{
	if (!o->fault)
		return IM_OK;
	im_buf_z(why, o->fault);
	return IM_E_IO;
}

void options_free(struct options *o)
{
	free(o->offline);
	o->offline = NULL;
	free(o->fault);
	o->fault = NULL;
	im_conf_free(&options_table, o);
}

void options_help(FILE *out)
{
	for (size_t i = 0; i < options_table.n; i++) {
		char name[32] = "--";
		strncat(name, keys[i].name, sizeof(name) - 3);
		for (char *p = name; *p; p++)
			if (*p == '_')
				*p = '-';
		fprintf(out, "  %-18s %s", name, keys[i].help);
		if (keys[i].def && keys[i].type != IM_CONF_BOOL)
			fprintf(out, " (%s)", keys[i].def);
		fputc('\n', out);
	}
	fprintf(out, "  %-18s %s\n", "--config",
		"file with these settings, a line each: key value");
	fprintf(out, "  %-18s %s\n", "--offline",
		"work on the databases in this folder, while no bridge runs");
	fprintf(out, "  %-18s %s\n", "--json", "answer in JSON, on one line");
}
