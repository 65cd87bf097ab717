/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a client publishes to a send topic: any bytes, or an envelope, i.e. a JSON object with the
 * member `body`. Decoding only; who may send what is decided elsewhere.
 */
#ifndef IM_COMMON_ENVELOPE_H
#define IM_COMMON_ENVELOPE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/str.h"

/* How a body is stored and shown. The numbers are stored in messages.db. */
enum im_enc {
	IM_ENC_TEXT = 0,  /* UTF-8; shown as a JSON string */
	IM_ENC_JSON = 1,  /* JSON text; shown as it is */
	IM_ENC_BYTES = 2, /* anything else; shown as base64 with "enc":"base64" */
};

/* A decoded send. The strings borrow from the payload or from the scratch buffer. */
struct im_envelope {
	struct im_str id;   /* n == 0: none */
	struct im_str type; /* n == 0: none given; see im_type_default */
	enum im_enc enc;
	struct im_str body; /* TEXT: decoded UTF-8; JSON: exact text; BYTES: as is (base64 decoded
			       when the envelope said "enc":"base64") */
	struct im_str meta; /* ready members `"reply_to":41,"mentions":["bob"],"ttl":60,"ext":{...}`
			       in this order, without a leading comma; n == 0: none */
	int64_t reply_to;   /* 0: none */
	int64_t ttl_s;      /* 0: none */
	struct im_str mentions; /* raw JSON array text; n == 0: none */
	bool mentions_all;      /* `"mentions":["all"]` or containing "all" */
};

/*
 * Decodes a payload. `scratch` is reset first and holds what had to be decoded (at most
 * payload.n + 64 bytes). On failure returns IM_E_INVALID_PARAMS (or IM_E_NOMEM) and appends to
 * why what was wrong and what would be right; out->id is set even then if one could be read.
 */
int im_envelope_parse(struct im_str payload, struct im_buf *scratch, struct im_envelope *out,
	struct im_buf *why) IM_MUST_CHECK;

/* Finds the id alone, for a refusal; n == 0 if there is none. Decoded into scratch (reset first).
 */
struct im_str im_envelope_id(struct im_str payload, struct im_buf *scratch);

/* "text", "json" or "binary": the type of a message that names none. */
struct im_str im_type_default(enum im_enc enc);
/* The type that is shown: the given one, or else that. */
static inline struct im_str im_type_shown(struct im_str type, enum im_enc enc)
{
	return type.n ? type : im_type_default(enc);
}

#endif
