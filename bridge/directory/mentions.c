/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the sifting of mentions. Called by intake and by msg.edit; who belongs where it asks rights.
 */
#include "bridge/directory/mentions.h"

#include "common/jsonscan.h"
#include "common/jsonw.h"
#include "common/limits.h"

void mentions_init(struct mentions *m)
{
	*m = (struct mentions){.n = 0};
	im_buf_init(&m->kept, 0);
	im_buf_init(&m->dropped, 0);
}

void mentions_clear(struct mentions *m)
{
	im_buf_free(&m->kept);
	im_buf_free(&m->dropped);
}

/* *id_out 0: all. */
static int may_mention(
	struct rights *r, const struct mentions_place *p, struct im_str uid, uint64_t *id_out)
{
	bool self = im_str_eq(uid, p->from_uid);

	*id_out = 0;
	/* Owner and admins only; checked with the message. */
	if (im_str_eqz(uid, "all"))
		return IM_OK;
	if (p->kind == IM_CONV_GROUP)
		return rights_mention(r, p->group, p->from, uid, id_out);
	*id_out = self ? p->from->id : p->peer;
	return self || im_str_eq(uid, p->peer_uid) ? IM_OK : IM_E_NOT_MEMBER;
}

static void put(struct im_buf *b, struct im_str uid)
{
	im_buf_c(b, b->n ? ',' : '[');
	im_jsonw_str(b, uid);
}

static void keep(struct mentions *m, struct im_str uid, uint64_t id)
{
	put(&m->kept, uid);
	if (!id)
		m->who.all = true;
	else if (m->who.n < IM_MENTIONS_MAX)
		m->who.users[m->who.n++] = id;
}

int mentions_sift(
	struct rights *r, const struct mentions_place *p, struct im_str list, struct mentions *out)
{
	struct im_json array = {IM_JSON_ARRAY, list}, one;
	char room[IM_UID_MAX];
	struct im_json_iter it;
	uint64_t id = 0;
	int rc = IM_OK;

	im_buf_reset(&out->kept);
	im_buf_reset(&out->dropped);
	out->who.all = false;
	out->who.n = 0;
	out->n = 0;
	im_json_iter(&array, &it);
	while (im_json_next(&it, NULL, &one)) {
		struct im_buf uid = {.p = room, .cap = sizeof(room), .max = sizeof(room)};

		++out->n;
		rc = im_json_text(&one, &uid);
		if (rc == IM_OK)
			rc = may_mention(r, p, im_buf_view(&uid), &id);
		if (rc == IM_E_IO || rc == IM_E_NOMEM)
			return rc;
		if (rc == IM_OK)
			keep(out, im_buf_view(&uid), id);
		else
			put(&out->dropped, im_buf_view(&uid));
	}
	im_buf_z(&out->kept, out->kept.n ? "]" : "[]");
	if (out->dropped.n)
		im_buf_c(&out->dropped, ']');
	return out->kept.failed || out->dropped.failed ? IM_E_NOMEM : IM_OK;
}
