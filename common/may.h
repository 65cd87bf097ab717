/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who may write to whom, and who sees whose presence: facts in, IM_OK or the wire code of the
 * refusal out. Pure, and the only place where these rights are decided. The plugin asks with what
 * it has cached, to refuse a publish at once; the bridge asks again inside its transaction, and
 * that answer counts. Both say the same, in the same words: `why` (NULL: not wanted) gets a
 * sentence that says what would be right.
 */
#ifndef IM_COMMON_MAY_H
#define IM_COMMON_MAY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/str.h"

/* Who may write to a user: as user.direct_policy has it in directory.db, and as the server does for
 * those who have chosen nothing. */
enum im_direct_policy {
	IM_DIRECT_DEFAULT,
	IM_DIRECT_ANYONE,
	IM_DIRECT_CONTACTS,
	/* Nobody at all: the node's own user, who speaks and does not listen. Chosen by no one. */
	IM_DIRECT_NOBODY
};
#define IM_DIRECT_POLICIES 3 /* that users may choose */
/* As requests and answers call them. */
extern const char *const im_direct_policy_names[IM_DIRECT_POLICIES];
/* The option direct_policy: its choices, and what the number of one means. */
#define IM_DIRECT_CHOICES "anyone|contacts"
static inline enum im_direct_policy im_direct_policy_chosen(int choice)
{
	return (enum im_direct_policy)(IM_DIRECT_ANYONE + choice);
}

/* The option presence_policy, in the order of its choices. */
enum im_presence_policy { IM_PRESENCE_EVERYONE, IM_PRESENCE_CONTACTS, IM_PRESENCE_SELF };
#define IM_PRESENCE_CHOICES "everyone|contacts|self"
#define IM_PRESENCE_POLICIES 3
extern const char *const im_presence_policy_names[IM_PRESENCE_POLICIES];

/* What a user's account is: user.role in directory.db. */
enum im_role {
	IM_ROLE_USER = 0,  /* a person, or a program that speaks as one */
	IM_ROLE_ADMIN = 1, /* besides, may administer */
	IM_ROLE_DEVICE = 2 /* a device account: many things under one name */
};
#define IM_ROLES 3
extern const char *const im_role_names[IM_ROLES];
/* The role of this name; -1: there is none. */
int im_role_parse(struct im_str name);
#define IM_ROLE_WHY "give \"user\" or \"admin\", or \"device\" for an account of many devices"

/* Whether a user may do anything at all. */
int im_may_act(bool exists, bool disabled, struct im_buf *why) IM_MUST_CHECK;

/* A message or signal to a user. */
struct im_may_direct {
	bool self;         /* to oneself */
	bool exists;       /* the recipient */
	bool gone;         /* does not exist any more */
	bool blocked;      /* by the recipient */
	bool contact;      /* of the recipient */
	bool addressed;    /* to one device of the recipient */
	enum im_role role; /* the recipient's */
	enum im_direct_policy theirs, server;
};
int im_may_direct(const struct im_may_direct *f, struct im_buf *why) IM_MUST_CHECK;
/* What holds for the recipient: anything but IM_DIRECT_CONTACTS asks for no contact. */
static inline enum im_direct_policy im_direct_policy_of(const struct im_may_direct *f)
{
	return f->theirs == IM_DIRECT_DEFAULT ? f->server : f->theirs;
}

/* A message or signal to a group. */
enum im_group_role { IM_GROUP_MEMBER, IM_GROUP_ADMIN, IM_GROUP_OWNER };
struct im_may_group {
	bool exists, member;
	bool hidden; /* to those who are no members */
	enum im_group_role role;
	int64_t member_muted_until_ms, group_muted_until_ms, now_ms;
};
int im_may_group(const struct im_may_group *f, struct im_buf *why) IM_MUST_CHECK;

/* The presence of a user. */
struct im_may_presence {
	enum im_presence_policy policy;
	bool self;    /* one's own */
	bool viewer;  /* who looks exists and is not disabled */
	bool exists;  /* who is looked at */
	bool things;  /* that is a device account */
	bool admin;   /* the viewer */
	bool blocked; /* the viewer, by the user */
	bool contact; /* the viewer is the user's */
};
bool im_may_presence(const struct im_may_presence *f);

#endif
