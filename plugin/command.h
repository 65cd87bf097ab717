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

struct command_spec {
	const char *name;
	const char *const *params; /* strings; ends with NULL */
	const char *integer;       /* one of another kind, or NULL */
	const char *params_are;    /* a sentence: which there are */
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
/* The only one of them, or false. */
bool command_alone(struct im_str payload, const char *name, struct im_json *out);
/* True if it is this command; IM_OK or IM_E_INVALID_PARAMS in *code_out, and then `wrong` is set.
 * To be ended with command_clear in any case. */
bool command_read(struct command *c, const struct command_spec *spec, const struct im_json *json,
	int *code_out) IM_MUST_CHECK;
void command_clear(struct command *c);

static inline struct im_str command_param(const struct command *c, size_t i)
{
	return im_buf_view(&c->v[i]);
}

/* Answers to the session: the data, a JSON object, or with a code what is wrong. */
void command_answer(struct plugin *p, const struct session *e, const struct command *c, int code,
	struct im_str data);

#endif
