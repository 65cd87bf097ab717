/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the three parts. Called by service.c. */
#include "bridge/cluster/member.h"

#include <stdlib.h>

#include "bridge/cluster/cluster.h"
#include "bridge/cluster/copy.h"
#include "bridge/cluster/pg_log.h"

struct member {
	struct member_parts p;
	struct copy *copy;
	struct pg_log *pg;
	struct cluster *cluster;
};

static void on_answered(void *arg, enum shared_answer answer)
{
	struct member *m = arg;

	m->p.answered(m->p.arg, answer);
}

static void on_news(void *arg)
{
	struct member *m = arg;

	m->p.news(m->p.arg);
}

static int build(struct member *m, bool import, struct im_buf *why)
{
	struct cluster_parts cp = {.ops = &pg_log_ops,
		.copy = m->copy,
		.log = m->p.log,
		.node = m->p.number,
		.import = import,
		.arg = m,
		.answered = on_answered,
		.news = on_news};
	struct pg_log_parts pp = {.loop = m->p.loop,
		.log = m->p.log,
		.conninfo = m->p.database,
		.password_file = m->p.password_file,
		.node = m->p.number,
		.name = m->p.name};
	int rc;

	m->cluster = cluster_new(&cp);
	if (!m->cluster) {
		im_buf_z(why, "out of memory");
		return IM_E_NOMEM;
	}
	pp.events = cluster_events(m->cluster);
	rc = pg_log_new(&pp, &m->pg);
	if (rc)
		im_buf_z(why, "out of memory");
	else
		cluster_set_log(m->cluster, m->pg);
	return rc;
}

int member_new(const struct member_parts *p, struct member **out, struct im_buf *why)
{
	struct member *m = calloc(1, sizeof(*m));
	bool own = false;
	int rc;

	*out = NULL;
	if (!m) {
		im_buf_z(why, "out of memory");
		return IM_E_NOMEM;
	}
	m->p = *p;
	rc = copy_new(p->store, p->dir, &p->key, &m->copy, why);
	if (!rc && copy_is_own(m->copy, &own)) {
		im_buf_printf(why, "%s cannot be read: %s", p->data_dir, copy_errmsg(m->copy));
		rc = IM_E_IO;
	}
	if (!rc && own && copy_set_importing(m->copy, true)) {
		im_buf_printf(
			why, "%s cannot be written to: %s", p->data_dir, copy_errmsg(m->copy));
		rc = IM_E_IO;
	}
	if (!rc)
		rc = build(m, own, why);
	if (rc)
		member_free(&m);
	*out = m;
	return rc;
}

void member_free(struct member **m)
{
	if (!*m)
		return;
	pg_log_free(&(*m)->pg);
	cluster_free(&(*m)->cluster);
	copy_free(&(*m)->copy);
	free(*m);
	*m = NULL;
}

const struct shared_log *member_shared(struct member *m)
{
	return cluster_shared(m->cluster);
}

void member_start(struct member *m)
{
	cluster_start(m->cluster, m->p.mono_ms());
}

bool member_importing(const struct member *m)
{
	return cluster_importing(m->cluster);
}

int64_t member_tick(struct member *m)
{
	return cluster_tick(m->cluster, m->p.mono_ms());
}

const char *member_fatal(const struct member *m)
{
	return cluster_fatal(m->cluster);
}
