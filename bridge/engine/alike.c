/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by the engine when a plugin has told its counters, among which the prefix is. */
#include "bridge/engine/alike.h"

#include "common/jsonscan.h"

/* As JSON text; n == 0: it has told none. */
static struct im_str prefix_of(const struct peer *p)
{
	struct im_json stats = {.type = IM_JSON_OBJECT, .raw = peer_stats(p)}, v;
	struct im_json_iter it;
	struct im_str key;

	im_json_iter_any(&stats, &it);
	while (stats.raw.n && im_json_next(&it, &key, &v))
		if (im_str_eqz(key, "topic_prefix"))
			return v.raw;
	return IM_STR("");
}

static void say(struct log *log, const struct peer *p, const struct peer *first)
{
	const struct im_str here = prefix_of(p), there = prefix_of(first);

	log_line(log, LOG_LEVEL_ERROR, "topic_prefix_differs",
		"broker=%s topic_prefix=%.*s first=%s first_prefix=%.*s what=\"clients of the one "
		"broker talk on other topics than those of the other; give all of them one "
		"plugin_opt_topic_prefix and restart those that had another\"",
		peer_broker(p), IM_ARGS(here), peer_broker(first), IM_ARGS(there));
}

void alike_look(struct peer *const *peers, unsigned n, bool *unlike, struct log *log)
{
	const struct peer *first = NULL;

	for (unsigned i = 0; i < n; i++) {
		struct im_str prefix = prefix_of(peers[i]);
		bool was = unlike[i];

		if (!prefix.n)
			continue;
		if (!first)
			first = peers[i];
		unlike[i] = !im_str_eq(prefix, prefix_of(first));
		if (unlike[i] && !was)
			say(log, peers[i], first);
	}
}
