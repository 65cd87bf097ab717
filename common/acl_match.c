/* SPDX-License-Identifier: BSD-3-Clause */
/* Walking the tree. Called by acl.c for every ordinary publish, delivery and subscription. */
#include "common/acl_tree.h"

void im_acl_walk_begin(struct im_acl_walk *w, const struct im_acl_tree *t, struct im_str topic)
{
	const char *level = topic.p;

	w->t = t;
	w->n = 0;
	w->dollar = topic.n && topic.p[0] == '$';
	/* Levels are short: memchr takes longer to be called. */
	for (size_t i = 0; i < topic.n && w->n <= IM_ACL_LEVELS_MAX; i++) {
		if (topic.p[i] != '/')
			continue;
		w->levels[w->n++] = (struct im_str){level, (size_t)(topic.p + i - level)};
		level = topic.p + i + 1;
	}
	if (w->n <= IM_ACL_LEVELS_MAX)
		w->levels[w->n++] = (struct im_str){level, topic.n - (size_t)(level - topic.p)};
}

/* Takes s from the front of *level. */
static bool takes(struct im_str *level, struct im_str s)
{
	if (!s.n || level->n < s.n || memcmp(level->p, s.p, s.n) != 0)
		return false;
	*level = (struct im_str){level->p + s.n, level->n - s.n};
	return true;
}

static bool fits(const struct im_acl_walk *w, const struct im_acl_node *node, struct im_str level)
{
	const char *p = node->p, *end = p + node->n;

	while (p < end) {
		bool one = p + 1 < end && *p == '%';

		if (one && p[1] == 'u' && w->fills & IM_ACL_FILL_USER) {
			if (!takes(&level, w->uid))
				return false;
			p += 2;
		} else if (one && p[1] == 'c' && w->fills & IM_ACL_FILL_CLIENT) {
			if (!takes(&level, w->client))
				return false;
			p += 2;
		} else if (!takes(&level, (struct im_str){p++, 1})) {
			return false;
		}
	}
	return level.n == 0;
}

static bool same(const struct im_acl_node *c, struct im_str s)
{
	return c->n == s.n && (s.n == 0 || (*c->p == *s.p && memcmp(c->p, s.p, s.n) == 0));
}

/* So few are looked through. */
#define FEW 4

/* 0: there is none. */
static uint32_t child(const struct im_acl_tree *t, const struct im_acl_node *node, struct im_str s)
{
	uint32_t lo = node->first, hi = node->first + node->names;

	while (hi - lo > FEW) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (im_str_cmp(s, (struct im_str){t->nodes[mid].p, t->nodes[mid].n}) < 0)
			hi = mid;
		else
			lo = mid;
	}
	for (; lo < hi; lo++) {
		if (same(&t->nodes[lo], s))
			return lo;
	}
	return 0;
}

static void take(struct im_acl_walk *w, const uint32_t found[3])
{
	for (int i = 0; i < 3; i++) {
		if (!w->found[i])
			w->found[i] = found[i];
	}
}

static bool is(struct im_str s, char c)
{
	return s.n == 1 && s.p[0] == c;
}

static void match(struct im_acl_walk *w, uint32_t at, uint32_t depth);

/* The children of a node that has others than names. A level of a filter is matched by what matches
 * whatever it stands for: '+' by '+', '#' by none but '#', which `below` is. */
static void match_all(
	struct im_acl_walk *w, const struct im_acl_node *node, uint32_t depth, bool shy)
{
	struct im_str level = w->levels[depth];
	uint32_t next = node->names ? child(w->t, node, level) : 0, i;

	if (next)
		match(w, next, depth + 1);
	next = node->first + node->names;
	for (i = 0; i < node->templates; i++) {
		if (!shy && fits(w, &w->t->nodes[next + i], level))
			match(w, next + i, depth + 1);
	}
	if (node->plus && !shy && !is(level, '#'))
		match(w, next + node->templates, depth + 1);
}

static void match(struct im_acl_walk *w, uint32_t at, uint32_t depth)
{
	const struct im_acl_node *node = &w->t->nodes[at];

	/* Most nodes have names below them and nothing else: straight on. */
	for (;; node = &w->t->nodes[at], depth++) {
		bool shy = depth == 0 && w->dollar;

		if (node->end && !shy)
			take(w, w->t->ends[node->end].below);
		if (depth == w->n) {
			if (node->end)
				take(w, w->t->ends[node->end].here);
			return;
		}
		if (node->templates || node->plus) {
			match_all(w, node, depth, shy);
			return;
		}
		at = node->names ? child(w->t, node, w->levels[depth]) : 0;
		if (!at)
			return;
	}
}

void im_acl_match(struct im_acl_walk *w, uint32_t root)
{
	memset(w->found, 0, sizeof(w->found));
	match(w, root, 0);
}

static bool overlap(struct im_acl_walk *w, uint32_t at, uint32_t depth);

/* Those among the children that a wildcard stands for. */
static bool any_child(struct im_acl_walk *w, const struct im_acl_node *node, uint32_t depth)
{
	uint32_t n = node->names + node->templates + node->plus;

	for (uint32_t i = 0; i < n; i++) {
		const struct im_acl_node *c = &w->t->nodes[node->first + i];

		if (depth == 0 && c->n && c->p[0] == '$')
			continue;
		if (overlap(w, node->first + i, depth + 1))
			return true;
	}
	return false;
}

static bool named_child(struct im_acl_walk *w, const struct im_acl_node *node, uint32_t depth)
{
	bool shy = depth == 0 && w->dollar;
	struct im_str level = w->levels[depth];
	uint32_t next = child(w->t, node, level), i;

	if (next && overlap(w, next, depth + 1))
		return true;
	next = node->first + node->names;
	for (i = 0; i < node->templates && !shy; i++) {
		if (fits(w, &w->t->nodes[next + i], level) && overlap(w, next + i, depth + 1))
			return true;
	}
	return node->plus && !shy && overlap(w, next + node->templates, depth + 1);
}

static bool found(struct im_acl_walk *w, uint32_t rule)
{
	w->found[w->sought] = rule;
	return true;
}

static bool overlap(struct im_acl_walk *w, uint32_t at, uint32_t depth)
{
	const struct im_acl_node *node = &w->t->nodes[at];
	const struct im_acl_end *end = &w->t->ends[node->end];

	if (w->left == 0)
		return true;
	w->left--;
	if (!node->any[w->sought])
		return false;
	if (end->below[w->sought] && !(depth == 0 && w->dollar))
		return found(w, end->below[w->sought]);
	if (depth == w->n)
		return end->here[w->sought] && found(w, end->here[w->sought]);
	if (is(w->levels[depth], '#'))
		return found(w, node->any[w->sought]);
	return is(w->levels[depth], '+') ? any_child(w, node, depth) : named_child(w, node, depth);
}

bool im_acl_overlap(struct im_acl_walk *w, uint32_t root, enum im_acl_access access)
{
	w->sought = access;
	w->left = IM_ACL_VISITS_MAX;
	memset(w->found, 0, sizeof(w->found));
	return overlap(w, root, 0);
}
