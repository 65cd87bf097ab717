/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns what of a group's change leaves the server. Called by whatever shows or delivers messages;
 * the form itself is group_change.c's. */
#include "bridge/message/system_body.h"

#include "common/jsonscan.h"

static void begin_member(struct im_buf *out, struct im_str key, bool *first)
{
	if (!*first)
		im_buf_c(out, ',');
	*first = false;
	im_buf_c(out, '"');
	im_buf_str(out, key);
	im_buf_z(out, "\":");
}

/* {"uid":..,"user":..,"role":..} without `user`. */
static void put_person(struct im_buf *out, const struct im_json *person)
{
	struct im_json_iter it;
	struct im_json v;
	struct im_str key;
	bool first = true;

	im_buf_c(out, '{');
	im_json_iter(person, &it);
	while (im_json_next(&it, &key, &v)) {
		if (im_str_eqz(key, "user"))
			continue;
		begin_member(out, key, &first);
		im_buf_str(out, v.raw);
	}
	im_buf_c(out, '}');
}

static void put_people(struct im_buf *out, const struct im_json *people)
{
	struct im_json_iter it;
	struct im_json v;
	bool first = true;

	im_buf_c(out, '[');
	im_json_iter(people, &it);
	while (im_json_next(&it, NULL, &v)) {
		if (!first)
			im_buf_c(out, ',');
		first = false;
		if (v.type == IM_JSON_OBJECT)
			put_person(out, &v);
		else
			im_buf_str(out, v.raw);
	}
	im_buf_c(out, ']');
}

void system_body_put(struct im_buf *out, struct im_str body)
{
	struct im_json_iter it;
	struct im_json object, v;
	struct im_str key;
	bool first = true;

	if (im_json_parse(body, &object) != IM_OK || object.type != IM_JSON_OBJECT) {
		im_buf_str(out, body);
		return;
	}
	im_buf_c(out, '{');
	im_json_iter(&object, &it);
	while (im_json_next(&it, &key, &v)) {
		begin_member(out, key, &first);
		if (im_str_eqz(key, "members") && v.type == IM_JSON_ARRAY)
			put_people(out, &v);
		else
			im_buf_str(out, v.raw);
	}
	im_buf_c(out, '}');
}

bool system_body_brief(struct im_buf *out, struct im_str body)
{
	struct im_json_iter it;
	struct im_json object, v;
	struct im_str key;
	bool first = true, whole = true;

	im_buf_c(out, '{');
	if (im_json_parse(body, &object) == IM_OK && object.type == IM_JSON_OBJECT) {
		im_json_iter(&object, &it);
		while (im_json_next(&it, &key, &v)) {
			if (!im_str_eqz(key, "action") && !im_str_eqz(key, "by")) {
				whole = false;
				continue;
			}
			begin_member(out, key, &first);
			im_buf_str(out, v.raw);
		}
	}
	im_buf_c(out, '}');
	return whole;
}
