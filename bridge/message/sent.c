/* SPDX-License-Identifier: BSD-3-Clause */
/* Puts envelope and properties together. Called by intake.c for each message that its sender may
 * send. */
#include "bridge/message/sent.h"

#include <inttypes.h>

#include "bridge/message/meta_props.h"
#include "common/ids.h"
#include "common/wire.h"

void sent_reader_init(struct sent_reader *r)
{
	im_buf_init(&r->scratch, 0);
	im_buf_init(&r->meta, 0);
	im_buf_init(&r->why, 0);
}

void sent_reader_clear(struct sent_reader *r)
{
	im_buf_free(&r->scratch);
	im_buf_free(&r->meta);
	im_buf_free(&r->why);
}

/* Puts what came as properties beside what the envelope says. */
static int take_properties(struct sent_reader *r, const struct im_up_rec *rec, struct sent *out)
{
	if (im_props_read(rec->corr, &out->props)) {
		out->why = IM_STR("its MQTT properties cannot be read; send it without");
		return IM_E_INTERNAL;
	}
	if (out->env.ttl_s && out->props.ttl_s && out->env.ttl_s != out->props.ttl_s) {
		out->why =
			IM_STR("the user property ttl and the member ttl differ; give one of them");
		return IM_E_INVALID_PARAMS;
	}
	im_buf_reset(&r->meta);
	im_buf_str(&r->meta, out->env.meta);
	if (!out->env.ttl_s && out->props.ttl_s)
		im_buf_printf(
			&r->meta, "%s\"ttl\":%" PRIu32, r->meta.n ? "," : "", out->props.ttl_s);
	meta_props_put(&r->meta, &out->props);
	out->env.meta = im_buf_view(&r->meta);
	return r->meta.failed ? IM_E_NOMEM : IM_OK;
}

int sent_read(struct sent_reader *r, const struct im_up_rec *rec, struct sent *out)
{
	int rc;

	im_buf_reset(&r->why);
	rc = im_envelope_parse(rec->payload, &r->scratch, &out->env, &r->why);
	out->why = im_buf_view(&r->why);
	out->id = out->env.id;
	if (!out->id.n && im_msgid_valid(rec->id))
		out->id = rec->id;
	if (!rc && rec->corr.n)
		rc = take_properties(r, rec, out);
	if (rc)
		return rc;
	if (rec->id.n && !im_msgid_valid(rec->id)) {
		out->why =
			IM_STR("the user property id is no id: give 1 to 64 bytes without control "
			       "characters");
		return IM_E_INVALID_PARAMS;
	}
	if (out->env.id.n && rec->id.n && !im_str_eq(out->env.id, rec->id)) {
		out->why =
			IM_STR("the user property id and the member id differ; give one of them");
		return IM_E_INVALID_PARAMS;
	}
	if (!im_wire_fits(out->env.meta, out->env.enc, out->env.body)) {
		out->why = IM_STR(
			"its control characters grow sixfold in JSON; send less, or bytes as "
			"base64");
		return IM_E_TOO_LARGE;
	}
	return IM_OK;
}
