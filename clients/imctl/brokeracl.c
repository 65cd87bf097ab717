/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by cmd_node.c for `check acl`. Takes of mosquitto.conf and the files of its include_dir
 * what the plugin's rights are made of, and hands it to common/acl.h, as the plugin does. */
#include "clients/imctl/brokeracl.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clients/imctl/exit.h"
#include "common/acl.h"
#include "common/limits.h"
#include "db/textfile.h"

#define CONF_BYTES_MAX (1024 * 1024)
#define ENDING ".conf"

struct conf {
	char *acl_file, *prefix;
	char **open;
	size_t n_open;
	bool failed; /* out of memory */
	/* What lines of an acl_file begin with was there; a `connection`, whose `topic` is another.
	 */
	bool rule, connection;
	struct im_buf *why;
};

static void clear(struct conf *c)
{
	free(c->acl_file);
	free(c->prefix);
	while (c->n_open)
		free(c->open[--c->n_open]);
	free(c->open);
}

static bool blank(char ch)
{
	return ch == ' ' || ch == '\t' || ch == '\r';
}

static void set(struct conf *c, char **to, const char *value, size_t n)
{
	*to = strndup(value, n);
	c->failed = c->failed || !*to;
}

/* The broker does not start where the plugin finds it twice. */
static int set_once(struct conf *c, char **to, const char *name, const char *value, size_t n)
{
	if (*to) {
		im_buf_printf(c->why, "plugin_opt_%s is given twice; keep one", name);
		return IMCTL_REFUSED;
	}
	set(c, to, value, n);
	return IMCTL_OK;
}

static void add_open(struct conf *c, const char *value, size_t n)
{
	char **v = realloc(c->open, (c->n_open + 1) * sizeof(*v));

	c->failed = c->failed || !v;
	if (!v)
		return;
	c->open = v;
	v[c->n_open] = NULL;
	set(c, &v[c->n_open++], value, n);
}

static int take_file(struct conf *c, const char *path, bool included);

static int is_conf(const struct dirent *e)
{
	size_t n = strlen(e->d_name), ending = sizeof(ENDING) - 1;

	return n > ending && strcmp(e->d_name + n - ending, ENDING) == 0;
}

static int take_folder(struct conf *c, const char *folder)
{
	struct dirent **list = NULL;
	int n = scandir(folder, &list, is_conf, alphasort), rc = IMCTL_OK;

	if (n < 0) {
		im_buf_printf(c->why, "cannot read the folder %s: %s", folder, strerror(errno));
		return IMCTL_USAGE;
	}
	for (int i = 0; i < n; i++) {
		char *path = NULL;

		if (rc == IMCTL_OK && asprintf(&path, "%s/%s", folder, list[i]->d_name) >= 0)
			rc = take_file(c, path, true);
		free(path);
		free(list[i]);
	}
	free(list);
	return rc;
}

static int take_line(struct conf *c, const char *line, size_t n, bool included)
{
	const char *end = line + n, *value;
	char *folder;
	size_t key;
	int rc;

	while (line < end && blank(*line))
		line++;
	while (end > line && blank(end[-1]))
		end--;
	for (value = line; value < end && !blank(*value); value++)
		;
	key = (size_t)(value - line);
	while (value < end && blank(*value))
		value++;
	n = (size_t)(end - value);
	const struct im_str name = {line, key};
	if (im_str_eqz(name, "plugin_opt_acl_file"))
		return set_once(c, &c->acl_file, "acl_file", value, n);
	if (im_str_eqz(name, "plugin_opt_topic_prefix"))
		return set_once(c, &c->prefix, "topic_prefix", value, n);
	if (im_str_eqz(name, "plugin_opt_allow_topic"))
		add_open(c, value, n);
	else if (im_str_eqz(name, "topic") || im_str_eqz(name, "pattern"))
		c->rule = true;
	else if (im_str_eqz(name, "connection"))
		c->connection = true;
	if (included || !im_str_eqz(name, "include_dir"))
		return IMCTL_OK;
	folder = strndup(value, n);
	rc = folder ? take_folder(c, folder) : IMCTL_OK;
	free(folder);
	return rc;
}

static int take_file(struct conf *c, const char *path, bool included)
{
	struct im_buf text;
	int rc = IMCTL_OK;

	im_buf_init(&text, 0);
	int error = textfile_read(path, CONF_BYTES_MAX, &text);
	if (error) {
		im_buf_printf(c->why, "cannot read %s: %s", path, textfile_why(error));
		rc = IMCTL_USAGE;
	}
	for (size_t at = 0; rc == IMCTL_OK && at < text.n;) {
		const char *p = text.p + at, *end = memchr(p, '\n', text.n - at);
		size_t n = end ? (size_t)(end - p) : text.n - at;

		rc = take_line(c, p, n, included);
		at += n + 1;
	}
	im_buf_free(&text);
	return rc;
}

/* A line of the warnings, "FILE:LINE: sentence", as a row. */
static void add_finding(json_t *findings, const char *file, struct im_str line)
{
	size_t head = strlen(file) + 1;
	char *end = NULL;
	long number = line.n > head ? strtol(line.p + head, &end, 10) : 0;
	size_t at = end && *end == ':' ? (size_t)(end + 2 - line.p) : 0;

	json_array_append_new(
		findings, json_pack("{s:s,s:i,s:o}", "file", file, "line", (int)number, "finding",
				  json_stringn_nocheck(line.p + at, line.n - at)));
}

static int check_rules(const struct conf *c, json_t **out, struct im_buf *why)
{
	struct im_acl_from f = {.prefix = im_str(c->prefix ? c->prefix : "im"),
		.name = c->acl_file,
		.open = c->open,
		.n_open = c->n_open};
	json_t *findings = json_array();
	struct im_buf text, warnings;
	struct im_acl *acl = NULL;
	int ret = IM_E_IO;

	im_buf_init(&text, 0);
	im_buf_init(&warnings, 0);
	int error = textfile_read(c->acl_file, IM_ACL_BYTES_MAX, &text);
	if (error) {
		im_buf_printf(why, "cannot read %s: %s", c->acl_file, textfile_why(error));
	} else {
		f.text = im_buf_view(&text);
		ret = im_acl_new(&f, &acl, why, &warnings);
	}
	if (!ret) {
		for (size_t at = 0; at < warnings.n;) {
			const char *p = warnings.p + at, *end = memchr(p, '\n', warnings.n - at);

			add_finding(findings, c->acl_file, (struct im_str){p, (size_t)(end - p)});
			at += (size_t)(end - p) + 1;
		}
		*out = json_pack(
			"{s:I,s:O}", "rules", (json_int_t)im_acl_rules(acl), "findings", findings);
	}
	im_acl_free(&acl);
	im_buf_free(&text);
	im_buf_free(&warnings);
	json_decref(findings);
	return ret ? IMCTL_REFUSED : IMCTL_OK;
}

int brokeracl_check(const char *conf, json_t **out, struct im_buf *why)
{
	struct conf c = {.why = why};
	int rc = take_file(&c, conf, false);

	if (rc == IMCTL_OK && !c.acl_file && c.rule && !c.connection)
		set(&c, &c.acl_file, conf, strlen(conf));
	if (rc == IMCTL_OK && !c.acl_file && !c.failed) {
		im_buf_printf(why,
			"%s names no plugin_opt_acl_file; give the broker's configuration that "
			"does, or the acl_file itself",
			conf);
		rc = IMCTL_USAGE;
	}
	if (rc == IMCTL_OK && c.failed) {
		im_buf_z(why, "out of memory");
		rc = IMCTL_REFUSED;
	}
	if (rc == IMCTL_OK)
		rc = check_rules(&c, out, why);
	clear(&c);
	return rc;
}
