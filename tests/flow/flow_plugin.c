/* SPDX-License-Identifier: BSD-3-Clause */
/* Loads the plugin as the broker does, gives it the test's clock, and kills it. Includes no header
 * of the bridge: the two have files of the same names. */
#include "plugin/plugin.h"

#include <dlfcn.h>
#include <stdio.h>
#include <sys/mman.h>

#include "tests/lib/fake_broker.h"

struct flow_broker;
int flow_plugin_load(struct flow_broker *b);
void flow_plugin_crash(void);
int64_t flow_wall_ms(void *b);
int64_t flow_mono_us(void *b);
const char *flow_option(const struct flow_broker *b, const char *name);

int flow_plugin_load(struct flow_broker *b)
{
	static struct fake_plugin plugin;
	static void *so;
	struct mosquitto_opt o[] = {
		{(char *)"data_dir", (char *)flow_option(b, "data_dir")},
		{(char *)"link_listener", (char *)flow_option(b, "link_listener")},
		{(char *)"spool_size", (char *)flow_option(b, "spool_size")},
		{(char *)"device_policy", (char *)flow_option(b, "device_policy")},
		{(char *)"rate_messages", (char *)"0"},
		{(char *)"auth_threads", (char *)"0"}, /* the same run for the same seed */
		{NULL, NULL},
	};
	int rc;

	if (!so) {
		so = dlopen(FLOW_PLUGIN, RTLD_NOW | RTLD_LOCAL);
		if (!so) {
			fprintf(stderr, "%s\n", dlerror());
			return -1;
		}
		*(void **)&plugin.version = dlsym(so, "mosquitto_plugin_version");
		*(void **)&plugin.init = dlsym(so, "mosquitto_plugin_init");
		*(void **)&plugin.cleanup = dlsym(so, "mosquitto_plugin_cleanup");
	}
	rc = fake_load(&plugin, o);
	if (!rc)
		((struct plugin *)fake_userdata())->clock =
			(struct clock){.wall_ms = flow_wall_ms, .mono_us = flow_mono_us, .arg = b};
	return rc;
}

void flow_plugin_crash(void)
{
	struct plugin *p = fake_userdata();

	/* What was in memory is gone; the file is as it is, without its mark of a clean end. */
	msync(p->spool.ring.map, p->spool.map_size, MS_SYNC);
	p->spool.ring.data = NULL;
	p->wills.n = 0;
	p->wills_last = 0;
	fake_crash();
}
