/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by import.c for each line. About 120 bytes a name. */
#include "clients/imctl/import_names.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/limits.h"

struct name {
	int64_t line;
	bool refused; /* uthash had no memory for it */
	UT_hash_handle hh;
	uint8_t n;
	char text[]; /* as it is written, and again in small letters */
};

struct import_names {
	struct name *all;
};

struct import_names *import_names_new(void)
{
	return calloc(1, sizeof(struct import_names));
}

void import_names_free(struct import_names **n)
{
	struct name *e, *next;

	if (!*n)
		return;
	HASH_ITER (hh, (*n)->all, e, next) {
		HASH_DEL((*n)->all, e);
		free(e);
	}
	free(*n);
	*n = NULL;
}

static int twice(const struct name *e, struct im_str uid, struct im_buf *why)
{
	const struct im_str before = {e->text, e->n};

	if (im_str_eq(before, uid))
		im_buf_printf(
			why, "%.*s stands on line %lld already", IM_ARGS(uid), (long long)e->line);
	else
		im_buf_printf(why,
			"%.*s differs from %.*s on line %lld in case alone, which makes them one "
			"name",
			IM_ARGS(uid), IM_ARGS(before), (long long)e->line);
	return IM_E_EXISTS;
}

int import_names_add(struct import_names *n, struct im_str uid, int64_t line, struct im_buf *why)
{
	struct name *e = malloc(sizeof(*e) + 2 * uid.n), *there;
	char *key;

	if (!e)
		return IM_E_NOMEM;
	*e = (struct name){.line = line, .n = (uint8_t)uid.n};
	memcpy(e->text, uid.p, uid.n);
	key = e->text + uid.n;
	for (size_t i = 0; i < uid.n; i++)
		key[i] = (char)tolower((unsigned char)uid.p[i]);
	HASH_FIND(hh, n->all, key, uid.n, there);
	if (there) {
		free(e);
		return twice(there, uid, why);
	}
	if (HASH_COUNT(n->all) >= IM_IMPORT_USERS_MAX) {
		free(e);
		im_buf_printf(why, "a file has at most %d users; make several of it",
			IM_IMPORT_USERS_MAX);
		return IM_E_FULL;
	}
	HASH_ADD_KEYPTR(hh, n->all, key, uid.n, e);
	if (!e->refused)
		return IM_OK;
	free(e);
	return IM_E_NOMEM;
}
