/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lines `key value` as the broker hands over plugin_opt_ lines: taken, or refused with a sentence.
 */
#include "tests/fuzz/fuzz.h"

#include "common/limits.h"
#include "common/topic.h"
#include "plugin/options.h"

#define PAIRS_MAX 40

static void check(const struct options *o)
{
	struct im_topic t;

	CHECK(*o->data_dir && *o->spool_file && o->link_listener && *o->link_username);
	CHECK(o->window >= 1 && o->window <= IM_WINDOW_MAX);
	CHECK(o->max_payload >= 1 && o->max_payload <= IM_PAYLOAD_HARD_MAX);
	CHECK(o->spool_size >= IM_SPOOL_BYTES_MIN && o->spool_size <= IM_SPOOL_BYTES_MAX);
	/* What the rest of the plugin takes for granted of a prefix. */
	im_topic_parse(im_str(o->topic_prefix), IM_STR("$im/up"), &t);
	CHECK(t.kind == IM_TOPIC_LINK);
	CHECK(strlen(o->topic_prefix) <= IM_PREFIX_MAX && !strpbrk(o->topic_prefix, "+#"));
	for (size_t i = 0; i < o->allow_topic.n; i++)
		CHECK(im_filter_valid(im_str(o->allow_topic.v[i])));
	CHECK(!(o->jwt_secret_file && o->jwt_key_file));
	CHECK(!options_jwt(o) || (o->jwt_secret_file != NULL) == (o->jwt_algorithm == JWT_HS256));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct options_pair pairs[PAIRS_MAX];
	char *text = strndup((const char *)data, size);
	char *line = text;
	struct options o;
	struct im_buf why;
	size_t n = 0;
	int rc;

	CHECK(text);
	for (; line && n < PAIRS_MAX; n++) {
		char *next = strchr(line, '\n'), *value;

		if (next)
			*next++ = '\0';
		value = strchr(line, ' ');
		if (value)
			*value++ = '\0';
		pairs[n] = (struct options_pair){line, value};
		line = next;
	}
	im_buf_init(&why, 0);
	rc = options_read(&o, pairs, n, &why);
	CHECK(rc == IM_OK || rc == IM_E_FORMAT);
	CHECK((rc == IM_OK) == (why.n == 0));
	if (rc == IM_OK)
		check(&o);
	options_clear(&o);
	im_buf_free(&why);
	free(text);
	return 0;
}
