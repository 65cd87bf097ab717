/* SPDX-License-Identifier: BSD-3-Clause */
/* Any text as a configuration: read or refused with a sentence, values within their ranges. */
#include "tests/fuzz/fuzz.h"

#include <stddef.h>

#include "common/conf.h"

struct conf {
	char *text;
	char *path;
	int64_t n;
	bool on;
	int choice;
	struct im_conf_list list;
};

static const struct im_conf_key keys[] = {
	{.name = "text", .type = IM_CONF_STRING, .offset = offsetof(struct conf, text), .def = "x"},
	{.name = "path",
		.type = IM_CONF_STRING,
		.offset = offsetof(struct conf, path),
		.required = true},
	{.name = "number",
		.type = IM_CONF_INT,
		.offset = offsetof(struct conf, n),
		.def = "1k",
		.min = -5,
		.max = 1 << 20},
	{.name = "on", .type = IM_CONF_BOOL, .offset = offsetof(struct conf, on), .def = "true"},
	{.name = "choice",
		.type = IM_CONF_CHOICE,
		.offset = offsetof(struct conf, choice),
		.def = "a",
		.choices = "a|bb|ccc"},
	{.name = "list", .type = IM_CONF_LIST, .offset = offsetof(struct conf, list), .def = "y"},
};
static const struct im_conf_table table = {keys, sizeof(keys) / sizeof(keys[0])};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf c = {0};
	struct im_buf why;
	int rc;

	im_buf_init(&why, 0);
	CHECK(im_conf_defaults(&table, &c) == IM_OK);
	rc = im_conf_read(&table, &c, fuzz_str(data, size), "f", &why);
	CHECK(rc == IM_OK || rc == IM_E_FORMAT);
	CHECK((rc == IM_OK) == (why.n == 0));
	CHECK(c.n >= -5 && c.n <= 1 << 20);
	CHECK(c.choice >= 0 && c.choice <= 2);
	CHECK(c.text);
	CHECK(rc != IM_OK || (c.path && c.path[0] && c.list.n > 0));
	im_conf_free(&table, &c);
	im_buf_free(&why);
	return 0;
}
