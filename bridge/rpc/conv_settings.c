/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns these words. Must not know where a setting is kept. */
#include "bridge/rpc/conv_settings.h"

#include <inttypes.h>

#include "common/jsonw.h"

const char *conv_notify_name(int notify)
{
	return notify == 2 ? "none" : notify == 1 ? "mentions" : "all";
}

int conv_notify_parse(struct im_str s)
{
	for (int i = 0; i <= 2; i++)
		if (im_str_eqz(s, conv_notify_name(i)))
			return i;
	return -1;
}

void conv_put_settings(struct im_buf *b, const struct directory_conv_user *u, bool room)
{
	im_buf_printf(b,
		",\"pinned\":%s,\"muted\":%s,\"notify\":\"%s\",\"marked_unread\":%s,"
		"\"cleared_to\":%" PRIu64,
		u->pinned ? "true" : "false", u->notify ? "true" : "false",
		conv_notify_name(u->notify), u->marked_unread ? "true" : "false", u->cleared_to);
	if (room)
		im_buf_z(b, u->follow ? ",\"follow\":true" : ",\"follow\":false");
}

void conv_put_settings_brief(struct im_buf *b, const struct directory_conv_user *u, bool room)
{
	if (u->pinned)
		im_buf_z(b, ",\"pinned\":true");
	if (u->notify)
		im_jsonw_member_str(b, "notify", im_str(conv_notify_name(u->notify)));
	if (u->marked_unread)
		im_buf_z(b, ",\"marked_unread\":true");
	if (u->cleared_to > 0)
		im_jsonw_member_int(b, "cleared_to", (int64_t)u->cleared_to);
	if (room && u->follow)
		im_buf_z(b, ",\"follow\":true");
}
