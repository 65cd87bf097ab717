/* SPDX-License-Identifier: BSD-3-Clause */
/* The configuration in force: im-bridge.conf, and the list of words that it names. Read at start,
 * read again on SIGHUP, and handed to the engine as its settings. */
#ifndef IM_BRIDGE_CONFIG_H
#define IM_BRIDGE_CONFIG_H

#include <stdbool.h>

#include "bridge/base/log.h"
#include "bridge/engine/engine.h"
#include "bridge/message/moderation.h"
#include "bridge/options.h"
#include "common/buf.h"
#include "common/err.h"

struct config {
	const char *path; /* borrowed */
	struct options opt;
	struct moderation words;
	struct im_buf twice; /* sentences: brokers that stood there twice, and are served once */
};

/* Reads and parses the file, without the words. On failure the options are empty and why names the
 * file, and the line when one is wrong. */
int config_read(struct config *c, const char *path, struct im_buf *why) IM_MUST_CHECK;
/* Says in the log what was wrong and is left out. */
void config_say(struct config *c, struct log *log);
int config_words(struct config *c, struct log *log, struct im_buf *why) IM_MUST_CHECK;
void config_clear(struct config *c);
/* Reads both again and says in the log what has come of it. What is wrong is refused: the options
 * that were stay, and so do the words. False: nothing has changed. */
bool config_reload(struct config *c, struct log *log);
/* Borrows the words. */
struct engine_settings config_settings(struct config *c);

#endif
