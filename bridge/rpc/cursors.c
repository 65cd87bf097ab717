/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns what waits, one entry a device. Called by batch.c for records, by commit.c before it
 * commits, by the engine for time, by whoever is about to remove a device, and by device.ack, which
 * is answered and so waits for nothing. */
#include "bridge/rpc/cursors.h"

#include <stdlib.h>
#include <uthash.h>

#include "bridge/directory/directory_bind.h"
#include "bridge/directory/directory_user.h"
#include "bridge/rpc/read_job.h"
#include "common/limits.h"
#include "common/wire.h"

struct waiting {
	char device[IM_DEVICE_MAX], uid[IM_UID_MAX];
	size_t device_n, uid_n;
	uint64_t cursor;
	int64_t now_ms;
	bool settled; /* by the open transaction, and its device may be gone since */
	UT_hash_handle hh;
};

struct cursors {
	struct cursors_parts p;
	struct waiting *by_device;
	bool hurry;
	bool written; /* by the open transaction */
};

/* -- one device -- */

/* What lies behind `had` and through the cursor has arrived now. */
static int find_delivered(
	struct writer *w, const struct cursors_device *d, uint64_t had, uint64_t cursor)
{
	struct read_job *job;
	uint64_t behind;
	int rc = directory_received_after(writer_directory(w), d->user, cursor, &behind);

	if (rc != IM_OK)
		return rc;
	job = read_job_new(READ_DELIVERED, d->uid, d->device);
	if (job == NULL)
		return IM_E_NOMEM;
	job->user = d->user;
	job->now_ms = d->now_ms;
	job->behind = behind;
	job->after = had;
	job->through = cursor;
	read_job_plan(job, writer_effects(w));
	return IM_OK;
}

/* The row of a device; of one that a device account has by its name, made now. */
static int row_of(
	struct directory *dir, const struct cursors_device *d, struct directory_device *out)
{
	uint64_t owner;
	int rc = directory_device_get(dir, d->device, out);

	if (rc != IM_E_NONE || !d->thing)
		return rc;
	rc = directory_bind_owner(dir, d->device, &owner);
	if (rc == IM_OK && owner != d->user)
		rc = IM_E_NONE;
	if (rc == IM_OK)
		rc = directory_device_bind(dir, d->device, d->user, d->now_ms, 0);
	return rc == IM_OK ? directory_device_get(dir, d->device, out) : rc;
}

int cursors_move(
	struct writer *w, const struct cursors_device *d, uint64_t cursor, uint64_t *was_out)
{
	struct directory *dir = writer_directory(w);
	struct directory_device dev;
	uint64_t had;
	int rc = row_of(dir, d, &dev);

	if (rc == IM_OK && dev.user != d->user)
		rc = IM_E_NONE;
	if (rc != IM_OK)
		return rc;
	*was_out = dev.cursor;
	if (cursor <= dev.cursor)
		return IM_OK;
	if (d->start)
		return dev.cursor > 0 ? IM_E_EXISTS
				      : directory_device_start(dir, d->device, cursor);
	/* What one of them has says nothing of the account. */
	if (d->thing)
		return directory_device_set_cursor(dir, d->device, cursor);
	rc = directory_received_through(dir, d->user, dev.cursor, &had);
	if (rc == IM_OK)
		rc = directory_device_set_cursor(dir, d->device, cursor);
	return rc != IM_OK || cursor <= had ? rc : find_delivered(w, d, had, cursor);
}

/* -- all of them -- */

struct cursors *cursors_new(const struct cursors_parts *p)
{
	struct cursors *c = calloc(1, sizeof(*c));

	if (c != NULL)
		c->p = *p;
	return c;
}

static void clear(struct cursors *c)
{
	struct waiting *w, *tmp;

	HASH_ITER (hh, c->by_device, w, tmp) {
		HASH_DEL(c->by_device, w);
		free(w);
	}
}

void cursors_free(struct cursors **c)
{
	if (!*c)
		return;
	clear(*c);
	free(*c);
	*c = NULL;
}

static void committed(void *arg)
{
	struct cursors *c = arg;

	if (!c->written)
		return;
	clear(c);
	c->written = c->hurry = false;
}

/* What half a transaction has written is written again. */
static void rolled_back(void *arg, uint64_t first, bool logged)
{
	struct cursors *c = arg;

	(void)first;
	(void)logged;
	c->written = false;
	for (struct waiting *w = c->by_device; w != NULL; w = w->hh.next)
		w->settled = false;
}

struct tx_part cursors_part(struct cursors *c)
{
	return (struct tx_part){.commit = committed, .rollback = rolled_back, .arg = c};
}

static int refuse(
	struct cursors *c, struct im_str uid, struct im_str device, int code, const char *why)
{
	const struct im_str none = {NULL, 0};
	struct acks_of of = {.uid = uid};
	struct rights_user u;
	int rc = rights_user(c->p.rights, uid, &u);

	if (rc != IM_OK && rc != IM_E_UNKNOWN_USER)
		return rc;
	if (rc == IM_OK && u.role == IM_ROLE_DEVICE)
		of.device = device;
	return acks_refused(c->p.acks, &of, none, IM_CONV_USER, none, code, im_str(why));
}

static struct waiting *entry_of(struct cursors *c, const struct im_up_rec *rec)
{
	struct waiting *w;

	HASH_FIND(hh, c->by_device, rec->device.p, rec->device.n, w);
	if (w != NULL)
		return w;
	w = calloc(1, sizeof(*w));
	if (w == NULL)
		return NULL;
	memcpy(w->device, rec->device.p, rec->device.n);
	w->device_n = rec->device.n;
	HASH_ADD_KEYPTR(hh, c->by_device, w->device, w->device_n, w);
	return w;
}

int cursors_note(struct cursors *c, const struct im_up_rec *rec)
{
	struct waiting *w;
	uint64_t cursor;

	if (im_cursor_parse(rec->payload, &cursor) || cursor > writer_position(c->p.writer))
		return refuse(c, rec->user, rec->device, IM_E_INVALID_PARAMS, CURSORS_NONE_WHY);
	w = entry_of(c, rec);
	if (w == NULL)
		return IM_E_NOMEM;
	/* The client id may have become another user's. */
	if (!im_str_eq((struct im_str){w->uid, w->uid_n}, rec->user))
		w->cursor = 0;
	memcpy(w->uid, rec->user.p, rec->user.n);
	w->uid_n = rec->user.n;
	w->now_ms = rec->ts_ms;
	w->settled = false;
	if (cursor > w->cursor)
		w->cursor = cursor;
	return IM_OK;
}

bool cursors_waiting(const struct cursors *c)
{
	return c->by_device != NULL;
}

bool cursors_full(const struct cursors *c)
{
	return HASH_COUNT(c->by_device) >= IM_CURSORS_WAITING;
}

void cursors_hurry(struct cursors *c)
{
	c->hurry = true;
}

static int write_one(struct cursors *c, const struct waiting *w)
{
	struct cursors_device d = {
		.uid = {w->uid, w->uid_n}, .device = {w->device, w->device_n}, .now_ms = w->now_ms};
	struct rights_user u;
	uint64_t was;
	int rc = rights_user(c->p.rights, d.uid, &u);

	if (rc != IM_OK)
		return rc == IM_E_UNKNOWN_USER ? IM_OK : rc;
	d.user = u.id;
	d.thing = u.role == IM_ROLE_DEVICE;
	rc = cursors_move(c->p.writer, &d, w->cursor, &was);
	return rc == IM_E_NONE ? refuse(c, d.uid, d.device, IM_E_NOT_ALLOWED, CURSORS_DEVICE_WHY)
			       : rc;
}

int cursors_settle(struct cursors *c, struct im_str device)
{
	struct waiting *w;
	int rc;

	HASH_FIND(hh, c->by_device, device.p, device.n, w);
	if (w == NULL || w->settled)
		return IM_OK;
	c->hurry = true;
	rc = write_one(c, w);
	w->settled = rc == IM_OK;
	return rc;
}

int cursors_write(struct cursors *c)
{
	struct waiting *w, *tmp;
	int rc = IM_OK;

	if (!c->by_device ||
		!(c->hurry || cursors_full(c) || writer_changes_directory(c->p.writer)))
		return IM_OK;
	HASH_ITER (hh, c->by_device, w, tmp) {
		rc = w->settled ? IM_OK : write_one(c, w);
		if (rc != IM_OK)
			return rc;
	}
	c->written = true;
	return IM_OK;
}
