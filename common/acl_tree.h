/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rules of one list as a tree, a node for each level of their filters, so that a topic meets
 * those that match it and few others. Made once; how many nodes one topic can lead to is known
 * then. Used by acl.c alone.
 */
#ifndef IM_COMMON_ACL_TREE_H
#define IM_COMMON_ACL_TREE_H

#include <stdbool.h>

#include "common/acl_rule.h"
#include "common/err.h"
#include "common/limits.h"

/* What the nodes end: the number of a rule + 1, for deny, read, write. */
struct im_acl_end {
	uint32_t here[3], below[3];
};

/* Its children stand behind one another: names in the order of memcmp, levels with %u or %c, and
 * last the one for +. */
struct im_acl_node {
	const char *p; /* its level */
	uint32_t n;
	uint32_t first, names, templates;
	uint32_t end;    /* 0: none */
	uint32_t visits; /* that a topic can lead to, from here */
	/* Number + 1 of a rule here or below that denies, and of one that lets read; 0: none does.
	 */
	uint32_t any[2];
	bool plus;
};

struct im_acl_tree {
	struct im_acl_node *nodes; /* the first one is none */
	struct im_acl_end *ends;   /* likewise */
	uint32_t n, room, n_ends, room_ends;
};

/* What may be filled in. */
enum { IM_ACL_FILL_USER = 1, IM_ACL_FILL_CLIENT = 2 };
unsigned im_acl_fills(enum im_acl_list list);
bool im_acl_holds(struct im_str level, unsigned fills); /* a %u or %c that is one */

/* By list, user, filter (level by level) and line. */
int im_acl_rule_order(const void *a, const void *b);
/* Adds the rules [lo, hi) of an ordered array; *root_out is where they begin. IM_E_NOMEM,
 * IM_E_FULL: more nodes than there may be. */
int im_acl_tree_add(struct im_acl_tree *t, const struct im_acl_rule *rules, uint32_t lo,
	uint32_t hi, uint32_t *root_out) IM_MUST_CHECK;
void im_acl_tree_clear(struct im_acl_tree *t);

/* One question: what is asked about, level by level, and what was found. */
struct im_acl_walk {
	const struct im_acl_tree *t;
	struct im_str levels[IM_ACL_LEVELS_MAX + 1];
	uint32_t n;                /* one more than IM_ACL_LEVELS_MAX: or more than that */
	bool dollar;               /* it begins with '$' */
	struct im_str uid, client; /* what is filled in; n == 0: nothing, and it matches nothing */
	unsigned fills;
	uint32_t found[3]; /* as in an end */
	/* Nodes that im_acl_overlap may still look at, and what it looks for. */
	uint32_t left;
	enum im_acl_access sought;
};
void im_acl_walk_begin(struct im_acl_walk *w, const struct im_acl_tree *t, struct im_str topic);
/* Finds a rule of each kind that matches the topic, or covers the filter. */
void im_acl_match(struct im_acl_walk *w, uint32_t root);
/* True if a rule that lets read, or one that denies, has something in common with the filter, or it
 * takes more than `left` nodes to find that out. */
bool im_acl_overlap(struct im_acl_walk *w, uint32_t root, enum im_acl_access access);

#endif
