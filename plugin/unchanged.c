/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns a table of small sets, in each of which the newest comes first and the last one is
 * forgotten. Called by delivery.c. */
#include "plugin/unchanged.h"

#include <stdlib.h>
#include <string.h>

/* A cache line of 64 bytes holds half a set. */
#define WAYS 8

/* Both 0: nothing is known. */
struct way {
	uint64_t topic, payload;
};

struct unchanged {
	struct im_sipkey key;
	uint64_t sets; /* a power of two */
	struct way *ways;
};

struct unchanged *unchanged_new(const struct im_sipkey *key, uint32_t topics)
{
	struct unchanged *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->key = *key;
	u->sets = 1;
	while (u->sets * WAYS < topics)
		u->sets *= 2;
	u->ways = calloc(u->sets * WAYS, sizeof(*u->ways));
	if (!u->ways)
		unchanged_free(&u);
	return u;
}

void unchanged_free(struct unchanged **u)
{
	if (!*u)
		return;
	free((*u)->ways);
	free(*u);
	*u = NULL;
}

static struct way hashes(const struct unchanged *u, struct im_str topic, struct im_str payload)
{
	return (struct way){
		im_siphash(&u->key, topic.p, topic.n), im_siphash(&u->key, payload.p, payload.n)};
}

static struct way *set_of(const struct unchanged *u, const struct way *w)
{
	return u->ways + (w->topic & (u->sets - 1)) * WAYS;
}

bool unchanged_is(const struct unchanged *u, struct im_str topic, struct im_str payload)
{
	const struct way w = hashes(u, topic, payload);
	const struct way *set = set_of(u, &w);

	for (int i = 0; i < WAYS; i++)
		if (set[i].topic == w.topic)
			return set[i].payload == w.payload;
	return false;
}

void unchanged_note(struct unchanged *u, struct im_str topic, struct im_str payload, bool published)
{
	const struct way w = hashes(u, topic, payload);
	struct way *set = set_of(u, &w);
	size_t i = 0;

	while (i < WAYS - 1 && set[i].topic != w.topic)
		i++;
	memmove(set + 1, set, i * sizeof(*set));
	set[0] = published ? w : (struct way){0};
}
