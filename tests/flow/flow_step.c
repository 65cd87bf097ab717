/* SPDX-License-Identifier: BSD-3-Clause */
/* Pure. Called by flow_device.c with what comes over MQTT. */
#include "tests/flow/flow_step.h"

#include <stdlib.h>

#include "tests/flow/flow_app.h"

void flow_step_connected(struct flow_step *s)
{
	s->greeted = s->answered = false;
	s->safe = 0;
}

bool flow_step_hello(struct flow_step *s, const json_t *hello)
{
	const json_t *n = json_object_get(hello, "n");

	s->greeted = n && json_object_get(hello, "epoch");
	s->n = (uint64_t)json_integer_value(n);
	s->answered = s->greeted && json_is_false(json_object_get(hello, "behind"));
	s->safe = 0;
	return !s->answered;
}

bool flow_step_delivery(struct flow_step *s, json_t *delivery, bool blind)
{
	uint64_t n = (uint64_t)json_integer_value(json_object_get(delivery, "n"));
	const char *said = json_string_value(json_object_get(delivery, "safe"));
	uint64_t safe = said ? strtoull(said, NULL, 10) : flow_app_cursor(delivery);
	bool hole = n > s->n + 1 && !blind;

	json_object_del(delivery, "n");
	json_object_del(delivery, "safe");
	if (!n || !s->greeted || n <= s->n)
		return false;
	s->n = n;
	if (hole) {
		s->holes++;
		s->answered = false;
		s->safe = 0;
	}
	if (safe > s->safe)
		s->safe = safe;
	return hole;
}

void flow_step_synced(struct flow_step *s)
{
	s->answered = s->greeted;
}

uint64_t flow_step_safe(const struct flow_step *s, uint64_t cursor)
{
	return s->answered && s->safe > cursor ? s->safe : 0;
}
