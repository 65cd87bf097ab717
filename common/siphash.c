/* SPDX-License-Identifier: BSD-3-Clause */
/* SipHash-2-4 as its paper defines it. Called by tables keyed with what clients send. */
#include "siphash.h"

struct sip {
	uint64_t v0, v1, v2, v3;
};

static uint64_t load64(const uint8_t *p)
{
	uint64_t v = 0;
	int i;

	for (i = 0; i < 8; i++)
		v |= (uint64_t)p[i] << 8 * i;
	return v;
}

static inline uint64_t rotl(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static inline void rounds(struct sip *s, int n)
{
	while (n--) {
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
}

static inline void absorb(struct sip *s, uint64_t m)
{
	s->v3 ^= m;
	rounds(s, 2);
	s->v0 ^= m;
}

static void absorb_all(struct sip *s, const uint8_t *p, size_t n)
{
	uint64_t last = (uint64_t)n << 56;
	size_t i;

	for (; n >= 8; n -= 8, p += 8)
		absorb(s, load64(p));
	for (i = 0; i < n; i++)
		last |= (uint64_t)p[i] << 8 * i;
	absorb(s, last);
}

static struct sip start(const struct im_sipkey *key)
{
	uint64_t k0 = load64(key->k);
	uint64_t k1 = load64(key->k + 8);

	return (struct sip){k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du,
		k0 ^ 0x6c7967656e657261u, k1 ^ 0x7465646279746573u};
}

static uint64_t finish(struct sip *s)
{
	rounds(s, 4);
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
