/* SPDX-License-Identifier: BSD-3-Clause */
/* Any text as im-bridge.conf, and as what it is changed into while the bridge runs: read, or
 * refused with a sentence; a reload changes only what may change. */
#include "tests/fuzz/fuzz.h"

#include "bridge/options.h"
#include "common/limits.h"

/* A form feed parts the two files. */
static struct im_str split(struct im_str *in)
{
	const char *at = in->n ? memchr(in->p, '\f', in->n) : NULL;
	struct im_str rest = {NULL, 0};

	if (!at)
		return rest;
	rest = (struct im_str){at + 1, (size_t)(in->p + in->n - at - 1)};
	in->n = (size_t)(at - in->p);
	return rest;
}

static bool parse(struct options *o, struct im_str text)
{
	struct im_buf why;
	int rc;

	im_buf_init(&why, 0);
	rc = options_parse(o, text, "f", &why);
	CHECK(rc == IM_OK || rc == IM_E_FORMAT);
	CHECK((rc == IM_OK) == (why.n == 0));
	im_buf_free(&why);
	return rc == IM_OK;
}

static void check(const struct options *o)
{
	CHECK(*o->data_dir && *o->link_username);
	CHECK(o->broker.n >= 1 && o->broker.n <= IM_PEERS_MAX);
	for (size_t i = 0; i < o->broker.n; i++)
		CHECK(*o->broker.v[i]);
	for (size_t i = 0; i < options_table.n; i++) {
		const struct im_conf_key *k = &options_table.keys[i];
		int64_t v;

		if (k->type != IM_CONF_INT)
			continue;
		memcpy(&v, (const char *)o + k->offset, sizeof(v));
		CHECK(v >= k->min && v <= k->max);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct im_str text = fuzz_str(data, size);
	struct im_str next = split(&text);
	struct options o, fresh;
	struct im_buf fixed;
	char *data_dir;

	if (!parse(&o, text))
		return 0;
	check(&o);
	if (parse(&fresh, next)) {
		im_buf_init(&fixed, 0);
		data_dir = o.data_dir;
		options_reload(&o, &fresh, &fixed);
		check(&o);
		CHECK(o.data_dir == data_dir && o.dedup_hours >= 1);
		options_clear(&fresh);
		im_buf_free(&fixed);
	}
	options_clear(&o);
	return 0;
}
