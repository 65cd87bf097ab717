/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the check of parameters against a method's table. Called for requests and admin commands;
 * must not know what a parameter means. */
#include "bridge/rpc/rpc_check.h"

#include <inttypes.h>
#include <string.h>

#include "bridge/message/text.h"
#include "bridge/rpc/rpc_args.h"

static const char *type_name(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
		return "an integer";
	case JSON_REAL:
		return "a fraction";
	case JSON_NULL:
		return "null";
	default:
		return "a boolean";
	}
}

static void say_integer(struct im_buf *why, const struct rpc_param *p)
{
	if (p->max == INT64_MAX)
		im_buf_printf(why, "an integer from %" PRId64 " on", p->min);
	else
		im_buf_printf(why, "an integer %" PRId64 "..%" PRId64, p->min, p->max);
}

static void say_count(struct im_buf *why, const struct rpc_param *p, const char *of)
{
	if (p->min == p->max)
		im_buf_printf(why, "%" PRId64 " %s", p->min, of);
	else
		im_buf_printf(why, "%" PRId64 "..%" PRId64 " %s", p->min, p->max, of);
}

static void say_wanted(struct im_buf *why, const struct rpc_param *p)
{
	switch (p->type) {
	case RPC_STRING:
	case RPC_LINE:
	case RPC_NOTE:
		im_buf_z(why, "a string of ");
		say_count(why, p, "bytes");
		break;
	case RPC_INTEGER:
		say_integer(why, p);
		break;
	case RPC_BOOLEAN:
		im_buf_z(why, "true or false");
		break;
	case RPC_STRINGS:
	case RPC_LINES:
		im_buf_z(why, "an array of strings, ");
		say_count(why, p, "of them");
		break;
	case RPC_INTEGERS:
		im_buf_z(why, "an array of integers, ");
		say_count(why, p, "of them");
		break;
	case RPC_OBJECT:
		im_buf_z(why, "an object");
		break;
	case RPC_ANY:
		im_buf_z(why, "any value");
		break;
	}
}

static bool elements_are(const json_t *v, bool strings)
{
	for (size_t i = 0; i < json_array_size(v); i++) {
		const json_t *e = json_array_get(v, i);

		if (strings ? !json_is_string(e) : !json_is_integer(e))
			return false;
	}
	return true;
}

static bool wants_array(const struct rpc_param *p)
{
	return p->type == RPC_STRINGS || p->type == RPC_LINES || p->type == RPC_INTEGERS;
}

static bool is_text(const struct rpc_param *p)
{
	return p->type == RPC_STRING || p->type == RPC_LINE || p->type == RPC_NOTE;
}

static bool type_fits(const struct rpc_param *p, const json_t *v)
{
	switch (p->type) {
	case RPC_STRING:
	case RPC_LINE:
	case RPC_NOTE:
		return json_is_string(v);
	case RPC_INTEGER:
		return json_is_integer(v);
	case RPC_BOOLEAN:
		return json_is_boolean(v);
	case RPC_STRINGS:
	case RPC_LINES:
		return json_is_array(v) && elements_are(v, true);
	case RPC_INTEGERS:
		return json_is_array(v) && elements_are(v, false);
	case RPC_OBJECT:
		return json_is_object(v);
	default:
		return true;
	}
}

/* What is measured against min and max. */
static int64_t size_of(const struct rpc_param *p, const json_t *v)
{
	switch (p->type) {
	case RPC_STRING:
	case RPC_LINE:
	case RPC_NOTE:
		return (int64_t)json_string_length(v);
	case RPC_INTEGER:
		return (int64_t)json_integer_value(v);
	case RPC_STRINGS:
	case RPC_LINES:
	case RPC_INTEGERS:
		return (int64_t)json_array_size(v);
	default:
		return p->min;
	}
}

static struct im_str text_of(const json_t *v)
{
	return (struct im_str){json_string_value(v), json_string_length(v)};
}

/* What others are shown may not be whatever a string can hold. */
static int check_text(
	const struct rpc_param *p, const json_t *v, const char *prefix, struct im_buf *why)
{
	const char *fault = NULL;

	if (p->type == RPC_LINE)
		fault = text_line_fault(text_of(v));
	else if (p->type == RPC_NOTE)
		fault = text_note_fault(text_of(v));
	for (size_t i = 0; p->type == RPC_LINES && !fault && i < json_array_size(v); i++)
		fault = text_line_fault(text_of(json_array_get(v, i)));
	if (!fault)
		return IM_OK;
	im_buf_printf(why, "%s%s %s", prefix, p->name, fault);
	return IM_E_INVALID_PARAMS;
}

static int check_value(
	const struct rpc_param *p, const json_t *v, const char *prefix, struct im_buf *why)
{
	int64_t size;

	if (!type_fits(p, v)) {
		im_buf_printf(why, "%s%s is %s%s; give ", prefix, p->name, type_name(v),
			wants_array(p) && json_is_array(v) ? " with other elements" : "");
		say_wanted(why, p);
		return IM_E_INVALID_PARAMS;
	}
	size = size_of(p, v);
	if (size >= p->min && size <= p->max)
		return check_text(p, v, prefix, why);
	im_buf_printf(why, "%s%s %s %" PRId64 "%s; give ", prefix, p->name,
		p->type == RPC_INTEGER ? "is" : "has", size,
		p->type == RPC_INTEGER ? ""
		: is_text(p)           ? " bytes"
				       : " elements");
	say_wanted(why, p);
	return IM_E_INVALID_PARAMS;
}

static const struct rpc_param *param_find(const struct rpc_param *table, const char *name)
{
	for (const struct rpc_param *p = table; p->name != NULL; p++)
		if (strcmp(p->name, name) == 0)
			return p;
	return NULL;
}

static int refuse_unknown(const char *method, const struct rpc_param *table, const char *name,
	const char *prefix, struct im_buf *why)
{
	im_buf_printf(why, "%s%.*s is unknown; %s takes ", prefix,
		IM_ARGS(rpc_clip(im_str(name), 64)), method);
	for (const struct rpc_param *p = table; p->name != NULL; p++)
		im_buf_printf(why, "%s%s", p == table ? "" : ", ", p->name);
	if (table->name == NULL)
		im_buf_z(why, "none");
	return IM_E_INVALID_PARAMS;
}

int rpc_check(const char *method, const struct rpc_param *table, const json_t *params,
	const char *prefix, struct im_buf *why)
{
	json_t *o = (json_t *)params; /* jansson's iterators take no const; nothing is changed */
	int rc;

	for (void *it = json_object_iter(o); it != NULL; it = json_object_iter_next(o, it)) {
		const char *name = json_object_iter_key(it);
		const struct rpc_param *p = param_find(table, name);

		rc = p ? check_value(p, json_object_iter_value(it), prefix, why)
		       : refuse_unknown(method, table, name, prefix, why);
		if (rc != IM_OK)
			return rc;
	}
	for (const struct rpc_param *p = table; p->name != NULL; p++) {
		if (!p->required || json_object_get(params, p->name) != NULL)
			continue;
		im_buf_printf(why, "%s%s is missing; give ", prefix, p->name);
		say_wanted(why, p);
		return IM_E_INVALID_PARAMS;
	}
	return IM_OK;
}
