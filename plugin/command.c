/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by explain.c and connections.c for what an administrator has sent. */
#include "plugin/command.h"

#include <string.h>

#include "common/jsonw.h"
#include "plugin/publish.h"

bool command_list(struct im_str payload, const char *word, struct im_json_iter *it)
{
	struct im_json root, v;
	struct im_str key;

	if (!memmem(payload.p, payload.n, word, strlen(word)) || im_json_parse(payload, &root) ||
		root.type != IM_JSON_OBJECT)
		return false;
	im_json_iter(&root, it);
	if (!im_json_next(it, &key, &v) || !im_str_eqz(key, "commands") || v.type != IM_JSON_ARRAY)
		return false;
	im_json_iter(&v, it);
	return true;
}

/* The only one of them, or false. */
static bool alone(struct im_str payload, const char *name, struct im_json *out)
{
	struct im_json_iter it;
	struct im_json other;

	return command_list(payload, name, &it) && im_json_next(&it, NULL, out) &&
	       out->type == IM_JSON_OBJECT && !im_json_next(&it, NULL, &other);
}

static const char *take_text(const struct im_json *v, struct im_buf *out, bool *given)
{
	if (*given)
		return "a member is given twice; give it once";
	*given = true;
	return im_json_text(v, out) ? "each parameter is a string" : NULL;
}

static const char *take_integer(struct command *c, const struct im_json *v)
{
	if (c->integer >= 0)
		return "a member is given twice; give it once";
	return im_json_int(v, &c->integer) || c->integer < 0
		       ? "limit is a whole number of 1 or more"
		       : NULL;
}

static const char *take_param(struct command *c, struct im_str key, const struct im_json *v)
{
	const char *const *params = c->spec->params;

	if (im_str_eqz(key, "correlationData"))
		return take_text(v, &c->correlation, &c->correlated);
	if (c->spec->integer && im_str_eqz(key, c->spec->integer))
		return take_integer(c, v);
	for (size_t i = 0; params[i]; i++)
		if (im_str_eqz(key, params[i]))
			return take_text(v, &c->v[i], &c->given[i]);
	return c->spec->params_are;
}

/* True if it is this command; c->wrong is set if it was not well given. */
static bool read_command(
	struct command *c, const struct command_spec *spec, const struct im_json *json)
{
	struct im_buf name;
	struct im_json_iter it;
	struct im_str key;
	struct im_json v;
	bool named = false, is;

	*c = (struct command){.spec = spec, .integer = -1};
	for (size_t i = 0; i < COMMAND_PARAMS_MAX; i++)
		im_buf_init(&c->v[i], 0);
	im_buf_init(&c->correlation, 0);
	im_buf_init(&name, 0);
	im_json_iter(json, &it);
	while (!c->wrong && im_json_next(&it, &key, &v))
		c->wrong = im_str_eqz(key, "command") ? take_text(&v, &name, &named)
						      : take_param(c, key, &v);
	is = im_str_eqz(im_buf_view(&name), spec->name);
	im_buf_free(&name);
	return is;
}

static void clear(struct command *c)
{
	for (size_t i = 0; i < COMMAND_PARAMS_MAX; i++)
		im_buf_free(&c->v[i]);
	im_buf_free(&c->correlation);
}

static void respond(
	struct plugin *p, const struct session *e, const struct command *c, struct im_str data)
{
	const struct publish to = {
		.client = e->device, .topic = IM_TOPIC_CONTROL_RESPONSE, .qos = 1};
	struct im_buf *out = &p->text;

	im_buf_reset(out);
	im_buf_z(out, "{\"responses\":[{\"command\":");
	im_jsonw_str(out, im_str(c->spec->name));
	if (c->correlated)
		im_jsonw_member_str(out, "correlationData", im_buf_view(&c->correlation));
	if (c->wrong) {
		im_jsonw_member_str(out, "error", im_str(c->wrong));
		im_jsonw_member_int(out, "code", IM_E_INVALID_PARAMS);
	} else {
		im_buf_z(out, ",\"data\":");
		im_buf_str(out, data);
	}
	im_buf_z(out, "}]}");
	if (out->failed || publish_copy(&to, im_buf_view(out)))
		p->stats.publish_failed++;
	else
		p->stats.replies++;
}

bool command_answer(struct plugin *p, const struct session *e, struct im_str payload,
	const struct command_spec *spec)
{
	struct im_json json;
	struct im_buf data;
	struct command c;
	bool is;

	if (!alone(payload, spec->name, &json))
		return false;
	im_buf_init(&data, 0);
	is = read_command(&c, spec, &json);
	if (is && !c.wrong)
		c.wrong = spec->answer(p, &c, &data);
	if (is)
		respond(p, e, &c, im_buf_view(&data));
	im_buf_free(&data);
	clear(&c);
	return is;
}
