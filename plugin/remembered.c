/* SPDX-License-Identifier: BSD-3-Clause */
/* Owned by auth.c. */
#include "plugin/remembered.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "plugin/lru.h"

struct entry {
	struct remembered_login login;
	int64_t used_us;
};

struct remembered {
	struct im_sipkey key;
	struct lru *logins; /* NULL: none are */
	int64_t ttl_us;
	struct im_buf scratch;
};

struct remembered *remembered_new(const struct im_sipkey *key, uint32_t max, int64_t ttl_us)
{
	struct remembered *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->key = *key;
	r->ttl_us = ttl_us;
	im_buf_init(&r->scratch, 0);
	r->logins = max ? lru_new(key, max, sizeof(struct entry)) : NULL;
	if (max && !r->logins)
		remembered_free(&r);
	return r;
}

void remembered_free(struct remembered **r)
{
	if (!*r)
		return;
	lru_free(&(*r)->logins);
	im_buf_free(&(*r)->scratch);
	free(*r);
	*r = NULL;
}

bool remembered_hash(
	struct remembered *r, struct im_str uid, struct im_str password, struct remembered_key *out)
{
	im_buf_reset(&r->scratch);
	im_buf_str(&r->scratch, uid);
	im_buf_c(&r->scratch, '\0'); /* no uid holds one */
	im_buf_str(&r->scratch, password);
	if (r->scratch.failed)
		return false;
	im_siphash128(&r->key, r->scratch.p, r->scratch.n, out->h);
	explicit_bzero(r->scratch.p, r->scratch.n);
	return true;
}

const struct remembered_login *remembered_get(
	struct remembered *r, const struct remembered_key *k, int64_t now_us)
{
	struct entry *e = r->logins ? lru_get(r->logins, k, sizeof(*k)) : NULL;

	if (!e)
		return NULL;
	if (now_us - e->used_us > r->ttl_us) {
		remembered_drop(r, k);
		return NULL;
	}
	e->used_us = now_us;
	return &e->login;
}

void remembered_put(struct remembered *r, const struct remembered_key *k,
	const struct remembered_login *login, int64_t now_us)
{
	struct entry *e = r->logins ? lru_put(r->logins, k, sizeof(*k)) : NULL;

	if (e)
		*e = (struct entry){*login, now_us};
}

void remembered_drop(struct remembered *r, const struct remembered_key *k)
{
	if (r->logins)
		lru_del(r->logins, k, sizeof(*k));
}
