/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the broker's own configuration says that would let messages by this plugin, or that an
 * operator believes in and that does not hold beside it. Pure: takes the text of mosquitto.conf,
 * reads it as the broker does, and gives sentences.
 */
#ifndef IM_PLUGIN_BROKERCONF_H
#define IM_PLUGIN_BROKERCONF_H

#include <stdbool.h>

#include "common/buf.h"
#include "common/conf.h"
#include "common/str.h"

/* What it is held against. Borrowed. */
struct brokerconf_own {
	const char
		*plugin; /* this plugin's path, as in its `plugin` line; or another with its name */
	struct im_str prefix;
	const char *link_listener;
	const struct im_conf_list *bridge_im; /* connections that may carry IM topics */
};

struct brokerconf;
/* An include_dir line: gives each of its files to brokerconf_take, in order. */
typedef void (*brokerconf_include_fn)(struct brokerconf *c, struct im_str folder);

struct brokerconf {
	struct brokerconf_own own;
	brokerconf_include_fn include;
	/* Found: */
	struct im_buf refused;  /* why the broker must not start so, a sentence; n == 0: it may */
	bool leaks;             /* a `connection` would carry what it must not, or may */
	struct im_buf warnings; /* sentences, each with a newline behind it */
	int64_t expiration_s;   /* of sessions; 0: never; -1: what could not be read may say so */
	/* While reading: */
	const char *file;
	unsigned line, depth;
	bool per_listener;
	bool unread;                 /* there is more that could not be read */
	bool own_seen;               /* this plugin's line */
	bool listener_seen;          /* the link's */
	struct im_buf earlier, name; /* the first plugin line before ours; the connection's name */
	struct im_buf connections;   /* all names, a newline behind each */
};

void brokerconf_begin(
	struct brokerconf *c, const struct brokerconf_own *own, brokerconf_include_fn include);
/* The text of one file; `file` is its name. From within an include, nested. */
void brokerconf_take(struct brokerconf *c, struct im_str text, const char *file);
/* A file or folder could not be read, and `why` ends the sentence that begins with it: what is not
 * found may be there, so the broker must not start. Or there is no main one ("", as in a broker
 * without a configuration, which has no connections and no other plugins). */
void brokerconf_unread(struct brokerconf *c, struct im_str what, const char *why);
/* Everything was given: the findings are complete. */
void brokerconf_end(struct brokerconf *c);
void brokerconf_clear(struct brokerconf *c);

#endif
