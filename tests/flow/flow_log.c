/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns a copy of the log, in its order. Called by the random tests when all has come to rest. */
#include "tests/flow/flow_log.h"

#include <stdio.h>

struct reading {
	struct flow *f;
	struct store_reader *convs; /* beside the one that is in the middle of a walk */
	struct flow_stored **end;
};

static int on_stored(void *arg, const struct store_msg *m)
{
	struct reading *r = arg;
	struct flow_stored *s = calloc(1, sizeof(*s));
	struct store_conv c;

	assert_int_equal(r->f->nodes[0].rig.backend.get_conv(r->convs, m->conv, &c), IM_OK);
	s->conv = m->conv;
	s->seq = m->seq;
	s->sender = m->sender;
	s->kind = c.kind;
	s->a = c.a;
	s->b = c.b;
	snprintf(s->id, sizeof(s->id), "%.*s", IM_ARGS(m->id));
	/* One that repeats another's words is not counted for it. */
	if (!m->meta.n || !memmem(m->meta.p, m->meta.n, "\"forwarded\"", 11))
		snprintf(s->body, sizeof(s->body), "%.*s", IM_ARGS(m->body));
	*r->end = s;
	r->end = &s->next;
	return IM_OK;
}

struct flow_stored *flow_log_read(struct flow *f)
{
	struct flow_stored *log = NULL;
	struct reading r = {.f = f, .end = &log};
	struct store_reader *walk;

	assert_int_equal(f->nodes[0].rig.backend.reader_open(f->nodes[0].rig.store, &walk), IM_OK);
	assert_int_equal(
		f->nodes[0].rig.backend.reader_open(f->nodes[0].rig.store, &r.convs), IM_OK);
	assert_int_equal(
		f->nodes[0].rig.backend.read_log(walk, 1, INT64_MAX, false, on_stored, &r), IM_OK);
	f->nodes[0].rig.backend.reader_close(r.convs);
	f->nodes[0].rig.backend.reader_close(walk);
	return log;
}

void flow_log_free(struct flow_stored *log)
{
	struct flow_stored *s;

	while ((s = log)) {
		log = s->next;
		free(s);
	}
}

void flow_log_check_dense(const struct flow_stored *log)
{
	for (const struct flow_stored *s = log; s; s = s->next) {
		uint64_t before = 0;

		for (const struct flow_stored *t = log; t != s; t = t->next) {
			if (t->conv != s->conv)
				continue;
			before = t->seq;
			if (s->id[0] && t->sender == s->sender)
				assert_string_not_equal(s->id, t->id);
		}
		assert_int_equal(s->seq, before + 1);
	}
}

unsigned flow_log_check_acked(const struct flow_stored *log, const struct flow_sent *s)
{
	unsigned n = 0;

	for (const struct flow_stored *m = log; m; m = m->next) {
		if (strcmp(m->body, s->body) != 0)
			continue;
		n++;
		if (s->acked)
			assert_int_equal(m->seq, s->seq);
	}
	return n;
}
