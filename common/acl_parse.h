/* SPDX-License-Identifier: BSD-3-Clause */
/* From the text of an acl_file to its rules, in the order of their lines. Used by acl.c alone. */
#ifndef IM_COMMON_ACL_PARSE_H
#define IM_COMMON_ACL_PARSE_H

#include "common/acl_tree.h"
#include "common/buf.h"

struct im_acl_rules {
	struct im_acl_rule *v; /* filters and users are borrowed from the text */
	uint32_t n, room;
};

/* As im_acl_new says. */
int im_acl_parse(const struct im_acl_from *f, struct im_acl_rules *out, struct im_buf *why,
	struct im_buf *warnings) IM_MUST_CHECK;
int im_acl_rules_add(struct im_acl_rules *r, const struct im_acl_rule *one) IM_MUST_CHECK;
/* NULL, or a clause: why this is no filter that a right can be given on. */
const char *im_acl_filter_fault(struct im_str filter);
/* What a text from outside looks like in a sentence: bounded, one line. */
void im_acl_quote(struct im_buf *b, struct im_str s);

#endif
