/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns nothing. Called by copy.c around the putting of rows. */
#include "bridge/cluster/copy_news.h"

#include "bridge/cluster/copy_tables.h"
#include "bridge/directory/directory_group.h"
#include "bridge/directory/directory_user.h"
#include "common/limits.h"
#include "db/rowcode.h"

#define COLUMNS 5

struct news {
	struct writer *w;
	uint64_t after;
	bool before;
};

/* The first values of a row, or of the key of one that is gone. How many there are. */
static unsigned values(const struct sqldb_image *i, struct rowcode_value v[COLUMNS])
{
	struct im_str in = i->row.n ? i->row : i->key;
	unsigned n = 0;

	while (n < COLUMNS && !rowcode_take(&in, &v[n]))
		n++;
	return n;
}

static int user_named(const struct news *n, uint64_t id, char out[IM_UID_MAX], struct im_str *uid)
{
	struct directory_user u;
	int rc = directory_user_by_id(writer_directory(n->w), id, &u);

	*uid = (struct im_str){out, 0};
	if (rc || u.uid.n > IM_UID_MAX)
		return rc == IM_E_NONE ? IM_OK : rc;
	memcpy(out, u.uid.p, u.uid.n);
	uid->n = u.uid.n;
	return IM_OK;
}

static int group_named(const struct news *n, uint64_t id, char out[IM_GID_MAX], struct im_str *gid)
{
	struct directory_group g;
	int rc = directory_group_by_id(writer_directory(n->w), id, &g);

	*gid = (struct im_str){out, 0};
	if (rc || g.gid.n > IM_GID_MAX)
		return rc == IM_E_NONE ? IM_OK : rc;
	memcpy(out, g.gid.p, g.gid.n);
	gid->n = g.gid.n;
	return IM_OK;
}

static int forget_user(const struct news *n, const struct rowcode_value *id)
{
	char room[IM_UID_MAX];
	struct im_str uid;
	int rc = user_named(n, (uint64_t)id->i, room, &uid);

	if (!rc && uid.n)
		effects_forget_user(writer_effects(n->w), uid);
	return rc;
}

static int forget_group(const struct news *n, const struct rowcode_value *id)
{
	char room[IM_GID_MAX];
	struct im_str gid;
	int rc = group_named(n, (uint64_t)id->i, room, &gid);

	if (!rc && gid.n)
		effects_forget_group(writer_effects(n->w), gid);
	return rc;
}

static int forget_member(const struct news *n, const struct rowcode_value v[COLUMNS])
{
	char room[IM_GID_MAX];
	struct im_str gid;
	int rc = group_named(n, (uint64_t)v[0].i, room, &gid);

	if (!rc && gid.n)
		effects_forget_member(writer_effects(n->w), gid, v[1].s);
	return rc;
}

/* Stored by this entry, and not an older one that was changed. */
static int tell_event(const struct news *n, const struct rowcode_value v[COLUMNS])
{
	char room[IM_UID_MAX];
	struct im_str uid;
	int rc;

	if (n->before || (uint64_t)v[2].i <= n->after || v[4].type != ROWCODE_TEXT)
		return IM_OK;
	rc = user_named(n, (uint64_t)v[0].i, room, &uid);
	if (!rc && uid.n)
		effects_kept(writer_effects(n->w), uid, v[4].s, (uint64_t)v[2].i);
	return rc;
}

/* In the order of the columns of schema/sqlite/directory. */
static int look(const struct news *n, const struct sqldb_image *i)
{
	struct rowcode_value v[COLUMNS];
	unsigned got = values(i, v);
	int rc;

	switch (i->table) {
	case COPY_D_user:
		return got < 1 ? IM_E_FORMAT : forget_user(n, &v[0]);
	case COPY_D_device:
	case COPY_D_device_bind:
		/* Of one that is gone the user is not said: the plugin asks for each client id. */
		return got < 2 ? IM_OK : forget_user(n, &v[1]);
	case COPY_D_contact:
	case COPY_D_block:
		rc = got < 2 ? IM_E_FORMAT : forget_user(n, &v[0]);
		return rc ? rc : forget_user(n, &v[1]);
	case COPY_D_grp:
		return got < 1 ? IM_E_FORMAT : forget_group(n, &v[0]);
	case COPY_D_member:
		return got < 2 ? IM_E_FORMAT : forget_member(n, v);
	case COPY_D_user_event:
		return i->row.n && got < COLUMNS ? IM_E_FORMAT
		       : i->row.n                ? tell_event(n, v)
						 : IM_OK;
	default:
		return IM_OK;
	}
}

int copy_news(
	struct writer *w, const struct sqldb_image *rows, size_t n, uint64_t after, bool before)
{
	const struct news news = {w, after, before};
	int rc = IM_OK;

	for (size_t i = 0; i < n && !rc; i++)
		rc = look(&news, &rows[i]);
	return rc;
}
