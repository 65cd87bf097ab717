/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Called at start, and after a reload. Knows the lines of mosquitto.conf that matter, in the form
 * in which 2.0 and 2.1 take them; all others are passed over, and what the broker itself refuses
 * need not be understood.
 */
#include "plugin/brokerconf.h"

#include <string.h>
#include <strings.h>

#include "common/ids.h"
#include "common/topic.h"

/* More is not read by anybody; what begins before it ends behind it. */
#define WARNINGS_MAX (16 * 1024)
#define QUOTED_MAX 200
/* Frames between plugin and bridge may be that long. */
#define PACKET_MIN 2000000

void brokerconf_begin(
	struct brokerconf *c, const struct brokerconf_own *own, brokerconf_include_fn include)
{
	*c = (struct brokerconf){.own = *own, .include = include};
	im_buf_init(&c->refused, 0);
	im_buf_init(&c->warnings, 0);
	im_buf_init(&c->earlier, 0);
	im_buf_init(&c->name, 0);
	im_buf_init(&c->connections, 0);
}

void brokerconf_clear(struct brokerconf *c)
{
	im_buf_free(&c->refused);
	im_buf_free(&c->warnings);
	im_buf_free(&c->earlier);
	im_buf_free(&c->name);
	im_buf_free(&c->connections);
}

/* ---- words of a line ---- */

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct im_str trim(struct im_str s)
{
	while (s.n && blank(s.p[0]))
		s = (struct im_str){s.p + 1, s.n - 1};
	while (s.n && blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

static struct im_str word(struct im_str *rest)
{
	struct im_str s = trim(*rest);
	size_t n = 0;

	while (n < s.n && !blank(s.p[n]))
		n++;
	*rest = (struct im_str){s.p + n, s.n - n};
	return (struct im_str){s.p, n};
}

static bool is_true(struct im_str s)
{
	return im_str_eqz(s, "true") || im_str_eqz(s, "1");
}

static bool same_word(struct im_str s, const char *z)
{
	return s.n == strlen(z) && strncasecmp(s.p, z, s.n) == 0;
}

/* ---- sentences ---- */

static void where(struct brokerconf *c, struct im_buf *b)
{
	im_buf_printf(b, "%s:%u: ", c->file, c->line);
}

/* As it stands there, but for what would not be read as one line. */
static void quote(struct im_buf *b, struct im_str s)
{
	size_t i;

	for (i = 0; i < s.n && i < QUOTED_MAX; i++)
		im_buf_c(b, (unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f ? '?' : s.p[i]);
	if (i < s.n)
		im_buf_z(b, "...");
}

static void warn(struct brokerconf *c, const char *begins, struct im_str quoted, const char *ends)
{
	if (c->warnings.n >= WARNINGS_MAX)
		return;
	where(c, &c->warnings);
	im_buf_z(&c->warnings, begins);
	quote(&c->warnings, quoted);
	im_buf_z(&c->warnings, ends);
	im_buf_c(&c->warnings, '\n');
}

/* ---- plugins ---- */

static struct im_str file_name(struct im_str path)
{
	const char *slash = path.n ? memrchr(path.p, '/', path.n) : NULL;
	size_t before = slash ? (size_t)(slash + 1 - path.p) : 0;

	return (struct im_str){path.p + before, path.n - before};
}

static bool is_own(const struct brokerconf *c, struct im_str path)
{
	struct im_str own = im_str(c->own.plugin);

	return path.n && own.n &&
	       (im_str_eq(path, own) || im_str_eq(file_name(path), file_name(own)));
}

static void plugin_line(struct brokerconf *c, struct im_str rest)
{
	struct im_str path = trim(rest);

	if (is_own(c, path)) {
		c->own_seen = true;
		if (!c->refused.n && c->earlier.n)
			im_buf_str(&c->refused, im_buf_view(&c->earlier));
	} else if (c->own_seen) {
		warn(c, "plugin ", path,
			" is never asked who may log in, publish or read: this plugin, loaded "
			"before it, has the answer");
	} else if (!c->earlier.n) {
		where(c, &c->earlier);
		im_buf_z(&c->earlier, "plugin ");
		quote(&c->earlier, path);
		im_buf_z(&c->earlier,
			" is loaded first, so it decides first who may log in and read, private "
			"messages too: put the line of this plugin, and its plugin_opt_ lines, "
			"before it, or take it out");
	}
}

/* 2.1: a plugin by name, for the listeners that name it. */
static void load_line(struct brokerconf *c, struct im_str rest)
{
	word(&rest);
	if (!is_own(c, trim(rest)) || c->refused.n)
		return;
	where(c, &c->refused);
	im_buf_z(&c->refused,
		"plugin_load serves only the listeners that use it, and others bypass the plugin: "
		"write `plugin ");
	quote(&c->refused, trim(rest));
	im_buf_z(&c->refused, "` instead, and no plugin_use");
}

static void use_line(struct brokerconf *c, struct im_str rest)
{
	warn(c, "plugin_use ", trim(rest),
		" is never asked who may log in, publish or read: this plugin has the answer for "
		"every listener");
}

/* ---- connections to other brokers ---- */

static void connection_line(struct brokerconf *c, struct im_str rest)
{
	im_buf_reset(&c->name);
	im_buf_str(&c->name, word(&rest));
	im_buf_str(&c->connections, im_buf_view(&c->name));
	im_buf_c(&c->connections, '\n');
}

static bool is_meant(const struct brokerconf *c)
{
	for (size_t i = 0; i < c->own.bridge_im->n; i++)
		if (im_str_eqz(im_buf_view(&c->name), c->own.bridge_im->v[i]))
			return true;
	return false;
}

/* The operator believes that it carries them. */
static void look_for_meant(struct brokerconf *c)
{
	struct im_str rest, name;
	size_t i;

	for (i = 0; i < c->own.bridge_im->n; i++) {
		bool found = false;

		for (rest = im_buf_view(&c->connections); rest.n && !found;) {
			const char *end = memchr(rest.p, '\n', rest.n);

			name = (struct im_str){rest.p, end ? (size_t)(end - rest.p) : rest.n};
			found = im_str_eqz(name, c->own.bridge_im->v[i]);
			rest = end ? (struct im_str){end + 1, rest.n - name.n - 1}
				   : (struct im_str){NULL, 0};
		}
		if (!found)
			im_buf_printf(&c->warnings,
				"plugin_opt_bridge_im %.200s is the name of no `connection`\n",
				c->own.bridge_im->v[i]);
	}
}

/* 2.1 takes a pattern with blanks in quotes. */
static struct im_str pattern_of(struct im_str *rest)
{
	struct im_str s = trim(*rest);
	const char *end =
		s.n > 1 && s.p[0] == '"' && s.p[1] != '"' ? memchr(s.p + 1, '"', s.n - 1) : NULL;

	if (!end)
		return word(rest);
	*rest = (struct im_str){end + 1, s.n - (size_t)(end + 1 - s.p)};
	return (struct im_str){s.p + 1, (size_t)(end - s.p - 1)};
}

static bool stands_for_none(struct im_str s)
{
	return s.n == 0 || s.p[0] == '#' || im_str_eqz(s, "\"\"");
}

enum carries { CARRIES_OTHERS, CARRIES_IM, CARRIES_LINK };

static enum carries carries_im(
	const struct brokerconf *c, struct im_str local_prefix, struct im_str pattern)
{
	struct im_filter f;
	struct im_buf b;
	enum carries carries = CARRIES_OTHERS;

	im_buf_init(&b, 0);
	if (!stands_for_none(local_prefix))
		im_buf_str(&b, local_prefix);
	if (!im_str_eqz(pattern, "\"\""))
		im_buf_str(&b, pattern);
	im_filter_parse(c->own.prefix, im_buf_view(&b), &f);
	if (b.failed || f.topic.kind == IM_TOPIC_LINK)
		carries = CARRIES_LINK;
	else if (f.reaches_im)
		carries = CARRIES_IM;
	im_buf_free(&b);
	return carries;
}

static void put_topic(struct brokerconf *c, struct im_str line, struct im_buf *out)
{
	where(c, out);
	im_buf_z(out, "`topic ");
	quote(out, trim(line));
	im_buf_z(out, "` of connection ");
	quote(out, im_buf_view(&c->name));
}

static void refuse_topic(struct brokerconf *c, struct im_str line, enum carries carries)
{
	struct im_buf *b = &c->refused;

	put_topic(c, line, b);
	im_buf_z(b, " carries private messages to another broker, about which no plugin is asked: "
		    "name the topics that it is to carry, outside ");
	im_buf_str(b, c->own.prefix);
	im_buf_z(b, "/ and " IM_DEVICE_LINK ", such as `topic sensors/# out`");
	if (carries == CARRIES_IM)
		im_buf_z(b, "; if it is meant to, its name stands in plugin_opt_bridge_im");
}

/* topic PATTERN [out|in|both [QOS [LOCAL-PREFIX [REMOTE-PREFIX]]]] */
static void topic_line(struct brokerconf *c, struct im_str rest)
{
	const struct im_str line = rest;
	struct im_str pattern = pattern_of(&rest), direction = word(&rest), local;
	enum carries carries;

	word(&rest);
	local = word(&rest);
	if (same_word(direction, "in"))
		return;
	carries = carries_im(c, local, pattern);
	if (carries == CARRIES_OTHERS)
		return;
	if (carries != CARRIES_IM || !is_meant(c)) {
		c->leaks = true;
		if (!c->refused.n)
			refuse_topic(c, line, carries);
		return;
	}
	if (c->warnings.n >= WARNINGS_MAX)
		return;
	put_topic(c, line, &c->warnings);
	im_buf_z(&c->warnings, " carries private messages to another broker, as "
			       "plugin_opt_bridge_im says: who reads there reads them\n");
}

/* ---- the rest ---- */

static void listener_line(struct brokerconf *c, struct im_str rest)
{
	struct im_str port = word(&rest), path = word(&rest);

	if (im_str_eqz(port, "0") && c->own.link_listener && im_str_eqz(path, c->own.link_listener))
		c->listener_seen = true;
}

static void per_listener_line(struct brokerconf *c, struct im_str rest)
{
	struct im_str value = word(&rest);

	if (value.n)
		c->per_listener = is_true(value);
}

static void include_line(struct brokerconf *c, struct im_str rest)
{
	const char *file = c->file;
	unsigned line = c->line;

	/* The broker takes it in its main file alone. */
	if (c->depth > 1 || !trim(rest).n)
		return;
	if (c->include)
		c->include(c, trim(rest));
	c->file = file;
	c->line = line;
}

static void acl_file_line(struct brokerconf *c, struct im_str rest)
{
	warn(c, "acl_file ", trim(rest),
		" is not looked at: rights are this plugin's, though the broker parses the file "
		"and "
		"does not start if it has `role` lines; take the line out, and name the file by "
		"plugin_opt_acl_file, which takes it as it is");
}

static void password_file_line(struct brokerconf *c, struct im_str rest)
{
	warn(c, "password_file ", trim(rest),
		" is not looked at: users and passwords are in directory.db (imctl user create, "
		"imctl user import)");
}

static void anonymous_line(struct brokerconf *c, struct im_str rest)
{
	if (is_true(word(&rest)))
		warn(c, "allow_anonymous", IM_STR(""),
			" true lets nobody in: the plugin takes no client without a username");
}

static void subject_line(struct brokerconf *c, struct im_str rest)
{
	if (is_true(word(&rest)))
		warn(c, "use_subject_as_username", IM_STR(""),
			" true lets nobody in: a subject (CN=alice,O=Example) is no user name; "
			"use_identity_as_username takes its CN");
}

/* A number and one of h, d, w, m (30 days), y. */
static void expiration_line(struct brokerconf *c, struct im_str rest)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = {{'h', 3600}, {'d', 86400}, {'w', 604800}, {'m', 2592000}, {'y', 31536000}};
	struct im_str value = word(&rest);
	int64_t n = 0;
	size_t i;

	for (i = 0; i + 1 < value.n && value.p[i] >= '0' && value.p[i] <= '9' && n < 1000000; i++)
		n = n * 10 + (value.p[i] - '0');
	for (size_t u = 0; u < sizeof(units) / sizeof(units[0]); u++) {
		if (i + 1 == value.n && value.p[i] == units[u].unit)
			c->expiration_s = n * units[u].seconds;
	}
}

/* 0: any length, which is the default of 2.0; that of 2.1 is ours. */
static void packet_line(struct brokerconf *c, struct im_str rest)
{
	struct im_str value = word(&rest);
	int64_t n = 0;
	size_t i;

	for (i = 0; i < value.n && value.p[i] >= '0' && value.p[i] <= '9' && n < PACKET_MIN; i++)
		n = n * 10 + (value.p[i] - '0');
	if (n > 0 && n < PACKET_MIN)
		warn(c, "max_packet_size ", value,
			" ends the link at the first longer frame, again and again: give 2000000, "
			"or take the line out");
}

static void prefixes_line(struct brokerconf *c, struct im_str rest)
{
	struct im_str prefix = trim(rest), ours = IM_STR(IM_DEVICE_LINK);

	if (prefix.n > ours.n || (prefix.n && memcmp(prefix.p, ours.p, prefix.n) != 0))
		warn(c, "clientid_prefixes ", prefix,
			" keeps im-bridge out, whose client id begins with " IM_DEVICE_LINK
			": take the line out");
}

static void take_line(struct brokerconf *c, struct im_str line)
{
	static const struct {
		const char *key;
		void (*fn)(struct brokerconf *c, struct im_str rest);
	} keys[] = {
		{"acl_file", acl_file_line},
		{"allow_anonymous", anonymous_line},
		{"auth_plugin", plugin_line},
		{"clientid_prefixes", prefixes_line},
		{"connection", connection_line},
		{"global_plugin", plugin_line},
		{"include_dir", include_line},
		{"listener", listener_line},
		{"listener_allow_anonymous", anonymous_line},
		{"max_packet_size", packet_line},
		{"password_file", password_file_line},
		{"persistent_client_expiration", expiration_line},
		{"per_listener_settings", per_listener_line},
		{"plugin", plugin_line},
		{"plugin_load", load_line},
		{"plugin_use", use_line},
		{"topic", topic_line},
		{"use_subject_as_username", subject_line},
	};
	struct im_str key;
	size_t i;

	if (line.n && line.p[0] == '#')
		return;
	key = word(&line);
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (im_str_eqz(key, keys[i].key))
			keys[i].fn(c, line);
	}
}

void brokerconf_take(struct brokerconf *c, struct im_str text, const char *file)
{
	c->file = file;
	c->line = 0;
	c->depth++;
	while (text.n) {
		const char *end = memchr(text.p, '\n', text.n);
		struct im_str line = {text.p, end ? (size_t)(end - text.p) : text.n};

		c->line++;
		take_line(c, line);
		text = end ? (struct im_str){end + 1, text.n - line.n - 1}
			   : (struct im_str){NULL, 0};
	}
	c->depth--;
}

void brokerconf_unread(struct brokerconf *c, struct im_str what, const char *why)
{
	c->unread = true;
	if (!what.n)
		return;
	c->leaks = true;
	if (c->refused.n)
		return;
	quote(&c->refused, what);
	im_buf_printf(&c->refused,
		" %.300s: another plugin or a `connection` in it might let private messages by, "
		"and nobody could tell; give the broker's user a regular file of at most 1 MiB "
		"that it may read (chgrp mosquitto, chmod 640)",
		why);
}

void brokerconf_end(struct brokerconf *c)
{
	if (c->per_listener && !c->refused.n)
		im_buf_z(&c->refused, "per_listener_settings is true: a plugin then serves one "
				      "listener and the others bypass it; remove that line");
	if (c->unread && !c->expiration_s)
		c->expiration_s = -1;
	if (!c->unread)
		look_for_meant(c);
	if (c->unread || c->listener_seen || !c->own.link_listener)
		return;
	im_buf_printf(&c->warnings,
		"plugin_opt_link_listener %.200s is the path of no line `listener 0 PATH`: the "
		"bridge connects to the path that is `broker` in im-bridge.conf, and needs such a "
		"line; correct one of them\n",
		c->own.link_listener);
}
