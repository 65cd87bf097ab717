/* SPDX-License-Identifier: BSD-3-Clause */
/* Any text as acl_file: it is taken, or it is said what is wrong with it in which line; and what
 * was taken answers every question, within its bounds and without opening what nobody may open. */
#include "tests/fuzz/fuzz.h"

#include "common/acl.h"
#include "common/ids.h"

static char *const open_to_all[] = {"pub/#", "own/%u/+"};

static void check_lines(const struct im_buf *b, bool warnings)
{
	CHECK(!b->failed && b->n <= 20 * 1024);
	for (size_t i = 0; i < b->n; i++) {
		unsigned char c = (unsigned char)b->p[i];

		CHECK((c >= 0x20 && c < 0x7f) || (warnings && c == '\n'));
	}
	CHECK(!warnings || !b->n || b->p[b->n - 1] == '\n');
}

static void check_reason(const struct im_acl *a, const struct im_acl_verdict *v, bool may)
{
	struct im_buf b;

	im_buf_init(&b, 0);
	im_acl_put_reason(a, v, &b);
	check_lines(&b, false);
	CHECK(b.n);
	CHECK(may ? v->reason == IM_ACL_RULE || v->reason == IM_ACL_SYS : true);
	im_buf_free(&b);
}

/* The lines of the file themselves are what is asked about. */
static void ask(const struct im_acl *a, struct im_str topic)
{
	static const struct im_str clients[] = {
		{"a", 1}, {"a/b", 3}, {"+", 1}, {NULL, 0}, {"$SYS", 4}};
	struct im_acl_verdict v;
	struct im_filter f;

	for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
		const struct im_acl_who who = {IM_STR("al"), clients[i], (enum im_role)(i % 3)};
		bool may = im_acl_may(a, &who, IM_ACL_WRITE, topic, &v);

		check_reason(a, &v, may);
		CHECK(!may || !im_topic_sys(topic));
		may = im_acl_may(a, &who, IM_ACL_READ, topic, &v);
		check_reason(a, &v, may);
		im_filter_parse(IM_STR("im"), topic, &f);
		if (f.levels && f.topic.kind == IM_TOPIC_OTHER) {
			/* Who may read a topic may ask for it. */
			bool listen = im_acl_may_subscribe(a, &who, &f, &v);

			check_reason(a, &v, listen);
			CHECK(listen || !may || f.reaches_im || f.shared);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct im_str text = fuzz_str(data, size);
	const struct im_acl_from from = {IM_STR("im"), "acl", text, open_to_all, 2};
	struct im_buf why, warnings;
	struct im_str rest = text;
	struct im_acl *a;
	int ret;

	im_buf_init(&why, 0);
	im_buf_init(&warnings, 0);
	ret = im_acl_new(&from, &a, &why, &warnings);
	CHECK(ret == IM_OK || ret == IM_E_FORMAT || ret == IM_E_FULL);
	CHECK((ret == IM_OK) == (why.n == 0) && (ret == IM_OK) == (a != NULL));
	CHECK(!why.n || memcmp(why.p, "acl:", 4) == 0);
	check_lines(&why, false);
	check_lines(&warnings, true);
	while (a && rest.n) {
		const char *end = memchr(rest.p, '\n', rest.n);
		struct im_str line = {rest.p, end ? (size_t)(end - rest.p) : rest.n};
		const char *blank = line.n ? memrchr(line.p, ' ', line.n) : NULL;

		if (blank)
			ask(a, (struct im_str){blank + 1, line.n - (size_t)(blank + 1 - line.p)});
		ask(a, line);
		rest.n -= line.n + (end != NULL);
		rest.p += line.n + (end != NULL);
	}
	im_acl_free(&a);
	im_buf_free(&why);
	im_buf_free(&warnings);
	return 0;
}
