/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mosquitto_broker_publish takes payload and properties when it succeeds and leaves them to the
 * caller when it fails; it takes nothing but mosquitto_malloc's memory. The message goes out when
 * the broker's loop comes round.
 */
#include "plugin/publish.h"

#include <limits.h>
#include <string.h>

#include "common/topic.h"

const char *publish_inbox(
	struct im_buf *topic, struct im_str prefix, struct im_str uid, struct im_str suffix)
{
	im_buf_reset(topic);
	im_topic_inbox(topic, prefix, uid, suffix);
	im_buf_c(topic, '\0');
	return topic->failed ? NULL : topic->p;
}

char *publish_alloc(size_t n)
{
	return mosquitto_malloc(n ? n : 1);
}

int publish_take(const struct publish *p, char *payload, size_t n)
{
	mosquitto_property *props = p->props;
	int rc = MOSQ_ERR_NOMEM;

	if (payload && n <= INT_MAX)
		rc = mosquitto_broker_publish(
			p->client, p->topic, (int)n, payload, p->qos, p->retain, props);
	if (rc == MOSQ_ERR_SUCCESS)
		return IM_OK;
	mosquitto_free(payload);
	mosquitto_property_free_all(&props);
	return rc == MOSQ_ERR_NOMEM ? IM_E_NOMEM : IM_E_IO;
}

int publish_copy(const struct publish *p, struct im_str payload)
{
	char *copy = publish_alloc(payload.n);

	if (copy && payload.n)
		memcpy(copy, payload.p, payload.n);
	return publish_take(p, copy, payload.n);
}
