/* SPDX-License-Identifier: BSD-3-Clause */
/* One rule about ordinary topics, and where rules come from: what the reading, the tree and the
 * asking have in common. */
#ifndef IM_COMMON_ACL_RULE_H
#define IM_COMMON_ACL_RULE_H

#include <stddef.h>
#include <stdint.h>

#include "common/str.h"

enum im_acl_access { IM_ACL_DENY = 0, IM_ACL_READ = 1, IM_ACL_WRITE = 2 };

/* The lists, in the order in which they are asked; those of roles have one for each. */
enum im_acl_list {
	IM_ACL_USER,
	IM_ACL_ROLE,
	IM_ACL_ROLE_PATTERN = IM_ACL_ROLE + 3,
	IM_ACL_PATTERN = IM_ACL_ROLE_PATTERN + 3,
	IM_ACL_OPEN,
	IM_ACL_LISTS
};

struct im_acl_rule {
	struct im_str filter;
	struct im_str user; /* of IM_ACL_USER */
	uint32_t line;      /* 0: an option */
	uint8_t access;     /* bits; IM_ACL_DENY: none */
	uint8_t list;
};

struct im_acl_from {
	struct im_str prefix; /* of IM's own topics */
	const char *name;     /* of the file, as errors name it; NULL: there is none */
	struct im_str text;
	char *const *open; /* allow_topic; borrowed for as long as the rules are there */
	size_t n_open;
};

#endif
