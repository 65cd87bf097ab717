/* SPDX-License-Identifier: BSD-3-Clause */
/* Contact lists in directory.db. Each side of a pair has a row of its own; a removed contact's row
 * stays, so that a device that was off learns of the removal. */
#ifndef IM_BRIDGE_DIRECTORY_CONTACT_H
#define IM_BRIDGE_DIRECTORY_CONTACT_H

#include "bridge/directory/directory.h"

enum directory_contact_state {
	DIRECTORY_CONTACT_NONE = 0,
	DIRECTORY_CONTACT_SENT = 1,     /* the owner has asked */
	DIRECTORY_CONTACT_RECEIVED = 2, /* the peer has asked */
	DIRECTORY_CONTACT_YES = 3
};

struct directory_contact {
	uint64_t owner, peer;
	/* the peer's; filled when read */
	struct im_str uid, nick, avatar;
	int64_t rev;
	int state;
	struct im_str note;   /* of the request */
	struct im_str remark; /* the owner's name for the peer */
	struct im_str tags;   /* JSON array of strings */
	int64_t changed_ms;
	uint64_t version; /* grows with every change of the owner's list; filled when read */
};

/* IM_E_NONE: no row. Strings are valid until the next call on the handle. */
int directory_contact_get(struct directory *d, uint64_t owner, uint64_t peer,
	struct directory_contact *out) IM_MUST_CHECK;
/* Writes the row with the owner's next version. */
int directory_contact_put(struct directory *d, const struct directory_contact *c) IM_MUST_CHECK;
typedef int (*directory_contact_fn)(void *arg, const struct directory_contact *c);
/* Rows with version > after, by version, at most limit. */
int directory_contact_list(struct directory *d, uint64_t owner, uint64_t after, uint32_t limit,
	directory_contact_fn fn, void *arg) IM_MUST_CHECK;
typedef int (*directory_peer_fn)(void *arg, uint64_t peer);
/* Contacts, those that changed last first, at most limit. */
int directory_contact_newest(struct directory *d, uint64_t owner, uint32_t limit,
	directory_peer_fn fn, void *arg) IM_MUST_CHECK;
typedef int (*directory_owner_fn)(void *arg, uint64_t owner, struct im_str uid);
/* Whose lists this user is on, as a contact or with a request. */
int directory_contact_owners(
	struct directory *d, uint64_t peer, directory_owner_fn fn, void *arg) IM_MUST_CHECK;
/* The newest version of the owner's list, 0 if it is empty. */
int directory_contact_version(
	struct directory *d, uint64_t owner, uint64_t *version_out) IM_MUST_CHECK;
/* Contacts and requests of the owner, removed ones not counted. */
int directory_contact_count(struct directory *d, uint64_t owner, uint64_t *count_out) IM_MUST_CHECK;

#endif
