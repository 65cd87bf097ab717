/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the walk and its transaction. What becomes of a message is erasure_message.c's. */
#include "bridge/upkeep/erasure_walk.h"

#include <stdlib.h>
#include <string.h>

#include "bridge/message/kind.h"
#include "bridge/message/meta.h"
#include "common/jsonscan.h"
#include "common/limits.h"

/* Messages and bytes that are looked at in one stretch: a few milliseconds. */
#define LOOK_MESSAGES 2000
#define LOOK_BYTES ((size_t)4 * 1024 * 1024)

void erasure_stretch_init(struct erasure_stretch *s)
{
	memset(s, 0, sizeof(*s));
	im_buf_init(&s->texts, 0);
}

void erasure_stretch_clear(struct erasure_stretch *s)
{
	for (size_t i = 0; i < s->n; i++)
		erasure_change_free(&s->changes[i]);
	free(s->changes);
	im_buf_free(&s->texts);
	erasure_stretch_init(s);
}

/* -- reading -- */

static struct erasure_change *add(struct erasure_stretch *s)
{
	struct erasure_change *v;
	size_t cap = s->cap ? 2 * s->cap : 16;

	if (s->n == s->cap) {
		v = realloc(s->changes, cap * sizeof(*v));
		if (!v)
			return NULL;
		s->changes = v;
		s->cap = cap;
	}
	v = &s->changes[s->n++];
	erasure_change_init(v);
	return v;
}

static int find_origin(
	struct erasure_stretch *s, const struct store_msg *m, struct message_origin *out)
{
	if (m->meta.n == 0 || !memmem(m->meta.p, m->meta.n, "\"forwarded\"", 11))
		return IM_E_NONE;
	return s->backend->origin(s->store, m->gid, out);
}

/* The text that a change of a group has put up for all to read. */
static int note_announcement(struct erasure_stretch *s, const struct store_msg *m)
{
	struct erasure_announcement *a = &s->announcements[s->n_announcements];
	struct im_json v, o;
	struct im_json_iter it;
	struct im_str key;
	struct store_conv conv;
	int rc;

	if (im_json_parse_any(m->body, &o) != IM_OK || o.type != IM_JSON_OBJECT)
		return IM_OK;
	a->at = s->texts.n;
	im_json_iter_any(&o, &it);
	while (im_json_next(&it, &key, &v))
		if (im_str_eqz(key, "announcement") && im_json_text(&v, &s->texts) == IM_E_NOMEM)
			return IM_E_NOMEM;
	a->n = s->texts.n - a->at;
	if (a->n == 0)
		return IM_OK;
	rc = s->backend->get_conv(s->reader, m->conv, &conv);
	if (rc != IM_OK || conv.kind != IM_CONV_GROUP)
		return rc == IM_E_NONE ? IM_OK : rc;
	a->group = conv.a;
	s->n_announcements++;
	return IM_OK;
}

static int look_at(struct erasure_stretch *s, const struct store_msg *m)
{
	struct message_origin origin;
	int rc = find_origin(s, m, &origin);
	bool takes = erasure_takes(&s->who, m, rc == IM_OK ? &origin : NULL), changed = false;
	struct erasure_change *c;

	if (rc != IM_OK && rc != IM_E_NONE)
		return rc;
	/* In the index again if it was taken out of the log before a crash, and not out of there.
	 */
	if (takes)
		s->unindex[s->n_unindex++] = m->gid;
	c = add(s);
	rc = c ? erasure_change_take(c, m) : IM_E_NOMEM;
	if (rc == IM_OK)
		rc = erasure_message(&s->who, m, takes, c, &changed);
	if (rc == IM_OK && changed && !takes && m->sender == s->who.name.user && s->who.words)
		rc = note_announcement(s, m);
	if (!changed && c) {
		erasure_change_free(c);
		s->n--;
	}
	return rc;
}

/* Most messages are of others and name nobody: they cost a look at their sender and their meta. */
static bool of_interest(const struct erasure_stretch *s, const struct store_msg *m)
{
	return m->sender == s->who.name.user || m->meta.n > 0 || kind_of(m->type) != KIND_SENT;
}

static int on_message(void *arg, const struct store_msg *m)
{
	struct erasure_stretch *s = arg;
	int rc;

	if (s->looked_at == LOOK_MESSAGES || s->bytes > LOOK_BYTES || s->n == IM_ERASE_STRETCH ||
		s->n_unindex == IM_ERASE_STRETCH)
		return IM_STOP;
	s->looked_at++;
	s->bytes += m->body.n;
	rc = of_interest(s, m) ? look_at(s, m) : IM_OK;
	if (rc == IM_OK)
		s->last = m->gid;
	return rc;
}

int erasure_walk_read(struct erasure_stretch *s, uint64_t after)
{
	int rc = s->backend->read_log(s->reader, after + 1, INT64_MAX, false, on_message, s);

	return rc == IM_STOP ? IM_OK : rc;
}

/* -- writing -- */

static int on_other(void *arg, const struct store_msg *m)
{
	return erasure_change_take(arg, m);
}

/* Every edit of the message repeats it as it was. */
static int blank_edits(struct erasure_stretch *s, uint64_t conv, uint64_t seq)
{
	struct erasure_change c;
	int rc = IM_OK;

	erasure_change_init(&c);
	for (int i = 0; rc == IM_OK && seq > 0 && i < IM_EDITS_MAX; i++) {
		rc = s->backend->get(s->store, conv, seq, on_other, &c);
		if (rc != IM_OK)
			break;
		seq = (uint64_t)im_json_number_in(c.m.body, "prev");
		erasure_blank(&c);
		rc = s->backend->amend(s->store, &c.m);
	}
	erasure_change_free(&c);
	return rc == IM_E_NONE ? IM_OK : rc;
}

/* Its last edit, as the log has it still. */
static int on_before(void *arg, const struct store_msg *m)
{
	*(uint64_t *)arg = (uint64_t)im_json_number_in(meta_get(m->meta, "edited"), "seq");
	return IM_OK;
}

static int write_one(struct erasure_stretch *s, const struct store_msg *m)
{
	uint64_t edit = 0;
	int rc = IM_OK;

	if (m->recalled)
		rc = s->backend->get(s->store, m->conv, m->seq, on_before, &edit);
	if (rc == IM_OK)
		rc = s->backend->amend(s->store, m);
	if (rc == IM_OK && edit)
		rc = blank_edits(s, m->conv, edit);
	return rc == IM_E_NONE ? IM_OK : rc; /* retention was faster */
}

int erasure_walk_write(struct erasure_stretch *s)
{
	int rc;

	if (s->n == 0)
		return IM_OK;
	rc = s->backend->begin(s->store);
	for (size_t i = 0; rc == IM_OK && i < s->n; i++)
		rc = write_one(s, &s->changes[i].m);
	if (rc == IM_OK)
		return s->backend->commit(s->store, NULL);
	s->backend->rollback(s->store);
	return rc;
}
