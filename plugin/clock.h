/* SPDX-License-Identifier: BSD-3-Clause */
/* The clocks of the plugin, as a table so that tests set the time. */
#ifndef IM_PLUGIN_CLOCK_H
#define IM_PLUGIN_CLOCK_H

#include <stdint.h>

struct clock {
	int64_t (*wall_ms)(void *arg); /* milliseconds since 1970; may jump */
	int64_t (*mono_us)(void *arg); /* microseconds; never goes back */
	void *arg;
	int64_t (*cpu_us)(void *arg); /* what the thread has used; NULL: mono_us */
};

/* The machine's clocks. */
struct clock clock_system(void);

static inline int64_t clock_wall_ms(const struct clock *c)
{
	return c->wall_ms(c->arg);
}

static inline int64_t clock_mono_us(const struct clock *c)
{
	return c->mono_us(c->arg);
}

/* What something costs, on a machine that does other things too. */
static inline int64_t clock_cpu_us(const struct clock *c)
{
	return c->cpu_us ? c->cpu_us(c->arg) : c->mono_us(c->arg);
}

#endif
