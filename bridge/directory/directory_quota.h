/* SPDX-License-Identifier: BSD-3-Clause */
/* How often a user has lately done what is counted, and how often is allowed, in directory.db. */
#ifndef IM_BRIDGE_DIRECTORY_QUOTA_H
#define IM_BRIDGE_DIRECTORY_QUOTA_H

#include "bridge/directory/directory.h"

enum directory_quota_kind {
	DIRECTORY_QUOTA_GROUPS = 1,
	DIRECTORY_QUOTA_INVITATIONS = 2,
	DIRECTORY_QUOTA_REQUESTS = 3,
	DIRECTORY_QUOTA_USER = 4,  /* requests to one user: the subject */
	DIRECTORY_QUOTA_GROUP = 5, /* requests to one group: the subject */
	DIRECTORY_QUOTA_AHEAD = 6, /* conversations with settings before a message */
	DIRECTORY_QUOTA_COMING = 7 /* into one group: the subject */
};

#define DIRECTORY_QUOTA_DEFAULT (-1) /* of a user's own maximum: what the server says */

/* How many within the last day, counted by the hour. */
int directory_quota_used(struct directory *d, uint64_t user, int kind, uint64_t subject,
	int64_t now_ms, int64_t *out) IM_MUST_CHECK;
/* Counts n more, and lets go of a few rows that are older than a day. */
int directory_quota_add(struct directory *d, uint64_t user, int kind, uint64_t subject,
	int64_t now_ms, int64_t n) IM_MUST_CHECK;
/* What this user has of its own: 0 no limit, or DIRECTORY_QUOTA_DEFAULT. */
int directory_quota_max(struct directory *d, uint64_t user, int kind, int64_t *out) IM_MUST_CHECK;
int directory_quota_set_max(
	struct directory *d, uint64_t user, int kind, int64_t max) IM_MUST_CHECK;

#endif
