/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the form of that change. Must not know who may make it, nor how many pins there may be. */
#include "bridge/write/pin_change.h"

#include <inttypes.h>

#include "bridge/directory/directory_pin.h"
#include "bridge/write/group_change.h"
#include "common/jsonscan.h"

#define PIN "pin"
#define UNPIN "unpin"

void pin_change_put(struct im_buf *b, bool remove, struct im_str by, uint64_t seq)
{
	group_change_begin(b, remove ? UNPIN : PIN, by);
	im_buf_printf(b, ",\"seq\":%" PRIu64 "}", seq);
}

static struct im_str action_of(struct im_str json)
{
	struct im_json_iter it;
	struct im_json o, v;
	struct im_str key;

	if (im_json_parse(json, &o) != IM_OK || o.type != IM_JSON_OBJECT)
		return (struct im_str){NULL, 0};
	im_json_iter(&o, &it);
	while (im_json_next(&it, &key, &v))
		if (im_str_eqz(key, "action") && v.type == IM_JSON_STRING)
			return (struct im_str){v.raw.p + 1, v.raw.n - 2};
	return (struct im_str){NULL, 0};
}

int pin_apply(struct directory *d, const struct pin_place *at, struct im_str json)
{
	struct im_str action = action_of(json);
	const struct directory_pin p = {.conv = at->conv,
		.seq = (uint64_t)im_json_number_in(json, "seq"),
		.user = at->sender,
		.gid = at->gid,
		.ts_ms = at->ts_ms};

	if (p.seq == 0)
		return IM_E_FORMAT;
	if (im_str_eqz(action, PIN))
		return directory_pin_put(d, &p);
	if (im_str_eqz(action, UNPIN))
		return directory_pin_remove(d, p.conv, p.seq);
	return IM_E_FORMAT;
}
