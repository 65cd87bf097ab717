/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Password hashes. A stored string says itself what verifying it costs, so it is read here first
 * and refused when it asks for too much; libargon2 does the rest, the constant-time compare
 * included.
 */
#include "common/phc.h"

#include <argon2.h>
#include <stdio.h>

#define HASH_BYTES 32
/* libargon2 starts a thread a lane; the broker is one thread and wants none. */
#define LANES 1

_Static_assert(IM_PHC_DECOY == IM_PHC_SALT + HASH_BYTES, "a decoy is a salt and a tag");

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static bool cost_valid(uint32_t memory_kib, uint32_t passes, uint32_t lanes)
{
	return lanes >= 1 && lanes <= IM_PHC_LANES_MAX && passes >= 1 &&
	       passes <= IM_PHC_PASSES_MAX && memory_kib >= 8 * lanes &&
	       memory_kib <= IM_PHC_MEMORY_KIB_MAX;
}

int im_phc_hash(struct im_str password, const uint8_t salt[IM_PHC_SALT], uint32_t memory_kib,
	uint32_t passes, char out[IM_PHC_MAX])
{
	int rc;

	if (password.n > IM_PASSWORD_MAX || !cost_valid(memory_kib, passes, LANES))
		return IM_E_FORMAT;
	rc = argon2id_hash_encoded(passes, memory_kib, LANES, password.p, password.n, salt,
		IM_PHC_SALT, HASH_BYTES, out, IM_PHC_MAX);
	return rc == ARGON2_OK ? IM_OK : IM_E_NOMEM;
}

/* Takes a fixed text off the front. */
static bool take_text(struct im_str *s, struct im_str text)
{
	if (s->n < text.n || memcmp(s->p, text.p, text.n) != 0)
		return false;
	*s = (struct im_str){s->p + text.n, s->n - text.n};
	return true;
}

/* Takes a decimal number without leading zeros that fits uint32_t. */
static bool take_number(struct im_str *s, uint32_t *out)
{
	uint64_t v = 0;
	size_t i;

	for (i = 0; i < s->n && i < 10 && s->p[i] >= '0' && s->p[i] <= '9'; i++)
		v = v * 10 + (uint64_t)(s->p[i] - '0');
	if (i == 0 || v > UINT32_MAX || (s->p[0] == '0' && i > 1))
		return false;
	*s = (struct im_str){s->p + i, s->n - i};
	*out = (uint32_t)v;
	return true;
}

/* Takes unpadded base64 of min to max whole bytes, up to a '$' or the end; as libargon2 reads it,
 * the spare bits of the last character are zero. */
static bool take_base64(struct im_str *s, size_t min, size_t max)
{
	size_t last = 0;
	size_t i, spare_bits;

	for (i = 0; i < s->n && s->p[i] != '$'; i++) {
		const char *at = memchr(base64, s->p[i], 64);

		if (!at)
			return false;
		last = (size_t)(at - base64);
	}
	spare_bits = 6 * i % 8;
	if (spare_bits == 6 || last & ((1u << spare_bits) - 1))
		return false;
	if (6 * i / 8 < min || 6 * i / 8 > max)
		return false;
	*s = (struct im_str){s->p + i, s->n - i};
	return true;
}

bool im_phc_read(struct im_str s, struct im_phc_cost *out)
{
	/* RFC 9106's least salt, and a tag that cannot be guessed; 64 bytes are more than enough.
	 */
	return s.n < IM_PHC_MAX && take_text(&s, IM_STR("$argon2id$v=19$m=")) &&
	       take_number(&s, &out->memory_kib) && take_text(&s, IM_STR(",t=")) &&
	       take_number(&s, &out->passes) && take_text(&s, IM_STR(",p=")) &&
	       take_number(&s, &out->lanes) &&
	       cost_valid(out->memory_kib, out->passes, out->lanes) && take_text(&s, IM_STR("$")) &&
	       take_base64(&s, 8, 64) && take_text(&s, IM_STR("$")) && take_base64(&s, 16, 64) &&
	       s.n == 0;
}

bool im_phc_valid(struct im_str s)
{
	struct im_phc_cost cost;

	return im_phc_read(s, &cost);
}

/* Unpadded base64. */
static char *put_base64(char *to, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i += 3) {
		size_t left = n - i < 3 ? n - i : 3;
		uint32_t v = (uint32_t)bytes[i] << 16;

		v |= left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0;
		v |= left > 2 ? bytes[i + 2] : 0;
		for (size_t k = 0; k <= left; k++)
			*to++ = base64[v >> (18 - 6 * k) & 63];
	}
	return to;
}

int im_phc_decoy(const uint8_t bytes[IM_PHC_DECOY], struct im_phc_cost cost, char out[IM_PHC_MAX])
{
	char *end;
	int n;

	if (!cost_valid(cost.memory_kib, cost.passes, LANES))
		return IM_E_FORMAT;
	n = snprintf(out, IM_PHC_MAX, "$argon2id$v=19$m=%u,t=%u,p=%d$", cost.memory_kib,
		cost.passes, LANES);
	end = put_base64(out + n, bytes, IM_PHC_SALT);
	*end++ = '$';
	*put_base64(end, bytes + IM_PHC_SALT, HASH_BYTES) = '\0';
	return IM_OK;
}

bool im_phc_looks(struct im_str s)
{
	char end = s.n && s.p[0] == '{' ? '}' : '$';
	size_t n = 1;

	if (!s.n || (s.p[0] != '$' && s.p[0] != '{'))
		return false;
	while (n < s.n && (s.p[n] == '-' || (s.p[n] >= '0' && s.p[n] <= '9') ||
				  ((s.p[n] | 32) >= 'a' && (s.p[n] | 32) <= 'z')))
		n++;
	return n > 1 && n < s.n && s.p[n] == end;
}

bool im_phc_foreign(struct im_str s)
{
	return im_phc_looks(s) && !im_phc_valid(s);
}

int im_phc_verify(struct im_str phc, struct im_str password)
{
	char encoded[IM_PHC_MAX];

	if (!im_phc_valid(phc))
		return IM_E_FORMAT;
	if (password.n > IM_PASSWORD_MAX)
		return IM_E_NONE;
	memcpy(encoded, phc.p, phc.n);
	encoded[phc.n] = '\0';
	switch (argon2id_verify(encoded, password.p, password.n)) {
	case ARGON2_OK:
		return IM_OK;
	case ARGON2_VERIFY_MISMATCH:
		return IM_E_NONE;
	case ARGON2_MEMORY_ALLOCATION_ERROR:
	case ARGON2_THREAD_FAIL:
		return IM_E_NOMEM;
	default:
		return IM_E_FORMAT;
	}
}
