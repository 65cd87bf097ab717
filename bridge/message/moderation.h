/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What texts that others read may hold: applies the operator's word list to them, by rejecting or
 * masking. Called by intake for messages and signals, by texts.c for requests and by forwarding for
 * copies, on the engine's thread. Must not know who writes or where.
 */
#ifndef IM_BRIDGE_MODERATION_H
#define IM_BRIDGE_MODERATION_H

#include <stdbool.h>

#include "bridge/message/wordlist.h"
#include "common/buf.h"
#include "common/envelope.h"
#include "common/err.h"
#include "common/msgprops.h"
#include "common/str.h"

enum moderation_action { MODERATION_REJECT = 0, MODERATION_MASK = 1 };

struct moderation {
	struct wordlist *words; /* NULL: everything passes */
	enum moderation_action action;
	struct im_buf text; /* scratch; holds a masked body */
};
/* What to say of a message that is not taken. */
#define MODERATION_WHY "this message holds a word that is not allowed here; leave it out"

/* Reads and compiles a list from a file. On failure `why` says what is wrong, and an old list, if
 * any, stays in force. path NULL or empty: no list. */
int moderation_load(struct moderation *m, const char *path, enum moderation_action action,
	struct im_buf *why) IM_MUST_CHECK;
void moderation_clear(struct moderation *m);

/* IM_OK: the body passes, or *body was replaced by a masked one (valid until the next call).
 * IM_E_NOT_ALLOWED: it holds a listed word. Within JSON, text is looked at with its escapes
 * decoded, and a hit is rejected even where text would be masked: masking could break what the JSON
 * means. Bytes pass. */
int moderation_check(struct moderation *m, enum im_enc enc, struct im_str *body) IM_MUST_CHECK;
/* The same for what a sender says by MQTT properties, in words of his own: content type,
 * response topic, and names and values of user properties. Nothing of it is masked. */
int moderation_check_props(struct moderation *m, const struct im_props *p) IM_MUST_CHECK;
/* Of a text that has a use of its own (a name to look up, an emoji), where asterisks would be no
 * answer: true if it holds a listed word. */
bool moderation_hit(struct moderation *m, struct im_str text);

#endif
