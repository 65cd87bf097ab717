/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `imctl user import`. Called by cmd_user.c with one of the two targets. The time goes into hashing
 * passwords, about 15 ms for each different one; a run of users with the same password costs one
 * hash.
 */
#include "clients/imctl/import.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients/imctl/import_lines.h"
#include "clients/imctl/import_names.h"
#include "clients/imctl/password.h"

/* Wrong lines that are told in full. */
#define FAULTS_SHOWN 10
/* Lines between two reports of how far it is. */
#define PROGRESS_LINES 100

static const char *const kinds[IMPORT_KINDS] = {
	[IMPORT_PASSWORD] = "password",
	[IMPORT_NONE] = "no_password",
};

struct import {
	const struct import_order *o;
	const struct import_target *t;
	struct import_lines lines;
	struct import_names *names;
	int64_t by_kind[IMPORT_KINDS], all;
	struct im_buf reason; /* of the line in hand */
	/* The last password and its hash. */
	char password[IM_PASSWORD_MAX];
	size_t password_n;
	char phc[IM_PHC_MAX];
};

void import_fault(struct import_faults *f, int64_t line, struct im_buf *why)
{
	if (f->n++ < FAULTS_SHOWN)
		im_buf_printf(&f->text, "%sline %lld: %.*s", f->text.n ? "; " : "", (long long)line,
			IM_ARGS(im_buf_view(why)));
	im_buf_reset(why);
}

static int faulty(const struct import_faults *f, int rc, struct im_buf *why)
{
	if (f->n == 0)
		return IMCTL_OK;
	im_buf_str(why, im_buf_view(&f->text));
	if (f->n > FAULTS_SHOWN)
		im_buf_printf(why, "; and %lld more lines", (long long)f->n - FAULTS_SHOWN);
	im_buf_z(why, "; no user was imported");
	return rc;
}

/* The next line that is somebody's; out->uid is empty at the end. IM_E_FORMAT, IM_E_FULL: `reason`
 * says what is wrong with it. */
static int next_entry(struct import *im, struct import_entry *out)
{
	struct im_str line;
	int rc;

	do {
		*out = (struct import_entry){.kind = IMPORT_NONE};
		rc = import_lines_next(&im->lines, &line);
		if (rc == IM_E_NONE)
			return IM_OK;
		if (rc == IM_E_FULL)
			im_buf_printf(&im->reason, "it is longer than %d bytes", IMPORT_LINE_MAX);
		if (rc == IM_OK)
			rc = import_line(line, im->o->hashes, out, &im->reason);
	} while (rc == IM_OK && out->uid.n == 0);
	return rc;
}

static int unreadable(struct im_buf *why)
{
	im_buf_z(why, "cannot read the file; no user was imported");
	return IMCTL_USAGE;
}

/* Every line by itself, and beside the others. */
static int check(struct import *im, struct im_buf *why)
{
	struct import_faults faults = {.n = 0};
	struct import_entry e;
	int rc, ret = IMCTL_OK;

	im_buf_init(&faults.text, 0);
	do {
		rc = next_entry(im, &e);
		if (rc == IM_OK && e.uid.n)
			rc = import_names_add(im->names, e.uid, im->lines.number, &im->reason);
		if (rc == IM_OK && e.uid.n) {
			im->by_kind[e.kind]++;
			im->all = im->lines.number;
		} else if (rc == IM_E_IO || rc == IM_E_NOMEM) {
			ret = rc == IM_E_IO ? unreadable(why) : IMCTL_REFUSED;
		} else if (rc) {
			import_fault(&faults, im->lines.number, &im->reason);
		}
	} while (ret == IMCTL_OK && (rc || e.uid.n));
	if (ret == IMCTL_OK)
		ret = faulty(&faults, IMCTL_USAGE, why);
	im_buf_free(&faults.text);
	return ret;
}

static int to_hash(struct import *im, struct import_entry *e, struct im_buf *why)
{
	struct im_str password = e->text;

	if (e->kind != IMPORT_PASSWORD)
		return IMCTL_OK;
	if (password.n != im->password_n || memcmp(password.p, im->password, password.n) != 0) {
		int rc = password_hash(password, im->phc, why);
		if (rc != IMCTL_OK)
			return rc;
		memcpy(im->password, password.p, password.n);
		im->password_n = password.n;
	}
	e->text = im_str(im->phc);
	return IMCTL_OK;
}

static void tell_progress(const struct import *im, const struct import_pass *p, bool end)
{
	if (!p->write || !im->t->slow || !isatty(STDERR_FILENO))
		return;
	if (end)
		fputs("\r\033[K", stderr);
	else if (im->lines.number % PROGRESS_LINES == 0)
		fprintf(stderr, "\rline %lld of %lld", (long long)im->lines.number,
			(long long)im->all);
}

/* A line that was right when it was looked at before. */
static int put_next(struct import *im, struct import_pass *p, bool *end, struct im_buf *why)
{
	struct import_entry e;
	int rc = IMCTL_OK;

	if (next_entry(im, &e) != IM_OK) {
		im_buf_z(why, "the file has changed meanwhile");
		return IMCTL_USAGE;
	}
	*end = e.uid.n == 0;
	if (*end)
		return im->t->end(im->t->arg, p, why);
	if (p->write)
		rc = to_hash(im, &e, why);
	if (rc == IMCTL_OK)
		rc = im->t->put(im->t->arg, p, &e, im->lines.number, why);
	tell_progress(im, p, false);
	return rc;
}

static int run_pass(struct import *im, struct import_pass *p, struct im_buf *why)
{
	bool end = false;
	int rc = import_lines_again(&im->lines) == IM_OK ? IMCTL_OK : unreadable(why);

	while (rc == IMCTL_OK && !end)
		rc = put_next(im, p, &end, why);
	tell_progress(im, p, true);
	return rc;
}

/* Half of it may be done: which half, and what to do. */
static void tell_half(const struct import *im, const struct import_pass *p, struct im_buf *why)
{
	if (im->t->whole) {
		im_buf_z(why, "; no user was imported");
		return;
	}
	im_buf_printf(why,
		"; through line %lld of %lld all is done (%lld created, %lld updated, %lld "
		"unchanged), of some lines behind it it is not known: import the file again, users "
		"who are there stay as they are",
		(long long)p->done, (long long)im->all, (long long)p->counts.created,
		(long long)p->counts.updated, (long long)p->counts.unchanged);
}

static json_t *report(const struct import *im, const struct import_pass *p)
{
	json_t *out = json_object();

	json_object_set_new(
		out, p->write ? "created" : "would_create", json_integer(p->counts.created));
	json_object_set_new(
		out, p->write ? "updated" : "would_update", json_integer(p->counts.updated));
	json_object_set_new(out, "unchanged", json_integer(p->counts.unchanged));
	if (p->counts.administrators)
		json_object_set_new(
			out, "administrators_unchanged", json_integer(p->counts.administrators));
	for (int k = 0; k < IMPORT_KINDS; k++)
		json_object_set_new(out,
			kinds[k] ? kinds[k] : im_pwhash_name((enum im_pwhash_kind)k),
			json_integer(im->by_kind[k]));
	return out;
}

static int run(struct import *im, json_t **out, struct im_buf *why)
{
	struct import_pass p = {.update = im->o->update, .administrators = im->o->administrators};
	int rc = check(im, why);

	if (rc != IMCTL_OK)
		return rc;
	im_buf_init(&p.faults.text, 0);
	rc = run_pass(im, &p, why);
	if (rc != IMCTL_OK)
		im_buf_z(why, "; no user was imported");
	else
		rc = faulty(&p.faults, IMCTL_REFUSED, why);
	if (rc == IMCTL_OK && !im->o->dry_run) {
		p.write = true;
		p.counts = (struct import_counts){0};
		p.done = 0;
		rc = run_pass(im, &p, why);
		if (rc != IMCTL_OK)
			tell_half(im, &p, why);
	}
	if (rc == IMCTL_OK)
		*out = report(im, &p);
	im_buf_free(&p.faults.text);
	return rc;
}

int import_run(const struct import_order *o, const struct import_target *t, json_t **out,
	struct im_buf *why)
{
	struct import *im = calloc(1, sizeof(*im));
	int rc = IMCTL_REFUSED;

	if (!im)
		return rc;
	im->o = o;
	im->t = t;
	im_buf_init(&im->reason, 0);
	im->names = import_names_new();
	if (im->names)
		rc = import_lines_open(&im->lines, o->in, why) == IM_OK ? run(im, out, why)
									: IMCTL_USAGE;
	import_lines_close(&im->lines);
	import_names_free(&im->names);
	im_buf_free(&im->reason);
	explicit_bzero(im, sizeof(*im));
	free(im);
	return rc;
}
