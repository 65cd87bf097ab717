/* SPDX-License-Identifier: BSD-3-Clause */
/* Users of a file into the database of a node that does not run. Called by cmd_user.c. */
#include "clients/imctl/import_target.h"

static int put(void *arg, struct import_pass *p, const struct import_entry *e, int64_t line,
	struct im_buf *why)
{
	struct offline_user is;
	struct im_buf reason;
	int rc;

	im_buf_init(&reason, 0);
	rc = offline_import_look(arg, e->uid, e->text, &is, &reason);
	if (rc != IMCTL_OK) {
		import_fault(&p->faults, line, &reason);
		im_buf_free(&reason);
		return p->write ? rc : IMCTL_OK;
	}
	im_buf_free(&reason);
	if (is.exists && p->update && is.admin && !is.same && !p->administrators &&
		e->kind != IMPORT_NONE) {
		p->counts.administrators++;
		p->counts.unchanged++;
		return IMCTL_OK;
	}
	if (is.exists && (!p->update || is.same || e->kind == IMPORT_NONE)) {
		p->counts.unchanged++;
		return IMCTL_OK;
	}
	if (p->write)
		rc = offline_import_write(arg, e->uid, e->text, is.exists, why);
	p->counts.created += !is.exists;
	p->counts.updated += is.exists;
	return rc;
}

static int end(void *arg, struct import_pass *p, struct im_buf *why)
{
	(void)arg;
	(void)p;
	(void)why;
	return IMCTL_OK;
}

struct import_target import_offline(struct offline *o)
{
	return (struct import_target){.put = put, .end = end, .arg = o, .whole = true};
}
