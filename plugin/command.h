/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A command of administrators that the plugin answers itself, since what is asked is known here
 * alone: it is given alone, costs nobody anything, and goes to no bridge. Read and answered here in
 * the form that the bridge's have (bridge/admin/admin.h); what each says is in explain.c and
 * connections.c.
 */
#ifndef IM_PLUGIN_COMMAND_H
#define IM_PLUGIN_COMMAND_H

#include "common/jsonscan.h"
#include "plugin/plugin.h"

#define COMMAND_PARAMS_MAX 4

struct command;

struct command_spec {
	const char *name;
	const char *const *params; /* strings; ends with NULL */
	const char *integer;       /* one of another kind, or NULL */
	const char *params_are;    /* a sentence: which there are */
	/* Appends the data, a JSON object; or returns what is wrong, a sentence. */
	const char *(*answer)(struct plugin *p, const struct command *c, struct im_buf *data);
};

struct command {
	const struct command_spec *spec;
	bool given[COMMAND_PARAMS_MAX];
	struct im_buf v[COMMAND_PARAMS_MAX];
	int64_t integer; /* -1: it was not given */
	struct im_buf correlation;
	bool correlated;
	const char *wrong; /* a sentence, of a command that was not well given */
};

/* Begins with the elements of `commands`; false: it is none of ours, or nobody's. word: what it has
 * to have in it somewhere, so that others cost nothing. */
bool command_list(struct im_str payload, const char *word, struct im_json_iter *it);
/* True if the payload is this command, given alone: it is answered to the session. */
bool command_answer(struct plugin *p, const struct session *e, struct im_str payload,
	const struct command_spec *spec);

static inline struct im_str command_param(const struct command *c, size_t i)
{
	return im_buf_view(&c->v[i]);
}

#endif
