/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the document's frame. What is in the sections is the server's, and written as it came. */
#include "clients/imctl/export.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"

/* A page that a busy node did not give is asked for again. */
#define AGAIN_MS 1000
#define AGAIN_MAX 60

struct document {
	FILE *out;
	char *part, *path; /* NULL: standard output */
	char section[64];
	bool any; /* items in this section */
};

static int failed(const char *path, struct im_buf *why)
{
	im_buf_printf(why, "%s: %s", path, strerror(errno));
	return IMCTL_REFUSED;
}

/* A private file beside the one that is wanted, so that half a document is not taken for one. */
static int document_open(struct document *d, const char *path, struct im_buf *why)
{
	int fd;

	*d = (struct document){.out = stdout};
	if (!path)
		return IMCTL_OK;
	d->out = NULL;
	d->path = strdup(path);
	if (!d->path || asprintf(&d->part, "%s.part", path) < 0) {
		d->part = NULL;
		return failed(path, why);
	}
	fd = open(d->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return failed(d->part, why);
	d->out = fdopen(fd, "w");
	if (d->out)
		return IMCTL_OK;
	close(fd);
	return failed(d->part, why);
}

static int document_close(struct document *d, int rc, struct im_buf *why)
{
	bool wrong = rc == IMCTL_OK && (fflush(d->out) != 0 || ferror(d->out));

	if (!wrong && rc == IMCTL_OK && d->path)
		wrong = fsync(fileno(d->out)) != 0 || rename(d->part, d->path) != 0;
	if (wrong)
		rc = failed(d->path ? d->path : "standard output", why);
	if (d->path && d->out)
		fclose(d->out);
	if (rc != IMCTL_OK && d->part)
		unlink(d->part);
	free(d->part);
	free(d->path);
	return rc;
}

/* items: the text of an array. */
static int put_page(struct document *d, const json_t *page, struct im_buf *why)
{
	const char *section = json_string_value(json_object_get(page, "section"));
	const json_t *items = json_object_get(page, "items");
	const char *text = json_string_value(items);
	size_t n = json_string_length(items);

	if (!section || !text || n < 2) {
		im_buf_z(why, "the server's answer is no page of an export");
		return IMCTL_REFUSED;
	}
	if (strcmp(section, d->section) != 0) {
		fprintf(d->out, "%s,\n\"%s\":[", d->section[0] ? "]" : "{\"export\":1", section);
		snprintf(d->section, sizeof(d->section), "%s", section);
		d->any = false;
	}
	if (n == 2)
		return IMCTL_OK;
	fputs(d->any ? ",\n" : "\n", d->out);
	fwrite(text + 1, 1, n - 2, d->out);
	d->any = true;
	return IMCTL_OK;
}

static int ask(struct command_call *call, struct control *con, const json_t *params, json_t **page)
{
	int rc = IMCTL_REFUSED;

	for (int i = 0; i < AGAIN_MAX; i++) {
		if (i > 0)
			poll(NULL, 0, AGAIN_MS);
		im_buf_reset(call->why);
		rc = control_call(con, "exportUser", params, 0, page, call->why);
		if (rc != IMCTL_REFUSED || control_code(con) != IM_E_BUSY)
			break;
	}
	return rc;
}

static int put_sections(struct command_call *call, struct control *con, struct document *d)
{
	json_t *params = json_object(), *page = NULL;
	const json_t *next;
	int rc;

	json_object_set(params, "username", json_object_get(call->params, "username"));
	do {
		json_decref(page);
		page = NULL;
		rc = ask(call, con, params, &page);
		if (rc == IMCTL_OK)
			rc = put_page(d, page, call->why);
		next = json_object_get(page, "next");
		json_object_set(params, "next", (json_t *)next);
	} while (rc == IMCTL_OK && next && !ferror(d->out));
	if (rc == IMCTL_OK)
		fputs("]}\n", d->out);
	json_decref(page);
	json_decref(params);
	return rc;
}

int export_user(struct command_call *call, struct control *con)
{
	struct document d;
	int rc = document_open(
		&d, json_string_value(json_object_get(call->params, ".output")), call->why);

	if (rc == IMCTL_OK)
		rc = put_sections(call, con, &d);
	return document_close(&d, rc, call->why);
}
