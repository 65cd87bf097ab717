/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the entries of other nodes that the bridge has not followed yet. */
#include "tests/flow/flow_append.h"

#include <stdio.h>

#include "bridge/directory/directory_group.h"
#include "bridge/directory/directory_user.h"

static uint64_t user_of(struct writer *w, const char *uid)
{
	struct directory_user u;

	assert_int_equal(directory_user_get(writer_directory(w), im_str(uid), &u), IM_OK);
	return u.id;
}

static uint64_t group_of(struct writer *w, const char *gid)
{
	struct directory_group g;

	assert_int_equal(directory_group_get(writer_directory(w), im_str(gid), &g), IM_OK);
	return g.id;
}

/* As rows that are put: what they mean is told when they are committed. */
static int append_only(struct writer *w, const struct message *m)
{
	uint64_t seq, gid;
	int rc = writer_append(w, m, &seq, &gid);

	effects_reset(writer_effects(w));
	return rc;
}

static int put_message(const struct flow_entry *e, struct writer *w)
{
	struct message m = {.kind = IM_CONV_USER,
		.from = im_str(e->from),
		.peer = im_str(e->to),
		.ts_ms = 1763650000000,
		.enc = IM_ENC_TEXT,
		.id = im_str(e->id),
		.body = im_str(e->body)};

	m.sender = m.a = user_of(w, e->from);
	m.b = user_of(w, e->to);
	return append_only(w, &m);
}

static int put_block(const struct flow_entry *e, struct writer *w)
{
	return directory_block_add(writer_directory(w), user_of(w, e->from), user_of(w, e->to), 1);
}

static int put_to_group(const struct flow_entry *e, struct writer *w)
{
	struct message m = {.kind = IM_CONV_GROUP,
		.from = im_str(e->from),
		.peer = im_str(e->to),
		.ts_ms = 1763650000000,
		.enc = IM_ENC_TEXT,
		.body = im_str(e->body)};

	m.sender = user_of(w, e->from);
	m.a = group_of(w, e->to);
	return append_only(w, &m);
}

static int put_gone(const struct flow_entry *e, struct writer *w)
{
	return directory_member_remove(
		writer_directory(w), group_of(w, e->to), user_of(w, e->from), writer_next(w));
}

static struct flow_entry *add(struct flow_append *a,
	int (*fn)(const struct flow_entry *, struct writer *), const char *from, const char *to)
{
	struct flow_entry *e = calloc(1, sizeof(*e));

	assert_non_null(e);
	e->fn = fn;
	snprintf(e->from, sizeof(e->from), "%s", from);
	snprintf(e->to, sizeof(e->to), "%s", to);
	*a->end = e;
	a->end = &e->next;
	return e;
}

struct flow_entry *flow_append_message(
	struct flow_append *a, const char *from, const char *to, const char *id, const char *body)
{
	struct flow_entry *e = add(a, put_message, from, to);

	snprintf(e->id, sizeof(e->id), "%s", id);
	snprintf(e->body, sizeof(e->body), "%s", body);
	return e;
}

struct flow_entry *flow_append_block(struct flow_append *a, const char *who, const char *whom)
{
	return add(a, put_block, who, whom);
}

struct flow_entry *flow_append_to_group(
	struct flow_append *a, const char *from, const char *gid, const char *body)
{
	struct flow_entry *e = add(a, put_to_group, from, gid);

	snprintf(e->body, sizeof(e->body), "%s", body);
	return e;
}

struct flow_entry *flow_append_gone(struct flow_append *a, const char *who, const char *gid)
{
	return add(a, put_gone, who, gid);
}

/* Those that the copy has. */
static void forget(struct flow_append *a, const struct writer *w)
{
	struct flow_entry *e;

	while ((e = a->first) && e->executed && writer_position(w) >= e->at) {
		a->first = e->next;
		if (!a->first)
			a->end = &a->first;
		free(e);
	}
}

static enum shared_answer at_random(struct flow_append *a)
{
	uint32_t n = prng_below(&a->n->f->random, 1000);

	if (n < a->late)
		return SHARED_LATER;
	n -= a->late;
	if (n < a->moved)
		return SHARED_MOVED;
	return n - a->moved < a->unknown ? SHARED_UNKNOWN : a->says;
}

/* Appends from afar, at random. */
static void somebody(struct flow_append *a)
{
	static const char *const who[] = {"alice", "bob", "carol", "dave"};

	if (a->foreign && prng_below(&a->n->f->random, 1000) < a->foreign)
		flow_append_message(a, who[prng_below(&a->n->f->random, 4)],
			who[prng_below(&a->n->f->random, 4)], "", "from afar");
}

static enum shared_answer append(void *arg, struct writer *w, const struct shared_offer *o)
{
	struct flow_append *a = arg;
	enum shared_answer answer = a->late + a->moved + a->unknown ? at_random(a) : a->says;

	assert_false(a->open);
	assert_false(a->doubt);
	assert_int_equal(o->after, writer_position(w));
	assert_true(o->through >= o->after);
	a->offers++;
	a->last = *o;
	forget(a, w);
	somebody(a);
	if (a->first)
		answer = SHARED_MOVED;
	a->open = answer == SHARED_LATER;
	a->doubt = answer == SHARED_UNKNOWN;
	return answer;
}

static enum shared_answer ask(void *arg)
{
	struct flow_append *a = arg;
	enum shared_answer answer = a->knows;

	assert_true(a->doubt);
	a->asks++;
	if (a->unknown)
		answer = prng_below(&a->n->f->random, 2) ? SHARED_UNKNOWN : at_random(a);
	a->doubt = answer == SHARED_UNKNOWN;
	a->open = answer == SHARED_LATER;
	return answer;
}

static int follow(void *arg, struct writer *w, struct writer_through *own_out)
{
	struct flow_append *a = arg;
	struct flow_entry *e;

	forget(a, w);
	e = a->first;
	if (!e)
		return IM_E_NONE;
	a->follows++;
	e->executed = true;
	e->at = e->body[0] ? writer_last(w) + 1 : 0;
	*own_out = e->own;
	return e->fn(e, w);
}

void flow_append_begin(struct flow_append *a, struct flow_node *n)
{
	*a = (struct flow_append){
		.log = {.arg = a, .append = append, .ask = ask, .follow = follow}, .n = n};
	a->end = &a->first;
	n->append = a;
	flow_kill_bridge(n);
	flow_start_bridge(n);
	flow_settle(n->f);
}

void flow_append_end(struct flow_append *a)
{
	struct flow_entry *e;

	while ((e = a->first)) {
		a->first = e->next;
		free(e);
	}
	a->end = &a->first;
}

void flow_append_answer(struct flow_append *a, enum shared_answer answer)
{
	struct engine_now t = {a->n->f->wall_ms, a->n->f->mono_ms};

	assert_true(a->open);
	a->open = answer == SHARED_LATER;
	a->doubt = answer == SHARED_UNKNOWN;
	engine_appended(a->n->rig.engine, answer, &t);
	engine_reads(a->n->rig.engine);
}

void flow_append_calm(struct flow_append *a)
{
	a->late = a->moved = a->unknown = a->foreign = 0;
	a->says = a->knows = SHARED_DONE;
	if (a->open)
		flow_append_answer(a, SHARED_DONE);
}

void flow_append_step(struct flow_append *a)
{
	if (!a->open || !a->late)
		return;
	somebody(a);
	if (prng_below(&a->n->f->random, 3) == 0)
		flow_append_answer(a, a->first || prng_below(&a->n->f->random, 1000) < a->moved
					      ? SHARED_MOVED
					      : SHARED_DONE);
}

void flow_append_lost(struct flow_append *a)
{
	a->open = a->doubt = false;
}
