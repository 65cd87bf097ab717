/* SPDX-License-Identifier: BSD-3-Clause */
/* Whose a client id is. Asked by admit.c at each connection, straight from the database, and by
 * away.c at deliveries to sessions that are away, behind a cache: keyed by the user's life, so that
 * it is void when the bridge says that something of him is new. */
#include "plugin/lookup.h"

#include <string.h>

#include "common/limits.h"
#include "db/socketname.h"
#include "plugin/lookup_handle.h"

int lookup_device(struct lookup *l, struct im_str device, struct lookup_device *out)
{
	sqlite3_stmt *st = lookup_statement(l, LOOKUP_DEVICE);
	int ret;

	sqldb_bind_text(st, 1, device);
	ret = lookup_step(l, st);
	if (ret)
		return ret;
	*out = (struct lookup_device){
		.user = sqldb_int(st, 0),
		.kept = sqldb_int(st, 1),
		.mark = sqldb_int(st, 2),
		.pattern = sqldb_int(st, 3),
		.home = sqldb_int(st, 4),
	};
	sqldb_done(st);
	return IM_OK;
}

int lookup_kept(struct lookup *l, int64_t user, int64_t since_ms, int64_t *n_out)
{
	sqlite3_stmt *st = lookup_statement(l, LOOKUP_KEPT);
	int ret;

	sqldb_bind_int(st, 1, user);
	sqldb_bind_int(st, 2, since_ms);
	ret = lookup_step(l, st);
	if (ret)
		return ret;
	*n_out = sqldb_int(st, 0);
	sqldb_done(st);
	return IM_OK;
}

int lookup_broker(struct lookup *l, const char *path, int64_t *number_out, int64_t *n_out)
{
	sqlite3_stmt *st = lookup_statement(l, LOOKUP_BROKER);
	const struct im_str own = im_str(path);
	int ret;

	*number_out = *n_out = 0;
	while ((ret = lookup_step(l, st)) == IM_OK) {
		const struct im_str name = sqldb_str(st, 1);

		if (im_str_eq(name, own) || (!*number_out && socketname_same(name, own)))
			*number_out = sqldb_int(st, 0);
		++*n_out;
	}
	return ret == IM_E_NONE && *number_out ? IM_OK : ret;
}

int64_t lookup_meta(struct lookup *l, const char *key, int64_t otherwise)
{
	sqlite3_stmt *st = lookup_statement(l, LOOKUP_META);

	sqldb_bind_text(st, 1, im_str(key));
	if (lookup_step(l, st))
		return otherwise;
	otherwise = sqldb_int(st, 0);
	sqldb_done(st);
	return otherwise;
}

struct device_key {
	uint64_t life;
	char device[IM_DEVICE_MAX];
};

/* Its size; 0: that is no client id. */
static size_t device_key(struct device_key *k, const struct lookup_user *u, struct im_str device)
{
	if (device.n < 1 || device.n > sizeof(k->device))
		return 0;
	k->life = u->life;
	memcpy(k->device, device.p, device.n);
	return offsetof(struct device_key, device) + device.n;
}

int lookup_owns(struct lookup *l, const struct lookup_user *u, struct im_str device,
	struct lookup_owned *out)
{
	struct lookup_device found = {0};
	struct device_key key;
	size_t key_n = device_key(&key, u, device);
	struct lookup_owned *cached = key_n ? lru_get(l->devices, &key, key_n) : NULL;
	int ret;

	*out = cached ? *cached : (struct lookup_owned){0};
	if (cached || !key_n)
		return IM_OK;
	ret = lookup_device(l, device, &found);
	if (ret && ret != IM_E_NONE)
		return ret;
	if (!ret && !found.mark && found.user == u->id)
		*out = (struct lookup_owned){.owned = true, .home = (uint8_t)found.home};
	cached = lru_put(l->devices, &key, key_n);
	if (cached)
		*cached = *out;
	return IM_OK;
}

void lookup_forget_device(struct lookup *l, struct im_str uid, struct im_str device)
{
	const struct lookup_user *u = lru_get(l->users, uid.p, uid.n);
	struct device_key key;
	size_t key_n = u ? device_key(&key, u, device) : 0;

	if (key_n)
		lru_del(l->devices, &key, key_n);
}
