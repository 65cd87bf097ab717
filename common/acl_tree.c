/* SPDX-License-Identifier: BSD-3-Clause */
/* Making the tree. Called by acl.c at start and at SIGHUP. */
#include "common/acl_tree.h"

#include <stdlib.h>

unsigned im_acl_fills(enum im_acl_list list)
{
	if (list == IM_ACL_OPEN)
		return IM_ACL_FILL_USER;
	return list >= IM_ACL_ROLE_PATTERN ? IM_ACL_FILL_USER | IM_ACL_FILL_CLIENT : 0;
}

bool im_acl_holds(struct im_str level, unsigned fills)
{
	for (size_t i = 0; i + 1 < level.n; i++) {
		if (level.p[i] != '%')
			continue;
		if ((level.p[i + 1] == 'u' && fills & IM_ACL_FILL_USER) ||
			(level.p[i + 1] == 'c' && fills & IM_ACL_FILL_CLIENT))
			return true;
	}
	return false;
}

/* ---- order ---- */

/* Rules hold no NUL, so what begins the same stands together level by level when '/' comes before
 * every other byte. */
static int byte_of(struct im_str s, size_t i)
{
	return s.p[i] == '/' ? 0 : (unsigned char)s.p[i];
}

static int by_level(struct im_str a, struct im_str b)
{
	size_t i = 0;

	while (i < a.n && i < b.n && a.p[i] == b.p[i])
		i++;
	if (i < a.n && i < b.n)
		return byte_of(a, i) - byte_of(b, i);
	return (a.n > b.n) - (a.n < b.n);
}

int im_acl_rule_order(const void *a, const void *b)
{
	const struct im_acl_rule *x = a, *y = b;
	int d = x->list - y->list;

	if (!d)
		d = im_str_cmp(x->user, y->user);
	if (!d)
		d = by_level(x->filter, y->filter);
	return d ? d : (x->line > y->line) - (x->line < y->line);
}

/* ---- the tree ---- */

/* The rules that have a node's levels in common; the next one begins at `at`. */
struct span {
	uint32_t lo, hi, at;
};

struct build {
	struct im_acl_tree *t;
	const struct im_acl_rule *rules;
	unsigned fills;
	struct span *spans; /* of the nodes from `base` on */
	uint32_t base, room;
};

static void *grown(void *v, uint32_t n, uint32_t *room, size_t size)
{
	uint32_t more = *room ? *room * 2 : 64;
	void *to;

	if (n < *room)
		return v;
	to = realloc(v, more * size);
	if (to)
		*room = more;
	return to;
}

static int add_node(struct build *b, struct im_str level, struct span s)
{
	struct im_acl_tree *t = b->t;
	struct span *spans;
	void *v;

	if (t->n >= IM_ACL_NODES_MAX)
		return IM_E_FULL;
	v = grown(t->nodes, t->n, &t->room, sizeof(*t->nodes));
	if (!v)
		return IM_E_NOMEM;
	t->nodes = v;
	spans = grown(b->spans, t->n - b->base, &b->room, sizeof(*spans));
	if (!spans)
		return IM_E_NOMEM;
	b->spans = spans;
	spans[t->n - b->base] = s;
	t->nodes[t->n++] = (struct im_acl_node){.p = level.p, .n = (uint32_t)level.n};
	return IM_OK;
}

static struct im_acl_end *end_of(struct im_acl_tree *t, uint32_t node)
{
	struct im_acl_node *n = &t->nodes[node];
	void *v;

	if (n->end)
		return &t->ends[n->end];
	v = grown(t->ends, t->n_ends, &t->room_ends, sizeof(*t->ends));
	if (!v)
		return NULL;
	t->ends = v;
	t->ends[t->n_ends] = (struct im_acl_end){0};
	n->end = t->n_ends++;
	return &t->ends[n->end];
}

/* The first one of a kind stays: the array is in the order of lines. */
static void note(uint32_t found[3], const struct im_acl_rule *r, uint32_t i)
{
	if (r->access == IM_ACL_DENY && !found[IM_ACL_DENY])
		found[IM_ACL_DENY] = i + 1;
	if (r->access & IM_ACL_READ && !found[IM_ACL_READ])
		found[IM_ACL_READ] = i + 1;
	if (r->access & IM_ACL_WRITE && !found[IM_ACL_WRITE])
		found[IM_ACL_WRITE] = i + 1;
}

static struct im_str level_at(const struct im_acl_rule *r, uint32_t at)
{
	const char *p = r->filter.p + at;
	size_t left = r->filter.n - at;
	const char *slash = left ? memchr(p, '/', left) : NULL;

	return (struct im_str){p, slash ? (size_t)(slash - p) : left};
}

enum sort { NAME, TEMPLATE, PLUS, HASH, SORTS };

static enum sort sort_of(const struct build *b, struct im_str level)
{
	if (level.n == 1 && level.p[0] == '#')
		return HASH;
	if (level.n == 1 && level.p[0] == '+')
		return PLUS;
	return im_acl_holds(level, b->fills) ? TEMPLATE : NAME;
}

/* The rules of s from i on that have the same next level; returns where the next group begins. */
static uint32_t group(const struct build *b, const struct span *s, uint32_t i, struct im_str *level)
{
	uint32_t j = i + 1;

	*level = level_at(&b->rules[i], s->at);
	while (j < s->hi && im_str_eq(level_at(&b->rules[j], s->at), *level))
		j++;
	return j;
}

static int take_group(struct build *b, uint32_t node, struct im_str level, struct span s)
{
	struct im_acl_node *n = &b->t->nodes[node];
	enum sort sort = sort_of(b, level);
	struct im_acl_end *end;

	if (sort == HASH) {
		end = end_of(b->t, node);
		for (uint32_t i = s.lo; end && i < s.hi; i++)
			note(end->below, &b->rules[i], i);
		return end ? IM_OK : IM_E_NOMEM;
	}
	if (!n->first)
		n->first = b->t->n;
	n->names += sort == NAME;
	n->templates += sort == TEMPLATE;
	n->plus = n->plus || sort == PLUS;
	return add_node(b, level, s);
}

/* What ends at the node, and its children. */
static int take_node(struct build *b, uint32_t node)
{
	const struct span s = b->spans[node - b->base];
	struct im_acl_end *end;
	struct im_str level;
	uint32_t from = s.lo, i, j;
	int ret = IM_OK;

	/* Behind a rule that has ended the next level would begin one byte beyond it. */
	while (from < s.hi && b->rules[from].filter.n < s.at) {
		end = end_of(b->t, node);
		if (!end)
			return IM_E_NOMEM;
		note(end->here, &b->rules[from], from);
		from++;
	}
	for (enum sort sort = NAME; sort < SORTS; sort++) {
		for (i = from; !ret && i < s.hi; i = j) {
			j = group(b, &s, i, &level);
			if (sort_of(b, level) == sort)
				ret = take_group(b, node, level,
					(struct span){i, j, s.at + (uint32_t)level.n + 1});
		}
	}
	return ret;
}

static uint32_t sum(uint32_t a, uint32_t b)
{
	return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

static void take_any(struct im_acl_node *n, const uint32_t any[2])
{
	for (int i = 0; i < 2; i++)
		n->any[i] = n->any[i] ? n->any[i] : any[i];
}

/* Children come behind their parent. */
static void weigh(struct im_acl_tree *t, uint32_t node)
{
	struct im_acl_node *n = &t->nodes[node];
	const struct im_acl_end *end = &t->ends[n->end];
	uint32_t i, beside = n->first + n->names, most = 0;

	n->visits = 1;
	take_any(n, end->here);
	take_any(n, end->below);
	for (i = n->first; i < beside; i++) {
		if (t->nodes[i].visits > most)
			most = t->nodes[i].visits;
		take_any(n, t->nodes[i].any);
	}
	n->visits = sum(n->visits, most);
	for (; i < beside + n->templates + n->plus; i++) {
		n->visits = sum(n->visits, t->nodes[i].visits);
		take_any(n, t->nodes[i].any);
	}
}

/* Number 0 is none, of both. */
static int begin(struct im_acl_tree *t)
{
	if (t->n)
		return IM_OK;
	t->room = t->room_ends = 64;
	t->nodes = calloc(t->room, sizeof(*t->nodes));
	t->ends = calloc(t->room_ends, sizeof(*t->ends));
	t->n = t->n_ends = 1;
	return t->nodes && t->ends ? IM_OK : IM_E_NOMEM;
}

int im_acl_tree_add(struct im_acl_tree *t, const struct im_acl_rule *rules, uint32_t lo,
	uint32_t hi, uint32_t *root_out)
{
	struct build b = {.t = t, .rules = rules, .fills = im_acl_fills(rules[lo].list)};
	int ret = begin(t);

	b.base = *root_out = t->n;
	if (!ret)
		ret = add_node(&b, (struct im_str){NULL, 0}, (struct span){lo, hi, 0});
	for (uint32_t i = b.base; !ret && i < t->n; i++)
		ret = take_node(&b, i);
	for (uint32_t i = t->n; !ret && i > b.base; i--)
		weigh(t, i - 1);
	free(b.spans);
	return ret;
}

void im_acl_tree_clear(struct im_acl_tree *t)
{
	free(t->nodes);
	free(t->ends);
	*t = (struct im_acl_tree){0};
}
