/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the newest marks of every spool in memory. Called by peer.c, which says which is its
 * plugin's, and by commit.c after each commit. */
#include "bridge/engine/marks.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

struct marks {
	struct spool_mark *spools;
	unsigned plugins, taken;
};

static struct spool_mark *find(const struct marks *m, uint64_t epoch)
{
	struct spool_mark *s;

	LL_FOREACH(m->spools, s)
	{
		if (s->epoch == epoch)
			return s;
	}
	return NULL;
}

static struct spool_mark *add(struct marks *m, uint64_t epoch)
{
	struct spool_mark *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->epoch = epoch;
	LL_PREPEND(m->spools, s);
	return s;
}

static void drop(struct marks *m, struct spool_mark *s)
{
	LL_DELETE(m->spools, s);
	free(s);
}

static int on_mark(void *arg, const struct store_mark *mark)
{
	struct marks *m = arg;
	struct spool_mark *s = marks_know(m, mark->epoch);

	if (!s)
		return IM_E_NOMEM;
	spool_mark_advance(s, mark->recno, mark);
	return IM_OK;
}

int marks_new(const struct store_backend *backend, struct store *store, struct marks **out)
{
	struct marks *m = calloc(1, sizeof(*m));
	int rc;

	*out = m;
	if (!m)
		return IM_E_NOMEM;
	rc = backend->marks(store, on_mark, m);
	if (rc)
		marks_free(out);
	return rc;
}

void marks_free(struct marks **m)
{
	if (!*m)
		return;
	while ((*m)->spools)
		drop(*m, (*m)->spools);
	free(*m);
	*m = NULL;
}

void marks_expect(struct marks *m)
{
	m->plugins++;
}

/* Of one that was begun and in which nothing was committed there is nothing to forget. */
static void leave(struct marks *m, struct spool_mark *old)
{
	m->taken--;
	old->taken = false;
	old->left = true;
	if (!old->n)
		drop(m, old);
}

int marks_take(struct marks *m, uint64_t epoch, struct spool_mark *old, bool begin,
	struct spool_mark **out)
{
	struct spool_mark *s = find(m, epoch);

	*out = s;
	if (s && s == old)
		return IM_OK;
	if (s && s->taken)
		return IM_E_CONFLICT;
	if (!s && !begin)
		return IM_E_NONE;
	if (!s)
		*out = s = add(m, epoch);
	if (!s)
		return IM_E_NOMEM;
	s->taken = true;
	s->left = false;
	m->taken++;
	if (old)
		leave(m, old);
	return IM_OK;
}

struct spool_mark *marks_know(struct marks *m, uint64_t epoch)
{
	struct spool_mark *s = find(m, epoch);

	return s ? s : add(m, epoch);
}

const struct spool_mark *marks_only(const struct marks *m)
{
	return m->spools && !m->spools->next ? m->spools : NULL;
}

uint64_t marks_stale(const struct marks *m)
{
	const struct spool_mark *s;

	LL_FOREACH(m->spools, s)
	{
		if (s->left || (!s->taken && m->taken == m->plugins))
			return s->epoch;
	}
	return 0;
}

bool marks_taken(const struct marks *m, uint64_t epoch)
{
	const struct spool_mark *s = find(m, epoch);

	return s && s->taken;
}

void marks_forget(struct marks *m, uint64_t epoch)
{
	struct spool_mark *s = epoch ? find(m, epoch) : NULL;

	if (s && !s->taken)
		drop(m, s);
}

void spool_mark_advance(struct spool_mark *s, uint64_t recno, const struct store_mark *mark)
{
	s->recno = recno;
	if (!mark->epoch)
		return;
	if (s->n == STORE_MARKS) {
		memmove(s->marks, s->marks + 1, (STORE_MARKS - 1) * sizeof(*s->marks));
		s->n--;
	}
	s->marks[s->n++] = *mark;
}
