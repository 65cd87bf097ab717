/* SPDX-License-Identifier: BSD-3-Clause */
/* Any text as mosquitto.conf, with itself as what an include_dir brings: it is read, and what is
 * said of it is lines of text. */
#include "tests/fuzz/fuzz.h"

#include "plugin/brokerconf.h"

#define OWN "/usr/local/lib/mosquitto-im/mosquitto_im.so"

static struct im_str whole;

static void include(struct brokerconf *c, struct im_str folder)
{
	CHECK(folder.n);
	if (folder.n % 2)
		brokerconf_take(c, whole, "included.conf");
	else
		brokerconf_unread(c, folder, "cannot be read");
}

static void check_text(const struct im_buf *b, bool lines)
{
	size_t i;

	CHECK(!b->failed && b->n <= 18 * 1024);
	for (i = 0; i < b->n; i++) {
		unsigned char c = (unsigned char)b->p[i];

		CHECK(c >= 0x20 ? c != 0x7f : lines && c == '\n');
	}
	CHECK(!lines || !b->n || b->p[b->n - 1] == '\n');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *names[] = {"archive"};
	const struct im_conf_list meant = {.v = names, .n = 1};
	const struct brokerconf_own own = {.plugin = OWN,
		.prefix = IM_STR("im"),
		.link_listener = "/run/mosquitto/im.sock",
		.bridge_im = &meant};
	struct brokerconf c;

	whole = fuzz_str(data, size);
	brokerconf_begin(&c, &own, include);
	brokerconf_take(&c, whole, "mosquitto.conf");
	brokerconf_end(&c);
	check_text(&c.refused, false);
	check_text(&c.warnings, true);
	/* What lies outside is nobody's business. */
	if (size && !memmem(data, size, "per_listener", 12) && !memmem(data, size, "topic", 5) &&
		!memmem(data, size, "plugin", 6) && !memmem(data, size, "include_dir", 11))
		CHECK(!c.refused.n);
	brokerconf_clear(&c);
	return 0;
}
