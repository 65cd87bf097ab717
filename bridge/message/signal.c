/* SPDX-License-Identifier: BSD-3-Clause */
/* Shows a signal as its receivers see it. Called by intake.c. */
#include "bridge/message/signal.h"

#include <string.h>

#include "bridge/message/moderation.h"
#include "common/envelope.h"
#include "common/jsonscan.h"
#include "common/jsonw.h"
#include "common/utf8.h"

/* What a signal says, and how that is shown. */
static int body_of(
	const struct signal *s, struct moderation *m, enum im_enc *enc_out, struct im_str *out)
{
	struct im_json json;

	*out = s->payload;
	*enc_out = im_utf8_valid(*out) ? IM_ENC_TEXT : IM_ENC_BYTES;
	if (im_json_parse(*out, &json) == IM_OK) {
		*enc_out = IM_ENC_JSON;
		*out = json.raw;
	}
	return m ? moderation_check(m, *enc_out, out) : IM_OK;
}

/* conv as the receiver sees it. */
static struct im_str payload_of(
	const struct signal *s, enum im_enc enc, struct im_str body, struct im_buf *b)
{
	im_buf_reset(b);
	im_buf_z(b, "{\"from\":");
	im_jsonw_str(b, s->from);
	im_buf_z(b, s->kind == IM_CONV_USER ? ",\"conv\":\"u/" : ",\"conv\":\"g/");
	im_buf_str(b, s->kind == IM_CONV_USER ? s->from : s->target);
	im_buf_c(b, '"');
	im_jsonw_member_int(b, "ts", s->ts_ms);
	if (enc == IM_ENC_JSON) {
		im_buf_z(b, ",\"body\":");
		im_buf_str(b, body);
	} else if (enc == IM_ENC_TEXT) {
		im_jsonw_member_str(b, "body", body);
	} else {
		im_buf_z(b, ",\"enc\":\"base64\",\"body\":\"");
		im_buf_base64(b, body.p, body.n);
		im_buf_c(b, '"');
	}
	im_buf_c(b, '}');
	return im_buf_view(b);
}

static struct im_str topic_of(const struct signal *s, char out[SIGNAL_TOPIC_MAX])
{
	char level[IM_DEVICE_TOPIC_MAX], *at = out;

	if (s->device.n) {
		struct im_str own = im_device_topic(s->device, level);

		at = mempcpy(at, own.p, own.n);
		*at++ = '/';
	}
	at = mempcpy(at, "signal/", 7);
	at = mempcpy(at, s->from.p, s->from.n);
	return (struct im_str){out, (size_t)(at - out)};
}

int signal_make(const struct signal *s, struct moderation *m, struct im_buf *b,
	char topic[SIGNAL_TOPIC_MAX], struct im_down_rec *out, struct im_str *why_out)
{
	struct im_str body;
	enum im_enc enc;
	int rc = body_of(s, m, &enc, &body);

	*out = (struct im_down_rec){.type = IM_DOWN_INBOX};
	if (rc) {
		*why_out = IM_STR(MODERATION_WHY);
		return rc;
	}
	out->payload = payload_of(s, enc, body, b);
	if (!out->payload.n)
		return IM_E_NOMEM;
	if (out->payload.n > IM_MESSAGE_BYTES_MAX) {
		*why_out = IM_STR("its control characters grow sixfold in JSON; send less");
		return IM_E_TOO_LARGE;
	}
	out->topic = topic_of(s, topic);
	return IM_OK;
}
