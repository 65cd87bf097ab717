/* SPDX-License-Identifier: BSD-3-Clause */
/* SipHash-2-4 as its paper defines it. Called by tables keyed with what clients send. */
#include "common/siphash.h"

#include <endian.h>
#include <string.h>

struct sip {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

/* Up to seven bytes, without a loop: two overlapping halves, or three bytes. */
static inline uint64_t load_tail(const uint8_t *p, size_t n)
{
	uint32_t low, high;

	if (n == 0)
		return 0;
	if (n < 4)
		return p[0] | (uint64_t)p[n / 2] << 8 * (n / 2) | (uint64_t)p[n - 1] << 8 * (n - 1);
	memcpy(&low, p, sizeof(low));
	memcpy(&high, p + n - 4, sizeof(high));
	return le32toh(low) | (uint64_t)le32toh(high) << 8 * (n - 4);
}

static inline uint64_t rotl(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static inline void one_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v1 = rotl(s->v1, 13) ^ s->v0;
	s->v0 = rotl(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotl(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotl(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotl(s->v1, 17) ^ s->v2;
	s->v2 = rotl(s->v2, 32);
}

static inline void absorb(struct sip *s, uint64_t m)
{
	s->v3 ^= m;
	one_round(s);
	one_round(s);
	s->v0 ^= m;
}

static inline void absorb_all(struct sip *s, const uint8_t *p, size_t n)
{
	uint64_t length = (uint64_t)n << 56;

	for (; n >= 8; n -= 8, p += 8)
		absorb(s, load64(p));
	absorb(s, length | load_tail(p, n));
}

static inline struct sip start(const struct im_sipkey *key)
{
	uint64_t k0 = load64(key->k);
	uint64_t k1 = load64(key->k + 8);

	return (struct sip){k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du,
		k0 ^ 0x6c7967656e657261u, k1 ^ 0x7465646279746573u};
}

static inline uint64_t finish(struct sip *s)
{
	one_round(s);
	one_round(s);
	one_round(s);
	one_round(s);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

uint64_t im_siphash(const struct im_sipkey *key, const void *p, size_t n)
{
	struct sip s = start(key);

	absorb_all(&s, p, n);
	s.v2 ^= 0xff;
	return finish(&s);
}

void im_siphash128(const struct im_sipkey *key, const void *p, size_t n, uint64_t out[2])
{
	struct sip s = start(key);

	s.v1 ^= 0xee;
	absorb_all(&s, p, n);
	s.v2 ^= 0xee;
	out[0] = finish(&s);
	s.v1 ^= 0xdd;
	out[1] = finish(&s);
}
