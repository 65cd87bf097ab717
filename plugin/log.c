/* SPDX-License-Identifier: BSD-3-Clause */
/* Formats a line and hands it to the broker. Used by every file that decides something. */
#include "plugin/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/ids.h"
#include "plugin/compat.h"

static const int broker_level[] = {
	[LOG_LEVEL_ERROR] = MOSQ_LOG_ERR,
	[LOG_LEVEL_WARNING] = MOSQ_LOG_WARNING,
	[LOG_LEVEL_NOTICE] = MOSQ_LOG_NOTICE,
	[LOG_LEVEL_INFO] = MOSQ_LOG_INFO,
	[LOG_LEVEL_DEBUG] = MOSQ_LOG_DEBUG,
};

void log_line(enum log_level level, const char *fmt, ...)
{
	char text[LOG_LINE_MAX + 1];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	mosquitto_log_printf(broker_level[level], "im: %s", text);
}

void log_lines(enum log_level level, struct im_str text)
{
	while (text.n) {
		const char *end = memchr(text.p, '\n', text.n);
		size_t n = end ? (size_t)(end - text.p) : text.n;

		log_line(level, "%.*s", (int)n, text.p);
		n += end != NULL;
		text = (struct im_str){text.p + n, text.n - n};
	}
}

static bool plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr(".:%/_-[]@$", c));
}

const char *log_text(struct log_text *t, struct im_str s)
{
	size_t i, n = s.n < LOG_TEXT_MAX ? s.n : LOG_TEXT_MAX;

	if (!n)
		return "(none)";
	for (i = 0; i < n; i++)
		t->z[i] = plain(s.p[i]) ? s.p[i] : '?';
	snprintf(t->z + n, sizeof(t->z) - n, "%s", s.n > n ? "..." : "");
	return t->z;
}

const char *log_device(struct log_device *t, struct im_str device)
{
	char topic[IM_DEVICE_TOPIC_MAX];
	struct im_str s;

	if (!device.n)
		return "(none)";
	s = im_device_topic(
		(struct im_str){device.p, device.n < IM_DEVICE_MAX ? device.n : IM_DEVICE_MAX},
		topic);
	snprintf(
		t->z, sizeof(t->z), "%.*s%s", (int)s.n, s.p, device.n > IM_DEVICE_MAX ? "..." : "");
	return t->z;
}

static bool plain_in_topic(char c)
{
	return (c != '%' && plain(c)) || c == '+' || c == '#';
}

const char *log_topic(struct log_topic *t, struct im_str topic)
{
	size_t i, at = 0, n = topic.n < LOG_TOPIC_MAX ? topic.n : LOG_TOPIC_MAX;

	if (!n)
		return "(none)";
	for (i = 0; i < n; i++) {
		if (plain_in_topic(topic.p[i]))
			t->z[at++] = topic.p[i];
		else
			at += (size_t)snprintf(
				t->z + at, 4, "%%%02X", (unsigned)(unsigned char)topic.p[i]);
	}
	snprintf(t->z + at, sizeof(t->z) - at, "%s", topic.n > n ? "..." : "");
	return t->z;
}

const char *log_escaped(struct log_device *t, struct im_str s)
{
	char topic[IM_DEVICE_TOPIC_MAX];
	struct im_str shown = im_device_topic(s, topic);

	if (!s.n)
		return "(none)";
	memcpy(t->z, shown.p, shown.n);
	snprintf(t->z + shown.n, sizeof(t->z) - shown.n, "%s", s.n > IM_DEVICE_MAX ? "..." : "");
	return t->z;
}

bool log_gate(struct log_gate *g, int64_t mono_ms, const char *what)
{
	if (g->lines == 0 || mono_ms - g->since_ms >= LOG_GATE_MS) {
		if (g->held)
			log_line(LOG_LEVEL_WARNING, "%s: %u more in the last %d s", what, g->held,
				LOG_GATE_MS / 1000);
		*g = (struct log_gate){.since_ms = mono_ms};
	}
	if (g->lines >= LOG_GATE_LINES) {
		g->held++;
		return false;
	}
	g->lines++;
	return true;
}
