/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The cache of names. Buckets of eight fixed places; in a full bucket a clock hand passes over
 * those used since it last came by and takes the first that was not. Ids are the database's own, so
 * the hash needs no key.
 */
#include "bridge/directory/names.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/directory/directory_group.h"
#include "bridge/directory/directory_user.h"
#include "common/limits.h"

#define WAYS 8
#define NAME_MAX_BYTES (IM_UID_MAX > IM_GID_MAX ? IM_UID_MAX : IM_GID_MAX)

struct place {
	uint64_t key; /* id * 2 + is_group; 0: empty */
	uint8_t n;
	bool used;
	char name[NAME_MAX_BYTES];
};

struct bucket {
	struct place place[WAYS];
	uint8_t hand;
};

struct names {
	struct directory *d;
	struct bucket *buckets;
	uint32_t n_buckets;
};

struct names *names_new(struct directory *d, uint32_t max_entries)
{
	struct names *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->d = d;
	n->n_buckets = max_entries > WAYS ? max_entries / WAYS : 1;
	n->buckets = calloc(n->n_buckets, sizeof(*n->buckets));
	if (!n->buckets) {
		free(n);
		return NULL;
	}
	return n;
}

void names_free(struct names **n)
{
	if (!*n)
		return;
	free((*n)->buckets);
	free(*n);
	*n = NULL;
}

void names_clear(struct names *n)
{
	memset(n->buckets, 0, n->n_buckets * sizeof(*n->buckets));
}

static struct bucket *bucket_of(struct names *n, uint64_t key)
{
	uint64_t h = key * 0x9e3779b97f4a7c15u;

	h ^= h >> 32;
	return &n->buckets[h % n->n_buckets];
}

static struct place *find(struct bucket *b, uint64_t key)
{
	for (int i = 0; i < WAYS; i++)
		if (b->place[i].key == key)
			return &b->place[i];
	return NULL;
}

static struct place *make_room(struct bucket *b)
{
	struct place *p = find(b, 0);

	while (!p) {
		struct place *at = &b->place[b->hand];

		b->hand = (uint8_t)((b->hand + 1) % WAYS);
		if (!at->used)
			p = at;
		at->used = false;
	}
	return p;
}

static int ask_directory(struct names *n, uint64_t id, bool group, struct im_str *out)
{
	struct directory_group g;
	struct directory_user u;
	int rc;

	if (group) {
		rc = directory_group_by_id(n->d, id, &g);
		*out = rc == IM_OK ? g.gid : (struct im_str){NULL, 0};
	} else {
		rc = directory_user_by_id(n->d, id, &u);
		*out = rc == IM_OK ? u.uid : (struct im_str){NULL, 0};
	}
	return rc;
}

static int look_up(struct names *n, uint64_t id, bool group, struct im_str *out)
{
	uint64_t key = id * 2 + group;
	struct bucket *b = bucket_of(n, key);
	struct place *p = id ? find(b, key) : NULL;
	struct im_str name;
	int rc;

	if (!p) {
		rc = id ? ask_directory(n, id, group, &name) : IM_E_NONE;
		if (rc != IM_OK)
			return rc;
		if (name.n > sizeof(p->name))
			return IM_E_FORMAT;
		p = make_room(b);
		p->key = key;
		p->n = (uint8_t)name.n;
		memcpy(p->name, name.p, name.n);
	}
	p->used = true;
	*out = (struct im_str){p->name, p->n};
	return IM_OK;
}

int names_user(struct names *n, uint64_t user, struct im_str *uid_out)
{
	return look_up(n, user, false, uid_out);
}

int names_group(struct names *n, uint64_t group, struct im_str *gid_out)
{
	return look_up(n, group, true, gid_out);
}
