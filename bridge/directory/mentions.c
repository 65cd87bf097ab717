/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the sifting of mentions. Called by intake and by msg.edit; who belongs where it asks rights.
 */
#include "bridge/directory/mentions.h"

#include "common/jsonscan.h"
#include "common/jsonw.h"
#include "common/limits.h"

static int may_mention(struct rights *r, const struct mentions_place *p, struct im_str uid)
{
	/* Owner and admins only; checked with the message. */
	if (im_str_eqz(uid, "all"))
		return IM_OK;
	if (p->kind == IM_CONV_GROUP)
		return rights_mention(r, p->group, p->from, uid);
	return im_str_eq(uid, p->from_uid) || im_str_eq(uid, p->peer_uid) ? IM_OK : IM_E_NOT_MEMBER;
}

static void put(struct im_buf *b, struct im_str uid)
{
	im_buf_c(b, b->n ? ',' : '[');
	im_jsonw_str(b, uid);
}

int mentions_sift(struct rights *r, const struct mentions_place *p, struct im_str list,
	struct im_buf *kept, struct im_buf *dropped, size_t *n_out)
{
	struct im_json array = {IM_JSON_ARRAY, list}, one;
	char room[IM_UID_MAX];
	struct im_json_iter it;
	int rc = IM_OK;

	im_buf_reset(kept);
	im_buf_reset(dropped);
	*n_out = 0;
	im_json_iter(&array, &it);
	while (im_json_next(&it, NULL, &one)) {
		struct im_buf uid = {.p = room, .cap = sizeof(room), .max = sizeof(room)};

		++*n_out;
		rc = im_json_text(&one, &uid);
		if (rc == IM_OK)
			rc = may_mention(r, p, im_buf_view(&uid));
		if (rc == IM_E_IO || rc == IM_E_NOMEM)
			return rc;
		put(rc == IM_OK ? kept : dropped, im_buf_view(&uid));
	}
	im_buf_z(kept, kept->n ? "]" : "[]");
	if (dropped->n)
		im_buf_c(dropped, ']');
	return kept->failed || dropped->failed ? IM_E_NOMEM : IM_OK;
}
